# Winograd's transforms for tiles of 6 x 6 inputs: m x m outputs of a kernel of 7-m x 7-m, m = 4 or 2.
#
#     U = G g G^T        weights      polynomials at the points alone: outputs are divided by their distances
#     V = B^T d B        inputs
#     y = A^T M A        outputs, where M[xi] = sum over channels of V[xi] * U[xi] for each of 36 xi
#
# For tiles of 6 inputs along one axis, `lines`, there are B^T d and A^T M alone: m outputs, from 2 to 5.
#
# Tiles at the ends of rows and columns may have fewer outputs, m'.  m' + 6 - m points are enough for them:
# five are all but infinity, four all but +-b, and three are 0 and +-a.
#
# They evaluate polynomials at 0, +-a, +-b and infinity with a = sqrt(1/2), b = sqrt(2)
# (Toom and Cook).  These points keep the numbers small: the errors are less than half of those of 0, +-1, +-2.
# With those, `whole`, lines of few channels have whole outputs if all else is whole: their weights are
# multiplied with 24, and their outputs divided.
# Lanes are channels.  A two-dimensional transform is done along columns first, whose results
# wait in the first-level cache, because 36 vectors do not fit the registers.

cdef inline void input_points(const int whole, const int points, vec d0, vec d1, vec d2, vec d3, vec d4, vec d5,
                              char* to, Py_ssize_t step, Py_ssize_t lanes) noexcept nogil:
    """B^T d of so many points, stored `step` bytes apart."""
    cdef real aa = 1 if whole else 0.5, bb = 4 if whole else 2      # squares of the points
    cdef vec even, odd
    if points < 5:
        store_lanes(to, vfma(vsplat(-bb), d2, d0), lanes)
        odd = vmul(vsplat(POINT_A(whole)), d1)
        store_lanes(to + step, vadd(d2, odd), lanes)
        store_lanes(to + 2 * step, vsub(d2, odd), lanes)
        if points == 4:
            store_lanes(to + 5 * step, vfma(vsplat(-aa), d1, d3), lanes)
        return
    even = vfma(vsplat(-bb), d2, d4)
    odd = vfma(vsplat(POINT_A(whole)), d3, vmul(vsplat(-bb * POINT_A(whole)), d1))
    if whole:
        store_lanes(to, vfma(vsplat(-5), d2, vfma(vsplat(4), d0, d4)), lanes)
    else:
        store_lanes(to, vfma(vsplat(-2.5), d2, vadd(d0, d4)), lanes)
    store_lanes(to + step, vadd(even, odd), lanes)
    store_lanes(to + 2 * step, vsub(even, odd), lanes)
    even = vfma(vsplat(-aa), d2, d4)
    odd = vfma(vsplat(POINT_B(whole)), d3, vmul(vsplat(-aa * POINT_B(whole)), d1))
    store_lanes(to + 3 * step, vadd(even, odd), lanes)
    store_lanes(to + 4 * step, vsub(even, odd), lanes)
    if points == 5:
        return
    if whole:
        store_lanes(to + 5 * step, vfma(vsplat(-5), d3, vfma(vsplat(4), d1, d5)), lanes)
    else:
        store_lanes(to + 5 * step, vfma(vsplat(-2.5), d3, vadd(d1, d5)), lanes)


cdef inline void store_lanes(char* to, vec v, Py_ssize_t lanes) noexcept nogil:
    if lanes == LANES:
        vstore(to, v)
    else:
        vstore_part(to, v, lanes)


cdef inline vec load_lanes(const char* p, Py_ssize_t lanes) noexcept nogil:
    return vload(p) if lanes == LANES else vload_part(p, lanes)


