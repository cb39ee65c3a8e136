"""Pictures of results, with matplotlib: SVG and PNG of each."""

import collections
import math
import pathlib
import re

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmarks import results
from benchmarks.recorded import NAMES

STYLE = {  # colours that colour-blind people can tell apart, and shapes that need no colours
    "cyconv": ("#0072b2", "o"), "numpy": ("#e69f00", "s"), "scipy": ("#009e73", "D"), "torch": ("#d55e00", "^"),
    "onnxruntime": ("#cc79a7", "v"), "openvino": ("#56b4e9", "P"), "ncnn": ("#8c6d1f", "X"), "opencv": ("#000000", "*"),
    "jax": ("#7f7f7f", "<"), "tensorflow": ("#882255", ">"),
}  # fmt: skip
SETTINGS = {
    "font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.titlelocation": "left",
    "axes.axisbelow": True, "legend.frameon": False, "svg.hashsalt": "cyconv", "svg.fonttype": "path",
}  # fmt: skip


def draw(runs, first, folder=None):
    """Draws what the results allow.

    Parameters
    ----------
    runs : list of dict
    first : path-like
        Pictures are called after this file.
    folder : path-like, optional
        By default that of `first`.

    Returns
    -------
    list of pathlib.Path
        What was written.
    """
    run = _together(runs)
    folder = pathlib.Path(folder) if folder else pathlib.Path(first).parent
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    pictures = {
        "speed": speed, "roofline": roofline, "scaling": scaling, "scaling-memory": scaling_memory,
        "threads": threads, "memory": memory,
    }  # fmt: skip
    with matplotlib.rc_context(SETTINGS):
        for name, picture in pictures.items():
            figure = picture(run)
            if figure is None:
                continue
            for kind, known in (("svg", {"metadata": {"Date": None}}), ("png", {"dpi": 160})):
                written.append(folder / f"{pathlib.Path(first).stem}-{name}.{kind}")
                figure.savefig(written[-1], bbox_inches="tight", facecolor="white", **known)
    return written


def draw_sweep(swept, path, folder=None):
    """Draws the lines of a sweep: a picture for each stride and dilation.

    Parameters
    ----------
    swept : dict
    path : path-like
        Pictures are called after this file.
    folder : path-like, optional
        By default that of `path`.

    Returns
    -------
    list of pathlib.Path
        What was written.
    """
    folder = pathlib.Path(folder) if folder else pathlib.Path(path).parent
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    variants = dict.fromkeys((line["stride"], line["dilation"]) for line in swept["lines"])
    with matplotlib.rc_context(SETTINGS):
        for stride, dilation in variants:
            named = f"-stride{stride}" * (stride > 1) + f"-dilation{dilation}" * (dilation > 1)
            figure = _sweep(swept, stride, dilation)
            for kind, known in (("svg", {"metadata": {"Date": None}}), ("png", {"dpi": 110})):
                written.append(folder / f"{pathlib.Path(path).stem}{named}.{kind}")
                figure.savefig(written[-1], bbox_inches="tight", facecolor="white", **known)
    return written


