# Fourier transforms of float64: of lines that lie side by side, one in each lane.
#
#     X[k]  =  sum over n of   x[n] * exp(-2 pi i n k / N)
#
# Point n of a vector of lines is at  data + n*next, its imaginary part `imaginary` bytes behind the real one.  A pass
# cuts blocks into as many as its radix: it transforms elements that lie a block's length over the radix apart, and
# turns them by twiddles.  All passes are in place, which leaves frequency k at places[k]; the way back begins there,
# goes through the passes in reverse, and yields N times x.  Back is forward with real and imaginary parts exchanged.
cdef void fourier_forward(const FourierAxis* a, char* data, Py_ssize_t next, Py_ssize_t imaginary,
                          Py_ssize_t vectors) noexcept nogil:
    cdef Py_ssize_t v, p, block
    for v in range(vectors):        # all passes of a few lines, which stay in the nearest cache
        block = a.points
        for p in range(a.passes):
            fourier_pass(False, a.radix[p], data, next, imaginary, a.points, block, a.twiddles[p])
            block //= a.radix[p]
        data += VBYTES


cdef void fourier_backward(const FourierAxis* a, char* data, Py_ssize_t next, Py_ssize_t imaginary,
                           Py_ssize_t vectors) noexcept nogil:
    cdef Py_ssize_t v, p, block
    for v in range(vectors):
        block = 1
        for p in range(a.passes - 1, -1, -1):
            block *= a.radix[p]
            fourier_pass(True, a.radix[p], data + imaginary, next, -imaginary, a.points, block, a.twiddles[p])
        data += VBYTES


cdef inline void fourier_pass(const bint back, Py_ssize_t radix, char* data, Py_ssize_t next, Py_ssize_t imaginary,
                              Py_ssize_t points, Py_ssize_t block, const double* twiddles) noexcept nogil:
    if radix == 8:
        fourier_blocks(8, back, data, next, imaginary, points, block, twiddles)
    elif radix == 4:
        fourier_blocks(4, back, data, next, imaginary, points, block, twiddles)
    elif radix == 3:
        fourier_blocks(3, back, data, next, imaginary, points, block, twiddles)
    else:
        fourier_blocks(2, back, data, next, imaginary, points, block, twiddles)


