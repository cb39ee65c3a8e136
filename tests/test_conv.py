"""Convolution against the reference: exactly on integers, within the rounding bound on real numbers."""

import dataclasses

import numpy as np
import pytest
from bounds import assert_within_bound, bound
from cases import (
    CONV,
    DTYPES,
    FLOATS,
    KERNELS,
    PLAN,
    Case,
    draw,
    draw_fitting,
    integers,
    kernel_layouts,
    layouts,
    moved,
    reals,
)
from conftest import kernels_of

import cyconv
from cyconv import isa, reference
from cyconv.layout import AXES


@pytest.mark.parametrize(("ndim", "count"), [(1, 1500), (2, 2000), (3, 1000)])
def test_exact_on_integers(ndim, count):
    """Random configurations, each for every instruction set and for 1, 2 and 3 threads."""
    cases = draw_fitting(np.random.default_rng(20261120), count, ndim=ndim)
    assert {str(case.x.dtype) for case, _ in cases} == set(DTYPES)
    nonzero = np.mean([np.count_nonzero(y) > 0.3 * y.size for _, y in cases])
    assert nonzero > 0.8, "too many results are mostly zero to be trusted"
    for name in isa.available():
        with kernels_of(name):
            for case, expected in cases:
                for threads in (1, 2, 3):
                    y = case.convolved(threads=threads)
                    assert y.shape == expected.shape
                    if not np.array_equal(y.astype(expected.dtype), expected):
                        pytest.fail(f"{name}, {threads} threads: {case}")


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
def test_every_tile_size(each_isa, layout, dtype):
    """Every number of rows and lanes that a register tile can have, and one more."""
    rng = np.random.default_rng(1)
    lanes = {"avx512": 64, "avx2": 32, "base": 16}[each_isa] // np.dtype(dtype).itemsize
    widths = (1, lanes - 1, lanes, lanes + 1, 2 * lanes - 1, 2 * lanes, 2 * lanes + 1)
    for rows in range(1, 16):
        for width in widths:
            pixels, filters = (rows, width) if layout == "NHWC" else (width, rows)
            x = rng.integers(-8, 9, (1, 2, pixels, 3)).astype(dtype)
            w = rng.integers(-8, 9, (2, 1, 3, filters)).astype(dtype)
            expected = reference.convolve(x, w)
            if layout == "NCHW":
                x = np.moveaxis(x, -1, 1)
                expected = np.moveaxis(expected, -1, 1)
            y = cyconv.conv2d(x, w, layout=layout, kernel_layout="HWIO")
            np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("ndim", [1, 2, 3])
