"""The notebook's door: magics, completion, displays and the cell audit, added to a shell and taken away again."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from IPython.core.completer import SimpleCompletion, completion_matcher
from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class
from traitlets.config import Config

from pplab.config import PPLab, find_store, load_settings
from pplab.errors import PplabError
from pplab.observe.cells import CellAudit
from pplab.views.looks import LOOKS

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from contextlib import AbstractContextManager

    from IPython.core.completer import CompletionContext, SimpleMatcherResult
    from IPython.core.interactiveshell import InteractiveShell

    from pplab.experiments.runner import Progress
    from pplab.lab import Lab
    from pplab.store.rows import Row

DOOR = "%pplab"


class PPLabError(UsageError):
    """A one-line error in a notebook, with the code, hint and correlation id of what went wrong."""

    def __init__(self, error: PplabError) -> None:
        super().__init__(str(error))
        self.code, self.hint, self.correlation_id = error.code, error.hint, error.correlation_id


@magics_class
class PPLabMagics(Magics):
    """``%pplab`` and ``%%pplab``."""

    def __init__(self, shell: InteractiveShell, extension: Extension) -> None:
        super().__init__(shell)
        self._extension = extension

    @line_cell_magic
    def pplab(self, line: str, cell: str | None = None) -> Any:
        """Precision + Personality Lab: ``%pplab`` says where you are, ``%pplab help`` what there is."""
        from pplab import commands, deeds

        wants_json = "--json" in line.split()
        try:
            done = commands.perform(commands.split(line), self._extension.session, door=DOOR, cell=cell)
        except commands.HelpAsked as asked:
            print(asked)
            return None
        except PplabError as error:
            if not wants_json:
                raise PPLabError(error) from None
            print(deeds.as_json_error(error))
            return None
        if wants_json:
            print(deeds.as_json(done))
            return None
        return done.value


class Extension:
    """Everything that ``%load_ext pplab`` adds to one shell; its lab is opened when first needed.

    It is itself the recorder of the cell audit, so that a lab reopened with other settings goes on recording.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        from pplab import deeds

        self._shell = shell
        self._lock = threading.RLock()
        self._lab: Lab | None = None
        self.settings = _settings(shell)
        self.session = deeds.Session(self.lab, place="notebook", progress=_progress)
        self._audit = CellAudit(shell, self, source=self.settings.audit_source)
        self._magics = PPLabMagics(shell, self)
        self._matcher = _matcher(self.session)

    # -- the lab --------------------------------------------------------------------------------------------------------------

    def lab(self) -> Lab:
        """Return the extension's lab."""
        with self._lock:
            if self._lab is None:
                from pplab.lab import Lab

                self._lab = Lab(settings=self.settings)
            return self._lab

    def _settings_changed(self, _change: Any) -> None:
        """Open the lab anew with the changed settings when it is needed next."""
        with self._lock:
            if self._lab is not None:
                self._lab.close()
                self._lab = None

    @property
    def user(self) -> str:
        """Who is named in the audit."""
        return self.lab().user

    def scrub(self, text: str) -> str:
        """Return ``text`` without keys."""
        return self.lab().scrub(text)

    def record(self, *rows: Row) -> Future[None]:
        """Queue rows for the journal."""
        return self.lab().record(*rows)

    # -- loading and unloading ------------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Add everything to the shell."""
        shell = self._shell
        shell.register_magics(self._magics)
        shell.configurables.append(self.settings)  # type: ignore[arg-type] - IPython lists any configurable here
        if shell.Completer is not None:
            shell.Completer.custom_matchers.append(self._matcher)
        self.settings.observe(self._settings_changed, names=PPLab.names())
        show_results(shell)
        self._audit.register()

    def unload(self) -> None:
        """Take everything away; what was recorded is written."""
        shell = self._shell
        self._audit.unregister()
        for kind in ("line", "cell"):
            shell.magics_manager.magics[kind].pop("pplab", None)
        shell.magics_manager.registry.pop("PPLabMagics", None)
        if self.settings in shell.configurables:
            shell.configurables.remove(self.settings)
        if shell.Completer is not None and self._matcher in shell.Completer.custom_matchers:
            shell.Completer.custom_matchers.remove(self._matcher)
        self.settings.unobserve(self._settings_changed, names=PPLab.names())
        hide_results(shell)
        self.session.close()
        with self._lock:
            if self._lab is not None:
                self._lab.close()
                self._lab = None


def _settings(shell: InteractiveShell) -> PPLab:
    """Return the settings: the lab's own file first, then what the user configured for IPython."""
    configured = Config(shell.config.get("PPLab", {}))
    settings = load_settings(find_store(configured.get("store")))
    for name, value in configured.items():
        setattr(settings, name, value)
    return settings


def _progress() -> AbstractContextManager[Callable[[Progress], None]]:
    from IPython.display import display

    from pplab.views.progress import notebook_bar

    return notebook_bar(display)


def _matcher(session: Any) -> Callable[[CompletionContext], SimpleMatcherResult]:
    @completion_matcher(identifier="pplab", api_version=2, priority=100)
    def pplab_matcher(context: CompletionContext) -> SimpleMatcherResult:
        line = context.text_until_cursor
        _, found, rest = line.partition("%pplab")
        if not found or line.partition("%pplab")[0].strip(" %=abcdefghijklmnopqrstuvwxyz_ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"):
            return {"completions": []}
        from pplab import commands

        words = commands.complete(rest, session)
        fragment = rest.split(" ")[-1]
        return {
            "completions": [SimpleCompletion(text=w, type="pplab") for w in words],
            "matched_fragment": fragment,
            "suppress": True,
        }

    return pplab_matcher


# -- displays -----------------------------------------------------------------------------------------------------------------


def show_results(shell: InteractiveShell) -> None:
    """Give the results of the lab their rich displays in this shell."""
    for (module, name), view in LOOKS.items():
        shell.display_formatter.mimebundle_formatter.for_type_by_name(module, name, _display(view))


def hide_results(shell: InteractiveShell) -> None:
    """Undo `show_results`."""
    formatter = shell.display_formatter.mimebundle_formatter
    for module, name in LOOKS:
        try:
            formatter.pop(f"{module}.{name}")
        except KeyError:  # never shown, or shown and then replaced by the user's own
            continue


def _display(view: str) -> Callable[[Any], tuple[dict[str, str], dict[str, Any]]]:
    def show(value: Any) -> tuple[dict[str, str], dict[str, Any]]:
        from pplab.views import results

        drawn = getattr(results, view)(value)
        return {"text/plain": drawn.text, "text/html": drawn.html}, {}

    return show


# -- the one current extension ------------------------------------------------------------------------------------------------

_loaded: Extension | None = None


def load(shell: InteractiveShell) -> None:
    """Load into ``shell``; loading twice does nothing."""
    global _loaded  # noqa: PLW0603 - the one current lab of the extension
    if _loaded is None:
        made = Extension(shell)
        made.load()
        _loaded = made


def unload() -> None:
    """Take everything away again."""
    global _loaded  # noqa: PLW0603
    if _loaded is not None:
        _loaded.unload()
        _loaded = None
