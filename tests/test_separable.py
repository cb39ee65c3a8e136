"""Separable filters: exact on integers, close on other numbers, and nothing else is taken for one."""

import itertools

import numpy as np
import pytest
from bounds import UNIT_ROUNDOFF
from cases import CONV, PLAN, kernel_layouts, layouts

import cyconv
from cyconv import reference, separable

PAD_MODES = ("constant", "edge", "reflect", "symmetric", "wrap")


def gaussian(dtype, *size, sigmas=6):
    """A normalised Gaussian as people compute it: in float64, then rounded."""
    w = np.ones(())
    for n in size:
        at = np.arange(n) - (n - 1) / 2
        w = w[..., None] * np.exp(-(at**2) / (2 * (n / sigmas) ** 2))
    return (w / w.sum()).astype(dtype)


def arguments_for(ndim, **more):
    return {"layout": layouts(ndim)[1], "kernel_layout": kernel_layouts(ndim)[1], "padding": "same", **more}


def product(rng, filters, kernel):
    """Whole numbers that are a product of a factor for each axis."""
    w = np.ones((filters, 1))
    for axis, n in enumerate(kernel):
        w = w[..., None] * rng.integers(-3, 4, (filters, *(1,) * (axis + 1), n))
    return w


def drawn(rng, dtype, n=2):
    """Arrays and arguments of a random case that it serves."""
    while True:
        ndim = int(rng.integers(2, 4))
        size = [int(rng.integers(1, most)) for most in (9, 50, 80)[3 - ndim :]]
        kernel = [int(rng.integers(1, most)) for most in (5, 16, 16)[3 - ndim :]]
        groups, oc = int(rng.choice([1, 1, 2, 3])), int(rng.choice([1, 1, 2, 3]))
        arguments = arguments_for(
            ndim,
            padding=str(rng.choice(["same", "full", "valid"])),
            stride=tuple(rng.choice([1, 1, 2, 3], ndim).tolist()),
            dilation=tuple(rng.choice([1, 1, 2, 3], ndim).tolist()),
            groups=groups,
            pad_mode="constant" if rng.random() < 0.5 else str(rng.choice(PAD_MODES)),
            activation=[None, "relu"][int(rng.integers(2))],
        )
        x = rng.integers(-9, 10, (n, groups, *size)).astype(dtype)
        w = product(rng, groups * oc, kernel).astype(dtype)
        b = rng.integers(-99, 99, groups * oc).astype(dtype)
        try:
            plan = PLAN[ndim](x.shape, w, b, algorithm="separable", **arguments)
        except ValueError as refused:
            if not any(reason in str(refused) for reason in ("does not fit", "one axis", "one row of outputs")):
                raise
            continue
        assert plan.algorithm == "separable"
        return x, w, b, arguments


def convolved(x, w, b, algorithm="separable", **arguments):
    return CONV[w.ndim - 2](x, w, b, algorithm=algorithm, **arguments)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
def test_exact_on_integers(each_isa, dtype):
    """The reference's result, in both layouts and for any number of threads."""
    rng = np.random.default_rng(1)
    for _ in range(60):
        x, w, b, arguments = drawn(rng, dtype)
        expected = reference.convolve(x, w, b, **arguments)
        last = layouts(w.ndim - 2)[0]
        for threads in (1, 2, 3):
            y = convolved(x, w, b, threads=threads, **arguments)
            np.testing.assert_array_equal(y, expected, str((x.shape, w.shape, arguments)))
            pixels = np.ascontiguousarray(np.moveaxis(x, 1, -1))
            y = convolved(pixels, w, b, threads=threads, **{**arguments, "layout": last})
            np.testing.assert_array_equal(y, np.moveaxis(expected, 1, -1), str((x.shape, w.shape, arguments)))


