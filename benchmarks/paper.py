"""What a layer would take on a processor of many cores: an estimate from recorded figures, not a measurement.

It follows the algorithm "direct" in NHWC: how ``divide`` in ``pyx/convolution.pyx`` cuts the output into units of work
is written down here again, for AVX-512 and float32.
"""

import dataclasses
import math

from benchmarks import suites

CORES = 64
BANDWIDTH = 12 * 8 * 4.8e9
"""Bytes per second of a socket: twelve channels of DDR5-4800 of 8 bytes each, as data sheets have them."""
SHARE = 0.8
"""The part of it that programs get; published STREAM results lie about here."""
CORES_PER_CACHE = 8
"""Cores that share a third-level cache; each such cache reads the weights for itself."""
FORK = 10e-6
"""Seconds to begin and end a parallel loop of `CORES` threads: the order of what OpenMP microbenchmarks publish."""
CALL = 2e-6
"""Seconds of a plan's call besides, where none are recorded."""

ROWS, WIDTH, LANES = 14, 32, 16
"""A register tile: pixels, output channels, and elements of a vector."""
UNITS_PER_THREAD, CHUNK_BYTES, OPERAND_BYTES, STRIPS_BYTES, STREAMED_BYTES = 16, 1 << 19, 1 << 18, 1 << 20, 1 << 22

RESNET = (
    "conv1", "res2a_branch1", "res2a_branch2b", "res3b_branch2b", "res4b_branch2b", "res4a_branch2c", "res5b_branch2b",
)  # fmt: skip
VGG = ("conv1_1", "conv1_2", "conv3_2", "conv4_2", "conv5_1")
LAYERS = (
    *((f"resnet50/{name}", batch) for batch in (1, 16) for name in RESNET),
    *((f"vgg/vgg_19_{name}", 1) for name in VGG),
)


def layers():
    """The layers of the estimate.

    Returns
    -------
    list of benchmarks.suites.Case
    """
    return [dataclasses.replace(suites.find(key), n=n) for key, n in LAYERS]


@dataclasses.dataclass(frozen=True)
class Division:
    """How a call is divided among threads.

    Attributes
    ----------
    tiles, blocks : int
        Register tiles of pixels, and blocks of output channels: no work is divided more finely.
    units : int
        Pieces that are handed out.
    readers : int
        Of these, how many read the same weights.
    at_once : int
        Tiles that a block's weights are read for once.
    busy : float
        Threads that work, on average until the last is done.
    """

    tiles: int
    blocks: int
    units: int
    readers: int
    at_once: int
    busy: float


