"""The benchmarks: what they measure is right, and what they say about it is true."""

import dataclasses
import importlib
import importlib.util
import json
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from cyconv import reference as definition
from cyconv import shapes

ROOT = pathlib.Path(__file__).resolve().parent.parent


def load(name, path, **known):
    """A module or package of the checkout, without the checkout on the path."""
    spec = importlib.util.spec_from_file_location(name, path, **known)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


load("benchmarks", ROOT / "benchmarks/__init__.py", submodule_search_locations=[str(ROOT / "benchmarks")])
cli, compare, libraries, machine, race, recorded, reference, report, results, suites, worker = (
    importlib.import_module(f"benchmarks.{name}")
    for name in (
        "cli", "compare", "libraries", "machine", "race", "recorded", "reference", "report", "results", "suites",
        "worker",
    )
)  # fmt: skip

ALL = suites.select(["all"])
OPTIONS = {"layouts": ("NHWC", "NCHW"), "algorithms": ("auto", "direct")}
SMALL = [
    suites.parse_line("small", line)
    for line in (
        "plain    conv n=2 c=3 size=9x8 k=4 kernel=3x2 stride=2x1 pad=1:2x0 dilation=1x2",
        "groups   conv n=2 c=4 size=7x6 k=6 groups=2 kernel=3x3 pad=1",
        "alone    conv n=2 c=3 size=6x7 groups=3 kernel=3x3 stride=2 pad=1",
        "picture  conv size=9x12 kernel=3x5 pad=1x2",
        "strided  conv size=9x12 kernel=3x3 stride=2x3 pad=1",
        "stack    conv c=3 size=9x12 k=1 kernel=4x3 pad=1x2",
        "signal   conv size=40 kernel=7 pad=3 dtype=float64",
        "volume   conv c=2 size=5x6x7 k=3 kernel=2x3x3 stride=1x2x1 pad=0x1x1 dtype=float64",
        "max      max n=2 c=3 size=8x9 kernel=3x2 stride=2 pad=1:0x0:1",
        "max_same max size=8x9 kernel=3x5 pad=1x2",
        "avg      avg n=2 c=3 size=8x9 kernel=3x3 stride=2 pad=1",
        "avg_same avg size=6x8x9 kernel=3x3x3 pad=1",
    )
]


def expected(case):
    """What the library's definition makes of a case."""
    x, w = case.arrays()
    layout = {1: "NCW", 2: "NCHW", 3: "NCDHW"}[case.ndim]
    known = {"stride": case.stride, "padding": case.pad, "dilation": case.dilation, "layout": layout}
    if case.op == "conv":
        return definition.convolve(x, w, groups=case.groups, kernel_layout="OI" + layout[2:], **known)
    if case.op == "avg":
        return definition.avg_pool(x.astype(np.float64), case.kernel, count_include_pad=True, **known)
    return definition.max_pool(x, case.kernel, **known)


def test_a_line_is_read():
    case = suites.parse_line("s", "a conv n=2 c=4 size=9x8 k=6 groups=2 kernel=3 stride=1x2 pad=0:1x2 # from there")
    assert case == suites.Case(
        "s", "a", "conv", 2, 4, (9, 8), 6, (3, 3), (1, 2), ((0, 1), (2, 2)), (1, 1), 2, "float32", "from there"
    )
    assert case.output == (8, 5)
    assert case.flops == 2 * (2 * 6 * 8 * 5) * (2 * 9)
    assert case.nbytes == 4 * (2 * 4 * 9 * 8 + 6 * 2 * 9 + 2 * 6 * 8 * 5)
    assert not case.symmetric
    assert suites.Case.from_record(json.loads(json.dumps(case.record()))) == case


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a conv c=3 kernel=3", "size"),
        ("a sum size=9 kernel=3", "the operation must be"),
        ("a conv size=9x9 kernel=3x3x3", "as many as size"),
        ("a conv size=9 kernel=3 colour=1", "unknown colour"),
        ("a conv c=3 size=9 kernel=3 groups=2", "groups must divide"),
        ("a max c=3 size=9 k=4 kernel=3", "pools have"),
        ("a conv size=2 kernel=3", "does not fit"),
        ("a conv size=9 kernel=3 dtype=int8", "dtype"),
        ("a conv size=nine kernel=3", "nine"),
        ("a", "cannot read"),
    ],
)
def test_a_line_that_is_no_case_is_refused_and_shown(line, message):
    with pytest.raises(ValueError, match=message) as caught:
        suites.parse_line("s", line)
    assert repr(line) in str(caught.value)


