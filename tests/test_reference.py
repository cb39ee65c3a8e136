"""The definition itself, against examples worked by hand and against SciPy."""

import numpy as np
import pytest
import scipy.signal

from cyconv import reference


def test_by_hand():
    x = np.arange(1.0, 10).reshape(1, 3, 3, 1)
    w = np.array([[1.0, 10.0], [100.0, 1000.0]]).reshape(2, 2, 1, 1)
    y = reference.convolve(x, w)[0, :, :, 0]
    assert y.tolist() == [[1 + 20 + 400 + 5000, 2 + 30 + 500 + 6000], [4 + 50 + 700 + 8000, 5 + 60 + 800 + 9000]]
    turned = reference.convolve(x, w, flip=True)[0, :, :, 0]
    assert turned[0, 0] == 1000 * 1 + 100 * 2 + 10 * 4 + 5


def test_channels_are_summed():
    x = np.ones((1, 3, 3, 3)) * [1, 100, 10000]
    y = reference.convolve(x, np.ones((2, 2, 3, 1)))
    assert y.shape == (1, 2, 2, 1)
    assert np.all(y == 40404)


def test_dilation_stride_and_groups_by_hand():
    x = np.arange(1.0, 8).reshape(1, 7, 1)
    w = np.array([1.0, 10.0]).reshape(2, 1, 1)
    assert reference.convolve(x, w, dilation=2, stride=2).ravel().tolist() == [31, 53, 75]
    x = np.array([[[1.0, 2.0, 3.0, 4.0]]])
    w = np.array([[[1.0, 10.0], [100.0, 1000.0]]])
    assert reference.convolve(x, w, groups=2).ravel().tolist() == [201, 4030]


@pytest.mark.parametrize("ndim", [1, 2, 3])
@pytest.mark.parametrize("mode", ["valid", "same", "full"])
def test_scipy(ndim, mode):
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal((9,) * ndim), rng.standard_normal((3,) * ndim)
    y = reference.convolve(x[None, ..., None], w[..., None, None], padding=mode)[0, ..., 0]
    np.testing.assert_allclose(y, scipy.signal.correlate(x, w, mode, method="direct"), rtol=1e-12, atol=1e-12)
    y = reference.convolve(x[None, ..., None], w[..., None, None], padding=mode, flip=True)[0, ..., 0]
    np.testing.assert_allclose(y, scipy.signal.convolve(x, w, mode, method="direct"), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric", "wrap"])
def test_pad_modes_are_numpys(mode):
    x = np.arange(1.0, 5).reshape(1, 4, 1)
    y = reference.convolve(x, np.ones((1, 1, 1)), padding=((3, 2),), pad_mode=mode)
    assert y.ravel().tolist() == np.pad([1.0, 2, 3, 4], (3, 2), mode=mode).tolist()


def test_no_other_activation():
    with pytest.raises(ValueError, match="no activation 'gelu'"):
        reference.activate(np.ones(1), "gelu")
