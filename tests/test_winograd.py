"""Winograd's algorithm: within its bound, the same to the bit, and direct where numbers are not finite."""

import math
import re

import numpy as np
import pytest
from bounds import UNIT_ROUNDOFF
from cases import CONV, PLAN, kernel_layouts, layouts, moved
from not_finite import check_declined, check_tiles, check_weights
from toom_cook import inputs_matrix, outputs_matrix, weights_matrix

import cyconv
from cyconv import algorithms, plan, reference


def winograd_bound(x, w, dilation, stride=1):
    """Largest error of each output: |A^T| ((|G| |w| |G^T|) * (|B^T| |x| |B|)) |A| for (n + 24) roundings.

    x, already padded, and w have axes N D H W C and D H W I O; stride is that of the depth.
    """
    taps, m = w.shape[1], 7 - w.shape[1]
    u = UNIT_ROUNDOFF[x.dtype.name]
    terms = w.shape[0] * w.shape[3]
    x, w = np.abs(x.astype(np.float64)), np.abs(w.astype(np.float64))
    filters = np.einsum("ik,dkxcf,jx->dijcf", weights_matrix(taps), w, weights_matrix(taps))
    depths = (x.shape[1] - (w.shape[0] - 1) * dilation[0] - 1) // stride + 1
    size = [x.shape[a] - (taps - 1) * dilation[a - 1] for a in (2, 3)]
    y = np.zeros((len(x), depths, *size, w.shape[-1]))
    for row, column in np.ndindex(*dilation[1:]):
        phase = x[:, :, row :: dilation[1], column :: dilation[2]]
        there = y[:, :, row :: dilation[1], column :: dilation[2]]
        if there.size == 0:
            continue
        tiles = [-(-n // m) for n in there.shape[2:4]]
        grow = [max(t * m + taps - 1 - n, 0) for t, n in zip(tiles, phase.shape[2:4], strict=True)]
        phase = np.pad(phase, [(0, 0), (0, 0), (0, grow[0]), (0, grow[1]), (0, 0)])
        patches = np.lib.stride_tricks.sliding_window_view(phase, (6, 6), (2, 3))[:, :, ::m, ::m]
        patches = patches[:, :, : tiles[0], : tiles[1]]
        v = np.einsum("ik,nzyxckl,jl->nzyxijc", inputs_matrix(), patches, inputs_matrix())
        products = sum(
            np.einsum(
                "nzyxijc,ijcf->nzyxijf", v[:, d * dilation[0] :][:, : (depths - 1) * stride + 1 : stride], filters[d]
            )
            for d in range(w.shape[0])
        )
        out = np.einsum("ai,nzyxijf,bj->nzyaxbf", outputs_matrix(m), products, outputs_matrix(m))
        out = out.reshape(len(x), depths, tiles[0] * m, tiles[1] * m, -1)
        there[...] = out[:, :, : there.shape[2], : there.shape[3]]
    return (terms + 24) * u * y


CASES = [
    # n, size, channels, filters, kernel, padding, dilation, pad_mode
    (2, (9, 11), 16, 32, (3, 3), 1, (1, 1), "constant"),
    (1, (4, 4), 1, 1, (3, 3), 0, (1, 1), "constant"),
    (1, (3, 3), 5, 3, (3, 3), 2, (1, 1), "constant"),
    (3, (7, 30), 33, 40, (3, 3), 1, (1, 1), "reflect"),
    (1, (30, 61), 20, 70, (3, 3), 1, (1, 1), "edge"),
    (2, (17, 18), 9, 17, (3, 3), 2, (2, 3), "constant"),
    (1, (5, 6), 3, 4, (3, 3), 4, (4, 6), "constant"),
    (1, (21, 9), 8, 8, (3, 3), 3, (3, 3), "wrap"),
    (2, (12, 13), 24, 31, (5, 5), 2, (1, 1), "symmetric"),
    (1, (15, 40), 7, 65, (5, 5), 4, (2, 2), "constant"),
    (1, (6, 9, 10), 5, 20, (3, 3, 3), 1, (1, 1, 1), "constant"),
    (2, (5, 8, 8), 17, 9, (2, 3, 3), 1, (2, 1, 1), "reflect"),
    (1, (1, 9, 10), 5, 20, (1, 3, 3), 1, (1, 1, 1), "constant"),
    (1, (7, 6, 12), 3, 35, (4, 5, 5), 3, (1, 1, 2), "constant"),
    (1, (90, 91), 130, 40, (3, 3), 0, (1, 1), "constant"),
    (1, (9, 12, 12), 70, 33, (3, 3, 3), 1, (1, 1, 1), "constant"),
    # Inputs and outputs of 6 MiB and more together, whose lines are fetched.
    (12, (26, 26), 140, 152, (3, 3), 0, (1, 1), "constant"),
    (2, (6, 40, 41), 60, 64, (3, 3, 3), 1, (1, 1, 1), "reflect"),
    (4, (60, 61), 75, 80, (3, 3), 2, (2, 2), "edge"),
    # Many weights and few tiles of a sample, for which they are transformed late, but not of several samples.
    (3, (4, 7), 430, 435, (3, 3), 1, (1, 1), "constant"),
    (2, (7, 6), 440, 450, (3, 3), 1, (1, 1), "reflect"),
    (5, (3, 3), 420, 500, (3, 3), 1, (1, 1), "edge"),
    (3, (3, 6), 460, 420, (3, 3), 2, (1, 2), "constant"),
    (5, (2, 4, 3), 250, 260, (3, 3, 3), 1, (1, 1, 1), "constant"),
]
LATE = [case for case in CASES if case[2] > 200]


def drawn(size, channels, filters, kernel, n, dtype):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((n, *size, channels)).astype(dtype)
    w = rng.standard_normal((*kernel, channels, filters)).astype(dtype)
    return x, w, rng.standard_normal(filters).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("n", "size", "channels", "filters", "kernel", "padding", "dilation", "pad_mode"), CASES)
def test_within_the_bound(each_isa, dtype, n, size, channels, filters, kernel, padding, dilation, pad_mode):
    """Both layouts, any threads, samples alone or together: the same bits, and close to the reference."""
    ndim = len(size)
    x, w, b = drawn(size, channels, filters, kernel, n, dtype)
    arguments = {
        "padding": padding,
        "dilation": dilation,
        "pad_mode": pad_mode,
        "kernel_layout": kernel_layouts(ndim)[0],
    }
    expected = reference.convolve(x, w, b, **arguments)
    ones = (1,) * (3 - ndim)
    padded = np.pad(x, [(0, 0), *[(padding, padding)] * ndim, (0, 0)], mode=pad_mode)
    limit = winograd_bound(padded.reshape(n, *ones, *padded.shape[1:]), w.reshape(*ones, *w.shape), (*ones, *dilation))
    limit = limit.reshape(expected.shape) + UNIT_ROUNDOFF[dtype] * np.abs(expected)
    conv = CONV[ndim]
    y = conv(x, w, b, algorithm="winograd", threads=1, **arguments)
    assert np.all(np.abs(y - expected) <= limit)
    relu = conv(x, w, b, algorithm="winograd", activation="relu", **arguments)
    np.testing.assert_array_equal(relu, np.maximum(y, 0))
    for threads in (2, 3, 5):
        assert conv(x, w, b, algorithm="winograd", threads=threads, **arguments).tobytes() == y.tobytes()
    for i in range(n):
        one = conv(x[i : i + 1], w, b, algorithm="winograd", threads=2, **arguments)
        assert one.tobytes() == y[i : i + 1].tobytes()
    layout = layouts(ndim)[1]
    first = np.ascontiguousarray(moved(x, layout))
    z = conv(first, w, b, algorithm="winograd", layout=layout, **arguments)
    assert z.tobytes() == moved(y, layout).tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kernel", [(3, 3), (2, 3, 3), (5, 5)])
def test_last_tiles_have_as_many_points_as_their_outputs_need(each_isa, kernel, dtype):
    """One to nine outputs a side: all parts of a tile beside whole ones and alone, in blocks that cut their classes."""
    ndim = len(kernel)
    for rows, columns in np.ndindex(9, 9):
        size = (4,) * (ndim - 2) + (rows + kernel[-1], columns + kernel[-1])
        x, w, b = drawn(size, 11, 18, kernel, 2, dtype)
        arguments = {"kernel_layout": kernel_layouts(ndim)[0], "algorithm": "winograd"}
        expected = reference.convolve(x, w, b, kernel_layout=kernel_layouts(ndim)[0])
        ones = (1,) * (3 - ndim)
        limit = winograd_bound(x.reshape(2, *ones, *x.shape[1:]), w.reshape(*ones, *w.shape), (1, 1, 1))
        limit = limit.reshape(expected.shape) + UNIT_ROUNDOFF[dtype] * np.abs(expected)
        y = CONV[ndim](x, w, b, threads=1, **arguments)
        assert np.all(np.abs(y - expected) <= limit)
        assert CONV[ndim](x, w, b, threads=2, **arguments).tobytes() == y.tobytes()
        assert CONV[ndim](x[1:], w, b, threads=3, **arguments).tobytes() == y[1:].tobytes()
        layout = layouts(ndim)[1]
        z = CONV[ndim](np.ascontiguousarray(moved(x, layout)), w, b, layout=layout, **arguments)
        assert z.tobytes() == moved(y, layout).tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("n", "size", "channels", "filters", "kernel", "padding", "dilation", "pad_mode"), LATE)
