# Brings the channels of pixels to the lanes that see them, `sets` times over:
#
#     to[p, s, lane]  =  source[p, index[s, lane]]     at  source + p*source_pixel + index*source_lane
#                                                      to  to + (p*sets + s)*VBYTES + lane*item
#
# Indices lie below `channels`, and are integers as wide as an element.
cdef void spread(const Spread* t) noexcept nogil:
    cdef Py_ssize_t p, s, lane
    cdef Py_ssize_t low = min(t.channels, LANES), high = t.channels - low
    cdef const char* source = t.source
    cdef const char* index
    cdef const bits* places
    cdef char* to = t.to
    cdef vec a, b
    if t.source_lane == <Py_ssize_t> sizeof(real) and high == 0 and t.sets <= 4:
        if t.sets == 4:
            spread_vector(4, t)
        elif t.sets == 2:
            spread_vector(2, t)
        elif t.sets == 1:
            spread_vector(1, t)
        else:
            spread_vector(3, t)
    elif t.source_lane == <Py_ssize_t> sizeof(real) and high <= LANES:
        for p in range(t.pixels):
            a = vload_part(source, low)
            b = vload_part(source + VBYTES, high)
            for s in range(t.sets):
                vstore(to, vlookup(a, b, vkeys(t.index + s * VBYTES)))
                to += VBYTES
            source += t.source_pixel
    else:
        for p in range(t.pixels):
            for s in range(t.sets):
                places = <const bits*> (t.index + s * VBYTES)
                for lane in range(LANES):
                    (<real*> to)[lane] = (<const real*> (source + places[lane] * t.source_lane))[0]
                to += VBYTES
            source += t.source_pixel


cdef inline void spread_vector(const int sets, const Spread* t) noexcept nogil:
    """The same where all channels are in one vector, with the indices in registers."""
    cdef vbits keys[4]
    cdef const char* source = t.source
    cdef char* to = t.to
    cdef vec a
    cdef Py_ssize_t p
    cdef int s
    for s in range(sets):
        keys[s] = vkeys(t.index + s * VBYTES)
    for p in range(t.pixels):
        a = vload(source) if t.channels == LANES else vload_part(source, t.channels)
        for s in range(sets):
            vstore(to + s * VBYTES, vlookup(a, a, keys[s]))
        to += sets * VBYTES
        source += t.source_pixel
