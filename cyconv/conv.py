"""Convolution of arrays: the public functions, which check, plan, and hand over to compiled code."""

import functools

import numpy as np

from cyconv import checks, shapes
from cyconv import threads as threads_
from cyconv.docstrings import documented
from cyconv.plan import ConvPlan, recipe

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "depthwise_conv2d",
    "plan_conv1d",
    "plan_conv2d",
    "plan_conv3d",
    "separable_conv2d",
]

_NAMES = {str, type(None)}

_CONV = """Convolution of {pictures} with filters that slide along {axes}.

Parameters
----------
x : array_like of shape {x_shapes}
    Input, of bool, integers, float16, float32 or float64; any strides and byte order.
w : array_like of shape {w_shapes}
    Filters: O of them, each of all channels of its group.
bias : array_like of shape (O,), optional
    Added to every output of its filter.
stride : {ints}, default 1
    Step from one place of the window to the next along {along}, in {pixels}.
padding : {pads}, default "valid"
    What is put around the {picture}: ``"valid"`` nothing; ``"same"`` so much that the output has
    ``ceil(length / stride)`` {pixels}, the odd one behind (``"same_lower"``: in front); ``"full"``
    ``(kernel - 1) * dilation`` on every side; or {pixels} for all sides, for each axis, or
    (before, after) for each axis.{causal}
dilation : {ints}, default 1
    Step from one element of the filter to the next along {along}, in {pixels}; 1 means neighbours.
groups : int, default 1
    Channels and filters are divided into so many parts that do not see each other.
layout : str, optional
    ``"{last}"`` (also ``"channels_last"``; the default), ``"{first}"`` (``"channels_first"``), or
    ``"{last_of_one}"`` or ``"{first_of_one}"`` for one {picture}.  The output has the same.
kernel_layout : str, optional
    ``"{hwio}"`` (default for channels-last: Keras, TensorFlow, JAX), ``"{oihw}"`` (default for
    channels-first: PyTorch, ONNX) or ``"{ohwi}"``, with any layout.
pad_mode : str, default "constant"
    What padding holds, by `numpy.pad`'s names: ``"constant"`` (zeros), ``"edge"``,
    ``"reflect"``, ``"symmetric"`` or ``"wrap"``.
flip : bool, default False
    False is correlation, as in every neural-network library; True turns the filters around, as
    in mathematics.
activation : str, optional
    ``"relu"``, ``"relu6"``, ``"leaky_relu"`` (slope 0.2, as in Keras), ``"sigmoid"`` or ``"tanh"``.
algorithm : str, default "auto"
    ``"auto"``, or one of ``"winograd"``, ``"winograd_1d"``, ``"stencil"``, ``"fast_fir"``,
    ``"separable"``, ``"fft"``, ``"grouped"`` and ``"direct"``.
threads : int, optional
    Threads of this call; by default `cyconv.get_num_threads`.  Results do not depend on it.
out : ndarray, optional
    Array of the output's shape and dtype, which is written and returned.  It may overlap `x`.

Returns
-------
ndarray of shape {y_shapes}
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
plan_conv{n}d : prepares a convolution that is called many times.
depthwise_conv2d, separable_conv2d : pictures whose channels are filtered one by one.
cyconv.shapes.conv_output_shape : the output's shape alone.

Notes
-----
For stride s, dilation d and padding p, with x zero outside of the {picture},

.. math:: y[n, {places}, o] = b[o] + \\sum_{{{taps}, c}}
          x[n, {reads}, c] \\; w[{taps}, c, o]

and each axis of the output has ``floor((length + before + after - (kernel - 1) * d - 1) / s) + 1``
elements [1]_.  Sums run in a fixed order in the working precision: the same input gives the
same bits for any number of threads and any batch.  A sum that is zero is +0.

References
----------
.. [1] V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning",
   arXiv:1603.07285.

Examples
--------
{examples}
"""

_PLAN = """Prepares a convolution of {pictures}: weights are packed and everything is decided once.

Parameters
----------
x_shape : sequence of int
    Shape of the inputs that the plan will be called with,
    {x_shapes}.
w : array_like of shape {w_shapes}
    As in `conv{n}d`; copied.
bias : array_like of shape (O,), optional
    As in `conv{n}d`; copied.
dtype : dtype, optional
    Of the inputs; by default that of `w`.
stride, padding, dilation, groups, layout, kernel_layout, pad_mode, flip, activation, algorithm, threads
    As in `conv{n}d`.

Returns
-------
cyconv.plan.ConvPlan
    Call it with an input, ``plan(x)`` or ``plan(x, out=y)``.

Raises
------
TypeError, ValueError, MemoryError
    As `conv{n}d`.

See Also
--------
conv{n}d : the same without a plan.

Examples
--------
{examples}
"""


