# What a block of outputs reads: a strip of planes in scratch memory, padding included.
#
# In the strip, rows that one segment of kernel rows meets follow each other, and pixels that one
# column meets are neighbours, for every stride and dilation:
#
#     stride 2, kernel of 5 rows     rows 0 2 4 6 8 ... of the input     kernel rows 0 2 4: a class
#                                    rows 1 3 5 7 ...                    kernel rows 1 3: another
#
# With dilation, a block's output rows lie `apart`, so that they meet the same input rows.  For
# fast FIR, differences of rows stand behind the rows of a plane.
#
# Channels-last, the channels of several groups are neighbours: where they are few, some groups share a strip.  The
# last of them are computed again with those before, so that all strips have equally many.
from libc.string cimport memset

from fast_fir cimport half_taps, points_of
from geometry cimport CONSTANT, FAR_BYTES, Geometry, Job, ceil_div, inside_input, source_index
from kernel_table cimport MAX_TURNS, Difference, Gather

cdef enum:
    SHORT_ROW = 512                 # bytes of a row that is cleared as a whole
    NODES = 13                      # sums of the levels of fast FIR
    FEW_PRODUCTS = 16               # of an input: fewer take less time than it takes to come
    JOINED = 16                     # channels, or filters, of groups that share a strip, at most


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
    # Fast FIR: where rows of a plane begin, bytes from one to the next, and the kernel rows that meet
    # them, for the plain sum, the three that replace it, and the three of each of those.
    Py_ssize_t at[NODES]
    Py_ssize_t next[NODES]
    Py_ssize_t taps[NODES]


