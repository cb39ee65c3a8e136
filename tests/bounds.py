"""How far a floating-point convolution may be from the exact one."""

import numpy as np

from cyconv import reference

UNIT_ROUNDOFF = {"float16": 2.0**-11, "float32": 2.0**-24, "float64": 2.0**-53}


def terms(w, kernel_layout):
    """Number of products in one output."""
    filters = w.shape[kernel_layout.index("O")]
    return w.size // filters


def bound(case):
    """Largest possible error of each output: (n + 2) u (sum of |x w| + |b|), for any order of summation."""
    dtype = np.result_type(case.x, case.w).name
    plain = {**case.arguments, "activation": None}
    magnitude = reference.convolve(
        np.abs(case.x), np.abs(case.w), None if case.bias is None else np.abs(case.bias), **plain
    )
    n = terms(case.w, case.arguments["kernel_layout"])
    return (n + 2) * UNIT_ROUNDOFF[dtype] * magnitude + np.finfo(dtype).smallest_subnormal * n


def assert_within_bound(y, case, other=None):
    """Fails if an output is further from the reference in float64 than rounding can explain.

    With `other`, the result of a library that rounds as well, it fails if the two differ by more than both may.
    """
    expected = case.expected() if other is None else other.astype(np.float64)
    error = np.abs(y.astype(np.float64) - expected)
    limit = bound(case) * (1 if other is None else 2)
    assert np.all(error <= limit), f"{case}: error {error.max()} at {np.argmax(error - limit)}, limit {limit.max()}"
