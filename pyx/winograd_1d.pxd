# Winograd's algorithm along one axis, for kernels of any shape: tiles of 6 inputs, m outputs.  What else
# the kernel has, the other axes with their strides and dilations, and taps beyond the first 7 - m in
# groups that meet the tiles behind, is part of a sum.  So are the turns of a strided axis: taps that lie
# a stride apart meet inputs that do, and are a kernel without stride.
#
#     x  ->  V: 6 planes of transformed inputs  ->  M: 6 planes of a block of filters  ->  y
#
# Each plane of M is a convolution of one of V, computed by the direct algorithm, channels-last, whatever the
# layout of the arrays.  Where the weights of a block of filters fit the first-level cache, `fused`, there is
# no M: the six sums of a tile stay in registers until they are outputs.  Lanes are then filters or, if the
# arrays are channels-first, pixels of a row.  A block of tiles stays in scratch memory that the second-level
# cache holds.  Axes are in such an order that the last has many sites: it fills the register tiles.
from libc.string cimport memcpy, memset

from channels_first cimport Parts, find_parts, gather_parts, next_parts
from channels_last cimport (MOST_TILES, Row, Run, channels_last_tiles, cut_rows, in_place, neighbours, output_row,
                            sum_row)
from geometry cimport (CONSTANT, Array, Blocks, Geometry, Job, Lines, Unit, block_width, ceil_div, inside_input,
                       source_index, source_row, tap_term, unit_of)
from kernel_table cimport CLAMP, LINEAR, WHOLE_SCALE, Gather, LineInputs, LineOutputs, LineProducts, Segment
from winograd cimport BLOCK_BYTES, MOST_BYTES, UNITS_PER_THREAD, block_width_bytes, odd_lines, outputs_left, place_tile

cdef enum:
    LINE_POINTS = 6
    LINE_PART = 1 << 9              # terms of a sum that are added up before they are added to others
    WHOLE_CHANNELS = 8              # fewer have whole points
    LINE_AHEAD = 1 << 12            # bytes ahead of which weights are fetched
    LINE_FILTERS = 8                # of a block whose lanes are pixels: beside a panel in the first-level cache
    FUSED_BYTES = 36 << 10          # of the weights of a block of filters, at most
    FAR_OUTPUTS = 1 << 24           # bytes of outputs from which their lines are fetched ahead


cdef inline Py_ssize_t line_outputs(Py_ssize_t taps) noexcept nogil:
    """Outputs of a tile that take the fewest products, for so many taps; groups of taps must not leave gaps."""
    return 5 if taps == 2 else 4 if taps == 3 else 2 if taps == 5 else 3


cdef inline Py_ssize_t line_groups(Py_ssize_t taps) noexcept nogil:
    """Groups of taps of a turn: the first has 7 - m, each further one m more."""
    cdef Py_ssize_t m = line_outputs(taps)
    return 1 + ceil_div(max(taps - 7 + m, 0), m)


cdef inline void line_tap(Py_ssize_t taps, Py_ssize_t tap, Py_ssize_t* group, Py_ssize_t* slot) noexcept nogil:
    """In which group a tap of a turn is, and in what place."""
    cdef Py_ssize_t m = line_outputs(taps)
    group[0] = ceil_div(max(tap - 6 + m, 0), m)
    slot[0] = tap - group[0] * m


cdef inline double line_weight(Py_ssize_t taps, Py_ssize_t slot, Py_ssize_t point, bint whole) noexcept nogil:
    """What the weight in a place is multiplied with for one of the points of kernels/winograd.pxi.

    Whole points: it is divided by the point's distances from the others too; else outputs are.
    """
    cdef double value = WHOLE_SCALE if whole else 1
    cdef double points[5]
    cdef Py_ssize_t _n, k
    if point == 5:
        return value * (slot == 6 - line_outputs(taps))
    points[0] = 0
    points[1] = 1 if whole else 0.5 ** 0.5
    points[3] = 2 * points[1]
    points[2], points[4] = -points[1], -points[3]
    for _n in range(slot):
        value *= points[point]
    for k in range(5 if whole else 0):
        if k != point:
            value /= points[point] - points[k]
    return value


cdef inline Py_ssize_t box_bytes(const Job* job, const Py_ssize_t* box) noexcept nogil:
    """Of V and M, or all outputs, and of what is copied on the way in and out."""
    cdef const Lines* w = &job.lines
    cdef Py_ssize_t inputs = inputs_of(w, box, 0) * inputs_of(w, box, 1) * row_bytes(job, box)
    cdef Py_ssize_t sums = box[0] * box[1] * box[2] * (w.m * sum_row(job) if w.fused
                                                       else LINE_POINTS * block_width_bytes(job))
    return LINE_POINTS * inputs + sums + gathered_bytes(job, box) + outputs_bytes(job, box)


