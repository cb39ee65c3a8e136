"""NumPy, as one writes it who knows it: windows as a view, sums as products of matrices."""

import functools
import math
import operator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from benchmarks.libraries import Library, Prepared, channels_first, channels_last, need
from benchmarks.reference import padded, taps


class NumPy(Library):
    """Four ways.

    ``tensordot``: `sliding_window_view`, then `tensordot`; ``einsum``: the same with `einsum`;
    ``im2col``: windows copied into the rows of a matrix, then `matmul`; ``taps``: one array
    operation for each place in the window, for pools and for filters that do not mix channels.
    """

    modules = ("numpy",)
    distributions = ("numpy",)

    @classmethod
    def ways(cls, options):
        return ["tensordot", "einsum", "im2col", "taps"]

    def prepare(self, case, x, w, way):
        if way == "taps":
            return _taps(case, x, w)
        need(case.op == "conv", "for convolutions")
        need(not _alone(case) or way == "einsum", "channels are not mixed: a sum over taps is meant for this")
        x = channels_last(x)
        weights = channels_last_weights(case, w)
        run = {"tensordot": _tensordot, "einsum": _einsum, "im2col": _im2col}[way]
        return Prepared(lambda: run(case, x, weights), channels_first)

    def details(self):
        blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
        return {"BLAS": f"{blas.get('name', '')} {blas.get('version', '')}".strip()}


def _alone(case):
    return case.op == "conv" and case.c == case.k == case.groups


def channels_last_weights(case, w):
    """(K, C, ...) as contiguous (groups, ..., C, K): a matrix for each group.

    Parameters
    ----------
    case : benchmarks.suites.Case
    w : ndarray

    Returns
    -------
    ndarray
    """
    w = w.reshape(case.groups, case.k // case.groups, *w.shape[1:])
    return np.ascontiguousarray(np.moveaxis(w, (1, 2), (-1, -2)))


def windows(case, x):
    """A view of shape (N, outputs..., C, kernel...) of padded channels-last `x`.

    Parameters
    ----------
    case : benchmarks.suites.Case
    x : ndarray of shape (N, ..., C)

    Returns
    -------
    ndarray
    """
    if any(map(sum, case.pad)):
        x = np.pad(x, ((0, 0), *case.pad, (0, 0)))
    reach = tuple((k - 1) * d + 1 for k, d in zip(case.kernel, case.dilation, strict=True))
    view = sliding_window_view(x, reach, axis=tuple(range(1, case.ndim + 1)))
    steps = (slice(None), *(slice(None, None, s) for s in case.stride), slice(None))
    return view[*steps, *(slice(None, None, d) for d in case.dilation)]


def _groups(case, view, w, product):
    """`product` of each group's channels, side by side."""
    c = case.c // case.groups
    first = (slice(None),) * (case.ndim + 1)
    parts = [product(view[*first, slice(g * c, (g + 1) * c)], w[g]) for g in range(case.groups)]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)


def _tensordot(case, x, w):
    nd = case.ndim
    axes = (*range(nd + 2, 2 * nd + 2), nd + 1), tuple(range(nd + 1))
    return _groups(case, windows(case, x), w, lambda view, of: np.tensordot(view, of, axes=axes))


def _einsum(case, x, w):
    outputs, places = "xyz"[: case.ndim], "uvw"[: case.ndim]
    if _alone(case):
        return np.einsum(f"n{outputs}c{places},c{places}->n{outputs}c", windows(case, x), w[..., 0, 0])
    terms = f"n{outputs}c{places},{places}ck->n{outputs}k"
    return _groups(case, windows(case, x), w, lambda view, of: np.einsum(terms, view, of, optimize=True))


def _im2col(case, x, w):
    nd, outputs = case.ndim, case.n * math.prod(case.output)
    order = (*range(nd + 1), *range(nd + 2, 2 * nd + 2), nd + 1)

    def product(view, of):
        columns = view.transpose(order).reshape(outputs, -1)
        return (columns @ of.reshape(columns.shape[1], -1)).reshape(case.n, *case.output, -1)

    return _groups(case, windows(case, x), w, product)


def _taps(case, x, w):
    need(case.op != "conv" or _alone(case), "for pools, and for filters that do not mix channels")
    if case.op == "max":
        return Prepared(lambda: functools.reduce(np.maximum, _met(case, padded(x, case, -np.inf))))
    if case.op == "avg":
        scale = x.dtype.type(1 / math.prod(case.kernel))
        return Prepared(lambda: functools.reduce(operator.add, _met(case, padded(x, case))) * scale)
    shape = (-1, *(1,) * case.ndim)

    def run():
        y = np.zeros((case.n, case.k, *case.output), x.dtype)
        for tap, met in taps(padded(x, case), case):
            y += met * w[:, 0, *tap].reshape(shape)
        return y

    return Prepared(run)


def _met(case, x):
    return (met for _, met in taps(x, case))
