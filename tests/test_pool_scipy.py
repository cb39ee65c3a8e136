"""Pools against SciPy's filters, which we did not write: those are "same", with a window around every element."""

import numpy as np
import pytest
import scipy.ndimage
from bounds import UNIT_ROUNDOFF
from pool_cases import function

SIZES = [  # of the array and of the window
    ((40, 51), (3, 5)),
    ((33, 20), (7, 1)),
    ((17, 18), (11, 13)),
    ((60, 61), (31, 31)),
    ((400,), (5,)),
    ((400,), (301,)),
    ((31,), (31,)),
    ((11, 12, 13), (3, 5, 1)),
    ((5, 6, 40), (5, 3, 7)),
]
EVEN = [((40, 50), (4, 2)), ((90,), (8,)), ((9, 10, 11), (2, 4, 6))]
CHANNELS = 3


def pooled(op, x, kernel, channels_last, **arguments):
    """`cyconv`'s result for an array with channels in front, with them in front too."""
    ndim = len(kernel)
    if channels_last:
        x = np.moveaxis(x, 0, -1)
    layout = "channels_last" if channels_last else "channels_first"
    y = function(op, ndim)(x[np.newaxis], kernel, stride=1, layout=layout, **arguments)[0]
    return np.moveaxis(y, -1, 0) if channels_last else y


def filtered(op, x, kernel, **arguments):
    """SciPy's result for each channel."""
    return np.stack([op(channel, size=kernel, mode="constant", **arguments) for channel in x])


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int16"])
def test_maximum_filter(each_isa, channels_last, dtype):
    rng = np.random.default_rng(1)
    least = -np.inf if dtype.startswith("float") else np.iinfo(dtype).min
    for shape, kernel in SIZES:
        x = (1000 * rng.standard_normal((CHANNELS, *shape))).astype(dtype)
        expected = filtered(scipy.ndimage.maximum_filter, x, kernel, cval=least)
        np.testing.assert_array_equal(pooled("max_pool", x, kernel, channels_last, padding="same"), expected)


@pytest.mark.parametrize("channels_last", [True, False])
def test_even_windows(each_isa, channels_last):
    """SciPy's even windows begin one element earlier than "same" does: the odd cell is in front."""
    rng = np.random.default_rng(2)
    for shape, kernel in EVEN:
        x = rng.standard_normal((CHANNELS, *shape))
        y = pooled("max_pool", x, kernel, channels_last, padding="same_lower")
        np.testing.assert_array_equal(y, filtered(scipy.ndimage.maximum_filter, x, kernel, cval=-np.inf))


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_uniform_filter(each_isa, channels_last, dtype):
    """SciPy slides each axis' sum along: it adds and subtracts as many numbers as an axis has, in float64."""
    rng = np.random.default_rng(3)
    for sizes, padding in ((SIZES, "same"), (EVEN, "same_lower")):
        for shape, kernel in sizes:
            x = rng.standard_normal((CHANNELS, *shape)).astype(dtype)
            y = pooled("avg_pool", x, kernel, channels_last, padding=padding, count_include_pad=True)
            expected = filtered(scipy.ndimage.uniform_filter, x.astype(np.float64), kernel)
            largest = np.abs(x).max()
            of_scipy = sum(2 * (n + k + 1) for n, k in zip(shape, kernel, strict=True)) * UNIT_ROUNDOFF["float64"]
            ours = (8 if dtype == "float32" else np.prod(kernel) + 1) * UNIT_ROUNDOFF[dtype]
            np.testing.assert_allclose(y, expected, rtol=0, atol=(ours + of_scipy) * largest)


@pytest.mark.parametrize("channels_last", [True, False])
def test_means_without_padding(each_isa, channels_last):
    """Sums over the elements that there are, divided by their number."""
    rng = np.random.default_rng(4)
    for shape, kernel in SIZES:
        x = rng.integers(-50, 51, (CHANNELS, *shape)).astype(np.float64)

        def total(x, kernel=kernel):
            return np.stack([scipy.ndimage.correlate(channel, np.ones(kernel), mode="constant") for channel in x])

        expected = total(x) / total(np.ones_like(x))  # sums of whole numbers: both are exact
        np.testing.assert_array_equal(pooled("avg_pool", x, kernel, channels_last, padding="same"), expected)
