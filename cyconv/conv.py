"""Convolution of arrays: the public functions, which check, plan, and hand over to compiled code."""

import numpy as np

from cyconv import checks
from cyconv import threads as threads_
from cyconv.plan import ConvPlan, recipe

__all__ = ["conv2d", "plan_conv2d"]


def conv2d(
    x, w, bias=None, *, stride=1, padding="valid", dilation=1, groups=1, layout=None, kernel_layout=None,
    pad_mode="constant", flip=False, activation=None, algorithm="auto", threads=None, out=None,
):  # fmt: skip
    """Convolution of pictures with filters that slide along two axes.

    Parameters
    ----------
    x : array_like of shape (N, H, W, C), (N, C, H, W), (H, W, C) or (C, H, W)
        Input, of bool, integers, float16, float32 or float64; any strides and byte order.
    w : array_like of shape (KH, KW, C/groups, O), (O, C/groups, KH, KW) or (O, KH, KW, C/groups)
        Filters: O of them, each of all channels of its group.
    bias : array_like of shape (O,), optional
        Added to every output of its filter.
    stride : int or (int, int), default 1
        Pixels from one place of the window to the next, along H and W.
    padding : str, int, (int, int) or ((int, int), (int, int)), default "valid"
        What is put around the picture: ``"valid"`` nothing; ``"same"`` so much that the output has
        ``ceil(length / stride)`` pixels, the odd one behind (``"same_lower"``: in front); ``"full"``
        ``(kernel - 1) * dilation`` on every side; or pixels for all sides, for each axis, or
        (before, after) for each axis.
    dilation : int or (int, int), default 1
        Pixels from one element of the filter to the next; 1 means neighbours.
    groups : int, default 1
        Channels and filters are divided into so many parts that do not see each other.
    layout : str, optional
        ``"NHWC"`` (also ``"channels_last"``; the default), ``"NCHW"`` (``"channels_first"``), or
        ``"HWC"`` or ``"CHW"`` for one picture.  The output has the same.
    kernel_layout : str, optional
        ``"HWIO"`` (default for channels-last: Keras, TensorFlow, JAX), ``"OIHW"`` (default for
        channels-first: PyTorch, ONNX) or ``"OHWI"``, with any layout.
    pad_mode : str, default "constant"
        What padding holds, by `numpy.pad`'s names: ``"constant"`` (zeros), ``"edge"``,
        ``"reflect"``, ``"symmetric"`` or ``"wrap"``.
    flip : bool, default False
        False is correlation, as in every neural-network library; True turns the filters around, as
        in mathematics.
    activation : str, optional
        ``"relu"``, ``"relu6"``, ``"leaky_relu"`` (slope 0.2, as in Keras), ``"sigmoid"`` or ``"tanh"``.
    algorithm : str, default "auto"
        ``"auto"`` or ``"direct"``.
    threads : int, optional
        Threads of this call; by default `cyconv.get_num_threads`.  Results do not depend on it.
    out : ndarray, optional
        Array of the output's shape and dtype, which is written and returned.  It may overlap `x`.

    Returns
    -------
    ndarray of shape (N, OH, OW, O) or (N, O, OH, OW), or without N
        Of NumPy's common dtype of the arrays; integers are summed and returned in 32 bits (inputs
        of 8 bits, and int16) or 64 bits (all others), wrapping around as NumPy's do.

    Raises
    ------
    TypeError
        If an argument or a dtype is of the wrong kind.
    ValueError
        If shapes do not fit each other or an argument has a value that it cannot have.
    MemoryError
        If there is no memory for the output.

    See Also
    --------
    plan_conv2d : prepares a convolution that is called many times.
    cyconv.shapes.conv_output_shape : the output's shape alone.

    Notes
    -----
    For stride s, dilation d and padding p, with x zero outside of the picture,

    .. math:: y[n, i, j, o] = b[o] + \\sum_{u, v, c}
              x[n, i s - p + u d, j s - p + v d, c] \\; w[u, v, c, o]

    and each axis of the output has ``floor((length + before + after - (kernel - 1) * d - 1) / s) + 1``
    elements [1]_.  Sums run in a fixed order in the working precision: the same input gives the
    same bits for any number of threads and any batch.  A sum that is zero is +0.

    References
    ----------
    .. [1] V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning",
       arXiv:1603.07285.

    Examples
    --------
    The channels of the input are summed: 4 * (1 + 100 + 10000) = 40404.

    >>> import numpy as np, cyconv
    >>> x = np.ones((1, 3, 3, 3), np.float32) * np.array([1, 100, 10000], np.float32)
    >>> w = np.ones((2, 2, 3, 1), np.float32)
    >>> cyconv.conv2d(x, w)[0, :, :, 0]
    array([[40404., 40404.],
           [40404., 40404.]], dtype=float32)

    Twenty-four filters of 8 x 8 x 3, moved two pixels at a time:

    >>> cyconv.conv2d(np.ones((1, 128, 128, 3)), np.ones((8, 8, 3, 24)), stride=2).shape
    (1, 61, 61, 24)
    """
    return _convolve(
        "conv2d", 2, x, w, bias, out, threads, stride, padding, dilation, groups,
        layout, kernel_layout, pad_mode, flip, activation, algorithm,
    )  # fmt: skip


