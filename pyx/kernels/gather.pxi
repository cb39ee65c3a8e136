# Collects `rows` rows of `lanes` elements, which lie source_lane apart, into packed rows:
#
#     to[r, j]  =  source[r, j]        at  source + r*source_row + j*source_lane
#
# This is how pixels become the vector operand of a tile (rows are channels, lanes pixels)
# and how channels that are not neighbours in memory become neighbours.
cdef void gather(const Gather* g) noexcept nogil:
    cdef const char* source = g.source
    cdef char* to = g.to
    cdef Py_ssize_t lane = g.source_lane
    cdef Py_ssize_t lanes = g.lanes
    cdef Py_ssize_t vectors = lanes // LANES
    cdef Py_ssize_t whole = vectors * LANES
    cdef Py_ssize_t r, v, j
    if lane == <Py_ssize_t> sizeof(real):
        for r in range(g.rows):
            for v in range(vectors):
                vstore(<real*> to + v * LANES, vload(<const real*> source + v * LANES))
            if whole < lanes:
                vstore_part(<real*> to + whole,
                            vload_part(<const real*> source + whole, lanes - whole), lanes - whole)
            source += g.source_row
            to += g.to_row
    elif lane == 2 * <Py_ssize_t> sizeof(real):
        for r in range(g.rows):
            for v in range(vectors):
                # The last of the 2*LANES elements is not ours to read: start one lane early.
                vstore(<real*> to + v * LANES, veven(vload(<const real*> source + 2 * v * LANES),
                                                     vload(<const real*> source + (2 * v + 1) * LANES - 1)))
            for j in range(whole, lanes):
                (<real*> to)[j] = (<const real*> source)[2 * j]
            source += g.source_row
            to += g.to_row
    else:
        for r in range(g.rows):
            for j in range(lanes):
                (<real*> to)[j] = (<const real*> (source + j * lane))[0]
            source += g.source_row
            to += g.to_row
