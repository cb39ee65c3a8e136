"""Looks for cliffs: shapes that take far longer for each multiply-add than shapes next to them.

Lines go through the space of shapes, each from a centre along one number: channels, filters, both, size, window.
Plans are timed alone, in this process.
"""

import dataclasses
import datetime
import functools
import json
import math
import pathlib
import re
import statistics
import time

import numpy as np

import cyconv
from benchmarks import machine, report, results
from benchmarks.suites import Case

FORMAT = "cyconv sweep"
VERSION = 1
KEYS = {
    "file": ("format", "version", "cyconv", "instruction_set", "started", "seconds", "complete", "command", "machine",
             "peaks", "quiet", "method", "lines", "cliffs"),
    "line": ("name", "centre", "axis", "stride", "dilation", "layout", "threads", "case", "values", "times",
             "algorithms"),
    "cliff": ("line", "value", "kind", "ratio", "time", "algorithm", "before"),
}  # fmt: skip

FACTOR = 1.5
"""A cliff takes more than this many times as long for each multiply-add as its neighbours."""
REACH = 3
"""Neighbours on each side, as far as there are as many on both."""
LEAST = 20e-6
"""Seconds below which a call is not judged: what it costs to call is a large part of them."""
AGAIN = 6
"""How often what looks like a cliff is measured again, with its neighbours: as long as it does, and for half the time
that its line took, at most."""

CHANNELS, SIZES, WINDOWS = range(1, 261), range(5, 231), range(1, 12)
AXES = {"c": CHANNELS, "k": CHANNELS, "ck": CHANNELS, "size": SIZES, "kernel": WINDOWS}
TITLES = {
    "c": "channels", "k": "filters", "ck": "channels and filters", "size": "pixels along each axis",
    "kernel": "window along each axis",
}  # fmt: skip
CENTRES = {
    "inner": {"c": 64, "k": 64, "size": 56, "kernel": 3},
    "deep": {"c": 128, "k": 128, "size": 14, "kernel": 3},
    "first": {"c": 3, "k": 32, "size": 64, "kernel": 5},
    "pointwise": {"c": 96, "k": 96, "size": 28, "kernel": 1},
    "depthwise": {"ck": 64, "size": 56, "kernel": 3},
}
VARIANTS = ((1, 1), (2, 1), (1, 2))
"""Strides and dilations."""


