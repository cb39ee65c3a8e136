"""Pools of arrays: the public functions, which check, look up a recipe, and hand over to compiled code."""

import marshal
import math

import numpy as np

from cyconv import checks
from cyconv import threads as threads_
from cyconv.docstrings import documented
from cyconv.pool_plan import PoolRecipe

__all__ = [
    f"{prefix}{name}_pool{n}d"
    for prefix, name in (
        ("", "max"), ("", "avg"), ("", "lp"), ("global_", "max"), ("global_", "avg"),
        ("adaptive_", "max"), ("adaptive_", "avg"),
    )
    for n in (1, 2, 3)
]  # fmt: skip

_X = """x : array_like of shape {x_shapes}
    Input, of bool, integers, float16, float32 or float64; any strides and byte order."""

_WINDOW = """kernel_size : {ints}
    Elements of the window along {along}."""

_SLIDING = """stride : {ints}, optional
    Step from one window to the next along {along}; by default `kernel_size`, so that windows lie
    side by side.
padding : {pads}, default "valid"
    As in `conv{n}d`, by word or by number, but less than a window,
    ``(kernel_size - 1) * dilation + 1``, on each side.
dilation : {ints}, default 1
    Step from one element of the window to the next.
ceil_mode : bool, default False
    Whether elements that are left over behind the last whole window get a window too, unless it
    would begin behind the input."""

_PLACES = """return_indices : bool, default False
    Whether to return the places of the maxima too.
nan : str, default "propagate"
    ``"propagate"``: the maximum is NaN where the window holds one, as in PyTorch, JAX and Keras;
    ``"ignore"``: where it holds nothing else, as in ONNX Runtime."""

_REST = """layout : str, optional
    ``"{last}"`` (also ``"channels_last"``; the default), ``"{first}"`` (``"channels_first"``), or
    ``"{last_of_one}"`` or ``"{first_of_one}"`` for one {picture}.  The output has the same.
threads : int, optional
    Threads of this call; by default `cyconv.get_num_threads`.  Results do not depend on it.
out : ndarray, optional
    Array of the output's shape and dtype, which is written and returned.  It may overlap `x`."""

_MAXIMA = """y : ndarray of shape {shapes}
    Of the dtype of `x`.
indices : ndarray of int64, of the same shape
    Only with `return_indices`: where in its {picture} each maximum stands, counted along {along} as
    in ``x[...].ravel()`` of one channel, whatever the layout.  Of equals the first; of NaN the first."""

_MEANS = """ndarray of shape {shapes}
    Of the dtype of `x`; float64 for integers and bool, as `numpy.mean` has it, unless `out` is of
    another floating-point dtype."""

_RAISES = """TypeError
    If an argument or a dtype is of the wrong kind.
ValueError
    If the window does not fit the padded input or would meet none of its elements, an axis of the
    {picture} has no elements, or an argument has a value that it cannot have.
MemoryError
    If there is no memory for the output."""


def _template(summary, parameters, returned, see, notes, shapes="{pooled_shapes}"):
    """A docstring's template from its pieces, which several families share."""
    returned = returned.replace("{shapes}", shapes)
    return f"""{summary}

Parameters
----------
{_X}
{parameters}
{_REST}

Returns
-------
{returned}

Raises
------
{_RAISES}

See Also
--------
{see}

Notes
-----
{notes}

Examples
--------
{{example}}
"""


_WINDOWS = """Windows are those of a convolution: along an axis with stride s, dilation d and padding p, window
i has the elements ``i * s - p + t * d``, and there are
``floor((length + before + after - (kernel_size - 1) * d - 1) / s) + 1`` of them [1]_."""

_GUIDE = """

References
----------
.. [1] V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning",
   arXiv:1603.07285."""

_SHAPE_SEE = "cyconv.shapes.pool_output_shape : the output's shape alone."

_MAX = _template(
    "The maximum of each window of {pictures}, channel by channel.",
    f"{_WINDOW}\n{_SLIDING}\n{_PLACES}",
    _MAXIMA,
    _SHAPE_SEE,
    f"""{_WINDOWS}  Padding is never a maximum.  Windows of any size cost
about as much as small ones: long ones are put together of shorter ones [2]_.{_GUIDE}
.. [2] M. van Herk, "A fast algorithm for local minimum and maximum filters on rectangular and
   octagonal kernels", Pattern Recognition Letters 13 (1992), 517-521, where others with that
   property are compared.""",
)

