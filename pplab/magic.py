"""The notebook's extension: magics, completion, displays and the cell audit, added to a shell and taken away again."""

from __future__ import annotations

import re
import sys
import threading
from collections import deque
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from IPython.core.completer import SimpleCompletion, completion_matcher
from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class, needs_local_scope, no_var_expand

from pplab.config.configuration import PPLab, find_store, load_configuration
from pplab.config.jupyterlab import read_settings
from pplab.errors import PplabError
from pplab.log import log_error, thread
from pplab.observe.cell_audit import CellAudit
from pplab.views.static_views import STATIC_VIEWS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from IPython.core.completer import CompletionContext, SimpleMatcherResult
    from IPython.core.interactiveshell import InteractiveShell

    from pplab.commands.session import Session
    from pplab.lab import Lab
    from pplab.store.rows import Row
    from pplab.views.widgets.cards import Cards

LINE = re.compile(r"^\s*(?:[\w., ]+=\s*)?%{1,2}pplab[ \t]+(.*)$", re.DOTALL)
MAX_WAITING = 10_000
LAB_TRAITS = ("store", "user", "model", "base_url", "endpoints", "live")
"""The part of the configuration that a lab is made with; the rest is read when it matters."""


@magics_class
class PPLabMagics(Magics):
    """``%pplab`` and ``%%pplab``."""

    def __init__(self, shell: InteractiveShell, extension: Extension) -> None:
        super().__init__(shell)
        self.extension = extension

    @no_var_expand  # which would put variables into the whole line, and so into quotes and where columns are meant
    @needs_local_scope
    @line_cell_magic
    def pplab(self, line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None) -> Any:
        """Precision + Personality Lab: ``%pplab`` says where you are, ``%pplab help`` what there is."""
        from pplab.commands import command_table
        from pplab.commands.line import split
        from pplab.commands.result import as_json, as_json_error

        as_line = "--json" in line.split()
        try:
            words = split(line, command_table.COMMANDS)
            as_line = "--json" in words
            variables = _variables(self.extension.shell, local_ns or {})
            result = command_table.perform(words, self.extension.session, cell=cell, variables=variables)
        except PplabError as error:
            if not as_line:
                raise _usage_error(error) from error
            print(as_json_error(error))
            return None
        if as_line:
            print(as_json(result))
            return None
        return result.value


def _variables(shell: InteractiveShell, local: dict[str, Any]) -> dict[str, Any]:
    """Return what the user named, without what every shell begins with (``open``, ``exit``, ``In``)."""
    hidden = shell.user_ns_hidden
    return {name: value for name, value in {**shell.user_ns, **local}.items() if hidden.get(name, hidden) is not value}


def _usage_error(error: PplabError) -> UsageError:
    """Return the one-line error of a notebook, with the code, hint and correlation id of what went wrong.

    It is no subclass: IPython shows one line for exactly this class and a traceback for any other.
    """
    usage_error = UsageError(str(error))
    vars(usage_error).update(code=error.code, hint=error.hint, correlation_id=error.correlation_id)
    return usage_error


class Extension:
    """Everything that ``%load_ext pplab`` adds to one shell.

    Loading is quick because the lab is opened on a thread of its own; cells that end before it is open wait in memory.
    It is itself the recorder of the cell audit, so that a lab opened anew with another configuration goes on recording.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        self._lock = threading.RLock()
        self._labs: list[Lab] = []
        self._lab: Lab | None = None
        self._waiting_rows: deque[Iterator[Row]] = deque(maxlen=MAX_WAITING)
        self._opening = thread(self._open, name="pplab-open", daemon=False)
        self._session: Session | None = None
        self.configuration = _configuration(shell)
        self._audit = CellAudit(shell, self, lambda: self.configuration.audit_source)
        self._matcher = _matcher(self)
        self._restore: list[Callable[[], None]] = []

    # -- the lab --------------------------------------------------------------------------------------------------------------

    @property
    def session(self) -> Session:
        """Where this shell's commands run."""
        if self._session is None:
            from pplab.commands.session import Session

            self._session = Session(self.lab, "notebook", _cards, say=print)
        return self._session

    def lab(self) -> Lab:
        """Return the extension's lab, opened on first use and again after the configuration that it is made with has changed."""
        with self._lock:
            if self._lab is None:
                from pplab.lab import Lab

                self._lab = Lab(configuration=self.configuration)
                self._labs.append(self._lab)
            while self._waiting_rows:
                self._lab.context.record_later(self._waiting_rows[0])
                self._waiting_rows.popleft()  # only now, or the next cell could overtake it
            return self._lab

    def _open(self) -> None:
        import concurrent.futures.thread  # noqa: F401 - refused once the process is ending, and wanted by what a lab imports

        try:
            self.lab()
        except Exception as error:  # noqa: BLE001 - cells wait in memory; the user hears of it from the next command
            log_error("the lab could not be opened", error)

    def _reopen_lab(self, _change: object) -> None:
        """Let the next use open a lab with the changed configuration; views and runs of the former lab go on with it."""
        with self._lock:  # one that is being opened now is the former one
            self._lab = None

    @property
    def user(self) -> str:
        """Who is named in the audit."""
        return self._labs[-1].user

    @property
    def folder(self) -> Path:
        """The lab's folder."""
        return self._labs[-1].folder

    def scrub(self, text: str) -> str:
        """Return ``text`` without keys."""
        return self._labs[-1].scrub(text)

    def record_later(self, rows: Iterator[Row]) -> None:
        """Queue rows of the cell audit, which are made on the journal's thread when a lab is open."""
        lab = self._lab
        if lab is not None and not self._waiting_rows:
            lab.context.record_later(rows)
            return
        self._waiting_rows.append(rows)
        if self._lab is not None:
            self.lab()  # which takes those that wait, in their order
        elif not self._opening.is_alive():
            # Not a daemon: a process that ends right after its first cell still writes that cell down.
            self._opening = thread(self._open, name="pplab-open", daemon=False)
            self._opening.start()

    # -- loading and unloading ------------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Add everything to the shell."""
        shell, magics = self.shell, self.shell.magics_manager.magics
        shadowed = {kind: magics[kind].get("pplab") for kind in ("line", "cell")}
        configurables: list[Any] = shell.configurables  # any configurable can be listed by %config, not only shells
        magics_object = PPLabMagics(shell, self)  # which IPython adds to the configurables
        shell.register_magics(magics_object)
        configurables.append(self.configuration)
        if shell.Completer is not None:
            shell.Completer.custom_matchers.append(self._matcher)
        self.configuration.observe(self._reopen_lab, names=LAB_TRAITS)
        added = register_displays(shell)
        self._audit.register()

        def restore() -> None:
            for kind, former in shadowed.items():
                if former is None:
                    magics[kind].pop("pplab", None)
                else:
                    magics[kind]["pplab"] = former
            unregister_displays(shell, added)
            for configurable in (magics_object, self.configuration):
                configurables.remove(configurable)

        self._restore.append(restore)

    def unload(self) -> None:
        """Take everything away; what was recorded is written."""
        shell = self.shell
        self._audit.unregister()
        shell.magics_manager.registry.pop(REGISTERED, None)
        if shell.Completer is not None and self._matcher in shell.Completer.custom_matchers:
            shell.Completer.custom_matchers.remove(self._matcher)
        self.configuration.unobserve(self._reopen_lab, names=LAB_TRAITS)
        for restore in self._restore:
            restore()
        if self._waiting_rows:
            self._open()
        if self._session is not None:
            self._session.close()
        for lab in self._labs:
            lab.close()


