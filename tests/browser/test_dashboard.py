"""The dashboard in a real JupyterLab: across two notebooks, its filters, its export, its themes, and its end."""

from __future__ import annotations

import csv
import io

import pytest
from playwright.sync_api import expect

LOAD = "%load_ext pplab\n_ = get_ipython().run_line_magic('pplab', 'calibrate --preset balanced')"
RUN = (
    "import pplab\nlab = pplab.Lab()\n"
    "_ = lab.run('Write a tagline for a notebook.', n=4, sweep={'temperature': [0, 0.7, 1.4]}, calibration='latest')"
)
SHOW = "dashboard = get_ipython().run_line_magic('pplab', 'dashboard')\ndashboard"
ELSEWHERE = "%load_ext pplab\n%pplab run --n 2 --user eve From elsewhere."
LIVE = "() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'"


def dashboard_of(opened):
    root = opened.widget("dashboard")
    expect(root.locator("svg.main-svg").first).to_be_visible()
    return root


def filled(root):
    """Wait until the figure is as high as its place."""
    place = root.locator(".pplab-chart").evaluate("chart => chart.clientHeight")
    expect(root.locator("svg.main-svg").first).to_have_js_property("clientHeight", place)


@pytest.fixture
def opened(same_notebook):
    return same_notebook(LOAD, RUN, SHOW)


@pytest.fixture
def dashboard(opened):
    return dashboard_of(opened)


@pytest.fixture
def new(notebook):
    """A notebook whose lab, kernel or page the test changes."""
    return notebook(LOAD, RUN, SHOW).run_all()


@pytest.fixture
def second(new, page):
    """Open another notebook on the same lab in a window of its own."""
    import nbformat

    path = new.path.with_name("second.ipynb")
    made = nbformat.read(new.path, as_version=4)
    made.cells = [nbformat.v4.new_code_cell(ELSEWHERE)]
    nbformat.write(made, path)
    return type(new)(page, path, new.url.replace("workspaces/", "workspaces/second-").replace("notebook.ipynb", path.name)).open()


DRAWN = """root => {
    const plot = root.querySelector('.js-plotly-plot');
    const shown = { says: root.innerText.slice(0, 1500), size: [plot?.clientWidth, plot?.clientHeight] };
    const points = (plot?.data ?? []).map(trace => [trace.uid, trace.x?.length, trace.y?.length]);
    return JSON.stringify({ ...shown, points, full: plot?._fullData?.map(trace => trace.visible), calculated: !!plot?.calcdata });
}"""


def expect_traces(opened, root, count):
    """Expect a number of drawn traces; where they are missing, say what page and kernel know of them."""
    try:
        expect(root.locator(".scatterlayer .trace")).to_have_count(count)
    except AssertionError as error:
        kernel = "print([(t.uid, None if t.x is None else len(t.x)) for t in dashboard._figure.data], dashboard._drawn)"
        raise AssertionError(f"{error}\npage: {root.evaluate(DRAWN)}\nkernel: {opened.python(kernel)}") from error


def tick(root, prompt):
    root.get_by_role("checkbox", name=f"Select {prompt}").check()


def test_it_shows_tiles_charts_and_tables_in_one_root(opened, dashboard):
    expect(dashboard).to_have_attribute("data-experiments", "1")
    expect(dashboard.get_by_role("list", name="Totals")).to_contain_text("Responses12")
    expect_traces(opened, dashboard, 12)
    expect(dashboard.get_by_role("region", name="Recent experiments")).to_contain_text("Write a tagline for a notebook.")
    dashboard.get_by_text("Values of the charts").click()
    expect(dashboard.get_by_role("row", name="temperature 0.7")).to_contain_text("4 of 4")


SLOW = """(() => {
    const timeout = AbortSignal.timeout.bind(AbortSignal);
    AbortSignal.timeout = ms => timeout(ms === 2000 ? 0 : ms);
})()"""


def test_it_is_drawn_and_live_where_anywidget_takes_its_models_for_failed(page, own_notebook):
    page.add_init_script(SLOW)  # on a busy machine plotly's 5 MB take longer than the two seconds that anywidget gives a model
    opened = own_notebook(LOAD, RUN, SHOW).run_all()
    root = opened.widget("dashboard")
    expect_traces(opened, root, 12)
    filled(root)
    opened.python("%pplab run --n 2 --user eve Somebody else.")
    expect(root.get_by_role("list", name="Totals")).to_contain_text("Responses14")


POINTS = "root => JSON.stringify(root.querySelector('.js-plotly-plot').data.map(trace => [trace.uid, trace.x, trace.y]))"


def test_what_another_notebook_stores_appears_without_running_a_cell_also_in_a_figure_that_is_shown_again(new, second):
    new.run_last()
    dashboard = dashboard_of(new)
    expect_traces(new, dashboard, 12)
    before = dashboard.evaluate(POINTS)
    second.run_all()
    expect(dashboard).to_have_attribute("data-experiments", "2")
    row = dashboard.get_by_role("row", name="From elsewhere.")
    expect(row).to_contain_text("completed")
    expect(row).to_contain_text("eve")
    expect(dashboard.get_by_role("list", name="Totals")).to_contain_text("Responses14")
    new.page.wait_for_function(f"([root, before]) => ({POINTS})(root) !== before", arg=[dashboard.element_handle(), before])
    assert new.python("print(len(dashboard.lab.audit(event='realtime_update_received')))") == "1\n"


