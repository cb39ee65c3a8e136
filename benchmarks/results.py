"""Results as they are written to JSON; SCHEMA.md says what each key means."""

import json
import math
import pathlib
import statistics

VERSION = 1
KEYS = {
    "file": ("format", "version", "cyconv", "started", "seconds", "complete", "command", "machine", "peaks",
             "libraries", "missing", "quiet", "method", "results"),
    "result": ("case", "threads", "flops", "bytes", "entries"),
    "entry": ("library", "way", "status"),
    "timed": ("error", "best", "median", "spread", "rounds"),
}  # fmt: skip
STATUSES = ("timed", "wrong", "unsupported", "failed")
FORMAT = "cyconv benchmarks"


def entry(library, way, rounds=(), error=None, status="timed", reason=None, memory=None, algorithm=""):
    """What is known of one way of a library for one case.

    Parameters
    ----------
    library, way : str
    rounds : sequence of dict
        ``best``, ``median`` (seconds) and ``calls`` of each round.
    error : float, optional
        Of the largest output.
    status : str
        One of `STATUSES`.
    reason : str, optional
        Why there is no time.
    memory : dict, optional
        ``prepare`` and ``call``, in bytes.
    algorithm : str, optional
        Which one the library chose, if it says so.

    Returns
    -------
    dict
    """
    made = {"library": library, "way": way, "status": status}
    if algorithm:
        made["algorithm"] = algorithm
    if status == "timed":
        medians = [r["median"] for r in rounds]
        median = statistics.median(medians)
        made |= {
            "error": error,
            "best": min(r["best"] for r in rounds),
            "median": median,
            "spread": (max(medians) - min(medians)) / median,
            "rounds": [{k: r[k] for k in ("best", "median", "calls")} for r in rounds],
        }
        if memory is not None:
            made["memory"] = memory
    else:
        made["reason"] = reason
        if status == "wrong":
            made["error"] = error
    return made


def save(path, run):
    """Writes a run, after `check`.

    Parameters
    ----------
    path : path-like
    run : dict
    """
    check(run)
    pathlib.Path(path).write_text(json.dumps(run, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def load(path):
    """Reads a run.

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
    run = read(path)
    check(run, path)
    return run


def read(path):
    """What a JSON file holds, whatever it is.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    object

    Raises
    ------
    ValueError
        If it is no JSON.
    """
    try:
        return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON: {error}") from error


def check(run, name="results"):
    """Raises ValueError unless a run has the form that SCHEMA.md describes.

    Parameters
    ----------
    run : dict
    name : path-like
        For messages.
    """
    if not isinstance(run, dict) or run.get("format") != FORMAT:
        raise ValueError(f"{name}: not a file of these benchmarks")
    if run.get("version") != VERSION:
        raise ValueError(f"{name}: version {run.get('version')!r} of the format, this program reads {VERSION}")
    _need(name, "file", run)
    for result in run["results"]:
        _need(name, "result", result)
        for one in result["entries"]:
            where = f"{name}, {result['case'].get('name')}"
            _need(where, "entry", one)
            if one["status"] not in STATUSES:
                raise ValueError(f"{where}: unknown status {one['status']!r}")
            if one["status"] != "timed":
                continue
            _need(where, "timed", one)
            numbers = one["best"], one["median"], one["error"]
            if not one["rounds"] or not all(isinstance(v, float | int) and math.isfinite(v) for v in numbers):
                raise ValueError(f"{where}: a time without rounds, or without an error")


def _need(name, kind, record):
    lacking = [key for key in KEYS[kind] if key not in record]
    if lacking:
        raise ValueError(f"{name}: {kind} without {', '.join(lacking)}")


def fastest(result, library):
    """The entry of a library's fastest way, by its median.

    Parameters
    ----------
    result : dict
    library : str

    Returns
    -------
    dict or None
        None if no way has a time that counts.
    """
    timed = [e for e in result["entries"] if e["library"] == library and e["status"] == "timed"]
    return min(timed, key=lambda e: e["median"], default=None)


def libraries(run):
    """Libraries that have a time in a run, in the order in which they were asked.

    Parameters
    ----------
    run : dict

    Returns
    -------
    list of str
    """
    found = {e["library"]: None for r in run["results"] for e in r["entries"] if e["status"] == "timed"}
    return [name for name in run["libraries"] if name in found]


def label(result, run):
    """What a case is called in a table: suite and name, and the dtype if the run has it in several.

    Parameters
    ----------
    result, run : dict

    Returns
    -------
    str
    """
    case = result["case"]
    key = case["suite"], case["name"]
    several = {r["case"]["dtype"] for r in run["results"] if (r["case"]["suite"], r["case"]["name"]) == key}
    return "/".join(key) + (f" {case['dtype']}" if len(several) > 1 else "")


def milliseconds(seconds):
    """Three figures of a time in milliseconds.

    Parameters
    ----------
    seconds : float

    Returns
    -------
    str
    """
    value = seconds * 1e3
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.3f}"
