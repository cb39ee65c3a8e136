"""float64 kernels for x86-64-v3 (AVX2 and FMA).  All text is in kernels.pxi."""
include "kernels.pxi"
