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
    if t.source_lane == <Py_ssize_t> sizeof(real) and high <= LANES:
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
