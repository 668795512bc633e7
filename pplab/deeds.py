"""What each command does: from parsed arguments, through the lab, to a value with a display and its JSON."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import platform
import sys
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pplab.errors import BadInput, NotFound, PplabError, did_you_mean

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from pplab.experiments.results import Experiment
    from pplab.experiments.runner import Progress
    from pplab.lab import Lab

PACKAGES = (
    "jupyterlab",
    "ipywidgets",
    "anywidget",
    "openai",
    "duckdb",
    "pandas",
    "plotly",
    "traitlets",
    "pyarrow",
    "scipy",
    "nh3",
)
STDIN_LIMIT = 2_000_000


@dataclass(frozen=True, slots=True)
class Done:
    """What a command leaves: the object a notebook gets, its JSON for programs, and the process's exit code."""

    value: Any
    data: Any
    exit_code: int = 0


@dataclass
class Session:
    """Where a command runs: the labs it may use, whether in a notebook or a terminal, and how progress is shown."""

    open_lab: Callable[[], Lab]
    place: Literal["notebook", "terminal"]
    progress: Callable[[], AbstractContextManager[Callable[[Progress], None]]] | None = None
    _others: dict[tuple[Any, ...], Lab] = field(default_factory=dict)

    def lab(self, arguments: argparse.Namespace) -> Lab:
        """Return the session's lab, or one that differs from it in what the arguments say."""
        from pplab.lab import Lab

        names = ("store", "user", "model", "base_url")
        wanted = {name: value for name in names if (value := getattr(arguments, name, None)) is not None}
        if not wanted:
            return self.open_lab()
        key = tuple(sorted(wanted.items()))
        if key not in self._others:
            if "store" not in wanted:
                base = self.open_lab()
                wanted = {"store": base.folder, "user": base.user, **wanted}
            self._others[key] = Lab(**wanted)
        return self._others[key]

    def ids(self, entity: Literal["experiment", "calibration"]) -> list[str]:
        """Return the ids of an entity, newest first, for completion."""
        lab = self.open_lab()
        frame = lab.experiments() if entity == "experiment" else lab.calibrations()
        return [str(i) for i in frame[f"{entity}_id"][::-1]]

    def close(self) -> None:
        """Close the labs that arguments opened."""
        for lab in self._others.values():
            lab.close()
        self._others.clear()


def as_json(done: Done) -> str:
    """Return the one result shape of a success, in one line."""
    return json.dumps({"success": True, "data": plain(done.data)}, ensure_ascii=False)


def as_json_error(error: PplabError) -> str:
    """Return the one result shape of a failure, in one line."""
    return json.dumps({"success": False, "error": error.as_dict()}, ensure_ascii=False)


def plain(value: Any) -> Any:
    """Return ``value`` as what JSON can hold; numbers that are not finite become null."""
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return [{str(k): plain(v) for k, v in row.items()} for row in value.to_dict("records")]
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)) or type(value).__name__ == "ndarray":
        return [plain(v) for v in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, (str, bool, int)) or value is None:
        return value
    if hasattr(value, "isoformat"):
        return value.isoformat() if value == value else None  # noqa: PLR0124 - NaT is not equal to itself
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, (str, bool, int)) else str(value)


# -- the commands, in the order of the table ----------------------------------------------------------------------------------


def status(session: Session, arguments: argparse.Namespace) -> Done:
    from pplab.views import results as views

    lab = session.lab(arguments)
    counts = lab.counts()
    latest = lab.experiment() if counts["experiments"] else None
    if latest is None and not counts["calibrations"]:
        step = "calibrate --preset balanced"
    elif latest is None:
        step = "run --calibration latest"
    elif latest.status in ("interrupted", "paused"):
        step = f"run --resume {'latest' if not arguments.full else latest.id}"
    else:
        step = "results"
    data = {
        "lab": str(lab.folder) if arguments.full else lab.name,
        "user": lab.user,
        "model": lab.model,
        "provider": lab.provider,
        "counts": counts,
        "latest": None if latest is None else {"id": latest.id, "status": latest.status},
        "next": step,
    }
    return Done(views.status(data, latest, session.place), data)


def calibrate(session: Session, arguments: argparse.Namespace) -> Done:
    from pplab.calibration import QUESTIONS
    from pplab.views import results as views

    if arguments.questions or not (arguments.answers or arguments.preset):
        return Done(views.questions(QUESTIONS), [dataclasses.asdict(q) for q in QUESTIONS])
    if arguments.answers and arguments.preset:
        raise BadInput("--answers and --preset were both given", hint="give one of them")
    source: Any = arguments.preset or Path(arguments.answers)
    made = session.lab(arguments).calibrate(source)
    return Done(made, made.as_dict())


