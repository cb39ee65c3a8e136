"""The command line: ``python -m cyconv info`` and ``python -m cyconv demo``."""

import argparse
import sys

import cyconv
from cyconv import demo


def main(argv=None):
    """Runs a command.

    Parameters
    ----------
    argv : list of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        Exit status: 0, or 1 if the command failed.
    """
    arguments = _parser().parse_args(argv)
    if arguments.command == "info":
        cyconv.show_config()
        return 0
    try:
        demo.run(arguments.image, arguments.output)
    except demo.DemoError as error:
        print(f"cyconv demo: {error}", file=sys.stderr)
        return 1
    return 0


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m cyconv", description="Convolution for NumPy arrays, compiled with Cython."
    )
    parser.add_argument("--version", action="version", version=f"cyconv {cyconv.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    text = "Print the version, the compiler, the instruction sets, the threads, OpenMP and NumPy."
    commands.add_parser("info", help=text, description=text)

    text = "Convolve a photograph: a small network, a blur and edges, with checks, a picture and times."
    command = commands.add_parser("demo", help=text, description=text)
    command.add_argument("image", nargs="?", metavar="IMAGE", help="a picture; by default one that comes with cyconv")
    command.add_argument(
        "--output", default="cyconv-demo.png", metavar="FILE", help="where the result goes (default: %(default)s)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
