"""What a name in single backquotes stands for, so that one that stands for nothing fails the build.

Sphinx itself finds what the reference documents, and with its extension intersphinx what other projects do.  Besides
there are names of arguments, and short names of public things.
"""

import builtins
import importlib
import inspect

from sphinx.util.nodes import make_refnode

_MODULES = ("cyconv", "cyconv.layers", "cyconv.models", "cyconv.shapes", "cyconv.reference", "cyconv.explanation")


def arguments():
    """Names of arguments and attributes of everything that is public."""
    names = set()
    for module in map(importlib.import_module, (*_MODULES, "cyconv.initializers", "cyconv.plan")):
        for name, thing in vars(module).items():
            if name.startswith("_") or not callable(thing):
                continue
            functions = [thing]
            if inspect.isclass(thing):
                names |= {n for n in dir(thing) if not n.startswith("_")}
                functions += [f for n, f in vars(thing).items() if inspect.isfunction(f) and n[:2] != "__"]
                names |= set(getattr(thing, "__annotations__", ()))
            for function in functions:
                try:
                    names |= set(inspect.signature(function).parameters)
                except (TypeError, ValueError):
                    continue
    return names


def _resolve(app, env, node, contnode):
    if node.get("refdomain") != "py" or node.get("reftype") not in ("obj", "func", "class", "mod"):
        return None
    target = node["reftarget"]
    for module in _MODULES:
        found = env.domains["py"].find_obj(env, None, None, f"{module}.{target}", None)
        if found:
            name, entry = found[0]
            return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, contnode, name)
    return contnode if hasattr(builtins, target) or target in app.known_arguments else None


def setup(app):
    app.known_arguments = arguments()
    app.connect("missing-reference", _resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
