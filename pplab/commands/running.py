"""The commands of running: run, studio and probe ask a model; results and compare show what it answered."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any

from pplab.commands.command import Argument, Command, Option, number, whole_number
from pplab.commands.judging import RUBRIC, judged
from pplab.commands.options import FULL, MODEL_OPTIONS
from pplab.commands.result import CommandResult
from pplab.commands.run_request import given_prompt, request_of, where
from pplab.errors import BadInput, Interrupted, PplabError
from pplab.operation import Operation
from pplab.plan.vocabulary import BASES, SCORED, SUSPENDED

if TYPE_CHECKING:
    import argparse

    from pplab.commands.session import Session
    from pplab.experiments.experiment import Experiment
    from pplab.experiments.probe import Probe, Probes
    from pplab.lab import Lab
    from pplab.plan.request import RunRequest

RESUME_OPTIONS = {"resume": "--resume", "retry_failed": "--retry-failed", "top_up": "--top-up"}
RESUME_ACCEPTS = {
    *RESUME_OPTIONS,
    *(
        "batch",
        "in",
        "n",
        "detach",
        "processes",
        "on",
        "max_cost",
        "max_calls",
        "store",
        "user",
        "model",
        "base_url",
        "json",
        "variables",
    ),
}


def run(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Run a new experiment, or send what an earlier one still lacks."""
    lab = session.lab(arguments)
    _check_files(arguments)
    resume = [name for name in RESUME_OPTIONS if getattr(arguments, name)]
    if resume:
        return _resume(session, lab, arguments, resume)
    request = request_of(session, arguments)
    _check_judge(lab, arguments)
    if arguments.dry_run:
        preflight = lab.preflight(**request.given())
        if arguments.judge:
            session.say(
                f"{arguments.judge} would judge the answers with a call each and a tenth more, which is not counted here."
            )
        return CommandResult(preflight, preflight.as_dict())
    if arguments.detach and arguments.judge:
        raise BadInput("--detach and --judge cannot be combined", hint="judge the answers when the run has ended: judge ID")
    if arguments.prompts is None and not arguments.json:
        _say_what_one_prompt_shows(session, lab, request)
    if arguments.detach:
        return _detached(session, lab.run(**request.given()))
    with session.progress(lab, arguments) as listener:
        experiment = lab.run(**request.given(), on=listener)
    if arguments.judge and experiment.status not in SUSPENDED and experiment.responses["status"].isin(SCORED).any():
        left = None if arguments.max_cost is None else max(0.0, arguments.max_cost - experiment.responses["cost"].sum())
        report = judged(session, arguments, lab, experiment, arguments.judge, max_cost=left)
        if report.missing:
            session.say(report.lines[0])
    return experiment_result(experiment)


def _check_files(arguments: argparse.Namespace) -> None:
    """Refuse the files of batches where there is nothing to write or to read."""
    if arguments.out is not None and not arguments.batch:
        raise BadInput("--out writes the requests of batches, and --batch was not given", hint="write --batch --out FILE")
    if getattr(arguments, "in") is not None and arguments.resume is None:
        raise BadInput("--in reads the results of an experiment", hint="write --resume ID --batch --in FILE")


def _check_judge(lab: Lab, arguments: argparse.Namespace) -> None:
    """Refuse before anything is sent what would be refused when the answers are there."""
    from pplab.experiments.judge import check_judge
    from pplab.scoring.judge import find_rubric

    if arguments.judge is not None:
        check_judge(lab.context, lab.context.asked(arguments.judge), arguments.max_cost)
    elif arguments.rubric is not None:
        raise BadInput("--rubric needs a judge", hint="write --judge MODEL --rubric NAME")
    if arguments.rubric is not None:
        find_rubric(arguments.rubric)


def _say_what_one_prompt_shows(session: Session, lab: Lab, request: RunRequest) -> None:
    from pplab.analysis.settling import settling

    with suppress(PplabError):  # the run refuses it in a moment, as an operation of its own
        plan, _ = lab.manager.plan(request)
        if limits := settling(1, len(plan.settings), plan.replicates).limits:
            session.say(f"{limits}; --dry-run says how many prompts would settle it.")