_AVG = _template(
    "The mean of each window of {pictures}, channel by channel.",
    f"""{_WINDOW}
{_SLIDING}
count_include_pad : bool, default False
    Whether the sum of a window is divided by the number of all its elements, zeros of the padding
    included (PyTorch's default), or of those in the input only (as in Keras and ONNX).  What
    `ceil_mode` adds behind the padding never counts.
divisor : int, optional
    Divides all sums instead.""",
    _MEANS,
    _SHAPE_SEE,
    f"""{_WINDOWS}  float32 is summed in double precision where a
window has more than 13 elements, so that no mean is further from the exact one than 4 eps of the
mean magnitude of its window.{_GUIDE}""",
)

_LP = _template(
    "The p-norm of each window of {pictures}, channel by channel.",
    f"""{_WINDOW}
p : float, default 2
    Above 0.
{_SLIDING}""",
    _MEANS,
    _SHAPE_SEE,
    f"""Each output is ``(sum of |x|**p) ** (1 / p)``, in double precision, over the elements of the window
that lie in the input: what padding would add is zero, and windows that reach beyond the input are not
scaled up, as in ONNX.  (PyTorch scales them, and raises x, not \\|x\\|, to the power.)

{_WINDOWS}{_GUIDE}""",
)

_KEEPDIMS = """keepdims : bool, default False
    Whether the axes {along} stay, with one element each."""
_GLOBAL_SHAPES = "(N, C) or (C,); with `keepdims` of as many axes as `x`"

_GLOBAL_MAX = _template(
    "The maximum of each channel of {pictures}.",
    f"""{_KEEPDIMS}
{_PLACES}""",
    _MAXIMA,
    "adaptive_max_pool{n}d : a given number of maxima along each axis.",
    "That of `max_pool{n}d` with a window as large as the {picture}.",
    _GLOBAL_SHAPES,
)

_GLOBAL_AVG = _template(
    "The mean of each channel of {pictures}.",
    _KEEPDIMS,
    _MEANS,
    "adaptive_avg_pool{n}d : a given number of means along each axis.",
    "That of `avg_pool{n}d` with a window as large as the {picture}.",
    _GLOBAL_SHAPES,
)

_OUTPUT_SIZE = """output_size : int or None, or one of them for each axis
    Outputs along {along}; None is as many as the input has."""
_ADAPTIVE = """Along an axis of given length, window i of n goes from ``floor(i * length / n)`` up to, but not
including, ``ceil((i + 1) * length / n)``, as in PyTorch and Keras.  Windows may share elements."""
_ADAPTIVE_SEE = "cyconv.shapes.adaptive_output_shape : the output's shape alone."

_ADAPTIVE_MAX = _template(
    "Maxima of windows that share out {pictures} evenly, channel by channel.",
    f"{_OUTPUT_SIZE}\n{_PLACES}",
    _MAXIMA,
    _ADAPTIVE_SEE,
    _ADAPTIVE,
)

_ADAPTIVE_AVG = _template(
    "Means of windows that share out {pictures} evenly, channel by channel.",
    _OUTPUT_SIZE,
    _MEANS,
    _ADAPTIVE_SEE,
    _ADAPTIVE,
)


