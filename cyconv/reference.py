"""What a convolution is, in plain NumPy.

Slow and short on purpose: this is the definition that kernels, tests and documentation rest on.
"""

import itertools

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
    x = x.astype(dtype)
    x = x if data.batched else x[np.newaxis]
    x = np.moveaxis(x, -1, 1) if data.channels_last else x
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
    y = activate(y, activation)
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
