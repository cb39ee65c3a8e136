"""``python -m benchmarks``."""

import importlib.util
import pathlib
import sys


def prefer_installed():
    """Lets an installed cyconv win over the folder of the same name beside this one.

    The folder beside this one has compiled modules only if it was built in place.  Where no other is
    installed, the path stays as it was.
    """
    here = pathlib.Path(__file__).resolve().parent.parent
    before = list(sys.path)
    sys.path[:] = [p for p in sys.path if pathlib.Path(p or ".").resolve() != here]
    if importlib.util.find_spec("cyconv") is None:
        sys.path[:] = before


if __name__ == "__main__":
    prefer_installed()
    from benchmarks import cli

    sys.exit(cli.main())
