# Few output channels in planes whose rows are strided, and kernels of few taps: a row of outputs is
# computed from rows of the input where they lie, so that nothing is copied.
#
# Planes of a size have the same rows at their edges and between: these are listed once for a unit.
# A sum has the order that it has in stencil.pxd, so that it does not depend on how the arrays lie.
from geometry cimport CONSTANT, Geometry, Job, ceil_div, source_index
from kernel_table cimport CLAMP, MAX_STRIDE, MAX_TAPS, RowStencil, Segment
from strip cimport Block, Strip, class_height, planes_of, source_depth

cdef enum:
    SEGMENTS = 64                   # kernel rows of all planes, at most
    SHORT_ROW = 512                 # bytes of the input's, which the processor does not foresee: rows are
    AHEAD = 8                       # fetched for outputs so many rows below
    LISTED = 3                      # runs of rows: at the upper edge, between the edges, and at the lower one
    FILTERS = 2                     # of a group, at most: each takes the rows apart again


cdef inline bint takes_rows(const Geometry* g, Py_ssize_t lanes) noexcept nogil:
    """Whether rows are taken as they are, if they lie so that they can be."""
    return (1 < g.stride[2] <= MAX_STRIDE and g.kernel[2] <= MAX_TAPS and g.kernel[2] - g.stride[2] <= lanes
            and g.dilation[1] == g.dilation[2] == 1 and g.kernel[1] <= 2 * g.stride[1]
            and g.ic * g.kernel[0] * g.kernel[1] <= SEGMENTS and g.oc <= FILTERS)


cdef inline bint rows_in_place(const Job* job) noexcept nogil:
    """Whether rows are read where they lie: pixels are neighbours, and products with padding may be left out."""
    cdef const Geometry* g = &job.g
    cdef bint padded = (g.before[2] > 0
                        or (g.out[2] - 1) * g.stride[2] - g.before[2] + g.kernel[2] > g.size[2])
    return (takes_rows(g, job.kernels.lanes) and not job.scattered and job.x.axis[2] == job.kernels.item
            and (job.skip_padding if g.pad_mode == CONSTANT else not padded))


cdef struct Rows:                   # of outputs, from where on and what they are summed from, or oh is -1
    Py_ssize_t od
    Py_ssize_t oh
    Py_ssize_t n_segments
    Segment segments[SEGMENTS]


cdef inline void forget_rows(Rows* listed) noexcept nogil:
    cdef Py_ssize_t n
    for n in range(LISTED):
        listed[n].oh = -1


cdef inline void row_stencil_block(const Job* job, const Strip* s, const Block* b, Py_ssize_t filters,
                                   Py_ssize_t filters_end, Py_ssize_t at_once, Rows* listed) noexcept nogil:
    """Some filters' outputs of a block: rows whose windows lie in the input together, others one by one.

    What the first rows are summed from is `listed` for the next block, which often has the same.
    """
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t item = job.kernels.item, row = 0, n = 0, oh, lo, hi, f
    cdef Rows* rows
    cdef RowStencil t
    lo = ceil_div(max(g.before[1], 0), g.stride[1])
    hi = (g.size[1] - g.kernel[1] + g.before[1]) // g.stride[1] + 1 if g.size[1] + g.before[1] >= g.kernel[1] else 0
    t.taps = g.kernel[2]
    t.a_tap = g.kernel[0] * g.kernel[1] * g.ic * item
    t.b_row, t.c_row = g.stride[1] * job.x.axis[1], job.y.axis[1]
    t.fresh, t.fresh_row = g.stride[1], job.x.axis[1]
    t.columns = b.columns
    t.first = g.before[2] - b.ow * g.stride[2]
    t.last = t.first + g.size[2]
    t.limits = job.limits
    while row < b.rows:
        oh = b.oh + row
        t.rows = min(hi - oh, b.rows - row) if lo <= oh < hi else 1
        rows = listed + min(n, LISTED - 1)
        if rows.oh != oh or rows.od != b.od:
            rows.od, rows.oh = b.od, oh
            rows.n_segments = list_rows(job, s, b.od, oh, at_once, rows.segments)
        t.segments, t.n_segments = rows.segments, rows.n_segments
        t.ahead = AHEAD * t.b_row if t.n_segments > 0 and g.size[2] * item < SHORT_ROW else 0
        for f in range(filters, filters_end):
            t.a = b.weights + f * job.blocks.terms * item
            t.init = b.bias + f * item
            t.b = b.x - t.first * item
            t.c = b.y + f * job.y.channel + row * job.y.axis[1]
            job.kernels.row_stencil[g.stride[2] - 2](&t)
        row += t.rows
        n += 1
    for f in range(filters if job.activation > CLAMP else filters_end, filters_end):
        job.kernels.activate(job.activation, b.y + f * job.y.channel, job.y.axis[1], b.rows, b.columns)


cdef inline Py_ssize_t list_rows(const Job* job, const Strip* s, Py_ssize_t od, Py_ssize_t oh,
                                 Py_ssize_t at_once, Segment* segments) noexcept nogil:
    """The kernel rows that meet input at a row of outputs, in the order of a stencil's sum; their number.

    Two rows of a class are a segment of a stencil, unless there is one row of outputs.
    """
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t begin = 0, planes = planes_of(job), count = 0, height, p, n, j, i, d, kh, id, ih
    cdef bint together
    while begin < planes:
        for height in range(2, 0, -1):
            for p in range(begin, min(begin + at_once, planes)):
                i, d = p // g.kernel[0], p % g.kernel[0]
                id = source_depth(g, od, d)
                for n in range(s.classes if id >= 0 else 0):
                    if (class_height(g, s, n) if g.out[1] > 1 else 1) != height:
                        continue
                    together = False
                    for j in range(class_height(g, s, n)):
                        kh = n + j * s.cycle
                        ih = source_index(oh * g.stride[1] - g.before[1] + kh, g.size[1], g.pad_mode)
                        if ih < 0:
                            continue
                        segments[count].a = ((d * g.kernel[1] + kh) * g.ic + i) * job.kernels.item
                        segments[count].b = i * job.x.channel + id * job.x.axis[0] + ih * job.x.axis[1]
                        segments[count].terms = 1
                        if together:
                            segments[count - 1].terms = 2
                        together = height == 2
                        count += 1
        begin += at_once
    return count
