"""The command of judging: a model grades stored answers by a rubric, or compares them in pairs."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from pplab.commands.command import Argument, Command, Option, number
from pplab.commands.options import MODEL_OPTIONS
from pplab.commands.result import CommandResult
from pplab.scoring.judge import RUBRICS

if TYPE_CHECKING:
    import argparse

    from pplab.analysis.judge_report import JudgeReport
    from pplab.commands.session import Session
    from pplab.experiments.experiment import Experiment
    from pplab.lab import Lab


def judge(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Have the lab's model judge an experiment's answers."""
    lab = session.lab(arguments)
    experiment = lab.experiment(arguments.id or "latest")
    report = judged(session, arguments, lab, experiment, None, max_cost=arguments.max_cost, pairs=arguments.pairs)
    return CommandResult(report, report.as_dict(), exit_code=0 if report.judged else 1)


def judged(
    session: Session,
    arguments: argparse.Namespace,
    lab: Lab,
    experiment: Experiment,
    model: str | None,
    *,
    max_cost: float | None = None,
    pairs: bool = False,
) -> JudgeReport:
    """Have a model judge an experiment's answers while its progress is shown, in a notebook by one line."""
    in_notebook = session.front_end == "notebook"
    if in_notebook:
        session.say(f"{model or lab.model} judges the answers that it has not judged.")
    with nullcontext() if in_notebook else session.progress(lab, arguments) as listener:
        return experiment.judge(model, rubric=arguments.rubric or RUBRICS[0], pairs=pairs, max_cost=max_cost, on=listener)


RUBRIC = Option(
    "--rubric", f"{', '.join(RUBRICS)} (default {RUBRICS[0]}), or a text file that says what counts", metavar="NAME|FILE"
)
COMMANDS = (
    Command(
        "judge",
        "have a model grade the answers of an experiment by a rubric, and say how far it can be relied on",
        judge,
        arguments=(Argument("id", "an experiment's id or name (default: the latest)", "?", "experiment"),),
        options=(
            RUBRIC,
            *MODEL_OPTIONS,
            Option("--pairs", "compare the answers of every two settings, in both orders, in place of grading each", None),
            Option("--max-cost", "a limit in US dollars; it pauses before the call that could exceed it", number, "USD"),
        ),
        examples=("judge --model gpt-6-luna", "judge latest --rubric tone.md --model qwen3:8b@local --pairs"),
    ),
)
