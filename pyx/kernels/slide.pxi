# Pooling with windows that slide along the lanes: neighbouring outputs of a row read neighbours.
#
#     to[p, r, i]  =  op over operands j, taps t of   source[p, r, i*stride + t]
#
#                         at  source + p*source_plane + r*source_row + at[j] + (i*stride + t)*item
#                         to  to + p*to_plane + r*to_row + i*item
#
# The operands, one for each row of a window, are folded first, for `stride` vectors of columns and for those behind
# them that the last windows reach.  Elements 0, stride, 2*stride, ... are what a vector of outputs has at its first
# tap, 1, 1 + stride, ... what it has at its second, and so on: the phases of the columns.  The next `stride` taps
# are the same phases one element further on:
#
#     columns                   a0 b0 a1 b1 a2 b2 a3 b3   a4         stride 2, vectors of 4
#     phases                    a0 a1 a2 a3   b0 b1 b2 b3
#     windows of 3 taps         a0 a1 a2 a3 op b0 b1 b2 b3 op a1 a2 a3 a4
#
# At an edge there is one vector of outputs, and only the columns from `first` up to `last` are read; `lowest` stands
# for the others.  An output is folded in the same order in every vector.
cdef inline void slide(const int kind, const int stride, const Slide* s) noexcept nogil:
    """Frequent windows are constants, so that nothing is decided between short rows."""
    if s.operands == 2 and s.taps == 2:
        slide_window(kind, stride, 2, 2, [s.at[0], s.at[1]], s)
    elif s.operands == 3 and s.taps == 3:
        slide_window(kind, stride, 3, 3, [s.at[0], s.at[1], s.at[2]], s)
    elif s.operands == 4 and s.taps == 2:
        slide_window(kind, stride, 4, 2, [s.at[0], s.at[1], s.at[2], s.at[3]], s)
    elif s.operands == 1:
        slide_window(kind, stride, 1, s.taps, [s.at[0]], s)
    else:
        slide_window(kind, stride, s.operands, s.taps, s.at, s)


cdef inline void slide_window(const int kind, const int stride, const Py_ssize_t operands, const Py_ssize_t taps,
                              const Py_ssize_t* at, const Slide* s) noexcept nogil:
    if s.edge:
        slide_rows(kind, stride, operands, taps, at, True, False, s)
    elif s.ahead > 0:
        slide_rows(kind, stride, operands, taps, at, False, True, s)
    else:
        slide_rows(kind, stride, operands, taps, at, False, False, s)


