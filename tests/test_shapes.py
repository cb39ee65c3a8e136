"""Output sizes and padding."""

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
