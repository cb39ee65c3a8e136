"""Which instruction sets this processor and operating system can run (cpuid and XGETBV)."""

cdef extern from *:
    """
    #if defined(__x86_64__)
    /* libgcc asks cpuid, and XGETBV for the registers that the operating system saves. */
    static int cyconv_supports(const char *name)
    {
        __builtin_cpu_init();
        int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
        if (strcmp(name, "base") == 0)
            return 1;
        if (strcmp(name, "avx2") == 0)
            return avx2;
        if (strcmp(name, "avx512") == 0)
            return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")
                && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
        return 0;
    }
    #else
    static int cyconv_supports(const char *name) { return strcmp(name, "base") == 0; }
    #endif
    """
    bint cyconv_supports(const char* name)

cdef extern from * nogil:
    const char* __VERSION__


def supports(str isa):
    """True if the kernels of instruction set `isa` can run here."""
    return cyconv_supports(isa.encode())


def compiler():
    """The C compiler that built this module."""
    return (<bytes> __VERSION__).decode()
