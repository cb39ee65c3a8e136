"""Explanations as objects: formulas with numbers put in, printed as text, LaTeX or HTML."""

import ast
import html
import re
import textwrap
from typing import NamedTuple

_WIDTH = 80


class Step(NamedTuple):
    """One number and where it comes from.

    Attributes
    ----------
    name : str
        What it is, such as ``"output size"``.
    axis : str
        Along which axis, such as ``"H"``; empty if it belongs to none.
    symbol : str
        Its letter in formulas, such as ``"out"``.
    formula : str
        In symbols, with ``+ - * /``, ``floor``, ``ceil`` and ``max``.
    numbers : dict of str to int
        What each symbol of the formula stands for.
    value : int or float

    Examples
    --------
    >>> from cyconv.explanation import Step
    >>> step = Step("output size", "H", "out", "floor((length - extent) / stride) + 1",
    ...             {"length": 128, "extent": 8, "stride": 2}, 61)
    >>> print(step)
    out = floor((length - extent) / stride) + 1 = floor((128 - 8) / 2) + 1 = floor(120 / 2) + 1 = 61
    """

    name: str
    axis: str
    symbol: str
    formula: str
    numbers: dict
    value: object

    @property
    def substituted(self):
        """The formula with numbers in place of symbols."""
        return ast.unparse(self._tree())

    @property
    def reduced(self):
        """The same with what is in brackets worked out."""
        return ast.unparse(self._reduced())

    @property
    def stages(self):
        """From the formula over the substitution to the value, as text and without repetitions."""
        return list(dict.fromkeys([self.formula, self.substituted, self.reduced, shown(self.value)]))

    def latex(self):
        """The same as LaTeX, for one line of an ``aligned`` block."""
        trees = [_parse(self.formula), self._tree(), self._reduced()]
        stages = dict.fromkeys([*map(_latex, trees), _latex_number(self.value)])
        symbol = _latex_name(f"{self.symbol}_{self.axis}" if self.axis else self.symbol)
        return f"{symbol} &= {' = '.join(stages)}"

    def __str__(self):
        return " = ".join([self.symbol, *self.stages])

    def _tree(self):
        return _Numbers(self.numbers).visit(_parse(self.formula))

    def _reduced(self):
        tree = self._tree()
        rounded = any(isinstance(node, ast.Call) for node in ast.walk(tree))
        grouped = isinstance(tree, ast.BinOp) and isinstance(tree.right, ast.BinOp)
        return _worked_out(tree, top=True) if rounded or grouped else tree


class Picture(NamedTuple):
    """A drawing in characters, which the text before it says in words."""

    lines: tuple


class Section(NamedTuple):
    """A heading and what is below it: paragraphs (str), formulas (a tuple of `Step`), pictures."""

    heading: str
    items: tuple


