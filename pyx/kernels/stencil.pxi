# The stencil tile: `rows` rows of `vectors` vectors of pixels of one output channel.
#
#     c[i, j]  =  init  +  sum over segments s, kernel rows d of   a[s][d] * b[s][i + d, j]
#
# A segment is a run of kernel rows at one column of the kernel, in one plane of the input.  Each
# row of b is loaded once and serves all outputs whose windows hold it; the weights of the segment
# stay in registers:
#
#               j ->                          a[d]     at  a + segment.a + d*a_row, one element
#           +----------+                      b[i, :]  at  b + segment.b + i*b_row
#      a[0] |   b[0]   |  -> c[0]             c[i, :]  at  c + i*c_row, `lanes` elements
#      a[1] |   b[1]   |  -> c[0], c[1]
#      a[2] |   b[2]   |  -> c[0], c[1], c[2]
#           |   ...    |     ...
#
# Segments come by falling height, as many of each as `heights` says, because the loops over
# kernel rows are unrolled for each height.  The order of a sum is that of the segments, and of
# the rows in each, whatever the tile.  `init` is the bias, one element; or NULL: the sums so far
# are in c.  The tiles of a run lie side by side in b, c and the summands, which are added before
# all segments and are whole vectors.
#
# An edge tile sees rows and columns that are not in the input.  Those of its window's bits that are
# set in rows_met and columns_met are; others are zeros that are not read.  Each segment has a place in
# the window: what it meets are the bits from there on.
#
# Memory that is needed later comes to the second-level cache meanwhile: each segment of each tile
# fetches the next FETCHED_PIECES of those that `fetch` lists, all of a tile's width; or each tile as
# many rows as it has, `ahead` of its first.  Edge tiles have neither pieces nor summands.
cdef inline void stencil(const int rows, const int vectors, const bint edge, const Stencil* t) noexcept nogil:
    cdef vec acc[STENCIL_ROWS * NV]
    cdef vec zero
    cdef Py_ssize_t i, v, n, s
    cdef Py_ssize_t c_row = t.c_row, lanes = t.lanes
    cdef const Segment* segment
    cdef const Place* place
    cdef const char* b
    cdef const char* c
    cdef const char* summand
    cdef const char* ahead
    cdef const char* const* fetch = t.fetch
    for n in range(t.count):
        b = t.b + n * vectors * VBYTES
        c = t.c + n * vectors * VBYTES
        if t.c_lines == FETCHED:
            for i in range(rows):
                c = vopaque(c)
                for v in range(vectors):
                    vprefetch(c + v * VBYTES)
                c += c_row
            c = t.c + n * vectors * VBYTES
        if t.ahead > 0:
            ahead = b + t.ahead
            for i in range(rows):
                ahead = vopaque(ahead)
                for v in range(vectors):
                    vprefetch_far(ahead + v * VBYTES)
                ahead += t.b_row
        if t.init != NULL:
            for i in range(rows):
                for v in range(vectors):
                    acc[i * NV + v] = vsplat((<const real*> t.init)[0])
        elif lanes == vectors * LANES:
            for i in range(rows):
                c = vopaque(c)
                for v in range(vectors):
                    acc[i * NV + v] = vload(c + v * VBYTES)
                c += c_row
        else:
            for i in range(rows):
                c = vopaque(c)
                for v in range(vectors):
                    acc[i * NV + v] = vload_part(c + v * VBYTES, lanes_of(v, lanes))
                c += c_row
        for s in range(0 if edge else t.summands):
            summand = t.summand[s] + n * vectors * VBYTES
            for i in range(rows):
                summand = vopaque(summand)
                for v in range(vectors):
                    acc[i * NV + v] = vadd(acc[i * NV + v], vload(summand + v * VBYTES))
                summand += t.summand_row[s]
        segment, place = t.segments, t.places
        if STENCIL_HEIGHT > 4:
            for s in range(t.heights[4]):
                add_rows(rows, vectors, 5, edge, t, segment, place, b, fetch, acc)
                fetch += FETCHED_PIECES
                segment += 1
                place += 1
        if STENCIL_HEIGHT > 3:
            for s in range(t.heights[3]):
                add_rows(rows, vectors, 4, edge, t, segment, place, b, fetch, acc)
                fetch += FETCHED_PIECES
                segment += 1
                place += 1
        if STENCIL_HEIGHT > 2:
            for s in range(t.heights[2]):
                add_rows(rows, vectors, 3, edge, t, segment, place, b, fetch, acc)
                fetch += FETCHED_PIECES
                segment += 1
                place += 1
        for s in range(t.heights[1]):
            add_rows(rows, vectors, 2, edge, t, segment, place, b, fetch, acc)
            fetch += FETCHED_PIECES
            segment += 1
            place += 1
        for s in range(t.heights[0]):
            add_rows(rows, vectors, 1, edge, t, segment, place, b, fetch, acc)
            fetch += FETCHED_PIECES
            segment += 1
            place += 1
        zero = vzero()
        for i in range(rows):
            for v in range(vectors):
                acc[i * NV + v] = vadd(acc[i * NV + v], zero)
        if t.limits > 0:
            for i in range(rows):
                for v in range(vectors):
                    acc[i * NV + v] = vat_least(acc[i * NV + v], vzero())
        if t.limits > 1:
            for i in range(rows):
                for v in range(vectors):
                    acc[i * NV + v] = vat_most(acc[i * NV + v], vsplat(6))
        c = t.c + n * vectors * VBYTES
        if lanes == vectors * LANES and whole_lines(vectors, t.c_lines, c, c_row):
            for i in range(rows):
                c = vopaque(c)
                for v in range(vectors):
                    vstream(<char*> c + v * VBYTES, acc[i * NV + v])
                c += c_row
        elif lanes == vectors * LANES:
            for i in range(rows):
                c = vopaque(c)
                for v in range(vectors):
                    vstore(<char*> c + v * VBYTES, acc[i * NV + v])
                c += c_row
        else:
            for i in range(rows):
                c = vopaque(c)
                for v in range(vectors):
                    vstore_part(<char*> c + v * VBYTES, acc[i * NV + v], lanes_of(v, lanes))
                c += c_row


