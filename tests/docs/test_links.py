"""Where links lead: followed from page to page in the HTML, as a stranger would."""

import re

import pages
import pytest

FOUNDING = 13
"""Questions for which the project was begun."""


@pytest.fixture(scope="module")
def read(site):
    """All pages by the names of their files."""
    return {path.name: pages.read(path) for path in sorted(site.glob("*.html"))}


@pytest.fixture(scope="module")
def questions(read):
    """The sections of the questions."""
    _, *sections = read["questions.html"].sections
    return [section for section in sections if any(name.startswith("question-") for name in section.ids)]


def clicks(read, start, most):
    """The fewest clicks to each place, a file and what is behind the #, up to so many.

    Whoever is sent to one place of a page has the whole page before him, and can click on all its links.
    """
    found, last = {(start, ""): 0}, {start}
    for n in range(1, most + 1):
        places = {pages.target(here, href) for here in last for href, _ in read[here].links} - {None}
        for place in places:
            found.setdefault(place, n)
        last = {file for file, _ in places if file in read}
    return found


def test_there_are_thirteen_questions(questions):
    assert len(questions) == FOUNDING
    assert len({section.title for section in questions}) == FOUNDING


def test_every_question_is_answered(questions):
    """In words, and by code that runs: these are no empty headings."""
    for section in questions:
        assert len(section.prose.split()) > 30, section.title
        assert ">>>" in section.code, section.title


def test_the_front_page_asks_them_all(read, questions):
    """With the words of the heading, in its own text, and in order."""
    asked = []
    for href, text in read["index.html"].links:
        file, place = pages.target("index.html", href) or ("", "")
        if file == "questions.html" and place:
            (section,) = (s for s in questions if place in s.ids)
            assert " ".join(text.split()) == " ".join(section.title.split())
            asked.append(section.title)
    assert asked == [section.title for section in questions]


def test_every_answer_is_two_clicks_away(read, questions):
    """At most, and also for those who overlook the list on the front page and go by the pages' names."""
    found = clicks(read, "index.html", 2)
    for section in questions:
        assert min(found.get(("questions.html", name), 9) for name in section.ids) <= 2, section.title
    listed = {pages.target("questions.html", href) for href, _ in read["questions.html"].links}
    assert found["questions.html", ""] == 1
    for section in questions:
        assert any(("questions.html", name) in listed for name in section.ids), section.title


def test_every_page_is_one_click_away(read):
    found = clicks(read, "index.html", 1)
    files = {file for file, _ in found}
    assert {f"{name}.html" for name in pages.WRITTEN} <= files


def test_no_link_leads_nowhere(site, read):
    for here, page in read.items():
        for href, _ in page.links:
            file, place = pages.target(here, href) or ("", "")
            if not file:
                continue
            assert (site / file).is_file(), f"{here}: {href}"
            assert not place or file not in read or place in read[file].ids, f"{here}: {href}"


def test_nothing_is_loaded_from_elsewhere(site):
    for path in site.glob("*.html"):
        loaded = re.findall(r"<(?!a )[^>]+ (?:src|href)=[\"'](?:https?:)?//[^>]*>", path.read_text(encoding="utf-8"))
        assert loaded == [], path.name
