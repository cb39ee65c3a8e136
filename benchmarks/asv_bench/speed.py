"""Times and memory of cyconv, for tracking over commits."""

import importlib.util
import pathlib
import sys

import numpy as np

import cyconv


def _suites():
    """``suites.py`` from beside this folder, without its package, which may not be importable here."""
    path = pathlib.Path(__file__).resolve().parent.parent / "suites.py"
    spec = importlib.util.spec_from_file_location("cyconv_benchmark_suites", path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CASES = {case.key: case for case in _suites().select(["overview"])}
CONVOLUTIONS = [key for key, case in CASES.items() if case.op == "conv"]
POOLS = [key for key, case in CASES.items() if case.op != "conv"]
LAYOUTS = ["channels_last", "channels_first"]
THREADS = [1, 2]


class _Timed:
    params = ([], LAYOUTS, THREADS)
    param_names = ("case", "layout", "threads")
    timeout = 120

    def setup(self, key, layout, threads):
        self.case = case = CASES[key]
        x, w = case.arrays()
        self.x = np.ascontiguousarray(np.moveaxis(x, 1, -1)) if layout == "channels_last" else x
        self.known = {"stride": case.stride, "padding": case.pad, "layout": layout, "threads": threads}
        if case.op == "conv":
            self.known |= {"dilation": case.dilation, "groups": case.groups}
            self.known["kernel_layout"] = {1: "OIW", 2: "OIHW", 3: "OIDHW"}[case.ndim]
            self.w = w
            self.plan = getattr(cyconv, f"plan_conv{case.ndim}d")(self.x.shape, w, **self.known)
            self.conv = getattr(cyconv, f"conv{case.ndim}d")
        else:
            self.pool = getattr(cyconv, f"{case.op}_pool{case.ndim}d")
            if case.op == "avg":
                self.known["count_include_pad"] = True


class Convolution(_Timed):
    """Plans and plain calls of the overview's convolutions."""

    params = (CONVOLUTIONS, LAYOUTS, THREADS)

    def time_plan(self, *_):
        """A call of a plan."""
        self.plan(self.x)

    def time_call(self, *_):
        """A call without one, which prepares the weights."""
        self.conv(self.x, self.w, **self.known)

    def peakmem_call(self, *_):
        """Memory of the process."""
        self.conv(self.x, self.w, **self.known)


class Pool(_Timed):
    """The overview's pools."""

    params = (POOLS, LAYOUTS, THREADS)

    def time_call(self, *_):
        """A call."""
        self.pool(self.x, self.case.kernel, **self.known)

    def peakmem_call(self, *_):
        """Memory of the process."""
        self.pool(self.x, self.case.kernel, **self.known)


class Overhead:
    """What a call costs when there is next to nothing to compute."""

    def setup(self):
        self.x, self.w = np.ones((1, 8, 8, 4), np.float32), np.ones((3, 3, 4, 4), np.float32)
        self.plan = cyconv.plan_conv2d(self.x.shape, self.w, threads=1)
        self.y = self.plan(self.x)

    def time_plan(self):
        """A plan that writes into an array."""
        self.plan(self.x, out=self.y)

    def time_conv2d(self):
        """A convolution."""
        cyconv.conv2d(self.x, self.w, threads=1)

    def time_max_pool2d(self):
        """A pool."""
        cyconv.max_pool2d(self.x, 2, threads=1)

    def timeraw_import(self):
        """The import, in a process that has NumPy."""
        return "import cyconv", "import numpy"
