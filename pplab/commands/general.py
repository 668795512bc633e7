"""What each command does: from parsed arguments, through the lab, to a value with a display and its JSON."""

from __future__ import annotations

import dataclasses
import os
import platform
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pplab import log
from pplab.commands.session import CommandResult, Session, unwatched
from pplab.commands.variables import put_in, taken_from
from pplab.errors import BadInput, Interrupted, PplabError
from pplab.inputs.texts import decode, read_text
from pplab.plan.request import RunRequest

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from pplab.config.approvals import Grant
    from pplab.experiments.dependencies import Listener
    from pplab.experiments.experiment import Experiment
    from pplab.lab import Lab

INPUT_LIMIT = 2_000_000  # bytes of a prompt


# -- the commands, in the order of the table ----------------------------------------------------------------------------------


def status(session: Session, arguments: argparse.Namespace) -> CommandResult:
    from pplab.views import static as views

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
    return CommandResult(views.status(data, latest, session.place), data)


def calibrate(session: Session, arguments: argparse.Namespace) -> CommandResult:
    from pplab.calibration import QUESTIONS
    from pplab.views import static as views

    given = arguments.answers is not None or arguments.preset
    if arguments.questions or not given:
        return CommandResult(views.questions(QUESTIONS), [dataclasses.asdict(q) for q in QUESTIONS])
    if arguments.answers is not None and arguments.preset:
        raise BadInput("--answers and --preset were both given", hint="give one of them")
    answers = arguments.answers
    source: Any = arguments.preset or (Path(answers) if isinstance(answers, str) else answers)
    made = session.lab(arguments).calibrate(source)
    return CommandResult(made, made.as_dict())


RESUME_OPTIONS = {"resume": "--resume", "retry_failed": "--retry-failed", "top_up": "--top-up"}
RESUME_TAKES = {*RESUME_OPTIONS, "n", "max_cost", "store", "user", "model", "base_url", "json", "variables"}


def run(session: Session, arguments: argparse.Namespace) -> CommandResult:
    lab = session.lab(arguments)
    again = [name for name in RESUME_OPTIONS if getattr(arguments, name)]
    if again:
        return _run_resume(session, lab, arguments, again)
    request = request_of(session, arguments)
    if arguments.dry_run:
        ahead = lab.preflight(**request.given())
        return CommandResult(ahead, ahead.as_dict())
    with watched(session, lab, arguments) as shown:
        made = lab.run(**request.given(), on=shown)
    return _ran(made)


def _run_resume(session: Session, lab: Lab, arguments: argparse.Namespace, again: list[str]) -> CommandResult:
    if len(again) > 1:
        raise BadInput(f"{' and '.join(RESUME_OPTIONS[name] for name in again)} cannot be combined", hint="give one of them")
    kind = again[0]
    others = [name for name, value in vars(arguments).items() if not _is_unset(value) and name not in RESUME_TAKES]
    if others:
        word = "a prompt" if others[0] == "prompt" else "--" + others[0].replace("_", "-")
        raise BadInput(
            f"{RESUME_OPTIONS[kind]} takes no {word.removeprefix('a ')}", hint="the experiment's plan is kept as it is"
        )
    if (kind == "top_up") != (arguments.n is not None):
        raise BadInput("--top-up and --n belong together", hint="write --top-up ID --n 20 to have 20 replicates of everything")
    experiment = lab.experiment(getattr(arguments, kind))
    with watched(session, lab, arguments) as shown:
        if kind == "top_up":
            made = experiment.top_up(arguments.n, max_cost=arguments.max_cost, on=shown)
        else:
            send = experiment.resume if kind == "resume" else experiment.retry_failed
            made = send(max_cost=arguments.max_cost, on=shown)
    return _ran(made)


def _is_unset(value: Any) -> bool:
    return value is None or value is False or (isinstance(value, list) and not value)


def _ran(experiment: Experiment) -> CommandResult:
    with experiment.reading():
        data = {
            "id": experiment.id,
            "status": experiment.status,
            "reason": experiment.reason,
            "correlation_id": experiment.correlation_id,
            "warnings": experiment.warnings,
            "responses": experiment.responses,
            "summary": experiment.summary(),
        }
    return CommandResult(
        experiment, data, exit_code={"failed": 1, "interrupted": Interrupted.exit_code}.get(experiment.status, 0)
    )


def watched(session: Session, lab: Lab, arguments: argparse.Namespace) -> AbstractContextManager[Listener | None]:
    """Return who shows the progress of a run, nobody when a program reads the output; it is shown until the context ends."""
    return unwatched(lab) if arguments.json else session.watch(lab)


def request_of(session: Session, arguments: argparse.Namespace) -> RunRequest:
    """Return the request that the options of ``run`` make; an option is named as its field, but for these."""
    fields = {
        "prompt": _prompt(session, arguments),
        "sweep": _sweep(arguments.sweep or ()),
        "parameters": pairs("--set", arguments.set),
        "data": arguments.prompts,
    }
    fields |= {field.name: getattr(arguments, field.name) for field in dataclasses.fields(RunRequest) if field.name not in fields}
    return RunRequest(**fields)


