# How threads share units of work.  Each has a stretch of neighbouring units, the same from call to call: what
# it reads and writes is still in its cache from the layer before, and it does not fetch, ahead of its
# own lines, those that another is writing.  A thread that has done its own takes from the stretches of others, and
# at last from the units behind all stretches: small ones, which let all end together.
cdef extern from *:
    """
    #if defined(__SSE2__)
    #include <emmintrin.h>
    #define cyconv_store_fence() _mm_sfence()
    #else
    #define cyconv_store_fence() ((void)0)
    #endif
    static inline Py_ssize_t cyconv_take_one(Py_ssize_t *n) { return __atomic_fetch_add(n, 1, __ATOMIC_RELAXED); }
    static inline Py_ssize_t cyconv_look(const Py_ssize_t *n) { return __atomic_load_n(n, __ATOMIC_RELAXED); }
    """
    Py_ssize_t take_one "cyconv_take_one"(Py_ssize_t* n) nogil
    Py_ssize_t look "cyconv_look"(const Py_ssize_t* n) nogil
    void store_fence "cyconv_store_fence"() nogil       # what went around the cache is seen by all threads

cdef enum:
    LINE = 64                       # bytes of a stretch


cdef struct Stretch:                # counters: the first unit
    Py_ssize_t own                  # of a stretch that nobody has taken yet,
    Py_ssize_t rest                 # and in the first stretch, of those behind all


cdef inline Py_ssize_t stretches_bytes(Py_ssize_t threads) noexcept nogil:
    return threads * LINE


cdef inline Py_ssize_t first_of_stretch(Py_ssize_t stretched, Py_ssize_t threads, Py_ssize_t owner) noexcept nogil:
    return stretched // threads * owner + min(stretched % threads, owner)


cdef inline void begin_stretches(char* stretches, Py_ssize_t stretched, Py_ssize_t threads) noexcept nogil:
    """So many units are divided into a stretch for each thread; those behind them are nobody's."""
    cdef Py_ssize_t owner
    for owner in range(threads):
        (<Stretch*> (stretches + owner * LINE)).own = first_of_stretch(stretched, threads, owner)
    (<Stretch*> stretches).rest = stretched


cdef inline Py_ssize_t take_before(Py_ssize_t* counter, Py_ssize_t end) noexcept nogil:
    """The next unit before `end`, or -1."""
    cdef Py_ssize_t n = look(counter)
    if n < end:
        n = take_one(counter)
    return n if n < end else -1


cdef inline Py_ssize_t next_unit(char* stretches, Py_ssize_t stretched, Py_ssize_t units, Py_ssize_t threads,
                                 Py_ssize_t thread) noexcept nogil:
    """The unit that a thread is to do next; -1 if all are taken."""
    cdef Py_ssize_t i, n, owner
    for i in range(threads):
        owner = thread + i if thread + i < threads else thread + i - threads
        n = take_before(&(<Stretch*> (stretches + owner * LINE)).own, first_of_stretch(stretched, threads, owner + 1))
        if n >= 0:
            return n
    return take_before(&(<Stretch*> stretches).rest, units)