def _resume(session: Session, lab: Lab, arguments: argparse.Namespace, options: list[str]) -> CommandResult:
    if len(options) > 1:
        raise BadInput(f"{' and '.join(RESUME_OPTIONS[name] for name in options)} cannot be combined", hint="give one of them")
    option = options[0]
    others = [name for name, value in vars(arguments).items() if not _is_unset(value) and name not in RESUME_ACCEPTS]
    if others:
        other = "prompt" if others[0] == "prompt" else "--" + others[0].replace("_", "-")
        raise BadInput(f"{RESUME_OPTIONS[option]} takes no {other}", hint="the experiment's plan is kept as it is")
    if option == "top_up" and arguments.n is None:
        raise BadInput("--top-up needs --n", hint="write --top-up ID --n 20 to have 20 replicates in total")
    if option != "top_up" and arguments.n is not None:
        raise BadInput(f"{RESUME_OPTIONS[option]} takes no --n", hint="to add replicates, write --top-up ID --n 20")
    if option != "resume" and where(arguments) is not None:
        raise BadInput(f"{RESUME_OPTIONS[option]} takes no processes", hint="--resume ID --processes N does")
    if option != "resume" and arguments.max_calls is not None:
        raise BadInput(
            f"{RESUME_OPTIONS[option]} takes no --max-calls", hint="to let a race go on, write --resume ID --max-calls N"
        )
    experiment = lab.experiment(getattr(arguments, option))
    if arguments.batch and not experiment.plan.batch:
        raise BadInput("this experiment was not run in batches", hint=f"write {RESUME_OPTIONS[option]} ID alone")
    given: dict[str, Any] = {"max_cost": arguments.max_cost, "detach": arguments.detach}
    with nullcontext() if arguments.detach else session.progress(lab, arguments) as listener:
        if option == "top_up":
            experiment = experiment.top_up(arguments.n, on=listener, **given)
        elif option == "resume":
            given |= {"max_calls": arguments.max_calls, "results": getattr(arguments, "in"), "processes": where(arguments)}
            experiment = experiment.resume(on=listener, **given)
        else:
            experiment = experiment.retry_failed(on=listener, **given)
    return _detached(session, experiment) if arguments.detach else experiment_result(experiment)


def _detached(session: Session, experiment: Experiment) -> CommandResult:
    """Return the result of a run that was handed to a process of its own: where to find it."""
    from pplab.views.runs_table import handed_over

    return CommandResult(handed_over(session.program), {"id": experiment.id, "status": experiment.status})


def _is_unset(value: Any) -> bool:
    return value is None or value is False or (isinstance(value, list) and not value)


def experiment_result(experiment: Experiment) -> CommandResult:
    """Return an experiment as a result; one that failed or was interrupted is a failure to a program."""
    with experiment.reading():
        data = {
            "id": experiment.id,
            "status": experiment.status,
            "reason": experiment.reason,
            "name": experiment.name,
            "tags": list(experiment.tags),
            "note": experiment.note,
            "correlation_id": experiment.correlation_id,
            "warnings": experiment.warnings,
            "responses": experiment.responses,
            "summary": experiment.summary(),
            "pass_rates": experiment.pass_rates() if experiment.plan.checks else None,
            "variance": experiment.variance(),
            "decision": None if experiment.status == "running" else experiment.verdict().as_dict(),
            "second_decisions": [decision.as_dict() for decision in experiment.second_decisions],
            "judges": [report.as_dict() for report in experiment.judges],
        }
    exit_code = {"failed": 1, "interrupted": Interrupted.exit_code}.get(experiment.status, 0)
    return CommandResult(experiment, data, exit_code=exit_code)


