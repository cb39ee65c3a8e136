"""The stencil algorithm: exact on integers, in place, and to the bit whatever the work is cut into."""

import dataclasses
import itertools

import numpy as np
import pytest
from arrays_in_memory import guarded
from bounds import assert_within_bound, bound
from cases import CONV, DTYPES, FLOATS, PLAN, Case, draw_fitting, integers, kernel_layouts, layouts, moved, reals
from conftest import kernels_of

import cyconv
from cyconv import isa, reference

PAD_MODES = ("constant", "edge", "reflect", "symmetric", "wrap")

MOST = 16
"""Channels, or filters, of groups that come from pixels together."""


def without(named, *names):
    return {name: value for name, value in named.items() if name not in names}


def convolved(case, **arguments):
    return case.convolved(algorithm="stencil", **arguments)


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_exact_on_integers(ndim):
    """Random configurations, each for every instruction set and for 1, 2 and 3 threads."""
    cases = draw_fitting(np.random.default_rng(1), 500, ndim=ndim)
    assert {str(case.x.dtype) for case, _ in cases} == set(DTYPES)
    for name in isa.available():
        with kernels_of(name):
            for case, expected in cases:
                for threads in (1, 2, 3):
                    y = convolved(case, threads=threads)
                    assert y.shape == expected.shape
                    assert np.array_equal(y.astype(expected.dtype), expected), f"{name}, {threads} threads: {case}"


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
def test_every_tile(each_isa, dtype):
    """Every height of a tile and of a kernel, every number of lanes of the last vector."""
    rng = np.random.default_rng(2)
    lanes = {"avx512": 64, "avx2": 32, "base": 16}[each_isa] // np.dtype(dtype).itemsize
    for rows in range(1, 18):
        for width in (1, lanes - 1, lanes, lanes + 1, 2 * lanes - 1, 2 * lanes, 2 * lanes + 1, 5 * lanes):
            x = rng.integers(-8, 9, (1, rows, width, 1)).astype(dtype)
            for height in (rows % 13 + 1, 3):
                w = rng.integers(-8, 9, (height, 2, 1, 1)).astype(dtype)
                y = cyconv.conv2d(x, w, padding=(height // 2, 1), algorithm="stencil")
                np.testing.assert_array_equal(y, reference.convolve(x, w, padding=(height // 2, 1)))


@pytest.mark.parametrize(
    ("channels", "filters", "size", "kernel", "arguments"),
    [
        (1, 1, (300, 401), (15, 15), {}),  # blocks of rows
        (1, 1, (40, 5000), (31, 31), {}),  # and of columns
        (64, 2, (90, 120), (5, 5), {}),  # planes in parts
        (700, 1, (30, 31), (3, 3), {}),
        (3, 2, (9, 70, 400), (4, 5, 5), {}),  # planes that neighbouring depths share
        (3, 1, (12, 30, 200), (5, 3, 3), {"stride": (2, 1, 2)}),
        (40, 2, (12, 60, 200), (3, 3, 3), {"dilation": (2, 1, 1)}),
        (2, 3, (200, 210), (7, 5), {"stride": (4, 3), "dilation": (6, 2)}),  # classes of rows
        (1, 2, (90, 100), (3, 9), {"dilation": (20, 11)}),
        (1, 1, (90, 3000), (2, 3), {"dilation": (1, 900), "stride": (1, 7)}),  # a copy for each column
        (2, 1, (20000,), (63,), {}),
        (3, 1, (30000,), (900,), {"stride": 3}),
        (2, 2, (9000,), (5,), {"dilation": 1000}),
        (1, 1, (120, 1, 50), (9, 1, 3), {}),
    ],
)
def test_large_work_is_cut(each_isa, channels, filters, size, kernel, arguments):
    """Blocks, planes and classes of rows; the result is the same sum, for every kind of padding."""
    rng = np.random.default_rng(3)
    ndim = len(size)
    x = rng.integers(-3, 4, (2, *size, channels)).astype(np.float32)
    w = rng.integers(-3, 4, (*kernel, channels, filters)).astype(np.float32)
    b = rng.integers(-99, 99, filters).astype(np.float32)
    mode = PAD_MODES[(channels + filters + kernel[0]) % 5]
    for pad_mode in {"constant", mode}:
        named = {**arguments, "padding": "same", "pad_mode": pad_mode, "activation": "relu"}
        named["kernel_layout"] = kernel_layouts(ndim)[0]
        expected = moved(reference.convolve(x, w, b, **named), layouts(ndim)[1])
        y = CONV[ndim](moved(x, layouts(ndim)[1]), w, b, layout=layouts(ndim)[1], algorithm="stencil", **named)
        np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("channels", "filters", "kernel"),
    [
        (1, 1, (1, 1)),
        (1, 2, (3, 3)),
        (3, 1, (2, 5)),
        (1, 1, (7, 4)),  # two segments of rows
        (1, 1, (11, 33)),  # as wide as a tile may see
        (1, 1, (3, 34)),  # and more
        (1, 1, (57, 3)),  # as high
        (1, 1, (58, 2)),
    ],
)
def test_in_place(each_isa, dtype, channels, filters, kernel):
    """Input that touches pages nobody may read, and a spread one, which is copied, have the same bits."""
    rng = np.random.default_rng(29)
    lanes = {"avx512": 64, "avx2": 32, "base": 16}[each_isa] // np.dtype(dtype).itemsize
    w = rng.standard_normal((filters, channels, *kernel)).astype(dtype)
    named = {"layout": "NCHW", "kernel_layout": "OIHW", "algorithm": "stencil"}
    for height, width in ((2, 3), (5, lanes), (9, 2 * lanes - 1), (17, 2 * lanes + 1), (30, 5 * lanes + 3)):
        x = rng.standard_normal((2, channels, height, width)).astype(dtype)
        spread = np.repeat(x, 2, axis=-1)[..., ::2]
        for padding in ("same", "full", ((0, kernel[0]), (kernel[1] + 3, 1)), ((70, 0), (0, 80))):
            y = cyconv.conv2d(spread, w, padding=padding, **named)
            assert_within_bound(y, Case(x, w, None, {**without(named, "algorithm"), "padding": padding}))
            for at_end in (False, True):
                for threads in (1, 2):
                    z = cyconv.conv2d(guarded(x, at_end), w, padding=padding, threads=threads, **named)
                    assert z.tobytes() == y.tobytes(), (height, width, padding, at_end, threads)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    ("channels", "filters", "kernel"),
    [(1, 1, (1, 3)), (3, 2, (1, 5)), (20, 1, (1, 2)), (2, 6, (1, 3)), (1, 1, (1, 33)), (2, 2, (4, 3)), (1, 3, (1, 9))],
)
def test_rows_in_place(each_isa, dtype, channels, filters, kernel):
    """One row of outputs, in runs and at its ends: as if it was copied, also beside pages nobody may read."""
    rng = np.random.default_rng(37)
    lanes = {"avx512": 64, "avx2": 32, "base": 16}[each_isa] // np.dtype(dtype).itemsize
    w = rng.standard_normal((filters, channels, *kernel)).astype(dtype)
    named = {"layout": "NCHW", "kernel_layout": "OIHW", "algorithm": "stencil"}
    for width in (kernel[1], 2 * lanes + kernel[1], 17 * lanes + 40, 40 * lanes + 5):
        x = rng.standard_normal((2, channels, kernel[0], width)).astype(dtype)
        spread = np.repeat(x, 2, axis=-1)[..., ::2]
        for padding in ((0, 0), (0, kernel[1] - 1), ((0, 0), (kernel[1] + 2, 1)), ((0, 0), (0, 80))):
            y = cyconv.conv2d(spread, w, padding=padding, **named)
            assert_within_bound(y, Case(x, w, None, {**without(named, "algorithm"), "padding": padding}))
            for at_end in (False, True):
                for threads in (1, 2, 5):
                    z = cyconv.conv2d(guarded(x, at_end), w, padding=padding, threads=threads, **named)
                    assert z.tobytes() == y.tobytes(), (width, padding, at_end, threads)


def test_long_rows_are_taken_in_place(each_isa):
    """Signals of many channels have no strip where masks have registers of their own, pictures' rows neither."""
    for shape, kernel in (((1, 60, 8000), (5,)), ((1, 60, 3, 3000), (3, 5))):
        convolve = {3: cyconv.plan_conv1d, 4: cyconv.plan_conv2d}[len(shape)]
        w = np.ones((1, 60, *kernel), np.float32)
        plan = convolve(shape, w, layout="NCHW" if len(shape) == 4 else "NCW", algorithm="stencil", threads=1)
        assert (plan.workspace_bytes > 50000) == (each_isa != "avx512")


@pytest.mark.parametrize(
    ("shape", "filters", "kernel"),
    [((1, 16, 60, 60), 1, (3, 3)), ((3, 8, 50, 50), 6, (5, 5)), ((1, 8, 1, 9000), 8, (1, 9))],
)
def test_threads_have_equal_shares(each_isa, shape, filters, kernel):
    """A picture that the strip holds is cut for as many threads as there are: each has the strip of a part."""
    w = np.ones((filters, shape[1], *kernel), np.float32)
    named = {"layout": "NCHW", "pad_mode": "edge", "padding": "same", "algorithm": "stencil"}
    one, *others = (cyconv.plan_conv2d(shape, w, threads=n, **named).workspace_bytes / n for n in (1, 2, 4))
    assert all(other < 0.8 * one for other in others)


@pytest.mark.parametrize(("kernel", "filters", "copies"), [((5, 5), 2, False), ((5, 34), 1, True), ((5, 5), 3, True)])
def test_little_is_taken_in_place(each_isa, kernel, filters, copies):
    """Where masks have registers of their own there is no strip, unless filters are many or large."""
    x, w = (1, 1, 100, 100), np.ones((filters, 1, *kernel), np.float32)
    plan = cyconv.plan_conv2d(x, w, padding="same", layout="NCHW", algorithm="stencil", threads=1)
    assert (plan.workspace_bytes > 10000) == (copies or each_isa != "avx512")


@pytest.mark.parametrize(
    ("channels", "filters", "size", "kernel", "arguments"),
    [
        (16, 1, (640, 650), (5, 5), {"padding": "same"}),
        (24, 2, (530, 540), (3, 4), {"pad_mode": "reflect", "padding": "same"}),
        (3, 3, (1490, 1500), (5, 3), {"groups": 3}),
        (4, 2, (12, 370, 381), (3, 3, 3), {"padding": 1}),
        (7, 3, (1000, 1001), (6, 7), {"stride": (1, 2), "dilation": (1, 2)}),
    ],
)
def test_far_inputs(each_isa, channels, filters, size, kernel, arguments):
    """Inputs of 24 MiB and more are fetched while sums are computed; `direct` fetches nothing."""
    rng = np.random.default_rng(23)
    ndim = len(size)
    x = rng.integers(-3, 4, (1, *size, channels)).astype(np.float32)
    w = rng.integers(-3, 4, (*kernel, channels // arguments.get("groups", 1), filters)).astype(np.float32)
    named = {**arguments, "kernel_layout": kernel_layouts(ndim)[0]}
    expected = CONV[ndim](x, w, algorithm="direct", **named)
    for layout in layouts(ndim)[:2]:
        there = np.ascontiguousarray(moved(x, layout))
        y = CONV[ndim](there, w, layout=layout, algorithm="stencil", **named)
        np.testing.assert_array_equal(y, moved(expected, layout))


@pytest.mark.parametrize(("kernel", "stride"), [(5, 1), (3, 2)])  # a strip that is fetched, and rows in place
def test_one_channel_has_one_workspace(each_isa, kernel, stride):
    """With one channel both layouts are the same memory, and what a plan says of its workspace is the same."""
    named = {"stride": stride, "algorithm": "stencil", "threads": 1, "kernel_layout": "HWIO"}
    w = np.ones((kernel, kernel, 1, 1), np.float32)
    last = cyconv.plan_conv2d((1, 2600, 2700, 1), w, **named)
    first = cyconv.plan_conv2d((1, 1, 2600, 2700), w, layout="NCHW", **named)
    assert last.workspace_bytes == first.workspace_bytes > 0


@pytest.mark.parametrize("filters", [1, 2, 5, 17])
@pytest.mark.parametrize("channels", [1, 2, 3, 15, 16, 17, 33, 100])
def test_neighbouring_channels(each_isa, channels, filters):
    """Channels-last: pixels become planes, and sums become pixels again, in any memory."""
    rng = np.random.default_rng(12)
    for size, kernel, named in (
        ((9, 40), (3, 3), {"activation": "relu"}),
        ((33, 18), (5, 2), {"stride": 2, "pad_mode": "reflect"}),
        ((30, 70), (3, 4), {"dilation": (2, 3)}),
        ((1, 300), (1, 7), {"stride": 3}),
        ((6, 20, 21), (3, 3, 3), {"activation": "relu6"}),
    ):
        x = rng.integers(-4, 5, (2, *size, channels)).astype(np.float32)
        w = rng.integers(-4, 5, (*kernel, channels, filters)).astype(np.float32)
        b = rng.integers(-9, 9, filters).astype(np.float32)
        conv = CONV[len(size)]
        named = {**named, "padding": "same", "kernel_layout": kernel_layouts(len(size))[0]}
        expected = conv(x, w, b, algorithm="direct", **named)
        for a in (x, np.repeat(x, 2, axis=-1)[..., ::2], x[..., ::-1].copy()[..., ::-1]):
            np.testing.assert_array_equal(conv(a, w, b, algorithm="stencil", threads=3, **named), expected)
        wide = np.full((*expected.shape[:-1], 2 * filters), 7, np.float32)
        for out in (wide[..., :filters], wide[..., ::2]):
            np.testing.assert_array_equal(conv(x, w, b, algorithm="stencil", out=out, **named), expected)
            wide[...] = 7


@pytest.mark.parametrize(
    ("dtype", "algorithm"),
    [
        *((dtype, algorithm) for dtype in FLOATS for algorithm in ("stencil", "fast_fir", "separable")),
        *((dtype, algorithm) for dtype in ("int32", "int64") for algorithm in ("stencil", "separable")),
    ],
)
def test_groups_of_pixels(each_isa, dtype, algorithm):
    """Channels-last, channels of some groups are brought apart and together: the bits of channels-first."""
    rng = np.random.default_rng(16)
    shapes = [(n, 1, 1) for n in range(2, MOST + 1)] + [(3, 1, 2), (4, 1, 4), (2, 1, 8), (2, 1, 3)]
    shapes += [(17, 1, 1), (35, 1, 1), (11, 1, 3), (3, 1, 20)]  # several strips, which may overlap
    if algorithm != "separable":
        shapes += [(2, 2, 1), (4, 2, 3), (3, 5, 4), (2, 8, 8), (7, 3, 4), (3, 17, 2), (2, 22, 1)]
    for n, (groups, channels, filters) in zip(itertools.cycle(range(20)), shapes, strict=False):
        for size, kernel, named in (
            ((7, 2 + 3 * n), (5, 3), {"activation": "relu"}),
            ((9, 68 - 3 * n), (3, 3), {"stride": 2}),
            ((11, 150), (4, 5), {"dilation": (1, 2), "pad_mode": PAD_MODES[n % 5]}),
            ((20, 61), (6, 4), {"stride": (1, 3), "dilation": (2, 1)}),
            ((5, 12, 40), (3, 4, 3), {"activation": "relu6"}),
            ((n + 1, 300), (1, 7), {}),
        ):
            ndim = len(size)
            if algorithm == "fast_fir" and (kernel[-2] < 4 or "stride" in named):
                continue
            if algorithm == "separable" and 1 in (size[-2], kernel[-2]):
                continue
            w = rng.integers(-4, 5, (filters * groups, channels, *kernel))
            if algorithm == "separable":
                w = np.multiply.reduce(np.meshgrid(*(rng.integers(1, 4, k) for k in kernel), indexing="ij"))
                w = w * rng.integers(1, 4, (filters * groups, 1, *(1 for _ in kernel)))
            x = rng.integers(-9, 10, (2, groups * channels, *size))
            x, w = (a * 0.37 if dtype in FLOATS and algorithm != "separable" else a for a in (x, w))
            x, w, b = x.astype(dtype), w.astype(dtype), rng.integers(-9, 9, groups * filters).astype(dtype)
            first, last = layouts(ndim)[1], layouts(ndim)[0]
            named = {**named, "padding": "same", "groups": groups, "kernel_layout": kernel_layouts(ndim)[1]}
            expected = CONV[ndim](x, w, b, layout=first, algorithm=algorithm, **named)
            expected = np.ascontiguousarray(np.moveaxis(expected, 1, -1))
            x = np.ascontiguousarray(np.moveaxis(x, 1, -1))
            named = {**named, "layout": last, "algorithm": algorithm}
            for a in (x, np.repeat(x, 2, axis=-1)[..., ::2], x[..., ::-1].copy()[..., ::-1]):
                for threads in (1, 3):
                    y = CONV[ndim](a, w, b, threads=threads, **named)
                    assert y.tobytes() == expected.tobytes(), (groups, channels, filters, size, kernel)
            wide = np.full((*expected.shape[:-1], 2 * groups * filters), 7, expected.dtype)
            for out in (wide[..., : groups * filters], wide[..., ::2]):
                np.testing.assert_array_equal(CONV[ndim](x, w, b, out=out, **named), expected)
                out[...] = 7
                assert (wide == 7).all(), "wrote between pixels"


@pytest.mark.parametrize("algorithm", ["stencil", "fast_fir", "separable"])
@pytest.mark.parametrize("value", [np.nan, np.inf, 3e38])
def test_other_groups_do_not_see_what_is_not_finite(each_isa, value, algorithm):
    x = np.random.default_rng(17).random((1, 30, 40, 3), np.float32)
    w = np.ones((5, 5, 1, 3), np.float32)
    clean = cyconv.conv2d(x, w, padding=2, groups=3, algorithm=algorithm)
    x[0, 11, 17, 1] = value
    y = cyconv.conv2d(x, w, padding=2, groups=3, algorithm=algorithm)
    hit = np.zeros((1, 30, 40, 3), bool)
    hit[0, 9:14, 15:20, 1] = True
    assert (np.isfinite(y) == ~hit).all() if value != 3e38 else (y[hit] == np.float32(3e38)).all()
    np.testing.assert_allclose(y[~hit], clean[~hit], rtol=26 * 2.0**-24 if algorithm == "fast_fir" else 0)


@pytest.mark.parametrize("pad_mode", PAD_MODES)
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_depthwise(each_isa, pad_mode, stride):
    """Planes with weights of their own, of sizes that fill no vector, many to a unit."""
    rng = np.random.default_rng(4)
    for size, kernel in ((7, 3), (14, 5), (28, 7), (31, 9), (33, 31), (56, 3)):
        x = rng.integers(-8, 9, (2, size, size + 1, 20)).astype(np.float32)
        w = rng.integers(-8, 9, (kernel, kernel, 1, 40)).astype(np.float32)
        named = {"padding": "same", "stride": stride, "groups": 20, "pad_mode": pad_mode, "kernel_layout": "HWIO"}
        expected = moved(reference.convolve(x, w, **named), "NCHW")
        y = cyconv.conv2d(moved(x, "NCHW"), w, layout="NCHW", algorithm="stencil", **named)
        np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
@pytest.mark.parametrize("stride", [2, 3, 4, 5])
def test_strided_rows_in_place(each_isa, dtype, stride):
    """Every number of taps, edges in every vector, and pixels that are no neighbours, whose rows are copied."""
    rng = np.random.default_rng(14)
    lanes = {"avx512": 64, "avx2": 32, "base": 16}[each_isa] // np.dtype(dtype).itemsize
    for taps in range(1, 10):
        for width in (taps, lanes * stride - 1, 2 * lanes * stride + taps, 4 * lanes * stride + 3):
            channels, filters, rows = 1 + taps % 3 // 2, 1 + taps % 2, 1 + (taps + stride) % 4
            x = rng.integers(-8, 9, (2, 2 * channels, 9, width)).astype(dtype)
            w = rng.integers(-8, 9, (2 * filters, channels, rows, taps)).astype(dtype)
            b = rng.integers(-8, 9, 2 * filters).astype(dtype)
            padding = ((rows // 2, 2), (taps // 2, width % 4))
            named = {"stride": (1 + taps % 3, stride), "padding": padding, "groups": 2, "layout": "NCHW"}
            expected = reference.convolve(x, w, b, kernel_layout="OIHW", **named)
            for view in (x, np.repeat(x, 2, axis=-1)[..., ::2]):
                for threads in (1, 3):
                    y = cyconv.conv2d(view, w, b, algorithm="stencil", threads=threads, **named)
                    np.testing.assert_array_equal(y, expected, str((taps, width)))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("stride", [2, 3, 4])
def test_strided_rows_that_are_not_finite(each_isa, stride, value):
    """In the input they stay local; as weights they meet the padding."""
    rng = np.random.default_rng(15)
    for at in ((0, 0), (8, 98), (4, 50), (3, 97)):
        x, w = np.ones((1, 1, 9, 99), np.float32), np.ones((1, 1, 3, 5), np.float32)
        named = {"stride": (1, stride), "padding": (1, 2), "layout": "NCHW"}
        x[(0, 0, *at)] = value
        y = cyconv.conv2d(x, w, algorithm="stencil", **named)
        np.testing.assert_array_equal(y, reference.convolve(x, w, kernel_layout="OIHW", **named))
        x = rng.integers(1, 9, x.shape).astype(np.float32)
        w[0, 0, at[0] % 3, at[1] % 5] = value
        y = cyconv.conv2d(x, w, algorithm="stencil", **named)
        with np.errstate(invalid="ignore"):
            expected = reference.convolve(x, w, kernel_layout="OIHW", **named)
        np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("pad_mode", PAD_MODES[1:])
def test_scipy_correlates_the_same(each_isa, pad_mode):
    ndimage = pytest.importorskip("scipy.ndimage")
    mode = {"edge": "nearest", "reflect": "mirror", "symmetric": "reflect", "wrap": "wrap"}[pad_mode]
    rng = np.random.default_rng(5)
    for dtype in ("float32", "float64"):
        for size, kernel in (((300,), (11,)), ((67, 130), (5, 7)), ((9, 30, 50), (3, 5, 3))):
            ndim = len(size)
            x, w = rng.integers(-9, 10, size).astype(dtype), rng.integers(-9, 10, kernel).astype(dtype)
            named = {"padding": "same", "pad_mode": pad_mode, "algorithm": "stencil"}
            layout, names = layouts(ndim)[3], kernel_layouts(ndim)[1]
            y = CONV[ndim](x[None], w[None, None], layout=layout, kernel_layout=names, **named)
            np.testing.assert_array_equal(y[0], ndimage.correlate(x, w, mode=mode))


@pytest.mark.parametrize("ndim", [1, 2, 3])
@pytest.mark.parametrize("dtype", FLOATS)
def test_real_data(each_isa, dtype, ndim):
    """Within the bound; and equal to the bit for all threads, batches and places in memory."""
    for case, _ in draw_fitting(np.random.default_rng(6), 80, ndim=ndim, dtypes=(dtype,), values=reals):
        y = convolved(case)
        assert_within_bound(y, case)
        assert len({convolved(case, threads=threads).tobytes() for threads in (1, 2, 3)} | {y.tobytes()}) == 1
        spread = dataclasses.replace(case, x=np.repeat(case.x, 2, axis=-1)[..., ::2])
        assert convolved(spread).tobytes() == y.tobytes(), str(case)
        if case.arguments["layout"][0] == "N":
            for n in range(len(case.x)):
                one = convolved(dataclasses.replace(case, x=case.x[n : n + 1]))
                assert one.tobytes() == y[n : n + 1].tobytes(), str(case)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    ("channels", "filters", "size", "kernel", "stride"),
    [
        (20, 1, (300, 300), (3, 3), 2),
        (16, 2, (200, 210), (5, 3), 3),
        (20, 3, (200, 300), (3, 3), 2),
        (40, 1, (90, 100), (7, 5), 1),
        (9, 1, (400, 300), (9, 3), 1),
        (40, 2, (1, 5000), (1, 6), 1),
        (9, 2, (26, 27, 28), (3, 5, 3), 2),
        (5, 1, (20, 20, 20), (7, 7, 7), 1),
    ],
)
def test_order_of_long_sums(each_isa, dtype, channels, filters, size, kernel, stride):
    """Segments of several heights, of more planes than a strip holds: the same bits for all strides, threads, sizes."""
    rng = np.random.default_rng(36)
    x = rng.standard_normal((1, channels, *size)).astype(dtype)
    w = rng.standard_normal((filters, channels, *kernel)).astype(dtype)
    convolve = {2: cyconv.conv2d, 3: cyconv.conv3d}[len(size)]
    named = {"layout": "NCHW" if len(size) == 2 else "NCDHW", "stride": stride, "algorithm": "stencil"}
    y = convolve(x, w, threads=1, **named)
    spread = np.repeat(x, 2, axis=-1)[..., ::2]
    turned = np.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2)
    for other in (x, spread, turned):
        for threads in (1, 2, 7):
            assert convolve(other, w, threads=threads, **named).tobytes() == y.tobytes(), threads
    corner = x[(..., *(slice(max(n // 2, k)) for n, k in zip(size, kernel, strict=True)))]
    z = convolve(corner, w, **named)
    assert np.array_equal(z, y[tuple(map(slice, z.shape))])


def test_parts_of_a_picture_have_the_same_bits(each_isa):
    """Whichever tile and block an output falls in."""
    rng = np.random.default_rng(7)
    x = rng.standard_normal((1, 2, 90, 700)).astype(np.float32)
    w = rng.standard_normal((1, 2, 7, 6)).astype(np.float32)
    whole = cyconv.conv2d(x, w, layout="NCHW", algorithm="stencil")
    for h in (0, 1, 5, 40):
        for v in (0, 1, 9, 333):
            part = cyconv.conv2d(x[:, :, h : h + 40, v : v + 100], w, layout="NCHW", algorithm="stencil")
            assert np.array_equal(part, whole[:, :, h : h + 34, v : v + 95])


@pytest.mark.parametrize("activation", ["relu", "relu6", "leaky_relu", "sigmoid", "tanh"])
def test_activations(each_isa, activation):
    """Bias and activation belong to a finished sum, also of planes in parts."""
    rng = np.random.default_rng(8)
    for channels in (1, 900):
        x = rng.standard_normal((2, channels, 20, 37)).astype(np.float32)
        w = (rng.standard_normal((3, channels, 3, 3)) / channels**0.5).astype(np.float32)
        b = rng.standard_normal(3).astype(np.float32)
        named = {"layout": "NCHW", "padding": "same"}
        y = cyconv.conv2d(x, w, b, activation=activation, algorithm="stencil", **named)
        case = Case(x, w, b, {**named, "kernel_layout": "OIHW"})
        expected = reference.activate(case.expected(), activation)
        # No activation is steeper than 1; its own error is a few units in the last place.
        assert np.all(np.abs(y - expected) <= bound(case) + 8 * 2.0**-24 * np.abs(expected))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_input_stays_local(each_isa, value):
    for at in ((4, 5), (0, 0), (8, 32), (0, 30)):
        x = np.ones((1, 2, 9, 33), np.float32)
        x[(0, 1, *at)] = value
        y = cyconv.conv2d(x, np.ones((2, 2, 3, 3), np.float32), padding="same", layout="NCHW", algorithm="stencil")
        hit = np.zeros((9, 33), bool)
        hit[max(at[0] - 1, 0) : at[0] + 2, max(at[1] - 1, 0) : at[1] + 2] = True
        np.testing.assert_array_equal(~np.isfinite(y[0]), np.broadcast_to(hit, (2, 9, 33)))


def test_non_finite_weights_meet_padding(each_isa):
    """An infinite weight over a padding zero is NaN, along every axis."""
    for axis in range(3):
        x = np.ones((1, 1, 5, 6, 40), np.float32)
        w = np.ones((1, 1, 3, 3, 3), np.float32)
        w[(0, 0, *(0 if a == axis else 1 for a in range(3)))] = np.inf
        y = cyconv.conv3d(x, w, padding=1, layout="NCDHW", algorithm="stencil")[0, 0]
        expected = np.zeros(y.shape, bool)
        expected[(*(0 if a == axis else slice(None) for a in range(3)),)] = True
        np.testing.assert_array_equal(np.isnan(y), expected)
        assert np.isinf(y[~expected]).all()


def test_zero_is_positive(each_isa):
    for x, w in ((-0.0, 1.0), (-1e-30, 1e-30)):
        x = np.full((1, 1, 6, 20), x, np.float32)
        w = np.full((1, 1, 3, 3), w, np.float32)
        y = cyconv.conv2d(x, w, np.full(1, -0.0, np.float32), padding="same", layout="NCHW", algorithm="stencil")
        assert not np.signbit(y).any()


def views(x):
    """The same numbers in arrays of other strides."""
    yield x[..., ::-1].copy()[..., ::-1]
    yield x[:, :, ::-1].copy()[:, :, ::-1]
    yield np.repeat(np.repeat(x, 2, axis=2), 3, axis=3)[:, :, ::2, ::3]
    yield x.transpose(3, 1, 0, 2).copy().transpose(2, 1, 3, 0)
    yield np.frombuffer(b"." + x.tobytes(), x.dtype, offset=1).reshape(x.shape)
    yield np.broadcast_to(x, (3, *x.shape))[1]


def test_arrays_of_any_strides(each_isa):
    rng = np.random.default_rng(9)
    for channels, stride in ((1, 1), (3, 1), (1, 2), (2, 3)):
        x = rng.standard_normal((2, channels, 23, 71)).astype(np.float32)
        w = rng.standard_normal((2, channels, 5, 4)).astype(np.float32)
        named = {"layout": "NCHW", "padding": "same", "stride": stride, "algorithm": "stencil"}
        expected = cyconv.conv2d(x, w, **named)
        for view in views(x):
            assert np.array_equal(cyconv.conv2d(view, w, **named), expected)
        for out in views(np.zeros_like(expected)):
            if out.flags.writeable:
                assert cyconv.conv2d(x, w, out=out, **named) is out
                assert np.array_equal(out, expected)
        memory = np.full((2, 2, 30, expected.shape[-1] + 5), 7, np.float32)
        out = memory[:, :, 1 : 1 + expected.shape[2], 2:-3]
        cyconv.conv2d(x, w, out=out, **named)
        assert np.array_equal(out, expected)
        out[...] = 7
        assert (memory == 7).all(), "wrote between rows"


def test_plans(each_isa):
    rng = np.random.default_rng(10)
    for case, _ in draw_fitting(rng, 60, values=integers, dtypes=FLOATS):
        plan = PLAN[case.ndim](case.x.shape, case.w, case.bias, algorithm="stencil", **case.arguments)
        assert plan.algorithm == "stencil"
        assert plan(case.x).tobytes() == convolved(case).tobytes()


def test_what_it_declines():
    x, w = np.ones((1, 1, 2000, 2000), np.float32), np.ones((1, 1, 900, 900), np.float32)
    with pytest.raises(ValueError, match="'stencil' cannot serve this call: the window is too large"):
        cyconv.conv2d(x, w, layout="NCHW", algorithm="stencil")


@pytest.mark.parametrize(
    ("x_shape", "w_shape", "groups"),
    [
        ((1, 1, 1080, 1920), (1, 1, 9, 9), 1),
        ((1, 32, 112, 112), (32, 1, 3, 3), 32),
        ((1, 1, 9, 90, 90), (1, 1, 5, 5, 5), 1),
    ],
)
def test_it_is_taken_for_what_it_is_made_for(each_isa, x_shape, w_shape, groups):
    ndim = len(w_shape) - 2
    w = np.random.default_rng(13).random(w_shape, np.float32)
    plan = PLAN[ndim](x_shape, w, padding="same", groups=groups, layout=layouts(ndim)[1])
    assert plan.algorithm == "stencil"


def test_the_length_of_a_signal_decides_nothing(each_isa):
    """A causal filter gives the same bits while its input is still coming in."""
    rng = np.random.default_rng(11)
    for channels, filters, kernel, stride in ((1, 1, 31, 1), (1, 8, 5, 4), (3, 2, 9, 2)):
        x = rng.standard_normal((1, channels, 3000)).astype(np.float32)
        w = rng.standard_normal((filters, channels, kernel)).astype(np.float32)
        named = {"padding": "causal", "stride": stride, "layout": "NCW"}
        whole = cyconv.conv1d(x, w, **named)
        for n in (1, 2, 17, 100, 999):
            y = cyconv.conv1d(x[..., :n], w, **named)
            assert y.tobytes() == whole[..., : y.shape[-1]].tobytes()


@pytest.mark.parametrize("channels", [1, 3])
def test_depths_in_parts(each_isa, channels):
    """Planes so large that a strip holds some of a window's depths only."""
    rng = np.random.default_rng(9)
    x = rng.integers(-3, 4, (1, channels, 9, 150, 1024))
    w = rng.integers(-3, 4, (1, channels, 5, 5, 5))
    arguments = {"padding": 2, "layout": "NCDHW", "kernel_layout": "OIDHW", "pad_mode": "edge"}
    expected = cyconv.conv3d(x, w, algorithm="direct", **arguments)
    for threads in (1, 2, 3, 5):
        y = cyconv.conv3d(x, w, algorithm="stencil", threads=threads, **arguments)
        np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("depth", range(2, 12))
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"padding": ((2, 1), 0, 0)},
        {"padding": (3, 0, 0), "dilation": (2, 1, 1)},
        {"padding": (2, 0, 0), "pad_mode": "reflect"},
        {"padding": (1, 0, 0), "stride": (2, 1, 1)},
    ],
)
@pytest.mark.parametrize("layout", layouts(3)[:2])
def test_kernels_along_the_depth(each_isa, layout, depth, arguments):
    """Planes whose rows follow each other are one row of a picture of depths; to the bit the same if they do not."""
    rng = np.random.default_rng(depth)
    named = {**arguments, "groups": 6, "layout": layout, "kernel_layout": "OIDHW", "algorithm": "stencil"}
    for dtype in ("float32", "float64", "int32"):
        for size in ((24, 7, 9), (21, 1, 70)):
            x = np.ascontiguousarray(moved(rng.integers(-4, 5, (2, *size, 6)).astype(dtype), layout))
            w = rng.integers(-4, 5, (12, 1, depth, 1, 1)).astype(dtype)
            if dtype in FLOATS:
                exact = cyconv.conv3d(x, w, **named)
                np.testing.assert_array_equal(exact, reference.convolve(x, w, **without(named, "algorithm")))
                x, w = rng.standard_normal(x.shape).astype(dtype), rng.standard_normal(w.shape).astype(dtype)
            width = layout.index("W")
            wider = tuple(n + 3 if axis == width else n for axis, n in enumerate(x.shape))
            apart = np.moveaxis(np.moveaxis(np.zeros(wider, dtype), width, -1)[..., 1:-2], -1, width)
            apart[...] = x
            y = cyconv.conv3d(x, w, **named)
            out = np.zeros((*y.shape[:-1], y.shape[-1] + 5), y.dtype)[..., :-5]
            assert cyconv.conv3d(apart, w, **named).tobytes() == y.tobytes()
            assert cyconv.conv3d(x, w, **named, out=out, threads=2).tobytes() == y.tobytes()
            assert cyconv.conv3d(x[1:], w, **named, threads=3).tobytes() == y[1:].tobytes()
            if dtype not in FLOATS:
                np.testing.assert_array_equal(y, reference.convolve(x, w, **without(named, "algorithm")))
