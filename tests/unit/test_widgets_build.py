"""The front end's sources: what is generated has not drifted, bundles stay small, and the lock names no address."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from pplab.views.widgets.base import STATIC

ROOT = Path(__file__).parents[2]
WIDGETS = ROOT / "widgets"


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_generated_types_and_colours_are_those_of_the_python_side():
    expected = load(WIDGETS / "generate.py").files()
    found = {path.name: path.read_text("utf-8") for path in (WIDGETS / "shared" / "generated").iterdir()}
    assert found == expected, "run: python widgets/generate.py"


def test_the_schema_of_jupyterlabs_settings_is_that_of_the_traits():
    generate = load(WIDGETS / "generate.py")
    assert generate.SCHEMA.read_text("utf-8") == generate.schema(), "run: python widgets/generate.py"


def test_every_python_type_of_a_shape_has_its_typescript():
    from typing import Any, Literal

    of = load(WIDGETS / "generate.py")._Types().of
    shapes = [str, int | None, Literal["a", 1, True], dict[str, list[float]], tuple[int, str], tuple[int | None, ...], Any]
    assert [of(shape) for shape in shapes] == [
        "string",
        "number | null",
        '"a" | 1 | true',
        "Readonly<Record<string, readonly number[]>>",
        "readonly [number, string]",
        "readonly (number | null)[]",
        "unknown",
    ]
    with pytest.raises(TypeError, match="no TypeScript for"):
        of(set[int])


def test_bundles_stay_within_their_budget():
    folders = [index.parent.name for index in WIDGETS.glob("*/index.ts") if index.parent.name != "extension"]
    sizes = {name: sum((STATIC / f"{name}{suffix}").stat().st_size for suffix in (".js", ".css")) for name in folders}
    assert "quiz" in sizes
    assert all(size <= 40 * 1024 for size in sizes.values()), sizes
    assert sum(sizes.values()) <= 25 * 1024 * len(sizes), sizes


def test_what_the_extension_loads_before_anything_is_opened_is_small():
    static = STATIC / "labextension" / "static"
    loaded = {path.name: path.stat().st_size for path in static.glob("*.js") if not path.name.startswith("view_")}
    assert sum(loaded.values()) <= 150 * 1024, loaded


def test_bundles_load_nothing_from_the_network():
    for path in (*STATIC.rglob("*.js"), *STATIC.rglob("*.css")):
        code = path.read_text("utf-8")
        named = code.replace("http://www.w3.org/", "").replace("http://127.0.0.1:11434/v1", "")  # a name, and an example in words
        assert "http://" not in named
        assert "https://" not in code
        assert "@import" not in code


def test_the_lock_file_names_versions_and_hashes_but_no_address():
    packages = json.loads((WIDGETS / "package-lock.json").read_text("utf-8"))["packages"]
    installed = {name: package for name, package in packages.items() if name}
    assert all("resolved" not in package and package["integrity"].startswith("sha512-") for package in installed.values())


def test_the_build_of_the_package_installs_two_builders_alone():
    package = json.loads((WIDGETS / "package.json").read_text("utf-8"))
    assert list(package["dependencies"]) == ["@jupyter/builder", "esbuild"]


def test_the_extension_has_the_version_of_the_package():
    import pplab

    described = json.loads((STATIC / "labextension" / "package.json").read_text("utf-8"))
    assert described["version"] == pplab.__version__
    assert (STATIC / "labextension" / described["jupyterlab"]["_build"]["load"]).is_file()
