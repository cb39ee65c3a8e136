"""Fourier transforms of tiles: within their bound, whole numbers whole, the same bits, and direct where they cannot."""

import itertools
import math
import pickle
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from cases import CONV, PLAN, kernel_layouts, layouts, moved
from cyconv._ext.convolution import PAD_MODES
from cyconv._ext.fourier import Tiles
from scipy import signal

import cyconv
from cyconv import fourier, isa, reference, separable

CASES = [
    # n, size, channels, filters, groups, kernel, padding, stride, dilation, pad_mode
    (2, (700,), 1, 1, 1, (129,), 64, 1, 1, "constant"),
    (1, (5000,), 2, 3, 1, (255,), 254, 1, 1, "constant"),
    (1, (900,), 3, 6, 3, (40,), 39, 3, 2, "reflect"),
    (2, (301,), 16, 9, 1, (31,), 3, 1, 3, "wrap"),
    (1, (1,), 2, 2, 1, (9,), 20, 1, 1, "edge"),
    (2, (60, 70), 1, 1, 1, (21, 17), 0, 1, 1, "constant"),
    (1, (90, 61), 1, 4, 1, (15, 24), (30, 7), (2, 3), 1, "symmetric"),
    (1, (33, 47), 6, 6, 6, (11, 3), 5, 1, (2, 3), "wrap"),
    (2, (40, 40), 8, 16, 2, (9, 9), 4, 1, 1, "edge"),
    (1, (50, 31), 12, 10, 1, (13, 13), 12, (1, 2), 1, "reflect"),
    (1, (20, 300), 2, 2, 1, (1, 101), (0, 50), 1, 1, "constant"),
    (1, (300, 5), 2, 2, 1, (101, 1), 1, 1, 1, "constant"),
    (1, (6, 7), 3, 2, 1, (1, 1), 0, 1, 1, "constant"),
    (1, (1, 200), 2, 2, 1, (3, 60), (1, 30), 1, 1, "edge"),
    (1, (1, 1, 90), 1, 2, 1, (4, 2, 20), (3, 1, 9), (4, 2, 1), 1, "constant"),
    (1, (20, 25, 30), 1, 2, 1, (7, 9, 11), 3, 1, 1, "constant"),
    (2, (9, 14, 11), 9, 8, 1, (3, 5, 4), (2, 0, 3), (1, 2, 1), (1, 1, 2), "symmetric"),
    (1, (12, 9, 10), 4, 4, 2, (1, 5, 5), (0, 2, 2), 1, 1, "reflect"),
]


@pytest.fixture(params=["a tile for each thread", "tiles that threads share"])
def small_tiles(monkeypatch, request):
    """Tiles so small that several of them meet along each axis; all shared, a few at a time, or only the last ones."""
    monkeypatch.setattr(fourier, "_MOST_POINTS", 1)
    monkeypatch.setattr(fourier, "_LONG", 200)
    if request.param == "tiles that threads share":
        monkeypatch.setattr(fourier, "_CACHED_BYTES", 0)
        monkeypatch.setattr(fourier, "_TOGETHER_BYTES", (1 << 17, 1 << 17))
    cyconv.plan.recipe.cache_clear()
    yield
    cyconv.plan.recipe.cache_clear()


def per_axis(value, ndim):
    return value if isinstance(value, tuple) else (value,) * ndim


