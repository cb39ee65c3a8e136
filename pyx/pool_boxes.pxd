# Pooling through boxes: part of the input is brought into packed memory of the kernels' type,
# with padding around it, and folded there along one axis after the other.
#
#     input   --load-->   box   --fold along depth, height-->   --fold along width-->   result   -->   output
#
# This serves arrays of every type and stride, and windows that share many elements.  Long windows
# are put together of shorter ones: with  s4[i] = x[i] op x[i+1] op x[i+2] op x[i+3],  s16 the same
# over s4, and so on, a window of 31 elements is  s16[i] op s16[i+15]  for a maximum (elements may
# meet twice), and a sum of as many of each as its digits to the base 4 say.
#
# Windows too long for a box are taken in parts (Cut.taps), whose results are folded in turn.
from libc.string cimport memset

from geometry cimport ceil_div
from kernel_table cimport PANEL, SUM, Fold, Gather, VanHerk
from pool_job cimport NOTHING, PoolGeometry, PoolJob, Window, divisor_along, picture, window
from pool_rows cimport fill_row, number_row, store_keys

cdef enum:
    FEW = 8                         # operands that are folded at once
    OPERANDS = 128                  # at most: 3 for each of 30 powers of 4, or FEW * FEW
    MANY_ROWS = 64                  # folded by one call,
    CHUNK = 1 << 13                 # and bytes of them, unless a row is longer
    # Buffers: two boxes, of which one is folded into the other; results; the results of a part of
    # the windows; what each column is divided by; and from here on folds of 4, 16, ... elements, or
    # van Herk's of the ends of a block.
    RESULTS = 2
    PARTS = 3
    COLUMNS = 4
    FIRST_LEVEL = 5

cdef struct Box:                    # a piece of work: the outputs of one box
    Py_ssize_t picture
    Py_ssize_t channel
    Py_ssize_t channels
    Py_ssize_t first[3]             # outputs
    Py_ssize_t outputs[3]
    Py_ssize_t start[3]             # their first element in the padded input
    Py_ssize_t taps[3]
    Py_ssize_t stride[3]
    char* buffers
    bint delivered                  # results are in y already
    char* to                        # where results go: y, or a buffer
    Py_ssize_t to_plane
    Py_ssize_t to_row
    Py_ssize_t to_pixel
    Py_ssize_t padded[3]            # the rows of buffer 1 that have padding, where they begin, and their columns
    Py_ssize_t counted              # the columns, and channels, that buffer COLUMNS is for
    Py_ssize_t counted_channels
    double divisors[MANY_ROWS]      # of rows,
    Py_ssize_t divided[2]           # the first and their number,
    double divided_along_depth      # of depths that have this factor


cdef inline char* buffer(const PoolJob* job, const Box* b, Py_ssize_t n) noexcept nogil:
    return b.buffers + n * job.cut.bytes


cdef inline Py_ssize_t levels_of(Py_ssize_t taps) noexcept nogil:
    """How many powers of 4 are at most so many taps, if they are not few."""
    cdef Py_ssize_t n = 0
    while taps > FEW or (n > 0 and taps >= 4):
        taps = taps // 4
        n += 1
    return n