cdef inline void inputs_down(const int points, const Py_ssize_t lanes, const InputTransform* t,
                             Py_ssize_t offset) noexcept nogil:
    """Columns of the inputs of a row of tiles."""
    cdef Py_ssize_t columns = t.columns, j
    cdef const char* const* p = t.pixels
    cdef vec d3 = vzero(), d4 = vzero(), d5 = vzero()
    for j in range(columns):
        if points > 3:
            d3 = load_lanes(p[3 * columns + j] + offset, lanes)
        if points > 4:
            d4 = load_lanes(p[4 * columns + j] + offset, lanes)
        if points > 5:
            d5 = load_lanes(p[5 * columns + j] + offset, lanes)
        input_points(False, points, load_lanes(p[j] + offset, lanes), load_lanes(p[columns + j] + offset, lanes),
                     load_lanes(p[2 * columns + j] + offset, lanes), d3, d4, d5, t.scratch + j * VBYTES,
                     columns * VBYTES, LANES)


cdef inline void inputs_across(const int points, const Py_ssize_t row_points, const Py_ssize_t lanes,
                               const InputTransform* t, Py_ssize_t offset) noexcept nogil:
    """Rows of what comes out of the columns."""
    cdef Py_ssize_t i, n
    cdef const char* s
    cdef char* to
    for n in range(t.tiles):
        s = t.scratch + n * t.m * VBYTES
        to = t.to + n * t.to_tile + offset
        for i in range(6):
            if has_point(row_points, i):
                input_points(False, points, vload(s), vload(s + VBYTES), vload(s + 2 * VBYTES),
                             vload(s + 3 * VBYTES), vload(s + 4 * VBYTES), vload(s + 5 * VBYTES), to, t.to_plane, lanes)
            s += t.columns * VBYTES
            to += 6 * t.to_plane


cdef inline void transform_inputs_of(const Py_ssize_t lanes, const InputTransform* t,
                                     Py_ssize_t offset) noexcept nogil:
    """Tiles of one row of tiles, for the channels at one vector."""
    if t.row_points == 6:
        inputs_down(6, lanes, t, offset)
    elif t.row_points == 5:
        inputs_down(5, lanes, t, offset)
    elif t.row_points == 4:
        inputs_down(4, lanes, t, offset)
    else:
        inputs_down(3, lanes, t, offset)
    if t.column_points == 6 and t.row_points == 6:
        inputs_across(6, 6, lanes, t, offset)
    elif t.column_points == 6:
        inputs_across(6, t.row_points, lanes, t, offset)
    elif t.column_points == 5:
        inputs_across(5, t.row_points, lanes, t, offset)
    elif t.column_points == 4:
        inputs_across(4, t.row_points, lanes, t, offset)
    else:
        inputs_across(3, t.row_points, lanes, t, offset)


cdef void transform_inputs(const InputTransform* t) noexcept nogil:
    cdef Py_ssize_t c = 0
    while c + LANES <= t.channels:
        transform_inputs_of(LANES, t, c * sizeof(real))
        c += LANES
    if c < t.channels:
        transform_inputs_of(t.channels - c, t, c * sizeof(real))


cdef inline void output_points(const int whole, const int m, const int points, vec m0, vec m1, vec m2, vec m3, vec m4,
                               vec m5, vec* y, const int step) noexcept nogil:
    """A^T M of so many points, divided by their distances from each other; m vectors `step` apart."""
    cdef double a = POINT_A(whole), b = POINT_B(whole), aa = 1 if whole else 0.5, bb = 4 if whole else 2
    cdef double of_a = 1 if whole else -1 / 1.5, of_b = 1 if whole else 1 / 6.
    cdef vec even_a = vadd(m1, m2), odd_a = vsub(m1, m2)
    cdef vec even_b = vadd(m3, m4), odd_b = vsub(m3, m4)
    cdef int k
    if points < 5:
        y[0] = vadd(m0, even_a)
        if m == 2:
            y[step] = vfma(vsplat(a), odd_a, m5)
        return
    if points == 5:
        m5 = vzero()
    y[0] = vfma(vsplat(of_a), even_a, vfma(vsplat(of_b), even_b, m0))
    if m > 1:
        y[step] = vfma(vsplat(of_a * a), odd_a, vmul(vsplat(of_b * b), odd_b))
    if m == 2:
        y[step] = vadd(y[step], m5)
    if m == 3:
        y[2 * step] = vfma(vsplat(of_a * aa), even_a, vfma(vsplat(of_b * bb), even_b, m5))
    if m > 3:
        y[2 * step] = vfma(vsplat(of_a * aa), even_a, vmul(vsplat(of_b * bb), even_b))
    if m == 4:
        y[3 * step] = vfma(vsplat(of_a * a * aa), odd_a, vfma(vsplat(of_b * b * bb), odd_b, m5))
    if m == 5:
        y[3 * step] = vfma(vsplat(of_a * a * aa), odd_a, vmul(vsplat(of_b * b * bb), odd_b))
        y[4 * step] = vfma(vsplat(of_a * aa * aa), even_a, vfma(vsplat(of_b * bb * bb), even_b, m5))
    if whole:
        for k in range(m):
            y[k * step] = vquotient(y[k * step], WHOLE_SCALE)


