"""Forgetting in one lab: no byte of a text stays in any file, all else stays, the chain verifies, and it happens whole or not."""

from __future__ import annotations

import dataclasses
import errno
import gzip
import io
import json
import os
import random
import shutil
import subprocess
import sys

import duckdb
import pytest

import pplab
from pplab.cli import main
from pplab.errors import BadInput, NotFound, StoreBusy, StoreError, StoreTampered
from pplab.models.recording import Recording
from pplab.views import static
from tests.servers.faults import completion
from tests.servers.plain import PlainServer
from tests.unit.forget_labs import NOTE, PROMPT, STAYS, SYSTEM, cell, contents, holding, run, texts

SOAK = bool(os.environ.get("PPLAB_SOAK"))
CHANGES = 100 if SOAK else 1


@pytest.fixture
def lab(tmp_path):
    with pplab.Lab(store=tmp_path / "lab", user="ada") as opened:
        yield opened


@dataclasses.dataclass(frozen=True)
class Past:
    """What was forgotten in the lab ``forgotten``, which is a copy of the lab ``whole``, and what was said of it."""

    id: str
    texts: list[str]
    stay: list[str]
    numbers: list[dict[str, object]]
    head: object
    report: object


def forgetting_labs(folder):
    """Fill a folder with two labs, before and after an experiment was forgotten, and with a package made before."""
    with pplab.Lab(store=folder / "whole", user="ada") as lab:
        experiment, other = run(lab), lab.run(STAYS, n=1)
        lab.context.store.append(
            cell(f"lab.run({PROMPT!r}, system={SYSTEM!r})"), cell(f"%%pplab run\n{PROMPT}"), cell(json.dumps({"prompt": PROMPT}))
        )
        lab.rebuild(swap=True)
        lab.export(experiment, "package", folder / "before.zip")
        searched, stay, before = texts(experiment), [STAYS, *other.responses.text], numbers(experiment)
    shutil.copytree(folder / "whole", folder / "forgotten")
    with pplab.Lab(store=folder / "forgotten", user="ada") as lab:
        head = lab.context.store.head()
        report = lab.forget(experiment.id)
    return Past(experiment.id, searched, stay, before, head, report)


@pytest.fixture
def past(made_once):
    return made_once(forgetting_labs)[1]


@pytest.fixture
def whole(made_once, tmp_path):
    """A lab of one's own before the experiment was forgotten."""
    with pplab.Lab(store=shutil.copytree(made_once(forgetting_labs)[0] / "whole", tmp_path / "whole"), user="ada") as opened:
        yield opened


@pytest.fixture
def forgotten(made_once, tmp_path):
    """A lab of one's own in which it was."""
    folder = shutil.copytree(made_once(forgetting_labs)[0] / "forgotten", tmp_path / "forgotten")
    with pplab.Lab(store=folder, user="ada") as opened:
        yield opened


def numbers(experiment):
    frame = experiment.responses
    return frame[["response_id", "creativity", "coherence", "cost", "latency_ms", "input_tokens"]].to_dict("records")


def test_no_byte_of_a_text_stays_and_everything_else_does(past, whole, forgotten):
    assert len(holding(whole.folder, past.texts)) >= 3, "journals, tables and their copy"
    assert past.report.done
    assert past.report.texts >= len(past.texts)
    assert "cannot be recalled" in past.report.words
    assert holding(forgotten.folder, past.texts, but=past.stay) == []
    assert holding(forgotten.folder, past.stay) != []
    assert numbers(forgotten.experiment(past.id)) == past.numbers
    checked = forgotten.context.store.verify([(past.head.seq, past.head.hash)])
    assert checked.ok
    assert f"of experiment {past.id} forgotten" in " ".join(checked.forgotten)
    assert "by ada" in forgotten.verify().words
    assert forgotten.rebuild().equal
    for cells in forgotten.sql("SELECT source FROM cell_executions WHERE source IS NOT NULL").source:
        assert "forgotten 2" in cells
    tombstone = forgotten.audit("texts_forgotten").iloc[0]
    assert (tombstone.actor, tombstone.entity, tombstone.entity_id) == ("ada", "experiment", past.id)
    assert [64, len(PROMPT.encode())] in [[len(digest), size] for digest, size in json.loads(tombstone.payload)["texts"]]