cdef inline void add_rows(const int rows, const int vectors, const int height, const bint edge, const Stencil* t,
                          const Segment* segment, const Place* place, const char* b,
                          const char* const* fetch, vec* acc) noexcept nogil:
    """Adds the products of a segment of `height` kernel rows.  Meanwhile what is needed later comes to the cache."""
    cdef vec a[STENCIL_HEIGHT]
    cdef vec row[NV]
    cdef unsigned long long met = 0
    cdef unsigned long long lanes[NV]
    cdef Py_ssize_t i, d, v, a_row = t.a_row, b_row = t.b_row
    cdef const char* weight = t.a + segment.a
    cdef const char* source = b + segment.b
    cdef const char* met_row
    if not edge and t.fetch != NULL:
        for i in range(FETCHED_PIECES):
            for v in range(vectors):
                vprefetch_far(fetch[i] + v * VBYTES)
    for d in range(height):
        a[d] = vsplat((<const real*> weight)[0])
        weight += a_row
    if edge:
        met = t.rows_met >> place.row
        for v in range(vectors):
            lanes[v] = opaque(t.columns_met >> (place.column + v * LANES))     # a register for each
    for i in range(rows + height - 1):
        source = vopaque(source)        # one address, not one for each row
        met_row = source if not edge or met >> i & 1 else ZEROS
        for v in range(vectors):
            row[v] = vload_bits(met_row + v * VBYTES, lanes[v]) if edge else vload(met_row + v * VBYTES)
        source += b_row
        for d in range(height):
            if d <= i and i - d < rows:
                for v in range(vectors):
                    acc[(i - d) * NV + v] = vfma(a[d], row[v], acc[(i - d) * NV + v])


# Even rows minus the odd rows behind them, to[0], and minus those in front of them, to[1], of which
# there are as many or one fewer; in whole vectors.  With a `gain`, says whether the product of an
# element with it overflows or is not finite.
cdef bint difference(const Difference* d) noexcept nogil:
    if d.gain != NULL:
        return difference_of(True, d)
    return difference_of(False, d)


cdef inline bint difference_of(const bint checked, const Difference* d) noexcept nogil:
    cdef vec x, y, z, gain
    cdef vec check[3]
    cdef Py_ssize_t i, j, n
    cdef const char* odd
    check[0] = check[1] = check[2] = vzero()
    gain = vsplat((<const real*> d.gain)[0] if checked else 0)
    for i in range(d.rows[0]):
        j = 0
        while j < d.lanes:
            odd = d.odd + 2 * i * d.next + j * sizeof(real)
            n = min(d.lanes - j, LANES)
            x = vload(odd - d.next) if n == LANES else vload_part(odd - d.next, n)
            y = vload(odd) if n == LANES else vload_part(odd, n)
            vstore(d.to[0] + i * d.to_row + j * sizeof(real), vsub(x, y))
            if i < d.rows[1]:
                z = vload(odd + d.next) if n == LANES else vload_part(odd + d.next, n)
                vstore(d.to[1] + i * d.to_row + j * sizeof(real), vsub(z, y))
                if checked:
                    check[2] = vfma(vzero(), vmul(gain, z), check[2])
            if checked:
                # Zero times a finite number is zero; times another it is NaN.
                check[0] = vfma(vzero(), vmul(gain, x), check[0])
                check[1] = vfma(vzero(), vmul(gain, y), check[1])
            j += LANES
    return checked and vnan_lanes(vadd(vadd(check[0], check[1]), check[2])) != 0


