"""Draws the figures of the documentation: SVG for light and dark pages, with numbers from `cyconv.shapes`.

::

    python docs/figures/make.py FOLDER        # writes FOLDER/NAME.svg, to look at them

The site itself draws them when it is built (``docs/_ext/figures.py``), so that none of them is kept as a file.  What
moves, moves by CSS, and only where little motion is not asked for.
"""

import pathlib
import sys
from xml.sax.saxutils import escape

from cyconv import shapes

_COLOURS = {
    "light": {
        "ink": "#26313d", "soft": "#5a6673", "input": "#bcd3ef", "padding": "#e4e4e4", "window": "#e8833a",
        "output": "#8cc6a0", "weights": "#d9c6ec", "a": "#f0b3ad", "b": "#bfe0a8", "c": "#b3c9f2", "d": "#f3dc9a",
    },
    "dark": {
        "ink": "#d5dde6", "soft": "#a3afbb", "input": "#2f4f74", "padding": "#3b3b3b", "window": "#d9772f",
        "output": "#35704a", "weights": "#57427a", "a": "#8a3f3a", "b": "#47702f", "c": "#3a5590", "d": "#7a6422",
    },
}  # fmt: skip
_FILLS = ("input", "padding", "window", "output", "weights", "a", "b", "c", "d")


def _style():
    """One style for all figures; it changes nothing else on a page."""
    light, dark = ("".join(f"--d-{k}:{v};" for k, v in _COLOURS[name].items()) for name in ("light", "dark"))
    return (
        f".drawing-svg{{{light}font-family:system-ui,sans-serif;max-width:100%;height:auto}}"
        f"@media (prefers-color-scheme:dark){{.drawing-svg{{{dark}}}"
        f'body[data-theme="light"] .drawing-svg{{{light}}}}}'
        f'body[data-theme="dark"] .drawing-svg{{{dark}}}'
        ".drawing-svg text{fill:var(--d-ink)}.drawing-svg .soft{fill:var(--d-soft)}"
        + "".join(f".drawing-svg .{name}{{fill:var(--d-{name})}}" for name in _FILLS)
        + ".drawing-svg .line{fill:none;stroke:var(--d-ink);stroke-width:1}"
        ".drawing-svg .thin{stroke:var(--d-ink);stroke-width:.6;stroke-opacity:.6}"
        ".drawing-svg .frame{fill:none;stroke:var(--d-ink);stroke-width:2.5}"
        ".drawing-svg .dashed{fill:none;stroke:var(--d-ink);stroke-width:1.2;stroke-dasharray:5 4}"
        ".drawing-svg .see{fill-opacity:.6}"
    )


class Drawing:
    """An SVG in the making.

    Parameters
    ----------
    name, title, description : str
        `title` is its name for screen readers; `description` says in words what is seen.
    width, height : int
    """

    def __init__(self, name, title, description, width, height):
        self.name, self.title, self.description = name, title, description
        self.width, self.height = width, height
        self.parts = []
        self.moves = []

    def rect(self, x, y, width, height, cls, **attributes):
        """A rectangle; attributes with _ in place of -."""
        more = "".join(f' {k.replace("_", "-")}="{escape(str(v))}"' for k, v in attributes.items())
        self.parts.append(f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" class="{cls}"{more}/>')

    def path(self, d, cls):
        self.parts.append(f'<path d="{d}" class="{cls}"/>')

    def text(self, x, y, text, size=13, anchor="start", cls="", weight=None):
        """A line of text; y is its baseline."""
        cls = f' class="{cls}"' if cls else ""
        weight = f' font-weight="{weight}"' if weight else ""
        self.parts.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}"{cls}{weight}>{escape(text)}</text>'
        )

    def grid(self, x, y, columns, rows, cell, cls, cell_height=None):
        """Cells side by side."""
        h = cell if cell_height is None else cell_height
        self.rect(x, y, columns * cell, rows * h, cls)
        lines = "".join(f"M{x + i * cell:g} {y:g}v{rows * h:g}" for i in range(columns + 1))
        lines += "".join(f"M{x:g} {y + i * h:g}h{columns * cell:g}" for i in range(rows + 1))
        self.path(lines, "line thin")

    def arrow(self, x0, y0, x1, y1):
        """A straight arrow."""
        length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
        ux, uy = (x1 - x0) / length * 7, (y1 - y0) / length * 7
        one, other = (x1 - ux - uy / 2, y1 - uy + ux / 2), (x1 - ux + uy / 2, y1 - uy - ux / 2)
        points = ((x0, y0), (x1, y1), one, (x1, y1), other)
        for part in points[:2], points[2:]:
            self.path("M" + "L".join(f"{x:g} {y:g}" for x, y in part), "line")

    def move(self, places, seconds):
        """Class of what is shifted by one after the other of `places`, (x, y), and back to the first."""
        name = f"{self.name}-move-{len(self.moves)}"
        count = len(places)
        frames = "".join(
            f"{100 * i / count:.3g}%,{100 * (i + 0.72) / count:.3g}%{{transform:translate({x:g}px,{y:g}px)}}"
            for i, (x, y) in enumerate(places)
        )
        last = "100%{transform:translate(0,0)}"
        self.moves.append(
            f"@media (prefers-reduced-motion:no-preference){{.{name}{{animation:{name} {count * seconds:g}s"
            f" ease-in-out infinite}}}}@keyframes {name}{{{frames}{last}}}"
        )
        return name

    def svg(self):
        """The whole picture."""
        ids = f"drawing-{self.name}"
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="drawing-svg" viewBox="0 0 {self.width} {self.height}"'
            f' width="{self.width}" height="{self.height}" role="img"'
            f' aria-labelledby="{ids}-title" aria-describedby="{ids}-desc">'
            f'<title id="{ids}-title">{escape(self.title)}</title>'
            f'<desc id="{ids}-desc">{escape(self.description)}</desc>'
            f"<style>{_style()}{''.join(self.moves)}</style>{''.join(self.parts)}</svg>"
        )


