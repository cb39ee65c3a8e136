"""Convolution and pooling for NumPy arrays, compiled with Cython.

A call walks down these floors and back up; no floor knows the ones above it::

    conv2d, plan_conv2d, ...   conv.py       max_pool2d, ...   pool.py        the public functions
        |                                        |
    Recipe, ConvPlan           plan.py       PoolRecipe        pool_plan.py   what is decided once
        |        \\                             |
        |         checks.py, shapes.py, layout.py, threads.py, isa.py, arrays.py
        |                                        |
    Convolution   pyx/convolution.pyx        Pooling           pyx/pooling.pyx     units of work, threads
        |                                        |
    channels_last_unit, channels_first_unit  direct_unit, boxes_unit          one unit: which operands
    pyx/channels_last.pxd, channels_first.pxd    pyx/pool_direct.pxd, pool_boxes.pxd
        |   KernelTable        pyx/kernel_table.pxd        one for each element type and instruction set
    tile, fold                 pyx/kernels/tile.pxi, fold.pxi     arithmetic, in registers
        |
    vec                        pyx/simd.h                  vectors

`cyconv.reference` says in plain NumPy what convolutions and pools are; `cyconv.shapes` computes
output sizes, padding and costs, for all floors alike; `cyconv.explain` (reasons.py) puts them into words.
"""

import importlib

from cyconv.config import __version__, show_config
from cyconv.conv import (
    conv1d,
    conv2d,
    conv3d,
    depthwise_conv2d,
    plan_conv1d,
    plan_conv2d,
    plan_conv3d,
    separable_conv2d,
)
from cyconv.pool import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    global_avg_pool1d,
    global_avg_pool2d,
    global_avg_pool3d,
    global_max_pool1d,
    global_max_pool2d,
    global_max_pool3d,
    lp_pool1d,
    lp_pool2d,
    lp_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from cyconv.reasons import explain
from cyconv.threads import get_num_threads, num_threads, set_num_threads

from . import shapes

__all__ = [
    "__version__",
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "conv1d",
    "conv2d",
    "conv3d",
    "depthwise_conv2d",
    "explain",
    "get_num_threads",
    "global_avg_pool1d",
    "global_avg_pool2d",
    "global_avg_pool3d",
    "global_max_pool1d",
    "global_max_pool2d",
    "global_max_pool3d",
    "initializers",
    "layers",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "models",
    "num_threads",
    "plan_conv1d",
    "plan_conv2d",
    "plan_conv3d",
    "separable_conv2d",
    "set_num_threads",
    "shapes",
    "show_config",
]


def __getattr__(name):
    """Modules that are imported when they are first used."""
    if name in ("initializers", "layers", "models"):
        return importlib.import_module(f"cyconv.{name}")
    raise AttributeError(f"module 'cyconv' has no attribute {name!r}")
