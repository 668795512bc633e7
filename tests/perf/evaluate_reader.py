"""Surface, reader and both beside human ratings and the everyday pairs, on a part of the data that one core reads in minutes.

``python tests/perf/evaluate_reader.py .../evaluate.py [--prompts 12] [--articles 15]``: the first prompts and articles of the
developers' half, measured with `evaluate.py`'s own code; it stays where it is. The figures of `reader_impl.py` hold here too.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

sys.path[:0] = [str(Path(__file__).parents[1].parent), str(Path(__file__).parent)]

import reader_impl  # noqa: E402 - it stands beside this file

from pplab.metrics import score_many  # noqa: E402

DATA = Path(__file__).parents[1] / "data"
PAIRS = ("everyday_pairs.jsonl", "everyday_pairs_2.jsonl")
KINDS = ("surface", "reader", "both")
METRICS = ("completeness", "coherence", "creativity", "structure")
"""Structure is the surface's everywhere."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("evaluate", type=Path)
    parser.add_argument("--prompts", type=int, default=12)
    parser.add_argument("--articles", type=int, default=15)
    args = parser.parse_args()
    spec = importlib.util.spec_from_file_location("evaluate", args.evaluate)
    evaluate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(evaluate)
    for name in PAIRS:
        pairs(name)
    data = args.evaluate.parent
    stories = evaluate.jsonl(data / "hanna_p00_47.jsonl.gz")
    chosen = list(dict.fromkeys(row["prompt_id"] for row in stories))[: args.prompts]
    stories = [row for row in stories if row["prompt_id"] in chosen]
    articles = evaluate.jsonl(data / "summeval_a00_49.jsonl.gz")[: args.articles]
    timed("stories", lambda: reader_impl.score_many([r["story"] for r in stories], [r["prompt"] for r in stories]))
    rows = evaluate.summaries(articles)
    sources = [row["source"] for row in rows]
    timed("summaries", lambda: reader_impl.score_many([r["text"] for r in rows], evaluate.SUMMARISE, sources=sources))
    print_columns({kind: table(evaluate, kind, stories, articles) for kind in KINDS})


def timed(name, work):
    start, before = time.perf_counter(), reader_impl.reader().decoded
    count = len(work())
    seconds, tokens = time.perf_counter() - start, reader_impl.reader().decoded - before
    print(f"{name}: {count} answers, {tokens} tokens read in {seconds:.0f} s", flush=True)
    if reader_impl.CACHE:
        reader_impl.save(reader_impl.known())


def scored(kind, texts, prompts, **more):
    if kind == "surface":
        return score_many(texts, prompts, **more)
    return reader_impl.score_many(texts, prompts, alone=kind == "reader", **more)


def pairs(name):
    rows = [json.loads(line) for line in (DATA / name).read_text("utf-8").splitlines()]
    texts, prompts = [row[side] for row in rows for side in ("better", "worse")], [row["prompt"] for row in rows for _ in (0, 1)]
    reasons = [reason for row in rows for reason in (None, row.get("finish_reason"))]
    timed(name, lambda: reader_impl.score_many(texts, prompts))
    totals = Counter(row["metric"] for row in rows)
    for kind in KINDS:
        found = scored(kind, texts, prompts, finish_reasons=reasons)
        right, wrong = dict.fromkeys(METRICS, 0.0), []
        for row, better, worse in zip(rows, found[::2], found[1::2], strict=True):
            values = [getattr(one, row["metric"]) for one in (better, worse)]
            right[row["metric"]] += 0.5 if None in values else float(values[0] > values[1])
            if None in values or values[0] <= values[1]:
                wrong.append((row, values))
        print(f"{kind}: {sum(right.values()):g} of {len(rows)};", ", ".join(f"{m} {right[m]:g} of {totals[m]}" for m in METRICS))
        if kind == "both":
            for row, values in wrong:
                shown = " ".join("none" if value is None else f"{value:.2f}" for value in values)
                print(f"   {row['metric']} {row['kind']}: {shown} {row['why'][:80]}")


def table(evaluate, kind, stories, articles):
    result = evaluate.Table({})
    impl = SimpleNamespace(score=lambda text, prompt="", **more: as_read(kind, text, prompt, more))
    evaluate.hanna(impl, result, stories, "")
    evaluate.summeval(impl, result, articles)
    return {row["figure"]: row for row in result.rows}


def as_read(kind, text, prompt, more):
    one = scored(kind, [text], [prompt], sources=[more.get("source")])[0]
    return {name: getattr(one, name) for name in METRICS}


def print_columns(tables):
    first = tables[KINDS[0]]
    print(f"{'figure':52}" + "".join(f"{kind:>9}" for kind in KINDS) + "   length")
    for name, row in first.items():
        length = "-" if row["length_only"] is None else f"{row['length_only']:.3f}"
        print(f"{name:52}" + "".join(f"{tables[kind][name]['value']:9.3f}" for kind in KINDS) + f"{length:>9}")


if __name__ == "__main__":
    main()
