# The register tile: `rows` rows of `vectors` vectors of sums, held in registers.
#
#     c[i, j]  =  init[i, j]  +  sum over segments s, terms k of   a[s][i, k] * b[s][k, j]
#
# a is read one element at a time and broadcast, b a vector at a time:
#
#                      b   j ->                     a[i, k]   at  a + segment.a*a_unit + i*a_row + k*a_term
#                    +-----------------+            b[k, :]   at  b + segment.b*b_unit + k*b_term
#                  k | vectors * LANES |            init      at  init + i*init_row + v*init_vector
#                    +-----------------+            c[i, :]   at  c + i*c_row, `lanes` elements
#           k ->
#      +-----------+ +-----------------+
#    i |     a     | |     c  (rows)   |
#      +-----------+ +-----------------+
#
# Channels-last, a holds pixels and b weights, so lanes are output channels; channels-first,
# a holds weights and b pixels, so lanes are pixels.  Every sum runs over the terms in the
# order of the segments, whatever the tile: a result does not depend on the tile it fell in.
# The final "+ 0" turns a sum of -0 into +0, which makes that exact even where a tile adds
# products with zero padding that another tile leaves out.
#
# The outer loop over `count` tiles is there for speed twice: calls are fewer, and GCC only
# unrolls the loops over i and v early enough to keep acc in registers if they are nested.
cdef inline void tile(const int rows, const int vectors, const Tile* t) noexcept nogil:
    cdef vec acc[MR][NV]
    cdef vec b[NV]
    cdef vec zero
    cdef int half = (rows + 1) // 2
    cdef Py_ssize_t a_row = t.a_row // <Py_ssize_t> sizeof(real)
    cdef Py_ssize_t a_term = t.a_term // <Py_ssize_t> sizeof(real)
    cdef Py_ssize_t b_term = t.b_term // <Py_ssize_t> sizeof(real)
    cdef Py_ssize_t init_row = t.init_row
    cdef Py_ssize_t init_vector = t.init_vector
    cdef Py_ssize_t c_row = t.c_row
    cdef Py_ssize_t lanes = t.lanes
    cdef Py_ssize_t i, v, s, k, n
    cdef const Segment* segment
    cdef const real* upper          # the first half of the rows of a, and the second:
    cdef const real* lower          # two addresses and few multiples of a_row fit registers
    cdef const real* w
    cdef const char* init
    cdef char* c

    for n in range(t.count):
        init = t.init + n * t.init_next
        c = t.c + n * t.c_next
        for i in range(rows):
            for v in range(vectors):
                vprefetch(c + i * c_row + v * VBYTES)
        if lanes == vectors * LANES:
            for i in range(rows):
                for v in range(vectors):
                    acc[i][v] = vload(<const real*> (init + i * init_row + v * init_vector))
        else:
            for i in range(rows):
                for v in range(vectors):
                    acc[i][v] = vload_part(<const real*> (init + i * init_row + v * init_vector),
                                           lanes_of(v, lanes))
        for s in range(t.n_segments):
            segment = &t.segments[s]
            upper = <const real*> (t.a + n * t.a_next + segment.a * t.a_unit)
            lower = upper + half * a_row
            w = <const real*> (t.b + n * t.b_next + segment.b * t.b_unit)
            for k in range(segment.terms):
                upper = vopaque(upper)
                lower = vopaque(lower)
                for v in range(vectors):
                    b[v] = vload(w + v * LANES)
                for i in range(rows):
                    for v in range(vectors):
                        if i < half:
                            acc[i][v] = vfma_scalar(upper[i * a_row], b[v], acc[i][v])
                        else:
                            acc[i][v] = vfma_scalar(lower[(i - half) * a_row], b[v], acc[i][v])
                upper += a_term
                lower += a_term
                w += b_term
        zero = vzero()
        for i in range(rows):
            for v in range(vectors):
                acc[i][v] = vadd(acc[i][v], zero)
        if t.limits > 0:
            for i in range(rows):
                for v in range(vectors):
                    acc[i][v] = vat_least(acc[i][v], vzero())
        if t.limits > 1:
            for i in range(rows):
                for v in range(vectors):
                    acc[i][v] = vat_most(acc[i][v], vsplat(6))
        if lanes == vectors * LANES:
            for i in range(rows):
                for v in range(vectors):
                    vstore(<real*> (c + i * c_row) + v * LANES, acc[i][v])
        else:
            for i in range(rows):
                for v in range(vectors):
                    vstore_part(<real*> (c + i * c_row) + v * LANES, acc[i][v], lanes_of(v, lanes))


