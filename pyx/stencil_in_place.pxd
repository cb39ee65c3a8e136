# Few output channels in planes without strides: tiles read the input where it lies, and nothing is copied.
# If there is one row of outputs, the rows of a tile are runs of it.
# Those at an edge leave out what is outside of it: a row is zeros, a column has no lane that is loaded.
#
#     columns met      0 0 1 1 1 1 1 1 ...      a bit for each that a tile at the left edge sees
#     at tap 0         0 0 1 1 1 1 ...          lanes that are loaded
#     at tap 1         0 1 1 1 1 1 ...
#     at tap 2         1 1 1 1 1 1 ...
from geometry cimport COLLIDING, CONSTANT, FAR_BYTES, Geometry, Job, ceil_div
from kernel_table cimport MAX_STENCIL_ROWS, Stencil
from strip cimport Block, planes_of

cdef enum:
    SEEN = 64                       # rows, and columns, that a tile may see
    FILTERS = 2                     # of a group, at most: more share one copy, whose rows begin at lines of cache
    LOADS = 20                      #   but a single row pays if each of its elements is loaded at most so often
    FEW_TAPS = 5                    # rows of a kernel, of whose input the first-level cache holds all that collide
    TAPS = 1 << 12                  # of all planes
    BAND = 1 << 16                  # bytes of the input that a block reads in place,
    FEW_ROWS = 16                   # or those that so many rows of outputs do
    BLOCKS = 8                      # if there are
    LONG_ROW = 1 << 12              # bytes of an input row that the processor fetches ahead by itself


cdef inline bint planes_in_place(const Job* job) noexcept nogil:
    """Whether that can be, and pays: tiles fetch rows of one plane, and a strip keeps planes for the next depth."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t columns = job.kernels.lanes * job.kernels.nv + g.kernel[2] - 1, a
    for a in range(1, 3):
        if g.stride[a] > 1 or g.dilation[a] > 1:
            return False
    return (job.kernels.stencil_edges and not job.scattered and job.x.axis[2] == job.kernels.item
            and g.pad_mode == CONSTANT and job.skip_padding and job.levels == 0
            and (g.out[1] > 1 or (g.before[1] == 0 and g.kernel[1] <= g.size[1]))
            and (g.oc <= FILTERS or (g.out[1] == 1 and g.oc * g.kernel[2] <= LOADS))
            and planes_of(job) * g.kernel[1] * g.kernel[2] <= TAPS
            and (g.kernel[1] <= FEW_TAPS or job.x.axis[1] % COLLIDING != 0)
            and columns <= SEEN and MAX_STENCIL_ROWS + g.kernel[1] - 1 <= SEEN
            and (planes_of(job) == 1 or input_bytes(job) * min(g.kernel[0], 2) < FAR_BYTES))


cdef inline Py_ssize_t input_bytes(const Job* job) noexcept nogil:
    cdef const Geometry* g = &job.g
    return g.batch * g.groups * g.ic * g.size[0] * g.size[1] * g.size[2] * job.kernels.item


cdef inline Py_ssize_t rows_of_block(const Job* job) noexcept nogil:
    """At most, of outputs: few rows are read twice, and there are blocks enough for threads to end together."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t rows = max(BAND // (planes_of(job) * job.rectangle[1] * job.kernels.item), FEW_ROWS)
    return min(rows, max(ceil_div(g.batch * g.groups * g.out[0] * g.out[1], BLOCKS), job.kernels.stencil_rows))


cdef inline bint fetches_rows(const Job* job) noexcept nogil:
    """Whether tiles fetch the rows of those below: the processor does not foresee short ones, nor far ones in time."""
    return (planes_of(job) == 1 and job.g.out[1] > 1
            and (job.g.size[2] * job.kernels.item < LONG_ROW or input_bytes(job) >= FAR_BYTES))


cdef inline void cover_in_place(const Job* job, const Block* b, Stencil* t) noexcept nogil:
    """Computes a block by tiles of nearly equal height."""
    cdef const Geometry* g = &job.g
    cdef Py_ssize_t lanes = job.kernels.lanes, width = lanes * job.kernels.nv, item = job.kernels.item
    cdef Py_ssize_t height = ceil_div(b.rows, ceil_div(b.rows, job.kernels.stencil_rows))
    cdef Py_ssize_t row = 0, column, rows, tiles, top, left
    cdef bint inside, fetched = fetches_rows(job)
    cdef char* y = t.c
    while row < b.rows:
        rows = min(height, b.rows - row)
        top = b.oh + row - g.before[1]
        inside = top >= 0 and top + rows + g.kernel[1] - 1 <= g.size[1]
        t.rows_met = bits_between(-top, g.size[1] - top)
        t.ahead = (rows + g.kernel[1] - 1) * t.b_row if fetched else 0
        column = 0
        while column < b.columns:
            left = b.ow + column - g.before[2]
            t.b, t.c = b.x + top * t.b_row + left * item, y + row * t.c_row + column * item
            tiles = min(b.columns - column, g.size[2] - g.kernel[2] + 1 - left) // width
            if inside and left >= 0 and tiles > 0 and g.out[1] == 1:
                tiles = min(tiles, job.kernels.stencil_rows)
                t.count, t.lanes = 1, width
                t.b_row = t.c_row = width * item
                job.kernels.stencil[job.kernels.nv - 1][tiles - 1](t)
            elif inside and left >= 0 and tiles > 0:
                t.count, t.lanes = tiles, width
                job.kernels.stencil[job.kernels.nv - 1][rows - 1](t)
            else:
                tiles = 1
                t.count, t.lanes = 1, min(width, b.columns - column)
                t.columns_met = bits_between(-left, g.size[2] - left)
                job.kernels.stencil_edge[0 if t.lanes <= lanes else 1][rows - 1](t)
            column += tiles * width
        row += rows


cdef inline unsigned long long bits_between(Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """Bits from `first` on, but not from `last` on."""
    return bits_from(first) & ~bits_from(last)


cdef inline unsigned long long bits_from(Py_ssize_t first) noexcept nogil:
    return 0 if first >= SEEN else ~<unsigned long long> 0 << max(first, 0)
