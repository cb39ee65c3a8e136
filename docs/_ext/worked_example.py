"""Directives that work an example out when the site is built: nothing of it is typed.

::

   .. worked-example:: conv2d
      :open: padding, size

      (1, 11, 9, 3), (3, 3, 3, 8), stride=2, padding="same"

calls `cyconv.explain` with these arguments and shows what it says, section by section; those whose
headings begin with a word of ``:open:`` are unfolded (``:open: all`` unfolds them all).  Then the operation
itself is run on arrays of these shapes: the build fails if a formula does not give its value, or if the kernels
give another shape, begin or end a window elsewhere, or add another number of products.

::

   .. worked-receptive-field::

      [(3, 1), (2, 2), (3, 1)]

works out a receptive field layer by layer, and compares with `cyconv.shapes.receptive_field`.
"""

import ast
import hashlib
import inspect
import math
import pathlib
from fractions import Fraction

import numpy as np
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.errors import SphinxError
from sphinx.util.docutils import SphinxDirective

import cyconv
from cyconv.explanation import Picture, Step, listed
from cyconv.layout import parse_kernel_layout, parse_layout

MOST = 4 << 30
"""Multiply-adds of an example that is still run."""


class WorkedExampleError(SphinxError):
    """An example that cannot be worked out, or that the kernels do not agree with."""

    category = "Worked example"


class Folded(nodes.General, nodes.Element):
    """A section that can be unfolded."""


class Drawing(nodes.General, nodes.FixedTextElement):
    """A picture in characters, which the text before it says in words."""


class WorkedExample(SphinxDirective):
    """The explanation of one call."""

    required_arguments = 1
    has_content = True
    option_spec = {"open": directives.unchanged}  # noqa: RUF012

    def run(self):
        op = self.arguments[0]
        try:
            shapes, arguments = parse_call(" ".join(self.content))
            explanation = cyconv.explain(op, *shapes, **arguments)
            agree(explanation, shapes, arguments)
            wanted = [word.strip().lower() for word in self.options.get("open", "").split(",") if word.strip()]
            check_open(explanation, wanted)
        except Exception as error:
            raise WorkedExampleError(f"{self.get_location()}: {op}: {error}") from error
        parts = [repr(op), *map(repr, shapes), *(f"{k}={v!r}" for k, v in arguments.items())]
        call = f"print(cyconv.explain({', '.join(parts)}))"
        top = nodes.container("", classes=["worked-example"])
        top += nodes.paragraph("", "", nodes.strong("", explanation.title), classes=["worked-title"])
        top += nodes.paragraph("", explanation.question)
        top += nodes.paragraph("", "", nodes.strong("", "Answer: "), nodes.Text(explanation.answer))
        for number, section in enumerate(explanation.sections, 1):
            fold = Folded(heading=f"{number}. {section.heading}", open=is_open(section.heading, wanted))
            for item in section.items:
                if isinstance(item, Picture):
                    drawn = "\n".join(item.lines)
                    fold += Drawing(drawn, drawn)
                elif isinstance(item, str):
                    fold += nodes.paragraph("", item)
                else:
                    fold += formulas(item)
            top += fold
        fold = Folded(heading="The same in Python", open=False)
        fold += nodes.literal_block(call, call, language="python")
        top += fold
        return [top]


class WorkedReceptiveField(SphinxDirective):
    """A receptive field, layer by layer."""

    has_content = True

    def run(self):
        try:
            layers = ast.literal_eval(" ".join(self.content))
            steps = receptive_field(layers)
        except Exception as error:
            raise WorkedExampleError(f"{self.get_location()}: {error}") from error
        top = nodes.container("", classes=["worked-example"])
        top += nodes.paragraph(
            "", "", nodes.strong("", f"Receptive field of {len(layers)} layers"), classes=["worked-title"]
        )
        top += nodes.paragraph(
            "",
            "A pixel of the input has size 1 and jump 1: its neighbour lies one pixel further. Its centre, where"
            " counting starts, is 0. Each layer widens the field by the jump before it, once for each further"
            " element of its window, and multiplies the jump by its stride.",
        )
        for number, (layer, of_layer) in enumerate(zip(layers, steps, strict=True), 1):
            top += nodes.paragraph("", "", nodes.strong("", f"Layer {number}: "), nodes.Text(described(layer)))
            top += formulas(of_layer)
        size, jump, start = (step.value for step in steps[-1])
        top += nodes.paragraph(
            "",
            "",
            nodes.strong("", "Answer: "),
            nodes.Text(f"size {size}, jump {jump}, centre of the first field at {start}."),
        )
        return [top]


def parse_call(text):
    """Arguments as they stand between the brackets of a call: by place, and by name."""
    call = ast.parse(f"f({text})", mode="eval").body
    by_name = {k.arg: ast.literal_eval(k.value) for k in call.keywords}
    return [ast.literal_eval(a) for a in call.args], by_name