def run(session: Session, arguments: argparse.Namespace) -> Done:
    lab = session.lab(arguments)
    again = [o for o in ("resume", "retry_failed", "top_up") if getattr(arguments, o)]
    if len(again) > 1:
        raise BadInput("--resume, --retry-failed and --top-up cannot be combined", hint="give one of them")
    if again:
        experiment = lab.experiment(getattr(arguments, again[0]))
        if again[0] == "top_up" and arguments.n is None:
            raise BadInput("--top-up needs --n", hint="say how many replicates there should be")
        with _watched(session, lab):
            done = {
                "resume": experiment.resume,
                "retry_failed": experiment.retry_failed,
                "top_up": lambda: experiment.top_up(arguments.n),
            }[again[0]]()
        return _ran(done)
    prompt, wishes = _wishes(session, arguments)
    if arguments.dry_run:
        ahead = lab.preflight(prompt, **wishes)
        return Done(ahead, ahead.as_dict())
    with _watched(session, lab):
        return _ran(lab.run(prompt, **wishes))


def _ran(experiment: Experiment) -> Done:
    data = {
        "id": experiment.id,
        "status": experiment.status,
        "reason": experiment.reason,
        "correlation_id": experiment.correlation_id,
        "responses": experiment.responses,
        "summary": experiment.summary(),
    }
    return Done(experiment, data, exit_code=1 if experiment.status in ("failed", "interrupted") else 0)


def _watched(session: Session, lab: Lab) -> AbstractContextManager[Any]:
    from contextlib import nullcontext

    if session.progress is None:
        return nullcontext()
    return _Watched(lab, session.progress())


class _Watched:
    """Shows the progress of the run inside; puts the lab back as it was."""

    def __init__(self, lab: Lab, shown: AbstractContextManager[Callable[[Progress], None]]) -> None:
        self._lab, self._shown = lab, shown

    def __enter__(self) -> None:
        self._lab.on_progress = self._shown.__enter__()

    def __exit__(self, *error: object) -> None:
        self._lab.on_progress = None
        self._shown.__exit__(*error)


def _wishes(session: Session, arguments: argparse.Namespace) -> tuple[str | None, dict[str, Any]]:
    """Return the prompt and the keyword arguments of `Lab.run` that the options stand for."""
    prompt = _prompt(session, arguments)
    sweep: dict[str, Any] = {}
    for text in arguments.sweep or ():
        name, has_values, values = text.partition("=")
        if name in sweep:
            raise BadInput(f"the sweep over {name} was given twice", hint="write all its values in one --sweep")
        sweep[name] = values if has_values else None
    wishes = {
        "calibration": arguments.calibration,
        "n": arguments.n,
        "settings": arguments.settings,
        "sweep": sweep or None,
        "parameters": _pairs("--set", arguments.set),
        "data": arguments.prompts,
        "cluster": arguments.cluster,
        "system": arguments.system,
        "seed": arguments.seed,
        "max_cost": arguments.max_cost,
        "deadline": arguments.deadline,
        "max_concurrency": arguments.max_concurrency,
        "stream": arguments.stream or None,
    }
    return prompt, {name: value for name, value in wishes.items() if value is not None}


def _prompt(session: Session, arguments: argparse.Namespace) -> str | None:
    given = " ".join(arguments.prompt)
    sources = [bool(given), bool(arguments.prompt_file)]
    if sum(sources) > 1:
        raise BadInput("the prompt was given twice", hint="give it as text or as --prompt-file")
    if arguments.prompt_file:
        path = Path(arguments.prompt_file)
        try:
            return path.read_text("utf-8")
        except (OSError, UnicodeError, ValueError):
            raise BadInput(f"the prompt file '{path.name}' cannot be read", hint="give the path of a UTF-8 text file") from None
    if given:
        return given
    if arguments.prompts:
        return None
    if session.place == "terminal" and not sys.stdin.isatty():
        return sys.stdin.read(STDIN_LIMIT)
    raise BadInput(
        "there is no prompt",
        hint="write it in the cell" if session.place == "notebook" else "give it as text, --prompt-file or on stdin",
    )


def _pairs(flag: str, texts: list[str] | None) -> dict[str, str] | None:
    pairs: dict[str, str] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise BadInput(f"cannot read {flag} {text}", hint=f"write {flag} NAME=VALUE")
        pairs[name] = value
    return pairs or None


def results(session: Session, arguments: argparse.Namespace) -> Done:
    from pplab.views import results as views

    lab = session.lab(arguments)
    if arguments.list:
        frame = lab.experiments()
        return Done(views.experiments(frame, full=arguments.full), frame)
    experiment = lab.experiment(arguments.id or "latest")
    return Done(views.full_experiment(experiment) if arguments.full else experiment, _ran(experiment).data)


