# Collects elements that lie source_lane apart into packed rows, for some columns of a kernel:
#
#     to[k, r, j]  =  source[k, r, j]      at  source + k*source_column + r*source_row + j*source_lane
#                                          to  to + k*to_column + r*to_row + j*item
#
# This is how pixels become the vector operand of a tile (rows are channels, lanes pixels)
# and how channels that are not neighbours in memory become neighbours.
# Where neighbouring rows, not lanes, are neighbours in memory, or every second element, squares are transposed in
# registers.
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
    elif turns(2, g):
        gather_turns(2, g)
    elif turns(3, g):
        gather_turns(3, g)
    elif turns(4, g):
        gather_turns(4, g)
    elif g.source_lane == 2 * <Py_ssize_t> sizeof(real):
        if g.lanes == 2 * LANES:
            gather_rows(EVEN_PAIR, g)
        else:
            gather_rows(EVEN, g)
    elif g.source_row == <Py_ssize_t> sizeof(real) and g.columns == 1 and g.lanes > 1 and g.rows > 1:
        gather_across(CLOSE, g)
    elif g.source_row == 2 * <Py_ssize_t> sizeof(real) and g.columns == 1 and g.lanes > 1 and g.rows > 1:
        gather_across(EVEN, g)
    else:
        gather_rows(APART, g)


cdef inline bint turns(const Py_ssize_t columns, const Gather* g) noexcept nogil:
    return (g.columns == columns and g.source_column == <Py_ssize_t> sizeof(real)
            and g.source_lane == columns * <Py_ssize_t> sizeof(real))


cdef enum:                          # how the elements of a row lie
    CLOSE                           # side by side
    CLOSE_PART                      #   and at most a vector
    CLOSE_PAIR                      #   and exactly two
    EVEN                            # every second one
    EVEN_PAIR                       #   and exactly two vectors
    APART


cdef inline void gather_rows(const int how, const Gather* g) noexcept nogil:
    cdef Py_ssize_t lanes = g.lanes, columns = g.columns
    cdef Py_ssize_t to_row = g.to_row, to_column = g.to_column
    cdef Py_ssize_t source_row = g.source_row, source_column = g.source_column
    cdef Py_ssize_t r, k
    cdef const char* row = g.source
    cdef char* to_first = g.to
    cdef const char* source
    cdef char* to
    for r in range(g.rows):
        source = row
        to = to_first
        for k in range(columns):
            if how == CLOSE_PART:
                vstore_part(to, vload_part(source, lanes), lanes)
            elif how == CLOSE_PAIR:
                vstore(to, vload(source))
                vstore(to + VBYTES, vload(source + VBYTES))
            elif how == EVEN_PAIR:
                vstore(to, load_even(source))
                vstore(to + VBYTES, load_even(source + 2 * VBYTES))
            else:
                gather_lanes(how, to, source, g.source_lane, lanes)
            source += source_column
            to += to_column
        row += source_row
        to_first += to_row


cdef inline vec load_even(const char* p) noexcept nogil:
    """Every second element.  The last of 2*LANES is not ours to read: load one lane early."""
    return veven(vload(p), vload(p + VBYTES - sizeof(real)))


cdef inline vec load_even_part(const char* p, Py_ssize_t n) noexcept nogil:
    """The first n of them: 2*n - 1 elements are read."""
    return veven(vload_part(p, min(2 * n - 1, LANES)),
                 vload_part(p + VBYTES - sizeof(real), max(2 * n - LANES, 0)))