@documented(
    _CONV, 1,
    examples="""\
A difference of neighbours, with two channels that are summed:

>>> import numpy as np, cyconv
>>> x = np.array([[[1., 10.], [2., 20.], [4., 40.], [8., 80.]]])
>>> cyconv.conv1d(x, np.array([-1., 1.]).reshape(2, 1, 1) * np.ones((2, 2, 1)))
array([[[11.],
        [22.],
        [44.]]])

A running sum of what is past, as long as the signal:

>>> cyconv.conv1d(x[:, :, :1], np.ones((3, 1, 1)), padding="causal").ravel()
array([ 1.,  3.,  7., 14.])""",
)  # fmt: skip
def conv1d(
    x, w, bias=None, *, stride=1, padding="valid", dilation=1, groups=1, layout=None, kernel_layout=None,
    pad_mode="constant", flip=False, activation=None, algorithm="auto", threads=None, out=None,
):  # fmt: skip
    return _convolve(
        "conv1d", 1, x, w, bias, out, threads, stride, padding, dilation, groups,
        layout, kernel_layout, pad_mode, flip, activation, algorithm,
    )  # fmt: skip


@documented(
    _CONV, 2,
    examples="""\
The channels of the input are summed: 4 * (1 + 100 + 10000) = 40404.

>>> import numpy as np, cyconv
>>> x = np.ones((1, 3, 3, 3), np.float32) * np.array([1, 100, 10000], np.float32)
>>> w = np.ones((2, 2, 3, 1), np.float32)
>>> cyconv.conv2d(x, w)[0, :, :, 0]
array([[40404., 40404.],
       [40404., 40404.]], dtype=float32)

Twenty-four filters of 8 x 8 x 3, moved two pixels at a time:

>>> cyconv.conv2d(np.ones((1, 128, 128, 3)), np.ones((8, 8, 3, 24)), stride=2).shape
(1, 61, 61, 24)""",
)  # fmt: skip
def conv2d(
    x, w, bias=None, *, stride=1, padding="valid", dilation=1, groups=1, layout=None, kernel_layout=None,
    pad_mode="constant", flip=False, activation=None, algorithm="auto", threads=None, out=None,
):  # fmt: skip
    return _convolve(
        "conv2d", 2, x, w, bias, out, threads, stride, padding, dilation, groups,
        layout, kernel_layout, pad_mode, flip, activation, algorithm,
    )  # fmt: skip


@documented(
    _CONV, 3,
    examples="""\
Sums over cubes of 2 x 2 x 2 voxels, of a volume that counts its voxels:

>>> import numpy as np, cyconv
>>> x = np.arange(27.0).reshape(1, 3, 3, 3, 1)
>>> cyconv.conv3d(x, np.ones((2, 2, 2, 1, 1)))[0, ..., 0]
array([[[ 52.,  60.],
        [ 76.,  84.]],
<BLANKLINE>
       [[124., 132.],
        [148., 156.]]])

Sixteen pictures of 112 x 112 pixels in three colours, one after the other:

>>> x, w = np.ones((1, 16, 112, 112, 3), np.float32), np.ones((3, 7, 7, 3, 8), np.float32)
>>> cyconv.conv3d(x, w, stride=(1, 2, 2), padding="same").shape
(1, 16, 56, 56, 8)""",
)  # fmt: skip
def conv3d(
    x, w, bias=None, *, stride=1, padding="valid", dilation=1, groups=1, layout=None, kernel_layout=None,
    pad_mode="constant", flip=False, activation=None, algorithm="auto", threads=None, out=None,
):  # fmt: skip
    return _convolve(
        "conv3d", 3, x, w, bias, out, threads, stride, padding, dilation, groups,
        layout, kernel_layout, pad_mode, flip, activation, algorithm,
    )  # fmt: skip


