"""The terminal program: exit codes, one line of JSON, prompts from everywhere, and errors in one line."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import pplab
from pplab import cli
from pplab.commands.command_table import COMMANDS, reference
from pplab.commands.parameter_reference import parameter_reference
from tests.servers import FaultServer
from tests.unit.shard_labs import until

ROOT = Path(pplab.__file__).parents[1]


@pytest.fixture
def pp(capfd, monkeypatch):
    """Run ``pplab`` in this process; return the exit code, standard output and standard error."""

    def run(*words, stdin=None):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8") if stdin is not None else Terminal())
        code = cli.main(words)
        return code, *capfd.readouterr()

    return run


class Terminal(io.StringIO):
    def isatty(self):
        return True


def program(*words, **options):
    """Run ``python -m pplab`` in a process of its own."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), **options.pop("env", {})}
    command = [sys.executable, "-m", "pplab", *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=240, check=False, **options)


def test_a_bare_program_says_where_one_is(pp):
    code, out, err = pp()
    assert (code, err) == (0, "")
    assert "Next: pplab calibrate --preset balanced" in out


def test_a_whole_day_in_the_terminal(pp, tmp_path):
    assert pp("calibrate", "--preset", "balanced")[0] == 0
    code, out, _ = pp("run", "Why does it rain?", "--calibration", "latest", "--sweep", "temperature=0,1", "--n", "2", "--json")
    assert code == 0
    experiment = json.loads(out)["data"]["id"]
    for words in (
        ["results"], ["results", experiment[:8]], ["results", "--list"], ["compare", "0", "1"], ["audit"], ["timing"], ["trace"],
        ["verify"], ["export", "--format", "json"], ["sql", "SELECT count(*) FROM responses"], ["config"], ["doctor"],
        ["run", "hello", "--dry-run"], ["run", "--top-up", "latest", "--n", "3"], ["help", "run"], [],
    ):  # fmt: skip
        code, out, err = pp(*words)
        assert (code, err) == (0, ""), words
        assert out.strip(), words
        assert str(tmp_path) not in out, words
    assert len(list((tmp_path / "exports").glob("*.json"))) == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_and_its_examples_can_be_read(pp, name):
    from pplab.commands.command_table import parse
    from pplab.commands.line import split

    code, out, err = pp(name, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"usage: pplab {name}")
    assert max(map(len, out.splitlines())) <= 120
    for example in COMMANDS[name].examples:
        assert parse(split(example), program="pplab")[0].name == name


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["runn"], 2, "did you mean 'run'?"),
        (["run", "hi", "--swep", "x"], 2, "did you mean '--sweep'?"),
        (["run", "hi", "--n"], 2, "pplab: --n needs a value. see: pplab run --help"),
        (["compare", "1"], 2, "pplab: missing: b. see: pplab compare --help"),
        (["verify", "--json=1"], 2, "pplab: --json takes no value. see: pplab verify --help"),
        (["run", "hi", "--n", "x"], 2, "pplab: --n: 'x' is not a whole number"),
        (["results", "a", "b"], 2, "has no argument 'b'"),
        (["run", "hi", "--n", "0"], 2, "out of range"),
        (["results", "12345678"], 1, "no experiment"),
        (["results"], 1, "no experiment"),
        (["sql", "DROP TABLE responses"], 2, "SELECT"),
        (["calibrate", "--answers", "nowhere.json"], 2, "nowhere.json"),
        (["run", "hi", "--base-url", "ftp://example.org"], 2, "http"),
        (["run", "hi", "--prompt-file", "nowhere.txt"], 2, "given twice"),
        (["run", "--prompt-file", "nowhere.txt"], 2, "cannot be read"),
        (["run"], 2, "there is no prompt"),
        (["--store", "s3://bucket", "run", "hi"], 2, "pplab: the command comes before its options. write pplab run --store ..."),
        (["status", "--store", "s3://bucket"], 2, "s3://"),
        (["help", "nothing"], 1, "no help on 'nothing'"),
    ],
)
def test_errors_are_one_line_on_standard_error_with_their_exit_code(pp, words, code, message):
    left, out, err = pp(*words)
    assert left == code
    assert out == ""
    assert message in err
    assert err.startswith("pplab: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--json"], 0),
        (["run", "hi", "--n", "1", "--json"], 0),
        (["sql", "SELECT 'a\nb' AS x, 0.0/0 AS y, NULL AS z, now()::TIMESTAMP AS t", "--json"], 0),
        (["help", "--json"], 0),
        (["run", "--help", "--json"], 0),
        (["--help", "--json"], 0),
        (["runn", "--json"], 2),
        (["run", "hi", "--swep", "--json"], 2),
        (["run", "hi", "--n", "x", "--json"], 2),
        (["results", "12345678", "--json"], 1),
        (["run", "\ud800", "--json"], 2),
    ],
)
def test_json_is_exactly_one_line_of_one_shape(pp, words, code):
    left, out, err = pp(*words)
    assert (left, err) == (code, "")
    assert out.endswith("\n")
    assert out.count("\n") == 1
    answer = json.loads(out, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert answer["success"] is (code == 0)
    assert answer.keys() == ({"success", "data"} if code == 0 else {"success", "error"})
    if code:
        assert answer["error"].keys() == {"code", "message", "hint", "correlation_id"}


def test_a_failed_operation_names_its_correlation_id_in_json_and_its_trace_is_stored(pp):
    error = json.loads(pp("run", "hi", "--set", "temperature=9", "--json")[1])["error"]
    stored = json.loads(pp("audit", "--event", "operation_failed", "--json")[1])["data"]
    assert [row["correlation_id"] for row in stored] == [error["correlation_id"]]


def test_the_prompt_is_the_same_from_an_argument_a_file_and_standard_input(pp, tmp_path):
    (tmp_path / "prompt.txt").write_text("Why does it rain?\n", "utf-8")
    asked = [
        pp("run", "Why", "does", "it rain?", "--n", "1", "--json"),
        pp("run", "--prompt-file", "prompt.txt", "--n", "1", "--json"),
        pp("run", "--n", "1", "--json", stdin=b"Why does it rain?\n"),
        pp("run", "Why does", "--n", "1", "it rain?", "--json", stdin=b"not asked for"),
    ]
    keys = {json.loads(out)["data"]["responses"][0]["request_key"] for _, out, _ in asked}
    assert len(keys) == 1


def test_standard_input_that_is_no_text_is_refused(pp):
    code, _, err = pp("run", stdin=b"\xff\xfe\x00")
    assert code == 2
    assert "not UTF-8" in err


def test_a_run_in_which_every_call_failed_exits_with_1_and_is_stored(pp):
    with FaultServer() as server:
        words = ["--base-url", server.base_url, "--model", "play:bad_key", "--n", "2"]
        code, out, _ = pp("run", "hi", *words, "--json")
    answer = json.loads(out)
    assert code == 1
    assert answer["data"]["status"] == "failed"
    assert {r["status"] for r in answer["data"]["responses"]} == {"failed"}


def test_an_unexpected_fault_is_one_line_with_exit_code_1(pp, monkeypatch):
    monkeypatch.setattr("pplab.views.static.as_text", lambda _: 1 / 0)
    code, out, err = pp("config")
    assert (code, out) == (1, "")
    assert "please report it" in err
    assert err.count("\n") == 1


def test_config_keeps_what_it_was_told_for_the_next_process(pp):
    pp("config", "deadline=7", "model=embedded")
    settings = json.loads(pp("config", "--json")[1])["data"]
    assert (settings["deadline"], settings["model"]) == (7, "embedded")
    assert pp("config", "deadlin=7")[0] == 2
    assert "own address" in pp("config", "store=elsewhere")[2]


def test_the_doctor_names_a_package_that_is_missing_and_how_to_get_it(pp, monkeypatch):
    requirements = ["no-such-package>=2", "nh3>=0.2", 'no-such-lab; extra == "lab"']
    monkeypatch.setattr(metadata, "requires", lambda _: requirements)
    code, out, _ = pp("doctor")
    assert code == 1
    assert [" ".join(line.split()) for line in out.splitlines() if "problem" in line] == [
        "no-such-package problem not installed; run: pip install no-such-package",
        "Error: 1 problem: no-such-package",
    ]


def test_python_m_pplab_is_the_same_program_and_shows_what_a_terminal_can(tmp_path):
    done = program("sql", "SELECT 'naïve 研究' AS x", cwd=tmp_path, env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert "na\\xefve" in done.stdout


def test_a_reader_that_goes_away_is_no_error(tmp_path):
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    gone, writing = os.pipe()
    os.close(gone)
    words = [sys.executable, "-m", "pplab", "sql", "SELECT * FROM range(50000)"]
    done = subprocess.run(words, env=env, stdout=writing, stderr=subprocess.PIPE, cwd=tmp_path, timeout=240, check=False)
    os.close(writing)
    assert done.returncode == 1
    assert done.stderr == b""


@pytest.mark.parametrize("as_line", [pytest.param(False, marks=pytest.mark.soak), True])
def test_an_interrupt_keeps_what_arrived_and_exits_with_130(tmp_path, as_line):
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with FaultServer() as server:
        words = ["run", "hi", "--base-url", server.base_url, "--model", "play:hang", "--n", "2", *["--json"] * as_line]
        running = subprocess.Popen(
            [sys.executable, "-m", "pplab", *words],
            env=env,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        until(lambda: server.counts()["requests"] == 2 or running.poll() is not None)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=240)
    assert running.returncode == 130
    assert "Traceback" not in err
    if as_line:
        assert out.count("\n") == 1
        assert json.loads(out)["data"]["status"] == "interrupted"
    else:
        assert "interrupted" in out
    with pplab.Lab(store=tmp_path / ".pplab") as lab:
        assert lab.experiment().status == "interrupted"


def test_the_references_in_the_docs_are_made_from_the_tables():
    assert (ROOT / "docs" / "commands.md").read_text("utf-8") == reference()
    assert (ROOT / "docs" / "parameters.md").read_text("utf-8") == parameter_reference()


def test_a_byte_order_mark_is_never_sent(pp):
    Path("prompt.txt").write_bytes(b"\xef\xbb\xbfSay hello.\r\n")
    asked = [
        pp("run", "--prompt-file", "prompt.txt", "--n", "1", "--json"),
        pp("run", "--n", "1", "--json", stdin="Say hello.\n".encode("utf-16")),
        pp("run", "--prompts", "prompt.txt", "--n", "1", "--json"),
    ]
    assert [json.loads(out)["data"]["responses"][0]["prompt"] for _, out, _ in asked] == ["Say hello."] * 3


def test_a_dry_run_shows_the_first_prompts_as_they_will_be_sent(pp):
    Path("prompts.jsonl").write_text("".join(f'{{"text": "line {i}\\nand more", "n": {i}}}\n' for i in range(5)), "utf-8")
    code, out, _ = pp("run", "Summarise ({n}): {text}", "--prompts", "prompts.jsonl", "--dry-run")
    assert code == 0
    assert r'Prompt 1: "Summarise (0): line 0\nand more"' in out
    assert 'Prompt 3: "Summarise (2)' in out
    assert "... and 2 more prompts." in out
    assert "Prompt 4" not in out


def test_standard_input_is_never_cut(pp):
    code, out, err = pp("run", "--n", "1", stdin=b"x" * 2_000_001)
    assert (code, out) == (2, "")
    assert "standard input is larger than" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "hi", "\u2014n", "3"], "write --n"),
        (["run", "hi", "--dry\u2013run"], "write --dry-run"),
        (["run", "\u201cWhy", "does", "it", "rain?\u201d"], "the prompt is in curly quotes"),
        (["run", "hi", "--system", "\u201cBe", "kind\u201d"], "begins with a curly quote"),
        (["run", "hi", "--set", "presence_penalty=\u22121"], "write presence_penalty=-1"),
    ],
)
def test_dashes_and_quotes_of_an_editor_are_recognised(pp, words, message):
    code, out, err = pp(*words)
    assert (code, out) == (2, "")
    assert message in err