def test_a_dry_run_says_what_would_go_and_changes_nothing(past, whole):
    before = contents(whole.folder)
    report = whole.forget(past.id, dry_run=True)
    assert not report.done
    assert report.texts == past.report.texts > 8
    assert f"They lie in {report.files[0]}" in report.words
    after = contents(whole.folder)
    for name, data in before.items():
        if name.startswith("journal") or name == "ledger.jsonl":
            assert after[name].startswith(data), "what it tells of itself comes behind"
    assert whole.experiment(past.id).responses.prompt[0] == PROMPT
    assert whole.audit("texts_forgotten").empty


def test_of_a_response_its_answer_goes_the_prompt_stays_and_a_replay_leaves_it_out_and_says_so(past, whole):
    row, *others = whole.experiment(past.id).responses.itertuples()
    report = whole.forget(row.response_id)
    assert report.entity == "response"
    assert "prompt stays" in report.words
    assert holding(whole.folder, [row.text], but=[one.text for one in others]) == []
    after = whole.experiment(past.id).responses
    assert after.text[1:].tolist() == [one.text for one in others]
    assert after.prompt[0] == PROMPT
    assert whole.verify().ok
    replayed = whole.replay(past.id)
    assert replayed.identical
    assert replayed.forgotten == 1
    assert "was forgotten" in replayed.words


def test_of_a_calibration_its_persona_and_its_answers_in_words_go(lab):
    calibration = lab.calibrate("balanced")
    persona, sentence = calibration.persona, lab.sql("SELECT explanation->>'$[0].sentence' AS s FROM calibrations").s[0]
    report = lab.forget(calibration.id)
    assert report.entity == "calibration"
    assert holding(lab.folder, [persona, sentence]) == []
    assert lab.calibration(calibration.id).ranges == calibration.ranges
    assert lab.verify().ok


def test_what_cannot_be_forgotten_is_one_line(past, forgotten):
    with pytest.raises(NotFound, match="no experiment, response or calibration has the id 'ffffff'"):
        forgotten.forget("ffffff")
    with pytest.raises(BadInput, match=r"were forgotten \d{4}-\d\d-\d\d by ada"):
        forgotten.forget(past.id)


def test_a_lab_that_was_altered_is_refused_since_forgetting_would_hide_it(past, whole):
    with duckdb.connect(whole.folder / "lab.duckdb") as tables:
        tables.execute("UPDATE audit_logs SET actor = 'eve' WHERE seq = 2")
    with pytest.raises(StoreTampered, match="audit row 2"):
        whole.forget(past.id)
    assert whole.experiment(past.id).responses.prompt[0] == PROMPT


def test_another_experiment_keeps_the_same_text_and_the_report_names_it(lab):
    first, second = lab.run(PROMPT, n=1), lab.run(PROMPT, n=1)
    report = lab.forget(first.id)
    assert report.elsewhere == (second.id,)
    assert second.id in report.words
    assert lab.experiment(second.id).responses.prompt[0] == PROMPT
    lab.forget(second.id)
    assert holding(lab.folder, [PROMPT]) == []


