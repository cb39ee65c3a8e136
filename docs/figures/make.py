"""Draws the figures of the documentation: SVG for light and dark pages, with numbers from `cyconv.shapes`.

::

    python docs/figures/make.py FOLDER        # writes FOLDER/NAME.svg, to look at them

The site itself draws them when it is built (``docs/_ext/figures.py``), so that none of them is kept as a file.  What
moves, moves by CSS, and only where little motion is not asked for.  A figure is a function of ``questions.py`` or of
``inside.py``; ``drawing.py`` is what they draw with.
"""

import pathlib
import sys

import inside
import questions

DRAWINGS = {
    f.__name__: f
    for f in (
        questions.channel_axis,
        questions.parameters,
        questions.receptive_field,
        questions.channels,
        questions.second_layer,
        questions.no_bias,
        questions.pools_between,
        questions.tensorflow_weights,
        questions.pool_same,
        questions.time_axis,
        inside.gemm,
        questions.rank,
        questions.padding,
        inside.window,
        inside.layouts,
        inside.threads,
        inside.winograd,
    )
}


def main(folder):
    """Writes all figures into a folder."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in DRAWINGS.items():
        (folder / f"{name}.svg").write_text(draw().svg() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
