# Pooling channels-last where windows share columns: neighbouring outputs of a row.  Columns are folded once, and
# the kernel keeps those of a window in registers.  Nothing is copied: it knows where the padding is.
#
# A unit is some rows of outputs, or part of a row.  Rows whose windows are whole along height are one call.
from kernel_table cimport MAX_COLUMNS, Columns
from pool_job cimport (NOTHING, PoolGeometry, PoolJob, RowUnit, Window, divisor_along, picture, row_unit,
                       rows_of_window, whole_windows, window)

cdef enum:
    MOST_OPERANDS = 16              # elements of a column
    LOAD = 2                        # times of an operation: each operand is loaded and folded,
    OVERHEAD = 8                    # what a column costs beside them where a vector of it is taken alone
    BLOCK = 4                       # and where so many are, which then are only folded along the window


cdef inline bint shares_columns(const PoolGeometry* g) noexcept nogil:
    """Whether windows are narrow, and share columns with the next."""
    return (g.out[2] > 1 and not g.adaptive[2] and g.dilation[2] == 1 and g.stride[2] < g.kernel[2] <= MAX_COLUMNS
            and g.kernel[0] * g.kernel[1] <= MOST_OPERANDS)


cdef inline bint sharing_pays(const PoolJob* job) noexcept nogil:
    """Whether columns take less time than windows of few elements, read where they lie."""
    cdef const PoolGeometry* g = &job.g
    cdef Py_ssize_t lanes = job.kernels.lanes, operands = g.kernel[0] * g.kernel[1]
    cdef Py_ssize_t whole = job.pixel // (BLOCK * lanes) * BLOCK
    cdef Py_ssize_t alone = (job.pixel - whole * lanes + lanes - 1) // lanes
    return (whole * (LOAD * operands * g.stride[2] + g.kernel[2]) + alone * (LOAD * operands * g.stride[2] + OVERHEAD)
            < LOAD * operands * g.kernel[2] * job.pixel // lanes)


cdef inline Py_ssize_t columns_scratch(const PoolJob* job) noexcept nogil:
    """What the columns of a row of outputs are divided by."""
    return job.g.out[2] * <Py_ssize_t> sizeof(double)


cdef inline void columns_unit(const PoolJob* job, Py_ssize_t unit, char* scratch) noexcept nogil:
    cdef const PoolGeometry* g = &job.g
    cdef RowUnit u = row_unit(job, unit)
    cdef Py_ssize_t item = 4 if job.narrow else job.kernels.item
    cdef Py_ssize_t at[MOST_OPERANDS]
    cdef Py_ssize_t lo, hi, oh, od, n, i
    cdef double* divisors = <double*> scratch
    cdef Window wd, wh, ww
    cdef Columns s
    s.kind, s.narrow = job.kind, job.narrow
    s.at = at
    s.source_pixel, s.to_pixel = job.x.axis[2], job.y.axis[2]
    s.source_row, s.to_row = g.stride[1] * job.x.axis[1], job.y.axis[1]
    s.columns, s.taps, s.stride = g.size[2], g.kernel[2], g.stride[2]
    s.first = u.column * g.stride[2] - g.before[2]
    s.outputs, s.elements = u.columns, u.channels
    s.lowest = <const char*> job.lowest
    s.around = job.around
    s.divisors = NULL if job.count == NOTHING else divisors
    for i in range(s.outputs if job.count != NOTHING else 0):
        ww = window(g, 2, u.column + i)
        divisors[i] = divisor_along(job, &ww)
    whole_windows(g, 1, &lo, &hi)
    while u.row < u.end:
        oh = u.row % g.out[1]
        od = u.row // g.out[1] % g.out[0]
        n = u.row // (g.out[1] * g.out[0])
        s.rows = min(u.end, u.row + hi - oh) - u.row if lo <= oh < hi else 1
        wd, wh = window(g, 0, od), window(g, 1, oh)
        s.operands = rows_of_window(job, &wd, &wh, at)
        s.fresh = min(g.stride[1], s.operands) if job.far else 0
        s.divisor = job.divisor * divisor_along(job, &wd) * divisor_along(job, &wh)
        s.source = (job.x.data + picture(&job.x, job, n) + wd.first * job.x.axis[0] + wh.first * job.x.axis[1]
                    + u.channel * item)
        s.to = (job.y.data + picture(&job.y, job, n) + od * job.y.axis[0] + oh * job.y.axis[1]
                + u.column * job.y.axis[2] + u.channel * item)
        job.kernels.columns(&s)
        u.row += s.rows
