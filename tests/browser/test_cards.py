"""Response cards as a person meets them: after a run, in pages, and when a call failed."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.servers import FaultServer

RUN = "%%pplab run --n 3 --sweep temperature=0.2,1 --set max_tokens=40\nWrite a tagline for a notebook."


@pytest.fixture
def cards(same_notebook):
    made = same_notebook("%load_ext pplab", RUN)
    expect(made.widget("cards").locator("[data-pplab='card']")).to_have_count(6)
    return made


@pytest.fixture(scope="module")
def model():
    with FaultServer() as server:
        yield server


def setup(server, name):
    environment = {"PPLAB_BASE_URL": server.base_url, "PPLAB_MODEL": name, "OPENAI_API_KEY": "sk-test-" + "0" * 20}
    return f"import os\nos.environ.update({environment!r})\n%load_ext pplab"


def test_a_run_shows_its_cards_by_prompt_and_setting(cards):
    root = cards.widget("cards")
    expect(root.locator("h4")).to_have_text(
        [f"Write a tagline for a notebook.temperature {t}, max_tokens 40" for t in ("0.2", "1")]
    )
    first = root.locator("[data-pplab='card']").first
    expect(first.locator("[data-pplab='text']")).not_to_be_empty()
    expect(first.locator("[data-badge='embedded']")).to_be_visible()
    expect(first.get_by_role("meter", name="creativity")).to_be_visible()
    first.get_by_text("Why these scores").click()
    expect(first.locator("details")).to_contain_text("creativity:")


def test_answers_appear_while_the_cell_runs_and_the_cell_says_how_to_end_it(notebook, model):
    made = notebook(setup(model, "play:hang")).run_all()
    made.command("notebook:insert-cell-below")
    made.page.keyboard.press("Enter")
    made.page.keyboard.insert_text("%%pplab run --n 1\nWhy?")
    made.page.keyboard.press("Control+Enter")
    under_way = made.widget("cards")
    expect(under_way).to_contain_text("1 under way")
    expect(under_way).to_contain_text("interrupt the kernel")
    made.command("notebook:interrupt-kernel")
    expect(under_way.locator("[data-status='cancelled']")).to_have_count(1)


@pytest.mark.soak
def test_cards_are_sorted_and_filtered(cards):
    root = cards.widget("cards")
    root.get_by_label("Setting").select_option("1")
    expect(root.locator("[data-pplab='card']")).to_have_count(3)
    root.get_by_label("Sort").select_option("creativity")
    expect(root.locator("h4")).to_have_count(0)
    shown = root.get_by_role("meter", name="creativity").evaluate_all("all => all.map(e => Number(e.ariaValueNow))")
    assert shown == sorted(shown, reverse=True)


def test_a_failed_card_says_why_and_retry_sends_just_that_one_while_other_cells_run(notebook, model):
    made = notebook(setup(model, "play:unknown_model,unknown_model,ok"), "%%pplab run --n 2\nretry me").run_all()
    root = made.widget("cards")
    alerts = root.locator("[data-pplab='card'] [role='alert']")
    expect(alerts).to_have_count(2)
    expect(alerts.first).to_contain_text("does not exist")
    root.get_by_role("button", name="Retry").last.click()
    expect(root.locator("[data-pplab='card'][data-status='ok']")).to_have_count(1)
    expect(alerts).to_have_count(1)
    assert len(model.seen("retry me")) == 3
    assert made.python(AUDIT) == "1\n"


AUDIT = "import pplab; lab = pplab.Lab(); print(len(lab.audit(event='retry_requested'))); lab.close()"


@pytest.mark.soak
def test_copying_an_answer_says_so(cards):
    cards.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    root = cards.widget("cards")
    root.get_by_role("button", name="Copy answer 1").first.click()
    expect(root.get_by_text("Answer copied")).to_be_visible()
    copied = cards.page.evaluate("navigator.clipboard.readText()")
    assert copied.strip()[:20] in root.locator("[data-pplab='text']").first.inner_text()


@pytest.mark.soak
def test_running_the_cell_again_leaves_one_live_set_of_cards(cards):
    for _ in range(2):
        cards.run_all()
    live = "import ipywidgets; print(sum(type(w).__name__ == 'Cards' for w in ipywidgets.widgets.widget._instances.values()))"
    assert cards.python(live) == "1\n"
    expect(cards.widget("cards")).to_have_count(1)


@pytest.mark.soak
def test_without_a_kernel_the_answers_stand_in_the_notebook_as_html(notebook):
    made = notebook("%load_ext pplab", RUN).run_all()
    expect(made.widget("cards").locator("[data-pplab='card']")).to_have_count(6)
    made.save()
    made.python("import ipywidgets; ipywidgets.Widget.close_all()")
    import nbformat

    outputs = [o for cell in nbformat.read(made.path, 4).cells for o in cell.get("outputs", [])]
    assert sum('data-pplab="card"' in o.get("data", {}).get("text/html", "") for o in outputs) == 1


def test_axe_finds_nothing_serious_in_any_theme(cards, findings):
    root = cards.widget("cards")
    root.get_by_text("Why these scores").first.click()
    expect(root.locator("[data-pplab='card'] details").first).to_contain_text("creativity:")
    assert findings(cards, root) == []


@pytest.mark.soak
def test_at_700_pixels_nothing_is_wider_than_the_page(cards):
    cards.page.set_viewport_size({"width": 700, "height": 1000})
    root = cards.widget("cards")
    root.page.wait_for_function("root => root.scrollWidth <= root.clientWidth", arg=root.element_handle())


RACE = """%%pplab run --prompts {topics} --sweep temperature=0,1.2,1.6 --seed 1 --until settled
Describe {topic} in one sentence."""
TOPICS = "topics = {'topic': 'rain snow wind sun moon stars rivers hills lakes'.split()}"


@pytest.mark.soak
def test_a_race_shows_its_looks_and_folds_what_is_out_with_the_reason(notebook):
    undecided = "%%pplab run --n 1 --sweep temperature=0,1\nWrite a tagline."
    made = notebook(f"%load_ext pplab\n{TOPICS}", undecided, RACE, "%pplab dashboard").run_all()
    expect(made.widget("cards").first.get_by_role("button", name="Copy as code", include_hidden=True)).to_be_hidden()
    root = made.widget("cards").last
    expect(root).to_contain_text("leave out 0 (95% sure)")
    expect(root.get_by_role("button", name="Copy as code")).to_be_visible()
    fold = root.locator("details[data-setting='0']")
    expect(fold.locator("summary").first).to_contain_text("temperature 0: not better than temperature")
    assert fold.get_attribute("open") is None
    hidden = fold.locator("[data-pplab='card']")
    expect(hidden).to_have_count(12)
    expect(hidden.first).not_to_be_visible()
    fold.locator("summary").first.click()
    expect(hidden.first).to_be_visible()
    root.scroll_into_view_if_needed()
    root.get_by_label("Setting").select_option("0")
    expect(root.locator("details[data-setting]")).to_have_count(0)
    expect(root.locator("[data-pplab='card']").first).to_be_visible()
    board = made.widget("dashboard")
    expect(board.locator(".pplab-headline")).to_contain_text("leave out 0 (95% sure)")
    expect(board.locator(".pplab-fold li")).not_to_have_count(0)
