"""The command line: ``python -m cyconv info``, ``demo`` and ``explain``."""

import argparse
import os
import sys
import textwrap

import cyconv
from cyconv import checks, demo
from cyconv.layout import parse_kernel_layout, parse_layout
from cyconv.reasons import OPERATIONS

_EXPLAIN = "Say where the shape and the cost of a result come from, with all formulas and numbers."

_OPERATIONS = f"""\
operations:
{textwrap.fill(", ".join(OPERATIONS), 90, initial_indent="  ", subsequent_indent="  ")}

examples:
  python -m cyconv explain conv2d --input 1,128,128,3 --filters 24 --kernel 8 --stride 2
  python -m cyconv explain conv2d --input None,3,32,32 --layout NCHW --filters 32 --kernel 3,5 --padding 1,2
  python -m cyconv explain depthwise_conv2d --input 1,56,56,64 --kernel 3 --multiplier 2 --padding same
  python -m cyconv explain max_pool2d --input 1,25,20,15 --kernel 2 --padding same
  python -m cyconv explain adaptive_avg_pool2d --input 1,7,7,512 --output-size 1
"""


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong."""

    def error(self, message):
        self.exit(2, f"{self.prog}: {message}; see --help\n")


def main(argv=None):
    """Runs a command.

    Parameters
    ----------
    argv : list of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        Exit status: 0; 1 if the command failed; 2 if its arguments are wrong.
    """
    arguments = vars(_parser().parse_args(argv))
    del arguments["command"]
    try:
        status = arguments.pop("run")(**arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read the output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def _info():
    cyconv.show_config()
    return 0


def _demo(image, output):
    try:
        demo.run(image, output)
    except demo.DemoError as error:
        print(f"cyconv demo: {error}", file=sys.stderr)
        return 1
    return 0


def _explain(op, input, form, kernel, filters, multiplier, **options):
    options = {name: value for name, value in options.items() if value is not None}
    try:
        shapes = _shapes(op, input, kernel, filters, multiplier, options) if op in OPERATIONS else {}
        explanation = cyconv.explain(op, input, **shapes, **options)
    except (TypeError, ValueError) as error:
        print(f"cyconv {error}", file=sys.stderr)
        return 2
    print({"text": str, "latex": lambda e: e.latex(), "html": lambda e: e._repr_html_()}[form](explanation))
    return 0


def _shapes(op, x_shape, kernel, filters, multiplier, options):
    """The kernels of `cyconv.explain`, which here are given by size and number."""
    function = f"explain: {op}"
    depthwise = op.startswith(("depthwise", "separable"))
    takes = {
        "kernel": not op.startswith(("global", "adaptive")),
        "filters": "pool" not in op and not op.startswith("depthwise"),
        "multiplier": depthwise,
    }
    given = {"kernel": kernel, "filters": filters, "multiplier": 1 if depthwise and multiplier is None else multiplier}
    for name, value in given.items():
        if (value is not None) != takes[name]:
            raise TypeError(f"{function} {'needs' if takes[name] else 'has no'} --{name}")
    if "pool" in op:
        return {} if kernel is None else {"kernel_size": kernel}
    ndim = int(op[-2])
    data = parse_layout(function, options.get("layout"), ndim)
    names = parse_kernel_layout(function, options.get("kernel_layout"), data)
    checks.rank(function, "x", x_shape, data)
    channels = data.split(x_shape)[1] or 0
    sizes = dict(zip(data.axes, checks.per_axis(function, "kernel", kernel, ndim), strict=True))

    def shape(i, o):
        return tuple({**sizes, "I": i, "O": o}[name] for name in names)

    if depthwise:
        m = given["multiplier"]
        first = shape(channels, m) if names == "HWIO" else shape(1, channels * m)
        if op.startswith("depthwise"):
            return {"w_shape": first}
        sizes = dict.fromkeys(sizes, 1)
        return {"depthwise_shape": first, "pointwise_shape": shape(channels * m, filters)}
    groups = max(options.get("groups", 1), 1)
    if op.startswith("conv_transpose"):
        return {"w_shape": shape(filters // groups, channels)}
    return {"w_shape": shape(channels // groups, filters)}


def _numbers(text):
    """ "8" or "3,5"."""
    try:
        numbers = [int(n) for n in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected integers such as 2 or 2,1, got {text!r}") from None
    return tuple(numbers) if "," in text else numbers[0]


def _shape(text):
    """ "1,128,128,3" or "None,128,128,3"."""
    try:
        return tuple(None if n.strip() == "None" else int(n) for n in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a shape such as 1,128,128,3, got {text!r}") from None


def _padding(text):
    """A word, "1", "1,2" or "0:1,1:1"."""
    if text.replace("_", "").isalpha():
        return text
    try:
        if ":" in text:
            return tuple(tuple(int(n) for n in pair.split(":")) for pair in text.split(","))
        return _numbers(text)
    except (ValueError, argparse.ArgumentTypeError):
        words = f"expected a word, or numbers such as 1 or 1,2 or 0:1,1:1 (before:after), got {text!r}"
        raise argparse.ArgumentTypeError(words) from None


def _parser():
    parser = _Parser(prog="python -m cyconv", description="Convolution for NumPy arrays, compiled with Cython.")
    parser.add_argument("--version", action="version", version=f"cyconv {cyconv.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    text = "Print the version, the compiler, the instruction sets, the threads, OpenMP and NumPy."
    command = commands.add_parser("info", help=text, description=text)
    command.set_defaults(run=_info)

    text = "Convolve a photograph: a small network, a blur and edges, with checks, a picture and times."
    command = commands.add_parser("demo", help=text, description=text)
    command.add_argument("image", nargs="?", metavar="IMAGE", help="a picture; by default one that comes with cyconv")
    command.add_argument(
        "--output", default="cyconv-demo.png", metavar="FILE", help="where the result goes (default: %(default)s)"
    )
    command.set_defaults(run=_demo)

    _add_explain(commands)
    return parser


def _add_explain(commands):
    command = commands.add_parser(
        "explain",
        help=_EXPLAIN,
        description=f"{_EXPLAIN}\nWhat is not given is as in Python.",
        epilog=_OPERATIONS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=_explain, form="text")
    add = command.add_argument
    each = "one number, or one for each axis of the window: 2 or 2,1"
    add("op", metavar="OP", help="an operation, such as conv2d; all are listed below")
    add("--input", type=_shape, required=True, metavar="SHAPE", help="shape of the input; its batch may be None")
    add("--kernel", type=_numbers, metavar="SIZE", help=f"size of the kernel or of a pool's window; {each}")
    add("--filters", type=int, metavar="N", help="channels of the output")
    add("--multiplier", type=int, metavar="N", help="filters for each channel, of depthwise and separable (default: 1)")
    add("--output-size", type=_numbers, metavar="SIZE", help="of adaptive pools and transposed convolutions")
    add("--stride", type=_numbers, metavar="N", help="step of the window; by default 1, for pools its size")
    add("--padding", type=_padding, metavar="P", help="valid, same, same_lower, full, causal, 1, 1,2 or 0:1,1:1")
    add("--output-padding", type=_numbers, metavar="N", help="of transposed convolutions")
    add("--dilation", type=_numbers, metavar="N", help="step from one element of the window to the next")
    add("--groups", type=int, metavar="N", help="parts of the channels that do not see each other")
    add("--layout", metavar="NAME", help="order of axes of the input, such as NHWC (default), NCHW or HWC")
    add("--kernel-layout", metavar="NAME", help="order of axes of the kernel, such as HWIO, OIHW or OHWI")
    add("--no-bias", dest="bias", action="store_const", const=False, help="filters have no bias")
    add("--pad-mode", metavar="NAME", help="what padding holds: constant, edge, reflect, symmetric or wrap")
    add("--flip", action="store_const", const=True, help="turn filters around, as in mathematics")
    add("--activation", metavar="NAME", help="such as relu")
    add("--ceil-mode", action="store_const", const=True, help="a rest behind the last whole window gets one too")
    add("--count-include-pad", action="store_const", const=True, help="means of pools count padding")
    add("--divisor", type=int, metavar="N", help="what sums of average pools are divided by")
    add("--p", type=float, metavar="P", help="power of lp pools")
    add("--nan", metavar="NAME", help="of maximum pools: propagate or ignore")
    add("--keepdims", action="store_const", const=True, help="global pools keep axes of one element")
    add("--dtype", metavar="NAME", help="element type, for the bytes (default: float32)")
    forms = command.add_mutually_exclusive_group()
    forms.add_argument("--latex", dest="form", action="store_const", const="latex", help="print the formulas as LaTeX")
    forms.add_argument("--html", dest="form", action="store_const", const="html", help="print HTML")


if __name__ == "__main__":
    sys.exit(main())