cdef inline Py_ssize_t inputs_of(const Lines* w, const Py_ssize_t* box, Py_ssize_t a) noexcept nogil:
    """Transformed inputs of a block along an axis."""
    cdef const Geometry* g = &w.inner
    return (box[a] - 1) * g.stride[a] + (g.kernel[a] - 1) * g.dilation[a] + 1


cdef inline Py_ssize_t row_bytes(const Job* job, const Py_ssize_t* box) noexcept nogil:
    """Of transformed inputs along the last axis: pixels or, channels first, parts of every stride-th pixel."""
    if job.lines.channels_first:
        return parts_of(&job.g) * part_pixels(&job.g, box[2]) * job.lines.pixel
    return inputs_of(&job.lines, box, 2) * job.lines.pixel


cdef inline Py_ssize_t parts_of(const Geometry* g) noexcept nogil:
    """Remainders of columns divided by the stride."""
    return min(g.stride[2], (g.kernel[2] - 1) * g.dilation[2] + 1)


cdef inline Py_ssize_t part_pixels(const Geometry* g, Py_ssize_t sites) noexcept nogil:
    return sites + (g.kernel[2] - 1) * g.dilation[2] // g.stride[2]


cdef inline void cut_lines(Job* job, Py_ssize_t threads) noexcept nogil:
    """Outputs into tiles, tiles into blocks: as large as cache allows, but enough to busy all threads alike."""
    cdef const Geometry* g = &job.g
    cdef Lines* w = &job.lines
    cdef Py_ssize_t a, n, best, most, blocks
    cdef Py_ssize_t sites[3]
    cdef Py_ssize_t larger[3]
    cdef double inputs, least
    w.phases = min(g.dilation[w.axis], g.out[w.axis])
    w.tiles = ceil_div(ceil_div(g.out[w.axis], w.phases), w.m)
    w.pixel = g.ic * job.kernels.item
    if w.pixel % 1024 == 0:         # rows of a register tile would collide in the first-level cache
        w.pixel += 64
    for a in range(3):
        sites[a] = w.tiles if a == w.axis else g.out[a]
        w.box[a] = 1
    most = min(max(BLOCK_BYTES, 2 * job.kernels.mr * box_bytes(job, w.box)), MOST_BYTES)
    # The last axis as far as it goes, then whichever adds the fewest inputs that others have too.
    n = 1
    w.box[2] = sites[2]
    while w.box[2] > 1 and box_bytes(job, w.box) > most:
        n += 1
        w.box[2] = ceil_div(sites[2], n)
    best = 0
    while best >= 0:
        best = -1
        least = 0
        for a in range(2):
            larger[0], larger[1], larger[2] = w.box[0], w.box[1], w.box[2]
            larger[a] = min(2 * w.box[a], sites[a])
            inputs = <double> inputs_of(w, larger, a) / larger[a]
            inputs *= <double> inputs_of(w, larger, 1 - a) / larger[1 - a]
            if larger[a] > w.box[a] and box_bytes(job, larger) <= most and (best < 0 or inputs < least):
                best, least = a, inputs
        if best >= 0:
            w.box[best] = min(2 * w.box[best], sites[best])
    blocks = g.batch * w.phases * g.groups
    inputs = <double> w.pixel
    for a in range(3):
        w.boxes[a] = ceil_div(sites[a], w.box[a])
        blocks *= w.boxes[a]
        inputs *= sites[a] * g.stride[a]
    # Where there are more weights than inputs, filters are divided instead, if they can be.
    if (blocks % threads > 0 and blocks < UNITS_PER_THREAD * threads
            and (inputs > weights_of_a_plane(job) or job.blocks.count < threads)):
        a = 0
        # Pixels of a row stay together in whole tiles.
        for n in range(1, 2 if w.channels_first and w.box[2] <= job.kernels.nv * job.kernels.lanes else 3):
            if w.box[n] - w.inner.kernel[n] * w.inner.dilation[n] > w.box[a] - w.inner.kernel[a] * w.inner.dilation[a]:
                a = n
        blocks = blocks // w.boxes[a]
        w.boxes[a] = min(ceil_div(ceil_div(blocks * w.boxes[a], threads) * threads, blocks), sites[a])
    job.tiles = g.batch * w.phases
    for a in range(3):
        w.box[a] = ceil_div(sites[a], w.boxes[a])
        if w.channels_first and a == 2:
            w.box[a] = ceil_div(w.box[a], job.kernels.lanes) * job.kernels.lanes
        w.boxes[a] = ceil_div(sites[a], w.box[a])
        w.inputs[a] = inputs_of(w, w.box, a)
        job.tiles *= w.boxes[a]
    w.input_plane = w.inputs[0] * w.inputs[1] * row_bytes(job, w.box)
    if w.channels_first:            # whole vectors are read
        w.input_plane += job.kernels.nv * job.kernels.lanes * job.kernels.item
    w.input_plane = odd_lines(w.input_plane)
    w.sums_plane = 0 if w.fused else odd_lines(w.box[0] * w.box[1] * w.box[2] * block_width_bytes(job))
    job.tiles_at_once = 1