def window():
    """A window slides over a padded input."""
    length, kernel, stride, padding = 5, 3, 2, 1
    out = shapes.output_size(length, kernel, stride, 1, padding, padding)
    padded = length + 2 * padding
    d = Drawing(
        "window", "A window slides over a padded input",
        f"An input of {length} x {length} with {padding} ring of padding, so {padded} x {padded} cells. A window of"
        f" {kernel} x {kernel} moves over it in steps of {stride}. Each of its {out * out} places makes one cell of the"
        f" {out} x {out} output.",
        400, 296,
    )  # fmt: skip
    cell, left, top = 30, 15, 40
    d.text(left, 24, f"input {length} x {length}, padding {padding}")
    d.grid(left, top, padded, padded, cell, "padding")
    d.grid(left + padding * cell, top + padding * cell, length, length, cell, "input")
    right, low = 295, top + 2 * cell
    d.text(right, low - 16, f"output {out} x {out}")
    d.grid(right, low, out, out, cell, "output")
    places = [(i, j) for i in range(out) for j in range(out)]
    over = d.move([(j * stride * cell, i * stride * cell) for i, j in places], 1.1)
    onto = d.move([(j * cell, i * cell) for i, j in places], 1.1)
    d.rect(left, top, kernel * cell, kernel * cell, f"window see {over}")
    d.rect(left, top, kernel * cell, kernel * cell, f"frame {over}")
    d.rect(right, low, cell, cell, f"window {onto}")
    d.rect(right, low, cell, cell, f"frame {onto}")
    d.arrow(left + padded * cell + 14, low + 1.5 * cell, right - 14, low + 1.5 * cell)
    d.text(
        left,
        top + padded * cell + 32,
        f"floor(({length} + {padding} + {padding} - {kernel}) / {stride}) + 1 = {out} along each axis",
    )
    return d


def padding():
    """What each word for padding adds."""
    length, kernel, stride = 6, 3, 2
    words = ("valid", "same", "same_lower", "full", "causal")
    cell, left, gap = 30, 175, 82
    resolved = {w: shapes.resolve_padding("figure", w, (length,), (kernel,), (stride,), (1,))[0] for w in words}
    outs = {w: shapes.output_size(length, kernel, stride, 1, *resolved[w]) for w in words}
    said = "; ".join(f"{w}: {resolved[w][0]} before, {resolved[w][1]} after, {outs[w]} outputs" for w in words)
    d = Drawing(
        "padding", "What each word for padding adds to a row",
        f"A row of {length} elements, a window of {kernel}, stride {stride}. {said}. Below each row, a bar for each"
        " window.",
        560, 30 + gap * len(words),
    )  # fmt: skip
    most = max(before for before, _ in resolved.values())
    d.text(12, 22, f"a row of {length}, window {kernel}, stride {stride}", cls="soft")
    for i, word in enumerate(words):
        before, after = resolved[word]
        top = 38 + i * gap
        start = left + (most - before) * cell
        d.text(12, top + 20, f'"{word}"', weight=600)
        d.text(12, top + 40, f"{before} before, {after} after", size=12, cls="soft")
        if before:
            d.grid(start, top, before, 1, cell, "padding")
        d.grid(left + most * cell, top, length, 1, cell, "input")
        if after:
            d.grid(left + (most + length) * cell, top, after, 1, cell, "padding")
        for k in range(length):
            d.text(left + (most + k + 0.5) * cell, top + 20, str(k), anchor="middle")
        for k in range(outs[word]):
            x = start + k * stride * cell
            d.rect(x + 2, top + cell + 5 + 9 * (k % 2), kernel * cell - 4, 6, "window")
        d.text(548, top + 20, f"{outs[word]} outputs", anchor="end", size=12, cls="soft")
    return d


