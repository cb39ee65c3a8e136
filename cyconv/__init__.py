"""Convolution and pooling for NumPy arrays, compiled with Cython.

A call walks down these floors and back up; no floor knows the ones above it::

    conv2d, plan_conv2d        conv.py       the public functions
        |
    Recipe, ConvPlan           plan.py       what shapes and arguments decide, once
        |        \\
        |         checks.py, shapes.py, layout.py, threads.py, isa.py
        |
    Convolution                pyx/convolution.pyx         packed weights, units of work, threads
        |
    channels_last_unit         pyx/channels_last.pxd       one unit: which operands, which tiles
    channels_first_unit        pyx/channels_first.pxd
        |   KernelTable        pyx/kernel_table.pxd        one for each element type and instruction set
    tile                       pyx/kernels/tile.pxi        multiply and add, in registers
        |
    vec                        pyx/simd.h                  vectors

`cyconv.reference` says in plain NumPy what a convolution is; `cyconv.shapes` computes output
sizes and padding, for all floors alike.
"""

from cyconv.config import __version__, show_config
from cyconv.conv import conv2d, plan_conv2d
from cyconv.threads import get_num_threads, num_threads, set_num_threads

from . import shapes

__all__ = [
    "__version__",
    "conv2d",
    "get_num_threads",
    "num_threads",
    "plan_conv2d",
    "set_num_threads",
    "shapes",
    "show_config",
]