@pytest.mark.parametrize(
    ("channels", "filters", "size", "kernel", "arguments"),
    [
        (1, 1, (300, 401), (15, 15), {}),  # blocks of rows
        (1, 2, (70, 5000), (31, 31), {}),  # and of columns
        (1, 1, (200, 210), (101, 90), {}),
        (2, 6, (90, 120), (5, 7), {}),
        (1, 1, (200, 210), (7, 5), {"stride": (4, 3), "dilation": (6, 2)}),  # classes of rows
        (1, 2, (90, 100), (3, 9), {"dilation": (20, 11)}),
        (1, 1, (90, 3000), (2, 3), {"dilation": (1, 900), "stride": (1, 7)}),  # a copy for each column
        (1, 2, (40, 70, 300), (9, 13, 5), {}),  # planes that neighbouring depths share
        (2, 2, (12, 60, 200), (3, 5, 3), {"dilation": (2, 1, 1)}),  # and that they do not
        (1, 1, (12, 30, 40), (1, 5, 5), {"padding": ((2, 1), (2, 2), (2, 2))}),  # depths of padding alone
    ],
)
def test_large_work_is_cut(each_isa, channels, filters, size, kernel, arguments):
    rng = np.random.default_rng(3)
    ndim = len(size)
    x = rng.integers(-3, 4, (1, channels, *size)).astype(np.float32)
    w = np.sign(product(rng, filters, kernel)).astype(np.float32)
    b = rng.integers(-99, 99, filters).astype(np.float32)
    for pad_mode in ("constant", "symmetric"):
        named = {**arguments_for(ndim, groups=channels, activation="relu6", pad_mode=pad_mode), **arguments}
        expected = convolved(x, w, b, "direct", **named)
        for threads in (1, 2, 5):
            np.testing.assert_array_equal(convolved(x, w, b, threads=threads, **named), expected)


def limit(x, w, b, **arguments):
    """Sums along each axis, and roundings of factors and weights, a few units of each product: docs/accuracy.rst."""
    largest = np.abs(w).max()
    size = np.abs(w)
    exponent = np.log(largest / np.where(size > 0, size, largest))
    roundings = sum(w.shape[2:]) + 3 + 8 + 2 * exponent
    x, b = np.abs(x).astype(np.float64), np.abs(b).astype(np.float64)
    magnitude = reference.convolve(x, size * roundings, b, **{**arguments, "activation": None})
    return UNIT_ROUNDOFF[w.dtype.name] * magnitude


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kernel", [(3, 3), (5, 9), (15, 15), (61, 41), (3, 5, 7), (9, 9, 9)])
def test_real_data(each_isa, dtype, kernel):
    """Within its bound; the same bits for all threads, batches and places in memory."""
    rng = np.random.default_rng(4)
    ndim = len(kernel)
    x = rng.standard_normal((3, 2, *(12, 70, 90)[3 - ndim :])).astype(dtype)
    w = np.stack([gaussian(dtype, *kernel, sigmas=s) for s in (2, 4, 6, 8)])[:, None]
    b = rng.standard_normal(4).astype(dtype)
    for more in ({}, {"stride": 2, "pad_mode": "reflect"}, {"dilation": 2, "activation": "tanh"}):
        arguments = arguments_for(ndim, groups=2, **more)
        y = convolved(x, w, b, **arguments)
        expected = reference.convolve(x, w, b, **arguments)
        assert np.all(np.abs(y - expected) <= limit(x, w, b, **arguments))
        if dtype == "float32":
            assert np.abs(y - expected).max() <= 3e-6 * np.abs(expected).max()
        for threads in (1, 2, 3):
            assert convolved(x, w, b, threads=threads, **arguments).tobytes() == y.tobytes()
        for n in range(3):
            assert convolved(x[n : n + 1], w, b, **arguments).tobytes() == y[n : n + 1].tobytes()
        spread = np.repeat(x, 2, axis=-1)[..., ::2]
        assert convolved(spread, w, b, **arguments).tobytes() == y.tobytes()
        wide = np.full((*y.shape[:-2], 2 * y.shape[-2], y.shape[-1]), 7, dtype)
        assert convolved(x, w, b, out=wide[..., ::2, :], **arguments).tobytes() == y.tobytes()
        assert np.all(wide[..., 1::2, :] == 7)
        last = convolved(np.moveaxis(x, 1, -1), w, b, **{**arguments, "layout": layouts(ndim)[0]})
        assert np.array_equal(np.moveaxis(last, -1, 1), y)