@dataclasses.dataclass(frozen=True)
class Line:
    """Shapes that differ in one number.

    Attributes
    ----------
    centre : str
        One of `CENTRES`.
    axis : str
        One of `AXES`: what differs.
    stride, dilation : int
    layout : str
        ``"NHWC"`` or ``"NCHW"``.
    values : tuple of int
    """

    centre: str
    axis: str
    stride: int
    dilation: int
    layout: str
    values: tuple

    @property
    def middle(self):
        """The case that all lines of this centre, stride and dilation share, or nearly."""
        at = CENTRES[self.centre]
        return self.case(at.get(self.axis, at.get("c")))

    @property
    def name(self):
        """What it is called in tables."""
        more = [f"stride {self.stride}"] * (self.stride > 1) + [f"dilation {self.dilation}"] * (self.dilation > 1)
        return " ".join([self.centre, self.layout, *more, TITLES[self.axis]])

    def case(self, value):
        """The convolution at a place of the line.

        Parameters
        ----------
        value : int

        Returns
        -------
        benchmarks.suites.Case
        """
        at = {**CENTRES[self.centre], self.axis: value}
        c, k = (at["ck"],) * 2 if "ck" in at else (at["c"], at["k"])
        groups = c if self.centre == "depthwise" else 1
        pad = (self.dilation * (at["kernel"] - 1) // 2,) * 2
        return Case(
            "sweep", f"{self.axis}={value}", "conv", 1, c, (at["size"],) * 2, k, (at["kernel"],) * 2,
            (self.stride,) * 2, (pad,) * 2, (self.dilation,) * 2, groups, "float32", self.centre,
        )  # fmt: skip


def lines(quick=False, layouts=("NHWC", "NCHW")):
    """All lines.

    Parameters
    ----------
    quick : bool
        Shorter, and neither strides nor dilations.
    layouts : sequence of str

    Returns
    -------
    list of Line
    """
    made = []
    for centre, at in CENTRES.items():
        for stride, dilation in VARIANTS[:1] if quick else VARIANTS:
            if dilation > 1 and at["kernel"] == 1:
                continue
            for axis in AXES:
                # Depthwise there is one number of channels; a first layer has few, and many at once are no such layer.
                if ("ck" in at and axis in ("c", "k")) or (centre == "first" and axis == "ck"):
                    continue
                if at["kernel"] == 1 and axis == "kernel":  # the centre "inner" has this line
                    continue
                values = tuple(v for v in AXES[axis] if not quick or v <= (72 if axis == "size" else 100))
                made += [Line(centre, axis, stride, dilation, layout, values) for layout in layouts]
    return made


@functools.cache
def _numbers(count):
    return np.random.default_rng(0).standard_normal(count, np.float32)


def _some(shape):
    """An array of random numbers; much the same memory again and again."""
    count = math.prod(shape)
    return _numbers(1 << max(count - 1, 1).bit_length())[:count].reshape(shape)


def measure(line, value, threads, budget):
    """The least time of a plan's call, and its algorithm.

    Parameters
    ----------
    line : Line
    value : int
    threads : int
    budget : float
        Seconds; there are at least two calls, after one that does not count.

    Returns
    -------
    tuple of (float, str)
    """
    case = line.case(value)
    last = line.layout == "NHWC"
    x = _some((1, *case.size, case.c) if last else (1, case.c, *case.size))
    w = _some((*case.kernel, case.c // case.groups, case.k) if last else (case.k, case.c // case.groups, *case.kernel))
    plan = cyconv.plan_conv2d(
        x.shape, w, stride=case.stride, padding=case.pad, dilation=case.dilation, groups=case.groups,
        layout=line.layout, threads=threads,
    )  # fmt: skip
    y = plan(x)
    best, calls, end = math.inf, 0, time.perf_counter() + budget
    while calls < 2 or time.perf_counter() < end:
        start = time.perf_counter()
        plan(x, out=y)
        best = min(best, time.perf_counter() - start)
        calls += 1
    return best, plan.algorithm


def judge(costs, times, factor=FACTOR, reach=REACH, least=LEAST):
    """Places of a line that are slower than those around them.

    Parameters
    ----------
    costs : sequence of float
        Time for each multiply-add.
    times : sequence of float
        Seconds.
    factor, least : float
    reach : int
        As `FACTOR`, `LEAST` and `REACH`.

    Returns
    -------
    list of tuple of (int, str, float)
        Index, kind and ratio.  A ``"peak"`` takes `factor` times as long as the median of its neighbours, as many
        on either side.  At a ``"step"`` it goes on as slowly: the median from there on is `factor` times that before.

    Examples
    --------
    >>> judge([1, 1, 1, 2, 1, 1, 1], [1] * 7)
    [(3, 'peak', 2.0)]
    >>> judge([1, 1, 1, 1, 2, 2, 2, 2], [1] * 8)
    [(4, 'step', 2.0)]
    """
    peaks, steps = {}, {}
    for i, (cost, seconds) in enumerate(zip(costs, times, strict=True)):
        near = min(reach, i, len(costs) - 1 - i)
        if seconds < least:
            continue
        if near:
            ratio = cost / statistics.median([*costs[i - near : i], *costs[i + 1 : i + 1 + near]])
            if ratio > factor:
                peaks[i] = ratio
        if i >= reach:  # at the end of the line, less than `reach` come after
            before = statistics.median(costs[i - reach : i])
            ratio = statistics.median(costs[i : i + reach]) / before
            if min(ratio, cost / before) > factor:
                steps[i] = ratio
    found = [(i, "peak", ratio) for i, ratio in peaks.items()]
    for i, ratio in steps.items():
        near = range(i - reach + 1, i + reach)
        if not any(n in peaks for n in near) and ratio >= max(steps.get(n, 0) for n in near):
            if i - 1 in steps and steps[i - 1] == ratio:  # a plateau begins where it begins
                continue
            found.append((i, "step", ratio))
    return sorted(found)


class Measured:
    """Times along a line.

    Parameters
    ----------
    line : Line
    threads : int
    """

    def __init__(self, line, threads):
        self.line, self.threads = line, threads
        self.times = [math.inf] * len(line.values)
        self.algorithms = [None] * len(line.values)
        self.macs = [line.case(v).flops // 2 for v in line.values]

    def take(self, index, budget):
        """Measures a place, again if it was measured before: the least time counts."""
        seconds, self.algorithms[index] = measure(self.line, self.line.values[index], self.threads, budget)
        self.times[index] = min(self.times[index], seconds)

    def cliffs(self):
        """As `judge`, of what was measured."""
        return judge([t / m for t, m in zip(self.times, self.macs, strict=True)], self.times)

    def record(self):
        """As in SCHEMA.md."""
        about = {key: getattr(self.line, key) for key in ("name", "centre", "axis", "stride", "dilation", "layout")}
        changes = [
            [value, name]
            for value, name, before in zip(self.line.values, self.algorithms, [None, *self.algorithms], strict=False)
            if name != before
        ]
        return {
            **about, "threads": self.threads, "case": self.line.middle.record(),
            "values": list(self.line.values), "times": [float(f"{t:.4g}") for t in self.times], "algorithms": changes,
        }  # fmt: skip

    def records_of_cliffs(self):
        """As in SCHEMA.md."""
        return [
            {
                "line": self.line.name, "value": self.line.values[i], "kind": kind, "ratio": round(ratio, 3),
                "time": float(f"{self.times[i]:.4g}"), "algorithm": self.algorithms[i],
                "before": self.algorithms[i - 1] if i else None,
            }
            for i, kind, ratio in self.cliffs()
        ]  # fmt: skip


def run(wanted, options, show=lambda *_: None):
    """Measures lines.

    Parameters
    ----------
    wanted : list of Line
    options : dict
        ``threads``, ``rounds``, ``budget``, ``peaks``, ``command``.
    show : callable
        Called with the steps done, all steps, and what is being done.

    Returns
    -------
    dict
        As in SCHEMA.md.
    """
    started, clock = datetime.datetime.now(datetime.UTC), time.perf_counter()
    busy, probe, complete, done = machine.others_busy(), machine.Probe(), True, 0
    steps = sum(len(line.values) for line in wanted) * options["rounds"]
    measured = []
    try:
        for line in wanted:
            one, began = Measured(line, options["threads"]), time.perf_counter()
            order = range(len(line.values))
            for _ in range(options["rounds"]):  # there and back, so that a machine that slows down makes no slope
                probe.take()
                for index in order:
                    one.take(index, options["budget"])
                    done += 1
                    show(done, steps, line.name)
                order = order[::-1]
            again_until = time.perf_counter() + max(0.5 * (time.perf_counter() - began), 1.0)
            for _ in range(AGAIN):
                near = {n for i, _, _ in one.cliffs() for n in range(i - REACH, i + REACH + 1) if 0 <= n < len(order)}
                for index in sorted(near) if time.perf_counter() < again_until else ():
                    one.take(index, 4 * options["budget"])
                    show(done, steps, f"{line.name}, again")
            measured.append(one)
    except KeyboardInterrupt:
        complete = False
    probe.take()
    from cyconv import isa

    return {
        "format": FORMAT,
        "version": VERSION,
        "cyconv": cyconv.__version__,
        "instruction_set": isa.CURRENT,
        "started": started.isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - clock, 1),
        "complete": complete,
        "command": options["command"],
        "machine": machine.describe(),
        "peaks": [machine.peaks(options["threads"], "float32", 0.3)] if options["peaks"] else [],
        "quiet": machine.verdict(busy, machine.others_busy(), probe.record()),
        "method": {
            "rounds": options["rounds"], "budget": options["budget"], "factor": FACTOR, "reach": REACH,
            "least": LEAST, "again": AGAIN,
        },
        "lines": [one.record() for one in measured],
        "cliffs": [cliff for one in measured for cliff in one.records_of_cliffs()],
    }  # fmt: skip


def save(path, swept):
    """Writes a sweep, after `check`; lists of numbers stand on one line.

    Parameters
    ----------
    path : path-like
    swept : dict
    """
    check(swept)
    text = json.dumps(swept, indent=1, allow_nan=False)
    text = re.sub(r"\[[^\[\]{}]*\]", lambda found: " ".join(found[0].split()), text)
    text = re.sub(r"\[ ?([^\[\]{}]*?) ?\]", r"[\1]", text)
    pathlib.Path(path).write_text(text + "\n", encoding="utf-8")


def load(path):
    """Reads a sweep.

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
    swept = results.read(path)
    check(swept, path)
    return swept


def check(swept, name="sweep"):
    """Raises ValueError unless a sweep has the form that SCHEMA.md describes.

    Parameters
    ----------
    swept : dict
    name : path-like
        For messages.
    """
    if not isinstance(swept, dict) or swept.get("format") != FORMAT:
        raise ValueError(f"{name}: not a file of a sweep")
    if swept.get("version") != VERSION:
        raise ValueError(f"{name}: version {swept.get('version')!r} of the format, this program reads {VERSION}")
    for kind, records in (("file", [swept]), ("line", swept.get("lines", [])), ("cliff", swept.get("cliffs", []))):
        for record in records:
            lacking = [key for key in KEYS[kind] if key not in record]
            if lacking:
                raise ValueError(f"{name}: {kind} without {', '.join(lacking)}")
    for line in swept["lines"]:
        if len(line["values"]) != len(line["times"]):
            raise ValueError(f"{name}, {line['name']}: {len(line['values'])} values, {len(line['times'])} times")


def speeds(line):
    """GFLOP/s along a line of a file.

    Parameters
    ----------
    line : dict

    Returns
    -------
    list of float
    """
    made = Line(*(line[key] for key in ("centre", "axis", "stride", "dilation", "layout")), tuple(line["values"]))
    return [made.case(v).flops / t / 1e9 for v, t in zip(line["values"], line["times"], strict=True)]


def cliffs(swept):
    """The cliffs of a sweep, the worst first.

    Parameters
    ----------
    swept : dict

    Returns
    -------
    tuple of (str, list of str, list of list of str)
        A sentence, columns and rows.
    """
    by_name = {line["name"]: line for line in swept["lines"]}
    rows = []
    for cliff in sorted(swept["cliffs"], key=lambda cliff: -cliff["ratio"]):
        line = by_name[cliff["line"]]
        here = speeds(line)[line["values"].index(cliff["value"])]
        changed = "" if cliff["before"] in (None, cliff["algorithm"]) else f", before {cliff['before']}"
        rows.append([
            cliff["line"], str(cliff["value"]), cliff["kind"], f"{cliff['ratio']:.2f}",
            results.milliseconds(cliff["time"]), f"{here:.0f}", f"{cliff['algorithm']}{changed}",
        ])  # fmt: skip
    points = sum(len(line["values"]) for line in swept["lines"])
    sentence = f"{len(rows)} cliffs among {points} shapes on {len(by_name)} lines, in {swept['seconds']:.0f} s."
    return sentence, ["line", "at", "kind", "times", "ms", "GFLOP/s", "algorithm"], rows


def show(swept, everything=False, most=40):
    """Prints a sweep: its cliffs, and what the lines are like.

    Parameters
    ----------
    swept : dict
    everything : bool
        All cliffs, and a row for each line.
    most : int
        Otherwise so many cliffs.
    """
    if everything:
        rows = []
        for line in swept["lines"]:
            speed = speeds(line)
            algorithms = ", ".join(f"{name} from {value}" for value, name in line["algorithms"])
            found = sum(cliff["line"] == line["name"] for cliff in swept["cliffs"])
            numbers = [f"{f(speed):.0f}" for f in (min, statistics.median, max)]
            ends = f"{line['values'][0]}-{line['values'][-1]}"
            rows.append([line["name"], ends, *numbers, str(found) if found else "", algorithms])
        report.table("Lines", ["line", "values", "least", "median", "most GFLOP/s", "cliffs", "algorithms"], rows)
    sentence, columns, rows = cliffs(swept)
    shown = rows if everything else rows[:most]
    if shown:
        title = f"Cliffs: more than {swept['method']['factor']:g} times as long for each multiply-add as beside them"
        report.table(title, columns, shown)
    print(sentence)
    if len(rows) > len(shown):
        print(f"The {len(shown)} worst of them are shown; --details shows all.")
    print("peak: slower than its neighbours on both sides; step: slower from there on.")
    report.quiet(swept)
