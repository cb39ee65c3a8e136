"""Arrays that hold the same numbers in other places and orders of memory."""

import ctypes
import mmap

import numpy as np


def variants(a):
    """The same numbers, laid out in other ways."""
    yield "fortran", np.asfortranarray(a)
    yield "reversed", np.ascontiguousarray(np.flip(a))[(slice(None, None, -1),) * a.ndim]
    yield "last axis reversed", np.ascontiguousarray(a[..., ::-1])[..., ::-1]
    yield "last axis spread", np.repeat(a, 3, -1)[..., ::3]
    yield "cut out", np.pad(a, 2)[tuple(slice(2, -2) for _ in a.shape)]
    yield "transposed twice", np.ascontiguousarray(a.T).T
    yield "byte-swapped", a.astype(a.dtype.newbyteorder())
    raw = np.empty(a.nbytes + 1, np.uint8)
    misaligned = raw[1:].view(a.dtype).reshape(a.shape)
    misaligned[...] = a
    yield "misaligned", misaligned
    read_only = a.copy()
    read_only.flags.writeable = False
    yield "read-only", read_only
    yield "subclass", a.view(type("Mine", (np.ndarray,), {}))


def guarded(a, at_end):
    """A copy that touches a page nobody may read, in front or behind."""
    page = mmap.PAGESIZE
    size = -(-max(a.nbytes, 1) // page) * page
    memory = mmap.mmap(-1, size + 2 * page)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    protect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for guard in (address, address + page + size):
        assert protect(guard, page, 0) == 0
    start = page + (size - a.nbytes if at_end else 0)
    copy = np.frombuffer(memory, a.dtype, a.size, start).reshape(a.shape)
    copy[...] = a
    return copy
