"""Explanations: formulas that give their numbers, numbers that are right, and text, LaTeX and HTML of them."""

import ast
import collections
import html.parser
import inspect
import math
import re
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

import cyconv
from cyconv import shapes
from cyconv.__main__ import main
from cyconv.explanation import Explanation, Picture, Section, Step
from cyconv.layout import AXES
from cyconv.reasons import OPERATIONS

CONVS = ("conv1d", "conv2d", "conv3d", "depthwise_conv2d", "separable_conv2d")
TRANSPOSED = ("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
SLIDING = tuple(f"{op}_pool{n}d" for op in ("max", "avg", "lp") for n in (1, 2, 3))


def draw(rng, op):
    """Arguments of an operation, small and awkward; they may be refused."""
    ndim = int(op[-2])
    layout = (None, "channels_last", "channels_first", AXES[ndim] + "C", "C" + AXES[ndim])[rng.integers(5)]
    last, batched = layout is None or layout.endswith(("last", "C")), layout is None or layout.startswith("channels")
    lengths, channels = [int(n) for n in rng.integers(1, 12, ndim)], int(rng.integers(1, 5))
    batch = [(None, 1, 2)[rng.integers(3)]] if batched else []
    x = (*batch, *lengths, channels) if last else (*batch, channels, *lengths)
    kernel = tuple(int(n) for n in rng.integers(1, 5, ndim))
    arguments = {"dtype": ("float32", "float64", "float16", "int8")[rng.integers(4)], "layout": layout}
    if op.startswith("global"):
        return x, (), {**arguments, "keepdims": bool(rng.integers(2))}
    if op.startswith("adaptive"):
        return x, (tuple(int(n) if n else None for n in rng.integers(0, 6, ndim)),), arguments
    pairs = tuple(tuple(int(n) for n in rng.integers(0, 4, 2)) for _ in range(ndim))
    arguments |= {
        "stride": tuple(int(n) for n in rng.integers(1, 4, ndim)),
        "dilation": tuple(int(n) for n in rng.choice((1, 1, 1, 2, 3), ndim)),
        "padding": ("valid", "same", "SAME_lower", "full", 1, pairs, "causal")[rng.integers(7 if ndim == 1 else 6)],
    }
    if "pool" in op:
        return x, (kernel,), {**arguments, "ceil_mode": bool(rng.integers(2))}
    arguments["bias"] = bool(rng.integers(2))
    many = int(rng.integers(1, 4))
    if op in ("depthwise_conv2d", "separable_conv2d"):
        first = (*kernel, channels, many) if last else (channels * many, 1, *kernel)
        second = (1,) * ndim + (channels * many, 6) if last else (6, channels * many) + (1,) * ndim
        return x, (first, second) if op.startswith("separable") else (first,), arguments
    groups = channels if rng.integers(3) == 0 else 1
    i, o = channels // groups, many * groups
    if op in TRANSPOSED:
        i, o = many, channels
    return x, ((*kernel, i, o) if last else (o, i, *kernel),), {**arguments, "groups": groups}


_REFUSALS = "(does not fit|less than a window|no element|nothing is left|must be one of)"


def some(seed, ops=OPERATIONS, count=12):
    """Explanations of random calls that are not refused, with their calls."""
    rng = np.random.default_rng(seed)
    for op in ops:
        made = 0
        while made < count:
            x, kernel, arguments = draw(rng, op)
            try:
                explanation = cyconv.explain(op, x, *kernel, **arguments)
            except ValueError as error:
                if re.match(rf"explain: {op}: .*{_REFUSALS}", str(error)):
                    continue
                raise
            made += 1
            yield explanation, x, kernel, arguments


def value(formula, numbers=()):
    """What a formula gives, exactly."""
    functions = {"floor": math.floor, "ceil": math.ceil, "max": max}

    class Exact(ast.NodeTransformer):
        def visit_Constant(self, node):
            return ast.Call(ast.Name("Fraction", ast.Load()), [node], [])

    tree = ast.fix_missing_locations(Exact().visit(ast.parse(formula, mode="eval")))
    return eval(compile(tree, formula, "eval"), {"Fraction": Fraction, **functions, **dict(numbers)})


def test_every_operation_has_one():
    """With all arguments of the function that decide anything, by the same names and with the same defaults."""
    public = {name for name in cyconv.__all__ if re.match(r"(?!plan).*(conv|pool)\dd$", name)}
    assert public | set(TRANSPOSED) == set(OPERATIONS)
    arrays = {"x", "w", "bias", "out", "depthwise", "pointwise", "kernel_size", "output_size", "algorithm", "threads"}
    for op in public:
        explained = inspect.signature(cyconv.reasons._ABOUT[op][0]).parameters
        for name, parameter in inspect.signature(getattr(cyconv, op)).parameters.items():
            if name not in arrays:
                assert explained[name].default == parameter.default, (op, name)


def test_formulas_give_their_numbers():
    """Symbolic, with numbers put in, and worked out in part."""
    seen = collections.Counter()
    for explanation, *_ in some(1):
        for step in explanation.steps:
            seen[step.symbol] += 1
            expected = step.value
            for given in (value(step.formula, step.numbers), value(step.substituted), value(step.reduced)):
                assert (given if isinstance(expected, int) else float(given)) == expected, step
            assert set(step.numbers) == set(re.findall(r"[a-z_A-Z]\w*", step.formula)) - {"floor", "ceil", "max"}
    assert min(seen.values()) > 5, seen
    assert len(seen) == 18


def test_numbers_are_those_of_shapes():
    for explanation, x, kernel, arguments in some(2):
        op, steps = explanation.op, explanation.steps
        named = {k: v for k, v in arguments.items() if k not in ("dtype", "bias", "keepdims")}
        if op in TRANSPOSED:
            assert explanation.output_shape == shapes.conv_transpose_output_shape(x, *kernel, **named)
        elif op in SLIDING:
            assert explanation.output_shape == shapes.pool_output_shape(x, *kernel, **named)
        elif op.startswith("conv"):
            assert explanation.output_shape == shapes.conv_output_shape(x, *kernel, **named)
        ndim, first = int(op[-2]), (arguments["layout"] or "C")[-1] != "C" and arguments["layout"] != "channels_last"
        sizes = explanation.output_shape[-ndim:] if first else explanation.output_shape[-ndim - 1 : -1]
        outs = {s.axis: s.value for s in steps if s.name.split(": ")[-1] == "output size"}
        assert not outs or tuple(outs[axis] for axis in AXES[ndim]) == sizes
        for name, attribute in (
            ("parameters", "params"),
            ("multiply-adds", "macs"),
            ("operations", "flops"),
            ("bytes read and written", "bytes"),
        ):
            given = [s.value for s in steps if s.name == name]
            assert not given or given[-1] == getattr(explanation.cost, attribute)


def test_shapes_and_bytes_are_those_of_results():
    for explanation, x, kernel, arguments in some(3, [op for op in OPERATIONS if op not in TRANSPOSED], 6):
        x = tuple(n or 1 for n in x)
        dtype, bias = arguments.pop("dtype"), arguments.pop("bias", False)
        named = dict(arguments)
        given = kernel
        if explanation.op in CONVS:
            given = [np.ones(shape, dtype) for shape in kernel]
            channels = explanation.output_shape[
                -1 if (arguments["layout"] or "C").endswith(("C", "last")) else -int(explanation.op[-2]) - 1
            ]
            named["bias"] = np.ones(channels, dtype) if bias else None
        a = np.ones(x, dtype)
        y = getattr(cyconv, explanation.op)(a, *given, **named)
        assert y.shape == tuple(n or 1 for n in explanation.output_shape)
        if not explanation.op.startswith("separable"):
            assert (explanation.cost.input_bytes, explanation.cost.output_bytes) == (a.nbytes, y.nbytes)


_NOUN = "(pixel|element|voxel|weight|channel|filter|map|place|byte|product|parameter|multiply-add|number)"


def test_text():
    """Of plain characters, in lines that fit a terminal, and without numbers and nouns that disagree."""
    for explanation, *_ in some(4):
        text = str(explanation)
        assert text.isascii()
        assert "None" not in text.replace(str(explanation.output_shape), "").split("\n\n", 3)[3]
        for line in text.splitlines():
            assert len(line) <= (110 if line.startswith("    ") else 80), line
            assert line == line.rstrip()
        words = re.sub(r"\s+", " ", re.sub(r"(?m)^    .*$", "", text))
        assert not re.search(rf"(?<![\d,.*/+x-] )(?<![\d,.])\b1 {_NOUN}s\b", words)
        assert not re.search(rf"\b([02-9]|\d\d+) {_NOUN}\b(?! of)", words)
        assert not re.search(r"  |\.\.(?!\.)|,,| ,| \.(?!\.)", re.sub(r"(?m)^ .*$", "", text)), text
        for sentence in re.findall(r"\n\n([^ \n].*?)(?=\n\n|$)", text, re.S):
            assert sentence.rstrip()[-1] in ".:)?" or re.match(r"\d+\. ", sentence), sentence


def test_drawings():
    """Each window of a drawing stands below the elements that it meets."""
    drawn = 0
    for explanation, _, kernel, arguments in some(5, count=20):
        ndim = int(explanation.op[-2])
        for section in explanation.sections:
            for picture in section.items:
                if not isinstance(picture, Picture):
                    continue
                drawn += 1
                head, *rows = [line for line in picture.lines if line and not line.startswith("(")]
                cells = [(m.start(), m.group()) for m in re.finditer(r"\S+", head)][2:]
                ends = {start + len(text): text for start, text in cells}
                length = [text for _, text in cells if text.isdigit()]
                assert length == [str(i) for i in range(len(length))]
                for row in rows:
                    if row == "...":
                        continue
                    number = int(re.match(r"window (\d+)", row)[1])
                    met = [ends[m.end()] for m in re.finditer("x", row)]
                    if explanation.op.startswith("adaptive"):
                        out = kernel[0][-1] or len(length)
                        start, end = shapes.pool_window(number, len(length), out)
                        assert met == [str(i) for i in range(start, end)]
                        continue
                    size = (
                        kernel[0][-1]
                        if "pool" in explanation.op
                        else [s.numbers["kernel"] for s in explanation.steps if s.symbol == "extent"][ndim - 1]
                    )
                    before = [text for _, text in cells].index("0")
                    at = [
                        number * arguments["stride"][-1] + t * arguments["dilation"][-1] - before for t in range(size)
                    ]
                    assert len(met) == size
                    for i, text in zip(at, met, strict=True):
                        assert text == str(i) if 0 <= i < len(length) else text in "p-"
    assert drawn > 100


def test_drawings_are_left_out_where_they_are_too_long():
    text = str(cyconv.explain("conv2d", (1, 128, 128, 3), (8, 8, 3, 24)))
    assert "(The row along W is too long to be drawn here.)" in text
    for length in (18, 19, 60, 10**12):
        e = cyconv.explain("conv1d", (1, length, 1), (3, 1, 1))
        lines = [line for s in e.sections for item in s.items if isinstance(item, Picture) for line in item.lines]
        assert bool(lines) == (length < 30)
        assert max(map(len, lines), default=0) <= 76
    assert "too long" in str(cyconv.explain("adaptive_max_pool1d", (1, 10**9, 1), 3))
    assert "too long" in str(cyconv.explain("adaptive_max_pool1d", (1, 3, 1), 10**9))
    assert "too long" in str(cyconv.explain("conv1d", (1, 9, 1), (3, 1, 1), dilation=10**9, padding="same"))


# LaTeX and HTML

_COMMANDS = {
    "begin",
    "end",
    "text",
    "textbf",
    "frac",
    "cdot",
    "left",
    "right",
    "lfloor",
    "rfloor",
    "lceil",
    "rceil",
    "max",
    " ",
    "\\",
}


def check_latex(text):
    """That everything that is opened is closed, that commands exist, and that each line has one &."""
    assert text.isascii()
    commands = re.findall(r"\\([A-Za-z]+|.)", text)
    assert set(commands) <= _COMMANDS, set(commands) - _COMMANDS
    depth = 0
    for c in re.sub(r"\\[{}]", "", text):
        depth += {"{": 1, "}": -1}.get(c, 0)
        assert depth >= 0
    assert depth == 0
    opened = re.findall(r"\\(left|right)(\\[lr](?:floor|ceil)|[()])", text)
    stack = []
    closing = {"\\lfloor": "\\rfloor", "\\lceil": "\\rceil", "(": ")"}
    for side, bracket in opened:
        if side == "left":
            stack.append(bracket)
        else:
            assert closing[stack.pop()] == bracket
    assert not stack
    assert commands.count("left") + commands.count("right") == len(opened)
    first, *lines, last = text.splitlines()
    assert (first, last) == (r"\begin{aligned}", r"\end{aligned}")
    for i, line in enumerate(lines):
        assert line.count("&") == 1
        assert line.endswith(r" \\") == (i < len(lines) - 1)
        assert not re.search(r"[#$%^~]", line)
        outside = re.sub(r"\\text(bf)?\{[^{}]*\}", "", line)
        assert not re.search(r"(?<![\\A-Za-z])[a-z]{2,}", outside), outside
        assert "_" not in re.sub(r"_\{[A-Z]\}", "", line)


def read_latex(text):
    """A formula of numbers in LaTeX as Python has it."""
    for tex, python in (
        (r"\left\lfloor", "floor("), (r"\right\rfloor", ")"), (r"\left\lceil", "ceil("), (r"\right\rceil", ")"),
        (r"\left(", "("), (r"\right)", ")"), (r"\max", "max"), (r"\cdot", "*"), ("{,}", ""), (r",\ ", ","),
    ):  # fmt: skip
        text = text.replace(tex, python)
    return re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r"((\1) / (\2))", text)


