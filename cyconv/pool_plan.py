"""Decides how a pool is computed, once for each kind of call, so that calls only compute."""

import math

import numpy as np

from cyconv import arrays, checks, isa, shapes
from cyconv._ext.pooling import Pooling
from cyconv.layout import parse_layout

_C_TYPES = {
    "float32": "float",
    "float64": "double",
    **{name: f"{name}_t" for name in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")},
}

# Sums of more elements than this are taken in double precision, and so are those of windows whose
# elements lie far apart: then no average of float32 is rounded more than eight times, which keeps
# it within 4 eps of the mean magnitude.
_FEW = 13
_NEAR = 128
_EXACT = 2**24
_PLACES = np.dtype(np.int64)


_SLIDING = object()
"""In place of an output size: the pool is not adaptive."""


class PoolRecipe:
    """How one pool is computed, for arrays of a given shape and dtype.

    Parameters
    ----------
    function : str
        The public function, for messages.
    ndim : int
        Number of window axes.
    op : str
        ``"max"``, ``"avg"`` or ``"lp"``.
    x_shape : tuple of int
    x_dtype : numpy.dtype
    layout : str or None
    kernel_size, stride, padding, dilation, ceil_mode
        As in `cyconv.max_pool2d`.
    output_size : int or sequence of int or None
        Of an adaptive pool, which has none of these five.
    keepdims : bool
        Whether window axes stay; without them only one output along each is possible.
    return_indices, nan, count_include_pad, divisor, p
        As in `cyconv.max_pool2d`, `cyconv.avg_pool2d` and `cyconv.lp_pool2d`.

    Raises
    ------
    TypeError, ValueError
        As the public functions.
    """

    def __init__(
        self, function, ndim, op, x_shape, x_dtype, layout, *, kernel_size=None, stride=None, padding="valid",
        dilation=1, ceil_mode=False, output_size=_SLIDING, keepdims=True, return_indices=False, nan="propagate",
        count_include_pad=False, divisor=None, p=0,
    ):  # fmt: skip
        self.function = function
        self.maxima = op == "max"
        self.layout = parse_layout(function, layout, ndim)
        self.x_shape = x_shape
        checks.rank(function, "x", x_shape, self.layout)
        self.return_indices = checks.flag(function, "return_indices", return_indices)
        keepdims = checks.flag(function, "keepdims", keepdims)
        nan = checks.choice(function, "nan", nan, ("propagate", "ignore"))
        self.batch, self.channels, self.lengths = self.layout.split(x_shape)
        if output_size is not _SLIDING:
            self._adapt(output_size, ndim)
        else:
            self._slide(kernel_size, stride, padding, dilation, ceil_mode, ndim)
        divisor = None if divisor is None else checks.integer(function, "divisor", divisor, 1)
        include = checks.flag(function, "count_include_pad", count_include_pad)
        count = None if op != "avg" else "given" if divisor else "cells" if include else "elements"
        power = checks.positive(function, "p", p) if op == "lp" else 0
        self._choose_dtypes(op, x_dtype, divisor)
        self.view = self.layout.view
        self.output_view = self.view
        self.output_shape = self.full_shape
        if not keepdims:
            self.output_shape = self.layout.join(self.batch, self.channels, ())
            batch = slice(None) if self.layout.batched else None
            rest = (None, None, None, slice(None)) if self.layout.channels_last else (slice(None), None, None, None)
            self.output_view = (batch, *rest)
        self.new = arrays.maker(self.output_shape, self.element, self._no_memory)
        self.new_places = arrays.maker(self.output_shape, _PLACES, self._no_memory)
        self.empty = 0 in self.output_shape
        self.plain = not self.empty and not self.return_indices and self.result is self.element
        self.pooling = None
        if not self.empty:
            kind = nan if op == "max" else "sum"
            self.pooling = self._pooling(kind, ndim, count, divisor or 1, power)
            if self.maxima:
                self.compute = self.pooling.maximum[_C_TYPES[self.element.name]]
            else:
                self.compute = self.pooling.average[_C_TYPES[self.taken.name], _C_TYPES[self.element.name]]

    def _slide(self, kernel_size, stride, padding, dilation, ceil_mode, ndim):
        """Windows that slide by a stride."""
        function = self.function
        self.kernel = checks.per_axis(function, "kernel_size", kernel_size, ndim)
        self.stride = self.kernel if stride is None else checks.per_axis(function, "stride", stride, ndim)
        self.dilation = checks.per_axis(function, "dilation", dilation, ndim)
        self.adaptive = (False,) * ndim
        self.full_shape, self.pads = shapes.pooling(
            function, self.x_shape, self.layout, self.kernel, self.stride, padding, self.dilation,
            checks.flag(function, "ceil_mode", ceil_mode),
        )  # fmt: skip

    def _adapt(self, output_size, ndim):
        """Windows that share an axis out among so many outputs; equal ones slide."""
        sizes = checks.output_size(self.function, output_size, ndim)
        self.full_shape = shapes.adaptive(self.function, self.x_shape, self.layout, sizes)
        outs = self.layout.split(self.full_shape)[2]
        self.adaptive = tuple(length % out != 0 for length, out in zip(self.lengths, outs, strict=True))
        self.stride = tuple(max(length // out, 1) for length, out in zip(self.lengths, outs, strict=True))
        self.kernel = tuple(
            min(step + 2, length) if uneven else step
            for step, length, uneven in zip(self.stride, self.lengths, self.adaptive, strict=True)
        )
        self.dilation, self.pads = (1,) * ndim, ((0, 0),) * ndim

    def _choose_dtypes(self, op, x_dtype, divisor):
        """What the input is taken as, what comes out, and the kernels' type.

        `taken` and `element` are types of arrays that compiled code opens; `result` is what the
        caller gets.
        """
        native = x_dtype if x_dtype.isnative else x_dtype.newbyteorder("=")
        floating = native.kind == "f"
        self.taken = {"bool": np.dtype(np.uint8), "float16": np.dtype(np.float32)}.get(native.name, native)
        if op == "max":
            self.result, self.element = native, self.taken
            small = native.itemsize < 4 or native.name in ("int32", "float32")
            if self.return_indices and math.prod(self.lengths) >= 2**31 - 1:
                small = False
            self.work = ("float32" if small else "float64") if floating else ("int32" if small else "int64")
        else:
            self.result = native if floating else np.dtype(np.float64)
            self.element = self.taken if floating else self.result
            reach = math.prod((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation, strict=True))
            few = math.prod(self.kernel) <= _FEW and reach <= _NEAR and (divisor or 1) < _EXACT
            self.work = "float32" if op == "avg" and few and self.element == np.float32 else "float64"

    def _pooling(self, kind, ndim, count, divisor, power):
        """The compiled pool, always of three window axes."""
        ones, zeros = (1,) * (3 - ndim), (0,) * (3 - ndim)
        outs = self.layout.split(self.full_shape)[2]
        # Steps that are never taken must not overflow addresses.
        stride = tuple(s if n > 1 else 1 for s, n in zip(self.stride, outs, strict=True))
        dilation = tuple(d if k > 1 else 1 for d, k in zip(self.dilation, self.kernel, strict=True))
        return Pooling(
            isa.kernels(self.work).table(), self.work.startswith("float"), kind, self.layout.channels_last,
            1 if self.batch is None else self.batch, self.channels,
            ones + tuple(self.lengths), ones + tuple(outs), ones + self.kernel, ones + stride, ones + dilation,
            zeros + tuple(before for before, _ in self.pads), zeros + tuple(after for _, after in self.pads),
            zeros + self.adaptive, count, float(divisor), power, self.return_indices,
        )  # fmt: skip

    def run(self, x, out, n):
        """Pools a checked array, into `out` or a new array; with indices, a pair."""
        if out is None and self.plain and x.dtype is self.taken:
            y = self.new()
            if self.compute(x[self.view], y[self.output_view], n):
                return y
        y = self.new() if out is None or out.dtype is not self.element else out
        indices = self.new_places() if self.return_indices else None
        if not self.empty:
            if x.dtype is not self.taken:
                x = x.view(np.uint8) if x.dtype == np.bool_ else arrays.native(x, self.taken)
            places = () if indices is None else (indices[self.output_view],)
            if not self.compute(x[self.view], y[self.output_view], n, *places):
                y = self.new()
                if not self.compute(x[self.view], y[self.output_view], n, *places):
                    self.compute(x.copy()[self.view], y[self.output_view], n, *places)
        if out is None:
            out = y if self.result is self.element else self._converted(y)
        elif y is not out:
            with np.errstate(over="ignore"):
                np.copyto(out, y, casting="unsafe")
        return (out, indices) if self.return_indices else out

    def dtype_for(self, out):
        """The dtype that `out` must have: that of the result, but any floating one for averages of integers."""
        averaged = not self.maxima and self.taken.kind != "f"
        return out.dtype if averaged and getattr(out, "dtype", self.result).kind == "f" else self.result

    def _converted(self, y):
        """The result in its own dtype."""
        if self.result == np.bool_:
            return y.view(np.bool_)
        with np.errstate(over="ignore"):
            return y.astype(self.result)

    def _no_memory(self):
        return f"{self.function}: no memory for an output of shape {self.output_shape} (x.shape={self.x_shape})"
