"""Names in single backquotes stand for something: run by ``pytest tests/docs``, where Sphinx is installed."""

import pathlib
import sys

import pytest
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.util.docutils import docutils_namespace, patch_docutils

EXTENSIONS = pathlib.Path(__file__).parents[2] / "docs" / "_ext"


@pytest.fixture
def build(tmp_path):
    def build(text):
        (tmp_path / "conf.py").write_text(
            f"import sys\nsys.path.insert(0, {str(EXTENSIONS)!r})\n"
            'extensions = ["names"]\ndefault_role = "py:obj"\nnitpicky = True\n'
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
        ("numpy.pad", "https://numpy.org/doc/stable/reference/generated/numpy.pad.html"),
        ("scipy.signal.lfilter", "https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.lfilter.html"),
        ("scipy.ndimage", "https://docs.scipy.org/doc/scipy/reference/ndimage.html"),
    ],
)
def test_names_of_other_libraries_are_plain_links(build, name, url):
    assert f'href="{url}"' in build(f"See `{name}`.")


@pytest.mark.parametrize("name", ["pad_mode", "output_size", "print", "workspace_bytes"])
def test_arguments_and_what_is_built_in_are_code(build, name):
    assert f'<span class="pre">{name}</span>' in build(f"See `{name}`.")


@pytest.mark.parametrize("name", ["pad_modes", "cyconv.conv4d", "Conv5D"])
def test_names_that_stand_for_nothing_end_the_build(build, name):
    with pytest.raises(SphinxError, match=f"reference target not found: {name}"):
        build(f"See `{name}`.")