def test_suites_have_the_cases_that_they_promise():
    assert set(suites.names()) == {
        "filters", "founding", "large", "mobilenet", "networks", "overview", "pools", "quick", "resnet50", "scaling",
        "unet3d", "vgg", "video", "volumes",
    }  # fmt: skip
    assert len({case.key for case in ALL}) == len(ALL) > 130
    assert {c.suite for c in suites.load("overview")} == set(suites.names()) - {"large", "overview", "quick", "scaling"}
    assert max(case.flops for case in suites.load("quick")) < 3e8
    with pytest.raises(ValueError, match="no suite 'resnet'; there are filters"):
        suites.load("resnet")
    with pytest.raises(ValueError, match="no case 'vgg/none'"):
        suites.find("vgg/none")


def test_select_takes_words_and_dtypes():
    picked = suites.select(["founding", "founding"], "mnist,cifar", ("float32", "float64"))
    assert [(c.name, c.dtype) for c in picked[:2]] == [("cifar10", "float32"), ("cifar10", "float64")]
    assert len(picked) == 8


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.key)
def test_shapes_of_every_case_are_valid(case):
    assert case.source
    assert case.nbytes < 2**30
    layout = {1: "NCW", 2: "NCHW", 3: "NCDHW"}[case.ndim]
    x = case.n, case.c, *case.size
    known = {"stride": case.stride, "padding": case.pad, "dilation": case.dilation, "layout": layout}
    if case.op == "conv":
        w = case.k, case.c // case.groups, *case.kernel
        shape = shapes.conv_output_shape(x, w, groups=case.groups, kernel_layout="OI" + layout[2:], **known)
    else:
        shape = shapes.pool_output_shape(x, case.kernel, **known)
    assert shape == (case.n, case.k, *case.output)


@pytest.mark.parametrize("case", SMALL, ids=lambda case: case.name)
def test_the_float64_result_is_that_of_the_definition(case):
    got = reference.compute(case)
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, expected(case), rtol=0, atol=1e-14)


ALONE, MIXED = {"alone", "picture", "strided", "signal"}, {"plain", "groups", "stack", "volume"}
POOLS = {"max", "max_same", "avg", "avg_same"}
CAN = {
    ("cyconv", "NHWC"): ALONE | MIXED | POOLS,
    ("cyconv", "NHWC direct"): ALONE | MIXED,
    ("cyconv", "NCHW"): ALONE | MIXED | POOLS,
    ("cyconv", "NCHW direct"): ALONE | MIXED,
    ("numpy", "tensordot"): MIXED,
    ("numpy", "einsum"): ALONE | MIXED,
    ("numpy", "im2col"): MIXED,
    ("numpy", "taps"): ALONE | POOLS,
    ("scipy", "ndimage"): {"picture", "strided", "signal", "max_same", "avg_same"},
    ("scipy", "correlate"): {"picture", "strided", "signal", "stack"},
    ("scipy", "fftconvolve"): ALONE | {"stack"},
    ("scipy", "oaconvolve"): ALONE | {"stack"},
}


def test_the_baselines_have_these_ways():
    assert set(CAN) == {(n, way) for n in libraries.BASELINES for way in libraries.find(n).ways(OPTIONS)}


@pytest.mark.parametrize(("name", "way"), CAN, ids=[" ".join(key) for key in CAN])
def test_every_way_agrees_with_the_definition_or_says_what_it_lacks(name, way):
    library = libraries.find(name)(2)
    for case in SMALL:
        if case.name in CAN[name, way]:
            prepared = library.prepare(case, *case.arrays(), way)
            error = reference.error(np.asarray(prepared.array(prepared.call())), expected(case))
            assert error is not None, case
            assert error < {"float32": 1e-6, "float64": 1e-14}[case.dtype], case
        else:
            with pytest.raises(libraries.Unsupported, match=r"\w+ \w+"):
                library.prepare(case, *case.arrays(), way)