def _configuration(shell: InteractiveShell) -> PPLab:
    """Return the configuration: what is configured for IPython decides, then the lab's own file, then JupyterLab's settings."""
    configured = shell.config.get("PPLab", {})
    settings, problems = read_settings()
    for line in problems:
        print(f"%pplab: JupyterLab's settings: {line}", file=sys.stderr)
    configuration = load_configuration(find_store(configured.get("store")), settings)
    configuration.update_config(shell.config)
    return configuration


@contextmanager
def _cards(lab: Lab) -> Iterator[Cards]:
    """Show answers as cards while they arrive; the result of the run then takes their place."""
    from IPython.display import display

    from pplab.views.widgets.cards import Cards

    cards = Cards(lab)
    display(cards)  # type: ignore[no-untyped-call]  # IPython's
    try:
        yield cards
    finally:
        cards.close()


def _matcher(extension: Extension) -> Callable[[CompletionContext], SimpleMatcherResult]:
    @completion_matcher(identifier="pplab", api_version=2, priority=100)  # type: ignore[untyped-decorator]  # IPython's
    def pplab_matcher(context: CompletionContext) -> SimpleMatcherResult:
        line = LINE.match(context.text_until_cursor)
        if line is None:
            return {"completions": []}
        from pplab.commands import command_table

        words = command_table.complete(line[1], extension.session)
        return {
            "completions": [SimpleCompletion(text=w, type="pplab") for w in words],
            "matched_fragment": re.split(r"\s", line[1])[-1],
            "suppress": bool(words),  # where there is nothing to say, IPython may complete a file's name
        }

    matcher: Callable[[CompletionContext], SimpleMatcherResult] = pplab_matcher
    return matcher


# -- displays -----------------------------------------------------------------------------------------------------------------


def register_displays(shell: InteractiveShell) -> list[tuple[str, str]]:
    """Give those results of the lab that have none their rich displays in this shell; return their classes."""
    formatter = _mimebundles(shell)
    added = []
    for (module, name), view in STATIC_VIEWS.items():
        if formatter.for_type_by_name(module, name) is None:
            formatter.for_type_by_name(module, name, _display(view))
            added.append((module, name))
    return added


def unregister_displays(shell: InteractiveShell, classes: list[tuple[str, str]]) -> None:
    """Undo `register_displays` for some classes."""
    formatter = _mimebundles(shell)
    for module, name in classes:
        with suppress(KeyError):  # somebody else took it away
            formatter.pop(f"{module}.{name}")


def _mimebundles(shell: InteractiveShell) -> Any:
    assert shell.display_formatter is not None  # every shell makes its own when it starts
    return shell.display_formatter.mimebundle_formatter


def _display(view: str) -> Callable[[Any], tuple[dict[str, Any], dict[str, Any]]]:
    def show(value: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        from pplab.views.display import mimebundle

        return mimebundle(view, value)

    return show


# -- the one current extension of a shell --------------------------------------------------------------------------------------

REGISTERED = PPLabMagics.__name__


def load(shell: InteractiveShell) -> None:
    """Load into ``shell``; loading twice does nothing."""
    if REGISTERED not in shell.magics_manager.registry:
        try:
            extension = Extension(shell)
        except PplabError as error:
            raise _usage_error(error) from error
        extension.load()


def unload(shell: InteractiveShell) -> None:
    """Take everything away again."""
    registered = shell.magics_manager.registry.get(REGISTERED)
    if registered is not None:
        registered.extension.unload()