@pytest.mark.parametrize("dtype", FLOATS)
def test_real_data(each_isa, dtype, ndim):
    rng = np.random.default_rng(2)
    for case, _ in draw_fitting(rng, 150, ndim=ndim, dtypes=(dtype,), values=reals):
        assert_within_bound(case.convolved(threads=2), case)


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize(
    ("channels", "filters", "size", "kernel", "arguments"),
    [
        (5000, 3, (3, 4), (1, 1), {}),  # channels in two parts
        (700, 20, (9, 8), (3, 3), {"padding": "same"}),  # kernel rows in parts
        (4, 33, (40, 7), (31, 5), {"padding": "same", "pad_mode": "reflect"}),
        (2, 5, (1, 9000), (1, 5000), {"padding": "full", "stride": (1, 7)}),  # a row in parts
        (3, 40, (70, 70), (8, 8), {"stride": 2}),
        (64, 64, (14, 14), (3, 3), {"padding": "same"}),
        (16, 16, (33, 33), (3, 3), {"padding": 12, "dilation": 12}),
        (600, 15, (20, 33), (3, 3), {"padding": 12, "dilation": 12}),  # bands of columns, sums in parts
        (3, 20, (40, 61), (3, 5), {"padding": 20, "dilation": (9, 10), "stride": (2, 1)}),
        (9, 5, (5, 200), (1, 9), {"padding": "same", "dilation": (1, 21), "pad_mode": "edge"}),
        (9, 5, (5, 200), (2, 9), {"padding": "full", "dilation": (1, 21)}),
        (3, 24, (37, 41), (16, 16), {"stride": 16, "padding": 5}),
        (1, 1, (60, 61), (15, 15), {"padding": "same", "pad_mode": "wrap"}),
        (7, 33, (900,), (300,), {"padding": "causal", "dilation": 2, "pad_mode": "symmetric"}),
        (3000, 17, (70,), (4,), {"padding": "same"}),
        (300, 20, (4, 5, 20), (3, 3, 3), {"padding": 1}),  # depths of the kernel in parts
        (1, 9, (20, 21, 22), (9, 10, 11), {"padding": "same", "pad_mode": "reflect"}),
        (33, 40, (9, 4, 31), (3, 2, 3), {"padding": 12, "dilation": 12}),
        (3, 8, (9, 30, 30), (3, 7, 7), {"padding": "same", "stride": (1, 2, 2)}),
    ],
)
def test_sums_in_parts(each_isa, channels_last, channels, filters, size, kernel, arguments):
    """Long sums are cut into chunks; the result is the same sum."""
    rng = np.random.default_rng(3)
    x = rng.integers(-3, 4, (2, *size, channels)).astype(np.float32)
    w = rng.integers(-3, 4, (*kernel, channels, filters)).astype(np.float32)
    b = rng.integers(-99, 99, filters).astype(np.float32)
    arguments = {**arguments, "activation": "relu", "kernel_layout": kernel_layouts(len(size))[0]}
    expected = reference.convolve(x, w, b, **arguments)
    layout = layouts(len(size))[0 if channels_last else 1]
    y = CONV[len(size)](moved(x, layout), w, b, layout=layout, algorithm="direct", **arguments)
    np.testing.assert_array_equal(y, moved(expected, layout))


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_same_bits_for_any_threads_batch_and_stride(each_isa, ndim):
    """Not only close: equal, also in the sign of zero."""
    rng = np.random.default_rng(4)
    for case, _ in draw_fitting(rng, 120, ndim=ndim, dtypes=FLOATS, values=reals):
        if not case.arguments["layout"].startswith("N"):
            continue
        results = [case.convolved(threads=threads).tobytes() for threads in (1, 2, 3, 5)]
        assert len(set(results)) == 1, str(case)
        whole = case.convolved()
        for n in range(len(case.x)):
            one = dataclasses.replace(case, x=case.x[n : n + 1]).convolved()
            assert one.tobytes() == whole[n : n + 1].tobytes(), str(case)
        spread = dataclasses.replace(case, x=np.repeat(case.x, 2, axis=2)[:, :, ::2])
        assert spread.convolved().tobytes() == results[0], str(case)


@pytest.mark.parametrize("shape", [(3, 7, 7, 32), (2, 56, 56, 16), (64, 1, 1, 40)])
def test_same_bits_on_larger_pictures(each_isa, shape):
    rng = np.random.default_rng(5)
    x = rng.standard_normal(shape).astype(np.float32)
    for kernel, padding in (((1, 1), 0), ((3, 3), 1)):
        w = rng.standard_normal((*kernel, shape[-1], 48)).astype(np.float32)
        for layout in ("NHWC", "NCHW"):
            a = x if layout == "NHWC" else np.ascontiguousarray(np.moveaxis(x, -1, 1))
            arguments = {"padding": padding, "layout": layout, "kernel_layout": "HWIO"}
            whole = cyconv.conv2d(a, w, threads=1, **arguments)
            assert cyconv.conv2d(a, w, threads=3, **arguments).tobytes() == whole.tobytes()
            for n in range(len(a)):
                assert cyconv.conv2d(a[n : n + 1], w, threads=2, **arguments).tobytes() == whole[n : n + 1].tobytes()


def test_zero_is_positive(each_isa):
    """A sum of -0 is +0, whichever products with padding were left out."""
    x = np.full((1, 5, 5, 2), -0.0, np.float32)
    y = cyconv.conv2d(x, np.ones((3, 3, 2, 4), np.float32), np.full(4, -0.0, np.float32), padding="same")
    assert not np.signbit(y).any()
    tiny = np.full((1, 5, 5, 1), -1e-30, np.float32)
    y = cyconv.conv2d(tiny, np.full((3, 3, 1, 1), 1e-30, np.float32), padding="same")
    assert not np.signbit(y).any()


