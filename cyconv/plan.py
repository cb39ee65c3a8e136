"""Decides how a convolution is computed, once, so that calls only compute.

A `Recipe` holds what follows from shapes, dtypes and arguments: checked geometry, the algorithm,
the kernels.  A `ConvPlan` adds the packed weights.
"""

import collections
import copy
import functools
import math
import threading
from typing import NamedTuple

import numpy as np

from cyconv import algorithms, arrays, checks, fourier, isa, separable, shapes, threads
from cyconv._ext.convolution import ACTIVATIONS, PAD_MODES, Convolution, same_bytes
from cyconv.layout import kernel_order, parse_kernel_layout, parse_layout

_C_TYPES = {"float32": "float", "float64": "double", "int32": "int32_t", "int64": "int64_t"}


class Recipe:
    """How one convolution is computed, for arrays of given shapes and dtypes.

    Parameters
    ----------
    function : str
        The public function, for messages.
    ndim : int
        Number of window axes.
    x_shape, w_shape : tuple of int
    x_dtype, w_dtype : numpy.dtype
    bias : tuple or None
        Shape and dtype of the bias.
    stride, padding, dilation, groups, layout, kernel_layout, pad_mode, flip, activation, algorithm
        As in `cyconv.conv2d`.
    unfit : str
        Why the weights are not separable; empty if they are, or nobody has looked at them yet.

    Raises
    ------
    TypeError, ValueError
        As `cyconv.conv2d`.
    """

    def __init__(
        self, function, ndim, x_shape, x_dtype, w_shape, w_dtype, bias, stride, padding, dilation, groups,
        layout, kernel_layout, pad_mode, flip, activation, algorithm, unfit="",
    ):  # fmt: skip
        self.arguments = (
            function, ndim, x_shape, x_dtype, w_shape, w_dtype, bias, stride, padding, dilation, groups,
            layout, kernel_layout, pad_mode, flip, activation, algorithm,
        )  # fmt: skip
        self.function = function
        self.layout = parse_layout(function, layout, ndim)
        self.kernel_layout = parse_kernel_layout(function, kernel_layout, self.layout)
        self.kernel_order = kernel_order(self.kernel_layout)
        self.stride = checks.per_axis(function, "stride", stride, ndim)
        self.dilation = checks.per_axis(function, "dilation", dilation, ndim)
        self.groups = checks.integer(function, "groups", groups, 1)
        self.pad_mode = checks.choice(function, "pad_mode", pad_mode, tuple(PAD_MODES))
        self.activation = checks.choice(function, "activation", activation, tuple(ACTIVATIONS))
        self.flip = checks.flag(function, "flip", flip)
        self.x_shape, self.x_dtype, self.w_shape, self.w_dtype = x_shape, x_dtype, w_shape, w_dtype
        self._check_ranks(ndim)
        self.padding = padding
        self.output_shape, self.pads = shapes.convolution(
            function, x_shape, w_shape, self.layout, self.kernel_layout,
            self.stride, padding, self.dilation, self.groups,
        )  # fmt: skip
        self.batch, self.channels, self.lengths = self.layout.split(x_shape)
        self.filters = w_shape[self.kernel_layout.index("O")]
        if bias is not None:
            checks.bias(function, bias[0], self.filters)
        self.bias = bias
        given = (x_dtype, w_dtype) if bias is None else (x_dtype, w_dtype, bias[1])
        self.dtype, self.result_dtype = checks.dtypes(function, *given)
        self._check_activation()
        self._check_size()
        names = ("auto", *(a.name for a in algorithms.ALGORITHMS))
        algorithm = checks.choice(function, "algorithm", algorithm, names)
        case = self._case(ndim, unfit)
        self.algorithm, self.considered = algorithms.choose(function, algorithm, case)
        self.isa = isa.CURRENT
        # No multiply-adds: nothing to write, or outputs that are the bias alone.
        self.empty = 0 in self.output_shape
        self.constant = not self.empty and 0 in x_shape
        self.convolution = None
        if not self.empty and not self.constant:
            self.convolution = self._convolution(case)
            self.compute, self.pack_arrays = self.convolution.run, self.convolution.pack
            if self.algorithm != "fft":  # of compiled code there is one for each type
                c_type = _C_TYPES[self.dtype.name]
                self.compute, self.pack_arrays = self.compute[c_type], self.pack_arrays[c_type]
        # Packing takes long beside computing if weights are transformed or factored, or many and used for few pixels.
        many = w_dtype.itemsize * math.prod(w_shape) >= _MANY_BYTES and self.macs <= _FEW_PIXELS * math.prod(w_shape)
        self.keeps = self.convolution is not None and (many or self.algorithm in algorithms.PREPARING)
        self.view = self.layout.view
        window = (slice(None, None, -1 if self.flip else 1),) * ndim
        self.kernel_view = (slice(None), slice(None), *(None,) * (3 - ndim), *window)
        self.converts = self.result_dtype is not self.dtype
        self.new = arrays.maker(self.output_shape, self.dtype, self._no_memory)

    def _check_ranks(self, ndim):
        checks.rank(self.function, "x", self.x_shape, self.layout)
        if len(self.w_shape) != ndim + 2:
            raise ValueError(
                f"{self.function}: w must have {ndim + 2} axes ({self.kernel_layout}), got {len(self.w_shape)}:"
                f" w.shape={self.w_shape}"
            )

    def _check_activation(self):
        if self.activation not in (None, "relu", "relu6") and self.dtype.kind == "i":
            raise TypeError(
                f"{self.function}: activation={self.activation!r} needs floating-point numbers, but the result"
                f" is {self.result_dtype}; convert x or w with .astype(numpy.float32)"
            )
        if self.activation is not None and self.result_dtype == np.uint64:
            raise TypeError(
                f"{self.function}: activation={self.activation!r} is not offered for uint64; use a signed type"
            )

    def _check_size(self):
        item = max(self.dtype.itemsize, self.result_dtype.itemsize)
        if math.prod(self.output_shape) * item >= 2**63:
            raise MemoryError(
                f"{self.function}: the output of shape {self.output_shape} would not fit any memory"
                f" (x.shape={self.x_shape}, padding={self.padding!r})"
            )
        for axis, n, (before, after) in zip(self.layout.axes, self.lengths, self.pads, strict=True):
            if n == 0 and before + after > 0 and self.pad_mode != "constant":
                raise ValueError(
                    f"{self.function}: pad_mode={self.pad_mode!r} cannot extend the empty axis {axis}"
                    f" (x.shape={self.x_shape}); use 'constant'"
                )

    def _case(self, ndim, unfit):
        """What the algorithms see: three window axes, and no steps that are never taken."""
        ones, zeros = (1,) * (3 - ndim), (0,) * (3 - ndim)
        _, _, outs = self.layout.split(self.output_shape)
        kernel = tuple(self.w_shape[i] for i in self.kernel_order[2:])
        # But for those of a signal, which may still be coming in.
        signal = set(self.lengths[:-1]) | set(outs[:-1]) <= {1}
        stride = tuple(s if n > 1 or signal else 1 for s, n in zip(self.stride, outs, strict=True))
        dilation = tuple(d if k > 1 else 1 for d, k in zip(self.dilation, kernel, strict=True))
        return algorithms.Case(
            self.groups, self.channels // self.groups, self.filters // self.groups,
            ones + tuple(self.lengths), ones + tuple(outs), ones + kernel, ones + stride, ones + dilation,
            zeros + tuple(before for before, _ in self.pads), self.pad_mode, self.layout.channels_last,
            self.dtype.kind, self.dtype.itemsize, *isa.kernels(self.dtype.name).TILE, unfit,
        )  # fmt: skip

    def _convolution(self, case):
        """The compiled convolution, or that by Fourier transforms."""
        if self.algorithm == "fft":
            return fourier.Convolution(case, self.dtype, self.activation)
        batch = 1 if self.batch is None else self.batch
        return Convolution(
            isa.kernels(self.dtype.name).table(), self.algorithm, case.channels_last, batch, case.groups, case.ic,
            case.oc, case.size, case.out, case.kernel, case.stride, case.dilation, case.before, case.pad_mode,
            self.activation,
        )  # fmt: skip

    @property
    def macs(self):
        """Multiply-adds."""
        return shapes.conv_macs(self.output_shape, self.w_shape, self.kernel_layout)

    @property
    def params(self):
        """Weights, and biases if there are any."""
        return shapes.conv_params(self.w_shape, self.bias is not None, self.kernel_layout)

    def pack(self, w, bias, n):
        """Weights and bias in the order of the kernels, None if there is nothing to multiply; and who takes them.

        That is another recipe if weights are not finite, which only the direct algorithms keep in place, or have
        no factors.
        """
        if self.convolution is None:
            return self, None
        native = arrays.native(w, self.dtype).transpose(self.kernel_order)[self.kernel_view]
        if self.algorithm == "separable":
            native, unfit = separable.factors(native)
            if unfit:
                return recipe(*self.arguments, unfit).pack(w, bias, n)
        packed = self.pack_arrays(native, None if bias is None else arrays.native(bias, self.dtype), n)
        if self.algorithm in algorithms.TRANSFORMING and not packed.finite:
            other = copy.copy(recipe(*self.arguments[:-1], "direct"))
            other.considered = [
                (name, "weights that are not finite would spread over its tiles" if name == self.algorithm else said)
                for name, said in other.considered
            ]
            return other.pack(w, bias, n)
        return self, packed

    def packed(self, w, bias, n):
        """The same, kept for the next call with equal weights where packing takes long."""
        if not self.keeps or not w.flags.c_contiguous:
            return self.pack(w, bias, n)
        with _lock:
            kept = _kept.get(self)
            if kept is not None:
                _kept.move_to_end(self)
        if (
            kept is not None
            and same_bytes(_bytes(kept.w), _bytes(w), n)
            and (bias is None or same_bytes(_bytes(kept.bias), _bytes(np.ascontiguousarray(bias)), 1))
        ):
            return kept.packed
        size = w.nbytes + self.convolution.packed_bytes
        if size > _MOST_KEPT:
            return self.pack(w, bias, n)
        w, bias = w.copy(), None if bias is None else np.array(bias, order="C")
        kept = _Kept(w, bias, self.pack(w, bias, n), size)
        with _lock:
            _kept[self] = kept
            while sum(k.size for k in _kept.values()) > _MOST_KEPT:
                _kept.popitem(last=False)
        return kept.packed

    def run(self, x, packed, bias, out, n, keep_scratch):
        """Computes the output of checked arrays, into `out` or a new array."""
        y = out
        if out is None or self.converts:
            y = self.new()
        if self.convolution is None:
            self.fill(y, bias)
        else:
            view = self.view
            if x.dtype is not self.dtype:
                x = arrays.native(x, self.dtype)
            if not self.compute(x[view], y[view], packed, n, keep_scratch):
                y = self.new()
                if not self.compute(x[view], y[view], packed, n, keep_scratch):
                    self.compute(x.copy()[view], y[view], packed, n, keep_scratch)
        if y is out or (out is None and not self.converts):
            return y
        with np.errstate(over="ignore"):
            if out is None:
                return y.astype(self.result_dtype)
            np.copyto(out, y, casting="unsafe")
        return out

    def _no_memory(self):
        return (
            f"{self.function}: no memory for an output of shape {self.output_shape} and dtype {self.dtype}"
            f" (x.shape={self.x_shape}, padding={self.padding!r})"
        )

    def fill(self, y, bias):
        """An output that no input reaches: the bias, activated."""
        if self.empty:
            return
        values = np.zeros(self.filters, self.dtype) if bias is None else bias.astype(self.dtype)
        one = Recipe(
            self.function, 1, (1, 1, 1), self.dtype, (1, 1, self.filters), self.dtype, (values.shape, self.dtype),
            1, 0, 1, 1, "NWC", "WIO", "constant", False, self.activation, "auto",
        )  # fmt: skip
        zero = np.zeros((1, 1, self.filters), self.dtype)
        values = one.run(zero[:, :, :1], one.pack(zero, values, 1)[1], None, None, 1, False).reshape(-1)
        y[...] = values if self.layout.channels_last else values.reshape(-1, *(1,) * len(self.layout.axes))

    def explain(self, n):
        """Lines that say what is computed and how."""
        x, w, y = self.x_shape, self.w_shape, self.output_shape
        lines = [
            f"{self.function}: x {x} {self.layout.name} {self.x_dtype}, w {w} {self.kernel_layout} {self.w_dtype}"
            f" -> {y} {self.result_dtype}",
            "padding (before, after): "
            + ", ".join(map(" ".join, zip(self.layout.axes, map(str, self.pads), strict=True))),
            f"multiply-adds: {self.macs:,}; parameters: {self.params:,}",
            "algorithms:",
            *(f"  {name}: {said}" for name, said in self.considered),
        ]
        if self.convolution is None:
            lines.append("nothing to multiply: outputs are the bias" if self.constant else "the output is empty")
        else:
            lines.append(
                f"kernels: {self.dtype} for {self.isa}, {n} thread{'s' * (n > 1)},"
                f" packed weights {self.convolution.packed_bytes:,} bytes,"
                f" workspace {self.convolution.workspace_bytes(n):,} bytes"
            )
        for name, dtype in (("x", self.x_dtype), ("w", self.w_dtype)):
            if dtype != self.dtype or not dtype.isnative:
                lines.append(f"{name} is copied: {dtype} ({dtype.str}) to {self.dtype}")
        if self.result_dtype != self.dtype:
            lines.append(f"the result is converted: {self.dtype} to {self.result_dtype}")
        return lines


