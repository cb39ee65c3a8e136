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
# At an edge there are one or two vectors of outputs, and only the columns from `first` up to `last` are read; `lowest`
# stands for the others.  An output is folded in the same order in every vector.
cdef inline void slide(const int kind, const int stride, const Slide* s) noexcept nogil:
    """Frequent windows are constants, so that nothing is decided between short rows."""
    if s.operands == 2 and s.taps == 2:
        slide_window(kind, stride, True, 2, 2, [s.at[0], s.at[1]], s)
    elif s.operands == 3 and s.taps == 3:
        slide_window(kind, stride, True, 3, 3, [s.at[0], s.at[1], s.at[2]], s)
    elif s.operands == 4 and s.taps == 2:
        slide_window(kind, stride, True, 4, 2, [s.at[0], s.at[1], s.at[2], s.at[3]], s)
    elif s.operands == 1:
        slide_window(kind, stride, True, 1, s.taps, [s.at[0]], s)
    else:
        slide_window(kind, stride, False, s.operands, s.taps, s.at, s)


cdef inline void slide_window(const int kind, const int stride, const bint frequent, const Py_ssize_t operands,
                              const Py_ssize_t taps, const Py_ssize_t* at, const Slide* s) noexcept nogil:
    if s.edge and s.outputs <= LANES:
        slide_edge(kind, stride, frequent, operands, taps, at, 1, s)
    elif s.edge:
        slide_edge(kind, stride, frequent, operands, taps, at, 2, s)
    elif s.ahead > 0:
        slide_rows(kind, stride, operands, taps, at, True, s)
    else:
        slide_rows(kind, stride, operands, taps, at, False, s)


# Stores may change what s points to, as far as the compiler knows: what rows need is in variables.
cdef inline void slide_rows(const int kind, const int stride, const Py_ssize_t operands, const Py_ssize_t taps,
                            const Py_ssize_t* at, const bint fetched, const Slide* s) noexcept nogil:
    cdef const char* source
    cdef char* to
    cdef Py_ssize_t rows = s.rows, source_row = s.source_row, to_row = s.to_row
    cdef Py_ssize_t vectors = s.outputs // LANES, p, r, v, j
    cdef vec divisor = divisor_of(kind, s, 0), next = divisor, acc
    cdef vec phases[MAX_STRIDE]
    cdef bint divided = kind == SUM and s.divisor != 0
    cdef bint around = s.around and VBYTES % 64 == 0 and (<Py_ssize_t> s.to | s.to_plane | to_row) % 64 == 0
    cdef Part part
    part.between, part.first, part.last = False, 0, taps - stride
    for p in range(s.planes):
        source = s.source + p * s.source_plane
        to = s.to + p * s.to_plane
        for r in range(rows):
            if fetched:
                for j in range(operands - s.fresh, operands):
                    fetch_row(source + at[j] + s.ahead, vectors * stride)
            if taps > stride:
                accumulate(kind, False, 1, NULL, operands, at, source, &next, False)
            for v in range(vectors):
                if taps > stride:
                    phases[0] = next
                    if stride > 1:
                        accumulate(kind, False, stride - 1, NULL, operands, at, source + (v * stride + 1) * VBYTES,
                                   phases + 1, False)
                    accumulate(kind, False, 1, NULL if v + 1 < vectors else &part, operands, at,
                               source + (v + 1) * stride * VBYTES, &next, False)
                else:
                    accumulate(kind, False, stride, NULL, operands, at, source + v * stride * VBYTES, phases, False)
                acc = outputs(kind, stride, taps, phases, next)
                if divided:
                    acc = vdiv(acc, divisor)
                if fetched and around:
                    vstream(to + v * VBYTES, acc)
                else:
                    vstore(to + v * VBYTES, acc)
            source += source_row
            to += to_row


