"""An SVG in the making, for light and dark pages."""

from xml.sax.saxutils import escape

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
    height : int
    """

    width = 400  # of all figures, so that a phone shows them whole

    def __init__(self, name, title, description, height):
        self.name, self.title, self.description = name, title, description
        self.height = height
        self.parts = []
        self.moves = []

    def rect(self, x, y, width, height, cls):
        """A rectangle."""
        self.parts.append(f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" class="{cls}"/>')

    def path(self, d, cls):
        self.parts.append(f'<path d="{d}" class="{cls}"/>')

    def text(self, x, y, text, size=13, anchor="start", cls="", weight=None):
        """A line of text; y is its baseline."""
        cls = f' class="{cls}"' if cls else ""
        weight = f' font-weight="{weight}"' if weight else ""
        self.parts.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}"{cls}{weight}>{escape(text)}</text>'
        )

    def lines(self, x, y, texts, size=13, anchor="start", cls="", step=18):
        """Lines of text below each other."""
        for i, text in enumerate(texts):
            self.text(x, y + i * step, text, size, anchor, cls)

    def box(self, x, y, width, height, depth, cls):
        """A block; x and y are of its front, behind which it goes to the right and up."""
        top = f"M{x:g} {y:g}h{width:g}l{depth:g} {-depth:g}h{-width:g}z"
        side = f"M{x + width:g} {y:g}l{depth:g} {-depth:g}v{height:g}l{-depth:g} {depth:g}z"
        self.path(top + side, f"{cls} thin see")
        self.rect(x, y, width, height, f"{cls} thin")

    def plates(self, x, y, width, height, classes, shift, cls="thin"):
        """Sheets behind each other, to the right and up; x and y are of the one in front, the first of `classes`."""
        for i, fill in reversed(list(enumerate(classes))):
            self.rect(x + i * shift, y - i * shift, width, height, f"{fill} {cls}")

    def row(self, x, y, cell, length, before, after, kernel, stride, windows):
        """A row of cells, padding around it, and below it a bar for each window."""
        for at, count, cls in ((0, before, "padding"), (before, length, "input"), (before + length, after, "padding")):
            if count:
                self.grid(x + at * cell, y, count, 1, cell, cls)
        for k in range(windows):
            self.rect(x + k * stride * cell + 2, y + cell + 5 + 9 * (k % 2), kernel * cell - 4, 6, "window")

    def table(self, y, columns, rows, height=26):
        """Sizes of arrays below each other, one column for each axis.

        Parameters
        ----------
        y : float
        columns : list of tuple of str
            Name and class of each axis.
        rows : list of tuple
            What it is, in one or two lines, and the size along each axis, of which some may be None.
        """
        left, wide = 128, 66
        for i, (name, _) in enumerate(columns):
            self.text(left + (i + 0.5) * wide, y - 8, name, 12, "middle", "soft")
        for k, (lines, *sizes) in enumerate(rows):
            top = y + k * (height + 6)
            middle = top + height / 2 + 4.5
            self.text(15, middle - 8 * (len(lines) - 1), lines[0])
            self.lines(15, middle + 8, lines[1:], 11, cls="soft")
            for i, (size, (_, cls)) in enumerate(zip(sizes, columns, strict=True)):
                if size is not None:
                    self.rect(left + i * wide + 3, top, wide - 6, height, f"{cls} thin")
                    self.text(left + (i + 0.5) * wide, middle, str(size), anchor="middle")

    def bars(self, y, title, values):
        """Bars for a few numbers of one kind: what each belongs to, the number, and how it is written."""
        self.text(15, y, title)
        most = max(number for _, number, _ in values)
        for i, (name, number, written) in enumerate(values):
            top, wide = y + 9 + i * 20, 190 * number / most
            self.text(15, top + 12, name, 12, cls="soft")
            self.rect(84, top, wide, 15, f"{'ab'[i % 2]} thin")
            self.text(90 + wide, top + 12, written, 12)

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