def is_open(heading, wanted):
    return "all" in wanted or any(heading.lower().startswith(word) for word in wanted)


def check_open(explanation, wanted):
    """Refuses words that no heading begins with."""
    headings = [section.heading for section in explanation.sections]
    for word in wanted:
        if word != "all" and not any(is_open(heading, [word]) for heading in headings):
            raise ValueError(f":open: {word!r} is the beginning of none of {headings}")


def formulas(steps):
    """Nodes of formulas: each once, then its numbers for each axis, alike ones together."""
    groups = {}
    for step in steps:
        key = step.symbol, step.formula
        groups.setdefault(key, {}).setdefault((tuple(step.numbers.items()), step.value), []).append(step)
    for alike in groups.values():
        first = next(iter(alike.values()))[0]
        _, general, *_ = stages(first)
        left, *_ = stages(first._replace(axis=""))
        box = nodes.container("", classes=["worked-formula"])
        box += nodes.paragraph("", "", *equation([left, general]))
        for same in alike.values():
            axes = [step.axis for step in same if step.axis]
            label = [nodes.inline("", f"{listed(axes)}: ", classes=["worked-axis"])] if axes else []
            numbers = equation([left if axes else "", *stages(same[0])[2:]])
            box += nodes.paragraph("", "", *label, *numbers, classes=["worked-numbers"])
        yield box


def stages(step):
    """The left side of an equation and all that it is equal to, in LaTeX."""
    latex = step.latex().replace("\\left(", "(").replace("\\right)", ")")  # around one line: as high as digits
    left, right = latex.split(" &= ")
    return [left, *right.split(" = ")]


def equation(parts):
    """Formulas that may be broken before each sign of equality."""
    left, *rights = parts
    if left:
        yield nodes.math(left, left)
    for right in rights:
        yield nodes.Text(" ")
        yield nodes.math(f"= {right}", f"= {right}")


# Whether the kernels agree


def agree(explanation, shapes, arguments):
    """Raises ValueError if a formula does not give its value, or the operation does something else."""
    for step in explanation.steps:
        if evaluated(step) != step.value:
            raise ValueError(f"{step.symbol} = {step.formula} is {evaluated(step)}, not {step.value}: {step.numbers}")
    function = getattr(cyconv, explanation.op, None)
    if function is None:  # transposed convolutions have shapes, but no kernels yet
        return
    known = inspect.signature(function).parameters
    arguments = {k: v for k, v in arguments.items() if k in known and k not in ("bias", "activation", "return_indices")}
    x_shape = tuple(1 if n is None else n for n in shapes[0])
    if explanation.cost.flops > 2 * MOST:
        raise ValueError(f"{explanation.cost.flops:,} operations are too many to be run while the site is built")
    convolution = "conv" in explanation.op
    others = [np.ones(s, np.int32) for s in shapes[1:]] if convolution else shapes[1:]
    y = function(np.ones(x_shape, np.int32), *others, **{**arguments, **({"pad_mode": "edge"} if convolution else {})})
    said = tuple(1 if n is None else n for n in explanation.output_shape)
    if y.shape != said:
        raise ValueError(f"the kernels give {y.shape}, the explanation {said}")
    if convolution and len(shapes) == 2:
        # All numbers are 1, those of the padding too: the sum of the output counts the products.
        counted = int(y.sum(dtype=np.float64))
        if counted != explanation.cost.macs:
            raise ValueError(f"the kernels add {counted:,} products, the explanation {explanation.cost.macs:,}")
    windows_agree(function, explanation, x_shape, others, arguments, convolution)


def evaluated(step):
    """What a formula gives for its numbers, by itself; an intensity is a quotient of floating-point numbers."""
    exact = isinstance(step.value, int)
    numbers = {name: Fraction(n) if exact else n for name, n in step.numbers.items()}
    functions = {"floor": math.floor, "ceil": math.ceil, "max": max}
    return eval(step.formula, {"__builtins__": {}}, {**functions, **numbers})


