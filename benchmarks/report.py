"""Tables for the terminal: with rich if it is installed, plain otherwise."""

import collections
import sys
import time

from benchmarks import recorded, results


def table(title, columns, rows):
    """Prints a table; numbers stand to the right.

    Parameters
    ----------
    title : str
    columns : sequence of str
    rows : sequence of sequence of str
    """
    try:
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table
    except ImportError:
        _plain(title, columns, rows)
        return
    made = Table(title=title, title_justify="left", header_style="bold")
    for i, column in enumerate(columns):
        made.add_column(column, justify="left" if i == 0 else "right", no_wrap=True)
    for row in rows:
        made.add_row(*map(escape, row))
    needed = Console(width=10**4).measure(made).maximum
    console = Console()
    Console(width=max(needed, console.width)).print(made)


def _plain(title, columns, rows):
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    print(title)
    for row in (columns, ["-" * w for w in widths], *rows):
        (first, *others), (left, *right) = row, widths
        cells = [first.ljust(left), *(cell.rjust(w) for cell, w in zip(others, right, strict=True))]
        print("  ".join(cells).rstrip())


def progress():
    """A context manager whose value takes the steps done, all steps and what is being done.

    A bar with the time left with rich, on a terminal; else a line now and then; on standard error.
    """
    if sys.stderr.isatty():
        try:
            return _Bar()
        except ImportError:
            pass
    return _Lines()


class _Bar:
    def __init__(self):
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            console=Console(stderr=True), transient=True, refresh_per_second=4,
        )  # fmt: skip
        self.task = self.bar.add_task("", total=None)

    def __enter__(self):
        self.bar.start()
        return self

    def __exit__(self, *_):
        self.bar.stop()

    def __call__(self, done, steps, text):
        self.bar.update(self.task, completed=done, total=steps, description=text)


class _Lines:
    """A line at most every ten seconds."""

    def __init__(self):
        self.start = self.last = time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def __call__(self, done, steps, text):
        now = time.monotonic()
        if now - self.last >= 10 and done:
            self.last = now
            left = (now - self.start) / done * (steps - done)
            print(f"{done}/{steps}, about {left:.0f} s left: {text}", file=sys.stderr, flush=True)


def summary(run):
    """Prints a run: a row for each case, and for each library the median of its fastest way.

    Parameters
    ----------
    run : dict
    """
    there = results.libraries(run)
    others = [name for name in there if name != "cyconv"]
    rows, faster = [], []
    for result in run["results"]:
        entries = {name: results.fastest(result, name) for name in there}
        ours = entries.get("cyconv")
        best = min((entries[n] for n in others if entries[n]), key=lambda e: e["median"], default=None)
        row = [results.label(result, run), str(result["threads"])]
        row += [f"{results.milliseconds(e['median'])} ±{_spread(e, 2)}" if e else "" for e in entries.values()]
        row.append(f"{ours['error']:.0e}" if ours else "")
        row.append(f"{result['flops'] / ours['median'] / 1e9:.1f}" if ours else "")
        if ours and best:
            ratio = best["median"] / ours["median"]
            row.append(f"{ratio:.2f} {best['library']}")
            faster += [f"{row[0]} ({row[1]} thr)"] if ratio < 1 else []
        else:
            row.append("")
        rows.append(row)
    columns = ["case", "thr", *there, "error", "GFLOP/s", "fastest other"]
    table(
        "Milliseconds of each library's fastest way: median, and half the spread of the rounds' medians", columns, rows
    )
    print("error: of cyconv, in parts of the largest output.")
    print("fastest other: its time divided by that of cyconv; below 1 it is faster.")
    if faster:
        print(f"Faster than cyconv in {len(faster)} of {len(rows)}: {', '.join(faster)}")
    memory(run)
    notes(run)


def memory(run):
    """Prints the memory of calls, if it was measured.

    Parameters
    ----------
    run : dict
    """
    columns, rows = recorded.memory(run)
    if rows:
        table("MiB that a call of each library's fastest way takes at its highest, its output included", columns, rows)
        print("im2col matrix: the size of the matrix of all windows, as computed; NumPy im2col is measured.")


def _spread(entry, parts=1):
    """The spread of rounds, divided; unknown of one round."""
    return f"{entry['spread'] / parts:.0%}" if len(entry["rounds"]) > 1 else "?"


def notes(run):
    """Prints what did not count, what is not installed, and whether the machine was quiet.

    Parameters
    ----------
    run : dict
    """
    for result in run["results"]:
        for e in result["entries"]:
            if e["status"] in ("wrong", "failed"):
                name = f"{e['library']} {e['way']}".strip()
                print(f"Not counted: {results.label(result, run)}, {name}: {e['status']}, {e['reason']}")
    for name, reason in run["missing"].items():
        print(f"Without {name}: {reason}")
    quiet(run)


def quiet(run):
    """Prints whether a run was interrupted, and whether the machine was quiet.

    Parameters
    ----------
    run : dict
    """
    if not run["complete"]:
        print("Interrupted: not everything is here.")
    if not run["quiet"]["quiet"]:
        print(f"THE MACHINE WAS NOT QUIET: {'; '.join(run['quiet']['reasons'])}. Do not trust small differences.")


def details(run):
    """Prints every way of every library.

    Parameters
    ----------
    run : dict
    """
    rows, without = [], collections.defaultdict(list)
    for result in run["results"]:
        label = results.label(result, run)
        for e in result["entries"]:
            name = f"{e['library']} {e['way']}".strip()
            if e["status"] == "timed":
                memory = e.get("memory")
                rows.append([
                    label, str(result["threads"]), name,
                    results.milliseconds(e["best"]), results.milliseconds(e["median"]), _spread(e),
                    f"{e['error']:.0e}", f"{memory['call'] / 2**20:.1f}" if memory else "",
                ])  # fmt: skip
            elif e["status"] == "unsupported" and label not in without[name, e["reason"]]:
                without[name, e["reason"]].append(label)
    table("Every way", ["case", "thr", "library", "best ms", "median ms", "spread", "error", "MiB of a call"], rows)
    for (name, reason), labels in without.items():
        print(f"{name} cannot ({reason}): {', '.join(labels)}")
    print()
