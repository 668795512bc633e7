"""The cell audit and the magics in a real kernel: cell ids, interrupts, top-level await, restarts."""

from __future__ import annotations

import time

import pytest

import pplab

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


def recorded(kernel, tmp_path):
    """End the extension and return the recorded cells after the loading one, with None for what is missing."""
    assert kernel.run("%unload_ext pplab").status == "ok"
    with pplab.Lab(store=tmp_path / ".pplab") as lab:
        frame = lab.cells().iloc[1:].astype(object)
    return frame.where(frame.notna(), None)


def started(message):
    return message["msg_type"] == "stream" and "begun" in message["content"]["text"]


def test_every_way_a_cell_can_end_in_a_kernel_leaves_one_row(kernel, tmp_path):
    kernel.run("x = 1", cell_id="a-1")
    kernel.run("1 / 0", cell_id="a-2")
    kernel.run("def (:", cell_id="a-3")
    kernel.run("%pplab nothing", cell_id="a-4")
    kernel.run("raise SystemExit", cell_id="a-5")
    kernel.run("import asyncio; await asyncio.sleep(0.01)", cell_id="a-6")
    kernel.run("get_ipython().run_cell('y = 1')", cell_id="a-7")
    kernel.run("", cell_id="a-8")
    kernel.run("z = 1", silent=True)
    kernel.run("w = 1")
    frame = recorded(kernel, tmp_path)
    rows = list(zip(frame["cell_id"], frame["status"], frame["error_type"], strict=True))
    assert rows == [
        ("a-1", "ok", None),
        ("a-2", "error", "ZeroDivisionError"),
        ("a-3", "syntax error", "SyntaxError"),
        ("a-4", "error", "UsageError"),
        ("a-5", "error", "SystemExit"),
        ("a-6", "ok", None),
        ("a-7", "ok", None),
        (None, "ok", None),
        *([("a-8", "ok", None)] if "a-8" in set(frame["cell_id"]) else []),
        (None, "ok", None),
    ]
    counts = list(frame["execution_count"].dropna())
    assert counts[:4] == [counts[0] + place for place in range(4)]


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import time\nprint('begun', flush=True)\ntime.sleep(60)", marks=pytest.mark.soak),
        pytest.param("print('begun', flush=True)\nwhile True: pass", marks=pytest.mark.soak),
        # ipykernel 7 cancels such a cell when its loop next wakes: one long sleep would be slept to its end.
        "import asyncio\nprint('begun', flush=True)\nwhile True: await asyncio.sleep(0.01)",
    ],
    ids=["sleeping", "busy", "awaiting"],
)
def test_an_interrupted_cell_is_one_row_and_the_next_cell_works(kernel, tmp_path, code):
    cell = kernel.begin(code, cell_id="long")
    outputs = kernel.wait_for(cell, started)
    kernel.manager.interrupt_kernel()
    reply = kernel.end(cell, outputs)
    assert reply.status == "error"
    assert "Error in callback" not in reply.stdout + reply.stderr
    assert kernel.run("x = 1", cell_id="next").status == "ok"
    frame = recorded(kernel, tmp_path)
    assert list(frame["cell_id"]) == ["long", "next"]
    assert list(frame["status"]) == ["interrupted", "ok"]


def test_a_usage_error_is_one_line_on_standard_error(kernel):
    reply = kernel.run("%pplab run --swep x")
    assert reply.status == "error"
    assert reply.content["ename"] == "UsageError"
    assert reply.stderr.count("\n") == 1
    assert "did you mean '--sweep'?" in reply.stderr
    assert not any(o["msg_type"] == "error" for o in reply.outputs)


def test_a_run_in_a_kernel_works_in_plain_and_in_async_cells(kernel):
    for cell in ("%%pplab run --n 2 --set max_tokens=8\nhello", "import pplab\nlab = pplab.Lab()\nlab.run('hello', n=2)"):
        reply = kernel.run(cell)
        assert reply.status == "ok", reply.content
        assert "completed" in reply.result["text/plain"]
        assert "text/html" in reply.result
        assert reply.stderr == ""
    reply = kernel.run("import asyncio\nawait asyncio.sleep(0)\nlab.run('hello', n=2).status")
    assert reply.result["text/plain"] == "'completed'"


def test_interrupting_a_run_gives_the_prompt_back_within_a_second_and_keeps_what_arrived(kernel, tmp_path):
    from tests.servers import FaultServer

    with FaultServer() as server:
        kernel.run(f"%config PPLab.base_url = '{server.base_url}'")
        kernel.run("%config PPLab.model = 'play:hang'")
        cell = kernel.begin("%pplab run hello --n 3")
        while server.counts()["requests"] < 3:
            time.sleep(0.01)
        before = time.monotonic()
        kernel.manager.interrupt_kernel()
        reply = kernel.end(cell)
        took = time.monotonic() - before
    assert reply.status == "ok", reply.content
    assert "interrupted" in reply.result["text/plain"]
    assert took < 5  # within a second on a quiet machine
    print(f"\nprompt back after {took:.2f} s")
    kernel.run("%unload_ext pplab")
    with pplab.Lab(store=tmp_path / ".pplab") as lab:
        assert lab.experiment().status == "interrupted"
        assert set(lab.experiment().responses["status"]) == {"cancelled"}


@pytest.mark.soak
def test_hooks_print_nothing_in_any_kind_of_cell(kernel):
    for cell in ("x = 1", "", "   ", "x = 2;", "import asyncio; await asyncio.sleep(0)"):
        reply = kernel.run(cell)
        assert [o for o in reply.outputs if o["msg_type"] in ("stream", "error", "display_data", "execute_result")] == []