_EXAMPLES = {
    "max_pool1d": (
        (5, 1), 'cyconv.max_pool1d(x, 2, layout="WC").ravel()',
        "array([2., 4.])",
    ),
    "max_pool2d": (
        (1, 4, 4), 'cyconv.max_pool2d(x, 2, return_indices=True, layout="CHW")',
        """(array([[[ 6.,  8.],
        [14., 16.]]]), array([[[ 5,  7],
        [13, 15]]]))""",
    ),
    "max_pool3d": (
        (1, 2, 3, 3), 'cyconv.max_pool3d(x, 2, stride=1, layout="CDHW").ravel()',
        "array([14., 15., 17., 18.])",
    ),
    "avg_pool1d": (
        (5, 1), 'cyconv.avg_pool1d(x, 3, stride=2, padding="same", layout="WC").ravel()',
        "array([1.5, 3. , 4.5])",
    ),
    "avg_pool2d": (
        (1, 2, 4), 'cyconv.avg_pool2d(x, (1, 2), layout="CHW")',
        """array([[[1.5, 3.5],
        [5.5, 7.5]]])""",
    ),
    "avg_pool3d": (
        (2, 2, 4, 1), 'cyconv.avg_pool3d(x, 2, layout="DHWC").ravel()',
        "array([7.5, 9.5])",
    ),
    "lp_pool1d": (
        (4, 1), 'cyconv.lp_pool1d(x, 2, p=1, layout="WC").ravel()',
        "array([3., 7.])",
    ),
    "lp_pool2d": (
        (1, 2, 4), 'cyconv.lp_pool2d(x, (1, 2), layout="CHW").round(3)',
        """array([[[ 2.236,  5.   ],
        [ 7.81 , 10.63 ]]])""",
    ),
    "lp_pool3d": (
        (2, 2, 4, 1), 'cyconv.lp_pool3d(x, 2, layout="DHWC").round(3).ravel()',
        "array([24.739, 29.732])",
    ),
    "global_max_pool1d": (
        (4, 2), 'cyconv.global_max_pool1d(x, layout="WC")',
        "array([7., 8.])",
    ),
    "global_max_pool2d": (
        (4, 2, 3), 'cyconv.global_max_pool2d(x, layout="HWC", keepdims=True).shape',
        "(1, 1, 3)",
    ),
    "global_max_pool3d": (
        (2, 2, 2, 2), 'cyconv.global_max_pool3d(x, layout="DHWC")',
        "array([15., 16.])",
    ),
    "global_avg_pool1d": (
        (4, 2), 'cyconv.global_avg_pool1d(x, layout="WC")',
        "array([4., 5.])",
    ),
    "global_avg_pool2d": (
        (2, 2, 3), 'cyconv.global_avg_pool2d(x, layout="CHW")',
        "array([3.5, 9.5])",
    ),
    "global_avg_pool3d": (
        (2, 2, 2, 2), 'cyconv.global_avg_pool3d(x, layout="DHWC")',
        "array([8., 9.])",
    ),
    "adaptive_max_pool1d": (
        (7, 1), 'cyconv.adaptive_max_pool1d(x, 3, layout="WC").ravel()',
        "array([3., 5., 7.])",
    ),
    "adaptive_max_pool2d": (
        (1, 3, 4), 'cyconv.adaptive_max_pool2d(x, (2, None), layout="CHW")',
        """array([[[ 5.,  6.,  7.,  8.],
        [ 9., 10., 11., 12.]]])""",
    ),
    "adaptive_max_pool3d": (
        (1, 2, 2, 4), 'cyconv.adaptive_max_pool3d(x, (1, 2, 2), layout="CDHW").ravel()',
        "array([10., 12., 14., 16.])",
    ),
    "adaptive_avg_pool1d": (
        (7, 1), 'cyconv.adaptive_avg_pool1d(x, 3, layout="WC").ravel()',
        "array([2., 4., 6.])",
    ),
    "adaptive_avg_pool2d": (
        (1, 3, 4), 'cyconv.adaptive_avg_pool2d(x, (3, 2), layout="CHW")',
        """array([[[ 1.5,  3.5],
        [ 5.5,  7.5],
        [ 9.5, 11.5]]])""",
    ),
    "adaptive_avg_pool3d": (
        (1, 2, 2, 4), 'cyconv.adaptive_avg_pool3d(x, (1, 2, 2), layout="CDHW").ravel()',
        "array([ 5.5,  7.5,  9.5, 11.5])",
    ),
}  # fmt: skip
"""For each function: the shape of x, which holds 1, 2, 3, ..., a call, and what comes out."""


def _documented(template, ndim):
    """The decorator `documented` with the function's own example."""

    def document(function):
        shape, call, result = _EXAMPLES[function.__name__]
        lines = (
            ">>> import numpy as np, cyconv",
            f">>> x = np.arange(1.0, {math.prod(shape) + 1}).reshape{shape}",
            f">>> {call}",
            result,
        )
        return documented(template, ndim, example="\n".join(lines))(function)

    return document


# What each family computes, and its arguments in the order in which its functions pass them on.
_OF_MAX = "max", ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices", "nan")
_OF_AVG = "avg", ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "count_include_pad", "divisor")
_OF_LP = "lp", ("kernel_size", "p", "stride", "padding", "dilation", "ceil_mode")
_OF_GLOBAL_MAX = "max", ("output_size", "keepdims", "return_indices", "nan")
_OF_GLOBAL_AVG = "avg", ("output_size", "keepdims")
_OF_ADAPTIVE_MAX = "max", ("output_size", "return_indices", "nan")
_OF_ADAPTIVE_AVG = "avg", ("output_size",)


@_documented(_MAX, 1)
def max_pool1d(
    x, kernel_size, *, stride=None, padding="valid", dilation=1, ceil_mode=False, return_indices=False, nan="propagate",
    layout=None, threads=None, out=None,
):  # fmt: skip
    return _pool(
        "max_pool1d", 1, _OF_MAX, x, out, threads, layout,
        kernel_size, stride, padding, dilation, ceil_mode, return_indices, nan,
    )  # fmt: skip