@documented(
    _PLAN, 1,
    examples="""\
>>> import numpy as np, cyconv
>>> plan = cyconv.plan_conv1d((1, 1000, 8), np.ones((5, 8, 16), np.float32), padding="causal")
>>> plan.output_shape, plan.macs
((1, 1000, 16), 640000)
>>> plan(np.ones((1, 1000, 8), np.float32))[0, :6, 0]
array([ 8., 16., 24., 32., 40., 40.], dtype=float32)""",
)  # fmt: skip
def plan_conv1d(
    x_shape, w, bias=None, *, dtype=None, stride=1, padding="valid", dilation=1, groups=1, layout=None,
    kernel_layout=None, pad_mode="constant", flip=False, activation=None, algorithm="auto", threads=None,
):  # fmt: skip
    return _plan(
        "plan_conv1d", 1, x_shape, w, bias, dtype, threads, stride, padding, dilation, groups,
        layout, kernel_layout, pad_mode, flip, activation, algorithm,
    )  # fmt: skip


@documented(
    _PLAN, 2,
    examples="""\
>>> import numpy as np, cyconv
>>> plan = cyconv.plan_conv2d((1, 32, 32, 3), np.ones((3, 3, 3, 32), np.float32), padding="same")
>>> plan.output_shape, plan.macs
((1, 32, 32, 32), 884736)
>>> plan(np.ones((1, 32, 32, 3), np.float32))[0, 5, 5, 0]
np.float32(27.0)""",
)  # fmt: skip
def plan_conv2d(
    x_shape, w, bias=None, *, dtype=None, stride=1, padding="valid", dilation=1, groups=1, layout=None,
    kernel_layout=None, pad_mode="constant", flip=False, activation=None, algorithm="auto", threads=None,
):  # fmt: skip
    return _plan(
        "plan_conv2d", 2, x_shape, w, bias, dtype, threads, stride, padding, dilation, groups,
        layout, kernel_layout, pad_mode, flip, activation, algorithm,
    )  # fmt: skip


@documented(
    _PLAN, 3,
    examples="""\
>>> import numpy as np, cyconv
>>> plan = cyconv.plan_conv3d((1, 8, 16, 16, 2), np.ones((3, 3, 3, 2, 4), np.float32), padding="same")
>>> plan.output_shape, plan.macs
((1, 8, 16, 16, 4), 442368)
>>> plan(np.ones((1, 8, 16, 16, 2), np.float32))[0, 0, 5, 5, 0]
np.float32(36.0)""",
)  # fmt: skip
def plan_conv3d(
    x_shape, w, bias=None, *, dtype=None, stride=1, padding="valid", dilation=1, groups=1, layout=None,
    kernel_layout=None, pad_mode="constant", flip=False, activation=None, algorithm="auto", threads=None,
):  # fmt: skip
    return _plan(
        "plan_conv3d", 3, x_shape, w, bias, dtype, threads, stride, padding, dilation, groups,
        layout, kernel_layout, pad_mode, flip, activation, algorithm,
    )  # fmt: skip


def depthwise_conv2d(
    x, w, bias=None, *, stride=1, padding="valid", dilation=1, layout=None, kernel_layout=None,
    pad_mode="constant", flip=False, activation=None, algorithm="auto", threads=None, out=None,
):  # fmt: skip
    """Convolution of pictures with filters that each see one channel.

    Parameters
    ----------
    x : array_like of shape (N, H, W, C), (N, C, H, W), (H, W, C) or (C, H, W)
        Input, of bool, integers, float16, float32 or float64; any strides and byte order.
    w : array_like of shape (KH, KW, C, M), (C * M, 1, KH, KW) or (C * M, KH, KW, 1)
        Filters: M of them for each channel, M being the multiplier.
    bias : array_like of shape (C * M,), optional
        Added to every output of its filter.
    stride, padding, dilation, layout, pad_mode, flip, activation, algorithm, threads, out
        As in `conv2d`.
    kernel_layout : str, optional
        ``"HWIO"``, which here means (KH, KW, C, M) (default for channels-last: Keras, TensorFlow);
        ``"OIHW"``, (C * M, 1, KH, KW) (default for channels-first: PyTorch, ONNX); or ``"OHWI"``,
        (C * M, KH, KW, 1); with any layout.

    Returns
    -------
    ndarray of shape (N, OH, OW, C * M) or (N, C * M, OH, OW), or without N
        Output channel ``c * M + j`` is filter j of channel c.  The dtype is that of `conv2d`.

    Raises
    ------
    TypeError, ValueError, MemoryError
        As `conv2d`.

    See Also
    --------
    separable_conv2d : a depthwise convolution, then one of 1 x 1 that mixes the channels.
    conv2d : with ``groups``, filters that see some of the channels.

    Notes
    -----
    With the letters of `conv2d`,

    .. math:: y[n, i, j, c M + m] = b[c M + m] + \\sum_{u, v}
              x[n, i s - p + u d, j s - p + v d, c] \\; w[u, v, c, m]

    This is `conv2d` with ``groups=C`` and w of shape (KH, KW, 1, C * M) [1]_.

    References
    ----------
    .. [1] F. Chollet, "Xception: Deep learning with depthwise separable convolutions",
       arXiv:1610.02357.

    Examples
    --------
    Two filters, a sum and a difference, for each of three channels:

    >>> import numpy as np, cyconv
    >>> x = np.array([[1., 100., 10000.], [2., 200., 20000.]]).reshape(1, 1, 2, 3)
    >>> w = np.empty((1, 2, 3, 2))
    >>> w[0, :, :, 0], w[0, :, :, 1] = [[1], [1]], [[-1], [1]]
    >>> cyconv.depthwise_conv2d(x, w).ravel()
    array([3.e+00, 1.e+00, 3.e+02, 1.e+02, 3.e+04, 1.e+04])
    """
    function = "depthwise_conv2d"
    x, w = checks.array(function, "x", x), checks.array(function, "w", w)
    arguments = stride, padding, dilation, 1, layout, kernel_layout, pad_mode, flip, activation, algorithm
    w, arguments = _as_groups(function, "w", x.shape, w, _hashable(function, 2, arguments))
    r, bias = _recipe(function, 2, x.shape, x.dtype, w, bias, arguments)
    n = _threads(function, r, out, threads)
    r, packed = r.packed(w, bias, n)
    return r.run(x, packed, bias, out, n, False)


