"""Everything that the documentation shows."""

import doctest
import importlib
import pathlib
import pkgutil

import pytest

import cyconv

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
