"""Numbers of threads, and processes that fork."""

import multiprocessing
import threading

import numpy as np
import pytest
from processes import python

import cyconv
from cyconv import threads


def in_environment(**environment):
    code = "import cyconv; print(cyconv.get_num_threads())"
    return python(code, without=("CYCONV_NUM_THREADS", "OMP_NUM_THREADS"), environment=environment, text=True)


def test_environment():
    assert in_environment().stdout.strip() == str(threads.usable_processors())
    assert in_environment(OMP_NUM_THREADS="3").stdout.strip() == "3"
    assert in_environment(OMP_NUM_THREADS="3,2").stdout.strip() == "3"
    assert in_environment(OMP_NUM_THREADS="3", CYCONV_NUM_THREADS="5").stdout.strip() == "5"
    assert in_environment(OMP_NUM_THREADS="garbage").stdout.strip() == str(threads.usable_processors())
    for wrong in ("0", "-1", "x", "99999"):
        done = in_environment(CYCONV_NUM_THREADS=wrong)
        assert f"CYCONV_NUM_THREADS must be an integer from 1 to 1024, got '{wrong}'" in done.stderr


def test_setting_and_scope():
    default = cyconv.get_num_threads()
    try:
        cyconv.set_num_threads(5)
        assert cyconv.get_num_threads() == 5
        with cyconv.num_threads(3):
            assert cyconv.get_num_threads() == 3
            with cyconv.num_threads(2):
                assert cyconv.get_num_threads() == 2
            seen = []
            other = threading.Thread(target=lambda: seen.append(cyconv.get_num_threads()))
            other.start()
            other.join()
            assert seen == [5], "a with block is for its own thread"
        assert cyconv.get_num_threads() == 5
    finally:
        cyconv.set_num_threads(None)
    assert cyconv.get_num_threads() == default


@pytest.mark.parametrize("wrong", [0, -1, 1025])
def test_wrong_numbers(wrong):
    with pytest.raises(ValueError, match="set_num_threads: threads must be at"):
        cyconv.set_num_threads(wrong)
    with pytest.raises(ValueError, match="num_threads: threads must be at"), cyconv.num_threads(wrong):
        pass


def test_quota_of_a_control_group(monkeypatch):
    monkeypatch.setattr(threads, "_cgroup_quota", lambda: (50000, 100000))
    assert threads.usable_processors() == 1


X = np.ones((1, 64, 64, 32), np.float32)
W = np.ones((3, 3, 32, 32), np.float32)


def convolved(n):
    return float(cyconv.conv2d(X, W, threads=n).sum())


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_children_of_a_fork_compute():
    """GNU OpenMP alone would wait for ever."""
    expected = convolved(2)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map_async(convolved, [2] * 8).get(timeout=30) == [expected] * 8
    assert convolved(2) == expected


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_fork_while_another_thread_computes():
    stop = threading.Event()

    def busy():
        while not stop.is_set():
            convolved(2)

    other = threading.Thread(target=busy)
    other.start()
    try:
        for _ in range(5):
            with multiprocessing.get_context("fork").Pool(1) as pool:
                assert pool.apply_async(convolved, [2]).get(timeout=30) > 0
    finally:
        stop.set()
        other.join()


def test_the_floating_point_environment_is_left_alone():
    """Denormal numbers before and after: no flushing to zero is switched on."""
    tiny = np.array([1e-310])
    assert (tiny / 2)[0] > 0
    convolved(2)
    assert (tiny / 2)[0] > 0
    x = np.full((1, 1, 1, 1), 1e-310)
    assert cyconv.conv2d(x, np.ones((1, 1, 1, 1))).item() == 1e-310
