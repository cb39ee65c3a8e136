"""The sweep finds cliffs where there are some, and none where there are none; so do its file, table and picture."""

import json
import math
import re

import numpy as np
import pytest
import test_benchmarks  # loads the package of the checkout

from benchmarks import cli, machine, suites, sweep

ROOT = test_benchmarks.ROOT
LINE = sweep.Line("inner", "k", 1, 1, "NHWC", tuple(range(1, 41)))
SMOOTH = {
    "flat": np.ones(40),
    "falling": 1 / np.arange(1, 41),
    "rising": 1 + np.arange(40) / 20,
    "noisy": 1 + 0.2 * np.random.default_rng(0).random(40),
    "vectors": np.ceil(np.arange(60, 100) / 16) / np.arange(60, 100),
}


@pytest.mark.parametrize("costs", SMOOTH.values(), ids=SMOOTH)
def test_a_smooth_line_has_no_cliffs(costs):
    assert sweep.judge(list(costs), [1e-3] * len(costs)) == []


@pytest.mark.parametrize("costs", SMOOTH.values(), ids=SMOOTH)
@pytest.mark.parametrize("at", [4, 20, 38])
def test_a_planted_peak_is_found(costs, at):
    costs = list(costs)
    costs[at] *= 3
    ((index, kind, ratio),) = sweep.judge(costs, [1e-3] * len(costs))
    assert (index, kind) == (at, "peak")
    assert 2.2 < ratio < 3.6


@pytest.mark.parametrize("at", [4, 20, 37])
def test_a_planted_step_is_found_once_and_where_it_begins(at):
    costs = np.where(np.arange(40) < at, 1.0, 1.8)
    assert sweep.judge(list(costs), [1e-3] * 40) == [(at, "step", 1.8)]
    assert sweep.judge(list(costs[::-1]), [1e-3] * 40) == []  # faster from there on


def test_two_slow_neighbours_are_two_peaks_and_the_end_of_a_line_is_a_step():
    costs = [1.0] * 20
    costs[8] = costs[9] = 2.0
    assert [(i, kind) for i, kind, _ in sweep.judge(costs, [1e-3] * 20)] == [(8, "peak"), (9, "peak")]
    assert [(i, kind) for i, kind, _ in sweep.judge([1.0] * 19 + [2.0], [1e-3] * 20)] == [(19, "step")]


def test_what_calls_cost_is_no_cliff():
    costs, times = [1.0] * 9, [1e-3] * 9
    costs[4], times[4] = 5.0, 0.9 * sweep.LEAST
    assert sweep.judge(costs, times) == []
    times[4] = 1.1 * sweep.LEAST
    assert sweep.judge(costs, times) == [(4, "peak", 5.0)]


def test_lines_are_those_that_are_promised():
    everything = sweep.lines()
    assert len({line.name for line in everything}) == len(everything) > 100
    assert {line.layout for line in everything} == {"NHWC", "NCHW"}
    assert {(line.stride, line.dilation) for line in everything} == {(1, 1), (2, 1), (1, 2)}
    ends = {
        axis: {(line.values[0], line.values[-1]) for line in everything if line.axis == axis} for axis in sweep.AXES
    }
    assert ends == {"c": {(1, 260)}, "k": {(1, 260)}, "ck": {(1, 260)}, "size": {(5, 230)}, "kernel": {(1, 11)}}
    assert all(np.diff(line.values).max() == 1 for line in everything)
    assert {line.name for line in sweep.lines(quick=True)} < {line.name for line in everything}
    for line in everything:
        for value in (line.values[0], line.values[-1]):
            case = line.case(value)
            assert min(case.output) >= 1, line
            assert suites.Case.from_record(case.record()) == case
    one = sweep.Line("depthwise", "ck", 2, 1, "NCHW", (5,))
    assert (one.case(5).c, one.case(5).k, one.case(5).groups, one.case(5).stride) == (5, 5, 5, (2, 2))
    assert one.name == "depthwise NCHW stride 2 channels and filters"


def clock(monkeypatch, slow=(), once=(), algorithm=lambda value: "direct"):
    """Lets a multiply-add take 1e-9 s, at `slow` three times that, at `once` the first two times only."""
    asked = []

    def measure(line, value, threads, budget):
        asked.append(value)
        bad = value in slow or (value in once and asked.count(value) <= 2)
        return line.case(value).flops * 0.5e-9 * (3 if bad else 1), algorithm(value)

    monkeypatch.setattr(sweep, "measure", measure)
    monkeypatch.setattr(machine, "others_busy", lambda: 0.0)
    return asked


OPTIONS = {"threads": 2, "rounds": 2, "budget": 0.001, "peaks": False, "command": "python -m benchmarks sweep"}