cdef inline void slide_edge(const int kind, const int stride, const bint frequent, const Py_ssize_t operands,
                            const Py_ssize_t taps, const Py_ssize_t* at, const int vectors,
                            const Slide* s) noexcept nogil:
    """One or two vectors of outputs: which columns can be read is decided once for all rows."""
    cdef const char* source
    cdef char* to
    cdef Py_ssize_t rows = s.rows, source_row = s.source_row, to_row = s.to_row
    cdef Py_ssize_t lanes = s.outputs - (vectors - 1) * LANES, ahead = s.ahead, fresh = s.fresh, p, r, j
    cdef vec lowest = vsplat((<const real*> s.lowest)[0])
    cdef vec next = lowest, acc
    cdef vec divisor[2]
    cdef bint divided = kind == SUM and s.divisor != 0
    cdef Part part[2 * MAX_STRIDE + 1]
    cdef int v
    for v in range(vectors * stride + 1):
        part[v].between = True
        part[v].first = min(max(s.first - v * LANES, 0), LANES)
        part[v].last = min(max(s.last - v * LANES, 0), LANES)
    for v in range(vectors):
        divisor[v] = divisor_of(kind, s, v)
    for p in range(s.planes):
        source = s.source + p * s.source_plane
        to = s.to + p * s.to_plane
        for r in range(rows):
            if ahead > 0:
                for j in range(operands - fresh, operands):
                    fetch_row(source + at[j] + ahead, vectors * stride)
            acc = edge_outputs(kind, stride, frequent, operands, taps, at, 0, source, part, lowest, &next)
            if divided:
                acc = vdiv(acc, divisor[0])
            if vectors == 2:
                vstore(to, acc)
                acc = edge_outputs(kind, stride, frequent, operands, taps, at, 1, source, part, lowest, &next)
                if divided:
                    acc = vdiv(acc, divisor[1])
            vstore_part(to + (vectors - 1) * VBYTES, acc, lanes)
            source += source_row
            to += to_row


cdef inline vec divisor_of(const int kind, const Slide* s, Py_ssize_t v) noexcept nogil:
    """Of a vector of sums, if they are divided."""
    if kind != SUM or s.divisor == 0:
        return vsplat(1)
    return vmul(vsplat(<real> s.divisor), vload(s.lane_divisors + v * VBYTES))