class Explanation:
    """How a result comes about, with the numbers of one call.

    Printed it is a text; notebooks show it as HTML.

    Attributes
    ----------
    op : str
        Name of the function that is explained.
    title, question, answer : str
        What is explained, the question, and the answer in one sentence.
    sections : tuple of Section
        The way from one to the other.
    output_shape : tuple of int
    cost : cyconv.shapes.Cost or None
        Of one sample if the batch is not known.

    Examples
    --------
    >>> import cyconv
    >>> e = cyconv.explain("conv2d", (1, 32, 32, 3), (3, 3, 3, 32), padding="same")
    >>> e.output_shape
    (1, 32, 32, 32)
    >>> [str(step) for step in e.steps if step.name == "parameters"]
    ['params = filters * (kernel_H * kernel_W * channels + 1) = 32 * (3 * 3 * 3 + 1) = 32 * 28 = 896']
    """

    def __init__(self, op, title, question, answer, sections, output_shape, cost):
        self.op = op
        self.title = title
        self.question = question
        self.answer = answer
        self.sections = tuple(sections)
        self.output_shape = output_shape
        self.cost = cost

    @property
    def steps(self):
        """All numbers that are computed on the way, in order.

        Returns
        -------
        list of Step
        """
        return [step for s in self.sections for item in s.items if _is_formula(item) for step in item]

    def __str__(self):
        blocks = [_wrapped(self.title), _wrapped(f"Question: {self.question}"), _wrapped(f"Answer: {self.answer}")]
        for number, section in enumerate(self.sections, 1):
            blocks.append(f"{number}. {section.heading}")
            for item in section.items:
                if isinstance(item, Picture):
                    blocks.append(textwrap.indent("\n".join(item.lines), "    "))
                elif _is_formula(item):
                    blocks.append(textwrap.indent("\n".join(_formula_lines(item)), "    "))
                else:
                    blocks.append(_wrapped(item))
        return "\n\n".join(blocks)

    def __repr__(self):
        return f"<{self.title}>"

    def latex(self):
        """The formulas in LaTeX.

        Returns
        -------
        str
            One ``aligned`` block, for ``$$ ... $$``, MathJax or Sphinx's ``math``.
        """
        lines = []
        for section in self.sections:
            steps = [step for item in section.items if _is_formula(item) for step in item]
            if steps:
                lines += [f"&\\textbf{{{_latex_text(section.heading)}}}", *(step.latex() for step in steps)]
        shape = ",\\ ".join("\\text{None}" if n is None else _latex_number(n) for n in self.output_shape)
        lines += ["&\\textbf{Result}", f"\\text{{output shape}} &= ({shape})"]
        body = " \\\\\n".join(lines)
        return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"

    def _repr_html_(self):
        parts = [
            f'<section class="cyconv-explanation" aria-label="{html.escape(self.title)}">',
            f"<h3>{html.escape(self.title)}</h3>",
            f"<p><strong>Question:</strong> {html.escape(self.question)}</p>",
            f"<p><strong>Answer:</strong> {html.escape(self.answer)}</p>",
        ]
        for number, section in enumerate(self.sections, 1):
            parts.append(f"<h4>{number}. {html.escape(section.heading)}</h4>")
            for item in section.items:
                if isinstance(item, Picture):
                    drawing = html.escape("\n".join(item.lines))
                    label = "Drawing of what the paragraph before it says"
                    parts.append(f'<pre role="img" aria-label="{label}">{drawing}</pre>')
                elif _is_formula(item):
                    parts.append(_formula_html(item))
                else:
                    parts.append(f"<p>{html.escape(item)}</p>")
        return "\n".join([*parts, "</section>"])


def shown(value):
    """A number as it is printed.

    Parameters
    ----------
    value : int or float

    Returns
    -------
    str

    Examples
    --------
    >>> from cyconv.explanation import shown
    >>> shown(17146368), shown(59.9157)
    ('17,146,368', '59.9')
    """
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def listed(names):
    """Words in a row: "D, H and W".

    Parameters
    ----------
    names : sequence of str

    Returns
    -------
    str

    Examples
    --------
    >>> from cyconv.explanation import listed
    >>> listed(["D", "H", "W"])
    'D, H and W'
    """
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _is_formula(item):
    return not isinstance(item, (str, Picture))


def _wrapped(text):
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _alike(steps):
    """Steps with the same numbers once, with the names of their axes."""
    groups = {}
    for step in steps:
        groups.setdefault((step.symbol, step.formula, tuple(step.numbers.items()), step.value), []).append(step)
    return [(listed([s.axis for s in group]) if group[0].axis else "", group[0]) for group in groups.values()]


def _formula_lines(steps):
    """A formula once, then its numbers for each axis."""
    lines = []
    formula = None
    for axes, step in _alike(steps):
        first, *stages = step.stages
        if (step.symbol, step.formula) != formula:
            formula = step.symbol, step.formula
            lines.append(f"{step.symbol} = {first}")
        label = f"{axes}: " if axes else ""
        lead = f"  {label}{step.symbol} = " if axes else f"{step.symbol} = "
        if not axes:
            lead = " " * len(step.symbol) + " = "
        gap = " " * (len(lead) - 3) + " = "
        lines += [lead + stages[0], *(gap + stage for stage in stages[1:])]
    return lines


