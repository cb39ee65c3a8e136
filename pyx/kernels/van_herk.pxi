# Maxima or sums of long windows along the rows of a plane, by the algorithm of van Herk and of Gil and Werman: three
# operations for each element, however long the windows are.
#
#     to[o, i]  =  op over taps t of   source[o*stride + t, i]        at  source + (o*stride + t)*source_row + i*item
#                                                                     to  to + o*to_row + i*item
#
# Rows are taken in blocks as high as a window.  A window is the end of one block and the beginning of the next:
#
#     block            x0 x1 x2 x3 | x4 x5 x6 x7         windows of 4
#     from its end     s0 s1 s2 s3                       s1 = x3 op x2 op x1, kept in scratch memory
#     and beginning                  p4 p5 p6            p5 = x4 op x5
#     window at 2      s2 op p5
#
# A panel of a few vectors goes down all rows, so that a block of it stays in the first-level cache.  The rows may be
# float32 where the kernels' type is float64 (`narrow`).
cdef enum:
    PANEL_VECTORS = 4               # at most PANEL bytes


cdef void van_herk(const VanHerk* h) noexcept nogil:
    if h.kind == MAXIMUM:
        van_herk_panels(MAXIMUM, False, h)
    elif REAL_IS_FLOATING and h.kind == MAXIMUM_NUMBER:
        van_herk_panels(MAXIMUM_NUMBER, False, h)
    elif not NARROW_IS_OFFERED or not h.narrow:
        van_herk_panels(SUM, False, h)
    else:
        van_herk_panels(SUM, True, h)


cdef inline void van_herk_panels(const int kind, const bint narrow, const VanHerk* h) noexcept nogil:
    cdef Py_ssize_t i = 0, lanes
    while i + PANEL_VECTORS * LANES <= h.elements:
        van_herk_panel(kind, narrow, PANEL_VECTORS, LANES, h, i)
        i += PANEL_VECTORS * LANES
    while i < h.elements:
        lanes = min(h.elements - i, LANES)
        van_herk_panel(kind, narrow, 1, lanes, h, i)
        i += lanes


cdef inline void van_herk_panel(const int kind, const bint narrow, const int vectors, Py_ssize_t lanes,
                                const VanHerk* h, Py_ssize_t first) noexcept nogil:
    cdef Py_ssize_t step = NARROW_BYTES if narrow else VBYTES
    cdef Py_ssize_t source_row = h.source_row, taps = h.taps, end = (h.rows - 1) * h.stride, row = 0, next = 0, t, v
    cdef const char* source
    cdef char* kept
    cdef char* to = h.to + first * sizeof(real)
    cdef Part part
    cdef vec acc[PANEL_VECTORS]
    part.between, part.last = False, lanes
    while row <= end:
        source = h.source + (row + taps - 1) * source_row + first * step // LANES
        kept = h.scratch + (taps - 1) * PANEL
        for v in range(vectors):
            acc[v] = operand(narrow, source + v * step, NULL if vectors > 1 else &part)
            vstore(kept + v * VBYTES, acc[v])
        for t in range(taps - 1):
            source -= source_row
            kept -= PANEL
            for v in range(vectors):
                acc[v] = folded(kind, acc[v], operand(narrow, source + v * step, NULL if vectors > 1 else &part))
                vstore(kept + v * VBYTES, acc[v])
        if next == row:
            for v in range(vectors):
                store_panel(vectors, to + v * VBYTES, acc[v], lanes)
            to += h.to_row
            next += h.stride
        source += taps * source_row
        for t in range(1, min(taps, end - row + 1)):
            kept += PANEL
            for v in range(vectors):
                if t == 1:
                    acc[v] = operand(narrow, source + v * step, NULL if vectors > 1 else &part)
                else:
                    acc[v] = folded(kind, acc[v], operand(narrow, source + v * step, NULL if vectors > 1 else &part))
            if next == row + t:
                for v in range(vectors):
                    store_panel(vectors, to + v * VBYTES, folded(kind, vload(kept + v * VBYTES), acc[v]), lanes)
                to += h.to_row
                next += h.stride
            source += source_row
        row += taps


cdef inline void store_panel(const int vectors, char* p, vec v, Py_ssize_t lanes) noexcept nogil:
    """Of several vectors all are whole."""
    if vectors > 1:
        vstore(p, v)
    else:
        vstore_part(p, v, lanes)
