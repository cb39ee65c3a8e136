"""Settings of the documentation, which is built from the installed package, with or without a network."""

import importlib.util
import pathlib
import sys

import cyconv

sys.path.insert(0, str(pathlib.Path(__file__).parent / "_ext"))

project = "cyconv"
author = "the cyconv developers"
copyright = "2026, the cyconv developers"
version = release = cyconv.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "figures",
    "measurements",
    "names",
    "worked_example",
]
default_role = "py:obj"
nitpicky = True
smartquotes = False  # explanations quote arguments, such as 'same'
highlight_language = "text"  # drawings; examples with >>> are Python anyway
exclude_patterns = ["_build", "**/*.md"]

autodoc_member_order = "bysource"
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

# Inventories of other projects; where they cannot be reached, lists of the names that the pages use take their place.
# PyTorch's is not asked: it has changed its address and the names of its classes.
intersphinx_mapping = {
    "numpy": ("https://numpy.org/doc/stable/", (None, "inventories/numpy.txt")),
    "scipy": ("https://docs.scipy.org/doc/scipy/", (None, "inventories/scipy.txt")),
    "torch": ("https://docs.pytorch.org/docs/stable/", "inventories/torch.txt"),
}
intersphinx_timeout = 3  # seconds

# MathJax in one file that is copied into the site.  It draws SVG: browsers may refuse fonts to pages without a server.
_mathjax = pathlib.Path(importlib.util.find_spec("sphinx-mathjax-offline").origin).parent / "static/mathjax/tex-svg.js"
mathjax_path = _mathjax.name
mathjax_config_path = "mathjax.js"

copybutton_exclude = ".linenos, .gp, .go"  # prompts and results are not copied

html_theme = "furo"
html_title = f"cyconv {version}"
html_static_path = ["_static", str(_mathjax)]
html_css_files = ["cyconv.css"]
html_show_sourcelink = False
