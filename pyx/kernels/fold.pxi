# Pooling: one result for each element of a run, over some operands that lie `at` bytes from it.
#
#     to[r, i]  =  op over operands j of   source[r, i]       at  source + r*source_next + at[j] + i*item
#                                                             to  to + r*to_next + i*item
#
# The op is a maximum or a sum.  A window along any axis is a list of such distances, so that
# one kernel serves rows, columns, depths and channels.  Operands are taken by fours after the
# first: chains of dependent operations are shorter, and roundings of a sum fewer.  Sums in
# float64 of many float32 (`narrow`) take eight, added up in float32; results may be either.
#
# With keys, the smallest key among the elements that equal the maximum comes along.
# With divisors, each sum is divided on its way out.

cdef void fold(const Fold* f) noexcept nogil:
    if f.keys != 0:
        if f.kind == MAXIMUM:
            fold_keyed(MAXIMUM, f)
        else:
            fold_keyed(MAXIMUM_NUMBER, f)
    elif f.kind == MAXIMUM:
        fold_runs(MAXIMUM, False, False, f)
    elif REAL_IS_FLOATING and f.kind == MAXIMUM_NUMBER:
        fold_runs(MAXIMUM_NUMBER, False, False, f)
    elif not NARROW_IS_OFFERED or not (f.narrow or f.narrow_to):
        fold_runs(SUM, False, False, f)
    elif not f.narrow:
        fold_runs(SUM, False, True, f)
    elif not f.narrow_to:
        fold_runs(SUM, True, False, f)
    else:
        fold_runs(SUM, True, True, f)


cdef enum:
    NARROW_IS_OFFERED = NARROW_BYTES < VBYTES
    MANY_OPERANDS = 24
    LONG_RUN = 64                   # vectors of so many operands
    FEW_VECTORS = 4                 # vectors at once
    MOST_OF_SHORT = 9               # operands of short runs
    LINE = 64                       # bytes of a line of cache
    LONG_ENOUGH = 32                # vectors of a run that begins with a part of one


cdef inline vec folded(const int kind, vec a, vec x) noexcept nogil:
    if kind == MAXIMUM:
        return vmaximum(a, x)
    if kind == MAXIMUM_NUMBER:
        return vmaximum_number(a, x)
    return vadd(a, x)


cdef struct Part:                   # lanes of a vector that can be read
    bint between                    # lanes from `first` up to `last`,
    Py_ssize_t first                # or else up to `last`; the others are zeros
    Py_ssize_t last


cdef inline vec operand(const bint narrow, const char* p, const Part* part) noexcept nogil:
    """A vector, or part of one."""
    if part == NULL:
        return vload_narrow(p) if narrow else vload(p)
    if part.between:
        return vload_between(p, part.first, part.last)
    return vload_narrow_part(p, part.last) if narrow else vload_part(p, part.last)


