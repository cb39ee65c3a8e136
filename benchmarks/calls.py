"""What a call costs when there is next to nothing to compute, and what the import costs."""

import datetime
import json
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np

import cyconv
from benchmarks import machine, report, results

FORMAT = "cyconv calls"
VERSION = 1
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


def run(command, **known):
    """Measures, and tells where.

    Parameters
    ----------
    command : str
        What was typed.
    **known
        Of `measure`.

    Returns
    -------
    dict
        As in SCHEMA.md.
    """
    busy, started = machine.others_busy(), datetime.datetime.now(datetime.UTC)
    probe = machine.Probe()
    probe.take()
    times = measure(**known)
    for _ in range(5):
        probe.take()
    return {
        "format": FORMAT,
        "version": VERSION,
        "cyconv": cyconv.__version__,
        "started": started.isoformat(timespec="seconds"),
        "command": command,
        "machine": machine.describe(),
        "quiet": machine.verdict(busy, machine.others_busy(), probe.record()),
        "calls": {name: {"best": min(v), "median": statistics.median(v)} for name, v in times.items()},
    }


def load(path):
    """Reads what `save` wrote.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If the file is none of this version.
    """
    found = results.read(path)
    if not isinstance(found, dict) or (found.get("format"), found.get("version")) != (FORMAT, VERSION):
        raise ValueError(f"{path}: not a file of calls, or of another version")
    return found


def save(path, found):
    """Writes what `run` found.

    Parameters
    ----------
    path : path-like
    found : dict
    """
    pathlib.Path(path).write_text(json.dumps(found, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def show(found):
    """Prints what `run` found.

    Parameters
    ----------
    found : dict
    """
    rows = [[name, f"{t['best'] * 1e6:.2f}", f"{t['median'] * 1e6:.2f}"] for name, t in found["calls"].items()]
    report.table("8 x 8 pixels, 4 channels, 4 filters of 3 x 3", ["what", "best us", "median us"], rows)
    report.quiet({"complete": True, **found})
