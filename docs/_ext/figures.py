"""A directive for the figures of ``docs/figures``, which are drawn when the site is built::

    .. drawing:: window

       A caption.

puts the SVG into the page itself, so that it follows the theme, light or dark.  One that moves gets a box that
stops it.  In other formats than HTML there is its description in words instead.
"""

import html
import pathlib
import sys

from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

_FOLDER = pathlib.Path(__file__).parent.parent / "figures"
_STYLE = """<style>.drawing{margin:1.5rem 0;contain:inline-size}.drawing figcaption{font-size:.9em}
.drawing-pause{display:inline-flex;gap:.4rem;align-items:center;font-size:.85em;cursor:pointer}
.drawing-pause input{width:1.05rem;height:1.05rem;margin:0}
.drawing:has(.drawing-pause input:checked) svg *{animation-play-state:paused!important}
@media (prefers-reduced-motion:reduce){.drawing-pause{display:none}}
@media (max-width:30rem){.drawing-scroll{overflow-x:auto}
.drawing-scroll svg{min-width:var(--least)}}</style>"""


class DrawingNode(nodes.General, nodes.Element):
    """A figure: its SVG and its caption."""


class DrawingDirective(SphinxDirective):
    """A figure by its name."""

    has_content = True
    required_arguments = 1

    def run(self):
        name = self.arguments[0]
        drawings = self.env.app.cyconv_drawings
        for path in _FOLDER.glob("*.py"):
            self.env.note_dependency(str(path))
        if name not in drawings:
            raise self.error(f"there is no drawing {name!r}; there are {', '.join(drawings)}")
        shown = self.env.current_document.setdefault("cyconv_shown", set())
        if name in shown:
            raise self.error(f"the drawing {name!r} is on this page already")
        shown.add(name)
        drawing = drawings[name]
        node = DrawingNode("", svg=drawing.svg(), moves=bool(drawing.moves), title=drawing.title)
        node["least"] = round(drawing.width * 0.8)  # pixels, so that text can still be read on a phone
        node["description"] = drawing.description
        node["ids"] = [f"figure-{name.replace('_', '-')}"]
        if self.content:
            caption = nodes.paragraph()
            children = nodes.Element()
            self.state.nested_parse(self.content, self.content_offset, children)
            for child in children:
                caption += child.children if isinstance(child, nodes.paragraph) else child
            node += caption
        return [node]


def _draw(app):
    """Draws everything once, in the beginning, so that what cannot be drawn ends the build there."""
    sys.path.append(str(_FOLDER))
    from make import DRAWINGS

    app.cyconv_drawings = {}
    for name, draw in DRAWINGS.items():
        drawing = draw()
        if drawing.name != name:
            raise ExtensionError(f"{_FOLDER}: {name} calls itself {drawing.name}")
        app.cyconv_drawings[name] = drawing


def _visit_html(translator, node):
    pause = '<label class="drawing-pause"><input type="checkbox"> Stand still</label>' if node["moves"] else ""
    translator.body.append(
        f'<figure class="drawing" id="{node["ids"][0]}">{_STYLE}'
        f'<div class="drawing-scroll" style="--least:{node["least"]}px" tabindex="0" role="group"'
        f' aria-label="{html.escape(node["title"])}">{node["svg"]}</div>{pause}'
    )
    if node.children:
        translator.body.append("<figcaption>")


def _depart_html(translator, node):
    translator.body.append(("</figcaption>" if node.children else "") + "</figure>\n")


def _visit_text(translator, node):
    translator.new_state()
    translator.add_text(f"[{node['description']}]")
    translator.end_state()


def _visit_latex(translator, node):
    translator.body.append(f"\n{translator.encode(node['description'])}\n\n")


def _nothing(translator, node):
    pass


def setup(app):
    others = {"latex": (_visit_latex, _nothing), "text": (_visit_text, _nothing), "man": (_nothing, _nothing)}
    app.add_node(DrawingNode, html=(_visit_html, _depart_html), **others)
    app.add_directive("drawing", DrawingDirective)
    app.connect("builder-inited", _draw)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
