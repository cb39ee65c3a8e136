"""The figures of the documentation: what is in them, and how they look in a browser."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import browser
import pytest

from cyconv import shapes

SCRIPT = browser.DOCS / "figures" / "make.py"
sys.path.append(str(SCRIPT.parent))
SVG = "{http://www.w3.org/2000/svg}"
BROWSER = pytest.mark.browser


from make import DRAWINGS  # noqa: E402

NAMES = list(DRAWINGS)


@pytest.fixture(params=NAMES)
def drawing(request):
    return DRAWINGS[request.param]()


def words(drawing):
    return [t.text for t in ET.fromstring(drawing.svg()).iter(SVG + "text")]


def test_it_is_well_formed_and_says_what_it_shows(drawing):
    root = ET.fromstring(drawing.svg())
    assert root.find(SVG + "title").text == drawing.title
    assert len(root.find(SVG + "desc").text) > 80
    assert root.get("role") == "img"
    ids = {e.get("id") for e in root.iter() if e.get("id")}
    assert {root.get("aria-labelledby"), root.get("aria-describedby")} <= ids
    assert all(t.strip() for t in words(drawing))


def test_everything_lies_inside(drawing):
    root = ET.fromstring(drawing.svg())
    _, _, width, height = map(float, root.get("viewBox").split())
    for rect in root.iter(SVG + "rect"):
        x, y, w, h = (float(rect.get(k)) for k in ("x", "y", "width", "height"))
        assert min(x, y) >= 0
        assert x + w <= width
        assert y + h <= height
    for text in root.iter(SVG + "text"):
        x, y, size = (float(text.get(k)) for k in ("x", "y", "font-size"))
        long = 0.55 * size * len(text.text)
        before = {"start": 0, "middle": long / 2, "end": long}[text.get("text-anchor")]
        assert x - before >= 0, text.text
        assert x - before + long <= width + 12, text.text  # letters are narrower than that
        assert size <= y <= height - 2, text.text


def test_motion_is_asked_for(drawing):
    style = ET.fromstring(drawing.svg()).find(SVG + "style").text
    outside = re.sub(r"@media \(prefers-reduced-motion:no-preference\)\{.*?\}\}", "", style)
    assert "animation:" not in outside
    assert bool(drawing.moves) == ("animation:" in style)


def test_numbers_are_those_of_shapes():
    cost = shapes.conv_cost((1, 56, 56, 64), (3, 3, 64, 64), padding="same")
    assert f"would take {shapes.binary_size(cost.im2col_bytes)}" in words(DRAWINGS["gemm"]())
    assert words(DRAWINGS["channels"]()).count("40404") == 5
    assert any("13 parameters" in w for w in words(DRAWINGS["channels"]()))
    assert any("18,432" in w for w in words(DRAWINGS["second_layer"]()))
    said = words(DRAWINGS["padding"]())
    for word in ("valid", "same", "same_lower", "full"):
        out = shapes.conv_output_shape((1, 6, 1), (3, 1, 1), stride=2, padding=word)[1]
        assert said[said.index(f'"{word}"') :].index(f"{out} outputs") < 30


def rects(drawing, *classes):
    """How many rectangles have all these classes."""
    root = ET.fromstring(drawing.svg())
    return sum(set(classes) <= set(rect.get("class").split()) for rect in root.iter(SVG + "rect"))


def test_what_is_counted_is_drawn_as_often():
    assert rects(DRAWINGS["receptive_field"](), "window") == 5 * 5 * 3
    grids = ET.fromstring(DRAWINGS["parameters"]().svg()).iter(SVG + "path")
    cells = sum((p.get("d").count("v") - 1) * (p.get("d").count("h") - 1) for p in grids)
    filters = 32 + 1  # and one of them enlarged
    assert cells + rects(DRAWINGS["parameters"](), "d") == filters * shapes.conv_params((3, 3, 3, 1))
    pools = ((word, stride) for word in ("same", "valid") for stride in (1, 2))
    windows = [shapes.pool_output_shape((1, 25, 1), 2, stride=s, padding=word)[1] for word, s in pools]
    assert rects(DRAWINGS["pool_same"](), "window") == sum(windows) + 26
    assert rects(DRAWINGS["no_bias"](), "input") == 32 + 1  # columns, and a block of maps
    assert rects(DRAWINGS["channel_axis"](), "output") == 24


def test_numbers_of_the_questions():
    said = {name: " / ".join(words(DRAWINGS[name]())) for name in NAMES}
    assert "8 x 8 x 3 / = 192 weights" in said["channel_axis"]
    assert "32 * 28 = 896" in said["parameters"]
    assert "75 weights and a bias: 76" in said["receptive_field"]
    assert "2,400 + 51,200 = 53,600 parameters" in said["no_bias"]
    for size in ("298 x 298 x 32", "149 x 149 x 32", "147 x 147 x 64", "73 x 73 x 64", "896 parameters", "18,496 "):
        assert size in said["pools_between"]
    assert "pooled / 2 x 2 / 7 / 7 / 64" in said["tensorflow_weights"]
    for out in (25, 13, 24, 12, 26):
        assert f"{out} out" in said["pool_same"]
    for number in ("2,097,152,000", "419,430,400", "64.0 MiB", "4.0 MiB", "/ 125 /", "/ 400 /"):
        assert number in said["time_axis"]
    assert "12 x 12 x 3 becomes 10 x 10 x 8" in said["rank"]
    assert "directly / 144 / Winograd / 36" in said["winograd"]


def test_each_question_has_a_figure():
    page = (browser.DOCS / "questions.rst").read_text(encoding="utf-8")
    _, *answers = re.split(r"^\.\. _question-", page, flags=re.MULTILINE)
    shown = [re.findall(r"^\.\. drawing:: (\w+)$", answer, re.MULTILINE) for answer in answers]
    assert len(shown) == 13
    assert all(shown)


def test_each_figure_is_shown():
    pages = "".join(p.read_text(encoding="utf-8") for p in browser.DOCS.glob("*.rst"))
    assert sorted(re.findall(r"^\.\. drawing:: (\w+)$", pages, re.MULTILINE)) == sorted(NAMES)


def test_the_script_writes_files(tmp_path):
    subprocess.run([sys.executable, str(SCRIPT), str(tmp_path)], check=True, env=browser.SAME)
    assert sorted(p.stem for p in tmp_path.glob("*.svg")) == sorted(NAMES)
    for path in tmp_path.glob("*.svg"):
        ET.parse(path)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    text = "Figures\n=======\n\n" + "".join(f".. drawing:: {n}\n\n   About *{n}*.\n\n" for n in NAMES)
    html = browser.build(tmp_path_factory.mktemp("figures"), {"index": text}, ["figures"])
    return (html / "index.html").as_uri()


OUTSIDE = """
return [...document.querySelectorAll("svg.drawing-svg")].flatMap((svg) => {
  const { width, height } = svg.viewBox.baseVal;
  return [...svg.querySelectorAll("text, path, rect")].filter((e) => {
    const b = e.getBBox();
    return b.x < 0 || b.y < 0 || b.x + b.width > width || b.y + b.height > height;
  }).map((e) => e.outerHTML);
});
"""


@BROWSER
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 1280])
def test_a_browser_agrees(page, dark, width):
    with browser.chromium(width=width, height=800, dark=dark, still=False) as opened:
        opened.get(page)
        assert opened.execute_script(OUTSIDE) == []
        assert opened.execute_script("return document.documentElement.scrollWidth") <= width
        ink = "return getComputedStyle(document.querySelector('svg.drawing-svg text')).fill"
        assert opened.execute_script(ink) == ("rgb(213, 221, 230)" if dark else "rgb(38, 49, 61)")
        # The theme's own switch wins over what the system asks for.
        opened.execute_script("document.body.dataset.theme = arguments[0]", "light" if dark else "dark")
        assert opened.execute_script(ink) == ("rgb(38, 49, 61)" if dark else "rgb(213, 221, 230)")
        assert opened.get_log("browser") == []


@BROWSER
def test_what_moves_can_be_stopped(page):
    running = "return document.getAnimations().filter((a) => a.playState === 'running').length"
    with browser.chromium(still=False) as opened:
        opened.get(page)
        assert opened.execute_script(running) > 0
        for box in opened.find_elements("css selector", ".drawing-pause input"):
            opened.execute_script("arguments[0].click()", box)
        assert opened.execute_script(running) == 0
    with browser.chromium(still=True) as opened:
        opened.get(page)
        assert opened.execute_script(running) == 0
