"""What a name in single backquotes stands for, so that one that stands for nothing fails the build.

Sphinx itself finds what the reference documents.  Besides there are names of arguments, short names of
public things, and names in NumPy, SciPy and PyTorch, which become plain links.
"""

import builtins
import importlib
import inspect

from docutils import nodes

_PAGES = {
    "numpy": "https://numpy.org/doc/stable/reference/generated/{}.html",
    "scipy": "https://docs.scipy.org/doc/scipy/reference/generated/{}.html",
    "torch": "https://docs.pytorch.org/docs/stable/generated/{}.html",
}
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
    if "." in target:
        package = target.partition(".")[0]
        if package not in _PAGES:
            return None
        module = package == "scipy" and target.count(".") == 1
        url = f"https://docs.scipy.org/doc/scipy/reference/{target[6:]}.html" if module else _PAGES[package]
        return nodes.reference("", "", contnode, refuri=url.format(target), internal=False)
    for module in _MODULES:
        found = env.domains["py"].find_obj(env, None, None, f"{module}.{target}", None)
        if found:
            name, entry = found[0]
            uri = app.builder.get_relative_uri(node["refdoc"], entry.docname) + "#" + entry.node_id
            return nodes.reference("", "", contnode, refuri=uri, internal=True, reftitle=name)
    return contnode if hasattr(builtins, target) or target in app.known_arguments else None


def setup(app):
    app.known_arguments = arguments()
    app.connect("missing-reference", _resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
