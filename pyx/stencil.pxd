# Few output channels in planes: the lanes of a tile are pixels of a row, its rows are output rows of
# one channel, so that a row of the input that is loaded once serves all kernel rows that meet it.
#
# A block is a rectangle of outputs of the channels of a group.  What it reads, padding included, is
# copied to a strip in scratch memory, as few planes (channels and depths) at a time as the cache
# holds; the sums go on from one part to the next.  In the strip, rows that one segment of kernel
# rows meets follow each other, and pixels that one column meets are neighbours, for every stride
# and dilation:
#
#     stride 2, kernel of 5 rows     rows 0 2 4 6 8 ... of the input     kernel rows 0 2 4: a class
#                                    rows 1 3 5 7 ...                    kernel rows 1 3: another
#
# With dilation, a block's output rows lie `apart`, so that they meet the same input rows.
from libc.string cimport memset

from geometry cimport CONSTANT, Geometry, Job, ceil_div, kernel_rows, source_index
from kernel_table cimport CLAMP, MAX_STENCIL_HEIGHT, Gather, Segment, Stencil

cdef enum:
    STRIP = 1 << 19                 # bytes of a strip: half of a usual second-level cache
    SEGMENTS = 1 << 14              # of a strip's planes
    COLUMNS = 1 << 13               # bytes of an output row of a block
    LONG = 64                       # terms of a sum that takes longer than a line of memory takes to come
    ROWS = 64                       # output rows of a block, at most
    FEW_ROWS = 16                   # and at least, unless a plane is too large


cdef struct Strip:
    Py_ssize_t rows                 # output rows of a block; they
    Py_ssize_t apart                # are so many apart,
    Py_ssize_t step                 # and rows of the strip so many input rows
    Py_ssize_t cycle                # kernel rows of a class are so many apart
    Py_ssize_t classes
    Py_ssize_t parts                # of a row: remainders of columns divided by the stride, or,
    bint by_column                  # if that is shorter, one for each column of the kernel
    Py_ssize_t length               # elements of a part
    Py_ssize_t row                  # bytes
    Py_ssize_t plane


