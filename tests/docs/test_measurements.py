"""The directive that shows recorded measurements."""

import importlib.util
import re

import browser
import pytest

PATH = browser.DOCS / "_ext" / "measurements.py"
pytest.importorskip("sphinx")


def loaded():
    spec = importlib.util.spec_from_file_location("measurements", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


measurements = loaded()
PAGE = (browser.DOCS / "benchmarks.rst").read_text(encoding="utf-8")


def test_everything_that_the_page_asks_for_can_be_shown_or_recorded():
    asked = re.findall(r"^\.\. measured:: (\w+) (\S+)$", PAGE, re.MULTILINE)
    assert {view for view, _ in asked} == {"picture", *measurements.VIEWS}
    for view, name in asked:
        assert name.partition("-")[0] in measurements.COMMANDS, (view, name)


def test_views_of_the_recorded_overview_are_tables_and_lists():
    run = measurements.part("results").load(measurements.RESULTS / "overview.json")
    for name in ("speed", "about", "work", "scaling", "assumptions"):
        lines = measurements.VIEWS[name](run)
        assert ".. list-table::" in lines, name
    assert any(line.startswith("- ") for line in measurements.limits(run))
    assert re.match(r"(Among|In none of the) \d+ cases", measurements.faster(run)[0])
    cases = {f"{r['case']['suite']}/{r['case']['name']}" for r in run["results"]}
    shown = "\n".join(measurements.speed(run)).replace("\\", "")
    assert all(case in shown for case in cases)


def test_commands_that_are_named_are_those_of_the_readme():
    readme = (measurements.ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    for name, command in measurements.COMMANDS.items():
        assert command in readme, name


def test_cells_are_taken_as_they_are():
    assert measurements.rst_table(["a"], [["x_ * `y`|"]])[-2] == r"   * - x\_ \* \`y\`\|"
