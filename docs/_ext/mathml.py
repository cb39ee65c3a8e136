"""Formulas as MathML, which browsers draw themselves: no script, no network."""

import re

from docutils import nodes
from latex2mathml.converter import convert

# Digits in groups of three, which LaTeX keeps together with braces: 17{,}146{,}368.
_COMMA = re.compile(r"</mn><mrow><mo>&#x0002C;</mo></mrow><mn>(?=\d{3})")


def mathml(latex, display="inline"):
    """A formula in LaTeX as a ``<math>`` element."""
    return _COMMA.sub(",", convert(latex, display=display))


def _inline(translator, node):
    translator.body.append(mathml(node.astext()))
    raise nodes.SkipNode


def _block(translator, node):
    translator.body.append(f'<div class="formula" tabindex="0">{mathml(node.astext(), "block")}</div>')
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