def test_latex():
    """It is well-formed, and its formulas of numbers give what stands behind them."""
    for explanation, *_ in some(6):
        text = explanation.latex()
        check_latex(text)
        lines = [line.removesuffix(r" \\") for line in text.splitlines() if "&=" in line]
        for line, step in zip(lines[:-1], explanation.steps, strict=True):
            _, *stages = line.split("&=")[1].split(" = ")
            assert stages
            for stage in stages if isinstance(step.value, int) else stages[:-1]:
                given = value(read_latex(stage))
                assert (given if isinstance(step.value, int) else float(given)) == step.value


def test_latex_of_an_operation():
    e = cyconv.explain("conv1d", (None, 6, 3), (4, 3, 5), stride=2, padding="same")
    lines = e.latex().splitlines()
    out = r"\text{out}_{W} &= \left\lfloor \frac{\text{length} + \text{before} + \text{after} - \text{extent}}"
    out += r"{\text{stride}} \right\rfloor + 1 = \left\lfloor \frac{6 + 1 + 1 - 4}{2} \right\rfloor + 1"
    out += r" = \left\lfloor \frac{4}{2}"
    assert out + r" \right\rfloor + 1 = 3 \\" in lines
    params = r"\text{params} &= \text{filters} \cdot \left(\text{kernel}_{W} \cdot \text{channels} + 1\right)"
    assert params + r" = 5 \cdot \left(4 \cdot 3 + 1\right) = 5 \cdot 13 = 65 \\" in lines
    assert lines[-2] == r"\text{output shape} &= (\text{None},\ 3,\ 5)"


