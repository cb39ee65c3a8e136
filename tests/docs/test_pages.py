"""How the pages look in a browser: nothing reaches out of the window, and every text and formula can be read."""

import browser
import pages
import pytest

pytestmark = pytest.mark.browser

WIDTHS = (390, 1100, 1400)
"""A phone, and the two arrangements of columns that the theme has for larger screens."""

BETWEEN = (320, 768, 820, 1007, 1009, 1170, 1311, 1313, 1920)
"""Where the theme changes its arrangement."""

OUTSIDE = """
const width = document.documentElement.clientWidth;
const boxed = (e) => getComputedStyle(e).overflowX !== "visible" || scrolls(e.parentElement);
const scrolls = (e) => !e.matches(".content, body") && boxed(e);
const wide = [...document.querySelectorAll("article :not(mjx-container *), footer *")].filter((e) => {
  const box = e.getBoundingClientRect();
  return box.width && box.right > width + 0.5 && !scrolls(e.parentElement);
});
const column = document.querySelector(".content");
const most = Math.max(document.documentElement.scrollWidth - width, column.scrollWidth - column.clientWidth);
return [most, wide.slice(0, 3).map((e) => e.outerHTML.slice(0, 200))];
"""
"""How far the page or its column of text scrolls sideways, and what reaches out without a box of its own."""

PALE = r"""
const channels = (color) => { const c = color.match(/[\d.]+/g).map(Number); return [c[0], c[1], c[2], c[3] ?? 1]; };
const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3]));
const light = (color) => {
  const [r, g, b] = color.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (e) => {
  if (!e) return [255, 255, 255];
  const color = channels(getComputedStyle(e).backgroundColor);
  return color[3] === 1 ? color.slice(0, 3) : over(color, behind(e.parentElement));
};
const found = [];
let texts = 0;
const walker = document.createTreeWalker(document.querySelector("article"), NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const e = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !e.getClientRects().length) continue;
  if (e.closest("svg, mjx-container, script, style, option")) continue;
  const style = getComputedStyle(e);
  const below = behind(e);
  const [more, less] = [light(over(channels(style.color), below)), light(below)].sort((a, b) => b - a);
  const large = parseFloat(style.fontSize) >= 24;
  texts += 1;
  if (style.visibility !== "hidden" && (more + 0.05) / (less + 0.05) < (large ? 3 : 4.5)) found.push(e.outerHTML);
}
return [texts, found.slice(0, 3)];
"""
"""Texts whose contrast is below what the Web Content Accessibility Guidelines ask for (level AA)."""

FORMULAS = """
const wrong = document.querySelectorAll("article :is(merror, mtext[mathcolor])");
const count = (selector) => document.querySelectorAll(selector).length;
return [count("article .math"), count("article .math > mjx-container"), [...wrong].map((e) => e.textContent)];
"""
"""How many formulas there are, how many of them MathJax has typeset, and what it says of those that are wrong."""


def resize(opened, width):
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def unfold(opened):
    opened.execute_script("document.querySelectorAll('details').forEach((d) => { d.open = true; })")


@pytest.fixture(scope="module", params=[False, True], ids=["light", "dark"])
def dark(request):
    return request.param


@pytest.fixture(scope="module")
def chromium(dark):
    with browser.chromium(dark=dark) as opened:
        yield opened


@pytest.mark.parametrize("name", [*pages.WRITTEN, "genindex", "py-modindex", "search"])
def test_a_page(site, chromium, dark, name):
    page = site / f"{name}.html"
    chromium.get(page.as_uri())
    unfold(chromium)
    browser.typeset(chromium)
    formulas, typeset, wrong = chromium.execute_script(FORMULAS)
    assert formulas == typeset
    assert bool(formulas) == ("tex-svg.js" in page.read_text(encoding="utf-8"))  # only where it is needed
    assert wrong == []
    assert browser.requests(chromium) == []
    for width in () if dark else (*WIDTHS, *BETWEEN):  # colours change no width
        resize(chromium, width)
        assert chromium.execute_script(OUTSIDE) == [0, []], f"{name} at {width} pixels"
    texts, pale = chromium.execute_script(PALE)
    assert texts or name == "search"
    assert pale == []


def test_what_is_too_wide_is_found(chromium, site):
    """With a line that is too long for a phone, and one too pale to be read."""
    chromium.get((site / "index.html").as_uri())
    resize(chromium, 390)
    chromium.execute_script("""
      const p = document.createElement("p");
      p.textContent = "wide".repeat(200);
      p.style.color = "rgb(120, 120, 120)";
      p.style.background = "rgb(128, 128, 128)";
      document.body.append(p);
      document.querySelector("article").append(p.cloneNode(true));
    """)
    assert chromium.execute_script(OUTSIDE)[0] > 0
    assert len(chromium.execute_script(PALE)[1]) == 1


def test_wrong_formulas_are_found(chromium, site):
    chromium.get((site / "accuracy.html").as_uri())
    chromium.execute_script("""
      const p = document.createElement("p");
      p.innerHTML = String.raw`<span class="math">\\(\\frac{1}\\)</span><span class="math">\\(\\foo\\)</span>`;
      document.querySelector("article").append(p);
      MathJax.typesetPromise([p]);
    """)
    browser.typeset(chromium)
    assert len(chromium.execute_script(FORMULAS)[2]) == 2


def test_formulas_of_folded_sections_wait(chromium, site):
    chromium.get((site / "questions.html").as_uri())
    browser.typeset(chromium)
    formulas, typeset, _ = chromium.execute_script(FORMULAS)
    assert 0 < typeset < formulas


def test_wide_formulas_scroll_by_keyboard(chromium, site):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import WebDriverWait

    chromium.get((site / "costs.html").as_uri())
    resize(chromium, 390)
    browser.typeset(chromium)
    chromium.execute_script("document.querySelector('div.math').focus()")
    ActionChains(chromium).send_keys(Keys.ARROW_RIGHT).perform()
    WebDriverWait(chromium, 20).until(lambda c: c.execute_script("return document.activeElement.scrollLeft"))


def test_what_is_asked_of_the_network_is_found(chromium, site):
    chromium.get((site / "index.html").as_uri())
    assert browser.requests(chromium) == []
    chromium.execute_script("new Image().src = 'https://example.org/x.png'")
    assert browser.requests(chromium) == ["https://example.org/x.png"]
