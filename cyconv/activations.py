"""What becomes of each element behind a layer, where no compiled code takes it along."""

import numpy as np

from cyconv import checks

FUSED = ("relu", "relu6", "leaky_relu", "sigmoid", "tanh")
"""Activations that a convolution applies itself."""


def check(label, value):
    """The activation that an argument of a layer means.

    Parameters
    ----------
    label : str
        The layer, for messages.
    value : str or None

    Returns
    -------
    str or None
        A key of `APPLY`; None for ``"linear"``.

    Raises
    ------
    TypeError
        If it is neither a string nor None.
    ValueError
        If there is no such activation.

    Examples
    --------
    >>> from cyconv import activations
    >>> activations.check("Conv2D", "relu"), activations.check("Conv2D", "linear")
    ('relu', None)
    """
    name = checks.choice(label, "activation", value, (None, "linear", *APPLY))
    return None if name == "linear" else name


def rectify(x, slope=0.0, most=None, threshold=0.0):
    """Keras's ``relu``: x above a threshold and a straight line below it, up to a limit.

    Parameters
    ----------
    x : ndarray of floating-point numbers
    slope : float
        Of the line below the threshold.
    most : float, optional
        The limit.
    threshold : float

    Returns
    -------
    ndarray
        NaN where x is NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from cyconv.activations import rectify
    >>> rectify(np.array([-10., -5., 0., 5., 10.]), slope=0.5, most=6.0)
    array([-5. , -2.5,  0. ,  5. ,  6. ])
    """
    if slope == 0 and threshold == 0:
        y = np.maximum(x, 0)
    else:
        below = slope * (x - threshold) if slope else np.zeros_like(x)
        y = np.where(x <= threshold, below, x)
    return y if most is None else np.minimum(y, most, out=y)


def sigmoid(x):
    """``1 / (1 + exp(-x))``.

    Parameters
    ----------
    x : ndarray of floating-point numbers

    Returns
    -------
    ndarray

    Examples
    --------
    >>> import numpy as np
    >>> from cyconv.activations import sigmoid
    >>> sigmoid(np.array([-1000., 0., 1000.]))
    array([0. , 0.5, 1. ])
    """
    y = np.negative(x)
    with np.errstate(over="ignore"):
        np.exp(y, out=y)
    y += 1
    return np.reciprocal(y, out=y)


def softmax(x, axis=-1):
    """``exp(x)``, divided by its sum along an axis or several.

    Parameters
    ----------
    x : ndarray of floating-point numbers
    axis : int or tuple of int

    Returns
    -------
    ndarray

    Examples
    --------
    >>> import numpy as np
    >>> from cyconv.activations import softmax
    >>> softmax(np.log([[1., 2., 5.]]))
    array([[0.125, 0.25 , 0.625]])
    """
    with np.errstate(invalid="ignore"):
        y = x - x.max(axis=axis, keepdims=True, initial=-np.inf)
    np.exp(y, out=y)
    y /= y.sum(axis=axis, keepdims=True)
    return y


APPLY = {
    "relu": rectify,
    "relu6": lambda x: rectify(x, most=6.0),
    "leaky_relu": lambda x: rectify(x, slope=0.2),
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "softmax": softmax,
}
"""By name: functions of an array of float32 or float64, which stays as it is."""


def applied(function, x, **arguments):
    """A function of `APPLY` for any floating-point type; float16 is computed in float32.

    Parameters
    ----------
    function : callable
    x : ndarray of floating-point numbers
    **arguments
        Of `function`.

    Returns
    -------
    ndarray
        Of the dtype of `x`.
    """
    if x.dtype == np.float16:
        return function(x.astype(np.float32), **arguments).astype(np.float16)
    return function(x, **arguments)