class Tags(html.parser.HTMLParser):
    """Checks that tags are closed in order, and collects the text."""

    def __init__(self, text):
        super().__init__()
        self.stack, self.said, self.headings = [], [], []
        self.feed(text)
        self.close()
        assert not self.stack

    def handle_starttag(self, tag, attrs):
        assert tag in ("section", "h3", "h4", "p", "ul", "li", "code", "strong", "pre")
        assert tag != "pre" or {"role", "aria-label"} <= {name for name, _ in attrs}
        assert tag != "section" or dict(attrs)["aria-label"]
        self.headings += [tag] * tag.startswith("h")
        self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        self.said.append(data)


def test_html():
    """It says what the text says, and its headings have no gaps."""
    for explanation, *_ in some(7):
        text = explanation._repr_html_()
        assert text.isascii()
        tags = Tags(text)
        assert tags.headings == ["h3"] + ["h4"] * len(explanation.sections)
        said = re.sub(r"\s+", " ", " ".join(tags.said))
        for section in explanation.sections:
            assert section.heading in said
            for item in section.items:
                if isinstance(item, str):
                    assert re.sub(r"\s+", " ", item) in said


def test_html_and_latex_escape():
    evil = '<script>alert("1")</script> & {50%} #_$'
    step = Step("n", "", "n", "a + 1", {"a": 1}, 2)
    e = Explanation("op", evil, evil, evil, [Section(evil, (evil, (step,), Picture((evil,))))], (1,), None)
    text = e._repr_html_()
    Tags(text)
    assert "<script" not in text
    assert 'aria-label="&lt;script' in text
    assert r"\& \{50\%\} \#\_\$" in e.latex()


# What people ask


def said(*arguments, **named):
    """The text without line breaks."""
    return re.sub(r"\s+", " ", str(cyconv.explain(*arguments, **named)))