@_documented(_MAX, 2)
def max_pool2d(
    x, kernel_size, *, stride=None, padding="valid", dilation=1, ceil_mode=False, return_indices=False, nan="propagate",
    layout=None, threads=None, out=None,
):  # fmt: skip
    return _pool(
        "max_pool2d", 2, _OF_MAX, x, out, threads, layout,
        kernel_size, stride, padding, dilation, ceil_mode, return_indices, nan,
    )  # fmt: skip


@_documented(_MAX, 3)
def max_pool3d(
    x, kernel_size, *, stride=None, padding="valid", dilation=1, ceil_mode=False, return_indices=False, nan="propagate",
    layout=None, threads=None, out=None,
):  # fmt: skip
    return _pool(
        "max_pool3d", 3, _OF_MAX, x, out, threads, layout,
        kernel_size, stride, padding, dilation, ceil_mode, return_indices, nan,
    )  # fmt: skip


@_documented(_AVG, 1)
def avg_pool1d(
    x, kernel_size, *, stride=None, padding="valid", dilation=1, ceil_mode=False, count_include_pad=False, divisor=None,
    layout=None, threads=None, out=None,
):  # fmt: skip
    return _pool(
        "avg_pool1d", 1, _OF_AVG, x, out, threads, layout,
        kernel_size, stride, padding, dilation, ceil_mode, count_include_pad, divisor,
    )  # fmt: skip


@_documented(_AVG, 2)
def avg_pool2d(
    x, kernel_size, *, stride=None, padding="valid", dilation=1, ceil_mode=False, count_include_pad=False, divisor=None,
    layout=None, threads=None, out=None,
):  # fmt: skip
    return _pool(
        "avg_pool2d", 2, _OF_AVG, x, out, threads, layout,
        kernel_size, stride, padding, dilation, ceil_mode, count_include_pad, divisor,
    )  # fmt: skip


@_documented(_AVG, 3)
def avg_pool3d(
    x, kernel_size, *, stride=None, padding="valid", dilation=1, ceil_mode=False, count_include_pad=False, divisor=None,
    layout=None, threads=None, out=None,
):  # fmt: skip
    return _pool(
        "avg_pool3d", 3, _OF_AVG, x, out, threads, layout,
        kernel_size, stride, padding, dilation, ceil_mode, count_include_pad, divisor,
    )  # fmt: skip


@_documented(_LP, 1)
def lp_pool1d(
    x, kernel_size, p=2, *, stride=None, padding="valid", dilation=1, ceil_mode=False,
    layout=None, threads=None, out=None,
):  # fmt: skip
    return _pool("lp_pool1d", 1, _OF_LP, x, out, threads, layout, kernel_size, p, stride, padding, dilation, ceil_mode)


@_documented(_LP, 2)
def lp_pool2d(
    x, kernel_size, p=2, *, stride=None, padding="valid", dilation=1, ceil_mode=False,
    layout=None, threads=None, out=None,
):  # fmt: skip
    return _pool("lp_pool2d", 2, _OF_LP, x, out, threads, layout, kernel_size, p, stride, padding, dilation, ceil_mode)


@_documented(_LP, 3)
def lp_pool3d(
    x, kernel_size, p=2, *, stride=None, padding="valid", dilation=1, ceil_mode=False,
    layout=None, threads=None, out=None,
):  # fmt: skip
    return _pool("lp_pool3d", 3, _OF_LP, x, out, threads, layout, kernel_size, p, stride, padding, dilation, ceil_mode)


@_documented(_GLOBAL_MAX, 1)
def global_max_pool1d(x, *, keepdims=False, return_indices=False, nan="propagate", layout=None, threads=None, out=None):
    return _pool("global_max_pool1d", 1, _OF_GLOBAL_MAX, x, out, threads, layout, 1, keepdims, return_indices, nan)


@_documented(_GLOBAL_MAX, 2)
def global_max_pool2d(x, *, keepdims=False, return_indices=False, nan="propagate", layout=None, threads=None, out=None):
    return _pool("global_max_pool2d", 2, _OF_GLOBAL_MAX, x, out, threads, layout, 1, keepdims, return_indices, nan)


@_documented(_GLOBAL_MAX, 3)
def global_max_pool3d(x, *, keepdims=False, return_indices=False, nan="propagate", layout=None, threads=None, out=None):
    return _pool("global_max_pool3d", 3, _OF_GLOBAL_MAX, x, out, threads, layout, 1, keepdims, return_indices, nan)


