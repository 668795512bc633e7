"""The one command table: both magics, the terminal program, help, completion and the reference are made from it."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from pplab.commands import general, live_views, probing, sharing
from pplab.commands.parser import (
    EVERYWHERE,
    NO_VARIABLES,
    Argument,
    Command,
    HelpAsked,
    Option,
    explain,
    number,
    parser,
    roles,
    sentence,
    shield,
    unshield,
    usage,
    whole,
)
from pplab.commands.session import CommandResult
from pplab.commands.typography import refuse_typography
from pplab.errors import BadInput, NotFound, PplabError, did_you_mean, in_words
from pplab.secrets import Scrubber

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence

    from pplab.commands.session import Session


FULL = Option("--full", "show everything, also what differs from run to run (not comparable)", None)
MODEL = (
    Option("--model", "the model to ask, as its server knows it; MODEL@NAME asks it at an endpoint", metavar="NAME"),
    Option("--base-url", "the address of an OpenAI-compatible server", metavar="URL"),
)
RUN_OPTIONS = (
    Option("--n", "replicates of every prompt under every setting (default 5)", whole, "N"),
    Option(
        "--set", "a parameter that every setting gets; may be repeated", metavar="NAME=VALUE", repeat=True, completes="parameter"
    ),
    Option(
        "--sweep",
        "values of a parameter: NAME=a,b,c or NAME=low:high:count; NAME alone takes the calibration's points; repeat for a grid",
        metavar="NAME=VALUES",
        repeat=True,
        completes="parameter",
    ),
    Option("--settings", "draw this many settings from the calibration's ranges", whole, "COUNT"),
    *MODEL,
    Option("--calibration", "work in the ranges of this calibration (an id, or latest)", metavar="ID", completes="calibration"),
    Option(
        "--prompts",
        "a table of prompts: .csv, .tsv, .jsonl, .json, or .txt with one a line; {column} in the prompt stands for its values",
        metavar="FILE",
        objects=True,
    ),
    Option("--cluster", "the column of --prompts whose equal values belong together", metavar="COLUMN"),
    Option("--system", "a system message (default: the calibration's persona)", metavar="TEXT"),
    Option("--max-cost", "US dollars; the run pauses before the call that could exceed it", number, "USD"),
    Option("--max-concurrency", "the most calls under way at once (default 32)", whole, "N"),
    Option("--deadline", "seconds one call may take in total (default 120)", number, "SECONDS"),
    Option("--seed", "derive each replicate's seed from this one", whole, "N"),
    Option("--stream", "ask for answers piece by piece", None),
    Option("--dry-run", "say what the run would be, and send nothing", None),
    Option("--resume", "send what this experiment is still missing", metavar="ID", completes="experiment"),
    Option("--retry-failed", "send what failed in this experiment again", metavar="ID", completes="experiment"),
    Option("--top-up", "raise this experiment's replicates to --n", metavar="ID", completes="experiment"),
)


def _helped(text: str) -> CommandResult:
    from pplab.views import static as views

    return CommandResult(views.plain_text(text), text)


def _help(session: Session, arguments: argparse.Namespace) -> CommandResult:
    from pplab.scoring import pages as documentation
    from pplab.scoring.registry import registered
    from pplab.views import static as views

    topic = arguments.topic
    if topic is None or topic in COMMANDS:
        return _helped(overview(session.door) if topic is None else explain(COMMANDS[topic], door=session.door))
    pages = {m.name: m for m in registered()}
    if topic == "metrics" or topic in pages or topic in ("diversity", "custom"):
        names = list(pages) if topic == "metrics" else [topic]
        text = "\n\n".join(documentation.doc(name) for name in names)
        return CommandResult(views.document(text), text)
    known = [*COMMANDS, "metrics", *pages]
    raise NotFound(f"there is no help on '{topic}'", hint=did_you_mean(topic, known) or f"topics: {', '.join(known)}")


STATUS = Command("status", "say where this is: lab, model, last results, next step", general.status, options=(FULL,))

COMMANDS: dict[str, Command] = {
    c.name: c
    for c in (
        STATUS,
        Command(
            "calibrate",
            "answer the quiz: ranges of the parameters and a persona follow",
            live_views.calibrate,
            options=(
                Option("--answers", "a JSON file with the answers", metavar="FILE", objects=True),
                Option("--preset", "answers for a common wish", choices=("precise", "balanced", "expressive")),
                Option("--questions", "show the questions and the allowed answers", None),
            ),
            examples=("calibrate --preset balanced", "calibrate --answers answers.json"),
        ),
        Command(
            "run",
            "sample answers to a prompt under one or more settings",
            general.run,
            arguments=(
                Argument("prompt", "what to ask (in a notebook: the cell's body, or text in quotes)", "*", template=True),
            ),
            options=(*RUN_OPTIONS, Option("--prompt-file", "a file whose text is the prompt", metavar="FILE")),
            cell="prompt",
            examples=(
                'run "Why does it rain?" --n 5 --sweep temperature=0,0.7,1.2',
                'run "Say hello" --calibration latest --n 3',
                'run "Explain {topic} in {words} words." --prompts topics.csv --dry-run',
            ),
        ),
        Command(
            "studio",
            "put a run together by hand: prompt, sliders inside the calibrated ranges, run, cards (in a notebook)",
            live_views.studio,
            options=(
                Option("--calibration", "the ranges to begin with (default: the latest)", metavar="ID", completes="calibration"),
                *MODEL,
            ),
        ),
        Command(
            "results",
            "show an experiment: verdict, table, cards",
            general.results,
            arguments=(Argument("id", "an experiment (default: the latest)", "?", "experiment"),),
            options=(Option("--list", "list the experiments instead", None), FULL),
        ),
        Command(
            "probe",
            "ask whether the model honours a parameter: a few calls at both ends of it, and a test",
            probing.probe,
            arguments=(Argument("parameter", "the parameter (default: temperature)", "?", "probed"),),
            options=(
                Option("--n", "calls at each end (default 6)", whole, "N"),
                Option("--prompt", "what to ask (default: an open question)", metavar="TEXT"),
                *MODEL,
            ),
            examples=("probe temperature", "probe top_p --model gpt-4o-mini"),
        ),
        Command(
            "compare",
            "compare two settings of the latest experiment, or two experiments, prompt by prompt",
            general.compare,
            arguments=(Argument("a", "a setting's index, or an experiment"), Argument("b", "another one")),
            options=(Option("--experiment", "whose settings (default: the latest)", metavar="ID", completes="experiment"),),
            examples=("compare 0 2",),
        ),
        Command(
            "dashboard", "show live charts over every experiment of this lab, whichever notebook ran it", live_views.dashboard
        ),
        Command(
            "audit",
            "who did what, when, to which record",
            live_views.audit,
            options=(
                Option("--event", "only this event", metavar="NAME", completes="event"),
                Option("--actor", "only this user", metavar="NAME"),
                Option("--correlation", "only what this cause led to", metavar="ID"),
                Option("--limit", "only the last N", whole, "N"),
                FULL,
            ),
        ),
        Command(
            "timing",
            "how long operations, calls and cells took",
            general.timing,
            options=(Option("--kind", "only these", choices=("operation", "call", "cell")), FULL),
        ),
        Command(
            "trace",
            "walk the chain of cause from any id, both ways",
            general.trace,
            arguments=(Argument("id", "any id of this lab (default: the latest experiment)", "?", "experiment"),),
            options=(FULL,),
        ),
        Command(
            "export",
            "write experiments, the audit or the timings to a file",
            general.export,
            arguments=(Argument("ids", "experiments (default: the latest)", "*", "experiment"),),
            options=(
                Option(
                    "--format",
                    "the file's format (default csv: UTF-8 with a mark, for Excel)",
                    choices=("csv", "json", "parquet", "package"),
                ),
                Option("--what", "what to export (default experiments)", choices=("experiments", "audit", "timing")),
                Option("--path", "where to, inside the working folder", metavar="FILE"),
            ),
            examples=("export --format parquet", "export --format package", "export --what audit --format csv"),
        ),
        Command(
            "import",
            "bring a colleague's package into this lab",
            sharing.bring_in,
            arguments=(Argument("file", "the package: a zip, or the folder it was unpacked to"),),
            examples=("import experiment.zip",),
        ),
        Command(
            "verify",
            "check that nothing was altered, in this lab or in a package",
            sharing.verify,
            arguments=(Argument("file", "a package (default: this lab)", "?"),),
        ),
        Command(
            "rebuild",
            "make the tables again from the journals and show what differs from the stored ones",
            general.rebuild,
            options=(Option("--swap", "put the rebuilt tables in place; the former file is kept in backup/", None),),
            examples=("rebuild", "rebuild --swap"),
        ),
        Command(
            "replay",
            "score stored responses again with the present code and compare",
            sharing.replay,
            arguments=(Argument("what", "an experiment or a package (default: the latest experiment)", "?", "experiment"),),
            options=(Option("--live", "also ask the model again and compare the answers", None), *MODEL),
        ),
        Command(
            "record",
            "from here on, record calls to a file, and answer from it those it has",
            sharing.record,
            arguments=(Argument("file", "the recording (default: say what is recorded so far)", "?"),),
            options=(
                Option("--max-age", "report calls recorded longer ago than this many days", number, "DAYS"),
                Option("--stop", "ask the model again", None),
            ),
            examples=("record calls.jsonl",),
        ),
        Command(
            "check",
            "run a baseline again and say what drifted; exit code 0 same, 1 drifted, 3 cannot tell",
            sharing.check,
            arguments=(Argument("baseline", "an experiment or a package", "1", "experiment"),),
            options=(
                Option("--n", "replicates (default: those of the baseline)", whole, "N"),
                Option(
                    "--margin",
                    "the largest change that does not matter (default 0.05 for each score); may be repeated",
                    metavar="METRIC=VALUE",
                    repeat=True,
                ),
                Option("--junit", "also write the outcome as JUnit XML, inside the working folder", metavar="FILE"),
                *MODEL,
            ),
            examples=("check baseline.zip --junit check.xml", "check latest --n 20 --margin coherence=0.02"),
        ),
        Command(
            "sql",
            "run one SELECT over the lab's tables",
            general.sql,
            arguments=(Argument("query", "the query (in a notebook: the cell's body)", "*"),),
            options=(Option("--param", "a value for the next ? of the query; may be repeated", metavar="VALUE", repeat=True),),
            cell="query",
            examples=('sql "SELECT status, count(*) AS n FROM responses GROUP BY ALL"',),
        ),
        Command(
            "config",
            "show the configuration, or change it and keep the change in the lab",
            general.config,
            arguments=(Argument("changes", "NAME=VALUE", "*", "configuration"),),
            options=(
                Option(
                    "--approve",
                    "let the key in this variable go to this address, which stands in a lab's folder; may be repeated",
                    metavar="VARIABLE=URL",
                    repeat=True,
                ),
            ),
            examples=(
                "config model=gpt-4o-mini",
                "config base_url=http://localhost:11434/v1",
                "config --approve OPENAI_API_KEY=https://models.example.org/v1",
            ),
        ),
        Command("doctor", "check this installation and this lab", general.doctor),
        Command(
            "help",
            "explain a command or a topic",
            _help,
            arguments=(Argument("topic", "a command, or metrics", "?", "command"),),
        ),
    )
}


def parse(words: Sequence[str], *, door: str, variables: Mapping[str, Any] = NO_VARIABLES) -> tuple[Command, argparse.Namespace]:
    """Return the command that ``words`` ask for and its arguments, into which the notebook's variables are put.

    Raises
    ------
    BadInput
        In one line, with the nearest known command or option.
    """
    words, given = list(words), tuple(words)
    if "-h" in words[:1] or "--help" in words[:1]:
        raise HelpAsked(overview(door))
    name = words.pop(0) if words and not words[0].startswith("-") else STATUS.name
    if name not in COMMANDS:
        hint = did_you_mean(name, COMMANDS) or f"commands: {', '.join(COMMANDS)}"
        raise BadInput(f"unknown command '{name}'", hint=hint)
    command = COMMANDS[name]
    _refuse_typography(command, given)
    made = parser(command, door=door, variables=variables)
    arguments, rest = made.parse_known_intermixed_args(shield(words))
    unshield(arguments)
    if rest:
        flags = [flag for action in made._actions for flag in action.option_strings]  # noqa: SLF001 - argparse has no other way
        word = rest[0].split("=")[0]
        kind = "option" if word.startswith("-") else "argument"
        hint = did_you_mean(word, flags) if kind == "option" else ""
        raise BadInput(f"{door} {name} has no {kind} '{word}'", hint=hint or f"see: {door} {name} --help")
    arguments.variables = variables
    return command, arguments


def _refuse_typography(command: Command, words: Sequence[str]) -> None:
    plain = words[: words.index("--")] if "--" in words else words
    flags = {option.flag for option in (*command.options, *EVERYWHERE)} | {"--help"}
    refuse_typography(list(zip(plain, roles(plain, command), strict=True)), flags, prose=command.cell == "prompt")


def perform(
    words: Sequence[str], session: Session, *, cell: str | None = None, variables: Mapping[str, Any] = NO_VARIABLES
) -> CommandResult:
    """Do what ``words`` ask for; ``cell`` is the body of a cell magic, ``variables`` those of the notebook.

    Variables are put into the words, never into a cell's body.

    Raises
    ------
    PplabError
        When it cannot be done; a one-line message with a hint, without keys.
    """
    try:
        command, arguments = parse(words, door=session.door, variables=variables)
        if cell is not None:
            _take_cell(command, arguments, cell)
        return command.run(session, arguments)
    except HelpAsked as asked:
        return _helped(str(asked))
    except Exception as error:
        from pplab.config.configuration import environment_secrets

        failure = in_words(error, session.door)
        failure.scrub(Scrubber(*environment_secrets()))
        if failure is error:
            raise
        raise failure from error


def _take_cell(command: Command, arguments: argparse.Namespace, body: str) -> None:
    if command.cell is None:
        takers = " and ".join(f"%%pplab {c.name}" for c in COMMANDS.values() if c.cell)
        raise BadInput(f"%%pplab {command.name} takes no cell body", hint=f"write %pplab {command.name} alone; {takers} take one")
    if getattr(arguments, command.cell):
        raise BadInput(f"the {command.cell} was given on the line and in the cell", hint="leave one of them out")
    setattr(arguments, command.cell, [body.rstrip("\n")])
    arguments.variables = NO_VARIABLES


def complete(line: str, session: Session) -> list[str]:
    """Return what may stand at the end of ``line`` (the text after ``%pplab``): commands, options, values and ids.

    A lab that cannot be read has no ids to offer; nothing is raised.

    Examples
    --------
    >>> complete("run --stre", session=None)
    ['--stream']
    """
    words = line.split()
    fragment = words.pop() if words and not line[-1].isspace() else ""
    if not words:
        return [name for name in COMMANDS if name.startswith(fragment)]
    command = COMMANDS.get(words[0])
    if command is None:
        return []
    options = {o.flag: o for o in (*command.options, *EVERYWHERE)}
    last = options.get(words[-1])
    candidates: Sequence[str]
    if last is not None and last.kind is not None:
        candidates = last.choices or _candidates(last.completes, session)
    elif fragment.startswith("-"):
        flag, equals, _ = fragment.partition("=")
        if equals and flag in options:
            values = options[flag].choices or _candidates(options[flag].completes, session)
            candidates = [f"{flag}={value}" for value in values]
        else:
            used = {w.partition("=")[0] for w in words}
            candidates = [flag for flag, o in options.items() if o.repeat or flag not in used] + ["--help"]
    else:
        candidates = [c for a in command.arguments for c in _candidates(a.completes, session)]
    return [c for c in candidates if c.startswith(fragment)]


def _candidates(kind: str | None, session: Session) -> list[str]:
    from pplab.config.configuration import PPLab
    from pplab.observe.events import CATALOGUE
    from pplab.plan.settings import PARAMETERS

    known: dict[str, Callable[[], list[str]]] = {
        "command": lambda: [*COMMANDS, "metrics"],
        "parameter": lambda: [f"{name}=" for name in PARAMETERS],
        "probed": lambda: list(PARAMETERS),
        "event": lambda: list(CATALOGUE),
        "configuration": lambda: [f"{name}=" for name in PPLab.names()],
        "experiment": lambda: ["latest", *session.open_lab().ids("experiment")],
        "calibration": lambda: ["latest", *session.open_lab().ids("calibration")],
    }
    try:
        return known[kind]() if kind else []
    except PplabError:
        return []


def overview(door: str) -> str:
    """Return the list of commands with one line each."""
    width = max(map(len, COMMANDS)) + 2
    lines = [f"  {c.name:<{width}}{c.help}" for c in COMMANDS.values()]
    return "\n".join([f"usage: {door} COMMAND [options]   ({door} COMMAND --help explains one)", "", "commands:", *lines])


PREFACE = """
`%pplab X` in a notebook and `pplab X` in a terminal are the same thing. Every command also takes `--store PATH`,
`--user NAME`, `--help` and `--json`, which prints exactly one line: `{"success": true, "data": ...}` or
`{"success": false, "error": {"code", "message", "hint", "correlation_id"}}`. The terminal program exits with 0 when all is well,
1 when something failed (also a run in which every call failed, and a check that found something), 2 for bad usage and 130
when it was interrupted.
"""


def reference() -> str:
    """Return the command reference in Markdown (the docs' ``commands.md`` is this text; a test compares them)."""
    parts = ["# Commands", "", textwrap.fill(PREFACE.strip(), 120)]
    for command in COMMANDS.values():
        line = " ".join(usage(a) for a in command.arguments)
        parts += ["", f"## {command.name}", "", sentence(command.help)]
        parts += ["", f"    pplab {command.name} {line}".rstrip() + (" [options]" if command.options else "")]
        if command.cell:
            parts += ["", f"As a cell magic (`%%pplab {command.name}`), the cell's body is the {command.cell}."]
        rows = [(a.name, a.help) for a in command.arguments]
        rows += [(f"{o.flag} {o.shown}" if o.kind else o.flag, o.help) for o in command.options]
        if rows:
            parts += ["", "| | |", "|---|---|", *(f"| `{a.replace('|', chr(92) + '|')}` | {b} |" for a, b in rows)]
        if command.examples:
            parts += ["", *textwrap.indent("\n".join(f"pplab {e}" for e in command.examples), "    ").splitlines()]
    return "\n".join(parts) + "\n"
