"""The base that every live widget shares: its bundle, its static forms, its errors and its end. No widget lives here."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypedDict
from uuid import uuid4

import anywidget
import traitlets

from pplab.errors import PplabError, in_words
from pplab.log import log_error
from pplab.observe.events import event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pplab.context import LabContext
    from pplab.lab import Lab
    from pplab.operation import Recorder
    from pplab.views.records import Display

STATIC = Path(__file__).parent / "static"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


class Problem(TypedDict):
    """What went wrong, as the front end shows it beside a Retry button."""

    code: str
    message: str
    hint: str
    correlation_id: str | None


class Timing(TypedDict):
    """How long the last thing took that the user asked this widget for, and where its trace begins."""

    operation: str
    milliseconds: float
    correlation_id: str


class Retry(TypedDict):
    """The user asks for what failed again."""

    kind: Literal["retry"]


class Dismiss(TypedDict):
    """The user has read the error."""

    kind: Literal["dismiss"]


def owned(shape: Any, default: Any = None) -> Any:
    """Return a synchronised trait that only the kernel changes, and only as a whole.

    Parameters
    ----------
    shape
        Its type (JSON values, ``TypedDict``, ``Literal``), from which the front end's type is generated.
    default
        Its first value.
    """
    return traitlets.Any(default).tag(sync=True, echo_update=False, shape=shape)


def chosen(shape: Any, default: Any = None) -> Any:
    """Return a synchronised trait that the user changes in the front end; see `owned`."""
    return traitlets.Any(default).tag(sync=True, shape=shape)


class LabWidget(anywidget.AnyWidget):
    """A live view of a lab.

    A subclass names its ``bundle``, declares its traits with `owned` and `chosen`, its messages in ``takes`` and ``sends``
    (``TypedDict`` with a ``kind``), has a method ``_take_<kind>`` for each kind it takes, and returns its `static` forms. An
    error in such a method becomes ``problem``; the Retry button hands the same message in again.

    Parameters
    ----------
    lab
        Where it reads, and who is named in the audit: a lab, or the context of one. Where it has a ``comm``, as what
        `pplab.server` puts in a lab's place, messages go by that; else by one of the kernel.

    Notes
    -----
    ipywidgets keep every widget until it is closed. One made by an earlier run of the same cell is therefore closed as soon as
    the cell makes a new one. Messages may arrive on a thread of their own (subshells): they are taken one at a time.
    """

    bundle: ClassVar[str]
    takes: ClassVar[tuple[type, ...]] = ()
    sends: ClassVar[tuple[type, ...]] = ()
    _of_cell: ClassVar[dict[str, tuple[str, list[LabWidget]]]] = {}

    me = owned(str)
    problem = owned(Problem | None)
    took = owned(Timing | None)

    def __init_subclass__(cls, **options: Any) -> None:
        if os.environ.get("ANYWIDGET_HMR") == "1" and "bundle" in cls.__dict__:  # anywidget watches files, not text
            for key, suffix in (("_esm", "js"), ("_css", "css")):
                setattr(cls, key, STATIC / f"{cls.bundle}.{suffix}")
        super().__init_subclass__(**options)

    def __init__(self, lab: Lab | LabContext, **state: Any) -> None:
        context: Any = getattr(lab, "context", lab)
        self._context: LabContext = context
        self._recorder: Recorder = lab
        self._turn = threading.RLock()
        self._failed: dict[str, Any] | None = None
        self._sent = 0
        me = uuid4().hex  # the front end looks its model up by it, to see whether the kernel is there
        super().__init__(model_id=me, me=me, comm=getattr(lab, "comm", None), **state)
        self.on_msg(self._take)
        self._replace_predecessors()

    @property
    def _esm(self) -> str:
        return _built(f"{self.bundle}.js")

    @property
    def _css(self) -> str:
        return _built(f"{self.bundle}.css")

    # -- static forms ---------------------------------------------------------------------------------------------------------

    def static(self) -> Display:
        """Return what stands in the notebook beside the live view: the same on every run, complete without a kernel."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return self.static().text

    def _repr_mimebundle_(self, **_options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        display = self.static()
        forms = {"text/plain": display.text, "text/html": display.html}
        if self.comm is None:
            return forms, {}
        data, metadata = super()._repr_mimebundle_() or ({}, {})
        return {**data, **forms}, metadata

    # -- messages -------------------------------------------------------------------------------------------------------------

    def _take(self, _widget: Any, content: Any, _buffers: Any) -> None:
        kind = content.get("kind") if isinstance(content, dict) else None
        with self._turn:
            if kind == "retry" and self._failed is not None:
                content, self._failed = self._failed, None
                why = self.problem["code"] if self.problem else ""
                self._recorder.record(event("retry_requested", self._context.user, replicates=0, why=why))
            elif kind in ("retry", "dismiss"):
                self.problem = self._failed = None
                return
            if not isinstance(kind, str) or content["kind"] not in {_kind(shape) for shape in self.takes}:
                return
            self.problem = None  # at first: the same problem again has to be a change, for which the front end waits
            try:
                getattr(self, f"_take_{content['kind']}")(content)
            except Exception as error:  # noqa: BLE001 - whatever happens is shown in the widget
                self._failed = content
                self.show(error)

    def tell(self, message: Any) -> None:
        """Send one of the messages in ``sends``, numbered in sequence so that the front end notices when one is missing."""
        with self._turn:
            self._sent += 1
            self.send({**message, "seq": self._sent})

    def show(self, error: Exception) -> None:
        """Show an error inside the widget."""
        if not isinstance(error, PplabError):  # one of ours is what the user has to mend
            log_error(f"the {self.bundle} failed", error)
        problem = in_words(error, self.bundle)
        problem.scrub(self._context.scrub)
        self.problem = Problem(
            code=problem.code, message=problem.message, hint=problem.hint, correlation_id=problem.correlation_id
        )

    @contextmanager
    def timed(self, operation: str) -> Iterator[Timing]:
        """Time the block and show it discreetly; the block fills in the ``correlation_id``."""
        timing = Timing(operation=operation, milliseconds=0.0, correlation_id="")
        start = time.perf_counter_ns()
        yield timing
        timing["milliseconds"] = round((time.perf_counter_ns() - start) / 1e6, 1)
        self.took = timing

    # -- the end --------------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """End the live view and free its models, its layout's included; closing twice does nothing."""
        layout = getattr(self, "layout", None)
        super().close()
        self.__dict__.pop("_repr_mimebundle_", None)  # ipywidgets hide it; the static forms stay true
        if layout is not None:
            layout.close()

    def inherit(self, predecessor: LabWidget) -> None:
        """Take over what is dear from a widget that an earlier run of the cell made, just before it is closed."""

    def _replace_predecessors(self) -> None:
        cell, execution = _running()
        if not cell:
            return
        before, widgets = LabWidget._of_cell.get(cell, ("", []))
        if before != execution:
            LabWidget._of_cell[cell] = execution, [self]
            for widget in widgets:
                self.inherit(widget)
                widget.close()
        else:
            widgets.append(self)


def _running() -> tuple[str, str]:
    """Return the id of the running cell and of this execution of it; empty where the front end names no cell."""
    ipython = sys.modules.get("IPython")  # not imported: outside a notebook there is no cell to ask for
    shell: Any = ipython.get_ipython() if ipython else None
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
    cell = parent.get("metadata", {}).get("cellId") if parent.get("msg_type") == "execute_request" else None
    return (str(cell), str(parent["header"]["msg_id"])) if cell else ("", "")


def _kind(message: type) -> str:
    """Return the ``kind`` that a message type has."""
    from typing import get_args, get_type_hints

    return str(get_args(get_type_hints(message)["kind"])[0])


@cache
def _built(name: str) -> str:
    try:
        return (STATIC / name).read_text("utf-8")
    except FileNotFoundError:
        raise PplabError(
            "the widgets of this installation were not built",
            hint="install pplab with pip, or run: npm run build",
            code="not_built",
        ) from None
