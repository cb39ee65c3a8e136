"""Builds the compiled modules of cyconv: drivers once, kernels once per element type and instruction set."""

import os
import platform

from Cython.Build import cythonize
from setuptools import Extension, setup

# Exactly what cpu.pyx asks the processor for.
AVX2 = ["-mavx", "-mavx2", "-mfma"]
AVX512 = ["-mavx512f", "-mavx512vl", "-mavx512bw", "-mavx512dq", *AVX2]
ISAS = {
    "x86_64": {"avx512": AVX512, "avx2": AVX2, "base": []},
    "aarch64": {"base": []},
}.get(platform.machine(), {"base": []})
REALS = {"f32": "CYCONV_FLOAT", "f64": "CYCONV_DOUBLE", "i32": "CYCONV_INT32", "i64": "CYCONV_INT64"}
DRIVERS = ["convolution", "fourier", "pooling", "cpu"]

# Integers wrap as NumPy's do (-fwrapv).  Fast-math is never used: it changes results and spills registers.
OPTIMIZE = ["-O3", "-g0", "-fwrapv", "-fvisibility=hidden"]
OPENMP = ["-fopenmp"]
KERNELS = [
    *OPTIMIZE,
    "-ffp-contract=fast",  # a * b + c becomes one instruction
    "--param=max-completely-peeled-insns=4000",  # the loops over a register tile unroll whole,
    "--param=max-peel-branches=500",  # also where constants decide which products there are
    "-DCYTHON_INLINE=inline __attribute__((always_inline))",
    "-Wno-psabi",
]
for name in ("CFLAGS", "CPPFLAGS"):
    if any(flag in os.environ.get(name, "") for flag in ("-march", "-ffast-math", "-Ofast")):
        raise SystemExit(f"{name}={os.environ[name]!r}: cyconv picks instruction sets when it runs; unset it.")

kernels = [
    Extension(
        f"cyconv._ext.{real}_{isa}",
        [f"pyx/kernels/{real}_{isa}.pyx"],
        define_macros=[("CYCONV_REAL", macro)],
        include_dirs=["pyx"],
        depends=["pyx/simd.h"],
        extra_compile_args=KERNELS + flags,
    )
    for real, macro in REALS.items()
    for isa, flags in ISAS.items()
]
drivers = [
    Extension(
        f"cyconv._ext.{name}",
        [f"pyx/{name}.pyx"],
        extra_compile_args=OPTIMIZE + OPENMP,
        extra_link_args=OPENMP,
    )
    for name in DRIVERS
]
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,  # memoryviews are only opened here; all addresses come from Geometry
    "wraparound": False,
    "initializedcheck": False,
    "cdivision": True,  # divisors are checked in Python
    "freethreading_compatible": True,
    "embedsignature": True,
}

setup(
    ext_modules=cythonize(
        kernels + drivers, include_path=["pyx"], build_dir="build/cython", compiler_directives=DIRECTIVES
    ),
    options={"build_ext": {"parallel": os.cpu_count()}},
)