cdef inline void finish_row(const int m, vec* y, vec bias, Py_ssize_t limits, char* c, Py_ssize_t c_column,
                            Py_ssize_t columns, Py_ssize_t lanes) noexcept nogil:
    """Bias, activation and stores of up to m outputs."""
    cdef int k
    for k in range(m):
        if k < columns:
            store_lanes(c + k * c_column, limited(vadd(y[k], bias), limits), lanes)


cdef inline vec unlike_zero(const int m, vec* y, vec check) noexcept nogil:
    """Zero times a finite number is zero; times another it is NaN."""
    if m > 1:
        check = vfma(vzero(), vadd(y[0], y[1]), check)
    if m > 3:
        check = vfma(vzero(), vadd(y[2], y[3]), check)
    if m % 2 == 1:
        check = vfma(vzero(), y[m - 1], check)
    return check


cdef inline vec limited(vec v, Py_ssize_t limits) noexcept nogil:
    if limits > 0:
        v = vat_least(v, vzero())
    if limits > 1:
        v = vat_most(v, vsplat(6))
    return v


cdef inline void outputs_down(const int m, const int points, const Py_ssize_t column_points,
                              const OutputTransform* t, const char* p, vec* s) noexcept nogil:
    """Columns of a tile's sums."""
    cdef Py_ssize_t row = 6 * t.sums_plane, j
    for j in range(6):
        if has_point(column_points, j):
            output_points(False, m, points, vload(p), vload(p + row), vload(p + 2 * row), vload(p + 3 * row),
                          vload(p + 4 * row), vload(p + 5 * row), s + j, 6)
        p += t.sums_plane


cdef inline vec outputs_across(const int m, const int points, const int rows, const Py_ssize_t lanes,
                               const OutputTransform* t, const vec* s, vec bias, char* c,
                               Py_ssize_t columns) noexcept nogil:
    """Rows of what comes out of the columns, to the outputs of a tile; NaN if one is not finite."""
    cdef vec check = vzero()
    cdef vec y[4]
    cdef Py_ssize_t i
    for i in range(rows):
        output_points(False, m, points, s[6 * i], s[6 * i + 1], s[6 * i + 2], s[6 * i + 3], s[6 * i + 4],
                      s[6 * i + 5], y, 1)
        check = unlike_zero(m, y, check)
        if i < t.rows:
            finish_row(m, y, bias, t.limits, c, t.c_column, columns, lanes)
        c += t.c_row
    return check


cdef inline void prefetch_outputs(const int m, const OutputTransform* t, const char* c) noexcept nogil:
    """A tile's lines of memory, which the processor fetches too late by itself."""
    cdef Py_ssize_t i, j
    for i in range(m):
        for j in range(m):
            vprefetch(c + i * t.c_row + j * t.c_column)


