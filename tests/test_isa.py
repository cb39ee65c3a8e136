"""Which kernels are chosen, loaded and built."""

import subprocess
import sys

import pytest
from processes import python

from cyconv import isa
from cyconv._ext import cpu

LOADED = "import sys, cyconv; cyconv.conv2d([[[1.]]], [[[[1.]]]], layout='HWC'); " + (
    "print(cyconv.isa.CURRENT, *(m for m in sys.modules if m.startswith(('cyconv._ext.f3', 'cyconv._ext.f6'))))"
)


def test_base_always_runs():
    assert cpu.supports("base")
    assert "base" in isa.available()
    assert not cpu.supports("quantum")


@pytest.mark.parametrize("name", isa.available())
def test_environment_lowers(name):
    """And nothing compiled for another instruction set is even loaded."""
    done = python(LOADED, environment={"CYCONV_ISA": name}, text=True)
    assert done.stdout.split() == [name, f"cyconv._ext.f64_{name}"], done.stderr


def test_best_is_the_default():
    done = python(LOADED, without=("CYCONV_ISA",), text=True)
    assert done.stdout.split()[0] == isa.available()[0]


def test_unknown_name_is_an_error_at_import():
    done = python("import cyconv", environment={"CYCONV_ISA": "avx9"}, text=True)
    assert done.returncode == 1
    assert "ValueError: CYCONV_ISA must be one of 'avx512', 'avx2', 'base', got 'avx9'" in done.stderr


def test_what_the_processor_lacks_is_an_error(monkeypatch):
    monkeypatch.setattr(isa, "available", lambda: ("base",))
    with pytest.raises(ValueError, match=r"CYCONV_ISA='avx512' cannot run here.* have base"):
        isa.choose("avx512")
    assert isa.choose("") == "base"


def test_show_config_and_info(capsys):
    import cyconv

    cyconv.show_config()
    text = capsys.readouterr().out
    for word in ("cyconv", "compiler", isa.CURRENT, "threads", "OpenMP", "NumPy"):
        assert word in text
    done = subprocess.run([sys.executable, "-P", "-m", "cyconv", "info"], capture_output=True, text=True, check=True)
    assert done.stdout == text
