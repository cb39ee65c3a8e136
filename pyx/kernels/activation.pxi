# Activations beyond relu and relu6, applied to a result while it is in the nearest cache.
#
# exp(x) = 2^n exp(r) with x = n ln 2 + r, |r| <= ln(2)/2.  The polynomial gives exp(r) - 1,
# not exp(r), so that tanh keeps its relative accuracy near zero.

cdef inline vec expm1_scaled(vec x, vec* scale) noexcept nogil:
    """exp(x) - 1 = scale * result + (scale - 1), for x where 2^n is a normal number."""
    cdef vec shifted = vfma(x, vsplat(LOG2_E), vsplat(ROUNDING_SHIFT))
    cdef vec n = vsub(shifted, vsplat(ROUNDING_SHIFT))
    cdef vec r = vfma(n, vsplat(-LN2_LOW), vfma(n, vsplat(-LN2_HIGH), x))
    cdef vec q = vsplat(INVERSE_FACTORIALS[EXP_DEGREE])
    cdef Py_ssize_t d
    for d in range(EXP_DEGREE - 1, 0, -1):
        q = vfma(q, r, vsplat(INVERSE_FACTORIALS[d]))
    scale[0] = vpow2(shifted)
    return vmul(q, r)


cdef inline vec leaky_relu(vec x) noexcept nogil:
    return vadd(vat_least(x, vsplat(0)), vmul(vsplat(LEAKY_SLOPE), vat_most(x, vsplat(0))))


cdef inline vec sigmoid(vec x) noexcept nogil:
    """1 / (1 + exp(-x)), computed from e = exp(-|x|), which cannot overflow."""
    cdef vec scale
    cdef vec e = expm1_scaled(vat_least(vsub(vsplat(0), vabs(x)), vsplat(-EXP_LIMIT)), &scale)
    cdef vec one = vsplat(1)
    e = vfma(scale, e, scale)
    return vdiv(vpick_negative(x, e, one), vadd(one, e))


cdef inline vec tanh(vec x) noexcept nogil:
    """m / (m + 2) with m = exp(2|x|) - 1, and the sign of x."""
    cdef vec scale
    cdef vec m = expm1_scaled(vat_most(vmul(vsplat(2), vabs(x)), vsplat(TANH_LIMIT)), &scale)
    m = vfma(scale, m, vsub(scale, vsplat(1)))
    m = vdiv(m, vadd(m, vsplat(2)))
    return vpick_negative(x, vsub(vsplat(0), m), m)


cdef inline vec activated(const Py_ssize_t kind, vec x) noexcept nogil:
    if kind == LEAKY_RELU:
        return leaky_relu(x)
    if kind == SIGMOID:
        return sigmoid(x)
    return tanh(x)


cdef inline void activate_as(const Py_ssize_t kind, char* c, Py_ssize_t c_row,
                             Py_ssize_t rows, Py_ssize_t lanes) noexcept nogil:
    cdef Py_ssize_t vectors = lanes // LANES
    cdef Py_ssize_t rest = lanes - vectors * LANES
    cdef Py_ssize_t i, v
    cdef char* p
    for i in range(rows):
        p = c + i * c_row
        for v in range(vectors):
            vstore(p, activated(kind, vload(p)))
            p += VBYTES
        if rest > 0:
            vstore_part(p, activated(kind, vload_part(p, rest)), rest)


cdef void activate(Py_ssize_t kind, char* c, Py_ssize_t c_row,
                   Py_ssize_t rows, Py_ssize_t lanes) noexcept nogil:
    """c[i, :lanes] = activation(c[i, :lanes]) for `rows` rows, c_row bytes apart."""
    if kind == LEAKY_RELU:
        activate_as(LEAKY_RELU, c, c_row, rows, lanes)
    elif kind == SIGMOID:
        activate_as(SIGMOID, c, c_row, rows, lanes)
    else:
        activate_as(TANH, c, c_row, rows, lanes)
