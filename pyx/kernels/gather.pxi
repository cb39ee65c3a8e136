# Collects elements that lie source_lane apart into packed rows, for some columns of a kernel:
#
#     to[k, r, j]  =  source[k, r, j]      at  source + k*source_column + r*source_row + j*source_lane
#                                          to  to + k*to_column + r*to_row + j*item
#
# This is how pixels become the vector operand of a tile (rows are channels, lanes pixels)
# and how channels that are not neighbours in memory become neighbours.
# Where neighbouring rows, not lanes, are neighbours in memory, or every second element, squares are transposed in
# registers.  Where a few columns' elements take turns in memory, or those of a few lanes are to, each vector is
# loaded and stored once.
# A row's elements are fetched for all columns before the next row: rows are often a power of
# two apart, so that few of them fit the first-level cache together.  Rows of one element come column by column.
cdef void gather(const Gather* g) noexcept nogil:
    if g.lanes == 1:
        gather_singles(g)
    elif g.source_lane == <Py_ssize_t> sizeof(real):
        if g.lanes <= LANES:
            gather_rows(CLOSE_PART, g)
        elif g.lanes == 2 * LANES:
            gather_rows(CLOSE_PAIR, g)
        else:
            gather_rows(CLOSE, g)
    elif turns(1, g):
        TURNS[g.columns - 2](g)
    elif turns(2, g) and 2 * g.columns <= MAX_TURNS:
        EVERY_OTHER[g.columns - 2](g)
    elif mixes(g):
        MIXED[g.lanes - 2](g)
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


cdef inline void gather_singles(const Gather* g) noexcept nogil:
    """Rows of one element, column by column."""
    cdef Py_ssize_t to_row = g.to_row, source_row = g.source_row, rows = g.rows
    cdef Py_ssize_t _r, k
    cdef const char* source
    cdef char* to
    for k in range(g.columns):
        source = g.source + k * g.source_column
        to = g.to + k * g.to_column
        for _r in range(rows):
            (<real*> to)[0] = (<const real*> source)[0]
            source += source_row
            to += to_row


cdef inline bint turns(Py_ssize_t stride, const Gather* g) noexcept nogil:
    """Whether columns, or they and as many others, take turns in memory."""
    return (2 <= g.columns <= MAX_TURNS and g.source_column == <Py_ssize_t> sizeof(real)
            and g.source_lane == stride * g.columns * <Py_ssize_t> sizeof(real))


cdef inline bint mixes(const Gather* g) noexcept nogil:
    """Whether lanes are to."""
    return (g.columns == 1 and 2 <= g.lanes <= MAX_TURNS and g.to_row == g.lanes * <Py_ssize_t> sizeof(real)
            and g.source_row == <Py_ssize_t> sizeof(real))


cdef enum:
    MANY_SQUARES = 32               # beside which one more costs little

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
    cdef Py_ssize_t r = 0, j, rows = min(g.rows, LANES), behind = <Py_ssize_t> g.source % VBYTES
    if how == CLOSE and g.source_lane % VBYTES == 0 and behind % sizeof(real) == 0 and g.rows > MANY_SQUARES * LANES:
        rows = (VBYTES - behind) // sizeof(real)        # from there on no load crosses a line of cache
    while r < g.rows:
        j = 0
        while j < g.lanes:
            if rows == LANES and j + LANES <= g.lanes:
                transpose(how, LANES, LANES, g, r, j)
            else:
                transpose(how, rows, min(g.lanes - j, LANES), g, r, j)
            j += LANES
        r += rows
        rows = min(g.rows - r, LANES)


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


