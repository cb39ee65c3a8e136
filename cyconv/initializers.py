"""What the weights of a new layer hold, by Keras's names."""

import math
import re

import numpy as np

from cyconv import checks

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "get",
    "set_random_seed",
]

_generator = np.random.default_rng()

# Of a normal distribution that is cut off at two standard deviations.
_TRUNCATED_DEVIATION = 0.87962566103423978


def set_random_seed(seed):
    """Starts the random numbers of all initializers that have no seed of their own.

    Parameters
    ----------
    seed : int
        0 or more.

    Raises
    ------
    TypeError, ValueError
        If it is anything else.

    Examples
    --------
    >>> from cyconv import initializers
    >>> initializers.set_random_seed(1)
    >>> first = initializers.HeNormal()((3, 3, 3, 8))
    >>> initializers.set_random_seed(1)
    >>> bool((initializers.HeNormal()((3, 3, 3, 8)) == first).all())
    True
    """
    global _generator
    _generator = np.random.default_rng(checks.integer("set_random_seed", "seed", seed, 0, limited=False))


class Initializer:
    """Makes the first values of a weight; call it with a shape and a dtype.

    Parameters
    ----------
    seed : int, optional
        The values are then the same at every call.

    Raises
    ------
    TypeError, ValueError
        If `seed` is no integer, or negative.
    """

    def __init__(self, seed=None):
        self.seed = None if seed is None else checks.integer(type(self).__name__, "seed", seed, 0, limited=False)

    def __call__(self, shape, dtype="float32"):
        """The values.

        Parameters
        ----------
        shape : tuple of int
        dtype : dtype

        Returns
        -------
        ndarray
        """
        random = _generator if self.seed is None else np.random.default_rng(self.seed)
        return np.asarray(self.values(random, tuple(shape)), dtype)

    def values(self, random, shape):
        """The values as float64, drawn from a generator of random numbers."""
        raise NotImplementedError


class Constant(Initializer):
    """One value everywhere.

    Parameters
    ----------
    value : float, default 0.0
    """

    def __init__(self, value=0.0):
        super().__init__()
        self.value = value

    def values(self, random, shape):
        return np.full(shape, self.value)


class Zeros(Constant):
    """Zeros."""

    def __init__(self):
        super().__init__(0.0)


class Ones(Constant):
    """Ones."""

    def __init__(self):
        super().__init__(1.0)


class RandomNormal(Initializer):
    """A normal distribution.

    Parameters
    ----------
    mean, stddev : float, default 0.0 and 0.05
    seed : int, optional
    """

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def values(self, random, shape):
        return random.normal(self.mean, self.stddev, shape)


class TruncatedNormal(RandomNormal):
    """A normal distribution without what is further than two standard deviations from its mean.

    Parameters
    ----------
    mean, stddev : float, default 0.0 and 0.05
    seed : int, optional
    """

    def values(self, random, shape):
        return self.mean + self.stddev * _truncated(random, shape)


class RandomUniform(Initializer):
    """A uniform distribution.

    Parameters
    ----------
    minval, maxval : float, default -0.05 and 0.05
    seed : int, optional
    """

    def __init__(self, minval=-0.05, maxval=0.05, seed=None):
        super().__init__(seed)
        self.minval, self.maxval = minval, maxval

    def values(self, random, shape):
        return random.uniform(self.minval, self.maxval, shape)


class VarianceScaling(Initializer):
    """A distribution whose variance is ``scale / n``, n being what a unit is connected with.

    Parameters
    ----------
    scale : float, default 1.0
        Above 0.
    mode : str, default "fan_in"
        What n is: ``"fan_in"`` the weights of one output, ``"fan_out"`` those that one input meets,
        ``"fan_avg"`` the mean of both.
    distribution : str, default "truncated_normal"
        ``"truncated_normal"`` (also ``"normal"``), ``"untruncated_normal"`` or ``"uniform"``.
    seed : int, optional

    Raises
    ------
    TypeError, ValueError
        If an argument is none of these.

    Examples
    --------
    >>> from cyconv.initializers import VarianceScaling
    >>> w = VarianceScaling(scale=6.0, distribution="uniform", seed=0)((3, 3, 2, 8))
    >>> w.shape, bool(abs(w).max() <= 1)                  # 6 / (3 * 3 * 2) = 1/3, the variance of [-1, 1]
    ((3, 3, 2, 8), True)
    """

    _MODES = ("fan_in", "fan_out", "fan_avg")
    _DISTRIBUTIONS = ("normal", "truncated_normal", "untruncated_normal", "uniform")

    def __init__(self, scale=1.0, mode="fan_in", distribution="truncated_normal", seed=None):
        super().__init__(seed)
        label = type(self).__name__
        self.scale = checks.positive(label, "scale", scale)
        self.mode = checks.choice(label, "mode", mode, self._MODES)
        self.distribution = checks.choice(label, "distribution", distribution, self._DISTRIBUTIONS)

    def values(self, random, shape):
        fan_in, fan_out = _fans(shape)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        deviation = math.sqrt(self.scale / max(1, n))
        if self.distribution == "uniform":
            limit = math.sqrt(3) * deviation
            return random.uniform(-limit, limit, shape)
        if self.distribution == "untruncated_normal":
            return random.normal(0, deviation, shape)
        return deviation / _TRUNCATED_DEVIATION * _truncated(random, shape)


