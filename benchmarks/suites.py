"""Cases as text: one line a case, in ``suites/*.txt``.

A line is ``name op key=value ... # source``, or ``use suite/name`` for a case that stands in another file::

    conv1  conv  c=3 size=224x224 k=64 kernel=7x7 stride=2 pad=3   # oneDNN shapes_resnet_50:1
"""

import dataclasses
import functools
import math
import pathlib

import numpy as np

FOLDER = pathlib.Path(__file__).parent / "suites"
OPERATIONS = ("conv", "max", "avg")


@dataclasses.dataclass(frozen=True)
class Case:
    """One operation on arrays of given shapes.

    Attributes
    ----------
    suite, name : str
    op : str
        ``"conv"``, ``"max"`` or ``"avg"`` (padding counts as zeros in the mean).
    n, c, k : int
        Batch, channels, filters; `k` equals `c` for pools.
    size, kernel, stride, dilation : tuple of int
        Along each window axis.
    pad : tuple of (int, int)
        Before and after each axis.
    groups : int
    dtype : str
        ``"float32"`` or ``"float64"``.
    source : str
        Where the shape comes from.
    """

    suite: str
    name: str
    op: str
    n: int
    c: int
    size: tuple
    k: int
    kernel: tuple
    stride: tuple
    pad: tuple
    dilation: tuple
    groups: int
    dtype: str
    source: str

    @property
    def key(self):
        """Suite and name."""
        return f"{self.suite}/{self.name}"

    @property
    def ndim(self):
        """Number of window axes."""
        return len(self.size)

    @property
    def output(self):
        """Output size along each window axis."""
        return tuple(
            (i + sum(p) - d * (w - 1) - 1) // s + 1
            for i, w, s, p, d in zip(self.size, self.kernel, self.stride, self.pad, self.dilation, strict=True)
        )

    @property
    def itemsize(self):
        """Bytes of an element."""
        return np.dtype(self.dtype).itemsize

    @property
    def flops(self):
        """Operations of the definition, padding included: two for a multiplication and addition, one in a pool."""
        outputs = self.n * self.k * math.prod(self.output) * math.prod(self.kernel)
        return 2 * outputs * (self.c // self.groups) if self.op == "conv" else outputs

    @property
    def nbytes(self):
        """Bytes of input, weights and output, each counted once."""
        x = self.n * self.c * math.prod(self.size)
        w = self.k * (self.c // self.groups) * math.prod(self.kernel) if self.op == "conv" else 0
        return self.itemsize * (x + w + self.n * self.k * math.prod(self.output))

    @property
    def symmetric(self):
        """Whether there is as much padding before each axis as after it."""
        return all(a == b for a, b in self.pad)

    @property
    def same(self):
        """Whether windows are centred on each element: stride 1, and an output as large as the input."""
        return all(
            s == 1 and w % 2 and p == (d * (w - 1) // 2,) * 2
            for s, w, p, d in zip(self.stride, self.kernel, self.pad, self.dilation, strict=True)
        )

    @property
    def single(self):
        """Whether it is one picture or volume of one channel to one of one channel."""
        return self.n == self.c == self.k == 1

    def arrays(self):
        """Input (N, C, ...) and weights (K, C/groups, ...), or None for pools; always the same numbers."""
        rng = np.random.default_rng(0)
        x = rng.standard_normal((self.n, self.c, *self.size), np.float32).astype(self.dtype)
        if self.op != "conv":
            return x, None
        shape = self.k, self.c // self.groups, *self.kernel
        w = rng.standard_normal(shape) / math.sqrt(math.prod(shape[1:]))
        return x, w.astype(self.dtype)

    def record(self):
        """As a dict of plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_record(cls, record):
        """The inverse of `record`, also after JSON turned tuples into lists."""
        tuples = {key: tuple(record[key]) for key in ("size", "kernel", "stride", "dilation")}
        return cls(**{**record, **tuples, "pad": tuple(map(tuple, record["pad"]))})


def parse_line(suite, line):
    """A case of one line.

    Parameters
    ----------
    suite, line : str

    Returns
    -------
    Case

    Raises
    ------
    ValueError
        If the line says something that is no case; the message has the line.
    """
    text, _, source = line.partition("#")
    try:
        name, op, *pairs = text.split()
        given = dict(pair.split("=") for pair in pairs)
        size = _numbers(given.pop("size"))
        ndim = len(size)

        def axes(key, default):
            values = _numbers(given.pop(key, default))
            return values * ndim if len(values) == 1 else values

        c = int(given.pop("c", 1))
        case = Case(
            suite, name, op, int(given.pop("n", 1)), c, size, int(given.pop("k", c)), axes("kernel", "1"),
            axes("stride", "1"), _pads(given.pop("pad", "0"), ndim), axes("dilation", "1"), int(given.pop("groups", 1)),
            given.pop("dtype", "float32"), source.strip(),
        )  # fmt: skip
    except (ValueError, KeyError) as error:
        raise ValueError(f"{suite}: cannot read {line!r}: {error}") from error
    _check(case, given, line)
    return case


def _numbers(text):
    return tuple(map(int, text.split("x")))


def _pads(text, ndim):
    """``1``, ``0x3``, or ``1:2x0:3`` with before and after."""
    pads = tuple((tuple(map(int, axis.split(":"))) * 2)[:2] for axis in text.split("x"))
    return pads * ndim if len(pads) == 1 else pads


def _check(case, unknown, line):
    lengths = {len(v) for v in (case.size, case.kernel, case.stride, case.pad, case.dilation)}
    problems = [
        (bool(unknown), f"unknown {', '.join(unknown)}"),
        (case.op not in OPERATIONS, f"the operation must be one of {', '.join(OPERATIONS)}"),
        (case.dtype not in ("float32", "float64"), "dtype must be float32 or float64"),
        (len(lengths) > 1, "kernel, stride, pad and dilation need one number, or as many as size"),
        (case.c % case.groups or case.k % case.groups, "groups must divide channels and filters"),
        (case.op != "conv" and (case.k != case.c or case.groups != 1), "pools have neither filters nor groups"),
    ]
    for wrong, message in problems:
        if wrong:
            raise ValueError(f"{case.suite}: cannot read {line!r}: {message}")
    if min(case.output) < 1:
        raise ValueError(f"{case.suite}: cannot read {line!r}: the window does not fit")


def names():
    """All suites.

    Returns
    -------
    list of str
    """
    return sorted(path.stem for path in FOLDER.glob("*.txt"))


@functools.cache
def load(suite):
    """The cases of a suite, in the order of its file.

    Parameters
    ----------
    suite : str
        A name, or the path of a file of the same form.

    Returns
    -------
    tuple of Case

    Raises
    ------
    ValueError
        If there is no such suite, or a line cannot be read.
    """
    path = FOLDER / f"{suite}.txt"
    if not path.exists():
        path = pathlib.Path(suite)
        if not path.exists():
            raise ValueError(f"there is no suite {suite!r}; there are {', '.join(names())}")
        suite = path.stem
    cases = []
    for line in path.read_text(encoding="utf-8").splitlines():
        words = line.partition("#")[0].split()
        if words[:1] == ["use"]:
            cases.append(find(words[1]))
        elif words:
            cases.append(parse_line(suite, line))
    return tuple(cases)


def find(key):
    """The case ``suite/name``.

    Parameters
    ----------
    key : str

    Returns
    -------
    Case

    Raises
    ------
    ValueError
        If there is none.
    """
    suite, _, name = key.partition("/")
    for case in load(suite):
        if case.name == name:
            return case
    raise ValueError(f"there is no case {key!r}")


def select(wanted, text="", dtypes=()):
    """Cases to measure, none of them twice.

    Parameters
    ----------
    wanted : sequence of str
        Suites; ``"all"`` is all of them.
    text : str
        Words separated by commas, one of which the name must contain.
    dtypes : sequence of str
        Each case in each of these, instead of in its own.

    Returns
    -------
    list of Case
    """
    cases = {}
    for suite in names() if "all" in wanted else wanted:
        for case in load(suite):
            if not text or any(word in case.key for word in text.split(",")):
                for dtype in dtypes or (case.dtype,):
                    cases[case.key, dtype] = dataclasses.replace(case, dtype=dtype)
    return list(cases.values())
