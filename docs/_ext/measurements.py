"""Shows recorded measurements, from ``benchmarks/results/*.json``, when the site is built: nothing of it is typed.

::

   .. measured:: speed overview

shows a table of that file; which tables and sentences there are says `VIEWS`.  ``.. measured:: picture NAME`` shows
``benchmarks/results/NAME.svg`` with the content as the text for those who do not see it.  Where a file has not been
recorded, or lacks what is asked for, a sentence says how to record it.
"""

import importlib
import importlib.util
import pathlib
import sys

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
RESULTS = ROOT / "benchmarks" / "results"
COMMANDS = {
    "overview": "python -m benchmarks --peers --memory --json benchmarks/results/overview.json",
    "sweep": "python -m benchmarks sweep --json benchmarks/results/sweep.json",
    "calls": "python -m benchmarks calls --json benchmarks/results/calls.json",
    "scaling": "python -m benchmarks --suite scaling --threads 1,2 --memory --json benchmarks/results/scaling.json",
}


STYLE = """.. raw:: html

   <style>table.measured{font-size:.85em;font-variant-numeric:tabular-nums}
   table.measured td,table.measured th{padding:.2rem .45rem}
   table.measured:not(.measured-words) td{text-align:right;white-space:nowrap}
   table.measured:not(.measured-words) td:first-child{text-align:left}
   table.measured p{margin:0}
   @media (max-width:48em){table.measured:not(.measured-words) td:first-child{
   white-space:normal;overflow-wrap:anywhere;min-width:9em}}</style>

"""


def part(name):
    """A module of the benchmarks, which are not installed."""
    if "benchmarks" not in sys.modules:
        folder = ROOT / "benchmarks"
        spec = importlib.util.spec_from_file_location(
            "benchmarks", folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        sys.modules["benchmarks"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["benchmarks"])
    return importlib.import_module(f"benchmarks.{name}")


def rst_table(columns, rows, classes="measured"):
    """Lines of a table in reStructuredText."""
    lines = [".. list-table::", "   :header-rows: 1", f"   :class: {classes}", ""]
    for row in (columns, *rows):
        lines += [f"   {'* -' if i == 0 else '  -'} {_literal(cell)}".rstrip() for i, cell in enumerate(row)]
    return [*lines, ""]


def _literal(text):
    return "".join("\\" + c if c in "*`|_\\" else c for c in text)


def speed(run):
    """Times of all cases."""
    return rst_table(*part("recorded").speed(run))


def faster(run):
    """Where another library is faster."""
    sentence, columns, rows = part("recorded").faster(run)
    return [sentence, "", *(rst_table(columns, rows) if rows else [])]


def memory(run):
    """Memory of calls; nothing if it was not measured."""
    columns, rows = part("recorded").memory(run)
    return rst_table(columns, rows) if rows else None


def about(run):
    """Where, when, which versions, and the most that the machine does."""
    return [
        _literal(part("recorded").versions(run)),
        "",
        *rst_table(*part("recorded").peaks(run), classes="measured measured-words"),
    ]


def calls(found):
    """Small calls."""
    return rst_table(*part("recorded").calls(found))


def cliffs(swept):
    """Shapes that are slower than those beside them."""
    sentence, columns, rows = part("sweep").cliffs(swept)
    return [_literal(sentence), "", *(rst_table(columns, rows) if rows else [])]


def _known(run):
    path = RESULTS / "calls.json"
    return part("paper").figures(run, part("calls").load(path) if path.exists() else None)


def work(run):
    """How many cores divide the work, on paper."""
    return rst_table(*part("paper").work(_known(run)))


def scaling(run):
    """The estimate for many cores."""
    return rst_table(*part("paper").scaling(_known(run)))


def assumptions(run):
    """What the estimate assumes and what it takes from the record."""
    return rst_table(*part("paper").assumptions(_known(run)), classes="measured measured-words")


def limits(run):
    """Which layers stop scaling, where and why."""
    return [_literal(line) for line in part("paper").limits(_known(run))]


VIEWS = {f.__name__: f for f in (speed, faster, memory, about, calls, cliffs, work, scaling, assumptions, limits)}
LOAD = {"calls": ("calls", "load"), "sweep": ("sweep", "load")}


class Measured(SphinxDirective):
    """A view of a recorded file."""

    has_content = True
    required_arguments = 2

    def run(self):
        view, name = self.arguments
        if view == "picture":
            return self._picture(name)
        if view not in VIEWS:
            raise self.error(f"there is no view {view!r}; there are picture, {', '.join(VIEWS)}")
        path = RESULTS / f"{name}.json"
        self.env.note_dependency(str(path))
        for module in ("recorded", "paper", "sweep"):
            self.env.note_dependency(str(ROOT / "benchmarks" / f"{module}.py"))
        lines = None
        if path.exists():
            module, function = LOAD.get(name, ("results", "load"))
            lines = VIEWS[view](getattr(part(module), function)(path))
        if lines is None:
            return self._lacking(name)
        styled = self.env.current_document.setdefault("cyconv_measured_style", set())
        style = "" if styled else STYLE
        styled.add(view)
        return self.parse_text_to_nodes(style + "\n".join(lines))

    def _picture(self, name):
        path = RESULTS / f"{name}.svg"
        self.env.note_dependency(str(path))
        if not path.exists():
            return self._lacking(name.partition("-")[0], drawn=True)
        text = " ".join(" ".join(self.content).split())
        up = "../" * (self.env.docname.count("/") + 1)
        # With a width, Sphinx makes it a link to the picture alone, which can be enlarged.
        return self.parse_text_to_nodes(
            f".. image:: {up}benchmarks/results/{name}.svg\n   :alt: {text}\n   :width: 100%\n"
        )

    def _lacking(self, name, drawn=False):
        told = self.env.current_document.setdefault("cyconv_not_measured", set())
        if drawn and name in told:
            return []
        told.add(name)
        command = COMMANDS.get(name, "")
        if command and drawn:
            command += f" && python -m benchmarks plot benchmarks/results/{name}.json"
        shown = nodes.paragraph()
        shown += nodes.Text("This has not been recorded yet")
        if command:
            shown += [nodes.Text("; the command is "), nodes.literal(command, command)]
        shown += nodes.Text(".")
        return [shown]


def setup(app):
    app.add_directive("measured", Measured)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