cdef inline Strip strip_of(const Job* job, Py_ssize_t rows, Py_ssize_t columns) noexcept nogil:
    """The strip of a block of so many outputs."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t a = g.stride[1], b = g.dilation[1], reach = (g.kernel[2] - 1) * g.dilation[2]
    cdef Py_ssize_t lanes = job.kernels.lanes
    cdef Strip s
    while b > 0:
        a, b = b, a % b
    s.apart = g.dilation[1] // a
    s.cycle = g.stride[1] // a
    s.step = s.cycle * g.dilation[1]
    s.classes = min(s.cycle, g.kernel[1])
    s.rows = rows
    # Whole vectors are loaded, beginning at each column that the kernel meets.
    columns = ceil_div(columns, lanes) * lanes
    s.parts = min(g.stride[2], reach + 1)
    s.length = ceil_div(columns + reach // g.stride[2], lanes) * lanes
    s.by_column = g.kernel[2] * columns < s.parts * s.length
    if s.by_column:
        s.parts, s.length = g.kernel[2], columns
    # An odd number of lines: rows do not meet in the same sets of the cache.
    s.row = (ceil_div(s.parts * s.length * job.kernels.item, 64) | 1) * 64
    s.plane = (s.classes * (rows - 1) + g.kernel[1]) * s.row
    return s


cdef inline Py_ssize_t run_width(const Job* job) noexcept nogil:
    """If there is one row of outputs, the rows of a tile are runs of it, of so many elements; else 0."""
    return job.kernels.lanes * job.kernels.nv if job.g.out[1] == 1 else 0


cdef inline Py_ssize_t segment_height(const Job* job) noexcept nogil:
    return 1 if run_width(job) > 0 else job.kernels.stencil_height


cdef inline Py_ssize_t class_height(const Geometry* g, const Strip* s, Py_ssize_t n) noexcept nogil:
    """Kernel rows of a class."""
    return ceil_div(g.kernel[1] - n, s.cycle)


cdef inline Py_ssize_t plane_segments(const Job* job, const Strip* s) noexcept nogil:
    cdef Py_ssize_t n, count = 0
    for n in range(s.classes):
        count += ceil_div(class_height(&job.g, s, n), segment_height(job))
    return count * job.g.kernel[2]


cdef inline void cut_blocks(Job* job) noexcept nogil:
    """Rows and columns of a block, and planes of a strip."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t width = job.kernels.lanes * job.kernels.nv
    cdef Py_ssize_t most = (ROWS if run_width(job) > 0 else 1) * COLUMNS // job.kernels.item
    cdef Py_ssize_t planes = g.ic * g.kernel[0]
    cdef Strip s = strip_of(job, 1, 1)
    cdef Py_ssize_t rows = ceil_div(g.out[1], s.apart), columns, limit
    columns = even_part(g.out[2], most, width)
    job.rectangle[0] = min(rows, ROWS)
    # All planes of some rows, if the strip holds them; else some planes.
    while job.rectangle[0] > FEW_ROWS and planes * strip_of(job, job.rectangle[0], columns).plane > STRIP:
        job.rectangle[0] = even_part(rows, job.rectangle[0] - 1, job.kernels.stencil_rows)
    while strip_of(job, job.rectangle[0], columns).plane > (STRIP if planes == 1 else STRIP // 2):
        if columns > width:
            columns = even_part(g.out[2], columns - 1, width)
        elif job.rectangle[0] > 1:
            job.rectangle[0] = job.rectangle[0] // 2
        else:
            break
    job.rectangle[1] = columns
    s = strip_of(job, job.rectangle[0], columns)
    limit = max(min(STRIP // s.plane, SEGMENTS // plane_segments(job, &s)), 1)
    job.planes = ceil_div(planes, ceil_div(planes, limit))
    job.rectangle[0] = min(even_part(rows, job.rectangle[0], 1), job.rectangle[0])
    job.tiles = (g.batch * g.groups * g.out[0] * min(s.apart, g.out[1])
                 * ceil_div(rows, job.rectangle[0]) * ceil_div(g.out[2], job.rectangle[1]))


cdef inline Py_ssize_t even_part(Py_ssize_t n, Py_ssize_t most, Py_ssize_t of) noexcept nogil:
    """The largest of nearly equal parts of n, of at most `most`, if it may be: a multiple of `of`, or n."""
    cdef Py_ssize_t part = ceil_div(n, ceil_div(n, max(most, 1)))
    part = ceil_div(part, of) * of
    if part > most:
        part = max(most // of * of, of)
    return min(part, n)


cdef inline Py_ssize_t stencil_scratch(const Job* job) noexcept nogil:
    """What the strip holds, segments, the strip, and behind it what the last vector may read too much."""
    cdef Strip s = strip_of(job, job.rectangle[0], job.rectangle[1])
    return (job.g.kernel[0] * <Py_ssize_t> sizeof(Py_ssize_t)
            + job.planes * plane_segments(job, &s) * <Py_ssize_t> sizeof(Segment)
            + job.planes * s.plane + job.kernels.lanes * job.kernels.nv * job.kernels.item + 64)


cdef struct Block:                  # a rectangle of outputs of a group of a sample, and where they are
    Py_ssize_t plane                # number of all that follows but the depth
    Py_ssize_t od
    Py_ssize_t oh
    Py_ssize_t ow
    Py_ssize_t rows
    Py_ssize_t columns
    const char* x                   # the group's input
    char* y                         # the first output
    const char* weights
    const char* bias


cdef inline Block block_of(const Job* job, const Strip* s, Py_ssize_t n) noexcept nogil:
    """Block n: depths follow each other, then columns, rows, groups and samples."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t item = job.kernels.item
    cdef Py_ssize_t across = ceil_div(g.out[2], job.rectangle[1])
    cdef Py_ssize_t down = ceil_div(ceil_div(g.out[1], s.apart), job.rectangle[0])
    cdef Py_ssize_t apart = min(s.apart, g.out[1])
    cdef Py_ssize_t group, sample
    cdef Block b
    b.plane = n // g.out[0]
    b.od = n % g.out[0]
    n = b.plane
    b.ow = n % across * job.rectangle[1]
    n = n // across
    b.oh = n % down * job.rectangle[0] * s.apart
    n = n // down
    b.oh += n % apart
    n = n // apart
    group = n % g.groups
    sample = n // g.groups
    b.rows = max(min(job.rectangle[0], ceil_div(g.out[1] - b.oh, s.apart)), 0)
    b.columns = min(job.rectangle[1], g.out[2] - b.ow)
    b.x = job.x.data + sample * job.x.batch + group * g.ic * job.x.channel
    b.y = (job.y.data + sample * job.y.batch + group * g.oc * job.y.channel + b.od * job.y.axis[0]
           + b.oh * job.y.axis[1] + b.ow * job.y.axis[2])
    b.weights = job.weights + group * job.blocks.group_items * item
    b.bias = job.bias + group * job.blocks.bias_items * item
    return b


cdef inline void stencil_unit(const Job* job, Py_ssize_t unit, char* scratch) noexcept nogil:
    """Computes a unit: some blocks.  What the strip holds of the block before is not copied again."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t item = job.kernels.item, planes = g.ic * g.kernel[0]
    cdef Strip s = strip_of(job, job.rectangle[0], job.rectangle[1])
    cdef Py_ssize_t* held = <Py_ssize_t*> scratch
    cdef Segment* segments = <Segment*> (held + g.kernel[0])
    cdef char* strip = <char*> (segments + job.planes * plane_segments(job, &s))
    cdef Py_ssize_t n, k, f, first, count
    # Where blocks are as wide as the output, zeros at their sides stay from one to the next, and if they
    # are as high, those above and below; in so many rows.
    cdef Py_ssize_t clear = 0
    cdef bint wide = (g.pad_mode == CONSTANT and g.kernel[0] == 1 and g.out[0] == 1
                      and job.rectangle[1] == g.out[2])
    cdef bint whole = wide and s.apart == 1 and job.rectangle[0] == g.out[1]
    cdef Py_ssize_t plane = -1, listed = -1
    cdef Block b
    cdef Stencil t
    strip += 64 - <Py_ssize_t> strip % 64
    t.segments = segments
    t.a_row = s.cycle * g.ic * item
    t.prefetch = job.blocks.terms >= LONG
    for n in range(unit * job.unit_tiles, min((unit + 1) * job.unit_tiles, job.tiles)):
        b = block_of(job, &s, n)
        if b.rows == 0:
            continue
        first = 0
        while first < planes:
            count = min(job.planes, planes - first)
            if b.plane != plane or count < planes:
                for k in range(g.kernel[0]):
                    held[k] = -1
                plane = b.plane
            fill_planes(job, &s, &b, first, count, b.rows <= clear, whole and b.rows <= clear, held, strip)
            if listed != b.od or count < planes:
                add_segments(job, &s, b.od, first, count, segments, t.heights)
                listed = b.od
            t.limits = job.limits if first + count == planes else 0
            for f in range(g.oc):
                t.a = b.weights + f * job.blocks.terms * item
                t.init = b.bias + f * item if first == 0 else NULL
                t.b, t.b_row = strip, s.row
                t.c, t.c_row = b.y + f * job.y.channel, s.apart * job.y.axis[1]
                if run_width(job) > 0:
                    cover_runs(job, &t, b.columns)
                else:
                    cover(job, &t, b.rows, b.columns)
                if job.activation > CLAMP and first + count == planes:
                    job.kernels.activate(job.activation, b.y + f * job.y.channel, s.apart * job.y.axis[1],
                                         b.rows, b.columns)
            first += count
        if wide:
            clear = max(clear, b.rows)


cdef inline void cover(const Job* job, Stencil* t, Py_ssize_t rows, Py_ssize_t columns) noexcept nogil:
    """Computes a rectangle by tiles of nearly equal height."""
    cdef Py_ssize_t width = job.kernels.lanes * job.kernels.nv
    cdef Py_ssize_t run = columns // width * width
    cdef Py_ssize_t height = ceil_div(rows, max(ceil_div(rows, job.kernels.stencil_rows), 1))
    cdef const char* b = t.b
    cdef char* c = t.c
    cdef Py_ssize_t h, n
    h = 0
    while h < rows:
        n = min(height, rows - h) - 1
        t.b = b + h * t.b_row
        t.c = c + h * t.c_row
        if run > 0:
            t.count = run // width
            t.lanes = width
            job.kernels.stencil[job.kernels.nv - 1][n](t)
        if columns > run:
            t.b += run * job.kernels.item
            t.c += run * job.kernels.item
            t.count = 1
            t.lanes = columns - run
            job.kernels.stencil[0 if t.lanes <= job.kernels.lanes else 1][n](t)
        h += height


cdef inline void cover_runs(const Job* job, Stencil* t, Py_ssize_t columns) noexcept nogil:
    """Computes a part of a row: runs of a tile's width as if they were rows, and the rest."""
    cdef Py_ssize_t width = run_width(job)
    cdef Py_ssize_t runs = columns // width
    cdef const char* b = t.b
    cdef char* c = t.c
    t.b_row = t.c_row = width * job.kernels.item
    cover(job, t, runs, width)
    t.b = b + runs * t.b_row
    t.c = c + runs * t.c_row
    cover(job, t, 1, columns - runs * width)


cdef inline void add_segments(const Job* job, const Strip* s, Py_ssize_t od, Py_ssize_t first, Py_ssize_t planes,
                              Segment* segments, Py_ssize_t* heights) noexcept nogil:
    """What sums take from the strip: by falling height of the segments, then plane, class, part, column."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t item = job.kernels.item, columns = g.kernel[2]
    cdef Py_ssize_t a_column = kernel_rows(g) * g.ic * item
    cdef Py_ssize_t height, n, k, p, i, d, r, part, parts, start, row, a, b
    cdef Segment* segment = segments
    for height in range(MAX_STENCIL_HEIGHT, 0, -1):
        heights[height - 1] = 0
        for p in range(first, first + planes):
            i, d = p // g.kernel[0], p % g.kernel[0]
            if job.skip_padding and source_depth(g, od, d) < 0:
                continue
            row = 0
            for n in range(s.classes):
                # A class in parts of nearly equal height.
                r = class_height(g, s, n)
                parts = ceil_div(r, segment_height(job))
                for part in range(parts):
                    start = part * r // parts
                    if (part + 1) * r // parts - start != height:
                        continue
                    a = ((d * g.kernel[1] + n + start * s.cycle) * g.ic + i) * item
                    b = (slot_of(job, od, p) - first) * s.plane + (row + start) * s.row
                    for k in range(columns):
                        segment.a = a + k * a_column
                        segment.b = b + column_at(g, s, k) * item
                        segment.terms = height
                        segment += 1
                    heights[height - 1] += columns
                row += s.rows - 1 + r


cdef inline Py_ssize_t column_at(const Geometry* g, const Strip* s, Py_ssize_t k) noexcept nogil:
    """Where column k of the kernel begins in a row of the strip."""
    if s.by_column:
        return k * s.length
    if g.stride[2] == 1:
        return k * g.dilation[2]
    return k * g.dilation[2] % g.stride[2] * s.length + k * g.dilation[2] // g.stride[2]


cdef inline Py_ssize_t source_depth(const Geometry* g, Py_ssize_t od, Py_ssize_t d) noexcept nogil:
    return source_index(od * g.stride[0] - g.before[0] + d * g.dilation[0], g.size[0], g.pad_mode)


cdef inline Py_ssize_t slot_of(const Job* job, Py_ssize_t od, Py_ssize_t p) noexcept nogil:
    """Where in the strip plane p is: if it holds all planes, depths of neighbouring outputs keep their places."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t d = p % g.kernel[0]
    if g.dilation[0] > 1 or job.planes < g.ic * g.kernel[0]:
        return p
    return p - d + (od * g.stride[0] + d) % g.kernel[0]


cdef inline void fill_planes(const Job* job, const Strip* s, const Block* b, Py_ssize_t first, Py_ssize_t planes,
                             bint sides, bint ends, Py_ssize_t* held, char* strip) noexcept nogil:
    """Copies what a block reads of some planes, padding included, unless it is held.

    `sides` and `ends`: zeros are there, beside and above and below the input.
    """
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t p, n, j, d, id, ih, lo, hi, count
    cdef const char* source
    cdef char* to
    for p in range(first, first + planes):
        d = p % g.kernel[0]
        id = slot_of(job, b.od, d)
        # A slot holds a depth of all channels; the last channel says so.
        if held[id] == b.od * g.stride[0] + d * g.dilation[0]:
            continue
        if p + g.kernel[0] >= g.ic * g.kernel[0]:
            held[id] = b.od * g.stride[0] + d * g.dilation[0]
        to = strip + (slot_of(job, b.od, p) - first) * s.plane
        id = source_depth(g, b.od, d)
        if id < 0:
            if not job.skip_padding:
                memset(to, 0, s.plane)
            continue
        source = b.x + p // g.kernel[0] * job.x.channel + id * job.x.axis[0]
        for n in range(s.classes):
            ih = b.oh * g.stride[1] - g.before[1] + n * g.dilation[1]
            count = b.rows - 1 + class_height(g, s, n)
            lo = min(ceil_div(max(-ih, 0), s.step), count)
            hi = max(min(ceil_div(max(g.size[1] - ih, 0), s.step), count), lo)
            fill_rows(job, s, b, source + (ih + lo * s.step) * job.x.axis[1], hi - lo, sides, to + lo * s.row)
            for j in range(count if not ends else 0):
                if lo <= j < hi:
                    continue
                id = source_index(ih + j * s.step, g.size[1], g.pad_mode)
                if id < 0:
                    memset(to + j * s.row, 0, s.row)
                else:
                    fill_rows(job, s, b, source + id * job.x.axis[1], 1, False, to + j * s.row)
            to += (s.rows - 1 + class_height(g, s, n)) * s.row


cdef inline void fill_rows(const Job* job, const Strip* s, const Block* b, const char* source, Py_ssize_t rows,
                           bint sides, char* to) noexcept nogil:
    """Copies what a block reads of some rows, s.step of the input apart."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t item = job.kernels.item
    cdef Py_ssize_t columns = b.columns, before = b.ow * g.stride[2] - g.before[2]
    cdef Py_ssize_t n, i, r, ix, lo, hi, other_lo, other_hi
    cdef bint paired = False
    cdef Gather gather
    if rows == 0:
        return
    if not s.by_column:
        columns += (g.kernel[2] - 1) * g.dilation[2] // g.stride[2]
    gather.columns = 1
    gather.to_column = gather.source_column = 0
    gather.rows = rows
    gather.to_row = s.row
    gather.source_row = s.step * job.x.axis[1]
    gather.source_lane = g.stride[2] * job.x.axis[2]
    if s.parts == g.stride[2] == 2 and not s.by_column:
        # Both parts at once, if they take turns in the input.
        inside_input(g, before, columns, &lo, &hi)
        inside_input(g, before + 1, columns, &other_lo, &other_hi)
        n = 1 + 2 * (other_lo - lo)                 # from the first of one to the first of the other
        paired = hi > lo and hi - lo == other_hi - other_lo and -1 <= n <= 1
        if paired:
            gather.columns = 2
            gather.lanes = hi - lo
            gather.to = to + (lo if n > 0 else s.length + other_lo) * item
            gather.to_column = n * (s.length + other_lo - lo) * item
            gather.source = source + (before + (2 * lo if n > 0 else 1 + 2 * other_lo)) * job.x.axis[2]
            gather.source_column = job.x.axis[2]
            job.kernels.gather(&gather)
            gather.columns = 1
    for n in range(s.parts):
        ix = before + n * (g.dilation[2] if s.by_column else 1)
        inside_input(g, ix, columns, &lo, &hi)
        if hi > lo and not paired:
            gather.to = to + lo * item
            gather.source = source + (ix + lo * g.stride[2]) * job.x.axis[2]
            gather.lanes = hi - lo
            job.kernels.gather(&gather)
        if g.pad_mode == CONSTANT:
            for r in range(rows if lo > 0 and not sides else 0):
                memset(to + r * s.row, 0, lo * item)
            for r in range(rows if hi < columns and not sides else 0):
                memset(to + r * s.row + hi * item, 0, (columns - hi) * item)
        else:
            gather.lanes = 1
            for i in range(columns):
                if not lo <= i < hi:
                    gather.to = to + i * item
                    gather.source = source + source_index(ix + i * g.stride[2], g.size[2], g.pad_mode) * job.x.axis[2]
                    job.kernels.gather(&gather)
        to += s.length * item


cdef inline void inside_input(const Geometry* g, Py_ssize_t ix, Py_ssize_t n, Py_ssize_t* lo,
                              Py_ssize_t* hi) noexcept nogil:
    """Of n columns ix + i * stride, those with i in [lo, hi) are in the input."""
    lo[0] = min(ceil_div(max(-ix, 0), g.stride[2]), n)
    hi[0] = max(min(ceil_div(max(g.size[2] - ix, 0), g.stride[2]), n), lo[0])