cdef inline void fetch_row(const char* source, Py_ssize_t vectors) noexcept nogil:
    cdef Py_ssize_t i
    for i in range((vectors * VBYTES + 63) // 64):
        vprefetch_far(source + 64 * i)


cdef inline vec edge_outputs(const int kind, const int stride, const bint frequent, const Py_ssize_t operands,
                             const Py_ssize_t taps, const Py_ssize_t* at, const int v, const char* source,
                             const Part* part, vec lowest, vec* next) noexcept nogil:
    """Vector v of outputs."""
    cdef vec phases[MAX_STRIDE]
    if v > 0 and taps > stride:
        phases[0] = next[0]
    else:
        edge_columns(kind, frequent, operands, at, source, v * stride, part, lowest, phases)
    if stride > 1:
        edge_columns(kind, frequent, operands, at, source, v * stride + 1, part, lowest, phases + 1)
    if stride > 2:
        edge_columns(kind, frequent, operands, at, source, v * stride + 2, part, lowest, phases + 2)
    if stride > 3:
        edge_columns(kind, frequent, operands, at, source, v * stride + 3, part, lowest, phases + 3)
    if taps > stride:
        edge_columns(kind, frequent, operands, at, source, (v + 1) * stride, part, lowest, next)
    return outputs(kind, stride, taps, phases, next[0])


cdef inline void edge_columns(const int kind, const bint frequent, const Py_ssize_t operands, const Py_ssize_t* at,
                              const char* source, const int vector, const Part* part, vec lowest,
                              vec* to) noexcept nogil:
    """A vector of columns, of which some cannot be read."""
    if frequent or VMASKS:
        columns_between(kind, operands, at, source + vector * VBYTES, part + vector, lowest, to)
    elif kind == MAXIMUM:
        columns_of_maximum(operands, at, source + vector * VBYTES, part + vector, lowest, to)
    elif kind == MAXIMUM_NUMBER:
        columns_of_number(operands, at, source + vector * VBYTES, part + vector, lowest, to)
    else:
        columns_of_sum(operands, at, source + vector * VBYTES, part + vector, lowest, to)


cdef inline void columns_between(const int kind, const Py_ssize_t operands, const Py_ssize_t* at, const char* source,
                                 const Part* part, vec lowest, vec* to) noexcept nogil:
    accumulate(kind, False, 1, part, operands, at, source, to, False)
    if kind != SUM:
        to[0] = vbetween(to[0], part.first, part.last, lowest)


# Not inlined: a part takes many instructions without masks, and there would be thousands of them.
cdef void columns_of_maximum(Py_ssize_t operands, const Py_ssize_t* at, const char* source, const Part* part,
                             vec lowest, vec* to) noexcept nogil:
    columns_between(MAXIMUM, operands, at, source, part, lowest, to)


cdef void columns_of_number(Py_ssize_t operands, const Py_ssize_t* at, const char* source, const Part* part,
                            vec lowest, vec* to) noexcept nogil:
    columns_between(MAXIMUM_NUMBER, operands, at, source, part, lowest, to)


cdef void columns_of_sum(Py_ssize_t operands, const Py_ssize_t* at, const char* source, const Part* part,
                         vec lowest, vec* to) noexcept nogil:
    columns_between(SUM, operands, at, source, part, lowest, to)


cdef inline vec outputs(const int kind, const int stride, const Py_ssize_t taps, vec* phases,
                        vec behind) noexcept nogil:
    """A vector of outputs, from its columns and those behind them, which are the first of the next vector.

    Constants, not loops, count phases and taps: only then are they in registers.
    """
    cdef vec acc
    bring_apart(stride, phases)
    acc = phases[0]
    acc = tap(kind, stride, 1, taps, acc, phases, behind)
    acc = tap(kind, stride, 2, taps, acc, phases, behind)
    acc = tap(kind, stride, 3, taps, acc, phases, behind)
    acc = tap(kind, stride, 4, taps, acc, phases, behind)
    acc = tap(kind, stride, 5, taps, acc, phases, behind)
    acc = tap(kind, stride, 6, taps, acc, phases, behind)
    return tap(kind, stride, 7, taps, acc, phases, behind)


cdef inline vec tap(const int kind, const int stride, const int t, const Py_ssize_t taps, vec acc, const vec* phases,
                    vec behind) noexcept nogil:
    if t >= taps:
        return acc
    return folded(kind, acc, vphase(phases[t % stride], behind, stride, t))


# Integers have no NaN, and are never asked for these maxima.
cdef inline void slide_number(const int stride, const Slide* s) noexcept nogil:
    if REAL_IS_FLOATING:
        slide(MAXIMUM_NUMBER, stride, s)


cdef void slide_maximum_1(const Slide* s) noexcept nogil: slide(MAXIMUM, 1, s)
cdef void slide_maximum_2(const Slide* s) noexcept nogil: slide(MAXIMUM, 2, s)
cdef void slide_maximum_3(const Slide* s) noexcept nogil: slide(MAXIMUM, 3, s)
cdef void slide_maximum_4(const Slide* s) noexcept nogil: slide(MAXIMUM, 4, s)
cdef void slide_number_1(const Slide* s) noexcept nogil: slide_number(1, s)
cdef void slide_number_2(const Slide* s) noexcept nogil: slide_number(2, s)
cdef void slide_number_3(const Slide* s) noexcept nogil: slide_number(3, s)
cdef void slide_number_4(const Slide* s) noexcept nogil: slide_number(4, s)
cdef void slide_sum_1(const Slide* s) noexcept nogil: slide(SUM, 1, s)
cdef void slide_sum_2(const Slide* s) noexcept nogil: slide(SUM, 2, s)
cdef void slide_sum_3(const Slide* s) noexcept nogil: slide(SUM, 3, s)
cdef void slide_sum_4(const Slide* s) noexcept nogil: slide(SUM, 4, s)
