"""Spelling of what the site says in English.  Words of the project stand in ``docs/spelling.txt``."""

import re

import browser
import pages
import pytest
import spellchecker

LIST = browser.DOCS / "spelling.txt"

WORD = re.compile(r"(?<![\w.`/\\@])[^\W\d_]+(?:'[^\W\d_]+)?(?![\w`(]|[./=@]\w)")
"""A word that is no part of a name, a path, a call or an address."""


@pytest.fixture(scope="module")
def ours():
    lines = LIST.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def english():
    return spellchecker.SpellChecker(language="en")


@pytest.fixture(scope="module")
def misspelled(ours, english):
    """A function that gives the words of a text that are in no dictionary.

    What is written in capitals is an abbreviation or the name of a layout.
    """

    def misspelled(text):
        words = {re.sub("'s?$", "", word) for word in WORD.findall(text.replace("\u2019", "'"))}
        return sorted(
            word
            for word in words
            if len(word) > 1
            and not word.isupper()
            and word not in ours
            and word.lower() not in ours
            and word.lower() not in english
        )

    return misspelled


def prose(text):
    return "\n".join(section.prose for section in pages.Page(text).sections)


@pytest.mark.parametrize("name", pages.WRITTEN)
def test_words_are_spelled_right(site, misspelled, name):
    text = prose((site / f"{name}.html").read_text(encoding="utf-8"))
    assert len(text.split()) > 20
    assert misspelled(text) == [], f"{name}: mend these, or add them to docs/spelling.txt"


@pytest.mark.parametrize("name", pages.WRITTEN)
def test_a_misspelling_is_found(site, misspelled, name):
    """On each page, one letter of a word is left out."""
    text = (site / f"{name}.html").read_text(encoding="utf-8")
    english = prose(text)
    words = (w for w in WORD.findall(english) if w.isalpha() and w.islower())
    longest = max((w for w in words if f" {w} " in english and f" {w} " in text), key=len)
    wrong = longest[:3] + longest[4:]
    assert wrong in misspelled(prose(text.replace(f" {longest} ", f" {wrong} ")))


def test_only_english_is_read(misspelled):
    text = """<article><section id="a"><h2>A headng</h2><p>Wrods, <code>wrods2</code> and <em>mroe</em>.</p>
      <pre>cdoe</pre><i class="math">mtah</i>
      <dl><dt class="sig py">sgi</dt><dd><p>Pages, conv2d and x.shpae</p></dd></dl>
      <svg><style>stlye</style><text>Drwan</text></svg></section></article><footer>Futher</footer>"""
    assert misspelled(prose(text)) == ["Drwan", "Wrods", "headng", "mroe"]


def test_the_list_has_what_it_needs(ours, english):
    """In order, each once, and no word that English has anyway."""
    assert ours == sorted(set(ours), key=lambda word: (word.lower(), word))
    assert [word for word in ours if word.lower() in english] == []