def test_few_tiles_keep_weights_as_they_are(each_isa, dtype, n, size, channels, filters, kernel, padding, dilation,
                                            pad_mode):  # fmt: skip
    """Where two tiles are few, and more where four are; an input that is not finite stays where it belongs."""
    x, w, b = drawn(size, channels, filters, kernel, n, dtype)
    arguments = {"padding": padding, "dilation": dilation, "pad_mode": pad_mode, "algorithm": "winograd"}
    arguments["kernel_layout"] = kernel_layouts(len(size))[0]
    plans = [PLAN[len(size)]((m, *x.shape[1:]), w, **arguments) for m in (1, n)]
    packed = [int(re.search(r"packed weights ([\d,]+) bytes", p.explain())[1].replace(",", "")) for p in plans]
    out = plans[0].output_shape[1:-1]
    tiles = math.prod(out[:-2]) * math.prod(
        d * math.ceil(math.ceil(o / d) / 4) for o, d in zip(out[-2:], dilation[-2:], strict=True)
    )
    few = tiles <= (4 if each_isa == "avx512" else 2)
    assert packed[0] < 1.2 * w.nbytes if few else packed[0] > 4 * w.nbytes
    assert packed[1] > 4 * w.nbytes
    x[0, ..., 0, 0, 3] = np.nan
    direct = CONV[len(size)](x, w, b, **{**arguments, "algorithm": "direct"})
    for threads in (1, 2):
        y = CONV[len(size)](x[:1], w, b, threads=threads, **arguments)
        np.testing.assert_array_equal(np.isnan(y), np.isnan(direct[:1]))