def test_why_the_channels_are_not_in_the_output():
    text = said("conv2d", (None, 128, 128, 3), (8, 8, 3, 24), stride=2)
    assert "an array of shape (None, 61, 61, 24)" in text
    assert "out = floor((128 + 0 + 0 - 8) / 2) + 1 = floor(120 / 2) + 1 = 61" in text
    assert "A filter does not have 8 * 8 = 64 weights, but 8 * 8 * 3 = 192 weights" in text
    assert "the channels of the input do not show in the shape of the output: they are summed away" in text
    assert "24 * (8 * 8 * 3 + 1) = 24 * 193 = 4,632" in text


@pytest.mark.parametrize(
    ("x", "w", "arguments", "expected"),
    [
        ((None, 61, 61, 24), (8, 8, 24, 24), {"stride": 2}, "= 36,888"),
        ((None, 32, 32, 3), (3, 3, 3, 32), {"padding": "same"}, "32 * (3 * 3 * 3 + 1) = 32 * 28 = 896"),
        ((None, 32, 32, 3), (5, 5, 3, 1), {}, "5 * 5 * 3 = 75 weights"),
        ((1, 3, 3, 3), (2, 2, 3, 1), {}, "1 * (2 * 2 * 3 + 1) = 1 * 13 = 13"),
        ((1, 26, 26, 32), (3, 3, 32, 64), {}, "There are not 32 * 64 = 2,048 maps"),
        ((1, 24, 24, 32), (5, 5, 32, 64), {"bias": False}, "64 * (5 * 5 * 32) = 64 * 800 = 51,200"),
        ((1, 149, 149, 32), (3, 3, 32, 64), {}, "= 18,496"),
        ((1, 14, 14, 32), (5, 5, 32, 64), {"padding": "same"}, "= 51,264"),
        ((1, 16, 1024, 1024, 1), (5, 5, 5, 1, 1), {"padding": "same"}, "= 2,097,152,000"),
        ((1, 16, 1024, 1024, 1), (5, 5, 5, 1, 1), {"padding": "same"}, "7.8 GiB, or 125.0 times the input"),
        ((1, 16, 1024, 1024, 1), (5, 5, 5, 1, 1), {}, "= 1,560,600,000"),
        ((1, 1024, 1024, 16), (5, 5, 16, 1), {"padding": "same"}, "5 * 5 * 16 = 400 weights"),
        ((1, 1024, 1024, 16), (5, 5, 16, 1), {"padding": "same"}, "= 419,430,400"),
        ((1, 32, 32, 3), (3, 3, 3, 8), {}, "two-dimensional because the window slides along two axes: H and W."),
        ((1, 32, 32, 3), (3, 3, 3, 8), {"padding": "same", "stride": 2}, "H and W, 0 before and 1 after"),
        ((1, 32, 32, 3), (3, 3, 3, 8), {"padding": "same_lower", "stride": 2}, "H and W, 1 before and 0 after"),
    ],
)
def test_what_people_ask_about_convolutions(x, w, arguments, expected):
    assert expected in said(f"conv{len(w) - 2}d", x, w, **arguments)


@pytest.mark.parametrize(
    ("arguments", "shape", "expected"),
    [
        ({"stride": 1, "padding": "same"}, (1, 25, 20, 15), "(25 + 2 * 1 - 2) / 1) + 1 would be 26, not 25"),
        ({"stride": 1, "padding": "same"}, (1, 25, 20, 15), "With stride=1 the output is as large as the picture"),
        ({"stride": 1}, (1, 24, 19, 15), "= 24"),
        ({"stride": 2, "padding": "same"}, (1, 13, 10, 15), "the stride makes the output smaller. The window does not"),
        ({}, (1, 12, 10, 15), "stride=2 (that of the window, because it is not given)"),
    ],
)
def test_what_people_ask_about_pools(arguments, shape, expected):
    assert cyconv.explain("max_pool2d", (1, 25, 20, 15), 2, **arguments).output_shape == shape
    assert expected in said("max_pool2d", (1, 25, 20, 15), 2, **arguments)


def test_what_arguments_mean():
    conv = (1, 8, 8, 2), (3, 3, 2, 4)
    assert "turns each filter around" in said("conv2d", *conv, flip=True)
    assert "activation='relu' is applied" in said("conv2d", *conv, activation="relu")
    for mode in ("edge", "reflect", "symmetric", "wrap"):
        assert f"(pad_mode='{mode}')" in said("conv2d", *conv, padding=1, pad_mode=mode)
        assert "pad_mode" not in said("conv2d", *conv, pad_mode=mode)
    assert "bias=False" in said("conv2d", *conv, bias=None)
    assert said("conv2d", *conv, threads=3, algorithm="direct") == said("conv2d", *conv)
    x = (1, 8, 8, 2)
    assert "NaN only if all of them are" in said("max_pool2d", x, 3, nan="ignore")
    assert "padding does not count" in said("avg_pool2d", x, 3)
    assert "(count_include_pad=True)" in said("avg_pool2d", x, 3, padding=1, count_include_pad=True)
    assert "divided by 7 (divisor=7)" in said("avg_pool2d", x, 3, divisor=7)
    assert "with p=1.5" in said("lp_pool2d", x, 3, 1.5)
    assert "left out (keepdims=False)" in said("global_avg_pool2d", x)
    assert "(int8) takes 1 byte, and one of the output (int32) 4 bytes" in said("conv2d", *conv, dtype="int8")
    assert "(uint8) takes 1 byte, and one of the output (float64) 8 bytes" in said("avg_pool2d", x, 3, dtype="uint8")


# Errors


