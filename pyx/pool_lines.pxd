# Pooling where x and y lie, of windows that slide over short pixels: windows are folded down their rows, into lines,
# and the lines along the row.  Neighbouring outputs share what is folded down, which no register could keep for
# them: pixels are shorter than a few vectors, and vectors hold parts of several.
#
# Where windows lie some steps apart, lines are folded along at every column, which vectors do faster than pixel by
# pixel, into other lines; from these the pixels of the outputs are picked.
#
# A unit is some rows of outputs, or part of a row.  It goes down its rows block by block of columns, so that what
# rows share stays in the nearest cache; a few rows at a time become lines, with what stands for the padding at both
# ends.  Rows whose windows are whole along height go together.
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy

from geometry cimport ceil_div
from kernel_table cimport Fold
from pool_columns cimport BLOCK
from pool_job cimport (NOTHING, PoolGeometry, PoolJob, RowUnit, Window, divisor_along, picture, row_unit,
                       rows_of_window, whole_windows, window)

cdef enum:
    MOST_ROWS = 8                   # of a window that is folded down, and columns along
    FEW_TAPS = 9                    # of a window that is folded as fast from all its elements, or by its columns
    LINE_BYTES = 1 << 13            # of a block's columns of a row
    MOST_STEPS = 4                  # from a window to the next: columns between them are folded along for nothing
    STEP_PIXEL = 48                 # bytes of a pixel, at most, where there are such columns
    PIECE = 16                      # bytes of a pixel that are copied at once
    LONG_PIXEL = 1 << 9             # bytes of a pixel of which a block has few
    LINES_BYTES = 1 << 13           # of the lines that are folded at once


cdef inline bint fit_lines(const PoolJob* job) noexcept nogil:
    """Whether neighbouring outputs read neighbouring elements, and share enough of a short window."""
    cdef const PoolGeometry* g = &job.g
    cdef Py_ssize_t rows = g.kernel[0] * g.kernel[1], columns = g.kernel[2]
    cdef Py_ssize_t item = 4 if job.widened else job.kernels.item, lanes = job.kernels.lanes
    cdef Py_ssize_t vectors = ceil_div(job.pixel, lanes), blocks = job.pixel // (BLOCK * lanes) * BLOCK
    if g.stride[2] > 1:
        if (g.stride[2] > MOST_STEPS or columns == 1 or job.pixel * job.kernels.item > STEP_PIXEL
                or (rows * columns <= FEW_TAPS and 2 * job.pixel >= lanes)):
            return False            # pixels are folded one by one, see pool_direct.pxd
    elif rows == 1 or rows * columns <= rows + columns + 1:
        return False
    if job.same and rows * columns <= FEW_TAPS and 4 * blocks >= 3 * vectors:
        return False                # registers hold what windows share, see pool_columns.pxd
    return ((job.same or job.widened) and job.indices.data == NULL and job.power == 0
            and g.out[2] > 1 and not g.adaptive[2] and rows <= MOST_ROWS and columns <= MOST_ROWS
            and job.pixel * job.kernels.item <= LONG_PIXEL
            and (columns - 1) * g.dilation[2] * job.pixel * job.kernels.item <= LINE_BYTES
            and (job.pixel == 1 or (job.x.channel == item and job.y.channel == item))
            and job.x.axis[2] == job.pixel * item and job.y.axis[2] == job.pixel * item)


cdef inline Py_ssize_t reach(const PoolJob* job, Py_ssize_t outputs) noexcept nogil:
    """Columns that so many windows meet."""
    return (outputs - 1) * job.g.stride[2] + (job.g.kernel[2] - 1) * job.g.dilation[2] + 1


