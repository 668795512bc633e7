"""What the commands of sharing do: record, import, verify, replay and check, from parsed arguments to a value with a display."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pplab.commands import general
from pplab.commands.session import CommandResult
from pplab.errors import BadInput

if TYPE_CHECKING:
    import argparse

    from pplab.commands.session import Session


def record(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Put a recording in front of the model, report on the one in use, or stop."""
    from pplab.views import static as views

    if arguments.stop:
        if arguments.file:
            raise BadInput("--stop takes no file", hint="leave the file out")
        session.stop_recording(arguments)
        return CommandResult(views.plain_text("Calls are no longer recorded."), None)
    if arguments.file:
        session.record(arguments, arguments.file, arguments.max_age)
    lab = session.lab(arguments)
    if lab.recording is None:
        raise BadInput("nothing is being recorded", hint="name a file: record calls.jsonl")
    data = {"file": lab.recording.name, **lab.recording.report().as_dict()}
    if session.place == "terminal":
        return CommandResult(views.plain_text(_in_terminal(lab.recording, data)), data)
    return CommandResult(lab.recording, data)


def _in_terminal(recording: Any, data: dict[str, Any]) -> str:
    """Say what the file holds: a command in a terminal ends with its process, so recording is asked for by the environment."""
    models = ", ".join(f"{m['calls']} by {m['model']} at {m['provider']}" for m in data["models"]) or "none yet"
    stale = [line for line in recording.words.splitlines() if line.startswith("Warning")]
    advice = f"To record or replay the commands that follow: export PPLAB_RECORDING={recording.name}"
    return "\n".join([f"{recording.name}: {data['calls']} recorded calls ({models})", *stale, advice])


def bring_in(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Import a package."""
    made = session.lab(arguments).import_package(arguments.file)
    return CommandResult(made, made.as_dict())


def verify(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Verify a package, or this lab."""
    if arguments.file is None:
        return general.verify(session, arguments)
    report: Any = session.lab(arguments).verify(arguments.file)
    return CommandResult(report, report.as_dict())


def replay(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Score stored responses again; a difference is a failure to a program."""
    made = session.lab(arguments).replay(arguments.what or "latest", live=arguments.live)
    drifted = any(check.outcome == "drifted" for check in made.live)
    return CommandResult(made, made.as_dict(), exit_code=0 if made.identical and not drifted else 1)


def check(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Run a baseline again and compare; the exit code is the gate's."""
    from pplab.files import write_atomically
    from pplab.share.export import target
    from pplab.share.junit import junit

    lab = session.lab(arguments)
    out = target(arguments.junit, lab.folder, "check", "xml") if arguments.junit else None
    margins = {}
    for name, value in (general.pairs("--margin", arguments.margin) or {}).items():
        try:
            margins[name] = float(value)
        except ValueError:
            raise BadInput(f"the margin {value} of {name} is not a number", hint="write --margin NAME=NUMBER") from None
    model = arguments.model and lab.model  # without its endpoint
    with general.watched(session, lab, arguments) as shown:
        gate = lab.check(arguments.baseline, n=arguments.n, margins=margins or None, model=model, on=shown)
    if out is not None:
        write_atomically(out, junit(list(gate.checks)))
    return CommandResult(gate, gate.as_dict(), exit_code=gate.exit_code)