# Stores may change what s points to, as far as the compiler knows: what rows need is in variables.
cdef inline void slide_rows(const int kind, const int stride, const Py_ssize_t operands, const Py_ssize_t taps,
                            const Py_ssize_t* at, const bint edge, const bint fetched, const Slide* s) noexcept nogil:
    cdef const char* source
    cdef char* to
    cdef Py_ssize_t rows = s.rows, source_row = s.source_row, to_row = s.to_row
    cdef Py_ssize_t vectors = s.vectors, lanes = s.lanes, first = s.first, last = s.last
    cdef vec lowest = vsplat((<const real*> s.lowest)[0])
    cdef vec divisor = vsplat(1), acc
    cdef vec next = lowest
    cdef bint divided = kind == SUM and s.divisor != 0
    cdef bint around = s.around and VBYTES % 64 == 0 and (<Py_ssize_t> s.to | s.to_plane | to_row) % 64 == 0
    cdef Py_ssize_t p, r, v, j
    if divided:
        divisor = vmul(vsplat(<real> s.divisor), vload_part(s.lane_divisors, lanes))
    for p in range(s.planes):
        source = s.source + p * s.source_plane
        to = s.to + p * s.to_plane
        for r in range(rows):
            if fetched:
                for j in range(operands - s.fresh, operands):
                    for v in range((vectors * stride * VBYTES + 63) // 64):
                        vprefetch_far(source + at[j] + s.ahead + 64 * v)
            if taps > stride and not edge:
                accumulate(kind, False, 1, NULL, operands, at, source, &next, False)
            for v in range(1 if edge else vectors):
                acc = outputs(kind, stride, operands, taps, at, edge, source + v * stride * VBYTES, first, last, lowest,
                              v + 1 < vectors, &next)
                if divided:
                    acc = vdiv(acc, divisor)
                if edge:
                    vstore_part(to, acc, lanes)
                elif fetched and around:
                    vstream(to + v * VBYTES, acc)
                else:
                    vstore(to + v * VBYTES, acc)
            source += source_row
            to += to_row


cdef inline vec outputs(const int kind, const int stride, const Py_ssize_t operands, const Py_ssize_t taps,
                        const Py_ssize_t* at, const bint edge, const char* source, Py_ssize_t first, Py_ssize_t last,
                        vec lowest, bint more, vec* next) noexcept nogil:
    """A vector of outputs.  Constants, not loops, count phases and taps: only then are they in registers.

    The columns behind a vector's are the next one's, if there are `more`, and kept for it.
    """
    cdef vec phases[MAX_STRIDE]
    cdef vec behind = lowest
    cdef Part part
    cdef vec acc
    part.between, part.first, part.last = False, 0, taps - stride
    if edge:
        edge_columns(kind, operands, at, source, 0, first, last, lowest, phases)
        if stride > 1:
            edge_columns(kind, operands, at, source, 1, first, last, lowest, phases + 1)
        if stride > 2:
            edge_columns(kind, operands, at, source, 2, first, last, lowest, phases + 2)
        if stride > 3:
            edge_columns(kind, operands, at, source, 3, first, last, lowest, phases + 3)
        if taps > stride:
            edge_columns(kind, operands, at, source, stride, first, last, lowest, &behind)
    elif taps > stride:
        phases[0] = next[0]
        if stride > 1:
            accumulate(kind, False, stride - 1, NULL, operands, at, source + VBYTES, phases + 1, False)
        if more:
            accumulate(kind, False, 1, NULL, operands, at, source + stride * VBYTES, next, False)
        else:
            accumulate(kind, False, 1, &part, operands, at, source + stride * VBYTES, next, False)
        behind = next[0]
    else:
        accumulate(kind, False, stride, NULL, operands, at, source, phases, False)
    bring_apart(stride, phases)
    acc = phases[0]
    acc = tap(kind, stride, 1, taps, acc, phases, behind)
    acc = tap(kind, stride, 2, taps, acc, phases, behind)
    acc = tap(kind, stride, 3, taps, acc, phases, behind)
    acc = tap(kind, stride, 4, taps, acc, phases, behind)
    acc = tap(kind, stride, 5, taps, acc, phases, behind)
    acc = tap(kind, stride, 6, taps, acc, phases, behind)
    return tap(kind, stride, 7, taps, acc, phases, behind)


cdef inline void edge_columns(const int kind, const Py_ssize_t operands, const Py_ssize_t* at, const char* source,
                              const int vector, Py_ssize_t first, Py_ssize_t last, vec lowest,
                              vec* to) noexcept nogil:
    """A vector of columns, of which some cannot be read."""
    cdef Part part
    part.between, part.rest = True, lowest
    part.first = min(max(first - vector * LANES, 0), LANES)
    part.last = min(max(last - vector * LANES, 0), LANES)
    accumulate(kind, False, 1, &part, operands, at, source + vector * VBYTES, to, False)


cdef inline vec tap(const int kind, const int stride, const int t, const Py_ssize_t taps, vec acc, const vec* phases,
                    vec behind) noexcept nogil:
    if t >= taps:
        return acc
    return folded(kind, acc, vphase(phases[t % stride], behind, stride, t))


cdef void slide_maximum_1(const Slide* s) noexcept nogil: slide(MAXIMUM, 1, s)
cdef void slide_maximum_2(const Slide* s) noexcept nogil: slide(MAXIMUM, 2, s)
cdef void slide_maximum_3(const Slide* s) noexcept nogil: slide(MAXIMUM, 3, s)
cdef void slide_maximum_4(const Slide* s) noexcept nogil: slide(MAXIMUM, 4, s)
cdef void slide_number_1(const Slide* s) noexcept nogil: slide(MAXIMUM_NUMBER, 1, s)
cdef void slide_number_2(const Slide* s) noexcept nogil: slide(MAXIMUM_NUMBER, 2, s)
cdef void slide_number_3(const Slide* s) noexcept nogil: slide(MAXIMUM_NUMBER, 3, s)
cdef void slide_number_4(const Slide* s) noexcept nogil: slide(MAXIMUM_NUMBER, 4, s)
cdef void slide_sum_1(const Slide* s) noexcept nogil: slide(SUM, 1, s)
cdef void slide_sum_2(const Slide* s) noexcept nogil: slide(SUM, 2, s)
cdef void slide_sum_3(const Slide* s) noexcept nogil: slide(SUM, 3, s)
cdef void slide_sum_4(const Slide* s) noexcept nogil: slide(SUM, 4, s)
