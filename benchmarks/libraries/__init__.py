"""Libraries that are timed, each a module with one class, all with the same interface.

`NAMES` says which there are; a module is imported only in the process that times its library.
"""

import dataclasses
import importlib
import importlib.util
from collections.abc import Callable

import numpy as np

BASELINES = ("cyconv", "numpy", "scipy")
PEERS = ("torch", "onnxruntime", "openvino", "ncnn", "opencv", "jax", "tensorflow")
NAMES = BASELINES + PEERS
CLASSES = {
    "cyconv": "Cyconv", "numpy": "NumPy", "scipy": "SciPy", "torch": "PyTorch", "onnxruntime": "OnnxRuntime",
    "openvino": "OpenVino", "ncnn": "Ncnn", "opencv": "OpenCV", "jax": "Jax", "tensorflow": "TensorFlow",
}  # fmt: skip


class Unsupported(Exception):  # noqa: N818 - not an error: an answer
    """The library, or this way of using it, has no such operation; the message says what is missing."""


@dataclasses.dataclass
class Prepared:
    """An operation that is ready to be timed.

    Attributes
    ----------
    call : callable
        Without arguments; computes once and returns the result as the library gives it.
    array : callable
        Turns that result into a NumPy array of shape (N, K, ...); not timed.
    algorithm : str
        Which one the library chose, if it says so.
    """

    call: Callable
    array: Callable = np.asarray
    algorithm: str = ""


class Library:
    """A library in a process of its own.

    Subclasses import the library in `__init__`, so that only this process needs it.

    Parameters
    ----------
    threads : int
        Threads that its calls may use.
    """

    modules = ()
    """What must be importable."""
    distributions = ()
    """Packages whose versions are recorded."""

    def __init__(self, threads):
        self.threads = threads

    @classmethod
    def ways(cls, options):
        """Names of the ways in which the library can do the same thing.

        Parameters
        ----------
        options : dict
            ``layouts`` and ``algorithms``, as the command line has them.

        Returns
        -------
        list of str
        """
        return [""]

    def prepare(self, case, x, w, way):
        """Everything that can be done before the first call: layouts, weights, graphs.

        Parameters
        ----------
        case : benchmarks.suites.Case
        x, w : ndarray
            As `Case.arrays` gives them.
        way : str
            One of `ways`.

        Returns
        -------
        Prepared

        Raises
        ------
        Unsupported
            If there is no such operation.
        """
        raise NotImplementedError

    def details(self):
        """What else should be recorded, such as a BLAS.

        Returns
        -------
        dict of str to str
        """
        return {}


def find(name):
    """The class of a library; imports this package's module, not the library.

    Parameters
    ----------
    name : str
        One of `NAMES`.

    Returns
    -------
    type
    """
    return getattr(importlib.import_module(f"benchmarks.libraries.{name}_"), CLASSES[name])


def missing(name):
    """Modules that a library needs and that this Python does not have.

    Parameters
    ----------
    name : str

    Returns
    -------
    list of str
    """
    return [module for module in find(name).modules if importlib.util.find_spec(module) is None]


def need(condition, reason):
    """Raises `Unsupported` unless the condition holds.

    Parameters
    ----------
    condition : bool
    reason : str
    """
    if not condition:
        raise Unsupported(reason)


def channels_last(x):
    """(N, C, ...) as a contiguous (N, ..., C).

    Parameters
    ----------
    x : ndarray

    Returns
    -------
    ndarray
    """
    return np.ascontiguousarray(np.moveaxis(x, 1, -1))


def channels_first(y):
    """(N, ..., C) as a view (N, C, ...).

    Parameters
    ----------
    y : ndarray

    Returns
    -------
    ndarray
    """
    return np.moveaxis(y, -1, 1)
