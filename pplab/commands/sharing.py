"""The commands of sharing: export, import, verify, replay, record, and the regression gate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pplab.commands.command import Argument, Command, Option, number, whole_number
from pplab.commands.options import MODEL_OPTIONS, name_value_pairs
from pplab.commands.result import CommandResult, text_result
from pplab.errors import BadInput

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pplab.commands.session import Session
    from pplab.models.recording import Recording


def export(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Write a file; from a command only inside the working folder."""
    from pplab.share.export import OF_EXPERIMENTS

    lab = session.lab(arguments)
    what = arguments.what or "experiments"
    if what not in OF_EXPERIMENTS and arguments.ids:
        raise BadInput(f"--what {what} takes no ids", hint="leave the ids out")
    if arguments.path and (Path(arguments.path).is_absolute() or arguments.path.startswith("~")):
        raise BadInput("--path is outside the working folder", hint="give a path inside it; in Python, lab.export takes any path")
    file = lab.export(arguments.ids or None, arguments.format or "csv", arguments.path, what=what)
    return CommandResult(file, file.as_dict())


def import_package(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Import a package."""
    report = session.lab(arguments).import_package(arguments.file)
    return CommandResult(report, report.as_dict())


def verify(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Verify a package, or this lab."""
    from pplab.views import static as views

    report: Any = session.lab(arguments).verify(arguments.file)
    if arguments.file is None:
        return CommandResult(views.verification(report), report)
    return CommandResult(report, report.as_dict())


def replay(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Score stored responses again; a difference is a failure to a program."""
    report = session.lab(arguments).replay(arguments.what or "latest", live=arguments.live, reader=arguments.reader)
    drifted = any(check.outcome == "drifted" for check in report.live)
    return CommandResult(report, report.as_dict(), exit_code=0 if report.identical and not drifted else 1)


def record(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Put a recording in front of the model, report on the one in use, or stop."""
    if arguments.stop:
        if arguments.file:
            raise BadInput("--stop takes no file", hint="leave the file out")
        session.stop_recording(arguments)
        return CommandResult(text_result("Calls are no longer recorded.").value, None)
    if arguments.file:
        session.record(arguments, arguments.file, arguments.max_age)
    recording = session.lab(arguments).recording
    if recording is None:
        raise BadInput("nothing is being recorded", hint="name a file: record calls.jsonl")
    data = {"file": recording.name, **recording.report().as_dict()}
    if session.front_end == "terminal":
        return CommandResult(text_result(_terminal_summary(recording, data)).value, data)
    return CommandResult(recording, data)


def _terminal_summary(recording: Recording, data: dict[str, Any]) -> str:
    """Return what the file holds, and how to use it: a command's recording ends with its process, the environment's does not."""
    models = ", ".join(f"{m['calls']} by {m['model']} at {m['provider']}" for m in data["models"]) or "none yet"
    warnings = [line for line in recording.words.splitlines() if line.startswith("Warning")]
    advice = f"To record or replay the commands that follow: export PPLAB_RECORDING={recording.name}"
    return "\n".join([f"{recording.name}: {data['calls']} recorded calls ({models})", *warnings, advice])


def check(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Run the regression gate; the exit code is its own."""
    from pplab.files import write_atomically
    from pplab.share.export import target
    from pplab.share.junit import junit

    lab = session.lab(arguments)
    junit_file = target(arguments.junit, lab.folder, "check", "xml") if arguments.junit else None
    margin, margins = _margins(arguments.margin or [])
    model = arguments.model and lab.model  # without its endpoint
    with session.progress(lab, arguments) as listener:
        gate = lab.check(arguments.baseline, n=arguments.n, margin=margin, margins=margins, model=model, on=listener)
    if junit_file is not None:
        write_atomically(junit_file, junit(list(gate.checks)))
    return CommandResult(gate, gate.as_dict(), exit_code=gate.exit_code)


def _margins(texts: Sequence[str]) -> tuple[float | None, dict[str, float] | None]:
    """Return the margin of the utility, which stands alone, and those of metrics, which follow their names."""
    alone = [text for text in texts if "=" not in text]
    if len(alone) > 1:
        raise BadInput(f"the utility has one margin, not {' and '.join(alone)}", hint="write --margin METRIC=NUMBER for a metric")
    named = name_value_pairs("--margin", [text for text in texts if "=" in text]) or {}
    margins = {name: _margin(value, f" of {name}") for name, value in named.items()}
    return _margin(alone[0], "") if alone else None, margins or None


def _margin(text: str, of_metric: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadInput(f"the margin {text}{of_metric} is not a number", hint="write --margin NUMBER or METRIC=NUMBER") from None


COMMANDS = (
    Command(
        "export",
        "write experiments, the audit or the timings to a file",
        export,
        arguments=(Argument("ids", "experiments' ids (default: the latest)", "*", "experiment"),),
        options=(
            Option(
                "--format",
                "the file's format (default csv, which Excel reads correctly)",
                choices=("csv", "json", "parquet", "package"),
            ),
            Option(
                "--what", "what to export (default experiments)", choices=("experiments", "scores", "ratings", "audit", "timing")
            ),
            Option("--path", "the file to write, inside the working folder (default: a new file in exports/)", metavar="FILE"),
        ),
        examples=("export --format parquet", "export --format package", "export --what audit --format csv"),
    ),
    Command(
        "import",
        "add the experiments of a colleague's package to this lab",
        import_package,
        arguments=(Argument("file", "the package: a zip file, or the folder it was unpacked to"),),
        examples=("import experiment.zip",),
    ),
    Command(
        "verify",
        "check that nothing was altered, in this lab or in a package",
        verify,
        arguments=(Argument("file", "a package (default: this lab)", "?"),),
    ),
    Command(
        "replay",
        "score stored responses again with the installed version, and compare",
        replay,
        arguments=(Argument("what", "an experiment's id or a package (default: the latest experiment)", "?", "experiment"),),
        options=(
            Option("--live", "also ask the model again and compare the answers", None),
            Option("--reader", "also have the reader read the answers again", None),
            *MODEL_OPTIONS,
        ),
    ),
    Command(
        "record",
        "record calls to a file from now on, and answer from the file those it already has",
        record,
        arguments=(Argument("file", "the recording (default: show the one in use)", "?"),),
        options=(
            Option("--max-age", "warn about calls recorded more than this many days ago", number, "DAYS"),
            Option("--stop", "stop recording, and ask the model again", None),
        ),
        examples=("record calls.jsonl",),
    ),
    Command(
        "check",
        "run the regression gate: repeat a baseline and say what drifted; exit code 0 same, 1 drifted, 3 cannot tell",
        check,
        arguments=(Argument("baseline", "an experiment's id or a package", "1", "experiment"),),
        options=(
            Option("--n", "replicates (default: as many as the baseline has)", whole_number, "N"),
            Option(
                "--margin",
                "the largest change of a score that does not matter (default 0.05); without METRIC that of the utility, which is "
                "then compared too; may be repeated",
                metavar="[METRIC=]VALUE",
                repeat=True,
            ),
            Option("--junit", "also write the outcome as JUnit XML to this file, inside the working folder", metavar="FILE"),
            *MODEL_OPTIONS,
        ),
        examples=("check baseline.zip --junit check.xml", "check latest --n 20 --margin 0.03 --margin coherence=0.02"),
    ),
)