@pytest.mark.parametrize("activation", ["relu", "relu6", "leaky_relu", "sigmoid", "tanh"])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_activations(each_isa, activation, dtype, layout):
    """Within four units in the last place of the formula, over the whole range of the type."""
    limit = 80 if dtype == "float32" else 700
    small = np.logspace(-30, 0, 500)
    values = np.concatenate([np.linspace(-limit, limit, 2001), np.linspace(-3, 3, 2001), small, -small]).astype(dtype)
    x = values.reshape(1, 1, -1, 1) if layout == "NHWC" else values.reshape(1, 1, 1, -1)
    w = np.eye(1, dtype=dtype).reshape(1, 1, 1, 1)
    y = cyconv.conv2d(x, w, activation=activation, layout=layout, kernel_layout="HWIO").reshape(-1)
    expected = reference.activate(values.astype(np.longdouble), activation)
    spacing = np.spacing(np.abs(expected).astype(dtype))
    # exp(-|x|) stops just above the smallest normal number, where the formula goes on to zero.
    flushed = 1.02 * np.finfo(dtype).tiny
    assert np.all(np.abs(y - expected) <= 4 * spacing + flushed)
    extremes = np.array([np.nan, np.inf, -np.inf], dtype).reshape((1, 1, 3, 1) if layout == "NHWC" else (1, 1, 1, 3))
    y = cyconv.conv2d(extremes, w, activation=activation, layout=layout, kernel_layout="HWIO").reshape(-1)
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(y, reference.activate(extremes.reshape(-1), activation), atol=flushed)


def test_activation_after_long_sums(each_isa):
    """The activation is applied once, when the last part of the sum is there."""
    rng = np.random.default_rng(6)
    case = Case(
        rng.standard_normal((1, 6, 7, 700)).astype(np.float32),
        (rng.standard_normal((3, 3, 700, 20)) / 80).astype(np.float32),
        rng.standard_normal(20).astype(np.float32),
        {"padding": "same", "kernel_layout": "HWIO"},
    )
    for activation in ("sigmoid", "tanh", "leaky_relu", "relu6"):
        y = cyconv.conv2d(case.x, case.w, case.bias, activation=activation, **case.arguments)
        expected = reference.activate(case.expected(), activation)
        # No activation is steeper than 1; its own error is a few units in the last place.
        assert np.all(np.abs(y - expected) <= bound(case) + 8 * 2.0**-24 * np.abs(expected))


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_input_stays_local(each_isa, layout, value):
    """NaN in one channel of one pixel reaches the outputs whose window holds it, and no other."""
    lanes = {"avx512": 16, "avx2": 8, "base": 4}[each_isa]
    for channels in range(1, 2 * lanes + 2):
        x = np.ones((1, 9, 9, channels), np.float32)
        x[0, 4, 5, channels - 1] = value
        w = np.ones((3, 3, channels, 2), np.float32)
        if layout == "NCHW":
            x = np.moveaxis(x, -1, 1)
        y = cyconv.conv2d(x, w, padding="same", layout=layout, kernel_layout="HWIO")
        y = y if layout == "NHWC" else np.moveaxis(y, 1, -1)
        hit = np.zeros((9, 9), bool)
        hit[3:6, 4:7] = True
        np.testing.assert_array_equal(~np.isfinite(y[0]), np.repeat(hit[..., None], 2, -1))


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_non_finite_weights_meet_padding(each_isa, layout):
    """The result is that of the padded array: an infinite weight over a padding zero is NaN."""
    x = np.ones((1, 20, 20, 3), np.float32)
    w = np.ones((3, 3, 3, 40), np.float32)
    w[0, 0] = np.inf
    with np.errstate(invalid="ignore"):
        expected = reference.convolve(x, w, padding=2)
    a = x if layout == "NHWC" else np.moveaxis(x, -1, 1)
    y = cyconv.conv2d(a, w, padding=2, layout=layout, kernel_layout="HWIO")
    np.testing.assert_array_equal(y if layout == "NHWC" else np.moveaxis(y, 1, -1), expected)


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_layouts_agree_to_the_bit(each_isa, ndim):
    """Both layouts sum in the same order."""
    rng = np.random.default_rng(7)
    x = rng.standard_normal((2, *(11, 23, 19)[-ndim:], 20)).astype(np.float32)
    w = rng.standard_normal((*(2, 3, 5)[-ndim:], 20, 37)).astype(np.float32)
    arguments = {"padding": "same", "kernel_layout": kernel_layouts(ndim)[0], "algorithm": "direct"}
    last = CONV[ndim](x, w, **arguments)
    layout = layouts(ndim)[1]
    first = CONV[ndim](moved(x, layout), w, layout=layout, **arguments)
    assert moved(last, layout).tobytes() == first.tobytes()