def separable_conv2d(
    x, depthwise, pointwise, bias=None, *, stride=1, padding="valid", dilation=1, layout=None, kernel_layout=None,
    pad_mode="constant", flip=False, activation=None, algorithm="auto", threads=None, out=None,
):  # fmt: skip
    """Depthwise convolution of pictures, then one of 1 x 1 that mixes the channels.

    Parameters
    ----------
    x : array_like of shape (N, H, W, C), (N, C, H, W), (H, W, C) or (C, H, W)
        Input, of bool, integers, float16, float32 or float64; any strides and byte order.
    depthwise : array_like of shape (KH, KW, C, M), (C * M, 1, KH, KW) or (C * M, KH, KW, 1)
        Filters of the first step: M of them for each channel, as in `depthwise_conv2d`.
    pointwise : array_like of shape (1, 1, C * M, O), (O, C * M, 1, 1) or (O, 1, 1, C * M)
        Filters of the second step: O of them.
    bias : array_like of shape (O,), optional
        Added to every output of its filter in the second step.
    stride, padding, dilation, pad_mode, flip
        Of the first step, as in `conv2d`.
    layout : str, optional
        As in `conv2d`.
    kernel_layout : str, optional
        Of both kernels, as in `depthwise_conv2d` and `conv2d`.
    activation : str, optional
        Of the second step, as in `conv2d`.
    algorithm, threads
        Of both steps, as in `conv2d`.
    out : ndarray, optional
        As in `conv2d`.

    Returns
    -------
    ndarray of shape (N, OH, OW, O) or (N, O, OH, OW), or without N
        Of the dtype that `conv2d` gives the result of `depthwise_conv2d` with `pointwise` and `bias`.

    Raises
    ------
    TypeError, ValueError, MemoryError
        As `conv2d`; everything is checked before the first step.

    See Also
    --------
    depthwise_conv2d : the first step.

    Notes
    -----
    Equal, to the bit and in its dtype, to
    ``conv2d(depthwise_conv2d(x, depthwise, ...), pointwise, bias, ...)``, as Keras's
    ``SeparableConv2D`` [1]_.  Therefore float16 is rounded between the steps, and 8-bit integers
    give int64: the result of the first step is int32.

    That result is held as a whole, an array of shape (N, OH, OW, C * M), until the second step is
    done.

    References
    ----------
    .. [1] F. Chollet, "Xception: Deep learning with depthwise separable convolutions",
       arXiv:1610.02357.

    Examples
    --------
    Nine weights for each of 16 channels and 16 for each of 32 filters are 656 parameters, where
    `conv2d` would have 3 * 3 * 16 * 32 = 4608:

    >>> import numpy as np, cyconv
    >>> x = np.ones((1, 8, 8, 16), np.float32)
    >>> depthwise, pointwise = np.ones((3, 3, 16, 1), np.float32), np.ones((1, 1, 16, 32), np.float32)
    >>> y = cyconv.separable_conv2d(x, depthwise, pointwise, padding="same")
    >>> y.shape, y[0, 4, 4, 0], depthwise.size + pointwise.size
    ((1, 8, 8, 32), np.float32(144.0), 656)
    """
    function = "separable_conv2d"
    x, depthwise = checks.array(function, "x", x), checks.array(function, "depthwise", depthwise)
    pointwise = checks.array(function, "pointwise", pointwise)
    arguments = stride, padding, dilation, 1, layout, kernel_layout, pad_mode, flip, activation, algorithm
    arguments = _hashable(function, 2, arguments)
    depthwise, of_first = _as_groups(function, "depthwise", x.shape, depthwise, (*arguments[:8], None, algorithm))
    of_second = 1, "valid", 1, 1, layout, kernel_layout, "constant", False, activation, algorithm
    first, _ = _recipe(function, 2, x.shape, x.dtype, depthwise, None, of_first)
    _check_pointwise(function, first, pointwise.shape)
    second, bias = _recipe(function, 2, first.output_shape, first.result_dtype, pointwise, bias, of_second)
    n = _threads(function, second, out, threads)
    first, packed = first.packed(depthwise, None, n)
    between = first.run(x, packed, None, None, n, False)
    second, packed = second.packed(pointwise, bias, n)
    return second.run(between, packed, bias, out, n, False)