def studio(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Open the studio."""
    if session.front_end == "terminal":
        raise BadInput("the studio needs a notebook", hint="open JupyterLab and run %pplab studio, or use: pplab run")
    from pplab.views.widgets.studio import Studio

    lab = session.lab(arguments)
    with Operation(lab, "studio"):
        view = Studio(lab, arguments.calibration)
    return CommandResult(view, {"model": view.lab.model, "calibration": view.draft["calibration"] or None})


def probe(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Test whether the model honours a parameter, or each that a sweep would use."""
    lab = session.lab(arguments)
    options: dict[str, Any] = {"prompt": arguments.prompt, "n": 6 if arguments.n is None else arguments.n}
    if not arguments.all:
        report: Probe | Probes = lab.probe(arguments.parameter or "temperature", **options)
        return CommandResult(report, report.as_dict())
    if arguments.parameter:
        raise BadInput("a parameter and --all were both given", hint="give one of them")
    from pplab.experiments.probe import Probes
    from pplab.experiments.probe_ends import worth_probing

    names = worth_probing(lab.model, lab.manager.capabilities, lab.context.provider)
    report = Probes(tuple(lab.probe(name, **options) for name in names))
    return CommandResult(report, report.as_dict())


def prompts(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Have the model write variants of the user's prompt."""
    prompt = given_prompt(session, arguments)
    lab = session.lab(arguments)
    options = {name: getattr(arguments, name) for name in ("seed", "max_cost", "overwrite")}
    suggested = lab.suggest_prompts(prompt or "", arguments.n, arguments.out, **options)
    return CommandResult(suggested, suggested.as_dict())


def results(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Show an experiment, or list all of them."""
    from pplab.views import static as views

    lab = session.lab(arguments)
    if arguments.list or arguments.search is not None:
        frame = lab.experiments(search=arguments.search)
        return CommandResult(views.experiments(frame, full=arguments.full), frame)
    experiment = lab.experiment(arguments.id or "latest")
    changes = {"name": arguments.name, "tags": arguments.tag, "note": arguments.note}
    if any(value is not None for value in changes.values()):
        experiment.label(**changes)
    if arguments.score:
        experiment = experiment.score()
    if arguments.reader:
        if session.front_end == "notebook":
            session.say("The reader reads the answers that it has not read; a short one takes it about a second.")
        with session.progress(lab, arguments) if session.front_end == "terminal" else nullcontext() as listener:
            experiment = experiment.score(reader=True, on=listener)
    if language := getattr(arguments, "as"):
        code = experiment.code(language)
        return CommandResult(views.plain_text(code.rstrip()), {"id": experiment.id, "code": code})
    view = views.full_experiment(experiment) if arguments.full else experiment
    return CommandResult(view, experiment_result(experiment).data)


def compare(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Compare two settings of an experiment, or two experiments."""
    lab = session.lab(arguments)
    if arguments.a.isdigit() and arguments.b.isdigit() and len(arguments.a) < 6 and len(arguments.b) < 6:
        comparison = lab.experiment(arguments.experiment or "latest").compare(int(arguments.a), int(arguments.b))
    else:
        comparison = lab.compare(arguments.a, arguments.b)
    return CommandResult(comparison, comparison.as_dict())


LABEL_OPTIONS = (
    Option("--name", "call the experiment this; it can be named in place of its id", metavar="NAME"),
    Option("--tag", "give the experiment a tag; may be repeated", metavar="TAG", repeat=True),
    Option("--note", "note this about the experiment", metavar="TEXT"),
)
PROMPT_FILE = Option("--prompt-file", "read the prompt from this text file", metavar="FILE")
RUN_OPTIONS = (
    Option(
        "--n",
        "replicates: how often each prompt is asked under each setting (default 2, with one or two prompts 5)",
        whole_number,
        "N",
    ),
    Option(
        "--set",
        "give a parameter one value in every setting, JSON also as @FILE; x.NAME is sent as it is; may be repeated",
        metavar="NAME=VALUE",
        repeat=True,
        completes="parameter",
    ),
    Option(
        "--sweep",
        "vary a parameter: NAME=a,b,c, for numbers NAME=low:high:count, for texts and JSON a JSON list or NAME=@a.json,@b.json, "
        "NAME alone for the calibration's values; system=@a.txt,@b.txt for personas, prompt=@a.txt,@b.txt for wordings; "
        "repeat for a grid",
        metavar="NAME=VALUES",
        repeat=True,
        completes="factor",
    ),
    Option("--settings", "draw this many settings from the calibration's ranges", whole_number, "COUNT"),
    *MODEL_OPTIONS,
    Option(
        "--calibration",
        "use the ranges and persona of this calibration (an id, or latest)",
        metavar="ID",
        completes="calibration",
    ),
    Option(
        "--prompts",
        "a table of prompts: .csv, .tsv, .jsonl, .json, .xlsx, .parquet, or .txt with one prompt a line; "
        "{column} in the prompt is replaced by the value in each row; a column messages holds conversations",
        metavar="FILE",
        takes_objects=True,
    ),
    Option("--cluster", "a column of --prompts: rows with the same value count as one group in the intervals", metavar="COLUMN"),
    Option(
        "--check",
        "tell right from wrong: exact, contains, regex, number, json, json-schema, choice, with options such as "
        "number(tolerance=0.01), or a function registered with pplab.metrics.check; may be repeated, then all must hold",
        metavar="CHECK",
        repeat=True,
        completes="check",
    ),
    Option(
        "--expected", "what is right: a column of --prompts (default: expected), or without a table the text", metavar="COLUMN"
    ),
    Option("--reader", "have a small language model on this machine read the answers, too (needs pplab[reader])", None),
    Option(
        "--basis",
        f"by whose scores it is decided where there are no checks: {', '.join(BASES)} or a judge's, such as judge_helpful "
        f"(default {BASES[0]})",
        metavar="SOURCE",
    ),
    Option("--judge", "have this model judge the answers when they have arrived, as the command judge does", metavar="MODEL"),
    RUBRIC,
    Option("--system", "the system message (default: the calibration's persona)", metavar="TEXT"),
    Option(
        "--until",
        "settled: race the settings: drop those that cannot win any more, and stop as soon as it is settled which one to use",
        choices=("settled",),
    ),
    Option("--margin", "in a race: a difference of utility that does not matter (default 0.03)", number, "UTILITY"),
    Option("--max-calls", "in a race: the most calls it makes", whole_number, "N"),
    Option("--max-cost", "a limit in US dollars; the run pauses before the call that could exceed it", number, "USD"),
    Option("--max-concurrency", "how many calls may be under way at once (default 32)", whole_number, "N"),
    Option("--deadline", "seconds one call may take in total, retries included (default 120)", number, "SECONDS"),
    Option("--processes", "how many processes of this machine make and score the calls (default 1)", whole_number, "N"),
    Option("--on", "have the workers of a Dask cluster make the calls (needs pplab[cluster])", metavar="dask://HOST:PORT"),
    Option("--seed", "derive the seed of every replicate from this number", whole_number, "N"),
    Option("--stream", "receive each answer piece by piece while it is written", None),
    Option("--detach", "hand the run to a process of its own, which goes on when this one ends (see runs)", None),
    Option("--batch", "send the calls in batches: within 24 hours, at some providers for half the price", None),
    Option(
        "--out",
        "with --batch: write the requests to this .jsonl file, for a server run by hand",
        metavar="FILE",
    ),
    Option("--in", "with --resume ID --batch: read the answers from this file of results", metavar="FILE"),
    Option("--dry-run", "show what would be sent, and send nothing", None),
    Option("--resume", "send the calls that this experiment still lacks", metavar="ID", completes="experiment"),
    Option("--retry-failed", "send the failed calls of this experiment again", metavar="ID", completes="experiment"),
    Option("--top-up", "add replicates to this experiment until it has --n of each", metavar="ID", completes="experiment"),
    PROMPT_FILE,
    *LABEL_OPTIONS,
)

COMMANDS = (
    Command(
        "run",
        "ask a model the same prompt several times, under one or more settings",
        run,
        arguments=(Argument("prompt", "what to ask (in a notebook: the cell's body, or text in quotes)", "*", template=True),),
        options=RUN_OPTIONS,
        cell="prompt",
        examples=(
            'run "Why does it rain?" --n 5 --sweep temperature=0,0.7,1.2',
            'run "Say hello" --calibration latest --n 3',
            'run "Explain {topic} in {words} words." --prompts topics.csv --dry-run',
            "run --prompts topics.csv --sweep prompt=@short.txt,@long.txt --sweep system=@plain.txt,@warm.txt",
            'run "Explain {topic}." --prompts topics.csv --sweep temperature=0,0.4,0.8,1.2 --until settled',
            'run "{question}" --prompts sums.csv --expected answer --check number(tolerance=1%) --sweep temperature=0,1',
            'run "Explain {topic}." --prompts topics.csv --batch --max-cost 2',
        ),
    ),
    Command(
        "prompts",
        "have the model write variants of your prompt, as a table to be edited and run",
        prompts,
        arguments=(
            Argument("action", "have prompts of the same kind written, about other topics", choices=("suggest",)),
            Argument("n", "how many, besides your own (1 to 100)", convert=whole_number),
            Argument("prompt", "your own prompt (in a notebook: the cell's body, or text in quotes)", "*", template=True),
        ),
        options=(
            Option("--out", "the table to write: .csv or .jsonl (default prompts.csv)", metavar="FILE"),
            Option("--overwrite", "replace the table if it is there", None),
            *MODEL_OPTIONS,
            Option("--max-cost", "a limit in US dollars; nothing is sent if the call could exceed it", number, "USD"),
            Option("--seed", "send a seed derived from this number", whole_number, "N"),
            PROMPT_FILE,
        ),
        cell="prompt",
        examples=(
            'prompts suggest 10 "Explain in three sentences why it rains."',
            'prompts suggest 20 "Write a tagline for a bakery." --out taglines.csv --model gpt-4o-mini',
        ),
    ),
    Command(
        "studio",
        "put a run together by hand in a notebook: write a prompt, move sliders, run it and watch the answers",
        studio,
        options=(
            Option("--calibration", "the ranges to begin with (default: the latest)", metavar="ID", completes="calibration"),
            *MODEL_OPTIONS,
        ),
    ),
    Command(
        "results",
        "show an experiment: which setting to use, table and cards",
        results,
        arguments=(Argument("id", "an experiment's id or name (default: the latest)", "?", "experiment"),),
        options=(
            Option("--list", "list all experiments instead", None),
            Option("--search", "list the experiments with this text in name, tags, note or model", metavar="TEXT"),
            *LABEL_OPTIONS,
            Option("--score", "first score its stored answers by your metrics that have not scored them", None),
            Option("--reader", "first have the reader read its stored answers that it has not read", None),
            Option(
                "--as", "print a call with the setting to use: a program, or the JSON that is sent", choices=("python", "json")
            ),
            FULL,
        ),
        examples=("results --as python", 'results latest --name "warm or plain" --tag tone', "results --search tone"),
    ),
    Command(
        "probe",
        "test whether the model honours a parameter, with a few calls at each of two values",
        probe,
        arguments=(
            Argument("parameter", "what to test (default: temperature); NAME=a,b says which two values", "?", "parameter_name"),
        ),
        options=(
            Option("--all", "test every parameter that a sweep would use with this model", None),
            Option("--n", "calls at each end (default 6)", whole_number, "N"),
            Option("--prompt", "what to ask (default: an open question)", metavar="TEXT"),
            *MODEL_OPTIONS,
        ),
        examples=("probe temperature", "probe reasoning_effort --model gpt-6-luna", "probe x.mirostat=0,2", "probe --all"),
    ),
    Command(
        "compare",
        "compare two settings of one experiment, or two experiments, prompt by prompt",
        compare,
        arguments=(
            Argument("a", "the index of a setting, or an experiment's id"),
            Argument("b", "what to compare it with"),
        ),
        options=(
            Option("--experiment", "whose settings to compare (default: the latest)", metavar="ID", completes="experiment"),
        ),
        examples=("compare 0 2",),
    ),
)