cdef inline void fold_runs(const int kind, const bint narrow, const bint narrow_to, const Fold* f) noexcept nogil:
    cdef Py_ssize_t step = NARROW_BYTES if narrow else VBYTES, to_step = NARROW_BYTES if narrow_to else VBYTES
    cdef Py_ssize_t head = unaligned(narrow, f, step // LANES), whole = (f.elements - head) // LANES
    cdef Part part
    cdef const char* source = f.source
    cdef char* to = f.to
    cdef Py_ssize_t r, i, at, vectors, least = MANY_VECTORS
    if (f.runs > 1 and f.operands <= MOST_OF_SHORT and f.elements <= 4 * LANES and f.source != f.to
            and f.lane_divisors == NULL):
        fold_short(kind, narrow, narrow_to, f)
        return
    if f.source != f.to and f.lane_divisors == NULL:
        least = FEW_VECTORS // 2    # computing some results again is cheaper than few vectors at once
    part.between, part.last = False, (f.elements - head) % LANES
    for r in range(f.runs):
        if head > 0:
            fold_head(kind, narrow, narrow_to, head, f, source, to, r)
            source += head * step // LANES
            to += head * to_step // LANES
        i = 0
        while not narrow and f.operands >= MANY_OPERANDS and i + MANY_VECTORS < whole:
            vectors = min(whole - i, LONG_RUN)
            fold_vectors(kind, narrow, narrow_to, vectors, NULL, f, source + i * step, to + i * to_step, r, i)
            i += vectors
        while whole - i >= MANY_VECTORS or (i > 0 and whole - i >= least):
            at = min(i * LANES, f.elements - head - MANY_VECTORS * LANES)
            fold_vectors(kind, narrow, narrow_to, MANY_VECTORS, NULL, f, source + at * (step // LANES),
                         to + at * (to_step // LANES), r, i)
            i += MANY_VECTORS
        while i + FEW_VECTORS <= whole:
            fold_vectors(kind, narrow, narrow_to, FEW_VECTORS, NULL, f, source + i * step, to + i * to_step, r, i)
            i += FEW_VECTORS
        while i < whole:
            fold_vectors(kind, narrow, narrow_to, 1, NULL, f, source + i * step, to + i * to_step, r, i)
            i += 1
        if part.last > 0 and i == whole:
            fold_vectors(kind, narrow, narrow_to, 1, &part, f, source + i * step, to + i * to_step, r, i)
        source += f.source_next - head * step // LANES
        to += f.to_next - head * to_step // LANES


cdef inline void fold_short(const int kind, const bint narrow, const bint narrow_to, const Fold* f) noexcept nogil:
    """Runs of up to four vectors: one or two groups, of which the second one may overlap the first."""
    if f.elements < LANES:
        fold_groups(kind, narrow, narrow_to, 0, 0, f)
    elif f.elements == LANES:
        fold_groups(kind, narrow, narrow_to, 1, 0, f)
    elif f.elements < 2 * LANES:
        fold_groups(kind, narrow, narrow_to, 1, 1, f)
    elif f.elements == 2 * LANES:
        fold_groups(kind, narrow, narrow_to, 2, 0, f)
    elif f.elements <= 3 * LANES:
        fold_groups(kind, narrow, narrow_to, 2, 1, f)
    elif f.elements < 4 * LANES:
        fold_groups(kind, narrow, narrow_to, 2, 2, f)
    else:
        fold_groups(kind, narrow, narrow_to, 4, 0, f)


cdef inline void fold_groups(const int kind, const bint narrow, const bint narrow_to, const Py_ssize_t first,
                             const Py_ssize_t second, const Fold* f) noexcept nogil:
    """Frequent windows are constants, so that nothing is decided between runs."""
    if f.operands == 4:
        fold_window_of_runs(kind, narrow, narrow_to, first, second, 4, f)
    elif f.operands == 9:
        fold_window_of_runs(kind, narrow, narrow_to, first, second, 9, f)
    else:
        fold_window_of_runs(kind, narrow, narrow_to, first, second, f.operands, f)


cdef inline void fold_window_of_runs(const int kind, const bint narrow, const bint narrow_to, const Py_ssize_t first,
                                     const Py_ssize_t second, const Py_ssize_t operands, const Fold* f) noexcept nogil:
    cdef Fold own = f[0]                # which stores do not change, as the compiler can see
    cdef Py_ssize_t at[MOST_OF_SHORT]
    cdef Py_ssize_t last = own.elements - second * LANES, j, r
    cdef Py_ssize_t step = NARROW_BYTES if narrow else VBYTES, to_step = NARROW_BYTES if narrow_to else VBYTES
    cdef Part part
    part.between, part.last = False, own.elements
    for j in range(operands):
        at[j] = f.at[j]
    own.at, own.operands = at, operands
    for r in range(own.runs):
        if first == 0:
            fold_vectors(kind, narrow, narrow_to, 1, &part, &own, own.source, own.to, r, 0)
        else:
            fold_vectors(kind, narrow, narrow_to, first, NULL, &own, own.source, own.to, r, 0)
        if second > 0:
            fold_vectors(kind, narrow, narrow_to, second, NULL, &own, own.source + last * (step // LANES),
                         own.to + last * (to_step // LANES), r, 0)
        own.source += own.source_next
        own.to += own.to_next


cdef inline Py_ssize_t unaligned(const bint narrow, const Fold* f, Py_ssize_t item) noexcept nogil:
    """Elements in front of the first line of cache of long runs, if all operands lie alike.

    From there on loads cross no lines.
    """
    cdef Py_ssize_t j, behind = (<Py_ssize_t> f.source + f.at[0]) % LINE
    if (behind == 0 or behind % item > 0 or f.elements < LONG_ENOUGH * LANES or f.source_next % LINE > 0
            or f.lane_divisors != NULL or (f.operands >= MANY_OPERANDS and not narrow)):
        return 0
    for j in range(1, f.operands):
        if (f.at[j] - f.at[0]) % LINE != 0:
            return 0
    return (LINE - behind) // item


cdef inline void fold_head(const int kind, const bint narrow, const bint narrow_to, Py_ssize_t head, const Fold* f,
                           const char* source, char* to, Py_ssize_t run) noexcept nogil:
    """Elements in front of those that are folded by whole vectors."""
    cdef Py_ssize_t step = NARROW_BYTES if narrow else VBYTES, to_step = NARROW_BYTES if narrow_to else VBYTES
    cdef Part part
    part.between = False
    while head > 0:
        part.last = min(head, LANES)
        fold_vectors(kind, narrow, narrow_to, 1, &part, f, source, to, run, 0)
        source += step
        to += to_step
        head -= LANES


cdef inline void fold_vectors(const int kind, const bint narrow, const bint narrow_to, const Py_ssize_t vectors,
                              const Part* part, const Fold* f, const char* source, char* to, Py_ssize_t run,
                              Py_ssize_t first) noexcept nogil:
    cdef Py_ssize_t step = NARROW_BYTES if narrow_to else VBYTES
    cdef vec acc[LONG_RUN]
    cdef vec divisor
    cdef Py_ssize_t v
    accumulate(kind, narrow, vectors, part, f.operands, f.at, source, acc, f.ahead)
    if kind == SUM:
        if f.divisors != NULL:
            divisor = vsplat(<real> f.divisors[run * f.divisors_next])
            for v in range(vectors):
                if f.lane_divisors != NULL:
                    acc[v] = vdiv(acc[v], vmul(divisor, operand(False, f.lane_divisors + (first + v) * VBYTES, part)))
                else:
                    acc[v] = vdiv(acc[v], divisor)
    if part == NULL and not narrow_to and f.around and (<Py_ssize_t> to | vectors * step) % LINE == 0:
        for v in range(vectors):
            vstream(to + v * step, acc[v])
        return
    for v in range(vectors):
        if part == NULL:
            if narrow_to:
                vstore_narrow(to + v * step, acc[v])
            else:
                vstore(to + v * step, acc[v])
        elif narrow_to:
            vstore_narrow_part(to, acc[v], part.last)
        else:
            vstore_part(to, acc[v], part.last)


# `vectors` is a constant, and acc in registers, but for many operands that are not narrow: those
# are read in runs as long as the processor's prefetching needs, and acc stays in the nearest cache.
cdef inline void accumulate(const int kind, const bint narrow, const Py_ssize_t vectors, const Part* part,
                            const Py_ssize_t operands, const Py_ssize_t* at, const char* source,
                            vec* acc, bint ahead) noexcept nogil:
    cdef Py_ssize_t step = NARROW_BYTES if narrow else VBYTES
    cdef const char* a = source + at[0]
    cdef const char* b
    cdef const char* c
    cdef const char* d
    cdef const char* eight[8]
    cdef Py_ssize_t j, v
    for v in range(vectors):
        acc[v] = operand(narrow, a + v * step, part)
    j = 1
    while narrow and j + 8 <= operands:
        for v in range(8):
            eight[v] = source + at[j + v]
        vadd8_narrow_pairs(acc, eight, <int> (vectors // 2), ahead)
        if vectors % 2 == 1:
            vadd8_narrow(&acc[vectors - 1], eight, (vectors - 1) * step, LANES if part == NULL else part.last)
        j += 8
    while not narrow and j + 4 <= operands:
        a, b, c, d = source + at[j], source + at[j + 1], source + at[j + 2], source + at[j + 3]
        for v in range(vectors):
            acc[v] = folded(kind, acc[v], folded(kind, folded(kind, operand(False, a + v * step, part),
                                                              operand(False, b + v * step, part)),
                                                 folded(kind, operand(False, c + v * step, part),
                                                        operand(False, d + v * step, part))))
        j += 4
    while j + 2 <= operands:
        a = source + at[j]
        b = source + at[j + 1]
        for v in range(vectors):
            acc[v] = folded(kind, acc[v], folded(kind, operand(narrow, a + v * step, part),
                                                 operand(narrow, b + v * step, part)))
        j += 2
    if j < operands:
        a = source + at[j]
        for v in range(vectors):
            acc[v] = folded(kind, acc[v], operand(narrow, a + v * step, part))


cdef inline void fold_keyed(const int kind, const Fold* f) noexcept nogil:
    cdef const char* source
    cdef char* to
    cdef vec acc
    cdef vbits key
    cdef Py_ssize_t r, i, j, lanes
    for r in range(f.runs):
        source = f.source + r * f.source_next
        to = f.to + r * f.to_next
        for i in range((f.elements + LANES - 1) // LANES):
            lanes = min(f.elements - i * LANES, LANES)
            acc = vload_part(source + f.at[0], lanes)
            key = vkeys_part(source + f.at[0] + f.keys, lanes)
            for j in range(1, f.operands):
                vmaximum_keyed(kind == MAXIMUM_NUMBER, &acc, &key, vload_part(source + f.at[j], lanes),
                               vkeys_part(source + f.at[j] + f.keys, lanes))
            vstore_part(to, acc, lanes)
            vkeys_store_part(to + f.keys, key, lanes)
            source += VBYTES
            to += VBYTES


# One result a run, over all its elements and all operands; sums of all runs are divided by the first divisor.
cdef void across(const Fold* f) noexcept nogil:
    if f.kind == MAXIMUM:
        across_runs(MAXIMUM, False, f)
    elif REAL_IS_FLOATING and f.kind == MAXIMUM_NUMBER:
        across_runs(MAXIMUM_NUMBER, False, f)
    elif not NARROW_IS_OFFERED or not f.narrow:
        across_runs(SUM, False, f)
    else:
        across_runs(SUM, True, f)


cdef inline void across_runs(const int kind, const bint narrow, const Fold* f) noexcept nogil:
    """As many runs as a vector has lanes: a vector for each, zipped and folded until one has all results."""
    cdef Py_ssize_t item = sizeof(real) * NARROW_BYTES // VBYTES if narrow else sizeof(real)
    cdef vec v[LANES]
    cdef char lanes[VBYTES]
    cdef char* to = f.to
    cdef Py_ssize_t r = 0, i, runs
    cdef int stage
    for i in range(LANES):
        v[i] = vzero()
    while r < f.runs:
        runs = min(f.runs - r, LANES)
        i = 0
        while i < LANES:
            if i < runs:
                runs_in_lanes(kind, narrow, f, f.source + (r + i) * f.source_next, runs - i, v + i)
            i += FEW_RUNS
        for stage in range(1, 5):
            for i in range(LANES >> stage):
                v[i] = folded(kind, vzip(v[i], v[i + (LANES >> stage)], 0), vzip(v[i], v[i + (LANES >> stage)], 1))
        if kind == SUM:
            if f.divisors != NULL:
                v[0] = vdiv(v[0], vsplat(<real> f.divisors[0]))
        if f.to_next != item:
            if narrow:
                vstore_narrow(lanes, v[0])
            else:
                vstore(lanes, v[0])
            for i in range(runs):
                memcpy(to + i * f.to_next, lanes + i * item, item)
        elif narrow:
            vstore_narrow_part(to, v[0], runs)
        else:
            vstore_part(to, v[0], runs)
        to += LANES * f.to_next
        r += LANES


cdef inline void runs_in_lanes(const int kind, const bint narrow, const Fold* f, const char* first, Py_ssize_t runs,
                               vec* v) noexcept nogil:
    """All of each of FEW_RUNS runs, folded into the lanes of its vector; the first stands in for runs there are not."""
    cdef Py_ssize_t item = sizeof(real) * NARROW_BYTES // VBYTES if narrow else sizeof(real)
    cdef Py_ssize_t whole = f.elements // LANES
    cdef Py_ssize_t step = LANES * item
    cdef Py_ssize_t last = f.elements % LANES
    cdef const char* source[FEW_RUNS]
    cdef vec acc[FEW_RUNS]          # which registers hold
    cdef Py_ssize_t i, j, r, at, pairs
    for r in range(FEW_RUNS):
        source[r] = first + (r * f.source_next if r < runs else 0)
        if kind == SUM:
            acc[r] = vzero()        # and nothing is added to the lanes that are left
        else:
            acc[r] = vsplat((<const real*> (source[r] + f.at[0]))[0])       # a maximum may meet an element twice
    for j in range(f.operands):
        at = f.at[j]
        i = 0
        while narrow and i + 2 <= whole:
            pairs = min((whole - i) // 2, 8)
            vadd_narrow_runs(acc, FEW_RUNS, source, at, pairs)
            at += 2 * pairs * step
            i += 2 * pairs
        while i < whole:
            for r in range(FEW_RUNS):
                acc[r] = folded(kind, acc[r], vload_narrow(source[r] + at) if narrow else vload(source[r] + at))
            at += step
            i += 1
        if last > 0:
            for r in range(FEW_RUNS):
                if kind != SUM:
                    acc[r] = folded(kind, acc[r], vbetween(vload_part(source[r] + at, last), 0, last, acc[r]))
                elif narrow:
                    acc[r] = vadd(acc[r], vload_narrow_part(source[r] + at, last))
                else:
                    acc[r] = vadd(acc[r], vload_part(source[r] + at, last))
    for r in range(FEW_RUNS):
        v[r] = acc[r]