def _convolve(function, ndim, x, w, bias, out, threads, *arguments):
    """A convolution of any number of window axes."""
    if type(x) is not np.ndarray or x.dtype.char not in "fd":
        x = checks.array(function, "x", x)
    if type(w) is not np.ndarray or w.dtype.char not in "fd":
        w = checks.array(function, "w", w)
    arguments = _hashable(function, ndim, arguments)
    r, bias = _recipe(function, ndim, x.shape, x.dtype, w, bias, arguments)
    n = _threads(function, r, out, threads)
    r, packed = r.packed(w, bias, n)
    return r.run(x, packed, bias, out, n, False)


def _recipe(function, ndim, x_shape, x_dtype, w, bias, arguments):
    """The recipe of a convolution of such an array, and the bias as an array."""
    key = None
    if bias is not None:
        bias = checks.array(function, "bias", bias)
        key = bias.shape, bias.dtype
    return recipe(function, ndim, x_shape, x_dtype, w.shape, w.dtype, key, *arguments), bias


def _threads(function, r, out, threads):
    """The number of threads of a call, whose `out` is checked as well."""
    n = threads_.get_num_threads() if threads is None else threads_.check(function, threads)
    if out is not None:
        checks.out(function, out, r.output_shape, r.result_dtype)
    return n


def _as_groups(function, name, x_shape, w, arguments):
    """A depthwise kernel as `conv2d` takes it, and the arguments with their groups."""
    stride, padding, dilation, _, layout, kernel_layout, *rest = arguments
    shape, groups = _grouped(function, name, x_shape, w.shape, stride, padding, dilation, layout, kernel_layout)
    return w.reshape(shape), (stride, padding, dilation, groups, layout, kernel_layout, *rest)


_grouped = functools.lru_cache(maxsize=512)(shapes.depthwise)


def _check_pointwise(function, first, w_shape):
    """Checks the shape of the second kernel of a separable convolution against the recipe of the first."""
    channels, names = first.filters, first.kernel_layout
    form = [{"I": channels, "O": "O"}.get(axis, 1) for axis in names]
    if len(w_shape) != 4 or any(f not in ("O", n) for f, n in zip(form, w_shape, strict=True)):
        raise ValueError(
            f"{function}: pointwise must have shape ({', '.join(map(str, form))}) ({names}) for the {channels}"
            f" channels of the first step, got {w_shape}; check kernel_layout="
        )


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
    if type(padding) is not int and not isinstance(padding, str):
        padding = checks.padding(function, padding, ndim)
    if type(groups) is not int:
        groups = checks.integer(function, "groups", groups, 1)
    if type(flip) is not bool:
        flip = checks.flag(function, "flip", flip)
    if not {type(layout), type(kernel_layout), type(pad_mode), type(activation), type(algorithm)} <= _NAMES:
        for name, value in (
            ("layout", layout), ("kernel_layout", kernel_layout), ("pad_mode", pad_mode),
            ("activation", activation), ("algorithm", algorithm),
        ):  # fmt: skip
            if value is not None and not isinstance(value, str):
                raise TypeError(f"{function}: {name} must be a string, got {value!r}")
    return stride, padding, dilation, groups, layout, kernel_layout, pad_mode, flip, activation, algorithm