def _sweep(texts: Sequence[str]) -> dict[str, str | None] | None:
    """Return the values of each swept parameter as they were written, ``None`` for a name alone."""
    sweep: dict[str, str | None] = {}
    for text in texts:
        name, has_values, values = text.partition("=")
        if name in sweep:
            raise BadInput(f"the sweep over {name} was given twice", hint="write all its values in one --sweep")
        sweep[name] = values if has_values else None
    return sweep or None


def _prompt(session: Session, arguments: argparse.Namespace) -> str | None:
    """Return the prompt from the words, the cell, a file or standard input; the same text wherever it came from."""
    given = _with_variables(session, arguments, " ".join(arguments.prompt))
    if given and arguments.prompt_file:
        raise BadInput("the prompt was given twice", hint="give it as text or as --prompt-file")
    if arguments.prompt_file:
        given = read_text(arguments.prompt_file, what="the prompt file", limit=INPUT_LIMIT)
    elif not given and arguments.prompts is None and session.place == "terminal" and sys.stdin and not sys.stdin.isatty():
        given = _standard_input()
    elif not given and arguments.prompts is None:
        where = "write it in the cell" if session.place == "notebook" else "give it as text, --prompt-file or on stdin"
        raise BadInput("there is no prompt", hint=where)
    return given.rstrip("\n") or (None if arguments.prompts is not None else "")


def _with_variables(session: Session, arguments: argparse.Namespace, text: str) -> str:
    """Return the prompt's text with the notebook's variables; in a template, columns of the table go before them."""
    if arguments.prompts is None:
        return put_in(text, arguments.variables)
    named = taken_from(text, arguments.variables)
    if not named:
        return text
    from pplab.plan.tables import as_table

    table = as_table(arguments.prompts)
    columns = table.columns
    for name in (name for name in named if name in columns and not arguments.json):
        session.say(f"{{{name}}} is the column of the table; the variable of the same name is not used.")
    values: dict[str, str] = {}

    def as_constant(value: str) -> str:  # whose own braces are no placeholders
        name = f"\0{len(values)}"  # which no column has
        values[name] = value
        return f"{{{name}}}"

    template = put_in(text, arguments.variables, columns=columns, write=as_constant)
    arguments.prompts = dataclasses.replace(table, constants=values)
    return template


def _standard_input() -> str:
    data = sys.stdin.buffer.read(INPUT_LIMIT + 1)
    if len(data) > INPUT_LIMIT:
        raise BadInput(f"standard input is larger than {INPUT_LIMIT / 1e6:g} MB", hint="shorten it")
    return decode(data, "standard input")


def pairs(flag: str, texts: list[str] | None) -> dict[str, str] | None:
    pairs: dict[str, str] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise BadInput(f"cannot read {flag} {text}", hint=f"write {flag} NAME=VALUE")
        pairs[name] = value
    return pairs or None


def results(session: Session, arguments: argparse.Namespace) -> CommandResult:
    from pplab.views import static as views

    lab = session.lab(arguments)
    if arguments.list:
        frame = lab.experiments()
        return CommandResult(views.experiments(frame, full=arguments.full), frame)
    experiment = lab.experiment(arguments.id or "latest")
    return CommandResult(views.full_experiment(experiment) if arguments.full else experiment, _ran(experiment).data)


def compare(session: Session, arguments: argparse.Namespace) -> CommandResult:
    lab = session.lab(arguments)
    if arguments.a.isdigit() and arguments.b.isdigit() and len(arguments.a) < 6 and len(arguments.b) < 6:
        made = lab.experiment(arguments.experiment or "latest").compare(int(arguments.a), int(arguments.b))
    else:
        made = lab.compare(arguments.a, arguments.b)
    return CommandResult(made, made.as_dict())


def audit(session: Session, arguments: argparse.Namespace) -> CommandResult:
    from pplab.views import static as views

    frame = session.lab(arguments).audit(
        event=arguments.event, actor=arguments.actor, correlation_id=arguments.correlation, limit=arguments.limit
    )
    return CommandResult(views.audit(frame, full=arguments.full), frame)


def timing(session: Session, arguments: argparse.Namespace) -> CommandResult:
    from pplab.views import static as views

    lab = session.lab(arguments)
    frame = lab.cells() if arguments.kind == "cell" else lab.timing(kind=arguments.kind)
    return CommandResult(views.timing(frame, full=arguments.full), frame)


def trace(session: Session, arguments: argparse.Namespace) -> CommandResult:
    from pplab.views import static as views

    lab = session.lab(arguments)
    walked = lab.trace(lab.experiment().id if arguments.id in (None, "latest") else arguments.id)
    return CommandResult(views.trace(walked, full=arguments.full), walked)


