# Rows of memory that are fetched to the cache before they are needed: short rows that are far apart, which the
# processor does not foresee by itself.
cdef extern from *:
    void prefetch "__builtin_prefetch"(const void* p) noexcept nogil

cdef enum:
    LINE_BYTES = 64
    FETCHED_BYTES = 3 << 21         # of arrays of which the second-level caches hold little


cdef inline void fetch_rows(const char* first, Py_ssize_t step, Py_ssize_t rows, Py_ssize_t bytes) noexcept nogil:
    """Lines of cache that hold some bytes of each of some rows."""
    cdef Py_ssize_t _row, i
    for _row in range(rows):
        i = 0
        while i < bytes:
            prefetch(first + i)
            i += LINE_BYTES
        if bytes > 0:
            prefetch(first + bytes - 1)
        first += step
