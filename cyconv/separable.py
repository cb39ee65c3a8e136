"""Filters whose weights are products of one factor for each axis: whether they are, and the factors."""

import numpy as np

UNFIT = "the weights of a filter are no product of one factor for each axis"
NOT_FINITE = "weights are not finite"

_ROUNDINGS = 8
"""Rounding errors of a weight and of its factors, in units of the roundoff."""


def factors(w):
    """Factors of filters along each axis, or why there are none.

    Whole numbers, and fractions of a power of two, have to be products of such numbers, so that sums stay whole.
    Other weights may be off by what rounding explains: a few units of the roundoff u, and for a weight that is
    exp(-a) of the largest one, as in a Gaussian, 2 a u more, since a was rounded as well.  Zeros must be zeros.

    Parameters
    ----------
    w : ndarray of shape (O, 1, D, H, W)
        Of float32, float64, int32 or int64.

    Returns
    -------
    factors : ndarray of shape (O, 1, 1, 1, W + H + D) or None
        Of the width, the height and the depth, one behind the other, in the dtype of `w`.  Magnitudes of
        floating-point factors add up to less than 1, but those of the last axis that has several: no sum
        on the way overflows where that of all products does not.
    reason : str
        Empty if there are factors.
    """
    if w.dtype.kind == "i":
        lines = _split(w[:, 0].astype(np.int64), True)
        # What wraps around in the product wraps around in the sums as well.
        equal = np.array_equal(_product(*lines).astype(w.dtype), w[:, 0])
        return (_joined(lines, w.dtype), "") if equal else (None, UNFIT)
    if not np.isfinite(w).all():
        return None, NOT_FINITE
    exact = w[:, 0].astype(np.float64)
    units = _units(exact, w.dtype)
    found = np.empty((len(w), 1, 1, 1, sum(w.shape[2:])), w.dtype)
    for whole in (True, False):
        some = (units > 0) == whole
        if not some.any():
            continue
        part = exact[some]
        if whole:
            unit = units[some]
            lines = _split((part * unit[:, None, None, None]).astype(np.int64), True)
            lines = [lines[0], lines[1] / unit[:, None], lines[2]]
        else:
            lines = _split(part, False)
        lines = _scaled(lines)
        with np.errstate(over="ignore"):
            found[some] = _joined(lines, w.dtype)
            lines = [line.astype(w.dtype).astype(np.float64) for line in lines]
        if not _fits(lines, part, whole, np.finfo(w.dtype)):
            return None, UNFIT
    return found, ""


def _units(w, dtype):
    """For each filter, what all weights are whole multiples of 1 / unit of; 0 if that is none of the expected.

    Floating-point numbers are always multiples of a power of two, but such of few digits are meant to be.
    """
    w = w.reshape(len(w), -1)
    digits = np.finfo(dtype).nmant + 1
    largest = np.abs(w).max(axis=1)
    units = np.ldexp(1.0, digits // 2 - np.frexp(largest)[1])
    scaled = w * units[:, None]
    whole = (w == np.rint(w)).all(axis=1) & (largest < 2.0**digits)
    return np.where(whole, 1, np.where((scaled == np.rint(scaled)).all(axis=1), units, 0))


def _split(w, whole):
    """Lines of weights (O, W), (O, H), (O, D) whose products are `w` (O, D, H, W), if there are such."""
    count, depth, height, width = w.shape
    along, others = _halves(w.reshape(count, -1, width), whole)
    if depth == 1:
        return [along, others, np.ones((count, 1), w.dtype)]
    return [along, *_halves(others.reshape(count, depth, height), whole)]


def _halves(w, whole):
    """A row of each filter, and how many times it each row is.

    The row is that of the largest element; if all is whole, divided by what its elements have in common.
    """
    count, _, columns = w.shape
    filters = np.arange(count)
    row, column = np.divmod(np.abs(w).reshape(count, -1).argmax(axis=1), columns)
    line, others = w[filters, row], w[filters, :, column]
    if whole:
        line = line // np.maximum(np.gcd.reduce(line, axis=1), 1)[:, None]
        pivot = line[filters, column][:, None]
        return line, others // np.where(pivot == 0, 1, pivot)
    return line, others / line[filters, column][:, None]


def _scaled(lines):
    """Powers of two go to the last line of several elements: others add up to less than one half."""
    along, down, through = lines
    power = np.frexp(np.abs(along).sum(axis=1, keepdims=True))[1] + 1
    along, down = np.ldexp(along, -power), np.ldexp(down, power)
    if through.shape[1] > 1:
        power = np.frexp(np.abs(down).sum(axis=1, keepdims=True))[1] + 1
        down, through = np.ldexp(down, -power), np.ldexp(through, power)
    return [along, down, through]


def _product(along, down, through):
    return through[:, :, None, None] * down[:, None, :, None] * along[:, None, None, :]


def _joined(lines, dtype):
    return np.concatenate(lines, axis=1).astype(dtype)[:, None, None, None, :]


def _fits(lines, w, whole, info):
    """Whether products of rounded factors are the weights, up to their rounding."""
    with np.errstate(invalid="ignore"):
        error = np.abs(_product(*lines) - w)
    if whole:
        return not error.any()
    size = np.abs(w)
    zero = size == 0
    if (_product(*(line != 0 for line in lines)) == zero).any():
        return False
    roundoff = info.eps / 2
    least = info.smallest_subnormal
    if (error <= _ROUNDINGS * roundoff * size).all():
        return True
    largest = size.max(axis=(1, 2, 3), keepdims=True)
    exponent = np.log(largest / np.where(zero, largest, size))
    return bool((error <= (_ROUNDINGS + 2 * exponent) * roundoff * size + least).all())