def test_quotes_and_dashes_inside_a_quoted_word_are_sent(pp):
    for prompt in ("\u201cWhy does it rain?\u201d", "Explain \u2014n and $HOME and {topic} # all of it"):
        out = pp("run", prompt, "--n", "1", "--json")[1]
        assert json.loads(out)["data"]["responses"][0]["prompt"] == prompt


def test_a_run_whose_answers_were_all_truncated_says_so_and_what_lets_them_end(pp):
    code, printed, _ = pp("run", "Write about the sea.", "--model", "embedded", "--n", "1", "--set", "max_tokens=3")
    assert code == 0
    assert "The setting cannot be used: 1 of 1 answer is not usable." in printed
    assert "Next: give a larger max_tokens, which lets the answers end, then run again." in printed


def test_before_one_prompt_is_compared_it_says_what_that_cannot_show(pp):
    command = ("run", "Write about the sea.", "--model", "embedded", "--n", "1", "--sweep", "temperature=0,1")
    code, _, said = pp(*command)
    assert code == 0
    assert said.startswith("pplab: 1 prompt with 1 answer each shows means without interval, and nothing of others like it; ")
    assert "--dry-run says how many prompts would settle it." in said
    assert pp(*command, "--json")[2] == ""
    assert pp("run", "Write about the sea.", "--model", "embedded", "--n", "1")[2] == ""
