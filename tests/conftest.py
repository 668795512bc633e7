"""What every test starts from (no keys, no settings, an empty working folder), and what a run of them must not hide."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys

import pytest
from hypothesis import HealthCheck, settings

import pplab
from pplab.files import replacement
from pplab.models.embedded import response
from pplab.models.embedded.sampling import Finish, generate
from pplab.store import migrate
from tests.shared_engines import OWN_ENGINES, SharedEngines

sys.modules.setdefault("rfc3987_syntax", None)  # jsonschema makes 38 parsers of it for 3 s, to check addresses that no test has

EXAMPLES = 200 if os.environ.get("PPLAB_SOAK") else 25
settings.register_profile(  # no test fails on time
    "busy", deadline=None, max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("busy")

SETTINGS = ("PPLAB_", "OPENAI_", "JUPYTERHUB_", "JPY_", "SSL_CERT_", "REQUESTS_CA_", "CURL_CA_", "OTEL_")
LEFT_OUT = set(os.environ.get("PPLAB_TEST_SKIP", "").split(",")) - {""}
ON_ONE_WORKER = (  # folders and files that make something dear once
    *("tests/kernel/", "tests/model/", "tests/server/"),
    *("tests/reader/test_reader.py", "tests/reader/test_reader_summaries.py", "tests/magic/test_magic_line.py"),
    *(f"tests/store/test_store_{name}.py" for name in ("rebuild", "trace", "users", "verify")),
    *(f"tests/unit/test_analysis_{name}.py" for name in ("bradley_terry", "corrected_means")),
    *(f"tests/unit/test_{name}.py" for name in ("cluster_dask", "docs_site", "experiments_race", "rules_rooms", "suite_rules")),
    *(f"tests/unit/test_{name}.py" for name in ("forget", "forget_remote", "judging", "rating", "reading", "scores_as_records")),
    *(f"tests/unit/test_share_{name}.py" for name in ("export", "factors", "ratings")),
    *(f"tests/unit/test_{name}.py" for name in ("version_0_1", "views_leave_no_trace", "views_originality")),
    *(f"tests/unit/test_widgets_{name}.py" for name in ("cards", "console", "dashboard", "timing")),
)
MOST_RERUNS = 2  # of browser tests in one run: more is no busy machine but a test that cannot be trusted


def pytest_configure(config):
    """Let interrupts through, here and in child processes, also where the shell that began the tests ignores them.

    A process hands an ignored signal on to its children; a handler, however, is not handed on.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def suite(path):
    """Return the name by which ``PPLAB_TEST_SKIP`` leaves out a folder or file: ``browser``, ``scoring_ifeval``."""
    return path.stem.removeprefix("test_")


def pytest_ignore_collect(collection_path):
    """Leave out what ``PPLAB_TEST_SKIP`` names."""
    return True if suite(collection_path) in LEFT_OUT else None


def failed_if_skipped(report, path):
    """Make a skipped test a failed one: a run in which something was not tested must not look like one in which all was."""
    if report.skipped and not hasattr(report, "wasxfail"):
        _, _, reason = report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{reason}\nA skipped test fails the run. PPLAB_TEST_SKIP={suite(path)} leaves its file out."
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item):
    """Look at each test's outcome, after pytest has."""
    return failed_if_skipped((yield), item.path)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report(collector):
    """Look at files that skip themselves when they are collected."""
    return failed_if_skipped((yield), collector.path)


def reruns(config):
    """Return the reports of tests that failed at first and were run again, and how many attempts those were.

    An attempt that fails and ends badly has two reports.
    """
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    again = reporter.stats.get("rerun", []) if reporter else []  # a worker has no reporter
    return again, len({(report.nodeid, report.rerun) for report in again})


