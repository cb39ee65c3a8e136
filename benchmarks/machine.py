"""What the measurements ran on: processor, versions, how fast it is at best, and whether others used it."""

import ctypes
import functools
import math
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import tempfile
import threading
import time

import numpy as np

QUIET_BUSY = 0.05
"""A machine is quiet if others use at most this part of its processors."""
QUIET_PROBE = 0.10
"""... and a fixed piece of work takes at most this much longer at the median than at best."""


def describe():
    """Processor, caches, memory, system.

    Returns
    -------
    dict
    """
    names = _keyed("/proc/cpuinfo")
    memory = _keyed("/proc/meminfo").get("MemTotal", "0 kB").split()[0]
    caches = {}
    for index in sorted(pathlib.Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = ((index / name).read_text().strip() for name in ("level", "type", "size"))
        if kind != "Instruction":
            caches[f"L{level}"] = size
    return {
        "processor": names.get("model name", platform.processor() or platform.machine()),
        "architecture": platform.machine(),
        "processors": usable(),
        "caches": caches,
        "memory_bytes": int(memory) * 1024,
        "system": platform.platform(),
    }


def _keyed(path):
    """The first of each key of a file of ``key: value`` lines."""
    found = {}
    try:
        for line in pathlib.Path(path).read_text().splitlines():
            key, colon, value = line.partition(":")
            if colon:
                found.setdefault(key.strip(), value.strip())
    except OSError:
        pass
    return found


def usable():
    """Processors that this process may use.

    Returns
    -------
    int
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def others_busy(seconds=1.0):
    """The part of all processors' time that others use while this process waits.

    Parameters
    ----------
    seconds : float

    Returns
    -------
    float or None
        None if the system does not say.
    """
    before = _ticks()
    time.sleep(seconds)
    after = _ticks()
    if before is None or after is None:
        return None
    total = sum(after) - sum(before)
    idle = sum(after[3:5]) - sum(before[3:5])
    return max(1 - idle / total, 0.0) if total else 0.0


def _ticks():
    try:
        with open("/proc/stat", encoding="ascii") as file:
            return list(map(int, file.readline().split()[1:9]))
    except OSError:
        return None


class Probe:
    """A fixed piece of work that is timed again and again between measurements."""

    def __init__(self):
        self.values = np.linspace(0.0, 1.0, 4096)
        self.times = []

    def take(self):
        """Times it once more, about a millisecond of one processor."""
        start = time.perf_counter()
        for _ in range(200):
            np.sqrt(self.values, out=self.values)
        self.times.append(time.perf_counter() - start)

    def record(self):
        """Best and median in seconds, and by how much the median is longer.

        Returns
        -------
        dict
        """
        best, median = min(self.times), statistics.median(self.times)
        return {"best": best, "median": median, "longer": median / best - 1, "count": len(self.times)}


def verdict(before, after, probe):
    """Whether the machine was quiet, and in words why not.

    Parameters
    ----------
    before, after : float or None
        Of `others_busy`.
    probe : dict
        Of `Probe.record`.

    Returns
    -------
    dict
        As in SCHEMA.md, ``quiet``.
    """
    reasons = []
    for name, busy in (("before", before), ("after", after)):
        if busy is not None and busy > QUIET_BUSY:
            reasons.append(f"{name} the measurements others used {busy:.0%} of the processors")
    if probe["longer"] > QUIET_PROBE:
        reasons.append(f"a fixed piece of work took {probe['longer']:.0%} longer at the median than at best")
    return {
        "quiet": not reasons, "reasons": reasons, "busy_before": before, "busy_after": after, "probe": probe,
    }  # fmt: skip


SOURCE = """
#include <stddef.h>
typedef TYPE vec __attribute__((vector_size(BYTES)));
double fma_loop(long turns)
{
    vec a[CHAINS], m = {0}, s = {0};
    for (int j = 0; j < CHAINS; j++) for (size_t i = 0; i < sizeof(vec) / sizeof(TYPE); i++) a[j][i] = j + i;
    for (size_t i = 0; i < sizeof(vec) / sizeof(TYPE); i++) { m[i] = (TYPE)0.999; s[i] = (TYPE)0.001; }
    for (long t = 0; t < turns; t++) {
        _Pragma("GCC unroll 32") for (int j = 0; j < CHAINS; j++) a[j] = a[j] * m + s;
        __asm__ volatile("" : : "r"(turns));
    }
    double sum = 0;
    for (int j = 0; j < CHAINS; j++) for (size_t i = 0; i < sizeof(vec) / sizeof(TYPE); i++) sum += a[j][i];
    return sum;
}
"""
CHAINS = 20


def peaks(threads, dtype="float32", seconds=0.5):
    """The most that this machine does: multiplications and additions, and bytes from and to memory.

    Parameters
    ----------
    threads : int
    dtype : str
    seconds : float
        For each of both.

    Returns
    -------
    dict
        ``flops``, per second; ``flops_by``, how it was found: by a loop of fused multiply-adds in registers if there
        is a C compiler, else by NumPy's product of matrices; ``bandwidth``, bytes per second of a copy.
    """
    flops, by = _fma_peak(threads, dtype, seconds)
    return {
        "dtype": dtype,
        "threads": threads,
        "flops": flops,
        "flops_by": by,
        "bandwidth": _bandwidth(threads, seconds),
    }


def _fma_peak(threads, dtype, seconds):
    with tempfile.TemporaryDirectory() as folder:
        run = _compiled_loop(pathlib.Path(folder), dtype)
        if run is not None:
            loop, lanes = run
            turns = 1000
            while _all_threads(threads, functools.partial(loop, turns)) < 0.02:
                turns *= 2
            work = functools.partial(loop, turns)
            best = min(_all_threads(threads, work) for _ in range(max(int(seconds / 0.02), 3)))
            return threads * turns * CHAINS * lanes * 2 / best, "a loop of multiply-adds in registers, in C"
    n = 2048
    a = np.ones((n, n), dtype)
    best = math.inf
    end = time.perf_counter() + seconds
    while best == math.inf or time.perf_counter() < end:
        start = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - start)
    return 2 * n**3 / best, "NumPy's product of matrices (no C compiler)"


def _compiled_loop(folder, dtype):
    compiler = shutil.which(os.environ.get("CC", "cc")) or shutil.which("gcc") or shutil.which("clang")
    flags = _keyed("/proc/cpuinfo").get("flags", "")
    size = 64 if "avx512f" in flags else 32 if "avx2" in flags else 16
    if compiler is None:
        return None
    source, built = folder / "peak.c", folder / "peak.so"
    source.write_text(SOURCE)
    kind = "double" if dtype == "float64" else "float"
    known = [f"-DTYPE={kind}", f"-DBYTES={size}", f"-DCHAINS={CHAINS}", "-O3", "-march=native", "-ffp-contract=fast"]
    done = subprocess.run([compiler, *known, "-fPIC", "-shared", "-o", built, source], capture_output=True, check=False)
    if done.returncode:
        return None
    loop = ctypes.CDLL(str(built)).fma_loop
    loop.restype, loop.argtypes = ctypes.c_double, [ctypes.c_long]
    return loop, size // np.dtype(dtype).itemsize


def _bandwidth(threads, seconds):
    count = 32 * 2**20 // 4  # larger together than caches
    pairs = [(np.ones(count, np.float32), np.empty(count, np.float32)) for _ in range(threads)]
    todo = iter(())

    def copy():
        x, y = next(todo)
        for _ in range(4):
            np.copyto(y, x)

    best, end = math.inf, time.perf_counter() + seconds
    while best == math.inf or time.perf_counter() < end:
        todo = iter(pairs)
        best = min(best, _all_threads(threads, copy))
    return threads * 4 * 2 * 4 * count / best


def _all_threads(threads, work):
    """Seconds from the start of `work` in all threads to its end in the last."""
    if threads == 1:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start
    ready = threading.Barrier(threads + 1)

    def body():
        ready.wait()
        work()

    others = [threading.Thread(target=body) for _ in range(threads)]
    for thread in others:
        thread.start()
    ready.wait()
    start = time.perf_counter()
    for thread in others:
        thread.join()
    return time.perf_counter() - start