def plan_conv2d(
    x_shape, w, bias=None, *, dtype=None, stride=1, padding="valid", dilation=1, groups=1, layout=None,
    kernel_layout=None, pad_mode="constant", flip=False, activation=None, algorithm="auto", threads=None,
):  # fmt: skip
    """Prepares a convolution: weights are packed and everything is decided once.

    Parameters
    ----------
    x_shape : sequence of int
        Shape of the inputs that the plan will be called with.
    w, bias : array_like
        As in `conv2d`; copied.
    dtype : dtype, optional
        Of the inputs; by default that of `w`.
    stride, padding, dilation, groups, layout, kernel_layout, pad_mode, flip, activation, algorithm, threads
        As in `conv2d`.

    Returns
    -------
    cyconv.plan.ConvPlan
        Call it with an input, ``plan(x)`` or ``plan(x, out=y)``.

    Raises
    ------
    TypeError, ValueError, MemoryError
        As `conv2d`.

    Examples
    --------
    >>> import numpy as np, cyconv
    >>> plan = cyconv.plan_conv2d((1, 32, 32, 3), np.ones((3, 3, 3, 32), np.float32), padding="same")
    >>> plan.output_shape, plan.macs
    ((1, 32, 32, 32), 884736)
    >>> plan(np.ones((1, 32, 32, 3), np.float32))[0, 5, 5, 0]
    np.float32(27.0)
    """
    return _plan(
        "plan_conv2d", 2, x_shape, w, bias, dtype, threads, stride, padding, dilation, groups,
        layout, kernel_layout, pad_mode, flip, activation, algorithm,
    )  # fmt: skip


def _convolve(function, ndim, x, w, bias, out, threads, *arguments):
    """A convolution of any number of window axes."""
    if type(x) is not np.ndarray or x.dtype.char not in "fd":
        x = checks.array(function, "x", x)
    if type(w) is not np.ndarray or w.dtype.char not in "fd":
        w = checks.array(function, "w", w)
    key = None
    if bias is not None:
        bias = checks.array(function, "bias", bias)
        key = bias.shape, bias.dtype
    r = recipe(function, ndim, x.shape, x.dtype, w.shape, w.dtype, key, *_hashable(function, ndim, arguments))
    n = threads_.get_num_threads() if threads is None else threads_.check(function, threads)
    if out is not None:
        checks.out(function, out, r.output_shape, r.result_dtype)
    return r.run(x, r.pack(w, bias, n), bias, out, n, False)


def _plan(function, ndim, x_shape, w, bias, dtype, threads, *arguments):
    """A plan for any number of window axes."""
    shape = tuple(checks.integer(function, "x_shape", n, 0) for n in _sequence(function, x_shape))
    w = checks.array(function, "w", w).copy()
    key = None
    if bias is not None:
        bias = checks.array(function, "bias", bias).copy()
        key = bias.shape, bias.dtype
    x_dtype = checks.array(function, "dtype", np.empty(0, w.dtype if dtype is None else dtype)).dtype
    n = None if threads is None else threads_.check(function, threads)
    arguments = _hashable(function, ndim, arguments)
    return ConvPlan((function, ndim, shape, x_dtype, w.shape, w.dtype, key, *arguments), w, bias, n)


def _sequence(function, x_shape):
    if isinstance(x_shape, (str, bytes)) or not hasattr(x_shape, "__iter__"):
        raise TypeError(f"{function}: x_shape must be a sequence of int, got {x_shape!r}")
    return x_shape


def _hashable(function, ndim, arguments):
    """The arguments as recipes are looked up by: plain ints, strings and tuples of ints.

    Python's 1, True and 1.0 are equal as keys, so what is not plain is checked here, not there.
    """
    stride, padding, dilation, groups, layout, kernel_layout, pad_mode, flip, activation, algorithm = arguments
    if type(stride) is not int:
        stride = checks.per_axis(function, "stride", stride, ndim)
    if type(dilation) is not int:
        dilation = checks.per_axis(function, "dilation", dilation, ndim)
    if type(padding) is not str and type(padding) is not int:
        padding = checks.padding(function, padding, ndim)
    if type(groups) is not int:
        groups = checks.integer(function, "groups", groups, 1)
    if type(flip) is not bool:
        flip = checks.flag(function, "flip", flip)
    for name, value in (
        ("layout", layout), ("kernel_layout", kernel_layout), ("pad_mode", pad_mode),
        ("activation", activation), ("algorithm", algorithm),
    ):  # fmt: skip
        if value is not None and not isinstance(value, str):
            raise TypeError(f"{function}: {name} must be a string, got {value!r}")
    return stride, padding, dilation, groups, layout, kernel_layout, pad_mode, flip, activation, algorithm
