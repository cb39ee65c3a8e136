"""A headless Chromium, and pages of the documentation built for it alone."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

import cyconv

DOCS = pathlib.Path(__file__).parents[2] / "docs"
SAME = os.environ | {"PYTHONPATH": str(pathlib.Path(cyconv.__file__).parents[1])}
"""An environment in which the cyconv that is tested is found."""

CONF = """
import pathlib, sys
sys.path.append({ext!r})
extensions = {extensions}
default_role = "py:obj"
html_theme = "furo"
html_static_path = [{static!r}]
html_css_files = ["cyconv.css"]
"""


def build(folder, pages, extensions=()):
    """HTML of some pages, with the theme and the static files of the whole documentation but without its other pages.

    Parameters
    ----------
    folder : pathlib.Path
    pages : dict of str to str
        Text of each page by its name; one is "index".
    extensions : sequence of str

    Returns
    -------
    pathlib.Path
        The folder of the HTML.
    """
    source = folder / "source"
    source.mkdir()
    conf = CONF.format(ext=str(DOCS / "_ext"), static=str(DOCS / "_static"), extensions=list(extensions))
    (source / "conf.py").write_text(conf, encoding="utf-8")
    for name, text in pages.items():
        (source / f"{name}.rst").write_text(text, encoding="utf-8")
    command = [sys.executable, "-P", "-m", "sphinx", "-q", "-W", "-b", "html", str(source), str(folder / "html")]
    subprocess.run(command, check=True, env=SAME)
    return folder / "html"


def found():
    """Paths of Debian's Chromium and of its driver."""
    paths = shutil.which("chromium"), shutil.which("chromedriver")
    if not all(paths):
        raise FileNotFoundError("these tests need Debian's chromium and chromium-driver (or -m 'not browser')")
    return paths


@contextlib.contextmanager
def chromium(width=1200, height=1000, dark=False, still=True):
    """A browser without a window and without a network.

    Parameters
    ----------
    width, height : int
    dark, still : bool
        Whether pages are to be dark, and whether little motion is asked for.

    Yields
    ------
    selenium.webdriver.Chrome
    """
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    binary, driver = found()
    options = Options()
    options.binary_location = binary
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", f"--window-size={width},{height}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(driver))
    try:
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"},
        ]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        offline = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        browser.execute_cdp_cmd("Network.enable", {})
        browser.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
        yield browser
    finally:
        browser.quit()


def typeset(opened):
    """Waits until MathJax has typeset all formulas that are not folded away."""
    from selenium.webdriver.support.ui import WebDriverWait

    waiting = ".math:not(:has(mjx-container), details:not([open]) *)"
    script = "return document.querySelector(arguments[0])"
    WebDriverWait(opened, 120).until_not(lambda b: b.execute_script(script, waiting))


def requests(opened):
    """Addresses in the network that were asked for since the last time; files are none."""
    events = [json.loads(entry["message"])["message"] for entry in opened.get_log("performance")]
    sent = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    return [url for url in sent if not url.startswith(("file:", "data:", "about:"))]
