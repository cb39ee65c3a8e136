"""The command line of ``python -m benchmarks``."""

import argparse
import pathlib
import sys

from benchmarks import libraries, suites

EPILOG = """\
other commands:
  python -m benchmarks sweep                    shapes that are slower than those beside them
  python -m benchmarks list                     suites and their cases
  python -m benchmarks show FILE                the tables of a file again
  python -m benchmarks compare A.json B.json    what got slower, beyond noise
  python -m benchmarks plot FILE...             pictures, SVG and PNG
  python -m benchmarks calls                    what a call and the import cost
"""
DEFAULTS = {"suite": "overview", "rounds": 5, "budget": 0.1, "limit": 3.0}
QUICK = {"suite": "quick", "rounds": 3, "budget": 0.02, "limit": 0.3}


def _words(text):
    return tuple(word for word in text.split(",") if word)


def _among(choices):
    def read(text):
        wanted = _words(text)
        unknown = [w for w in wanted if w not in choices]
        if unknown or not wanted:
            raise argparse.ArgumentTypeError(f"{text!r}: choose from {', '.join(choices)}")
        return wanted

    return read


def _threads(text):
    try:
        wanted = tuple(dict.fromkeys(map(int, _words(text))))
    except ValueError:
        wanted = ()
    if not wanted or min(wanted) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: numbers from 1 on, separated by commas")
    return wanted


def _peers(text):
    return libraries.PEERS if text == "all" else _among(libraries.PEERS)(text)


def _python(text):
    name, equals, path = text.partition("=")
    if not equals or name not in libraries.NAMES:
        raise argparse.ArgumentTypeError(f"{text!r}: LIBRARY=PATH, with one of {', '.join(libraries.NAMES)}")
    return name, path


