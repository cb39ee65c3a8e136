"""The machine code of what is hot, and of what must run everywhere."""

import importlib
import itertools
import platform
import re
import subprocess

import pytest

from cyconv import isa

REGISTERS = r"%[xyz]mm"
MULTIPLIES = re.compile(r"v?(fn?m(add|sub)|mulp|pmull)")
STORES_RESULT = re.compile(rf"v(mask)?mov\w+\s+({REGISTERS}\d+,)+[^(%]*\((?!%rsp)")
HEIGHT = {"avx512": 14, "avx2": 6, "base": 4}
# Elements that the instruction set multiplies with one instruction.
REALS = {"avx512": ("f32", "f64", "i32"), "avx2": ("f32", "f64", "i32"), "base": ("f32", "f64")}
BUILT = isa.compiled() if platform.machine() == "x86_64" else ()


def disassembly(module):
    """Functions of an extension module: name to list of (address, instruction)."""
    path = importlib.util.find_spec(f"cyconv._ext.{module}").origin
    text = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", path], capture_output=True, text=True, check=True
    ).stdout
    functions, current = {}, []
    for line in text.splitlines():
        if head := re.match(r"[0-9a-f]+ <(.+)>:", line):
            current = functions.setdefault(head[1], [])
        elif instruction := re.match(r"\s+([0-9a-f]+):\s+(.*)", line):
            current.append((int(instruction[1], 16), instruction[2]))
    return functions


def inner_loops(function):
    """Instructions of each loop that holds no other loop."""
    at = {address: n for n, (address, _) in enumerate(function)}
    spans = []
    for n, (_, text) in enumerate(function):
        jump = re.match(r"j\w+\s+([0-9a-f]+)", text)
        if jump and at.get(int(jump[1], 16), n + 1) <= n:
            spans.append((at[int(jump[1], 16)], n))
    return [
        [text for _, text in function[first : last + 1]]
        for first, last in spans
        if not any(o != (first, last) and first <= o[0] and o[1] <= last for o in spans)
    ]


def count_of(loop, instruction):
    return sum(text.startswith(f"{instruction} ") for text in loop)


def on_stack(loop):
    return [text for text in loop if re.search(r"\(%rsp|-0x[0-9a-f]+\(%rbp\)", text)]


def faults(function, products):
    """What is wrong with the main loop of a register tile; empty if nothing is."""
    loops = inner_loops(function)
    count = [sum(bool(MULTIPLIES.match(text)) for text in loop) for loop in loops]
    if not count or max(count) != products:
        return f"multiplies in its loops: {count}, expected {products}"
    loop = loops[count.index(products)]
    stack = on_stack(loop)
    return f"touches the stack: {stack}" if stack else ""


@pytest.mark.parametrize("name", BUILT)
def test_register_tiles_stay_in_registers(name):
    """Each main loop multiplies exactly its tile and never goes to memory for its sums."""
    for real in REALS[name]:
        functions = disassembly(f"{real}_{name}")
        tiles = {}
        for symbol, body in functions.items():
            if found := re.search(r"tile_(\d+)x(\d)$", symbol):
                tiles[int(found[1]), int(found[2])] = body
        assert {(r, v) for r, v in tiles if r <= HEIGHT[name]} == {
            (r, v) for r in range(1, HEIGHT[name] + 1) for v in (1, 2)
        }
        spread = {int(n): body for symbol, body in functions.items() for n in re.findall(r"spread_tile_(\d+)$", symbol)}
        assert len(spread) == 14
        # So many sums a loaded vector serves.
        taken = {"sliding": (3, 2), "striding": (3, 2), "wide": (7, 3, 2)}
        taken |= {"sliding_edge": (7, 3, 2), "striding_edge": (3, 2)}
        if real not in ("f32", "f64"):
            taken = {"sliding": (3, 2)}  # the others are spread and sliding tiles, or none
        for rows, kind in itertools.product(range(1, HEIGHT[name] + 1), taken):
            bodies = [body for symbol, body in functions.items() if symbol.endswith(f"_{kind}_tile_{rows}")]
            assert len(bodies) == 1
            for taps in taken[kind]:
                of = [
                    loop
                    for loop in inner_loops(bodies[0])
                    if sum(bool(MULTIPLIES.match(text)) for text in loop) == taps * rows
                ]
                assert of, f"{real}_{name} {kind}_tile_{rows}: no loop of {taps} taps"
                spilled = [text for loop in of for text in on_stack(loop) if "mm" in text]  # vectors only
                assert not spilled, f"{real}_{name} {kind}_tile_{rows}, {taps} taps: {spilled}"
        for (rows, vectors), body in [*tiles.items(), *(((rows, 1), body) for rows, body in spread.items())]:
            if rows <= HEIGHT[name]:
                wrong = faults(body, rows * vectors)
                assert not wrong, f"{real}_{name} tile_{rows}x{vectors}: {wrong}"


def straight(function):
    """Its instructions between one jump and the next."""
    run = []
    for _, text in function:
        run.append(text)
        if text.startswith("j"):
            yield run
            run = []


