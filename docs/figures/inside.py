"""The figures of how arrays lie in memory and what is done with them."""

import heapq

import numpy as np
from drawing import Drawing

from cyconv import shapes


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
        296,
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
        440,
    )  # fmt: skip
    d.text(15, 24, f"input {x[1]} x {x[2]} x {x[3]}")
    d.rect(15, 36, 100, 100, "input thin")
    for i in range(w[0]):
        d.rect(38, 68 + 9 * i, 48, 6, "window")
    d.lines(
        130,
        58,
        (
            f"{size(cost.input_bytes)}, read where it lies:",
            f"for a tile of {pixels} outputs",
            f"{w[0]} stretches of {pixels + w[1] - 1} pixels",
        ),
        12,
        cls="soft",
    )
    top, high, tile = 202, 160, 250
    for left, name, shape in (
        (72, "all windows", f"{places:,} x {terms}"),
        (186, "weights", f"{terms} x {filters}"),
        (296, "output", f"{places:,} x {filters}"),
    ):
        d.text(left, top - 26, name)
        d.text(left, top - 9, shape, 12, cls="soft")
    d.rect(15, top, 140, high, "dashed")
    d.rect(15, tile, 140, 22, "window see thin")
    d.text(85, tile + 15, f"{pixels} windows of a tile", 12, "middle")
    d.arrow(52, 98, 52, tile - 5)
    d.text(85, 308, "never built", 15, "middle", weight=600)
    d.text(85, 328, f"would take {size(cost.im2col_bytes)}", 12, "middle", cls="soft")
    d.text(171, top + high / 2, "x", 16, "middle")
    for i in range(filters // lanes):
        d.rect(186 + 32 * i, top, 32, 140, "weights thin" if i else "window see thin")
    d.text(186, top + 158, size(cost.weight_bytes), 12, cls="soft")
    d.text(273, top + high / 2, "=", 16, "middle")
    d.rect(296, top, 64, high, "output thin")
    d.rect(296, tile, 32, 22, "window thin")
    d.lines(
        15,
        388,
        (
            f"A tile: {pixels} outputs of {lanes} filters, kept in registers",
            f"while {terms} products are added to each.",
        ),
    )
    d.text(15, 428, "(Tile sizes: float32 with AVX-512.)", 12, cls="soft")
    return d


def layouts():
    """Where the numbers of a picture lie in memory."""
    height, width, count = 2, 3, 3
    names = np.array([[f"{letter}{c}" for c in range(count)] for letter in "abcdef"]).reshape(height, width, count)
    d = Drawing(
        "layouts", "NHWC and NCHW in memory",
        f"A picture of {height} x {width} pixels, a to f, with {count} channels. In NHWC the {count} channels of a"
        " pixel are neighbours: a0 a1 a2, b0 b1 b2 and so on. In NCHW all pixels of a channel are neighbours: a0"
        " b0 c0 d0 e0 f0, then a1 and so on.",
        306,
    )  # fmt: skip
    cell, small = 31, 20.5
    for c, cls in enumerate("abc"):
        left = 15 + c * (width * cell + 40)
        d.text(left, 22, f"channel {c}")
        d.grid(left, 32, width, height, cell, cls)
        for (i, j), name in np.ndenumerate(names[..., c]):
            d.text(left + (j + 0.5) * cell, 32 + (i + 0.64) * cell, name, 13, "middle")
    orders = (
        ("NHWC: the channels of a pixel are neighbours", names, "address of (h, w, c) = (h * W + w) * C + c"),
        (
            "NCHW: the pixels of a channel are neighbours",
            np.moveaxis(names, -1, 0),
            "address of (c, h, w) = (c * H + h) * W + w",
        ),
    )
    for k, (title, array, address) in enumerate(orders):
        top = 152 + k * 96
        d.text(15, top - 12, title, weight=600)
        for i, name in enumerate(array.ravel()):
            d.rect(15 + i * small, top, small, 30, f"{'abc'[int(name[1])]} thin")
            d.text(15 + (i + 0.5) * small, top + 19, name, 11, "middle")
        d.text(15, top + 48, address, 12, cls="soft")
    return d


def _taken(units, workers):
    """Which worker takes each unit, if they need 10, 12, 14 and so on for one."""
    stretches = [list(range(units * who // workers, units * (who + 1) // workers)) for who in range(workers)]
    free = [(0, who) for who in range(workers)]
    taken = [0] * units
    for _ in range(units):
        since, who = free[0]
        stretch = next(s for s in stretches[who:] + stretches[:who] if s)
        taken[stretch.pop(0)] = who
        heapq.heapreplace(free, (since + 10 + 2 * who, who))
    return taken


def threads():
    """How threads divide an output."""
    x, w = (1, 56, 56, 64), (3, 3, 64, 64)
    _, rows, columns, _ = shapes.conv_output_shape(x, w, padding="same")
    pixels, workers, each = 14, 4, 16
    per_row = -(-columns // pixels)
    tiles = rows * per_row
    unit = -(-tiles // (each * workers))
    units = -(-tiles // unit)
    d = Drawing(
        "threads", "How threads divide an output",
        f"An output of {rows} x {columns} is cut into {tiles} tiles of {pixels} neighbouring pixels."
        f" {unit} neighbouring tiles form a unit. Each of {workers} threads has a stretch of the {units} units; one"
        " that is done takes units from the stretches of others. No two threads add to the same number.",
        508,
    )  # fmt: skip
    left, top, wide, high = 15, 44, 62, 6
    d.text(left, 26, f"output {rows} x {columns}: {tiles} tiles of {pixels} pixels")
    for k, who in enumerate(_taken(units, workers)):
        for i in range(k * unit, min((k + 1) * unit, tiles)):
            d.rect(left + i % per_row * wide, top + i // per_row * high, wide, high, f"{'abcd'[who]} thin")
    right = left + per_row * wide + 28
    for who, cls in enumerate("abcd"[:workers]):
        d.rect(right, top + who * 34, 24, 24, f"{cls} thin")
        d.text(right + 32, top + 17 + who * 34, f"thread {who}", 12)
    d.lines(
        left,
        top + rows * high + 28,
        (f"{unit} neighbouring tiles are one unit of work;", "a thread whose stretch is done helps the others."),
        cls="soft",
    )
    d.lines(
        left,
        top + rows * high + 70,
        (
            "Each number is the sum of one thread, in an order",
            "that does not depend on it: results are the same",
            "for any number of threads.",
        ),
    )
    return d


def winograd():
    """Winograd's algorithm, F(4 x 4, 3 x 3)."""
    out, kernel, across = 4, 3, 2
    side = out + kernel - 1
    planes = side * side
    direct = shapes.conv_macs((1, out, out, 1), (kernel, kernel, 1, 1))
    _, whole, _, _ = shapes.conv_output_shape((1, side + out, side + out, 1), (kernel, kernel, 1, 1))
    d = Drawing(
        "winograd", f"Winograd's algorithm: tiles of {side} x {side} for outputs of {out} x {out}",
        f"Three steps below each other. First, an input is cut into tiles of {side} x {side} that overlap by"
        f" {side - out}; {across} x {across} of them are shown. Each is transformed to {planes} other numbers. Second,"
        f" the same number of all tiles makes a plane. Each of the {planes} planes, tiles x channels, is multiplied"
        f" with a plane of the transformed weights, channels x filters. Third, the {planes} sums of a tile are"
        f" transformed back to {out} x {out} outputs, which lie side by side. Two bars: {direct} multiplications for a"
        f" tile, a channel and a filter directly, {planes} by this way.",
        586,
    )  # fmt: skip
    cell, left, top = 13, 15, 56
    length = side + (across - 1) * out
    d.text(left, 22, "1. transform", weight=600)
    d.text(left, 40, f"tiles of {side} x {side}, overlapping by {side - out}", 12, cls="soft")
    d.grid(left, top, length, length, cell, "input")
    tiles = [(j * out * cell, i * out * cell) for i in range(across) for j in range(across)]
    for i in range(1, across):
        shared = i * out * cell, (side - out) * cell
        d.rect(left + shared[0], top, shared[1], length * cell, "window see")
        d.rect(left, top + shared[0], length * cell, shared[1], "window see")
    over = d.move(tiles, 1.4)
    d.rect(left, top, side * cell, side * cell, f"frame {over}")
    d.arrow(160, top + 65, 212, top + 65)
    d.grid(226, top + 17, side, side, 16, "a")
    d.rect(226, top + 17, 16, 16, "frame")
    d.lines(334, top + 58, (f"{planes}", "numbers"), 12, cls="soft")

    top = 224
    d.text(left, top, f"2. {planes} products of matrices", weight=600)
    d.text(left, top + 18, "one for each number; the filters are transformed once", 12, cls="soft")
    low = top + 68
    d.plates(15, low, 60, 70, ["a"] * planes, 1)
    d.text(130, low + 35, "x", 16, "middle")
    d.plates(146, low + 10, 50, 60, ["weights"] * planes, 1)
    d.text(252, low + 35, "=", 16, "middle")
    d.plates(272, low, 50, 70, ["output"] * planes, 1)
    for x, lines in ((15, ("tiles", "x channels")), (146, ("channels", "x filters")), (272, ("tiles", "x filters"))):
        d.lines(x, low + 88, lines, 12, cls="soft", step=16)

    top = 450
    d.text(left, top, "3. transform back", weight=600)
    d.text(left, top + 18, f"{planes} sums to {out} x {out} outputs", 12, cls="soft")
    d.grid(190, top - 16, side, side, 10, "output")
    d.arrow(260, top + 14, 284, top + 14)
    d.grid(296, top - 26, whole, whole, 10, "output")
    for x, y in tiles:
        d.rect(296 + x / cell * 10, top - 26 + y / cell * 10, out * 10, out * 10, "frame")
    d.bars(
        528,
        "multiplications for a tile, a channel and a filter",
        [("directly", direct, str(direct)), ("Winograd", planes, str(planes))],
    )
    return d
