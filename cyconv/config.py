"""What this installation is and what it uses."""

import platform

import numpy as np

from cyconv import isa, threads
from cyconv._ext import convolution, cpu

__version__ = "0.1.0"


def describe():
    """What `show_config` prints.

    Returns
    -------
    dict of str to str
    """
    return {
        "cyconv": __version__,
        "compiler": cpu.compiler(),
        "instruction sets compiled": ", ".join(isa.compiled()),
        "instruction sets of this processor": ", ".join(isa.available()),
        "instruction set in use": isa.CURRENT,
        "threads": str(threads.get_num_threads()),
        "OpenMP": convolution.openmp_runtime(),
        "NumPy": np.__version__,
        "Python": f"{platform.python_version()} on {platform.machine()}",
    }


def show_config():
    """Prints the version, the compiler, the instruction sets, the threads, OpenMP and NumPy."""
    entries = describe()
    width = max(map(len, entries))
    for name, value in entries.items():
        print(f"{name:<{width}}  {value}")