cdef inline Py_ssize_t joined_groups(const Geometry* g, Py_ssize_t held) noexcept nogil:
    """Channels-last, groups that share a strip, which can hold so many planes: as few strips as possible."""
    cdef Py_ssize_t most = min(JOINED // max(g.ic, g.oc, 1), held // max(g.ic * g.kernel[0], 1))
    return max(ceil_div(g.groups, max(ceil_div(g.groups, max(most, 1)), 1)), 1)


cdef inline Py_ssize_t planes_of(const Job* job) noexcept nogil:
    """Planes that a block's outputs are sums of."""
    return job.joined * job.g.ic * job.g.kernel[0]


cdef inline Strip strip_of(const Job* job, Py_ssize_t rows, Py_ssize_t columns) noexcept nogil:
    """The strip of a block of so many outputs."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t a = g.stride[1], b = g.dilation[1], reach = (g.kernel[2] - 1) * g.dilation[2]
    cdef Py_ssize_t lanes = job.kernels.lanes, node, child, k
    cdef Strip s
    while b > 0:
        a, b = b, a % b
    s.apart = g.dilation[1] // a
    s.cycle = g.stride[1] // a
    s.step = s.cycle * g.dilation[1]
    s.classes = min(s.cycle, g.kernel[1])
    s.rows = whole_phases(job, rows)
    # Whole vectors are loaded, beginning at each column that the kernel meets.
    columns = ceil_div(columns, lanes) * lanes
    s.parts = min(g.stride[2], reach + 1)
    s.length = ceil_div(columns + reach // g.stride[2], lanes) * lanes
    s.by_column = g.kernel[2] * columns < s.parts * s.length
    if s.by_column:
        s.parts, s.length = g.kernel[2], columns
    # An odd number of lines: rows do not meet in the same sets of the cache.
    s.row = (ceil_div(s.parts * s.length * job.kernels.item, 64) | 1) * 64
    s.plane = (s.classes * (s.rows - 1) + g.kernel[1]) * s.row
    s.at[0], s.next[0], s.taps[0] = 0, s.row, g.kernel[1]
    for node in range(points_of(job.levels) // 2):
        rows = s.rows // (2 if node == 0 else 4)
        for k in range(3):
            child = 3 * node + 1 + k
            s.taps[child] = half_taps(s.taps[node], k)
            if k == 0:                              # odd rows, as they are
                s.at[child], s.next[child] = s.at[node] + s.next[node], 2 * s.next[node]
            else:
                s.at[child], s.next[child] = s.plane, s.row
                s.plane += (rows - 1 + s.taps[child]) * s.row
    return s


cdef inline Py_ssize_t whole_phases(const Job* job, Py_ssize_t rows) noexcept nogil:
    """So many output rows, and more until all phases of fast FIR have equally many."""
    return (rows + (1 << job.levels) - 1) >> job.levels << job.levels


cdef inline Py_ssize_t class_height(const Geometry* g, const Strip* s, Py_ssize_t n) noexcept nogil:
    """Kernel rows of a class."""
    return ceil_div(g.kernel[1] - n, s.cycle)


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
    cdef Py_ssize_t d
    if g.kernel[0] == 1 or g.dilation[0] > 1 or job.planes < planes_of(job):
        return p
    d = p % g.kernel[0]
    return p - d + (od * g.stride[0] + d) % g.kernel[0]


cdef inline void fill_planes(const Job* job, const Strip* s, const Block* b, Py_ssize_t first, Py_ssize_t planes,
                             bint sides, bint ends, Py_ssize_t* held, bint* wild, char* strip) noexcept nogil:
    """Copies what a block reads of some planes, padding included, unless it is held.

    `sides` and `ends`: zeros are there, beside and above and below the input.  `wild`: whether what a
    slot holds is too large for sums of differences, or not finite.
    """
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t d, slot, channel, end, id, depth = g.kernel[0]
    cdef char* plane
    for d in range(depth):
        channel, end = first, first + planes
        if depth > 1:                               # divisions are slow here
            channel, end = ceil_div(max(first - d, 0), depth), ceil_div(max(first + planes - d, 0), depth)
        slot = slot_of(job, b.od, d)
        # A slot holds a depth of all channels.
        if channel == end or held[slot] == b.od * g.stride[0] + d * g.dilation[0]:
            continue
        held[slot], wild[slot] = b.od * g.stride[0] + d * g.dilation[0], False
        id = source_depth(g, b.od, d)
        plane = strip + (slot_of(job, b.od, channel * depth + d) - first) * s.plane
        fill_depth(job, s, b, id, channel, end - channel, sides, ends, plane)
        if job.levels > 0 and (id >= 0 or not job.skip_padding):
            for channel in range(channel, end):
                wild[slot] |= add_differences(job, s, b, channel // g.ic, plane)
                plane += depth * s.plane


cdef inline void fill_depth(const Job* job, const Strip* s, const Block* b, Py_ssize_t id, Py_ssize_t channel,
                            Py_ssize_t channels, bint sides, bint ends, char* to) noexcept nogil:
    """Copies what a block reads of one depth of some channels."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t n, i, j, ih, lo, hi, count, next = g.kernel[0] * s.plane
    cdef const char* source = b.x + channel * job.x.channel + id * job.x.axis[0]
    if id < 0:
        for i in range(channels if not job.skip_padding else 0):
            memset(to + i * next, 0, s.plane)
        return
    for n in range(s.classes):
        ih = b.oh * g.stride[1] - g.before[1] + n * g.dilation[1]
        count = whole_phases(job, b.rows) - 1 + class_height(g, s, n)
        lo = min(ceil_div(max(-ih, 0), s.step), count)
        hi = max(min(ceil_div(max(g.size[1] - ih, 0), s.step), count), lo)
        fill_rows(job, s, b, source + (ih + lo * s.step) * job.x.axis[1], hi - lo, channels, sides, to + lo * s.row)
        for j in range(count if not ends else 0):
            if lo <= j < hi:
                continue
            id = source_index(ih + j * s.step, g.size[1], g.pad_mode)
            if id >= 0:
                fill_rows(job, s, b, source + id * job.x.axis[1], 1, channels, False, to + j * s.row)
                continue
            for i in range(channels):
                memset(to + j * s.row + i * next, 0, s.row)
        to += (s.rows - 1 + class_height(g, s, n)) * s.row


cdef inline bint add_differences(const Job* job, const Strip* s, const Block* b, Py_ssize_t group,
                                 char* plane) noexcept nogil:
    """Rows of differences behind those of a plane; whether elements of it are wild."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t node, child, k, part, rows, offset
    cdef bint wild = False
    cdef Difference d
    d.lanes = b.columns if s.by_column else b.columns + (g.kernel[2] - 1) * g.dilation[2]
    d.to_row = s.row
    for node in range(points_of(job.levels) // 2):
        rows = whole_phases(job, b.rows) // (2 if node == 0 else 4)
        d.gain = b.bias + (group * job.blocks.bias_items + g.oc) * job.kernels.item if node == 0 else NULL
        d.next = s.next[node]
        for part in range(s.parts):
            offset = part * s.length * job.kernels.item
            d.odd = plane + s.at[node] + d.next + offset
            for k in range(2):
                child = 3 * node + 2 + k
                d.to[k] = plane + s.at[child] + offset
                d.rows[k] = rows - 1 + s.taps[child]
            wild |= job.kernels.difference(&d)
    return wild


cdef inline void fill_rows(const Job* job, const Strip* s, const Block* b, const char* source, Py_ssize_t rows,
                           Py_ssize_t channels, bint sides, char* to) noexcept nogil:
    """Copies what a block reads of some rows of the strip, s.step of the input apart."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t item = job.kernels.item, next = g.kernel[0] * s.plane
    cdef Py_ssize_t columns = b.columns, before = b.ow * g.stride[2] - g.before[2]
    cdef Py_ssize_t n, i, r, c, ix, lo, hi, other_lo, other_hi
    cdef bint paired = False, together = job.together and channels > 1
    cdef Gather gather
    if rows == 0:
        return
    if not s.by_column:
        columns += (g.kernel[2] - 1) * g.dilation[2] // g.stride[2]
    if g.pad_mode == CONSTANT and not sides and s.row <= SHORT_ROW:
        # Zeros everywhere take less than zeros at both ends of each row.
        for c in range(channels):
            memset(to + c * next, 0, rows * s.row)
        sides = True
    gather.columns = 1
    gather.to_column = gather.source_column = 0
    gather.rows = rows
    gather.to_row = s.row
    gather.source_row = s.step * job.x.axis[1]
    gather.source_lane = g.stride[2] * job.x.axis[2]
    if s.parts == g.stride[2] == 2 and not s.by_column and not together:
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
            gather_planes(job, s, gather, channels)
            gather.columns = 1
    for n in range(s.parts):
        ix = before + n * (g.dilation[2] if s.by_column else 1)
        inside_input(g, ix, columns, &lo, &hi)
        if hi > lo and not paired:
            gather.lanes = hi - lo
            gather.to = to + lo * item
            gather.source = source + (ix + lo * g.stride[2]) * job.x.axis[2]
            if together:
                gather_channels(job, s, &gather, channels)
            else:
                gather_planes(job, s, gather, channels)
        for c in range(channels):
            if g.pad_mode == CONSTANT:
                for r in range(rows if lo > 0 and not sides else 0):
                    memset(to + r * s.row + c * next, 0, lo * item)
                for r in range(rows if hi < columns and not sides else 0):
                    memset(to + r * s.row + c * next + hi * item, 0, (columns - hi) * item)
                continue
            gather.lanes = 1
            for i in range(columns):
                if not lo <= i < hi:
                    gather.to = to + i * item + c * next
                    ix = before + n * (g.dilation[2] if s.by_column else 1) + i * g.stride[2]
                    gather.source = (source + c * job.x.channel
                                     + source_index(ix, g.size[2], g.pad_mode) * job.x.axis[2])
                    job.kernels.gather(&gather)
        to += s.length * item


cdef inline void gather_planes(const Job* job, const Strip* s, Gather gather, Py_ssize_t channels) noexcept nogil:
    """Copies rows of all channels, plane by plane."""
    cdef Py_ssize_t _channel
    for _channel in range(channels):
        job.kernels.gather(&gather)
        gather.to += job.g.kernel[0] * s.plane
        gather.source += job.x.channel


cdef inline void gather_channels(const Job* job, const Strip* s, const Gather* rows,
                                 Py_ssize_t channels) noexcept nogil:
    """Copies rows of all channels, which are transposed on the way, to one plane each."""
    cdef Gather gather = rows[0]
    cdef Py_ssize_t _row
    if (job.x.axis[2] == channels * job.x.channel and job.g.stride[2] <= 2
            and job.g.stride[2] * channels <= MAX_TURNS):
        gather.columns = channels
        gather.to_column = job.g.kernel[0] * s.plane
        gather.source_column = job.x.channel
        job.kernels.gather(&gather)
        return
    gather.rows = channels
    gather.to_row = job.g.kernel[0] * s.plane
    gather.source_row = job.x.channel
    for _row in range(rows.rows):
        job.kernels.gather(&gather)
        gather.to += rows.to_row
        gather.source += rows.source_row


cdef struct Ahead:                  # what the strip will hold next, which tiles fetch while they compute
    Block block
    Py_ssize_t first                # of its planes,
    Py_ssize_t planes
    const Py_ssize_t* held          # NULL: it will begin anew
    const char** pieces
    Py_ssize_t parts                # filters that share the work, and which of them is next
    Py_ssize_t part


cdef inline bint fetches(const Job* job) noexcept nogil:
    """Whether strips are fetched: much is read, rows or whole pixels at once, and computing takes as long."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t pixels = g.batch * g.size[0] * g.size[1] * g.size[2]
    return (pixels * g.groups * g.ic * job.kernels.item >= 2 * FAR_BYTES and g.dilation[1] == 1
            and (job.together or g.oc == 1)         # the copies of several filters' rows take a small share
            and job.x.axis[2] == (job.joined * g.ic if job.together else 1) * job.kernels.item
            and g.oc * g.kernel[0] * g.kernel[1] * g.kernel[2] >= FEW_PRODUCTS * g.stride[1] * g.stride[2])


cdef inline Py_ssize_t pieces_ahead(const Job* job, const Ahead* a, Py_ssize_t part, Py_ssize_t parts,
                                    Py_ssize_t most) noexcept nogil:
    """Lists what tiles fetch of one of so many parts of the rows, in so many pieces at most; their number."""
    cdef const Geometry* g = &job.g
    cdef const Block* b = &a.block
    cdef Py_ssize_t width = job.kernels.lanes * job.kernels.nv * job.kernels.item, n = 0, p, d, ih, id
    cdef Py_ssize_t first = b.oh * g.stride[1] - g.before[1], rows = (b.rows - 1) * g.stride[1] + g.kernel[1]
    cdef Py_ssize_t begin = max(first + part * rows // parts, 0)
    cdef Py_ssize_t end = min(first + (part + 1) * rows // parts, g.size[1])
    cdef Py_ssize_t column = b.ow * g.stride[2] - g.before[2]
    cdef Py_ssize_t behind = column + (b.columns - 1) * g.stride[2] + (g.kernel[2] - 1) * g.dilation[2] + 1
    cdef const char* row
    cdef const char* x
    column = max(column, 0)
    for p in range(a.first, a.first + a.planes):
        d = p % g.kernel[0]
        if job.together and p - a.first >= g.kernel[0]:
            break
        id = source_depth(g, b.od, d)
        if id < 0 or a.held != NULL and a.held[slot_of(job, b.od, d)] == b.od * g.stride[0] + d * g.dilation[0]:
            continue
        x = b.x + id * job.x.axis[0]
        if not job.together:
            x += p // g.kernel[0] * job.x.channel
        for ih in range(begin, end):
            row = x + ih * job.x.axis[1] + column * job.x.axis[2]
            while row < x + ih * job.x.axis[1] + min(behind, g.size[2]) * job.x.axis[2] and n < most:
                a.pieces[n] = row
                n += 1
                row += width
    return n
