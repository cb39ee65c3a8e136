"""conv2d against SciPy, which we did not write."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
from bounds import UNIT_ROUNDOFF

import cyconv

SCIPY_MODES = {"constant": "constant", "edge": "nearest", "reflect": "mirror", "symmetric": "reflect", "wrap": "wrap"}


def picture(rng, layout, shape, dtype):
    x = rng.standard_normal(shape).astype(dtype)
    return x, (x[None, ..., None] if layout == "NHWC" else x[None, None])


def flat(y, layout):
    return y[0, ..., 0] if layout == "NHWC" else y[0, 0]


def tolerance(x, w, dtype):
    """Twice the rounding bound: SciPy rounds too."""
    return 2 * (w.size + 2) * UNIT_ROUNDOFF[dtype] * np.abs(x).max() * np.abs(w).sum()


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("mode", ["valid", "same", "full"])
def test_signal_correlate_and_convolve(each_isa, layout, dtype, mode):
    rng = np.random.default_rng(1)
    for shape, kernel in (((40, 51), (3, 5)), ((33, 20), (7, 1)), ((17, 18), (11, 13)), ((9, 64), (1, 1))):
        x, batch = picture(rng, layout, shape, dtype)
        w = rng.standard_normal(kernel).astype(dtype)
        limit = tolerance(x, w, dtype)
        for flip, function in ((False, scipy.signal.correlate), (True, scipy.signal.convolve)):
            y = cyconv.conv2d(batch, w[..., None, None], padding=mode, flip=flip, layout=layout, kernel_layout="HWIO")
            expected = function(x.astype(float), w.astype(float), mode, method="direct")
            np.testing.assert_allclose(flat(y, layout), expected, rtol=0, atol=limit)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("pad_mode", SCIPY_MODES)
def test_ndimage_correlate(each_isa, layout, pad_mode):
    rng = np.random.default_rng(2)
    for shape, kernel in (((40, 51), (3, 5)), ((33, 20), (7, 1)), ((30, 28), (15, 15)), ((5, 6), (9, 11))):
        x, batch = picture(rng, layout, shape, "float64")
        w = rng.standard_normal(kernel)
        y = cyconv.conv2d(
            batch, w[..., None, None], padding="same", pad_mode=pad_mode, layout=layout, kernel_layout="HWIO"
        )
        expected = scipy.ndimage.correlate(x, w, mode=SCIPY_MODES[pad_mode])
        np.testing.assert_allclose(flat(y, layout), expected, rtol=0, atol=tolerance(x, w, "float64"))


def test_even_kernels():
    """'same' puts the odd cell behind; SciPy's functions each have their own rule."""
    x = np.arange(1.0, 6).reshape(1, 1, 5, 1)
    w = np.array([1.0, 10.0]).reshape(1, 2, 1, 1)
    same = cyconv.conv2d(x, w, padding="same", flip=True).ravel()
    lower = cyconv.conv2d(x, w, padding="same_lower", flip=True).ravel()
    np.testing.assert_array_equal(lower, np.convolve(x.ravel(), w.ravel(), "same"))
    np.testing.assert_array_equal(lower, [1, 12, 23, 34, 45])
    np.testing.assert_array_equal(same, scipy.ndimage.convolve(x.ravel(), w.ravel(), mode="constant"))
    np.testing.assert_array_equal(same, [12, 23, 34, 45, 50])


def test_many_channels(each_isa):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((20, 22, 6))
    w = rng.standard_normal((3, 4, 6, 5))
    y = cyconv.conv2d(x, w, layout="HWC")
    for o in range(5):
        expected = sum(scipy.signal.correlate2d(x[..., c], w[..., c, o], "valid") for c in range(6))
        np.testing.assert_allclose(y[..., o], expected, rtol=0, atol=tolerance(x, w[..., o], "float64"))