def test_a_cliff_is_reported_and_a_disturbance_is_measured_again(monkeypatch, capsys):
    asked = clock(monkeypatch, slow=(20,), once=(9,), algorithm=lambda v: "other" if v > 19 else "direct")
    steps = []
    swept = sweep.run([LINE], OPTIONS, lambda *step: steps.append(step))
    assert (80, 80, LINE.name) in steps
    assert asked[:80] == [*range(1, 41), *range(40, 0, -1)]  # there and back
    assert set(asked[80:]) == {*range(6, 13), *range(17, 24)}
    assert asked.count(9) == 3
    assert asked.count(20) == 2 + sweep.AGAIN
    (cliff,) = swept["cliffs"]
    assert {k: cliff[k] for k in ("line", "value", "kind", "ratio", "algorithm", "before")} == {
        "line": "inner NHWC filters", "value": 20, "kind": "peak", "ratio": 3.0, "algorithm": "other",
        "before": "direct",
    }  # fmt: skip
    assert swept["lines"][0]["algorithms"] == [[1, "direct"], [20, "other"]]
    assert np.median(sweep.speeds(swept["lines"][0])) == pytest.approx(2, rel=1e-3)
    sweep.show(swept, everything=True)
    out = capsys.readouterr().out
    assert "1 cliffs among 40 shapes on 1 lines" in out
    assert re.search(r"inner NHWC filters[│ ]+20[│ ]+peak[│ ]+3\.00", out)
    assert "other, before direct" in out
    assert "direct from 1, other from 20" in out


def test_a_file_is_read_as_it_was_written_and_has_the_keys_of_the_schema(monkeypatch, tmp_path):
    clock(monkeypatch, slow=(20,))
    swept = sweep.run([LINE], OPTIONS)
    sweep.save(tmp_path / "s.json", swept)
    assert sweep.load(tmp_path / "s.json") == json.loads(json.dumps(swept))
    assert f"{list(range(1, 41))}" in (tmp_path / "s.json").read_text()
    named = set(re.findall(r"`(\w+)`", (ROOT / "benchmarks/SCHEMA.md").read_text()))
    assert set(test_benchmarks.keys(swept)) - {"L1", "L2", "L3"} <= named
    for change, message in (
        ({"format": "cyconv benchmarks"}, "not a file of a sweep"),
        ({"version": 9}, "version 9"),
        ({"cliffs": [{"line": "x"}]}, "cliff without value"),
        ({"lines": [{**swept["lines"][0], "times": [1.0]}]}, "40 values, 1 times"),
    ):
        (tmp_path / "t.json").write_text(json.dumps(swept | change))
        with pytest.raises(ValueError, match=message):
            sweep.load(tmp_path / "t.json")


def test_pictures_of_a_sweep(monkeypatch, tmp_path, capsys):
    clock(monkeypatch, slow=(20,), algorithm=lambda v: "other" if v > 9 else "direct")
    lines = [
        LINE,
        sweep.Line("depthwise", "size", 1, 1, "NCHW", (5, 6, 7)),
        sweep.Line("first", "k", 2, 1, "NHWC", (5, 6)),
    ]
    sweep.save(tmp_path / "s.json", sweep.run(lines, OPTIONS))
    plots = pytest.importorskip("benchmarks.plots")
    written = plots.draw_sweep(sweep.load(tmp_path / "s.json"), tmp_path / "s.json", tmp_path / "to")
    assert {path.name for path in written} == {"s.svg", "s.png", "s-stride2.svg", "s-stride2.png"}
    assert all(path.stat().st_size > 5000 for path in written)
    assert cli.main(["plot", str(tmp_path / "s.json")]) == 0
    assert (tmp_path / "s-stride2.svg").exists()
    capsys.readouterr()
    assert cli.main(["show", str(tmp_path / "s.json")]) == 0
    assert "1 cliffs among 45 shapes on 3 lines" in capsys.readouterr().out


def test_measuring_gives_a_time_and_an_algorithm():
    for centre in sweep.CENTRES:
        for layout in ("NHWC", "NCHW"):
            axis = "ck" if centre == "depthwise" else "k"
            seconds, algorithm = sweep.measure(sweep.Line(centre, axis, 2, 1, layout, (4,)), 4, 1, 0.0)
            assert 0 < seconds < 1
            assert math.isfinite(seconds)
            assert algorithm


def test_the_command_from_the_terminal_to_the_file(tmp_path):
    out = tmp_path / "s.json"
    done = test_benchmarks.command(
        "sweep", "--quick", "--threads", 1, "--rounds", 1, "--budget", 0, "--json", out,
        "--filter", "inner NHWC window,deep NCHW window",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    swept = sweep.load(out)
    assert [line["name"] for line in swept["lines"]] == [
        "inner NHWC window along each axis", "deep NCHW window along each axis",
    ]  # fmt: skip
    assert len(swept["peaks"]) == 1
    assert swept["command"].endswith("--json s.json --filter inner NHWC window,deep NCHW window")
    assert "among 22 shapes on 2 lines" in done.stdout
    assert test_benchmarks.command("sweep", "--filter", "nothing").returncode == 2