cdef inline void gather_turns(const int columns, const int step, const Gather* g) noexcept nogil:
    """The first columns of those that take turns: each is loaded once, and fetched from far away four rows before."""
    cdef Py_ssize_t r, n, k, left, lanes
    cdef const char* source
    cdef vec v[MAX_TURNS]
    for r in range(g.rows):
        source = g.source + r * g.source_row
        n = 0
        while n < g.lanes:
            lanes = min(g.lanes - n, LANES)
            left = (g.lanes - n - 1) * step + columns       # elements
            for k in range(step):
                vprefetch_far(source + 4 * g.source_row + k * VBYTES)
            if left >= step * LANES:
                for k in range(step):
                    v[k] = vload(source + k * VBYTES)
            else:
                for k in range(step):
                    v[k] = vload_part(source + k * VBYTES, elements_of(k, left))
            bring_apart(step, v)
            for k in range(columns):
                if lanes == LANES:
                    vstore(g.to + r * g.to_row + k * g.to_column + n * sizeof(real), v[k])
                else:
                    vstore_part(g.to + r * g.to_row + k * g.to_column + n * sizeof(real), v[k], lanes)
            source += step * VBYTES
            n += LANES


cdef inline Py_ssize_t elements_of(Py_ssize_t k, Py_ssize_t elements) noexcept nogil:
    """Of so many elements in vectors, those of vector k."""
    return min(max(elements - k * LANES, 0), LANES)


cdef inline void gather_mixed(const int lanes, const Gather* g) noexcept nogil:
    """Rows of so few lanes that follow each other: the elements of lanes, which are whole vectors, take turns."""
    cdef Py_ssize_t n = 0, k, rows
    cdef const char* source = g.source
    cdef char* to = g.to
    cdef vec v[MAX_TURNS]
    while n < g.rows:
        rows = min(g.rows - n, LANES)
        for k in range(lanes):
            v[k] = vload(source + k * g.source_lane) if rows == LANES else vload_part(source + k * g.source_lane, rows)
        bring_together(lanes, v)
        for k in range(lanes):
            if rows == LANES:
                vstore(to + k * VBYTES, v[k])
            else:
                vstore_part(to + k * VBYTES, v[k], elements_of(k, lanes * rows))
        source += VBYTES
        to += lanes * VBYTES
        n += LANES


# One function each, so that all shuffles are constants to the compiler.
cdef void turns_2(const Gather* g) noexcept nogil: gather_turns(2, 2, g)
cdef void turns_3(const Gather* g) noexcept nogil: gather_turns(3, 3, g)
cdef void turns_4(const Gather* g) noexcept nogil: gather_turns(4, 4, g)
cdef void turns_5(const Gather* g) noexcept nogil: gather_turns(5, 5, g)
cdef void turns_6(const Gather* g) noexcept nogil: gather_turns(6, 6, g)
cdef void turns_7(const Gather* g) noexcept nogil: gather_turns(7, 7, g)
cdef void turns_8(const Gather* g) noexcept nogil: gather_turns(8, 8, g)
cdef void every_other_2(const Gather* g) noexcept nogil: gather_turns(2, 4, g)
cdef void every_other_3(const Gather* g) noexcept nogil: gather_turns(3, 6, g)
cdef void every_other_4(const Gather* g) noexcept nogil: gather_turns(4, 8, g)
cdef void mixed_2(const Gather* g) noexcept nogil: gather_mixed(2, g)
cdef void mixed_3(const Gather* g) noexcept nogil: gather_mixed(3, g)
cdef void mixed_4(const Gather* g) noexcept nogil: gather_mixed(4, g)
cdef void mixed_5(const Gather* g) noexcept nogil: gather_mixed(5, g)
cdef void mixed_6(const Gather* g) noexcept nogil: gather_mixed(6, g)
cdef void mixed_7(const Gather* g) noexcept nogil: gather_mixed(7, g)
cdef void mixed_8(const Gather* g) noexcept nogil: gather_mixed(8, g)

cdef gather_function[MAX_TURNS - 1] TURNS = [turns_2, turns_3, turns_4, turns_5, turns_6, turns_7, turns_8]
cdef gather_function[3] EVERY_OTHER = [every_other_2, every_other_3, every_other_4]
cdef gather_function[MAX_TURNS - 1] MIXED = [mixed_2, mixed_3, mixed_4, mixed_5, mixed_6, mixed_7, mixed_8]
