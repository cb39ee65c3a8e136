"""Fixtures: instruction sets one after the other in one process."""

import contextlib

import pytest

from cyconv import isa, plan, pool


@contextlib.contextmanager
def kernels_of(name):
    """Lets calls inside the block use the kernels of instruction set `name`."""
    before = isa.CURRENT
    _use(name)
    try:
        yield
    finally:
        _use(before)


def _use(name):
    isa.CURRENT = name
    isa.kernels.cache_clear()
    plan.recipe.cache_clear()
    pool.recipes.clear()


@pytest.fixture(params=isa.available())
def each_isa(request):
    """Runs the test once for each instruction set of this processor; its name."""
    with kernels_of(request.param):
        yield request.param


def pytest_report_header():
    return f"cyconv: kernels tested here: {', '.join(isa.available())} (built: {', '.join(isa.compiled())})"
