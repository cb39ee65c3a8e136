# Separable filters: one whose weights are products of a factor for each axis, w[d, h, k] = t[d] u[h] v[k],
# is one sum along the rows, then one down the columns, then one through the depths: of 15 x 15
# weights 30 products, not 225.
#
#     a few rows of the input, padded      strip
#     sums along these rows                `sums`: all rows that a block of outputs meets
#     sums down these columns              `planes`: a block for each depth of a window; without depths
#     sums through these planes                      these and the last are the output
#
# Each is a stencil of its own, whose kernel has one axis.  A block is a rectangle of outputs as in
# stencil.pxd; planes that the next depth needs as well are kept.
from geometry cimport CONSTANT, Geometry, Job, ceil_div, lines_of_y
from kernel_table cimport CLAMP, MAX_STENCIL_HEIGHT, STORED, Segment, Stencil
from stencil cimport LONG, STRIP, add_segments, bias_of, block_of, cover, even_part, scatter, sums_row
from strip cimport Block, Strip, class_height, fill_depth, planes_of, slot_of, source_depth, strip_of

cdef enum:
    COLUMNS = 1 << 13               # bytes of a row of sums of a block,
    NARROW = 4                      # or so many of a tile's widths, if there are
    TALL = 4                        # kernels' heights that are room for,
    LOW = 32                        # rows, if there are
    CHUNK = 16                      # rows of the strip
    FEW_BLOCKS = 2                  # for each thread
    WINDOWS = 4                     # depths of a kernel to a unit, which begins with all planes of one window

cdef struct Pass:                   # one of the sums: its kernel has one axis
    Job job
    Strip strip
    const Segment* segments
    Py_ssize_t heights[MAX_STENCIL_HEIGHT]


cdef inline Py_ssize_t few_blocks(const Job* job) noexcept nogil:
    """Blocks of a unit that are not worth another one."""
    return WINDOWS * job.g.kernel[0] if job.g.kernel[0] > 1 else 1


cdef inline bint deep(const Job* job) noexcept nogil:
    """Whether outputs are sums of several planes, or of none."""
    cdef const Geometry* g = &job.g
    return g.kernel[0] > 1 or source_depth(g, 0, 0) < 0 or source_depth(g, g.out[0] - 1, 0) < 0


cdef inline Py_ssize_t rows_met(const Job* job, const Strip* s, Py_ssize_t rows) noexcept nogil:
    """Rows of a plane that so many output rows meet, class by class."""
    return s.classes * (rows - 1) + job.g.kernel[1]


cdef inline Py_ssize_t block_bytes(const Job* job, Py_ssize_t rows, Py_ssize_t columns) noexcept nogil:
    """What a block keeps beside the strip."""
    cdef Strip s = strip_of(job, rows, columns)
    cdef Py_ssize_t met = rows_met(job, &s, rows), row = sums_row(job, columns)
    cdef Py_ssize_t filters = job.joined * job.g.oc
    return ((filters if job.joined > 1 else 1) * met + (filters * job.g.kernel[0] * rows if deep(job) else 0)
            + (filters * rows if job.scattered else 0)) * row


cdef inline Strip chunk_of(const Job* job, Py_ssize_t columns) noexcept nogil:
    """The strip of some rows of the input that one class of kernel rows meets."""
    cdef Strip s = strip_of(job, 1, columns)
    cdef Job rows = job[0]
    rows.g.kernel[1] = rows.g.dilation[1] = 1
    rows.g.stride[1] = s.step
    return strip_of(&rows, CHUNK, columns)