def test_an_error_is_none_if_it_has_no_size():
    y = np.array([[1.0, -4.0]])
    assert reference.error(y + 1, y) == 0.25
    assert reference.error(y[:, :1], y) is None
    for place in range(2):
        holes = np.zeros((2, 2))
        holes[place] = np.nan
        assert reference.error(holes, np.ones((2, 2))) is None


def entry(*medians, library="cyconv", way="NHWC", **known):
    rounds = [{"best": 0.9 * m, "median": m, "calls": 3} for m in medians]
    return results.entry(library, way, rounds, known.pop("error", 1e-7), **known)


def made(*entries, threads=2):
    """A run of one case."""
    probe = {"best": 1e-3, "median": 1e-3, "longer": 0.0, "count": 5}
    return {
        "format": results.FORMAT,
        "version": results.VERSION,
        "cyconv": "1",
        "started": "2030-01-01T00:00:00+00:00",
        "seconds": 1.0,
        "complete": True,
        "command": "python -m benchmarks",
        "machine": machine.describe(),
        "peaks": [{"dtype": "float32", "threads": threads, "flops": 1e11, "flops_by": "guess", "bandwidth": 1e10}],
        "libraries": {e["library"]: {"versions": {"x": "1"}, "details": {}, "python": "3"} for e in entries},
        "missing": {"jax": "not installed: jax"},
        "quiet": machine.verdict(0.0, 0.0, probe),
        "method": {},
        "results": [
            {
                "case": SMALL[0].record(),
                "threads": threads,
                "flops": SMALL[0].flops,
                "bytes": SMALL[0].nbytes,
                "entries": list(entries),
            }
        ],
    }


def test_an_entry_has_best_median_and_spread_of_its_rounds():
    e = entry(1.0, 4.0, 2.0)
    assert (e["best"], e["median"], e["spread"]) == (0.9, 2.0, 1.5)


def test_a_file_is_read_as_it_was_written(tmp_path):
    run = made(
        entry(1.0, 2.0, memory={"prepare": 1, "call": 2}), entry(library="scipy", status="failed", reason="it is")
    )
    results.save(tmp_path / "a.json", run)
    assert results.load(tmp_path / "a.json") == json.loads(json.dumps(run))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda run: run.update(format="x"), "not a file"),
        (lambda run: run.update(version=99), "version 99"),
        (lambda run: run.pop("quiet"), "file without quiet"),
        (lambda run: run["results"][0].pop("bytes"), "result without bytes"),
        (lambda run: run["results"][0]["entries"][0].pop("error"), "plain: timed without error"),
        (lambda run: run["results"][0]["entries"][0].update(status="fine"), "unknown status 'fine'"),
        (lambda run: run["results"][0]["entries"][0].update(rounds=[]), "without rounds"),
        (lambda run: run["results"][0]["entries"][0].update(error=None), "without an error"),
    ],
)
def test_a_file_of_another_form_is_refused(change, message, tmp_path):
    run = made(entry(1.0))
    change(run)
    (tmp_path / "a.json").write_text(json.dumps(run))
    with pytest.raises(ValueError, match=message):
        results.load(tmp_path / "a.json")


def test_the_chance_of_an_order_is_that_of_counting():
    assert compare.chance([1, 2, 3], [4, 5, 6]) == 1 / 20
    assert compare.chance([4, 5, 6], [1, 2, 3]) == 1
    assert compare.chance([1, 3], [2, 4]) == 2 / 6
    assert compare.chance(range(5), range(5, 10)) == 1 / 252


