# Collects elements that lie source_lane apart into packed rows, for some columns of a kernel:
#
#     to[k, r, j]  =  source[k, r, j]      at  source + k*source_column + r*source_row + j*source_lane
#                                          to  to + (k*rows + r)*to_row + j*item
#
# This is how pixels become the vector operand of a tile (rows are channels, lanes pixels)
# and how channels that are not neighbours in memory become neighbours.
# A row's elements are fetched for all columns before the next row: rows are often a power of
# two apart, so that few of them fit the first-level cache together.
cdef void gather(const Gather* g) noexcept nogil:
    if g.source_lane == <Py_ssize_t> sizeof(real):
        if g.lanes <= LANES:
            gather_rows(CLOSE_PART, g)
        elif g.lanes == 2 * LANES:
            gather_rows(CLOSE_PAIR, g)
        else:
            gather_rows(CLOSE, g)
    elif g.source_lane == 2 * <Py_ssize_t> sizeof(real):
        gather_rows(EVEN, g)
    else:
        gather_rows(APART, g)


cdef enum:                          # how the elements of a row lie
    CLOSE                           # side by side
    CLOSE_PART                      #   and at most a vector
    CLOSE_PAIR                      #   and exactly two
    EVEN                            # every second one
    APART


cdef inline void gather_rows(const int how, const Gather* g) noexcept nogil:
    cdef Py_ssize_t lanes = g.lanes, lane = g.source_lane, columns = g.columns
    cdef Py_ssize_t to_column = g.rows * g.to_row, source_column = g.source_column
    cdef Py_ssize_t r, k, v, j, done
    cdef const real* source
    cdef real* to
    for r in range(g.rows):
        for k in range(columns):
            source = <const real*> (g.source + r * g.source_row + k * source_column)
            to = <real*> (g.to + r * g.to_row + k * to_column)
            if how == CLOSE_PART:
                vstore_part(to, vload_part(source, lanes), lanes)
                continue
            if how == CLOSE_PAIR:
                vstore(to, vload(source))
                vstore(to + LANES, vload(source + LANES))
                continue
            done = 0
            if how != APART:
                for v in range(lanes // LANES):
                    if how == CLOSE:
                        vstore(to + done, vload(source + done))
                    else:
                        # The last of 2*LANES is not ours to read: load one lane early.
                        vstore(to + done, veven(vload(source + 2 * done),
                                                vload(source + 2 * done + LANES - 1)))
                    done += LANES
            if how == CLOSE:
                vstore_part(to + done, vload_part(source + done, lanes - done), lanes - done)
            else:
                for j in range(done, lanes):
                    to[j] = (<const real*> (<const char*> source + j * lane))[0]
