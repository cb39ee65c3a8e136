"""What a call costs when there is next to nothing to compute, and what the import costs."""

import statistics
import subprocess
import sys
import time

import numpy as np

import cyconv
from benchmarks import report

IMPORT = """
import sys, time, numpy
sys.path[:] = {path!r}
start = time.perf_counter()
import cyconv
print(time.perf_counter() - start)
"""


def measure(calls=20000, rounds=7):
    """Times of small calls and of the import in a fresh process after NumPy's.

    Parameters
    ----------
    calls, rounds : int

    Returns
    -------
    dict of str to list of float
        Seconds, one for each round.
    """
    x, w = np.ones((1, 8, 8, 4), np.float32), np.ones((3, 3, 4, 4), np.float32)
    plan = cyconv.plan_conv2d(x.shape, w, threads=1)
    y = plan(x)
    timed = {
        "plan(x, out=y)": lambda: plan(x, out=y),
        "plan(x)": lambda: plan(x),
        "conv2d(x, w, threads=1)": lambda: cyconv.conv2d(x, w, threads=1),
        "max_pool2d(x, 2, threads=1)": lambda: cyconv.max_pool2d(x, 2, threads=1),
    }
    times = {name: [] for name in timed}
    for _ in range(rounds):
        for name, call in timed.items():
            start = time.perf_counter()
            for _ in range(calls):
                call()
            times[name].append((time.perf_counter() - start) / calls)
    code = IMPORT.format(path=sys.path)
    times["import cyconv, after numpy"] = [
        float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(rounds)
    ]
    return times


def show():
    """Prints `measure`."""
    rows = [
        [name, f"{min(values) * 1e6:.2f}", f"{statistics.median(values) * 1e6:.2f}"]
        for name, values in measure().items()
    ]
    report.table("8 x 8 pixels, 4 channels, 4 filters of 3 x 3", ["what", "best us", "median us"], rows)
