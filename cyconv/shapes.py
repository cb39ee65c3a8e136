"""Output sizes, padding and costs, in whole numbers.  Nothing else in the project computes them.

A batch or an axis of the window that is not known yet is None, and so is what depends on it.
"""

import math
from typing import NamedTuple

import numpy as np

from cyconv import checks
from cyconv.layout import AXES, kernel_order, parse_kernel_layout, parse_layout

__all__ = [
    "Cost",
    "ReceptiveField",
    "adaptive_cost",
    "adaptive_output_shape",
    "conv_cost",
    "conv_macs",
    "conv_output_shape",
    "conv_params",
    "conv_transpose_cost",
    "conv_transpose_output_shape",
    "output_size",
    "pool_cost",
    "pool_output_shape",
    "pool_window",
    "receptive_field",
    "resolve_padding",
    "same_padding",
    "total_cost",
]

_WORDS = ("valid", "same", "same_lower", "full", "causal")


def same_padding(length, kernel, stride=1, dilation=1):
    """Padding that makes the output ``ceil(length / stride)`` long.

    Parameters
    ----------
    length, kernel, stride, dilation : int
        Extent of the axis, of the kernel, step of the window, distance of its elements.

    Returns
    -------
    before, after : int
        Zeros in front and behind.  An odd total has the extra one behind, as in TensorFlow and
        ONNX's ``SAME_UPPER``.

    Raises
    ------
    TypeError, ValueError
        If an argument is not an integer, or is too small.

    Notes
    -----
    ``total = max((ceil(length / stride) - 1) * stride + (kernel - 1) * dilation + 1 - length, 0)``.

    Examples
    --------
    >>> from cyconv.shapes import same_padding
    >>> same_padding(6, 3)
    (1, 1)
    >>> same_padding(6, 3, stride=2)
    (0, 1)
    """
    length = checks.integer("same_padding", "length", length, 0)
    kernel = checks.integer("same_padding", "kernel", kernel, 1)
    stride = checks.integer("same_padding", "stride", stride, 1)
    dilation = checks.integer("same_padding", "dilation", dilation, 1)
    return _same(length, kernel, stride, dilation)