def drawn(n, size, channels, filters, groups, kernel, dtype):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((n, *size, channels)).astype(dtype)
    w = rng.standard_normal((*kernel, channels // groups, filters)).astype(dtype)
    return x, w, rng.standard_normal(filters).astype(dtype)


def named(ndim, groups, padding, stride, dilation, pad_mode):
    padding, stride, dilation = (per_axis(a, ndim) for a in (padding, stride, dilation))
    return {"padding": [(p, p) for p in padding], "stride": stride, "dilation": dilation, "pad_mode": pad_mode,
            "groups": groups, "kernel_layout": kernel_layouts(ndim)[0]}  # fmt: skip


def limit(x, w, padded_sum, dtype):
    """Twice the rounding of the results, and what Percival's bound says of transforms of 2**24 points in float64."""
    norms = math.prod(np.linalg.norm(a.astype(np.float64)) for a in (x, w))
    return 2 * np.finfo(dtype).eps * np.abs(padded_sum) + 13 * 24 * 2.0**-53 * norms


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("n", "size", "channels", "filters", "groups", "kernel", "padding", "stride", "dilation", "pad_mode"), CASES
)
def test_within_the_bound(
    small_tiles, dtype, n, size, channels, filters, groups, kernel, padding, stride, dilation, pad_mode
):
    """In both layouts, and the same bits for any threads, samples alone or together, functions and plans."""
    ndim = len(size)
    x, w, b = drawn(n, size, channels, filters, groups, kernel, dtype)
    arguments = named(ndim, groups, padding, stride, dilation, pad_mode)
    exact = reference.convolve(*(a.astype(np.float64) for a in (x, w, b)), **arguments)
    padded = np.pad(x, [(0, 0), *arguments["padding"], (0, 0)], mode=pad_mode)
    for layout in layouts(ndim)[:2]:
        a = np.ascontiguousarray(moved(x, layout))
        more = {**arguments, "layout": layout, "algorithm": "fft"}
        y = CONV[ndim](a, w, b, threads=1, **more)
        assert y.dtype == dtype
        error = np.abs(moved(y, layouts(ndim)[0], layout) - exact)
        assert np.all(error <= limit(padded, w, exact, dtype)), error.max()
        for threads in (2, 5):
            assert CONV[ndim](a, w, b, threads=threads, **more).tobytes() == y.tobytes()
        for i in range(n):
            assert CONV[ndim](a[i : i + 1], w, b, threads=2, **more).tobytes() == y[i : i + 1].tobytes()
        plan = PLAN[ndim](a.shape, w, b, dtype=dtype, **more)
        out = np.full(plan.output_shape, np.nan, dtype)
        for _ in range(2):
            assert plan(a, out=out).tobytes() == y.tobytes()
        assert pickle.loads(pickle.dumps(plan))(a).tobytes() == y.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("n", "size", "channels", "filters", "groups", "kernel", "padding", "stride", "dilation", "pad_mode"), CASES
)
def test_whole_numbers_stay_whole(
    small_tiles, each_isa, dtype, n, size, channels, filters, groups, kernel, padding, stride, dilation, pad_mode
):
    ndim = len(size)
    x, w, b = (np.rint(40 * a) for a in drawn(n, size, channels, filters, groups, kernel, dtype))
    arguments = named(ndim, groups, padding, stride, dilation, pad_mode)
    exact = reference.convolve(*(a.astype(np.int64) for a in (x, w, b)), **arguments)
    np.testing.assert_array_equal(CONV[ndim](x, w, b, algorithm="fft", **arguments), exact)


LENGTHS = [2**n * m for n in range(10) for m in (1, 3)]


