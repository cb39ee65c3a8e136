"""Who may use whom: imports point down only."""

import ast
import pathlib
import re

import cyconv

# Each module may import those of the floors below its own.
FLOORS = [
    {"arrays", "checks", "docstrings", "explanation", "layout", "separable"},
    {"shapes", "isa", "threads", "reference", "activations", "initializers", "summary", "weights"},
    {"fourier"},
    {"algorithms"},
    {"plan", "pool_plan", "wording", "graph"},
    {"conv", "pool", "reasons"},
    {"layers"},
    {"convert"},
    {"models"},
    {"config"},
    {"__init__"},
    {"demo"},
    {"__main__"},
]
BESIDE = {("shapes", "layout"), ("reference", "shapes")}
COMPILED = {
    "algorithms": {"convolution"},
    "arrays": {"convolution"},
    "fourier": {"convolution", "fourier"},
    "isa": {"cpu"},
    "plan": {"convolution"},
    "pool_plan": {"pooling"},
    "config": {"convolution", "cpu"},
}
PYX = pathlib.Path(__file__).parent.parent / "pyx"


def floor(module):
    return next(n for n, modules in enumerate(FLOORS) if module in modules)


def imports(path):
    """Modules of cyconv that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for name in node.names:
                if name.name.startswith("cyconv."):
                    yield name.name.removeprefix("cyconv.")
        elif isinstance(node, ast.ImportFrom):
            module = ("cyconv." if node.level else "") + (node.module or "")
            if module.rstrip(".") == "cyconv":
                yield from (name.name for name in node.names)
            elif module.startswith("cyconv."):
                inner = module.removeprefix("cyconv.")
                yield from (f"{inner}.{name.name}" for name in node.names) if inner == "_ext" else (inner,)


def test_python_floors():
    files = list(pathlib.Path(cyconv.__file__).parent.glob("*.py"))
    assert {f.stem for f in files} == set().union(*FLOORS)
    modules = set().union(*FLOORS)
    for file in files:
        for name in imports(file):
            top, _, rest = name.partition(".")
            if top == "_ext":
                assert rest.split(".")[0] in COMPILED.get(file.stem, ()), f"{file.stem} imports {name}"
            elif top in modules and file.stem != "__main__":
                below = floor(top) < floor(file.stem) or (file.stem, top) in BESIDE
                assert below, f"{file.stem} imports {top}"


def test_compiled_floors():
    """Kernels see vectors and the table; drivers the table and geometry; nobody a kernel module."""
    allowed = {
        "simd": set(),
        "kernel_table": set(),
        "geometry": {"kernel_table"},
        "channels_last": {"geometry", "kernel_table"},
        "channels_first": {"geometry", "kernel_table"},
        "convolution": {
            "arrays",
            "channels_last",
            "channels_first",
            "fast_fir",
            "geometry",
            "grouped",
            "grouped_planes",
            "kernel_table",
            "separable",
            "row_stencil",
            "stencil",
            "stretches",
            "strip",
            "winograd",
            "winograd_1d",
        },
        "grouped": {"geometry", "kernel_table"},
        "fast_fir": {"geometry"},
        "stretches": set(),
        "fetch": set(),
        "strip": {"fast_fir", "geometry", "kernel_table"},
        "grouped_planes": {"geometry", "grouped", "kernel_table"},
        "row_stencil": {"geometry", "kernel_table", "strip"},
        "stencil_in_place": {"geometry", "kernel_table", "strip"},
        "stencil": {"arrays", "fast_fir", "geometry", "kernel_table", "row_stencil", "stencil_in_place", "strip"},
        "separable": {"geometry", "kernel_table", "stencil", "strip"},
        "winograd": {"fetch", "geometry", "kernel_table"},
        "winograd_1d": {"channels_first", "channels_last", "geometry", "kernel_table", "winograd"},
        "arrays": {"geometry"},
        "pool_job": {"geometry", "kernel_table"},
        "pool_rows": set(),
        "pool_columns": {"kernel_table", "pool_job"},
        "pool_direct": {"geometry", "kernel_table", "pool_job"},
        "pool_lines": {"geometry", "kernel_table", "pool_columns", "pool_job"},
        "pool_boxes": {"geometry", "kernel_table", "pool_job", "pool_rows"},
        "pool_slide": {"geometry", "kernel_table", "pool_job"},
        "pooling": {
            "arrays",
            "geometry",
            "kernel_table",
            "pool_boxes",
            "pool_columns",
            "pool_direct",
            "pool_job",
            "pool_lines",
            "pool_rows",
            "pool_slide",
            "stretches",
        },
        "fourier": {"arrays", "geometry", "kernel_table"},
        "kernels": {"simd", "kernel_table"},
        "cpu": set(),
    }
    own = set(allowed) | {p.stem for p in (PYX / "kernels").glob("*.pyx")}
    for path in PYX.rglob("*.p[yx]*"):
        used = set(re.findall(r"^\s*from (\w+) cimport|^\s*cimport (\w+)", path.read_text(), re.M))
        names = {a or b for a, b in used} & own
        part = "kernels" if path.parent.name == "kernels" else path.stem
        assert names <= allowed[part], f"{path.name} cimports {names - allowed[part]}"


def test_threads_are_in_drivers_and_vectors_in_kernels():
    for path in PYX.rglob("*.p[yx]*"):
        text = path.read_text()
        kernel = path.parent.name == "kernels"
        if kernel:
            assert not re.search(r"prange|openmp|malloc|\[:", text.replace("[:] = [", "")), path.name
        if path.stem not in ("convolution", "fourier", "pooling"):
            assert "prange" not in text, path.name
        if not kernel and path.stem != "simd":
            assert not re.search(r"\bvec\b", text), path.name


def test_instances_of_kernels_hold_no_text():
    """One text serves all element types and instruction sets."""
    stubs = sorted((PYX / "kernels").glob("*.pyx"))
    assert len(stubs) == 12
    for stub in stubs:
        lines = stub.read_text().splitlines()
        assert len(lines) == 2
        assert lines[1] == 'include "kernels.pxi"'
