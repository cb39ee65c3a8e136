# Winograd's transforms for tiles of 6 x 6 inputs: m x m outputs of a kernel of 7-m x 7-m, m = 4 or 2.
#
#     U = G g G^T        weights      in float64, rounded once
#     V = B^T d B        inputs
#     y = A^T M A        outputs, where M[xi] = sum over channels of V[xi] * U[xi] for each of 36 xi
#
# They evaluate polynomials at 0, +-a, +-b and infinity with a = sqrt(1/2), b = sqrt(2)
# (Toom and Cook).  These points keep the numbers small: the errors are a third of those of 0, +-1, +-2.
# Lanes are channels.  A two-dimensional transform is done along columns first, whose results
# wait in the first-level cache, because 36 vectors do not fit the registers.

cdef inline void input_points(vec d0, vec d1, vec d2, vec d3, vec d4, vec d5, char* to, Py_ssize_t step,
                              Py_ssize_t lanes) noexcept nogil:
    """B^T d, stored `step` bytes apart."""
    cdef vec even = vfma(vsplat(-2), d2, d4)
    cdef vec odd = vfma(vsplat(ROOT_HALF), d3, vmul(vsplat(-ROOT_TWO), d1))
    store_lanes(to, vfma(vsplat(-2.5), d2, vadd(d0, d4)), lanes)
    store_lanes(to + step, vadd(even, odd), lanes)
    store_lanes(to + 2 * step, vsub(even, odd), lanes)
    even = vfma(vsplat(-0.5), d2, d4)
    odd = vfma(vsplat(ROOT_TWO), d3, vmul(vsplat(-ROOT_HALF), d1))
    store_lanes(to + 3 * step, vadd(even, odd), lanes)
    store_lanes(to + 4 * step, vsub(even, odd), lanes)
    store_lanes(to + 5 * step, vfma(vsplat(-2.5), d3, vadd(d1, d5)), lanes)


cdef inline void store_lanes(char* to, vec v, Py_ssize_t lanes) noexcept nogil:
    if lanes == LANES:
        vstore(to, v)
    else:
        vstore_part(to, v, lanes)


cdef inline void transform_inputs_of(const Py_ssize_t lanes, const InputTransform* t,
                                     Py_ssize_t offset) noexcept nogil:
    """Tiles of one row of tiles, for the channels at one vector."""
    cdef Py_ssize_t columns = t.columns, column = t.columns * VBYTES
    cdef Py_ssize_t j, i, n
    cdef const char* const* p = t.pixels
    cdef const char* s
    cdef char* to
    if lanes == LANES:
        for j in range(columns):
            input_points(vload(p[j] + offset), vload(p[columns + j] + offset), vload(p[2 * columns + j] + offset),
                         vload(p[3 * columns + j] + offset), vload(p[4 * columns + j] + offset),
                         vload(p[5 * columns + j] + offset), t.scratch + j * VBYTES, column, LANES)
    else:
        for j in range(columns):
            input_points(vload_part(p[j] + offset, lanes), vload_part(p[columns + j] + offset, lanes),
                         vload_part(p[2 * columns + j] + offset, lanes),
                         vload_part(p[3 * columns + j] + offset, lanes),
                         vload_part(p[4 * columns + j] + offset, lanes),
                         vload_part(p[5 * columns + j] + offset, lanes), t.scratch + j * VBYTES, column, LANES)
    for n in range(t.tiles):
        s = t.scratch + n * t.m * VBYTES
        to = t.to + n * t.to_tile + offset
        for i in range(6):
            input_points(vload(s), vload(s + VBYTES), vload(s + 2 * VBYTES), vload(s + 3 * VBYTES),
                         vload(s + 4 * VBYTES), vload(s + 5 * VBYTES), to, t.to_plane, lanes)
            s += column
            to += 6 * t.to_plane


cdef void transform_inputs(const InputTransform* t) noexcept nogil:
    cdef Py_ssize_t c = 0
    while c + LANES <= t.channels:
        transform_inputs_of(LANES, t, c * sizeof(real))
        c += LANES
    if c < t.channels:
        transform_inputs_of(t.channels - c, t, c * sizeof(real))


cdef inline void output_points(const int m, vec m0, vec m1, vec m2, vec m3, vec m4, vec m5,
                               vec* y0, vec* y1, vec* y2, vec* y3) noexcept nogil:
    """A^T M."""
    cdef vec even_a = vadd(m1, m2), odd_a = vsub(m1, m2)
    cdef vec even_b = vadd(m3, m4), odd_b = vsub(m3, m4)
    y0[0] = vadd(m0, vadd(even_a, even_b))
    y1[0] = vfma(vsplat(ROOT_HALF), odd_a, vmul(vsplat(ROOT_TWO), odd_b))
    if m == 2:
        y1[0] = vadd(y1[0], m5)
        y2[0] = y3[0] = m0
    else:
        y2[0] = vfma(vsplat(0.5), even_a, vmul(vsplat(2), even_b))
        y3[0] = vfma(vsplat(ROOT_HALF / 2), odd_a, vfma(vsplat(2 * ROOT_TWO), odd_b, m5))