cdef inline void transform_outputs_of(const int m, const Py_ssize_t lanes, const OutputTransform* t,
                                      Py_ssize_t offset) noexcept nogil:
    """Tiles of one row of tiles, for the channels at one vector."""
    cdef vec s[24]
    cdef vec check
    cdef vec bias = vload(t.bias + offset)
    cdef Py_ssize_t n, columns
    cdef int rows = m - 6 + <int> t.row_points
    cdef const char* p
    cdef char* c
    for n in range(t.tiles):
        p = t.sums + n * t.sums_tile + offset
        c = t.c + n * t.c_tile + offset
        columns = t.last_columns if n == t.tiles - 1 else m
        if t.prefetch and n < t.tiles - 1:
            prefetch_outputs(m, t, c + t.c_tile)
        if t.row_points == 6 and t.column_points == 6:
            outputs_down(m, 6, 6, t, p, s)
        elif t.row_points == 6:
            outputs_down(m, 6, t.column_points, t, p, s)
        elif t.row_points == 5:
            outputs_down(m - 1, 5, t.column_points, t, p, s)
        elif m == 4 and t.row_points == 4:
            outputs_down(2, 4, t.column_points, t, p, s)
        elif m == 4:
            outputs_down(1, 3, t.column_points, t, p, s)
        if t.column_points == 6 and t.row_points == 6:
            check = outputs_across(m, 6, m, lanes, t, s, bias, c, columns)
        elif t.column_points == 6:
            check = outputs_across(m, 6, rows, lanes, t, s, bias, c, columns)
        elif t.column_points == 5:
            check = outputs_across(m - 1, 5, rows, lanes, t, s, bias, c, columns)
        elif m == 4 and t.column_points == 4:
            check = outputs_across(2, 4, rows, lanes, t, s, bias, c, columns)
        else:
            check = outputs_across(1, 3, rows, lanes, t, s, bias, c, columns)
        if vnan_lanes(check):
            t.flags[n] = 1


cdef void transform_outputs(const OutputTransform* t) noexcept nogil:
    cdef Py_ssize_t c = 0
    while c + LANES <= t.channels:
        if t.m == 4:
            transform_outputs_of(4, LANES, t, c * sizeof(real))
        else:
            transform_outputs_of(2, LANES, t, c * sizeof(real))
        c += LANES
    if c < t.channels:
        if t.m == 4:
            transform_outputs_of(4, t.channels - c, t, c * sizeof(real))
        else:
            transform_outputs_of(2, t.channels - c, t, c * sizeof(real))


cdef inline void transform_input_lines_of(const int whole, const Py_ssize_t lanes, const LineInputs* t,
                                          Py_ssize_t offset) noexcept nogil:
    """The elements at one vector of each tile."""
    cdef const char* p = t.source + offset
    cdef char* to = t.to + offset
    cdef Py_ssize_t tap = t.source_tap, _n
    for _n in range(t.count):
        input_points(whole, 6, load_lanes(p, lanes), load_lanes(p + tap, lanes), load_lanes(p + 2 * tap, lanes),
                     load_lanes(p + 3 * tap, lanes), load_lanes(p + 4 * tap, lanes), load_lanes(p + 5 * tap, lanes),
                     to, t.to_plane, lanes)
        p += t.source_next
        to += t.to_next


cdef inline void transform_input_lines_by(const int whole, const LineInputs* t) noexcept nogil:
    cdef Py_ssize_t c = 0
    while c + LANES <= t.elements:
        transform_input_lines_of(whole, LANES, t, c * sizeof(real))
        c += LANES
    if c < t.elements:
        transform_input_lines_of(whole, t.elements - c, t, c * sizeof(real))


cdef void transform_input_lines(const LineInputs* t) noexcept nogil:
    if t.whole:
        transform_input_lines_by(True, t)
    else:
        transform_input_lines_by(False, t)


cdef inline void transform_output_lines_of(const int whole, const int m, const Py_ssize_t lanes, const LineOutputs* t,
                                           Py_ssize_t offset) noexcept nogil:
    """The channels at one vector of each tile."""
    cdef const char* p = t.sums + offset
    cdef char* c = t.c + offset
    cdef Py_ssize_t plane = t.sums_plane, n
    cdef vec bias = vload(t.bias + offset)
    cdef vec y[5]
    for n in range(t.count):
        output_points(whole, m, 6, vload(p), vload(p + plane), vload(p + 2 * plane), vload(p + 3 * plane),
                      vload(p + 4 * plane), vload(p + 5 * plane), y, 1)
        if vnan_lanes(unlike_zero(m, y, vzero())):
            t.flags[n] = 1
        finish_row(m, y, bias, t.limits, c, t.c_output, t.outputs, lanes)
        p += t.sums_next
        c += t.c_next


