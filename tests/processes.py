"""Python processes of their own, which import the installed package wherever the tests are run."""

import os
import subprocess
import sys


def python(code, *arguments, without=(), environment=None, **options):
    """Runs `code` and returns the finished process; `without` are variables that it must not see."""
    variables = {name: value for name, value in os.environ.items() if name not in without}
    return subprocess.run(
        [sys.executable, "-P", "-c", code, *arguments],
        env={**variables, **(environment or {})},
        capture_output=True,
        check=False,
        **options,
    )
