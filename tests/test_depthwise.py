"""depthwise_conv2d and separable_conv2d: what they are in terms of the definition and of conv2d."""

import dataclasses
import inspect
import math
import tracemalloc

import numpy as np
import pytest
from bounds import assert_within_bound
from cases import CONV, DTYPES, FLOATS, Case, draw_fitting, integers, kernel_layouts, layouts, moved, reals
from conftest import kernels_of

import cyconv
from cyconv import isa, reference


def own_kernel(case):
    """The kernel of a case of one group for each channel, as the depthwise functions take it."""
    w = case.w
    return w.reshape(*w.shape[:2], case.arguments["groups"], -1) if case.arguments["kernel_layout"] == "HWIO" else w


def depthwise(case, **arguments):
    named = {name: value for name, value in case.arguments.items() if name != "groups"}
    named["algorithm"] = case.exact_algorithm()
    return cyconv.depthwise_conv2d(case.x, own_kernel(case), case.bias, **named, **arguments)


def draw_depthwise(rng, count, values=integers, **kinds):
    """Random depthwise cases, as `cases.draw_fitting` gives convolutions."""
    cases = []
    for case, _ in draw_fitting(rng, count, values=values, **kinds):
        kernel_layout = case.arguments["kernel_layout"]
        channels, multiplier = case.x.shape[case.arguments["layout"].index("C")], int(rng.choice((1, 1, 2, 3, 5)))
        kernel = [case.w.shape[kernel_layout.index(axis)] for axis in "HW"]
        w = values(rng, (*kernel, 1, channels * multiplier), case.w.dtype, 3)
        bias = None if case.bias is None else values(rng, (channels * multiplier,), case.w.dtype, 9)
        arguments = {**case.arguments, "groups": channels}
        case = Case(case.x, np.ascontiguousarray(moved(w, kernel_layout)), bias, arguments)
        cases.append((case, case.expected()))
    return cases


def test_exact_on_integers():
    """1,000 random configurations, each for every instruction set and for 1, 2 and 3 threads."""
    cases = draw_depthwise(np.random.default_rng(1), 1000)
    assert {str(case.x.dtype) for case, _ in cases} == set(DTYPES)
    for name in isa.available():
        with kernels_of(name):
            for case, expected in cases:
                for threads in (1, 2, 3):
                    y = depthwise(case, threads=threads)
                    assert y.shape == expected.shape
                    assert np.array_equal(y.astype(expected.dtype), expected), f"{name}, {threads} threads: {case}"


@pytest.mark.parametrize("dtype", FLOATS)
def test_real_data(each_isa, dtype):
    """Within the bound, and equal to conv2d with groups, to the bit."""
    for case, _ in draw_depthwise(np.random.default_rng(2), 60, values=reals, dtypes=(dtype,)):
        y = depthwise(case)
        assert_within_bound(y, case)
        assert y.tobytes() == case.convolved().tobytes(), str(case)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16", "int64"])  # int16 is summed in int32
