# Arrays as the drivers see them: an address and strides in bytes.
from geometry cimport Array

cdef extern from *:
    """
    #include <pthread.h>
    /* GNU OpenMP's threads do not survive a fork: a child that enters a parallel region
     * waits for ever.  Children run serially instead. */
    static int cyconv_forked = 0;
    static void cyconv_after_fork(void) { cyconv_forked = 1; }
    __attribute__((constructor)) static void cyconv_watch_forks(void)
    {
        pthread_atfork(NULL, NULL, cyconv_after_fork);
    }
    """
    bint cyconv_forked


cdef inline bint forked() noexcept nogil:
    """Whether this process was forked off one that had imported this module."""
    return cyconv_forked


cdef inline Array opened(char* data, const Py_ssize_t* strides, bint channels_last) noexcept nogil:
    cdef Array a
    cdef Py_ssize_t first = 1 if channels_last else 2
    a.data = data
    a.batch = strides[0]
    a.channel = strides[4] if channels_last else strides[1]
    a.axis[0], a.axis[1], a.axis[2] = strides[first], strides[first + 1], strides[first + 2]
    return a


cdef inline bint aligned(const Array* a, Py_ssize_t item) noexcept nogil:
    return (<Py_ssize_t> a.data | a.batch | a.channel | a.axis[0] | a.axis[1] | a.axis[2]) % item == 0


cdef inline bint overlap(const char* a, const Py_ssize_t* a_shape, const Py_ssize_t* a_strides,
                         const char* b, const Py_ssize_t* b_shape, const Py_ssize_t* b_strides,
                         Py_ssize_t a_item, Py_ssize_t b_item) noexcept nogil:
    """Whether the smallest ranges of memory that hold two arrays meet."""
    cdef Py_ssize_t i
    cdef const char* a_end = a + a_item
    cdef const char* b_end = b + b_item
    for i in range(5):
        if a_strides[i] > 0:
            a_end += (a_shape[i] - 1) * a_strides[i]
        else:
            a += (a_shape[i] - 1) * a_strides[i]
        if b_strides[i] > 0:
            b_end += (b_shape[i] - 1) * b_strides[i]
        else:
            b += (b_shape[i] - 1) * b_strides[i]
    return a < b_end and b < a_end


cdef inline bint follows(const Array* a, Py_ssize_t outer, Py_ssize_t width) noexcept nogil:
    return outer == width * a.axis[2]
