"""int64 kernels for x86-64-v4 (AVX-512).  All text is in kernels.pxi."""
include "kernels.pxi"
