# Fast FIR along the rows of a kernel (Winograd's F(2,2) on every other row, nested): three sums of
# half the kernel's rows give two output rows, where four would.  With even and odd rows of the
# input x and the kernel h,
#
#     y[2i]     =  x_odd * (h_even + h_odd)  +  (x_even - x_odd) * h_even
#     y[2i + 1] =  x_odd * (h_even + h_odd)  +  (x_even' - x_odd) * h_odd        ' one row on
#
# the first sum serves both.  Each of the three, a point, is again such a sum, of every other
# row of its own, so that `levels` of them have 3 ** levels points and 2 ** levels phases of
# output rows.  A point's number in base 3 says which sum it is on each level, the first level in
# front.  Whole numbers stay whole: rows and weights are added and subtracted, and nothing else.
from geometry cimport ceil_div

cdef enum:
    MAX_POINTS = 9
    TWO_LEVELS = 12                 # kernel rows from which two levels pay
    ROOM = 64                       # times the plain ones are more than all sums of differences


cdef inline Py_ssize_t fast_fir_levels(Py_ssize_t rows) noexcept nogil:
    """Levels for a kernel of so many rows; it needs two."""
    return 2 if rows >= TWO_LEVELS else 1


cdef inline Py_ssize_t points_of(Py_ssize_t levels) noexcept nogil:
    return 9 if levels == 2 else 3 if levels == 1 else 0


cdef inline Py_ssize_t half_taps(Py_ssize_t taps, Py_ssize_t point) noexcept nogil:
    """Kernel rows of point 0, 1 or 2 of a kernel of `taps` rows."""
    return taps // 2 if point == 2 else ceil_div(taps, 2)


cdef inline Py_ssize_t point_taps(Py_ssize_t levels, Py_ssize_t taps, Py_ssize_t point) noexcept nogil:
    """Kernel rows of a point."""
    if levels == 0:
        return taps
    return half_taps(point_taps(levels - 1, taps, point // 3), point % 3)


cdef inline Py_ssize_t taps_before(Py_ssize_t levels, Py_ssize_t taps, Py_ssize_t point) noexcept nogil:
    """Kernel rows of all points before one, after those of the plain kernel, which stand in front of them."""
    cdef Py_ssize_t p, n = taps
    for p in range(point):
        n += point_taps(levels, taps, p)
    return n


cdef inline bint takes(Py_ssize_t levels, Py_ssize_t point, Py_ssize_t phase) noexcept nogil:
    """Whether a point's weights hold those rows of the kernel whose remainder modulo 2 ** levels is `phase`."""
    cdef Py_ssize_t _level, digit
    for _level in range(levels):            # the last level is the highest bit of the phase
        digit = point % 3
        if digit > 0 and digit - 1 != phase >> (levels - 1 - _level) & 1:
            return False
        point = point // 3
    return True
