"""Arrays as compiled code takes them: of a type it knows, native, aligned; and new ones for results."""

import math

import numpy as np

from cyconv._ext.convolution import bytes_to_line

_LINE = 64
_LARGE = 1 << 15


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
    """A new array; a large one begins at a line of cache, where vectors are stored fastest.

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
        if nbytes < _LARGE:
            return np.empty(shape, dtype)
        memory = np.empty(nbytes + _LINE, np.uint8)
        start = bytes_to_line(memory)
        return memory[start : start + nbytes].view(dtype).reshape(shape)
    except (MemoryError, ValueError) as error:
        raise MemoryError(failed()) from error


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