@pytest.mark.parametrize("pad_mode", PAD_MODES[1:])
def test_scipy_filters_the_same(each_isa, pad_mode):
    """One line of weights behind the other, by a library that we did not write."""
    ndimage = pytest.importorskip("scipy.ndimage")
    mode = {"edge": "nearest", "reflect": "mirror", "symmetric": "reflect", "wrap": "wrap"}[pad_mode]
    rng = np.random.default_rng(5)
    for dtype in ("float32", "float64"):
        for size, kernel in (((67, 130), (5, 7)), ((200, 90), (31, 21)), ((20, 30, 50), (3, 5, 9))):
            x = rng.standard_normal(size).astype(dtype)
            lines = [gaussian("float64", n) for n in kernel]
            w = gaussian(dtype, *kernel)
            expected = x.astype(np.float64)
            for axis, line in enumerate(lines):
                expected = ndimage.correlate1d(expected, line, axis, mode=mode)
            y = CONV[len(size)](
                x[None, None], w[None, None], algorithm="separable", **arguments_for(len(size), pad_mode=pad_mode)
            )
            tolerance = 40 * UNIT_ROUNDOFF[dtype] * np.abs(expected).max()
            np.testing.assert_allclose(y[0, 0], expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_not_finite_stays_where_it_belongs(each_isa, dtype):
    """NaN, infinity and its sign, where the direct sum has them, also under weights that are zero."""
    rng = np.random.default_rng(6)
    for _ in range(60):
        x, w, b, arguments = drawn(rng, dtype)
        places = rng.integers(0, x.size, 4)
        x.reshape(-1)[places] = np.nan, np.inf, -np.inf, np.inf
        expected = convolved(x, w, b, "direct", **arguments)
        for threads in (1, 3):
            np.testing.assert_array_equal(convolved(x, w, b, threads=threads, **arguments), expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nothing_overflows_on_the_way(each_isa, dtype):
    """Rows and planes of numbers next to the largest, and weights of any size."""
    largest = np.finfo(dtype).max
    for kernel in ((9, 9), (3, 9, 5)):
        ndim = len(kernel)
        x = np.full((1, 1, *(20,) * ndim), largest, dtype)
        for w in (gaussian(dtype, *kernel) * dtype_of(dtype, 0.5), np.full(kernel, 2.0**-12, dtype)):
            y = convolved(x, w[None, None], None, **arguments_for(ndim))
            assert np.isfinite(y).all()
            expected = convolved(x / largest, w[None, None], None, **arguments_for(ndim))
            np.testing.assert_allclose(y / largest, expected, rtol=1e-6)
        for weight in (2.0**100, 2.0**-100):
            w = np.full((1, 1, *kernel), weight, dtype)
            ones = np.ones_like(x)
            y = convolved(ones, w, None, **arguments_for(ndim))
            np.testing.assert_array_equal(y, convolved(ones, w, None, "direct", **arguments_for(ndim)))


def dtype_of(dtype, value):
    return np.dtype(dtype).type(value)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sigmas", [2, 3, 4, 6, 8])
def test_gaussians_are_taken(dtype, sigmas):
    """However they are computed: rounded at the end, or in each step of the working precision."""
    for n in (2, 3, 4, 5, 7, 15, 31, 61, 101):
        sigma = np.dtype(dtype).type(n / sigmas)
        at = (np.arange(n) - (n - 1) / 2).astype(dtype)
        line = np.exp(-(at**2) / (2 * sigma**2))
        rows, columns = np.meshgrid(at, at, indexing="ij")
        near = np.linspace(-1, 1, n, dtype=dtype) * dtype_of(dtype, sigmas / 2)
        for w in (
            gaussian(dtype, n, n, sigmas=sigmas),
            np.outer(line / line.sum(), line / line.sum()),
            np.exp(-(rows**2 + columns**2) / (2 * sigma**2)),
            np.exp(-(near[:, None] ** 2 + near**2) / dtype_of(dtype, 2)),
        ):
            for scale in (1, 1 / w.sum(), 3e-5, 255):
                assert w.dtype == dtype
                found, reason = separable.factors((w * dtype_of(dtype, scale))[None, None, None])
                assert reason == ""
                assert np.abs(found[..., :n]).sum() <= 0.5
    assert separable.factors(gaussian(dtype, 9, 7, 5, sigmas=sigmas)[None, None])[1] == ""


def turned(n, degrees):
    """A Gaussian of unequal widths whose axes are not those of the picture."""
    rows, columns = np.meshgrid(*[np.arange(n) - (n - 1) / 2] * 2, indexing="ij")
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.exp(-((c * rows + s * columns) ** 2) / n - (c * columns - s * rows) ** 2 / (2 * n))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_others_are_not(dtype):
    rng = np.random.default_rng(7)
    gabor = turned(15, 30) * np.cos(np.arange(15))
    disc = np.hypot(*np.meshgrid(np.arange(-4, 5), np.arange(-4, 5))) <= 4
    laplacian = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
    for w in (
        rng.standard_normal((3, 3)),
        rng.standard_normal((101, 101)),
        turned(15, 30),
        turned(15, 1),
        gabor,
        disc,
        laplacian,
        laplacian / 4,
        laplacian / 3,
        np.array([[1, 1], [1, 1 + 2.0**-9]]),
        np.array([[3, 5], [5, 8]]),  # one apart from a product
        np.array([[1, 1, 1], [1, 1, 1], [1, 1, 0]]),
        rng.standard_normal((3, 3, 3)),
        gaussian(dtype, 5)[:, None, None] * rng.standard_normal((5, 5)),
    ):
        w = w.reshape((1,) * (5 - w.ndim) + w.shape).astype(dtype)
        assert separable.factors(w) == (None, separable.UNFIT)
        both = np.concatenate([np.ones_like(w), w])  # one that is, and one that is not
        assert separable.factors(both) == (None, separable.UNFIT)
    for value in (np.nan, np.inf):
        w = np.ones((1, 1, 1, 3, 3), dtype)
        w[..., 1, 1] = value
        assert separable.factors(w) == (None, separable.NOT_FINITE)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
def test_factors_of_whole_numbers_are_whole(dtype):
    """And of such fractions as filters are made of: their products are the weights, to the bit."""
    rng = np.random.default_rng(8)
    scales = (1, 2.0**-3, 2.0**-4) if dtype[0] == "f" else (1, -3)
    for kernel, scale in itertools.product([(1, 3, 3), (1, 5, 4), (3, 4, 5)], scales):
        for _ in range(50):
            lines = [rng.integers(-6, 7, (2, n)) for n in kernel]
            w = lines[0][:, :, None, None] * lines[1][:, None, :, None] * lines[2][:, None, None, :]
            w = (w * scale).astype(dtype)
            found, reason = separable.factors(w[:, None])
            assert reason == ""
            assert found.dtype == dtype
            along, down, through = np.split(found[:, 0, 0, 0], [kernel[2], kernel[2] + kernel[1]], axis=1)
            product = through[:, :, None, None] * down[:, None, :, None] * along[:, None, None, :]
            np.testing.assert_array_equal(product, w)


@pytest.mark.parametrize(
    ("x_shape", "w_shape", "arguments", "reason"),
    [
        ((1, 30, 1), (9, 1, 1), {}, "the kernel has one axis"),
        ((1, 30, 30, 1), (1, 9, 1, 1), {}, "the kernel has one axis"),
        ((1, 30, 30, 2), (9, 9, 2, 1), {}, "a filter sees 2 channels, not one"),
        ((1, 9, 30, 1), (9, 9, 1, 1), {}, "there is one row of outputs"),
        ((1, 9100, 400, 1), (9000, 300, 1, 1), {}, "the window is too large to be copied to cache"),
    ],
)
def test_what_it_cannot_serve(x_shape, w_shape, arguments, reason):
    x, w = np.ones(x_shape, np.float32), np.ones(w_shape, np.float32)
    conv, plan = CONV[len(x_shape) - 2], PLAN[len(x_shape) - 2]
    with pytest.raises(ValueError, match=f"algorithm='separable' cannot serve this call: {reason}; use 'auto'"):
        conv(x, w, algorithm="separable", **arguments)
    assert f"separable: {reason}" in plan(x.shape, w, **arguments).explain()


def test_weights_decide(each_isa):
    """Among calls of the same shapes, one after the other, by plan and without."""
    rng = np.random.default_rng(9)
    x = rng.standard_normal((1, 1, 300, 300)).astype(np.float32)
    smooth, other = gaussian("float32", 15, 15)[None, None], rng.standard_normal((1, 1, 15, 15)).astype(np.float32)
    arguments = arguments_for(2)
    for w in (smooth, other, smooth, smooth.copy(), other):
        plan = cyconv.plan_conv2d(x.shape, w, **arguments)
        assert (plan.algorithm == "separable") == (w is not other)
        y = cyconv.conv2d(x, w, **arguments)
        assert y.tobytes() == plan(x).tobytes() == cyconv.conv2d(x, w, algorithm=plan.algorithm, **arguments).tobytes()
    assert f"separable: {separable.UNFIT}" in cyconv.plan_conv2d(x.shape, other, **arguments).explain()
    for w, reason in ((other, separable.UNFIT), (other * np.float32(np.nan), separable.NOT_FINITE)):
        for call in (cyconv.conv2d, lambda x, w, **more: cyconv.plan_conv2d(x.shape, w, **more)):
            with pytest.raises(ValueError, match=f"'separable' cannot serve this call: {reason}; use 'auto'"):
                call(x, w, algorithm="separable", **arguments)
    changed = smooth.copy()
    first = cyconv.conv2d(x, changed, **arguments)
    changed[...] = 2 * smooth
    np.testing.assert_array_equal(cyconv.conv2d(x, changed, **arguments), 2 * first)


def test_chosen_for_large_windows(each_isa):
    """And not for small ones, whose sums are as fast; in both layouts, and in volumes."""
    for x_shape, kernel, layout, taken in (
        ((1, 1080, 1920, 1), (3, 3), "NHWC", False),
        ((1, 1080, 1920, 1), (15, 15), "NHWC", True),
        ((1, 256, 256, 1), (31, 31), "NHWC", True),
        ((1, 3, 500, 500), (15, 15), "NCHW", True),
        ((1, 500, 500, 3), (3, 3), "NHWC", False),
        ((1, 500, 500, 3), (15, 15), "NHWC", True),
        ((1, 64, 64, 64, 1), (9, 9, 9), "NDHWC", True),
    ):
        channels = x_shape[layout.index("C")]
        w = np.repeat(gaussian("float32", *kernel)[None, None], channels, axis=0)
        arguments = {"kernel_layout": kernel_layouts(len(kernel))[1], "groups": channels, "padding": "same"}
        plan = PLAN[len(kernel)](x_shape, w, layout=layout, **arguments)
        assert (plan.algorithm == "separable") == taken, (x_shape, kernel)


def test_zero_is_positive(each_isa):
    for w in (np.ones((1, 1, 5, 5), np.float32), np.zeros((1, 1, 5, 5), np.float32)):
        x = np.full((1, 1, 30, 40), -0.0, np.float32)
        y = convolved(x, w, np.full(1, -0.0, np.float32), **arguments_for(2))
        assert not np.signbit(y).any()


@pytest.mark.parametrize("threads", [1, 2, 16])
def test_workspace_is_bounded(each_isa, threads):
    """At most 2 MiB a thread, whatever the shape."""
    for size, kernel, named in (
        ((4000, 4000), (3, 3), {}),
        ((4000, 4000), (301, 5), {}),
        ((4000, 4000), (5, 1001), {}),
        ((4000, 4000), (101, 101), {"dilation": 9}),
        ((4000, 4000), (15, 15), {"stride": 4}),
        ((4000, 4000), (9, 9), {"groups": 3}),
        ((400, 400, 400), (15, 15, 15), {}),
        ((400, 400, 400), (9, 9, 9), {"dilation": 3, "stride": 2}),
    ):
        for dtype in ("float32", "float64"):
            groups = named.get("groups", 1)
            for layout in layouts(len(size))[:2]:
                shape = (1, *size, groups) if layout[-1] == "C" else (1, groups, *size)
                w = np.ones((2 * groups, 1, *kernel), dtype)
                arguments = {**arguments_for(len(size)), "layout": layout, **named}
                plan = PLAN[len(size)](shape, w, algorithm="separable", threads=threads, **arguments)
                assert plan.workspace_bytes <= threads * (2 << 20), (size, kernel, named)