def _sweep(swept, stride, dilation):
    """A row of plots for each centre, a column for each number that differs."""
    from benchmarks import sweep

    shown = [line for line in swept["lines"] if (line["stride"], line["dilation"]) == (stride, dilation)]
    centres = list(dict.fromkeys(line["centre"] for line in shown))
    axes_of = [axis for axis in sweep.AXES if any(line["axis"] == axis for line in shown)]
    figure = Figure(figsize=(3.4 * len(axes_of), 2.5 * len(centres)), layout="constrained")
    grid = figure.subplots(len(centres), len(axes_of), squeeze=False)
    used, handles = set(), {}
    for line in shown:
        row, column = centres.index(line["centre"]), axes_of.index(line["axis"])
        axes, speeds = grid[row, column], sweep.speeds(line)
        used.add((row, column))
        colour, style = {"NHWC": ("#0072b2", "-"), "NCHW": ("#e69f00", "-")}[line["layout"]]
        handles[line["layout"]] = axes.plot(line["values"], speeds, style, color=colour, lw=1)[0]
        at = dict(zip(line["values"], speeds, strict=True))
        for value, name in line["algorithms"][1:] if len(line["algorithms"]) > 1 else ():
            axes.plot(value, at[value], "|", color=colour, ms=9, mew=1.2)
            handles["another algorithm"] = axes.plot([], [], "|", color="#333333", ms=9, mew=1.2)[0]
            if len(line["algorithms"]) <= 4:
                axes.annotate(name, (value, at[value]), (2, 6), textcoords="offset points", fontsize=6, color=colour)
        cliffs = [cliff["value"] for cliff in swept["cliffs"] if cliff["line"] == line["name"]]
        if cliffs:
            handles["cliff"] = axes.plot(cliffs, [at[v] for v in cliffs], "v", color="#cc0000", ms=5, mfc="none")[0]
    for row, centre in enumerate(centres):
        for column, axis in enumerate(axes_of):
            axes = grid[row, column]
            if (row, column) not in used:
                axes.set_visible(False)
                continue
            axes.set_ylim(0, None)
            axes.grid(color="#e5e5e5", lw=0.6)
            axes.set_xlabel(sweep.TITLES[axis], fontsize=8)
            axes.set_title(f"{centre}: " + _fixed(sweep.CENTRES[centre], axis), fontsize=8)
            axes.tick_params(labelsize=7)
            if column == min(c for r, c in used if r == row):
                axes.set_ylabel("GFLOP/s", fontsize=8)
    figure.legend(handles.values(), handles.keys(), loc="outside upper left", ncols=6, columnspacing=1)
    text = f"Stride {stride}, dilation {dilation}, {shown[0]['threads']} threads, float32, plans alone, least time."
    _note(figure, {**swept, "libraries": {"cyconv": {"versions": {"cyconv": swept["cyconv"]}}}}, text)
    return figure


def _fixed(centre, axis):
    """The numbers of a centre that do not differ."""
    words = {
        "c": "{} channels",
        "k": "{} filters",
        "ck": "{} channels",
        "size": "{0} x {0} pixels",
        "kernel": "{0} x {0}",
    }
    gone = {"ck": ("c", "k", "ck")}.get(axis, (axis,))
    return ", ".join(words[key].format(value) for key, value in centre.items() if key not in gone)


def _together(runs):
    """Several runs as one; the machine is that of the first."""
    run = {**runs[0], "results": [r for one in runs for r in one["results"]]}
    run["libraries"] = {name: about for one in reversed(runs) for name, about in one["libraries"].items()}
    run["libraries"] = {name: run["libraries"][name] for name in STYLE if name in run["libraries"]}
    run["peaks"] = {(p["threads"], p["dtype"]): p for one in reversed(runs) for p in one["peaks"]}
    return run


def _note(figure, run, text=""):
    """Where the numbers come from, under the picture."""
    quiet = "" if run["quiet"]["quiet"] else "  The machine was not quiet."
    versions = ", ".join(
        f"{NAMES.get(name, name)} {next(iter(about['versions'].values()), '?')}"
        for name, about in run["libraries"].items()
    )
    lines = [*([text] if text else []), f"{run['machine']['processor']}, {run['started'][:10]}.{quiet}", versions]
    figure.text(0.01, 0.0, "\n".join(lines), fontsize=7, color="#555555", va="top")


def _most_threads(run):
    """Results with as many threads as were asked for, without series."""
    most = max((r["threads"] for r in run["results"]), default=0)
    return [r for r in run["results"] if r["threads"] == most and "=" not in r["case"]["name"]]


