"""Winograd's algorithm along one axis: within its bound, the same bits, and direct where numbers are not finite."""

import numpy as np
import pytest
from arrays_in_memory import guarded, variants
from bounds import UNIT_ROUNDOFF
from cases import CONV, PLAN, kernel_layouts, layouts, moved
from cyconv._ext.convolution import lines
from not_finite import check_declined, check_tiles, check_weights
from toom_cook import ROOTS, WHOLE, inputs_matrix, outputs_matrix, weights_matrix

import cyconv
from cyconv import reference


def grouped_taps(taps):
    """Outputs of a tile, and the taps of each group with their places in it."""
    m = {2: 5, 3: 4, 5: 2}.get(taps, 3)
    groups = [[(tap, tap) for tap in range(min(taps, 7 - m))]]
    behind = 7 - m
    while behind < taps:
        first = len(groups) * m
        groups.append([(tap, tap - first) for tap in range(behind, min(first + 7 - m, taps))])
        behind = first + 7 - m
    return m, groups


def line_bound(x, w, stride, dilation):
    """Largest error of each output: |A^T| sum (|G| |w|) (|B^T| |x|) for as many roundings as there are terms and 12.

    x, already padded, has axes N, window axes, C; w window axes, I, O.  What is no tile's axis is a
    convolution that the reference computes.
    """
    ndim = len(stride)
    ones = (1,) * (3 - ndim)
    out = [(n - (k - 1) * d - 1) // s + 1 for n, k, s, d in zip(x.shape[1:-1], w.shape, stride, dilation, strict=False)]
    axis = lines((*ones, *w.shape[:ndim]), (*ones, *stride), (*ones, *dilation), (*ones, *out))[0] - (3 - ndim)
    s, d = stride[axis], dilation[axis]
    m, groups = grouped_taps(-(-w.shape[axis] // s))
    points = WHOLE if w.shape[-2] < 8 else ROOTS
    terms = len(groups) * s * np.prod(w.shape[:-1]) / w.shape[axis]
    x, w = (np.moveaxis(np.abs(a.astype(np.float64)), at, 0) for a, at in ((x, axis + 1), (w, axis)))
    w = np.concatenate([w, np.zeros((-len(w) % s, *w.shape[1:]))])  # whole turns of the stride
    apart = [n if a != axis else 1 for a, n in enumerate(dilation)]
    y = np.zeros((out[axis], x.shape[1], *(n for a, n in enumerate(out) if a != axis), w.shape[-1]))
    for phase in range(min(d, out[axis])):
        there = y[phase::d]
        tiles = -(-len(there) // m)
        tile, turn = np.divmod(np.arange((tiles + len(groups) - 1) * s), s)
        at = (phase + tile * m * s * d + turn)[:, None] + np.arange(6) * s * d
        inputs = np.concatenate([x, np.zeros((max(at.max() + 1 - len(x), 0), *x.shape[1:]))])[at]
        sums = []
        for point in range(6):
            transformed = np.einsum("j,tj...->t...", inputs_matrix(points)[point], inputs)
            factors = weights_matrix(7 - m, points)[point]
            weights = np.array([sum(factors[at] * w[n * s + k] for n, at in g) for g in groups for k in range(s)])
            sums.append(
                np.moveaxis(
                    reference.convolve(
                        np.moveaxis(transformed, 0, axis + 1), np.moveaxis(weights, 0, axis), None,
                        stride=stride, dilation=tuple(apart), kernel_layout=kernel_layouts(ndim)[0],
                    ), axis + 1, 0,
                )
            )  # fmt: skip
        outputs = np.einsum("kp,pt...->tk...", outputs_matrix(m, points), np.array(sums))
        there[...] = outputs.reshape(-1, *outputs.shape[2:])[: len(there)]
    return (terms + 12) * UNIT_ROUNDOFF["float64"] * np.moveaxis(y, 0, axis + 1)


CASES = [
    # n, size, channels, filters, kernel, padding, stride, dilation, pad_mode
    (2, (40,), 16, 32, (3,), 1, 1, 1, "constant"),
    (1, (1,), 3, 2, (2,), 1, 1, 1, "constant"),
    (3, (200,), 33, 40, (2,), 0, 1, 3, "reflect"),
    (2, (61,), 20, 70, (4,), 3, 1, 1, "edge"),
    (1, (300,), 64, 9, (5,), 2, 1, 2, "wrap"),
    (2, (90,), 7, 17, (7,), 6, 1, 1, "constant"),
    (1, (50,), 5, 5, (10,), 4, 1, 4, "symmetric"),
    (1, (5000,), 9, 33, (11,), 5, 1, 1, "constant"),
    (2, (17, 17), 24, 40, (1, 7), (0, 3), 1, 1, "constant"),
    (2, (17, 18), 24, 40, (7, 1), (3, 0), 1, 1, "edge"),
    (1, (30, 21), 5, 65, (4, 6), 2, 1, 1, "constant"),
    (2, (13, 40), 17, 20, (3, 3), 1, (2, 1), 1, "reflect"),
    (1, (40, 13), 17, 20, (3, 5), 4, (1, 3), (3, 2), "wrap"),
    (1, (25, 26), 40, 33, (9, 9), 4, 1, 1, "constant"),
    (1, (60, 70), 256, 16, (2, 2), 0, 1, 1, "constant"),
    (1, (8, 30, 31), 3, 36, (3, 7, 7), (1, 3, 3), (1, 2, 2), 1, "constant"),
    (2, (7, 9, 12), 10, 20, (3, 1, 1), (1, 0, 0), 1, (2, 1, 1), "symmetric"),
    (1, (6, 20, 9), 8, 16, (2, 4, 3), 1, (2, 1, 1), (1, 2, 1), "constant"),
    (2, (70,), 16, 33, (7,), 3, 2, 1, "constant"),
    (1, (301,), 5, 8, (16,), 9, 4, 1, "reflect"),
    (2, (40, 43), 3, 40, (7, 7), 3, 2, 1, "constant"),
    (1, (33, 60), 9, 20, (5, 11), (0, 5), 4, 1, "edge"),
    (1, (9, 20, 21), 4, 17, (5, 3, 4), 1, (3, 2, 2), 1, "wrap"),
    # channels-first, lanes are pixels of a row
    (2, (23, 75), 3, 21, (3, 3), 1, 1, 1, "reflect"),
    (1, (30, 90), 5, 9, (4, 2), (5, 1), (1, 2), (2, 1), "constant"),
    (1, (9, 8, 41), 2, 1, (4, 1, 3), (2, 0, 1), (2, 1, 3), 1, "edge"),
]


def drawn(size, channels, filters, kernel, n, dtype):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((n, *size, channels)).astype(dtype)
    w = rng.standard_normal((*kernel, channels, filters)).astype(dtype)
    return x, w, rng.standard_normal(filters).astype(dtype)


def per_axis(value, ndim):
    return value if isinstance(value, tuple) else (value,) * ndim


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("n", "size", "channels", "filters", "kernel", "padding", "stride", "dilation", "pad_mode"), CASES
)
def test_within_the_bound(each_isa, dtype, n, size, channels, filters, kernel, padding, stride, dilation, pad_mode):
    """In both layouts, and the same bits for any threads, samples alone or together."""
    ndim = len(size)
    conv = CONV[ndim]
    padding, stride, dilation = (per_axis(a, ndim) for a in (padding, stride, dilation))
    x, w, b = drawn(size, channels, filters, kernel, n, dtype)
    arguments = {"padding": [(p, p) for p in padding], "stride": stride, "dilation": dilation, "pad_mode": pad_mode,
                 "kernel_layout": kernel_layouts(ndim)[0]}  # fmt: skip
    expected = reference.convolve(x, w, b, **arguments)
    padded = np.pad(x, [(0, 0), *((p, p) for p in padding), (0, 0)], mode=pad_mode)
    limit = line_bound(padded, w, stride, dilation) * (UNIT_ROUNDOFF[dtype] / UNIT_ROUNDOFF["float64"])
    limit += UNIT_ROUNDOFF[dtype] * np.abs(expected)
    for layout in layouts(ndim)[:2]:
        a = np.ascontiguousarray(moved(x, layout))
        named = {**arguments, "layout": layout, "algorithm": "winograd_1d"}
        y = conv(a, w, b, threads=1, **named)
        assert np.all(np.abs(moved(y, layouts(ndim)[0], layout) - expected) <= limit)
        relu = conv(a, w, b, activation="relu", **named)
        np.testing.assert_array_equal(relu, np.maximum(y, 0))
        for threads in (2, 3, 5):
            assert conv(a, w, b, threads=threads, **named).tobytes() == y.tobytes()
        for i in range(n):
            assert conv(a[i : i + 1], w, b, threads=2, **named).tobytes() == y[i : i + 1].tobytes()


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("activation", ["relu6", "leaky_relu", "sigmoid", "tanh"])
@pytest.mark.parametrize(("size", "kernel", "around"), [((13, 14), (2, 7), (0, 3)), ((13, 40), (3, 2), (1, 0))])
def test_groups_activations_and_arrays_in_memory(each_isa, layout, activation, size, kernel, around):
    """What the direct algorithm gives, but for rounding, whatever lies between the elements of the arrays."""
    x, w, b = drawn(size, 18, 30, kernel, 2, "float32")
    w = w[..., :6, :]
    arguments = {"groups": 3, "padding": "same", "layout": layout, "kernel_layout": "HWIO", "activation": activation}
    x = np.ascontiguousarray(moved(x, layout))
    expected = cyconv.conv2d(x.astype(np.float64), w.astype(np.float64), b.astype(np.float64), **arguments)
    y = cyconv.conv2d(x, w, b, algorithm="winograd_1d", **arguments)
    edges = [(n, n + (k - 1) % 2) for n, k in zip(around, kernel, strict=True)]
    last = np.pad(moved(x, "NHWC", layout), [(0, 0), *edges, (0, 0)])[..., :6]
    limit = line_bound(last, np.full_like(w, np.abs(w).max()), (1, 1), (1, 1)).max()
    limit *= UNIT_ROUNDOFF["float32"] / UNIT_ROUNDOFF["float64"]
    np.testing.assert_allclose(y, expected, rtol=0, atol=5 * limit)
    for name, a in (*variants(x), ("page behind", guarded(x, True)), ("page in front", guarded(x, False))):
        assert cyconv.conv2d(a, w, b, algorithm="winograd_1d", **arguments).tobytes() == y.tobytes(), name
    wide = np.full((*y.shape[:-1], 2 * y.shape[-1]), 7, np.float32)
    for out in (wide[..., : y.shape[-1]], wide[..., ::2], np.empty(y.shape[::-1], np.float32).T):
        assert cyconv.conv2d(x, w, b, algorithm="winograd_1d", out=out, **arguments) is out
        np.testing.assert_array_equal(out, y)
        assert np.all(wide[..., 1::2][..., y.shape[-1] // 2 :] == 7)
        wide[...] = 7


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kernel", [(2,), (3,), (4,), (5,), (6,), (7,), (3, 8), (8, 3), (7, 3, 1)])
@pytest.mark.parametrize("stride", [1, 2])
def test_whole_numbers_of_few_channels_stay_whole(each_isa, dtype, kernel, stride):
    """As they do by the direct algorithm, if sums of magnitudes are below 2**24 / 750 and 2**53 / 750."""
    ndim = len(kernel)
    if -(-max(kernel) // stride) < 2:
        stride = 1
    rng = np.random.default_rng(3)
    for channels in range(1, 8):
        x = rng.integers(-9, 10, (2, *[30 - 6 * ndim] * ndim, channels)).astype(dtype)
        w = rng.integers(-2, 3, (*kernel, channels, 19)).astype(dtype)
        b = rng.integers(-50, 50, 19).astype(dtype)
        if dtype == "float64":
            x *= 2**24
        arguments = {"stride": stride, "padding": "same", "kernel_layout": kernel_layouts(ndim)[0]}
        expected = CONV[ndim](x, w, b, algorithm="direct", **arguments)
        np.testing.assert_array_equal(CONV[ndim](x, w, b, algorithm="winograd_1d", **arguments), expected)


@pytest.mark.parametrize(
    ("channels", "kernel"),
    [
        (3, (7, 7)),
        (7, (9,)),
        (64, (3,)),
        (512, (3,)),
        (256, (7,)),
        (256, (2,)),
        (64, (7, 7)),
        (1024, (3, 3)),
        (5000, (3,)),
    ],
)
def test_error_of_layers(each_isa, channels, kernel):
    """At most 3e-6 of the largest output, as the documentation says."""
    ndim = len(kernel)
    x, w, _ = drawn((50,) if ndim == 1 else (13, 13), channels, 33, kernel, 1, "float32")
    y = CONV[ndim](x, w, padding="same", algorithm="winograd_1d")
    expected = CONV[ndim](x.astype(np.float64), w.astype(np.float64), padding="same", algorithm="direct")
    assert np.abs(y - expected).max() <= 3e-6 * np.abs(expected).max()


@pytest.mark.parametrize(
    ("size", "kernel", "dilation"),
    [
        ((60,), (7,), (2,)),
        ((30, 21), (2, 4), (1, 2)),
        ((18, 40), (4, 2), (2, 1)),
        ((6, 9, 10), (3, 1, 2), (2, 1, 1)),
    ],
)
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
@pytest.mark.parametrize("activation", [None, "relu", "tanh"])
def test_tiles_that_are_not_finite_are_direct(each_isa, size, kernel, dilation, last, value, activation):
    ndim = len(size)
    x, w, b = drawn(size, 10, 36, kernel, 2, "float32")
    check_tiles("winograd_1d", x, w[..., :5, :], b, value, last, padding="same", dilation=dilation, groups=2,
                kernel_layout=kernel_layouts(ndim)[0], activation=activation)  # fmt: skip


def test_outputs_that_are_no_neighbours(each_isa):
    """Tiles that are not finite, where the lanes of the direct algorithm cannot be stored in place."""
    x, w, b = drawn((30, 9), 6, 10, (6, 2), 1, "float32")
    x[0, 11, 4, 3] = np.inf
    out = np.empty((1, 10, 25, 16), np.float32)[..., ::2]
    arguments = {"layout": "NCHW", "kernel_layout": "HWIO"}
    y = cyconv.conv2d(moved(x, "NCHW"), w, b, algorithm="winograd_1d", out=out, **arguments)
    direct = cyconv.conv2d(moved(x, "NCHW"), w, b, algorithm="direct", **arguments)
    assert np.count_nonzero(~np.isfinite(direct)) == 10 * 6 * 2
    np.testing.assert_array_equal(np.isfinite(y), np.isfinite(direct))
    np.testing.assert_allclose(y, direct, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite(each_isa, value):
    x, w, _ = drawn((90,), 32, 32, (3,), 1, "float32")
    w[1, 5, 6] = value
    check_weights("winograd_1d", x, w)


@pytest.mark.parametrize(
    ("x_shape", "w_shape", "dtype", "arguments", "reason"),
    [
        ((1, 9, 9, 8), (3, 3, 8, 8), "int32", {}, "not exact for integers"),
        ((1, 9, 9, 8), (1, 1, 8, 8), "float64", {}, "along no axis"),
        ((1, 9, 9, 8), (1, 3, 8, 8), "float32", {"stride": (1, 3)}, "along no axis"),
        ((1, 9, 9, 8), (1, 3, 8, 8), "float32", {"stride": (1, 2), "dilation": 2}, "along no axis"),
        ((1, 90, 90, 9000), (9, 9, 9000, 8), "float32", {}, "too long"),
    ],
)
def test_what_it_cannot_serve(each_isa, x_shape, w_shape, dtype, arguments, reason):
    check_declined("winograd_1d", x_shape, w_shape, dtype, arguments, reason)


def test_chosen_where_it_saves(each_isa):
    """The model knows its class of shapes, and its opposites."""

    def taken(ndim, x_shape, w_shape, **arguments):
        return PLAN[ndim](x_shape, np.ones(w_shape, np.float32), padding="same", **arguments).algorithm

    assert taken(1, (1, 500, 256), (3, 256, 256)) == "winograd_1d"
    assert taken(2, (1, 17, 17, 192), (1, 7, 192, 192)) == "winograd_1d"
    assert taken(3, (1, 16, 56, 56, 3), (3, 7, 7, 3, 64), stride=(1, 2, 2)) == "winograd_1d"
    assert taken(2, (1, 224, 224, 3), (7, 7, 3, 64), stride=2) == "winograd_1d"
    # 16 registers hold the six sums of one tile, which load more than they compute.
    assert (taken(2, (1, 224, 224, 3), (3, 3, 3, 64)) == "winograd_1d") == (each_isa != "avx2")
    assert taken(2, (1, 224, 224, 3), (3, 3, 3, 7)) != "winograd_1d"  # few filters
    if each_isa != "base":  # finishing its sums takes longer than the products that it saves
        assert taken(3, (1, 1, 64, 64, 64), (16, 1, 3, 3, 3), layout="NCDHW") == "stencil"
    assert taken(1, (1, 500, 3), (3, 3, 64)) != "winograd_1d"  # short sums of a signal
    assert taken(1, (1, 500, 256), (3, 256, 256), stride=3) == "direct"
    assert taken(1, (1, 500, 8), (3, 8, 16)) != "winograd_1d"
    assert taken(2, (1, 56, 56, 64), (3, 3, 64, 64)) == "winograd"


@pytest.mark.parametrize("stride", [1, 3])
def test_the_length_of_a_signal_decides_nothing(each_isa, stride):
    """A causal filter is computed by one algorithm while its input is still coming in."""
    x, w, _ = drawn((3000,), 64, 64, (3,), 1, "float32")
    for layout in ("NWC", "NCW"):
        a = moved(x, layout)
        named = {"padding": "causal", "stride": stride, "layout": layout, "kernel_layout": "WIO"}
        whole = cyconv.conv1d(a, w, **named)
        algorithm = cyconv.plan_conv1d(a.shape, w, **named).algorithm
        assert (algorithm == "winograd_1d") == (stride == 1)
        for n in (1, 2, 17, 100, 999):
            part = a[:, :n] if layout == "NWC" else a[..., :n]
            assert cyconv.plan_conv1d(part.shape, w, **named).algorithm == algorithm
            y = moved(cyconv.conv1d(part, w, **named), "NWC", layout)
            there = moved(whole, "NWC", layout)[:, : y.shape[1]]
            np.testing.assert_allclose(y, there, rtol=0, atol=3e-6 * np.abs(whole).max())
            # But for the last tile, whose inputs are not all there yet, bits are the same.
            complete = y.shape[1] if stride > 1 else max(y.shape[1] - 4, 0) // 4 * 4
            assert y[:, :complete].tobytes() == there[:, :complete].tobytes()