@pytest.mark.parametrize(
    ("arguments", "named", "error", "message"),
    [
        (("conv4d", (1, 8, 2)), {}, ValueError, "op must be .* got 'conv4d'; did you mean 'conv3d'"),
        (("dense", (1, 8, 2)), {}, ValueError, "op must be a convolution or a pool such as 'conv2d', got 'dense'"),
        ((2, (1, 8, 2)), {}, TypeError, "op must be a string such as 'conv2d', got 2"),
        (("conv1d", (1, 8, 2)), {}, TypeError, "conv1d needs w_shape"),
        (
            ("conv1d", (1, 8, 2), (3, 2, 4), 5),
            {},
            TypeError,
            "conv1d takes x_shape and w_shape, each once.* got 3 by place",
        ),
        (("conv1d", (1, 8, 2), (3, 2, 4)), {"w_shape": 1}, TypeError, "got 2 by place and w_shape again"),
        (("conv1d", (1, 8, 2), (3, 2, 4)), {"strides": 1}, TypeError, "no argument 'strides'; did you mean 'stride'"),
        (("max_pool1d", (1, 8, 2), 3), {"qwerty": 1}, TypeError, "no argument 'qwerty'; it has x_shape, kernel_size"),
        (("global_max_pool1d", (1, 8, 2), 3), {}, TypeError, "takes x_shape, each once"),
        (
            ("conv2d", (1, 5, 5, 3), (7, 7, 3, 2)),
            {},
            ValueError,
            r"conv2d: the kernel does not fit the input along H: \(kernel - 1\) \* dilation \+ 1 = 7 is more than 5",
        ),
        (("conv2d", (1, 5, 5, 3), (3, 3, 4, 2)), {}, ValueError, "conv2d: w has 4 input channels but x has 3"),
        (
            ("conv2d", (1, 5, 5, 3), (3, 3, 3)),
            {},
            ValueError,
            r"conv2d: w_shape must have 4 axes \(HWIO\), got \(3, 3, 3\)",
        ),
        (("conv2d", (5, 5, 3), (3, 3, 3, 2)), {}, ValueError, r"conv2d: x must have 4 axes .* say layout='HWC'"),
        (("conv2d", (1, None, 5, 3), (3, 3, 3, 2)), {}, ValueError, "conv2d: only the batch may be None, got x_shape"),
        (("conv2d", (None, 5, 3), (3, 3, 3, 2)), {"layout": "HWC"}, ValueError, "conv2d: only the batch may be None"),
        (("conv2d", 5, (3, 3, 3, 2)), {}, TypeError, "conv2d: x_shape must be a sequence of int, got 5"),
        (("conv2d", (), (3, 3, 3, 2)), {}, ValueError, r"conv2d: x must have 4 axes"),
        (("conv2d", (1, 5, 5, 3), (3, 3, 3, 2)), {"bias": 1}, TypeError, "conv2d: bias must be True or False, got 1"),
        (("conv2d", (1, 5, 5, 3), (3, 3, 3, 2)), {"pad_mode": "mirror"}, ValueError, "conv2d: pad_mode must be one of"),
        (
            ("conv2d", (1, 5, 5, 3), (3, 3, 3, 2)),
            {"activation": "gelu"},
            ValueError,
            "conv2d: activation must be one of",
        ),
        (("conv2d", (1, 5, 5, 3), (3, 3, 3, 2)), {"flip": 1}, TypeError, "conv2d: flip must be True or False"),
        (
            ("conv2d", (1, 5, 5, 3), (3, 3, 3, 2)),
            {"dtype": "flot"},
            TypeError,
            "conv2d: dtype must be a dtype .* got 'flot'",
        ),
        (
            ("depthwise_conv2d", (1, 5, 5, 3), (3, 3, 4, 2)),
            {},
            ValueError,
            r"w must have shape \(KH, KW, 3, multiplier\)",
        ),
        (("separable_conv2d", (1, 5, 5, 3), (3, 3, 3, 2)), {}, TypeError, "separable_conv2d needs pointwise_shape"),
        (
            ("separable_conv2d", (1, 5, 5, 3), (3, 3, 3, 2), (1, 1, 3, 8)),
            {},
            ValueError,
            r"pointwise_shape must be \(1, 1, 6, 8\) \(HWIO\) for the 6 channels of the first step, got \(1, 1, 3, 8\)",
        ),
        (("max_pool2d", (1, 5, 5, 3), 2), {"padding": 2}, ValueError, "max_pool2d: padding along H must be less"),
        (("max_pool2d", (1, 0, 5, 3), 2), {}, ValueError, "max_pool2d: x must have elements along H to pool"),
        (("max_pool2d", (1, 5, 5, 3), 2), {"ceil_mode": 1}, TypeError, "max_pool2d: ceil_mode must be True or False"),
        (("max_pool2d", (1, 5, 5, 3), 2), {"nan": "x"}, ValueError, "max_pool2d: nan must be one of"),
        (("lp_pool2d", (1, 5, 5, 3), 2), {"p": 0}, ValueError, "lp_pool2d: p must be above 0"),
        (("adaptive_max_pool2d", (1, 5, 5, 3), 0), {}, ValueError, "output_size must be at least 1, got 0"),
        (("conv_transpose1d", (1, 5, 3), (3, 2, 4)), {}, ValueError, r"w has 4 filters \(O\) but x has 3 channels"),
    ],
)
def test_errors(arguments, named, error, message):
    with pytest.raises(error, match=rf"^explain: .*{message}"):
        cyconv.explain(*arguments, **named)


# The command line


def command(capsys, line):
    """Status, output and errors of a command."""
    try:
        status = main(["explain", *line.split()])
    except SystemExit as stop:
        status = stop.code
    return status, *capsys.readouterr()


