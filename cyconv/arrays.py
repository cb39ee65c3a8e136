"""Arrays as compiled code takes them: of a type it knows, native, aligned; and new ones for results."""

import functools
import math

import numpy as np

from cyconv._ext.convolution import bytes_to_line

_LINE = 64
_LARGE = 1 << 15
"""Bytes from which it pays to let an array begin at a line of cache."""
_MAPPED = 1 << 25
"""Bytes from which the C library gives memory back to the system whenever an array is dropped.  The
pages of the next array would be made and cleared anew, which can take longer than computing it."""
_KEPT = 1 << 28
"""Bytes of memory of dropped arrays that are kept for the next, at most."""

_shelf = []


class _Memory:
    """Memory of one large array.  When the last array in it is dropped, the next can have it.

    Parameters
    ----------
    memory : numpy.ndarray
        Of bytes; a line longer than the array.
    nbytes : int
        Of the array.
    """

    __slots__ = ("__array_interface__", "_memory")

    def __init__(self, memory, nbytes):
        self._memory = memory
        address = memory.__array_interface__["data"][0] + bytes_to_line(memory)
        self.__array_interface__ = {"version": 3, "shape": (nbytes,), "typestr": "|u1", "data": (address, False)}

    def __del__(self, shelf=_shelf, most=_KEPT):
        # Of two that drop arrays at once each may see less than all: then less is kept.
        if self._memory.size <= most:
            shelf.append(self._memory)
        while shelf and sum(memory.size for memory in tuple(shelf)) > most:
            _pop(shelf)


def _pop(shelf):
    """What has lain there longest, or None: another thread may have taken it."""
    try:
        return shelf.pop(0)
    except IndexError:
        return None


def _from_shelf(nbytes):
    """Memory that was kept, if some is as large and not twice as large; or new memory."""
    for _ in range(len(_shelf)):
        memory = _pop(_shelf)
        if memory is None:
            break
        if nbytes <= memory.size <= 2 * nbytes:
            return memory
        _shelf.append(memory)
    try:
        return np.empty(nbytes, np.uint8)
    except MemoryError:
        _shelf.clear()
        return np.empty(nbytes, np.uint8)


def native(a, dtype):
    """`a` in a dtype, in native byte order and aligned; itself if it is.

    Parameters
    ----------
    a : numpy.ndarray
    dtype : numpy.dtype

    Returns
    -------
    numpy.ndarray
    """
    if a.dtype is dtype and a.flags.aligned:
        return a
    return a.astype(dtype, copy=not a.flags.aligned)


def empty(shape, dtype, nbytes, failed):
    """A new array that begins at a line of cache, where vectors are stored fastest.

    One of 32 MiB and more may get the memory of one that was dropped.

    Parameters
    ----------
    shape : tuple of int
    dtype : numpy.dtype
    nbytes : int
        Its size, which the caller knows.
    failed : callable
        Makes the message of the MemoryError.

    Returns
    -------
    numpy.ndarray

    Raises
    ------
    MemoryError
        If there is no memory.
    """
    try:
        if nbytes >= _MAPPED:
            return np.asarray(_Memory(_from_shelf(nbytes + _LINE), nbytes)).view(dtype).reshape(shape)
        memory = np.empty(nbytes + _LINE, np.uint8)
        start = bytes_to_line(memory)
        return memory[start : start + nbytes].view(dtype).reshape(shape)
    except (MemoryError, ValueError) as error:
        raise MemoryError(failed()) from error


def maker(shape, dtype, failed):
    """A function that makes new arrays of one kind: as `empty`, whose way is chosen once.

    Parameters
    ----------
    shape : tuple of int
    dtype : numpy.dtype
    failed : callable
        Makes the message of the MemoryError.

    Returns
    -------
    callable
    """
    nbytes = size(shape, dtype)
    if nbytes < _LARGE:
        return functools.partial(np.empty, shape, dtype)
    return functools.partial(empty, shape, dtype, nbytes, failed)


def size(shape, dtype):
    """Bytes of an array.

    Parameters
    ----------
    shape : tuple of int
    dtype : numpy.dtype

    Returns
    -------
    int
    """
    return math.prod(shape) * dtype.itemsize
