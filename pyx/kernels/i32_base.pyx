"""int32 kernels for every processor (SSE2 on x86-64, NEON on aarch64).  All text is in kernels.pxi."""
include "kernels.pxi"