@pytest.mark.parametrize("stride", [2, 3])
def test_strided_depth(each_isa, stride):
    """Output planes need not follow each other."""
    x, w, b = drawn((11, 9, 10), 13, 34, (3, 3, 3), 2, "float32")
    arguments = {"padding": 1, "stride": (stride, 1, 1), "kernel_layout": "DHWIO"}
    expected = reference.convolve(x, w, b, **arguments)
    padded = np.pad(x, [(0, 0), (1, 1), (1, 1), (1, 1), (0, 0)])
    limit = winograd_bound(padded, w, (1, 1, 1), stride) + UNIT_ROUNDOFF["float32"] * np.abs(expected)
    y = cyconv.conv3d(x, w, b, algorithm="winograd", threads=1, **arguments)
    assert np.all(np.abs(y - expected) <= limit)
    assert cyconv.conv3d(x, w, b, algorithm="winograd", threads=3, **arguments).tobytes() == y.tobytes()
    first = np.ascontiguousarray(moved(x, "NCDHW"))
    z = cyconv.conv3d(first, w, b, algorithm="winograd", layout="NCDHW", **arguments)
    assert z.tobytes() == moved(y, "NCDHW").tobytes()


def strange(x):
    """The same array of four axes, four times differently in memory."""
    yield np.repeat(x, 2, -1)[..., ::2]
    yield np.repeat(x, 3, 1)[:, 1::3]
    yield x[:, ::-1].copy()[:, ::-1]
    yield x.transpose(3, 1, 2, 0).copy().transpose(3, 1, 2, 0)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("activation", ["relu6", "leaky_relu", "sigmoid", "tanh"])
