"""The estimate for many cores counts pieces of work as the library cuts them."""

import math

import numpy as np
import pytest
import test_benchmarks  # loads the package of the checkout

import cyconv
from benchmarks import paper, recorded, results
from cyconv import isa

LAYERS = [case for case in paper.layers() if case.n == 1 and case.nbytes < 2e7]
KNOWN = paper.Figures(250e9, {"resnet50/res2a_branch2b": 240e9}, 200e9, 2e-6, "assumed")


COUNTER = 64
"""Bytes of each thread's line, which says what it has taken."""


def workspace(case, threads):
    """Bytes that a plan says its threads need together."""
    w = np.zeros((case.k, case.c, *case.kernel), np.float32)
    return cyconv.plan_conv2d(
        (case.n, *case.size, case.c), w, stride=case.stride, padding=case.pad, kernel_layout="OIHW",
        algorithm="direct", threads=threads,
    ).workspace_bytes  # fmt: skip


@pytest.mark.skipif(isa.CURRENT != "avx512", reason="the tiles are those of AVX-512")
@pytest.mark.parametrize("case", LAYERS, ids=lambda case: case.key)
def test_units_are_those_of_the_compiled_code(case):
    # Each thread that has work gets scratch memory, which grows with the tiles that it keeps at once.
    each = {}
    for threads in (1, 2, 5, 8, 16, 24, 32, 64):
        division = paper.divide(case, threads)
        per_thread, rest = divmod(workspace(case, threads), min(threads, division.units))
        assert rest == 0, threads
        assert per_thread % 64 == 0, threads
        each.setdefault(division.at_once, set()).add(per_thread - COUNTER)
    assert all(len(sizes) == 1 for sizes in each.values()), each
    per_tile = [sizes.pop() / at_once for at_once, sizes in each.items()]
    assert max(per_tile) - min(per_tile) <= 192


@pytest.mark.parametrize("case", paper.layers(), ids=lambda case: f"{case.key}-{case.n}")
def test_an_estimate_keeps_within_what_is_possible(case):
    e = paper.estimate(case, KNOWN)
    assert e.division.units <= e.division.tiles * e.division.blocks
    assert 1 <= e.division.busy <= paper.CORES
    assert all(0 < speedup <= threads for threads, speedup in e.speedups.items())
    assert e.one / paper.CORES <= e.seconds
    assert 0 < e.fixed < 1
    assert e.limit in ("none", "division", "memory", "fork and call")
    assert e.weights >= 4 * case.k * case.c * math.prod(case.kernel) / case.flops


def test_the_limits_are_those_that_one_expects():
    by_key = {(case.key, case.n): paper.estimate(case, KNOWN) for case in paper.layers()}
    assert by_key["resnet50/res2a_branch2b", 16].limit == "none"
    assert by_key["resnet50/res5b_branch2b", 1].limit == "division"
    assert by_key["resnet50/res5b_branch2b", 1].division.units == 16
    assert by_key["resnet50/res5b_branch2b", 1].stops == 16
    assert by_key["resnet50/res2a_branch2b", 1].limit == "fork and call"
    slow = paper.estimate(paper.layers()[0], paper.Figures(1e9, {}, 1e9, 2e-6, "assumed"))
    assert slow.limit == "none"
    assert slow.speedups[64] > 60


def test_figures_come_from_the_record():
    run = results.load(recorded.FOLDER / "overview.json")
    known = paper.figures(run)
    assert known.call_from == "assumed"
    assert set(known.rates) >= {"resnet50/res2a_branch2b", "vgg/vgg_19_conv3_2"}
    assert all(0 < rate <= known.peak for rate in known.rates.values())
    assert paper.figures(run, {"calls": {"plan(x, out=y)": {"median": 1e-6}}}).call == 1e-6
    assert paper.BANDWIDTH == 460.8e9
    for table in (paper.work, paper.scaling, paper.assumptions):
        columns, rows = table(known)
        assert {len(row) for row in rows} == {len(columns)}
    named = " ".join(paper.limits(known))
    assert all(case.name in named for case in paper.layers())


def test_made_up_runs_prefer_the_direct_algorithm_and_the_fewest_threads():
    one, both = (
        test_benchmarks.made(
            test_benchmarks.entry(seconds), test_benchmarks.entry(2 * seconds, way="NHWC direct"), threads=t
        )
        for t, seconds in ((1, 1e-3), (2, 0.6e-3))
    )
    run = {**both, "results": both["results"] + one["results"]}
    flops = run["results"][0]["flops"]
    assert paper.figures(run).rates == {"small/plain": pytest.approx(flops / 2e-3)}
