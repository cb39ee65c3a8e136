"""Fast FIR: exact on integers, close on other numbers, and what is not finite stays where it belongs."""

import numpy as np
import pytest
from bounds import UNIT_ROUNDOFF
from cases import CONV, kernel_layouts, layouts

import cyconv
from cyconv import reference

PAD_MODES = ("constant", "edge", "reflect", "symmetric", "wrap")


def arguments_for(ndim, **more):
    return {"layout": layouts(ndim)[1], "kernel_layout": kernel_layouts(ndim)[1], "padding": "same", **more}


def drawn(rng, dtype, n=2):
    """Arrays and arguments of a random case that it serves."""
    ndim = int(rng.integers(2, 4))
    size = [int(rng.integers(1, most)) for most in (9, 50, 80)[3 - ndim :]]
    size[-2] += 1
    kernel = [int(rng.integers(1, 4)), int(rng.integers(4, 27)), int(rng.integers(1, 12))][3 - ndim :]
    groups, ic, oc = (int(rng.choice(few)) for few in ([1, 1, 2, 3], [1, 1, 2, 9], [1, 1, 2, 3]))
    depth = [1] * (ndim - 2)
    arguments = arguments_for(
        ndim,
        padding=str(rng.choice(["same", "full"])),
        stride=(*(int(rng.integers(1, 3)) for _ in depth), 1, 1),
        dilation=(
            *(int(rng.integers(1, 3)) for _ in depth),
            int(rng.choice([1, 1, 2, 3])),
            int(rng.choice([1, 2, 30])),
        ),
        groups=groups,
        pad_mode="constant" if rng.random() < 0.5 or 1 in size else str(rng.choice(PAD_MODES)),
        activation=[None, "relu"][int(rng.integers(2))],
    )
    x = rng.integers(-9, 10, (n, groups * ic, *size)).astype(dtype)
    w = rng.integers(-9, 10, (groups * oc, ic, *kernel)).astype(dtype)
    return x, w, rng.integers(-99, 99, groups * oc).astype(dtype), arguments


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_exact_on_integers(each_isa, dtype):
    """The reference's result, for any number of threads."""
    rng = np.random.default_rng(1)
    for _ in range(30):
        x, w, b, arguments = drawn(rng, dtype)
        expected = reference.convolve(x, w, b, **arguments)
        for threads in (1, 2, 3):
            y = CONV[x.ndim - 2](x, w, b, algorithm="fast_fir", threads=threads, **arguments)
            np.testing.assert_array_equal(y, expected, str((x.shape, w.shape, arguments)))


def test_scratch_memory_decides_nothing(each_isa):
    """Depths of padding are no part of a sum, whatever the memory holds that theirs would take."""
    rng = np.random.default_rng(12)
    x = rng.standard_normal((1, 1, 4, 20, 40)).astype(np.float32)
    w = rng.standard_normal((1, 1, 3, 6, 4)).astype(np.float32)
    plan = cyconv.plan_conv3d(x.shape, w, padding="same", layout="NCDHW", algorithm="fast_fir")
    y = plan(x)
    for value in (0, np.nan, 1e38):
        plan(np.full_like(x, value))
        assert plan(x).tobytes() == y.tobytes()