def _same(length, kernel, stride, dilation):
    if length is None:
        if stride > 1:
            return None, None
        length = 1  # it does not matter
    out = -(-length // stride)
    total = max((out - 1) * stride + (kernel - 1) * dilation + 1 - length, 0)
    return total // 2, total - total // 2


def output_size(length, kernel, stride=1, dilation=1, before=0, after=0):
    """Number of places that a window has along a padded axis; zero or less if it does not fit.

    Parameters
    ----------
    length, kernel, stride, dilation, before, after : int

    Returns
    -------
    int
        ``floor((length + before + after - (kernel - 1) * dilation - 1) / stride) + 1``.

    Notes
    -----
    Arguments are not checked.

    Examples
    --------
    >>> from cyconv.shapes import output_size
    >>> output_size(128, kernel=8, stride=2)
    61
    """
    return (length + before + after - (kernel - 1) * dilation - 1) // stride + 1


def resolve_padding(function, padding, lengths, kernel, stride, dilation):
    """Padding of every axis as (before, after) pairs.

    Parameters
    ----------
    function : str
        Whose argument it is, for the message.
    padding : str, int or sequence
        A word (``"valid"``, ``"same"``, ``"same_lower"``, ``"full"``, ``"causal"``), an int, an int
        per axis, or a (before, after) pair per axis.
    lengths, kernel, stride, dilation : sequence of int
        Per axis; a length may be None.

    Returns
    -------
    tuple of (int, int)
        (None, None) along an axis of unknown length if it depends on the length, as ``"same"`` does
        with a stride above 1.

    Raises
    ------
    TypeError, ValueError
        If `padding` is none of these.
    """
    n = len(lengths)
    if isinstance(padding, str):
        word = padding.lower()
        axes = list(zip(lengths, kernel, stride, dilation, strict=True))
        if word == "valid":
            return ((0, 0),) * n
        if word == "same":
            return tuple(_same(*axis) for axis in axes)
        if word == "same_lower":
            return tuple(_same(*axis)[::-1] for axis in axes)
        if word == "full":
            return tuple(((k - 1) * d, (k - 1) * d) for _, k, _, d in axes)
        if word == "causal":
            if n > 1:
                raise ValueError(f"{function}: padding='causal' is for one axis; give ((before, after), ...)")
            return tuple(((k - 1) * d, 0) for _, k, _, d in axes)
        words = ", ".join(map(repr, _WORDS if n == 1 else _WORDS[:-1]))
        raise ValueError(f"{function}: padding must be one of {words}, numbers or pairs, got {padding!r}")
    return checks.padding(function, padding, n)


def conv_output_shape(
    x_shape, w_shape, *, stride=1, padding="valid", dilation=1, groups=1, layout=None, kernel_layout=None
):
    """Shape of a convolution's output, without computing it.

    Parameters
    ----------
    x_shape : sequence of int or None
        Shape of the input, in its layout.  None for the batch or an axis of the window says that it
        is not known.
    w_shape : sequence of int
        Shape of the kernel, in its layout.
    stride, dilation : int or sequence of int
    padding : str, int, sequence of int, or sequence of (int, int)
    groups : int
        As many as channels for a depthwise convolution.
    layout, kernel_layout : str or None
        As in `cyconv.conv2d`.

    Returns
    -------
    tuple of int
        With None where the input has None.

    Raises
    ------
    TypeError, ValueError
        If an argument is wrong or the kernel does not fit the padded input.

    Notes
    -----
    Along each axis ``floor((length + before + after - (kernel - 1) * dilation - 1) / stride) + 1``.
    The channels of the input do not appear: each output is a sum over all of them.

    Examples
    --------
    >>> from cyconv.shapes import conv_output_shape
    >>> conv_output_shape((1, 128, 128, 3), (8, 8, 3, 24), stride=2)
    (1, 61, 61, 24)
    >>> conv_output_shape((None, 128, None, 3), (8, 8, 3, 24), stride=2)
    (None, 61, None, 24)
    """
    return _convolution(
        "conv_output_shape", x_shape, w_shape, stride, padding, dilation, groups, layout, kernel_layout
    )[0]


def _convolution(function, x_shape, w_shape, stride, padding, dilation, groups, layout, kernel_layout):
    """`convolution` of arguments as a caller gives them; also returns the checked shapes and the layouts."""
    x_shape, w_shape, data, names = _conv_shapes(function, x_shape, w_shape, layout, kernel_layout)
    ndim = len(data.axes)
    shape, pads = convolution(
        function, x_shape, w_shape, data, names,
        checks.per_axis(function, "stride", stride, ndim),
        padding,
        checks.per_axis(function, "dilation", dilation, ndim),
        checks.integer(function, "groups", groups, 1),
    )  # fmt: skip
    return shape, pads, x_shape, w_shape, data, names


def _conv_shapes(function, x_shape, w_shape, layout, kernel_layout):
    """Checked shapes of input and kernel, and their layouts."""
    w_shape, ndim = _kernel_shape(function, w_shape)
    data = parse_layout(function, layout, ndim)
    x_shape = _partly_known(function, x_shape)
    checks.rank(function, "x", x_shape, data)
    if data.split(x_shape)[1] is None:
        raise ValueError(
            f"{function}: the channels of x must be known, got None: x.shape={x_shape} in {data.name};"
            " None is for the batch and for the axes of the window"
        )
    return x_shape, w_shape, data, parse_kernel_layout(function, kernel_layout, data)


def _kernel_shape(function, w_shape):
    """A checked shape of a kernel, and the number of its window axes."""
    w_shape = checks.shape(function, "w_shape", w_shape)
    if len(w_shape) - 2 not in AXES:
        raise ValueError(f"{function}: w_shape must have 3 to 5 axes, got {w_shape}")
    return w_shape, len(w_shape) - 2


def _partly_known(function, x_shape):
    """A checked shape in which None stands for what is not known."""
    if not checks.is_sequence(x_shape):
        return checks.shape(function, "x_shape", x_shape)
    known = iter(checks.shape(function, "x_shape", [n for n in x_shape if n is not None]))
    return tuple(None if n is None else next(known) for n in x_shape)


def convolution(function, x_shape, w_shape, layout, kernel_layout, stride, padding, dilation, groups):
    """Output shape and padding pairs of a convolution whose other arguments are already checked.

    Parameters
    ----------
    function : str
    x_shape, w_shape : tuple of int
        Batch and window axes of `x_shape` may be None.
    layout : Layout
    kernel_layout : str
    stride, dilation : tuple of int
    padding : str, int or sequence
    groups : int

    Returns
    -------
    shape : tuple of int
    pads : tuple of (int, int)
        As of `resolve_padding`.

    Raises
    ------
    TypeError, ValueError
        If `padding` is wrong, channels and groups do not match, or the kernel does not fit.
    """
    batch, channels, lengths = layout.split(x_shape)
    filters, kernel_channels, *kernel = (w_shape[i] for i in kernel_order(kernel_layout))
    checks.channels(function, x_shape, w_shape, layout, kernel_layout, channels, kernel_channels, filters, groups)
    for axis, k in zip(layout.axes, kernel, strict=True):
        if k < 1:
            raise ValueError(f"{function}: w.shape={w_shape} ({kernel_layout!r}) has no elements along {axis}")
    pads = resolve_padding(function, padding, lengths, kernel, stride, dilation)
    sizes = []
    for axis, n, k, s, d, (before, after) in zip(layout.axes, lengths, kernel, stride, dilation, pads, strict=True):
        if n is not None:
            given = f"x.shape={x_shape}, w.shape={w_shape}, padding={padding!r}"
            _check_fit(function, axis, n, k, d, before, after, given)
        sizes.append(None if n is None else output_size(n, k, s, d, before, after))
    return layout.join(batch, filters, tuple(sizes)), pads


def _check_fit(function, axis, length, kernel, dilation, before, after, given):
    """Checks that a window has a place along an axis."""
    if (kernel - 1) * dilation + 1 > length + before + after:
        raise ValueError(
            f"{function}: the kernel does not fit the input along {axis}:"
            f" (kernel - 1) * dilation + 1 = {(kernel - 1) * dilation + 1} is more than"
            f" {length} + {before} + {after} = {length + before + after}"
            f" ({given}); pad the input or use a smaller kernel"
        )


def depthwise(function, name, x_shape, w_shape, stride, padding, dilation, layout, kernel_layout):
    """The shape of a depthwise kernel as `cyconv.conv2d` takes it, and the number of groups.

    What is wrong with the kernel is said here, by the name and the shape that the caller knows.

    Parameters
    ----------
    function, name : str
    x_shape, w_shape : tuple of int
        The batch and the window axes of `x_shape` may be None.
    stride, dilation : int or sequence of int
    padding : str, int or sequence
    layout, kernel_layout : str or None
        As in `cyconv.depthwise_conv2d`.

    Returns
    -------
    w_shape : tuple of int
        In the same kernel layout.
    groups : int

    Raises
    ------
    TypeError, ValueError
        If the kernel has another shape, does not fit, or an argument is wrong.

    Examples
    --------
    >>> from cyconv.shapes import depthwise
    >>> depthwise("example", "w", (1, 8, 8, 16), (3, 3, 16, 2), 1, "valid", 1, None, None)
    ((3, 3, 1, 32), 16)
    """
    data = parse_layout(function, layout, 2)
    names = parse_kernel_layout(function, kernel_layout, data)
    checks.rank(function, "x", x_shape, data)
    _, channels, _ = data.split(x_shape)
    groups, i, o = max(channels, 1), names.index("I"), names.index("O")
    shape, fits = list(w_shape), len(w_shape) == 4
    if fits:
        multiplier = w_shape[o] if names == "HWIO" else w_shape[o] // groups
        shape[i], shape[o] = min(channels, 1), channels * multiplier
        fits = (w_shape[i], w_shape[o]) == ((channels, multiplier) if names == "HWIO" else (1, shape[o]))
    if not fits:
        form = {
            "HWIO": f"(KH, KW, {channels}, multiplier)",
            "OIHW": f"({channels} * multiplier, 1, KH, KW)",
            "OHWI": f"({channels} * multiplier, KH, KW, 1)",
        }[names]
        raise ValueError(
            f"{function}: {name} must have shape {form} ({names}) for the {channels} channels of x, got {w_shape}"
            f" (x.shape={x_shape} in {data.name}); check layout= and kernel_layout="
        )
    # Whether the window fits: a kernel (KH, KW, C, multiplier) is one of so many filters without groups.
    given, of = (w_shape, 1) if names == "HWIO" else (tuple(shape), groups)
    stride = checks.per_axis(function, "stride", stride, 2)
    dilation = checks.per_axis(function, "dilation", dilation, 2)
    label = function if name == "w" else f"{function}: {name}"
    convolution(label, x_shape, given, data, names, stride, padding, dilation, of)
    return tuple(shape), groups


def conv_transpose_output_shape(
    x_shape, w_shape, *, stride=1, padding="valid", output_padding=0, output_size=None, dilation=1, groups=1,
    layout=None, kernel_layout=None,
):  # fmt: skip
    """Shape of the output of a transposed convolution, which undoes the sizes of a convolution.

    Parameters
    ----------
    x_shape : sequence of int or None
        Shape of the input, in its layout.  None for the batch or an axis of the window says that it
        is not known.
    w_shape : sequence of int
        Shape of the kernel of the convolution that is transposed: its filters (O) are the channels
        of the input here, and its channels (I) are those of the output, divided by `groups`.  As
        ``"HWIO"`` that is what Keras's ``Conv2DTranspose`` holds, as ``"OIHW"`` what PyTorch's
        ``ConvTranspose2d`` and ONNX hold.
    stride, dilation : int or sequence of int
        Of the convolution that is transposed.
    padding : str, int, sequence of int, or sequence of (int, int)
        What is cut off: ``"valid"`` nothing; ``"same"`` so much that the output has
        ``length * stride`` elements, the odd one behind (``"same_lower"``: in front); or numbers.
    output_padding : int or sequence of int
        What the output has more at its end, below the stride or the dilation, whichever is larger.
    output_size : int, None, or sequence of int or None
        Size of the output along each axis, instead of `output_padding`.
    groups : int
    layout, kernel_layout : str or None
        As in `cyconv.conv2d`.

    Returns
    -------
    tuple of int
        With None where the input has None and `output_size` does not say otherwise.

    Raises
    ------
    TypeError, ValueError
        If an argument is wrong, or nothing is left of the output.

    Notes
    -----
    Along each axis
    ``(length - 1) * stride - before - after + (kernel - 1) * dilation + 1 + output_padding``.
    A convolution with that stride and padding makes outputs of the same length of ``stride``
    different inputs; `output_padding` and `output_size` say which of them is meant.

    Examples
    --------
    >>> from cyconv.shapes import conv_output_shape, conv_transpose_output_shape
    >>> conv_transpose_output_shape((1, 3, 3, 8), (3, 3, 5, 8), stride=2)
    (1, 7, 7, 5)
    >>> conv_transpose_output_shape((1, 3, 3, 8), (3, 3, 5, 8), stride=2, padding="same")
    (1, 6, 6, 5)
    >>> conv_transpose_output_shape((1, 3, 3, 8), (3, 3, 5, 8), stride=2, padding=1, output_size=(5, 6))
    (1, 5, 6, 5)
    >>> conv_output_shape((1, 5, 6, 5), (3, 3, 5, 8), stride=2, padding=1)
    (1, 3, 3, 8)
    """
    return _transposed(
        "conv_transpose_output_shape", x_shape, w_shape, stride, padding, output_padding, output_size, dilation,
        groups, layout, kernel_layout,
    )[0]  # fmt: skip


def _transposed(
    function, x_shape, w_shape, stride, padding, output_padding, output_size, dilation, groups, layout, kernel_layout
):
    """The output shape of a transposed convolution of arguments as a caller gives them; checked shapes and layouts."""
    x_shape, w_shape, data, names = _conv_shapes(function, x_shape, w_shape, layout, kernel_layout)
    ndim = len(data.axes)
    shape, _, _ = transposed_convolution(
        function, x_shape, w_shape, data, names,
        checks.per_axis(function, "stride", stride, ndim),
        padding,
        checks.per_axis(function, "output_padding", output_padding, ndim, least=0),
        checks.output_size(function, output_size, ndim),
        checks.per_axis(function, "dilation", dilation, ndim),
        checks.integer(function, "groups", groups, 1),
    )  # fmt: skip
    return shape, x_shape, w_shape, data, names


def transposed_convolution(
    function, x_shape, w_shape, layout, kernel_layout, stride, padding, output_padding, output_size, dilation, groups
):
    """Output shape of a transposed convolution whose other arguments are already checked.

    Parameters
    ----------
    function : str
    x_shape, w_shape : tuple of int
        Batch and window axes of `x_shape` may be None.
    layout : Layout
    kernel_layout : str
    stride, output_padding, dilation : tuple of int
    padding : str, int or sequence
    output_size : tuple of (int or None)
    groups : int

    Returns
    -------
    shape : tuple of int
    crops : tuple of (int, int)
        What is cut off in front and behind; (None, None) where it is not known.
    more : tuple of int
        What comes on top behind; None where it is not known.

    Raises
    ------
    TypeError, ValueError
        If `padding` is wrong, channels and groups do not match, `output_padding` is too much, there
        is no output of `output_size`, or nothing is left.
    """
    batch, channels, lengths = layout.split(x_shape)
    of_input, of_group, *kernel = (w_shape[i] for i in kernel_order(kernel_layout))
    given = f"x.shape={x_shape} in {layout.name}, w.shape={w_shape} in {kernel_layout}, padding={padding!r}"
    if of_input != channels:
        raise ValueError(
            f"{function}: w has {of_input} filters (O) but x has {channels} channels, and these should be as many"
            f" ({given}); w is the kernel of the convolution that is transposed; check layout= and kernel_layout="
        )
    if channels % groups:
        raise ValueError(f"{function}: groups={groups} must divide the {channels} channels of x ({given})")
    word = padding.lower() if isinstance(padding, str) else None
    if word not in (None, "valid", "same", "same_lower"):
        raise ValueError(
            f"{function}: padding must be one of 'valid', 'same', 'same_lower', numbers or pairs, got {padding!r}"
        )
    same = word in ("same", "same_lower")
    if any(output_padding) and (same or any(n is not None for n in output_size)):
        other = f"padding={padding!r}" if same else f"output_size={output_size}"
        raise ValueError(
            f"{function}: output_padding={output_padding} contradicts {other}, which says how large the output is;"
            " leave it out, or give output_size alone"
        )
    pads = ((0, 0),) * len(kernel) if same else resolve_padding(function, padding, lengths, kernel, stride, dilation)
    axes = zip(layout.axes, lengths, kernel, stride, dilation, pads, output_padding, output_size, strict=True)
    sizes, crops, more = [], [], []
    for axis, n, k, s, d, crop, extra, size in axes:
        if k < 1 or n == 0:
            raise ValueError(f"{function}: {'w' if k < 1 else 'x'} has no elements along {axis} ({given})")
        if extra >= max(s, d):
            raise ValueError(
                f"{function}: output_padding must be less than the stride or the dilation, {max(s, d)} along {axis},"
                f" got {extra} ({given}); pad the output with numpy.pad"
            )
        length = 1 if n is None else n
        whole = (length - 1) * s + (k - 1) * d + 1
        least = (length - 1) * s + 1 if same else whole - sum(crop)
        if size is not None and n is not None and not least <= size < least + s:
            raise ValueError(
                f"{function}: output_size must be between {least} and {least + s - 1} along {axis}, got {size}: of"
                f" these sizes a convolution with stride {s} and this padding makes {n} ({given})"
            )
        if n is None and size is not None:
            # How long the input is, and what is cut off, would follow from it.
            crop, extra = (None, None) if same else crop, None
        elif same:
            size = length * s if size is None else size
            crop = _same(size, k, s, d)
            crop, extra = crop[::-1] if word == "same_lower" else crop, size - whole + sum(crop)
        else:
            size = least + extra if size is None else size
            extra = size - least
        if n is not None and size < 1:
            raise ValueError(
                f"{function}: nothing is left of the output along {axis}:"
                f" (length - 1) * stride - before - after + (kernel - 1) * dilation + 1 + output_padding ="
                f" ({n} - 1) * {s} - {crop[0]} - {crop[1]} + ({k} - 1) * {d} + 1 + {extra} = {size}"
                f" ({given}); use less padding"
            )
        sizes.append(size if n is not None or extra is None else None)
        crops.append(crop)
        more.append(extra)
    return layout.join(batch, of_group * groups, tuple(sizes)), tuple(crops), tuple(more)


def conv_params(w_shape, bias=True, kernel_layout=None):
    """Number of parameters of a convolution: its weights, and a bias per filter.

    Parameters
    ----------
    w_shape : sequence of int
        Of a kernel as `cyconv.conv2d` takes it.
    bias : bool
    kernel_layout : str or None
        Layout of `w_shape`; None is ``"HWIO"`` (or ``"WIO"``, ``"DHWIO"``).

    Returns
    -------
    int

    Raises
    ------
    TypeError, ValueError
        If `w_shape` is no shape of a kernel, `bias` is no bool, or there is no such layout.

    Examples
    --------
    >>> from cyconv.shapes import conv_params
    >>> conv_params((3, 3, 3, 32))              # 32 * (3*3*3 + 1)
    896
    """
    w_shape, filters = _filters("conv_params", w_shape, kernel_layout)
    return math.prod(w_shape) + (filters if checks.flag("conv_params", "bias", bias) else 0)


def _filters(function, w_shape, kernel_layout):
    """A checked shape of a kernel, and the number of its filters."""
    w_shape, ndim = _kernel_shape(function, w_shape)
    names = parse_kernel_layout(function, kernel_layout, parse_layout(function, None, ndim))
    return w_shape, w_shape[names.index("O")]


def conv_macs(output_shape, w_shape, kernel_layout=None):
    """Multiply-adds of a convolution: those of one output times the number of outputs.

    Parameters
    ----------
    output_shape : sequence of int
        In any layout.
    w_shape : sequence of int
        Of a kernel as `cyconv.conv2d` takes it: with groups, its input channels are those of one.
    kernel_layout : str or None
        Layout of `w_shape`; None is ``"HWIO"`` (or ``"WIO"``, ``"DHWIO"``).

    Returns
    -------
    int

    Raises
    ------
    TypeError, ValueError
        If `w_shape` is no shape of a kernel or there is no such layout.

    Notes
    -----
    Products with zeros of the padding count, as is usual.

    Examples
    --------
    >>> from cyconv.shapes import conv_macs
    >>> conv_macs((1, 61, 61, 24), (8, 8, 3, 24))      # 1*61*61*24 * 8*8*3
    17146368
    """
    w_shape, filters = _filters("conv_macs", w_shape, kernel_layout)
    return math.prod(output_shape) * (math.prod(w_shape) // filters) if filters else 0


class Cost(NamedTuple):
    """What a convolution or a pool computes and moves.

    Attributes
    ----------
    macs : int
        Multiply-adds; 0 of a pool.
    flops : int
        Operations: two for each multiply-add; one for each element of each window of a pool.
    params : int
        Weights, and biases if there are any.
    input_bytes, weight_bytes, output_bytes : int
        Memory of the input, of the parameters and of the output.
    bytes : int
        The three together: what must at least be read and written.
    intensity : float
        Operations for each of these bytes.
    im2col_bytes : int
        What the matrix of all windows, side by side, would take in memory.  It is never built here.

    Examples
    --------
    >>> from cyconv.shapes import conv_cost
    >>> print(conv_cost((1, 128, 128, 3), (8, 8, 3, 24), stride=2))
    multiply-adds             17,146,368
    operations (FLOPs)        34,292,736
    parameters                     4,632
    bytes of the input           196,608  192.0 KiB
    bytes of the parameters       18,528  18.1 KiB
    bytes of the output          357,216  348.8 KiB
    bytes read and written       572,352  558.9 KiB
    operations per byte             59.9
    im2col matrix, not built   2,857,728  2.7 MiB
    """

    macs: int
    flops: int
    params: int
    input_bytes: int
    weight_bytes: int
    output_bytes: int
    bytes: int
    intensity: float
    im2col_bytes: int

    def __str__(self):
        rows = [
            ("multiply-adds", f"{self.macs:,}", ""),
            ("operations (FLOPs)", f"{self.flops:,}", ""),
            ("parameters", f"{self.params:,}", ""),
            *(
                (name, f"{n:,}", binary_size(n))
                for name, n in (
                    ("bytes of the input", self.input_bytes),
                    ("bytes of the parameters", self.weight_bytes),
                    ("bytes of the output", self.output_bytes),
                    ("bytes read and written", self.bytes),
                )
            ),
            ("operations per byte", f"{self.intensity:,.1f}", ""),
            ("im2col matrix, not built", f"{self.im2col_bytes:,}", binary_size(self.im2col_bytes)),
        ]
        width = max(len(number) for _, number, _ in rows)
        return "\n".join(f"{name:<24}  {number:>{width}}  {size}".rstrip() for name, number, size in rows)


def binary_size(n):
    """A number of bytes in the unit that suits it; nothing if that is bytes.

    Parameters
    ----------
    n : int

    Returns
    -------
    str

    Examples
    --------
    >>> from cyconv.shapes import binary_size
    >>> binary_size(196608), binary_size(192)
    ('192.0 KiB', '')
    """
    unit = min((n.bit_length() - 1) // 10, 8) if n else 0
    return f"{n / 2 ** (10 * unit):,.1f} {'KMGTPEZY'[unit - 1]}iB" if unit else ""


def _cost(macs, flops, params, elements, windows, itemsize, result_itemsize):
    """A `Cost`, of the elements of input, parameters and output and of the matrix of windows."""
    x, y = elements
    moved = x * itemsize, params * itemsize, y * result_itemsize
    total = sum(moved)
    return Cost(macs, flops, params, *moved, total, flops / total if total else 0.0, windows * itemsize)


def _known(function, x_shape):
    """Checks that there is something to count."""
    if None in x_shape:
        raise ValueError(f"{function}: costs are of numbers, got None in x_shape={x_shape}; say 1 for one sample")


def dtypes(function, dtype):
    """A dtype, and that of what a convolution of such arrays returns.

    Parameters
    ----------
    function : str
    dtype : dtype

    Returns
    -------
    taken, result : numpy.dtype

    Raises
    ------
    TypeError
        If there is no such dtype, or no convolution of it.
    """
    try:
        empty = np.empty(0, dtype)
    except TypeError:
        raise TypeError(f"{function}: dtype must be a dtype such as 'float32', got {dtype!r}") from None
    taken = checks.array(function, "dtype", empty).dtype
    return taken, checks.dtypes(function, taken)[1]


def conv_cost(
    x_shape, w_shape, *, bias=True, dtype="float32", stride=1, padding="valid", dilation=1, groups=1, layout=None,
    kernel_layout=None,
):  # fmt: skip
    """What a convolution computes and moves.

    Parameters
    ----------
    x_shape, w_shape : sequence of int
        Shapes of the input and of the kernel, in their layouts.
    bias : bool
        Whether each filter has one.
    dtype : dtype
        Of all arrays but the output, which has the one that `cyconv.conv2d` gives it.
    stride, padding, dilation, groups, layout, kernel_layout
        As in `conv_output_shape`.

    Returns
    -------
    Cost

    Raises
    ------
    TypeError, ValueError
        As `conv_output_shape`, and if a size is None or there is no such dtype.

    Notes
    -----
    Adding a bias is not counted: sums begin with it.

    Examples
    --------
    A volume of 16 x 1024 x 1024 and a filter of 5 x 5 x 5: the im2col matrix would be 125 times
    as large as the volume, which has 64 MiB.

    >>> from cyconv.shapes import conv_cost
    >>> cost = conv_cost((1, 16, 1024, 1024, 1), (5, 5, 5, 1, 1), padding="same")
    >>> cost.macs, cost.params, cost.im2col_bytes
    (2097152000, 126, 8388608000)
    >>> cost.im2col_bytes // cost.input_bytes
    125
    """
    function = "conv_cost"
    y_shape, _, x_shape, w_shape, data, names = _convolution(
        function, x_shape, w_shape, stride, padding, dilation, groups, layout, kernel_layout
    )
    _known(function, x_shape)
    taken, result = dtypes(function, dtype)
    _, channels, _ = data.split(x_shape)
    batch, _, outs = data.split(y_shape)
    kernel = [w_shape[i] for i in kernel_order(names)[2:]]
    macs = conv_macs(y_shape, w_shape, names)
    return _cost(
        macs, 2 * macs, conv_params(w_shape, bias, names),
        (math.prod(x_shape), math.prod(y_shape)),
        math.prod((1 if batch is None else batch, *outs, *kernel, channels)),
        taken.itemsize, result.itemsize,
    )  # fmt: skip


def conv_transpose_cost(
    x_shape, w_shape, *, bias=True, dtype="float32", stride=1, padding="valid", output_padding=0, output_size=None,
    dilation=1, groups=1, layout=None, kernel_layout=None,
):  # fmt: skip
    """What a transposed convolution computes and moves.

    Parameters
    ----------
    x_shape, w_shape : sequence of int
        Shapes of the input and of the kernel, in their layouts.
    bias : bool
        Whether each channel of the output has one.
    dtype : dtype
        As in `conv_cost`.
    stride, padding, output_padding, output_size, dilation, groups, layout, kernel_layout
        As in `conv_transpose_output_shape`.

    Returns
    -------
    Cost
        Its ``im2col_bytes`` are those of the matrix of all copies of the kernel, before they are added.

    Raises
    ------
    TypeError, ValueError
        As `conv_transpose_output_shape`, and if a size is None or there is no such dtype.

    Examples
    --------
    >>> from cyconv.shapes import conv_transpose_cost
    >>> conv_transpose_cost((1, 3, 3, 8), (3, 3, 5, 8), stride=2).macs       # 3*3*8 * 3*3*5
    3240
    """
    function = "conv_transpose_cost"
    y_shape, x_shape, w_shape, data, names = _transposed(
        function,
        x_shape,
        w_shape,
        stride,
        padding,
        output_padding,
        output_size,
        dilation,
        groups,
        layout,
        kernel_layout,
    )
    _known(function, x_shape)
    taken, result = dtypes(function, dtype)
    _, filters, _ = data.split(y_shape)
    batch, _, lengths = data.split(x_shape)
    kernel = [w_shape[i] for i in kernel_order(names)[2:]]
    macs = conv_macs(x_shape, w_shape, names)
    return _cost(
        macs, 2 * macs, conv_params(w_shape, False, names) + (filters if checks.flag(function, "bias", bias) else 0),
        (math.prod(x_shape), math.prod(y_shape)),
        math.prod((1 if batch is None else batch, *lengths, *kernel, filters)),
        taken.itemsize, result.itemsize,
    )  # fmt: skip


def pool_output_shape(x_shape, kernel_size, *, stride=None, padding="valid", dilation=1, ceil_mode=False, layout=None):
    """Shape of a pool's output, without computing it.

    Parameters
    ----------
    x_shape : sequence of int or None
        Shape of the input, in its layout.  None for the batch, the channels or an axis of the window
        says that it is not known.
    kernel_size : int or sequence of int
        Elements of the window, along each axis.
    stride : int, sequence of int or None
        None is `kernel_size`: windows side by side.
    padding : str, int, sequence of int, or sequence of (int, int)
        As in `cyconv.conv2d`, but less than a window, ``(kernel_size - 1) * dilation + 1``, on each side.
    dilation : int or sequence of int
    ceil_mode : bool
        Whether elements that are left over behind the last whole window get a window too.
    layout : str or None
        As in `cyconv.conv2d`.  A name such as ``"NHWC"`` or ``"CHW"`` says how many axes the window
        has; with any other, `kernel_size` has one number for each; and if it is a single one, all
        axes of the input are the window's, but batch and channels.

    Returns
    -------
    tuple of int
        With None where the input has None.

    Raises
    ------
    TypeError, ValueError
        If an argument is wrong, the window does not fit the padded input, or one would meet no
        element of the input.

    Notes
    -----
    Along each axis ``floor((length + before + after - (kernel - 1) * dilation - 1) / stride) + 1``.
    With `ceil_mode` the quotient is rounded up, and one is taken off if the last window would then
    start behind the input, at ``length + before`` or later.

    Examples
    --------
    >>> from cyconv.shapes import pool_output_shape
    >>> pool_output_shape((1, 32, 32, 3), 2)
    (1, 16, 16, 3)
    >>> pool_output_shape((3, 7, 7), (3, 3), stride=3, ceil_mode=True, layout="CHW")
    (3, 3, 3)
    >>> pool_output_shape((None, 25, 20, 15), 2, stride=1, padding="same")
    (None, 25, 20, 15)
    """
    return _pooling("pool_output_shape", x_shape, kernel_size, stride, padding, dilation, ceil_mode, layout)[0]


def _pooling(function, x_shape, kernel_size, stride, padding, dilation, ceil_mode, layout):
    """The output shape of a pool of arguments as a caller gives them; its checked input shape and window."""
    x_shape = _partly_known(function, x_shape)
    data = pool_layout(function, layout, x_shape, "kernel_size", kernel_size)
    ndim = len(data.axes)
    kernel = checks.per_axis(function, "kernel_size", kernel_size, ndim)
    shape, _ = pooling(
        function, x_shape, data, kernel,
        kernel if stride is None else checks.per_axis(function, "stride", stride, ndim),
        padding,
        checks.per_axis(function, "dilation", dilation, ndim),
        checks.flag(function, "ceil_mode", ceil_mode),
    )  # fmt: skip
    return shape, x_shape, kernel


def adaptive_output_shape(x_shape, output_size, *, layout=None):
    """Shape of an adaptive pool's output, without computing it.

    Parameters
    ----------
    x_shape : sequence of int or None
        Shape of the input, in its layout.  None for the batch, the channels or an axis of the window
        says that it is not known.
    output_size : int, None, or sequence of int or None
        Outputs along each axis; None is as many as the input has.
    layout : str or None
        As in `pool_output_shape`, with `output_size` in place of `kernel_size`.

    Returns
    -------
    tuple of int
        With None where the input has None and `output_size` does not say otherwise.

    Raises
    ------
    TypeError, ValueError
        If an argument is wrong, or the input has no elements along an axis.

    Examples
    --------
    >>> from cyconv.shapes import adaptive_output_shape
    >>> adaptive_output_shape((1, 30, 40, 3), (7, None))
    (1, 7, 40, 3)
    >>> adaptive_output_shape((None, None, None, 3), 7)
    (None, 7, 7, 3)
    """
    return _adapting("adaptive_output_shape", x_shape, output_size, layout)[0]


def _adapting(function, x_shape, output_size, layout):
    """The output shape of an adaptive pool of arguments as a caller gives them; its checked input shape and layout."""
    x_shape = _partly_known(function, x_shape)
    data = pool_layout(function, layout, x_shape, "output_size", output_size)
    shape = adaptive(function, x_shape, data, checks.output_size(function, output_size, len(data.axes)))
    return shape, x_shape, data


def pool_layout(function, layout, x_shape, name, window):
    """The layout of a pool's input, of which no kernel says how many window axes there are.

    Parameters
    ----------
    function : str
    layout : str or None
        A name such as ``"NHWC"`` or ``"CHW"`` decides.
    x_shape : tuple of int
        Decides if nothing else does.
    name : str
    window : int, None, or sequence
        The argument of that name; a sequence decides if `layout` does not.

    Returns
    -------
    Layout

    Raises
    ------
    TypeError, ValueError
        If there is no such layout, or `x_shape` or `window` has another number of axes.
    """
    named = layout.upper().removeprefix("N").strip("C") if isinstance(layout, str) else ""
    if named in AXES.values():
        ndim = len(named)
    elif checks.is_sequence(window):
        ndim = len(window)
        if ndim not in AXES:
            raise ValueError(f"{function}: {name} must be one number, or 1 to 3 of them, got {window!r}")
    else:
        ndim = len(x_shape) - 2
        if ndim not in AXES:
            raise ValueError(
                f"{function}: x must have 3 to 5 axes, got {len(x_shape)}: x.shape={x_shape};"
                " for one sample without a batch axis say layout='HWC' or alike"
            )
    data = parse_layout(function, layout, ndim)
    checks.rank(function, "x", x_shape, data)
    return data


def pooling(function, x_shape, layout, kernel, stride, padding, dilation, ceil_mode):
    """Output shape and padding pairs of a pool whose other arguments are already checked.

    Parameters
    ----------
    function : str
    x_shape : tuple of int
        Some may be None.
    layout : Layout
    kernel, stride, dilation : tuple of int
    padding : str, int or sequence
    ceil_mode : bool

    Returns
    -------
    shape : tuple of int
    pads : tuple of (int, int)
        As of `resolve_padding`.

    Raises
    ------
    TypeError, ValueError
        If `padding` is wrong or too much, the window does not fit, or one would meet no element.
    """
    batch, channels, lengths = layout.split(x_shape)
    _check_elements(function, x_shape, layout)
    pads = resolve_padding(function, padding, lengths, kernel, stride, dilation)
    given = f"x.shape={x_shape}, kernel_size={kernel}, padding={padding!r}"
    sizes = []
    for axis, n, k, s, d, (before, after) in zip(layout.axes, lengths, kernel, stride, dilation, pads, strict=True):
        extent = (k - 1) * d + 1
        if before is not None and max(before, after) >= extent:
            raise ValueError(
                f"{function}: padding along {axis} must be less than a window,"
                f" (kernel_size - 1) * dilation + 1 = {extent}, got ({before}, {after}) ({given});"
                " use less, or pad the input with numpy.pad"
            )
        if n is None:
            sizes.append(None)
            continue
        _check_fit(function, axis, n, k, d, before, after, given)
        size = output_size(n, k, s, d, before, after)
        if ceil_mode:
            size = output_size(n, k, s, d, before, after + s - 1)
            if (size - 1) * s >= n + before:
                size -= 1
        missed = _first_without_elements(n, s, d, before)
        if missed is not None and missed < size:
            raise ValueError(
                f"{function}: output {missed} along {axis} would meet no element of the input: its window starts at"
                f" {missed} * {s} - {before} = {missed * s - before}, and dilation={d} steps over all of it"
                f" ({given}); use less padding or a smaller dilation"
            )
        sizes.append(size)
    return layout.join(batch, channels, tuple(sizes)), pads


def _check_elements(function, x_shape, layout):
    """Checks that there is something to pool, whatever the batch and the channels."""
    for axis, n in zip(layout.axes, layout.split(x_shape)[2], strict=True):
        if n == 0:
            raise ValueError(
                f"{function}: x must have elements along {axis} to pool, got none: x.shape={x_shape} ({layout.name});"
                " only batch and channels may be empty"
            )


def _first_without_elements(length, stride, dilation, before):
    """The first output whose window steps over the whole input, or None.

    Padding is less than a window.  So a window that starts in front of the input ends in it or
    behind it, and its first element that is not in front is number ``start % dilation``; and one
    that starts later starts in the input.
    """
    if dilation <= length:
        return None
    # The first start, i * stride - before, whose remainder is length or more: (i * stride) % dilation
    # is then from low to high, or past the end and on from 0.
    low, high = (length + before) % dilation, (before - 1) % dilation
    first = 0 if low > high else _first_multiple(stride, dilation, low, high)
    return first if first is not None and first * stride < before else None


def _first_multiple(step, modulus, low, high):
    """The least i >= 0 with ``low <= i * step % modulus <= high``, or None.

    Along Euclid's algorithm: each round halves `modulus` or better.
    """
    if low == 0:
        return 0
    step %= modulus
    if 2 * step > modulus:
        step, low, high = modulus - step, modulus - high, modulus - low
    if step == 0:
        return None
    i = -(-low // step)
    if i * step <= high:
        return i
    # No multiple of the step lies in the range itself: how many times around until one does?
    turns = _first_multiple(-modulus, step, low % step, high % step)
    return None if turns is None else -(-(turns * modulus + low) // step)


def adaptive(function, x_shape, layout, output_size):
    """Output shape of an adaptive pool whose arguments are already checked.

    Parameters
    ----------
    function : str
    x_shape : tuple of int
    layout : Layout
    output_size : tuple of (int or None)
        Outputs along each axis; None is as many as the input has.

    Returns
    -------
    tuple of int

    Raises
    ------
    ValueError
        If the input has no elements along an axis.
    """
    batch, channels, lengths = layout.split(x_shape)
    _check_elements(function, x_shape, layout)
    return layout.join(batch, channels, tuple(n if m is None else m for n, m in zip(lengths, output_size, strict=True)))


def pool_window(i, length, out):
    """Elements that output i of an adaptive pool is made of.

    Parameters
    ----------
    i, length, out : int
        Number of the output, elements and outputs along the axis.

    Returns
    -------
    start, end : int
        ``floor(i * length / out)`` and ``ceil((i + 1) * length / out)``, which is not part of it.

    Examples
    --------
    >>> from cyconv.shapes import pool_window
    >>> [pool_window(i, 7, 3) for i in range(3)]
    [(0, 3), (2, 5), (4, 7)]
    """
    return i * length // out, -(-(i + 1) * length // out)


def pool_cost(
    x_shape,
    kernel_size,
    *,
    dtype="float32",
    result_dtype=None,
    stride=None,
    padding="valid",
    dilation=1,
    ceil_mode=False,
    layout=None,
):
    """What a pool reads, compares or adds, and writes.

    Parameters
    ----------
    x_shape : sequence of int
        Shape of the input, in its layout.
    kernel_size : int or sequence of int
    dtype, result_dtype : dtype
        Of the input and of the output; None is the same.
    stride, padding, dilation, ceil_mode, layout
        As in `pool_output_shape`.

    Returns
    -------
    Cost
        With one operation, a comparison or an addition, for each element of each window.

    Raises
    ------
    TypeError, ValueError
        As `pool_output_shape`, and if a size is None or there is no such dtype.

    Examples
    --------
    >>> from cyconv.shapes import pool_cost
    >>> cost = pool_cost((1, 298, 298, 32), 2)
    >>> cost.params, cost.flops, cost.output_bytes
    (0, 2841728, 2841728)
    """
    function = "pool_cost"
    y_shape, x_shape, kernel = _pooling(function, x_shape, kernel_size, stride, padding, dilation, ceil_mode, layout)
    _known(function, x_shape)
    elements = math.prod(y_shape) * math.prod(kernel)
    return _pool_cost(function, x_shape, y_shape, elements, dtype, result_dtype)


def adaptive_cost(x_shape, output_size, *, dtype="float32", result_dtype=None, layout=None):
    """What an adaptive pool reads, compares or adds, and writes.

    Parameters
    ----------
    x_shape : sequence of int
        Shape of the input, in its layout.
    output_size : int, None, or sequence of int or None
    dtype, result_dtype : dtype
        Of the input and of the output; None is the same.
    layout : str or None
        As in `adaptive_output_shape`.

    Returns
    -------
    Cost
        With one operation, a comparison or an addition, for each element of each window.

    Raises
    ------
    TypeError, ValueError
        As `adaptive_output_shape`, and if a size is None or there is no such dtype.

    Notes
    -----
    All windows along an axis together have ``length + out - gcd(length, out)`` elements: two windows
    that follow each other share one where they do not meet between two elements.

    Examples
    --------
    >>> from cyconv.shapes import adaptive_cost
    >>> adaptive_cost((1, 7, 7, 512), 1).flops         # 512 windows of 7 * 7
    25088
    """
    function = "adaptive_cost"
    y_shape, x_shape, data = _adapting(function, x_shape, output_size, layout)
    _known(function, x_shape)
    batch, channels, lengths = data.split(x_shape)
    of_axes = (n + out - math.gcd(n, out) for n, out in zip(lengths, data.split(y_shape)[2], strict=True))
    elements = math.prod((1 if batch is None else batch, channels, *of_axes))
    return _pool_cost(function, x_shape, y_shape, elements, dtype, result_dtype)


def _pool_cost(function, x_shape, y_shape, elements, dtype, result_dtype):
    """A `Cost` of so many elements of windows."""
    size, of_result = (
        dtypes(function, t)[0].itemsize for t in (dtype, dtype if result_dtype is None else result_dtype)
    )
    return _cost(0, elements, 0, (math.prod(x_shape), math.prod(y_shape)), elements, size, of_result)


def total_cost(costs):
    """What several steps cost together, each of which reads and writes memory.

    Parameters
    ----------
    costs : sequence of Cost

    Returns
    -------
    Cost

    Examples
    --------
    >>> from cyconv.shapes import conv_cost, total_cost
    >>> depthwise = conv_cost((1, 8, 8, 16), (3, 3, 1, 16), bias=False, groups=16, padding="same")
    >>> pointwise = conv_cost((1, 8, 8, 16), (1, 1, 16, 32))
    >>> total_cost([depthwise, pointwise]).params
    688
    """
    total = Cost(*(sum(numbers) for numbers in zip(*costs, strict=True))) if costs else Cost(*[0] * len(Cost._fields))
    return total._replace(intensity=total.flops / total.bytes if total.bytes else 0.0)


class ReceptiveField(NamedTuple):
    """The part of the input that one unit at the end of some layers sees, along each axis.

    Attributes
    ----------
    size : tuple of int
        Elements of the input from the first to the last that a unit depends on.
    jump : tuple of int
        Elements of the input from the field of a unit to that of the next: the product of all strides.
    start : tuple of float
        Where the centre of the first unit's field is, counted so that the first element of the input
        has its centre at 0 (an int if it is whole).  None if the padding is not known.
    """

    size: tuple
    jump: tuple
    start: tuple


_LAYER = {
    "kernel_size": ("kernel_size", "pool_size"),
    "stride": ("stride", "strides"),
    "dilation": ("dilation", "dilation_rate"),
    "padding": ("padding",),
}


def receptive_field(layers, input_size=None):
    """How much of the input one unit at the end of some layers sees, and where.

    Parameters
    ----------
    layers : sequence
        Convolutions and pools from the input on.  Each is a dict with some of the keys
        ``kernel_size``, ``stride``, ``dilation`` and ``padding``; a tuple of them in that order, of
        which the last may be left out; or an object that has such attributes.  Dicts and objects may
        have Keras's names instead: ``pool_size``, ``strides``, ``dilation_rate``.  Each is an int or
        one for each axis, and `padding` also a word or pairs, as in `cyconv.conv2d`.  By default a
        kernel has 1 element, a stride is 1 (None is the kernel's size), a dilation 1, and there is no
        padding.
    input_size : int or sequence of int, optional
        Elements of the input along each axis.  Only ``"same"`` with a stride above 1 needs it to know
        how much it pads.

    Returns
    -------
    ReceptiveField
        With one number for each axis; of one axis, if all of `layers` are alike in all directions.

    Raises
    ------
    TypeError, ValueError
        If a layer is none of these, has a wrong value, or does not fit its input.

    Notes
    -----
    Unit i of the last layer depends on the elements from ``start + i * jump - (size - 1) / 2`` to
    ``start + i * jump + (size - 1) / 2`` of those that the input has.  From layer to layer::

        start = start + ((kernel - 1) * dilation / 2 - before) * jump
        size  = size + (kernel - 1) * dilation * jump
        jump  = jump * stride

    beginning with ``start = 0``, ``size = 1`` and ``jump = 1`` [1]_.  Some elements in between may not
    count, if a kernel with a dilation or a stride steps over them.

    Layers that act on each element alone, such as activations, are left out.

    References
    ----------
    .. [1] A. Araujo, W. Norris and J. Sim, "Computing receptive fields of convolutional neural
       networks", Distill (2019), doi:10.23915/distill.00021.

    Examples
    --------
    Two convolutions of 3 x 3 see as much as one of 5 x 5:

    >>> from cyconv.shapes import receptive_field
    >>> receptive_field([{"kernel_size": 3}, {"kernel_size": 3}])
    ReceptiveField(size=(5,), jump=(1,), start=(2,))

    Convolution, pool, convolution, pool:

    >>> receptive_field([(3,), (2, 2), (3,), (2, 2)])
    ReceptiveField(size=(10,), jump=(4,), start=(4.5,))

    A unit of the last layer sees 5 rows and 8 columns; the first one's field reaches out of the corner:

    >>> receptive_field([((3, 5), 1, 1, "same"), ((3, 4), 2, 1, "same")], input_size=(32, 32))
    ReceptiveField(size=(5, 8), jump=(2, 2), start=(1, 0.5))
    """
    function = "receptive_field"
    if not checks.is_sequence(layers) or isinstance(layers, dict):
        raise TypeError(f"{function}: layers must be a sequence of layers, got {layers!r}; put it into brackets")
    layers = [_layer(function, i, layer) for i, layer in enumerate(layers)]
    given = [value for layer in layers for value in layer.values()] + [input_size]
    ndim = next((len(value) for value in given if checks.is_sequence(value)), 1)
    if ndim not in AXES:
        raise ValueError(f"{function}: layers must have 1 to 3 axes, got {ndim}")
    lengths = (None,) * ndim
    if input_size is not None:
        lengths = checks.per_axis(function, "input_size", input_size, ndim)
    size, jump, doubled = [1] * ndim, [1] * ndim, [0] * ndim
    for i, layer in enumerate(layers):
        label = f"{function}: layer {i}"
        kernel = checks.per_axis(label, "kernel_size", layer["kernel_size"], ndim)
        stride = kernel if layer["stride"] is None else checks.per_axis(label, "stride", layer["stride"], ndim)
        dilation = checks.per_axis(label, "dilation", layer["dilation"], ndim)
        pads = resolve_padding(label, layer["padding"], lengths, kernel, stride, dilation)
        following = []
        for a, (n, k, s, d, (before, after)) in enumerate(zip(lengths, kernel, stride, dilation, pads, strict=True)):
            if n is not None:
                _check_fit(label, f"axis {a}", n, k, d, before, after, f"input_size={input_size}, {layer}")
                n = output_size(n, k, s, d, before, after)
            following.append(n)
            reach = (k - 1) * d * jump[a]
            if before is None or doubled[a] is None:
                doubled[a] = None
            else:
                doubled[a] += reach - 2 * before * jump[a]
            size[a] += reach
            jump[a] *= s
        lengths = tuple(following)
    start = tuple(n if n is None else n / 2 if n % 2 else n // 2 for n in doubled)
    return ReceptiveField(tuple(size), tuple(jump), start)


def _layer(function, i, layer):
    """Kernel size, stride, dilation and padding of a layer, by name."""
    defaults = {"kernel_size": 1, "stride": 1, "dilation": 1, "padding": "valid"}
    names = {alias: name for name, aliases in _LAYER.items() for alias in aliases}
    if isinstance(layer, dict):
        given = layer
    elif any(hasattr(layer, alias) for alias in names):
        given = {alias: getattr(layer, alias) for alias in names if hasattr(layer, alias)}
    elif isinstance(layer, (tuple, list)) and 1 <= len(layer) <= len(defaults):
        given = dict(zip(defaults, layer))  # noqa: B905 - the last ones may be left out
    else:
        raise TypeError(
            f"{function}: layer {i} must be a dict, a tuple of 1 to 4 or an object with {', '.join(defaults)},"
            f" got {layer!r}; leave out layers that act on each element alone"
        )
    if wrong := set(given) - set(names):
        raise ValueError(
            f"{function}: layer {i} has {', '.join(sorted(map(repr, wrong)))}, expected {', '.join(map(repr, names))}"
        )
    return {**defaults, **{names[alias]: value for alias, value in given.items()}}
