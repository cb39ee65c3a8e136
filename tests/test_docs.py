"""Everything that the documentation shows."""

import contextlib
import doctest
import importlib
import pathlib
import pkgutil
import re
import shlex

import pytest

import cyconv
from cyconv import __main__ as command_line

ROOT = pathlib.Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.rst"))]
MODULES = sorted(m.name for m in pkgutil.iter_modules(cyconv.__path__) if m.name not in ("_ext", "__main__"))


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name):
    module = importlib.import_module(f"cyconv.{name}")
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_pages(page):
    assert doctest.testfile(str(page), module_relative=False, encoding="utf-8").failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder()
    examples = sum(len(t.examples) for name in MODULES for t in finder.find(importlib.import_module(f"cyconv.{name}")))
    assert examples > 20
    assert sum(p.read_text(encoding="utf-8").count(">>>") for p in PAGES) > 10


@pytest.mark.parametrize("name", cyconv.__all__)
def test_public_names_are_documented(name):
    thing = getattr(cyconv, name)
    if callable(thing):
        assert len(thing.__doc__.splitlines()) >= 1


PUBLIC = ("cyconv", "cyconv.initializers", "cyconv.layers", "cyconv.models", "cyconv.shapes")


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names_are_in_the_reference(module):
    reference = (ROOT / "docs" / "api.rst").read_text(encoding="utf-8")
    for name, thing in (
        (n, getattr(importlib.import_module(module), n)) for n in importlib.import_module(module).__all__
    ):
        if callable(thing) and thing.__name__ == name:  # not another name of the same
            assert re.search(rf":: {re.escape(module)}\.{name}(\(\))?$", reference, re.MULTILINE), name


def blocks(language):
    """Code that pages show without ``>>>``."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for found in re.finditer(rf"^\.\. code-block:: {language}\n\n((?:   .*\n|\n)+)", text, re.MULTILINE):
            yield page.name, re.sub("^   ", "", found[1], flags=re.MULTILINE)


def test_code_that_is_shown_is_python():
    for page, code in blocks("python"):
        compile(code, page, "exec")


def test_commands_that_are_shown_run(capsys):
    lines = [line for _, code in blocks("console") for line in code.splitlines() if line]
    assert len(lines) > 3
    for line in lines:
        program, *arguments = shlex.split(line)
        if program == "pip":  # .ci/run does that
            continue
        assert [program, *arguments[:2]] == ["python", "-m", "cyconv"], line
        with contextlib.suppress(SystemExit):
            assert command_line.main(arguments[2:]) == 0, line
        captured = capsys.readouterr()
        assert captured.out
        assert not captured.err


def test_each_question_is_linked_answered_and_worked_out():
    front, page = ((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("index.rst", "questions.rst"))
    answers = dict(
        re.findall(r"^\.\. _(question-[\w-]+):\n\n(.*?)(?=^\.\. _question|\Z)", page, re.MULTILINE | re.DOTALL)
    )
    assert len(answers) == 13
    assert re.findall(r":ref:`(.*?) <(question-[\w-]+)>`", front) == [
        (answer.splitlines()[0], name) for name, answer in answers.items()
    ]
    for answer in answers.values():
        assert ">>> " in answer
        assert ".. worked-example::" in answer
