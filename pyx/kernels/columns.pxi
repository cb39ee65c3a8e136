# Pooling with windows that share columns of long pixels: neighbouring outputs of a row.
#
#     to[r, o, i]  =  op over taps t of   column[r, o*stride + t, i]
#     column[r, w, i]  =  op over operands j of   source[r, w, i]    at  source + r*source_row + at[j] + w*source_pixel
#                                                                        + i*item, where 0 <= w < columns;
#                                                                    at  lowest, where w is in the padding
#                                                                    to  to + r*to_row + o*to_pixel + i*item
#
# Windows begin at column `first` and are a few columns wide.  A block of channels goes along the row: registers hold
# the columns of its window, of which the next one has all but `stride`.  An output is folded in the same order
# wherever the row begins.  Sums are divided on their way out; `narrow` ones are of float32 in float64.
#
# A block goes down all rows, so that what they share stays in the first-level cache.  If the input is far, all blocks
# of a row are taken first: their lines lie together in memory.  Meanwhile those that the next row reads first are
# fetched.

cdef void columns(const Columns* s) noexcept nogil:
    if s.kind == MAXIMUM:
        columns_of_window(MAXIMUM, False, s)
    elif REAL_IS_FLOATING and s.kind == MAXIMUM_NUMBER:
        columns_of_window(MAXIMUM_NUMBER, False, s)
    elif not NARROW_IS_OFFERED or not s.narrow:
        columns_of_window(SUM, False, s)
    else:
        columns_of_window(SUM, True, s)


cdef inline void columns_of_window(const int kind, const bint narrow, const Columns* s) noexcept nogil:
    if s.taps == 2:
        columns_of_rows(kind, narrow, 2, s.operands, s)
    elif s.taps == 3 and s.operands == 3:
        columns_of_rows(kind, narrow, 3, 3, s)
    elif s.taps == 3:
        columns_of_rows(kind, narrow, 3, s.operands, s)
    elif s.taps == 4:
        columns_of_rows(kind, narrow, 4, s.operands, s)
    else:
        columns_of_rows(kind, narrow, 5, s.operands, s)


cdef inline void columns_of_rows(const int kind, const bint narrow, const int taps, const Py_ssize_t operands,
                                 const Columns* s) noexcept nogil:
    cdef Py_ssize_t step = NARROW_BYTES if narrow else VBYTES
    cdef Py_ssize_t block = BLOCK_VECTORS * LANES, row = 0, end, i, r
    cdef Part part
    part.between = False
    while row < s.rows:
        end = row + 1 if s.fresh > 0 else s.rows
        i = 0
        while i + block <= s.elements:
            for r in range(row, end):
                columns_of_block(kind, narrow, taps, operands, BLOCK_VECTORS, NULL, s, r, i // LANES * step)
            i += block
        while i < s.elements:
            part.last = min(s.elements - i, LANES)
            for r in range(row, end):
                columns_of_block(kind, narrow, taps, operands, 1, &part, s, r, i // LANES * step)
            i += LANES
        row = end


cdef inline void columns_of_block(const int kind, const bint narrow, const int taps, const Py_ssize_t operands,
                                  const int vectors, const Part* part, const Columns* s, Py_ssize_t row,
                                  Py_ssize_t channel) noexcept nogil:
    """All outputs of some channels of a row."""
    cdef Py_ssize_t step = NARROW_BYTES if narrow else VBYTES
    cdef Py_ssize_t source_pixel = s.source_pixel, count = s.columns, w = s.first, stride = s.stride, o, t, v
    cdef const char* source = s.source + row * s.source_row + channel
    cdef char* to = s.to + row * s.to_row + channel
    cdef const Py_ssize_t* at = s.at
    cdef const double* divisors = s.divisors
    cdef double divisor = s.divisor
    cdef Py_ssize_t fresh = operands - s.fresh, below = s.source_row, j
    cdef bint around = s.around and part == NULL and not narrow and (<Py_ssize_t> to | s.to_pixel | step) % LINE == 0
    cdef vec lowest = vsplat((<const real*> s.lowest)[0]), divided_by
    cdef vec window[MAX_COLUMNS * BLOCK_VECTORS]
    cdef vec acc[BLOCK_VECTORS]
    source += w * source_pixel
    for t in range(taps * vectors):
        window[t] = lowest
    for o in range(-1, s.outputs):
        for t in range(taps - stride if o < 0 else stride):         # what the first window has in front, then the rest
            next_column(kind, narrow, taps, operands, vectors, part, at, source, 0 <= w < count, lowest, window)
            for j in range(fresh, operands):
                for v in range(vectors * step // LINE):
                    vprefetch_far(source + at[j] + below + v * LINE)
            source += source_pixel
            w += 1
        if o < 0:
            continue
        for v in range(vectors):
            acc[v] = fold_window(kind, taps, window + v, vectors)
        if kind == SUM and divisors != NULL:
            divided_by = vsplat(<real> (divisor * divisors[o]))
            for v in range(vectors):
                acc[v] = vdiv(acc[v], divided_by)
        for v in range(vectors):
            if part == NULL and narrow:
                vstore_narrow(to + v * step, acc[v])
            elif around:
                vstream(to + v * step, acc[v])
            elif part == NULL:
                vstore(to + v * step, acc[v])
            elif narrow:
                vstore_narrow_part(to, acc[v], part.last)
            else:
                vstore_part(to, acc[v], part.last)
        to += s.to_pixel


cdef inline vec fold_window(const int kind, const int taps, const vec* w, const int next) noexcept nogil:
    """In the order of `accumulate`."""
    if taps == 5:
        return folded(kind, w[0], folded(kind, folded(kind, w[next], w[2 * next]),
                                         folded(kind, w[3 * next], w[4 * next])))
    if taps == 4:
        return folded(kind, folded(kind, w[0], folded(kind, w[next], w[2 * next])), w[3 * next])
    if taps == 3:
        return folded(kind, w[0], folded(kind, w[next], w[2 * next]))
    return folded(kind, w[0], w[next])


cdef inline void next_column(const int kind, const bint narrow, const int taps, const Py_ssize_t operands,
                             const int vectors, const Part* part, const Py_ssize_t* at, const char* source,
                             bint inside, vec lowest, vec* window) noexcept nogil:
    """Moves a window on by one column."""
    cdef Py_ssize_t t, v
    for t in range((taps - 1) * vectors):
        window[t] = window[t + vectors]
    if inside:
        accumulate(kind, narrow, vectors, part, operands, at, source, window + (taps - 1) * vectors, False)
    else:
        for v in range(vectors):
            window[(taps - 1) * vectors + v] = lowest
