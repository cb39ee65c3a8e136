"""The result in float64, tap by tap as in `cyconv.reference`, but with products of matrices for large cases."""

import itertools

import numpy as np

TOLERANCE = {"float32": 5e-5, "float64": 1e-11}
"""A time counts only if the error is at most this part of the largest output."""


def padded(x, case, value=0.0):
    """`x` of shape (N, C, ...) with the padding of a case.

    Parameters
    ----------
    x : ndarray
    case : benchmarks.suites.Case
    value : float

    Returns
    -------
    ndarray
    """
    if not any(map(sum, case.pad)):
        return x
    return np.pad(x, ((0, 0), (0, 0), *case.pad), constant_values=value)


def taps(x, case):
    """For each place in the window: the place, and the elements of padded `x` that all windows have there.

    Parameters
    ----------
    x : ndarray of shape (..., padded sizes)
    case : benchmarks.suites.Case

    Yields
    ------
    tuple of (tuple of int, ndarray)
    """
    for tap in itertools.product(*map(range, case.kernel)):
        met = tuple(
            slice(t * d, t * d + (o - 1) * s + 1, s)
            for t, d, o, s in zip(tap, case.dilation, case.output, case.stride, strict=True)
        )
        yield tap, x[..., *met]


def compute(case):
    """The expected output of a case.

    Parameters
    ----------
    case : benchmarks.suites.Case

    Returns
    -------
    ndarray of float64, of shape (N, K, ...)
    """
    x, w = case.arrays()
    y = np.full((case.n, case.k, *case.output), -np.inf if case.op == "max" else 0.0)
    for sample, result in zip(x, y, strict=True):
        big = padded(sample[np.newaxis].astype(np.float64), case, -np.inf if case.op == "max" else 0.0)[0]
        if case.op == "conv":
            _convolve(big, w.astype(np.float64), case, result)
            continue
        for _, met in taps(big, case):
            (np.maximum if case.op == "max" else np.add)(result, met, out=result)
    if case.op == "avg":
        y /= np.prod(case.kernel)
    return y


def _convolve(x, w, case, y):
    inputs, filters = case.c // case.groups, case.k // case.groups
    if inputs == filters == 1:  # each channel alone
        for tap, met in taps(x, case):
            y += w[:, 0, *tap].reshape(-1, *(1,) * case.ndim) * met
        return
    for g in range(case.groups):
        of_w, of_y = w[g * filters : (g + 1) * filters], y[g * filters : (g + 1) * filters].reshape(filters, -1)
        for tap, met in taps(x[g * inputs : (g + 1) * inputs], case):
            of_y += of_w[:, :, *tap] @ met.reshape(inputs, -1)


def error(got, expected):
    """Largest difference, as a part of the largest expected value; None if shapes differ or a value is NaN.

    Parameters
    ----------
    got, expected : ndarray

    Returns
    -------
    float or None
    """
    if got.shape != expected.shape:
        return None
    largest = max(float(np.abs(expected).max()), np.finfo(np.float64).tiny)
    result = float(np.max([np.abs(g - e).max() for g, e in zip(got, expected, strict=True)])) / largest
    return None if np.isnan(result) else result