cdef inline void cut_separable(Job* job, Py_ssize_t threads) noexcept nogil:
    """Rows and columns of a block: high ones, since the rows that neighbours share are summed for each."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t width = job.kernels.lanes * job.kernels.nv
    cdef Py_ssize_t apart = strip_of(job, 1, 1).apart, rows = ceil_div(g.out[1], apart), across, parts
    cdef Py_ssize_t high = min(TALL * g.kernel[1] + LOW, rows)
    cdef Py_ssize_t columns = even_part(g.out[2], COLUMNS // job.kernels.item, width)
    while columns > width and job.joined * chunk_of(job, columns).plane > STRIP // 2:
        columns = even_part(g.out[2], columns - 1, width)
    while columns > NARROW * width and block_bytes(job, high, columns) > STRIP:
        columns = even_part(g.out[2], columns - 1, width)
    while high > 1 and block_bytes(job, high, columns) > STRIP:
        high -= 1
    while columns > width and block_bytes(job, high, columns) > STRIP:
        columns = even_part(g.out[2], columns - 1, width)
    across = g.batch * ceil_div(g.groups, job.joined) * min(apart, g.out[1]) * ceil_div(g.out[2], columns)
    if threads > 1:
        # Depths that are divided among units divide work as well.
        parts = ceil_div(FEW_BLOCKS * threads, across * ceil_div(g.out[0], WINDOWS * g.kernel[0]))
        high = min(high, max(ceil_div(rows, parts), g.kernel[1]))
    job.rectangle[0], job.rectangle[1] = even_part(rows, high, 1), columns
    job.planes = planes_of(job)
    job.tiles = across * g.out[0] * ceil_div(rows, job.rectangle[0])


cdef inline Py_ssize_t separable_scratch(const Job* job) noexcept nogil:
    """What the planes hold, segments, a strip, what the last vector may read too much, and what a block keeps."""
    cdef const Geometry* g = &job.g
    return (g.kernel[0] * <Py_ssize_t> sizeof(Py_ssize_t)
            + (g.kernel[0] + g.kernel[1] + g.kernel[2]) * <Py_ssize_t> sizeof(Segment)
            + job.joined * chunk_of(job, job.rectangle[1]).plane
            + job.kernels.lanes * job.kernels.nv * job.kernels.item + 128
            + block_bytes(job, job.rectangle[0], job.rectangle[1]))


cdef inline Segment* begin_pass(const Job* job, const Strip* s, Py_ssize_t axis, Pass* p,
                                Segment* segments) noexcept nogil:
    """A job whose kernel has one axis; returns the end of its segments."""
    cdef Py_ssize_t a
    p.job = job[0]
    p.job.bare = False
    p.strip = s[0]
    for a in range(3):
        if a != axis:
            p.job.g.kernel[a] = 1
    if axis == 2:
        p.job.g.dilation[1] = 1
        p.job.g.stride[1] = s.step
        p.strip = chunk_of(job, job.rectangle[1])
    else:
        p.strip.row = sums_row(job, job.rectangle[1])
    if axis == 0:
        p.strip.classes = p.strip.cycle = 1
        p.strip.plane = job.rectangle[0] * p.strip.row
    else:
        p.job.skip_padding = False
        add_segments(&p.job, &p.strip, 0, 0, 0, 1, segments, NULL, p.heights)
    p.segments = segments
    return segments + job.g.kernel[axis]


cdef inline void begin(const Pass* p, const char* weights, Stencil* t) noexcept nogil:
    cdef Py_ssize_t height
    t.segments = p.segments
    for height in range(MAX_STENCIL_HEIGHT):
        t.heights[height] = p.heights[height]
    t.a, t.a_row = weights, p.strip.cycle * p.job.kernels.item
    t.b_row = p.strip.row


cdef inline void separable_unit(const Job* job, Py_ssize_t unit, char* scratch) noexcept nogil:
    """Computes a unit: some filters' outputs of some blocks."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t item = job.kernels.item, terms = g.kernel[0] + g.kernel[1] + g.kernel[2]
    cdef Py_ssize_t row = sums_row(job, job.rectangle[1]), plane_bytes = job.rectangle[0] * row
    cdef Strip s = strip_of(job, job.rectangle[0], job.rectangle[1])
    cdef Py_ssize_t* held = <Py_ssize_t*> scratch
    cdef Segment* segments = <Segment*> (held + g.kernel[0])
    cdef bint last = not deep(job)
    # Where blocks are as wide as the output, zeros at the sides of so many rows stay.
    cdef Py_ssize_t clear = 0
    cdef Py_ssize_t n, d, f, slot, depth, filters, filters_end, first, together, plane = -1
    cdef Pass along, down, through
    cdef Block b
    cdef Stencil t
    cdef char* strip
    cdef char* sums
    cdef char* planes
    cdef char* apart
    cdef Py_ssize_t sums_plane = rows_met(job, &s, job.rectangle[0]) * row
    segments = begin_pass(job, &s, 2, &along, segments)
    segments = begin_pass(job, &s, 1, &down, segments)
    begin_pass(job, &s, 0, &through, segments)
    strip = <char*> (segments + g.kernel[0])
    strip += 64 - <Py_ssize_t> strip % 64
    sums = strip + job.joined * along.strip.plane + job.kernels.lanes * job.kernels.nv * item
    sums += 64 - <Py_ssize_t> sums % 64
    planes = sums + (job.joined * g.oc if job.joined > 1 else 1) * sums_plane
    apart = planes + (0 if last else job.joined * g.oc * g.kernel[0] * plane_bytes)
    t.summands = t.ahead = 0
    t.fetch = NULL
    filters = unit % job.parts * job.part_blocks
    filters_end = min(filters + job.part_blocks, job.joined * g.oc)
    together = filters_end - filters if job.joined > 1 else 1
    unit = unit // job.parts
    for n in range(unit * job.unit_tiles, min((unit + 1) * job.unit_tiles, job.tiles)):
        b = block_of(job, &s, n)
        if b.rows == 0:
            continue
        if b.plane != plane or last:
            for d in range(g.kernel[0]):
                held[d] = -1
            plane = b.plane
        for d in range(g.kernel[0]):
            slot, depth = slot_of(job, b.od, d), source_depth(g, b.od, d)
            if depth < 0 or held[slot] == b.od * g.stride[0] + d * g.dilation[0]:
                continue
            held[slot] = b.od * g.stride[0] + d * g.dilation[0]
            for f in range(filters, filters_end):
                first = (f - filters) % together
                if first == 0:
                    sum_rows(job, &s, &along, &b, depth, f, together, &clear, strip, sums)
                begin(&down, b.weights + (f * terms + g.kernel[2]) * item, &t)
                t.b = sums + first * sums_plane
                if last:
                    finish(job, &s, &b, f, apart + (f - filters) * plane_bytes, row, &t)
                else:
                    t.init, t.limits, t.c_lines = b.bias + g.oc * item, 0, STORED
                    t.c, t.c_row = planes + (f * g.kernel[0] + slot) * plane_bytes, row
                    cover(job, &t, b.rows, b.columns, NULL)
        if not last:
            add_segments(&through.job, &through.strip, b.od, 0, 0, g.kernel[0], segments, NULL, through.heights)
            for f in range(filters, filters_end):
                begin(&through, b.weights + (f * terms + g.kernel[2] + g.kernel[1]) * item, &t)
                t.b = planes + f * g.kernel[0] * plane_bytes
                finish(job, &s, &b, f, apart + (f - filters) * plane_bytes, row, &t)
        if job.scattered:
            scatter(job, &s, &b, filters, filters_end - filters, apart, plane_bytes)