cdef inline void boxes_unit(const PoolJob* job, Py_ssize_t unit, char* scratch) noexcept nogil:
    cdef Py_ssize_t i
    cdef Box b
    b.buffers = scratch
    b.padded[0] = 0
    b.counted = -1
    b.divided[1] = 0
    for i in range(unit * job.items // job.units, (unit + 1) * job.items // job.units):
        place(job, i, &b)
        fill_result(job, &b)
        if not b.delivered:
            deliver(job, &b)


cdef inline void place(const PoolJob* job, Py_ssize_t i, Box* b) noexcept nogil:
    """Which outputs box i has, and where their windows begin."""
    cdef const PoolGeometry* g = &job.g
    cdef Py_ssize_t a, last, taps, skipped
    cdef Window w
    b.channel = i % job.channel_boxes * job.cut.channels
    b.channels = min(job.cut.channels, job.pixel - b.channel)
    i = i // job.channel_boxes
    for a in range(2, -1, -1):
        b.first[a] = i % job.boxes[a] * job.cut.outputs[a]
        b.outputs[a] = min(job.cut.outputs[a], g.out[a] - b.first[a])
        i = i // job.boxes[a]
        b.start[a] = b.first[a] * g.stride[a] - g.before[a]
        b.taps[a] = g.kernel[a]
        b.stride[a] = g.stride[a]
        if g.adaptive[a]:           # one output along this axis
            w = window(g, a, b.first[a])
            b.start[a], b.taps[a], b.stride[a] = w.first, w.taps, 1
            continue
        # Of all windows together, the taps that meet the input: long ones may be mostly padding.
        last = b.start[a] + (b.outputs[a] - 1) * g.stride[a]
        taps = min((g.size[a] - 1 - b.start[a]) // g.dilation[a] + 1, b.taps[a])
        skipped = min(ceil_div(-last, g.dilation[a]), taps - 1) if last < 0 else 0
        b.start[a] += skipped * g.dilation[a]
        b.taps[a] = taps - skipped
    b.picture = i


cdef inline void fill_result(const PoolJob* job, Box* b) noexcept nogil:
    """Folds all windows of a box: into y, or parts of windows one after the other into a buffer."""
    cdef const PoolGeometry* g = &job.g
    cdef Py_ssize_t a, part, rest, first, n = 1
    cdef Py_ssize_t parts[3]
    cdef Py_ssize_t from_[3]
    cdef Py_ssize_t taps[3]
    cdef char* results = buffer(job, b, RESULTS)
    cdef Py_ssize_t elements = b.outputs[0] * b.outputs[1] * b.outputs[2] * b.channels
    cdef Py_ssize_t item = 4 if job.widened else job.kernels.item, pixel = b.channels * item       # of y
    cdef Py_ssize_t both[2]
    cdef Fold f
    for a in range(3):
        parts[a] = ceil_div(b.taps[a], job.cut.taps[a])
        n *= parts[a]
    b.to_pixel = b.channels * job.kernels.item
    b.to_row = b.outputs[2] * b.to_pixel
    b.to_plane = b.outputs[1] * b.to_row
    b.to = results
    b.delivered = (n == 1 and (job.same or job.widened) and job.indices.data == NULL and b.channels == job.pixel
                   and (job.pixel == 1 or job.y.channel == item)
                   and (job.y.axis[2] == pixel or b.outputs[2] == 1)
                   and ((job.count == NOTHING and job.same) or b.stride[2] == 1 or b.outputs[2] == 1))
    if b.delivered:
        b.to = (job.y.data + picture(&job.y, job, b.picture) + b.first[0] * job.y.axis[0]
                + b.first[1] * job.y.axis[1] + b.first[2] * job.y.axis[2])
        b.to_plane, b.to_row, b.to_pixel = job.y.axis[0], job.y.axis[1], pixel
    elif n > 1:
        fill_lowest(job, results, elements)
        both[0], both[1] = 0, buffer(job, b, PARTS) - results
        f = plain_fold(job)
        f.at, f.operands = both, 2
        f.runs, f.elements = 1, elements
        f.source, f.to = results, results
        b.to = buffer(job, b, PARTS)
    for part in range(n):
        rest = part
        for a in range(2, -1, -1):
            first = rest % parts[a] * job.cut.taps[a]
            from_[a] = b.start[a] + first * g.dilation[a]
            taps[a] = min(job.cut.taps[a], b.taps[a] - first)
            rest = rest // parts[a]
        if n == 1:
            fold_box(job, b, from_, taps)
        elif meets_input(job, b, from_, taps):
            fold_box(job, b, from_, taps)
            job.kernels.fold(&f)


cdef inline Py_ssize_t extent(const PoolJob* job, const Box* b, const Py_ssize_t* taps, Py_ssize_t a) noexcept nogil:
    """Input elements of a box along an axis."""
    return (b.outputs[a] - 1) * b.stride[a] + (taps[a] - 1) * job.g.dilation[a] + 1


cdef inline bint meets_input(const PoolJob* job, const Box* b, const Py_ssize_t* from_,
                             const Py_ssize_t* taps) noexcept nogil:
    cdef Py_ssize_t a
    for a in range(3):
        if from_[a] >= job.g.size[a] or from_[a] + extent(job, b, taps, a) <= 0:
            return False
    return True


cdef inline Fold plain_fold(const PoolJob* job) noexcept nogil:
    cdef Fold f
    memset(&f, 0, sizeof(Fold))
    f.kind = job.kind
    f.keys = 0 if job.indices.data == NULL else job.cut.bytes // 2
    return f


cdef inline void fill_lowest(const PoolJob* job, char* to, Py_ssize_t elements) noexcept nogil:
    """Elements that no maximum takes and no sum notices, with keys behind all others."""
    cdef char last[8]
    fill_row(to, job.kernels.item, job.lowest, elements)
    if job.indices.data != NULL:
        memset(last, 0xFF, 8)
        last[job.kernels.item - 1] = 0x7F
        fill_row(to + job.cut.bytes // 2, job.kernels.item, last, elements)


cdef inline void fold_box(const PoolJob* job, Box* b, const Py_ssize_t* from_, const Py_ssize_t* taps) noexcept nogil:
    """Folds part of each window: `taps` elements, which begin at `from_` for the first window."""
    cdef const PoolGeometry* g = &job.g
    cdef Py_ssize_t item = job.kernels.item
    cdef Py_ssize_t n[3]
    cdef Py_ssize_t at[OPERANDS]
    cdef Py_ssize_t a, d, h, row, plane, here = 0
    cdef Fold f = plain_fold(job)
    for a in range(3):
        n[a] = extent(job, b, taps, a)
    row = n[2] * b.channels * item
    plane = n[1] * row
    f.at = at
    if takes_van_herk(job, b, taps):
        b.padded[0] = 0
        van_herk_box(job, b, from_, taps, n, row)
        fold_rows(job, b, 1, row, taps[2])
    elif taps[0] * taps[1] <= FEW:
        # Depth and height at once, from where x lies if it can be read there.
        if (job.same and job.indices.data == NULL and b.channels == job.pixel
                and (job.x.axis[2] == b.channels * item or g.size[2] == 1)
                and (job.pixel == 1 or job.x.channel == item)):
            fold_input(job, b, from_, taps, n)
        else:
            b.padded[0] = 0
            load_box(job, b, from_, n)
            for d in range(taps[0]):
                for h in range(taps[1]):
                    at[f.operands] = d * g.dilation[0] * plane + h * g.dilation[1] * row
                    f.operands += 1
            f.runs, f.source_next, f.to_next = b.outputs[1], b.stride[1] * row, row
            f.elements = row // item
            for d in range(b.outputs[0]):
                f.source = buffer(job, b, 0) + d * b.stride[0] * plane
                f.to = buffer(job, b, 1) + d * b.outputs[1] * row
                job.kernels.fold(&f)
        fold_rows(job, b, 1, row, taps[2])
    else:
        b.padded[0] = 0
        load_box(job, b, from_, n)
        if taps[0] > 1 or b.outputs[0] > 1:
            f.runs, f.source_next, f.to_next = b.outputs[0], b.stride[0] * plane, plane
            f.elements = plane // item
            f.source, f.to = buffer(job, b, 0), buffer(job, b, 1)
            f.operands = operands(job, b, f.source, g.dilation[0] * plane, taps[0], n[0] * plane // item, at)
            job.kernels.fold(&f)
            here = 1
        f.runs, f.source_next, f.to_next = b.outputs[1], b.stride[1] * row, row
        f.elements = row // item
        for d in range(b.outputs[0]):
            f.source = buffer(job, b, here) + d * plane
            f.to = buffer(job, b, 1 - here) + d * b.outputs[1] * row
            f.operands = operands(job, b, f.source, g.dilation[1] * row, taps[1], plane // item, at)
            job.kernels.fold(&f)
        fold_rows(job, b, 1 - here, row, taps[2])


cdef inline bint takes_van_herk(const PoolJob* job, const Box* b, const Py_ssize_t* taps) noexcept nogil:
    """Windows of many rows in one plane, or of a few that would have to be brought to the kernels' type first."""
    return ((job.kind != SUM or job.spare) and job.indices.data == NULL and taps[0] * b.outputs[0] == 1
            and job.g.dilation[1] == 1 and taps[1] > (FEW if job.same else 2) and taps[1] * PANEL <= job.cut.bytes)


cdef inline void van_herk_box(const PoolJob* job, const Box* b, const Py_ssize_t* from_, const Py_ssize_t* taps,
                              const Py_ssize_t* n, Py_ssize_t row) noexcept nogil:
    """Folds along the height of a plane, read where x lies if it can be, into buffer 1."""
    cdef const PoolGeometry* g = &job.g
    cdef Py_ssize_t a, item = 4 if job.widened else job.kernels.item
    cdef bint here = ((job.same or job.widened) and b.channels == job.pixel
                      and (job.pixel == 1 or job.x.channel == item)
                      and (job.x.axis[2] == b.channels * item or g.size[2] == 1))
    cdef VanHerk h
    for a in range(3):
        here = here and from_[a] >= 0 and from_[a] + n[a] <= g.size[a]
    if here:
        h.source = (job.x.data + picture(&job.x, job, b.picture) + from_[0] * job.x.axis[0]
                    + from_[1] * job.x.axis[1] + from_[2] * job.x.axis[2])
        h.source_row = job.x.axis[1]
    else:
        load_box(job, b, from_, n)
        h.source, h.source_row = buffer(job, b, 0), row
    h.kind, h.narrow = job.kind, here and job.widened
    h.rows, h.stride, h.taps = b.outputs[1], b.stride[1], taps[1]
    h.elements = row // job.kernels.item
    h.to, h.to_row = buffer(job, b, 1), row
    h.scratch = buffer(job, b, FIRST_LEVEL)
    job.kernels.van_herk(&h)


cdef inline void fold_input(const PoolJob* job, Box* b, const Py_ssize_t* from_, const Py_ssize_t* taps,
                            const Py_ssize_t* n) noexcept nogil:
    """Folds depth and height of the input into rows of buffer 1, with padding at both ends."""
    cdef const PoolGeometry* g = &job.g
    cdef Py_ssize_t pixel = b.channels * job.kernels.item
    cdef Py_ssize_t left = min(max(-from_[2], 0), n[2])
    cdef Py_ssize_t right = max(min(g.size[2] - from_[2], n[2]), left)
    cdef Py_ssize_t row = n[2] * pixel
    cdef Py_ssize_t at[OPERANDS]
    cdef Py_ssize_t d, h, i, j, k, d0, d1, h0, h1, rows, first, start, last
    cdef const char* x = job.x.data + picture(&job.x, job, b.picture) + (from_[2] + left) * job.x.axis[2]
    cdef char* to
    cdef bint deep
    cdef bint whole_depths = from_[0] >= 0 and from_[0] + n[0] <= g.size[0]
    cdef Fold f = plain_fold(job)
    f.at = at
    f.elements = (right - left) * b.channels
    pad_rows(job, b, from_[2], n[2], left, right)
    h = 0
    while h < b.outputs[1]:
        start = from_[1] + h * b.stride[1]
        h0, h1 = in_input(start, g.dilation[1], taps[1], g.size[1])
        rows = 1
        if h0 == 0 and h1 == taps[1]:
            # As many rows as have all their elements in the input.
            last = g.size[1] - 1 - (taps[1] - 1) * g.dilation[1]
            rows = min((last - start) // b.stride[1] + 1, b.outputs[1] - h)
        # Runs of the kernel are rows, or one row of all depths, whichever are more.
        deep = whole_depths and b.outputs[0] > rows
        for i in range(rows if deep else b.outputs[0]):
            d, first = 0, h + i
            if not deep:
                d, first = i, h
            d0, d1 = in_input(from_[0] + d * b.stride[0], g.dilation[0], taps[0], g.size[0])
            f.operands = 0
            for k in range(d0, d1):
                for j in range(h0, h1):
                    at[f.operands] = ((k - d0) * g.dilation[0] * job.x.axis[0]
                                      + (j - h0) * g.dilation[1] * job.x.axis[1])
                    f.operands += 1
            to = buffer(job, b, 1) + (d * b.outputs[1] + first) * row
            f.runs = b.outputs[0] if deep else rows
            f.source_next = b.stride[0] * job.x.axis[0] if deep else b.stride[1] * job.x.axis[1]
            f.to_next = b.outputs[1] * row if deep else row
            if f.operands == 0 or right == left:
                for j in range(f.runs):
                    fill_lowest(job, to + j * f.to_next, row // job.kernels.item)
                continue
            f.source = (x + (from_[0] + d * b.stride[0] + d0 * g.dilation[0]) * job.x.axis[0]
                        + (from_[1] + first * b.stride[1] + h0 * g.dilation[1]) * job.x.axis[1])
            f.to = to + left * pixel
            job.kernels.fold(&f)
        h += rows


cdef inline void pad_rows(const PoolJob* job, Box* b, Py_ssize_t from_, Py_ssize_t columns, Py_ssize_t left,
                          Py_ssize_t right) noexcept nogil:
    """Padding at both ends of the rows of buffer 1, unless it is there since an earlier box."""
    cdef Py_ssize_t rows = b.outputs[0] * b.outputs[1]
    cdef Py_ssize_t pixel = b.channels * job.kernels.item
    cdef Py_ssize_t _
    cdef char* to = buffer(job, b, 1)
    if b.padded[0] >= rows and b.padded[1] == from_ and b.padded[2] == columns:
        return
    b.padded[0], b.padded[1], b.padded[2] = rows, from_, columns
    for _ in range(rows):
        fill_lowest(job, to, left * b.channels)
        fill_lowest(job, to + right * pixel, (columns - right) * b.channels)
        to += columns * pixel


cdef inline (Py_ssize_t, Py_ssize_t) in_input(Py_ssize_t start, Py_ssize_t step, Py_ssize_t taps,
                                              Py_ssize_t size) noexcept nogil:
    """Taps [lo, hi) of a window that begins at `start` are in the input."""
    cdef Py_ssize_t lo = 0, hi = taps
    if start < 0:
        lo = min(ceil_div(-start, step), taps)
    if start + (taps - 1) * step >= size:
        hi = (size - 1 - start) // step + 1 if start < size else 0
    return lo, max(hi, lo)


cdef inline void fold_rows(const PoolJob* job, Box* b, Py_ssize_t from_, Py_ssize_t row,
                           Py_ssize_t taps) noexcept nogil:
    """The last axis: windows of pixels of the packed rows of a buffer, to where results go."""
    cdef Py_ssize_t item = job.kernels.item
    cdef Py_ssize_t pixel = b.channels * item
    cdef Py_ssize_t at[OPERANDS]
    cdef Py_ssize_t d, h, _, rows, shift = job.g.dilation[2] * pixel, chunk = max(CHUNK // row, 1)
    cdef char* source = buffer(job, b, from_)
    cdef char* dense = buffer(job, b, 1 - from_)
    cdef Fold f = plain_fold(job)
    f.at = at
    f.source = source
    if b.stride[2] > 1 and b.outputs[2] > 1 and 2 * b.channels < job.kernels.lanes and b.stride[2] < job.kernels.lanes:
        # Small pixels: outputs of all places, of which every stride-th is picked.
        f.to = dense
        f.operands = operands(job, b, source, shift, taps, b.outputs[0] * b.outputs[1] * row // item, at)
        f.runs, f.source_next, f.to_next = b.outputs[0] * b.outputs[1], row, row
        f.elements = ((b.outputs[2] - 1) * b.stride[2] + 1) * b.channels
        job.kernels.fold(&f)
        pick(job, b, dense, row, 0)
        if f.keys != 0:
            pick(job, b, dense + f.keys, row, f.keys)
        return
    # A few rows at a time: what long windows are put together of stays in the first-level cache.
    for d in range(b.outputs[0]):
        f.narrow_to = b.delivered and job.widened
        h = 0
        while h < b.outputs[1]:
            rows = min(b.outputs[1] - h, min(chunk, MANY_ROWS))
            f.operands = operands(job, b, f.source, shift, taps, rows * row // item, at)
            f.to = b.to + d * b.to_plane + h * b.to_row
            if b.stride[2] == 1 or b.outputs[2] == 1:
                f.runs, f.source_next, f.to_next = rows, row, b.to_row
                f.elements = b.outputs[2] * b.channels
                if job.count == NOTHING or not b.delivered:
                    job.kernels.fold(&f)
                else:
                    fold_divided(job, b, &f, d, h, rows)
                f.source += rows * row
            else:
                f.runs, f.source_next, f.to_next = b.outputs[2], b.stride[2] * pixel, b.to_pixel
                f.elements = b.channels
                for _ in range(rows):
                    job.kernels.fold(&f)
                    f.source += row
                    f.to += b.to_row
            h += rows


cdef inline void fold_divided(const PoolJob* job, Box* b, Fold* f, Py_ssize_t d, Py_ssize_t h,
                              Py_ssize_t rows) noexcept nogil:
    """Folds some rows, and divides each element by what its window counts."""
    cdef Window wd = window(&job.g, 0, b.first[0] + d), wh
    cdef double along_depth = job.divisor * divisor_along(job, &wd)
    cdef Py_ssize_t i, first = b.first[1] + h
    count_columns(job, b)
    if b.divided[0] != first or b.divided[1] != rows or b.divided_along_depth != along_depth:
        b.divided[0], b.divided[1], b.divided_along_depth = first, rows, along_depth
        for i in range(rows):
            wh = window(&job.g, 1, first + i)
            b.divisors[i] = along_depth * divisor_along(job, &wh)
    f.runs = rows
    f.divisors, f.divisors_next = b.divisors, 1
    f.lane_divisors = buffer(job, b, COLUMNS)
    job.kernels.fold(f)


cdef inline void pick(const PoolJob* job, const Box* b, const char* source, Py_ssize_t row,
                      Py_ssize_t shift) noexcept nogil:
    """Every stride-th pixel of packed rows."""
    cdef Gather g
    cdef Py_ssize_t item = job.kernels.item, d
    for d in range(b.outputs[0]):
        g.source = source + d * b.outputs[1] * row
        g.to = b.to + d * b.to_plane + shift
        if b.channels == 1:
            g.columns, g.source_column, g.to_column = 1, 0, 0
            g.rows, g.source_row, g.to_row = b.outputs[1], row, b.to_row
            g.lanes, g.source_lane = b.outputs[2], b.stride[2] * item
        else:
            g.columns, g.source_column, g.to_column = b.outputs[1], row, b.to_row
            g.rows = b.outputs[2]
            g.source_row, g.to_row = b.stride[2] * b.channels * item, b.to_pixel
            g.lanes, g.source_lane = b.channels, item
        job.kernels.gather(&g)


cdef inline Py_ssize_t operands(const PoolJob* job, const Box* b, const char* source, Py_ssize_t shift,
                                Py_ssize_t taps, Py_ssize_t elements, Py_ssize_t* at) noexcept nogil:
    """What a window of taps, `shift` bytes apart, is folded from; their number.

    `elements` lie from `source` on.  For long windows, folds 4, 16, ... of them into buffers.
    """
    cdef Py_ssize_t i, _, level, width = 1, n = 0, begin = 0
    cdef Py_ssize_t steps[4]
    cdef Py_ssize_t levels = levels_of(taps)
    cdef const char* of_level = source
    cdef Fold f = plain_fold(job)
    f.at, f.operands, f.runs = steps, 4, 1
    for level in range(levels):
        for i in range(4):
            steps[i] = i * width * shift
        width *= 4
        f.source = of_level
        f.to = buffer(job, b, FIRST_LEVEL + level)
        f.elements = elements - (width - 1) * (shift // job.kernels.item)
        job.kernels.fold(&f)
        of_level = f.to
    if job.kind != SUM:
        for i in range(ceil_div(taps, width)):
            at[n] = of_level - source + min(i * width, taps - width) * shift
            n += 1
        return n
    for level in range(levels, -1, -1):
        of_level = source if level == 0 else buffer(job, b, FIRST_LEVEL + level - 1)
        for _ in range((taps - begin) // width):
            at[n] = of_level - source + begin * shift
            begin += width
            n += 1
        width = width // 4
    return n


cdef inline void load_box(const PoolJob* job, const Box* b, const Py_ssize_t* from_,
                          const Py_ssize_t* n) noexcept nogil:
    """The input from `from_` on, n elements along each axis, with padding, into buffer 0."""
    cdef const PoolGeometry* g = &job.g
    cdef Py_ssize_t item = job.kernels.item, keys = job.cut.bytes // 2
    cdef Py_ssize_t pixel = b.channels * item
    cdef Py_ssize_t left = min(max(-from_[2], 0), n[2])
    cdef Py_ssize_t right = max(min(g.size[2] - from_[2], n[2]), left)
    cdef Py_ssize_t d, h
    cdef char* to = buffer(job, b, 0)
    cdef const char* x = job.x.data + picture(&job.x, job, b.picture) + b.channel * job.x.channel
    for d in range(from_[0], from_[0] + n[0]):
        for h in range(from_[1], from_[1] + n[1]):
            if 0 <= d < g.size[0] and 0 <= h < g.size[1] and right > left:
                fill_lowest(job, to, left * b.channels)
                job.load(x + d * job.x.axis[0] + h * job.x.axis[1] + (from_[2] + left) * job.x.axis[2],
                         job.x.axis[2], job.x.channel, to + left * pixel, right - left, b.channels, job.power)
                if job.indices.data != NULL:
                    number_row(to + keys + left * pixel, item, (d * g.size[1] + h) * g.size[2] + from_[2] + left,
                               right - left, b.channels)
                fill_lowest(job, to + right * pixel, (n[2] - right) * b.channels)
            else:
                fill_lowest(job, to, n[2] * b.channels)
            to += n[2] * pixel


cdef inline void deliver(const PoolJob* job, Box* b) noexcept nogil:
    """Divides the results in their buffer, and stores them."""
    cdef Py_ssize_t d, h
    cdef Py_ssize_t here = 0
    cdef char* row = buffer(job, b, RESULTS)
    cdef char* y
    cdef char* y_indices
    cdef Fold f = plain_fold(job)
    f.keys = 0
    f.at, f.operands = &here, 1
    f.elements = b.outputs[2] * b.channels
    for d in range(b.outputs[0]):
        for h in range(b.outputs[1]):
            if job.count != NOTHING:
                f.source, f.to = row, row
                fold_divided(job, b, &f, d, h, 1)
            y = (job.y.data + picture(&job.y, job, b.picture) + (b.first[0] + d) * job.y.axis[0]
                 + (b.first[1] + h) * job.y.axis[1] + b.first[2] * job.y.axis[2] + b.channel * job.y.channel)
            job.store(row, y, job.y.axis[2], job.y.channel, b.outputs[2], b.channels, job.power)
            if job.indices.data != NULL:
                y_indices = (job.indices.data + picture(&job.indices, job, b.picture)
                             + (b.first[0] + d) * job.indices.axis[0] + (b.first[1] + h) * job.indices.axis[1]
                             + b.first[2] * job.indices.axis[2] + b.channel * job.indices.channel)
                store_keys(row + job.cut.bytes // 2, job.kernels.item, y_indices, job.indices.axis[2],
                           job.indices.channel, b.outputs[2], b.channels)
            row += b.outputs[2] * b.channels * job.kernels.item


cdef inline void count_columns(const PoolJob* job, Box* b) noexcept nogil:
    """Fills a buffer with the factors of the last axis in what a row is divided by."""
    cdef Py_ssize_t o, c
    cdef char* to = buffer(job, b, COLUMNS)
    cdef Window w
    cdef double n
    if b.counted == b.first[2] and b.counted_channels == b.channels:
        return
    b.counted, b.counted_channels = b.first[2], b.channels
    for o in range(b.first[2], b.first[2] + b.outputs[2]):
        w = window(&job.g, 2, o)
        n = divisor_along(job, &w)
        for c in range(b.channels):
            if job.kernels.item == 4:
                (<float*> to)[c] = <float> n
            else:
                (<double*> to)[c] = n
        to += b.channels * job.kernels.item
