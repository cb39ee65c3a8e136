"""The directives of the site: run by ``pytest tests/docs``, where Sphinx is installed."""

import pathlib
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

import cyconv

ROOT = pathlib.Path(__file__).parents[2]
sys.path.append(str(ROOT / "docs" / "_ext"))

import worked_example  # noqa: E402
from worked_example import WorkedExampleError  # noqa: E402

EXAMPLE = """
.. worked-example:: conv2d
   :open: padding, size

   (1, 11, 9, 3), (3, 3, 3, 8), stride=2, padding="same"
"""


@pytest.fixture
def build(tmp_path):
    def build(text, builder="html"):
        source = tmp_path / "source"
        source.mkdir(exist_ok=True)
        (source / "conf.py").write_text('extensions = ["sphinx.ext.mathjax", "worked_example"]\nsmartquotes = False\n')
        (source / "index.rst").write_text(f"Page\n====\n{text}")
        with patch_docutils(), docutils_namespace():
            app = Sphinx(
                source, source, tmp_path / "out", tmp_path / "trees", builder,
                status=None, warning=None, freshenv=True, warningiserror=True,
            )  # fmt: skip
            app.build(force_all=True)
        return (tmp_path / "out" / ("index.html" if builder == "html" else "index.txt")).read_text(encoding="utf-8")

    return build


def words(markup):
    """What is read on a page, without its elements."""
    found = []
    parser = HTMLParser()
    parser.handle_data = found.append
    parser.feed(markup)
    return re.sub(r"\s+", "", "".join(found))


def test_the_page_says_what_explain_says(build):
    page = build(EXAMPLE)
    e = cyconv.explain("conv2d", (1, 11, 9, 3), (3, 3, 3, 8), stride=2, padding="same")
    read = words(page)
    for text in (e.title, e.question, e.answer):
        assert re.sub(r"\s+", "", text) in read
    for number, section in enumerate(e.sections, 1):
        is_open = section.heading.startswith(("Padding", "Size"))
        assert f"<details{' open' if is_open else ''}><summary>{number}. {section.heading}</summary>" in page
    for step in e.steps:
        value = f"{step.value:,}" if isinstance(step.value, int) else f"{step.value:,.1f}"
        assert rf"\(= {value.replace(',', '{,}')}\)" in page
    assert page.count('class="math') > 2 * len(e.sections)
    assert "window 4                  [x x x]" in page
    call = "print(cyconv.explain('conv2d', (1, 11, 9, 3), (3, 3, 3, 8), stride=2, padding='same'))"
    assert re.sub(r"\s+", "", call) in read


def test_drawings_are_said_to_be_drawings(build):
    page = build(EXAMPLE)
    assert '<pre class="worked-drawing" role="img" tabindex="0" aria-label="Drawing of what' in page


def test_builders_without_formulas(build):
    page = build(EXAMPLE, "text")
    assert "3. Size of the output" in page
    assert "[x x x]" in page


def test_axes_with_the_same_numbers_are_told_together(build):
    page = build('.. worked-example:: conv2d\n   :open: all\n\n   (1, 9, 9, 1), (3, 3, 1, 1), padding="full"\n')
    assert '<span class="worked-axis">H and W: </span>' in page
    assert page.count("<details open>") == 7


def test_digits_in_groups_of_three_are_one_number(build):
    page = build(".. worked-example:: conv2d\n\n   (1, 128, 128, 3), (8, 8, 3, 24), stride=2\n")
    assert "17{,}146{,}368" in page


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (".. worked-example:: conv2d\n\n   (1, 5, 5, 3), (7, 7, 3, 2)\n", "does not fit the input along H"),
        (".. worked-example:: conv2e\n\n   (1, 5, 5, 3), (3, 3, 3, 2)\n", "did you mean 'conv2d'"),
        (".. worked-example:: conv2d\n\n   (1, 5, 5, 3), (3, 3, 3, 2), strid=2\n", "did you mean 'stride'"),
        (".. worked-example:: conv2d\n   :open: sise\n\n   (1, 5, 5, 3), (3, 3, 3, 2)\n", ":open: 'sise'"),
        (".. worked-example:: conv2d\n\n   open('x')\n", "malformed node"),
        (".. worked-example:: conv2d\n\n   (1, 9999, 9999, 99), (9, 9, 99, 99)\n", "too many to be run"),
        (".. worked-receptive-field::\n\n   [(3, 0)]\n", "stride"),
    ],
)
def test_errors_of_the_call_end_the_build(build, text, message):
    with pytest.raises(WorkedExampleError, match=r"index\.rst:\d+: .*" + re.escape(message)):
        build(text)


def changed(monkeypatch, change):
    """Lets `explain` say something else."""
    explain = cyconv.explain

    def other(*args, **kwargs):
        e = explain(*args, **kwargs)
        change(e)
        return e

    monkeypatch.setattr(cyconv, "explain", other)


