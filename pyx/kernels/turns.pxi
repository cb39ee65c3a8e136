# Elements that take turns in a few vectors: brought to a vector of each, and back.
#
#     a0 b0 a1 b1   a2 b2 a3 b3      apart: a0 a1 a2 a3   b0 b1 b2 b3      together: as they were
#
# Vectors whose elements take turns are brought apart by halves, as often as that goes, and then by an odd number.
# After each step there are n times as many sequences of fewer vectors; of n, sequence j has every n-th turn, from j on.
cdef inline void bring_apart(const int step, vec* v) noexcept nogil:
    if step % 2 == 0:
        halve(1, step // 2, v)
    if step % 4 == 0:
        halve(2, step // 4, v)
    if step % 8 == 0:
        halve(4, step // 8, v)
    if step > 1 and step % 2 == 1:
        turn_apart(1, step, v)
    elif step == 6:
        turn_apart(2, 3, v)


cdef inline void bring_together(const int step, vec* v) noexcept nogil:
    if step % 2 == 1:
        turn_together(1, step, v)
    elif step == 6:
        turn_together(2, 3, v)
    if step % 8 == 0:
        unite(4, step // 8, v)
    if step % 4 == 0:
        unite(2, step // 4, v)
    if step % 2 == 0:
        unite(1, step // 2, v)


cdef inline void halve(const int n, const int m, vec* v) noexcept nogil:
    """Of n sequences of 2*m vectors, 2*n of m."""
    cdef vec w[MAX_TURNS]
    cdef int i, j
    for j in range(n):
        for i in range(m):
            w[j * m + i] = vevery(v + 2 * (j * m + i), 2, 0)
            w[(n + j) * m + i] = vevery(v + 2 * (j * m + i), 2, 1)
    for i in range(2 * n * m):
        v[i] = w[i]


cdef inline void unite(const int n, const int m, vec* v) noexcept nogil:
    """The reverse."""
    cdef vec w[MAX_TURNS]
    cdef int i, j
    for j in range(n):
        for i in range(m):
            w[2 * (j * m + i)] = vzip(v[j * m + i], v[(n + j) * m + i], 0)
            w[2 * (j * m + i) + 1] = vzip(v[j * m + i], v[(n + j) * m + i], 1)
    for i in range(2 * n * m):
        v[i] = w[i]


# Constants, not loops, count the vectors of odd numbers: only then are shuffles known.
cdef inline void turn_apart(const int n, const int m, vec* v) noexcept nogil:
    """Of n sequences of m vectors, n*m of one."""
    cdef vec w[MAX_TURNS]
    cdef int i, j
    for j in range(n):
        w[j] = vevery(v + j * m, m, 0)
        w[n + j] = vevery(v + j * m, m, 1)
        w[2 * n + j] = vevery(v + j * m, m, 2)
        if m > 3:
            w[3 * n + j] = vevery(v + j * m, m, 3)
            w[4 * n + j] = vevery(v + j * m, m, 4)
        if m > 5:
            w[5 * n + j] = vevery(v + j * m, m, 5)
            w[6 * n + j] = vevery(v + j * m, m, 6)
    for i in range(n * m):
        v[i] = w[i]


cdef inline void turn_together(const int n, const int m, vec* v) noexcept nogil:
    """The reverse."""
    cdef vec w[MAX_TURNS]
    cdef vec u[MAX_TURNS]
    cdef int i, j
    for j in range(n):
        for i in range(m):
            u[i] = v[i * n + j]
        w[j * m] = vturns(u, m, 0)
        w[j * m + 1] = vturns(u, m, 1)
        w[j * m + 2] = vturns(u, m, 2)
        if m > 3:
            w[j * m + 3] = vturns(u, m, 3)
            w[j * m + 4] = vturns(u, m, 4)
        if m > 5:
            w[j * m + 5] = vturns(u, m, 5)
            w[j * m + 6] = vturns(u, m, 6)
    for i in range(n * m):
        v[i] = w[i]