@pytest.mark.soak
def test_a_filter_counts_again_what_it_lets_through(new):
    dashboard = dashboard_of(new)
    new.python("%pplab run --n 3 --user eve Somebody else.")
    expect(dashboard).to_have_attribute("data-experiments", "2")
    dashboard.get_by_label("User").select_option("eve")
    expect(dashboard).to_have_attribute("data-experiments", "1")
    expect(dashboard.get_by_role("list", name="Totals")).to_contain_text("Responses3")
    expect(dashboard.get_by_role("button", name="dashboard took")).to_be_visible()
    expect(dashboard.locator(".textpoint")).to_have_count(1)  # one setting in the plane, when the marks have come to rest
    new.python("dashboard.factor = 'max_tokens'")
    expect(dashboard.locator(".annotation-text", has_text="Scores by max_tokens")).to_be_visible()
    assert new.python("print(dashboard.user, dashboard.factor)") == "eve max_tokens\n"


@pytest.mark.soak
def test_the_selected_experiments_come_as_a_file_of_the_browser(opened, dashboard):
    export = dashboard.get_by_role("button", name="Export")
    expect(export).to_be_disabled()
    tick(dashboard, "Write a tagline for a notebook.")
    export.click()
    expect(dashboard.get_by_role("status").filter(has_text="12 answers of 1 experiment exported as csv.")).to_be_visible()
    with opened.page.expect_download() as download:
        dashboard.get_by_role("button", name="Download").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text("utf-8-sig"))))
    assert len(rows) == 12
    assert download.value.suggested_filename.endswith(".csv")
    assert (opened.path.parent / "exports" / download.value.suggested_filename).exists()


@pytest.mark.soak
def test_it_follows_the_theme_and_the_room(opened, dashboard):
    words = dashboard.locator(".ytick text").first
    expect(words).to_have_css("fill", "rgb(38, 42, 48)")
    opened.theme("JupyterLab Dark")
    expect(words).to_have_css("fill", "rgb(230, 232, 235)")
    wide = dashboard.locator(".pplab-chart").bounding_box()["height"]
    opened.page.set_viewport_size({"width": 700, "height": 1000})
    opened.wait_for(f"() => document.querySelector('.pplab-chart').clientHeight > {wide + 300}")
    opened.theme("JupyterLab Light")


def test_axe_finds_nothing_serious_in_any_theme(opened, dashboard, findings):
    dashboard.get_by_text("Values of the charts").click()
    tick(dashboard, "Write a tagline for a notebook.")
    assert findings(opened, dashboard) == []


@pytest.mark.soak
def test_it_is_there_again_after_a_reload_of_the_page(new):
    dashboard = dashboard_of(new)
    new.python("dashboard.factor = 'top_p'")
    tick(dashboard, "Write a tagline for a notebook.")
    new.wait_for(LIVE)
    new.save().open()
    again = new.widget("dashboard")
    again.scroll_into_view_if_needed()
    expect(again.locator(".annotation-text", has_text="Scores by top_p")).to_be_visible()
    drawn = "() => document.querySelector('.pplab-chart').clientHeight - document.querySelector('.main-svg').clientHeight"
    new.wait_for(f"{drawn} < 2")
    expect(again.get_by_role("checkbox", name="Select Write a tagline for a notebook.")).to_be_checked()


@pytest.mark.soak
def test_running_its_cell_again_leaves_one_live_dashboard(opened, dashboard):
    before = opened.python("import ipywidgets; print(len(ipywidgets.widgets.widget._instances))")
    for _ in range(3):
        opened.command("notebook:run-cell")
        opened.page.wait_for_function(LIVE)
    root = opened.widget("dashboard")
    expect(root).to_have_count(1)
    expect(root.locator("svg.main-svg").first).to_be_visible()
    assert opened.python("print(len(ipywidgets.widgets.widget._instances))") == before


@pytest.mark.soak
def test_without_its_kernel_it_says_so_and_a_reopened_notebook_shows_its_static_form(new, tmp_path):
    dashboard = dashboard_of(new)
    new.save()
    new.page.evaluate("async () => { await jupyterapp.shell.currentWidget.sessionContext.shutdown() }")
    expect(dashboard.get_by_text("The kernel is gone.")).to_be_visible()
    new.page.goto("about:blank")  # the page follows the lab, which must be there as long
    (new.path.parent / ".pplab").rename(tmp_path / "gone")
    new.open()
    output = new.page.locator(".jp-OutputArea").last
    expect(output.get_by_text("Settings, with 95 % intervals")).to_be_visible()
    expect(output.locator("img[src^='data:image/svg+xml']").first).to_be_visible()