def test_groups_activations_and_strange_arrays(each_isa, layout, activation):
    """What the direct algorithm gives, but for rounding, whatever lies between the elements of the arrays."""
    x, w, b = drawn((13, 14), 18, 30, (3, 3), 2, "float32")
    w = w[..., :6, :]
    arguments = {"groups": 3, "padding": 1, "layout": layout, "kernel_layout": "HWIO", "activation": activation}
    x = moved(x, layout)
    expected = cyconv.conv2d(x.astype(np.float64), w.astype(np.float64), b.astype(np.float64), **arguments)
    y = cyconv.conv2d(x, w, b, algorithm="winograd", **arguments)
    limit = winograd_bound(np.pad(moved(x, "NHWC", layout), [(0, 0), (1, 1), (1, 1), (0, 0)])[:, None, ..., :6],
                           np.broadcast_to(np.abs(w).max(), w.shape)[None], (1, 1, 1)).max()  # fmt: skip
    np.testing.assert_allclose(y, expected, rtol=0, atol=5 * limit)
    for a in strange(x):
        assert np.array_equal(a, x)
        assert cyconv.conv2d(a, w, b, algorithm="winograd", **arguments).tobytes() == y.tobytes()
    wide = np.full((*y.shape[:-1], 2 * y.shape[-1]), 7, np.float32)
    for out in (wide[..., : y.shape[-1]], wide[..., ::2], np.empty(y.shape[::-1], np.float32).T):
        assert cyconv.conv2d(x, w, b, algorithm="winograd", out=out, **arguments) is out
        np.testing.assert_array_equal(out, y)
        wide[...] = 7


@pytest.mark.parametrize("channels", [8, 64, 256, 512])
def test_error_of_layers(each_isa, channels):
    """At most 3e-6 of the largest output, as the documentation says."""
    x, w, _ = drawn((13, 13), channels, 33, (3, 3), 1, "float32")
    y = cyconv.conv2d(x, w, padding=1, algorithm="winograd")
    expected = cyconv.conv2d(x.astype(np.float64), w.astype(np.float64), padding=1, algorithm="direct")
    assert np.abs(y - expected).max() <= 3e-6 * np.abs(expected).max()


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
@pytest.mark.parametrize("activation", [None, "relu", "tanh"])
def test_tiles_that_are_not_finite_are_direct(each_isa, ndim, last, value, activation):
    size, dilation = ((6, 14, 15), (1, 2, 1)) if ndim == 3 else ((30, 31), (1, 2))
    x, w, b = drawn(size, 10, 36, (3,) * ndim, 2, "float32")
    check_tiles("winograd", x, w[..., :5, :], b, value, last, padding=1, dilation=dilation, groups=2,
                kernel_layout=kernel_layouts(ndim)[0], activation=activation)  # fmt: skip


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite(each_isa, value):
    x, w, _ = drawn((20, 20), 32, 32, (3, 3), 1, "float32")
    w[1, 1, 5, 6] = value
    check_weights("winograd", x, w)


@pytest.mark.parametrize(
    ("x_shape", "w_shape", "dtype", "arguments", "reason"),
    [
        ((1, 9, 9, 8), (3, 3, 8, 8), "int32", {}, "not exact for integers"),
        ((1, 9, 9, 8), (3, 5, 8, 8), "float32", {}, "the kernel is 3 x 5"),
        ((1, 9, 9, 8), (1, 1, 8, 8), "float64", {}, "the kernel is 1 x 1"),
        ((1, 9, 9, 8), (3, 3, 8, 8), "float32", {"stride": (1, 2)}, "strided"),
        ((1, 9, 9, 9000), (3, 3, 9000, 8), "float32", {}, "too long"),
    ],
)
def test_what_it_cannot_serve(each_isa, x_shape, w_shape, dtype, arguments, reason):
    check_declined("winograd", x_shape, w_shape, dtype, arguments, reason)


