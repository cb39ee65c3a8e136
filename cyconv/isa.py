"""Finds the kernels that this processor can run.

Kernels are one extension module per element type and instruction set, such as
``cyconv._ext.f32_avx2``.  A module is imported only after the processor was asked, because code
compiled for a wider instruction set may not even load on a narrower one.
"""

import functools
import importlib
import importlib.util
import os

try:
    from cyconv._ext import cpu
except ImportError as error:
    raise ImportError(
        "cyconv's compiled modules are missing.  If this is a checkout of its sources, run Python from"
        " another folder (or with -P) to use the installed package, or build in place with"
        " `pip install -e .`"
    ) from error

ORDER = ("avx512", "avx2", "base")
"""All instruction sets, the best first."""

_REALS = {"float32": "f32", "float64": "f64", "int32": "i32", "int64": "i64"}


def compiled():
    """Instruction sets that this installation has kernels for.

    Returns
    -------
    tuple of str
    """
    return tuple(isa for isa in ORDER if importlib.util.find_spec(f"cyconv._ext.f32_{isa}"))


def available():
    """Instruction sets that this installation has kernels for and this processor can run.

    Returns
    -------
    tuple of str
        The best first.
    """
    return tuple(isa for isa in compiled() if cpu.supports(isa))


def choose(wanted):
    """The instruction set to use.

    Parameters
    ----------
    wanted : str
        The value of ``CYCONV_ISA``; empty for the best.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If there is no such instruction set or it cannot run here.
    """
    usable = available()
    if not wanted:
        return usable[0]
    if wanted not in ORDER:
        raise ValueError(f"CYCONV_ISA must be one of {', '.join(map(repr, ORDER))}, got {wanted!r}")
    if wanted not in usable:
        raise ValueError(f"CYCONV_ISA={wanted!r} cannot run here; this processor and build have {', '.join(usable)}")
    return wanted


CURRENT = choose(os.environ.get("CYCONV_ISA", ""))
"""The instruction set in use."""


@functools.cache
def kernels(dtype_name):
    """The module of kernels for a dtype.

    Parameters
    ----------
    dtype_name : str
        ``"float32"``, ``"float64"``, ``"int32"`` or ``"int64"``.

    Returns
    -------
    module
        ``table()`` is its kernel table, as a capsule; ``TILE`` the elements of a vector, the
        rows and vectors of the largest register tile, the rows of the largest stencil tile
        and of its segments, and whether one instruction permutes lanes.
    """
    return importlib.import_module(f"cyconv._ext.{_REALS[dtype_name]}_{CURRENT}")