class _Kept(NamedTuple):
    """Copies of weights and bias, what was packed of them, and its bytes."""

    w: np.ndarray
    bias: np.ndarray | None
    packed: tuple
    size: int


_kept = collections.OrderedDict()
"""What plain calls have packed, by recipe, the latest last."""

_lock = threading.Lock()

_MOST_KEPT = 1 << 27
"""Bytes of all that is kept."""

_MANY_BYTES, _FEW_PIXELS = 1 << 16, 1 << 10
"""Weights that are kept by the direct algorithms too: so many bytes, for so few outputs of a filter."""


def _bytes(a):
    return a.reshape(-1).view(np.uint8)


recipe = functools.lru_cache(maxsize=512)(Recipe)
"""Recipes of recent calls; they hold no data."""


class ConvPlan:
    """A prepared convolution: weights packed and everything decided, ready to be called.

    Made by `cyconv.plan_conv2d`.  A plan copies its weights, can be called from many threads at
    once, and can be pickled.

    Attributes
    ----------
    input_shape, output_shape : tuple of int
    dtype, output_dtype : numpy.dtype
        What the plan takes and returns.
    algorithm, isa : str
    threads : int
    macs, flops, params : int
        Multiply-adds, twice as many floating-point operations, and parameters.
    workspace_bytes : int
        Scratch memory of a call, beyond its arrays and the packed weights.
    """

    def __init__(self, recipe_arguments, w, bias, n):
        self._arguments = recipe_arguments
        self._w = w
        self._bias = bias
        self._threads = n
        self._recipe, self._packed = recipe(*recipe_arguments).pack(w, bias, self.threads)
        self.input_shape = self._recipe.x_shape
        self.dtype = self._recipe.x_dtype

    def __reduce__(self):
        return ConvPlan, (self._arguments, self._w, self._bias, self._threads)

    def __call__(self, x, *, out=None):
        """Convolves `x`.

        Parameters
        ----------
        x : ndarray of shape `input_shape` and dtype `dtype`
        out : ndarray of shape `output_shape` and dtype `output_dtype`, optional
            Written and returned; then nothing is allocated.

        Returns
        -------
        ndarray

        Raises
        ------
        TypeError, ValueError
            If an array is not of that kind.
        """
        r = self._recipe
        if type(x) is not np.ndarray or x.shape != self.input_shape or x.dtype is not self.dtype:
            x = self._check(x)
        if out is not None and (
            type(out) is not np.ndarray
            or out.shape != r.output_shape
            or out.dtype is not r.result_dtype
            or not out.flags.writeable
        ):
            checks.out(r.function, out, r.output_shape, r.result_dtype)
        return r.run(x, self._packed, self._bias, out, self._threads or threads.get_num_threads(), True)

    def _check(self, x):
        function = self._recipe.function
        x = checks.array(function, "x", x)
        if x.shape != self.input_shape:
            raise ValueError(
                f"{function}: the plan was made for x of shape {self.input_shape}, got {x.shape}; make another plan"
            )
        if x.dtype != self.dtype:
            raise TypeError(
                f"{function}: the plan was made for x of dtype {self.dtype}, got {x.dtype};"
                " convert x, or make a plan with dtype="
            )
        return x

    @property
    def output_shape(self):
        return self._recipe.output_shape

    @property
    def output_dtype(self):
        return self._recipe.result_dtype

    @property
    def algorithm(self):
        return self._recipe.algorithm

    @property
    def isa(self):
        return self._recipe.isa

    @property
    def threads(self):
        return self._threads or threads.get_num_threads()

    @property
    def macs(self):
        return self._recipe.macs

    @property
    def flops(self):
        return 2 * self._recipe.macs

    @property
    def params(self):
        return self._recipe.params

    @property
    def workspace_bytes(self):
        convolution = self._recipe.convolution
        return 0 if convolution is None else convolution.workspace_bytes(self.threads)

    def explain(self):
        """What the plan computes, the algorithms that were considered, and why each was taken or not.

        Returns
        -------
        str
        """
        return "\n".join(self._recipe.explain(self.threads))

    def __repr__(self):
        r = self._recipe
        return f"<cyconv plan: {r.function} {r.x_shape} -> {r.output_shape}, {r.dtype}, {r.algorithm}, {r.isa}>"
