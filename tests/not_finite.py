"""What algorithms that transform must do where numbers are not finite."""

import pickle

import numpy as np
import pytest
from cases import CONV, PLAN, layouts, moved

import cyconv


def check_tiles(algorithm, x, w, b, value, last, **arguments):
    """Tiles that meet `value` in x have the direct algorithm's bits, the others their own; always the same ones."""
    ndim = x.ndim - 2
    layout = layouts(ndim)[0 if last else 1]
    arguments["layout"] = layout
    named = {**arguments, "algorithm": algorithm}
    clean = CONV[ndim](moved(x, layout), w, b, **named)
    x[(1, *(n // 2 for n in x.shape[1:-1]), 7)] = value
    x = moved(x, layout)
    y = CONV[ndim](x, w, b, threads=1, **named)
    direct = CONV[ndim](x, w, b, algorithm="direct", **arguments)
    assert np.any(direct != clean)
    np.testing.assert_array_equal(np.isfinite(y), np.isfinite(direct))
    assert np.all((y == clean) | (y == direct) | (np.isnan(y) & np.isnan(direct)) | np.isclose(y, direct, atol=1e-4))
    np.testing.assert_array_equal(y[0], clean[0])
    if not np.isfinite(value):
        changed = ~np.isclose(direct, clean, atol=1e-3, equal_nan=False)
        np.testing.assert_array_equal(y[changed], direct[changed])
    for threads in (2, 3):
        assert CONV[ndim](x, w, b, threads=threads, **named).tobytes() == y.tobytes()
    assert CONV[ndim](x[1:], w, b, **named).tobytes() == y[1:].tobytes()
    planned = PLAN[ndim](x.shape, w, b, **named)
    for _ in range(2):
        assert planned(x).tobytes() == y.tobytes()
    assert pickle.loads(pickle.dumps(planned))(x).tobytes() == y.tobytes()


def check_weights(algorithm, x, w):
    """A plan of weights that are not finite is direct, and says so; so is a call."""
    ndim = x.ndim - 2
    planned = PLAN[ndim](x.shape, w, padding=1, algorithm=algorithm)
    direct = CONV[ndim](x, w, padding=1, algorithm="direct")
    assert planned.algorithm == "direct"
    assert f"{algorithm}: weights that are not finite" in planned.explain()
    assert planned(x).tobytes() == direct.tobytes()
    assert CONV[ndim](x, w, padding=1, algorithm=algorithm).tobytes() == direct.tobytes()


def check_declined(algorithm, x_shape, w_shape, dtype, arguments, reason):
    """The error of a picture's convolution says why."""
    x, w = np.broadcast_to(np.ones(1, dtype), x_shape), np.broadcast_to(np.ones(1, dtype), w_shape)
    with pytest.raises(ValueError, match=f"conv2d: algorithm='{algorithm}' cannot serve this call: .*{reason}.*'auto'"):
        cyconv.conv2d(x, w, algorithm=algorithm, **arguments)
