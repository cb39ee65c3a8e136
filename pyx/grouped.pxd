# Groups of few channels, in both layouts: the lanes of a tile are output channels of many groups.
# Each lane has inputs of its own, so both operands of a tile are vectors: weights, and pixels
# whose channels are spread so that each stands in the lanes of the filters that see it.
#
#     x     | c0 c1 | c2 c3 | ...        two channels and three filters a group:
#     strip | c0 c0 c0 c2 c2 c2 ... |    what the lanes see first
#           | c1 c1 c1 c3 c3 c3 ... |    and second
#
# A unit is a block of lanes and a rectangle of outputs.  All that it reads, padding included, is
# first brought into a strip in scratch memory, which serves all taps.  Channels-first, a row of
# outputs stays in scratch memory until it is complete, and then goes to its channels.
from libc.string cimport memset

from geometry cimport CONSTANT, Geometry, Job, ceil_div, source_index
from kernel_table cimport CLAMP, Gather, Segment, Spread, Tile

cdef enum:
    STRIP = 1 << 18                 # bytes of a strip, as in cyconv/algorithms.py


cdef inline Py_ssize_t strip_rows(const Geometry* g, Py_ssize_t rows) noexcept nogil:
    """Input rows under some output rows: all between, or those of one window."""
    return g.kernel[1] if rows == 1 else (rows - 1) * g.stride[1] + g.kernel[1]


cdef inline Py_ssize_t strip_columns(const Geometry* g, Py_ssize_t columns) noexcept nogil:
    return (columns - 1) * g.stride[2] + (g.kernel[2] - 1) * g.dilation[2] + 1


cdef inline void cut_rectangles(Job* job) noexcept nogil:
    """Rows and columns of outputs of a unit, by what its strip holds; and tiles of a row."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t column = g.kernel[0] * g.ic * job.kernels.lanes * job.kernels.item
    cdef Py_ssize_t tiles
    job.rectangle[0], job.rectangle[1] = 1, g.out[2]
    while job.rectangle[1] > 1 and strip_rows(g, 1) * strip_columns(g, job.rectangle[1]) * column > STRIP:
        job.rectangle[1] = ceil_div(job.rectangle[1], 2)
    while (g.dilation[1] == 1 and job.rectangle[0] < g.out[1]
            and strip_rows(g, job.rectangle[0] + 1) * strip_columns(g, job.rectangle[1]) * column <= STRIP):
        job.rectangle[0] += 1
    # Rectangles of equal height leave no rest.
    job.rectangle[0] = ceil_div(g.out[1], ceil_div(g.out[1], job.rectangle[0]))
    tiles = ceil_div(job.rectangle[1], job.kernels.mr)
    job.tile_pixels = ceil_div(job.rectangle[1], tiles)
    job.units = (job.blocks.count * g.batch * g.out[0] * ceil_div(g.out[1], job.rectangle[0])
                 * ceil_div(g.out[2], job.rectangle[1]))


cdef inline Py_ssize_t grouped_scratch(const Job* job) noexcept nogil:
    """The strip, which lane sees which channel, segments, and a row of outputs."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t lanes = g.ic * job.kernels.lanes * job.kernels.item
    return (g.kernel[0] * strip_rows(g, job.rectangle[0]) * strip_columns(g, job.rectangle[1]) * lanes + lanes
            + g.kernel[0] * g.kernel[1] * g.kernel[2] * <Py_ssize_t> sizeof(Segment)
            + job.rectangle[1] * job.kernels.lanes * job.kernels.item + 128)


