"""One library in a process of its own: requests and answers are lines of JSON.

==========  =====================================================================
request     answer
==========  =====================================================================
hello       versions and details of the library
prepare     the error of the first result, and how long the first call took
time        durations of calls for some seconds
memory      bytes that preparing and one call took at their highest
==========  =====================================================================
"""

import contextlib
import ctypes
import importlib.metadata
import json
import math
import os
import platform
import statistics
import sys
import time
import traceback

import numpy as np

from benchmarks import libraries, reference
from benchmarks.suites import Case


class Worker:
    """Answers requests about one library.

    Parameters
    ----------
    name : str
    threads : int
    """

    def __init__(self, name, threads):
        self.measured = libraries.find(name)(threads)
        self.case = self.arrays = None
        self.prepared = {}

    def answer(self, request):
        """The answer to a request, both dicts; what the library cannot do is an answer too."""
        try:
            return getattr(self, f"do_{request.pop('do')}")(**request)
        except libraries.Unsupported as reason:
            return {"unsupported": str(reason)}
        except Exception as error:
            traceback.print_exc()
            return {"error": f"{type(error).__name__}: {error}"[:300]}

    def do_hello(self):
        """Who is asked."""
        versions = {}  # what is imported need not be what is installed, so modules are asked first
        for module in self.measured.modules:
            if version := getattr(sys.modules.get(module), "__version__", None):
                versions[module] = version
        for distribution in self.measured.distributions:
            with contextlib.suppress(importlib.metadata.PackageNotFoundError):
                versions.setdefault(distribution, importlib.metadata.version(distribution))
        return {"versions": versions, "details": self.measured.details(), "python": platform.python_version()}

    def do_prepare(self, case, way, expected, tolerance):
        """The first call of a way, compared with the array in the file `expected`."""
        prepared = self._prepare(case, way)
        start = time.perf_counter()
        result = prepared.call()
        first = time.perf_counter() - start
        error = reference.error(np.asarray(prepared.array(result)), np.load(expected, mmap_mode="r"))
        if error is not None and error <= tolerance:
            self.prepared[way] = prepared.call
        return {"error_of_largest": error, "first": first, "algorithm": prepared.algorithm}

    def _prepare(self, case, way):
        case = Case.from_record(case)
        if case != self.case:
            self.prepared.clear()
            self.case, self.arrays = case, case.arrays()
        return self.measured.prepare(case, *self.arrays, way)

    def do_time(self, way, budget):
        """Calls for `budget` seconds, after one that does not count."""
        call, times = self.prepared[way], []
        start = time.perf_counter()
        call()
        now = time.perf_counter()
        if now - start > budget:  # too long to do it again; nothing is left to warm up
            times.append(now - start)
        end = now + budget
        while not times or now < end:
            before = time.perf_counter()
            call()
            now = time.perf_counter()
            times.append(now - before)
        return {"best": min(times), "median": statistics.median(times), "calls": len(times)}

    def do_memory(self, case, way):
        """Growth of resident memory while preparing, and at the height of the first call, in bytes.

        A small case of the same kind goes first, so that what the library loads once does not count.
        """
        case = Case.from_record(case)
        small = tuple(
            min(i, (k - 1) * d + 1 + s)
            for i, k, d, s in zip(case.size, case.kernel, case.dilation, case.stride, strict=True)
        )
        warm = self._prepare({**case.record(), "n": 1, "size": small}, way)
        warm.call()
        del warm
        self._prepare_nothing()
        arrays = case.arrays()
        trim()
        before = resident()
        prepared = self.measured.prepare(case, *arrays, way)
        trim()
        ready = resident()
        reset_highest()
        result = prepared.call()
        highest = resident(highest=True)
        del result
        return {"prepare": max(ready - before, 0), "call": max(highest - ready, 0)}

    def _prepare_nothing(self):
        self.case = self.arrays = None
        self.prepared.clear()


def resident(highest=False):
    """Resident memory of this process in bytes, now or at its highest since `reset_highest`.

    Parameters
    ----------
    highest : bool

    Returns
    -------
    int

    Raises
    ------
    libraries.Unsupported
        If the system does not say.
    """
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            lines = dict(line.split(":", 1) for line in file)
    except OSError as error:
        raise libraries.Unsupported("memory is measured on Linux only") from error
    return int(lines["VmHWM" if highest else "VmRSS"].split()[0]) * 1024


def reset_highest():
    """Lets `resident` forget what was highest."""
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


def trim():
    """Gives freed memory back to the system, so that it does not hide what the next call takes."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def main(name, threads):
    """Answers the lines of standard input until it ends.

    Parameters
    ----------
    name : str
    threads : int
    """
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print does not mix with answers
    try:
        worker = Worker(name, threads)
    except Exception as error:
        traceback.print_exc()
        answers.write(json.dumps({"error": f"{type(error).__name__}: {error}"[:300]}) + "\n")
        answers.flush()
        return 1
    answers.write(json.dumps(worker.answer({"do": "hello"})) + "\n")
    answers.flush()
    for line in sys.stdin:
        answers.write(json.dumps(_plain(worker.answer(json.loads(line)))) + "\n")
        answers.flush()
    return 0


def _plain(answer):
    """Without infinities, which JSON has not."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in answer.items()}