def compare(session: Session, arguments: argparse.Namespace) -> Done:
    lab = session.lab(arguments)
    if arguments.a.isdigit() and arguments.b.isdigit() and len(arguments.a) < 6 and len(arguments.b) < 6:
        made = lab.experiment(arguments.experiment or "latest").compare(int(arguments.a), int(arguments.b))
    else:
        made = lab.compare(arguments.a, arguments.b)
    return Done(made, made.as_dict())


def audit(session: Session, arguments: argparse.Namespace) -> Done:
    from pplab.views import results as views

    frame = session.lab(arguments).audit(
        event=arguments.event, actor=arguments.actor, correlation_id=arguments.correlation, limit=arguments.limit
    )
    return Done(views.audit(frame, full=arguments.full), frame)


def timing(session: Session, arguments: argparse.Namespace) -> Done:
    from pplab.views import results as views

    lab = session.lab(arguments)
    frame = lab.cells() if arguments.kind == "cell" else lab.timing(kind=arguments.kind)
    return Done(views.timing(frame, full=arguments.full), frame)


def trace(session: Session, arguments: argparse.Namespace) -> Done:
    from pplab.views import results as views

    lab = session.lab(arguments)
    walked = lab.trace(arguments.id or lab.experiment().id)
    return Done(views.trace(walked, full=arguments.full), walked)


def export(session: Session, arguments: argparse.Namespace) -> Done:
    lab = session.lab(arguments)
    what = arguments.what or "experiments"
    if what != "experiments" and arguments.ids:
        raise BadInput(f"--what {what} takes no ids", hint="leave the ids out")
    if arguments.path and Path(arguments.path).is_absolute():
        raise BadInput("--path is absolute", hint="give a path inside the working folder; lab.export takes any")
    made = lab.export(arguments.ids or None, arguments.format or "csv", arguments.path, what=what)
    return Done(made, made.as_dict())


def verify(session: Session, arguments: argparse.Namespace) -> Done:
    from pplab.views import results as views

    report = session.lab(arguments).verify()
    return Done(views.verified(report), report)


def sql(session: Session, arguments: argparse.Namespace) -> Done:
    query = " ".join(arguments.query)
    if not query.strip():
        raise BadInput("there is no query", hint="write one SELECT")
    frame = session.lab(arguments).sql(query, arguments.param or ())
    return Done(frame, frame)


def config(session: Session, arguments: argparse.Namespace) -> Done:
    from pplab.config import PPLab, save_settings, set_value
    from pplab.views import results as views

    lab = session.lab(arguments)
    for name, value in (_pairs("config", arguments.changes) or {}).items():
        set_value(lab.settings, name, value)
    if arguments.changes:
        save_settings(lab.settings, lab.folder)
    traits = PPLab.class_traits(config=True)
    data = {name: {"value": getattr(lab.settings, name), "help": traits[name].help} for name in PPLab.names()}
    return Done(views.settings(data), {name: item["value"] for name, item in data.items()})


def doctor(session: Session, arguments: argparse.Namespace) -> Done:
    from pplab.views import results as views

    checks: list[dict[str, str]] = []

    def check(name: str, ok: bool, words: str) -> None:
        checks.append({"check": name, "state": "ok" if ok else "problem", "found": words})

    check("python", sys.version_info >= (3, 11), platform.python_version())
    for package in PACKAGES:
        try:
            check(package, True, metadata.version(package))
        except metadata.PackageNotFoundError:
            check(package, False, "not installed; run: pip install pplab")
    try:
        lab = session.lab(arguments)
        report = lab.verify()
        check("lab", True, f"{lab.name}, {report.rows:,} audit rows, chain verified")
        check("writable", os.access(lab.folder, os.W_OK), "the lab's folder can be written")
        where = "no server needed" if lab.provider == "embedded" else f"at {lab.provider}"
        check("model", True, f"{lab.model}, {where}")
    except PplabError as error:
        check("lab", False, str(error))
    healthy = all(c["state"] == "ok" for c in checks)
    return Done(views.doctor(checks), checks, exit_code=0 if healthy else 1)


def help(session: Session, arguments: argparse.Namespace) -> Done:
    from pplab import commands, metrics
    from pplab.views import results as views

    door = "%pplab" if session.place == "notebook" else "pplab"
    topic = arguments.topic
    if topic is None:
        text = commands.overview(door)
        return Done(views.plain_text(text), text)
    if topic in commands.COMMANDS:
        text = commands.parser(commands.COMMANDS[topic], door=door).format_help().rstrip()
        return Done(views.plain_text(text), text)
    pages = {m.name: m for m in metrics.registered()}
    if topic == "metrics" or topic in pages or topic in ("diversity", "custom"):
        names = list(pages) if topic == "metrics" else [topic]
        text = "\n\n".join(metrics.doc(name) for name in names)
        return Done(views.document(text), text)
    known = [*commands.COMMANDS, "metrics", *pages]
    raise NotFound(f"there is no help on '{topic}'", hint=did_you_mean(topic, known) or f"topics: {', '.join(known)}")
