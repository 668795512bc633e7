"""Writes what the front end takes over from Python: types of the widgets' traits and messages, colours, JupyterLab's settings.

``python widgets/generate.py`` writes ``widgets/shared/generated/`` and ``widgets/extension/schema/settings.json``; a test fails
when those files and the Python side differ.
"""

# ruff: noqa: INP001 - a script beside the front end, not part of a package
from __future__ import annotations

import importlib
import json
import pkgutil
import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from traitlets import Bool, Float, Int, TraitType, Unicode

from pplab.config.jupyterlab import FrontEnd, setting_traits
from pplab.views import theme, widgets
from pplab.views.widgets.base import Dismiss, LabWidget, Retry

TARGET = Path(__file__).parent / "shared" / "generated"
SCHEMA = Path(__file__).parent / "extension" / "schema" / "settings.json"
PLAIN = {str: "string", int: "number", float: "number", bool: "boolean", type(None): "null", Any: "unknown"}
JSON_TYPES = {Unicode: "string", Int: "integer", Float: "number", Bool: "boolean"}
TOKENS = ("BLUE", "VERMILLION", "GREEN", "PURPLE", "ORANGE", "SKY", "GREY")


def main() -> None:
    """Write every file whose content differs."""
    for path, content in {SCHEMA: schema(), **{TARGET / name: content for name, content in files().items()}}.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text("utf-8") != content:
            path.write_text(content, "utf-8")
            print(f"wrote {path.relative_to(TARGET.parents[2])}")


def files() -> dict[str, str]:
    """Return the content of each generated file by its name."""
    for module in pkgutil.iter_modules(widgets.__path__, "pplab.views.widgets."):
        importlib.import_module(module.name)
    classes = {cls.bundle: cls for cls in LabWidget.__subclasses__() if cls.__module__.startswith(widgets.__name__)}
    modules = {f"{name}.ts": _module(name, cls) for name, cls in sorted(classes.items())}
    return {"tokens.css": _tokens(), "settings.ts": _settings(), **modules}


def schema() -> str:
    """Return the schema of JupyterLab's settings, from the traits behind them."""
    content = {
        "title": "Sampling lab",
        "description": "Settings of pplab. A kernel reads them when it loads pplab; what the lab or the environment says goes "
        "before them. Keys of model servers are no settings: they are read from the environment.",
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _property(name, trait) for name, trait in setting_traits().items()},
    }
    return json.dumps(content, indent=2) + "\n"


def _property(name: str, trait: TraitType[Any, Any]) -> dict[str, Any]:
    bounds = {"minimum": getattr(trait, "min", None), "maximum": getattr(trait, "max", None)}
    limits = {key: bound for key, bound in bounds.items() if bound is not None and abs(bound) != float("inf")}
    kind = {"type": next(type_ for cls, type_ in JSON_TYPES.items() if isinstance(trait, cls)), "default": trait.default()}
    return {"title": name.capitalize(), "description": trait.help, **kind, **limits}


def _settings() -> str:
    front_end = {name: trait for name, trait in setting_traits().items() if trait.this_class is FrontEnd}
    fields = [f"  readonly {name}: {'boolean' if isinstance(trait, Bool) else 'number'};" for name, trait in front_end.items()]
    defaults = [f"  {name}: {json.dumps(trait.default())}," for name, trait in front_end.items()]
    return "\n".join([
        "// Generated from pplab.config.jupyterlab by widgets/generate.py.",
        "export interface Settings {", *fields, "}", "",
        "export const DEFAULTS: Settings = {", *defaults, "};", "",
    ])  # fmt: skip


def _tokens() -> str:
    colours = [f"  --pplab-{name.lower()}: {getattr(theme, name)};" for name in TOKENS]
    metrics = [f"  --pplab-{name}: {colour};" for name, colour in theme.METRIC_COLOURS.items()]
    tones = [f"  --pplab-{name}: {colour};" for name, colour in theme.TONES.items()]
    body = "\n".join((*colours, *metrics, *tones)).lower()
    return f"/* Generated from pplab/views/theme.py by widgets/generate.py. */\n.pplab-widget {{\n{body}\n}}\n"


def _module(name: str, cls: type[LabWidget]) -> str:
    types_ = _Types()
    traits = [
        f"  readonly {trait}: {types_.of(found.metadata['shape'])};"
        for trait, found in sorted(cls.class_traits(sync=True).items())
        if "shape" in found.metadata
    ]
    title = cls.__name__
    wire = {
        "toKernel": " | ".join(types_.of(message) for message in (*cls.takes, Retry, Dismiss)),
        "fromKernel": " | ".join(map(types_.of, cls.sends)) or "never",
    }
    parts = [
        f"// Generated from {cls.__module__} by widgets/generate.py.",
        *types_.interfaces.values(),
        "\n".join((f"export interface {title}Traits {{", *traits, "}")),
        "\n".join((f"export interface {title}Wire {{", f"  readonly name: {name!r};".replace("'", '"'),
                   f"  readonly traits: {title}Traits;", *(f"  readonly {key}: {type_};" for key, type_ in wire.items()), "}")),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


class _Types:
    """Turns Python types into TypeScript, collecting an interface for each ``TypedDict`` met on the way."""

    def __init__(self) -> None:
        self.interfaces: dict[str, str] = {}

    def of(self, shape: Any) -> str:
        if shape in PLAIN:
            return PLAIN[shape]
        if is_typeddict(shape):
            return self._interface(shape)
        origin, arguments = get_origin(shape), get_args(shape)
        if origin is Literal:
            return " | ".join(_literal(value) for value in arguments)
        if origin in (Union, types.UnionType):
            return " | ".join(dict.fromkeys(map(self.of, arguments)))
        if origin is dict:
            return f"Readonly<Record<{self.of(arguments[0])}, {self.of(arguments[1])}>>"
        if origin is list or (origin is tuple and arguments[-1] is Ellipsis):
            item = self.of(arguments[0])
            return f"readonly ({item})[]" if " | " in item else f"readonly {item}[]"
        if origin is tuple:
            return f"readonly [{', '.join(map(self.of, arguments))}]"
        raise TypeError(
            f"no TypeScript for {shape!r}: use str, int, float, bool, None, Any, Literal, tuple, list, dict, TypedDict"
        )

    def _interface(self, shape: Any) -> str:
        name: str = shape.__name__
        if name not in self.interfaces:
            self.interfaces[name] = ""  # a shape may hold itself
            fields = get_type_hints(shape)
            rows = [
                f"  readonly {key}{'' if key in shape.__required_keys__ else '?'}: {self.of(value)};"
                for key, value in fields.items()
            ]
            self.interfaces[name] = "\n".join((f"export interface {name} {{", *rows, "}"))
        return name


def _literal(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


if __name__ == "__main__":
    main()
