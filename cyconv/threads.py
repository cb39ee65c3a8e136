"""How many threads a call uses.

In this order: the call's ``threads=``, ``with num_threads(n):``, `set_num_threads`,
``CYCONV_NUM_THREADS``, ``OMP_NUM_THREADS``, and the processors that affinity and the control
group allow.  The state of OpenMP itself is never changed.
"""

import contextlib
import contextvars
import math
import os

from cyconv import checks

MOST = 1024
"""Threads that may be asked for."""

_scoped = contextvars.ContextVar("cyconv_num_threads", default=None)
_process = None


def usable_processors():
    """Processors that this process may use, by its affinity and its control group's quota.

    Returns
    -------
    int
    """
    n = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):
        quota, period = _cgroup_quota()
        n = min(n, max(math.ceil(quota / period), 1))
    return n


def _cgroup_quota():
    """Quota and period in microseconds; OSError or ValueError if there are none."""
    try:
        with open("/sys/fs/cgroup/cpu.max") as file:
            quota, period = file.read().split()
    except FileNotFoundError:
        folder = "/sys/fs/cgroup/cpu/cpu.cfs_"
        with open(folder + "quota_us") as q, open(folder + "period_us") as p:
            quota, period = q.read(), p.read()
    if int(quota) <= 0:
        raise ValueError("no quota")
    return int(quota), int(period)


def check(function, n):
    """A number of threads, checked.

    Parameters
    ----------
    function : str
    n : int

    Returns
    -------
    int

    Raises
    ------
    TypeError, ValueError
        If it is not an integer from 1 to 1024.
    """
    if type(n) is int and 1 <= n <= MOST:
        return n
    n = checks.integer(function, "threads", n, 1)
    if n > MOST:
        raise ValueError(f"{function}: threads must be at most {MOST}, got {n}")
    return n


def _from_environment():
    value = os.environ.get("CYCONV_NUM_THREADS")
    if value:
        if not value.strip().isdigit() or not 1 <= int(value) <= MOST:
            raise ValueError(f"CYCONV_NUM_THREADS must be an integer from 1 to {MOST}, got {value!r}")
        return int(value)
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if first.isdigit() and 1 <= int(first) <= MOST:
        return int(first)
    return usable_processors()


_default = _from_environment()


def get_num_threads():
    """Number of threads of a call that does not say.

    Returns
    -------
    int

    Examples
    --------
    >>> import cyconv
    >>> with cyconv.num_threads(1):
    ...     cyconv.get_num_threads()
    1
    """
    return _scoped.get() or _process or _default


def set_num_threads(n):
    """Sets the number of threads of calls that do not say, for the whole process.

    Parameters
    ----------
    n : int or None
        From 1 to 1024; None for what the environment allows.

    Raises
    ------
    TypeError, ValueError
        If it is anything else.
    """
    global _process
    _process = None if n is None else check("set_num_threads", n)


@contextlib.contextmanager
def num_threads(n):
    """Sets the number of threads inside a ``with`` block, for this thread or task alone.

    Parameters
    ----------
    n : int
        From 1 to 1024.

    Raises
    ------
    TypeError, ValueError
        If it is anything else.

    Examples
    --------
    >>> import cyconv
    >>> with cyconv.num_threads(2):
    ...     cyconv.get_num_threads()
    2
    """
    token = _scoped.set(check("num_threads", n))
    try:
        yield
    finally:
        _scoped.reset(token)
