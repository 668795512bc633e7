"""Prints how soon a widget is painted after run-all, beside a bare anywidget."""

import statistics
import time

import pytest

pytestmark = pytest.mark.perf
ROUNDS = 5
BARE = '''import anywidget
class Bare(anywidget.AnyWidget):
    _esm = """export default { render({ el }) {
        el.append(Object.assign(document.createElement("b"), { className: "bare", textContent: "x" }));
    } }"""
Bare()'''


def painted(notebook, cells, selector, name):
    """Return the seconds from run-all to the painted element, the kernel being started."""
    book = notebook(*cells, name=name)
    book.wait_for("() => jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'")
    times = []
    for _ in range(ROUNDS):
        book.command("notebook:clear-all-cell-outputs")
        book.page.wait_for_selector(selector, state="detached")
        start = time.perf_counter()
        book.command("notebook:run-all-cells")
        book.page.wait_for_selector(selector, state="visible")
        times.append(time.perf_counter() - start)
    return times


def test_a_widget_is_painted_soon_after_run_all(notebook):
    bare = painted(notebook, [BARE], ".bare", "bare")
    quiz = painted(notebook, ["%load_ext pplab\n%pplab calibrate"], "[data-pplab=quiz] [role=radiogroup]", "quiz")
    print(f"\nrun-all to painted: quiz first {quiz[0]:.2f} s, median {statistics.median(quiz):.2f} s (budget 0.7 s)")
    print(f"                    bare anywidget first {bare[0]:.2f} s, median {statistics.median(bare):.2f} s")