def export(session: Session, arguments: argparse.Namespace) -> CommandResult:
    lab = session.lab(arguments)
    what = arguments.what or "experiments"
    if what != "experiments" and arguments.ids:
        raise BadInput(f"--what {what} takes no ids", hint="leave the ids out")
    if arguments.path and (Path(arguments.path).is_absolute() or arguments.path.startswith("~")):
        raise BadInput("--path is absolute", hint="give a path inside the working folder; lab.export takes any")
    made = lab.export(arguments.ids or None, arguments.format or "csv", arguments.path, what=what)
    return CommandResult(made, made.as_dict())


def verify(session: Session, arguments: argparse.Namespace) -> CommandResult:
    from pplab.views import static as views

    report = session.lab(arguments).verify()
    return CommandResult(views.verified(report), report)


def rebuild(session: Session, arguments: argparse.Namespace) -> CommandResult:
    report = session.lab(arguments).rebuild(swap=arguments.swap)
    return CommandResult(report, report.as_dict(), exit_code=0 if report.equal or report.swapped else 1)


def sql(session: Session, arguments: argparse.Namespace) -> CommandResult:
    query = " ".join(arguments.query)
    if not query.strip():
        raise BadInput("there is no query", hint="write one SELECT")
    frame = session.lab(arguments).sql(query, arguments.param or ())
    return CommandResult(frame, frame)


def config(session: Session, arguments: argparse.Namespace) -> CommandResult:
    from pplab.config.approvals import approve, read_grant
    from pplab.config.configuration import PPLab, change_configuration
    from pplab.views import static as views

    lab = session.lab(arguments)
    approve([read_grant(text) for text in arguments.approve or ()])
    if arguments.changes:
        lab.context.store.must_be_writable()
        change_configuration(lab.configuration, pairs("config", arguments.changes) or {}, lab.folder)
    traits = PPLab.class_traits(config=True)
    data = {name: {"value": getattr(lab.configuration, name), "help": traits[name].help} for name in PPLab.names()}
    keys = [words for _, _, words in _keys(lab)]
    values = {name: item["value"] for name, item in data.items()}
    return CommandResult(views.configuration(data, keys), values | {"keys": keys})


def _keys(lab: Lab) -> list[tuple[Grant, bool, str]]:
    """Return each key that the lab's folder gives an address, whether it may go there, and the same in words."""
    from pplab.config.approvals import unapproved
    from pplab.config.configuration import grants_of

    grants = grants_of(lab.configuration.stored_in_lab)
    missing = unapproved(grants)
    return [
        (
            grant,
            grant not in missing,
            f"{grant.variable} {'is not approved for' if grant in missing else 'may go to'} {grant.address}",
        )
        for grant in grants
    ]


def doctor(session: Session, arguments: argparse.Namespace) -> CommandResult:
    from pplab.views import static as views

    checks: list[dict[str, str]] = []

    def check(name: str, ok: bool, words: str) -> None:
        checks.append({"check": name, "state": "ok" if ok else "problem", "found": words})

    check("python", sys.version_info >= (3, 11), platform.python_version())
    for package in _required():
        version = _version(package)
        check(package, version is not None, version or f"not installed; run: pip install {package}")
    check("jupyterlab", True, _version("jupyterlab") or "not here; the widgets are shown in it")
    try:
        lab: Lab | None = session.lab(arguments)
    except PplabError as error:
        lab = None
        check("lab", False, str(error))
    if lab is not None:
        _check_lab(lab, check)
    for line in log.recent(lab.folder if lab else None):
        words = line.partition(": ")[2]  # its time and process stand in the file
        checks.append({"check": "log", "state": "seen", "found": lab.scrub(words) if lab else words})
    healthy = all(c["state"] != "problem" for c in checks)
    return CommandResult(views.doctor(checks), checks, exit_code=0 if healthy else 1)


def _check_lab(lab: Lab, check: Callable[[str, bool, str], None]) -> None:
    try:
        report = lab.verify()
        check("lab", True, f"{lab.name}, {report.rows:,} audit rows, chain verified")
    except PplabError as error:
        check("lab", False, str(error))
    hidden = lab.context.store.unreadable()
    if hidden:
        check("journals", False, f"not in the tables, for they may not be read (chmod g+r): {', '.join(hidden)}")
    why = lab.context.store.read_only
    check("writable", not why, f"the lab can only be read: {why}" if why else "the lab's folder can be written")
    where = "no server needed" if lab.provider == "embedded" else f"at {lab.provider}"
    check("model", True, f"{lab.model}, {where}")
    for variable in lab.context.unset_variables:
        check("key", False, f"{variable} is not set, so {lab.provider} is not sent it")
    try:
        for grant, approved, words in _keys(lab):
            check("key", approved or not os.environ.get(grant.variable), words)
    except PplabError as error:
        check("key", False, str(error))


def _required() -> list[str]:
    """Return the names of the packages that pplab always needs: its requirements, but not those of its extras."""
    requirements = metadata.requires("pplab") if _version("pplab") else None
    return [re.split(r"[^\w.-]", line)[0] for line in requirements or () if "extra ==" not in line]


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