@pytest.mark.parametrize(
    ("line", "op", "arguments", "named"),
    [
        (
            "--input 1,128,128,3 --filters 24 --kernel 8 --stride 2",
            "conv2d",
            ((1, 128, 128, 3), (8, 8, 3, 24)),
            {"stride": 2},
        ),
        (
            "--input None,4,32,32 --layout NCHW --filters 32 --kernel 3,5 --padding 1:1,2:2 --groups 2 --no-bias",
            "conv2d",
            ((None, 4, 32, 32), (32, 2, 3, 5)),
            {"layout": "NCHW", "padding": ((1, 1), (2, 2)), "groups": 2, "bias": False},
        ),
        (
            "--input 1,32,4 --filters 6 --kernel 3 --padding causal --dilation 2 --kernel-layout OWI --dtype int8"
            " --flip --activation relu --pad-mode edge",
            "conv1d",
            ((1, 32, 4), (6, 3, 4)),
            {
                "padding": "causal",
                "dilation": 2,
                "kernel_layout": "OWI",
                "dtype": "int8",
                "flip": True,
                "activation": "relu",
                "pad_mode": "edge",
            },
        ),
        (
            "--input 1,9,9,4 --kernel 3 --multiplier 2 --padding 1",
            "depthwise_conv2d",
            ((1, 9, 9, 4), (3, 3, 4, 2)),
            {"padding": 1},
        ),
        (
            "--input 4,9,9 --layout CHW --kernel 3 --padding 1,0",
            "depthwise_conv2d",
            ((4, 9, 9), (4, 1, 3, 3)),
            {"padding": (1, 0), "layout": "CHW"},
        ),
        ("--input 1,9,9,4 --kernel 3 --filters 8", "separable_conv2d", ((1, 9, 9, 4), (3, 3, 4, 1), (1, 1, 4, 8)), {}),
        (
            "--input 1,9,9,4 --kernel 3 --filters 8 --stride 2 --output-padding 1 --groups 2",
            "conv_transpose2d",
            ((1, 9, 9, 4), (3, 3, 4, 4)),
            {"stride": 2, "output_padding": 1, "groups": 2},
        ),
        (
            "--input 1,25,20,15 --kernel 2 --ceil-mode --nan ignore",
            "max_pool2d",
            ((1, 25, 20, 15), 2),
            {"ceil_mode": True, "nan": "ignore"},
        ),
        (
            "--input 1,25,20,15 --kernel 2,3 --count-include-pad --padding same --divisor 5",
            "avg_pool2d",
            ((1, 25, 20, 15), (2, 3)),
            {"count_include_pad": True, "padding": "same", "divisor": 5},
        ),
        ("--input 1,25,15 --kernel 2 --p 1.5", "lp_pool1d", ((1, 25, 15), 2), {"p": 1.5}),
        ("--input 1,7,7,512 --output-size 3,1", "adaptive_avg_pool2d", ((1, 7, 7, 512), (3, 1)), {}),
        ("--input 1,7,7,512 --keepdims", "global_max_pool2d", ((1, 7, 7, 512),), {"keepdims": True}),
    ],
)
def test_commands(capsys, line, op, arguments, named):
    expected = cyconv.explain(op, *arguments, **named)
    assert command(capsys, f"{op} {line}") == (0, f"{expected}\n", "")
    assert command(capsys, f"{op} {line} --latex") == (0, f"{expected.latex()}\n", "")
    assert command(capsys, f"{op} {line} --html") == (0, f"{expected._repr_html_()}\n", "")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("conv2d --input 1,5,5,3 --filters 2 --kernel 7", "explain: conv2d: the kernel does not fit the input along H"),
        ("conv2d --input 1,5,5,3 --kernel 7", "explain: conv2d needs --filters"),
        ("conv2d --input 1,5,5,3 --filters 7", "explain: conv2d needs --kernel"),
        ("conv2d --input 1,5,5,3 --filters 7 --kernel 2 --multiplier 2", "explain: conv2d has no --multiplier"),
        ("conv2d --input 1,5,5 --filters 7 --kernel 2", "explain: conv2d: x must have 4 axes"),
        ("conv2d --input 1,5,5,None --filters 7 --kernel 2", "explain: conv2d: only the batch may be None"),
        ("conv2d --input 1,5,5,3 --filters 4 --kernel 2 --groups 2", "explain: conv2d: groups=2 must divide"),
        (
            "conv2d --input 1,5,5,3 --filters 4 --kernel 2 --groups 0",
            "explain: conv2d: groups must be at least 1, got 0",
        ),
        ("conv2d --input 1,5,5,3 --filters 4 --kernel 2 --padding -1", "padding must be at least 0, got -1"),
        ("conv2d --input 1,5,5,3 --filters 4 --kernel 2 --padding sam", "padding must be one of 'valid'"),
        (
            "conv2d --input 1,5,5,3 --filters 4 --kernel 2 --padding 1:x",
            "--padding: expected a word, or numbers .* got '1:x'",
        ),
        ("conv2d --input 1,5,5,3 --filters 4 --kernel 2 --stride 1.5", "--stride: expected integers .* got '1.5'"),
        ("conv2d --input 1,x --kernel 2", "argument --input: expected a shape such as 1,128,128,3, got '1,x'"),
        ("conv2d --kernel 2", "arguments are required: --input"),
        ("conv2d --input 1,5,5,3 --colour 2", "unrecognized arguments: --colour 2"),
        ("conv2d --input 1,5,5,3 --latex --html", "not allowed with"),
        ("conv5d --input 1,5,5,3", "op must be a convolution or a pool"),
        ("max_pool2d --input 1,5,5,3 --kernel 2 --filters 3", "explain: max_pool2d has no --filters"),
        ("max_pool2d --input 1,5,5,3", "explain: max_pool2d needs --kernel"),
        ("max_pool2d --input 1,5,5,3 --kernel 2 --groups 3", "explain: max_pool2d has no argument 'groups'"),
        ("global_max_pool2d --input 1,5,5,3 --kernel 2", "explain: global_max_pool2d has no --kernel"),
        ("adaptive_max_pool2d --input 1,5,5,3", "explain: adaptive_max_pool2d needs output_size"),
    ],
)
def test_wrong_commands(capsys, line, message):
    status, out, err = command(capsys, line)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert re.search(message, err), err


def test_help(capsys):
    status, out, _ = command(capsys, "--help")
    assert status == 0
    assert all(name in out for name in OPERATIONS)
    assert max(map(len, out.splitlines())) <= 120
    for example in re.findall(r"(?m)^  python -m cyconv explain (.*)", out):
        assert command(capsys, example)[0] == 0