cdef inline Py_ssize_t block_columns(const PoolJob* job) noexcept nogil:
    return min(max(LINE_BYTES // (job.g.stride[2] * job.pixel * job.kernels.item), 1), job.columns)


cdef inline Py_ssize_t line_bytes(const PoolJob* job) noexcept nogil:
    return ceil_div(reach(job, block_columns(job)) * job.pixel * job.kernels.item, 64) * 64


cdef inline Py_ssize_t lines_at_once(const PoolJob* job) noexcept nogil:
    return max(LINES_BYTES // line_bytes(job), 2)


cdef inline Py_ssize_t lines_scratch(const PoolJob* job) noexcept nogil:
    """Lines, and what the elements of a block's row are divided by; behind them, what is copied with the last pixel."""
    return line_bytes(job) * (lines_at_once(job) * (1 if job.g.stride[2] == 1 else 2) + 1) + PIECE


cdef inline void lines_unit(const PoolJob* job, Py_ssize_t unit, char* scratch) noexcept nogil:
    cdef RowUnit u = row_unit(job, unit)
    cdef Py_ssize_t block = block_columns(job), column = u.column
    while column < u.column + u.columns:
        lines_block(job, &u, column, min(block, u.column + u.columns - column), scratch)
        column += block


cdef inline void lines_block(const PoolJob* job, const RowUnit* u, Py_ssize_t column, Py_ssize_t columns,
                             char* scratch) noexcept nogil:
    """All rows of a unit, of some columns."""
    cdef const PoolGeometry* g = &job.g
    cdef Py_ssize_t pixel = job.pixel * job.kernels.item, x_pixel = job.pixel * (4 if job.narrow else job.kernels.item)
    cdef Py_ssize_t first = column * g.stride[2] - g.before[2], met = reach(job, columns), pitch = line_bytes(job)
    cdef Py_ssize_t left = max(-first, 0), right = max(first + met - g.size[2], 0)
    cdef Py_ssize_t most = min(lines_at_once(job), u.end - u.row)
    cdef Py_ssize_t down_at[MOST_ROWS]
    cdef Py_ssize_t along_at[MOST_ROWS]
    cdef Py_ssize_t lo, hi, row = u.row, oh, od, n, end, i
    cdef char* lines = scratch + line_bytes(job)
    cdef double divisor
    cdef char* y
    cdef Window wd, wh, ww
    cdef Fold down, along
    down.kind = along.kind = job.kind
    down.keys = along.keys = 0
    down.narrow = along.narrow_to = job.narrow
    down.narrow_to = along.narrow = False
    down.ahead = along.ahead = False
    down.around, along.around = False, job.around
    down.divisors = NULL
    down.lane_divisors = along.lane_divisors = NULL
    down.divisors_next = along.divisors_next = 0
    down.at, down.elements = down_at, (met - left - right) * job.pixel
    down.source_next, down.to = g.stride[1] * job.x.axis[1], lines + left * pixel
    down.to_next = along.source_next = pitch
    along.at, along.operands, along.elements = along_at, g.kernel[2], columns * job.pixel
    along.source, along.to_next = lines, job.y.axis[1]
    if g.stride[2] > 1:
        along.elements = ((columns - 1) * g.stride[2] + 1) * job.pixel
        along.to, along.to_next = lines + lines_at_once(job) * pitch, pitch
        along.around = False
    along.divisors = NULL if job.count == NOTHING else &divisor
    for i in range(g.kernel[2]):
        along_at[i] = i * g.dilation[2] * pixel
    if divide_columns(job, column, columns, scratch):
        along.lane_divisors = scratch
    for i in range(most if left + right > 0 else 0):
        set_lowest(job, lines + i * pitch, left * job.pixel)
        set_lowest(job, lines + i * pitch + (met - right) * pixel, right * job.pixel)
    whole_windows(g, 1, &lo, &hi)
    while row < u.end:
        oh = row % g.out[1]
        od = row // g.out[1] % g.out[0]
        n = row // (g.out[1] * g.out[0])
        end = min(u.end, row + hi - oh) if lo <= oh < hi else row + 1
        wd, wh = window(g, 0, od), window(g, 1, oh)
        down.operands = rows_of_window(job, &wd, &wh, down_at)
        divisor = job.divisor * divisor_along(job, &wd) * divisor_along(job, &wh)
        if job.count != NOTHING and along.lane_divisors == NULL:
            ww = window(g, 2, column)
            divisor *= divisor_along(job, &ww)
        down.source = (job.x.data + picture(&job.x, job, n) + wd.first * job.x.axis[0] + wh.first * job.x.axis[1]
                       + max(first, 0) * x_pixel)
        y = (job.y.data + picture(&job.y, job, n) + od * job.y.axis[0] + oh * job.y.axis[1] + column * x_pixel)
        while row < end:
            down.runs = along.runs = min(end - row, most)
            job.kernels.fold(&down)
            if g.stride[2] == 1:
                along.to = y
            job.kernels.fold(&along)
            for i in range(down.runs if g.stride[2] > 1 else 0):
                pick_pixels(along.to + i * pitch, g.stride[2] * x_pixel, y + i * job.y.axis[1], x_pixel, columns)
            down.source += down.runs * down.source_next
            y += down.runs * job.y.axis[1]
            row += down.runs


cdef inline bint divide_columns(const PoolJob* job, Py_ssize_t column, Py_ssize_t columns,
                                char* to) noexcept nogil:
    """What the elements of a row are divided by, if not all by the same."""
    cdef Py_ssize_t step = job.g.stride[2] * job.pixel, i, c
    cdef double count, first = 0
    cdef bint differ = False
    cdef Window w
    for i in range(columns if job.count != NOTHING else 0):
        w = window(&job.g, 2, column + i)
        count = divisor_along(job, &w)
        if i == 0:
            first = count
        differ = differ or count != first
        for c in range(step if i < columns - 1 else job.pixel):
            if job.kernels.item == 4:
                (<float*> to)[i * step + c] = <float> count
            else:
                (<double*> to)[i * step + c] = count
    return differ


cdef inline void set_lowest(const PoolJob* job, char* to, Py_ssize_t elements) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(elements):
        if job.kernels.item == 4:
            (<int32_t*> to)[i] = (<const int32_t*> job.lowest)[0]
        else:
            (<int64_t*> to)[i] = (<const int64_t*> job.lowest)[0]


cdef inline void pick_pixels(const char* source, Py_ssize_t step, char* to, Py_ssize_t pixel,
                             Py_ssize_t pixels) noexcept nogil:
    """Pixels that lie a step apart, side by side: whole pieces, over what comes behind, but for the last few."""
    cdef Py_ssize_t pieces = ceil_div(pixel, PIECE), behind = ceil_div(pieces * PIECE - pixel, pixel), j, _
    if 4 * pixel < PIECE:
        behind = pixels             # fewer copies of single elements
    for _ in range(pixels - behind):
        for j in range(pieces):
            memcpy(to + j * PIECE, source + j * PIECE, PIECE)
        source += step
        to += pixel
    for _ in range(max(pixels - behind, 0), pixels):
        for j in range(pixel // 4):
            memcpy(to + 4 * j, source + 4 * j, 4)
        source += step
        to += pixel