def divide(case, threads):
    """The division of a dense convolution along two axes.

    Parameters
    ----------
    case : benchmarks.suites.Case
    threads : int

    Returns
    -------
    Division
    """
    (height, width), rows = case.output, case.n
    (_, wide), (_, stride) = case.kernel, case.stride
    if case.kernel == (1, 1) and case.stride == (1, 1) and not any(map(sum, case.pad)):
        height, width, rows = 1, height * width * rows, 1  # pixels of all rows and samples are neighbours
    in_row = math.ceil(width / ROWS)
    pixels = math.ceil(width / in_row)
    tiles = rows * height * math.ceil(width / pixels)
    channels, chunk_rows = _chunk(case)
    operands = pixels * math.prod(map(min, case.stride, case.kernel)) * channels * 4
    strip = chunk_rows * ((pixels - 1) * stride + wide) * channels * 4
    at_once = min(max(OPERAND_BYTES // operands, 1), 16, max(STRIPS_BYTES // strip, 1))
    blocks = math.ceil(case.k / WIDTH)
    tail = case.k - (blocks - 1) * WIDTH
    packed = case.c * math.prod(case.kernel) * ((blocks - 1) * WIDTH + (LANES if tail <= LANES else WIDTH)) * 4
    rounds = math.ceil(tiles / at_once)
    if threads == 1:
        each = tiles
    elif packed > STREAMED_BYTES:
        each = at_once
    elif rounds >= UNITS_PER_THREAD * threads:
        each = at_once * (rounds // (UNITS_PER_THREAD * threads))
    else:
        each = math.ceil(tiles / min(tiles, UNITS_PER_THREAD * threads))
    each = min(each, tiles)
    whole = math.ceil(tiles / each)
    left = whole % threads
    part_blocks = math.ceil(blocks / min(threads, blocks))
    parts = math.ceil(blocks / part_blocks)
    turns = whole // threads + math.ceil(left * parts / threads) * part_blocks / blocks
    return Division(tiles, blocks, whole - left + left * parts, whole, min(at_once, each), tiles / each / turns)


def _chunk(case):
    """Channels and rows of the kernel of which weights are kept near at once."""
    most = CHUNK_BYTES // (WIDTH * 4)
    high, wide = case.kernel
    channels = math.ceil(case.c / math.ceil(case.c / most))

    def even(n, limit):
        return math.ceil(n / math.ceil(n / min(max(limit, 1), n)))

    return channels, even(high, most // (channels * even(wide, most // channels)))


@dataclasses.dataclass(frozen=True)
class Figures:
    """What the estimate takes from recorded runs.

    Attributes
    ----------
    peak : float
        Operations per second of one core, at most.
    rates : dict of str to float
        Operations per second of one thread, by suite and name.
    usual : float
        Their median, for layers that were not recorded.
    call : float
        Seconds of a call besides the work.
    call_from : str
        Where that comes from.
    """

    peak: float
    rates: dict
    usual: float
    call: float
    call_from: str


def figures(run, calls=None):
    """The figures of a recorded run.

    Parameters
    ----------
    run : dict
    calls : dict, optional
        Of ``calls.json``.

    Returns
    -------
    Figures
    """
    peak = max(p["flops"] / p["threads"] for p in run["peaks"] if p["dtype"] == "float32")
    rates = {}
    for result in sorted(run["results"], key=lambda r: -r["threads"]):  # fewest threads last: they are kept
        case = result["case"]
        entries = {e["way"]: e for e in result["entries"] if e["library"] == "cyconv" and e["status"] == "timed"}
        entry = entries.get("NHWC direct") or entries.get("NHWC")
        if entry and case["op"] == "conv" and case["dtype"] == "float32" and case["groups"] == 1:
            rate = result["flops"] / entry["median"] / result["threads"]
            # No layer takes less here than its multiply-adds do: what needs fewer of them is divided otherwise.
            rates[f"{case['suite']}/{case['name']}"] = min(rate, peak)
    ordered = sorted(rates.values())
    usual = ordered[len(ordered) // 2] if ordered else 0.8 * peak
    if calls:
        return Figures(peak, rates, usual, calls["calls"]["plan(x, out=y)"]["median"], "measured here")
    return Figures(peak, rates, usual, CALL, "assumed")


@dataclasses.dataclass(frozen=True)
class Estimate:
    """One layer on `CORES` cores.

    Attributes
    ----------
    case : benchmarks.suites.Case
    recorded : bool
        Whether the speed of this layer on one thread is recorded, with one picture.
    one : float
        Seconds of one thread.
    division : Division
    weights, activations : float
        Bytes from memory for each operation of `CORES` threads, if no byte is still in a cache.
    speedups : dict of int to float
        By threads.
    seconds : float
        Of `CORES` threads.
    fixed : float
        The part of that in which threads are woken and Python runs.
    limit : str
        What costs most.
    stops : int
        Threads beyond which twice as many gain less than a quarter.
    """

    case: suites.Case
    recorded: bool
    one: float
    division: Division
    weights: float
    activations: float
    speedups: dict
    seconds: float
    fixed: float
    limit: str
    stops: int


def estimate(case, known, counts=(2, 4, 8, 16, 32, CORES)):
    """One layer's time on more and more cores.

    Parameters
    ----------
    case : benchmarks.suites.Case
    known : Figures
    counts : sequence of int

    Returns
    -------
    Estimate
    """
    rate = known.rates.get(case.key, known.usual)
    work = case.flops / rate
    weights = 4 * case.k * case.c * math.prod(case.kernel)
    activations, read = case.nbytes - weights, weights
    speedups, before, stops, losses = {}, 1.0, 1, {}
    for threads in counts:
        division = divide(case, threads)
        read = weights * min(math.ceil(threads / CORES_PER_CACHE), division.readers)
        compute, memory = work / division.busy, (read + activations) / (SHARE * BANDWIDTH)
        fixed = known.call + FORK * threads / CORES
        seconds = max(compute, memory) + fixed
        speedups[threads] = (work + known.call) / seconds
        if speedups[threads] >= 1.25 * before and stops == threads // 2:
            stops = threads
        before = speedups[threads]
        losses = {
            "division": compute - work / threads, "memory": max(memory - compute, 0), "fork and call": fixed,
        }  # fmt: skip
    limit = max(losses, key=losses.get)
    return Estimate(
        case, case.key in known.rates, work + known.call, divide(case, CORES),
        read / case.flops, activations / case.flops, speedups, seconds,
        fixed / seconds, "none" if before > 0.85 * counts[-1] else limit, stops,
    )  # fmt: skip


def balance(known):
    """Bytes from memory for each operation that keep all cores busy.

    Parameters
    ----------
    known : Figures

    Returns
    -------
    float
    """
    return SHARE * BANDWIDTH / (CORES * known.usual)


def work(known):
    """How the work of each layer is divided among `CORES` threads, and the bytes that it needs.

    Parameters
    ----------
    known : Figures

    Returns
    -------
    tuple of (list of str, list of list of str)
        Columns and rows.
    """
    columns = ["layer", "batch", "tiles", "blocks", "units", "for each thread", "busy threads", "weights, bytes/FLOP",
               "activations, bytes/FLOP"]  # fmt: skip
    rows = []
    for case in layers():
        e = estimate(case, known)
        d = e.division
        rows.append([
            case.name, str(case.n), str(d.tiles), str(d.blocks), str(d.units), f"{d.units / CORES:.1f}",
            f"{d.busy:.0f}", f"{e.weights:.4f}", f"{e.activations:.4f}",
        ])  # fmt: skip
    return columns, rows


def scaling(known):
    """The estimated times and how many times as fast more threads are.

    Parameters
    ----------
    known : Figures

    Returns
    -------
    tuple of (list of str, list of list of str)
        Columns and rows.
    """
    shown = (8, 16, 32, CORES)
    columns = ["layer", "batch", "ms, 1 thread", *(f"x {n}" for n in shown), f"ms, {CORES} threads", "serial", "limit"]
    rows = []
    for case in layers():
        e = estimate(case, known)
        rows.append([
            case.name, str(case.n), f"{e.one * 1e3:.3g}" + ("" if e.recorded else " *"),
            *(f"{e.speedups[n]:.1f}" for n in shown), f"{e.seconds * 1e3:.3f}", f"{e.fixed:.0%}", e.limit,
        ])  # fmt: skip
    return columns, rows


def assumptions(known):
    """What the estimate takes from elsewhere, and what from recorded runs.

    Parameters
    ----------
    known : Figures

    Returns
    -------
    tuple of (list of str, list of list of str)
        Columns and rows.
    """
    core = known.peak / 1e9
    rows = [
        ["cores, and threads", str(CORES), "assumed: one socket, one thread on each core"],
        ["most of a core", f"{core:.0f} GFLOP/s", "measured here; assumed to hold with all cores at work, which clocks "
         "of large processors do not quite do"],
        ["a layer on one thread", f"usually {known.usual / 1e9:.0f} GFLOP/s", "measured here, for each layer; * marks "
         "layers that were not recorded, for which the median of the others stands"],
        ["memory", f"{BANDWIDTH / 1e9:.1f} GB/s", "data sheets: twelve channels of DDR5-4800, 8 bytes each"],
        ["of which programs get", f"{SHARE:.0%}", "published STREAM results of such processors"],
        ["cores to a third-level cache", str(CORES_PER_CACHE), "data sheets of processors made of chiplets; each such "
         "cache reads for itself the weights that its cores need"],
        ["to begin and end a loop", f"{FORK * 1e6:.0f} microseconds", f"the order of published OpenMP microbenchmarks "
         f"for {CORES} threads; fewer threads in proportion"],
        ["a plan's call besides", f"{known.call * 1e6:.1f} microseconds", known.call_from],
        ["bytes for each operation", f"{balance(known):.4f}", "follows: with more, memory is what is waited for"],
    ]  # fmt: skip
    return ["what", "value", "from where"], rows


def limits(known):
    """Which layers stop scaling, where and why, in a list of reStructuredText.

    Parameters
    ----------
    known : Figures

    Returns
    -------
    list of str
    """
    made = [estimate(case, known) for case in layers()]
    why = {
        "none": "Scale nearly as cores do",
        "division": "Not enough pieces of work, or a last round in which some threads have none",
        "memory": "Memory: each operation needs more bytes than arrive",
        "fork and call": "Waking threads and the call take as long as the work",
    }
    lines = []
    for limit, text in why.items():
        named = [
            f"{e.case.name} (batch {e.case.n}, {e.speedups[CORES]:.0f} times as fast"
            + (f", little gained beyond {e.stops} threads)" if e.stops < CORES else ")")
            for e in made
            if e.limit == limit
        ]
        if named:
            lines += [f"- {text}: {', '.join(named)}.", ""]
    return lines