cdef inline void gather_lanes(const int how, char* to, const char* source, Py_ssize_t lane,
                              Py_ssize_t lanes) noexcept nogil:
    cdef Py_ssize_t v, j
    if how != APART:
        for v in range(lanes // LANES):
            vstore(to, vload(source) if how == CLOSE else load_even(source))
            source += VBYTES if how == CLOSE else 2 * VBYTES
            to += VBYTES
        lanes = lanes % LANES
    if how == CLOSE:
        vstore_part(to, vload_part(source, lanes), lanes)
    elif how == EVEN:
        if lanes > 0:
            vstore_part(to, load_even_part(source, lanes), lanes)
    else:
        for j in range(lanes):
            (<real*> to)[j] = (<const real*> (source + j * lane))[0]


cdef inline void gather_across(const int how, const Gather* g) noexcept nogil:
    cdef Py_ssize_t r = 0, j
    while r < g.rows:
        j = 0
        while j < g.lanes:
            if r + LANES <= g.rows and j + LANES <= g.lanes:
                transpose(how, LANES, LANES, g, r, j)
            else:
                transpose(how, min(g.rows - r, LANES), min(g.lanes - j, LANES), g, r, j)
            j += LANES
        r += LANES


cdef inline void transpose(const int how, const Py_ssize_t rows, const Py_ssize_t lanes, const Gather* g,
                           Py_ssize_t first_row, Py_ssize_t first_lane) noexcept nogil:
    """A square of vectors, or the beginning of some of its rows and lanes, zipped until it is transposed."""
    cdef vec v[LANES]
    cdef vec w[LANES]
    cdef const char* source = g.source + first_row * g.source_row + first_lane * g.source_lane
    cdef char* to = g.to + first_row * g.to_row + first_lane * <Py_ssize_t> sizeof(real)
    cdef Py_ssize_t i
    cdef int stage
    for i in range(LANES):
        if rows == LANES and lanes == LANES:
            v[i] = vload(source) if how == CLOSE else load_even(source)
        elif i < lanes:
            v[i] = vload_part(source, rows) if how == CLOSE else load_even_part(source, rows)
        else:
            v[i] = vzero()
        source += g.source_lane
    for stage in range(4):
        if (1 << stage) < LANES:
            for i in range(LANES // 2):
                w[2 * i] = vzip(v[i], v[i + LANES // 2], 0)
                w[2 * i + 1] = vzip(v[i], v[i + LANES // 2], 1)
            for i in range(LANES):
                v[i] = w[i]
    for i in range(LANES):
        if rows == LANES and lanes == LANES:
            vstore(to, v[i])
        elif i < rows:
            vstore_part(to, v[i], lanes)
        to += g.to_row


cdef inline void gather_turns(const int columns, const Gather* g) noexcept nogil:
    """Columns that take turns: each element is loaded once, and fetched from far away four rows before."""
    cdef Py_ssize_t r, n, k, lanes
    cdef const char* source
    cdef char* to
    cdef vec v[MAX_STRIDE]
    for r in range(g.rows):
        source = g.source + r * g.source_row
        to = g.to + r * g.to_row
        for n in range(g.lanes // LANES):
            for k in range(columns):
                vprefetch_far(source + 4 * g.source_row + k * VBYTES)
                v[k] = vload(source + k * VBYTES)
            store_turns(columns, v, to, g.to_column, LANES)
            source += columns * VBYTES
            to += VBYTES
        lanes = g.lanes % LANES
        if lanes > 0:
            for k in range(columns):
                v[k] = vload_part(source + k * VBYTES, min(max(columns * lanes - k * LANES, 0), LANES))
            store_turns(columns, v, to, g.to_column, lanes)


cdef inline void store_turns(const int columns, const vec* v, char* to, Py_ssize_t to_column,
                             Py_ssize_t lanes) noexcept nogil:
    """Constants, not a loop, count the columns: only then are shuffles known."""
    store_turn(columns, 0, v, to, lanes)
    store_turn(columns, 1, v, to + to_column, lanes)
    if columns > 2:
        store_turn(columns, 2, v, to + 2 * to_column, lanes)
    if columns > 3:
        store_turn(columns, 3, v, to + 3 * to_column, lanes)


cdef inline void store_turn(const int columns, const int k, const vec* v, char* to, Py_ssize_t lanes) noexcept nogil:
    if lanes == LANES:
        vstore(to, vevery(v, columns, k))
    else:
        vstore_part(to, vevery(v, columns, k), lanes)