def test_a_journal_that_another_process_writes_is_left_alone_and_named(past, whole):
    program = """
import sys, pplab
lab = pplab.Lab(store=sys.argv[1])
lab.experiment(sys.argv[2]).label("x", note=sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
lab.close()
"""
    writer = subprocess.Popen(
        [sys.executable, "-c", program, str(whole.folder), past.id, NOTE + " So says bob."],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert writer.stdout.readline() == "ready\n"
    assert whole.forget(past.id, dry_run=True).writers == (writer.pid,)
    with pytest.raises(StoreBusy, match=f"process {writer.pid} is writing a journal"):
        whole.forget(past.id)
    assert whole.experiment(past.id).responses.prompt[0] == PROMPT
    writer.communicate("\n")
    whole.forget(past.id)
    assert holding(whole.folder, past.texts, but=past.stay) == []


def test_one_changed_byte_of_what_was_redacted_is_found(forgotten):
    """In audit rows by the chain, in all other records by comparing with the journals: with what was written of each last."""
    (sealed,) = [
        path
        for path in sorted((forgotten.folder / "journal" / "sealed").glob("*.gz"))
        if b"forgotten" in contents(path.parent)[path.name]
    ][:1]
    data = gzip.decompress(sealed.read_bytes())
    lines = [(start, line) for start, line in _lines(data) if b"[text forgotten" in line or b"[forgotten" in line]
    experiments = [entry for entry in lines if entry[1].startswith(b'{"k":"experiment"')]
    lines = [entry for entry in lines if entry not in experiments[:-1]]
    chance = random.Random(11)
    for _ in range(CHANGES):
        start, line = chance.choice(lines)
        at = start + chance.randrange(len(line.rstrip()))
        changed = bytearray(data)
        changed[at] ^= 1
        sealed.write_bytes(gzip.compress(bytes(changed)))
        assert not forgotten.rebuild().equal, bytes(changed[start : start + len(line)])
    sealed.write_bytes(gzip.compress(data))
    assert forgotten.rebuild().equal


def _lines(data):
    start = 0
    for line in data.split(b"\n"):
        yield start, line
        start += len(line) + 1


def test_a_changed_tombstone_covers_nothing(forgotten):
    with duckdb.connect(forgotten.folder / "lab.duckdb") as tables:
        (seq,) = tables.execute(
            "SELECT seq FROM audit_logs WHERE payload LIKE '%forgotten 2%' AND event <> 'texts_forgotten'"
        ).fetchone()
        tables.execute("UPDATE audit_logs SET payload = replace(payload, 'forgotten 2', 'forgotten 3') WHERE seq = ?", [seq])
    with pytest.raises(StoreTampered, match=f"audit row {seq} does not match its hash"):
        forgotten.verify()


DIED, FAILED = 255, 254


def forgotten_in_a_child(folder, id_, last=0):
    """Forget in a process that dies at the ``last`` step which changes a file; return `DIED`, or how many steps there were."""
    child = os.fork()
    if child == 0:
        steps = 0

        def counted(work):
            def step(*arguments, **named):
                nonlocal steps
                steps += 1
                if steps == last:
                    os._exit(DIED)
                return work(*arguments, **named)

            return step

        try:
            with pplab.Lab(store=folder, user="ada") as lab:
                os.replace, os.fsync, os.unlink = map(counted, (os.replace, os.fsync, os.unlink))
                lab.forget(id_)
            os._exit(steps)
        finally:
            os._exit(FAILED)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_process_that_dies_on_the_way_leaves_all_or_nothing_and_the_next_one_finishes(past, made_once, tmp_path):
    whole = made_once(forgetting_labs)[0] / "whole"
    steps = forgotten_in_a_child(shutil.copytree(whole, tmp_path / "counted"), past.id)
    assert 8 < steps < FAILED
    ends = range(1, steps + 1) if SOAK else (1, steps - 1)
    finished = 0
    for end in ends:
        folder = shutil.copytree(whole, tmp_path / f"{end}")
        assert forgotten_in_a_child(folder, past.id, end) == DIED
        with pplab.Lab(store=folder, user="ada") as lab:
            assert lab.verify().ok
            assert numbers(lab.experiment(past.id)) == past.numbers
            if lab.audit("texts_forgotten").empty:
                lab.forget(past.id)
            else:
                finished += 1
            assert holding(folder, past.texts, but=past.stay) == [], end
            assert len(lab.audit("texts_forgotten")) == 1
            assert lab.context.store.verify([(past.head.seq, past.head.hash)]).ok
            assert lab.rebuild().equal
        shutil.rmtree(folder)
    assert 0 < finished < len(ends), "some died before it was decided, and some after"


def test_a_package_made_before_verifies_and_so_does_one_made_after_which_holds_no_text(past, forgotten, made_once, tmp_path):
    before, after = made_once(forgetting_labs)[0] / "before.zip", tmp_path / "after.zip"
    assert "before.zip" in past.report.words
    forgotten.export(forgotten.experiment(past.id), "package", after)
    assert forgotten.verify(before).ok
    assert forgotten.verify(after).ok
    shutil.unpack_archive(after, tmp_path / "after")
    assert holding(tmp_path / "after", past.texts) == []
    with pplab.Lab(store=tmp_path / "bob", user="bob") as bob:
        bob.import_package(after)
        assert bob.experiment(past.id).responses.prompt[0].startswith("[")
        assert bob.verify().ok
    for format_ in ("csv", "json", "parquet"):
        file = tmp_path / "exported" / f"experiment.{format_}"
        file.parent.mkdir(exist_ok=True)
        forgotten.export(forgotten.experiment(past.id), format_, file)
    assert holding(tmp_path / "exported", past.texts) == []


def test_views_show_that_a_text_was_forgotten_and_what_needs_the_text_is_refused(past, forgotten):
    after = forgotten.experiment(past.id)
    assert any("texts of 8 answers were forgotten" in warning for warning in after.warnings)
    assert "text forgotten" in static.experiment(after).html
    assert "forgotten" in forgotten.response(after.responses.response_id[0]).text
    assert forgotten.trace(past.id)
    with pytest.raises(BadInput, match="were forgotten"):
        forgotten.replay(past.id)
    with pytest.raises(BadInput, match="were forgotten, so it cannot go on"):
        after.top_up(3)


def test_the_recording_in_use_forgets_too_and_a_call_of_it_says_so_in_one_line(lab, tmp_path):
    file = tmp_path / "calls.jsonl"
    lab.use_recording(file)
    experiment = lab.run(PROMPT, n=2)
    searched = [PROMPT, *experiment.responses.text]
    asked = lab.recording.calls()[0]
    assert lab.forget(experiment.id, dry_run=True).recorded == 2
    assert holding(tmp_path, searched) != []
    assert lab.forget(experiment.id).recorded == 2
    assert holding(tmp_path, searched) == []
    error = Recording(file).missing_call_error(asked, "the model cannot be asked")
    assert "the texts of a call were forgotten in the recording 'calls.jsonl'" in str(error)
    again = lab.run(PROMPT, n=2)
    assert again.status == "completed", "the model is asked again where it can be"


def test_a_judges_questions_and_reasons_about_an_experiment_go_with_it(tmp_path):
    def reply(body):
        judged = json.dumps({"reason": "Dragons with rum are a matter of taste.", "grade": 4})
        text = judged if body["model"] == "judge" else f"Of a green dragon I know nothing, and of {body['seed']} less."
        return 200, json.dumps(completion(text)).encode(), {}

    with (
        PlainServer(reply=reply) as server,
        pplab.Lab(
            store=tmp_path / "lab", user="ada", model="writer", base_url=server.base_url, api_key="sk-test-0123456789"
        ) as lab,
    ):
        experiment = lab.run(PROMPT, n=2, seed=1)
        assert lab.judge(experiment, model="judge", rubric="clear").judged
        first, second = experiment.responses.itertuples()
        searched = ["Dragons with rum are a matter of taste.", first.text]
        lab.forget(first.response_id)
        judging = lab.sql("SELECT prompt FROM responses WHERE experiment_id <> ?", [experiment.id]).prompt
        assert sum("less." in prompt for prompt in judging) * 2 == len(judging), "what was asked about the other answer stays"
        assert holding(lab.folder, [first.text], but=[second.text]) == []
        lab.forget(experiment.id)
        assert holding(lab.folder, [PROMPT, *searched, second.text]) == []
        assert lab.verify().ok


def test_a_full_disk_changes_nothing(past, whole, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("pplab.store.staged_change.write_atomically", full)
        with pytest.raises(StoreError, match="nothing was forgotten"):
            whole.forget(past.id)
    assert whole.experiment(past.id).responses.prompt[0] == PROMPT
    assert whole.verify().ok
    whole.forget(past.id)
    assert holding(whole.folder, past.texts, but=past.stay) == []


# -- the command ----------------------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    """Somebody who answers at a terminal."""

    def isatty(self):
        return True


def told(capsys, lab, *line):
    code = main(["forget", *line, "--store", str(lab.folder)])
    return code, capsys.readouterr()


def test_the_command_asks_first_and_where_nobody_can_be_asked_it_wants_to_be_told(past, whole, capsys, monkeypatch):
    code, shown = told(capsys, whole, past.id)
    assert code == 2
    assert "forget ID --text" in shown.err
    for answer, there in ((io.StringIO(""), True), (Terminal("n\n"), True), (Terminal("\n"), True), (Terminal("y\n"), False)):
        monkeypatch.setattr("sys.stdin", answer)
        code, shown = told(capsys, whole, past.id, "--text")
        assert code == there, "a program that asks for it learns that it was not done"
        assert ("Nothing was changed" in shown.out) == there
        assert ("[y/N]" in shown.err) == answer.isatty()
        assert whole.experiment(past.id).responses.prompt[0].startswith("[") != there
    assert whole.audit("texts_forgotten").shape[0] == 1


def test_yes_forgets_at_once_and_a_dry_run_never_does(past, whole, capsys):
    assert told(capsys, whole, past.id, "--text", "--dry-run", "--yes")[0] == 0
    assert whole.experiment(past.id).responses.prompt[0] == PROMPT
    code, shown = told(capsys, whole, past.id[:8], "--text", "--yes", "--json")
    assert code == 0
    assert json.loads(shown.out)["data"]["done"] is True
    code, shown = told(capsys, whole, "no-such-id", "--text")
    assert (code, len(shown.err.splitlines())) == (1, 1)
