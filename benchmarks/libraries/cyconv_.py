"""cyconv: plans for convolutions, plain calls for pools."""

import cyconv
from benchmarks.libraries import Library, Prepared, channels_first, channels_last, need
from cyconv.algorithms import ALGORITHMS

LAYOUTS = {
    (1, "NHWC"): "NWC", (2, "NHWC"): "NHWC", (3, "NHWC"): "NDHWC",
    (1, "NCHW"): "NCW", (2, "NCHW"): "NCHW", (3, "NCHW"): "NCDHW",
}  # fmt: skip
KERNELS = {1: "OIW", 2: "OIHW", 3: "OIDHW"}


class Cyconv(Library):
    """A way is a layout, and an algorithm if one was asked for."""

    modules = ("cyconv",)
    distributions = ("cyconv", "numpy")

    @classmethod
    def ways(cls, options):
        return [
            layout if algorithm == "auto" else f"{layout} {algorithm}"
            for layout in options["layouts"]
            for algorithm in options["algorithms"]
        ]

    def prepare(self, case, x, w, way):
        name, _, algorithm = way.partition(" ")
        if name == "NHWC":
            x = channels_last(x)
        array = channels_first if name == "NHWC" else lambda y: y
        layout = LAYOUTS[case.ndim, name]
        known = {"stride": case.stride, "padding": case.pad, "layout": layout, "threads": self.threads}
        if case.op == "conv":
            known |= {"dilation": case.dilation, "groups": case.groups, "kernel_layout": KERNELS[case.ndim]}
            need(not algorithm or algorithm in {a.name for a in ALGORITHMS}, f"no algorithm {algorithm!r}")
            make = getattr(cyconv, f"plan_conv{case.ndim}d")
            try:
                plan = make(x.shape, w, dtype=x.dtype, algorithm=algorithm or "auto", **known)
            except ValueError as error:
                need("cannot serve this call" not in str(error), str(error))
                raise
            return Prepared(lambda: plan(x), array, plan.algorithm)
        need(not algorithm, "pools have one algorithm only")
        pool = getattr(cyconv, f"{case.op}_pool{case.ndim}d")
        if case.op == "avg":
            known["count_include_pad"] = True
        return Prepared(lambda: pool(x, case.kernel, dilation=case.dilation, **known), array)

    def details(self):
        from cyconv import isa

        return {"instruction set": isa.CURRENT}
