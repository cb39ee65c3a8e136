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
# products with zero padding that another tile leaves out.  With `onto`, what c holds is added
# behind the sum: a long sum in parts, each from zero, is more exact than one that only grows.
#
# In a spread tile a holds vectors too: each lane has inputs of its own.  A sliding tile is a spread
# one whose terms lie as far apart as its rows (a_term is a_row, and b_term a vector): row i meets at
# term k what row i + 1 meets at term k - 1, so that a vector that is loaded once serves up to three
# sums.  In a striding tile a_row is two a_term: row i meets at term k what row i + 1 meets at term
# k - 2.  A wide tile is a sliding one of at least MET_LEAST terms: it takes so many, or MET, together.  Integers
# are not worth that code: their striding tile is a spread one, their wide tile a sliding one, and their edge
# tiles do nothing, and are not asked to.
#
# A picking tile is a spread one whose vectors hold the channels of a few groups.  Of each, lanes pick one
# channel, as `keys` says, then another, and so on for `sets` of them (b_term is so many vectors):
#
#     c[i, j]  =  init  +  sum over segments s, terms k, sets n of   a[s][i, k, keys[n, j]] * b[s][k, n, j]
#
# Where a_term is a_row, three terms that follow each other are taken together, as by a sliding tile.
#
# An edge tile is a sliding or a striding one that reaches over an edge of the input: the vectors in front of
# `first`, and from `last` on, are zeros that are not loaded.
#
# While a broadcast tile is computed, lines of memory that are stored to later come to the cache: of half as many
# rows as the tile has, from `fetch` on for the first tile of a run, behind these for the next.
#
# The outer loop over `count` tiles is there for speed twice: calls are fewer, and GCC only
# unrolls the loops over i and v early enough to keep acc in registers if they are nested.
cdef enum:
    BROADCAST
    SPREAD
    SLIDING
    STRIDING
    WIDE
    PICKING
    PICKING_APART
    EDGE_SLIDING
    EDGE_STRIDING


