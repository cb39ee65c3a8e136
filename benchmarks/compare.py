"""What got slower or faster between two runs, beyond noise."""

import functools
import statistics

from benchmarks import report, results

LEVEL = 0.01
"""Probability of so clear an order of rounds by chance, above which a difference is noise."""


@functools.cache
def _ways(wins, a, b):
    """In how many orders of `a` and `b` rounds there are exactly `wins` pairs in which the one of b is larger."""
    if wins < 0:
        return 0
    if a == 0 or b == 0:
        return int(wins == 0)
    return _ways(wins - a, a, b - 1) + _ways(wins, a - 1, b)


def chance(a, b):
    """Probability that values as much larger as `b` come about if both are alike (one-sided rank-sum test).

    Parameters
    ----------
    a, b : sequence of float

    Returns
    -------
    float

    Examples
    --------
    >>> chance([1, 2, 3], [4, 5, 6])
    0.05
    """
    wins = sum((y > x) + 0.5 * (y == x) for x in a for y in b)
    everything = sum(_ways(w, len(a), len(b)) for w in range(len(a) * len(b) + 1))
    return sum(_ways(w, len(a), len(b)) for w in range(int(wins), len(a) * len(b) + 1)) / everything


def judge(a, b, threshold):
    """What two entries of the same way say.

    Parameters
    ----------
    a, b : dict
        Timed entries, before and after.
    threshold : float
        Differences up to this part do not matter.

    Returns
    -------
    tuple of (str, float, float)
        ``"slower"``, ``"faster"``, ``"noise"`` (different, but not for certain) or ``"same"``; the ratio of medians,
        after to before; and the probability of chance.
    """
    before, after = ([r["median"] for r in e["rounds"]] for e in (a, b))
    ratio = statistics.median(after) / statistics.median(before)
    p = chance(before, after) if ratio > 1 else chance(after, before)
    if 1 / (1 + threshold) <= ratio <= 1 + threshold:
        return "same", ratio, p
    if p > max(LEVEL, chance([0] * len(before), [1] * len(after))):
        return "noise", ratio, p
    return ("slower" if ratio > 1 else "faster"), ratio, p


def compare(a, b, threshold=0.05, library="cyconv"):
    """What differs between two runs.

    Parameters
    ----------
    a, b : dict
        Runs, before and after.
    threshold : float
    library : str
        ``"all"`` for all.

    Returns
    -------
    dict
        Lists under ``"slower"``, ``"faster"``, ``"noise"``, ``"same"`` of (label, ratio, probability, before, after),
        and under ``"gone"`` and ``"new"`` labels that only one run has a time for.
    """
    before, after = (dict(_timed(run, library)) for run in (a, b))
    found = {kind: [] for kind in ("slower", "faster", "noise", "same")}
    for key in before.keys() & after.keys():
        kind, ratio, p = judge(before[key], after[key], threshold)
        found[kind].append((" ".join(map(str, key)), ratio, p, before[key]["median"], after[key]["median"]))
    for rows in found.values():
        rows.sort(key=lambda row: row[1], reverse=True)
    found["gone"] = sorted(" ".join(map(str, key)) for key in before.keys() - after.keys())
    found["new"] = sorted(" ".join(map(str, key)) for key in after.keys() - before.keys())
    return found


def _timed(run, library):
    for result in run["results"]:
        case = result["case"]
        for e in result["entries"]:
            if e["status"] == "timed" and library in ("all", e["library"]):
                key = (
                    f"{case['suite']}/{case['name']}",
                    case["dtype"],
                    f"{result['threads']} thr",
                    e["library"],
                    e["way"],
                )
                yield key, e


def show(a, b, threshold, library):
    """Prints a comparison.

    Parameters
    ----------
    a, b : dict
    threshold : float
    library : str

    Returns
    -------
    int
        1 if something got slower, else 0.
    """
    found = compare(a, b, threshold, library)
    for kind, title in (("slower", "Slower"), ("faster", "Faster"), ("noise", "Different, but within noise")):
        if found[kind]:
            rows = [
                [name, results.milliseconds(x), results.milliseconds(y), f"{ratio:.2f}", f"{p:.3f}"]
                for name, ratio, p, x, y in found[kind]
            ]
            report.table(title, ["way", "before ms", "after ms", "ratio", "chance"], rows)
    print(
        f"{len(found['slower'])} slower, {len(found['faster'])} faster, {len(found['noise'])} within noise, "
        f"{len(found['same'])} within {threshold:.0%}."
    )
    for kind, text in (("gone", "Only before"), ("new", "Only after")):
        if found[kind]:
            print(f"{text}: {', '.join(found[kind])}")
    probes = [run["quiet"]["probe"]["median"] for run in (a, b)]
    print(f"A fixed piece of work took {probes[1] / probes[0]:.2f} times as long in the second run.")
    for name, run in (("first", a), ("second", b)):
        if not run["quiet"]["quiet"]:
            print(f"The machine was not quiet in the {name} run: {'; '.join(run['quiet']['reasons'])}.")
    if a["machine"]["processor"] != b["machine"]["processor"]:
        print(f"DIFFERENT MACHINES: {a['machine']['processor']}; {b['machine']['processor']}.")
    return int(bool(found["slower"]))