def pytest_sessionfinish(session):
    """Fail a run that needed too many second chances."""
    if reruns(session.config)[1] > MOST_RERUNS and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    """Say what was run again and what was left out."""
    again, attempts = reruns(config)
    if again:
        terminalreporter.section("run again")
        for report in again:
            crash = getattr(report.longrepr, "reprcrash", None)  # why, so that it can be mended
            terminalreporter.line(f"{report.nodeid} ({report.when}): {(crash.message if crash else report.longreprtext)[:1_500]}")
        terminalreporter.line(f"{attempts} reruns; more than {MOST_RERUNS} fail the run.")
    if LEFT_OUT:
        terminalreporter.line(f"Left out by PPLAB_TEST_SKIP: {', '.join(sorted(LEFT_OUT))}")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Keep tests that share what is slow to make on one worker. The others go where there is time."""
    from xdist.scheduler import LoadScopeScheduling

    class OneServer(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return next((shared for shared in ON_ONE_WORKER if nodeid.startswith(shared)), nodeid)

    return OneServer(config, log)


def pytest_collection_finish(session):
    """Keep what collecting made out of every later garbage collection, but the last."""
    gc.freeze()


def pytest_unconfigure(config):
    """Let the process end as it would have."""
    gc.unfreeze()


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """Keep the developer's own keys, settings and labs out of the tests."""
    for name in [name for name in os.environ if name.startswith(SETTINGS) and name != "PPLAB_SOAK"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PPLAB_USER", "ada")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "the-users-configuration"))
    monkeypatch.setenv("JUPYTERLAB_SETTINGS_DIR", str(tmp_path / "the-users-jupyterlab"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def empty_tables(tmp_path_factory):
    """Path of the tables of a lab without rows, which the first lab of a run makes."""
    return tmp_path_factory.mktemp("empty") / "lab.duckdb"


@pytest.fixture(autouse=True)
def copied_tables(request, monkeypatch, empty_tables):
    """Let a new lab of this process copy empty tables, for migrating takes 100 ms. The tests of migrating make their own."""
    if request.path.stem == "test_store_migrate":
        return
    create, latest = migrate._create, migrate.migrations()

    def copy(path, steps):
        if steps != latest:
            create(path, steps)
            return
        if not empty_tables.exists():
            create(empty_tables, steps)
        with replacement(path) as part:
            shutil.copyfile(empty_tables, part)

    monkeypatch.setattr(migrate, "_create", copy)


@pytest.fixture(scope="session", autouse=True)
def engines(tmp_path_factory):
    """The DuckDB engines that the labs of this process share; in ``make soak`` each lab has its own."""
    shared = SharedEngines(tmp_path_factory.getbasetemp())
    with pytest.MonkeyPatch.context() as patch:
        if not os.environ.get("PPLAB_SOAK"):
            shared.install(patch)
        yield shared
    shared.close_idle()


@pytest.fixture(autouse=True)
def own_engines(request, monkeypatch, engines):
    """Give each lab an engine of its own in the tests of what an engine may open."""
    if request.path.stem in OWN_ENGINES:
        engines.put_off(monkeypatch)


ANSWERS = {}


def answered_before(model, messages, sampling, seed):
    """Yield what the embedded model says; made once in a run of the tests, for an answer takes 100 ms."""
    said = tuple((message["role"], message["content"]) for message in messages)
    call = (id(model), said, sampling, seed)
    if call in ANSWERS:
        yield from ANSWERS[call]
        return
    steps = []
    for step in generate(model, messages, sampling, seed):
        steps.append(step)
        if isinstance(step, Finish):  # whoever asks takes no more than this
            ANSWERS[call] = tuple(steps)
        yield step


@pytest.fixture(autouse=True)
def remembered_answers(request, monkeypatch):
    """Let the embedded model repeat its answers, which are the same every time. The tests of the model itself make each anew."""
    if not request.path.stem.startswith(("test_models_embedded", "test_perf")):
        monkeypatch.setattr(response, "generate", answered_before)


@pytest.fixture
def lab(tmp_path):
    """A lab of its own, closed at the end."""
    with pplab.Lab(store=tmp_path / ".pplab") as opened:
        yield opened