cdef inline void meet(const int rows, const int taps, const int step, const bint picking, const bint edge,
                      vec (*acc)[NV], const char* a, Py_ssize_t a_term, const char* w, Py_ssize_t w_term,
                      const char* keys, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """Some terms of a tile whose rows are `step` terms apart: each vector of a is loaded once, and picked from."""
    cdef vec b[MET]
    cdef vec p
    cdef vbits key
    cdef int n = (rows - 1) * step + taps
    cdef int i, j, k, row
    if picking:
        key = vkeys(keys)
    for k in range(taps):
        b[k] = vload(w + k * w_term)
    for i in range((n + 1) // 2):   # two vectors each: GCC does not unroll loops longer than 16
        for j in range(2):
            if 2 * i + j < n:
                if edge and not first <= 2 * i + j < last:
                    p = vzero()
                else:
                    p = vload(a)
                if picking:
                    p = vpicked(p, key)
                a = vopaque(a + a_term)
                for k in range(taps):
                    row = (2 * i + j - k) // step
                    if k <= 2 * i + j and row * step == 2 * i + j - k and row < rows:
                        acc[row][0] = vfma(p, b[k], acc[row][0])


cdef inline void meet_sets(const int rows, const int taps, const int step, const bint picking, const bint edge,
                           vec (*acc)[NV], const char* a, const char* w, Py_ssize_t met, const Tile* t) noexcept nogil:
    """The same for each set of channels, if there are sets.  The vectors in front of the first are `met` terms."""
    cdef Py_ssize_t n
    if not picking:
        meet(rows, taps, step, False, edge, acc, a, t.a_term, w, VBYTES, NULL, t.first - met, t.last - met)
        return
    for n in range(t.sets):
        meet(rows, taps, step, True, False, acc, a, t.a_term, w + n * VBYTES, t.b_term, t.keys + n * VBYTES, 0, 0)


cdef inline void tile(const int rows, const int vectors, const int kind, const Tile* t) noexcept nogil:
    cdef vec acc[MR][NV]
    cdef vec b[NV]
    cdef vec zero
    cdef int half = (rows + 1) // 2
    cdef int how = kind if REAL_IS_FLOATING else SLIDING if kind == WIDE else SPREAD if kind == STRIDING else kind
    cdef bint picking = how == PICKING
    cdef bint edge = how == EDGE_SLIDING or how == EDGE_STRIDING
    cdef bint wide = how == WIDE or how == EDGE_SLIDING
    cdef int step = (1 if how == SLIDING or how == WIDE or how == EDGE_SLIDING or picking
                     else 2 if how == STRIDING or how == EDGE_STRIDING else 0)
    cdef Py_ssize_t a_row = t.a_row, a_term = t.a_term, b_term = t.b_term
    cdef Py_ssize_t init_row = t.init_row, init_vector = t.init_vector, c_row = t.c_row
    cdef Py_ssize_t lanes = t.lanes, ahead = t.ahead, term = b_term if picking else VBYTES
    cdef Py_ssize_t i, v, s, j, k, n
    cdef vbits key
    cdef const Segment* segment
    cdef const char* upper          # the first half of the rows of a, and the second:
    cdef const char* lower          # two addresses and few multiples of a_row fit registers
    cdef const char* w
    cdef const char* fetched
    cdef const char* init
    cdef const char* c

    if edge and not REAL_IS_FLOATING:
        return
    for n in range(t.count):
        c = t.c + n * t.c_next
        if t.c_lines == FETCHED:
            for i in range(rows):
                c = vopaque(c)
                for v in range(vectors):
                    vprefetch(c + v * VBYTES)
                c += c_row
        if how == BROADCAST and t.fetch != NULL:        # while the sums leave the memory idle
            fetched = t.fetch + n * half * t.fetch_row
            for i in range(half):
                for v in range(vectors):
                    vprefetch(fetched + v * VBYTES)
                fetched += t.fetch_row
        if step > 0 and ahead > 0:  # pixels that no row before has met
            for s in range(max(t.n_segments - step, 0), t.n_segments):
                upper = t.a + n * t.a_next + t.segments[s].a * t.a_unit + ahead
                for i in range(rows * step):
                    vprefetch_far(upper)
                    upper += a_term
        init = t.init + n * t.init_next
        if init_row == 0:           # loaded once: loads are what the main loop needs most
            for v in range(vectors):
                b[v] = vload(init + v * init_vector)
            for i in range(rows):
                for v in range(vectors):
                    acc[i][v] = b[v]
        elif init_vector == 0:
            for i in range(rows):
                init = vopaque(init)
                for v in range(vectors):
                    acc[i][v] = vload(init)
                init += init_row
        elif lanes == vectors * LANES:
            for i in range(rows):
                init = vopaque(init)
                for v in range(vectors):
                    acc[i][v] = vload(init + v * init_vector)
                init += init_row
        else:
            for i in range(rows):
                init = vopaque(init)
                for v in range(vectors):
                    acc[i][v] = vload_part(init + v * init_vector, lanes_of(v, lanes))
                init += init_row
        for s in range(t.n_segments):
            segment = &t.segments[s]
            upper = t.a + n * t.a_next + segment.a * t.a_unit
            lower = upper + half * a_row
            w = t.b + n * t.b_next + segment.b * t.b_unit
            if step > 0:
                k = segment.terms
                while wide and k >= MET:
                    meet_sets(rows, MET, step, False, edge, acc, upper, w, segment.terms - k, t)
                    upper += MET * a_term
                    w += MET * VBYTES
                    k -= MET
                while wide and k >= MET_LEAST:
                    meet_sets(rows, MET_LEAST, step, False, edge, acc, upper, w, segment.terms - k, t)
                    upper += MET_LEAST * a_term
                    w += MET_LEAST * VBYTES
                    k -= MET_LEAST
                while k == 3 or k > 4:
                    meet_sets(rows, 3, step, picking, edge, acc, upper, w, segment.terms - k, t)
                    upper += 3 * a_term
                    w += 3 * term
                    k -= 3
                while k > 1:
                    meet_sets(rows, 2, step, picking, edge, acc, upper, w, segment.terms - k, t)
                    upper += 2 * a_term
                    w += 2 * term
                    k -= 2
                if k == 1:
                    meet_sets(rows, 1, step, picking, edge, acc, upper, w, segment.terms - k, t)
                continue
            if how == PICKING_APART:
                for k in range(segment.terms):
                    for j in range(t.sets):
                        key = vkeys(t.keys + j * VBYTES)
                        b[0] = vload(w + j * VBYTES)
                        for i in range(rows):
                            if i < half:
                                acc[i][0] = vfma(vpicked(vload(upper + i * a_row), key), b[0], acc[i][0])
                            else:
                                acc[i][0] = vfma(vpicked(vload(lower + (i - half) * a_row), key), b[0], acc[i][0])
                    upper += a_term
                    lower += a_term
                    w += b_term
                continue
            for k in range(segment.terms):
                upper = vopaque(upper)
                lower = vopaque(lower)
                for v in range(vectors):
                    b[v] = vload(w + v * VBYTES)
                    if how == BROADCAST:
                        vfetch(w + ahead + v * VBYTES)
                for i in range(rows):
                    for v in range(vectors):
                        if how == SPREAD and i < half:
                            acc[i][v] = vfma(vload(upper + i * a_row), b[v], acc[i][v])
                        elif how == SPREAD:
                            acc[i][v] = vfma(vload(lower + (i - half) * a_row), b[v], acc[i][v])
                        elif i < half:
                            acc[i][v] = vfma_scalar(upper + i * a_row, b[v], acc[i][v])
                        else:
                            acc[i][v] = vfma_scalar(lower + (i - half) * a_row, b[v], acc[i][v])
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
        if t.onto:
            c = t.c + n * t.c_next
            for i in range(rows):
                c = vopaque(c)
                for v in range(vectors):
                    acc[i][v] = vadd(acc[i][v], vload_part(c + v * VBYTES, lanes_of(v, lanes)))
                c += c_row
        c = t.c + n * t.c_next
        if lanes == vectors * LANES and whole_lines(vectors, t.c_lines, c, c_row):
            for i in range(rows):
                c = vopaque(c)
                for v in range(vectors):
                    vstream(<char*> c + v * VBYTES, acc[i][v])
                c += c_row
        elif lanes == vectors * LANES:
            for i in range(rows):
                c = vopaque(c)
                for v in range(vectors):
                    vstore(<char*> c + v * VBYTES, acc[i][v])
                c += c_row
        else:
            for i in range(rows):
                c = vopaque(c)
                for v in range(vectors):
                    vstore_part(<char*> c + v * VBYTES, acc[i][v], lanes_of(v, lanes))
                c += c_row


cdef inline bint whole_lines(const int vectors, CLines how, const char* c, Py_ssize_t c_row) noexcept nogil:
    """Whether stores go around the cache: parts of lines would be slow."""
    return vectors * VBYTES % 64 == 0 and how == AROUND and (<Py_ssize_t> c | c_row) % 64 == 0


cdef inline Py_ssize_t lanes_of(Py_ssize_t v, Py_ssize_t lanes) noexcept nogil:
    """How many of `lanes` elements fall into vector v."""
    return min(max(lanes - v * LANES, 0), LANES)


# One function a height and width, so that both are constants to the compiler.
cdef void tile_1x1(const Tile* t) noexcept nogil: tile(ROWS(1), 1, BROADCAST, t)
cdef void tile_2x1(const Tile* t) noexcept nogil: tile(ROWS(2), 1, BROADCAST, t)
cdef void tile_3x1(const Tile* t) noexcept nogil: tile(ROWS(3), 1, BROADCAST, t)
cdef void tile_4x1(const Tile* t) noexcept nogil: tile(ROWS(4), 1, BROADCAST, t)
cdef void tile_5x1(const Tile* t) noexcept nogil: tile(ROWS(5), 1, BROADCAST, t)
cdef void tile_6x1(const Tile* t) noexcept nogil: tile(ROWS(6), 1, BROADCAST, t)
cdef void tile_7x1(const Tile* t) noexcept nogil: tile(ROWS(7), 1, BROADCAST, t)
cdef void tile_8x1(const Tile* t) noexcept nogil: tile(ROWS(8), 1, BROADCAST, t)
cdef void tile_9x1(const Tile* t) noexcept nogil: tile(ROWS(9), 1, BROADCAST, t)
cdef void tile_10x1(const Tile* t) noexcept nogil: tile(ROWS(10), 1, BROADCAST, t)
cdef void tile_11x1(const Tile* t) noexcept nogil: tile(ROWS(11), 1, BROADCAST, t)
cdef void tile_12x1(const Tile* t) noexcept nogil: tile(ROWS(12), 1, BROADCAST, t)
cdef void tile_13x1(const Tile* t) noexcept nogil: tile(ROWS(13), 1, BROADCAST, t)
cdef void tile_14x1(const Tile* t) noexcept nogil: tile(ROWS(14), 1, BROADCAST, t)
cdef void tile_1x2(const Tile* t) noexcept nogil: tile(ROWS(1), 2, BROADCAST, t)
cdef void tile_2x2(const Tile* t) noexcept nogil: tile(ROWS(2), 2, BROADCAST, t)
cdef void tile_3x2(const Tile* t) noexcept nogil: tile(ROWS(3), 2, BROADCAST, t)
cdef void tile_4x2(const Tile* t) noexcept nogil: tile(ROWS(4), 2, BROADCAST, t)
cdef void tile_5x2(const Tile* t) noexcept nogil: tile(ROWS(5), 2, BROADCAST, t)
cdef void tile_6x2(const Tile* t) noexcept nogil: tile(ROWS(6), 2, BROADCAST, t)
cdef void tile_7x2(const Tile* t) noexcept nogil: tile(ROWS(7), 2, BROADCAST, t)
cdef void tile_8x2(const Tile* t) noexcept nogil: tile(ROWS(8), 2, BROADCAST, t)
cdef void tile_9x2(const Tile* t) noexcept nogil: tile(ROWS(9), 2, BROADCAST, t)
cdef void tile_10x2(const Tile* t) noexcept nogil: tile(ROWS(10), 2, BROADCAST, t)
cdef void tile_11x2(const Tile* t) noexcept nogil: tile(ROWS(11), 2, BROADCAST, t)
cdef void tile_12x2(const Tile* t) noexcept nogil: tile(ROWS(12), 2, BROADCAST, t)
cdef void tile_13x2(const Tile* t) noexcept nogil: tile(ROWS(13), 2, BROADCAST, t)
cdef void tile_14x2(const Tile* t) noexcept nogil: tile(ROWS(14), 2, BROADCAST, t)
cdef void spread_tile_1(const Tile* t) noexcept nogil: tile(ROWS(1), 1, SPREAD, t)
cdef void spread_tile_2(const Tile* t) noexcept nogil: tile(ROWS(2), 1, SPREAD, t)
cdef void spread_tile_3(const Tile* t) noexcept nogil: tile(ROWS(3), 1, SPREAD, t)
cdef void spread_tile_4(const Tile* t) noexcept nogil: tile(ROWS(4), 1, SPREAD, t)
cdef void spread_tile_5(const Tile* t) noexcept nogil: tile(ROWS(5), 1, SPREAD, t)
cdef void spread_tile_6(const Tile* t) noexcept nogil: tile(ROWS(6), 1, SPREAD, t)
cdef void spread_tile_7(const Tile* t) noexcept nogil: tile(ROWS(7), 1, SPREAD, t)
cdef void spread_tile_8(const Tile* t) noexcept nogil: tile(ROWS(8), 1, SPREAD, t)
cdef void spread_tile_9(const Tile* t) noexcept nogil: tile(ROWS(9), 1, SPREAD, t)
cdef void spread_tile_10(const Tile* t) noexcept nogil: tile(ROWS(10), 1, SPREAD, t)
cdef void spread_tile_11(const Tile* t) noexcept nogil: tile(ROWS(11), 1, SPREAD, t)
cdef void spread_tile_12(const Tile* t) noexcept nogil: tile(ROWS(12), 1, SPREAD, t)
cdef void spread_tile_13(const Tile* t) noexcept nogil: tile(ROWS(13), 1, SPREAD, t)
cdef void spread_tile_14(const Tile* t) noexcept nogil: tile(ROWS(14), 1, SPREAD, t)
cdef void sliding_tile_1(const Tile* t) noexcept nogil: tile(ROWS(1), 1, SLIDING, t)
cdef void sliding_tile_2(const Tile* t) noexcept nogil: tile(ROWS(2), 1, SLIDING, t)
cdef void sliding_tile_3(const Tile* t) noexcept nogil: tile(ROWS(3), 1, SLIDING, t)
cdef void sliding_tile_4(const Tile* t) noexcept nogil: tile(ROWS(4), 1, SLIDING, t)
cdef void sliding_tile_5(const Tile* t) noexcept nogil: tile(ROWS(5), 1, SLIDING, t)
cdef void sliding_tile_6(const Tile* t) noexcept nogil: tile(ROWS(6), 1, SLIDING, t)
cdef void sliding_tile_7(const Tile* t) noexcept nogil: tile(ROWS(7), 1, SLIDING, t)
cdef void sliding_tile_8(const Tile* t) noexcept nogil: tile(ROWS(8), 1, SLIDING, t)
cdef void sliding_tile_9(const Tile* t) noexcept nogil: tile(ROWS(9), 1, SLIDING, t)
cdef void sliding_tile_10(const Tile* t) noexcept nogil: tile(ROWS(10), 1, SLIDING, t)
cdef void sliding_tile_11(const Tile* t) noexcept nogil: tile(ROWS(11), 1, SLIDING, t)
cdef void sliding_tile_12(const Tile* t) noexcept nogil: tile(ROWS(12), 1, SLIDING, t)
cdef void sliding_tile_13(const Tile* t) noexcept nogil: tile(ROWS(13), 1, SLIDING, t)
cdef void sliding_tile_14(const Tile* t) noexcept nogil: tile(ROWS(14), 1, SLIDING, t)
cdef void striding_tile_1(const Tile* t) noexcept nogil: tile(ROWS(1), 1, STRIDING, t)
cdef void striding_tile_2(const Tile* t) noexcept nogil: tile(ROWS(2), 1, STRIDING, t)
cdef void striding_tile_3(const Tile* t) noexcept nogil: tile(ROWS(3), 1, STRIDING, t)
cdef void striding_tile_4(const Tile* t) noexcept nogil: tile(ROWS(4), 1, STRIDING, t)
cdef void striding_tile_5(const Tile* t) noexcept nogil: tile(ROWS(5), 1, STRIDING, t)
cdef void striding_tile_6(const Tile* t) noexcept nogil: tile(ROWS(6), 1, STRIDING, t)
cdef void striding_tile_7(const Tile* t) noexcept nogil: tile(ROWS(7), 1, STRIDING, t)
cdef void striding_tile_8(const Tile* t) noexcept nogil: tile(ROWS(8), 1, STRIDING, t)
cdef void striding_tile_9(const Tile* t) noexcept nogil: tile(ROWS(9), 1, STRIDING, t)
cdef void striding_tile_10(const Tile* t) noexcept nogil: tile(ROWS(10), 1, STRIDING, t)
cdef void striding_tile_11(const Tile* t) noexcept nogil: tile(ROWS(11), 1, STRIDING, t)
cdef void striding_tile_12(const Tile* t) noexcept nogil: tile(ROWS(12), 1, STRIDING, t)
cdef void striding_tile_13(const Tile* t) noexcept nogil: tile(ROWS(13), 1, STRIDING, t)
cdef void striding_tile_14(const Tile* t) noexcept nogil: tile(ROWS(14), 1, STRIDING, t)
cdef void wide_tile_1(const Tile* t) noexcept nogil: tile(ROWS(1), 1, WIDE, t)
cdef void wide_tile_2(const Tile* t) noexcept nogil: tile(ROWS(2), 1, WIDE, t)
cdef void wide_tile_3(const Tile* t) noexcept nogil: tile(ROWS(3), 1, WIDE, t)
cdef void wide_tile_4(const Tile* t) noexcept nogil: tile(ROWS(4), 1, WIDE, t)
cdef void wide_tile_5(const Tile* t) noexcept nogil: tile(ROWS(5), 1, WIDE, t)
cdef void wide_tile_6(const Tile* t) noexcept nogil: tile(ROWS(6), 1, WIDE, t)
cdef void wide_tile_7(const Tile* t) noexcept nogil: tile(ROWS(7), 1, WIDE, t)
cdef void wide_tile_8(const Tile* t) noexcept nogil: tile(ROWS(8), 1, WIDE, t)
cdef void wide_tile_9(const Tile* t) noexcept nogil: tile(ROWS(9), 1, WIDE, t)
cdef void wide_tile_10(const Tile* t) noexcept nogil: tile(ROWS(10), 1, WIDE, t)
cdef void wide_tile_11(const Tile* t) noexcept nogil: tile(ROWS(11), 1, WIDE, t)
cdef void wide_tile_12(const Tile* t) noexcept nogil: tile(ROWS(12), 1, WIDE, t)
cdef void wide_tile_13(const Tile* t) noexcept nogil: tile(ROWS(13), 1, WIDE, t)
cdef void wide_tile_14(const Tile* t) noexcept nogil: tile(ROWS(14), 1, WIDE, t)
cdef void picking_tile_1(const Tile* t) noexcept nogil: tile(ROWS(1), 1, PICKING, t)
cdef void picking_tile_2(const Tile* t) noexcept nogil: tile(ROWS(2), 1, PICKING, t)
cdef void picking_tile_3(const Tile* t) noexcept nogil: tile(ROWS(3), 1, PICKING, t)
cdef void picking_tile_4(const Tile* t) noexcept nogil: tile(ROWS(4), 1, PICKING, t)
cdef void picking_tile_5(const Tile* t) noexcept nogil: tile(ROWS(5), 1, PICKING, t)
cdef void picking_tile_6(const Tile* t) noexcept nogil: tile(ROWS(6), 1, PICKING, t)
cdef void picking_tile_7(const Tile* t) noexcept nogil: tile(ROWS(7), 1, PICKING, t)
cdef void picking_tile_8(const Tile* t) noexcept nogil: tile(ROWS(8), 1, PICKING, t)
cdef void picking_tile_9(const Tile* t) noexcept nogil: tile(ROWS(9), 1, PICKING, t)
cdef void picking_tile_10(const Tile* t) noexcept nogil: tile(ROWS(10), 1, PICKING, t)
cdef void picking_tile_11(const Tile* t) noexcept nogil: tile(ROWS(11), 1, PICKING, t)
cdef void picking_tile_12(const Tile* t) noexcept nogil: tile(ROWS(12), 1, PICKING, t)
cdef void picking_tile_13(const Tile* t) noexcept nogil: tile(ROWS(13), 1, PICKING, t)
cdef void picking_tile_14(const Tile* t) noexcept nogil: tile(ROWS(14), 1, PICKING, t)
cdef void picking_apart_tile_1(const Tile* t) noexcept nogil: tile(ROWS(1), 1, PICKING_APART, t)
cdef void picking_apart_tile_2(const Tile* t) noexcept nogil: tile(ROWS(2), 1, PICKING_APART, t)
cdef void picking_apart_tile_3(const Tile* t) noexcept nogil: tile(ROWS(3), 1, PICKING_APART, t)
cdef void picking_apart_tile_4(const Tile* t) noexcept nogil: tile(ROWS(4), 1, PICKING_APART, t)
cdef void picking_apart_tile_5(const Tile* t) noexcept nogil: tile(ROWS(5), 1, PICKING_APART, t)
cdef void picking_apart_tile_6(const Tile* t) noexcept nogil: tile(ROWS(6), 1, PICKING_APART, t)
cdef void picking_apart_tile_7(const Tile* t) noexcept nogil: tile(ROWS(7), 1, PICKING_APART, t)
cdef void picking_apart_tile_8(const Tile* t) noexcept nogil: tile(ROWS(8), 1, PICKING_APART, t)
cdef void picking_apart_tile_9(const Tile* t) noexcept nogil: tile(ROWS(9), 1, PICKING_APART, t)
cdef void picking_apart_tile_10(const Tile* t) noexcept nogil: tile(ROWS(10), 1, PICKING_APART, t)
cdef void picking_apart_tile_11(const Tile* t) noexcept nogil: tile(ROWS(11), 1, PICKING_APART, t)
cdef void picking_apart_tile_12(const Tile* t) noexcept nogil: tile(ROWS(12), 1, PICKING_APART, t)
cdef void picking_apart_tile_13(const Tile* t) noexcept nogil: tile(ROWS(13), 1, PICKING_APART, t)
cdef void picking_apart_tile_14(const Tile* t) noexcept nogil: tile(ROWS(14), 1, PICKING_APART, t)
cdef void sliding_edge_tile_1(const Tile* t) noexcept nogil: tile(ROWS(1), 1, EDGE_SLIDING, t)
cdef void sliding_edge_tile_2(const Tile* t) noexcept nogil: tile(ROWS(2), 1, EDGE_SLIDING, t)
cdef void sliding_edge_tile_3(const Tile* t) noexcept nogil: tile(ROWS(3), 1, EDGE_SLIDING, t)
cdef void sliding_edge_tile_4(const Tile* t) noexcept nogil: tile(ROWS(4), 1, EDGE_SLIDING, t)
cdef void sliding_edge_tile_5(const Tile* t) noexcept nogil: tile(ROWS(5), 1, EDGE_SLIDING, t)
cdef void sliding_edge_tile_6(const Tile* t) noexcept nogil: tile(ROWS(6), 1, EDGE_SLIDING, t)
cdef void sliding_edge_tile_7(const Tile* t) noexcept nogil: tile(ROWS(7), 1, EDGE_SLIDING, t)
cdef void sliding_edge_tile_8(const Tile* t) noexcept nogil: tile(ROWS(8), 1, EDGE_SLIDING, t)
cdef void sliding_edge_tile_9(const Tile* t) noexcept nogil: tile(ROWS(9), 1, EDGE_SLIDING, t)
cdef void sliding_edge_tile_10(const Tile* t) noexcept nogil: tile(ROWS(10), 1, EDGE_SLIDING, t)
cdef void sliding_edge_tile_11(const Tile* t) noexcept nogil: tile(ROWS(11), 1, EDGE_SLIDING, t)
cdef void sliding_edge_tile_12(const Tile* t) noexcept nogil: tile(ROWS(12), 1, EDGE_SLIDING, t)
cdef void sliding_edge_tile_13(const Tile* t) noexcept nogil: tile(ROWS(13), 1, EDGE_SLIDING, t)
cdef void sliding_edge_tile_14(const Tile* t) noexcept nogil: tile(ROWS(14), 1, EDGE_SLIDING, t)
cdef void striding_edge_tile_1(const Tile* t) noexcept nogil: tile(ROWS(1), 1, EDGE_STRIDING, t)
cdef void striding_edge_tile_2(const Tile* t) noexcept nogil: tile(ROWS(2), 1, EDGE_STRIDING, t)
cdef void striding_edge_tile_3(const Tile* t) noexcept nogil: tile(ROWS(3), 1, EDGE_STRIDING, t)
cdef void striding_edge_tile_4(const Tile* t) noexcept nogil: tile(ROWS(4), 1, EDGE_STRIDING, t)
cdef void striding_edge_tile_5(const Tile* t) noexcept nogil: tile(ROWS(5), 1, EDGE_STRIDING, t)
cdef void striding_edge_tile_6(const Tile* t) noexcept nogil: tile(ROWS(6), 1, EDGE_STRIDING, t)
cdef void striding_edge_tile_7(const Tile* t) noexcept nogil: tile(ROWS(7), 1, EDGE_STRIDING, t)
cdef void striding_edge_tile_8(const Tile* t) noexcept nogil: tile(ROWS(8), 1, EDGE_STRIDING, t)
cdef void striding_edge_tile_9(const Tile* t) noexcept nogil: tile(ROWS(9), 1, EDGE_STRIDING, t)
cdef void striding_edge_tile_10(const Tile* t) noexcept nogil: tile(ROWS(10), 1, EDGE_STRIDING, t)
cdef void striding_edge_tile_11(const Tile* t) noexcept nogil: tile(ROWS(11), 1, EDGE_STRIDING, t)
cdef void striding_edge_tile_12(const Tile* t) noexcept nogil: tile(ROWS(12), 1, EDGE_STRIDING, t)
cdef void striding_edge_tile_13(const Tile* t) noexcept nogil: tile(ROWS(13), 1, EDGE_STRIDING, t)
cdef void striding_edge_tile_14(const Tile* t) noexcept nogil: tile(ROWS(14), 1, EDGE_STRIDING, t)
