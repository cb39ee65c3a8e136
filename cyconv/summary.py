"""The tables that `summary` prints, in the style of Keras 2 and of Keras 3."""

import shutil
from typing import NamedTuple

STYLES = ("keras2", "keras3")
_COSTS = ("Multiply-adds", "Output bytes", "Receptive field")


class Row(NamedTuple):
    """A layer in a table.

    Attributes
    ----------
    name, kind : str
        Its name and its class.
    shape : tuple or None
        Of its output; None if it is not known.
    params : int or None
        None if the layer has not seen an input.
    costs : tuple of str
        Multiply-adds, bytes and receptive field; none of them if they are not wanted.
    """

    name: str
    kind: str
    shape: tuple
    params: int
    costs: tuple = ()


class Totals(NamedTuple):
    """What stands below a table.

    Attributes
    ----------
    trainable, fixed : int
        Numbers of parameters.
    trainable_bytes, fixed_bytes : int
    costs : tuple of str
        Lines about costs.
    """

    trainable: int
    fixed: int
    trainable_bytes: int
    fixed_bytes: int
    costs: tuple = ()


def keras2(name, rows, totals, line_length=None):
    """The table of Keras 2.0 to 2.2, with wider columns where those would cut what stands in them.

    Parameters
    ----------
    name : str
        Of the model; these versions do not print it.
    rows : list of Row
    totals : Totals
    line_length : int, optional
        By default 65, or what the columns need.

    Returns
    -------
    list of str
    """
    header = ["Layer (type)", "Output Shape", "Param #", *(_COSTS if totals.costs else ())]
    cells = [header] + [[f"{r.name} ({r.kind})", _shape(r.shape), _plain(r.params), *r.costs] for r in rows]
    needed = [max(len(row[i]) for row in cells) + 1 for i in range(len(header))]
    needed[-1] -= 1
    length = 65 if line_length is None else line_length
    ends = [int(length * part) for part in (0.45, 0.85, 1.0)]
    widths = [ends[0], ends[1] - ends[0], ends[2] - ends[1]]
    widths = [max(given, least) for given, least in zip(widths, needed, strict=False)] + needed[3:]
    length = sum(widths)
    body = ["".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
    lines = ["_" * length, body[0], "=" * length]
    for i, line in enumerate(body[1:], 1):
        lines += [line, ("=" if i == len(rows) else "_") * length]
    return [
        *lines,
        f"Total params: {totals.trainable + totals.fixed:,}",
        f"Trainable params: {totals.trainable:,}",
        f"Non-trainable params: {totals.fixed:,}",
        *totals.costs,
        "_" * length,
    ]


def keras3(name, rows, totals, line_length=None):
    """The table of Keras 3, in which long names are continued on the next line, where that cuts some.

    Parameters
    ----------
    name : str
        Of the model.
    rows : list of Row
    totals : Totals
    line_length : int, optional
        By default that of the terminal without 4, but not more than 88; with costs, what the columns
        need.

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        If the line is too short for a table.
    """
    header = ["Layer (type)", "Output Shape", "Param #", *(_COSTS if totals.costs else ())]
    cells = [
        [f"{r.name} ({r.kind})", _shape(r.shape), "0 (unbuilt)" if r.params is None else f"{r.params:,}", *r.costs]
        for r in rows
    ]
    widths = _shares(line_length) if not totals.costs else _needed([header, *cells], line_length)
    if min(widths) < 1:
        raise ValueError(
            f"summary: line_length must leave room for {len(header)} columns, got {line_length}; use 40 or more"
        )
    lines = [
        f'Model: "{name}"',
        _rule("┏━┳┓", widths),
        *_row("┃", header, widths),
        _rule("┡━╇┩", widths),
    ]
    for i, row in enumerate(cells):
        lines += ([_rule("├─┼┤", widths)] if i else []) + _row("│", row, widths)
    total, size = totals.trainable + totals.fixed, totals.trainable_bytes + totals.fixed_bytes
    return [
        *lines,
        _rule("└─┴┘", widths),
        f" Total params: {total:,} ({_size(size)})",
        f" Trainable params: {totals.trainable:,} ({_size(totals.trainable_bytes)})",
        f" Non-trainable params: {totals.fixed:,} ({_size(totals.fixed_bytes)})",
        *(f" {line}" for line in totals.costs),
    ]


def wrapped(text, width):
    """Text in lines of a width, broken at spaces, and inside of words that are longer than a line.

    Parameters
    ----------
    text : str
    width : int

    Returns
    -------
    list of str

    Examples
    --------
    >>> from cyconv.summary import wrapped
    >>> wrapped("conv2d (Conv2D)", 12), wrapped("convolution (Conv2D)", 8)
    (['conv2d', '(Conv2D)'], ['convolut', 'ion', '(Conv2D)'])
    """
    lines = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += " " + word
        else:
            lines += [word[i : i + width] for i in range(0, len(word), width)]
    return lines


def _shares(line_length):
    """Widths of the three columns of Keras 3, without the space on both sides.

    They are shares of the line; edges and spaces are then taken off all columns alike.
    """
    length = min(88, shutil.get_terminal_size().columns - 4) if line_length is None else line_length
    ends = [int(length * part) for part in (0.45, 0.80, 1.0)]
    widths = [ends[0], ends[1] - ends[0], ends[2] - ends[1]]
    excess = sum(widths) + 2 * 3 + 4 - length
    for i in range(3):
        less = round(excess / (3 - i))
        widths[i] -= less
        excess -= less
    return widths


def _needed(cells, line_length):
    """Widths that the cells need; with a length of line, the first column gets what is left."""
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    if line_length is not None:
        widths[0] = line_length - sum(widths[1:]) - 3 * len(widths) - 1
    return widths


def _rule(marks, widths):
    left, line, cross, right = marks
    return left + cross.join(line * (width + 2) for width in widths) + right


def _row(edge, cells, widths):
    columns = [wrapped(cell, width) for cell, width in zip(cells, widths, strict=True)]
    lines = []
    for i in range(max(map(len, columns))):
        parts = [column[i] if i < len(column) else "" for column in columns]
        aligned = [
            part.rjust(width) if k in (2, 3, 4) else part.ljust(width)
            for k, (part, width) in enumerate(zip(parts, widths, strict=True))
        ]
        lines.append(f"{edge} {f' {edge} '.join(aligned)} {edge}")
    return lines


def _shape(shape):
    return "?" if shape is None else f"({', '.join(map(str, shape))})"


def _plain(params):
    return "0 (unbuilt)" if params is None else str(params)


def _size(n):
    """Bytes as Keras 3 writes them."""
    units = ["B", "KB", "MB", "GB", "TB", "PB"]
    while n >= 1024 and len(units) > 1:
        n /= 1024
        units.pop(0)
    return f"{n:.2f} {units[0]}"


TABLES = {"keras2": keras2, "keras3": keras3}
"""By style: functions of the name of a model, rows, totals and the length of a line."""
