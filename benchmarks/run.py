"""Times cyconv beside NumPy, SciPy and, if it is installed, PyTorch: `python benchmarks/run.py --help`.

Contenders take turns, round after round, so that a change in the machine's speed meets all of them.
Every result is compared with the definition in float64 before its time counts.
"""

import argparse
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np
import scipy.ndimage
import scipy.signal
from numpy.lib.stride_tricks import sliding_window_view

import cyconv
from cyconv import reference

HERE = pathlib.Path(__file__).parent


class Case:
    """One line of shapes.txt, with its arrays."""

    def __init__(self, line, dtype):
        name, *numbers, kernel, stride, padding, dilation = line.split()
        n, c, h, w, k = map(int, numbers)
        self.name = name
        self.kernel = tuple(map(int, kernel.split("x")))
        self.stride, self.dilation = int(stride), int(dilation)
        pads = tuple(map(int, padding.split(",")))
        self.padding = pads if len(pads) == 2 else pads * 2
        rng = np.random.default_rng(0)
        self.x = rng.standard_normal((n, h, w, c)).astype(dtype)
        scale = np.sqrt(c * self.kernel[0] * self.kernel[1])
        self.w = (rng.standard_normal((*self.kernel, c, k)) / scale).astype(dtype)
        self.arguments = {"stride": self.stride, "padding": self.padding, "dilation": self.dilation}

    @property
    def single(self):
        """Whether it is one picture of one channel, filtered to the same size."""
        same = tuple((k - 1) // 2 for k in self.kernel)
        return self.x.shape[0] == self.x.shape[3] == self.w.shape[3] == self.stride == 1 and self.padding == same


def cyconv_last(case, threads):
    plan = cyconv.plan_conv2d(case.x.shape, case.w, threads=threads, **case.arguments)
    return lambda: plan(case.x)


def cyconv_first(case, threads):
    x = np.ascontiguousarray(np.moveaxis(case.x, -1, 1))
    plan = cyconv.plan_conv2d(x.shape, case.w, threads=threads, layout="NCHW", kernel_layout="HWIO", **case.arguments)
    return lambda: np.moveaxis(plan(x), 1, -1)


def numpy_windows(case, _threads):
    pads = ((0, 0), *((p, p) for p in case.padding), (0, 0))
    reach = tuple((k - 1) * case.dilation + 1 for k in case.kernel)
    s, d = case.stride, case.dilation

    def run():
        windows = sliding_window_view(np.pad(case.x, pads), reach, axis=(1, 2))[:, ::s, ::s, :, ::d, ::d]
        return np.tensordot(windows, case.w, axes=((4, 5, 3), (0, 1, 2)))

    return run


def scipy_fastest(case, _threads):
    """The fastest of SciPy's ways, for what SciPy offers: one channel, one filter."""
    if not case.single:
        return None
    x, w = case.x[0, :, :, 0], case.w[:, :, 0, 0]
    ways = (
        lambda: scipy.ndimage.correlate(x, w, mode="constant"),
        lambda: scipy.signal.correlate(x, w, "same", method="fft"),
        lambda: scipy.signal.oaconvolve(x, w[::-1, ::-1], "same"),
    )
    best = min(ways, key=lambda way: duration(way)[1])
    return lambda: best()[None, :, :, None]


def pytorch(case, threads, last):
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    form = torch.channels_last if last else torch.contiguous_format
    x = torch.from_numpy(np.ascontiguousarray(np.moveaxis(case.x, -1, 1))).contiguous(memory_format=form)
    w = torch.from_numpy(np.ascontiguousarray(case.w.transpose(3, 2, 0, 1))).contiguous(memory_format=form)

    def run():
        y = torch.nn.functional.conv2d(x, w, None, case.stride, case.padding, case.dilation)
        return np.moveaxis(y.numpy(), 1, -1)

    return run


CONTENDERS = {
    "cyconv NHWC": cyconv_last,
    "cyconv NCHW": cyconv_first,
    "NumPy": numpy_windows,
    "SciPy": scipy_fastest,
    "PyTorch NHWC": lambda case, threads: pytorch(case, threads, True),
    "PyTorch NCHW": lambda case, threads: pytorch(case, threads, False),
}


def duration(run):
    start = time.perf_counter()
    result = run()
    return result, time.perf_counter() - start


def race(case, names, threads, rounds, budget):
    """Times in seconds of each contender that can run the case."""
    runs = {name: CONTENDERS[name](case, threads) for name in names}
    runs = {name: run for name, run in runs.items() if run is not None}
    expected = reference.convolve(case.x, case.w, **case.arguments)
    times = {name: [] for name in runs}
    for name, run in runs.items():
        error = np.abs(run() - expected).max() / np.abs(expected).max()
        if error > 1e-4:
            raise SystemExit(f"{case.name}: {name} is wrong by {error:.1e} of the largest output")
    for _ in range(rounds):
        for name, run in runs.items():
            end = time.perf_counter() + budget
            while True:
                times[name].append(duration(run)[1])
                if time.perf_counter() > end:
                    break
    return times


def calls():
    """What a call costs when there is next to nothing to compute, and what the import costs."""
    x, w = np.ones((1, 8, 8, 4), np.float32), np.ones((3, 3, 4, 4), np.float32)
    plan = cyconv.plan_conv2d(x.shape, w, threads=1)
    y = plan(x)
    for name, call in (
        ("plan(x, out=y)", lambda: plan(x, out=y)),
        ("conv2d(x, w, threads=1)", lambda: cyconv.conv2d(x, w, threads=1)),
    ):
        best = []
        for _ in range(7):
            start = time.perf_counter()
            for _ in range(20000):
                call()
            best.append((time.perf_counter() - start) / 20000 * 1e6)
        print(f"{name:<26} {min(best):6.2f} us best, {statistics.median(best):6.2f} us median")
    code = "import time, numpy; s = time.perf_counter(); import cyconv; print((time.perf_counter() - s) * 1e3)"
    imports = [float(subprocess.check_output([sys.executable, "-P", "-c", code])) for _ in range(7)]
    print(f"{'import, after numpy':<26} {min(imports):6.1f} ms best, {statistics.median(imports):6.1f} ms median")


def main():
    parser = argparse.ArgumentParser(description="Times cyconv beside NumPy, SciPy and PyTorch (if installed).")
    parser.add_argument("--filter", default="", help="only cases whose name contains this")
    parser.add_argument("--dtype", default="float32", choices=("float32", "float64"))
    parser.add_argument("--threads", type=int, default=cyconv.get_num_threads())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--budget", type=float, default=0.1, help="seconds of a contender in a round")
    parser.add_argument("--calls", action="store_true", help="measure the cost of calls and of the import instead")
    options = parser.parse_args()
    if options.calls:
        calls()
        return
    cyconv.show_config()
    print(f"\n{options.dtype}, {options.threads} threads; best and median milliseconds\n")
    print(f"{'case':<26}" + "".join(f"{name:>20}" for name in CONTENDERS))
    for line in (HERE / "shapes.txt").read_text().splitlines():
        if line.startswith("#") or options.filter not in line.split()[0]:
            continue
        case = Case(line, options.dtype)
        times = race(case, CONTENDERS, options.threads, options.rounds, options.budget)
        cells = [
            f"{min(times[n]) * 1e3:9.3f} {statistics.median(times[n]) * 1e3:9.3f}" if n in times else "-"
            for n in CONTENDERS
        ]
        print(f"{case.name:<26}" + "".join(f"{cell:>20}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