# One function a height and width, so that both are constants to the compiler.
cdef void stencil_1x1(const Stencil* t) noexcept nogil: stencil(STENCIL(1), 1, False, t)
cdef void stencil_2x1(const Stencil* t) noexcept nogil: stencil(STENCIL(2), 1, False, t)
cdef void stencil_3x1(const Stencil* t) noexcept nogil: stencil(STENCIL(3), 1, False, t)
cdef void stencil_4x1(const Stencil* t) noexcept nogil: stencil(STENCIL(4), 1, False, t)
cdef void stencil_5x1(const Stencil* t) noexcept nogil: stencil(STENCIL(5), 1, False, t)
cdef void stencil_6x1(const Stencil* t) noexcept nogil: stencil(STENCIL(6), 1, False, t)
cdef void stencil_7x1(const Stencil* t) noexcept nogil: stencil(STENCIL(7), 1, False, t)
cdef void stencil_8x1(const Stencil* t) noexcept nogil: stencil(STENCIL(8), 1, False, t)
cdef void stencil_1x2(const Stencil* t) noexcept nogil: stencil(STENCIL(1), 2, False, t)
cdef void stencil_2x2(const Stencil* t) noexcept nogil: stencil(STENCIL(2), 2, False, t)
cdef void stencil_3x2(const Stencil* t) noexcept nogil: stencil(STENCIL(3), 2, False, t)
cdef void stencil_4x2(const Stencil* t) noexcept nogil: stencil(STENCIL(4), 2, False, t)
cdef void stencil_5x2(const Stencil* t) noexcept nogil: stencil(STENCIL(5), 2, False, t)
cdef void stencil_6x2(const Stencil* t) noexcept nogil: stencil(STENCIL(6), 2, False, t)
cdef void stencil_7x2(const Stencil* t) noexcept nogil: stencil(STENCIL(7), 2, False, t)
cdef void stencil_8x2(const Stencil* t) noexcept nogil: stencil(STENCIL(8), 2, False, t)
cdef void stencil_edge_1x1(const Stencil* t) noexcept nogil: stencil(EDGE_STENCIL(1), 1, True, t)
cdef void stencil_edge_2x1(const Stencil* t) noexcept nogil: stencil(EDGE_STENCIL(2), 1, True, t)
cdef void stencil_edge_3x1(const Stencil* t) noexcept nogil: stencil(EDGE_STENCIL(3), 1, True, t)
cdef void stencil_edge_4x1(const Stencil* t) noexcept nogil: stencil(EDGE_STENCIL(4), 1, True, t)
cdef void stencil_edge_5x1(const Stencil* t) noexcept nogil: stencil(EDGE_STENCIL(5), 1, True, t)
cdef void stencil_edge_6x1(const Stencil* t) noexcept nogil: stencil(EDGE_STENCIL(6), 1, True, t)
cdef void stencil_edge_7x1(const Stencil* t) noexcept nogil: stencil(EDGE_STENCIL(7), 1, True, t)
cdef void stencil_edge_8x1(const Stencil* t) noexcept nogil: stencil(EDGE_STENCIL(8), 1, True, t)
cdef void stencil_edge_1x2(const Stencil* t) noexcept nogil: stencil(EDGE_STENCIL(1), 2, True, t)
cdef void stencil_edge_2x2(const Stencil* t) noexcept nogil: stencil(EDGE_STENCIL(2), 2, True, t)
cdef void stencil_edge_3x2(const Stencil* t) noexcept nogil: stencil(EDGE_STENCIL(3), 2, True, t)
cdef void stencil_edge_4x2(const Stencil* t) noexcept nogil: stencil(EDGE_STENCIL(4), 2, True, t)
cdef void stencil_edge_5x2(const Stencil* t) noexcept nogil: stencil(EDGE_STENCIL(5), 2, True, t)
cdef void stencil_edge_6x2(const Stencil* t) noexcept nogil: stencil(EDGE_STENCIL(6), 2, True, t)
cdef void stencil_edge_7x2(const Stencil* t) noexcept nogil: stencil(EDGE_STENCIL(7), 2, True, t)
cdef void stencil_edge_8x2(const Stencil* t) noexcept nogil: stencil(EDGE_STENCIL(8), 2, True, t)