def parser():
    """The parser of the command without a name, which measures.

    Returns
    -------
    argparse.ArgumentParser
    """
    made = argparse.ArgumentParser(
        "python -m benchmarks",
        description="Times cyconv beside NumPy, SciPy and, if asked for, other libraries that are installed.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("--suite", type=_words, help="names separated by commas, all, or a file (default: overview; see list)")
    add("--filter", default="", metavar="WORDS", help="only cases whose suite/name contains one of these words")
    add("--dtype", type=_among(("float32", "float64")), default=(), help="each case in these, not in its own")
    add("--layout", type=_among(("NHWC", "NCHW")), default=("NHWC", "NCHW"), help="of cyconv and PyTorch")
    add("--threads", type=_threads, help="such as 1,2 (default: as many as there are processors)")
    add("--algorithm", type=_words, default=("auto",), help="of cyconv's convolutions, such as auto,direct")
    add("--libraries", type=_among(libraries.BASELINES), default=libraries.BASELINES, help="default: all of them")
    add("--peers", type=_peers, nargs="?", const=libraries.PEERS, default=(), metavar="NAMES",
        help=f"also these, or all that are installed of {', '.join(libraries.PEERS)}")  # fmt: skip
    add("--python", type=_python, action="append", default=[], metavar="LIBRARY=PATH",
        help="the interpreter that has a library, if not this one")  # fmt: skip
    add("--quick", action="store_true", help="a few cases, in less than a minute")
    add("--rounds", type=int, help="turns of each library (default: 5)")
    add("--budget", type=float, metavar="SECONDS", help="of a turn (default: 0.1)")
    add("--limit", type=float, metavar="SECONDS", help="calls that take longer have one turn only (default: 3)")
    add("--memory", action="store_true", help="measure memory too, in a fresh process for each")
    add("--details", action="store_true", help="print every way of every library")
    add("--json", metavar="OUT", help="write everything to this file (SCHEMA.md says what)")
    return made


def main(arguments=None):
    """Runs a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the process.

    Returns
    -------
    int
        Exit status.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    command = {
        "worker": _worker, "list": _list, "show": _show, "compare": _compare, "plot": _plot, "calls": _calls,
        "sweep": _sweep,
    }.get(arguments[0] if arguments else "")  # fmt: skip
    try:
        return command(arguments[1:]) if command else _measure(arguments)
    except (ValueError, OSError) as error:
        print(f"python -m benchmarks: {error}", file=sys.stderr)
        return 2


def _measure(arguments):
    from benchmarks import machine, race, report, results

    given = parser().parse_args(arguments)
    usual = QUICK if given.quick else DEFAULTS
    options = {key: default if getattr(given, key) is None else getattr(given, key) for key, default in usual.items()}
    wanted = options.pop("suite")
    cases = suites.select([wanted] if isinstance(wanted, str) else wanted, given.filter, given.dtype)
    if not cases:
        raise ValueError(f"no case of {wanted} has {given.filter!r} in its name")
    options |= {
        "libraries": given.libraries + given.peers,
        "threads": given.threads or (machine.usable(),),
        "layouts": given.layout,
        "algorithms": given.algorithm,
        "memory": given.memory,
        "peaks": bool(given.json),
        "pythons": dict(given.python),
        "command": " ".join(["python -m benchmarks", *_without_paths(arguments)]),
    }
    with report.progress() as show:
        run = race.run(cases, options, show)
    if given.json:
        results.save(given.json, run)
    if given.details:
        report.details(run)
    report.summary(run)
    return 0 if run["complete"] else 130


def _without_paths(arguments):
    """The arguments as they can be repeated elsewhere: files by their names alone, interpreters not at all."""
    names = [a.removeprefix("--python=").partition("=")[0] for a in arguments]
    return [
        a[: a.rindex("=")] + "=PATH" if "=" in a and name in libraries.NAMES else pathlib.Path(a).name
        for name, a in zip(names, arguments, strict=True)
    ]


def _worker(arguments):
    from benchmarks import worker

    return worker.main(arguments[0], int(arguments[1]))


def _list(arguments):
    argparse.ArgumentParser("python -m benchmarks list", description="Suites and their cases.").parse_args(arguments)
    for suite in suites.names():
        print(suite)
        for case in suites.load(suite):
            print(f"  {case.key:<52} {case.op:<5} {case.flops / 1e6:10.1f} MFLOP {case.nbytes / 1e6:8.1f} MB")
    return 0


def _show(arguments):
    from benchmarks import report, results

    made = argparse.ArgumentParser("python -m benchmarks show", description="The tables of a file.")
    made.add_argument("file")
    made.add_argument("--details", action="store_true")
    given = made.parse_args(arguments)
    if _is_sweep(given.file):
        from benchmarks import sweep

        sweep.show(sweep.load(given.file), given.details)
        return 0
    run = results.load(given.file)
    if given.details:
        report.details(run)
    report.summary(run)
    return 0


def _compare(arguments):
    from benchmarks import compare, results

    made = argparse.ArgumentParser(
        "python -m benchmarks compare",
        description="What got slower or faster, beyond noise; 1 if something got slower.",
    )
    made.add_argument("before")
    made.add_argument("after")
    made.add_argument("--threshold", type=float, default=0.05, help="differences that do not matter (default: 0.05)")
    made.add_argument("--library", dest="whose", default="cyconv", help="or all")
    given = made.parse_args(arguments)
    return compare.show(results.load(given.before), results.load(given.after), given.threshold, given.whose)


def _plot(arguments):
    from benchmarks import results

    made = argparse.ArgumentParser("python -m benchmarks plot", description="Pictures of results, as SVG and PNG.")
    made.add_argument("files", nargs="+", metavar="FILE", help="several are put together, as of one run")
    made.add_argument("--folder", help="where to (default: beside the first file)")
    given = made.parse_args(arguments)
    sweeps = [path for path in given.files if _is_sweep(path)]
    others = [path for path in given.files if path not in sweeps]
    runs = [results.load(path) for path in others]
    try:
        from benchmarks import plots
    except ImportError as error:
        raise ValueError(f"plots need matplotlib ({error}): python -m pip install matplotlib") from error
    written = plots.draw(runs, others[0], given.folder) if runs else []
    for path in sweeps:
        from benchmarks import sweep

        written += plots.draw_sweep(sweep.load(path), path, given.folder)
    for path in written:
        print(path)
    return 0


def _is_sweep(path):
    """Whether a file says that it is one of a sweep."""
    from benchmarks import results

    found = results.read(path)
    return isinstance(found, dict) and found.get("format") == "cyconv sweep"


def _sweep(arguments):
    from benchmarks import machine, report

    made = argparse.ArgumentParser(
        "python -m benchmarks sweep",
        description="Times plans along lines of shapes and names those that are far slower for each multiply-add "
        "than the shapes beside them.",
    )
    add = made.add_argument
    add("--quick", action="store_true", help="fewer and shorter lines, in less than forty seconds")
    add("--threads", type=int, default=machine.usable(), help="default: as many as there are processors")
    add("--filter", default="", metavar="WORDS", help="only lines whose name contains one of these words")
    add("--layout", type=_among(("NHWC", "NCHW")), default=("NHWC", "NCHW"))
    add("--rounds", type=int, default=2, help="how often each line is walked along (default: 2)")
    add("--budget", type=float, default=None, metavar="SECONDS", help="of a shape in a round (default: 0.002)")
    add("--details", action="store_true", help="all cliffs, and a row for each line")
    add("--json", metavar="OUT", help="write everything to this file (SCHEMA.md says what)")
    given = made.parse_args(arguments)
    from benchmarks import sweep

    words = given.filter.split(",")
    wanted = [line for line in sweep.lines(given.quick, given.layout) if any(word in line.name for word in words)]
    if not wanted or given.threads < 1 or given.rounds < 1:
        made.error(f"no line has {given.filter!r} in its name" if not wanted else "threads and rounds begin at 1")
    options = {
        "threads": given.threads,
        "rounds": given.rounds,
        "budget": given.budget if given.budget is not None else 0.0005 if given.quick else 0.002,
        "peaks": bool(given.json),
        "command": " ".join(["python -m benchmarks sweep", *_without_paths(arguments)]),
    }
    with report.progress() as bar:
        swept = sweep.run(wanted, options, bar)
    if given.json:
        sweep.save(given.json, swept)
    sweep.show(swept, given.details)
    return 0 if swept["complete"] else 130


def _calls(arguments):
    from benchmarks import calls

    made = argparse.ArgumentParser(
        "python -m benchmarks calls", description="What a call costs with next to nothing to compute, and the import."
    )
    made.add_argument("--json", metavar="OUT", help="write it to this file (SCHEMA.md says what)")
    given = made.parse_args(arguments)
    found = calls.run(" ".join(["python -m benchmarks calls", *_without_paths(arguments)]))
    if given.json:
        calls.save(given.json, found)
    calls.show(found)
    return 0
