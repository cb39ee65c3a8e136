# The row stencil: rows of outputs of one channel, from rows of the input where they lie.
#
#     c[r, i]  =  init  +  sum over segments s, taps t of   a[s][t] * b[s][r, i*stride + t]
#
#         a[s][t]        at  a + segment.a + t*a_tap, one element
#         b[s][r, n]     at  b + segment.b + r*b_row + n*item
#         c[r, i]        at  c + r*c_row + i*item
#
# A segment is a kernel row in one plane of the input; of two together, if `terms` says so, the products of
# each tap follow each other in the sum.  `stride` vectors of b are taken apart into what a vector of
# outputs meets at its first taps; at the next it meets the same one element further on, as in slide.pxi.
# Elements of b before `first` and from `last` on are zeros that are not read.  An output is summed in the
# same order wherever it is.  Lines that are met for the first time are fetched `ahead`.
cdef inline void row_stencil(const int stride, const RowStencil* t) noexcept nogil:
    """Frequent kernels are constants, whose weights stay in registers."""
    cdef const Segment* s = t.segments
    if (t.n_segments == 3 and t.taps == 3
            and (s[0].terms == 2 if stride == 2 else s[0].terms == s[1].terms == 1)):
        row_stencil_columns(stride, 3, 3, t)
    else:
        row_stencil_columns(stride, 0, t.taps, t)


