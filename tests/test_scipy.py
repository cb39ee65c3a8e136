"""Convolution against SciPy and NumPy, which we did not write."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
from bounds import UNIT_ROUNDOFF
from cases import CONV

import cyconv

SCIPY_MODES = {"constant": "constant", "edge": "nearest", "reflect": "mirror", "symmetric": "reflect", "wrap": "wrap"}
SIZES = [  # of the array and of the window
    ((40, 51), (3, 5)),
    ((33, 20), (7, 1)),
    ((17, 18), (11, 13)),
    ((400,), (5,)),
    ((31,), (31,)),
    ((11, 12, 13), (3, 5, 1)),
    ((5, 6, 40), (5, 3, 7)),
]
WIDE = [((5, 6), (9, 11)), ((6,), (11,)), ((4, 3, 5), (7, 5, 9))]  # windows wider than the array


def filtered(x, w, channels_last, **arguments):
    """`cyconv`'s result for one channel and one filter, as an array like `x`."""
    if channels_last:
        return CONV[x.ndim](x[None, ..., None], w[..., None, None], **arguments)[0, ..., 0]
    return CONV[x.ndim](x[None, None], w[None, None], layout="channels_first", **arguments)[0, 0]


def tolerance(x, w, dtype):
    """Twice the rounding bound: SciPy rounds too."""
    return 2 * (w.size + 2) * UNIT_ROUNDOFF[dtype] * np.abs(x).max() * np.abs(w).sum()


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("mode", ["valid", "same", "full"])
def test_signal_correlate_and_convolve(each_isa, channels_last, dtype, mode):
    rng = np.random.default_rng(1)
    for shape, kernel in SIZES:
        x, w = rng.standard_normal(shape).astype(dtype), rng.standard_normal(kernel).astype(dtype)
        for flip, function in ((False, scipy.signal.correlate), (True, scipy.signal.convolve)):
            y = filtered(x, w, channels_last, padding=mode, flip=flip)
            expected = function(x.astype(float), w.astype(float), mode, method="direct")
            np.testing.assert_allclose(y, expected, rtol=0, atol=tolerance(x, w, dtype))


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("pad_mode", SCIPY_MODES)
def test_ndimage_correlate_and_convolve(each_isa, channels_last, pad_mode):
    rng = np.random.default_rng(2)
    for shape, kernel in SIZES + WIDE:
        x, w = rng.standard_normal(shape), rng.standard_normal(kernel)
        for flip, function in ((False, scipy.ndimage.correlate), (True, scipy.ndimage.convolve)):
            y = filtered(x, w, channels_last, padding="same", pad_mode=pad_mode, flip=flip)
            expected = function(x, w, mode=SCIPY_MODES[pad_mode])
            np.testing.assert_allclose(y, expected, rtol=0, atol=tolerance(x, w, "float64"))


@pytest.mark.parametrize("mode", ["valid", "same", "full"])
def test_numpy(each_isa, mode):
    """NumPy's "same" puts the odd element of a window in front."""
    rng = np.random.default_rng(4)
    for length, kernel in ((400, 5), (9, 9), (64, 1), (30, 8)):
        x, w = rng.standard_normal(length), rng.standard_normal(kernel)
        for flip, function in ((True, np.convolve), (False, np.correlate)):
            y = filtered(x, w, True, padding="same_lower" if mode == "same" else mode, flip=flip)
            np.testing.assert_allclose(y, function(x, w, mode), rtol=0, atol=tolerance(x, w, "float64"))


def test_even_kernels():
    """'same' puts the odd cell behind; SciPy's functions each have their own rule."""
    x, w = np.arange(1.0, 6), np.array([1.0, 10.0])
    same = filtered(x, w, True, padding="same", flip=True)
    lower = filtered(x, w, True, padding="same_lower", flip=True)
    np.testing.assert_array_equal(lower, np.convolve(x, w, "same"))
    np.testing.assert_array_equal(lower, [1, 12, 23, 34, 45])
    np.testing.assert_array_equal(same, scipy.ndimage.convolve(x, w, mode="constant"))
    np.testing.assert_array_equal(same, [12, 23, 34, 45, 50])


@pytest.mark.parametrize("stride", [1, 3])
def test_causal_filters(each_isa, stride):
    """A causal convolution is a finite impulse response filter."""
    rng = np.random.default_rng(5)
    for length, kernel, dilation in ((200, 7, 1), (5, 9, 1), (90, 4, 5)):
        x, w = rng.standard_normal(length), rng.standard_normal(kernel)
        y = filtered(x, w, True, padding="causal", flip=True, stride=stride, dilation=dilation)
        spread = np.zeros((kernel - 1) * dilation + 1)
        spread[::dilation] = w
        np.testing.assert_allclose(
            y, scipy.signal.lfilter(spread, 1, x)[::stride], rtol=0, atol=tolerance(x, w, "float64")
        )


def test_many_channels(each_isa):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((20, 22, 6))
    w = rng.standard_normal((3, 4, 6, 5))
    y = cyconv.conv2d(x, w, layout="HWC")
    for o in range(5):
        expected = sum(scipy.signal.correlate2d(x[..., c], w[..., c, o], "valid") for c in range(6))
        np.testing.assert_allclose(y[..., o], expected, rtol=0, atol=tolerance(x, w[..., o], "float64"))