cdef inline void transform_output_lines_by(const int whole, const int m, const LineOutputs* t) noexcept nogil:
    cdef Py_ssize_t c = 0
    while c + LANES <= t.channels:
        transform_output_lines_of(whole, m, LANES, t, c * sizeof(real))
        c += LANES
    if c < t.channels:
        transform_output_lines_of(whole, m, t.channels - c, t, c * sizeof(real))


cdef inline void transform_output_lines_for(const int whole, const LineOutputs* t) noexcept nogil:
    if t.m == 2:
        transform_output_lines_by(whole, 2, t)
    elif t.m == 3:
        transform_output_lines_by(whole, 3, t)
    elif t.m == 4:
        transform_output_lines_by(whole, 4, t)
    else:
        transform_output_lines_by(whole, 5, t)


cdef void transform_output_lines(const LineOutputs* t) noexcept nogil:
    if t.whole:
        transform_output_lines_for(True, t)
    else:
        transform_output_lines_for(False, t)


cdef inline void multiply_lines_of(const int whole, const int m, const int vectors, const LineProducts* p,
                                   const LineOutputs* t) noexcept nogil:
    """Sums of LINE_SITES tiles or filters at a time; the last ones overlap those before, or are the same."""
    cdef vec acc[LINE_SITES][NV][6]
    cdef vec b[NV]
    cdef vec y[5]
    cdef vec x
    cdef int nans[LINE_SITES][NV]
    cdef int any_nan
    cdef Py_ssize_t plane = p.a_plane, b_plane = p.b_plane, a_term = p.a_term, b_term = vectors * VBYTES
    cdef Py_ssize_t limits = t.limits, c_output = t.c_output, outputs = t.outputs, channels = t.channels
    cdef const char* bias
    cdef char* flags
    cdef Py_ssize_t count = t.count, apart = 1 if count >= LINE_SITES else 0
    cdef Py_ssize_t n, first, site, v, point, s, k
    cdef const Segment* segment
    cdef const char* upper[LINE_SITES]      # three points from one address, three from another
    cdef const char* lower[LINE_SITES]
    cdef const char* w
    cdef const char* further
    cdef char* c
    for n in range((count + LINE_SITES - 1) // LINE_SITES):
        first = max(min(n * LINE_SITES, count - LINE_SITES), 0)
        any_nan = 0
        for site in range(LINE_SITES):
            if t.prefetch:
                prefetch_line(m, vectors, t.c + (first + apart * site) * t.c_next, c_output)
            for v in range(vectors):
                for point in range(6):
                    acc[site][v][point] = vzero()
        for s in range(p.n_segments):
            segment = &p.segments[s]
            for site in range(LINE_SITES):
                upper[site] = p.a + (first + apart * site) * p.a_next + segment.a
                lower[site] = upper[site] + 3 * plane
            w = p.b + segment.b * b_term
            further = w + 3 * b_plane
            for k in range(segment.terms):
                w = vopaque(w)
                further = vopaque(further)
                for site in range(LINE_SITES):
                    upper[site] = vopaque(upper[site])
                    lower[site] = vopaque(lower[site])
                for point in range(6):
                    for v in range(vectors):
                        if point < 3:
                            b[v] = vheld(vload(w + point * b_plane + v * VBYTES))
                        else:
                            b[v] = vheld(vload(further + (point - 3) * b_plane + v * VBYTES))
                    for site in range(LINE_SITES):
                        if point < 3:
                            x = vheld(vsplat((<const real*> (upper[site] + point * plane))[0]))
                        else:
                            x = vheld(vsplat((<const real*> (lower[site] + (point - 3) * plane))[0]))
                        for v in range(vectors):
                            acc[site][v][point] = vfma(x, b[v], acc[site][v][point])
                w += b_term
                further += b_term
                for site in range(LINE_SITES):
                    upper[site] += a_term
                    lower[site] += a_term
        for site in range(LINE_SITES):
            c = t.c + (first + apart * site) * t.c_next
            bias = t.bias + (first + apart * site) * p.bias_next
            for v in range(vectors):
                output_points(whole, m, 6, acc[site][v][0], acc[site][v][1], acc[site][v][2], acc[site][v][3],
                              acc[site][v][4], acc[site][v][5], y, 1)
                nans[site][v] = vnan_lanes(unlike_zero(m, y, vzero()))
                any_nan |= nans[site][v]
                finish_row(m, y, vload(bias + v * p.bias_vector), limits, c + v * VBYTES, c_output, outputs,
                           lanes_of(v, channels))
        for site in range(LINE_SITES if any_nan else 0):
            flags = t.flags + (first + apart * site) * p.flags_next
            for v in range(vectors):
                flag_lanes(nans[site][v], lanes_of(v, channels), flags + v * LANES * p.flags_lane, p.flags_lane)


cdef inline void prefetch_line(const int m, const int vectors, const char* c, Py_ssize_t c_output) noexcept nogil:
    """Outputs may be rows or planes apart, which the processor's own prefetching does not foresee."""
    cdef Py_ssize_t i, v
    for i in range(m):
        for v in range(vectors):
            vprefetch(c + i * c_output + v * VBYTES)


cdef inline void flag_lanes(int nans, Py_ssize_t lanes, char* flags, Py_ssize_t step) noexcept nogil:
    """Flags of lanes that are NaN."""
    cdef Py_ssize_t j
    for j in range(lanes):
        if nans >> j & 1:
            flags[j * step] = 1


cdef inline void multiply_lines_by(const int whole, const int vectors, const LineProducts* p,
                                   const LineOutputs* t) noexcept nogil:
    if t.m == 2:
        multiply_lines_of(whole, 2, vectors, p, t)
    elif t.m == 3:
        multiply_lines_of(whole, 3, vectors, p, t)
    elif t.m == 4:
        multiply_lines_of(whole, 4, vectors, p, t)
    else:
        multiply_lines_of(whole, 5, vectors, p, t)


cdef void multiply_lines_1(const LineProducts* p, const LineOutputs* t) noexcept nogil:
    if t.whole:
        multiply_lines_by(True, 1, p, t)
    else:
        multiply_lines_by(False, 1, p, t)


cdef void multiply_lines_2(const LineProducts* p, const LineOutputs* t) noexcept nogil:
    if t.whole:
        multiply_lines_by(True, 2, p, t)
    else:
        multiply_lines_by(False, 2, p, t)


cdef void transform_weights(const WeightTransform* t) noexcept nogil:
    if t.taps == 3:
        transform_weights_of(3, t)
    else:
        transform_weights_of(5, t)


cdef inline void transform_weights_of(const int taps, const WeightTransform* t) noexcept nogil:
    """One input channel of a vector of filters."""
    cdef vec g[5]
    cdef vec at[6]
    cdef Py_ssize_t i, x
    for i in range(6):
        weight_row(taps, i, t.weights, g)
        weight_points(taps, g, at)
        for x in range(6):
            vstore(t.to + (6 * i + x) * t.to_plane, at[x])


cdef inline void weight_row(const int taps, const int row, const char* p, vec* g) noexcept nogil:
    """G g of all columns at one point."""
    cdef vec column[5]
    cdef vec other
    cdef int x, y
    for x in range(taps):
        for y in range(taps):
            column[y] = vload(p + (y * taps + x) * VBYTES)
        if row == 0:
            g[x] = column[0]
        elif row == 5:
            g[x] = column[taps - 1]
        elif row % 2 == 1:
            weight_pair(taps, row // 2, column, &g[x], &other)
        else:
            weight_pair(taps, row // 2 - 1, column, &other, &g[x])


cdef inline void weight_points(const int taps, const vec* g, vec* at) noexcept nogil:
    """G g: the polynomial at each point."""
    at[0], at[5] = g[0], g[taps - 1]
    weight_pair(taps, 0, g, &at[1], &at[2])
    weight_pair(taps, 1, g, &at[3], &at[4])


cdef inline void weight_pair(const int taps, const int pair, const vec* g, vec* at, vec* opposite) noexcept nogil:
    """The same at +-a, or at +-b."""
    cdef double square = 2 if pair == 1 else 0.5
    cdef real point = POINT_B(False) if pair == 1 else POINT_A(False)
    cdef vec even = vfma(vsplat(square), g[2], g[0]), odd = g[1]
    if taps == 5:
        even = vfma(vsplat(square * square), g[4], even)
        odd = vfma(vsplat(square), g[3], odd)
    at[0] = vfma(vsplat(point), odd, even)
    opposite[0] = vfma(vsplat(-point), odd, even)


cdef void multiply_late(const LateProducts* t) noexcept nogil:
    if t.row == 0:
        multiply_late_row(0, t)
    elif t.row == 1:
        multiply_late_row(1, t)
    elif t.row == 2:
        multiply_late_row(2, t)
    elif t.row == 3:
        multiply_late_row(3, t)
    elif t.row == 4:
        multiply_late_row(4, t)
    else:
        multiply_late_row(5, t)


cdef inline void multiply_late_row(const int row, const LateProducts* t) noexcept nogil:
    """Sums of a row of points; of LATE_SITES tiles at a time, or of half as many if no more are left."""
    cdef Py_ssize_t n = 0
    while n < t.count:
        if t.count - n > LATE_SITES // 2:
            multiply_late_tiles(row, LATE_SITES, t, n)
        else:
            multiply_late_tiles(row, LATE_SITES // 2, t, n)
        n += LATE_SITES


cdef inline void multiply_late_tiles(const int row, const int most, const LateProducts* t,
                                     Py_ssize_t first) noexcept nogil:
    """The same for up to `most` tiles; those behind the last are the last one again, and are not stored."""
    cdef vec acc[6][LATE_SITES]
    cdef vec g[3]
    cdef vec at, opposite, zero
    cdef Py_ssize_t plane = t.a_plane, a_term = t.a_term, ahead = t.ahead, onto = t.onto
    cdef Py_ssize_t planes[6]
    cdef Py_ssize_t sites = min(t.count - first, most), s, k
    cdef int i, j
    cdef const Segment* segment
    cdef const char* a[LATE_SITES]
    cdef const char* w
    cdef const char* further
    cdef char* c
    planes[0], planes[1], planes[2], planes[4] = 0, plane, 2 * plane, 4 * plane
    planes[3], planes[5] = opaque(3 * plane), opaque(5 * plane)     # what no address can multiply
    for j in range(6):
        for i in range(most):
            acc[j][i] = vzero()
    for s in range(t.n_segments):
        segment = &t.segments[s]
        for i in range(most):
            a[i] = t.a + (first + min(i, sites - 1)) * t.a_next + segment.a
        w = t.weights + segment.b * 9 * VBYTES
        further = w + ahead
        for k in range(segment.terms):
            w = vopaque(w)
            further = vopaque(further)
            for i in range(most):
                a[i] = vopaque(a[i])
            for i in range(3 if row % 2 == 0 else 0):       # of the next weights a row, by every other row of points
                vprefetch_far(further + (row // 2 * 3 + i) * VBYTES)
            weight_row(3, row, w, g)
            add_products(most, acc[0], a, planes[0], g[0])
            add_products(most, acc[5], a, planes[5], g[2])
            weight_pair(3, 0, g, &at, &opposite)
            add_products(most, acc[1], a, planes[1], at)
            add_products(most, acc[2], a, planes[2], opposite)
            weight_pair(3, 1, g, &at, &opposite)
            add_products(most, acc[3], a, planes[3], at)
            add_products(most, acc[4], a, planes[4], opposite)
            w += 9 * VBYTES
            further += 9 * VBYTES
            for i in range(most):
                a[i] += a_term
    zero = vzero()
    for i in range(most):
        if i < sites:
            c = t.c + (first + i) * t.c_next
            for j in range(6):
                acc[j][i] = vadd(acc[j][i], zero)
                if onto:
                    acc[j][i] = vadd(acc[j][i], vload(c + j * t.c_plane))
                vstore(c + j * t.c_plane, acc[j][i])


cdef inline void add_products(const int sites, vec* acc, const char* const* a, Py_ssize_t plane,
                              vec weight) noexcept nogil:
    """A point's products with transformed weights."""
    cdef int i
    for i in range(sites):
        acc[i] = vfma_scalar(a[i] + plane, weight, acc[i])
