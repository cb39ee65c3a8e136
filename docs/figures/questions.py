"""The figures of ``docs/questions.rst``."""

import numpy as np
from drawing import Drawing

import cyconv
from cyconv import shapes

AXES = [("rows", "input"), ("columns", "input"), ("channels", "b"), ("filters", "d")]


def by(*sizes):
    """Sizes as they are said."""
    return " x ".join(f"{size}" for size in sizes)


def channel_axis():
    """The channels are summed away, and the filters make a new axis."""
    x, w, stride = (1, 128, 128, 3), (8, 8, 3, 24), 2
    _, rows, columns, filters = shapes.conv_output_shape(x, w, stride=stride)
    weights = shapes.conv_params((*w[:3], 1), bias=False)
    d = Drawing(
        "channel_axis", "Where the axis of the channels goes",
        f"A picture of {by(*x[1:])}, drawn as {x[3]} sheets. One filter is a block of {by(*w[:3])} = {weights} weights"
        f" that reaches through all {x[3]} sheets. It moves along rows and columns, and gives one number at each place:"
        f" one map of {rows} x {columns}. {filters} filters make {filters} maps. A table says it by axes: {x[1]} rows"
        f" become {rows}, {x[2]} columns become {columns}, the {x[3]} channels of picture and filter are summed, and"
        f" the {w[3]} filters become the last axis of the output.",
        374,
    )  # fmt: skip
    left, top, side, shift, size = 15, 74, 96, 17, 28
    d.text(left, 24, by(*x[1:]))
    over = d.move([(0, 0), (24, 0), (48, 0), (0, 24), (24, 24), (48, 24)], 1.1)
    for c in reversed(range(x[3])):
        d.rect(left + c * shift, top - c * shift, side, side, f"{'abc'[c]} thin see")
        d.rect(left + c * shift, top - c * shift, size, size, f"window thin {over}")
    away = (x[3] - 1) * shift
    corners = "".join(f"M{left + i} {top + j}l{away} {-away}" for i in (0, size) for j in (0, size))
    d.path(corners, f"line {over}")
    d.rect(left, top, size, size, f"frame {over}")
    d.text(15, 190, "(not to scale)", 11, cls="soft")
    d.text(200, 88, f"{filters} filters", anchor="middle")
    d.arrow(157, 98, 243, 98)
    d.lines(200, 118, (by(*w[:3]), f"= {weights} weights", "each"), 12, "middle", "soft", 16)
    d.text(255, 24, by(rows, columns, filters))
    d.plates(255, 100, 70, 70, ["output"] * filters, 2.3)
    onto = d.move([(0, 0), (16, 0), (32, 0), (0, 16), (16, 16), (32, 16)], 1.1)
    d.rect(255, 100, 12, 12, f"window thin {onto}")
    d.rect(255, 100, 12, 12, f"frame {onto}")
    d.table(
        226,
        AXES,
        [
            (("picture",), *x[1:], None),
            ((f"{filters} filters",), *w),
            (("output",), rows, columns, None, filters),
        ],
    )
    d.text(128 + 2.5 * 66, 226 + 2 * 32 + 18, "summed", 12, "middle", weight=600)
    d.lines(
        15,
        346,
        (
            f"rows and columns: floor(({x[1]} - {w[0]}) / {stride}) + 1 = {rows} places;",
            "channels: one place, for the filter is as deep.",
        ),
        12,
        cls="soft",
    )
    return d


def _filter(d, x, y, kernel, channels, cell, gap):
    """The weights of a filter, channel beside channel, and its bias; where each begins."""
    starts = [x + c * (kernel * cell + gap) for c in range(channels + 1)]
    for left, cls in zip(starts, "abc", strict=False):
        d.grid(left, y, kernel, kernel, cell, cls)
    d.rect(starts[channels], y + (kernel - 1) / 2 * cell, cell, cell, "d thin")
    return starts


