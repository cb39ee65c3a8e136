"""What convolution and pooling are, in plain NumPy.

Slow and short on purpose: this is the definition that kernels, tests and documentation rest on.
"""

import itertools
import math

import numpy as np

from cyconv import checks, shapes
from cyconv.layout import kernel_order, parse_kernel_layout, parse_layout


def convolve(
    x, w, bias=None, *, stride=1, padding="valid", dilation=1, groups=1, layout=None, kernel_layout=None,
    pad_mode="constant", flip=False, activation=None,
):  # fmt: skip
    """Convolution along one, two or three axes.

    Parameters
    ----------
    x, w, bias : array_like
        As in `cyconv.conv2d`; the kernel has one, two or three window axes.
    stride, padding, dilation, groups, layout, kernel_layout, pad_mode, flip, activation
        As in `cyconv.conv2d`.

    Returns
    -------
    ndarray
        In float64 for floating-point arrays; in int32 or int64 (uint64) for integers, by the
        rules of `cyconv.conv2d`.

    Raises
    ------
    TypeError, ValueError
        As `cyconv.conv2d`.

    Notes
    -----
    ``y[n, o, i] = bias[o] + sum over t, c of padded[n, c, i * stride + t * dilation] * w[o, c, t]``
    where i and t run along all window axes, and c over the channels of the group of o.

    Examples
    --------
    >>> from cyconv import reference
    >>> reference.convolve([[[1.], [2.], [3.], [4.]]], [[[1.]], [[10.]]])
    array([[[21.],
            [32.],
            [43.]]])
    """
    x, w = np.asarray(x), np.asarray(w)
    ndim = w.ndim - 2
    data = parse_layout("convolve", layout, ndim)
    checks.rank("convolve", "x", x.shape, data)
    names = parse_kernel_layout("convolve", kernel_layout, data)
    stride = checks.per_axis("convolve", "stride", stride, ndim)
    dilation = checks.per_axis("convolve", "dilation", dilation, ndim)
    shape, pads = shapes.convolution("convolve", x.shape, w.shape, data, names, stride, padding, dilation, groups)
    dtype = accumulator(x, w, *(() if bias is None else (np.asarray(bias),)))

    # Everything in the order N, C, window axes, and O, C, window axes.
    x = _channels_first(x.astype(dtype), data)
    x = np.pad(x, ((0, 0), (0, 0), *pads), mode=pad_mode)
    w = w.astype(dtype).transpose(kernel_order(names))
    if flip:
        w = np.flip(w, axis=tuple(range(2, w.ndim)))
    filters, channels, *kernel = w.shape
    _, _, sizes = data.split(shape)

    y = np.zeros((len(x), filters, *sizes), dtype)
    for group in range(groups):
        of_x = slice(group * channels, (group + 1) * channels)
        of_y = slice(group * (filters // groups), (group + 1) * (filters // groups))
        for tap in itertools.product(*map(range, kernel)):
            met = tuple(
                slice(t * d, t * d + (n - 1) * s + 1, s)
                for t, d, n, s in zip(tap, dilation, sizes, stride, strict=True)
            )
            y[:, of_y] += np.einsum("nc...,oc->no...", x[:, of_x][:, :, *met], w[of_y][:, :, *tap])
    if bias is not None:
        y += np.asarray(bias).astype(dtype).reshape(-1, *(1,) * ndim)
    return _as_given(activate(y, activation), data)


def _channels_first(x, data):
    """An array of layout `data` in the order N, C, window axes."""
    x = x if data.batched else x[np.newaxis]
    return np.moveaxis(x, -1, 1) if data.channels_last else x


def _as_given(y, data):
    """The inverse of `_channels_first`."""
    y = np.moveaxis(y, 1, -1) if data.channels_last else y
    return y if data.batched else y[0]


def accumulator(*arrays):
    """The dtype in which `convolve` sums: float64, or the integers of `cyconv.conv2d`.

    Parameters
    ----------
    *arrays : ndarray

    Returns
    -------
    numpy.dtype
    """
    dtype = checks.dtypes("convolve", *(a.dtype for a in arrays))[1]
    return np.dtype(np.float64) if dtype.kind == "f" else dtype


def activate(y, activation):
    """An activation, as its formula.

    Parameters
    ----------
    y : ndarray
    activation : str or None

    Returns
    -------
    ndarray

    Raises
    ------
    ValueError
        If there is no such activation.

    Examples
    --------
    >>> import numpy as np
    >>> from cyconv import reference
    >>> reference.activate(np.array([-1.0, 0.0, 9.0]), "relu6")
    array([0., 0., 6.])
    """
    if activation is None:
        return y
    if activation == "relu":
        return np.maximum(y, 0)
    if activation == "relu6":
        return np.minimum(np.maximum(y, 0), 6)
    if activation == "leaky_relu":
        return np.where(y < 0, 0.2 * y, y)
    if activation == "sigmoid":
        with np.errstate(over="ignore"):
            return 1 / (1 + np.exp(-y))
    if activation == "tanh":
        return np.tanh(y)
    raise ValueError(f"activate: no activation {activation!r}")


def max_pool(
    x, kernel_size, *, stride=None, padding="valid", dilation=1, ceil_mode=False, return_indices=False,
    nan="propagate", layout=None,
):  # fmt: skip
    """The largest element of every window, along one, two or three axes.

    Parameters
    ----------
    x : array_like
        In `layout`; bool, integers, float16, float32 or float64.
    kernel_size, stride, padding, dilation, ceil_mode, layout
        As in `cyconv.shapes.pool_output_shape`.
    return_indices : bool
        Whether to return where they are as well.
    nan : str
        ``"propagate"``: NaN is larger than anything; ``"ignore"``: smaller.

    Returns
    -------
    y : ndarray
        Of the dtype of `x`.
    indices : ndarray of int64
        If asked for: of each the number of its element in its plane, of one sample and channel,
        counted along the last axis first whatever the layout.

    Raises
    ------
    TypeError, ValueError
        As `cyconv.shapes.pool_output_shape`, and for wrong arrays, flags and words.

    Notes
    -----
    Of equal elements it is the first, and so of NaNs.  Padding is never the largest: windows are
    cut at the edges of the input.

    Examples
    --------
    >>> from cyconv import reference
    >>> y, at = reference.max_pool([[[1.], [9.], [4.], [4.]]], 2, return_indices=True)
    >>> y.ravel(), at.ravel()
    (array([9., 4.]), array([1, 2]))
    """
    x, data, windows = _windows("max_pool", x, kernel_size, stride, padding, dilation, ceil_mode, layout)
    return _largest("max_pool", x, data, windows, return_indices, nan)


def avg_pool(
    x, kernel_size, *, stride=None, padding="valid", dilation=1, ceil_mode=False, count_include_pad=False,
    divisor=None, layout=None,
):  # fmt: skip
    """The mean of every window, along one, two or three axes.

    Parameters
    ----------
    x, kernel_size, stride, padding, dilation, ceil_mode, layout
        As in `max_pool`.
    count_include_pad : bool
        Whether cells of the padding count, as zeros.  Cells behind the padding, where `ceil_mode`
        lets a window end, never do.
    divisor : int or None
        What sums are divided by, in place of the number of elements.

    Returns
    -------
    ndarray
        In float64, whatever the dtype of `x`.

    Raises
    ------
    TypeError, ValueError
        As `max_pool`; `divisor` is at least 1.

    Examples
    --------
    >>> from cyconv import reference
    >>> x = [[[2.], [4.], [6.]]]
    >>> reference.avg_pool(x, 3, stride=1, padding=1).ravel()
    array([3., 4., 5.])
    >>> reference.avg_pool(x, 3, stride=1, padding=1, count_include_pad=True).ravel()
    array([2.        , 4.        , 3.33333333])
    """
    x, data, windows = _windows("avg_pool", x, kernel_size, stride, padding, dilation, ceil_mode, layout)
    include = checks.flag("avg_pool", "count_include_pad", count_include_pad)
    if divisor is not None:
        divisor = checks.integer("avg_pool", "divisor", divisor, 1)

    def mean(elements, places, cells):
        return elements.sum(-1) / (divisor or (cells if include else len(places)))

    return _pool(x.astype(np.float64), data, windows, mean)


def lp_pool(x, kernel_size, p=2, *, stride=None, padding="valid", dilation=1, ceil_mode=False, layout=None):
    """The p-norm of every window, ``sum(|x|**p) ** (1 / p)``, along one, two or three axes.

    Parameters
    ----------
    x, kernel_size, stride, padding, dilation, ceil_mode, layout
        As in `max_pool`.
    p : int or float
        Above 0.

    Returns
    -------
    ndarray
        In float64, whatever the dtype of `x`.

    Raises
    ------
    TypeError, ValueError
        As `max_pool`, and for a wrong `p`.

    Notes
    -----
    Windows that are cut at the edges are sums of fewer elements, and nothing makes up for them.

    Examples
    --------
    >>> from cyconv import reference
    >>> reference.lp_pool([[[3.], [-4.], [5.]]], 2, ceil_mode=True).ravel()
    array([5., 5.])
    """
    x, data, windows = _windows("lp_pool", x, kernel_size, stride, padding, dilation, ceil_mode, layout)
    p = checks.positive("lp_pool", "p", p)

    def norm(elements, places, cells):
        return (np.abs(elements) ** p).sum(-1) ** (1 / p)

    return _pool(x.astype(np.float64), data, windows, norm)


def adaptive_max_pool(x, output_size, *, return_indices=False, nan="propagate", layout=None):
    """`max_pool` of as many windows as are asked for, along one, two or three axes.

    Parameters
    ----------
    x : array_like
        As in `max_pool`.
    output_size : int, None, or sequence of int or None
        As in `cyconv.shapes.adaptive_output_shape`.
    return_indices, nan, layout
        As in `max_pool`.

    Returns
    -------
    y : ndarray
    indices : ndarray of int64
        As of `max_pool`.

    Raises
    ------
    TypeError, ValueError
        As `cyconv.shapes.adaptive_output_shape`, and for wrong arrays, flags and words.

    Notes
    -----
    Window i is `cyconv.shapes.pool_window` of i: windows overlap if the sizes do not divide.

    Examples
    --------
    >>> from cyconv import reference
    >>> reference.adaptive_max_pool([[[1.], [2.], [3.], [4.], [5.]]], 2).ravel()
    array([3., 5.])
    """
    x, data, windows = _adaptive_windows("adaptive_max_pool", x, output_size, layout)
    return _largest("adaptive_max_pool", x, data, windows, return_indices, nan)


def adaptive_avg_pool(x, output_size, *, layout=None):
    """The mean of as many windows as are asked for, along one, two or three axes.

    Parameters
    ----------
    x, output_size, layout
        As in `adaptive_max_pool`.

    Returns
    -------
    ndarray
        In float64, whatever the dtype of `x`.

    Raises
    ------
    TypeError, ValueError
        As `adaptive_max_pool`.

    Examples
    --------
    >>> from cyconv import reference
    >>> reference.adaptive_avg_pool([[[1.], [2.], [3.], [4.], [5.]]], 2).ravel()
    array([2., 4.])
    """
    x, data, windows = _adaptive_windows("adaptive_avg_pool", x, output_size, layout)
    return _pool(x.astype(np.float64), data, windows, lambda elements, places, cells: elements.mean(-1))


def _windows(function, x, kernel_size, stride, padding, dilation, ceil_mode, layout):
    """The array, its layout, and of each window along each axis its elements and its number of cells."""
    x = checks.array(function, "x", x)
    data = shapes.pool_layout(function, layout, x.shape, "kernel_size", kernel_size)
    ndim = len(data.axes)
    kernel = checks.per_axis(function, "kernel_size", kernel_size, ndim)
    stride = kernel if stride is None else checks.per_axis(function, "stride", stride, ndim)
    dilation = checks.per_axis(function, "dilation", dilation, ndim)
    ceil_mode = checks.flag(function, "ceil_mode", ceil_mode)
    shape, pads = shapes.pooling(function, x.shape, data, kernel, stride, padding, dilation, ceil_mode)
    windows = []
    for n, k, s, d, (before, after), size in zip(
        data.split(x.shape)[2], kernel, stride, dilation, pads, data.split(shape)[2], strict=True
    ):
        starts = range(-before, -before + size * s, s)
        cells = [[a + t * d for t in range(k) if a + t * d < n + after] for a in starts]
        windows.append([([i for i in at if 0 <= i < n], len(at)) for at in cells])
    return x, data, windows


def _adaptive_windows(function, x, output_size, layout):
    """As `_windows`, of an adaptive pool."""
    x = checks.array(function, "x", x)
    data = shapes.pool_layout(function, layout, x.shape, "output_size", output_size)
    output_size = checks.output_size(function, output_size, len(data.axes))
    shape = shapes.adaptive(function, x.shape, data, output_size)
    windows = []
    for n, size in zip(data.split(x.shape)[2], data.split(shape)[2], strict=True):
        ranges = [range(*shapes.pool_window(i, n, size)) for i in range(size)]
        windows.append([(at, len(at)) for at in ranges])
    return x, data, windows


def _pool(x, data, windows, reduce):
    """What `reduce` makes of each window's elements, their places in the plane, and its number of cells."""
    x = _channels_first(x, data)
    places = np.arange(math.prod(x.shape[2:]), dtype=np.int64).reshape(x.shape[2:])
    planes = x.reshape(*x.shape[:2], places.size)
    y = []
    for window in itertools.product(*windows):
        of_window = places[np.ix_(*(elements for elements, _ in window))].ravel()
        with np.errstate(over="ignore", invalid="ignore"):
            y.append(reduce(planes[:, :, of_window], of_window, math.prod(cells for _, cells in window)))
    return _as_given(np.stack(y, axis=-1).reshape(*x.shape[:2], *map(len, windows)), data)


def _largest(function, x, data, windows, return_indices, nan):
    """The largest element of each window, and where it is if that is asked for."""
    return_indices = checks.flag(function, "return_indices", return_indices)
    ignore = checks.choice(function, "nan", nan, ("propagate", "ignore")) == "ignore"
    x = x.astype(x.dtype.newbyteorder("="))

    def number(elements):
        first = elements.argmax(-1)  # NaN is the largest
        if not ignore or elements.dtype.kind != "f":
            return first
        real = ~np.isnan(elements)
        first = np.where(real, elements, -np.inf).argmax(-1)
        return np.where(np.take_along_axis(real, first[..., None], -1)[..., 0], first, real.argmax(-1))

    def value(elements, places, cells):
        return np.take_along_axis(elements, number(elements)[..., None], -1)[..., 0]

    def place(elements, places, cells):
        return places[number(elements)]

    y = _pool(x, data, windows, value)
    return (y, _pool(x, data, windows, place)) if return_indices else y