cdef inline Py_ssize_t lanes_of(Py_ssize_t v, Py_ssize_t lanes) noexcept nogil:
    """How many of `lanes` elements fall into vector v."""
    return min(max(lanes - v * LANES, 0), LANES)


# One function a height and width, so that both are constants to the compiler.
cdef void tile_1x1(const Tile* t) noexcept nogil: tile(ROWS(1), 1, t)
cdef void tile_2x1(const Tile* t) noexcept nogil: tile(ROWS(2), 1, t)
cdef void tile_3x1(const Tile* t) noexcept nogil: tile(ROWS(3), 1, t)
cdef void tile_4x1(const Tile* t) noexcept nogil: tile(ROWS(4), 1, t)
cdef void tile_5x1(const Tile* t) noexcept nogil: tile(ROWS(5), 1, t)
cdef void tile_6x1(const Tile* t) noexcept nogil: tile(ROWS(6), 1, t)
cdef void tile_7x1(const Tile* t) noexcept nogil: tile(ROWS(7), 1, t)
cdef void tile_8x1(const Tile* t) noexcept nogil: tile(ROWS(8), 1, t)
cdef void tile_9x1(const Tile* t) noexcept nogil: tile(ROWS(9), 1, t)
cdef void tile_10x1(const Tile* t) noexcept nogil: tile(ROWS(10), 1, t)
cdef void tile_11x1(const Tile* t) noexcept nogil: tile(ROWS(11), 1, t)
cdef void tile_12x1(const Tile* t) noexcept nogil: tile(ROWS(12), 1, t)
cdef void tile_13x1(const Tile* t) noexcept nogil: tile(ROWS(13), 1, t)
cdef void tile_14x1(const Tile* t) noexcept nogil: tile(ROWS(14), 1, t)
cdef void tile_1x2(const Tile* t) noexcept nogil: tile(ROWS(1), 2, t)
cdef void tile_2x2(const Tile* t) noexcept nogil: tile(ROWS(2), 2, t)
cdef void tile_3x2(const Tile* t) noexcept nogil: tile(ROWS(3), 2, t)
cdef void tile_4x2(const Tile* t) noexcept nogil: tile(ROWS(4), 2, t)
cdef void tile_5x2(const Tile* t) noexcept nogil: tile(ROWS(5), 2, t)
cdef void tile_6x2(const Tile* t) noexcept nogil: tile(ROWS(6), 2, t)
cdef void tile_7x2(const Tile* t) noexcept nogil: tile(ROWS(7), 2, t)
cdef void tile_8x2(const Tile* t) noexcept nogil: tile(ROWS(8), 2, t)
cdef void tile_9x2(const Tile* t) noexcept nogil: tile(ROWS(9), 2, t)
cdef void tile_10x2(const Tile* t) noexcept nogil: tile(ROWS(10), 2, t)
cdef void tile_11x2(const Tile* t) noexcept nogil: tile(ROWS(11), 2, t)
cdef void tile_12x2(const Tile* t) noexcept nogil: tile(ROWS(12), 2, t)
cdef void tile_13x2(const Tile* t) noexcept nogil: tile(ROWS(13), 2, t)
cdef void tile_14x2(const Tile* t) noexcept nogil: tile(ROWS(14), 2, t)
