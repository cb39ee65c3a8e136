"""What pages show of recorded results: tables as lists of columns and rows, and sentences."""

import math
import pathlib

from benchmarks import results
from benchmarks.suites import Case

FOLDER = pathlib.Path(__file__).parent / "results"
NAMES = {
    "numpy": "NumPy", "scipy": "SciPy", "torch": "PyTorch", "onnxruntime": "ONNX Runtime", "openvino": "OpenVINO",
    "opencv": "OpenCV", "jax": "JAX", "tensorflow": "TensorFlow",
}  # fmt: skip
"""Of libraries that are written otherwise than the module is called."""


def _most_threads(run):
    most = max((r["threads"] for r in run["results"]), default=0)
    return [r for r in run["results"] if r["threads"] == most]


def speed(run):
    """Milliseconds of each library's fastest way, with as many threads as were recorded.

    Parameters
    ----------
    run : dict

    Returns
    -------
    tuple of (list of str, list of list of str)
        Columns and rows.
    """
    there = results.libraries(run)
    columns = ["case", *(NAMES.get(name, name) for name in there), "GFLOP/s", "error", "algorithm"]
    rows = []
    for result in _most_threads(run):
        entries = [results.fastest(result, name) for name in there]
        ours = results.fastest(result, "cyconv")
        row = [results.label(result, run), *(results.milliseconds(e["median"]) if e else "" for e in entries)]
        row += [f"{result['flops'] / ours['median'] / 1e9:.0f}", f"{ours['error']:.0e}"] if ours else ["", ""]
        row.append(ours.get("algorithm", "") if ours else "")
        rows.append(row)
    return columns, rows


def faster(run):
    """Cases in which another library is faster, those in which it is by most first.

    Parameters
    ----------
    run : dict

    Returns
    -------
    tuple of (str, list of str, list of list of str)
        A sentence, columns and rows.
    """
    rows, compared = [], 0
    others = [name for name in results.libraries(run) if name != "cyconv"]
    for result in _most_threads(run):
        ours = results.fastest(result, "cyconv")
        theirs = {name: results.fastest(result, name) for name in others}
        theirs = {name: e for name, e in theirs.items() if e}
        if not ours or not theirs:
            continue
        compared += 1
        for name, e in theirs.items():
            if e["median"] < ours["median"]:
                apart = ours["median"] - e["median"]
                spread = (ours["spread"] * ours["median"] + e["spread"] * e["median"]) / 2
                ratio = ours["median"] / e["median"]
                times = [results.milliseconds(one["median"]) for one in (e, ours)]
                within = "yes" if apart < spread else ""
                rows.append(
                    (ratio, [results.label(result, run), NAMES.get(name, name), *times, f"{ratio:.2f}", within])
                )
    rows.sort(key=lambda row: -row[0])
    cases = len({row[0] for _, row in rows})
    clear = len({row[0] for _, row in rows if not row[5]})
    sentence = (
        f"Among {compared} cases another library is faster in {cases}, in {clear} of them by more than rounds differ:"
        if cases
        else f"In none of the {compared} cases is another library faster."
    )
    columns = ["case", "library", "its ms", "cyconv, ms", "times as fast", "within the spread"]
    return sentence, columns, [row for _, row in rows]


def memory(run):
    """MiB of a call at its highest, of each library's fastest way, and of NumPy's im2col.

    Parameters
    ----------
    run : dict

    Returns
    -------
    tuple of (list of str, list of list of str)
        Columns and rows; no rows if memory was not measured.
    """

    def mib(entry):
        return f"{entry['memory']['call'] / 2**20:.1f}" if entry and "memory" in entry else ""

    there = results.libraries(run)
    there = [name for name in there if name != "cyconv"]
    columns = ["case", "output", "cyconv", "NumPy im2col", "im2col matrix", *(NAMES.get(name, name) for name in there)]
    rows = []
    for result in _most_threads(run):
        if not any("memory" in e for e in result["entries"]):
            continue
        case = Case.from_record(result["case"])
        unfolded = next((e for e in result["entries"] if (e["library"], e["way"]) == ("numpy", "im2col")), None)
        row = [results.label(result, run), f"{case.n * case.k * math.prod(case.output) * case.itemsize / 2**20:.1f}"]
        row += [mib(results.fastest(result, "cyconv")), mib(unfolded)]
        row.append(f"{im2col_bytes(case) / 2**20:.1f}" if case.op == "conv" else "")
        row += [mib(results.fastest(result, name)) for name in there]
        rows.append(row)
    return columns, rows


def im2col_bytes(case):
    """Bytes of the matrix of all windows of a convolution.

    Parameters
    ----------
    case : benchmarks.suites.Case

    Returns
    -------
    int
    """
    return case.n * case.c * math.prod(case.output) * math.prod(case.kernel) * case.itemsize


def versions(run):
    """Libraries and their versions, the machine, and when, in a sentence.

    Parameters
    ----------
    run : dict

    Returns
    -------
    str
    """
    used = ", ".join(
        f"{NAMES.get(name, name)} {next(iter(about['versions'].values()), '')}".strip()
        for name, about in run["libraries"].items()
    )
    threads = max((r["threads"] for r in run["results"]), default=0)
    caches = ", ".join(f"{level} {size}" for level, size in run["machine"]["caches"].items())
    quiet = "the machine was quiet" if run["quiet"]["quiet"] else f"not quiet: {'; '.join(run['quiet']['reasons'])}"
    return (
        f"Recorded on {run['started'][:10]} with {threads} threads on {run['machine']['processor']} ({caches}), "
        f"in {run['seconds']:.0f} s; {quiet}. Versions: {used}."
    )


def peaks(run):
    """The most that the machine does, by type and threads.

    Parameters
    ----------
    run : dict

    Returns
    -------
    tuple of (list of str, list of list of str)
        Columns and rows.
    """
    rows = [
        [p["dtype"], str(p["threads"]), f"{p['flops'] / 1e9:.0f}", f"{p['bandwidth'] / 1e9:.0f}", p["flops_by"]]
        for p in run["peaks"]
    ]
    return ["type", "threads", "GFLOP/s", "GB/s of a copy", "how"], rows


def calls(recorded):
    """Microseconds of small calls.

    Parameters
    ----------
    recorded : dict
        Of ``calls.json``.

    Returns
    -------
    tuple of (list of str, list of list of str)
        Columns and rows.
    """
    rows = [[name, f"{t['best'] * 1e6:.2f}", f"{t['median'] * 1e6:.2f}"] for name, t in recorded["calls"].items()]
    return ["what", "best, microseconds", "median"], rows
