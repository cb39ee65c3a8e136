"""The algorithms of a convolution: what each is for, why it declines, and what it is expected to cost.

Costs are estimates in cycles of one core; only their order matters.  They depend on shapes, the
dtype, the instruction set and the layout alone, never on the number of threads or samples, so that
results do not either.  What the weights decide is seen when they are packed (plan.py).
"""

import math
from typing import NamedTuple

from cyconv import fourier
from cyconv._ext.convolution import (
    FUSED_WEIGHTS,
    STRIPS,
    TURNS,
    WHOLE_LINES,
    WINOGRAD_BLOCKS,
    fast_fir,
    held,
    joined,
    lines,
    pickable,
    rows_apart,
    small_map,
)

_SIGNAL = 1 << 12
"""Outputs of a signal of any length, for the choice of its algorithm."""

_FEW_TILES = 8
"""Tiles of a block of Winograd's that are too few."""

_SAMPLES = 2
"""Of a batch, as far as they share what is loaded: the choice must not depend on how many there are."""

_ROUNDING, _ROUNDING_FEW = 1.15, 1.5
"""What rounding by transforms is worth: where little is saved, exact sums are preferred; more so with few filters."""

_MANY, _TERMS, _LONG = 8, 64, 512
"""Filters of a group and terms of a sum from which that is considered; and terms, with fewer filters."""

_LINE = 64
"""Bytes of a line of cache."""

_SQUARE, _OF_PLANE = 90, 80
"""Cycles in which a square of vectors is transposed between rows of planes and pixels; of whole planes and pixels."""

_ROW = 20
"""Cycles that copying a row takes, however short it is."""

_SEGMENT = 14
"""Cycles in which the rows that a sum takes from a plane at one column are listed, for each depth of the output."""

_LOW_BLOCK = 16
"""Output rows of a stencil's blocks, at least, so that the strip holds all planes: FEW_ROWS in pyx/stencil.pxd."""

_WINDOW_NEAR = 1 << 14
"""Bytes of what the windows of a tile hold, for them to stay in the first-level cache."""

_NEAR, _FAR = 1 << 19, 1 << 26
"""Bytes of weights that stay in the second-level cache, and that mostly come from a last-level cache."""

_FEW = 8
"""Channels, and filters, of a signal whose outputs do not depend on its length by a bit."""

_WINDOW, _RUN = 49, 48
"""Taps of a kernel from which Fourier transforms are considered, and of one row along one axis."""


