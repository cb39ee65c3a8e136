# Pooling of channels-first planes where they lie, with windows of few elements: lanes are neighbouring
# outputs of a row.  Nothing is copied: where windows reach over an edge, the kernel reads the columns that
# there are, and gets the rows that there are.
#
# An item is a band: rows of one depth, or all rows of several, which fit the nearest cache.  Rows that
# have equally many elements along height are one call of the kernel, for all depths of the band; so are
# the vectors of these rows that lie between the edges.
from geometry cimport ceil_div
from kernel_table cimport Slide
from pool_job cimport (NOTHING, Cut, PoolGeometry, PoolJob, Window, divisor_along, picture, rows_of_window,
                       whole_windows, window)

cdef enum:
    BAND_BYTES = 1 << 14            # of a band's input
    AHEAD = 1 << 12                 # bytes ahead of which rows are fetched, if they are far
    OPERANDS = 64                   # rows of a window, at most


cdef inline bint shares_rows(const PoolGeometry* g) noexcept nogil:
    """Whether windows that follow each other have rows in common."""
    return g.kernel[0] > g.stride[0] or g.kernel[1] > g.stride[1]


cdef inline void cut_bands(PoolJob* job) noexcept nogil:
    cdef const PoolGeometry* g = &job.g
    cdef Cut* c = &job.cut
    cdef Py_ssize_t rows = max(BAND_BYTES // (g.size[2] * job.kernels.item * min(g.stride[1], g.size[1])), 1)
    c.outputs[0], c.outputs[1], c.outputs[2] = 1, min(rows, g.out[1]), g.out[2]
    if g.kernel[0] == 1 and g.before[0] == 0 and g.after[0] == 0 and not g.adaptive[0]:
        c.outputs[0] = min(max(rows // g.out[1], 1), g.out[0])
    c.channels = 1


cdef inline Py_ssize_t slide_scratch(const PoolJob* job) noexcept nogil:
    """What the columns of a row of outputs are divided by, whole vectors."""
    return ceil_div(job.g.out[2], job.kernels.lanes) * job.kernels.lanes * job.kernels.item


cdef inline void slide_unit(const PoolJob* job, Py_ssize_t unit, char* scratch) noexcept nogil:
    cdef const PoolGeometry* g = &job.g
    cdef Py_ssize_t i, n, d, h
    cdef Window w
    cdef double count
    for i in range(slide_scratch(job) // job.kernels.item if job.count != NOTHING else 0):
        w = window(g, 2, min(i, g.out[2] - 1))
        count = divisor_along(job, &w)
        if job.kernels.item == 4:
            (<float*> scratch)[i] = <float> count
        else:
            (<double*> scratch)[i] = count
    for i in range(unit * job.items // job.units, (unit + 1) * job.items // job.units):
        h = i % job.boxes[1] * job.cut.outputs[1]
        d = i // job.boxes[1] % job.boxes[0] * job.cut.outputs[0]
        n = i // (job.boxes[1] * job.boxes[0])
        slide_band(job, n, d, h, scratch)


cdef inline void slide_band(const PoolJob* job, Py_ssize_t n, Py_ssize_t d, Py_ssize_t first,
                            const char* columns) noexcept nogil:
    cdef const PoolGeometry* g = &job.g
    cdef Py_ssize_t at[OPERANDS]
    cdef Py_ssize_t lo, hi, h, end = min(first + job.cut.outputs[1], g.out[1])
    cdef Window wd = window(g, 0, d), wh
    cdef const char* x = job.x.data + picture(&job.x, job, n) + wd.first * job.x.axis[0]
    cdef char* y = job.y.data + picture(&job.y, job, n) + d * job.y.axis[0]
    cdef Slide s
    s.planes = min(job.cut.outputs[0], g.out[0] - d)
    s.source_plane, s.to_plane = g.stride[0] * job.x.axis[0], job.y.axis[0]
    s.source_row, s.to_row = g.stride[1] * job.x.axis[1], job.y.axis[1]
    s.at = at
    s.taps = g.kernel[2]
    s.ahead = AHEAD if job.far else 0
    s.around = job.around
    s.lowest = <const char*> job.lowest
    whole_windows(g, 1, &lo, &hi)
    h = first
    while h < end:
        s.rows = min(end, hi) - h if lo <= h < hi else 1
        wh = window(g, 1, h)
        s.operands = rows_of_window(job, &wd, &wh, at)
        s.fresh = min(g.stride[1], s.operands) if shares_rows(g) else s.operands
        s.divisor = 0
        if job.count != NOTHING:
            s.divisor = job.divisor * divisor_along(job, &wd) * divisor_along(job, &wh)
        s.source = x + wh.first * job.x.axis[1]
        s.to = y + h * job.y.axis[1]
        slide_columns(job, &s, columns)
        h += s.rows


cdef inline void slide_columns(const PoolJob* job, Slide* s, const char* columns) noexcept nogil:
    """Rows of outputs: vectors at the edges, and all those between them."""
    cdef const PoolGeometry* g = &job.g
    cdef Py_ssize_t item = job.kernels.item, lanes = job.kernels.lanes
    cdef Py_ssize_t step = g.stride[2]
    cdef Py_ssize_t behind = max(s.taps - step, 0)          # columns that a vector reads behind its `lanes` steps
    cdef Py_ssize_t edge = (2 if g.out[2] <= 4 * lanes else 1) * lanes
    cdef Py_ssize_t o = 0, column, inner
    cdef const char* row = s.source
    cdef char* to = s.to
    while o < g.out[2]:
        column = o * step - g.before[2]
        inner = 0
        if column >= 0:
            inner = min((g.out[2] - o) // lanes, (g.size[2] - column - behind) // (lanes * step)) * lanes
        s.edge = inner <= 0 or inner < g.out[2] - o <= 2 * lanes
        s.outputs = min(edge, g.out[2] - o) if s.edge else inner
        s.first, s.last = -column, g.size[2] - column
        s.source = row + column * item
        s.to = to + o * item
        s.lane_divisors = columns + o * item
        job.kernels.slide[<int> job.kind][step - 1](s)
        o += s.outputs