cdef inline void sum_rows(const Job* job, const Strip* s, Pass* p, const Block* b, Py_ssize_t depth,
                          Py_ssize_t first, Py_ssize_t filters, Py_ssize_t* clear, char* strip,
                          char* sums) noexcept nogil:
    """Sums along all rows that a block meets in one depth, for some filters: some rows of a class at a time."""
    cdef const Geometry* g = &job.g
    cdef bint wide = g.pad_mode == CONSTANT and job.rectangle[1] == g.out[2]
    cdef Py_ssize_t row = sums_row(job, job.rectangle[1]), sums_plane = rows_met(job, s, job.rectangle[0]) * row
    cdef Py_ssize_t terms = g.kernel[0] + g.kernel[1] + g.kernel[2], n, rows, f
    cdef Block chunk = b[0]
    cdef Stencil t
    begin(p, b.weights, &t)
    t.init, t.summands, t.limits, t.c_lines = b.bias + g.oc * job.kernels.item, 0, 0, STORED
    t.fetch = NULL
    t.c_row = row
    for n in range(s.classes):
        rows, chunk.oh = b.rows - 1 + class_height(g, s, n), 0
        p.job.g.before[1] = g.before[1] - b.oh * g.stride[1] - n * g.dilation[1]
        while chunk.oh < rows:
            chunk.rows = min(CHUNK, rows - chunk.oh)
            fill_depth(&p.job, &p.strip, &chunk, depth, 0, job.joined, chunk.rows <= clear[0], False, strip)
            for f in range(filters):
                t.a = b.weights + (first + f) * terms * job.kernels.item
                t.b = strip + (first + f) // g.oc * p.strip.plane
                t.c = sums + f * sums_plane + chunk.oh * row
                cover(job, &t, chunk.rows, b.columns, NULL)
            chunk.oh += CHUNK
            if wide:
                clear[0] = max(clear[0], chunk.rows)
        sums += (s.rows - 1 + class_height(g, s, n)) * row


cdef inline void finish(const Job* job, const Strip* s, const Block* b, Py_ssize_t f, char* to, Py_ssize_t to_row,
                        Stencil* t) noexcept nogil:
    """The last sums of a block for a filter: bias, activation, and where they go."""
    t.init = bias_of(job, b, f)
    t.limits = job.limits
    t.c_lines = lines_of_y(job, job.blocks.terms >= LONG)
    t.c, t.c_row = b.y + f * job.y.channel, s.apart * job.y.axis[1]
    if job.scattered:
        t.c, t.c_row = to, to_row
    to, to_row = t.c, t.c_row
    cover(job, t, b.rows, b.columns, NULL)
    if job.activation > CLAMP:
        job.kernels.activate(job.activation, to, to_row, b.rows, b.columns)