# `held`: so many segments, whose weights and addresses are in variables; 0: any number.
cdef inline void row_stencil_columns(const int stride, const int held, const Py_ssize_t taps,
                                     const RowStencil* t) noexcept nogil:
    """Vectors at the edges, and all those between them."""
    cdef vec weights[9]
    cdef Py_ssize_t at[3]
    cdef Py_ssize_t behind = LANES if taps > stride else 0      # columns that are loaded behind a vector's own
    cdef Py_ssize_t o = 0, vectors, s, k
    for s in range(held):
        at[s] = t.segments[s].b
        for k in range(taps):
            weights[s * taps + k] = vsplat((<const real*> (t.a + t.segments[s].a + k * t.a_tap))[0])
    while o < t.columns:
        vectors = 0
        if o * stride >= t.first and o * stride + behind <= t.last:
            vectors = min((t.columns - o) // LANES, (t.last - o * stride - behind) // (LANES * stride))
        if vectors > 0:
            row_stencil_rows(stride, held, taps, False, vectors, o, weights, at, t)
            o += vectors * LANES
        else:
            row_stencil_rows(stride, held, taps, True, 1, o, weights, at, t)
            o += LANES


cdef inline void row_stencil_rows(const int stride, const int held, const Py_ssize_t taps, const bint edge,
                                  Py_ssize_t vectors, Py_ssize_t column, const vec* weights, const Py_ssize_t* at,
                                  const RowStencil* t) noexcept nogil:
    """So many vectors of each row, from a column on."""
    cdef vec init = vsplat((<const real*> t.init)[0]), acc
    cdef const Segment* segment
    cdef const char* b = t.b + column * stride * <Py_ssize_t> sizeof(real)
    cdef char* c = t.c + column * <Py_ssize_t> sizeof(real)
    cdef Py_ssize_t lanes = min(t.columns - column, LANES), limits = t.limits
    cdef Py_ssize_t _r, _n, v, s
    cdef const char* ahead
    cdef Taps x
    x.a_tap = t.a_tap
    for v in range(stride + 1 if edge else 0):
        x.met[v] = bits_below(t.last - column * stride - v * LANES) & ~bits_below(t.first - column * stride - v * LANES)
    for _r in range(t.rows):
        for v in range(vectors):
            acc = init
            x.b = b + v * stride * VBYTES
            if t.ahead > 0:
                ahead = x.b + t.segments[0].b + t.ahead
                for _n in range(t.fresh):
                    for s in range(stride * VBYTES // 64):
                        vprefetch_far(ahead + s * 64)
                    ahead += t.fresh_row
            if held and stride == 2:
                acc = add_taps(stride, 2, taps, edge, at, weights, NULL, &x, acc)
                acc = add_taps(stride, 1, taps, edge, at + 2, weights + 2 * taps, NULL, &x, acc)
            elif held:
                for s in range(held):
                    acc = add_taps(stride, 1, taps, edge, at + s, weights + s * taps, NULL, &x, acc)
            else:
                segment = t.segments
                while segment < t.segments + t.n_segments:
                    x.a = t.a
                    if segment.terms == 2:
                        acc = add_taps(stride, 2, taps, edge, NULL, NULL, segment, &x, acc)
                    else:
                        acc = add_taps(stride, 1, taps, edge, NULL, NULL, segment, &x, acc)
                    segment += segment.terms
            acc = vadd(acc, vzero())
            if limits > 0:
                acc = vat_least(acc, vzero())
            if limits > 1:
                acc = vat_most(acc, vsplat(6))
            if edge:
                vstore_part(c, acc, lanes)
            else:
                vstore(c + v * VBYTES, acc)
        b += t.b_row
        c += t.c_row


cdef inline unsigned long long bits_below(Py_ssize_t n) noexcept nogil:
    """The first n of a vector's lanes, a bit each."""
    return (<unsigned long long> 1 << min(max(n, 0), LANES)) - 1


cdef struct Taps:                   # of a vector of outputs
    const char* a
    Py_ssize_t a_tap
    const char* b
    unsigned long long met[MAX_STRIDE + 1]      # lanes of its vectors that are in the input, at an edge


# Constants, not loops, count taps: only then are phases in registers.
cdef inline vec add_taps(const int stride, const int rows, const Py_ssize_t taps, const bint edge,
                         const Py_ssize_t* at, const vec* weights, const Segment* segment, const Taps* x,
                         vec acc) noexcept nogil:
    """Adds the products of one or two segments, whose weights and addresses are held, or not."""
    cdef vec phases[2 * MAX_STRIDE]
    cdef vec behind[2]
    take_apart(stride, taps, edge, x.b + (at[0] if at != NULL else segment[0].b), x, phases, &behind[0])
    if rows == 2:
        take_apart(stride, taps, edge, x.b + (at[1] if at != NULL else segment[1].b), x, phases + MAX_STRIDE,
                   &behind[1])
    acc = add_tap(stride, rows, 0, taps, weights, segment, x, phases, behind, acc)
    acc = add_tap(stride, rows, 1, taps, weights, segment, x, phases, behind, acc)
    acc = add_tap(stride, rows, 2, taps, weights, segment, x, phases, behind, acc)
    acc = add_tap(stride, rows, 3, taps, weights, segment, x, phases, behind, acc)
    acc = add_tap(stride, rows, 4, taps, weights, segment, x, phases, behind, acc)
    acc = add_tap(stride, rows, 5, taps, weights, segment, x, phases, behind, acc)
    acc = add_tap(stride, rows, 6, taps, weights, segment, x, phases, behind, acc)
    return add_tap(stride, rows, 7, taps, weights, segment, x, phases, behind, acc)


cdef inline void take_apart(const int stride, const Py_ssize_t taps, const bint edge, const char* b, const Taps* x,
                            vec* phases, vec* behind) noexcept nogil:
    """What a vector of outputs meets at its first taps."""
    phases[0] = row_columns(edge, b, 0, x)
    phases[1] = row_columns(edge, b, 1, x)
    if stride > 2:
        phases[2] = row_columns(edge, b, 2, x)
    if stride > 3:
        phases[3] = row_columns(edge, b, 3, x)
    behind[0] = row_columns(edge, b, stride, x) if taps > stride else vzero()
    bring_apart(stride, phases)


cdef inline vec row_columns(const bint edge, const char* b, const int vector, const Taps* x) noexcept nogil:
    if edge:
        return vload_bits(b + vector * VBYTES, x.met[vector])
    return vheld(vload(b + vector * VBYTES))


cdef inline vec add_tap(const int stride, const int rows, const int t, const Py_ssize_t taps, const vec* weights,
                        const Segment* segment, const Taps* x, const vec* phases, const vec* behind,
                        vec acc) noexcept nogil:
    if t >= taps:
        return acc
    acc = vfma(tap_weight(0, t, taps, weights, segment, x), tap_inputs(stride, t, phases, behind[0]), acc)
    if rows == 2:
        acc = vfma(tap_weight(1, t, taps, weights, segment, x),
                   tap_inputs(stride, t, phases + MAX_STRIDE, behind[1]), acc)
    return acc


cdef inline vec tap_weight(const int row, const int t, const Py_ssize_t taps, const vec* weights,
                           const Segment* segment, const Taps* x) noexcept nogil:
    if weights != NULL:
        return weights[row * taps + t]
    return vsplat((<const real*> (x.a + segment[row].a + t * x.a_tap))[0])


cdef inline vec tap_inputs(const int stride, const int t, const vec* phases, vec behind) noexcept nogil:
    return phases[t] if t < stride else vphase(phases[t % stride], behind, stride, t)


cdef void row_stencil_2(const RowStencil* t) noexcept nogil: row_stencil(2, t)
cdef void row_stencil_3(const RowStencil* t) noexcept nogil: row_stencil(3, t)
cdef void row_stencil_4(const RowStencil* t) noexcept nogil: row_stencil(4, t)