def with_steps(e, change):
    """Changes each formula of an explanation."""
    e.sections = tuple(
        s._replace(
            items=tuple(i if isinstance(i, (str, worked_example.Picture)) else tuple(map(change, i)) for i in s.items)
        )
        for s in e.sections
    )


def test_a_shape_that_the_kernels_do_not_give_ends_the_build(build, monkeypatch):
    changed(monkeypatch, lambda e: setattr(e, "output_shape", (1, 6, 6, 8)))
    with pytest.raises(WorkedExampleError, match=r"the kernels give \(1, 6, 5, 8\), the explanation \(1, 6, 6, 8\)"):
        build(EXAMPLE)


def test_a_cost_that_the_kernels_do_not_count_ends_the_build(build, monkeypatch):
    changed(monkeypatch, lambda e: setattr(e, "cost", e.cost._replace(macs=e.cost.macs - 1)))
    with pytest.raises(WorkedExampleError, match="the kernels add 6,480 products, the explanation 6,479"):
        build(EXAMPLE)


def test_a_formula_that_does_not_give_its_value_ends_the_build(build, monkeypatch):
    wrong = "floor((length + before + after - extent) / stride)"

    def change(e):
        with_steps(e, lambda s: s._replace(formula=wrong) if s.name == "output size" else s)

    changed(monkeypatch, change)
    with pytest.raises(WorkedExampleError, match=re.escape(f"out = {wrong} is 5, not 6: ")):
        build(EXAMPLE)


@pytest.mark.parametrize(("number", "value"), [("before", 0), ("extent", 2)])
@pytest.mark.parametrize(("op", "kernel"), [("conv2d", "(3, 3, 3, 8)"), ("max_pool2d", "3")])
def test_windows_that_lie_elsewhere_end_the_build(build, monkeypatch, op, kernel, number, value):
    # The formulas still give the right size: only the windows are elsewhere.
    def change(s):
        if s.name != "output size":
            return s
        total = s.numbers["before"] + s.numbers["after"] - s.numbers["extent"]
        numbers = {**s.numbers, number: value}
        return s._replace(numbers={**numbers, "after": total - numbers["before"] + numbers["extent"]})

    changed(monkeypatch, lambda e: with_steps(e, change))
    with pytest.raises(WorkedExampleError, match="along H, windows lie elsewhere than the explanation says"):
        build(f'.. worked-example:: {op}\n\n   (1, 11, 9, 3), {kernel}, stride=2, padding="same"\n')


@pytest.mark.parametrize(
    ("op", "call"),
    [
        ("conv1d", "(None, 8, 2), (3, 2, 4), padding='causal', dilation=2"),
        ("conv1d", "(1, 6, 1), (3, 1, 1), padding='same', pad_mode='reflect'"),
        ("conv2d", "(1, 3, 32, 32), (64, 3, 5, 5), layout='NCHW', padding='same_lower', stride=3"),
        ("conv2d", "(9, 9, 4), (3, 3, 2, 8), layout='HWC', groups=2, flip=True, bias=False, activation='relu'"),
        ("conv3d", "(2, 5, 6, 7, 2), (3, 3, 3, 2, 4), padding='full'"),
        ("depthwise_conv2d", "(1, 8, 8, 3), (3, 2, 3, 2), padding='same'"),
        ("separable_conv2d", "(1, 8, 8, 3), (3, 3, 3, 2), (1, 1, 6, 4)"),
        ("conv_transpose2d", "(1, 3, 3, 8), (3, 3, 3, 8), stride=2"),
        ("max_pool1d", "(1, 6, 2), 3, stride=2, ceil_mode=True"),
        ("max_pool2d", "(1, 3, 9, 9), 2, padding='same', layout='NCHW'"),
        ("avg_pool2d", "(1, 9, 9, 3), 2, dilation=2, padding=1"),
        ("lp_pool3d", "(1, 5, 5, 5, 1), 2"),
        ("global_max_pool2d", "(1, 7, 7, 5), keepdims=True"),
        ("adaptive_avg_pool2d", "(1, 7, 12, 5), (3, 4)"),
    ],
)
def test_kernels_and_explanations_agree(op, call):
    shapes, arguments = worked_example.parse_call(call)
    worked_example.agree(cyconv.explain(op, *shapes, **arguments), shapes, arguments)


def test_receptive_fields_are_worked_out_layer_by_layer(build):
    rng = np.random.default_rng(0)
    for _ in range(20):
        layers = [(*rng.integers(1, 5, 3).tolist(), int(rng.integers(0, 3))) for _ in range(3)]
        steps = worked_example.receptive_field(layers)
        found = cyconv.shapes.receptive_field(layers)
        assert [s.value for s in steps[-1]] == [found.size[0], found.jump[0], found.start[0]]
    page = build(".. worked-receptive-field::\n\n   [(3, 1), (2, 2), (3, 1)]\n")
    assert "size8,jump2,centreofthefirstfieldat3.5" in words(page)
