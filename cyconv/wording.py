"""Windows, padding and sizes in words, formulas and drawings, for `cyconv.reasons`.

Numbers come from `cyconv.shapes`; here they are only said.
"""

from typing import NamedTuple

from cyconv import shapes
from cyconv.explanation import Picture, Section, Step, listed

LINE = 76
"""Characters of a drawing, at most."""
_FEW = 4  # windows that are all drawn


class Words(NamedTuple):
    """What an array with so many window axes is called."""

    thing: str
    unit: str
    axes: str
    dimensional: str


WORDS = {
    1: Words("signal", "element", "one axis", "one-dimensional"),
    2: Words("picture", "pixel", "two axes", "two-dimensional"),
    3: Words("volume", "voxel", "three axes", "three-dimensional"),
}


class Axis(NamedTuple):
    """What happens along one axis of the window."""

    name: str
    length: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int
    out: int

    @property
    def extent(self):
        """Elements from the first to the last of a window."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def padded(self):
        """Elements with padding."""
        return self.before + self.length + self.after

    def step(self, name, symbol, formula, value, **more):
        """A step along this axis, whose own numbers the formula may use."""
        return step(name, symbol, formula, value, {**self._asdict(), "extent": self.extent, **more}, self.name)


def make_axes(names, lengths, kernel, stride, dilation, pads, outs):
    """The `Axis` of each window axis.

    Parameters
    ----------
    names : str
    lengths, kernel, stride, dilation, outs : sequence of int
    pads : sequence of (int, int)

    Returns
    -------
    list of Axis
    """
    columns = zip(names, lengths, kernel, stride, dilation, pads, outs, strict=True)
    return [Axis(*numbers, *pad, out) for *numbers, pad, out in columns]


def step(name, symbol, formula, value, numbers, axis=""):
    """A `Step` with those of the numbers that its formula uses.

    Parameters
    ----------
    name, symbol, formula : str
    value : int or float
    numbers : dict of str to int
    axis : str

    Returns
    -------
    Step
    """
    symbols = "".join(c if c.isalnum() or c == "_" else " " for c in formula).split()
    return Step(name, axis, symbol, formula, {n: v for n, v in numbers.items() if n in symbols}, value)


def times(*factors):
    """A product: "8 * 8 * 3".

    Parameters
    ----------
    *factors : int or str

    Returns
    -------
    str
    """
    return " * ".join(map(str, factors))


def of_axes(names, symbol):
    """A product of one symbol for each axis: "kernel_H * kernel_W".

    Parameters
    ----------
    names, symbol : str

    Returns
    -------
    str
    """
    return times(*(f"{symbol}_{name}" for name in names))


def by(numbers):
    """A size: "8 x 8".

    Parameters
    ----------
    numbers : sequence of int

    Returns
    -------
    str
    """
    return " x ".join(f"{n:,}" for n in numbers)


def sized(numbers, unit):
    """A size with its unit: "8 x 8 pixels", "1 element".

    Parameters
    ----------
    numbers : sequence of int
    unit : str

    Returns
    -------
    str
    """
    return count(numbers[0], unit) if len(numbers) == 1 else f"{by(numbers)} {unit}s"


def count(n, unit):
    """So many of something: "1 pixel", "4,632 pixels".

    Parameters
    ----------
    n : int
    unit : str

    Returns
    -------
    str
    """
    return f"{n:,} {unit}{'' if n == 1 else 's'}"


def one_or_all(numbers):
    """One number, if all are equal, or a tuple.

    Parameters
    ----------
    numbers : sequence of int

    Returns
    -------
    int or tuple of int
    """
    return numbers[0] if len(set(numbers)) == 1 else tuple(numbers)


def sliding(words, axes, padding, filled, ceil_mode=False):
    """Sections about a window that slides: itself, the padding, and the size of the output.

    Parameters
    ----------
    words : Words
    axes : list of Axis
    padding : str, int or sequence
        As the caller gave it.
    filled : str
        A sentence about what the padding holds, or nothing.
    ceil_mode : bool

    Returns
    -------
    list of Section
    """
    padded = [filled] if filled and any(a.padded > a.length for a in axes) else []
    around = Section(
        f"Padding: what is put around the {words.thing}",
        (*_padding(words, axes, padding), " ".join(_by_axis(axes, lambda a: _longer(a, words.unit)) + padded)),
    )
    counted = _with_rest(words, axes) if ceil_mode else _whole(words, axes)
    reached = _by_axis(axes, lambda a: _reached(a, words.unit))
    size = Section("Size of the output", (*counted, *reached, _row(axes[-1], words.unit)))
    return [_window(words, axes), around, size]


def _by_axis(axes, say):
    """A sentence about each axis, once for those of which the same is said."""
    said = {}
    for axis in axes:
        said.setdefault(say(axis), []).append(axis.name)
    return [f"Along {listed(names)}, {text}." for text, names in said.items()]


def _window(words, axes):
    elements = f"The window has {sized([a.kernel for a in axes], 'element')}"
    spread = "From its first element to its last it spans:"
    if all(a.dilation == 1 for a in axes):
        text = f"{elements}, without gaps (dilation=1). {spread}"
    else:
        text = " ".join([f"{elements}.", *_by_axis(axes, lambda a: _gaps(a, words.unit)), spread])
    formula = "(kernel - 1) * dilation + 1"
    return Section("The window", (text, tuple(a.step("extent", "extent", formula, a.extent) for a in axes)))


def _gaps(axis, unit):
    if axis.dilation == 1:
        return "they are neighbours (dilation=1)"
    return f"dilation={axis.dilation:,} leaves {count(axis.dilation - 1, unit)} between one and the next"


def _longer(axis, unit):
    row = "padded row" if axis.padded > axis.length else "row"
    return f"{axis.before:,} before and {axis.after:,} after: the {row} has {count(axis.padded, unit)}"


def _padding(words, axes, padding):
    """Where the numbers of the padding come from."""
    word = padding.lower() if isinstance(padding, str) else None
    around = f"around the {words.thing}"
    if word == "valid":
        yield f"padding='valid' puts nothing {around}: every window lies wholly inside of it."
    elif word in ("same", "same_lower"):
        yield from _same(words, axes, word)
    elif word == "full":
        yield f"padding='full' puts so much {around} that every window counts that meets a part of it."
        for side in ("before", "after"):
            yield tuple(a.step(f"padding {side}", side, "extent - 1", getattr(a, side)) for a in axes)
    elif word == "causal":
        yield "padding='causal' puts all padding in front, so that no output sees what comes after it."
        yield tuple(a.step("padding before", "before", "extent - 1", a.before) for a in axes)
    else:
        yield f"padding={padding!r} says in numbers what is put {around}."


_ODD = {
    "same": "an odd one goes behind, as in Keras, TensorFlow and ONNX's SAME_UPPER; 'same_lower' puts it in front",
    "same_lower": "an odd one goes in front, as in ONNX's SAME_LOWER; 'same' puts it behind",
}


def _same(words, axes, word):
    """The numbers of padding by the words "same" and "same_lower"."""
    totals = [a.before + a.after for a in axes]
    pairs = list(zip(axes, totals, strict=True))
    yield (
        f"padding={word!r} means: as many outputs as the stride alone would leave, with a window of one {words.unit}."
        " That is the length divided by the stride, rounded up:"
    )
    yield tuple(a.step("wanted outputs", "wanted", "ceil(length / stride)", a.out) for a in axes)
    yield "So many windows of that stride and extent need a row of (wanted - 1) * stride + extent. It lacks:"
    formula = "max((wanted - 1) * stride + extent - length, 0)"
    yield tuple(a.step("padding in all", "total", formula, n, wanted=a.out) for a, n in pairs)
    yield f"One half goes in front and one behind{f' ({_ODD[word]})' if any(n % 2 for n in totals) else ''}:"
    halves = ("before", "after") if word == "same" else ("after", "before")
    for side, formula in zip(halves, ("floor(total / 2)", f"total - {halves[0]}"), strict=True):
        yield tuple(a.step(f"padding {side}", side, formula, getattr(a, side), total=n) for a, n in pairs)
    for a in axes:
        most = max(a.before, a.after)
        wrong = shapes.output_size(a.length, a.kernel, a.stride, a.dilation, most, most)
        if wrong != a.out:
            yield (
                f"(A usual mistake is to put {count(most, words.unit)} on both sides: along {a.name},"
                f" floor(({a.length} + 2 * {most} - {a.extent}) / {a.stride}) + 1 would be {wrong:,}, not {a.out:,}.)"
            )
            break
    if all(a.stride == 1 for a in axes):
        yield f"With stride=1 the output is as large as the {words.thing}, however large the window is."
    else:
        yield "'same' does not mean as large as the input: the stride makes the output smaller. The window does not."


def _whole(words, axes):
    """The number of windows that end within the row."""
    yield (
        f"The first window begins where the padded row begins. Each further one begins {_apart(words, axes)} later"
        " and must end where the row ends, or before. So there is the first window, and one more for each whole stride"
        " that fits into the rest of the row:"
    )
    formula = "floor((length + before + after - extent) / stride) + 1"
    yield tuple(a.step("output size", "out", formula, a.out) for a in axes)


def _with_rest(words, axes):
    """The number of windows in ceil_mode."""
    yield (
        f"The first window begins where the padded row begins, and each further one {_apart(words, axes)} later. With"
        " ceil_mode=True a rest of the row behind the last whole window gets one too, so the quotient is rounded up:"
    )
    formula = "ceil((length + before + after - extent) / stride) + 1"
    most = [
        shapes.output_size(a.length, a.kernel, a.stride, a.dilation, a.before, a.after + a.stride - 1) for a in axes
    ]
    pairs = list(zip(axes, most, strict=True))
    yield tuple(a.step("windows", "windows", formula, n) for a, n in pairs)
    yield "But a window that would begin behind the input is left out. Counted in the padded row, the last begins at:"
    formula = "(windows - 1) * stride"
    yield tuple(a.step("start of the last window", "start", formula, (n - 1) * a.stride, windows=n) for a, n in pairs)
    yield "The input ends before:"
    yield tuple(a.step("end of the input", "end", "before + length", a.before + a.length) for a in axes)
    kept = [a.step("output size", "out", "windows", a.out, windows=n) for a, n in pairs if n == a.out]
    dropped = [a.step("output size", "out", "windows - 1", a.out, windows=n) for a, n in pairs if n > a.out]
    if kept:
        yield f"Along {listed([s.axis for s in kept])}, it begins before that end and counts."
        yield tuple(kept)
    if dropped:
        yield f"Along {listed([s.axis for s in dropped])}, it begins behind the input and is left out."
        yield tuple(dropped)


def _apart(words, axes):
    return " or ".join(count(s, words.unit) for s in dict.fromkeys(a.stride for a in axes))


def _reached(axis, unit):
    """What the first and the last window cover, and what no window does."""
    text = f"the first window covers {_covered(axis, 0, unit)}; the last covers {_covered(axis, axis.out - 1, unit)}"
    if axis.out == 1:
        text = f"the only window covers {_covered(axis, 0, unit)}"
    skipped = axis.stride - axis.extent
    if axis.out > 1 and skipped > 0:
        text += f"; between two windows {count(skipped, unit)} {'is' if skipped == 1 else 'are'} skipped"
    left = axis.padded - (axis.out - 1) * axis.stride - axis.extent
    if left > 0:
        text += f"; {count(left, 'place')} at the end of the row {'is' if left == 1 else 'are'} in no window"
    return text


def _covered(axis, i, unit):
    """What window i covers."""
    start = i * axis.stride
    end = start + axis.extent
    first, last = max(start - axis.before, 0), min(end - axis.before, axis.length) - 1
    parts = [
        (min(end, axis.before) - start, "place", " of padding"),
        (last - first + 1, "", _span(first, last, unit)),
        (min(end, axis.padded) - max(start, axis.before + axis.length), "place", " of padding"),
        (end - max(start, axis.padded), "place", " beyond the row"),
    ]
    return listed([f"{count(n, what) if what else ''}{rest}" for n, what, rest in parts if n > 0])


def _span(first, last, unit):
    if first == last:
        return f"{unit} {first:,}"
    return f"{unit}s {first:,} {'and' if last == first + 1 else 'to'} {last:,}"


def _row(axis, unit):
    """A drawing of a padded row and its windows."""
    end = max((axis.out - 1) * axis.stride + axis.extent, axis.padded)
    if end > LINE:
        return not_drawn(axis.name)
    cells = (
        ["p"] * axis.before + [str(i) for i in range(axis.length)] + ["p"] * axis.after + ["-"] * (end - axis.padded)
    )
    windows = [(i, i * axis.stride, axis.extent, axis.dilation) for i in range(axis.out)]
    return drawing(axis.name, unit, cells, windows)


def drawing(name, unit, cells, windows):
    """Windows below the cells of a row.

    Parameters
    ----------
    name : str
        Of the axis.
    unit : str
    cells : list of str
        Numbers of elements, ``"p"`` for padding, ``"-"`` for what is beyond it.
    windows : list of (int, int, int, int)
        Number, start, extent and dilation of each.

    Returns
    -------
    Picture or str
        Or the words that it is too large.
    """
    shown = windows if len(windows) <= _FEW else [*windows[:2], None, windows[-1]]
    labels = ["..." if window is None else f"window {window[0]}" for window in shown]
    margin = max(map(len, [*labels, f"along {name}"])) + 2
    width = max(map(len, cells), default=1)
    if margin + len(cells) * (width + 1) + 1 > LINE:
        return not_drawn(name)
    lines = [f"along {name}".ljust(margin) + "".join(f" {cell:>{width}}" for cell in cells)]
    for label, window in zip(labels, shown, strict=True):
        row = ""
        if window is not None:
            _, start, extent, dilation = window
            taps = (f"{'.' if t % dilation else 'x':>{width}}" for t in range(extent))
            row = " " * (start * (width + 1)) + f"[{' '.join(taps)}]"
        lines.append((label.ljust(margin) + row).rstrip())
    keys = {"p": "p: padding", "-": "-: beyond the row"}
    legend = [f"numbers: {unit}s of a row", *(text for key, text in keys.items() if key in cells)]
    return Picture((*lines, "", f"({'; '.join([*legend, 'x: what a window meets'])})"))


def not_drawn(name):
    """What is said in place of a drawing.

    Parameters
    ----------
    name : str
        Of the axis.

    Returns
    -------
    str
    """
    return f"(The row along {name} is too long to be drawn here.)"