def _formula_html(steps):
    items = []
    for axes, step in _alike(steps):
        label = f"{html.escape(axes)}: " if axes else ""
        *way, value = step.stages
        text = html.escape(" = ".join([step.symbol, *way]))
        items.append(f"<li>{label}<code>{text}</code> = <strong>{html.escape(value)}</strong></li>")
    return "\n".join(["<ul>", *items, "</ul>"])


def _parse(formula):
    return ast.parse(formula, mode="eval").body


class _Numbers(ast.NodeTransformer):
    """Puts numbers in place of names; those of functions stay."""

    def __init__(self, numbers):
        self.numbers = numbers

    def visit_Name(self, node):
        return ast.Constant(self.numbers[node.id]) if node.id in self.numbers else node


def _worked_out(node, top=False):
    """A formula of numbers in which everything is computed but the outermost operation and rounding."""
    if isinstance(node, ast.Call):
        return ast.Call(node.func, [_worked_out(a, isinstance(a, ast.BinOp) and _divides(a)) for a in node.args], [])
    if not isinstance(node, ast.BinOp):
        return node
    left, right = _worked_out(node.left), _worked_out(node.right)
    known = isinstance(left, ast.Constant) and isinstance(right, ast.Constant)
    if known and not top:
        a, b = left.value, right.value
        if not _divides(node):
            return ast.Constant({ast.Add: a + b, ast.Sub: a - b, ast.Mult: a * b}[type(node.op)])
        if b and a % b == 0:
            return ast.Constant(a // b)
    return ast.BinOp(left, node.op, right)


def _divides(node):
    return isinstance(node.op, ast.Div)


_OPERATORS = {ast.Add: " + ", ast.Sub: " - ", ast.Mult: " \\cdot "}
_BRACKETS = {
    "floor": ("\\left\\lfloor ", " \\right\\rfloor"),
    "ceil": ("\\left\\lceil ", " \\right\\rceil"),
    "max": ("\\max\\left(", "\\right)"),
}


def _latex(node):
    if isinstance(node, ast.Call):
        before, after = _BRACKETS[node.func.id]
        return before + ",\\ ".join(map(_latex, node.args)) + after
    if isinstance(node, ast.Name):
        return _latex_name(node.id)
    if isinstance(node, ast.Constant):
        return _latex_number(node.value)
    if _divides(node):
        return f"\\frac{{{_latex(node.left)}}}{{{_latex(node.right)}}}"
    sums = (ast.Add, ast.Sub)
    left, right = _latex(node.left), _latex(node.right)
    if isinstance(node.op, ast.Mult) and _is_operation(node.left, sums):
        left = f"\\left({left}\\right)"
    if isinstance(node.op, ast.Mult) and _is_operation(node.right, (*sums, ast.Mult)):
        right = f"\\left({right}\\right)"
    if isinstance(node.op, ast.Sub) and _is_operation(node.right, sums):
        right = f"\\left({right}\\right)"
    return left + _OPERATORS[type(node.op)] + right


def _is_operation(node, kinds):
    return isinstance(node, ast.BinOp) and isinstance(node.op, kinds)


def _latex_name(name):
    """``kernel_H`` with an index, other words as they are."""
    match = re.fullmatch("(.*)_([A-Z])", name)
    word, index = match.groups() if match else (name, "")
    return f"\\text{{{word.replace('_', ' ')}}}" + (f"_{{{index}}}" if index else "")


def _latex_number(value):
    return shown(value).replace(",", "{,}")


def _latex_text(text):
    return re.sub(r"([#$%&_{}])", r"\\\1", text)
