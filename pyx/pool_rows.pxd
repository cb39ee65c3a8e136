# Rows of pixels between arrays of any type and strides and the packed rows of the kernels' type.
from libc.math cimport fabs, pow, sqrt
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

ctypedef fused element:             # of an array
    int8_t
    uint8_t
    int16_t
    uint16_t
    int32_t
    uint32_t
    int64_t
    uint64_t
    float
    double

ctypedef fused work:                # of the kernels
    int32_t
    int64_t
    float
    double


cdef inline work taken(element v, work likeness) noexcept nogil:
    """The element in the kernels' type; uint64 is shifted so that int64 orders it alike."""
    if element is uint64_t and work is int64_t:
        return <int64_t> (v ^ (<uint64_t> 1 << 63))
    else:
        return <work> v


cdef inline element given(work v, element likeness) noexcept nogil:
    if element is uint64_t and work is int64_t:
        return <uint64_t> v ^ (<uint64_t> 1 << 63)
    else:
        return <element> v


cdef inline void load_row(const element* x, Py_ssize_t x_pixel, Py_ssize_t x_channel, work* to,
                          Py_ssize_t pixels, Py_ssize_t channels, double power) noexcept nogil:
    """to[i, c] = x[i, c], strides of x in bytes.  With a power: |x[i, c]| ** power."""
    cdef Py_ssize_t i, c
    cdef const element* pixel
    if x_channel == sizeof(element) and (pixels == 1 or x_pixel == channels * <Py_ssize_t> sizeof(element)):
        channels *= pixels          # one row of neighbours
        pixels = 1
    elif channels == 1:
        channels, pixels = pixels, 1
        x_channel = x_pixel
    for i in range(pixels):
        pixel = <const element*> (<const char*> x + i * x_pixel)
        if x_channel == sizeof(element):
            for c in range(channels):
                to[c] = taken(pixel[c], to[0])
        else:
            for c in range(channels):
                to[c] = taken((<const element*> (<const char*> pixel + c * x_channel))[0], to[0])
        if work is double:
            if power != 0:
                for c in range(channels):
                    to[c] = to[c] * to[c] if power == 2 else fabs(to[c]) if power == 1 else pow(fabs(to[c]), power)
        to += channels


cdef inline void store_row(const work* source, element* y, Py_ssize_t y_pixel, Py_ssize_t y_channel,
                           Py_ssize_t pixels, Py_ssize_t channels, double power) noexcept nogil:
    """y[i, c] = source[i, c], strides of y in bytes.  With a power: its root."""
    cdef Py_ssize_t i, c
    cdef element* pixel
    cdef element* to
    if y_channel == sizeof(element) and (pixels == 1 or y_pixel == channels * <Py_ssize_t> sizeof(element)):
        channels *= pixels
        pixels = 1
    elif channels == 1:
        channels, pixels = pixels, 1
        y_channel = y_pixel
    for i in range(pixels):
        pixel = <element*> (<char*> y + i * y_pixel)
        if y_channel == sizeof(element) and power == 0:
            for c in range(channels):
                pixel[c] = given(source[c], pixel[0])
        else:
            for c in range(channels):
                to = <element*> (<char*> pixel + c * y_channel)
                to[0] = given(source[c], to[0])
                if work is double and (element is float or element is double):
                    if power != 0:
                        to[0] = <element> (sqrt(source[c]) if power == 2 else source[c] if power == 1
                                           else pow(source[c], 1 / power))
        source += channels


cdef inline void store_keys(const char* source, Py_ssize_t item, char* y, Py_ssize_t y_pixel, Py_ssize_t y_channel,
                            Py_ssize_t pixels, Py_ssize_t channels) noexcept nogil:
    """Keys as int64."""
    cdef Py_ssize_t i, c
    for i in range(pixels):
        for c in range(channels):
            (<int64_t*> (y + i * y_pixel + c * y_channel))[0] = (
                (<const int32_t*> source)[0] if item == 4 else (<const int64_t*> source)[0])
            source += item


cdef inline void fill_row(char* to, Py_ssize_t item, const char* value, Py_ssize_t n) noexcept nogil:
    """n elements of this value."""
    cdef Py_ssize_t i
    cdef int32_t narrow
    cdef int64_t wide
    if item == 4:
        memcpy(&narrow, value, 4)
        for i in range(n):
            (<int32_t*> to)[i] = narrow
    else:
        memcpy(&wide, value, 8)
        for i in range(n):
            (<int64_t*> to)[i] = wide


cdef inline void number_row(char* to, Py_ssize_t item, Py_ssize_t first, Py_ssize_t pixels,
                            Py_ssize_t channels) noexcept nogil:
    """Keys first, first + 1, ..., the same for all channels of a pixel."""
    cdef Py_ssize_t i, _
    for i in range(pixels):
        for _ in range(channels):
            if item == 4:
                (<int32_t*> to)[0] = <int32_t> (first + i)
            else:
                (<int64_t*> to)[0] = first + i
            to += item
