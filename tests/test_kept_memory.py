"""Memory of large results: that of a dropped array serves the next, and that of no other."""

import gc
import threading

import numpy as np
import pytest

import cyconv
from cyconv import arrays

LARGE = 33 << 20


@pytest.fixture(autouse=True)
def nothing_kept():
    gc.collect()
    arrays._shelf.clear()
    yield
    arrays._shelf.clear()


def kept():
    return sum(memory.size for memory in arrays._shelf)


def new(nbytes):
    return arrays.empty((nbytes,), np.dtype(np.uint8), nbytes, lambda: f"no memory for {nbytes} bytes")


def address(y):
    return y.__array_interface__["data"][0]


def large_call():
    """An output of 36 MiB, which is an input moved by a column."""
    x = np.arange(3 << 20, dtype=np.float32).reshape(1, 1024, 3072, 1)
    w = np.zeros((1, 3, 1, 3), np.float32)
    w[0, 2, 0] = 1, 2, 3
    return x, cyconv.conv2d(x, w, padding="same", threads=2)


def test_next_output_has_the_memory_of_a_dropped_one():
    x, y = large_call()
    assert y.nbytes == 36 << 20
    assert y.flags.c_contiguous
    assert y.flags.writeable
    assert y.flags.aligned
    assert address(y) % 64 == 0
    first, values = address(y), y.copy()
    del y
    assert kept() >= 36 << 20
    _, again = large_call()
    assert address(again) == first
    assert kept() == 0
    np.testing.assert_array_equal(again, values)
    np.testing.assert_array_equal(again[:, :, :-1, 1], 2 * x[:, :, 1:, 0])
    pooled = cyconv.max_pool2d(again, 2, stride=1)
    assert not np.shares_memory(pooled, again)


@pytest.mark.parametrize(
    "held",
    [lambda y: y[3:5], lambda y: y.reshape(-1, 64).T, memoryview, lambda y: y.view(np.float64), np.asarray,
     lambda y: np.from_dlpack(y), lambda y: [y], np.ndarray.data.__get__],
)  # fmt: skip
def test_memory_in_use_is_not_given_away(held):
    y = new(LARGE)
    first, other = address(y), held(y)
    del y
    gc.collect()
    assert kept() == 0
    next_one = new(LARGE)
    assert address(next_one) != first
    del next_one, other
    gc.collect()
    assert any(first - 64 < address(memory) <= first for memory in arrays._shelf)
    assert kept() >= 2 * LARGE


def test_little_is_kept():
    """256 MiB at most, the latest; nothing that is too large, and nothing that the C library keeps."""
    ys = [new(LARGE + n) for n in range(20)]
    assert kept() == 0
    ys.clear()
    assert (7 * LARGE) <= kept() <= 256 << 20
    assert max(memory.size for memory in arrays._shelf) > LARGE + 12
    arrays._shelf.clear()
    y, z = new(LARGE), new(300 << 20)
    del y
    del z
    assert len(arrays._shelf) == 1
    y = new(31 << 20)
    del y
    assert len(arrays._shelf) == 1


def test_memory_that_is_kept_fits():
    """No array takes more than twice its size."""
    y = new(5 * LARGE)
    del y
    y = new(2 * LARGE)
    assert kept() >= 5 * LARGE
    z = new(4 * LARGE)
    assert kept() == 0
    assert (len(y), len(z)) == (2 * LARGE, 4 * LARGE)


def test_memory_that_is_kept_is_given_back_before_an_error():
    y = new(LARGE)
    del y
    assert kept() > 0
    with pytest.raises(MemoryError, match=r"^no memory for 1152921504606846976 bytes$"):
        new(1 << 60)
    assert kept() == 0


def test_threads_never_get_the_same_memory():
    wrong = []

    def work(own):
        for _ in range(300):
            y = new(LARGE + own)
            y[0] = y[-1] = own
            z = new(LARGE)
            z[0] = z[-1] = own + 100
            if not y[0] == y[-1] == own or not z[0] == z[-1] == own + 100:
                wrong.append(own)

    workers = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong
    assert kept() <= 256 << 20
