"""What an argument may be, and what is said when it is something else.

Every message names the function, the argument, what came and what was expected.
"""

import math
import numbers
import operator

import numpy as np

LIMIT = 2**40
"""Strides, dilations and paddings stay below this, so that addresses cannot overflow."""

_REALS = (np.float16, np.float32, np.float64)


def array(function, name, value):
    """`value` as an array of real numbers.

    Parameters
    ----------
    function, name : str
    value : array_like

    Returns
    -------
    numpy.ndarray
        Of dtype bool, an integer type, float16, float32 or float64, in any byte order.

    Raises
    ------
    TypeError
        If it is a masked array, or holds anything else.
    """
    if value is None:
        raise TypeError(f"{function}: {name} must be an array, got None")
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{function}: {name} is a masked array, and its mask would be ignored;"
            f" pass {name}.filled(value) to say what masked elements are"
        )
    result = np.asarray(value)
    if result.dtype.kind not in "biu" and result.dtype.type not in _REALS:
        raise TypeError(
            f"{function}: {name} must hold bool, integers, float16, float32 or float64, got dtype {result.dtype};"
            f" convert it with {name}.astype(...)"
        )
    return result


def dtypes(function, *given):
    """The dtype that a convolution of such arrays is computed in, and that of its result.

    Parameters
    ----------
    function : str
    *given : numpy.dtype
        Of input, weights and bias; NumPy's promotion of them decides.

    Returns
    -------
    computed, result : numpy.dtype
        float32 and float64 as they are; float16 in float32, rounded at the end; bool, int8, uint8
        and int16 in int32; uint16, int32, uint32 and int64 in int64; uint64 in 64 bits as well.

    Raises
    ------
    TypeError
        If there is no common type.
    """
    common = np.result_type(*given)
    if common == np.float16:
        return np.dtype(np.float32), np.dtype(np.float16)
    if common.kind == "f":
        common = common.newbyteorder("=")
        return common, common
    if common == np.uint64:
        return np.dtype(np.int64), np.dtype(np.uint64)
    accumulator = np.dtype(np.int32 if common.itemsize == 1 or common == np.int16 else np.int64)
    return accumulator, accumulator


def integer(function, name, value, least, limited=True):
    """`value` as an int of at least `least`.

    Parameters
    ----------
    function, name : str
    value : int
    least : int
    limited : bool
        Whether it must be below `LIMIT`.

    Returns
    -------
    int

    Raises
    ------
    TypeError
        If it is no integer (bool and float are none).
    ValueError
        If it is too small or absurdly large.
    """
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{function}: {name} must be an integer, got {value!r}")
    try:
        n = operator.index(value)
    except TypeError:
        raise TypeError(f"{function}: {name} must be an integer, got {value!r} ({type(value).__name__})") from None
    if n < least:
        hint = "; slice the input to crop it" if name == "padding" else ""
        raise ValueError(f"{function}: {name} must be at least {least}, got {n}{hint}")
    if limited and n >= LIMIT:
        raise ValueError(f"{function}: {name} must be below 2**40, got {n}")
    return n


def is_sequence(value):
    """Whether an argument is a sequence: one value per axis, not one for all.

    Parameters
    ----------
    value : object

    Returns
    -------
    bool
    """
    return hasattr(value, "__len__") and not isinstance(value, (str, bytes)) and getattr(value, "ndim", 1) > 0


def per_axis(function, name, value, ndim, least=1):
    """`value` as one int per window axis.

    Parameters
    ----------
    function, name : str
    value : int or sequence of int
    ndim, least : int

    Returns
    -------
    tuple of int

    Raises
    ------
    TypeError, ValueError
        As `integer`, or if there is not one for each axis.
    """
    if not is_sequence(value):
        return (integer(function, name, value, least),) * ndim
    if len(value) != ndim:
        raise ValueError(f"{function}: {name} must be an int or {ndim} of them, got {value!r}")
    return tuple(integer(function, name, v, least) for v in value)


def shape(function, name, value):
    """A shape as a tuple of int, of any size.

    Parameters
    ----------
    function, name : str
    value : sequence of int

    Returns
    -------
    tuple of int

    Raises
    ------
    TypeError
        If it is no sequence, or not of integers.
    ValueError
        If one is negative.
    """
    if not is_sequence(value):
        raise TypeError(f"{function}: {name} must be a sequence of int, got {value!r}")
    return tuple(integer(function, name, n, 0, limited=False) for n in value)


def output_size(function, value, ndim):
    """The output of an adaptive pool as an int or None per window axis.

    Parameters
    ----------
    function : str
    value : int, None, or sequence of int or None
    ndim : int

    Returns
    -------
    tuple of (int or None)

    Raises
    ------
    TypeError, ValueError
        As `integer`, or if there is not one for each axis.
    """
    if not is_sequence(value):
        value = (value,) * ndim
    if len(value) != ndim:
        raise ValueError(f"{function}: output_size must be an int or None, or {ndim} of them, got {value!r}")
    return tuple(None if v is None else integer(function, "output_size", v, 1) for v in value)