@pytest.mark.parametrize(
    ("channels", "size", "kernel", "arguments"),
    [
        (1, (5, 40), (3, 3), {"padding": "same"}),
        (2, (9, 61), (3, 3), {"padding": "same"}),
        (3, (30, 45), (3, 5), {}),
        (5, (31, 30), (5, 5), {"padding": "same", "stride": 2}),
        (8, (40, 90), (3, 3), {"padding": ((0, 2), (1, 0))}),
        (24, (20, 57), (7, 7), {"padding": "same"}),
        (33, (19, 64), (3, 3), {"padding": "same", "pad_mode": "reflect"}),
        (33, (19, 64), (4, 4), {"padding": 3, "stride": (1, 3)}),
        (40, (33, 50), (1, 11), {"padding": "full"}),
        (20, (18, 47), (3, 3), {"padding": 5, "pad_mode": "wrap", "stride": 2}),
        (17, (40, 44), (3, 2), {"dilation": (3, 2), "padding": 4}),
        (18, (44, 43), (2, 3), {"dilation": (1, 5), "padding": "same", "pad_mode": "symmetric"}),
        (19, (2, 1), (5, 6), {"padding": 6}),  # an input smaller than the kernel
        (130, (7, 7), (7, 7), {"padding": "same"}),
        (36, (50, 60), (2, 2), {"stride": (5, 4), "padding": 1}),  # a stride larger than the kernel
        (260, (14, 14), (3, 3), {"padding": "same"}),
        (16, (1, 1), (3, 3), {"padding": 1}),  # tiles that fall down columns of outputs: of one row, of few, of bands,
        (48, (2, 9), (3, 3), {"padding": 1}),
        (64, (35, 20), (3, 3), {"padding": ((2, 0), (0, 2))}),
        (20, (5, 30), (3, 3), {"padding": ((0, 2), (1, 0))}),
        (32, (3, 4), (3, 3), {"padding": 2}),
        (32, (18, 7), (3, 3), {"padding": 3}),  # and with a row that meets padding alone
        (512, (9, 17), (3, 3), {"padding": "same"}),  # pixels that collide in the cache
        (1024, (11, 8), (3, 3), {"padding": 2, "stride": 2}),
        (512, (6, 15), (3, 2), {"padding": "same", "pad_mode": "reflect"}),
        (20, (1, 700), (1, 4), {"padding": ((0, 0), (3, 0))}),  # runs of tiles along one row, and parts of long rows
        (67, (1, 1003), (1, 3), {"padding": "same", "stride": 2}),
        (33, (2, 600), (3, 5), {"padding": "same"}),
        (24, (9, 500), (3, 3), {"padding": 2, "dilation": 2}),
        (40, (1, 530), (1, 3), {"padding": 40, "pad_mode": "reflect"}),
        (512, (1, 460), (1, 2), {"padding": "full"}),
    ],
)
def test_pixels_read_in_place(each_isa, dtype, channels, size, kernel, arguments):
    """Exact at every edge, and the same to the bit for each thread, sample and way that memory lies."""

    def depthwise_conv2d(x, w, b, **more):
        more["algorithm"] = "grouped" if channels > 1 else "direct"
        return cyconv.depthwise_conv2d(x, w.reshape(*kernel, channels, 1), b, **arguments, **more)

    check_at_edges(depthwise_conv2d, dtype, size, (*kernel, 1, channels), channels, arguments)


