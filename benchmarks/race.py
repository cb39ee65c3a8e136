"""Libraries take turns, round after round, each in its own process."""

import contextlib
import datetime
import json
import os
import pathlib
import queue
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np

from benchmarks import libraries, machine, reference, results

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAUSE = 0.15
"""Seconds between turns: until threads that spin have gone to sleep."""
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "CYCONV_NUM_THREADS")
ANSWER_WITHIN = 600.0
"""Seconds after which a process that does not answer is ended."""


class Lost(Exception):  # noqa: N818 - an answer that did not come
    """A worker's process ended, or did not answer."""


class Process:
    """A worker and the lines to it.

    Parameters
    ----------
    name : str
        Of the library.
    threads : int
    python : str
        The interpreter.
    """

    def __init__(self, name, threads, python=sys.executable):
        environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))
        self.log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - until `close`
        self.process = subprocess.Popen(
            [python, "-m", "benchmarks", "worker", name, str(threads)],
            cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True,
        )  # fmt: skip
        self.lines = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()
        self.hello = None

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def receive(self):
        """The next answer; raises `Lost`."""
        try:
            line = self.lines.get(timeout=ANSWER_WITHIN)
        except queue.Empty:
            self.process.kill()
            raise Lost(f"no answer within {ANSWER_WITHIN:.0f} s") from None
        if line is None:
            self.log.seek(0)
            last = self.log.read().strip().splitlines()[-1:] or ["no message"]
            raise Lost(f"the process ended with {self.process.wait()}: {last[0][:200]}")
        return json.loads(line)

    def ask(self, **request):
        """The answer to a request; raises `Lost`."""
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        except OSError:
            pass  # `receive` says why
        return self.receive()

    def close(self):
        """Ends the process."""
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class Workers:
    """One process for each library and number of threads, started when needed.

    Parameters
    ----------
    pythons : dict of str to str
        Interpreters of libraries that are not in this one.
    """

    def __init__(self, pythons=None):
        self.pythons = pythons or {}
        self.running = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for key in list(self.running):
            self.drop(key)

    def get(self, name, threads):
        """The process of a library; raises `Lost` if it does not start."""
        key = name, threads
        if key not in self.running:
            process = self.running[key] = self.fresh(name, threads)
            process.hello = process.receive()
            if "error" in process.hello:
                reason = process.hello["error"]
                self.drop(key)
                raise Lost(reason)
        return self.running[key]

    def fresh(self, name, threads):
        """A process of its own, which the caller closes."""
        return Process(name, threads, self.pythons.get(name, sys.executable))

    def drop(self, key):
        """Ends a process."""
        self.running.pop(key).close()


def present(names, pythons):
    """Which libraries are installed, and of the others what is missing.

    Parameters
    ----------
    names : sequence of str
    pythons : dict of str to str
        Interpreters of some of them; what those lack shows when they start.

    Returns
    -------
    tuple of (list of str, dict of str to str)
    """
    there, lacking = [], {}
    for name in names:
        modules = [] if name in pythons else _missing(name)
        if modules:
            lacking[name] = f"not installed: {', '.join(modules)}"
        else:
            there.append(name)
    return there, lacking


def _missing(name):
    try:
        return libraries.missing(name)
    except ImportError as error:
        return [error.name or str(error)]


def run(cases, options, report=lambda *_: None):
    """Measures cases.

    Parameters
    ----------
    cases : list of benchmarks.suites.Case
    options : dict
        ``libraries``, ``threads``, ``rounds``, ``budget``, ``limit``, ``layouts``, ``algorithms``, ``memory``,
        ``peaks``, ``pythons``, ``command``.
    report : callable
        Called with the steps done, all steps, and what is being done.

    Returns
    -------
    dict
        As in SCHEMA.md.
    """
    started, clock = datetime.datetime.now(datetime.UTC), time.perf_counter()
    names, lacking = present(options["libraries"], options["pythons"])
    steps = len(cases) * (1 + options["rounds"] + bool(options["memory"]))
    done = 0
    report(done, steps, "looking at the machine")
    busy = machine.others_busy()
    probe = machine.Probe()

    def step(text):
        nonlocal done
        done += 1
        report(done, steps, text)

    rows, about = [], {}
    with Workers(options["pythons"]) as workers, tempfile.TemporaryDirectory(prefix="cyconv-benchmarks-") as folder:
        for name in list(names):
            report(done, steps, f"starting {name}")
            try:
                for threads in options["threads"]:
                    about[name] = workers.get(name, threads).hello
            except Lost as reason:
                lacking[name] = str(reason)
                names.remove(name)
        path, complete = os.path.join(folder, "expected.npy"), True
        try:
            for case in cases:
                report(done, steps, case.key)
                np.save(path, reference.compute(case))
                rows += Race(case, names, options, workers, probe, path).run(step)
        except KeyboardInterrupt:
            complete = False
        report(steps, steps, "")
    peaks = []
    if options["peaks"]:
        kinds = sorted({c.dtype for c in cases})
        peaks = [
            machine.peaks(threads, dtype, min(0.5, 10 * options["budget"]))
            for threads in options["threads"]
            for dtype in kinds
        ]
    return {
        "format": results.FORMAT,
        "version": results.VERSION,
        "cyconv": about.get("cyconv", {}).get("versions", {}).get("cyconv"),
        "started": started.isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - clock, 1),
        "complete": complete,
        "command": options["command"],
        "machine": machine.describe(),
        "peaks": peaks,
        "libraries": {name: about[name] for name in names},
        "missing": lacking,
        "quiet": machine.verdict(busy, machine.others_busy(), probe.record()),
        "method": {k: options[k] for k in ("rounds", "budget", "limit", "layouts", "algorithms")} | {
            "tolerance": reference.TOLERANCE, "pause": PAUSE,
        },
        "results": rows,
    }  # fmt: skip