def test_as_a_program():
    line = "-P -m cyconv explain max_pool2d --input 1,4,4,1 --kernel 2"
    done = subprocess.run([sys.executable, *line.split()], capture_output=True, text=True, check=True)
    assert done.stdout == f"{cyconv.explain('max_pool2d', (1, 4, 4, 1), 2)}\n"


def test_a_reader_may_stop():
    """No traceback if the output is not read to its end."""
    line = f"{sys.executable} -P -m cyconv explain conv3d --input 1,9,9,9,4 --filters 8 --kernel 3 | head -1"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("conv3d: ")
    assert done.stderr == ""


# Three of them, whole

CONVOLUTION = """\
conv2d: (1, 128, 128, 3) with (8, 8, 3, 24) gives (1, 61, 61, 24)

Question: 1 picture of 128 x 128 pixels with 3 channels (x of shape (1, 128,
128, 3), NHWC) and 24 filters of 8 x 8 (w of shape (8, 8, 3, 24), HWIO), with
stride=2, padding='valid', dilation=1 and groups=1: what comes out, how large is
it, and what does it cost?

Answer: an array of shape (1, 61, 61, 24) (NHWC), made with 4,632 parameters and
17,146,368 multiply-adds.

1. The window

The window has 8 x 8 elements, without gaps (dilation=1). From its first element
to its last it spans:

    extent = (kernel - 1) * dilation + 1
      H and W: extent = (8 - 1) * 1 + 1
                      = 8

2. Padding: what is put around the picture

padding='valid' puts nothing around the picture: every window lies wholly inside
of it.

Along H and W, 0 before and 0 after: the row has 128 pixels.

3. Size of the output

The first window begins where the padded row begins. Each further one begins 2
pixels later and must end where the row ends, or before. So there is the first
window, and one more for each whole stride that fits into the rest of the row:

    out = floor((length + before + after - extent) / stride) + 1
      H and W: out = floor((128 + 0 + 0 - 8) / 2) + 1
                   = floor(120 / 2) + 1
                   = 61

Along H and W, the first window covers pixels 0 to 7; the last covers pixels 120
to 127.

(The row along W is too long to be drawn here.)

4. Channels: why they are summed away

A filter does not have 8 * 8 = 64 weights, but 8 * 8 * 3 = 192 weights: at each
of its places one for each of the 3 channels. They differ from channel to
channel.

At each place of the window, each weight is multiplied with the number of the
input under it. The sum of the 192 products, all channels together, is one
number of the output. So the channels of the input do not show in the shape of
the output: they are summed away.

The convolution is called two-dimensional because the window slides along two
axes: H and W. It does not slide along the channels, since it covers all of them
at once. The filter itself has 3 axes.

One filter makes one map of 61 x 61 numbers. 24 filters make 24 maps, and these
are the channels of the output. There are not 3 * 24 = 72 maps, because a filter
does not make one for each channel, but one for their sum.

5. Parameters

Each filter has 192 weights and one bias, the + 1 in the formula. They are the
same at all places, so that the size of the picture does not matter:

    params = filters * (kernel_H * kernel_W * channels + 1)
           = 24 * (8 * 8 * 3 + 1)
           = 24 * 193
           = 4,632

6. Multiply-adds

Each number of the output takes 192 multiply-adds, one for each product.

    macs = batch * out_H * out_W * filters * (kernel_H * kernel_W * channels)
         = 1 * 61 * 61 * 24 * (8 * 8 * 3)
         = 89304 * 192
         = 17,146,368

Counted as operations, a multiplication and an addition each:

    flops = 2 * macs
          = 2 * 17146368
          = 34,292,736

7. Memory

A number of the input (float32) takes 4 bytes. This is read and written:

    input_bytes = batch * length_H * length_W * channels * itemsize
                = 1 * 128 * 128 * 3 * 4
                = 196,608
    weight_bytes = params * itemsize
                 = 4632 * 4
                 = 18,528
    output_bytes = batch * out_H * out_W * filters * itemsize
                 = 1 * 61 * 61 * 24 * 4
                 = 357,216

    bytes = input_bytes + weight_bytes + output_bytes
          = 196608 + 18528 + 357216
          = 572,352

That is 558.9 KiB. For each byte there are so many operations:

    intensity = flops / bytes
              = 34292736 / 572352
              = 59.9

Many libraries first copy the numbers under all windows into one matrix
(im2col), which has a row for each place of the window, and multiply it with the
matrix of the filters. Here it is never built. It would take:

    im2col_bytes = batch * out_H * out_W * (kernel_H * kernel_W * channels) * itemsize
                 = 1 * 61 * 61 * (8 * 8 * 3) * 4
                 = 2,857,728

That is 2.7 MiB, or 14.5 times the input.
"""