@pytest.mark.parametrize("layout", ["NDHWC", "NCDHW"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
@pytest.mark.parametrize(
    ("channels", "size", "kernel", "arguments"),
    [
        (24, (8, 21, 20), (5, 1, 1), {"padding": "same"}),
        (18, (7, 19, 31), (3, 3, 3), {"padding": "same"}),
        (33, (9, 12, 17), (3, 3, 3), {"padding": 2, "stride": (2, 1, 1)}),
        (5, (11, 10, 33), (4, 2, 3), {"padding": "full", "stride": (3, 2, 2)}),
        (17, (6, 9, 30), (3, 3, 3), {"padding": 3, "pad_mode": "wrap"}),
        (20, (12, 13, 16), (3, 2, 3), {"padding": 4, "dilation": (3, 1, 2)}),
        (7, (10, 23, 15), (3, 3, 2), {"padding": "same", "pad_mode": "reflect", "dilation": (1, 3, 1)}),
        (40, (3, 5, 61), (2, 1, 3), {"stride": (2, 1, 1)}),  # windows that share no planes
        (16, (90, 6, 40), (7, 3, 3), {"padding": "same"}),  # more planes than a unit has
        (36, (1, 9, 14), (3, 3, 3), {"padding": 1}),  # planes that meet padding alone
        (512, (4, 5, 6), (2, 3, 2), {"padding": "same"}),
        (7, (4, 5, 480), (3, 2, 3), {"padding": "same", "dilation": 2}),  # runs of tiles along one row
    ],
)
def test_volumes_read_in_place(each_isa, layout, dtype, channels, size, kernel, arguments):
    """The same where windows behind each other share planes, or do not."""

    def depthwise_conv3d(x, w, b, **more):
        call = cyconv.conv3d if layout == "NDHWC" else channels_first(cyconv.conv3d, layout)
        return call(x, w, b, groups=channels, algorithm="grouped", **arguments, **more)

    check_at_edges(depthwise_conv3d, dtype, size, (*kernel, 1, channels), channels, arguments)


@pytest.mark.parametrize("channels", [17, 24, 32, 40])
@pytest.mark.parametrize("kernel", [3, 5])
def test_outputs_anywhere(each_isa, channels, kernel):
    """Which units threads take depends on where outputs lie; results do not."""
    rng = np.random.default_rng(11)
    x = rng.standard_normal((2, 37, 23, channels)).astype("float32")
    w = rng.standard_normal((kernel, kernel, channels, 1)).astype("float32")
    more = {"padding": "same", "kernel_layout": "HWIO", "activation": "tanh", "algorithm": "grouped"}
    expected = cyconv.depthwise_conv2d(x, w, threads=1, **more)
    exact = reference.convolve(x, w.reshape(kernel, kernel, 1, channels), groups=channels, padding="same")
    largest = reference.convolve(abs(x), abs(w).reshape(kernel, kernel, 1, channels), groups=channels, padding="same")
    bound = (kernel**2 + 4) * 2.0**-24 * np.maximum(largest, 1)  # tanh is no steeper than 1, and rounds by itself
    assert (abs(expected - np.tanh(exact.astype("float64"))) <= 2 * bound).all()  # the reference rounds too
    memory = np.empty(expected.nbytes + 64, np.uint8)
    for start in range(0, 64, 16):
        out = memory[start : start + expected.nbytes].view("float32").reshape(expected.shape)
        for threads in (1, 2, 3):
            out[...] = np.nan
            assert cyconv.depthwise_conv2d(x, w, out=out, threads=threads, **more) is out
            assert out.tobytes() == expected.tobytes()


@pytest.mark.parametrize("activation", [None, "tanh"])
@pytest.mark.parametrize(("padding", "columns"), [("same", 2), (2, 2), ("same", 3)])
def test_outputs_that_collide_in_the_cache(each_isa, padding, columns, activation):
    """Outputs a multiple of 2 KiB apart are stored row by row, or by tiles that fall, and are the same to the bit."""
    rng = np.random.default_rng(12)
    x = rng.standard_normal((2, 15, 20, 500)).astype("float32")
    w = rng.standard_normal((3, columns, 500, 1)).astype("float32")
    more = {"padding": padding, "activation": activation, "kernel_layout": "HWIO", "algorithm": "grouped"}
    expected = cyconv.depthwise_conv2d(x, w, threads=1, **more)
    for threads in (1, 2, 3):
        out = np.full((*expected.shape[:3], 512), np.nan, "float32")
        cyconv.depthwise_conv2d(x, w, out=out[..., 7:507], threads=threads, **more)
        assert out[..., 7:507].tobytes() == expected.tobytes()
        assert np.isnan(out[..., :7]).all()
        assert np.isnan(out[..., 507:]).all()


def check_at_edges(convolve, dtype, size, w_shape, groups, arguments):
    """Convolutions of two samples against the definition; `convolve` takes weights in HWIO."""
    rng = np.random.default_rng(7)
    channels, filters = groups * w_shape[-2], w_shape[-1]
    x = rng.integers(-3, 4, (2, *size, channels)).astype(dtype)
    w, b = rng.integers(-3, 4, w_shape).astype(dtype), rng.integers(-9, 10, filters).astype(dtype)
    expected = reference.convolve(x, w, b, groups=groups, **arguments)
    for threads in (1, 2, 3):
        np.testing.assert_array_equal(convolve(x, w, b, threads=threads), expected)
    # Rows and pixels backwards and with gaps; the last vector ends where memory does.
    steps = (2,) * (len(size) - 1) + (3,)
    gaps = np.zeros((2, *(step * n for step, n in zip(steps, size, strict=True)), channels + 3), dtype)
    forth = tuple(slice(None, None, step) for step in steps)
    back = tuple(slice(None, None, -step) for step in steps)
    later = tuple(slice(step - 1, None, step) for step in steps)
    last, inner = slice(3, None), slice(1, -2)
    for at in ((slice(None), *forth, last), (slice(None), *back, last), (slice(None, None, -1), *later, last),
               (slice(None), *forth, inner)):  # fmt: skip
        there = gaps[at]
        there[...] = x
        np.testing.assert_array_equal(convolve(there, w, b), expected)
    summed = convolve(x, w, b).dtype
    out = np.full((2, *(2 * n for n in expected.shape[1:-1]), filters + 5), 77, summed)
    y = out[(slice(None), *(slice(None, None, 2) for _ in size[1:]), slice(1, None, 2), slice(2, -3))]
    assert convolve(x, w, b, out=y, threads=2) is y
    np.testing.assert_array_equal(y, expected)
    assert np.count_nonzero(out != 77) == np.count_nonzero(y != 77)
    if dtype in FLOATS:
        a, v = rng.standard_normal(x.shape).astype(dtype), rng.standard_normal(w.shape).astype(dtype)
        for activation in (None, "leaky_relu"):
            y = convolve(a, v, b, activation=activation)
            assert convolve(a, v, b, activation=activation, threads=2).tobytes() == y.tobytes()
            assert convolve(a[1:], v, b, activation=activation).tobytes() == y[1:].tobytes()
        # A window that holds NaN gives NaN, no other; an infinite weight meets the zeros around the input.
        a = np.abs(a)
        a[(0, *(n // 2 for n in size), channels // 2)] = np.nan
        v = np.abs(v)
        for infinite in (False, True):
            v[(*(0 for _ in size), -1, filters // 3)] = np.inf if infinite else 1
            with np.errstate(invalid="ignore"):
                expected = reference.convolve(a, v, b, groups=groups, **arguments)
            np.testing.assert_array_equal(np.isnan(convolve(a, v, b)), np.isnan(expected))


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
@pytest.mark.parametrize(
    ("groups", "channels", "filters", "size", "kernel", "arguments"),
    [
        (16, 4, 4, (20, 31), (3, 3), {"padding": "same"}),
        (5, 8, 8, (19, 40), (3, 3), {"padding": "same", "stride": 2}),
        (9, 2, 2, (12, 33), (5, 5), {"padding": 2}),
        (7, 1, 2, (30, 18), (3, 4), {"padding": "full"}),  # a vector sees half of one
        (3, 2, 8, (9, 20), (2, 3), {}),
        (13, 4, 4, (14, 14), (3, 3), {"padding": "same", "dilation": 2}),
        (12, 4, 4, (21, 35), (3, 3), {"padding": 1, "stride": 3}),
        (10, 2, 4, (23, 30), (5, 4), {"padding": 2, "stride": (2, 3), "dilation": (3, 2)}),
        (6, 4, 4, (17, 29), (3, 3), {"padding": 2, "pad_mode": "reflect"}),
        (11, 2, 2, (16, 24), (1, 1), {"stride": (1, 3)}),
        (6, 3, 3, (15, 22), (3, 3), {"padding": "same"}),  # channels of groups that begin anywhere in a vector
        (4, 3, 6, (15, 22), (3, 3), {"padding": "same", "dilation": (1, 2)}),
        (8, 8, 2, (11, 19), (3, 3), {"padding": "same"}),  # more than a vector of channels
        (40, 4, 4, (7, 7), (3, 3), {"padding": "same"}),
        (5, 4, 4, (1, 600), (1, 3), {"padding": "same"}),  # runs along one row,
        (3, 1, 2, (12, 10), (2, 2), {"stride": 2, "dilation": 3}),  # which end before vectors read too much
        (50, 1, 1, (14, 14), (3, 3), {"padding": "same"}),  # planes that are turned as a whole,
        (33, 1, 1, (21, 20), (5, 5), {"padding": "same", "stride": 2}),
        (18, 1, 1, (9, 30), (3, 3), {"padding": 3, "dilation": (1, 2)}),
        (17, 1, 1, (40, 11), (3, 4), {"padding": 4, "stride": (2, 3)}),  # row by row,
        (20, 1, 1, (2, 5), (7, 7), {"padding": 5}),
        (100, 1, 1, (40, 40), (3, 3), {"padding": "same"}),
        (3, 1, 1, (70, 260), (5, 5), {"padding": 2}),  # several bands
    ],
)
def test_lanes_see_channels_of_groups(each_isa, layout, dtype, groups, channels, filters, size, kernel, arguments):
    """The same for groups of a few channels, whose lanes pick theirs or have them spread."""
    lanes = {"avx512": 64, "avx2": 32, "base": 16}[each_isa] // (4 if dtype == "float32" else 8)

    def conv2d(x, w, b, **more):
        more["algorithm"] = "grouped" if 2 * filters <= lanes else "direct"
        call = cyconv.conv2d if layout == "NHWC" else channels_first(cyconv.conv2d, layout)
        return call(x, w, b, groups=groups, **arguments, **more)

    check_at_edges(conv2d, dtype, size, (*kernel, channels, groups * filters), groups, arguments)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize(
    ("groups", "channels", "size", "kernel", "arguments"),
    [
        (100, 1, (60, 61), 3, {"padding": 1}),
        (96, 1, (70, 70), 3, {"padding": 1, "stride": 2}),
        (480, 1, (14, 14), 5, {"padding": 2}),
        (70, 1, (90, 40), 5, {"padding": 4, "dilation": 2, "pad_mode": "reflect"}),
        (20, 4, (61, 60), 3, {"padding": 1}),
        (100, 1, (20, 400), 3, {"padding": 1}),  # rows so long that columns are fetched
        (64, 1, (9, 20, 21), 3, {"padding": 1, "stride": (1, 2, 1)}),
    ],
)
def test_far_arrays_are_fetched(each_isa, layout, groups, channels, size, kernel, arguments):
    """Arrays of 22 MiB and more, whose lines are fetched meanwhile: the bits of samples alone, in any threads."""
    ndim = len(size)
    layout = {2: layout, 3: {"NHWC": "NDHWC", "NCHW": "NCDHW"}[layout]}[ndim]
    rng = np.random.default_rng(5)
    n = math.ceil((22 << 20) / (math.prod(size) * groups * channels * 4))  # of the input alone
    x = np.ascontiguousarray(moved(rng.random((n, *size, groups * channels), np.float32), layout))
    w = rng.random((groups * channels, channels, *(kernel,) * ndim), np.float32)
    arguments = {**arguments, "groups": groups, "layout": layout, "kernel_layout": kernel_layouts(ndim)[1]}
    y = CONV[ndim](x, w, threads=2, **arguments)
    assert CONV[ndim](x, w, threads=1, **arguments).tobytes() == y.tobytes()
    for i in range(n):
        assert CONV[ndim](x[i : i + 1], w, **arguments).tobytes() == y[i : i + 1].tobytes()


def channels_first(convolve, layout):
    """A convolution that takes arrays channels-last, and weights in HWIO, but brings them to another layout."""

    def convolved(x, w, b, **more):
        y = more.pop("out", None)
        if y is not None:
            more["out"] = np.moveaxis(y, -1, 1)
        planes = np.ascontiguousarray if x.flags.c_contiguous else np.asarray
        x, w = planes(np.moveaxis(x, -1, 1)), np.moveaxis(w, (-1, -2), (0, 1))
        result = np.moveaxis(convolve(x, w, b, layout=layout, **more), 1, -1)
        return result if y is None else y

    return convolved


def test_order_of_channels():
    """Output channel c * M + j is filter j of channel c, as in Keras and PyTorch."""
    x = np.array([1.0, 100.0]).reshape(1, 1, 2)
    w = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).reshape(1, 1, 2, 3)
    for layout in ("HWC", "CHW"):
        a = moved(x, layout)
        y = cyconv.depthwise_conv2d(a, w, layout=layout, kernel_layout="HWIO")
        assert y.ravel().tolist() == [1, 2, 3, 400, 500, 600]
        for kernel_layout, shape in (("OIHW", (6, 1, 1, 1)), ("OHWI", (6, 1, 1, 1))):
            y = cyconv.depthwise_conv2d(a, w.reshape(shape), layout=layout, kernel_layout=kernel_layout)
            assert y.ravel().tolist() == [1, 2, 3, 400, 500, 600]


def test_default_kernel_layouts():
    x, w = np.ones((1, 5, 5, 3), np.float32), np.ones((3, 3, 3, 2), np.float32)
    assert cyconv.depthwise_conv2d(x, w).shape == (1, 3, 3, 6)
    y = cyconv.depthwise_conv2d(moved(x, "NCHW"), np.ones((6, 1, 3, 3), np.float32), layout="NCHW")
    assert y.shape == (1, 6, 3, 3)


@pytest.mark.parametrize("layout", layouts(2))
@pytest.mark.parametrize("kernel_layout", kernel_layouts(2))
def test_empty_arrays(layout, kernel_layout):
    """No channels or no filters of them give no channels."""
    sizes = {"N": 2, "H": 5, "W": 6}
    for channels, multiplier in ((0, 2), (3, 0), (0, 0)):
        x = np.ones([{**sizes, "C": channels}[axis] for axis in layout])
        filters = channels * multiplier
        kernel = {"HWIO": (3, 3, channels, multiplier), "OIHW": (filters, 1, 3, 3), "OHWI": (filters, 3, 3, 1)}
        w = np.ones(kernel[kernel_layout])
        y = cyconv.depthwise_conv2d(x, w, np.ones(0), layout=layout, kernel_layout=kernel_layout)
        assert y.shape == tuple({"N": 2, "H": 3, "W": 4, "C": 0}[axis] for axis in layout)
    with pytest.raises(ValueError, match=r"w must have shape \(0 \* multiplier, 1, KH, KW\)"):
        cyconv.depthwise_conv2d(np.ones((1, 5, 5, 0)), np.ones((4, 1, 3, 3)), kernel_layout="OIHW")


def test_kernels_of_any_strides(each_isa):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((2, 9, 8, 6)).astype(np.float32)
    w = rng.standard_normal((3, 3, 6, 2)).astype(np.float32)
    expected = cyconv.depthwise_conv2d(x, w)
    for other in (np.asfortranarray(w), np.repeat(w, 2, 2)[:, :, ::2], w[::-1, ::-1].copy()[::-1, ::-1], w.tolist()):
        y = cyconv.depthwise_conv2d(x, np.asarray(other, np.float32))
        assert y.tobytes() == expected.tobytes()
    out = np.empty_like(expected)
    assert cyconv.depthwise_conv2d(x, w, out=out) is out
    assert out.tobytes() == expected.tobytes()
    both = x.copy()
    cyconv.depthwise_conv2d(both, w[..., :1], padding="same", out=both)
    assert np.array_equal(both, cyconv.depthwise_conv2d(x, w[..., :1], padding="same"))


def draw_separable(rng, values=integers, **kinds):
    """A separable convolution: its arrays, and the cases of its two steps (the second has no input yet)."""
    case, _ = draw_depthwise(rng, 1, values=values, **kinds)[0]
    layout, kernel_layout = case.arguments["layout"], case.arguments["kernel_layout"]
    channels, filters = case.w.shape[kernel_layout.index("O")], int(rng.choice((1, 3, 16, 20)))
    pointwise = np.ascontiguousarray(moved(values(rng, (1, 1, channels, filters), case.w.dtype, 3), kernel_layout))
    bias = values(rng, (filters,), case.w.dtype, 9) if rng.integers(2) else None
    after = {"layout": layout, "kernel_layout": kernel_layout, "activation": case.arguments["activation"]}
    first = dataclasses.replace(case, bias=None, arguments={**case.arguments, "activation": None})
    return first, Case(None, pointwise, bias, after)


def separable(first, second, **arguments):
    named = {name: value for name, value in first.arguments.items() if name != "groups"}
    named["activation"] = second.arguments["activation"]
    return cyconv.separable_conv2d(first.x, own_kernel(first), second.w, second.bias, **named, **arguments)


def test_separable_is_two_steps(each_isa):
    """Of `conv2d` to the bit and in its type, and of the definition."""
    rng = np.random.default_rng(4)
    for _ in range(250):
        first, second = draw_separable(rng)
        y = separable(first, second)
        expected = dataclasses.replace(second, x=depthwise(first)).convolved()
        assert y.dtype == expected.dtype
        assert y.tobytes() == expected.tobytes(), f"{first}, {second.w.shape}"
        exact = dataclasses.replace(second, x=first.expected().astype(depthwise(first).dtype)).expected()
        np.testing.assert_array_equal(y, exact.astype(y.dtype), err_msg=f"{first}, {second.w.shape}")


def test_separable_for_any_threads_and_batch(each_isa):
    rng = np.random.default_rng(5)
    for _ in range(40):
        first, second = draw_separable(rng, values=reals, dtypes=FLOATS)
        y = separable(first, second)
        assert len({separable(first, second, threads=threads).tobytes() for threads in (1, 2, 3)}) == 1
        out = np.empty_like(y)
        assert separable(first, second, out=out) is out
        assert out.tobytes() == y.tobytes()
        if first.arguments["layout"][0] == "N":
            one = separable(dataclasses.replace(first, x=first.x[:1]), second)
            assert one.tobytes() == y[:1].tobytes(), str(first)


def test_separable_holds_one_array_between():
    x = np.ones((1, 64, 64, 32), np.float32)
    w, pointwise = np.ones((3, 3, 32, 1), np.float32), np.ones((1, 1, 32, 32), np.float32)
    out = cyconv.separable_conv2d(x, w, pointwise, padding="same")
    tracemalloc.start()
    try:
        cyconv.separable_conv2d(x, w, pointwise, padding="same", out=out)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert x.nbytes <= peak < x.nbytes + (64 << 10)


def test_separable_may_write_over_its_input(each_isa):
    rng = np.random.default_rng(6)
    x = rng.standard_normal((2, 9, 9, 8)).astype(np.float32)
    w = rng.standard_normal((3, 3, 8, 2)).astype(np.float32)
    pointwise = rng.standard_normal((1, 1, 16, 8)).astype(np.float32)
    expected = cyconv.separable_conv2d(x, w, pointwise, padding="same")
    assert np.array_equal(cyconv.separable_conv2d(x, w, pointwise, padding="same", out=x), expected)


def test_separable_by_hand():
    """A blur along both axes is the blur of rows, then that of columns."""
    x = np.arange(25.0).reshape(5, 5, 1) ** 2
    down, across = np.array([1.0, 2.0, 1.0]), np.array([1.0, 3.0, 1.0])
    w, pointwise = np.outer(down, across).reshape(3, 3, 1, 1), np.array([1.0, -1.0]).reshape(1, 1, 1, 2)
    y = cyconv.separable_conv2d(x, w, pointwise, [0.0, 5.0], activation="relu", layout="HWC")
    blurred = np.apply_along_axis(np.convolve, 1, x[..., 0], across, "valid")
    blurred = np.apply_along_axis(np.convolve, 0, blurred, down, "valid")
    np.testing.assert_array_equal(y[..., 0], blurred)
    np.testing.assert_array_equal(y[..., 1], np.maximum(5 - blurred, 0))


def test_types():
    """Those of the steps: what they sum in is what goes on."""
    for of_x, of_w, between, of_y in (
        ("float32", "float32", "float32", "float32"),
        ("float16", "float16", "float16", "float16"),
        ("float32", "float64", "float64", "float64"),
        ("int8", "int8", "int32", "int64"),
        ("uint8", "int16", "int32", "int64"),
        ("int64", "int64", "int64", "int64"),
    ):
        x, w, pointwise = np.ones((1, 4, 4, 2), of_x), np.ones((2, 2, 2, 1), of_w), np.ones((1, 1, 2, 3), of_w)
        assert cyconv.depthwise_conv2d(x, w).dtype == between
        y = cyconv.separable_conv2d(x, w, pointwise)
        assert y.dtype == of_y
        assert np.all(y == 8)


def test_arguments_are_those_of_conv2d():
    full = list(inspect.signature(cyconv.conv2d).parameters.values())
    for function in (cyconv.depthwise_conv2d, cyconv.separable_conv2d):
        own = inspect.signature(function).parameters
        for parameter in full:
            if parameter.name not in ("w", "groups"):
                assert own[parameter.name] == parameter
        assert set(own) - {p.name for p in full} <= {"depthwise", "pointwise"}
        assert "groups" not in own