class Race:
    """One case: every way of every library, for every number of threads.

    Parameters
    ----------
    case : benchmarks.suites.Case
    names : list of str
    options : dict
    workers : Workers
    probe : machine.Probe
    expected : str
        File of the float64 result.
    """

    def __init__(self, case, names, options, workers, probe, expected):
        self.case, self.options, self.workers, self.probe, self.expected = case, options, workers, probe, expected
        self.runners = [
            (name, way, threads)
            for name in names
            for way in libraries.find(name).ways(options)
            for threads in options["threads"]
        ]
        self.rounds = {runner: [] for runner in self.runners}
        self.errors, self.algorithms, self.ends, self.slow = {}, {}, {}, set()

    def run(self, step):
        """Results, one for each number of threads."""
        for runner in self.runners:
            self._start(runner)
        step(self.case.key)
        for _ in range(self.options["rounds"]):
            self.probe.take()
            for runner in self.runners:
                if runner not in self.ends and not (runner in self.slow and self.rounds[runner]):
                    self._turn(runner)
            step(self.case.key)
        memory = {}
        if self.options["memory"]:
            most = max(self.options["threads"])
            memory = {r: self._memory(r) for r in self.runners if r not in self.ends and r[2] == most}
            step(self.case.key)
        return [self._result(threads, memory) for threads in self.options["threads"]]

    def _ask(self, runner, **request):
        """The answer, or None if the race is over for this runner."""
        name, way, threads = runner
        try:
            answer = self.workers.get(name, threads).ask(way=way, **request)
        except Lost as reason:
            if (name, threads) in self.workers.running:
                self.workers.drop((name, threads))
            for other in self.runners:  # what else this process had prepared is lost too
                if (other[0], other[2]) == (name, threads) and other not in self.ends:
                    self.ends[other] = "failed", str(reason)
            return None
        for key, status in (("unsupported", "unsupported"), ("error", "failed")):
            if key in answer:
                self.ends[runner] = status, answer[key]
                return None
        return answer

    def _start(self, runner):
        tolerance = reference.TOLERANCE[self.case.dtype]
        answer = self._ask(runner, do="prepare", case=self.case.record(), expected=self.expected, tolerance=tolerance)
        if answer is None:
            return
        error = self.errors[runner] = answer["error_of_largest"]
        self.algorithms[runner] = answer.get("algorithm", "")
        if error is None:
            self.ends[runner] = "wrong", "another shape, or not a number"
        elif error > tolerance:
            self.ends[runner] = "wrong", f"error {error:.1e} of the largest output, allowed {tolerance:.0e}"
        elif answer["first"] > self.options["limit"]:
            self.slow.add(runner)

    def _turn(self, runner):
        time.sleep(PAUSE)
        answer = self._ask(runner, do="time", budget=self.options["budget"])
        if answer is not None:
            self.rounds[runner].append(answer)

    def _memory(self, runner):
        name, way, threads = runner
        process = self.workers.fresh(name, threads)
        try:
            process.receive()
            answer = process.ask(do="memory", case=self.case.record(), way=way)
        except Lost:
            return None
        finally:
            process.close()
        return answer if "call" in answer else None

    def _result(self, threads, memory):
        entries = []
        for runner in self.runners:
            if runner[2] != threads:
                continue
            status, reason = self.ends.get(runner, ("timed", None))
            entries.append(
                results.entry(
                    *runner[:2],
                    self.rounds[runner],
                    self.errors.get(runner),
                    status,
                    reason,
                    memory.get(runner),
                    self.algorithms.get(runner, ""),
                )
            )
        return {
            "case": self.case.record(),
            "threads": threads,
            "flops": self.case.flops,
            "bytes": self.case.nbytes,
            "entries": entries,
        }
