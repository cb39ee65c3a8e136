"""Settings of the documentation, which is built from the installed package and without a network."""

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
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "figures",
    "mathml",
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

copybutton_exclude = ".linenos, .gp, .go"  # prompts and results are not copied

html_math_renderer = "mathml"
html_theme = "furo"
html_title = f"cyconv {version}"
html_static_path = ["_static"]
html_css_files = ["cyconv.css"]
html_show_sourcelink = False
