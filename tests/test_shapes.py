"""Output sizes and padding."""

import re

import numpy as np
import pytest
from cases import draw

import cyconv
from cyconv import shapes


@pytest.mark.parametrize(
    ("length", "kernel", "stride", "dilation", "pads"),
    [
        (6, 3, 2, 1, (0, 1)),
        (5, 3, 2, 1, (1, 1)),
        (5, 2, 1, 1, (0, 1)),
        (5, 4, 1, 1, (1, 2)),
        (10, 3, 1, 4, (4, 4)),
        (10, 1, 3, 1, (0, 0)),
        (7, 1, 9, 5, (0, 0)),
        (0, 3, 1, 1, (1, 1)),
    ],
)
def test_same_padding(length, kernel, stride, dilation, pads):
    assert shapes.same_padding(length, kernel, stride, dilation) == pads
    assert shapes.output_size(length, kernel, stride, dilation, *pads) == -(-length // stride)


@pytest.mark.parametrize(
    ("padding", "length", "kernel", "stride", "expected"),
    [
        ("same", 6, 3, 2, [6, 12, 11]),
        ("same_lower", 6, 3, 2, [3, 9, 15]),
        ("SAME", 5, 3, 2, [3, 9, 9]),
        ("same", 5, 2, 1, [3, 5, 7, 9, 5]),
        ("same", 5, 4, 1, [6, 10, 14, 12, 9]),
        ("valid", 5, 2, 2, [3, 7]),
        ("full", 3, 2, 1, [1, 3, 5, 3]),
        (((0, 0), (0, 2)), 3, 2, 1, [3, 5, 3, 0]),
    ],
)
def test_golden_vectors(padding, length, kernel, stride, expected):
    """Sums over windows of 1, 2, 3, ... as Keras, JAX and ONNX Runtime give them."""
    x = np.arange(1.0, length + 1).reshape(1, 1, length, 1)
    w = np.ones((1, kernel, 1, 1))
    assert cyconv.conv2d(x, w, stride=(1, stride), padding=padding).ravel().tolist() == expected


@pytest.mark.parametrize(
    ("x", "w", "arguments", "y"),
    [
        ((1, 128, 128, 3), (8, 8, 3, 24), {"stride": 2}, (1, 61, 61, 24)),
        ((1, 61, 61, 24), (8, 8, 24, 24), {"stride": 2}, (1, 27, 27, 24)),
        ((1, 27, 27, 24), (8, 8, 24, 24), {"stride": 2}, (1, 10, 10, 24)),
        ((1, 32, 32, 3), (3, 3, 3, 32), {"padding": "same"}, (1, 32, 32, 32)),
        ((5, 3, 9, 10), (7, 3, 2, 4), {"layout": "NCHW"}, (5, 7, 8, 7)),
        ((3, 9, 10), (7, 2, 4, 3), {"layout": "CHW", "kernel_layout": "OHWI"}, (7, 8, 7)),
        ((2, 100, 4), (5, 4, 8), {"padding": "causal", "dilation": 3}, (2, 100, 8)),
        ((1, 16, 64, 64, 1), (5, 5, 5, 1, 1), {"padding": "same"}, (1, 16, 64, 64, 1)),
        ((1, 2**40, 2**50, 3), (3, 3, 3, 1), {"padding": 1, "stride": 2**20}, (1, 2**20, 2**30, 1)),
    ],
)
def test_conv_output_shape(x, w, arguments, y):
    assert shapes.conv_output_shape(x, w, **arguments) == y


def test_shapes_agree_with_what_comes_out():
    """Also in what is refused."""
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(1500):
        case = draw(rng, dtypes=("float32",))
        arguments = {k: v for k, v in case.arguments.items() if k not in ("pad_mode", "flip", "activation")}
        try:
            shape = shapes.conv_output_shape(case.x.shape, case.w.shape, **arguments)
        except ValueError:
            refused += 1
            with pytest.raises(ValueError, match="does not fit"):
                cyconv.conv2d(case.x, case.w, case.bias, **case.arguments)
        else:
            assert cyconv.conv2d(case.x, case.w, case.bias, **case.arguments).shape == shape
    assert 50 < refused < 1000


def test_parameters():
    assert shapes.conv_params((3, 3, 3, 32)) == 896
    assert shapes.conv_params((5, 5, 3, 32), bias=False) == 2400
    assert shapes.conv_params((64, 32, 5, 5), kernel_layout="OIHW") == 51264
    assert shapes.conv_params((5, 5, 5, 1, 1)) == 126


def test_error_shows_the_formula():
    with pytest.raises(ValueError, match=r"\(kernel - 1\) \* dilation \+ 1 = 7 is more than 5 \+ 0 \+ 1 = 6"):
        shapes.conv_output_shape((1, 5, 5, 1), (7, 1, 1, 1), padding=((0, 1), (0, 0)))


@pytest.mark.parametrize(
    ("x", "kernel", "arguments", "y"),
    [
        ((1, 32, 32, 3), 2, {}, (1, 16, 16, 3)),
        ((1, 33, 33, 3), 2, {}, (1, 16, 16, 3)),
        ((1, 33, 33, 3), 2, {"ceil_mode": True}, (1, 17, 17, 3)),
        ((1, 5, 1), 2, {"stride": 3, "padding": 1, "ceil_mode": True}, (1, 2, 1)),
        ((2, 7, 3), 3, {"stride": 2, "padding": "SAME"}, (2, 4, 3)),
        ((2, 7, 3), 3, {"stride": 1, "padding": "full"}, (2, 9, 3)),
        ((2, 7, 3), 3, {"stride": 1, "dilation": 2, "padding": "causal"}, (2, 7, 3)),
        ((2, 9, 8, 7, 3), (3, 2, 1), {"stride": (1, 2, 3)}, (2, 7, 4, 3, 3)),
        ((2, 3, 9, 8), 3, {"layout": "channels_first"}, (2, 3, 3, 2)),
        ((3, 9, 8), 3, {"layout": "chw"}, (3, 3, 2)),
        ((9, 8, 3), (3, 4), {"layout": "HWC"}, (3, 2, 3)),
        ((9, 8, 7, 3), 3, {"layout": "DHWC"}, (3, 2, 2, 3)),
        ((9, 3), 3, {"layout": "WC"}, (3, 3)),
        ((0, 4, 4, 3), 2, {}, (0, 2, 2, 3)),
        ((2, 4, 4, 0), 2, {}, (2, 2, 2, 0)),
        (np.array([1, 32, 32, 3]), np.array([2, 4]), {"stride": np.int64(2)}, (1, 16, 15, 3)),
    ],
)
def test_pool_output_shape(x, kernel, arguments, y):
    shape = shapes.pool_output_shape(x, kernel, **arguments)
    assert shape == y
    assert all(type(n) is int for n in shape)


@pytest.mark.parametrize(
    ("x", "size", "layout", "y"),
    [
        ((1, 30, 40, 3), 7, None, (1, 7, 7, 3)),
        ((1, 30, 40, 3), (7, None), None, (1, 7, 40, 3)),
        ((1, 30, 40, 3), None, None, (1, 30, 40, 3)),
        ((3, 30, 40), (50, 1), "CHW", (3, 50, 1)),
        ((2, 3, 30), [4], "channels_first", (2, 3, 4)),
        ((0, 2**40, 2**50, 0), np.int64(5), None, (0, 5, 5, 0)),
    ],
)
def test_adaptive_output_shape(x, size, layout, y):
    shape = shapes.adaptive_output_shape(x, size, layout=layout)
    assert shape == y
    assert all(type(n) is int for n in shape)


@pytest.mark.parametrize("length", [1, 2, 7, 12])
@pytest.mark.parametrize("out", [1, 3, 4, 12, 29])
def test_adaptive_windows_cover_the_axis(length, out):
    windows = [shapes.pool_window(i, length, out) for i in range(out)]
    assert windows[0][0] == 0
    assert windows[-1][1] == length
    for (start, end), (following, _) in zip(windows, [*windows[1:], (length, length)], strict=True):
        assert start < end
        assert start <= following <= end


def places(length, kernel, stride, dilation, before, after, ceil_mode):
    """Starts of a pool's windows, one after the other; None if there are none, or what is wrong."""
    extent, total = (kernel - 1) * dilation + 1, before + length + after
    if max(before, after) >= extent:
        return "padding along W must be less than a window"
    if extent > total:
        return "does not fit"
    starts = []
    start = 0
    while start + extent <= total:
        starts.append(start)
        start += stride
    if ceil_mode and starts[-1] + extent < total and start < before + length:
        starts.append(start)
    for i, start in enumerate(starts):
        if not any(0 <= start + t * dilation - before < length for t in range(kernel)):
            return f"output {i} along W would meet no element"
    return starts


def test_pools_have_the_windows_that_they_should():
    """Of which each meets an element of the input, or it is refused and the message names the first that does not."""
    rng = np.random.default_rng(1)
    met = {"padding": 0, "does": 0, "output": 0, "starts": 0}
    for _ in range(20000):
        length, kernel, stride, dilation = (int(rng.integers(1, n)) for n in (20, 6, 9, 30))
        most = (kernel - 1) * dilation + 2
        before, after = (int(n) for n in rng.integers(0, most, 2))
        ceil_mode = bool(rng.integers(2))
        expected = places(length, kernel, stride, dilation, before, after, ceil_mode)

        def size(x=(1, length, 1), kernel=kernel, pads=((before, after),), **arguments):
            return shapes.pool_output_shape(x, kernel, padding=pads, **arguments)[1]

        arguments = {"stride": stride, "dilation": dilation, "ceil_mode": ceil_mode}
        if isinstance(expected, str):
            met[expected.split()[0]] += 1
            with pytest.raises(ValueError, match=expected):
                size(**arguments)
        else:
            met["starts"] += 1
            assert size(**arguments) == len(expected)
    assert min(met.values()) > 300, met


@pytest.mark.parametrize(
    ("length", "kernel", "arguments", "size"),
    [
        (10, 2**40 - 1, {"stride": 1, "padding": "full"}, 2**40 + 8),
        (10, 2**39 + 1, {"stride": 1, "padding": 2**39}, 10 + 2**39),
        (10, 2**39 + 1, {"stride": 2**38, "padding": 2**39, "ceil_mode": True}, 3),
        (2**50, 2, {"stride": 2**39}, 2**11),
        (2**50 + 1, 2, {"stride": 2**39, "ceil_mode": True}, 2**11 + 1),
        (2**38, 3, {"stride": 1, "dilation": 2**38, "padding": 2**39}, 3 * 2**38),
        (2**39 - 9, 3, {"stride": 2**38 + 1, "dilation": 2**39 - 9, "padding": 2**39 - 9}, 2),
    ],
)
def test_pools_of_large_numbers(length, kernel, arguments, size):
    """Answered at once."""
    assert shapes.pool_output_shape((1, length, 1), kernel, **arguments) == (1, size, 1)


@pytest.mark.parametrize("stride", [1, 2, 3, 2**20 + 7, 618033988749, 2**39 - 1])
@pytest.mark.parametrize("hole", [1, 2, 1000003])
@pytest.mark.parametrize("dilation", [2**20 + 7, 2**33 + 17])
def test_windows_without_elements_of_large_numbers(stride, hole, dilation):
    """It is known at once which output has none, or that all have some."""
    length, kernel = dilation - hole, 2**39 // dilation
    before = (kernel - 1) * dilation - 12345
    try:
        shapes.pool_output_shape((1, length, 1), kernel, stride=stride, dilation=dilation, padding=before)
    except ValueError as error:
        missed, start = (int(n) for n in re.search(r"output (\d+) along W .* = (-\d+),", str(error)).groups())
        assert start == missed * stride - before < 0
        assert start % dilation >= length
    else:
        missed = -(-before // stride)
    some = np.arange(min(missed, 10**6)) * stride - before
    assert np.all(some % dilation < length)


@pytest.mark.parametrize(
    ("x", "kernel", "arguments", "error", "message"),
    [
        (
            (1, 5, 5, 1),
            (7, 1),
            {"padding": ((0, 1), (0, 0))},
            ValueError,
            r"along H: \(kernel - 1\) \* dilation \+ 1 = 7 is more than 5 \+ 0 \+ 1 = 6 .*kernel_size=\(7, 1\)",
        ),
        ((1, 5, 5, 1), 6, {"ceil_mode": True}, ValueError, "does not fit the input along H"),
        ((1, 5, 5, 1), 3, {"padding": 3}, ValueError, r"along H must be less than a window, .* = 3, got \(3, 3\)"),
        ((1, 5, 5, 1), 3, {"padding": ((0, 0), (0, 5)), "dilation": 2}, ValueError, r"along W .* = 5, got \(0, 5\)"),
        ((1, 5, 5, 1), 1, {"padding": 1}, ValueError, "must be less than a window"),
        ((1, 5, 5, 1), 3, {"padding": -1}, ValueError, "padding must be at least 0, got -1; slice the input"),
        ((1, 5, 5, 1), 3, {"padding": "causal"}, ValueError, "'causal' is for one axis"),
        ((1, 5, 5, 1), 3, {"padding": "sam"}, ValueError, "padding must be one of 'valid', .* got 'sam'"),
        (
            (1, 1, 1),
            2,
            {"dilation": 4, "padding": 2},
            ValueError,
            r"output 0 along W .* no element .* starts at 0 \* 2 - 2 = -2, and dilation=4 steps over all of it",
        ),
        ((1, 1, 1), 2, {"dilation": 4, "padding": "same"}, ValueError, "output 0 along W would meet no element"),
        ((1, 0, 5, 1), 2, {}, ValueError, r"x must have elements along H to pool, got none: x.shape=\(1, 0, 5, 1\)"),
        ((0, 5, 0, 0), 2, {"padding": 1}, ValueError, "x must have elements along W"),
        ((1, 5, 5, 1), 0, {}, ValueError, "kernel_size must be at least 1, got 0"),
        ((1, 5, 5, 1), 2.0, {}, TypeError, "kernel_size must be an integer, got 2.0"),
        ((1, 5, 5, 1), None, {}, TypeError, "kernel_size must be an integer, got None"),
        ((1, 5, 5, 1), (2,), {"layout": "NHWC"}, ValueError, r"kernel_size must be an int or 2 of them, got \(2,\)"),
        ((1, 5, 5, 1), (2,), {}, ValueError, r"x must have 3 axes \(NWC\), got 4: x.shape=\(1, 5, 5, 1\)"),
        ((5, 5, 1), (2, 2), {}, ValueError, r"x must have 4 axes \(NHWC\), got 3.* say layout='HWC'"),
        ((5, 5, 1), 2, {"layout": "NCHW"}, ValueError, r"x must have 4 axes \(NCHW\), got 3"),
        ((1, 5, 5, 1), (2, 2, 2, 2), {}, ValueError, "kernel_size must be one number, or 1 to 3 of them"),
        ((1, 5, 5, 1), (), {}, ValueError, "kernel_size must be one number, or 1 to 3 of them"),
        ((5, 1), 2, {}, ValueError, r"x must have 3 to 5 axes, got 2: x.shape=\(5, 1\)"),
        ((1,) * 6, 2, {}, ValueError, "x must have 3 to 5 axes, got 6"),
        ((1, 5, 5, 1), 2, {"layout": "NWHC"}, ValueError, "layout must be 'NHWC'.* got 'NWHC'"),
        ((1, 5, 5, 1), 2, {"layout": "HW"}, ValueError, "layout must be 'NHWC'.* got 'HW'"),
        ((1, 5, 5, 1), 2, {"layout": 5}, TypeError, "layout must be a string"),
        ((1, 5, 5, 1), 2, {"stride": 0}, ValueError, "stride must be at least 1, got 0"),
        ((1, 5, 5, 1), 2, {"stride": (1, 1, 1)}, ValueError, "stride must be an int or 2 of them"),
        ((1, 5, 5, 1), 2, {"dilation": True}, TypeError, "dilation must be an integer, got True"),
        ((1, 5, 5, 1), 2, {"ceil_mode": 1}, TypeError, "ceil_mode must be True or False, got 1"),
        ((1, 5, 5, 1), 2**40, {}, ValueError, r"kernel_size must be below 2\*\*40"),
        ((1, 5.0, 5, 1), 2, {}, TypeError, "x_shape must be an integer, got 5.0"),
        ((1, -5, 5, 1), 2, {}, ValueError, "x_shape must be at least 0, got -5"),
        (5, 2, {}, TypeError, "x_shape must be a sequence of int, got 5"),
        ("1551", 2, {}, TypeError, "x_shape must be a sequence of int, got '1551'"),
    ],
)
def test_errors_of_pools(x, kernel, arguments, error, message):
    with pytest.raises(error, match=f"^pool_output_shape: .*{message}"):
        shapes.pool_output_shape(x, kernel, **arguments)


@pytest.mark.parametrize(
    ("x", "size", "error", "message"),
    [
        ((1, 5, 5, 1), 0, ValueError, "output_size must be at least 1, got 0"),
        ((1, 5, 5, 1), (2, -1), ValueError, "output_size must be at least 1, got -1"),
        ((1, 5, 5, 1), 2.0, TypeError, "output_size must be an integer, got 2.0"),
        ((1, 5, 5, 1), "2", TypeError, "output_size must be an integer, got '2'"),
        ((1, 5, 5, 1), (2, 2, 2), ValueError, r"x must have 5 axes \(NDHWC\), got 4"),
        ((1, 0, 5, 1), None, ValueError, "x must have elements along H to pool"),
    ],
)
def test_errors_of_adaptive_pools(x, size, error, message):
    with pytest.raises(error, match=f"^adaptive_output_shape: {message}"):
        shapes.adaptive_output_shape(x, size)