class Case(NamedTuple):
    """What the choice depends on; window axes are always depth, height, width."""

    groups: int
    ic: int  # channels of a group
    oc: int
    size: tuple
    out: tuple
    kernel: tuple
    stride: tuple
    dilation: tuple
    before: tuple
    pad_mode: str
    channels_last: bool
    kind: str  # of the dtype: "f" or "i"
    item: int  # bytes of an element
    lanes: int  # of a vector
    mr: int  # rows and vectors of a register tile
    nv: int
    rows: int  # of a stencil tile
    height: int  # kernel rows that it takes at once
    picks: bool  # whether one instruction permutes lanes
    unfit: str = ""  # why weights have no factors, if that is known
    length: int = 0  # outputs of a signal, if they count for Fourier transforms

    @property
    def taps(self):
        """Positions of the kernel."""
        return math.prod(self.kernel)

    @property
    def met_taps(self):
        """Positions of the kernel that meet the input, on the average of the outputs."""
        if self.pad_mode != "constant" or not any(self.before):
            return self.taps
        met = 1
        for n, out, k, s, d, before in zip(
            self.size, self.out, self.kernel, self.stride, self.dilation, self.before, strict=True
        ):
            inside = 0
            for shift in range(before, before - k * d, -d):  # output o meets n inputs from o * s - shift on
                first, last = max(_ceil(shift, s), 0), min((n - 1 + shift) // s, out - 1)
                inside += max(last - first + 1, 0)
            met *= inside / max(out, 1)
        return met

    @property
    def pixels(self):
        """Outputs of a channel of a sample."""
        return math.prod(self.out)


class Algorithm(NamedTuple):
    """An entry of the list below: its name, when it fits best, why it declines a case, and its cost.

    Some have reasons not to be taken unless they are asked for.
    """

    name: str
    purpose: str
    declines: object
    cost: object
    unasked: object = lambda case: ""


def _ceil(a, b):
    return -(-a // b)


def _term(rows, vectors, crossing):
    """Cycles of a term of a register tile: two products, or two loads, a cycle; sums wait four for each other.

    Vector operands that are `crossing` lines of cache count twice.
    """
    return max(rows * vectors / 2, (rows + vectors * (1 + crossing)) / 2, 4)


def _direct_cost(case):
    """Tiles whose lanes are channels, or pixels, which may have to be brought to them first."""
    if case.channels_last:
        return case.groups * _direct_last_cost(case, case.ic * case.met_taps)
    if small_map(case.ic, case.oc, case.out, case.lanes, case.nv):
        reads = min(math.prod(case.size), case.pixels * math.prod(map(min, case.stride, case.kernel)))
        squares = _ceil(case.ic, case.lanes) * reads + _ceil(case.oc, case.lanes) * case.pixels
        return case.groups * (_direct_last_cost(case, case.ic * case.met_taps) + squares * _SQUARE / case.lanes)
    # Pixels of several rows share a tile; only dilated kernels leave all of them out.
    terms = case.ic * (case.met_taps if case.dilation[2] > 1 else case.taps)
    blocks = max(_ceil(case.oc, case.mr), 1)
    copying = 0
    tiles, rows = _ceil(case.pixels, case.lanes * case.nv), 1 + case.lanes * case.nv / max(case.out[2], 1)
    if case.ic < 8:  # strips of one row, as in pyx/channels_first.pxd
        tiles, rows = case.out[0] * case.out[1] * _ceil(case.out[2], case.lanes * case.nv), 1
        copying = 400 * case.out[0] * case.out[1]  # begins each strip
    gathering = 250 + (rows * (1.2 + case.stride[2]) if case.stride[2] < 3 else case.lanes) * case.nv * terms
    if case.taps == case.stride[2] == 1:  # pixels are read where they lie
        gathering = 60
    tile = 1.15 * blocks * terms * _term(_ceil(case.oc, blocks), case.nv, True) + gathering
    return case.groups * (tiles * tile + copying)


def _direct_last_cost(case, terms):
    """Tiles of a row of pixels; those at its ends are copied, pixel by pixel under a dilated kernel."""
    rows, across = case.out[0] * case.out[1], max(_ceil(case.out[2], case.mr), 1)
    pixels = case.out[2] / across
    blocks = _ceil(case.oc, case.lanes * case.nv)
    vectors = _ceil(case.oc, case.lanes) / max(blocks, 1)
    kernel_rows, columns = case.kernel[0] * case.kernel[1], case.kernel[2]
    folded = case.dilation[2] == 1
    segments = kernel_rows * (1 if folded else columns)
    # Where a group's channels are few, so are the terms that lie side by side, and each run of them is begun.
    apart = 17 * case.taps if case.groups > 1 and 2 * case.oc <= case.lanes else 12 * segments
    computing = across * blocks * (1.15 * terms * _term(pixels, vectors, False) + apart + 60)
    copied = kernel_rows * (30 if folded else 40 * pixels * columns)
    # The strips of both ends of a row are begun, filled and computed apart.
    copying = min(across, 2) * (copied + 260) if case.before[2] > 0 else 0
    return rows * (computing + copying + 40)


def _grouped_declines(case):
    """Channels of a group fill at most half a vector, and a window at most half a strip."""
    if case.groups == 1:
        return "there is one group"
    if 2 * case.oc > case.lanes:
        return f"a group's {case.oc} filters fill more than half a vector of {case.lanes}"
    window = case.kernel[0] * case.kernel[1] * ((case.kernel[2] - 1) * case.dilation[2] + 1)
    if window * case.ic > STRIPS["grouped"] // (2 * case.lanes * case.item):
        return "the window is too large to be spread in cache"
    return ""


def _grouped_cost(case):
    """Products of two vectors, and channels that are picked or spread; channels-first, squares are transposed."""
    blocks = _ceil(case.groups * case.oc, case.lanes)
    vectors = case.pixels * blocks
    plain, sliding = case.ic == case.oc == 1, case.stride[2] == case.dilation[2]
    picking = not plain and case.picks and pickable(case.ic, case.oc, case.lanes)
    spreading = not plain and not picking
    rows = min(case.stride[1], case.kernel[1]) * case.kernel[0]  # of the input for a row of outputs
    window = case.kernel[0] * case.kernel[1] * ((case.kernel[2] - 1) * case.dilation[2] + case.stride[2] * case.mr)
    window *= case.lanes * case.item * (case.ic if spreading else 1)
    far = 1  # what products with operands of the second-level cache take, of those with near ones
    if window > _WINDOW_NEAR and (spreading or not case.channels_last):
        far = 1.3 if spreading else 1.6
    if plain:
        products = 0.65 * far * case.taps + 4
    elif picking:
        products = case.ic * (0.55 if sliding else 0.9) * far * case.taps + 4
    else:
        products = case.ic * (far * case.taps + 4)
        if case.channels_last:
            # From one vector, or two, they are permuted; from more they are loaded one by one.
            seen = min(_ceil(case.lanes, max(case.oc, 1)), case.groups) * case.ic
            spread = 1 if seen <= case.lanes else 3 if seen <= 2 * case.lanes else case.lanes / 2
            products += rows * min(case.stride[2], case.kernel[2]) * case.ic * spread
    if case.channels_last:
        loss = 1.2 if spreading else 1 if plain and sliding else 1.4
        if case.kernel[0] > 1 and case.dilation[1] > 1:  # what windows share is no longer near
            loss *= 1.7
        return loss * vectors * (products + 1)
    if case.pad_mode == "constant" and not spreading:  # whole planes are turned, or their rows if they get padding
        squares = _ceil(case.pixels, case.lanes) * _OF_PLANE
        if plain and case.stride[2] in (case.dilation[2], 2 * case.dilation[2]):
            squares += _ceil(math.prod(case.size), case.lanes) * _OF_PLANE
        else:
            squares += math.prod(case.size[:2]) * _ceil(case.size[2], case.lanes) * _SQUARE
        return vectors * products + blocks * squares
    squares = rows * _ceil(case.stride[2] * (case.out[2] - 1) + 1, case.lanes) + _ceil(case.out[2], case.lanes)
    if spreading:
        squares *= case.ic * case.lanes / 12  # channels are spread one by one
    return vectors * products + math.prod(case.out[:2]) * blocks * squares * _SQUARE


def _winograd_row(case):
    """Bytes that a tile takes in scratch memory: 36 times its channels, and a block of filters."""
    return 36 * (case.kernel[0] * case.ic + case.lanes * case.nv) * case.item


def _winograd_declines(case):
    """A square kernel of 3 or 5 rows and columns, whose planes are not strided, of floating-point numbers."""
    if case.kind != "f":
        return "its transforms are not exact for integers"
    if case.kernel[1] != case.kernel[2] or case.kernel[1] not in (3, 5):
        return f"the kernel is {case.kernel[1]} x {case.kernel[2]}, not 3 x 3 or 5 x 5"
    if case.stride[1:] != (1, 1):
        return "rows or columns are strided"
    if _winograd_row(case) * _FEW_TILES > WINOGRAD_BLOCKS[1]:
        return "the sum is too long for several tiles to stay in cache"
    return ""


def _rounding_unasked(case):
    """People expect whole numbers to come out of short sums whole; with few filters, of longer ones too."""
    least, filters = (_LONG, " of few filters") if case.oc < _MANY else (_TERMS, "")
    if case.ic * case.taps < least:
        return f"exact sums are preferred with fewer than {least} terms{filters}"
    return ""


def _rounding(case):
    """What the cost of Winograd's transforms is multiplied by."""
    return _ROUNDING_FEW if case.oc < _MANY else _ROUNDING


def _winograd_cost(case):
    """Up to 36 products a tile instead of a kernel's a pixel, whose weights come from cache; and the transforms."""
    m = 7 - case.kernel[1]
    tiles = points = case.out[0]
    for dilation, n in zip(case.dilation[1:], case.out[1:], strict=True):
        phases = min(dilation, n)
        outputs = _ceil(n, phases)
        tiles *= phases * _ceil(outputs, m)
        points *= phases * (outputs + _ceil(outputs, m) * (6 - m))  # the last tile has as many as its outputs need
    row = _winograd_row(case)
    block, most = WINOGRAD_BLOCKS
    together = min(max(block // row, min(2 * case.mr, most // row)), _SAMPLES * tiles)
    width = case.lanes * case.nv
    blocks = _ceil(case.oc, case.lanes) / case.nv
    terms = case.kernel[0] * case.ic
    weights = 36 * terms * blocks * width * case.item
    cycle = 32 if weights <= _NEAR else 14 if weights <= _FAR else 9  # bytes of them that come in
    term = max(together * case.nv / 2 / 0.9, 4, width * case.item / cycle)
    product = terms * term + 60 + 4 * together * case.nv  # 60 to begin, and sums are stored and loaded
    vectors = max(case.ic / case.lanes, 1) + max(case.oc / case.lanes, 1)
    moving = 220 + 110 * vectors if case.channels_last else 350 + 140 * vectors
    if not case.channels_last and case.dilation[2] > 1:  # pixels are no neighbours
        moving *= 1.5
    multiplying = blocks * product * points / max(together, 1)
    return case.groups * (multiplying + tiles * moving) * _rounding(case)


def _lines_row(case):
    """Bytes that a tile of six inputs takes in scratch memory, with all that its sum meets, and a block of filters.

    Both may be there twice: before inputs are transformed, and as outputs.
    """
    axis, m, groups, _ = lines(case.kernel, case.stride, case.dilation, case.out)
    met = math.prod((case.kernel[a] - 1) * case.dilation[a] + 1 for a in range(3) if a != axis)
    return (12 * groups * met * case.ic + (6 + m) * case.lanes * case.nv) * case.item


def _lines_declines(case):
    """Taps along an axis that meet inputs a stride apart, of floating-point numbers."""
    if case.kind != "f":
        return "its transforms are not exact for integers"
    if lines(case.kernel, case.stride, case.dilation, case.out)[0] < 0:
        return "along no axis have windows two taps that lie a stride apart"
    if _lines_row(case) > WINOGRAD_BLOCKS[1]:
        return "the sum is too long for a tile to stay in cache"
    return ""


def _lines_cost(case):
    """Six products a tile for each group of taps, computed as by the direct algorithm; and the transforms."""
    axis, m, groups, sites = lines(case.kernel, case.stride, case.dilation, case.out)
    phases = min(case.dilation[axis], case.out[axis])
    others = [n for a, n in enumerate(case.out) if a != axis]
    terms = case.ic * groups * math.prod(k for a, k in enumerate(case.kernel) if a != axis)
    tiles = math.prod(others) * sites
    inner = max(sites // phases, case.out[2] if not case.channels_last and axis < 2 else max(others), 1)
    rows = inner / _ceil(inner, case.mr)
    blocks = _ceil(case.oc, case.lanes * case.nv)
    vectors = _ceil(case.oc, case.lanes) / max(blocks, 1)
    begun = phases * max(_lines_row(case) * tiles / phases / WINOGRAD_BLOCKS[0] / 2, 1)
    read = math.prod(map(min, case.stride, case.kernel)) * max(case.ic / case.lanes, 0.25)
    written = _ceil(case.oc, case.lanes)
    fused = 6 * terms * case.lanes * case.nv * case.item <= FUSED_WEIGHTS
    pixels = fused and not case.channels_last and axis < 2 and case.out[2] >= case.lanes  # lanes are pixels of a row
    in_place = case.channels_last or pixels
    if fused:
        multiplying, beginning = _fused_products(case, terms, tiles, m, pixels), begun * (2500 + 800 * blocks)
        written = 0 if in_place else written
    else:
        multiplying = 6 * blocks * tiles * 1.15 * terms * _term(rows, vectors, False) / rows
        beginning = begun * (4000 + 1500 * blocks)
    moving = (30 if in_place else 40) * (read + written)
    if not case.channels_last and axis == 2 and phases > 1:  # outputs are no neighbours
        moving += 6 * m * case.oc
    return case.groups * (multiplying + beginning + tiles * moving) * _rounding(case)


def _fused_products(case, terms, tiles, outputs, pixels):
    """Six sums, of a vector of filters and one or two tiles, or of pixels and one or two filters, at once.

    They become so many outputs while no products are computed.
    """
    rows, along, broadcast = (tiles // case.out[2], case.out[2], case.oc) if pixels else (1, case.oc, tiles)
    together = 1 if case.mr < 8 else 2
    blocks = rows * _ceil(along, case.lanes * case.nv)
    vectors = rows * _ceil(along, case.lanes) / max(blocks, 1)
    term = max(3 * together * vectors, 3 * (together + vectors), 4)
    copied = 25 * terms * vectors if pixels else 0  # what pixels meet, for all filters
    finishing = 45 + 5 * outputs * vectors * together  # 45 until the last products are there
    return blocks * (_ceil(broadcast, together) * (terms * term + finishing) + copied)


def _row_classes(case):
    """Classes of kernel rows that meet different rows of the input, as in pyx/strip.pxd."""
    return min(case.stride[1] // math.gcd(case.stride[1], case.dilation[1]), case.kernel[1])


def _held(case):
    """Planes of what a tile reads that half a strip holds."""
    return held(case.out, case.kernel, case.stride, case.dilation, case.lanes, case.nv, case.rows, case.item)


def _joined(case):
    """Groups that share a strip."""
    return joined(case.groups, case.ic, case.oc, case.kernel[0], _held(case)) if case.channels_last else 1


def _stencil_declines(case):
    """A window fits a strip."""
    if not _held(case) or 8 * case.kernel[1] * case.kernel[2] > STRIPS["stencil"] // 2:
        return "the window is too large to be copied to cache"
    return ""


def _stencil_cost(case):
    """Tiles of one filter's rows, whose operands are first copied; or rows where they lie.

    Copies are counted for what is read in place without strides, too: there, short rows of many planes cost as much.
    """
    in_place = rows_apart(case.ic, case.oc, case.kernel, case.stride, case.dilation, case.lanes)
    if in_place and not (case.channels_last and case.groups * max(case.ic, case.oc) > 1):
        return case.groups * case.out[0] * case.oc * _row_sums(case)
    classes = _row_classes(case)
    heights = [_ceil(case.kernel[1] - n, classes) for n in range(classes)]
    copied = classes * (case.out[1] - 1) + case.kernel[1]
    sums = _stencil_sums(case, case.out[1], heights)
    return _blocks_cost(case, sums, _copy_cost(case, copied), heights)


def _blocks_cost(case, sums, copying, kernel_rows):
    """The sums of each filter, what they take, what its blocks read, and where they go."""
    together = _joined(case)
    segments = sum(_ceil(rows, 1 if case.out[1] == 1 else case.height) for rows in kernel_rows)
    listing = _SEGMENT * case.ic * case.kernel[0] * case.kernel[2] * segments
    block = together * case.oc * sums + listing + copying + _scatter_cost(case)
    return _ceil(case.groups, together) * case.out[0] * block


def _row_sums(case):
    """Cycles of a filter's rows, in vectors; each takes vectors of the input apart, tap by tap."""
    step, taps = case.stride[2], case.kernel[2]
    apart = step * step + 1 + max(taps - step, 0)  # loads, and elements brought to their lanes
    rows = case.ic * case.kernel[0] * case.kernel[1]
    return case.out[1] * _ceil(case.out[2], case.lanes) * (rows * (apart + taps) / 2 + 8) + 300


def _stencil_sums(case, height, kernel_rows):
    """Cycles of the sums of `height` output rows of a filter; a loaded row serves a segment of kernel rows."""
    vectors, most = _ceil(case.out[2], case.lanes), case.height
    if case.out[1] == 1:  # runs of the row take the place of rows
        height, vectors, most = _ceil(vectors, case.nv), min(vectors, case.nv), 1
    tiles = _ceil(height, case.rows)
    rows = height / tiles
    column = 0  # cycles of a column of the kernel in one plane
    for taps in kernel_rows:
        parts = _ceil(taps, most)
        part = taps / max(parts, 1)
        waiting = 4 * part * _ceil(vectors, case.nv)
        column += parts * (4 + max(rows * vectors * part / 2, (rows + part - 1) * vectors + part / 2, waiting))
    # What a plane holds comes from the second-level cache for each tile.
    fetching = 1.5 * (rows + sum(kernel_rows) - 1) * vectors
    return tiles * (case.ic * case.kernel[0] * (case.kernel[2] * column + fetching) + 1.5 * rows * vectors + 20)


def _copy_cost(case, rows):
    """Cycles in which so many rows of a block are copied, of each depth that the strip does not hold."""
    step = case.stride[2]
    reach = (case.kernel[2] - 1) * case.dilation[2]
    # Of all phases, or of each column of the kernel.
    columns = min(
        min(step, reach + 1) * _ceil(case.out[2] + reach // step, case.lanes),
        case.kernel[2] * _ceil(case.out[2], case.lanes),
    )
    channels = _joined(case) * case.ic
    depths, low = case.kernel[0], min(rows, _row_classes(case) * (_LOW_BLOCK - 1) + case.kernel[1])
    if case.dilation[0] == 1 and channels * depths * low * columns * case.lanes * case.item <= STRIPS["stencil"]:
        depths = min(depths, case.stride[0])
    if not case.channels_last and case.oc <= 2 and step == 1:  # some is read where it lies
        copying = channels * columns * 2
    elif not case.channels_last or channels < 3 <= step:
        copying = channels * (columns * (8, 6, case.lanes)[min(step, 3) - 1] + _ROW)
    else:
        copying = _transposed(case, channels, step) * columns
    return depths * rows * copying + 200


def _scatter_cost(case):
    """Cycles in which the outputs of a block become channels of pixels."""
    filters = _joined(case) * case.oc if case.channels_last else 1
    return _transposed(case, filters) * case.out[1] * _ceil(case.out[2], case.lanes) if filters > 1 else 0


def _transposed(case, channels, stride=1):
    """Cycles in which a vector of pixels of so many channels is transposed; if few take turns, less."""
    if stride <= 2 and stride * channels <= TURNS:
        return channels * (channels + 3)
    return _ceil(channels, case.lanes) * case.lanes * 0.7 * math.log2(2 * case.lanes) + 4 * channels


def _fast_fir_declines(case):
    """Several rows of stencils of floating-point numbers, and no strides."""
    if case.kind != "f":
        return "differences of integers may wrap around"
    if case.kernel[1] < 4:
        return f"the kernel has {case.kernel[1]} rows, fewer than 4"
    if case.stride[1:] != (1, 1):
        return "rows or columns are strided"
    if case.out[1] == 1:
        return "there is one row of outputs"
    return _stencil_declines(case)


def _fast_fir_cost(case):
    """The sums of each point, which are stored and loaded again, and the differences of rows."""
    levels, kernel_rows = fast_fir(case.kernel[1])
    height = _ceil(case.out[1], 1 << levels)
    sums = 1.1 * sum(_stencil_sums(case, height, [taps]) for taps in kernel_rows)
    rows = (height << levels) + case.kernel[1] - 1
    columns = _ceil(case.out[2] + case.kernel[2] * case.dilation[2], case.lanes)
    subtracting = 5 * levels * _joined(case) * case.ic * rows * columns
    return _blocks_cost(case, sums, subtracting + _copy_cost(case, rows), kernel_rows) * _ROUNDING


def _separable_declines(case):
    """Two axes or more of a kernel of one channel; a window fits a strip; and weights have factors."""
    if case.ic != 1:
        return f"a filter sees {case.ic} channels, not one"
    if sum(k > 1 for k in case.kernel) < 2:
        return "the kernel has one axis"
    if case.out[1] == 1:
        return "there is one row of outputs"
    vector, (height, width) = case.lanes * case.nv, case.kernel[1:]
    classes, copied, summed = _row_classes(case), vector * width, vector
    copied = min(copied, (width - 1) * case.dilation[2] + case.stride[2] * vector)
    summed *= classes * (case.rows - 1) + height + case.oc * (1 + case.kernel[0]) * case.rows
    if max(16 * copied, summed) * _joined(case) * case.item > STRIPS["stencil"] // 2:
        return "the window is too large to be copied to cache"
    return case.unfit


def _separable_cost(case):
    """A sum along each row that a block of outputs meets, and of the results down columns and through depths."""
    classes, (depth, height, width) = _row_classes(case), case.kernel
    vectors = _ceil(case.out[2], case.lanes)
    blocks = _ceil(case.out[1], min(4 * height + 32, case.out[1]))
    rows = classes * (case.out[1] - blocks) + blocks * height
    line = case._replace(kernel=(1, height, 1))
    down = _stencil_sums(line, case.out[1], [_ceil(height - n, classes) for n in range(classes)])
    # Channels of groups that share no strip come and go one by one.
    together = _joined(case)
    apart = case.lanes if case.channels_last and case.groups > together == 1 else 0
    load = (1 + case.lanes * case.item / _LINE) / 2  # most of them begin anywhere in a line of cache
    plane = rows * vectors * (width * load + 3 + 1.5 * apart) + down
    planes = depth if case.dilation[0] > 1 else min(case.stride[0], depth)
    through = case.out[1] * vectors * ((2 * depth + 3 if depth > 1 else 0) + 2 * apart)
    read = _copy_cost(case._replace(kernel=(1, height, width)), rows)
    copying = planes * (1 if together > 1 else case.oc) * read
    return _blocks_cost(case, planes * plane + through, copying, ()) * _ROUNDING


def _fft_declines(case):
    """Floating-point numbers: any kernel, strided or not."""
    return "" if case.kind == "f" else "its transforms are not exact for integers"


def _fft_unasked(case):
    """Small windows are faster by other algorithms; and weights may take far more memory than as they came."""
    least = _RUN if fourier.is_signal(case) else _WINDOW
    if case.taps < least:
        return f"windows of fewer than {least} taps are not worth transforms"
    if fourier.spectra_bytes(case) > fourier.MOST_SPECTRA:
        return f"transformed weights would take more than {fourier.MOST_SPECTRA >> 20} MiB"
    return ""


def _lines_unasked(case):
    """Few channels have points at which whole numbers stay whole, however short their sums are.

    Not so signals: their short sums should not depend by a bit on what is still to come.
    """
    signal = case.out[:2] == (1, 1)
    return "" if case.ic < WHOLE_LINES and case.oc >= _MANY and not signal else _rounding_unasked(case)


ALGORITHMS = (
    Algorithm(
        "winograd",
        "3 x 3 and 5 x 5 kernels of many channels: fewer products",
        _winograd_declines,
        _winograd_cost,
        _rounding_unasked,
    ),
    Algorithm(
        "winograd_1d",
        "kernels of many terms that have taps next to each other along an axis: fewer products",
        _lines_declines,
        _lines_cost,
        _lines_unasked,
    ),
    Algorithm(
        "stencil",
        "few filters: lanes are pixels of a row, rows of the input serve many kernel rows",
        _stencil_declines,
        _stencil_cost,
    ),
    Algorithm(
        "fast_fir",
        "few filters of many rows: sums over every other row that two rows of outputs have in common",
        _fast_fir_declines,
        _fast_fir_cost,
    ),
    Algorithm(
        "separable",
        "filters whose weights are products of a factor for each axis: a sum along each axis",
        _separable_declines,
        _separable_cost,
    ),
    Algorithm(
        "fft",
        "the largest windows: Fourier transforms of tiles",
        _fft_declines,
        lambda case: fourier.cost(case) * _ROUNDING,
        _fft_unasked,
    ),
    Algorithm("grouped", "groups of few channels: lanes are channels of many groups", _grouped_declines, _grouped_cost),
    Algorithm("direct", "every convolution; no copy of the input, exact sums", lambda case: "", _direct_cost),
)
"""All algorithms.  "auto" takes the one of least cost among those that do not decline."""

TRANSFORMING = ("winograd", "winograd_1d", "fft")
"""Those that round on their way, and cannot take weights that are not finite."""

PREPARING = (*TRANSFORMING, "separable")
"""Those whose weights take long to be packed."""


def choose(function, wanted, case):
    """The algorithm for a case, and what was said of each.

    Parameters
    ----------
    function : str
        For messages.
    wanted : str
        A name, or ``"auto"``.
    case : Case

    Returns
    -------
    taken : str
    considered : list of (str, str)

    Raises
    ------
    ValueError
        If `wanted` declines.
    """
    if case.size[:2] == case.out[:2] == (1, 1):
        # A signal may still be coming in: its length must not decide the order of sums.  Fourier transforms of many
        # channels, which round in an order of their own anyway, would not pay for short ones.
        if case.ic > _FEW or case.ic * case.oc > _FEW**2:
            case = case._replace(length=case.pixels)
        reach = (case.kernel[2] - 1) * case.dilation[2] + 1
        size = (1, 1, (_SIGNAL - 1) * case.stride[2] + reach)
        case = case._replace(size=size, out=(1, 1, _SIGNAL), before=(0, 0, 0))
    reasons = {a.name: a.declines(case) for a in ALGORITHMS}
    if wanted != "auto" and reasons[wanted]:
        raise ValueError(f"{function}: algorithm={wanted!r} cannot serve this call: {reasons[wanted]}; use 'auto'")
    if wanted == "auto":
        reasons = {a.name: reasons[a.name] or a.unasked(case) for a in ALGORITHMS}
    costs = {a.name: 1 + a.cost(case) for a in ALGORITHMS if wanted == "auto" and not reasons[a.name]}
    taken = min(costs, key=costs.get) if wanted == "auto" else wanted
    considered = []
    for a in ALGORITHMS:
        said = reasons[a.name]
        if a.name == taken:
            said = f"taken: {a.purpose}"
        elif not said and wanted != "auto":
            said = "passed over: another one was asked for"
        elif not said:
            said = f"would take about {costs[a.name] / costs[taken]:.1f} times as long"
        considered.append((a.name, said))
    return taken, considered