@pytest.mark.parametrize(
    ("channels", "filters", "size", "kernel", "arguments"),
    [
        (1024, 5, (2, 30), (1, 1), {}),
        (1024, 33, (3, 14), (3, 3), {"padding": "same"}),
        (512, 40, (5, 29), (3, 3), {"padding": "same", "stride": 2}),
        (512, 3, (4, 31), (3, 2), {"padding": 2, "stride": 2, "pad_mode": "reflect"}),
        (256, 9, (3, 60), (2, 3), {"stride": 4}),
        (2048, 20, (2, 26), (2, 1), {"padding": "same"}),
        (1024, 17, (4, 20), (2, 2), {"padding": 3, "dilation": (1, 3)}),
    ],
)
@pytest.mark.parametrize("dtype", FLOATS)
def test_pixels_that_collide_in_the_cache(each_isa, dtype, channels, filters, size, kernel, arguments):
    """Windows a multiple of 4 KiB apart are copied: exact, and the same to the bit as where they lie otherwise."""
    rng = np.random.default_rng(5)
    channels //= np.dtype(dtype).itemsize // 4
    x, w = integers(rng, (2, *size, channels), dtype, 3), integers(rng, (*kernel, channels, filters), dtype, 3)
    expected = reference.convolve(x, w, **arguments)
    a, v = rng.standard_normal(x.shape).astype(dtype), rng.standard_normal(w.shape).astype(dtype)
    apart = np.zeros((2, *size, channels + 5), dtype)[..., 2:-3]
    apart[...] = a
    for threads in (1, 2):
        more = {"algorithm": "direct", "threads": threads, **arguments}
        np.testing.assert_array_equal(cyconv.conv2d(x, w, **more), expected)
        y = cyconv.conv2d(a, v, **more)
        assert y.tobytes() == cyconv.conv2d(apart, v, **more).tobytes()
        assert y[1:].tobytes() == cyconv.conv2d(a[1:], v, **more).tobytes()


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize(
    ("groups", "channels", "filters", "size", "kernel", "arguments"),
    [
        (19, 1, 1, (40, 70), (5, 5), {"padding": "same"}),
        (3, 1, 1, (9, 3000), (3, 31), {"padding": "same", "stride": (1, 2)}),  # rows in parts
        (5, 1, 3, (12, 13), (3, 3), {"padding": 2, "pad_mode": "reflect"}),
        (9, 4, 4, (20, 21), (3, 3), {"padding": "same"}),
        (9, 4, 4, (35, 90), (3, 5), {"padding": "same", "stride": 2}),  # several rectangles, and rows that are kept
        (8, 3, 2, (37, 20), (5, 3), {"padding": 3, "stride": (3, 1), "pad_mode": "wrap"}),
        (6, 2, 4, (40, 18), (2, 2), {"stride": (3, 2)}),
        (7, 12, 2, (11, 9), (2, 3), {"dilation": (3, 2), "padding": "full"}),
        (2, 40, 1, (30, 31), (3, 3), {"stride": 2}),  # channels that no two vectors hold
        (33, 2, 1, (64, 64), (1, 1), {}),
        (4, 1, 2, (1, 70000), (1, 2), {"dilation": (1, 30000)}),  # windows that no strip holds
    ],
)
def test_groups_of_few_channels(each_isa, layout, groups, channels, filters, size, kernel, arguments):
    """Lanes are channels of many groups: exact, for every activation's way out, and for strided arrays."""
    rng = np.random.default_rng(12)
    x = rng.integers(-3, 4, (2, *size, groups * channels)).astype(np.float32)
    w = rng.integers(-3, 4, (*kernel, channels, groups * filters)).astype(np.float32)
    b = rng.integers(-9, 10, groups * filters).astype(np.float32)
    expected = reference.convolve(x, w, b, groups=groups, **arguments)
    a = x if layout == "NHWC" else np.ascontiguousarray(np.moveaxis(x, -1, 1))
    expected = expected if layout == "NHWC" else np.moveaxis(expected, -1, 1)
    more = {"groups": groups, "layout": layout, "kernel_layout": "HWIO", **arguments}
    more["algorithm"] = Case(a, w, b, more).exact_algorithm()
    for threads in (1, 2, 3):
        np.testing.assert_array_equal(cyconv.conv2d(a, w, b, threads=threads, **more), expected)
    np.testing.assert_array_equal(cyconv.conv2d(np.repeat(a, 2, -1)[..., ::2], w, b, **more), expected)
    leaky = np.where(expected < 0, np.float32(0.2) * expected.astype(np.float32), expected)
    np.testing.assert_array_equal(cyconv.conv2d(a, w, b, activation="leaky_relu", **more), leaky)
    one = cyconv.conv2d(a[1:], w, b, threads=2, **more)
    np.testing.assert_array_equal(one, expected[1:])


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [1, 3])
def test_small_maps_of_many_channels(each_isa, groups, stride, kernel):
    """Channels-first maps that would leave lanes empty are exact, and the same to the bit in both layouts.

    Sums of more than about 4,000 terms are cut into chunks, which need not be equal.
    """
    rng = np.random.default_rng(11)
    shapes_ = ((9, 128, (7, 7)), (40, 256, (5, 4)), (512, 130, (7, 7)), (64, 257, (1, 1)), (1500, 128, (3, 7)))
    for channels, filters, size in shapes_:
        x = rng.integers(-3, 4, (2, *size, groups * channels)).astype(np.float32)
        w = rng.integers(-3, 4, (kernel, kernel, channels, groups * filters)).astype(np.float32)
        b = rng.integers(-9, 10, groups * filters).astype(np.float32)
        arguments = {"padding": "same", "stride": stride, "groups": groups, "kernel_layout": "HWIO"}
        first = np.ascontiguousarray(np.moveaxis(x, -1, 1))
        for activation in (None, "relu"):
            expected = np.moveaxis(reference.convolve(x, w, b, activation=activation, **arguments), -1, 1)
            spread = np.zeros((2, 2 * groups * filters, *expected.shape[2:]), np.float32)[:, ::2]
            for threads in (1, 2, 3):
                more = {"layout": "NCHW", "activation": activation, "threads": threads, **arguments}
                more["algorithm"] = "direct"
                np.testing.assert_array_equal(cyconv.conv2d(first, w, b, **more), expected)
                np.testing.assert_array_equal(cyconv.conv2d(first, w, b, out=spread, **more), expected)
        real = rng.standard_normal(x.shape).astype(np.float32)
        more = {"activation": "tanh", "algorithm": "direct", **arguments}
        y = cyconv.conv2d(np.moveaxis(real, -1, 1), w, b, layout="NCHW", **more)
        last = cyconv.conv2d(real, w, b, **more)
        assert np.moveaxis(y, 1, -1).tobytes() == last.tobytes()