def transformed(case, inputs, outputs, signal, shared=False):
    """What tiles of a case make of whole numbers, the same directly, and the bound of the difference."""
    size, out, kernel, stride = case
    rng = np.random.default_rng(7)
    x = rng.integers(-9, 10, (1, 1, *size)).astype(float)
    w = rng.integers(-9, 10, (2, 1, *kernel)).astype(float)
    count = [-(-n // m) for n, m in zip(out, outputs, strict=True)]
    tiles = Tiles(
        isa.kernels("float64").table(), False, 1, 1, 2, size, out, kernel, stride, (1, 1, 1), (0, 0, 0),
        PAD_MODES["constant"], signal, inputs, outputs, count, shared, 2 if shared else 1, 2,
    )  # fmt: skip
    tiles.prepare()
    spectra = np.empty(2 * tiles.spectrum_bytes // 8)
    tiles.pack(w, spectra, 2)
    y, beyond = np.empty((1, 2, *out)), np.ones(math.prod(count), np.uint8)
    memory = np.empty(tiles.memory_bytes(beyond.size, 2), np.uint8)
    assert tiles.run(x, y, spectra, None, False, 1.0, memory, beyond, 2)
    assert not beyond.any()
    expected = cyconv.conv3d(x, w, stride=stride, layout="NCDHW", kernel_layout="OIDHW", algorithm="direct")
    bound = (26 * math.log2(2 * math.prod(inputs)) + 4) * 2.0**-53 * np.linalg.norm(x) * np.linalg.norm(w)
    return y, expected, bound


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_transforms_of_every_length(each_isa, axis, shared):
    """Two tiles and a part of one along each axis, within the bound of sums that are exact."""
    least = fourier._LEAST[axis]
    for length in (n for n in LENGTHS if n % least == 0 and n >= max(least, 2)):
        inputs = [2, 6, 16]
        inputs[axis] = length
        kernel = [2, 3, 4]
        kernel[axis] = min(length // 2 + 1, 5)
        outputs = [n - k + 1 for n, k in zip(inputs, kernel, strict=True)]
        out = [2 * n + 1 for n in outputs]
        size = [n + k - 1 for n, k in zip(out, kernel, strict=True)]
        y, expected, bound = transformed((size, out, kernel, (1, 1, 1)), inputs, outputs, False, shared)
        error = np.abs(y - expected).max()
        assert error <= bound, f"{each_isa}, {inputs}: {error}"


@pytest.mark.parametrize("stride", [1, 2, 3, 7, 50])
def test_runs_of_signals_of_every_length(each_isa, stride):
    """Two tiles, and of a third a part, of its first run or of its second."""
    for rows, columns in itertools.product((8, 16, 24, 32, 64, 128), (8, 16, 24, 48, 64, 256)):
        kernel = min(rows * columns // 2 + 3, 70)
        run = (rows * columns - kernel) // stride + 1
        for more in (1, run + 1):
            out = 4 * run + more
            case = (1, 1, (out - 1) * stride + kernel), (1, 1, out), (1, 1, kernel), (1, 1, stride)
            y, expected, bound = transformed(case, (1, rows, columns), (1, 1, 2 * run), True)
            error = np.abs(y - expected).max()
            assert error <= bound, f"{each_isa}, {rows} x {columns}, {more}: {error}"


def test_lengths_of_transforms():
    """The next power of two, or three times one, found by trying."""
    for least in (*fourier._LEAST, fourier._LEAST_RUN):
        for n in range(1, 700):
            expected = min(m for m in (length * least for length in [1, *LENGTHS]) if m >= n)
            assert fourier._length(n, least) == expected


def test_no_negative_zeros():
    y = cyconv.conv1d(np.zeros((1, 50, 1)), -np.ones((9, 1, 1)), algorithm="fft")
    assert not np.signbit(y).any()


def test_whole_numbers_as_large_as_is_said():
    """The norms of a tile and of a filter multiplied up to 2**53 / 2,000, and no rounding where it might be wrong."""
    rng = np.random.default_rng(0)
    for largest, whole in ((2**9, True), (2**26, False)):
        x, w = (rng.integers(-largest, largest, shape).astype(float) for shape in ((1, 60, 60, 1), (20, 20, 1, 1)))
        y = cyconv.conv2d(x, w, algorithm="fft")
        if whole:
            assert np.linalg.norm(x) * np.linalg.norm(w) * 2000 < 2**53
            np.testing.assert_array_equal(y, cyconv.conv2d(x.astype(int), w.astype(int)))
        else:
            assert np.abs(y - cyconv.conv2d(x.astype(int), w.astype(int)).astype(float)).max() < 1e-12 * np.abs(y).max()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("size", "kernel"), [((40000,), (4001,)), ((500, 480), (101, 111)), ((100, 90, 96), (31, 27, 29))]
)
def test_scipy(dtype, size, kernel):
    """What is taken without being asked for, against SciPy's transforms in float64."""
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal(size).astype(dtype), rng.standard_normal(kernel).astype(dtype)
    ndim = len(size)
    layout, kernel_layout = layouts(ndim)[0], kernel_layouts(ndim)[0]
    whole = x[None, ..., None], w[..., None, None]
    plan = PLAN[ndim](whole[0].shape, whole[1], layout=layout, kernel_layout=kernel_layout, dtype=dtype)
    assert plan.algorithm == "fft"
    y = plan(whole[0])[0, ..., 0]
    expected = signal.correlate(x.astype(np.float64), w.astype(np.float64), "valid", "fft")
    assert np.abs(y - expected).max() <= (1.2e-7 if dtype == "float32" else 1e-14) * np.abs(expected).max()
    flipped = CONV[ndim](*whole, flip=True, algorithm="fft")[0, ..., 0]
    expected = signal.fftconvolve(x.astype(np.float64), w.astype(np.float64), "valid")
    assert np.abs(flipped - expected).max() <= (1.2e-7 if dtype == "float32" else 1e-14) * np.abs(expected).max()


@pytest.mark.parametrize("activation", ["relu", "relu6", "leaky_relu", "sigmoid", "tanh"])
@pytest.mark.parametrize("channels", [2, 10])
def test_activations_and_arrays_in_memory(activation, channels):
    x, w, b = drawn(2, (50, 60), channels, 9, 1, (9, 11), "float32")
    w /= 9
    arguments = {"activation": activation, "padding": "same"}
    exact = reference.convolve(*(a.astype(np.float64) for a in (x, w, b)), **arguments)
    y = cyconv.conv2d(x, w, b, algorithm="fft", **arguments)
    np.testing.assert_allclose(y, exact, rtol=2e-6, atol=2e-6)
    spread = np.zeros((2, 100, 60, 2 * channels), np.float32)[:, ::2, :, ::2]
    spread[...] = x
    assert cyconv.conv2d(spread, w, b, algorithm="fft", **arguments).tobytes() == y.tobytes()
    assert cyconv.conv2d(x[:, ::-1].copy()[:, ::-1], w, b, algorithm="fft", **arguments).tobytes() == y.tobytes()
    out = np.empty((2, 50, 120, 9), np.float32)[:, :, ::2]
    assert cyconv.conv2d(x, w, b, algorithm="fft", out=out, **arguments) is out
    assert out.tobytes() == y.tobytes()


def test_out_may_be_the_input():
    x, w, _ = drawn(1, (400,), 1, 1, 1, (21,), "float32")
    y = cyconv.conv1d(x, w, padding="same", algorithm="fft")
    assert cyconv.conv1d(x, w, padding="same", algorithm="fft", out=x).tobytes() == y.tobytes()


def test_half_precision():
    x, w, _ = drawn(1, (300,), 2, 1, 1, (64,), "float16")
    y = cyconv.conv1d(x, w, algorithm="fft")
    exact = reference.convolve(x.astype(np.float64), w.astype(np.float64))
    np.testing.assert_array_equal(y, exact.astype(np.float32).astype(np.float16))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize(
    ("n", "channels", "filters", "groups"), [(1, 6, 5, 1), (3, 1, 4, 1), (1, 5, 1, 1), (1, 9, 18, 3), (7, 2, 2, 1)]
)
def test_threads_divide_what_is_left(dtype, layout, n, channels, filters, groups):
    """Channels, then filters, of the last tiles: the same bits, also where a tile must be computed in another way."""
    x, w, b = drawn(n, (100, 90), channels, filters, groups, (31, 33), dtype)
    x = np.ascontiguousarray(moved(x, layout))
    plans = {
        threads: cyconv.plan_conv2d(x.shape, w, b, dtype=dtype, groups=groups, padding="same", layout=layout,
                                    kernel_layout="HWIO", algorithm="fft", threads=threads)
        for threads in (1, 2, 3, 5)
    }  # fmt: skip
    convolution = plans[1]._recipe.convolution
    units = n * groups * math.prod(convolution._tiling.count)
    alone = convolution._tiles.memory_bytes(1, 1)
    assert any(units % threads > 0 for threads in plans)
    # Spectra of the channels once, those of all filters, and the rows of two tiles, which take less than a spectrum.
    most = (channels // groups + filters // groups + 2) / (channels // groups + 1) * alone
    assert alone < convolution._tiles.memory_bytes(1, 2) < most
    expected = plans[1](x)
    bad = x.copy()
    bad[(-1, 50, 3, 0) if layout == "NHWC" else (-1, 0, 50, 3)] = np.nan
    as_directly = plans[1](bad)
    assert np.isnan(as_directly).any()
    assert not np.isnan(expected).any()
    for plan in plans.values():
        assert plan(x).tobytes() == expected.tobytes()
        np.testing.assert_array_equal(plan(bad), as_directly)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("kernel", [1, 5])
@pytest.mark.parametrize(("channels", "filters", "groups"), [(1, 1, 1), (3, 7, 1), (4, 5, 1), (26, 22, 2), (9, 40, 1)])
def test_tiles_that_threads_share(monkeypatch, each_isa, dtype, layout, kernel, channels, filters, groups):
    """One to eight tiles at once, four filters at once or more: the bits of tiles that each thread has of its own."""
    x, w, b = drawn(2, (40, 70), channels, filters, groups, (kernel, kernel), dtype)
    x = np.ascontiguousarray(moved(x, layout))
    arguments = {"padding": "same", "groups": groups, "layout": layout, "kernel_layout": "HWIO", "algorithm": "fft"}
    monkeypatch.setattr(fourier, "_MOST_POINTS", 1)

    def convolved(threads):
        cyconv.plan.recipe.cache_clear()
        plan = cyconv.plan_conv2d(x.shape, w, b, dtype=dtype, threads=threads, **arguments)
        tiling = plan._recipe.convolution._tiling
        return plan(x).tobytes(), tiling.shared, (tiling.at_once, tiling.filters)

    alone, shared, _ = convolved(2)
    assert not shared
    monkeypatch.setattr(fourier, "_CACHED_BYTES", 0)
    sizes = set()
    for room in range(14, 22):
        monkeypatch.setattr(fourier, "_TOGETHER_BYTES", (1 << room, 1 << room))
        for threads in (1, 3):
            together, shared, size = convolved(threads)
            assert shared
            assert together == alone
            sizes.add(size)
    cyconv.plan.recipe.cache_clear()
    assert len(sizes) > 2


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e200, 1e308])
@pytest.mark.parametrize(("channels", "groups"), [(1, 1), (6, 6), (6, 1), (12, 1)])
def test_what_is_not_finite_stays_in_its_place(small_tiles, value, channels, groups):
    """A tile is computed directly; the others have the same bits as without it."""
    x, w, b = drawn(2, (70, 65), channels, 12, groups, (9, 9), "float64")
    arguments = {"groups": groups, "padding": "same", "activation": "relu"}
    plain = cyconv.conv2d(x, w, b, algorithm="fft", **arguments)
    x[1, 40, 30, channels - 1] = value
    direct = cyconv.conv2d(x, w, b, algorithm="direct", **arguments)
    for threads in (1, 3):
        y = cyconv.conv2d(x, w, b, algorithm="fft", threads=threads, **arguments)
        np.testing.assert_array_equal(np.isnan(y), np.isnan(direct))
        np.testing.assert_array_equal(np.isinf(y), np.isinf(direct))
        np.testing.assert_array_equal(y[np.isinf(y)], direct[np.isinf(y)])
        there = np.isfinite(y)
        np.testing.assert_allclose(y[there], direct[there], rtol=1e-9, atol=1e-12)
        far = np.ones(y.shape, bool)
        far[1, 8:, :] = False
        np.testing.assert_array_equal(y[far], plain[far])


@pytest.mark.parametrize("value", [np.nan, -np.inf, 1e308])
def test_what_is_not_finite_stays_in_its_tile_of_a_signal(small_tiles, value):
    x, w, b = drawn(2, (4000,), 2, 3, 1, (70,), "float64")
    plain = cyconv.conv1d(x, w, b, padding="causal", pad_mode="edge", algorithm="fft")
    x[0, 1700, 1] = value
    direct = cyconv.conv1d(x, w, b, padding="causal", pad_mode="edge", algorithm="direct")
    y = cyconv.conv1d(x, w, b, padding="causal", pad_mode="edge", algorithm="fft")
    np.testing.assert_array_equal(np.isfinite(y), np.isfinite(direct))
    there = np.isfinite(y)
    np.testing.assert_allclose(y[there], direct[there], rtol=1e-9, atol=1e-12)
    tile = cyconv.plan_conv1d(x.shape, w, padding="causal", algorithm="fft")._recipe.convolution._tiling.outputs[2]
    assert tile < 1000
    np.testing.assert_array_equal(y[0, : 1700 - tile], plain[0, : 1700 - tile])
    np.testing.assert_array_equal(y[0, 1770 + tile :], plain[0, 1770 + tile :])
    np.testing.assert_array_equal(y[1], plain[1])


def test_weights_that_are_not_finite():
    x, w, b = drawn(1, (300,), 1, 2, 1, (200,), "float32")
    w[3, 0, 1] = np.inf
    plan = cyconv.plan_conv1d(x.shape, w, b, algorithm="fft")
    assert "weights that are not finite" in plan.explain()
    np.testing.assert_array_equal(plan(x), cyconv.conv1d(x, w, b, algorithm="direct"))


def test_float32_results_overflow_to_infinity():
    x = np.full((1, 300, 1), 1e38, np.float32)
    with np.errstate(all="raise"):
        assert np.isposinf(cyconv.conv1d(x, np.ones((150, 1, 1), np.float32), algorithm="fft")).all()


def test_a_signal_that_is_still_coming_in():
    """Whole tiles have the same bits whatever follows; nothing differs by more than a rounding."""
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((1, 300000, 1)), rng.standard_normal((1001, 1, 1))
    y = cyconv.conv1d(x, w, padding=[(1000, 0)], algorithm="fft")
    tile = cyconv.plan_conv1d(x.shape, w, padding=[(1000, 0)], algorithm="fft")._recipe.convolution._tiling.outputs[2]
    for n in (5000, tile + 1, 100001, 2 * tile + 2000):
        part = cyconv.conv1d(x[:, :n], w, padding=[(1000, 0)], algorithm="fft")
        whole = max(n // tile - 1, 0) * tile
        assert part[:, :whole].tobytes() == y[:, :whole].tobytes()
        np.testing.assert_allclose(part, y[:, :n], rtol=0, atol=1e-13 * np.abs(y).max())


def test_declines():
    with pytest.raises(ValueError, match="its transforms are not exact for integers"):
        cyconv.conv1d(np.ones((1, 9, 1), int), np.ones((2, 1, 1), int), algorithm="fft")

    def said(x_shape, w_shape, dtype="float32"):
        w = np.broadcast_to(np.ones((), dtype), w_shape)
        return dict(cyconv.plan.recipe(
            "test", len(w_shape) - 2, x_shape, np.dtype(dtype), w_shape, w.dtype, None, 1, 0, 1, 1, None, None,
            "constant", False, None, "auto", separable.UNFIT,
        ).considered)["fft"]  # fmt: skip

    assert said((1, 99, 99, 1), (7, 6, 1, 1)) == "windows of fewer than 49 taps are not worth transforms"
    assert said((1, 99, 1), (47, 1, 1)) == "windows of fewer than 48 taps are not worth transforms"
    assert said((1, 256, 256, 128), (31, 31, 128, 128)) == "transformed weights would take more than 128 MiB"
    assert said((1, 256, 256, 64), (31, 31, 64, 64)).startswith("taken")
    assert said((1, 500, 500, 1), (15, 15, 1, 1)).startswith("would take about")
    assert said((1, 200, 200, 3), (7, 7, 3, 3)).startswith("would take about")
    assert said((1, 60, 60, 64), (7, 7, 64, 64), "float64").startswith("taken")
    assert said((1, 36, 36, 36, 32), (5, 5, 5, 32, 32), "float64").startswith("taken")
    assert said((1, 200, 200, 12), (9, 9, 12, 12), "float64").startswith("taken")
    assert said((1, 500, 500, 1), (101, 101, 1, 1)).startswith("taken")
    assert said((1, 100000, 1), (4001, 1, 1)).startswith("taken")
    assert said((1, 128, 128, 128, 1), (31, 31, 31, 1, 1)).startswith("taken")
    assert said((1, 512, 512, 8), (61, 61, 8, 8)).startswith("taken")


@pytest.mark.parametrize(("channels", "filters"), [(8, 8), (1, 64), (9, 1), (8, 9), (40, 40)])
def test_length_of_a_signal(channels, filters):
    """It counts where channels are many; where they are few, outputs must not depend on what is still to come."""
    taken = {
        cyconv.plan_conv1d((1, n, channels), np.ones((100, channels, filters)), padding="causal").algorithm
        for n in (5, 50, 500, 5000, 50000)
    }
    assert "fft" in taken
    assert (len(taken) > 1) == (channels > 8 or channels * filters > 64)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("size", "channels", "filters", "groups", "kernel"),
    [
        ((100000,), 1, 1, 1, (501,)),
        ((700, 600), 1, 3, 1, (60, 61)),
        ((200, 210), 12, 10, 1, (31, 31)),
        ((200, 210), 12, 12, 12, (31, 31)),
        ((90, 90, 90), 3, 2, 1, (9, 9, 9)),
        ((90, 100), 48, 44, 1, (15, 15)),
        ((3000,), 100, 130, 2, (200,)),
    ],
)
def test_memory(dtype, threads, size, channels, filters, groups, kernel):
    """A call needs no more than the plan says, also where it looks for whole numbers, whatever the input's size."""
    x, w, b = (np.rint(9 * a) for a in drawn(1, size, channels, filters, groups, kernel, dtype))
    arguments = {"groups": groups, "algorithm": "fft", "threads": threads}
    ndim = len(size)
    plan = PLAN[ndim](x.shape, w, b, dtype=dtype, **arguments)
    out = np.empty(plan.output_shape, dtype)
    tracemalloc.start()
    plan(x, out=out)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak <= 1.1 * plan.workspace_bytes + (1 << 17)
    convolution = plan._recipe.convolution
    assert convolution.packed_bytes == fourier.spectra_bytes(convolution._case) + 8 * filters
    larger = PLAN[ndim]((1, *(4 * n for n in size), channels), w, dtype=dtype, **arguments)
    assert larger.workspace_bytes < 4 * plan.workspace_bytes


@pytest.mark.parametrize("channels", [2, 12])
def test_a_plan_called_by_many_threads(channels):
    """Each call has scratch memory of its own; what is kept of it does not grow."""
    x, w, b = drawn(6, (90, 80), channels, 8, 1, (21, 21), "float32")
    plan = cyconv.plan_conv2d(x[:1].shape, w, b, algorithm="fft", threads=2)
    expected = [plan(x[i : i + 1]).tobytes() for i in range(6)]
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda i: plan(x[i % 6 : i % 6 + 1]).tobytes(), range(48)))
    assert got == expected * 8
    assert len(plan._packed.scratch) <= 2