cdef inline double weights_of_a_plane(const Job* job) noexcept nogil:
    """Bytes."""
    return <double> job.blocks.group_items * job.kernels.item


cdef inline Py_ssize_t positions_of(const Job* job, Py_ssize_t inputs) noexcept nogil:
    """Input positions, a dilation apart, that so many transformed inputs along the axis are made of."""
    cdef Py_ssize_t s = job.g.stride[job.lines.axis], last = inputs - 1
    return (last // s * job.lines.m + LINE_POINTS - 1) * s + min(last, s - 1) + 1


cdef inline Py_ssize_t gathered_bytes(const Job* job, const Py_ssize_t* box) noexcept nogil:
    """Of inputs of a block that are copied before they are transformed."""
    cdef const Lines* w = &job.lines
    return positions_of(job, inputs_of(w, box, w.axis)) * (row_bytes(job, box) if w.axis == 1 else w.pixel)


cdef inline Py_ssize_t outputs_bytes(const Job* job, const Py_ssize_t* box) noexcept nogil:
    """Of outputs of a block that have to be taken to channels that lie apart."""
    return box[0] * box[1] * box[2] * job.lines.m * block_width_bytes(job) if job.scattered else 0


cdef inline Py_ssize_t panel_bytes(const Job* job) noexcept nogil:
    """Of what a tile of lanes meets, channels first."""
    cdef Py_ssize_t row = job.kernels.nv * job.kernels.lanes * job.kernels.item
    return LINE_POINTS * job.blocks.terms * row if job.lines.channels_first else 0


cdef inline Py_ssize_t lines_scratch(const Job* job) noexcept nogil:
    cdef const Lines* w = &job.lines
    cdef Py_ssize_t positions = w.inner.kernel[0] * w.inner.kernel[1] * w.inner.kernel[2]
    return (LINE_POINTS * (w.input_plane + w.sums_plane) + gathered_bytes(job, w.box) + outputs_bytes(job, w.box)
            + panel_bytes(job) + 6 * 64
            + MOST_TILES * (<Py_ssize_t> sizeof(Run) + positions * <Py_ssize_t> sizeof(Segment)))


cdef inline Py_ssize_t lines_flags(const Job* job) noexcept nogil:
    cdef const Geometry* g = &job.g
    cdef const Lines* w = &job.lines
    return (g.groups * g.batch * g.out[0] * (g.out[1] if w.axis == 2 else g.out[2]) * w.phases * w.tiles)


cdef struct Box:                    # a block of tiles, and where a thread keeps what belongs to it
    Py_ssize_t group
    Py_ssize_t sample
    Py_ssize_t phase
    Py_ssize_t first[3]             # sites
    Py_ssize_t sites[3]
    Py_ssize_t inputs[3]
    char* inputs_at                 # V
    char* sums                      # M
    char* gathered
    char* outputs
    char* panel                     # channels first
    char* scratch                   # of the direct algorithm


cdef inline char* next_line(char* p) noexcept nogil:
    return p + (64 - <Py_ssize_t> p % 64) % 64


cdef inline void lines_unit(const Job* job, Py_ssize_t unit, char* scratch) noexcept nogil:
    """Computes a unit: some blocks of filters for blocks of tiles."""
    cdef const Lines* w = &job.lines
    cdef Unit u = unit_of(job, unit)
    cdef Py_ssize_t n, a, rest
    cdef Box b
    b.group = u.group
    b.inputs_at = next_line(scratch)
    b.sums = b.inputs_at + LINE_POINTS * w.input_plane
    b.gathered = b.sums + LINE_POINTS * w.sums_plane
    b.outputs = next_line(b.gathered + gathered_bytes(job, w.box))
    b.panel = next_line(b.outputs + outputs_bytes(job, w.box))
    b.scratch = next_line(b.panel + panel_bytes(job))
    for n in range(u.tile, u.tile_end):
        rest = n
        for a in range(2, -1, -1):
            b.first[a] = rest % w.boxes[a] * w.box[a]
            b.sites[a] = min(w.box[a], (w.tiles if a == w.axis else job.g.out[a]) - b.first[a])
            b.inputs[a] = inputs_of(w, b.sites, a)
            rest = rest // w.boxes[a]
        b.phase = rest % w.phases
        b.sample = rest // w.phases
        transform_box(job, &b)
        multiply_box(job, &b, u.block, u.block_end)


cdef inline void gather_line(const Job* job, const char* x, Py_ssize_t first, Py_ssize_t step, Py_ssize_t n,
                             char* to) noexcept nogil:
    """n pixels along the last axis, `step` apart, from `first` on, inside or outside of the input."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t lo = min(ceil_div(-first, step), n) if first < 0 else 0
    cdef Py_ssize_t hi = max(min(ceil_div(g.size[2] - first, step), n), lo) if first < g.size[2] else lo
    cdef Py_ssize_t j
    cdef Gather gather
    gather.to, gather.to_row, gather.to_column = to + lo * job.lines.pixel, job.lines.pixel, 0
    gather.source, gather.source_row = x + (first + lo * step) * job.x.axis[2], step * job.x.axis[2]
    gather.source_lane, gather.source_column = job.x.channel, 0
    gather.columns, gather.rows, gather.lanes = 1, hi - lo, g.ic
    if neighbours(job) and gather.source_row == job.lines.pixel and hi > lo:
        memcpy(gather.to, gather.source, (hi - lo) * job.lines.pixel)
    elif hi > lo:
        job.kernels.gather(&gather)
    if g.pad_mode == CONSTANT:
        memset(to, 0, lo * job.lines.pixel)
        memset(to + hi * job.lines.pixel, 0, (n - hi) * job.lines.pixel)
        return
    gather.rows = 1
    for j in range(n):
        if not lo <= j < hi:
            gather.to = to + j * job.lines.pixel
            gather.source = x + source_index(first + j * step, g.size[2], g.pad_mode) * job.x.axis[2]
            job.kernels.gather(&gather)


cdef inline void copy_parts(const Job* job, const Box* b, const char* x, Py_ssize_t first, char* to) noexcept nogil:
    """What a row of sites meets of an input row, channels first."""
    cdef Py_ssize_t pixels = part_pixels(&job.g, b.sites[2]), part = pixels * job.lines.pixel
    cdef Parts p
    find_parts(job, first, parts_of(&job.g), pixels, job.g.ic, part, &p)
    while next_parts(job, &p):
        gather_parts(job, &p, x, to + p.first * part)


cdef inline void transform_box(const Job* job, const Box* b) noexcept nogil:
    """Transforms all inputs of a block: for each position along the first axis, and, if it is no tiles, the second."""
    cdef const Geometry* g = &job.g
    cdef const Lines* w = &job.lines
    cdef Py_ssize_t t = w.axis, i, j, at, row_size = row_bytes(job, b.sites)
    cdef Py_ssize_t first[3]
    cdef const char* x
    cdef const char* row
    cdef const char* sample = job.x.data + b.sample * job.x.batch + b.group * g.ic * job.x.channel
    cdef char* to = b.inputs_at
    for i in range(3):
        first[i] = b.first[i] * g.stride[i] - g.before[i]
    first[t] = b.phase + b.first[t] * w.m * g.stride[t] * g.dilation[t] - g.before[t]
    for i in range(b.inputs[0]):
        at = source_index(first[0] + i, g.size[0], g.pad_mode)
        x = NULL
        if at >= 0:
            x = sample + at * job.x.axis[0]
        if t == 1:
            transform_rows(job, b, x, first[1], first[2], to)
            to += b.inputs[1] * row_size
            continue
        for j in range(b.inputs[1]):
            at = source_index(first[1] + j, g.size[1], g.pad_mode)
            row = NULL
            if x != NULL and at >= 0:
                row = x + at * job.x.axis[1]
            transform_row(job, b, row, first[2], to)
            to += row_size


cdef inline void clear_inputs(const Job* job, char* to, Py_ssize_t n) noexcept nogil:
    """What zeros are transformed to."""
    cdef Py_ssize_t point
    for point in range(LINE_POINTS):
        memset(to + point * job.lines.input_plane, 0, n)


cdef inline void transform_rows(const Job* job, const Box* b, const char* x, Py_ssize_t first, Py_ssize_t column,
                                char* to) noexcept nogil:
    """Tiles along the second axis: the inputs of a row are transformed together.  NULL: zeros."""
    cdef const Geometry* g = &job.g
    cdef const Lines* w = &job.lines
    cdef Py_ssize_t item = job.kernels.item, n = b.inputs[2], d = g.dilation[1], s = g.stride[1], j, at
    cdef Py_ssize_t rows = positions_of(job, b.inputs[1]), row_size = row_bytes(job, b.sites), row
    cdef const char* source
    cdef LineInputs t
    if x == NULL:
        clear_inputs(job, to, b.inputs[1] * row_size)
        return
    if (not w.channels_first and neighbours(job) and first >= 0 and first + (rows - 1) * d < g.size[1]
            and column >= 0 and column + n <= g.size[2]):
        source = x + first * job.x.axis[1] + column * job.x.axis[2]
        row, t.source_next = d * job.x.axis[1], job.x.axis[2]
    else:
        for j in range(rows):
            at = source_index(first + j * d, g.size[1], g.pad_mode)
            if at < 0:
                memset(b.gathered + j * row_size, 0, row_size)
            elif w.channels_first:
                copy_parts(job, b, x + at * job.x.axis[1], column, b.gathered + j * row_size)
            else:
                gather_line(job, x + at * job.x.axis[1], column, 1, n, b.gathered + j * row_size)
        source, row, t.source_next = b.gathered, row_size, w.pixel
    t.elements, t.count, t.whole = g.ic, n, w.whole
    if t.source_next == w.pixel and w.pixel == g.ic * item:
        t.elements, t.count = row_size // item, 1
    t.source_tap = s * row
    t.to, t.to_plane, t.to_next = to, w.input_plane, w.pixel
    for j in range(b.inputs[1]):
        t.source = source + (j // s * w.m * s + j % s) * row
        job.kernels.transform_input_lines(&t)
        t.to += row_size


cdef inline void transform_row(const Job* job, const Box* b, const char* x, Py_ssize_t first,
                               char* to) noexcept nogil:
    """Tiles along the last axis."""
    cdef const Geometry* g = &job.g
    cdef const Lines* w = &job.lines
    cdef Py_ssize_t pixels = positions_of(job, b.inputs[2]), d = g.dilation[2], s = g.stride[2], pixel, turn
    cdef const char* source
    cdef LineInputs t
    if x == NULL:
        clear_inputs(job, to, b.inputs[2] * w.pixel)
        return
    if neighbours(job) and first >= 0 and first + (pixels - 1) * d < g.size[2]:
        source, pixel = x + first * job.x.axis[2], d * job.x.axis[2]
    else:
        gather_line(job, x, first, d, pixels, b.gathered)
        source, pixel = b.gathered, w.pixel
    t.source_tap, t.source_next = s * pixel, w.m * s * pixel
    t.to_plane, t.to_next = w.input_plane, s * w.pixel
    t.elements, t.whole = g.ic, w.whole
    for turn in range(min(s, b.inputs[2])):
        t.source, t.to, t.count = source + turn * pixel, to + turn * w.pixel, ceil_div(b.inputs[2] - turn, s)
        job.kernels.transform_input_lines(&t)


cdef inline Job inner_job(const Job* job, const Box* b, Py_ssize_t q) noexcept nogil:
    """The products of one plane and one block of filters, as a convolution of V to M."""
    cdef const Lines* w = &job.lines
    cdef Py_ssize_t width = block_width(&job.blocks, q), a
    cdef Job p = job[0]
    p.g = w.inner
    p.g.oc = q * job.blocks.step + width        # whole vectors
    p.x.data, p.x.channel = b.inputs_at, job.kernels.item
    p.x.axis[2], p.x.axis[1] = w.pixel, row_bytes(job, b.sites)
    p.x.axis[0] = b.inputs[1] * p.x.axis[1]
    p.y.channel, p.y.axis[2] = job.kernels.item, width * job.kernels.item
    for a in range(2, -1, -1):
        p.g.size[a], p.g.out[a] = b.inputs[a], b.sites[a]
        if a < 2:
            p.y.axis[a] = p.g.out[a + 1] * p.y.axis[a + 1]
    p.bias = job.bias + job.g.groups * job.blocks.bias_items * job.kernels.item     # zeros
    p.activation, p.limits, p.scattered, p.colliding = LINEAR, 0, False, False
    p.ahead = LINE_AHEAD
    return p


cdef inline void join_axes(Geometry* g) noexcept nogil:
    """An axis along which the kernel has one position, next to each other, is one with the axis before it."""
    cdef Py_ssize_t a
    for a in range(1, -1, -1):
        if g.kernel[2] > 1 or g.stride[2] > 1 or g.stride[a] > 1 or (a == 0 and g.kernel[1] > 1):
            break
        g.out[2] *= g.out[a]
        g.size[2] = g.out[2]
        g.out[a], g.size[a] = 1, (g.kernel[a] - 1) * g.dilation[a] + 1


cdef inline void multiply_box(const Job* job, const Box* b, Py_ssize_t q, Py_ssize_t end) noexcept nogil:
    """Outputs of a block of tiles for blocks [q, end) of filters."""
    cdef const Lines* w = &job.lines
    cdef Py_ssize_t item = job.kernels.item, point
    cdef Job p
    cdef Unit u
    cdef char* sums
    if w.channels_first:
        p = inner_job(job, b, q)
        finish_pixels(job, b, q, end, &p)
        return
    for q in range(q, end):
        p = inner_job(job, b, q)
        if w.fused:
            finish_box(job, b, q, &p)
            continue
        join_axes(&p.g)
        cut_rows(&p)
        sums = b.sums - q * job.blocks.step * item      # where block 0 would be
        u.group, u.tile, u.tile_end, u.block, u.block_end = 0, 0, p.tiles, q, q + 1
        for point in range(LINE_POINTS):
            p.x.data = b.inputs_at + point * w.input_plane
            p.y.data = sums + point * w.sums_plane
            p.weights = weights_of(job, b, 0) + point * weights_plane(job)
            channels_last_tiles(&p, &u, b.scratch)
        finish_box(job, b, q, NULL)


cdef inline LineProducts products_of(const Job* job, const Box* b, Py_ssize_t q, const Job* inner) noexcept nogil:
    """Products of the first tile of a block, whose lanes are filters; all tiles meet inputs alike."""
    cdef Py_ssize_t item = job.kernels.item
    cdef LineProducts p
    cdef Row row = output_row(inner, 0, 0)
    cdef Run run
    run.pixels = b.sites[2]
    run.segments = <Segment*> b.scratch
    in_place(inner, &inner.chunks[0], &row, 0, &run)
    p.segments, p.n_segments = run.segments, run.n_segments
    p.a, p.a_plane, p.a_next, p.a_term = run.a, job.lines.input_plane, run.a_row, item
    p.b, p.b_plane = weights_of(job, b, q), weights_plane(job)
    p.bias_next, p.bias_vector, p.flags_next, p.flags_lane = 0, job.kernels.lanes * item, 1, 0
    return p


cdef inline const char* weights_of(const Job* job, const Box* b, Py_ssize_t q) noexcept nogil:
    """A block of filters for the first point."""
    cdef const Blocks* blocks = &job.blocks
    return job.weights + (b.group * blocks.group_items + q * blocks.step * blocks.terms) * job.kernels.item


cdef inline Py_ssize_t weights_plane(const Job* job) noexcept nogil:
    """Bytes from the weights for a point to those for the next."""
    return job.g.groups * job.blocks.group_items * job.kernels.item


cdef inline Py_ssize_t flag_of(const Job* job, Py_ssize_t group, Py_ssize_t sample, Py_ssize_t phase,
                               Py_ssize_t i, Py_ssize_t j, Py_ssize_t k) noexcept nogil:
    """The number of a tile, from its site."""
    cdef const Geometry* g = &job.g
    cdef const Lines* w = &job.lines
    cdef Py_ssize_t sites = w.phases * w.tiles
    if w.axis == 1:
        return (((group * g.batch + sample) * g.out[0] + i) * sites + phase * w.tiles + j) * g.out[2] + k
    return (((group * g.batch + sample) * g.out[0] + i) * g.out[1] + j) * sites + phase * w.tiles + k


cdef inline void find_outputs(const Job* job, const Box* b, Py_ssize_t q, Py_ssize_t* first, Py_ssize_t* outputs,
                              Array* y, LineOutputs* t) noexcept nogil:
    """What all outputs of a block and of a block of filters have in common, and where they are."""
    cdef const Geometry* g = &job.g
    cdef const Lines* w = &job.lines
    cdef Py_ssize_t a, filter = q * job.blocks.step
    for a in range(3):
        first[a] = b.first[a]
        outputs[a] = b.sites[a]
    first[w.axis] = b.phase + b.first[w.axis] * w.m * g.dilation[w.axis]
    outputs[w.axis] = min(b.sites[w.axis] * w.m, outputs_left(g, w.axis, first[w.axis]))
    y[0] = job.y
    y.data += b.sample * y.batch + (b.group * g.oc + filter) * y.channel
    for a in range(3):
        y.data += first[a] * y.axis[a]
    y.axis[w.axis] *= g.dilation[w.axis]
    t.m, t.limits, t.whole = w.m, job.limits, w.whole
    t.prefetch = g.batch * g.groups * g.oc * g.out[0] * g.out[1] * g.out[2] >= FAR_OUTPUTS // job.kernels.item
    t.channels = min(block_width(&job.blocks, q), g.oc - filter)
    t.c_output = y.axis[w.axis]
    t.bias = job.bias + (b.group * job.blocks.bias_items + filter) * job.kernels.item
    t.sums, t.sums_plane, t.sums_next = b.sums, w.sums_plane, block_width(&job.blocks, q) * job.kernels.item


cdef inline void finish_box(const Job* job, const Box* b, Py_ssize_t q, const Job* inner) noexcept nogil:
    """Transforms the sums of a block of filters to outputs; `inner` computes them, if they are not there."""
    cdef const Lines* w = &job.lines
    cdef Py_ssize_t item = job.kernels.item, i, j, width = block_width(&job.blocks, q), axis = w.axis
    cdef Py_ssize_t outputs[3]
    cdef Py_ssize_t first[3]
    cdef Array y
    cdef LineOutputs t
    cdef LineProducts p
    find_outputs(job, b, q, first, outputs, &y, &t)
    if job.scattered:
        t.prefetch = False
        y.data = b.outputs
        y.axis[2] = width * item
        y.axis[1] = b.sites[2] * (w.m if axis == 2 else 1) * y.axis[2]
        y.axis[0] = b.sites[1] * (w.m if axis == 1 else 1) * y.axis[1]
        t.c_output = y.axis[axis]
    if inner != NULL:
        p = products_of(job, b, q, inner)
    for i in range(b.sites[0]):
        for j in range(b.sites[1]):
            t.c = y.data + i * y.axis[0] + j * y.axis[1] * (w.m if axis == 1 else 1)
            t.flags = job.flags + flag_of(job, b.group, b.sample, b.phase, b.first[0] + i, b.first[1] + j, b.first[2])
            if inner != NULL:
                p.a = inputs_at(inner, i, j)
            if axis == 1:
                t.c_next = y.axis[2]
                finish_line(job, &t, &p, b.sites[2], outputs[1] - j * w.m)
            else:
                t.c_next = w.m * y.axis[2]
                finish_line(job, &t, &p, outputs[2] // w.m, w.m)
                finish_line(job, &t, &p, b.sites[2] - outputs[2] // w.m, outputs[2] % w.m)
    if job.scattered:
        scatter_box(job, b, first, outputs, &y, q, t.channels)


cdef inline const char* inputs_at(const Job* inner, Py_ssize_t i, Py_ssize_t j) noexcept nogil:
    """What a row of tiles meets first."""
    return inner.x.data + i * inner.g.stride[0] * inner.x.axis[0] + j * inner.g.stride[1] * inner.x.axis[1]


cdef inline void finish_line(const Job* job, LineOutputs* t, LineProducts* p, Py_ssize_t count,
                             Py_ssize_t outputs) noexcept nogil:
    """So many tiles with so many outputs; `t` and `p` are then at the tile behind them."""
    cdef Py_ssize_t k
    t.count, t.outputs = count, max(min(outputs, t.m), 0)
    if count == 0:
        return
    if job.lines.fused:
        job.kernels.multiply_lines[t.sums_next // (job.kernels.lanes * job.kernels.item) - 1](p, t)
        p.a += count * p.a_next
    else:
        job.kernels.transform_output_lines(t)
    for k in range(t.outputs if job.activation > CLAMP else 0):
        job.kernels.activate(job.activation, t.c + k * t.c_output, t.c_next, count, t.channels)
    t.sums += count * t.sums_next
    t.c += count * t.c_next
    t.flags += count


cdef inline void finish_pixels(const Job* job, const Box* b, Py_ssize_t block, Py_ssize_t end,
                               const Job* inner) noexcept nogil:
    """Outputs of a block of tiles for blocks [block, end) of filters.  Lanes are pixels of a row.

    What those of a tile of lanes meet is collected in a panel, which all filters use.
    """
    cdef const Lines* w = &job.lines
    cdef Py_ssize_t item = job.kernels.item, lanes = job.kernels.lanes, width = lanes * job.kernels.nv
    cdef Py_ssize_t i, j, k, n, q, site, vectors
    cdef Py_ssize_t outputs[3]
    cdef Py_ssize_t first[3]
    cdef Array y
    cdef LineOutputs t
    cdef LineProducts p
    cdef Segment whole
    cdef char* c
    find_outputs(job, b, 0, first, outputs, &y, &t)
    whole.a, whole.b, whole.terms = 0, 0, job.blocks.terms
    p.segments, p.n_segments = &whole, 1
    p.a_plane, p.a_next = weights_plane(job), item
    p.b = b.panel
    p.bias_next, p.bias_vector, p.flags_next, p.flags_lane = lanes * item, 0, 0, 1
    t.c_next = y.channel
    for i in range(b.sites[0]):
        for j in range(b.sites[1]):
            t.outputs = max(min(outputs[1] - j * w.m, w.m), 0)
            t.flags = job.flags + flag_of(job, b.group, b.sample, b.phase, b.first[0] + i, b.first[1] + j, b.first[2])
            c = y.data + i * y.axis[0] + j * w.m * y.axis[1]
            for n in range(ceil_div(b.sites[2], width)):
                site = n * width
                t.channels = min(width, b.sites[2] - site)
                vectors = ceil_div(t.channels, lanes)
                p.b_plane = job.blocks.terms * vectors * lanes * item
                fill_panel(inner, b, inputs_at(inner, i, j) + site * item, vectors * lanes, p.b_plane)
                for q in range(block, end):
                    p.a, p.a_term = weights_of(job, b, q), block_width(&job.blocks, q) * item
                    t.count = min(block_width(&job.blocks, q), job.g.oc - q * job.blocks.step)
                    t.bias = job.bias + (b.group * job.blocks.bias_items + q * job.blocks.step * lanes) * item
                    t.c = c + q * job.blocks.step * y.channel + site * item
                    job.kernels.multiply_lines[vectors - 1](&p, &t)
                    for k in range(t.outputs if job.activation > CLAMP else 0):
                        job.kernels.activate(job.activation, t.c + k * t.c_output, t.c_next, t.count, t.channels)
                t.flags += width


cdef inline void fill_panel(const Job* inner, const Box* b, const char* inputs, Py_ssize_t lanes,
                            Py_ssize_t plane) noexcept nogil:
    """A row of lanes for each point and term: what neighbouring sites meet."""
    cdef const Geometry* g = &inner.g
    cdef Py_ssize_t item = inner.kernels.item, part = part_pixels(g, b.sites[2]) * item, r, k, column, offset = 0
    cdef Gather t
    t.columns, t.to_column, t.source_column = LINE_POINTS, plane, inner.lines.input_plane
    t.rows, t.to_row, t.source_row = g.ic, lanes * item, part
    t.lanes, t.source_lane = lanes, item
    for r in range(g.kernel[0] * g.kernel[1]):
        source_row(inner, 0, 0, r, &offset)
        for k in range(g.kernel[2]):
            column = k * g.dilation[2]
            t.to = b.panel + tap_term(&inner.blocks, &inner.chunks[0], r, k) * lanes * item
            t.source = inputs + offset + column % g.stride[2] * g.ic * part + column // g.stride[2] * item
            inner.kernels.gather(&t)


cdef inline void scatter_box(const Job* job, const Box* b, const Py_ssize_t* first, const Py_ssize_t* outputs,
                             const Array* source, Py_ssize_t q, Py_ssize_t channels) noexcept nogil:
    """Takes outputs to their channels, a row of the picture at a time."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t item = job.kernels.item, along = 2, axis = job.lines.axis, i, j, step, _channel
    cdef Py_ssize_t others[2]
    cdef const char* from_
    cdef char* to
    cdef Gather t
    cdef Array y = job.y
    for i in range(3):
        if job.axes[i] == 2:
            along = i
        y.data += first[i] * y.axis[i]
    y.data += b.sample * y.batch + (b.group * g.oc + q * job.blocks.step) * y.channel
    y.axis[axis] *= g.dilation[axis]
    others[0], others[1] = (1 if along == 0 else 0), (1 if along == 2 else 2)
    step = y.axis[along]
    t.to_column = t.source_column = 0
    t.columns = 1
    for i in range(outputs[others[0]]):
        for j in range(outputs[others[1]]):
            from_ = source.data + i * source.axis[others[0]] + j * source.axis[others[1]]
            to = y.data + i * y.axis[others[0]] + j * y.axis[others[1]]
            t.source, t.to = from_, to
            if step == item or outputs[along] == 1:
                t.to_row, t.rows, t.lanes = y.channel, channels, outputs[along]
                t.source_row, t.source_lane = item, source.axis[along]
                job.kernels.gather(&t)
                continue
            t.to_row, t.rows, t.lanes = step, outputs[along], 1
            t.source_row, t.source_lane = source.axis[along], item
            for _channel in range(channels):
                job.kernels.gather(&t)
                t.source += item
                t.to += y.channel


cdef inline bint direct_line(const Job* job, Py_ssize_t flag, Geometry* g, Array* x, Array* y) noexcept nogil:
    """A flagged tile as a convolution of its own, which `g` is but for its place; False if it has no outputs."""
    cdef const Lines* w = &job.lines
    cdef Py_ssize_t a, t = w.axis, axis = job.axes[t], rest = flag
    cdef Py_ssize_t first[3]
    for a in range(2, -1, -1):
        if a == t:
            first[a] = rest % w.tiles * w.m * job.g.dilation[a] + rest // w.tiles % w.phases
            rest = rest // (w.tiles * w.phases)
        else:
            first[a] = rest % job.g.out[a]
            rest = rest // job.g.out[a]
    place_tile(job, rest % job.g.batch, rest // job.g.batch, first, g, x, y)
    g.out[axis] = min(w.m, outputs_left(&job.g, t, first[t]))
    y.axis[axis] *= job.g.dilation[t]
    return g.out[axis] > 0