def windows_agree(function, explanation, x_shape, others, arguments, convolution):
    """Lets the kernels tell where each window begins and ends."""
    sizes = [step for step in explanation.steps if step.name == "output size"]
    ndim = int(explanation.op[-2])
    if len(sizes) != ndim or len(others) != 1:
        return
    data = parse_layout("worked-example", arguments.get("layout"), ndim)
    lengths = dict(zip(data.axes, data.split(x_shape)[2], strict=True))
    for step in sizes:
        n, out = lengths[step.axis], step.value
        known = {}
        for s in explanation.steps:
            if s.axis == step.axis:
                known |= {**s.numbers, s.symbol: s.value}
        before, extent, stride = known.get("before", 0), known["extent"], known["stride"]
        first = np.arange(out) * stride - before
        last = first + extent - 1
        if convolution:
            names = parse_kernel_layout("worked-example", arguments.get("kernel_layout"), data)
            for tap, place in ((0, first), (-1, last)):
                w = np.zeros_like(others[0])
                w[tuple(tap if a == step.axis else slice(None) for a in names)] = 1
                found = told(function, data, step.axis, n, x_shape, w, {**arguments, "flip": False}) > 0
                # Counted along the axis: what a window meets with this element of the filter.
                expected = (place >= 0) & (place < n)
                if arguments.get("pad_mode", "constant") == "constant" and not np.array_equal(found, expected):
                    raise ValueError(f"along {step.axis}, windows lie elsewhere than the explanation says")
        elif "max" in explanation.op and arguments.get("dilation", 1) == 1:
            highest = told(function, data, step.axis, n, x_shape, others[0], arguments)
            if not np.array_equal(highest, np.minimum(last, n - 1) + 1):
                raise ValueError(f"along {step.axis}, windows lie elsewhere than the explanation says")


def told(function, data, axis, n, x_shape, other, arguments):
    """The largest output along an axis of an input whose elements are 1, 2, 3, ... along it."""
    place = data.name.index(axis)
    ramp = np.arange(1, n + 1, dtype=np.int32).reshape([-1 if i == place else 1 for i in range(len(x_shape))])
    y = function(np.ascontiguousarray(np.broadcast_to(ramp, x_shape)), other, **arguments)
    return y.max(axis=tuple(i for i in range(y.ndim) if i != place))


def receptive_field(layers):
    """The steps of a receptive field, three for each layer."""
    size, jump, start = 1, 1, 0
    steps = []
    for i, (kernel, stride, *rest) in enumerate(layers, 1):
        dilation, padding = (*rest, *(1, 0)[len(rest) :])
        before = (kernel - 1) * dilation // 2 if padding == "same" and stride == 1 else padding
        before = 0 if before == "valid" else before
        own = {"kernel": kernel, "dilation": dilation, "jump": jump}
        size_after = size + (kernel - 1) * dilation * jump
        jump_after = jump * stride
        start_after = whole(start + ((kernel - 1) * dilation / 2 - before) * jump)
        found = cyconv.shapes.receptive_field(layers[:i])
        if (found.size[0], found.jump[0], found.start[0]) != (size_after, jump_after, start_after):
            raise ValueError(f"layer {i}: {(size_after, jump_after, start_after)}, but cyconv.shapes says {found}")
        formula = "start + ((kernel - 1) * dilation / 2 - before) * jump"
        steps.append(
            (
                Step("size", "", "size", "size + (kernel - 1) * dilation * jump", {**own, "size": size}, size_after),
                Step("jump", "", "jump", "jump * stride", {"jump": jump, "stride": stride}, jump_after),
                Step("start", "", "start", formula, {**own, "start": start, "before": before}, start_after),
            )
        )
        size, jump, start = size_after, jump_after, start_after
    return steps


def whole(number):
    return int(number) if math.floor(number) == number else number


def described(layer):
    kernel, stride, *rest = layer
    dilation, padding = (*rest, *(1, 0)[len(rest) :])
    return f"kernel {kernel}, stride {stride}, dilation {dilation}, padding {padding!r}"


# Pages


def _visit_folded(self, node):
    opened = " open" if node["open"] else ""
    self.body.append(f"<details{opened}><summary>{self.encode(node['heading'])}</summary>\n")


def _depart_folded(self, node):
    self.body.append("</details>\n")


def _visit_drawing(self, node):
    label = "Drawing of what the paragraph before it says"
    text = self.encode(node.astext())
    self.body.append(f'<pre class="worked-drawing" role="img" tabindex="0" aria-label="{label}">{text}</pre>\n')
    raise nodes.SkipNode


def _visit_text_folded(self, node):
    self.new_state(0)
    self.add_text(node["heading"])
    self.end_state()


def _visit_text_drawing(self, node):
    self.new_state()
    for line in node.astext().splitlines():
        self.add_text(line + self.nl)
    self.end_state(wrap=False)
    raise nodes.SkipNode


def _pass(self, node):
    """Nothing to be done."""


def sources():
    """A digest of the package's Python, so that pages are built again when it has changed."""
    folder = pathlib.Path(cyconv.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def setup(app):
    app.add_node(Folded, html=(_visit_folded, _depart_folded), text=(_visit_text_folded, _pass))
    app.add_node(Drawing, html=(_visit_drawing, None), text=(_visit_text_drawing, None))
    app.add_directive("worked-example", WorkedExample)
    app.add_directive("worked-receptive-field", WorkedReceptiveField)
    app.add_config_value("cyconv_sources", sources(), "env")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