def test_compare_finds_a_regression_and_no_noise(capsys):
    before = made(entry(1.00, 1.01, 0.99, 1.02, 1.00))
    slower = made(entry(1.10, 1.12, 1.09, 1.11, 1.10))
    noisy = made(entry(1.30, 0.98, 1.20, 0.99, 1.25))
    same = made(entry(1.02, 1.03, 1.02, 1.04, 1.03))
    assert [row[0] for row in compare.compare(before, slower)["slower"]] == ["small/plain float32 2 thr cyconv NHWC"]
    assert compare.compare(before, slower)["slower"][0][1] == pytest.approx(1.1)
    assert len(compare.compare(slower, before)["faster"]) == 1
    assert len(compare.compare(before, noisy)["noise"]) == 1
    assert len(compare.compare(before, same)["same"]) == 1
    assert compare.show(before, slower, 0.05, "cyconv") == 1
    assert "1 slower, 0 faster" in capsys.readouterr().out
    assert compare.show(before, noisy, 0.05, "cyconv") == 0


def test_with_few_rounds_all_must_be_slower():
    before, other = made(entry(1.0, 1.1, 1.2)), made(entry(1.0, 1.1, library="scipy", way=""))
    assert len(compare.compare(before, made(entry(1.3, 1.4, 1.5)))["slower"]) == 1
    assert len(compare.compare(before, made(entry(1.15, 1.4, 1.5)))["noise"]) == 1
    found = compare.compare(before, other, library="all")
    assert found["gone"] == ["small/plain float32 2 thr cyconv NHWC"]
    assert found["new"] == ["small/plain float32 2 thr scipy "]


class Answers:
    """Workers that give prepared answers: {way: answer to "prepare"}."""

    def __init__(self, prepare):
        self.prepare, self.running, self.asked = prepare, {}, []

    def get(self, *_):
        return self

    def ask(self, do, way, **_):
        self.asked.append((do, way))
        answer = self.prepare[way] if do == "prepare" else {"best": 1.0, "median": 1.5, "calls": 2}
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_only_right_results_have_a_time():
    answers = Answers(
        {
            "tensordot": {"error_of_largest": 1e-7, "first": 0.1},
            "einsum": {"error_of_largest": 1e-3, "first": 0.1},
            "im2col": {"error_of_largest": None, "first": 0.1},
            "taps": {"unsupported": "for pools"},
        }
    )
    options = OPTIONS | {"threads": (1,), "rounds": 2, "budget": 0.0, "limit": 1.0, "memory": False}
    (result,) = race.Race(SMALL[0], ["numpy"], options, answers, machine.Probe(), "").run(lambda _: None)
    assert [e["status"] for e in result["entries"]] == ["timed", "wrong", "wrong", "unsupported"]
    assert [e.get("median") for e in result["entries"]] == [1.5, None, None, None]
    assert result["entries"][1]["reason"] == "error 1.0e-03 of the largest output, allowed 5e-05"
    assert answers.asked[4:] == [("time", "tensordot")] * 2


def test_turns_alternate_and_what_is_slow_has_one():
    right = {"error_of_largest": 0.0, "first": 0.1}
    answers = Answers({"NHWC": right, "NCHW": right | {"first": 9.0}})
    options = OPTIONS | {"threads": (1,), "rounds": 3, "budget": 0.0, "limit": 1.0, "memory": False}
    options["algorithms"] = ("auto",)
    (result,) = race.Race(SMALL[0], ["cyconv"], options, answers, machine.Probe(), "").run(lambda _: None)
    assert [way for do, way in answers.asked if do == "time"] == ["NHWC", "NCHW", "NHWC", "NHWC"]
    assert [len(e["rounds"]) for e in result["entries"]] == [3, 1]


def test_a_process_that_ends_is_a_failure_and_not_the_end():
    lost = race.Lost("the process ended with -9: killed")
    options = OPTIONS | {"threads": (1,), "rounds": 1, "budget": 0.0, "limit": 1.0, "memory": False}
    answers = Answers(dict.fromkeys(("tensordot", "einsum", "im2col", "taps"), lost))
    (result,) = race.Race(SMALL[0], ["numpy"], options, answers, machine.Probe(), "").run(lambda _: None)
    assert {(e["status"], e["reason"]) for e in result["entries"]} == {("failed", str(lost))}


def test_a_library_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(libraries.find("torch"), "modules", ("no_such_module_here",))
    there, lacking = race.present(("numpy", "torch", "jax"), {"jax": "python"})
    assert there == ["numpy", "jax"]
    assert lacking == {"torch": "not installed: no_such_module_here"}