cdef inline void finish_row(const int m, const OutputTransform* t, vec bias, vec* y0, vec* y1, vec* y2, vec* y3,
                            char* c, Py_ssize_t columns, Py_ssize_t lanes) noexcept nogil:
    """Bias, activation and stores of up to four neighbouring outputs."""
    y0[0] = limited(vadd(y0[0], bias), t.limits)
    y1[0] = limited(vadd(y1[0], bias), t.limits)
    if columns > 0:
        store_lanes(c, y0[0], lanes)
    if columns > 1:
        store_lanes(c + t.c_column, y1[0], lanes)
    if m == 4:
        y2[0] = limited(vadd(y2[0], bias), t.limits)
        y3[0] = limited(vadd(y3[0], bias), t.limits)
        if columns > 2:
            store_lanes(c + 2 * t.c_column, y2[0], lanes)
        if columns > 3:
            store_lanes(c + 3 * t.c_column, y3[0], lanes)


cdef inline vec limited(vec v, Py_ssize_t limits) noexcept nogil:
    if limits > 0:
        v = vat_least(v, vzero())
    if limits > 1:
        v = vat_most(v, vsplat(6))
    return v


cdef inline void transform_outputs_of(const int m, const Py_ssize_t lanes, const OutputTransform* t,
                                      Py_ssize_t offset) noexcept nogil:
    """Tiles of one row of tiles, for the channels at one vector."""
    cdef vec s[24]
    cdef vec y0, y1, y2, y3, check
    cdef vec bias = vload(t.bias + offset)
    cdef Py_ssize_t plane = t.sums_plane, row = 6 * t.sums_plane
    cdef Py_ssize_t n, i, j, columns
    cdef const char* p
    cdef char* c
    for n in range(t.tiles):
        p = t.sums + n * t.sums_tile + offset
        for j in range(6):
            output_points(m, vload(p), vload(p + row), vload(p + 2 * row), vload(p + 3 * row), vload(p + 4 * row),
                          vload(p + 5 * row), &s[j], &s[6 + j], &s[12 + j], &s[18 + j])
            p += plane
        c = t.c + n * t.c_tile + offset
        columns = t.last_columns if n == t.tiles - 1 else m
        check = vzero()
        for i in range(m):
            output_points(m, s[6 * i], s[6 * i + 1], s[6 * i + 2], s[6 * i + 3], s[6 * i + 4], s[6 * i + 5],
                          &y0, &y1, &y2, &y3)
            # Zero times a finite number is zero; times another it is NaN.
            check = vfma(vzero(), vadd(y0, y1), check)
            if m == 4:
                check = vfma(vzero(), vadd(y2, y3), check)
            if i < t.rows:
                finish_row(m, t, bias, &y0, &y1, &y2, &y3, c, columns, lanes)
            c += t.c_row
        if vany_nan(check):
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


cdef void transform_weights(const WeightTransform* t) noexcept nogil:
    if t.taps == 3:
        transform_weights_of(3, t)
    else:
        transform_weights_of(5, t)


cdef inline void transform_weights_of(const int taps, const WeightTransform* t) noexcept nogil:
    """One input channel of a vector of filters; channels behind the last filter are zero."""
    cdef double g[5][LANES]
    cdef double halfway[5][6][LANES]
    cdef double result[6][LANES]
    cdef Py_ssize_t i, k, x, j
    cdef const char* p
    cdef real* to
    for k in range(taps):
        for j in range(LANES):
            g[k][j] = 0
    for x in range(taps):
        for k in range(taps):
            p = t.weights + k * t.weights_row + x * t.weights_column
            for j in range(t.filters):
                g[k][j] = (<const real*> (p + j * t.weights_filter))[0]
        weight_points(taps, g, halfway[x])
    for i in range(6):
        for x in range(taps):
            for j in range(LANES):
                g[x][j] = halfway[x][i][j]
        weight_points(taps, g, result)
        for x in range(6):
            to = <real*> (t.to + (6 * i + x) * t.to_plane)
            for j in range(LANES):
                to[j] = <real> result[x][j]


cdef inline void weight_points(const int taps, const double (*g)[LANES], double (*to)[LANES]) noexcept nogil:
    """G g: the polynomial at each point, divided by the point's distances from the others."""
    weight_point(taps, 0, 1, g, to[0])
    weight_point(taps, sqrt(0.5), -1 / 1.5, g, to[1])
    weight_point(taps, -sqrt(0.5), -1 / 1.5, g, to[2])
    weight_point(taps, sqrt(2), 1 / 6., g, to[3])
    weight_point(taps, -sqrt(2), 1 / 6., g, to[4])
    for j in range(LANES):
        to[5][j] = g[taps - 1][j]


cdef inline void weight_point(const int taps, const double point, const double scale, const double (*g)[LANES],
                              double* to) noexcept nogil:
    cdef Py_ssize_t j
    cdef double value
    for j in range(LANES):
        value = point * g[taps - 1][j] + g[taps - 2][j]
        if taps == 5:
            value = point * (point * value + g[2][j]) + g[1][j]
        to[j] = (point * value + g[0][j]) * scale