def parameters():
    """All parameters of a layer, one cell for each."""
    x, w = (1, 32, 32, 3), (3, 3, 3, 32)
    total, of_filter = shapes.conv_params(w), shapes.conv_params((*w[:3], 1))
    weights, filters = shapes.conv_params((*w[:3], 1), bias=False), w[3]
    across = 4
    d = Drawing(
        "parameters", f"{total} parameters, one by one",
        f"One filter, enlarged: {w[2]} squares of {w[0]} x {w[1]} weights, one for each channel, and one bias:"
        f" {weights} + {of_filter - weights} = {of_filter} numbers. Below it all {filters} filters, each a group of"
        f" {of_filter} cells, {total} cells in all.",
        182 + filters // across * 29,
    )  # fmt: skip
    d.text(15, 24, f"one filter: {' * '.join(map(str, w[:3]))} weights and one bias")
    starts = _filter(d, 15, 36, w[0], w[2], 22, 14)
    for c, left in enumerate(starts[:-1]):
        d.text(left + 1.5 * 22, 118, f"channel {c}", 12, "middle", "soft")
    d.text(starts[-1] + 11, 118, "bias", 12, "middle", "soft")
    d.text(starts[-1] + 40, 74, f"= {of_filter}", 15, weight=600)
    d.text(15, 146, f"{filters} filters: {filters} * {of_filter} = {total}", weight=600)
    for i in range(filters):
        _filter(d, 15 + i % across * 95, 158 + i // across * 29, w[0], w[2], 7, 3)
    d.text(15, d.height - 8, f"The size of the picture, {x[1]} x {x[2]}, does not count.", cls="soft")
    return d


def _reached(shape, w_shape, at):
    """Which elements of a picture an output depends on: where NaN reaches it."""
    count = int(np.prod(shape))
    x = np.zeros((count, count))
    np.fill_diagonal(x, np.nan)
    return np.isnan(cyconv.conv2d(x.reshape(count, *shape), np.ones(w_shape))[:, *at]).reshape(shape)


def receptive_field():
    """All that one unit sees."""
    x, w = (1, 32, 32, 3), (5, 5, 3, 1)
    weights, all_parameters = shapes.conv_params(w, bias=False), shapes.conv_params(w)
    part, at = 9, (2, 2)
    sees = _reached((part, part, x[3]), w, (*at, 0))
    counts = sees.sum(axis=(0, 1))
    d = Drawing(
        "receptive_field", f"The {weights} numbers that one unit sees",
        f"A corner of {part} x {part} pixels of the picture, once for each of its {x[3]} channels. In each, the same"
        f" square of {w[0]} x {w[1]} = {counts[0]} cells is marked: NaN in one of them reaches the unit. Arrows"
        f" lead from the {x[3]} squares to one unit. Below, its parameters: {x[3]} squares of {w[0]} x {w[1]} weights,"
        f" {weights} in all, and one bias.",
        400,
    )  # fmt: skip
    cell, top, unit = 12, 54, 204
    d.text(15, 22, f"corner of the picture, {x[3]} channels of {x[1]} x {x[2]}")
    for c in range(x[3]):
        left = 15 + c * (part * cell + 22)
        d.text(left, 46, f"channel {c}", 12, cls="soft")
        d.grid(left, top, part, part, cell, "abc"[c])
        for i, j in np.argwhere(sees[..., c]):
            d.rect(left + j * cell, top + i * cell, cell, cell, "window thin")
        middle = left + (np.argwhere(sees[..., c])[:, 1].mean() + 0.5) * cell
        d.arrow(middle, top + part * cell + 6, 190 + 12 * (c - 1), unit - 6)
        d.text(left + 34 + 40 * (c > 0), top + part * cell + 18, str(counts[c]), 12, cls="soft")
    d.rect(174, unit, 32, 32, "output thin")
    d.lines(216, unit + 12, ("one unit", f"of the {by(*shapes.conv_output_shape(x, w)[1:3])} outputs"), 12)
    d.text(15, 266, "its parameters:")
    starts = _filter(d, 15, 278, w[0], w[2], 14, 22)
    d.text(starts[-1] + 7, 339, "bias", 12, "middle", "soft")
    d.text(15, 372, f"{' * '.join(map(str, w[:3]))} = {weights} weights and a bias: {all_parameters}", weight=600)
    d.text(15, 391, f"{w[0]} x {w[1]} wide, and as deep as the picture", 12, cls="soft")
    return d


def channels():
    """A filter is as deep as its input, and sums over the channels."""
    values, size, kernel = (1, 100, 10000), 3, 2
    x = np.ones((1, size, size, len(values))) * values
    y = cyconv.conv2d(x, np.ones((kernel, kernel, len(values), 1)))
    n, out, _, filters = y.shape
    weights = kernel * kernel * len(values)
    total = int(y[0, 0, 0, 0])
    all_parameters = shapes.conv_params((kernel, kernel, len(values), filters))
    d = Drawing(
        "channels", "A filter is as deep as its input, and sums over the channels",
        f"{n} picture of {size} x {size} pixels with {len(values)} channels, which hold {values[0]}, {values[1]} and"
        f" {values[2]}. One filter of {kernel} x {kernel} x {len(values)} = {weights} weights, all of them 1, covers"
        f" the same place of all channels at once. The sum of its {weights} products, {total}, is one number"
        f" of the output. The output has one map of {out} x {out}.",
        380,
    )  # fmt: skip
    cell, top, wide, apart = 40, 36, 50, 6
    places = [(j, i) for i in range(out) for j in range(out)]
    over = d.move([(j * cell, i * cell) for j, i in places], 1.3)
    below = top + size * cell + 22
    for c, (value, cls) in enumerate(zip(values, "abc", strict=True)):
        left = 13 + c * (size * cell + apart)
        d.text(left, 26, f"channel {c}")
        d.grid(left, top, size, size, cell, cls)
        for i in range(size * size):
            d.text(left + (i % size + 0.5) * cell, top + (i // size + 0.62) * cell, str(value), 11, "middle")
        d.rect(left, top, kernel * cell, kernel * cell, f"frame {over}")
        d.text(left + size * cell / 2, below, f"{kernel * kernel} x {value} x 1", 12, "middle")
        if c + 1 < len(values):
            d.text(left + size * cell + apart / 2, below, "+", anchor="middle")
    right, low = 200 - wide * out / 2, below + 54
    d.arrow(200, below + 12, 200, low - 8)
    d.text(210, below + 32, "=")
    d.text(225, below + 32, str(total), weight=600)
    for i, number in enumerate(y.ravel()):
        at = right + i % out * wide, low + i // out * cell
        d.rect(*at, wide, cell, "output thin")
        d.text(at[0] + wide / 2, at[1] + 0.62 * cell, f"{number:.0f}", 12, "middle")
    d.rect(right, low, wide, cell, f"frame {d.move([(j * wide, i * cell) for j, i in places], 1.3)}")
    d.lines(right + out * wide + 14, low + 33, ("output", by(out, out, filters)))
    d.lines(
        15,
        low + out * cell + 26,
        (
            f"one filter: {by(kernel, kernel, len(values))} = {weights} weights, each 1 here,",
            f"and a bias of 0: {all_parameters} parameters",
        ),
    )
    d.text(15, d.height - 8, "The window covers all channels, and slides along two axes.", 12, cls="soft")
    return d


def second_layer():
    """Filters of the second layer see all maps of the first."""
    x, w = (1, 26, 26, 32), (3, 3, 32, 64)
    _, rows, columns, filters = shapes.conv_output_shape(x, w)
    weights, of_filter = shapes.conv_params(w, bias=False), shapes.conv_params((*w[:3], 1), bias=False)
    d = Drawing(
        "second_layer", f"{x[3]} maps and {filters} filters make {filters} maps",
        f"An input of {x[1]} x {x[2]} with {x[3]} maps. Each of {filters} filters is a block of {w[0]} x {w[1]} x"
        f" {w[2]} weights that covers all {x[3]} maps and makes one map. So there are {filters} maps of {rows} x"
        f" {columns} and not {x[3]} x {filters} = {x[3] * filters}.",
        310,
    )  # fmt: skip
    d.text(15, 24, f"{x[3]} maps of {by(*x[1:3])}")
    d.plates(15, 132, 70, 70, ["input"] * x[3], 1.2)
    for i, k in enumerate((0, 1, filters - 1)):
        top = 52 + i * 76 + 14 * (i == 2)
        d.arrow(130, 138, 172, top + 14)
        d.box(180, top, 82, 28, 8, "weights")
        d.text(221, top + 19, by(*w[:3]), 12, "middle")
        d.text(180, top + 44, f"filter {k}", 12, cls="soft")
        d.arrow(276, top + 14, 302, top + 14)
        d.rect(310, top - 7, 42, 42, "output thin")
        d.text(310, top + 50, f"map {k}", 12, cls="soft")
    d.text(221, 197, ". . .", anchor="middle")
    d.text(331, 200, ". . .", anchor="middle")
    d.text(385, 24, f"{filters} maps of {by(rows, columns)}", anchor="end")
    d.text(15, 302, f"{of_filter} weights to a filter, {filters} filters: {weights:,} weights")
    return d


def no_bias():
    """The weights of two layers, to scale."""
    x, layers = (1, 28, 28, 3), ((5, 5, 3, 32), (5, 5, 32, 64))
    sizes = [x]
    for w in layers:
        sizes.append(shapes.conv_output_shape(sizes[-1], w))
    counts = [shapes.conv_params(w, bias=False) for w in layers]
    said = [
        f"{' * '.join(map(str, w[:3]))} weights to each of {w[3]} filters: {n:,}"
        for w, n in zip(layers, counts, strict=True)
    ]
    d = Drawing(
        "no_bias", "The weights of two layers without bias, to scale",
        f"Three blocks: {', then '.join(by(*s[1:]) for s in sizes)}. Below, a rectangle for each of the two layers, as"
        f" wide as a filter has weights and as high as there are filters. {said[0]}. {said[1]}. The second is cut"
        f" into {layers[1][2]} columns, one for each map of the first layer. A dashed column at the end of each"
        f" is empty: there are no biases. The sum is {sum(counts):,}.",
        442,
    )  # fmt: skip
    for i, (_, rows, columns, deep) in enumerate(sizes):
        left, side, depth = 15 + i * 132, 2 * columns, deep / 2
        d.box(left, 34 + 40, side, 2 * rows, depth, ("c", "input", "output")[i])
        d.text(left, 24, by(rows, columns, deep))
        if i:
            d.arrow(left - 34, 108, left - 8, 108)
    top, across, down = 180, 0.44, 1.5
    for i, (w, line) in enumerate(zip(layers, said, strict=True)):
        of_filter, of_map = shapes.conv_params((*w[:3], 1), bias=False), w[0] * w[1]
        d.text(15, top - 10, f"layer {i + 1}: {line}", 12)
        wide, high = of_filter * across, w[3] * down
        for c in range(w[2]):
            d.rect(15 + c * of_map * across, top, of_map * across, high, f"{'abc'[c] if w[2] == 3 else 'input'} thin")
        d.rect(15 + wide + 4, top, 8, high, "dashed")
        if not i:
            d.lines(15 + wide + 26, top + 20, ("dashed: the biases that", "there are not"), 12, cls="soft", step=16)
        top += high + 40
    d.lines(
        15,
        top - 16,
        (
            "Wide: weights of a filter. High: filters. Area: all weights.",
            f"Layer 2: {layers[1][2]} columns, one for each map of layer 1.",
        ),
        11,
        cls="soft",
        step=16,
    )
    d.text(15, d.height - 12, f"{' + '.join(f'{n:,}' for n in counts)} = {sum(counts):,} parameters", weight=600)
    return d


def pools_between():
    """The sizes of maps through two convolutions and two pools."""
    shape, window = (1, 300, 300, 3), 2
    steps = [("picture", "", shape)]
    for w in ((3, 3, 3, 32), (3, 3, 32, 64)):
        shape = shapes.conv_output_shape(shape, w)
        steps.append((f"{w[3]} filters of {by(*w[:3])}", f"{shapes.conv_params(w):,} parameters", shape))
        before, shape = shape, shapes.pool_output_shape(shape, window)
        steps.append((f"pool of {window} x {window}", "no parameters", shape))
    met = shape[1] * window
    d = Drawing(
        "pools_between", "Sizes through conv, pool, conv, pool",
        f"Blocks below each other, to scale: {'; '.join(f'{what}: {by(*s[1:])}' for what, _, s in steps)}. A"
        f" convolution takes {steps[0][2][1] - steps[1][2][1]} rows and columns away and sets the depth, a pool halves"
        f" rows and columns and keeps the depth. Then the lower right corner of {by(*before[1:3])}, enlarged: windows"
        f" of {window} x {window} side by side end with row and column {met - 1}, and the last, {before[1] - 1}, is in"
        " none.",
        528,
    )  # fmt: skip
    top, scale = 12, 0.26
    for i, (what, cost, (_, rows, columns, deep)) in enumerate(steps):
        depth, high = deep * 0.45, rows * scale
        top += depth
        d.box(15, top, columns * scale, high, depth, ("c", *("input", "output") * 2)[i])
        middle = top + (high - depth) / 2
        d.text(148, middle - 8, by(rows, columns, deep), weight=600)
        d.lines(148, middle + 9, (what, cost) if cost else (what,), 12, cls="soft", step=16)
        top += high + 12
    top, cell, count = top + 24, 16, 5
    first = before[1] - count
    d.text(15, top - 8, f"the corner of {by(*before[1:3])}", 12)
    d.grid(15, top, count, count, cell, "input")
    for k in range(count):
        if first + k >= met:
            d.grid(15, top + k * cell, count, 1, cell, "padding")
            d.grid(15 + k * cell, top, 1, count, cell, "padding")
        d.text(15 + count * cell + 8, top + k * cell + 12, f"row {first + k}", 11, cls="soft")
    for i in range(0, met - first, window):
        for j in range(0, met - first, window):
            d.rect(15 + j * cell, top + i * cell, window * cell, window * cell, "frame")
    notes = (
        f"{before[1]} is odd: windows of {window}",
        f"side by side end with {met - 1},",
        f"and leave out {before[1] - 1}.",
    )
    d.lines(168, top + 24, notes, 12, step=17)
    return d


def tensorflow_weights():
    """What the four numbers of weights mean."""
    shape, window = (1, 28, 28, 1), 2
    rows = [(("picture",), *shape[1:], None)]
    for w in ((5, 5, 1, 32), (5, 5, 32, 64)):
        shape = shapes.conv_output_shape(shape, w, padding="same")
        rows.append((("weights", f"{shapes.conv_params(w, bias=False):,}, + {w[3]} biases"), *w))
        rows.append((("maps", '"same"'), *shape[1:3], None, shape[3]))
        shape = shapes.pool_output_shape(shape, window, padding="same")
        rows.append((("pooled", f"{window} x {window}"), *shape[1:], None))
    d = Drawing(
        "tensorflow_weights", "The axes of weights, and of the maps that they meet",
        "A table with a column for each axis: rows, columns, channels that come in, channels that go out. "
        + " ".join(
            f"{line.capitalize()}: {', '.join(str(s) for s in sizes if s is not None)}"
            f"{' that go out' if sizes[2] is None else ''}."
            for (line, *_), *sizes in rows
        )
        + " An arrow leads from the channels that go out of a layer to those that come into the next.",
        396,
    )  # fmt: skip
    top, height = 40, 40
    d.table(top, [("rows", "input"), ("columns", "input"), ("in", "b"), ("out", "d")], rows, height)
    for k, (_, *sizes) in enumerate(rows[:-1]):
        if sizes[2] is None:
            d.arrow(
                128 + 3 * 66 + 2,
                top + k * (height + 6) + height - 8,
                128 + 3 * 66 - 6,
                top + (k + 1) * (height + 6) + 8,
            )
    d.text(15, d.height - 12, "in: what comes into a layer; out: what goes out, its filters", 12, cls="soft")
    return d


def pool_same():
    """The windows of a pool along an axis of 25."""
    length, kernel = 25, 2
    cases = []
    for word in ("same", "valid"):
        for stride in (1, 2):
            ((before, after),) = shapes.resolve_padding("figure", word, (length,), (kernel,), (stride,), (1,))
            cases.append((f'"{word}", stride {stride}', stride, before, after))
    cases.append(("the usual mistake: padding 1, stride 1", 1, 1, 1))
    outs = [shapes.output_size(length, kernel, stride, 1, *ends) for _, stride, *ends in cases]
    d = Drawing(
        "pool_same", f"Windows of {kernel} along {length} rows",
        f"A row of {length} cells for each case, with a bar below it for each window of {kernel}. "
        + " ".join(
            f"{name}: {before} before, {after} after, {out} windows."
            for (name, _, before, after), out in zip(cases, outs, strict=True)
        ),
        38 + 66 * len(cases),
    )  # fmt: skip
    most = max(before for _, _, before, _ in cases)
    d.text(15, 20, f"{length} rows of the input, grey: padding", 12, cls="soft")
    for i, ((name, stride, before, after), out) in enumerate(zip(cases, outs, strict=True)):
        top = 60 + i * 66
        d.text(15, top - 8, name, 12, weight=600)
        d.text(388, top - 8, f"{out} out", 12, "end")
        d.row(10 + (most - before) * 14, top, 14, length, before, after, kernel, stride, out)
    return d


def time_axis():
    """Time as an axis, and time as channels."""
    frames, size = 16, 1024
    cases = (
        ("Conv3D", (1, frames, size, size, 1), (5, 5, 5, 1, 1)),
        ("Conv2D", (1, size, size, frames), (5, 5, frames, 1)),
    )
    costs = [shapes.conv_cost(x, w, padding="same", bias=False) for _, x, w in cases]
    outs = [shapes.conv_output_shape(x, w, padding="same")[1:-1] for _, x, w in cases]
    kinds = [
        ("multiply-adds", [(c.macs, f"{c.macs:,}") for c in costs]),
        ("bytes of the output", [(c.output_bytes, shapes.binary_size(c.output_bytes)) for c in costs]),
        ("weights", [(c.params, f"{c.params:,}") for c in costs]),
        ("im2col matrix, not built here", [(c.im2col_bytes, shapes.binary_size(c.im2col_bytes)) for c in costs]),
    ]
    windows = [by(*w[:3]) for _, _, w in cases]
    d = Drawing(
        "time_axis", "Time as an axis of its own, and time as channels",
        f"Two drawings of the same {frames} pictures of {size} x {size}. Conv3D: a window of {windows[0]} is shorter"
        f" than the volume and moves along time, rows and columns; the output is {by(*outs[0])}. Conv2D: a window of"
        f" {windows[1]} reaches through all {frames} pictures and moves along rows and columns only; the output is"
        f" {by(*outs[1])}. Bars compare the two. "
        + " ".join(
            f"{kind.capitalize()}: {', '.join(f'{c[0]} {n}' for c, (_, n) in zip(cases, numbers, strict=True))}."
            for kind, numbers in kinds
        ),
        520,
    )  # fmt: skip
    shift = 2.6
    for i, ((name, _, w), out) in enumerate(zip(cases, outs, strict=True)):
        left, top, depth = 15 + i * 195, 92, ((w[0], w[2])[i] - 1) * shift
        d.text(left, 22, f"{name}, {windows[i]}", weight=600)
        d.plates(left, top, 88, 88, ["c"] * frames, shift)
        back = (frames - w[0]) * shift
        over = d.move([(0, 0), (44, 0), (44, 44), *([(44 + back, 44 - back)] if i == 0 else [(0, 44)])], 1.2)
        d.box(left + 6, top + 6, 24, 24, depth, f"window {over}")
        d.rect(left + 6, top + 6, 24, 24, f"frame {over}")
        d.text(left, top + 106, f"slides along {len(out)} axes,", 12, cls="soft")
        d.text(left, top + 122, f"gives {by(*out)}", 12, cls="soft")
    for i, (kind, numbers) in enumerate(kinds):
        d.bars(244 + i * 74, kind, [(name, *number) for (name, *_), number in zip(cases, numbers, strict=True)])
    return d


def rank():
    """Along how many axes a window slides."""
    length, window = 12, 3
    cases = [((1, *[length] * n, 3), (*[window] * n, 3, 8)) for n in (1, 2, 3)]
    outs = [shapes.conv_output_shape(x, w)[1:] for x, w in cases]
    says = [
        (
            f"{n}-D: slides along {n} {'axis' if n == 1 else 'axes'}",
            f"a filter is {by(*w[:-1])}",
            f"{by(*x[1:])} becomes {by(*out)}",
        )
        for n, ((x, w), out) in enumerate(zip(cases, outs, strict=True), 1)
    ]
    d = Drawing(
        "rank", "A window slides along one, two or three axes, and covers all channels",
        f"Three rows. In each the {cases[0][0][-1]} channels stand beside each other: as rows of cells, as squares, as"
        " blocks. The same window lies on each of the channels, and all three parts of it move together. "
        + " ".join(f"{'; '.join(said)}." for said in says),
        468,
    )  # fmt: skip
    side, gap, cell = 84, 38, 84 / length
    size, depth = window * cell, {3: 24}
    far = side - size
    places = {
        1: [(0, 0), (far / 2, 0), (far, 0)],
        2: [(0, 0), (far, 0), (far, far), (0, far)],
        3: [(0, 0), (far, 0), (far, far), (far + 18, far - 18), (18, far - 18)],
    }
    for n, (title, *said) in enumerate(says, 1):
        top = (24, 126, 294)[n - 1]
        d.text(15, top, title, weight=600)
        d.lines(15, top + 17, said, 12, cls="soft", step=16)
        back = depth.get(n, 0)
        top += 44 + back
        over = d.move(places[n], 1)
        for c, cls in enumerate("abc"):
            left = 15 + c * (side + gap)
            high = cell * 2 if n == 1 else size
            if n == 3:
                d.box(left, top, side, side, back, f"{cls} see")
                d.box(left, top, size, size, back * window / length, f"window {over}")
            else:
                d.grid(left, top, length, 1 if n == 1 else length, cell, cls, high if n == 1 else None)
                d.rect(left, top, size, high, f"window thin {over}")
            d.rect(left, top, size, high, f"frame {over}")
            if c < 2:
                d.text(left + side + (gap + back) / 2, top + (14 if n == 1 else side / 2), "+", 15, "middle")
    return d


def padding():
    """What each word for padding adds."""
    length, kernel, stride = 6, 3, 2
    words = ("valid", "same", "same_lower", "full", "causal")
    cell, left, gap = 28, 15, 84
    resolved = {w: shapes.resolve_padding("figure", w, (length,), (kernel,), (stride,), (1,))[0] for w in words}
    outs = {w: shapes.output_size(length, kernel, stride, 1, *resolved[w]) for w in words}
    said = "; ".join(f"{w}: {resolved[w][0]} before, {resolved[w][1]} after, {outs[w]} outputs" for w in words)
    d = Drawing(
        "padding", "What each word for padding adds to a row",
        f"A row of {length} elements, a window of {kernel}, stride {stride}. {said}. Below each row, a bar for each"
        " window.",
        28 + gap * len(words),
    )  # fmt: skip
    most = max(before for before, _ in resolved.values())
    d.text(15, 22, f"a row of {length}, window {kernel}, stride {stride}", cls="soft")
    for i, word in enumerate(words):
        before, after = resolved[word]
        top = 60 + i * gap
        d.text(left, top - 8, f'"{word}"', weight=600)
        d.text(left + 110, top - 8, f"{before} before, {after} after", 12, cls="soft")
        d.row(left + (most - before) * cell, top, cell, length, before, after, kernel, stride, outs[word])
        for k in range(length):
            d.text(left + (most + k + 0.5) * cell, top + 19, str(k), anchor="middle")
        d.text(388, top + 19, f"{outs[word]} outputs", 12, "end", "soft")
    return d
