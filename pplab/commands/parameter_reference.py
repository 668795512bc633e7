"""The reference of parameters in Markdown: what each does, which servers and models take it, and where that is stated."""

from __future__ import annotations

from pplab.models.capability_table import CAPABILITIES, Capability, either
from pplab.plan.parameters import PARAMETERS, Parameter
from pplab.plan.servers import SERVERS, ServerKind

LARGE = 1_000_000  # a limit so far out is none

PREFACE = """
A parameter is a field of the request to a model. `--set NAME=VALUE` (in Python `parameters={...}`) gives it one value, and
`--sweep NAME=...` (`sweep={...}`) varies it. One that is not given is not sent: the server's default applies. This page is
written from the tables that the program uses (`make docs`).
"""
WRITING = """
| Kind | One value | A sweep |
|---|---|---|
| number, whole number | `--set min_p=0.05` | `--sweep min_p=0,0.1` or `low:high:count`, `--sweep min_p=0:0.2:5` |
| choice | `--set verbosity=low` | `--sweep reasoning_effort=none,low,high` |
| texts | `--set stop=END`, `--set 'stop=["a, b", "c"]'` | `--sweep stop=END,###`, `--sweep 'stop=["END", ["a", "b"]]'` |
| true or false | `--set logprobs=true` | `--sweep logprobs=true,false` |
| JSON | `--set response_format=@schema.json` | `--sweep response_format=@a.json,@b.json`, or a JSON list |
| any other field | `--set x.dry_multiplier=0.8` | `--sweep x.mirostat=0,2` |

`x.NAME` is sent as the field `NAME`, with any JSON value, and the lab knows nothing of it; `x.model`, `x.messages`, `x.stream`,
`x.stream_options` and `x.n` are the lab's own. Choices are ordered as they stand in the table.
"""
SERVERS_TEXT = """
A cell says what the server does with the parameter: takes it (yes, or the field it calls it by), rejects it (the call fails), or
ignores it (the answer comes, without any effect). An empty cell: not documented. A call goes out under the server's own names,
and what was sent is stored as it went out.

A hosted service is known by its host. Any other server is asked for its list of models, once, and only when a call has a
parameter whose name differs between servers (repetition_penalty, thinking_budget): the list names its maker. Where it does not,
the parameter goes out under its name here. Before the first call, Ollama and LM Studio are recognised by their usual ports, and
warnings say so.
"""
MODELS_TEXT = """
What a model takes often depends on the rest of the setting. A preflight, the studio and the results say what will be rejected or
ignored, with what works instead. Nothing is left out of a call because of this table. What you know better goes before it:
`pplab config capabilities='{"my-model": {"seed": "ignored"}}'` (rejected, ignored or honoured). `pplab probe` measures it.
"""
CHOICE_TEXT = """
No package has this knowledge as it is needed here (looked at on 2026-11-28). genai-prices 0.2.3, which gives the prices, has
none of parameters.
modelparams 0.0.53 (2026-10-10, MIT, no network, 0.6 s to import) lists 490 entries of 22 providers with types, ranges and some
conditions, but neither a source nor a day for each, and by the native field names of each API. Among its 62 entries for OpenAI,
those for GPT-6 have temperature without any condition, three efforts of six and a shutdown on 2026-10-23, gpt-4 has a reasoning
effort, o1 to o4-mini have xhigh, GPT-5.1 to 5.6 lack temperature instead of tying it to effort none, and gpt-4o has neither
penalties nor seed, stop or log probabilities: what it lacks is not refused. So the tables here are the lab's own, each row with
its source and day; where that catalogue is the source and nothing speaks against it, it is named.
"""


def parameter_reference() -> str:
    """Return the page (the docs' ``parameters.md`` is this text; a test compares them)."""
    kinds = list(SERVERS.values())
    parts = ["# Parameters", "", PREFACE.strip(), "", "## What each does", "", "| Name | Values | Meaning |", "|---|---|---|"]
    parts += [f"| `{p.name}` | {_values(p)} | {p.meaning} |" for p in PARAMETERS.values()]
    parts += ["", "## How values are written", "", WRITING.strip()]
    parts += ["", "## Which servers take it", "", SERVERS_TEXT.strip(), ""]
    parts += [f"| | {' | '.join(kind.name for kind in kinds)} |", f"|---|{'---|' * len(kinds)}"]
    parts += [f"| `{name}` | {' | '.join(_cell(kind, name) for kind in kinds)} |" for name in PARAMETERS]
    parts += ["", "Sources: " + "; ".join(f"{kind.name} {_link(kind.source)} ({kind.dated})" for kind in kinds) + "."]
    parts += ["", "## What models take", "", MODELS_TEXT.strip(), ""]
    parts += ["| Models | Parameters | | Source |", "|---|---|---|---|", *map(_row, CAPABILITIES)]
    parts += ["", "## Where this knowledge comes from", "", CHOICE_TEXT.strip()]
    return "\n".join(parts) + "\n"


def _values(parameter: Parameter) -> str:
    if parameter.choices:
        return either(parameter.choices)
    if not parameter.numeric:
        return {"texts": "texts", "flag": "true or false"}.get(parameter.kind, "JSON")
    kind = "whole number" if parameter.integer else "number"
    if parameter.low <= -LARGE:
        return kind
    return f"{kind} in {parameter.interval}" if parameter.high < LARGE else f"{kind} from {parameter.low:g}"


def _cell(kind: ServerKind, name: str) -> str:
    if name in kind.takes:
        return "yes" if kind.takes[name] == name else f"`{kind.takes[name]}`"
    return {"rejected": "rejects", "ignored": "ignores"}.get(kind.effects.get(name, ""), "")


def _row(row: Capability) -> str:
    where = f" (at {either(row.servers)})" if row.servers else ""
    names = ", ".join(f"`{name}`" for name in row.parameters)
    effect = "" if row.effect == "honoured" else f"{row.effect}: "
    words = "; ".join(filter(None, (f"{effect}{row.note}", row.way_out)))
    return f"| {row.models}{where} | {names} | {words} | {_link(row.source)}, {row.dated} |"


def _link(source: str) -> str:
    return f"[{source.removeprefix('https://').split('/')[0]}]({source})" if source.startswith("https://") else f"`{source}`"
