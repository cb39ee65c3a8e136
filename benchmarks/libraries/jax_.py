"""JAX: compiled by XLA, on the CPU."""

import math
import os

import numpy as np

from benchmarks.libraries import Library, Prepared


class Jax(Library):
    """One way: `jax.jit` of a `jax.lax` function."""

    modules = ("jax",)
    distributions = ("jax", "jaxlib")

    def __init__(self, threads):
        super().__init__(threads)
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
        if hasattr(os, "sched_setaffinity"):  # XLA has a thread for each processor that it may use
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
        import jax

        jax.config.update("jax_enable_x64", True)
        self.jax = jax

    def prepare(self, case, x, w, way):
        lax, jnp = self.jax.lax, self.jax.numpy
        x = jnp.asarray(x)
        window, steps, pads = (1, 1, *case.kernel), (1, 1, *case.stride), ((0, 0), (0, 0), *case.pad)
        dilation = (1, 1, *case.dilation)
        if case.op == "conv":
            w = jnp.asarray(w)
            conv = self.jax.jit(
                lambda x, w: lax.conv_general_dilated(
                    x, w, case.stride, case.pad, rhs_dilation=case.dilation, feature_group_count=case.groups
                )
            )
            return Prepared(lambda: conv(x, w).block_until_ready(), np.array)
        start, join, scale = (-np.inf, lax.max, 1) if case.op == "max" else (0.0, lax.add, 1 / math.prod(case.kernel))
        pool = self.jax.jit(
            lambda x: lax.reduce_window(
                x, x.dtype.type(start), join, window, steps, pads, window_dilation=dilation
            ) * x.dtype.type(scale)
        )  # fmt: skip
        return Prepared(lambda: pool(x).block_until_ready(), np.array)
