"""The rules of the house, read from the source: which room may import which, and what each may hold."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from itertools import pairwise
from pathlib import Path

import pytest

import pplab

ROOT = Path(pplab.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

# A room may import rooms below it, and its own. The bottom is what everything may use.
BASE = {
    "errors",
    "ids",
    "secrets",
    "addresses",
    "approvals",
    "endpoints",
    "config",
    "paths",
    "forks",
    "log",
    "loop",
    "natural",
    "texts",
}
PURE = {"metrics", "analysis", "calibration"}
LEVELS = (
    BASE,
    {"metrics", "analysis", "calibration", "experiments.settings", "experiments.design", "store.rows", "models.records"},
    {"observe.events"},
    {"operation"},
    {"models", "store", "observe", "experiments", "share"},
    {"access"},
    {"context"},
    {"runs"},
    {"lab"},
    {"session"},
    {"views"},
    {"variables", "typography"},
    {"grammar"},
    {"deeds", "deeds_runs", "deeds_share", "deeds_views"},
    {"commands"},
    {"magic", "cli", "pytest_plugin"},
    {"__init__", "__main__"},
)
SQL = re.compile(
    r"\b(SELECT\s.+\sFROM\s|INSERT\s+INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|CREATE\s+TABLE\s|MERGE\s+INTO\s|PRAGMA\s)",
    re.DOTALL | re.IGNORECASE,
)
# Module-level objects that change: the process's open stores, the metrics users register, and no other.
STATEFUL = {("store/store.py", "_open"), ("metrics/registry.py", "_users")}

NOT_IMPORTED = {
    "ipykernel": "the kernel in which the widgets are, from version 7 on",
    "ipywidgets": "what anywidget builds on, from version 8 on",
}


def module(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def level(name):
    """Return how high a module stands: the longest name in the table that it is or begins with."""
    best = (-1, -1)
    for height, rooms in enumerate(LEVELS):
        for room in rooms:
            if name == room or name.startswith(room + "."):
                best = max(best, (len(room), height))
    assert best[0] >= 0, f"{name} stands in no room of the table"
    return best[1]


def tree(path):
    return ast.parse(path.read_text("utf-8"))


def typing_only(node):
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def imports(path):
    """Yield the names of what a file imports when it runs, also inside functions."""

    def walk(node):
        if typing_only(node):
            return
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield node.module if node.module.partition(".")[0] != "pplab" else f"{node.module}.{alias.name}"
        for child in ast.iter_child_nodes(node):
            yield from walk(child)

    yield from walk(tree(path))


def ours(name):
    """Return which of our modules an imported name is, or lies in."""
    parts = name.split(".")[1:]
    while parts:
        path = ROOT.joinpath(*parts)
        if path.with_suffix(".py").exists() or path.is_dir():
            return ".".join(parts)
        parts.pop()
    return "__init__"


def outside(path):
    return {name.partition(".")[0] for name in imports(path)} - {"pplab"}


def test_imports_go_one_way():
    wrong = []
    for path in FILES:
        name = module(path)
        for imported in imports(path):
            if imported.partition(".")[0] == "pplab":
                target = ours(imported)
                if target != "__init__" and level(target) > level(name):
                    wrong.append(f"{name} imports {target}")
    assert wrong == []


def test_the_pure_rooms_import_nothing_of_ours_but_plain_records():
    allowed = {*BASE, "experiments.settings", "experiments.design", "models.records", "store.rows"}
    wrong = []
    for path in FILES:
        name = module(path)
        room = name.partition(".")[0]
        if room not in PURE and name not in ("experiments.settings", "experiments.design"):
            continue
        for imported in imports(path):
            target = ours(imported) if imported.partition(".")[0] == "pplab" else None
            if target and target.partition(".")[0] not in PURE and target not in allowed:
                wrong.append(f"{name} imports {target}")
    assert wrong == []


@pytest.mark.parametrize(
    ("package", "homes"),
    [
        ("IPython", ("magic.py", "observe/cells.py")),
        ("anywidget", ("views/",)),
        ("plotly", ("views/",)),
        ("ipywidgets", ("views/",)),
        ("duckdb", ("store/",)),
        ("argparse", ("grammar.py",)),
        ("nh3", ("views/html.py",)),
        ("markdown_it", ("views/html.py",)),
    ],
)
def test_each_heavy_package_has_one_home(package, homes):
    users = [path.relative_to(ROOT).as_posix() for path in FILES if package in outside(path)]
    assert [user for user in users if not user.startswith(homes)] == []


def test_what_is_imported_is_declared_and_what_is_declared_is_imported():
    project = tomllib.loads((ROOT.parent / "pyproject.toml").read_text("utf-8"))["project"]
    declared = {re.split(r"[^\w.-]", line)[0].lower() for line in project["dependencies"]}
    modules = {name for path in FILES if path.name != "pytest_plugin.py" for name in outside(path)} - sys.stdlib_module_names
    imported = {packages_distributions()[name][0].lower() for name in modules}
    assert declared - imported == set(NOT_IMPORTED)
    assert imported - declared == set()


def test_sql_is_written_in_the_store_only():
    def strings(path):
        docs = {
            ast.get_docstring(n, clean=False)
            for n in ast.walk(tree(path))
            if isinstance(n, (ast.Module, ast.ClassDef, ast.FunctionDef))
        }
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value not in docs:
                yield node.value

    examples = {'sql "SELECT status, count(*) AS n FROM responses GROUP BY ALL"'}
    found = [
        (path.relative_to(ROOT).as_posix(), text[:60])
        for path in FILES
        if path.relative_to(ROOT).parts[0] != "store"
        for text in strings(path)
        if SQL.search(text) and text not in examples
    ]
    assert found == []


def test_no_module_holds_state_that_changes():
    """A module-level name that is rebound, filled or holds an object of a class of ours is state."""
    wrong = []
    for path in FILES:
        where, body = path.relative_to(ROOT).as_posix(), tree(path)
        classes = {n.name for n in ast.walk(body) if isinstance(n, ast.ClassDef) and not _frozen(n)}
        names = {}
        for node in body.body:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
            for target in targets:
                if isinstance(target, ast.Name):
                    names[target.id] = node.value
        for name, value in names.items():
            made = value.func.id if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) else None
            if (made in classes or name in _changed(body)) and (where, name) not in STATEFUL:
                wrong.append(f"{where}: {name}")
    assert wrong == []


MUTATORS = {"append", "add", "update", "clear", "pop", "setdefault", "extend", "remove", "discard", "insert"}


def _frozen(node):
    decorated = any("frozen" in ast.dump(d) for d in node.decorator_list)
    return decorated or any(isinstance(b, ast.Name) and b.id in ("NamedTuple", "Protocol", "Enum") for b in node.bases)


def _changed(body):
    """Return the names that some function rebinds (``global``) or changes in place."""
    changed = set()
    for function in (n for n in ast.walk(body) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))):
        local = {a.arg for a in (*function.args.args, *function.args.kwonlyargs)} | {
            n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        for node in ast.walk(function):
            if isinstance(node, ast.Global):
                changed.update(node.names)
                local -= set(node.names)
            target = None
            if isinstance(node, (ast.Assign, ast.AugAssign, ast.Delete)):
                for t in getattr(node, "targets", None) or [node.target]:
                    if isinstance(t, ast.Subscript) and isinstance(t.value, ast.Name):
                        target = t.value.id
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
                target = getattr(node.func.value, "id", None)
            if target and target not in local:
                changed.add(target)
    return changed


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_opens_with_one_line_that_names_its_room_and_stays_small(path):
    text = path.read_text("utf-8")
    opening = ast.get_docstring(ast.parse(text))
    assert opening, "it has no docstring"
    assert opening.splitlines()[0].endswith((".", "?")), "its first line is no sentence"
    assert text.count("\n") <= 500 or path.name == "lab.py"  # its verbs carry the documentation of the lab


def test_no_file_of_ours_is_imported_in_a_circle():
    graph = {module(path): {ours(i) for i in top_imports(path)} for path in FILES}
    done, under_way = set(), []

    def visit(name):
        if name in under_way:
            raise AssertionError(" -> ".join([*under_way[under_way.index(name) :], name]))
        if name in done or name not in graph:
            return
        under_way.append(name)
        for target in graph[name]:
            visit(target)
        done.add(under_way.pop())

    for name in graph:
        visit(name)
    assert len(done) == len(graph)


def top_imports(path):
    for node in tree(path).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "pplab":
            for alias in node.names:
                target = f"{node.module}.{alias.name}"
                if ours(target) != "__init__":
                    yield target


def test_the_levels_of_the_table_are_disjoint():
    for lower, higher in pairwise(LEVELS):
        assert not lower & higher


# -- no silent except -----------------------------------------------------------------------------------------------------------

TELLS = {"caught", "show", "_fail", "_why"}
"""What logs an error: `pplab.log.caught` does; the others hand it to that when the user has not caused it."""


def _broad(kind):
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(k is None or (isinstance(k, ast.Name) and k.id in ("Exception", "BaseException")) for k in kinds)


def _told(handler):
    inner = [node for statement in handler.body for node in ast.walk(statement)]
    names = {getattr(n.func, "id", getattr(n.func, "attr", "")) for n in inner if isinstance(n, ast.Call)}
    return bool(names & TELLS) or any(isinstance(node, ast.Raise) for node in inner)


def _silent(text):
    """Yield the lines where whatever goes wrong is passed over, or a named error is and nothing says why."""
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        said = "#" in lines[getattr(node, "lineno", 1) - 1]
        if isinstance(node, ast.ExceptHandler):
            passes = all(isinstance(statement, (ast.Pass, ast.Continue)) for statement in node.body)
            if (_broad(node.type) and not _told(node)) or (passes and not said):
                yield node.lineno
        suppresses = isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "suppress"
        if suppresses and (any(map(_broad, node.args)) or not said):
            yield node.lineno


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_error_is_passed_over_in_silence(path):
    assert list(_silent(path.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "code",
    [
        "try: f()\nexcept: pass",
        "try: f()\nexcept Exception:\n    x = 1  # why",
        "try: f()\nexcept (ValueError, BaseException) as e:\n    print(e)",
        "with suppress(Exception):  # why\n    f()",
        "with contextlib.suppress(OSError):\n    f()",
        "try: f()\nexcept OSError:\n    pass",
    ],
)
def test_what_passes_over_an_error_in_silence_is_found(code):
    assert list(_silent(code))


def test_what_hands_an_error_on_to_the_log_does_so():
    """The names in `TELLS` are believed; each of these functions calls the log or one that does."""
    found = {}
    for path in FILES:
        for node in ast.walk(tree(path)):
            if (
                isinstance(node, ast.FunctionDef)
                and node.name in TELLS - {"caught"}
                and any("rror" in a.arg for a in node.args.args)
            ):
                found[f"{path.name}: {node.name}"] = _told(node)
    assert set(map(str, found.values())) == {"True"}, found


def test_threads_are_made_where_their_end_is_logged():
    makers = [path.name for path in FILES if "threading.Thread(" in path.read_text("utf-8")]
    assert makers == ["log.py"]
