"""Names in single backquotes stand for something: run by ``pytest tests/docs``, where Sphinx is installed."""

import importlib
import inspect
import pathlib
import pkgutil
import re
import runpy
import sys

import pytest
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.util.docutils import docutils_namespace, patch_docutils

DOCS = pathlib.Path(__file__).parents[2] / "docs"
INVENTORIES = sorted((DOCS / "inventories").glob("*.txt"))
MAPPING = runpy.run_path(str(DOCS / "conf.py"))["intersphinx_mapping"]
OFFLINE = {path.stem: (MAPPING[path.stem][0], str(path)) for path in INVENTORIES}


@pytest.fixture
def build(tmp_path):
    def build(text):
        (tmp_path / "conf.py").write_text(
            f"import sys\nsys.path.insert(0, {str(DOCS / '_ext')!r})\nintersphinx_mapping = {OFFLINE}\n"
            'extensions = ["sphinx.ext.intersphinx", "names"]\ndefault_role = "py:obj"\nnitpicky = True\n'
        )
        (tmp_path / "index.rst").write_text(f"Page\n====\n\n.. py:class:: cyconv.layers.Conv2D\n\n{text}\n")
        with patch_docutils(), docutils_namespace():
            app = Sphinx(
                tmp_path, tmp_path, tmp_path / "out", tmp_path / "trees", "html",
                status=None, warning=sys.stderr, freshenv=True, exception_on_warning=True,
            )  # fmt: skip
            app.build(force_all=True)
        return (tmp_path / "out" / "index.html").read_text(encoding="utf-8")

    return build


def test_short_names_are_links(build):
    assert 'href="#cyconv.layers.Conv2D"' in build("See `Conv2D`.")


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("numpy.pad", "https://numpy.org/doc/stable/reference/generated/numpy.pad.html#numpy.pad"),
        ("scipy.ndimage", "https://docs.scipy.org/doc/scipy/reference/ndimage.html#module-scipy.ndimage"),
    ],
)
def test_names_of_other_projects_are_links(build, name, url):
    assert f'href="{url}"' in build(f"See `{name}`.")


@pytest.mark.parametrize("name", ["pad_mode", "output_size", "print", "workspace_bytes"])
def test_arguments_and_what_is_built_in_are_code(build, name):
    assert f'<span class="pre">{name}</span>' in build(f"See `{name}`.")


@pytest.mark.parametrize("name", ["pad_modes", "cyconv.conv4d", "Conv5D", "numpy.pat"])
def test_names_that_stand_for_nothing_end_the_build(build, name):
    with pytest.raises(SphinxError, match=f"reference target not found: {name}"):
        build(f"See `{name}`.")


@pytest.mark.parametrize("path", INVENTORIES, ids=lambda path: path.stem)
def test_inventories_have_what_the_pages_use(site, path):
    """And nothing else; what is installed has these names."""
    links = "".join(page.read_text(encoding="utf-8") for page in site.glob("*.html"))
    for line in path.read_text(encoding="utf-8").splitlines()[3:]:
        name, kind, _ = line.split()
        assert re.search(f'href="{MAPPING[path.stem][0]}[^"]*#{"module-" * (kind == "mod")}{name}"', links), name
        if importlib.util.find_spec(path.stem):
            thing = pkgutil.resolve_name(name)
            assert kind == ("mod" if inspect.ismodule(thing) else "class" if inspect.isclass(thing) else "function")
