"""The suggestion of prompts: one call for variants of the user's prompt, and the table in which they are kept for editing."""

from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pplab.analysis.phrasing import STATUS_WORDS, counted
from pplab.analysis.records import Report
from pplab.config.configuration import EMBEDDED
from pplab.errors import BadInput, Interrupted, ModelError
from pplab.experiments.dependencies import Listeners
from pplab.files import write_atomically
from pplab.inputs.paths import output_file
from pplab.plan.labels import Labels
from pplab.plan.plan import make_plan
from pplab.plan.request_prompts import text_of
from pplab.plan.suggestions import check_count, check_suggestible, read_suggestions, request_text
from pplab.plan.tables import PROMPT_COLUMN
from pplab.plan.vocabulary import ANSWERED, SCORED

if TYPE_CHECKING:
    import pandas as pd

    from pplab.experiments.interrupts import Interrupts
    from pplab.experiments.manager import RunManager
    from pplab.plan.suggestions import Suggestions

FILE = "prompts.csv"
ENDINGS = ("csv", "jsonl")
GENERATED_COLUMN = "generated"
TAG = "suggested prompts"
"""What the experiment that holds the call is tagged with."""
BY_HAND = "write the prompts into a table with a column 'prompt' yourself"


@dataclass(frozen=True, slots=True, repr=False)
class SuggestedPrompts(Report):
    """A prompt and the variants of it that a model wrote, as they are kept in a table.

    Attributes
    ----------
    prompt : str
        The user's own.
    suggested : tuple of str
        The variants.
    requested, repeated : int
        How many variants were asked for, and how many were left out because they repeat another or the user's own.
    cut : bool
        Whether the model's answer was broken off.
    model, provider : str
        Who wrote them.
    file : str
        The table, by the name that ``--prompts`` takes; of an absolute path the file's name alone.
    experiment_id : str
        Where the call is stored.
    """

    prompt: str
    suggested: tuple[str, ...]
    requested: int
    repeated: int
    cut: bool
    model: str
    provider: str
    file: str
    experiment_id: str

    @property
    def rows(self) -> list[tuple[str, str | None]]:
        """Each prompt and the model that wrote it, ``None`` for the user's own."""
        return [(self.prompt, None), *((text, self.model) for text in self.suggested)]

    @property
    def df(self) -> pd.DataFrame:
        """The table as it was written."""
        import pandas as pd

        return pd.DataFrame(self.rows, columns=[PROMPT_COLUMN, GENERATED_COLUMN], dtype="str")

    @property
    def words(self) -> str:
        """What is in the table, what is missing, and what to do next."""
        lines = [f"{self.file}: your prompt and {counted(len(self.suggested), 'variant')} of it that {self.model} wrote."]
        if len(self.suggested) < self.requested:
            why = _shortfall(self.repeated, cut=self.cut)
            came = f"Only {len(self.suggested)} of the {self.requested} asked for came" + (f": {why}." if why else ".")
            lines.append(f"{came} Add rows of your own, or ask again for more.")
        lines.append(f"Read and edit the file, then ask all of them: run --prompts {self.file}")
        return "\n".join(lines)


def suggest_prompts(
    runs: RunManager,
    prompt: Any,
    n: Any,
    path: str | os.PathLike[str] | None,
    interrupts: Interrupts,
    *,
    seed: int | None,
    max_cost: float | None,
    overwrite: bool,
) -> SuggestedPrompts:
    """Ask the lab's model for variants of a prompt and write them to a file; see `Lab.suggest_prompts`."""
    context = runs.context
    text, count = context.scrub(check_suggestible(text_of(prompt))), check_count(n)
    file = output_file(FILE if path is None else path, ENDINGS)
    _refuse_existing(file, overwrite=overwrite)
    if context.model == EMBEDDED:
        raise BadInput(
            "the embedded model follows no instructions, so it cannot suggest prompts",
            hint=f"name another model (config model=NAME, or --model), or {BY_HAND}",
        )
    plan = make_plan([request_text(text, count)], model=context.model, n=1, seed=seed, max_cost=max_cost, **runs.defaults())
    experiment = runs.start_plan(plan, Listeners(), interrupts, labels=Labels(tags=(TAG,)))
    if interrupts.count:
        raise Interrupted("the suggestion of prompts was interrupted", hint="no file was written; ask again")
    answer = experiment.responses.iloc[0]
    found = _read(answer, text, count)
    result = SuggestedPrompts(
        prompt=text,
        suggested=found.prompts,
        requested=count,
        repeated=found.repeated,
        cut=answer["status"] != "ok",
        model=experiment.model,
        provider=context.provider,
        file=file.name if path is None or Path(path).is_absolute() else Path(path).as_posix(),
        experiment_id=experiment.id,
    )
    _refuse_existing(file, overwrite=overwrite)  # it may have come meanwhile
    write_atomically(file, _as_bytes(result, file.suffix.lower()))
    context.record_event(
        "prompts_suggested",
        entity="experiment",
        entity_id=experiment.id,
        durable=True,
        provider=result.provider,
        model=result.model,
        requested=count,
        suggested=len(result.suggested),
        repeated=result.repeated,
        file=file.name,
    )
    return result


def _refuse_existing(file: Path, *, overwrite: bool) -> None:
    if not overwrite and os.path.lexists(file):
        raise BadInput(
            f"'{file.name}' is there already, and may hold your changes",
            hint=f"run it (run --prompts {file.name}), name another file with --out, or replace it with --overwrite",
        )


def _read(answer: pd.Series, prompt: str, n: int) -> Suggestions:
    """Return the variants in an answer, or say why there are none."""
    status, cut = answer["status"], answer["status"] != "ok"
    if status not in SCORED:
        hint = f"{'ask again' if status in ANSWERED else 'put that right and ask again'}, or {BY_HAND}"
        why = str(answer["error"] or f"the answer was {STATUS_WORDS[status]}").rstrip(".")
        raise ModelError(f"no usable prompt came: {why}", hint=hint)
    hint = f"results shows the answer; ask another model, or {BY_HAND}"
    if answer["fault"] == "refusal":
        raise ModelError("the model declined to write prompts", hint=hint)
    found = read_suggestions(answer["text"], prompt, n, cut=cut)
    if not found.prompts:
        why = _shortfall(found.repeated, cut=cut) or "the answer holds no list of prompts"
        raise ModelError(f"no usable prompt came: {why}", hint=hint)
    return found


def _shortfall(repeated: int, *, cut: bool) -> str:
    """Return in words why fewer variants came than were asked for; empty where nothing of it is known."""
    again = f"{repeated:,} {'repeats' if repeated == 1 else 'repeat'} your prompt or another one" if repeated else ""
    return ", and ".join(filter(None, (again, "the answer was cut off" if cut else "")))


def _as_bytes(result: SuggestedPrompts, ending: str) -> bytes:
    """Return the table as a file; CSV with a byte-order mark, without which Excel takes it for another encoding."""
    columns = (PROMPT_COLUMN, GENERATED_COLUMN)
    if ending == ".jsonl":
        lines = (json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False) for row in result.rows)
        return "".join(f"{line}\n" for line in lines).encode()
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([columns, *result.rows])
    return text.getvalue().encode("utf-8-sig")