POOL = """\
max_pool2d: (1, 25, 20, 15) gives (1, 25, 20, 15)

Question: 1 picture of 25 x 20 pixels with 15 channels (x of shape (1, 25, 20,
15), NHWC) and a window of 2 x 2, with stride=1, padding='same' and dilation=1:
how large is what comes out, and what is it?

Answer: an array of shape (1, 25, 20, 15) (NHWC). A pool has no parameters.

1. The window

The window has 2 x 2 elements, without gaps (dilation=1). From its first element
to its last it spans:

    extent = (kernel - 1) * dilation + 1
      H and W: extent = (2 - 1) * 1 + 1
                      = 2

2. Padding: what is put around the picture

padding='same' means: as many outputs as the stride alone would leave, with a
window of one pixel. That is the length divided by the stride, rounded up:

    wanted = ceil(length / stride)
      H: wanted = ceil(25 / 1)
                = 25
      W: wanted = ceil(20 / 1)
                = 20

So many windows of that stride and extent need a row of (wanted - 1) * stride +
extent. It lacks:

    total = max((wanted - 1) * stride + extent - length, 0)
      H: total = max((25 - 1) * 1 + 2 - 25, 0)
               = max(1, 0)
               = 1
      W: total = max((20 - 1) * 1 + 2 - 20, 0)
               = max(1, 0)
               = 1

One half goes in front and one behind (an odd one goes behind, as in Keras,
TensorFlow and ONNX's SAME_UPPER; 'same_lower' puts it in front):

    before = floor(total / 2)
      H and W: before = floor(1 / 2)
                      = 0

    after = total - before
      H and W: after = 1 - 0
                     = 1

(A usual mistake is to put 1 pixel on both sides: along H, floor((25 + 2 * 1 -
2) / 1) + 1 would be 26, not 25.)

With stride=1 the output is as large as the picture, however large the window
is.

Along H, 0 before and 1 after: the padded row has 26 pixels. Along W, 0 before
and 1 after: the padded row has 21 pixels.

3. Size of the output

The first window begins where the padded row begins. Each further one begins 1
pixel later and must end where the row ends, or before. So there is the first
window, and one more for each whole stride that fits into the rest of the row:

    out = floor((length + before + after - extent) / stride) + 1
      H: out = floor((25 + 0 + 1 - 2) / 1) + 1
             = floor(24 / 1) + 1
             = 25
      W: out = floor((20 + 0 + 1 - 2) / 1) + 1
             = floor(19 / 1) + 1
             = 20

Along H, the first window covers pixels 0 and 1; the last covers pixel 24 and 1
place of padding.

Along W, the first window covers pixels 0 and 1; the last covers pixel 19 and 1
place of padding.

    along W      0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15 16 17 18 19  p
    window 0   [ x  x]
    window 1      [ x  x]
    ...
    window 19                                                           [ x  x]

    (numbers: pixels of a row; p: padding; x: what a window meets)

4. Channels: why they stay

Each channel is pooled by itself: 15 channels before, and as many after. Nothing
is summed over channels, unlike in a convolution.

5. Values: what an output is

An output is the largest of the numbers in its window, of which padding is none;
it is NaN if one of them is.

6. Cost

A pool has no parameters: it learns nothing.

Each output takes one operation, a comparison or an addition, for each element
of its window:

    flops = batch * out_H * out_W * channels * (kernel_H * kernel_W)
          = 1 * 25 * 20 * 15 * (2 * 2)
          = 7500 * 4
          = 30,000

A number of the input (float32) takes 4 bytes. This is read and written:

    input_bytes = batch * length_H * length_W * channels * itemsize
                = 1 * 25 * 20 * 15 * 4
                = 30,000
    output_bytes = batch * out_H * out_W * channels * itemsize
                 = 1 * 25 * 20 * 15 * 4
                 = 30,000

    bytes = input_bytes + output_bytes
          = 30000 + 30000
          = 60,000

That is 58.6 KiB. For each byte there are so many operations:

    intensity = flops / bytes
              = 30000 / 60000
              = 0.5
"""

ADAPTIVE = """\
adaptive_avg_pool1d: (1, 7, 2) gives (1, 3, 2)

Question: 1 signal of 7 elements with 2 channels (x of shape (1, 7, 2), NWC) and
an output of 3: how large are the windows, and what comes out?

Answer: an array of shape (1, 3, 2) (NWC). A pool has no parameters.

1. The windows

The windows share out the signal as evenly as whole elements allow. An axis is
cut into as many equal parts as there are outputs (out). Window i, counted from
0, begins where part i begins, rounded down:

    start = floor(i * length / out)
      W: start = floor(0 * 7 / 3)
               = floor(0 / 3)
               = 0
      W: start = floor(2 * 7 / 3)
               = floor(14 / 3)
               = 4

It ends where that part ends, rounded up; what has this number is no longer in
it:

    end = ceil((i + 1) * length / out)
      W: end = ceil((0 + 1) * 7 / 3)
             = ceil(7 / 3)
             = 3
      W: end = ceil((2 + 1) * 7 / 3)
             = ceil(21 / 3)
             = 7

Along W the length is no multiple of the number of windows: some windows share
an element with the next.

    along W    0 1 2 3 4 5 6
    window 0  [x x x]
    window 1      [x x x]
    window 2          [x x x]

    (numbers: elements of a row; x: what a window meets)

2. Size of the output

It is what output_size says, whatever the size of the input.

3. Channels: why they stay

Each channel is pooled by itself: 2 channels before, and as many after. Nothing
is summed over channels, unlike in a convolution.

4. Values: what an output is

An output is the mean of the numbers in its window: their sum, divided by how
many they are.

5. Cost

A pool has no parameters: it learns nothing.

Each output takes one operation, a comparison or an addition, for each element
of its window. That makes 18 operations.

A number of the input (float32) takes 4 bytes. This is read and written:

    input_bytes = batch * length_W * channels * itemsize
                = 1 * 7 * 2 * 4
                = 56
    output_bytes = batch * out_W * channels * itemsize
                 = 1 * 3 * 2 * 4
                 = 24

    bytes = input_bytes + output_bytes
          = 56 + 24
          = 80

Operations for each byte:

    intensity = flops / bytes
              = 18 / 80
              = 0.2
"""


@pytest.mark.parametrize(
    ("explanation", "text"),
    [
        (cyconv.explain("conv2d", (1, 128, 128, 3), (8, 8, 3, 24), stride=2), CONVOLUTION),
        (cyconv.explain("max_pool2d", (1, 25, 20, 15), 2, stride=1, padding="same"), POOL),
        (cyconv.explain("adaptive_avg_pool1d", (1, 7, 2), 3), ADAPTIVE),
    ],
    ids=lambda e: getattr(e, "op", ""),
)
def test_whole_texts(explanation, text):
    assert f"{explanation}\n" == text