cdef inline void fourier_blocks(const int radix, const bint back, char* data, Py_ssize_t next, Py_ssize_t imaginary,
                                Py_ssize_t points, Py_ssize_t block, const double* twiddles) noexcept nogil:
    cdef Py_ssize_t part = block // radix, apart = part * next
    cdef Py_ssize_t b, j
    for b in range(points // block):
        if part == 1:               # nothing turns
            fourier_few(radix, back, False, data, apart, imaginary, twiddles)
        else:
            for j in range(part):
                fourier_few(radix, back, True, data + j * next, apart, imaginary, twiddles + 2 * (radix - 1) * j)
        data += block * next


cdef inline void fourier_few(const int radix, const bint back, const bint turns, char* data, Py_ssize_t apart,
                             Py_ssize_t imaginary, const double* twiddles) noexcept nogil:
    """As many points as the radix."""
    cdef vec re[8]
    cdef vec im[8]
    cdef int k
    for k in range(radix):
        re[k], im[k] = vload(data + k * apart), vload(data + k * apart + imaginary)
    if turns and back:
        turn_by(radix, re, im, twiddles)
    if radix == 8:
        waves_8(re, im)
    elif radix == 4:
        waves_4(re, im, 0, 1, 2, 3)
    elif radix == 3:
        waves_3(re, im)
    else:
        waves_2(re, im, 0, 1)
    if turns and not back:
        turn_by(radix, re, im, twiddles)
    for k in range(radix):
        vstore(data + k * apart, re[k])
        vstore(data + k * apart + imaginary, im[k])


cdef inline void turn_by(const int radix, vec* re, vec* im, const double* twiddles) noexcept nogil:
    cdef vec cosine, sine, x
    cdef int k
    for k in range(1, radix):
        cosine, sine = vsplat(<real> twiddles[2 * k - 2]), vsplat(<real> twiddles[2 * k - 1])
        x = re[k]
        re[k] = vsub(vmul(x, cosine), vmul(im[k], sine))
        im[k] = vfma(x, sine, vmul(im[k], cosine))


cdef inline void waves_2(vec* re, vec* im, const int a, const int b) noexcept nogil:
    """The sum of elements a and b, and their difference, in their places."""
    cdef vec x = re[a], y = im[a]
    re[a], im[a] = vadd(x, re[b]), vadd(y, im[b])
    re[b], im[b] = vsub(x, re[b]), vsub(y, im[b])


cdef inline void waves_3(vec* re, vec* im) noexcept nogil:
    cdef vec half = vsplat(<real> -0.5), sine = vsplat(<real> 0.86602540378443864676)
    cdef vec x = vadd(re[1], re[2]), y = vadd(im[1], im[2])
    cdef vec u = vmul(sine, vsub(im[1], im[2])), v = vmul(sine, vsub(re[2], re[1]))
    cdef vec m = vfma(half, x, re[0]), n = vfma(half, y, im[0])
    re[0], im[0] = vadd(re[0], x), vadd(im[0], y)
    re[1], im[1] = vadd(m, u), vadd(n, v)
    re[2], im[2] = vsub(m, u), vsub(n, v)


cdef inline void waves_4(vec* re, vec* im, const int a, const int b, const int c, const int d) noexcept nogil:
    """Of elements a, b, c and d."""
    cdef vec x, y
    waves_2(re, im, a, c)
    waves_2(re, im, b, d)
    x, y = re[c], im[c]             # differences: the third and fourth frequency less the quarter turn of the other
    re[c], im[c] = vsub(re[a], re[b]), vsub(im[a], im[b])
    re[a], im[a] = vadd(re[a], re[b]), vadd(im[a], im[b])
    re[b], im[b] = vadd(x, im[d]), vsub(y, re[d])
    x, y = vsub(x, im[d]), vadd(y, re[d])
    re[d], im[d] = x, y


cdef inline void waves_8(vec* re, vec* im) noexcept nogil:
    cdef vec eighth = vsplat(<real> 0.70710678118654752440)
    cdef vec x, y
    cdef vec u[8]
    cdef vec v[8]
    cdef int k
    for k in range(4):
        waves_2(re, im, k, k + 4)
    x, y = re[5], im[5]             # the differences turn by eighths
    re[5], im[5] = vmul(eighth, vadd(x, y)), vmul(eighth, vsub(y, x))
    x = re[6]
    re[6], im[6] = im[6], vsub(vzero(), x)
    x, y = re[7], im[7]
    re[7], im[7] = vmul(eighth, vsub(y, x)), vmul(eighth, vsub(vsub(vzero(), x), y))
    waves_4(re, im, 0, 1, 2, 3)
    waves_4(re, im, 4, 5, 6, 7)
    for k in range(8):
        u[k], v[k] = re[k], im[k]
    for k in range(4):
        re[2 * k], im[2 * k] = u[k], v[k]
        re[2 * k + 1], im[2 * k + 1] = u[k + 4], v[k + 4]


# Real columns, two of which were transformed as the real and the imaginary part of one, are brought apart, and lines
# of frequencies become lanes.  Of a column with Z, and Z' at the negative frequency, the first has Z + conj(Z'), the
# second (Z - conj(Z')) / i; both are twice what they should be.
#
#     rows[places[k], c]   of columns c and, as imaginary parts, c + half
#     lines[c, k]          for all columns and frequencies k up to half of the points, real and imaginary
cdef void fourier_apart(const FourierTurn* t) noexcept nogil:
    cdef vec a[LANES]
    cdef vec b[LANES]
    cdef vec c[LANES]
    cdef vec d[LANES]
    cdef vec zr, zi, yr, yi
    cdef Py_ssize_t half = t.half, points = t.axis.points
    cdef Py_ssize_t k, column, f
    cdef const char* z
    cdef const char* y
    cdef char* to
    cdef int i
    for column in range(0, half // LANES):
        for k in range(t.imaginary // VBYTES):
            for i in range(LANES):
                f = k * LANES + i
                if f > points // 2:
                    a[i] = b[i] = c[i] = d[i] = vzero()
                    continue
                z = t.rows + t.axis.places[f] * t.row + column * VBYTES
                y = t.rows + t.axis.places[points - f if f > 0 else 0] * t.row + column * VBYTES
                zr, zi, yr, yi = vload(z), vload(z + half * sizeof(real)), vload(y), vload(y + half * sizeof(real))
                a[i], b[i], c[i], d[i] = vadd(zr, yr), vsub(zi, yi), vadd(zi, yi), vsub(yr, zr)
            bring_together(LANES, a)
            bring_together(LANES, b)
            bring_together(LANES, c)
            bring_together(LANES, d)
            to = t.lines + column * LANES * t.line + k * VBYTES
            for i in range(LANES):
                vstore(to + i * t.line, a[i])
                vstore(to + i * t.line + t.imaginary, b[i])
                vstore(to + (half + i) * t.line, c[i])
                vstore(to + (half + i) * t.line + t.imaginary, d[i])


cdef void fourier_together(const FourierTurn* t) noexcept nogil:
    """The reverse, but for a factor of two."""
    cdef vec a[LANES]
    cdef vec b[LANES]
    cdef vec c[LANES]
    cdef vec d[LANES]
    cdef Py_ssize_t half = t.half, points = t.axis.points
    cdef Py_ssize_t k, column, f
    cdef const char* source
    cdef char* z
    cdef char* y
    cdef int i
    for column in range(0, half // LANES):
        for k in range(t.imaginary // VBYTES):
            source = t.lines + column * LANES * t.line + k * VBYTES
            for i in range(LANES):
                a[i] = vload(source + i * t.line)
                b[i] = vload(source + i * t.line + t.imaginary)
                c[i] = vload(source + (half + i) * t.line)
                d[i] = vload(source + (half + i) * t.line + t.imaginary)
            bring_together(LANES, a)
            bring_together(LANES, b)
            bring_together(LANES, c)
            bring_together(LANES, d)
            for i in range(LANES):
                f = k * LANES + i
                if f <= points // 2:
                    z = t.rows + t.axis.places[f] * t.row + column * VBYTES
                    y = t.rows + t.axis.places[points - f if f > 0 else 0] * t.row + column * VBYTES
                    vstore(y, vadd(a[i], d[i]))
                    vstore(y + half * sizeof(real), vsub(c[i], b[i]))
                    vstore(z, vsub(a[i], d[i]))
                    vstore(z + half * sizeof(real), vadd(b[i], c[i]))


# A line of rows*columns points, row after row: frequency j of column c is turned by exp(-2 pi i j c / points) on its
# way to a line in which the columns of a frequency follow each other.
cdef void fourier_turned(const FourierTurn* t) noexcept nogil:
    cdef vec a[LANES]
    cdef vec b[LANES]
    cdef vec zr, zi, cosine, sine
    cdef Py_ssize_t apart = t.half * sizeof(real)
    cdef Py_ssize_t k, column
    cdef const char* z
    cdef const char* w
    cdef char* to
    cdef int i
    for column in range(0, t.half // LANES):
        for k in range(t.axis.points // LANES):
            z = t.rows + k * LANES * t.row + column * VBYTES
            w = <const char*> t.twiddles + k * LANES * 2 * apart + column * VBYTES
            for i in range(LANES):
                zr, zi, cosine, sine = vload(z), vload(z + apart), vload(w), vload(w + apart)
                a[i], b[i] = vsub(vmul(zr, cosine), vmul(zi, sine)), vfma(zr, sine, vmul(zi, cosine))
                z += t.row
                w += 2 * apart
            bring_together(LANES, a)
            bring_together(LANES, b)
            to = t.lines + column * LANES * t.line + k * VBYTES
            for i in range(LANES):
                vstore(to + i * t.line, a[i])
                vstore(to + i * t.line + t.imaginary, b[i])


cdef void fourier_turned_back(const FourierTurn* t) noexcept nogil:
    """The reverse."""
    cdef vec a[LANES]
    cdef vec b[LANES]
    cdef vec cosine, sine
    cdef Py_ssize_t apart = t.half * sizeof(real)
    cdef Py_ssize_t k, column
    cdef const char* source
    cdef const char* w
    cdef char* z
    cdef int i
    for column in range(0, t.half // LANES):
        for k in range(t.axis.points // LANES):
            source = t.lines + column * LANES * t.line + k * VBYTES
            for i in range(LANES):
                a[i], b[i] = vload(source + i * t.line), vload(source + i * t.line + t.imaginary)
            bring_together(LANES, a)
            bring_together(LANES, b)
            z = t.rows + k * LANES * t.row + column * VBYTES
            w = <const char*> t.twiddles + k * LANES * 2 * apart + column * VBYTES
            for i in range(LANES):
                cosine, sine = vload(w), vload(w + apart)
                vstore(z, vfma(b[i], sine, vmul(a[i], cosine)))
                vstore(z + apart, vsub(vmul(b[i], cosine), vmul(a[i], sine)))
                z += t.row
                w += 2 * apart


# Products of the spectra of channels and of filters, summed over channels, frequency by frequency.  The lines of a
# frequency lie side by side: those of a tile's channels, `line` bytes apart, and those of its filters.  Weights lie in
# the order in which they are read: blocks of filters, or of what is left of them; in a block vectors of frequencies,
# line by line; then channels; then filters, real parts before imaginary ones.
#
#     y[t, f, k]  =  sum over channels c of   x[t, c, k] * w[f, c, k]
cdef void multiply_spectra(const Spectra* s, Py_ssize_t first, Py_ssize_t end) noexcept nogil:
    """Lines from the first to that before the end."""
    cdef Py_ssize_t n, v, f, t, filters, vector, vectors = s.vectors if s.channels < FEW_CHANNELS else 1
    cdef const char* x
    cdef const char* w
    cdef char* y
    for n in range(first, end):
        v = 0
        while v < s.vectors:
            vector = (n * s.vectors + v) * s.channels * 2 * VBYTES
            f = 0
            while f < s.filters:
                filters = min(s.filters - f, s.block)
                w = s.w + f * s.w_filter + vector * filters
                x = s.x + n * s.x_lines + v * VBYTES
                y = s.y + n * s.y_lines + f * s.line + v * VBYTES
                t = s.tiles
                while t >= SPECTRA_TILES:
                    multiply_filters(SPECTRA_TILES, filters, s, vectors, x, w, y)
                    x += SPECTRA_TILES * s.x_tile
                    y += SPECTRA_TILES * s.y_tile
                    t -= SPECTRA_TILES
                if SPECTRA_TILES > 2 and t == 2:
                    multiply_filters(2, filters, s, vectors, x, w, y)
                elif t == 1:
                    multiply_filters(1, filters, s, vectors, x, w, y)
                f += filters
            v += vectors


cdef inline void multiply_filters(const int tiles, Py_ssize_t filters, const Spectra* s, Py_ssize_t vectors,
                                  const char* x, const char* w, char* y) noexcept nogil:
    if filters == SPECTRA_FILTERS:
        multiply_few(tiles, SPECTRA_FILTERS, s, vectors, x, w, y)
    elif SPECTRA_FILTERS > 3 and filters == 3:
        multiply_few(tiles, 3, s, vectors, x, w, y)
    elif SPECTRA_FILTERS > 2 and filters == 2:
        multiply_few(tiles, 2, s, vectors, x, w, y)
    else:
        multiply_few(tiles, 1, s, vectors, x, w, y)


cdef inline void multiply_few(const int tiles, const int filters, const Spectra* s, Py_ssize_t vectors, const char* x,
                              const char* w, char* y) noexcept nogil:
    cdef vec re[SPECTRA_TILES * SPECTRA_FILTERS]
    cdef vec im[SPECTRA_TILES * SPECTRA_FILTERS]
    cdef vec xr[SPECTRA_TILES]
    cdef vec xi[SPECTRA_TILES]
    cdef vec wr, wi
    cdef const char* at
    cdef Py_ssize_t v, c
    cdef int t, f, k
    for v in range(vectors):
        for k in range(tiles * filters):
            re[k] = im[k] = vzero()
        at = x
        for c in range(s.channels):
            for t in range(tiles):
                xr[t], xi[t] = vload(at + t * s.x_tile), vload(at + t * s.x_tile + s.imaginary)
            for f in range(filters):
                wr, wi = vload(w), vload(w + VBYTES)
                for t in range(tiles):
                    k = f * tiles + t
                    re[k], im[k] = vfma(xr[t], wr, re[k]), vfma(xr[t], wi, im[k])
                    re[k], im[k] = vsub(re[k], vmul(xi[t], wi)), vfma(xi[t], wr, im[k])
                w += 2 * VBYTES
            at += s.line
        for f in range(filters):
            for t in range(tiles):
                vstore(y + t * s.y_tile + f * s.line, re[f * tiles + t])
                vstore(y + t * s.y_tile + f * s.line + s.imaginary, im[f * tiles + t])
        x += VBYTES
        y += VBYTES


cdef void pack_spectrum(const char* spectrum, Py_ssize_t lines, Py_ssize_t line, Py_ssize_t imaginary, double scale,
                        char* to, Py_ssize_t next) noexcept nogil:
    """A channel of a filter, in the order of weights, scaled; the conjugate, since windows are not turned around."""
    cdef vec factor = vsplat(<real> scale), conjugate = vsplat(<real> -scale)
    cdef Py_ssize_t n, v
    for n in range(lines):
        for v in range(0, imaginary // VBYTES):
            vstore(to, vmul(factor, vload(spectrum + v * VBYTES)))
            vstore(to + VBYTES, vmul(conjugate, vload(spectrum + v * VBYTES + imaginary)))
            to += next
        spectrum += line


cdef void load_reals(const char* x, bint narrow, Py_ssize_t ahead, char* to, Py_ssize_t n,
                     double* squares) noexcept nogil:
    """n numbers side by side, float32 if `narrow`; each lane's sum of their squares is added up.

    Those `ahead` bytes on are fetched: rows are too short for the processor to guess the next.
    """
    if narrow:
        load_reals_as(True, x, ahead, to, n, <char*> squares)
    else:
        load_reals_as(False, x, ahead, to, n, <char*> squares)


cdef inline void load_reals_as(const bint narrow, const char* x, Py_ssize_t ahead, char* to, Py_ssize_t n,
                               char* squares) noexcept nogil:
    cdef Py_ssize_t step = NARROW_BYTES if narrow else VBYTES, rest = n % LANES
    cdef vec sum = vload(squares), v
    cdef Py_ssize_t i
    for i in range(n // LANES):
        vfetch(x + ahead)
        v = vload_narrow(x) if narrow else vload(x)
        vstore(to, v)
        sum = vfma(v, v, sum)
        x += step
        to += VBYTES
    if rest > 0:
        v = vload_narrow_part(x, rest) if narrow else vload_part(x, rest)
        vstore_part(to, v, rest)
        sum = vfma(v, v, sum)
    vstore(squares, sum)


cdef void store_reals(const char* x, double added, bint narrow, char* to, Py_ssize_t n) noexcept nogil:
    """n numbers plus one, as float32 if `narrow`."""
    if narrow:
        store_reals_as(True, x, added, to, n)
    else:
        store_reals_as(False, x, added, to, n)


cdef inline void store_reals_as(const bint narrow, const char* x, double added, char* to, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t step = NARROW_BYTES if narrow else VBYTES, rest = n % LANES
    cdef vec more = vsplat(<real> added)
    cdef Py_ssize_t i
    for i in range(n // LANES):
        if narrow:
            vstore_narrow(to, vadd(vload(x), more))
        else:
            vstore(to, vadd(vload(x), more))
        x += VBYTES
        to += step
    if rest > 0:
        if narrow:
            vstore_narrow_part(to, vadd(vload_part(x, rest), more), rest)
        else:
            vstore_part(to, vadd(vload_part(x, rest), more), rest)