class _Named(VarianceScaling):
    """A kind of `VarianceScaling` with a name of its own."""

    _ARGUMENTS = ()

    def __init__(self, seed=None):
        super().__init__(*self._ARGUMENTS, seed=seed)


class GlorotUniform(_Named):
    """Uniform, of variance ``2 / (fan_in + fan_out)``: what layers have by default.

    Parameters
    ----------
    seed : int, optional
    """

    _ARGUMENTS = 1.0, "fan_avg", "uniform"


class GlorotNormal(_Named):
    """Truncated normal, of variance ``2 / (fan_in + fan_out)``.

    Parameters
    ----------
    seed : int, optional
    """

    _ARGUMENTS = 1.0, "fan_avg", "truncated_normal"


class HeNormal(_Named):
    """Truncated normal, of variance ``2 / fan_in``.

    Parameters
    ----------
    seed : int, optional
    """

    _ARGUMENTS = 2.0, "fan_in", "truncated_normal"


class HeUniform(_Named):
    """Uniform, of variance ``2 / fan_in``.

    Parameters
    ----------
    seed : int, optional
    """

    _ARGUMENTS = 2.0, "fan_in", "uniform"


class LecunNormal(_Named):
    """Truncated normal, of variance ``1 / fan_in``.

    Parameters
    ----------
    seed : int, optional
    """

    _ARGUMENTS = 1.0, "fan_in", "truncated_normal"


class LecunUniform(_Named):
    """Uniform, of variance ``1 / fan_in``.

    Parameters
    ----------
    seed : int, optional
    """

    _ARGUMENTS = 1.0, "fan_in", "uniform"


class Orthogonal(Initializer):
    """Filters that are orthogonal to each other (or, if there are too many, their elements).

    Parameters
    ----------
    gain : float, default 1.0
        The length of a filter.
    seed : int, optional

    Examples
    --------
    >>> import numpy as np
    >>> from cyconv.initializers import Orthogonal
    >>> w = Orthogonal(seed=0)((3, 3, 1, 4), "float64").reshape(9, 4)
    >>> bool(np.allclose(w.T @ w, np.eye(4)))
    True
    """

    def __init__(self, gain=1.0, seed=None):
        super().__init__(seed)
        self.gain = gain

    def values(self, random, shape):
        if len(shape) < 2:
            raise ValueError(f"Orthogonal: shape must have 2 axes or more, got {shape}; use another initializer")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(random.normal(size=(max(rows, columns), min(rows, columns))))
        q = q * np.sign(np.diag(r))
        return self.gain * (q.T if rows < columns else q).reshape(shape)


def get(label, name, value):
    """The initializer that an argument of a layer means.

    Parameters
    ----------
    label, name : str
        The layer and the argument, for messages.
    value : str, Initializer, callable or array_like
        A name, in Keras's spelling or as the class is called; an initializer or its class; a
        function of a shape and a dtype; or the values themselves.

    Returns
    -------
    callable
        A function of a shape and a dtype.

    Raises
    ------
    TypeError
        If it is none of these.
    ValueError
        If there is no initializer of that name.

    Examples
    --------
    >>> from cyconv import initializers
    >>> initializers.get("Conv2D", "kernel_initializer", "ones")((2, 2), "float32")
    array([[1., 1.],
           [1., 1.]], dtype=float32)
    """
    if isinstance(value, str):
        if value not in _BY_NAME:
            names = ", ".join(repr(n) for n in _BY_NAME if n == n.lower())
            raise ValueError(f"{label}: {name} must be one of {names}, an initializer or an array; got {value!r}")
        return _BY_NAME[value]()
    if isinstance(value, type) and issubclass(value, Initializer):
        return value()
    if callable(value):
        return _Checked(label, name, value)
    if value is None:
        raise TypeError(f"{label}: {name} must be a name, an initializer, a function or an array; got None")
    return _Checked(label, name, _Given(checks.array(label, name, value)))


class _Given:
    """An array as an initializer."""

    def __init__(self, array):
        self.array = array

    def __call__(self, shape, dtype):
        return self.array


class _Checked:
    """An initializer that somebody else wrote, whose result is looked at."""

    def __init__(self, label, name, initializer):
        self.label, self.name, self.initializer = label, name, initializer

    def __call__(self, shape, dtype):
        given = checks.array(self.label, self.name, self.initializer(shape, dtype))
        if given.shape != tuple(shape):
            raise ValueError(
                f"{self.label}: {self.name} must give an array of shape {tuple(shape)}, got {given.shape}; reshape it"
            )
        return given.astype(dtype)


def _truncated(random, shape):
    """A standard normal distribution, drawn again where it is beyond 2."""
    z = random.normal(size=shape)
    while (beyond := np.abs(z) > 2).any():
        z[beyond] = random.normal(size=np.count_nonzero(beyond))
    return z


def _fans(shape):
    """Weights of one output, and weights that one input meets."""
    if len(shape) < 2:
        return (shape[0],) * 2 if shape else (1, 1)
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


def _spelled(name):
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


_CLASSES = [value for name, value in list(globals().items()) if name in __all__ and isinstance(value, type)]
_CLASSES.remove(Initializer)
_BY_NAME = {
    **{_spelled(c.__name__): c for c in _CLASSES},
    **{c.__name__: c for c in _CLASSES},
    "zero": Zeros,
    "one": Ones,
    "normal": RandomNormal,
    "uniform": RandomUniform,
}
