"""Output sizes and padding, in whole numbers.  Nothing else in the project computes them."""

import math

from cyconv import checks
from cyconv.layout import kernel_order, parse_kernel_layout, parse_layout

__all__ = ["conv_macs", "conv_output_shape", "conv_params", "output_size", "resolve_padding", "same_padding"]

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
        Per axis.

    Returns
    -------
    tuple of (int, int)

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
    x_shape, w_shape : sequence of int
        Shapes of the input and of the kernel, in their layouts.
    stride, dilation : int or sequence of int
    padding : str, int, sequence of int, or sequence of (int, int)
    groups : int
    layout, kernel_layout : str or None
        As in `cyconv.conv2d`.

    Returns
    -------
    tuple of int

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
    """
    function = "conv_output_shape"
    ndim = len(w_shape) - 2
    if ndim not in (1, 2, 3):
        raise ValueError(f"{function}: w_shape must have 3 to 5 axes, got {tuple(w_shape)}")
    data = parse_layout(function, layout, ndim)
    checks.rank(function, "x_shape", tuple(x_shape), data)
    kernel_name = parse_kernel_layout(function, kernel_layout, data)
    shape, _ = convolution(
        function, tuple(x_shape), tuple(w_shape), data, kernel_name,
        checks.per_axis(function, "stride", stride, ndim),
        padding,
        checks.per_axis(function, "dilation", dilation, ndim),
        checks.integer(function, "groups", groups, 1),
    )  # fmt: skip
    return shape


def convolution(function, x_shape, w_shape, layout, kernel_layout, stride, padding, dilation, groups):
    """Output shape and padding pairs of a convolution whose other arguments are already checked.

    Parameters
    ----------
    function : str
    x_shape, w_shape : tuple of int
    layout : Layout
    kernel_layout : str
    stride, dilation : tuple of int
    padding : str, int or sequence
    groups : int

    Returns
    -------
    shape : tuple of int
    pads : tuple of (int, int)

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
        size = output_size(n, k, s, d, before, after)
        if size < 1:
            raise ValueError(
                f"{function}: the kernel does not fit the input along {axis}:"
                f" (kernel - 1) * dilation + 1 = {(k - 1) * d + 1} is more than"
                f" {n} + {before} + {after} = {n + before + after}"
                f" (x.shape={x_shape}, w.shape={w_shape}, padding={padding!r}); pad the input or use a smaller kernel"
            )
        sizes.append(size)
    return layout.join(batch, filters, tuple(sizes)), pads


def conv_params(w_shape, bias=True, kernel_layout=None):
    """Number of parameters of a convolution: its weights, and a bias per filter.

    Parameters
    ----------
    w_shape : sequence of int
    bias : bool
    kernel_layout : str or None
        Layout of `w_shape`; None is ``"HWIO"`` (or ``"WIO"``, ``"DHWIO"``).

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If there is no such layout.

    Examples
    --------
    >>> from cyconv.shapes import conv_params
    >>> conv_params((3, 3, 3, 32))              # 32 * (3*3*3 + 1)
    896
    """
    layout = parse_layout("conv_params", None, len(w_shape) - 2)
    name = parse_kernel_layout("conv_params", kernel_layout, layout)
    return math.prod(w_shape) + (w_shape[name.index("O")] if bias else 0)


def conv_macs(output_shape, w_shape, kernel_layout):
    """Multiply-adds of a convolution: those of one output times the number of outputs.

    Parameters
    ----------
    output_shape, w_shape : tuple of int
    kernel_layout : str

    Returns
    -------
    int
    """
    filters = w_shape[kernel_layout.index("O")]
    return math.prod(output_shape) * (math.prod(w_shape) // filters) if filters else 0
