# Pooling where x and y lie: each output is folded from all elements of its window at once.
# That is best where a window has few elements, or where no two windows share many.
#
# A unit is some rows of outputs, or part of a row.  Rows whose windows are whole are one call
# of the kernel; so are the pixels of a row.  Windows that meet the padding have fewer elements,
# and are calls of their own.
from geometry cimport ceil_div
from kernel_table cimport Fold
from pool_job cimport (GIVEN, NOTHING, PoolGeometry, PoolJob, RowUnit, Window, divisor_along, picture, row_unit,
                       whole_windows, window)


cdef inline Py_ssize_t direct_scratch(const PoolJob* job) noexcept nogil:
    """Where a window's elements are, from the first: for all of them."""
    cdef const PoolGeometry* g = &job.g
    return g.kernel[0] * g.kernel[1] * (1 if job.across else g.kernel[2]) * <Py_ssize_t> sizeof(Py_ssize_t)


cdef inline void direct_unit(const PoolJob* job, Py_ssize_t unit, char* scratch) noexcept nogil:
    cdef const PoolGeometry* g = &job.g
    cdef RowUnit u = row_unit(job, unit)
    cdef Py_ssize_t lo, hi, oh, rows, od, n
    whole_windows(g, 1, &lo, &hi)
    while u.row < u.end:
        oh = u.row % g.out[1]
        od = u.row // g.out[1] % g.out[0]
        n = u.row // (g.out[1] * g.out[0])
        rows = 1
        if lo <= oh < hi:
            rows = min(u.end, u.row + hi - oh) - u.row
        direct_rows(job, n, od, oh, rows, u.column, u.columns, u.channel, u.channels, <Py_ssize_t*> scratch)
        u.row += rows


cdef inline void direct_rows(const PoolJob* job, Py_ssize_t n, Py_ssize_t od, Py_ssize_t oh, Py_ssize_t rows,
                             Py_ssize_t column, Py_ssize_t columns, Py_ssize_t channel,
                             Py_ssize_t channels, Py_ssize_t* at) noexcept nogil:
    """Rows of outputs whose windows have equally many elements along height."""
    cdef const PoolGeometry* g = &job.g
    cdef Window wd = window(g, 0, od), wh = window(g, 1, oh), ww
    cdef Py_ssize_t item = 4 if job.narrow else job.kernels.item
    cdef const char* x = (job.x.data + picture(&job.x, job, n) + wd.first * job.x.axis[0]
                          + wh.first * job.x.axis[1] + channel * item)
    cdef char* y = (job.y.data + picture(&job.y, job, n) + od * job.y.axis[0] + oh * job.y.axis[1]
                    + channel * item)
    cdef Py_ssize_t lo, hi, o, _, pixels
    cdef double along_rows, divisor
    cdef Fold f
    f.kind = job.kind
    f.at = at
    f.keys = 0
    f.lane_divisors = NULL
    f.narrow = f.narrow_to = job.narrow
    f.ahead, f.around = job.far, job.around
    f.divisors = NULL if job.count == NOTHING else &divisor
    f.divisors_next = 0
    whole_windows(g, 2, &lo, &hi)
    along_rows = job.divisor * divisor_along(job, &wd) * divisor_along(job, &wh)
    o = column
    while o < column + columns:
        ww = window(g, 2, o)
        pixels = 1
        if lo <= o < hi:
            pixels = min(hi, column + columns) - o
        f.operands = operands(job, &wd, &wh, &ww, at)
        f.source = x + ww.first * job.x.axis[2]
        f.to = y + o * job.y.axis[2]
        f.elements = ww.taps if job.across else channels
        if pixels > 1 and not job.flat:
            # The pixels of a row are the runs.
            f.runs = pixels
            f.source_next = g.stride[2] * job.x.axis[2]
            f.to_next = job.y.axis[2]
            divisor = along_rows * divisor_along(job, &ww)
            for _ in range(rows):
                call(job, &f)
                f.source += g.stride[1] * job.x.axis[1]
                f.to += job.y.axis[1]
        else:
            # The rows are the runs.
            if not job.across:
                f.elements *= pixels
            f.runs = rows
            f.source_next = g.stride[1] * job.x.axis[1]
            f.to_next = job.y.axis[1]
            divisor = along_rows * divisor_along(job, &ww)
            call(job, &f)
        o += pixels


cdef inline void call(const PoolJob* job, const Fold* f) noexcept nogil:
    if job.across:
        job.kernels.across(f)
    else:
        job.kernels.fold(f)


cdef inline Py_ssize_t operands(const PoolJob* job, const Window* wd, const Window* wh, const Window* ww,
                                Py_ssize_t* at) noexcept nogil:
    """Distances of a window's elements from its first; their number.  Across: of its rows."""
    cdef const PoolGeometry* g = &job.g
    cdef Py_ssize_t columns = 1 if job.across else ww.taps
    cdef Py_ssize_t d, h, w, n = 0
    for d in range(wd.taps):
        for h in range(wh.taps):
            for w in range(columns):
                at[n] = (d * g.dilation[0] * job.x.axis[0] + h * g.dilation[1] * job.x.axis[1]
                         + w * g.dilation[2] * job.x.axis[2])
                n += 1
    return n