def test_a_worker_times_what_it_prepared_and_measures_memory(tmp_path):
    case = dataclasses.replace(SMALL[1], n=1, size=(256, 256))
    np.save(tmp_path / "y.npy", reference.compute(case))
    one = worker.Worker("numpy", 1)
    known = {"case": case.record(), "way": "im2col"}
    first = one.answer({"do": "prepare", "expected": tmp_path / "y.npy", "tolerance": 5e-5, **known})
    assert 0 < first["error_of_largest"] < 1e-6
    times = one.answer({"do": "time", "way": "im2col", "budget": 0.005})
    assert 0 < times["best"] <= times["median"]
    assert times["calls"] >= 1
    assert one.answer({"do": "prepare", "case": case.record(), "way": "taps", "expected": "", "tolerance": 1}) == {
        "unsupported": "for pools, and for filters that do not mix channels"
    }
    assert "KeyError" in one.answer({"do": "time", "way": "taps", "budget": 0})["error"]
    if sys.platform == "linux":
        columns = 256 * 256 * 2 * 9 * 4
        assert one.answer({"do": "memory", **known})["call"] > columns


def test_noise_is_reported():
    calm, restless = ({"best": 1.0, "median": 1 + x, "longer": x, "count": 9} for x in (0.01, 0.5))
    assert machine.verdict(0.01, None, calm)["quiet"]
    verdict = machine.verdict(0.01, 0.4, restless)
    assert not verdict["quiet"]
    assert verdict["reasons"] == [
        "after the measurements others used 40% of the processors",
        "a fixed piece of work took 50% longer at the median than at best",
    ]


@pytest.mark.parametrize("rich", [True, False])
def test_tables_show_who_is_faster_what_did_not_count_and_noise(rich, monkeypatch, capsys):
    if not rich:
        monkeypatch.setitem(sys.modules, "rich.console", None)
    run = made(
        entry(2e-3, 2e-3),
        entry(3e-3, way="NCHW"),
        entry(1e-3, 1.5e-3, library="numpy", way="im2col"),
        entry(library="scipy", way="ndimage", status="wrong", reason="error 1", error=1.0),
    )
    run["quiet"] = machine.verdict(0.5, 0.0, run["quiet"]["probe"])
    report.summary(run)
    report.details(run)
    out = capsys.readouterr().out
    assert "2.000 ±0%" in out
    assert "1.250 ±20%" in out
    assert "0.62 numpy" in out
    assert re.search(r"cyconv NCHW[│ ]+2.700[│ ]+3.000[│ ]+\?", out)
    assert "Faster than cyconv in 1 of 1: small/plain (2 thr)" in out
    assert "Not counted: small/plain, scipy ndimage: wrong, error 1" in out
    assert "Without jax: not installed: jax" in out
    assert "THE MACHINE WAS NOT QUIET" in out
    assert "cyconv NCHW" in out
    assert ("━" in out) == (rich and importlib.util.find_spec("rich") is not None)


def test_peaks_are_found_with_and_without_a_compiler(monkeypatch):
    compiled = machine.peaks(1, seconds=0.02)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    plain = machine.peaks(1, seconds=0.02)
    assert "matrices" in plain["flops_by"]
    assert compiled["flops"] > 1e9
    assert plain["flops"] > 1e8
    assert compiled["bandwidth"] > 1e8


def test_pictures_are_drawn(tmp_path):
    plots = importlib.import_module("benchmarks.plots")
    memory = {"prepare": 0, "call": 2**20}
    entries = entry(1e-3, memory=memory), entry(5e-3, library="numpy", way="im2col", memory=memory)
    runs = [made(*entries, threads=t) for t in (1, 2)]
    for run in runs:
        (plain,) = run["results"]
        plain["case"] |= {"size": [512, 512]}
        series = [{**plain, "case": {**plain["case"], "name": f"pixels={n}x{n}"}} for n in (8, 16)]
        run["results"] += series
    written = plots.draw(runs, tmp_path / "a.json")
    names = {f"a-{name}.{kind}" for name in ("speed", "roofline", "scaling", "scaling-memory", "threads", "memory")
             for kind in ("svg", "png")}  # fmt: skip
    assert {path.name for path in written} == names == {path.name for path in tmp_path.iterdir()}
    assert all(path.read_bytes().startswith((b"\x89PNG", b"<?xml")) for path in written)
    del runs[1]["results"][0]["entries"][1]  # nobody to compare with
    runs[1]["results"] = runs[1]["results"][:1]
    assert plots.speed(plots._together(runs[1:])) is None