@pytest.mark.parametrize("algorithm", ["direct", "stencil"])
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_metamorphic(each_isa, ndim, algorithm):
    """What must hold whatever the numbers are, to the bit."""
    rng = np.random.default_rng(8)
    p = max(KERNELS[ndim]) // 2
    for _ in range(60):
        case = draw(rng, ndim=ndim, dtypes=FLOATS, values=reals)
        arguments = {**case.arguments, "activation": None, "groups": 1, "padding": p, "dilation": 1}
        arguments["algorithm"] = algorithm
        layout, names = arguments["layout"], arguments["kernel_layout"]
        conv, x, w = CONV[ndim], case.x, case.w
        axis = layout.index("C")
        x = np.take(x, range(w.shape[names.index("I")]), axis=axis)
        y = conv(x, w, **arguments)
        assert np.array_equal(conv(4 * x, w, **arguments), 4 * y)
        assert np.array_equal(conv(x, -w, **arguments), -y)
        some = np.take(w, [0], axis=names.index("O"))
        assert np.array_equal(conv(x, some, **arguments), np.take(y, [0], axis=axis))
        pads = [(p, p) if a in AXES[ndim] else (0, 0) for a in layout]
        padded = np.pad(x, pads, mode=arguments["pad_mode"])
        assert np.array_equal(conv(padded, w, **{**arguments, "padding": 0}), y)
        window = tuple(slice(None, None, -1) if a in AXES[ndim] else slice(None) for a in names)
        assert np.array_equal(conv(x, w[window], **{**arguments, "flip": not arguments["flip"]}), y)