def positive(function, name, value):
    """`value` as a float above zero.

    Parameters
    ----------
    function, name : str
    value : int or float

    Returns
    -------
    float

    Raises
    ------
    TypeError
        If it is no real number.
    ValueError
        If it is zero or less, infinite or NaN.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError(f"{function}: {name} must be a number, got {value!r} ({type(value).__name__})")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not 0 < number < math.inf:
        raise ValueError(f"{function}: {name} must be above 0 and finite, got {value!r}")
    return number


def padding(function, value, ndim):
    """Explicit padding as a (before, after) pair per window axis.

    Parameters
    ----------
    function : str
    value : int, sequence of int, or sequence of (int, int)
    ndim : int

    Returns
    -------
    tuple of (int, int)

    Raises
    ------
    TypeError, ValueError
        If it is none of these, or negative.
    """
    if not is_sequence(value):
        return ((integer(function, "padding", value, 0),) * 2,) * ndim
    if len(value) != ndim:
        raise ValueError(
            f"{function}: padding must be a word, an int, {ndim} ints or {ndim} (before, after) pairs, got {value!r}"
        )
    pairs = []
    for v in value:
        if is_sequence(v):
            if len(v) != 2:
                raise ValueError(f"{function}: padding of an axis must be an int or a (before, after) pair, got {v!r}")
            pairs.append(tuple(integer(function, "padding", p, 0) for p in v))
        else:
            pairs.append((integer(function, "padding", v, 0),) * 2)
    return tuple(pairs)


def rank(function, name, shape, layout):
    """Checks that a shape has the axes of its layout.

    Parameters
    ----------
    function, name : str
    shape : tuple of int
    layout : Layout

    Raises
    ------
    ValueError
        If it has not.
    """
    if len(shape) != len(layout.name):
        hint = ""
        if layout.batched and len(shape) == len(layout.name) - 1:
            hint = f"; for one sample without a batch axis say layout={layout.name[1:]!r}"
        raise ValueError(
            f"{function}: {name} must have {len(layout.name)} axes ({layout.name}), got {len(shape)}:"
            f" {name}.shape={shape}{hint}"
        )


def channels(function, x_shape, w_shape, layout, kernel_layout, of_x, of_w, filters, groups):
    """Checks that channels and groups fit each other.

    Parameters
    ----------
    function : str
    x_shape, w_shape : tuple of int
    layout : Layout
    kernel_layout : str
    of_x, of_w, filters, groups : int
        Channels of the input and of a filter, number of filters and of groups.

    Raises
    ------
    ValueError
        If they do not.
    """
    came = f"(x.shape={x_shape} in {layout.name}, w.shape={w_shape} in {kernel_layout}, groups={groups})"
    if of_x % groups or filters % groups:
        raise ValueError(
            f"{function}: groups={groups} must divide the {of_x} input channels and the {filters} filters {came}"
        )
    if of_w * groups != of_x:
        expected = of_x // groups
        raise ValueError(
            f"{function}: w has {of_w} input channels but x has {of_x}, so {expected} were expected {came};"
            " check layout= and kernel_layout="
        )


def bias(function, shape, filters):
    """Checks that a bias has one value for each filter.

    Parameters
    ----------
    function : str
    shape : tuple of int
    filters : int

    Raises
    ------
    ValueError
        If it has not.
    """
    if shape != (filters,):
        raise ValueError(f"{function}: bias must have shape ({filters},), one value a filter, got {shape}")


def choice(function, name, value, choices):
    """Checks that `value` is one of the named choices; returns it in lower case.

    Parameters
    ----------
    function, name : str
    value : str or None
    choices : collection of str or None

    Returns
    -------
    str or None

    Raises
    ------
    TypeError
        If it is no string.
    ValueError
        If it is another one.
    """
    if value is None and None in choices:
        return None
    names = ", ".join(repr(c) for c in choices)
    if not isinstance(value, str):
        raise TypeError(f"{function}: {name} must be one of {names}, got {value!r}")
    if value.lower() not in choices:
        hint = _PAD_MODES.get(value.lower(), "") if name == "pad_mode" else ""
        raise ValueError(f"{function}: {name} must be one of {names}, got {value!r}{hint}")
    return value.lower()


_PAD_MODES = {
    "mirror": "; SciPy's 'mirror' is 'reflect' in NumPy and here",
    "nearest": "; SciPy's 'nearest' is 'edge' in NumPy and here",
    "replicate": "; PyTorch's 'replicate' is 'edge' in NumPy and here",
    "circular": "; PyTorch's 'circular' is 'wrap' in NumPy and here",
    "zeros": "; PyTorch's 'zeros' is 'constant' in NumPy and here",
    "grid-mirror": "; SciPy's 'grid-mirror' and 'reflect' are 'symmetric' in NumPy and here",
    "grid-wrap": "; SciPy's 'grid-wrap' is 'wrap' in NumPy and here",
    "grid-constant": "; SciPy's 'grid-constant' is 'constant' in NumPy and here",
}


def flag(function, name, value):
    """`value` as a bool.

    Parameters
    ----------
    function, name : str
    value : bool

    Returns
    -------
    bool

    Raises
    ------
    TypeError
        If it is anything else.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{function}: {name} must be True or False, got {value!r}")
    return bool(value)


def out(function, value, shape, dtype):
    """Checks the array that a result is to be written to.

    Parameters
    ----------
    function : str
    value : numpy.ndarray
    shape : tuple of int
    dtype : numpy.dtype

    Raises
    ------
    TypeError
        If it is no array, or of another dtype.
    ValueError
        If it has another shape or is read-only.
    """
    if not isinstance(value, np.ndarray) or isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{function}: out must be a numpy.ndarray, got {type(value).__name__}")
    if value.dtype != dtype:
        raise TypeError(f"{function}: out must have dtype {dtype}, got {value.dtype}")
    if value.shape != shape:
        raise ValueError(f"{function}: out must have shape {shape}, got {value.shape}")
    if not value.flags.writeable:
        raise ValueError(f"{function}: out is read-only; pass an array that can be written, or out.copy()")