def test_chosen_for_many_channels(each_isa):
    """The model knows its class of shapes, and its opposite."""
    many = cyconv.plan_conv2d((1, 56, 56, 64), np.ones((3, 3, 64, 64), np.float32), padding=1)
    few = cyconv.plan_conv2d((1, 56, 56, 1), np.ones((3, 3, 1, 64), np.float32), padding=1)
    assert many.algorithm == "winograd" != few.algorithm
    assert "winograd: taken" in many.explain()
    assert "times as long" in many.explain()


def test_chosen_for_few_filters_of_long_sums(each_isa):
    """Short sums of few filters stay exact; long ones have to save a third."""
    long = cyconv.plan_conv3d((1, 8, 8, 8, 125), np.ones((3, 3, 3, 125, 4), np.float32), padding=1)
    short = cyconv.plan_conv2d((1, 28, 28, 56), np.ones((3, 3, 56, 5), np.float32), padding=1)
    assert long.algorithm == "winograd"
    assert short.algorithm not in algorithms.TRANSFORMING
    assert "winograd: exact sums are preferred with fewer than 512 terms of few filters" in short.explain()
    one = cyconv.plan_conv2d((1, 56, 56, 64), np.ones((3, 3, 64, 1), np.float32), padding=1)
    assert one.algorithm == "stencil"
    assert "winograd: would take about" in one.explain()


@pytest.mark.parametrize(("stride", "algorithm"), [(1, "winograd"), (2, "direct")])
def test_weights_may_change_between_calls(stride, algorithm):
    """Packed weights are kept for equal ones, whatever array they are in, and for no others."""
    rng = np.random.default_rng(2)
    x, w = rng.random((1, 20, 20, 64), np.float32), rng.random((3, 3, 64, 96), np.float32)
    b = rng.random(96, np.float32)

    def fresh():
        return cyconv.plan_conv2d(x.shape, w, b, stride=stride)(x)

    assert cyconv.plan_conv2d(x.shape, w, stride=stride).algorithm == algorithm
    plan._kept.clear()
    before = cyconv.conv2d(x, w, b, stride=stride)
    (kept,) = plan._kept.values()
    assert before.tobytes() == fresh().tobytes() == cyconv.conv2d(x, w.copy(), b, stride=stride, threads=3).tobytes()
    assert [k.packed[1] for k in plan._kept.values()] == [kept.packed[1]]
    for place in ((0, 0, 0, 0), (1, 2, 3, 4), (2, 2, 63, 95)):
        w[place] += 1
        assert cyconv.conv2d(x, w, b, stride=stride).tobytes() == fresh().tobytes() != before.tobytes()
    b[-1] = 7
    assert cyconv.conv2d(x, w, b, stride=stride).tobytes() == fresh().tobytes()
    w[0, 0, 0, 0] = np.nan
    assert np.isnan(cyconv.conv2d(x, w, b, stride=stride)[..., 0]).all()
    w[0, 0, 0, 0] = 0
    assert cyconv.conv2d(x, w, b, stride=stride).tobytes() == fresh().tobytes()
    turned = w[:, ::-1]
    one, other = (cyconv.conv2d(x, v, b, stride=stride) for v in (turned, turned.copy()))
    assert one.tobytes() == other.tobytes()


def test_what_is_kept_is_bounded(monkeypatch):
    x, w = np.ones((1, 20, 20, 64), np.float32), np.ones((3, 3, 64, 96), np.float32)
    plan._kept.clear()
    cyconv.conv2d(x, w)
    (size,) = (k.size for k in plan._kept.values())
    assert w.nbytes * 5 <= size <= w.nbytes * 6
    monkeypatch.setattr(plan, "_MOST_KEPT", 2 * size + 100_000)
    for n in (21, 22, 20, 23):
        cyconv.conv2d(np.ones((1, n, n, 64), np.float32), w)
    assert [r.x_shape[1] for r in plan._kept] == [20, 23]
    monkeypatch.setattr(plan, "_MOST_KEPT", size // 2)
    cyconv.conv2d(x[:, 1:], w)
    assert [r.x_shape[1] for r in plan._kept] == [20, 23]  # too large for all that may be kept: not even tried
    monkeypatch.setattr(plan, "_MOST_KEPT", size + 100_000)
    cyconv.conv2d(x[:, 1:], w)
    assert [r.x_shape[1] for r in plan._kept] == [19]