def _plain_log(axis):
    axis.set_major_locator(LogLocator(10, (1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    axis.set_minor_formatter(NullFormatter())


def _case(result):
    suite, name = result["case"]["suite"], result["case"]["name"]
    return f"{suite}: {name}"


def speed(run):
    """For each case, how many times as long each other library takes.

    Parameters
    ----------
    run : dict

    Returns
    -------
    matplotlib.figure.Figure or None
    """
    rows = [r for r in _most_threads(run) if results.fastest(r, "cyconv")]
    others = [name for name in results.libraries(run) if name != "cyconv"]
    if not rows or not others:
        return None
    figure = Figure(figsize=(8, 0.9 + 0.23 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    behind = []
    for name in others:
        colour, marker = STYLE[name]
        points = []
        for i, r in enumerate(rows):
            e = results.fastest(r, name)
            if e:
                points.append((e["median"] / results.fastest(r, "cyconv")["median"], i))
        if points:
            size = 60 if marker == "*" else 30
            axes.scatter(*zip(*points, strict=True), color=colour, marker=marker, s=size, label=NAMES.get(name, name),
                         zorder=3, edgecolors="white", linewidths=0.4)  # fmt: skip
            behind += [i for ratio, i in points if ratio < 1]
    axes.set_xscale("log")
    left = min([0.5, *(0.9 * c.get_offsets()[:, 0].min() for c in axes.collections)])
    right = 1.2 * max(c.get_offsets()[:, 0].max() for c in axes.collections)
    axes.axvspan(left, 1, color="#d55e00", alpha=0.08, lw=0)
    axes.axvline(1, color=STYLE["cyconv"][0], lw=1.5)
    axes.set_xlim(left, right)
    _plain_log(axes.xaxis)
    axes.set_yticks(range(len(rows)), [_case(r) for r in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(axis="x", color="#dddddd", lw=0.6)
    axes.grid(axis="y", color="#eeeeee", lw=0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("time divided by cyconv's (logarithmic); in the tinted part cyconv is slower")
    axes.set_title(
        f"Times of other libraries, cyconv = 1 ({rows[0]['threads']} threads); "
        f"a faster one in {len(set(behind))} of {len(rows)} cases",
    )
    figure.legend(loc="outside upper left", ncols=9, columnspacing=1, handletextpad=0.1, borderpad=0.2)
    _note(figure, run, "Of each library the fastest way, median of rounds in turns.")
    return figure


def roofline(run):
    """What cyconv reaches, beside what the machine can do at most.

    Parameters
    ----------
    run : dict

    Returns
    -------
    matplotlib.figure.Figure or None
    """
    rows = [r for r in _most_threads(run) if results.fastest(r, "cyconv") and r["case"]["op"] == "conv"]
    kinds = sorted({r["case"]["dtype"] for r in rows})
    kinds = [k for k in kinds if (rows[0]["threads"], k) in run["peaks"]] if rows else []
    if not kinds:
        return None
    figure = Figure(figsize=(7, 4.4), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xscale("log")
    axes.set_yscale("log")
    for kind, line, colour in zip(kinds, ("-", "--"), ("#0072b2", "#d55e00"), strict=False):
        peak = run["peaks"][rows[0]["threads"], kind]
        points = [(r["flops"] / r["bytes"], r["flops"] / results.fastest(r, "cyconv")["median"] / 1e9, r)
                  for r in rows if r["case"]["dtype"] == kind]  # fmt: skip
        corner = peak["flops"] / peak["bandwidth"]
        start, end = min([0.5, *(p[0] for p in points)]) / 1.5, max([4 * corner, *(p[0] for p in points)]) * 1.5
        top, middle = peak["flops"] / 1e9, math.sqrt(start * corner)
        axes.plot([start, corner, end], [start * peak["bandwidth"] / 1e9, top, top], line, color="#333333", lw=1)
        axes.annotate(
            f"{kind}: {top:.0f} GFLOP/s", (end, top), (0, 4), textcoords="offset points", ha="right", fontsize=8
        )
        axes.scatter([p[0] for p in points], [p[1] for p in points], s=26, color=colour, alpha=0.85, label=kind,
                     edgecolors="white", linewidths=0.4, zorder=3)  # fmt: skip
        for x, y, r in _to_name(points):
            axes.annotate(r["case"]["name"], (x, y), (4, -8), textcoords="offset points", fontsize=6, color="#333333")
    axes.annotate(
        f"copy: {peak['bandwidth'] / 1e9:.0f} GB/s", (middle, middle * peak["bandwidth"] / 1e9), (-5, 3),
        textcoords="offset points", fontsize=8, ha="right",
    )  # fmt: skip
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    axes.grid(color="#e5e5e5", lw=0.6)
    axes.set_xlabel("operations for each byte of input, weights and output")
    axes.set_ylabel("GFLOP/s of the definition")
    axes.set_title(f"What cyconv reaches, and what the machine can do ({rows[0]['threads']} threads)")
    if len(kinds) > 1:
        axes.legend(loc="lower right")
    by = sorted({p["flops_by"] for p in run["peaks"].values()})
    text = (
        f"Peak: {'; '.join(by)}. Operations are those of the definition, padding included: who skips padding or\n"
        "multiplies less, as Winograd's and Fourier's methods do, may lie above the line; who finds arrays in caches,\n"
        "above the slope."
    )
    _note(figure, run, text)
    return figure


def _to_name(points, count=6):
    """The points that stand out: those farthest to each side."""
    chosen = {}
    for order in (lambda p: p[1], lambda p: -p[1], lambda p: p[0], lambda p: -p[0]):
        for p in sorted(points, key=order)[:2]:
            chosen[p[2]["case"]["suite"], p[2]["case"]["name"]] = p
    return list(chosen.values())[: count + 2]


def _series(run):
    """{name: {threads: [(number, result), ...]}} of cases that are called ``name=number...``."""
    found = collections.defaultdict(lambda: collections.defaultdict(list))
    for r in run["results"]:
        name, equals, value = r["case"]["name"].partition("=")
        if equals:
            found[name][r["threads"]].append((int(re.match(r"\d+", value)[0]), r))
    return found


UNITS = {
    "pixels": "pixels along each axis", "channels": "channels, and as many filters",
    "kernel": "window along each axis", "batch": "pictures in the batch",
    "filter": "window of a filter of one channel", "max_window": "window of a maximum",
}  # fmt: skip


def scaling(run):
    """How time grows along each series of cases.

    Parameters
    ----------
    run : dict

    Returns
    -------
    matplotlib.figure.Figure or None
    """
    return _grown(run, lambda e: e["median"] * 1e3, "milliseconds")


def scaling_memory(run):
    """How the memory of a call grows along each series of cases.

    Parameters
    ----------
    run : dict

    Returns
    -------
    matplotlib.figure.Figure or None
    """
    return _grown(run, lambda e: max(e["memory"]["call"], 4096) / 2**20 if "memory" in e else None, "MiB of a call")


def _grown(run, value, unit):
    """A picture for each series, of what `value` takes from entries; None of it is left out."""
    series = {
        name: {t: rows for t, rows in by_threads.items() if any(_values(rows, "cyconv", value))}
        for name, by_threads in _series(run).items()
    }
    series = {name: by_threads for name, by_threads in series.items() if by_threads}
    if not series:
        return None
    across = min(3, len(series))
    down = math.ceil(len(series) / across)
    figure = Figure(figsize=(3.1 * across, 2.7 * down), layout="constrained")
    grid = figure.subplots(down, across, squeeze=False).ravel()
    handles = {}
    for axes, (name, by_threads) in zip(grid, series.items(), strict=False):
        most = max(by_threads)
        for library in results.libraries(run):
            for threads, rows in sorted(by_threads.items()):
                if threads not in (most, 1) or (threads != most and library != "cyconv"):
                    continue
                points = _values(rows, library, value)
                if not points:
                    continue
                colour, marker = STYLE[library]
                one = threads != most
                label = NAMES.get(library, library) + (" (1 thread)" if one else "")
                handles[label] = axes.plot(
                    *zip(*points, strict=True), color=colour, marker=marker, ms=4, lw=1.2,
                    ls=":" if one else "-", label=label, mfc="white" if one else colour,
                )[0]  # fmt: skip
        axes.set_xscale("log")
        axes.set_yscale("log")
        numbers = sorted({n for n, _ in by_threads[most]})
        axes.set_xticks(numbers, map(str, numbers), fontsize=7)
        axes.minorticks_off()
        axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
        axes.grid(color="#e5e5e5", lw=0.6)
        axes.set_title(UNITS.get(name, name), fontsize=9)
    for axes in grid[len(series) :]:
        axes.set_visible(False)
    for axes in grid[::across]:
        axes.set_ylabel(unit)
    figure.legend(handles.values(), handles.keys(), loc="outside upper left", ncols=6, columnspacing=1)
    most = max(t for by_threads in series.values() for t in by_threads)
    _note(figure, run, f"{most} threads unless said otherwise; both axes logarithmic.")
    return figure


def _values(rows, library, value):
    """(number, value) of the fastest way of a library, where there is one."""
    found = [(n, results.fastest(r, library)) for n, r in sorted(rows, key=lambda row: row[0])]
    found = [(n, value(e)) for n, e in found if e]
    return [(n, v) for n, v in found if v is not None]


def threads(run):
    """How many times as fast several threads are as one.

    Parameters
    ----------
    run : dict

    Returns
    -------
    matplotlib.figure.Figure or None
    """
    by_case = collections.defaultdict(dict)
    for r in run["results"]:
        e = results.fastest(r, "cyconv")
        if e:
            by_case[r["case"]["suite"], r["case"]["name"], r["case"]["dtype"]][r["threads"]] = r, e["median"]
    counts = sorted({t for times in by_case.values() for t in times})
    by_case = {key: times for key, times in by_case.items() if 1 in times and len(times) > 1}
    if not by_case:
        return None
    figure = Figure(figsize=(7, 3.8), layout="constrained")
    axes = figure.add_subplot()
    for count, colour in zip(counts[1:], ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00"), strict=False):
        points = [(t[1][0]["flops"] / 1e6, t[1][1] / t[count][1]) for t in by_case.values() if count in t]
        axes.scatter(*zip(*points, strict=True), s=22, color=colour, alpha=0.8, edgecolors="white", linewidths=0.4,
                     label=f"{count} threads", zorder=3)  # fmt: skip
        axes.axhline(count, color=colour, lw=1, ls="--")
    axes.axhline(1, color="#333333", lw=1)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    axes.set_ylim(0, None)
    axes.grid(color="#e5e5e5", lw=0.6)
    axes.set_xlabel("millions of operations in the case")
    axes.set_ylabel("times as fast as one thread")
    axes.set_title("cyconv: more threads")
    axes.legend(loc="lower right")
    _note(figure, run, "Each point is a case; dashed: as many times as fast as there are threads.")
    return figure


def memory(run):
    """What one call needs at most, beyond its input and weights.

    Parameters
    ----------
    run : dict

    Returns
    -------
    matplotlib.figure.Figure or None
    """
    rows = [
        r for r in _most_threads(run)
        if r["case"]["op"] == "conv" and any("memory" in e for e in r["entries"] if e["library"] == "cyconv")
    ]  # fmt: skip
    rows = [r for r in rows if _output_bytes(r) >= 2**18]  # of smaller ones pages are counted, not arrays
    if not rows:
        return None
    shown = {}
    for r in rows:
        for e in r["entries"]:
            if "memory" in e:
                name = "NumPy im2col" if (e["library"], e["way"]) == ("numpy", "im2col") else e["library"]
                if name == "numpy":
                    continue
                shown.setdefault(name, {}).setdefault(id(r), []).append(e)
    figure = Figure(figsize=(8, 0.9 + 0.23 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    for name, by_row in shown.items():
        colour, marker = STYLE["numpy" if name == "NumPy im2col" else name]
        points = [
            (max(min(by_row[id(r)], key=lambda e: e["median"])["memory"]["call"], 4096) / _output_bytes(r), i)
            for i, r in enumerate(rows) if id(r) in by_row
        ]  # fmt: skip
        axes.scatter(*zip(*points, strict=True), color=colour, marker=marker, s=60 if marker == "*" else 30,
                     label=NAMES.get(name, name), zorder=3, edgecolors="white", linewidths=0.4)  # fmt: skip
    axes.axvline(1, color="#333333", lw=1)
    axes.set_xscale("log")
    _plain_log(axes.xaxis)
    axes.set_yticks(range(len(rows)), [f"{_case(r)} ({_output_bytes(r) / 2**20:.1f} MiB)" for r in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(axis="x", color="#dddddd", lw=0.6)
    axes.grid(axis="y", color="#eeeeee", lw=0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("memory of one call at its highest, in sizes of the output (which every call needs: 1)")
    axes.set_title("Peak memory of a call; beside each case the size of its output")
    figure.legend(loc="outside upper left", ncols=9, columnspacing=1, handletextpad=0.1, borderpad=0.2)
    _note(
        figure,
        run,
        "Resident memory of a fresh process. Below 1: the output is in memory that the library took before.",
    )
    return figure


def _output_bytes(result):
    """Bytes of the output alone."""
    from benchmarks.suites import Case

    case = Case.from_record(result["case"])
    return case.n * case.k * math.prod(case.output) * case.itemsize
