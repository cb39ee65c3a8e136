"""The whole documentation as HTML, and what is on its pages: read with Python's own parser, without a browser."""

import dataclasses
import html.parser
import subprocess
import sys
import urllib.parse

import browser

WRITTEN = sorted(path.stem for path in browser.DOCS.glob("*.rst"))
"""Names of the pages that somebody wrote; Sphinx adds indices."""

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
"""Elements that are never closed."""

CODE = {"code", "kbd", "pre", "script", "style"}
"""Elements whose text is not English."""

INLINE = {"a", "abbr", "cite", "em", "i", "b", "span", "strong", "sub", "sup"}
"""Elements that words may go on behind."""

CODE_CLASSES = {"classifier", "math", "sig"}
"""Types of arguments, formulas, and signatures."""


def build(folder):
    """The documentation, built as the README says.

    Parameters
    ----------
    folder : pathlib.Path

    Returns
    -------
    pathlib.Path
        The folder of the HTML.
    """
    command = [sys.executable, "-P", "-m", "sphinx", "-q", "-W", "-b", "html", "-d", str(folder / "doctrees")]
    subprocess.run([*command, str(browser.DOCS), str(folder / "html")], check=True, env=browser.SAME)
    return folder / "html"


@dataclasses.dataclass
class Section:
    """A heading and what stands below it, without the sections in it."""

    ids: list = dataclasses.field(default_factory=list)
    title: str = ""
    prose: str = ""
    code: str = ""


class Page(html.parser.HTMLParser):
    """What is on a page.

    Parameters
    ----------
    text : str
        HTML.

    Attributes
    ----------
    ids : set of str
        Where links can lead to.
    links : list of (str, str)
        Where each link leads to, and its text.
    sections : list of Section
        Those of the article; what surrounds it is left out.
    """

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.sections = set(), [], []
        self._open = []  # names and classes of the elements that are not closed yet
        self._inside = []  # the sections among them
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        classes = set((attrs.get("class") or "").split())
        if "id" in attrs:
            self.ids.add(attrs["id"])
        if tag == "a" and attrs.get("href"):
            self.links.append((attrs["href"], ""))
        if tag == "section":
            self._inside.append(Section())
            self.sections.append(self._inside[-1])
        if self._inside and "id" in attrs and not self._inside[-1].title:
            self._inside[-1].ids.append(attrs["id"])  # its own, and the other names that it has
        self._between(tag)
        if tag not in VOID:
            self._open.append((tag, classes))

    def _between(self, tag):
        if self._inside and tag not in INLINE:
            self._inside[-1].prose += "\n"

    def handle_endtag(self, tag):
        self._between(tag)
        if tag == "section":
            self._inside.pop()
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:  # in drawings
            self.handle_endtag(tag)

    def handle_data(self, data):
        tags = {tag for tag, _ in self._open}
        classes = {name for _, names in self._open for name in names}
        if "headerlink" in classes:
            return
        if "a" in tags and self.links:
            href, text = self.links[-1]
            self.links[-1] = href, text + data
        if not self._inside or tags & {"script", "style"}:
            return
        section = self._inside[-1]
        if tags & {"h1", "h2", "h3", "h4", "h5", "h6"}:
            section.title += data
        if tags & CODE or classes & CODE_CLASSES:
            section.code += data
            section.prose += " `...` "
        else:
            section.prose += data


def read(path):
    """The `Page` of a file."""
    return Page(path.read_text(encoding="utf-8"))


def target(here, href):
    """Where a link leads to.

    Parameters
    ----------
    here, href : str
        The name of the page's file, and what the link says.

    Returns
    -------
    (str, str) or None
        The file and the place on that page; None if it leads out of the documentation.
    """
    parts = urllib.parse.urlsplit(urllib.parse.urljoin(f"file:///{here}", href))
    if parts.scheme != "file":
        return None
    return parts.path.lstrip("/"), urllib.parse.unquote(parts.fragment)