cdef inline void grouped_unit(const Job* job, Py_ssize_t unit, char* scratch) noexcept nogil:
    """Computes a unit."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t item = job.kernels.item, lanes = job.kernels.lanes
    cdef Py_ssize_t across = ceil_div(g.out[2], job.rectangle[1]), down = ceil_div(g.out[1], job.rectangle[0])
    cdef Py_ssize_t ow = unit % across * job.rectangle[1]
    cdef Py_ssize_t oh = unit // across % down * job.rectangle[0]
    cdef Py_ssize_t od = unit // (across * down) % g.out[0]
    cdef Py_ssize_t q = unit // (across * down * g.out[0]) % job.blocks.count
    cdef Py_ssize_t n = unit // (across * down * g.out[0] * job.blocks.count)
    cdef Py_ssize_t columns = min(job.rectangle[1], g.out[2] - ow)
    cdef Py_ssize_t rows = min(job.rectangle[0], g.out[1] - oh)
    cdef Py_ssize_t pixel = g.ic * lanes * item
    cdef Py_ssize_t row = strip_columns(g, columns) * pixel
    cdef Py_ssize_t plane = strip_rows(g, rows) * row
    cdef char* index = scratch
    cdef Segment* segments = <Segment*> (scratch + pixel)
    cdef char* sums = <char*> (segments + g.kernel[0] * g.kernel[1] * g.kernel[2])
    cdef char* strip
    cdef char* y
    cdef Py_ssize_t h, tiles, rest
    cdef Tile t
    sums += 64 - <Py_ssize_t> sums % 64
    strip = sums + job.rectangle[1] * lanes * item
    t.segments, t.n_segments = segments, window_segments(job, segments, row, plane)
    fill_strip(job, n, od, oh, ow, q, rows, columns, index, strip)
    t.a_unit = 1
    t.a_row = g.stride[2] * pixel
    t.a_term = lanes * item
    t.b = job.weights + q * job.blocks.terms * lanes * item
    t.b_unit = t.b_term = lanes * item
    t.b_next = t.init_next = t.init_row = 0
    t.init = job.bias + q * lanes * item
    t.init_vector = lanes * item
    t.c_row = lanes * item if job.scattered else job.y.axis[2]
    t.lanes = min(lanes, g.oc - q * lanes)
    t.prefetch = t.onto = t.ahead = 0
    t.limits = job.limits
    tiles = columns // job.tile_pixels
    rest = columns % job.tile_pixels
    for h in range(rows):
        t.a = strip + h * g.stride[1] * row
        y = (job.y.data + n * job.y.batch + od * job.y.axis[0] + (oh + h) * job.y.axis[1]
             + ow * job.y.axis[2] + q * lanes * job.y.channel)
        t.c = sums if job.scattered else y
        t.count = tiles
        t.a_next = job.tile_pixels * t.a_row
        t.c_next = job.tile_pixels * t.c_row
        if tiles > 0:
            job.kernels.spread_tile[job.tile_pixels - 1](&t)
        if rest > 0:
            t.a += tiles * t.a_next
            t.c += tiles * t.c_next
            t.count = 1
            job.kernels.spread_tile[rest - 1](&t)
            t.c -= tiles * t.c_next
        if job.activation > CLAMP:
            job.kernels.activate(job.activation, t.c, t.c_row, columns, t.lanes)
        if job.scattered:
            to_channels(job, sums, y, columns, t.lanes)


cdef inline void to_channels(const Job* job, const char* sums, char* y, Py_ssize_t columns,
                             Py_ssize_t channels) noexcept nogil:
    """Takes a row of outputs, whose channels are neighbours, to its channels."""
    cdef Gather g
    g.to, g.to_row, g.to_column = y, job.y.channel, 0
    g.source, g.source_row, g.source_column = sums, job.kernels.item, 0
    g.source_lane = job.kernels.lanes * job.kernels.item
    g.columns, g.rows, g.lanes = 1, channels, columns
    job.kernels.gather(&g)


cdef inline Py_ssize_t window_segments(const Job* job, Segment* s, Py_ssize_t row, Py_ssize_t plane) noexcept nogil:
    """Where in the strip a window's kernel rows are, or its columns if they lie apart; their number."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t pixel = g.ic * job.kernels.lanes * job.kernels.item
    cdef Py_ssize_t parts = 1 if g.dilation[2] == 1 else g.kernel[2]
    cdef Py_ssize_t terms = g.ic * g.kernel[2] // parts
    cdef Py_ssize_t d, h, k, n = 0
    for d in range(g.kernel[0]):
        for h in range(g.kernel[1]):
            for k in range(parts):
                s[n].a = d * plane + h * row + k * g.dilation[2] * pixel
                s[n].b = n * terms
                s[n].terms = terms
                n += 1
    return n


cdef inline void fill_strip(const Job* job, Py_ssize_t n, Py_ssize_t od, Py_ssize_t oh, Py_ssize_t ow,
                            Py_ssize_t q, Py_ssize_t rows, Py_ssize_t columns, char* index, char* strip) noexcept nogil:
    """Spreads what a rectangle of outputs reads, padding included."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t item = job.kernels.item, lanes = job.kernels.lanes
    cdef Py_ssize_t pixel = g.ic * lanes * item
    cdef Py_ssize_t width = strip_columns(g, columns), height = strip_rows(g, rows)
    cdef Py_ssize_t step = g.dilation[1] if rows == 1 else 1
    cdef Py_ssize_t ix = ow * g.stride[2] - g.before[2]
    cdef Py_ssize_t left = min(max(-ix, 0), width)
    cdef Py_ssize_t right = max(min(g.size[2] - ix, width), left)
    cdef Py_ssize_t first = q * lanes // job.group_filters * g.ic       # channel
    cdef Py_ssize_t last = (min((q + 1) * lanes, g.oc) - 1) // job.group_filters * g.ic + g.ic - 1
    cdef Py_ssize_t d, h, i, id, ih
    cdef const char* x
    cdef Spread s
    channels_of_lanes(job, q, first, index)
    s.index = index
    s.sets = g.ic
    s.channels = last - first + 1
    s.source_lane = job.x.channel
    s.source_pixel = job.x.axis[2]
    for d in range(g.kernel[0]):
        id = source_index(od * g.stride[0] - g.before[0] + d * g.dilation[0], g.size[0], g.pad_mode)
        for h in range(height):
            ih = source_index(oh * g.stride[1] - g.before[1] + h * step, g.size[1], g.pad_mode)
            if id < 0 or ih < 0:
                memset(strip, 0, width * pixel)
                strip += width * pixel
                continue
            x = (job.x.data + n * job.x.batch + id * job.x.axis[0] + ih * job.x.axis[1] + first * job.x.channel)
            if g.pad_mode == CONSTANT:
                memset(strip, 0, left * pixel)
                memset(strip + right * pixel, 0, (width - right) * pixel)
            else:
                s.pixels = 1
                for i in range(width):
                    if not left <= i < right:
                        s.source = x + source_index(ix + i, g.size[2], g.pad_mode) * job.x.axis[2]
                        s.to = strip + i * pixel
                        job.kernels.spread(&s)
            s.pixels = right - left
            s.source = x + (ix + left) * job.x.axis[2]
            s.to = strip + left * pixel
            job.kernels.spread(&s)
            strip += width * pixel


cdef inline void channels_of_lanes(const Job* job, Py_ssize_t q, Py_ssize_t first, char* index) noexcept nogil:
    """For each input channel of a group and each lane of block q, the channel, counted from `first`."""
    cdef Py_ssize_t i, lane, o, channel
    for i in range(job.g.ic):
        for lane in range(job.kernels.lanes):
            o = min(q * job.kernels.lanes + lane, job.g.oc - 1)
            channel = o // job.group_filters * job.g.ic + i - first
            if job.kernels.item == 4:
                (<int*> index)[0] = <int> channel
            else:
                (<long long*> index)[0] = channel
            index += job.kernels.item