@_documented(_GLOBAL_AVG, 1)
def global_avg_pool1d(x, *, keepdims=False, layout=None, threads=None, out=None):
    return _pool("global_avg_pool1d", 1, _OF_GLOBAL_AVG, x, out, threads, layout, 1, keepdims)


@_documented(_GLOBAL_AVG, 2)
def global_avg_pool2d(x, *, keepdims=False, layout=None, threads=None, out=None):
    return _pool("global_avg_pool2d", 2, _OF_GLOBAL_AVG, x, out, threads, layout, 1, keepdims)


@_documented(_GLOBAL_AVG, 3)
def global_avg_pool3d(x, *, keepdims=False, layout=None, threads=None, out=None):
    return _pool("global_avg_pool3d", 3, _OF_GLOBAL_AVG, x, out, threads, layout, 1, keepdims)


@_documented(_ADAPTIVE_MAX, 1)
def adaptive_max_pool1d(x, output_size, *, return_indices=False, nan="propagate", layout=None, threads=None, out=None):
    return _pool("adaptive_max_pool1d", 1, _OF_ADAPTIVE_MAX, x, out, threads, layout, output_size, return_indices, nan)


@_documented(_ADAPTIVE_MAX, 2)
def adaptive_max_pool2d(x, output_size, *, return_indices=False, nan="propagate", layout=None, threads=None, out=None):
    return _pool("adaptive_max_pool2d", 2, _OF_ADAPTIVE_MAX, x, out, threads, layout, output_size, return_indices, nan)


@_documented(_ADAPTIVE_MAX, 3)
def adaptive_max_pool3d(x, output_size, *, return_indices=False, nan="propagate", layout=None, threads=None, out=None):
    return _pool("adaptive_max_pool3d", 3, _OF_ADAPTIVE_MAX, x, out, threads, layout, output_size, return_indices, nan)


@_documented(_ADAPTIVE_AVG, 1)
def adaptive_avg_pool1d(x, output_size, *, layout=None, threads=None, out=None):
    return _pool("adaptive_avg_pool1d", 1, _OF_ADAPTIVE_AVG, x, out, threads, layout, output_size)


@_documented(_ADAPTIVE_AVG, 2)
def adaptive_avg_pool2d(x, output_size, *, layout=None, threads=None, out=None):
    return _pool("adaptive_avg_pool2d", 2, _OF_ADAPTIVE_AVG, x, out, threads, layout, output_size)


@_documented(_ADAPTIVE_AVG, 3)
def adaptive_avg_pool3d(x, output_size, *, layout=None, threads=None, out=None):
    return _pool("adaptive_avg_pool3d", 3, _OF_ADAPTIVE_AVG, x, out, threads, layout, output_size)


recipes = {}
"""Recipes of recent calls; they hold no data."""

_MOST = 512
_ARRAY, _FLOAT, _DOUBLE = np.ndarray, np.dtype(np.float32), np.dtype(np.float64)


def _pool(function, ndim, family, x, out, threads, layout, *arguments):
    """A pool of any kind and number of window axes."""
    if type(x) is not _ARRAY or (x.dtype is not _FLOAT and x.dtype is not _DOUBLE):
        x = checks.array(function, "x", x)
    dtype = x.dtype
    try:
        # Python's 1, True and 1.0 are equal as keys; marshalled they are not.
        key = function, x.shape, dtype, layout, marshal.dumps(arguments, 2)
        recipe = recipes.get(key)
    except (TypeError, ValueError):  # a layout that is no key, or an argument that marshal does not know
        key = recipe = None
    if recipe is None:
        op, names = family
        named = dict(zip(names, arguments, strict=True))
        recipe = PoolRecipe(function, ndim, op, x.shape, dtype, layout, **named)
        if key is not None and _plain(layout) and _plain(arguments):
            if len(recipes) >= _MOST:
                recipes.clear()
            recipes[key] = recipe
    n = threads_.get_num_threads() if threads is None else threads_.check(function, threads)
    if out is not None:
        checks.out(function, out, recipe.output_shape, recipe.dtype_for(out))
    return recipe.run(x, out, n)


_PLAIN = {int, bool, float, str, type(None)}


def _plain(value):
    """Whether marshal keeps apart what differs: arrays and NumPy's numbers are mere bytes to it."""
    return type(value) in _PLAIN or (type(value) in (tuple, list) and all(map(_plain, value)))
