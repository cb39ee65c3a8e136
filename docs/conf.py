"""Settings of the documentation, which is built from the installed package and without a network."""

import cyconv

project = "cyconv"
author = "the cyconv developers"
copyright = "2026, the cyconv developers"
version = release = cyconv.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.doctest", "sphinx.ext.mathjax", "numpydoc"]
default_role = "py:obj"
highlight_language = "text"  # drawings; examples with >>> are Python anyway
exclude_patterns = ["_build"]

autodoc_member_order = "bysource"
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

html_theme = "furo"
html_title = f"cyconv {version}"
html_show_sourcelink = False