@pytest.mark.parametrize("ndim", [1, 2, 3])
@pytest.mark.parametrize(
    ("groups", "channels", "filters", "algorithm"),
    [(4, 3, 5, "auto"), (4, 3, 5, "direct"), (4, 3, 5, "stencil"), (10, 3, 2, "auto"), (10, 3, 2, "grouped")],
)
def test_groups_are_separate_convolutions(each_isa, ndim, groups, channels, filters, algorithm):
    """To the bit, by the same algorithm; `grouped` has the order of sums of `direct`."""
    rng = np.random.default_rng(9)
    x = rng.standard_normal((2, *(5, 11, 12)[-ndim:], groups * channels)).astype(np.float32)
    w = rng.standard_normal((*(2, 3, 3)[-ndim:], channels, groups * filters)).astype(np.float32)
    b = rng.standard_normal(groups * filters).astype(np.float32)
    y = CONV[ndim](x, w, b, groups=groups, padding=1, algorithm=algorithm)
    taken = PLAN[ndim](x.shape, w, b, groups=groups, padding=1, algorithm=algorithm).algorithm
    alone = "direct" if taken == "grouped" else taken
    parts = []
    for g in range(groups):
        seen, own = slice(channels * g, channels * (g + 1)), slice(filters * g, filters * (g + 1))
        parts.append(CONV[ndim](x[..., seen], w[..., own], b[own], padding=1, algorithm=alone))
    assert np.array_equal(y, np.concatenate(parts, -1))


def test_the_bound_rejects_what_it_should():
    """The helper that the tests rest on is tested too."""
    rng = np.random.default_rng(10)
    case, _ = draw_fitting(rng, 1, dtypes=("float32",), values=reals)[0]
    y = case.convolved()
    assert_within_bound(y, case)
    wrong = y.astype(np.float64)
    at = np.unravel_index(np.argmax(np.abs(wrong)), wrong.shape)
    wrong[at] += 2.1 * bound(case)[at] + 1e-12
    with pytest.raises(AssertionError, match="error"):
        assert_within_bound(wrong, case)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize(
    ("algorithm", "channels", "filters", "groups", "kernel"),
    [
        ("direct", 3, 24, 1, 1),
        ("direct", 16, 32, 1, 3),
        ("direct", 20, 20, 1, 1),
        ("grouped", 32, 32, 32, 3),
        ("grouped", 16, 32, 16, 3),
        ("grouped", 150, 150, 150, 5),
        ("grouped", 160, 160, 80, 3),
        ("stencil", 1, 2, 1, 5),
        ("stencil", 3, 3, 3, 3),
        ("stencil", 16, 16, 16, 3),
        ("separable", 1, 1, 1, 7),
        ("fast_fir", 1, 1, 1, 15),
    ],
)
def test_arrays_larger_than_caches(each_isa, layout, algorithm, channels, filters, groups, kernel):
    """Many samples have the bits that each has alone, whether the output begins at a line of cache or not."""
    rng = np.random.default_rng(5)
    size = (64, 48)
    x = rng.standard_normal((7, *size, channels)).astype(np.float32)
    w = rng.standard_normal((kernel, kernel, channels // groups, filters)).astype(np.float32)
    if algorithm == "separable":
        w[...] = w[:, :1] * w[:1]
    x = np.resize(x, (-(-(13 << 20) // (4 * size[0] * size[1] * filters)), *size, channels))
    x = np.ascontiguousarray(moved(x, layout))
    arguments = {"padding": "same", "groups": groups, "layout": layout, "kernel_layout": "HWIO", "algorithm": algorithm,
                 "activation": "relu"}  # fmt: skip
    y = cyconv.conv2d(x, w, threads=2, **arguments)
    assert y.nbytes > 12 << 20
    alone = [cyconv.conv2d(x[i : i + 1], w, **arguments).tobytes() for i in range(7)]
    assert all(y[i].tobytes() == alone[i % 7] for i in range(len(y)))
    out = np.empty(y.size + 1, np.float32)[1:].reshape(y.shape)
    assert cyconv.conv2d(x, w, threads=2, out=out, **arguments).tobytes() == y.tobytes()