def test_plot_says_what_it_needs(monkeypatch, capsys, tmp_path):
    results.save(tmp_path / "a.json", made(entry(1.0)))
    monkeypatch.delitem(sys.modules, "benchmarks.plots", raising=False)
    monkeypatch.delattr(sys.modules["benchmarks"], "plots", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert cli.main(["plot", str(tmp_path / "a.json")]) == 2
    assert "python -m pip install matplotlib" in capsys.readouterr().err


def command(*arguments, cwd=ROOT, python=(sys.executable,), **known):
    return subprocess.run(
        [*python, "-m", "benchmarks", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=240,
        **known,
    )


def test_help_names_all_commands():
    done = command("--help")
    assert done.returncode == 0
    for word in ("--suite", "--peers", "--quick", "--memory", "--json", "--threads", "compare", "plot", "list", "calls",
                 "show", "sweep"):  # fmt: skip
        assert word in done.stdout


def test_bad_arguments_are_explained(capsys):
    assert cli.main(["--suite", "nothing"]) == 2
    assert "there is no suite 'nothing'" in capsys.readouterr().err
    assert cli.main(["--filter", "no such case"]) == 2
    assert "no case of overview has" in capsys.readouterr().err
    for wrong in (["--threads", "0"], ["--peers", "abacus"], ["--python", "abacus=x"], ["--layout", "HWC"]):
        with pytest.raises(SystemExit):
            cli.main(wrong)
        assert wrong[1] in capsys.readouterr().err


def test_the_command_in_a_file_names_no_places():
    given = ["--python", "jax=/opt/jax/bin/python", "--python=torch=/opt/bin/python", "--json", "/home/me/out.json"]
    assert cli._without_paths(given) == ["--python", "jax=PATH", "--python=torch=PATH", "--json", "out.json"]


def keys(value):
    """All keys of nested dicts."""
    if isinstance(value, dict):
        yield from value
        value = value.values()
    if isinstance(value, dict | list) or not isinstance(value, str | int | float | None):
        for inner in value:
            yield from keys(inner)


def test_a_tiny_run_from_the_command_to_the_comparison(tmp_path):
    suite, out = tmp_path / "mine.txt", tmp_path / "out.json"
    suite.write_text("# mine\na conv c=3 size=12x12 k=8 kernel=3x3 pad=1\nb max c=3 size=12x12 kernel=2x2 stride=2\n")
    done = command(
        "--suite", suite, "--rounds", 2, "--budget", 0.001, "--threads", "1,2", "--memory", "--json", out, "--details",
        "--libraries", "cyconv,numpy", "--algorithm", "auto,direct", "--layout", "NHWC",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "mine/a" in done.stdout
    run = results.load(out)
    assert [(r["case"]["name"], r["threads"]) for r in run["results"]] == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]
    for result in run["results"]:
        timed = {f"{e['library']} {e['way']}" for e in result["entries"] if e["status"] == "timed"}
        if result["case"]["op"] == "conv":
            assert timed >= {"cyconv NHWC", "cyconv NHWC direct", "numpy tensordot", "numpy im2col"}
        else:
            assert timed == {"cyconv NHWC", "numpy taps"}
    assert set(run["libraries"]) == {"cyconv", "numpy"}
    assert run["libraries"]["numpy"]["versions"]["numpy"] == np.__version__
    assert next(iter(run["libraries"]["cyconv"]["versions"])) == "cyconv"
    assert {p["threads"] for p in run["peaks"]} == {1, 2}
    named = set(re.findall(r"`(\w+)`", (ROOT / "benchmarks/SCHEMA.md").read_text()))
    free = {"cyconv", "numpy", "float32", "float64", "L1", "L2", "L3", "instruction set", "BLAS"}  # names, not keys
    assert set(keys(run)) - free <= named
    assert "0 slower, 0 faster, 0 within noise" in command("compare", out, out).stdout
    assert "mine/b" in command("show", out).stdout


def test_memory_beside_all_that_is_installed(tmp_path):
    suite, out = tmp_path / "mine.txt", tmp_path / "out.json"
    suite.write_text("layer conv c=32 size=128x128 k=16 kernel=5x5 pad=2\nfilter conv size=512x512 kernel=7x7 pad=3\n")
    done = command(
        "--suite", suite, "--rounds", 1, "--budget", 0.001, "--limit", 0.01, "--threads", 2, "--memory", "--peers",
        "--json", out, "--layout", "NHWC",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    run = results.load(out)
    absent = {name for name in libraries.PEERS if libraries.missing(name)}
    assert set(run["libraries"]) | set(run["missing"]) == set(libraries.NAMES)
    assert set(run["missing"]) >= absent
    for name in absent:
        assert f"Without {name}: not installed" in done.stdout
    layer, single = ({(e["library"], e["way"]): e for e in r["entries"]} for r in run["results"])
    assert {name for name, _ in layer} == set(run["libraries"])
    if sys.platform != "linux":
        return
    for entries in (layer, single):
        for key, e in entries.items():  # each was measured, in its own process
            assert e["status"] != "timed" or e["memory"]["call"] >= 0, key
    matrix = recorded.im2col_bytes(suites.load(str(suite))[0])
    assert matrix == 4 * 32 * 128 * 128 * 25
    assert layer["numpy", "im2col"]["memory"]["call"] > matrix
    assert layer["cyconv", "NHWC"]["memory"]["call"] < matrix / 8
    columns, rows = recorded.memory(run)
    assert columns[1:5] == ["output", "cyconv", "NumPy im2col", "im2col matrix"]
    assert [row[0] for row in rows] == ["mine/layer", "mine/filter"]
    assert rows[0][4] == "50.0"
    assert "MiB that a call of each library's fastest way takes" in done.stdout
    assert re.search(r"mine/layer +1\.0|mine/layer[│ ]+1\.0", done.stdout)


def test_a_process_that_has_no_memory_to_tell_is_no_failure(monkeypatch):
    class Silent(Answers):
        fresh = Answers.get

        def receive(self):
            raise race.Lost("the process ended")

        def close(self):
            self.closed = True

    right = {"error_of_largest": 0.0, "first": 0.1}
    answers = Silent({"tensordot": right, "einsum": right, "im2col": right, "taps": right})
    options = OPTIONS | {"threads": (1, 2), "rounds": 1, "budget": 0.0, "limit": 1.0, "memory": True}
    found = race.Race(SMALL[0], ["numpy"], options, answers, machine.Probe(), "").run(lambda _: None)
    assert {e["status"] for result in found for e in result["entries"]} == {"timed"}
    assert not any("memory" in e for result in found for e in result["entries"])
    assert answers.closed


def test_pages_show_what_is_recorded():
    run = made(
        entry(2e-3, 2e-3) | {"algorithm": "direct"},
        entry(1e-3, 1.5e-3, library="numpy", way="im2col"),
        entry(3e-3, library="scipy", way="ndimage"),
    )
    assert recorded.speed(run) == (
        ["case", "cyconv", "NumPy", "SciPy", "GFLOP/s", "error", "algorithm"],
        [["small/plain", "2.000", "1.250", "3.000", "0", "1e-07", "direct"]],
    )
    sentence, columns, rows = recorded.faster(run)
    assert sentence == "Among 1 cases another library is faster in 1, in 1 of them by more than rounds differ:"
    assert rows == [["small/plain", "NumPy", "1.250", "2.000", "1.60", ""]]
    assert len(columns) == len(rows[0])
    assert recorded.faster(made(entry(1e-3), entry(2e-3, library="numpy", way="im2col")))[0].startswith(
        "In none of the 1"
    )
    near = made(entry(1e-3, 1.2e-3), entry(0.9e-3, 1.2e-3, library="numpy", way="im2col"))
    assert recorded.faster(near)[2][0][-1] == "yes"
    assert recorded.memory(run)[1] == []
    assert "Recorded on 2030-01-01 with 2 threads on" in recorded.versions(run)
    assert recorded.peaks(run)[1] == [["float32", "2", "100", "10", "guess"]]


def test_every_recorded_file_is_shown():
    runs = [path for path in recorded.FOLDER.glob("*.json") if path.stem not in ("sweep", "calls")]
    assert recorded.FOLDER / "overview.json" in runs
    for path in runs:
        run = results.load(path)
        columns, rows = recorded.speed(run)
        assert rows
        assert {len(row) for row in rows} == {len(columns)}
        assert {len(row) for row in recorded.faster(run)[2]} <= {len(recorded.faster(run)[1])}
        assert run["command"].startswith("python -m benchmarks")


def test_calls_are_written_and_read(tmp_path, monkeypatch, capsys):
    calls = importlib.import_module("benchmarks.calls")
    monkeypatch.setattr(calls, "measure", lambda: {"plan(x)": [2e-6, 1e-6, 4e-6]})
    monkeypatch.setattr(machine, "others_busy", lambda: 0.0)
    assert cli.main(["calls", "--json", str(tmp_path / "c.json")]) == 0
    assert re.search(r"plan\(x\)[│ ]+1\.00[│ ]+2\.00", capsys.readouterr().out)
    found = calls.load(tmp_path / "c.json")
    assert found["calls"] == {"plan(x)": {"best": 1e-6, "median": 2e-6}}
    assert recorded.calls(found)[1] == [["plan(x)", "1.00", "2.00"]]
    named = set(re.findall(r"`(\w+)`", (ROOT / "benchmarks/SCHEMA.md").read_text()))
    assert set(keys(found)) - {"plan(x)", "L1", "L2", "L3"} <= named
    (tmp_path / "d.json").write_text("{}")
    with pytest.raises(ValueError, match="not a file of calls"):
        calls.load(tmp_path / "d.json")


def test_an_installed_package_wins_over_the_folder_beside(tmp_path):
    checkout, site = tmp_path / "checkout", tmp_path / "site"
    for folder, text in ((checkout, "NAME = 'folder'"), (site, "NAME = 'installed'")):
        (folder / "cyconv").mkdir(parents=True)
        (folder / "cyconv/__init__.py").write_text(text)
    (checkout / "benchmarks").mkdir()
    (checkout / "benchmarks/__init__.py").touch()
    shutil.copy(ROOT / "benchmarks/__main__.py", checkout / "benchmarks")
    (checkout / "benchmarks/cli.py").write_text("import cyconv\ndef main():\n    print(cyconv.NAME)\n")
    bare = sys.executable, "-S"
    assert command(cwd=checkout, python=bare, env={"PYTHONPATH": str(site)}).stdout == "installed\n"
    assert command(cwd=checkout, python=bare, env={}).stdout == "folder\n"


def test_asv_classes_run():
    speed = load("asv_speed", ROOT / "benchmarks/asv_bench/speed.py")
    assert json.loads((ROOT / "benchmarks/asv.conf.json").read_text())["benchmark_dir"] == "asv_bench"
    for made_of, key in ((speed.Convolution, "founding/cifar10"), (speed.Pool, "pools/resnet_50_ave_pool5")):
        for layout in speed.LAYOUTS:
            one = made_of()
            assert key in one.params[0]
            one.setup(key, layout, 1)
            for name in dir(one):
                if name.startswith(("time_", "peakmem_")):
                    getattr(one, name)(key, layout, 1)
            result = one.plan(one.x) if key.startswith("founding") else one.pool(one.x, one.case.kernel, **one.known)
            y = np.moveaxis(result, -1, 1) if layout == "channels_last" else result
            assert reference.error(y, expected(one.case)) < 1e-6
    code, first = speed.Overhead().timeraw_import()
    assert (code, first) == ("import cyconv", "import numpy")