def channels():
    """A filter is as deep as its input, and sums over the channels."""
    values, size, kernel = (1, 100, 10000), 3, 2
    n, out, _, filters = shapes.conv_output_shape((1, size, size, len(values)), (kernel, kernel, len(values), 1))
    weights = kernel * kernel * len(values)
    total = sum(kernel * kernel * v for v in values)
    parameters = shapes.conv_params((kernel, kernel, len(values), filters))
    d = Drawing(
        "channels", "A filter is as deep as its input, and sums over the channels",
        f"{n} picture of {size} x {size} pixels with {len(values)} channels, which hold {values[0]}, {values[1]} and"
        f" {values[2]}. One filter of {kernel} x {kernel} x {len(values)} = {weights} weights, all of them 1, covers"
        f" the same place of all channels at once. The sum of its {weights} products, {total}, is one number"
        f" of the output. The output has one map of {out} x {out}.",
        680, 266,
    )  # fmt: skip
    cell, top = 44, 40
    places = [(j * cell, i * cell) for i in range(out) for j in range(out)]
    over = d.move(places, 1.3)
    for c, (value, cls) in enumerate(zip(values, "abc", strict=True)):
        left = 15 + c * (size * cell + 20)
        d.text(left, 28, f"channel {c}")
        d.grid(left, top, size, size, cell, cls)
        for i in range(size * size):
            d.text(left + (i % size + 0.5) * cell, top + (i // size + 0.62) * cell, str(value), 11, "middle")
        d.rect(left, top, kernel * cell, kernel * cell, f"frame {over}")
        middle = left + size * cell / 2
        d.text(middle, top + size * cell + 30, f"{kernel * kernel} x {value} x 1", anchor="middle")
        if c + 1 < len(values):
            d.text(left + size * cell + 10, top + size * cell + 30, "+", anchor="middle")
    right = 15 + 3 * (size * cell + 20) + 50
    d.text(right - 36, top + size * cell + 30, "=", anchor="middle")
    d.text(right + cell, top + size * cell + 30, str(total), anchor="middle", weight=600)
    low = top + cell / 2
    d.arrow(right - 50, low + cell, right - 10, low + cell)
    d.text(right, 28, f"output {out} x {out} x {filters}")
    d.grid(right, low, out, out, cell * 1.2, "output", cell)
    for i in range(out * out):
        d.text(right + (i % out + 0.5) * cell * 1.2, low + (i // out + 0.62) * cell, str(total), 12, "middle")
    onto = d.move([(x * 1.2, y) for x, y in places], 1.3)
    d.rect(right, low, cell * 1.2, cell, f"frame {onto}")
    d.text(
        15,
        top + size * cell + 66,
        f"one filter: {kernel} x {kernel} x {len(values)} = {weights} weights, all of them 1 here,"
        f" and a bias of 0: {parameters} parameters",
    )
    d.text(
        15,
        top + size * cell + 88,
        "The window slides along two axes; it never moves along the channels, for it covers them all.",
        cls="soft",
    )
    return d


def second_layer():
    """Filters of the second layer see all maps of the first."""
    x, w = (1, 26, 26, 32), (3, 3, 32, 64)
    _, rows, columns, filters = shapes.conv_output_shape(x, w)
    weights, of_filter = shapes.conv_params(w, bias=False), w[0] * w[1] * w[2]
    d = Drawing(
        "second_layer", f"{x[3]} maps and {filters} filters make {filters} maps",
        f"An input of {x[1]} x {x[2]} with {x[3]} maps. Each of {filters} filters is a block of {w[0]} x {w[1]} x"
        f" {w[2]} weights that covers all {x[3]} maps and makes one map. So there are {filters} maps of {rows} x"
        f" {columns} and not {x[3]} x {filters} = {x[3] * filters}.",
        640, 262,
    )  # fmt: skip

    def stack(left, top, size, count, cls):
        for i in reversed(range(count)):
            d.rect(left + 7 * i, top - 7 * i, size, size, f"{cls}")
            d.path(f"M{left + 7 * i} {top - 7 * i}h{size}v{size}h{-size}z", "line thin")

    stack(15, 66, 110, 6, "input")
    d.text(15, 204, f"{x[3]} maps of {x[1]} x {x[2]}")
    for i, name in enumerate(("filter 0", "filter 1", f"filter {filters - 1}")):
        top = 24 + i * 66 + (14 if i == 2 else 0)
        d.arrow(178, 100, 240, top + 14)
        d.rect(250, top, 92, 28, "weights")
        d.path(f"M250 {top}h92v28h-92zM250 {top}l8 -8h92l-8 8M350 {top - 8}v28l-8 8", "line thin")
        d.text(296, top + 19, f"{w[0]} x {w[1]} x {w[2]}", 12, "middle")
        d.text(362, top + 19, name, 12, cls="soft")
        d.arrow(425, top + 14, 470, top + 14)
        d.rect(482, top - 8, 46, 46, "output")
        d.path(f"M482 {top - 8}h46v46h-46z", "line thin")
        d.text(540, top + 19, f"map {name.split()[1]}", 12, cls="soft")
    d.text(296, 147, ". . .", anchor="middle")
    d.text(505, 147, ". . .", anchor="middle")
    d.text(625, 244, f"{filters} maps of {rows} x {columns}", anchor="end")
    d.text(15, 226, f"{of_filter} weights each, {weights:,} in all", cls="soft")
    return d


def gemm():
    """A convolution is a product of matrices, of which one is never built."""
    x, w = (1, 56, 56, 64), (3, 3, 64, 64)
    cost = shapes.conv_cost(x, w, padding="same", bias=False)
    _, rows, columns, filters = shapes.conv_output_shape(x, w, padding="same")
    terms, places = w[0] * w[1] * w[2], rows * columns
    pixels, lanes = 14, 32
    size = shapes.binary_size
    d = Drawing(
        "gemm", "The product of matrices behind a convolution, without its largest matrix",
        f"A matrix of all windows, {places} rows of {terms} numbers, times a matrix of weights, {terms} x {filters}, is"
        f" the output, {places} x {filters}. The matrix of windows would take {size(cost.im2col_bytes)} and is never"
        f" built: a tile of {pixels} neighbouring outputs reads {w[0]} stretches of the input where they lie.",
        660, 362,
    )  # fmt: skip
    d.text(15, 24, f"input {x[1]} x {x[2]} x {x[3]}")
    d.rect(15, 36, 130, 130, "input")
    for i in range(w[0]):
        d.rect(49, 78 + 9 * i, 48, 6, "window")
    d.path("M15 36h130v130h-130z", "line thin")
    d.text(15, 186, f"{size(cost.input_bytes)}, read where it lies:", size=12, cls="soft")
    d.text(15, 204, f"{w[0]} stretches of {pixels + w[1] - 1} pixels", size=12, cls="soft")
    left = 222
    d.text(left, 24, f"all windows {places:,} x {terms}")
    d.rect(left, 36, 200, 260, "dashed")
    d.rect(left, 96, 200, 22, "window see")
    d.path(f"M{left} 96h200v22h-200z", "line thin")
    d.text(left + 100, 111, f"{pixels} windows of a tile", 12, "middle")
    d.arrow(101, 90, left - 6, 106)
    d.text(left + 100, 190, "never built", 15, "middle", weight=600)
    d.text(left + 100, 212, f"would take {size(cost.im2col_bytes)}", 12, "middle", cls="soft")
    d.text(left + 218, 171, "x", 16, "middle")
    d.text(450, 56, f"weights {terms} x {filters}")
    d.rect(452, 66, 60, 200, "weights")
    d.rect(452, 66, 30, 200, "window see")
    d.path("M452 66h60v200h-60zM482 66v200", "line thin")
    d.text(452, 286, f"packed: {size(cost.weight_bytes)}", 12, cls="soft")
    d.text(546, 171, "=", 16, "middle")
    d.text(650, 24, f"output {places:,} x {filters}", anchor="end")
    d.rect(580, 36, 60, 260, "output")
    d.rect(580, 96, 30, 22, "window")
    d.path("M580 36h60v260h-60zM580 96h30v22h-30z", "line thin")
    d.text(
        15,
        328,
        f"One tile: {pixels} outputs of {lanes} filters, held in registers while {terms} products are added to each.",
    )
    d.text(15, 350, "(Tile sizes: float32 with AVX-512.)", size=12, cls="soft")
    return d


def layouts():
    """Where the numbers of a picture lie in memory."""
    height, width, count = 2, 3, 3
    d = Drawing(
        "layouts", "NHWC and NCHW in memory",
        f"A picture of {height} x {width} pixels, a to f, with {count} channels. In NHWC the {count} channels of a"
        " pixel are neighbours: a0 a1 a2, b0 b1 b2 and so on. In NCHW all pixels of a channel are neighbours: a0"
        " b0 c0 d0 e0 f0, then a1 and so on.",
        640, 316,
    )  # fmt: skip
    letters, cell = "abcdef", 33
    for c, cls in enumerate("abc"):
        left = 15 + c * (width * cell + 40)
        d.text(left, 22, f"channel {c}")
        d.grid(left, 32, width, height, cell, cls)
        for i, letter in enumerate(letters):
            d.text(left + (i % width + 0.5) * cell, 32 + (i // width + 0.62) * cell, f"{letter}{c}", 13, "middle")
    orders = {
        "NHWC: the channels of a pixel are neighbours": [(p, c) for p in range(height * width) for c in range(count)],
        "NCHW: the pixels of a channel are neighbours": [(p, c) for c in range(count) for p in range(height * width)],
    }
    offsets = ("address of (h, w, c) = (h * W + w) * C + c", "address of (c, h, w) = (c * H + h) * W + w")
    for k, (title, order) in enumerate(orders.items()):
        top = 160 + k * 96
        d.text(15, top - 12, title, weight=600)
        for i, (p, c) in enumerate(order):
            d.rect(15 + i * cell, top, cell, cell, "abc"[c])
            d.text(15 + (i + 0.5) * cell, top + 21, f"{letters[p]}{c}", 13, "middle")
        lines = "".join(f"M{15 + i * cell} {top}v{cell}" for i in range(len(order) + 1))
        d.path(f"{lines}M15 {top}h{cell * len(order)}M15 {top + cell}h{cell * len(order)}", "line thin")
        d.text(15, top + cell + 18, offsets[k], 12, cls="soft")
    return d


def threads():
    """How threads divide an output."""
    x, w = (1, 56, 56, 64), (3, 3, 64, 64)
    _, rows, columns, _ = shapes.conv_output_shape(x, w, padding="same")
    pixels, workers = 14, 4
    per_row = -(-columns // pixels)
    d = Drawing(
        "threads", "How threads divide an output",
        f"An output of {rows} x {columns} is cut into {rows * per_row} tiles of {pixels} neighbouring pixels."
        f" Neighbouring tiles form units, and {workers} threads take one unit after the other as they become free."
        " No two threads add to the same number.",
        640, 296,
    )  # fmt: skip
    left, top, wide, high, shown = 15, 44, 66, 11, 20
    d.text(left, 26, f"output {rows} x {columns}: {rows * per_row} tiles of {pixels} pixels")
    unit = 4
    for i in range(shown * per_row):
        who = (0, 1, 2, 3, 1, 0, 3, 2, 2, 0, 1, 3, 0, 2, 3, 1, 3, 0, 2, 1)[i // unit]
        d.rect(left + i % per_row * wide, top + i // per_row * high, wide, high, "abcd"[who])
        if i % unit == 0:
            d.text(left + per_row * wide + 6, top + (i // per_row + 0.85) * high, str(who), 9.5, cls="soft")
    lines = "".join(f"M{left + i * wide} {top}v{shown * high}" for i in range(per_row + 1))
    lines += "".join(f"M{left} {top + i * high}h{per_row * wide}" for i in range(shown + 1))
    d.path(lines, "line thin")
    d.text(left + per_row * wide / 2, top + shown * high + 16, ". . .", anchor="middle")
    right = left + per_row * wide + 45
    for who, cls in enumerate("abcd"[:workers]):
        d.rect(right, top + who * 34, 24, 24, cls)
        d.path(f"M{right} {top + who * 34}h24v24h-24z", "line thin")
        d.text(right + 34, top + 17 + who * 34, f"thread {who}")
    notes = (
        "Neighbouring tiles are one unit of work;",
        "a free thread takes the next unit.",
        "Each number is the sum of one thread,",
        "in an order that does not depend on it:",
        "results are the same for any number.",
    )
    for i, line in enumerate(notes):
        d.text(right, top + 34 * workers + 22 + i * 20, line, cls="soft" if i < 2 else "")
    return d


DRAWINGS = {f.__name__: f for f in (window, padding, channels, second_layer, gemm, layouts, threads)}


def main(folder):
    """Writes all figures into a folder."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in DRAWINGS.items():
        (folder / f"{name}.svg").write_text(draw().svg() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