def test_every_height(each_isa):
    """Any number of output rows and of kernel rows: phases and points of unequal numbers of rows."""
    rng = np.random.default_rng(2)
    for rows in (*range(2, 20), 63, 64, 65, 66, 67):
        for taps in (4, 5, 6, 7, 11, 12, 13, 14, 15, 20):
            x = rng.integers(-8, 9, (1, rows, 37, 1)).astype(np.float32)
            w = rng.integers(-8, 9, (taps, 3, 1, 1)).astype(np.float32)
            y = cyconv.conv2d(x, w, padding=(taps // 2, 1), algorithm="fast_fir")
            np.testing.assert_array_equal(y, cyconv.conv2d(x, w, padding=(taps // 2, 1), algorithm="direct"))


@pytest.mark.parametrize(
    ("channels", "filters", "size", "kernel"),
    [
        (1, 1, (300, 401), (15, 15)),  # blocks of rows
        (1, 2, (70, 3000), (31, 31)),  # and of columns
        (1, 1, (200, 210), (101, 90)),
        (64, 2, (90, 120), (7, 5)),  # planes in parts
        (3, 2, (9, 70, 300), (4, 13, 5)),  # planes that neighbouring depths share
        (30, 2, (7, 60, 200), (3, 5, 3)),  # and that they do not
    ],
)
def test_large_work_is_cut(each_isa, channels, filters, size, kernel):
    rng = np.random.default_rng(3)
    ndim = len(size)
    x = rng.integers(-3, 4, (1, channels, *size)).astype(np.float32)
    w = rng.integers(-3, 4, (filters, channels, *kernel)).astype(np.float32)
    b = rng.integers(-99, 99, filters).astype(np.float32)
    arguments = arguments_for(ndim, pad_mode="symmetric", activation="relu6")
    expected = CONV[ndim](x, w, b, algorithm="direct", **arguments)
    np.testing.assert_array_equal(CONV[ndim](x, w, b, algorithm="fast_fir", **arguments), expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("taps", [5, 9, 12, 31])
@pytest.mark.parametrize("activation", [None, "tanh"])
def test_real_data(each_isa, dtype, taps, activation):
    """As close as rounded sums of rounded differences are; the same bits for all threads, batches, places."""
    rng = np.random.default_rng(4)
    x = rng.standard_normal((3, 2, 70, 90)).astype(dtype)
    w = rng.standard_normal((3, 2, taps, 7)).astype(dtype)
    arguments = arguments_for(2, activation=activation)
    y = cyconv.conv2d(x, w, algorithm="fast_fir", **arguments)
    # Whatever the level, a sum has at most four operands more, each the sum of at most four numbers
    # that lie at most three rows from those of the plain sum.
    reach = (taps - 1) // 2
    near = np.pad(np.abs(x), [(0, 0), (0, 0), (reach + 3, taps - 1 - reach + 3), (3, 3)])
    near = sum(near[:, :, n : n + 70 + taps - 1] for n in range(7))
    heavy = np.pad(np.abs(w), [(0, 0), (0, 0), (3, 3), (0, 0)])
    heavy = sum(heavy[:, :, n : n + taps] for n in range(7))
    magnitude = reference.convolve(near, heavy, layout="NCHW", kernel_layout="OIHW")
    limit = (2 * taps * 7 + 24) * UNIT_ROUNDOFF[dtype] * magnitude
    expected = reference.convolve(x, w, **arguments)
    assert np.all(np.abs(y - expected) <= limit)
    if activation is None:
        # And not much further than the plain sum: the bound above is far from what happens.
        plain = np.abs(cyconv.conv2d(x, w, algorithm="stencil", **arguments) - expected).max()
        assert np.abs(y - expected).max() <= 8 * plain
    for threads in (1, 2, 3):
        assert cyconv.conv2d(x, w, algorithm="fast_fir", threads=threads, **arguments).tobytes() == y.tobytes()
    for n in range(3):
        one = cyconv.conv2d(x[n : n + 1], w, algorithm="fast_fir", **arguments)
        assert one.tobytes() == y[n : n + 1].tobytes()
    spread = np.repeat(x, 2, axis=-1)[..., ::2]
    assert cyconv.conv2d(spread, w, algorithm="fast_fir", **arguments).tobytes() == y.tobytes()
    wide = np.full((*y.shape[:2], 2 * y.shape[2], y.shape[3]), 7, dtype)
    assert cyconv.conv2d(x, w, algorithm="fast_fir", out=wide[:, :, ::2], **arguments).tobytes() == y.tobytes()
    assert np.all(wide[:, :, 1::2] == 7)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_not_finite_stays_where_it_belongs(each_isa, dtype):
    """The plain sum's result, element by element, whatever neighbouring rows hold."""
    rng = np.random.default_rng(5)
    for _ in range(60):
        x, w, b, arguments = drawn(rng, dtype)
        places = rng.integers(0, x.size, 3)
        x.reshape(-1)[places] = np.nan, np.inf, -np.inf
        conv = CONV[x.ndim - 2]
        expected = conv(x, w, b, algorithm="stencil", **arguments)
        for threads in (1, 3):
            y = conv(x, w, b, algorithm="fast_fir", threads=threads, **arguments)
            np.testing.assert_array_equal(y, expected, str((x.shape, w.shape, arguments)))


@pytest.mark.parametrize("value", [2.0**126, 2.0**127])
def test_nothing_overflows_on_the_way(each_isa, value):
    """Neighbouring rows of large numbers whose sums or differences are none."""
    x = np.zeros((1, 1, 40, 40), np.float32)
    x[0, 0, 10::2] = value
    x[0, 0, 11::2] = -value
    for weight in (1, 2.0**-10, 2.0**10):
        w = np.zeros((1, 1, 12, 12), np.float32)
        w[0, 0, 3, 3] = w[0, 0, 4, 3] = weight
        y = cyconv.conv2d(x, w, algorithm="fast_fir", layout="NCHW", kernel_layout="OIHW")
        expected = cyconv.conv2d(x, w, algorithm="stencil", layout="NCHW", kernel_layout="OIHW")
        np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("value", [np.nan, np.inf, 3e38])
def test_weights_that_are_not_finite(each_isa, value):
    rng = np.random.default_rng(6)
    x = rng.integers(-9, 10, (1, 1, 40, 41)).astype(np.float32)
    w = rng.integers(-9, 10, (1, 1, 15, 4)).astype(np.float32)
    w[0, 0, 3, 2] = value
    arguments = arguments_for(2)
    y = cyconv.conv2d(x, w, algorithm="fast_fir", **arguments)
    np.testing.assert_array_equal(y, cyconv.conv2d(x, w, algorithm="stencil", **arguments))


@pytest.mark.parametrize(
    ("x_shape", "w_shape", "dtype", "arguments", "reason"),
    [
        ((1, 30, 30, 1), (9, 9, 1, 1), "int32", {}, "wrap around"),
        ((1, 30, 30, 1), (3, 9, 1, 1), "float32", {}, "the kernel has 3 rows, fewer than 4"),
        ((1, 30, 30, 1), (9, 9, 1, 1), "float32", {"stride": (2, 1)}, "strided"),
        ((1, 9, 30, 1), (9, 9, 1, 1), "float64", {}, "there is one row of outputs"),
    ],
)
def test_what_it_cannot_serve(each_isa, x_shape, w_shape, dtype, arguments, reason):
    x, w = np.ones(x_shape, dtype), np.ones(w_shape, dtype)
    with pytest.raises(ValueError, match=f"conv2d: algorithm='fast_fir' cannot serve this call: .*{reason}.*'auto'"):
        cyconv.conv2d(x, w, algorithm="fast_fir", **arguments)
    assert reason in cyconv.plan_conv2d(x.shape, w, dtype=dtype, **arguments).explain()


def test_chosen_for_large_windows(each_isa):
    """And not for small ones, whose sums are as fast."""
    rng = np.random.default_rng(7)
    large, small = (
        cyconv.plan_conv2d((1, 1, 500, 500), rng.random((1, 1, n, n), np.float32), **arguments_for(2)) for n in (15, 5)
    )
    assert (large.algorithm, small.algorithm) == ("fast_fir", "stencil")
    assert "fast_fir: taken" in large.explain()
