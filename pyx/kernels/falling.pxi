# Depthwise 3 x 3 kernels: a tile that falls down a column of outputs.
#
#     c[n, i]  =  init  +  sum over kernel rows r, columns k of   a[n + r, i + k] * b[r, k]
#
#                                      a[n, i]  at  a + n*a_below + i*a_term, a vector
#                                      b[r, k]  at  b + (3*r + k) vectors
#                                      c[n, i]  at  c + n*c_below + i*c_row, for `height` rows of outputs
#
# A run has `count` such tiles, `a_next`, `b_next`, `c_next` and `init_next` apart: blocks of channels.
# Registers hold the weights and the sums of three rows of outputs:
#
#     a row of the input ->   products with kernel row 2   added to the oldest sums, which then are done
#                                                  row 1                    next
#                                                  row 0                    youngest
#
# so that each vector of the input is loaded once, wherever it lies.  Rows of the input in front of `top`, and from
# `bottom` on, are padding and left out: two at most at each end.  An edge tile reaches over an edge of the input at
# its sides, too: columns in front of `first`, and from `last` on, are zeros that are not loaded.
cdef inline void falling_tile(const int pixels, const bint edge, const Tile* t) noexcept nogil:
    cdef vec sums[3][MAX_FALLING]
    cdef vec w[9]
    cdef vec init
    cdef Py_ssize_t n, row, i
    if FALLING == 0:
        return
    for n in range(t.count):
        for i in range(9):
            w[i] = vload(t.b + n * t.b_next + i * VBYTES)
        init = vload(t.init + n * t.init_next)
        for i in range(pixels):
            sums[0][i] = sums[1][i] = init
        row = 0
        while row < t.height + 2:       # sums take turns, and stay in their registers
            fall(pixels, edge, sums[0], sums[1], sums[2], init, w, row, n, t)
            fall(pixels, edge, sums[1], sums[2], sums[0], init, w, row + 1, n, t)
            fall(pixels, edge, sums[2], sums[0], sums[1], init, w, row + 2, n, t)
            row += 3


cdef inline void fall(const int pixels, const bint edge, vec* oldest, vec* next, vec* youngest,
                      vec init, const vec* w, Py_ssize_t row, Py_ssize_t n, const Tile* t) noexcept nogil:
    """What a row of the input adds to the three rows of sums that it meets."""
    cdef const char* a = t.a + n * t.a_next + row * t.a_below
    cdef Py_ssize_t i
    for i in range(pixels):
        youngest[i] = init
    if 2 <= row < t.height:
        meet_rows(pixels, edge, 0, 2, oldest, next, youngest, w, a, t)
    elif t.top <= row < t.bottom:
        if row < t.height:
            meet_rows(pixels, edge, 0, 0, oldest, next, youngest, w, a, t)
        if 1 <= row <= t.height:
            meet_rows(pixels, edge, 1, 1, oldest, next, youngest, w, a, t)
        if 2 <= row < t.height + 2:
            meet_rows(pixels, edge, 2, 2, oldest, next, youngest, w, a, t)
    if 2 <= row < t.height + 2:
        store_sums(pixels, oldest, t.c + n * t.c_next + (row - 2) * t.c_below, t)


cdef inline void store_sums(const int pixels, vec* sums, char* c, const Tile* t) noexcept nogil:
    """Sums that are to be limited come back, one by one: registers are needed for the others."""
    cdef Py_ssize_t limits = t.limits, c_row = t.c_row, i
    cdef vec zero = vzero()
    cdef char* to = c
    for i in range(pixels):
        vstore(to, vadd(sums[i], zero))
        to = <char*> vopaque(to + c_row)
    if limits > 0:
        for i in range(pixels):
            vstore(c, limited(vload(c), limits))
            c = <char*> vopaque(c + c_row)


cdef inline void meet_rows(const int pixels, const bint edge, const int upper, const int lower, vec* oldest,
                           vec* next, vec* youngest, const vec* w, const char* a, const Tile* t) noexcept nogil:
    """Adds the products of a row of the input with kernel rows `upper` to `lower`."""
    cdef Py_ssize_t a_term = t.a_term, ahead = t.ahead
    cdef const char* fetched = a + ahead
    cdef vec p
    cdef int i, k
    if ahead > 0 and lower == 2:    # pixels that no row before has met
        for i in range(pixels):
            vprefetch_far(fetched)
            fetched += a_term
    for i in range(pixels + 2):
        if edge and not t.first <= i < t.last:
            p = vzero()
        else:
            p = vload(a)
        a = vopaque(a + a_term)
        for k in range(3):
            if lower == 2 and 0 <= i - k < pixels:
                oldest[i - k] = vfma(p, w[6 + k], oldest[i - k])
            if upper <= 1 <= lower and 0 <= i - k < pixels:
                next[i - k] = vfma(p, w[3 + k], next[i - k])
            if upper == 0 and 0 <= i - k < pixels:
                youngest[i - k] = vfma(p, w[k], youngest[i - k])


cdef void falling_tile_1(const Tile* t) noexcept nogil: falling_tile(1, False, t)
cdef void falling_tile_2(const Tile* t) noexcept nogil: falling_tile(2, False, t)
cdef void falling_tile_3(const Tile* t) noexcept nogil: falling_tile(3, False, t)
cdef void falling_tile_4(const Tile* t) noexcept nogil: falling_tile(4, False, t)
cdef void falling_tile_5(const Tile* t) noexcept nogil: falling_tile(5, False, t)
cdef void falling_tile_6(const Tile* t) noexcept nogil: falling_tile(6, False, t)
cdef void falling_edge_tile_1(const Tile* t) noexcept nogil: falling_tile(1, True, t)
cdef void falling_edge_tile_2(const Tile* t) noexcept nogil: falling_tile(2, True, t)
cdef void falling_edge_tile_3(const Tile* t) noexcept nogil: falling_tile(3, True, t)
cdef void falling_edge_tile_4(const Tile* t) noexcept nogil: falling_tile(4, True, t)
cdef void falling_edge_tile_5(const Tile* t) noexcept nogil: falling_tile(5, True, t)
cdef void falling_edge_tile_6(const Tile* t) noexcept nogil: falling_tile(6, True, t)
