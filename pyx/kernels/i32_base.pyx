"""int32 kernels for the instructions that every processor of the architecture has (SSE2, NEON).  All text is in kernels.pxi."""
include "kernels.pxi"