@pytest.mark.skipif("avx512" not in BUILT, reason="AVX-512 has them")
@pytest.mark.parametrize("real", ["f32", "f64"])
@pytest.mark.parametrize("kind", ["falling", "falling_edge"])
def test_falling_tiles_stay_in_registers(real, kind):
    """Where they multiply, no vector goes to memory, and a row of the input meets the kernel's three without a jump.

    Six pixels, and zeros at an edge, are a vector more than there are registers.
    """
    functions = disassembly(f"{real}_avx512")
    for pixels in range(1, 7):
        bodies = [body for symbol, body in functions.items() if symbol.endswith(f"_{kind}_tile_{pixels}")]
        assert len(bodies) == 1
        runs = [run for run in straight(bodies[0]) if any(map(MULTIPLIES.match, run))]
        places = {
            text.split("(%r")[0].split(",")[-1].split()[-1] for run in runs for text in on_stack(run) if "mm" in text
        }
        assert len(places) <= (kind == "falling_edge" and pixels == 6), f"{real} {kind}_tile_{pixels}: {places}"
        most = max(sum(bool(MULTIPLIES.match(text)) for text in run) for run in runs)
        assert kind == "falling_edge" or most == 9 * pixels


@pytest.mark.parametrize("name", BUILT)
def test_stencil_tiles_stay_in_registers(name):
    """The loop over segments of each height multiplies a tile for each kernel row, without going to memory.

    So do edge tiles, whose addresses and masks may: no vector does.
    """
    highest, height = {"avx512": (8, 5), "avx2": (4, 4), "base": (4, 2)}[name]
    for real, edge in itertools.product(("f32", "f64"), ("", "edge_") if name == "avx512" else ("",)):
        functions = disassembly(f"{real}_{name}").items()
        tiles = {m[1]: body for symbol, body in functions if (m := re.search(rf"_stencil_{edge}(\dx\d)$", symbol))}
        assert len(tiles) == 16
        for rows in range(1, highest + 1):
            for vectors in (1, 2):
                loops = inner_loops(tiles[f"{rows}x{vectors}"])
                for taken in range(1, height + 1):
                    products = rows * vectors * taken
                    of = [loop for loop in loops if sum(bool(MULTIPLIES.match(text)) for text in loop) == products]
                    assert of, f"{real}_{name} {edge}{rows}x{vectors}: no loop of {products} products"
                    spilled = [text for loop in of for text in on_stack(loop) if not edge or "mm" in text]
                    assert not spilled, f"{real}_{name} {edge}{rows}x{vectors}: {spilled}"


@pytest.mark.parametrize("name", [n for n in BUILT if n != "base"])
@pytest.mark.parametrize("op", ["max", "add"])
def test_pools_stay_in_registers(name, op):
    """The loop over operands, four at a time, holds its vectors in registers and nothing on the stack.

    Loops over short runs have as many operations where windows are constants; they store results.
    """
    held = {"avx512": 16, "avx2": 8}[name]
    for real, suffix in (("f32", "ps"), ("f64", "pd")):
        folds = [body for symbol, body in disassembly(f"{real}_{name}").items() if symbol.endswith("_fold")]
        assert len(folds) == 1
        loops = [loop for loop in inner_loops(folds[0]) if count_of(loop, f"v{op}{suffix}") == 4 * held]
        loops = [loop for loop in loops if not any(map(STORES_RESULT.match, loop))]
        assert loops, f"{real}_{name}: no loop of {4 * held} v{op}{suffix}"
        assert not any(on_stack(loop) for loop in loops), f"{real}_{name}: {loops}"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="reads x86-64 machine code")
def test_the_check_finds_a_spill():
    loop = [(0, "vmovups (%rsi),%zmm1"), (4, "vfmadd231ps %zmm1,%zmm2,%zmm3"), (8, "jne 0")]
    assert faults(loop, 1) == ""
    assert "expected 2" in faults(loop, 2)
    spilled = [(0, "vmovups 0x40(%rsp),%zmm1"), *loop[1:]]
    assert "stack" in faults(spilled, 1)
    assert all(map(STORES_RESULT.match, ("vmovups %ymm1,0x20(%rbx)", "vmaskmovps %xmm1,%xmm2,(%rax,%rdx,1)")))
    others = "vmovaps %ymm1,0x20(%rsp)", "vmovaps %ymm1,%ymm2", "vmovups (%rbx),%ymm1", "vmaskmovps (%rax),%xmm1,%xmm2"
    assert not any(map(STORES_RESULT.match, others))


@pytest.mark.parametrize("module", ["convolution", "pooling", "cpu", "f32_base", "f64_base", "i32_base", "i64_base"])
@pytest.mark.skipif(platform.machine() != "x86_64", reason="reads x86-64 machine code")
def test_wide_instructions_are_in_wide_modules_only(module):
    """Everything else runs on every x86-64 processor."""
    for symbol, body in disassembly(module).items():
        for _, text in body:
            wide = re.match(r"v[a-z]+\d*[a-z]*\s", text) and re.search(REGISTERS, text)
            assert not wide, f"{module} {symbol}: {text}"
