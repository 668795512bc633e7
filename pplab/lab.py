"""The lab: what a user holds. Each verb is short; the work is done in the rooms it calls."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, Self

from pplab.cluster.elsewhere import OtherProcesses
from pplab.config.configuration import resolve
from pplab.context import LabContext
from pplab.errors import BadInput
from pplab.experiments.dependencies import Listeners
from pplab.experiments.interrupts import Interrupts
from pplab.experiments.manager import RunManager
from pplab.experiments.selection import (
    compare_stored,
    experiment_ids,
    experiment_rows,
    id_text,
    response_rows,
    score_rows,
    whole_response,
)
from pplab.forks import CopiedAsItself, Guard
from pplab.inputs.values import as_list, in_units, mapping
from pplab.operation import Operation, check_call, verb
from pplab.plan.request import RunRequest
from pplab.verbs.forgetting import ForgettingVerbs
from pplab.verbs.judging import JudgingVerbs
from pplab.verbs.meeting import MeetingVerbs
from pplab.verbs.running import RunningVerbs

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from concurrent.futures import Future
    from datetime import date
    from pathlib import Path
    from types import TracebackType

    import pandas as pd

    from pplab.analysis.ratings import Ratings
    from pplab.analysis.records import Comparisons
    from pplab.calibration import Calibration
    from pplab.config.configuration import PPLab
    from pplab.experiments.dependencies import Listener
    from pplab.experiments.experiment import Experiment
    from pplab.models.recording import Recording
    from pplab.share.export import Export
    from pplab.share.import_package import ImportReport
    from pplab.share.migration import Migration
    from pplab.share.regression_gate import RegressionGate
    from pplab.share.replay import Replay
    from pplab.share.verify import PackageReport
    from pplab.store.queries import AnyOf
    from pplab.store.rebuild import RebuildReport
    from pplab.store.rows import ResponseRow, Row
    from pplab.store.trace import Trace
    from pplab.store.verify import VerifyReport

    PathName = str | os.PathLike[str]
    Stored = Experiment | str | os.PathLike[str]
    """An experiment, its id, or the path of a package."""


class Lab(RunningVerbs, JudgingVerbs, MeetingVerbs, ForgettingVerbs, CopiedAsItself):
    """One store and everything that can be done with it.

    Parameters
    ----------
    store
        The lab's folder, or ``":temp:"`` for a lab that ends with its process. Default: ``PPLAB_STORE``, else the nearest
        ``.pplab`` folder above the working folder, else a new one in it.
    user
        Who is named in the audit. Default: ``PPLAB_USER``, else ``JUPYTERHUB_USER``, else the system's user.
    model
        The model to ask. Default: ``PPLAB_MODEL``; with neither key nor base URL the embedded model.
    base_url
        An OpenAI-compatible server. Default: ``PPLAB_BASE_URL``, else ``OPENAI_BASE_URL``; with a key alone, OpenAI.
    api_key
        Default: ``OPENAI_API_KEY``. Never stored.
    configuration
        What takes the place of the lab's own ``config.json``; ``settings`` is its former name.

    Examples
    --------
    >>> import pplab
    >>> lab = pplab.Lab(store=":temp:")
    >>> exp = lab.run("Write a tagline for a notebook.", n=3, sweep={"temperature": [0, 0.7]})
    >>> exp.status
    'completed'
    >>> lab.close()
    """

    def __init__(
        self,
        store: str | os.PathLike[str] | None = None,
        user: str | None = None,
        model: str | None = None,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        configuration: PPLab | None = None,
        settings: PPLab | None = None,
    ) -> None:
        own = configuration if configuration is not None else settings
        effective = resolve(store=store, user=user, model=model, base_url=base_url, api_key=api_key, configuration=own)
        self.__setstate__(RunManager(LabContext(effective), OtherProcesses()))
        self._update_live()

    def __getstate__(self) -> RunManager:
        return self._runs  # which opens its context again in the process it is carried to

    def __setstate__(self, runs: RunManager) -> None:
        self._runs = runs
        self._context = runs.context
        self._store = runs.context.store
        self._live = []
        self._guard = Guard()
        self._closed = False

    @property
    def user(self) -> str:
        """Who is named in the audit."""
        return self._context.user

    @property
    def model(self) -> str:
        """The model that `run` asks."""
        return self._context.model

    @property
    def provider(self) -> str:
        """The host of the model's server, or ``embedded``."""
        return self._context.provider

    @property
    def folder(self) -> Path:
        """The lab's folder."""
        return self._context.folder

    @property
    def name(self) -> str:
        """What to call this lab where a path would name the machine."""
        return self._context.name

    @property
    def configuration(self) -> PPLab:
        """What was configured: the lab's own file and, in a notebook, ``%config PPLab``."""
        return self._context.configuration

    @property
    def settings(self) -> PPLab:
        """The `configuration`, by its former name."""
        return self.configuration

    @property
    def recording(self) -> Recording | None:
        """What calls are recorded to and answered from, see `use_recording`."""
        return self._context.recording

    @property
    def context(self) -> LabContext:
        """What stands below the verbs; reading there leaves no trace, so it is for programs that look by themselves."""
        return self._context

    @property
    def manager(self) -> RunManager:
        """Who plans and runs the experiments, below the verbs."""
        return self._runs

    def scrub(self, text: str) -> str:
        """Return ``text`` without keys."""
        return self._context.scrub(text)

    def record(self, *rows: Row, durable: bool = False) -> Future[None]:
        """Queue rows for the journal; the future resolves when they are written (and, if ``durable``, on disk)."""
        return self._context.record(*rows, durable=durable)

    def close(self) -> None:
        """Give up this lab; what it recorded is written. Another lab or the extension on the same store goes on."""
        with self._guard:
            if self._closed:
                return
            self._runs.end()
            self._end_live()
            self._context.close()
            self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Lab(model={self.model}, user={self.user})"

    # -- calibration ----------------------------------------------------------------------------------------------------------

    @verb
    def calibrate(self, answers: Mapping[str, Any] | str | os.PathLike[str] | Ratings) -> Calibration:
        """Turn quiz answers into ranges, a persona and two scores, and store them; or narrow ranges to what people chose.

        Parameters
        ----------
        answers
            A mapping from question id to answer, the name of a preset (``precise``, ``balanced``, ``expressive``), the path of a
            JSON file with answers, or ``exp.ratings``: the calibration that the experiment ran under, narrowed to the settings
            that people chose, with the values to try next as its ``points``.
        """
        from pplab.experiments.calibrate import calibrate

        return calibrate(self._context, answers)

    @verb
    def calibration(self, calibration_id: str = "latest") -> Calibration:
        """Return a stored calibration by id (or a unique beginning of it), or the latest one."""
        from pplab.experiments.calibrate import stored_calibration

        return stored_calibration(self._context, calibration_id)

    @verb
    def calibrations(self) -> pd.DataFrame:
        """Return one row a calibration, oldest first."""
        return self._store.calibrations()

    # -- experiments ----------------------------------------------------------------------------------------------------------

    @verb
    def experiment(self, experiment_id: Experiment | str = "latest") -> Experiment:
        """Return a stored experiment as it is now, by id (or a unique beginning of it), or the latest one."""
        return self._runs.experiment(id_text(experiment_id))

    @verb
    def experiments(
        self,
        *,
        user: AnyOf = None,
        calibration_id: AnyOf = None,
        model: AnyOf = None,
        status: AnyOf = None,
        search: str | None = None,
        since: str | date | None = None,
        limit: int | None = None,
    ) -> pd.DataFrame:
        """Return one row an experiment, oldest first; `responses` says what the filters take.

        ``model`` finds what was asked of it, alone or beside others: ``models`` lists them. ``search`` finds what has this text
        in its name, tags, note, model or notebook.
        """
        filters: dict[str, Any] = {"user": user, "calibration_id": calibration_id, "model": model, "since": since, "limit": limit}
        return experiment_rows(self._store, status=status, search=search, **filters)

    @verb
    def responses(
        self,
        experiment: Experiment | str | Sequence[Experiment | str] | None = None,
        *,
        status: AnyOf = None,
        user: AnyOf = None,
        calibration_id: AnyOf = None,
        model: AnyOf = None,
        since: str | date | None = None,
        limit: int | None = None,
    ) -> pd.DataFrame:
        """Return one row a stored response, of one experiment, of several, or of all.

        Models, endpoints, system messages and wordings stand there by name, the parameters asked for as JSON.

        Parameters
        ----------
        experiment : Experiment, str or list of them, optional
            Experiments or their ids.
        status, user, calibration_id, model : str or list of str, optional
            Rows with this value, or with one of these. ``model`` is the one that answered.
        since : str, date or datetime, optional
            Rows from this moment on, in UTC where it names no zone.
        limit : int, optional
            At most so many rows.
        """
        filters: dict[str, Any] = {"status": status, "user": user, "calibration_id": calibration_id, "model": model}
        return response_rows(self._store, experiment, since=since, limit=limit, **filters)

    @verb
    def response(self, response_id: str) -> ResponseRow:
        """Return one response whole, with the sub-scores of its metrics, by its id or a unique beginning of it."""
        return whole_response(self._store, response_id)

    @verb
    def scores(self, experiment: Experiment | str | Sequence[Experiment | str] | None = None) -> pd.DataFrame:
        """Return one row a score besides the four: every version of every metric of an experiment, of several, or of all.

        Its ``source`` is what scored it (`pplab.plan.vocabulary.SOURCES`; users' metrics: ``surface``), ``explanation`` why it is
        what it is, or why there is no value, ``rater`` the model or person that judged, ``cost`` its US dollars.
        """
        return score_rows(self._store, experiment)

    @check_call
    def score(self, experiment: Experiment | str = "latest", *, reader: bool = False) -> Experiment:
        """Score the stored answers of an experiment by the metrics registered now, or by the reader; see `Experiment.score`."""
        return self._runs.experiment(id_text(experiment)).score(reader=reader)

    @verb
    def analytics(self, *, user: AnyOf = None, calibration_id: AnyOf = None) -> pd.DataFrame:
        """Return the summaries of every (user, calibration): one row a measure with n, mean and standard deviation."""
        return self._store.analytics(user=user, calibration_id=calibration_id)

    @verb
    def compare(self, a: Experiment | str, b: Experiment | str) -> Comparisons:
        """Return the paired differences between two experiments on the prompts they share, each taken as one setting."""
        return compare_stored(self._store, a, b)

    def ids(self, entity: Literal["experiment", "calibration"]) -> list[str]:
        """Return the ids of an entity, newest first; for completion, so it is no operation and leaves no trace."""
        frame = self._store.experiments() if entity == "experiment" else self._store.calibrations()
        return [str(i) for i in frame[f"{entity}_id"][::-1]]

    def counts(self) -> dict[str, int]:
        """Return how many rows each table has."""
        return self._store.counts()

    # -- what happened --------------------------------------------------------------------------------------------------------

    @verb
    def audit(
        self,
        event: AnyOf = None,
        *,
        actor: AnyOf = None,
        correlation_id: AnyOf = None,
        entity_id: AnyOf = None,
        since: str | date | None = None,
        limit: int | None = None,
    ) -> pd.DataFrame:
        """Return the audit in sequence; ``limit`` keeps the last events, `responses` says what the other filters take."""
        filters: dict[str, Any] = {"actor": actor, "correlation_id": correlation_id, "entity_id": entity_id}
        return self._store.audit(event, since=since, limit=limit, **filters)

    @verb
    def timing(
        self,
        kind: AnyOf = None,
        *,
        name: AnyOf = None,
        correlation_id: AnyOf = None,
        since: str | date | None = None,
        limit: int | None = None,
    ) -> pd.DataFrame:
        """Return one row a timed ``operation`` or ``call`` (its ``kind``), oldest first; ``limit`` keeps the last ones."""
        return self._store.timing(kind, name=name, correlation_id=correlation_id, since=since, limit=limit)

    @verb
    def cells(
        self,
        *,
        session_id: AnyOf = None,
        notebook: AnyOf = None,
        status: AnyOf = None,
        since: str | date | None = None,
        limit: int | None = None,
    ) -> pd.DataFrame:
        """Return one row a cell execution, oldest first; ``limit`` keeps the last ones."""
        return self._store.cells(session_id=session_id, notebook=notebook, status=status, since=since, limit=limit)

    @verb
    def trace(self, record_id: str | Experiment | Calibration) -> Trace:
        """Walk the chain of cause from any id, both ways."""
        named: Any = getattr(record_id, "id", record_id)
        return self._store.trace(named)

    @verb
    def sql(self, query: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> pd.DataFrame:
        """Run one SELECT with bound parameters over the lab's tables, read-only and without access to files."""
        return self._store.sql(query, mapping(params, "params", "") if isinstance(params, Mapping) else as_list(params))

    # -- sharing --------------------------------------------------------------------------------------------------------------

    @verb
    def use_recording(self, path: str | os.PathLike[str] | None, *, max_age_days: float | None = None) -> Recording | None:
        """From here on answer calls from a recording where it has them, and add the others to it; ``None`` ends this.

        With ``PPLAB_OFFLINE=1`` a call that is not recorded is an error, and so it is when there is neither a key nor a server:
        the lab then takes over the recording's own model.

        Parameters
        ----------
        path
            The file, made with the first call.
        max_age_days
            Report calls recorded longer ago as stale.
        """
        return self._context.answer_from(path, max_age_days=in_units(max_age_days, timedelta(days=1)))

    @verb
    def export(self, ids: Any = None, format: str = "csv", path: PathName | None = None, *, what: str = "experiments") -> Export:
        """Write experiments (or the audit, or the timings) to a file, responses with a column for each factor.

        Parameters
        ----------
        ids
            An experiment, an id, a list of them, or ``None`` for the latest experiment.
        format
            ``csv`` (UTF-8 with a byte-order mark, so that Excel shows it as it is), ``json``, ``parquet`` or ``package``.
        path
            Where to; default: a new file in ``exports/`` of the working folder.
        what
            ``experiments``, ``scores`` (those besides the four), ``ratings`` (those that stand), ``audit`` or ``timing``.
        """
        from pplab.share.export import OF_EXPERIMENTS, export

        if what not in OF_EXPERIMENTS and ids is not None:
            raise BadInput(f"what={what!r} takes no ids", hint="leave the ids out")
        chosen = experiment_ids(self._store, "latest" if ids is None else ids) if what in OF_EXPERIMENTS else []
        return export(self._context, chosen, format, path, what)

    @verb
    def import_package(self, path: str | os.PathLike[str]) -> ImportReport:
        """Bring a colleague's package (a zip, or the folder it was unpacked to) into this lab.

        Everything is checked before anything enters; its origin is kept, nothing here is overwritten, and importing it twice
        changes nothing.

        Raises
        ------
        StoreTampered
            When it is not as it was exported.
        BadInput
            When it could do harm, or holds an experiment that is here in another state.
        """
        from pplab.share.import_package import import_package

        return import_package(self._context, path)

    @verb
    def verify(self, path: str | os.PathLike[str] | None = None) -> VerifyReport | PackageReport:
        """Check that nothing was altered: of this lab (chain, counts, the heads that exports mention), or of a package.

        Raises
        ------
        StoreTampered
            Naming the rows that were altered, removed, inserted or moved.
        """
        from pplab.share.verify import verify

        return verify(self._context, path)

    @check_call
    def replay(self, wanted: Stored, *, live: bool = False, reader: bool = False, on: Listener | None = None) -> Replay:
        """Score stored responses again with the present code, and compare scores, summaries and verdict with what was stored.

        Parameters
        ----------
        wanted
            An experiment, its id, or the path of a package.
        live
            Also ask the model again and compare the answers, see `check`.
        reader
            Also have the reader read the answers again that it has scores of, and compare those.
        on
            The listener of the fresh run, as in `run`.
        """
        from pplab.share.rerun import replay_again

        with Interrupts() as interrupts, Operation(self, "replay"):
            return replay_again(self._runs, wanted, live=live, reader=reader, interrupts=interrupts, on=on)

    @check_call
    def check(
        self,
        baseline: Experiment | str | os.PathLike[str],
        *,
        n: int | None = None,
        margin: float | None = None,
        margins: Mapping[str, float] | None = None,
        model: str | None = None,
        on: Listener | None = None,
    ) -> RegressionGate:
        """Run a baseline's plan again and decide for each metric whether it is the same, has drifted, or cannot be told.

        Parameters
        ----------
        baseline
            An experiment, its id, or the path of a package. Where the lab cannot ask the baseline's model, the recording in use
            answers, or the one that came with the package.
        n
            Replicates; default: those of the baseline.
        margin
            The largest change of the utility that does not matter, as in `Experiment.verdict`; default: it is not compared.
        margins
            By metric, the largest change that does not matter, in the metric's units; default 0.05 for each score.
        model
            Ask another model than the baseline's.
        on
            The listener of each run, as in `run`.
        """
        from pplab.share.rerun import check_again

        with Interrupts() as interrupts, Operation(self, "check"):
            return check_again(self._runs, baseline, interrupts, n=n, margin=margin, margins=margins, model=model, on=on)

    @check_call
    def migrate(
        self,
        old: Experiment | str | os.PathLike[str],
        new: str | Sequence[str],
        *,
        prompt: str | Sequence[Any] | None = None,
        data: pd.DataFrame | str | os.PathLike[str] | None = None,
        cluster: str | None = None,
        calibration: Calibration | str | None = None,
        n: int | None = None,
        margin: float | None = None,
        max_calls: int | None = None,
        max_cost: float | None = None,
        on: Listener | None = None,
    ) -> Migration:
        """Find out whether a new model can take the place of an old one, and under which setting: go, no-go or cannot tell.

        What the new model can be told (effort, verbosity, temperature, persona) races against the old setting; each must be no
        worse by more than the margin. It stops as soon as one is, or as none can be.

        Parameters
        ----------
        old
            The old model; or an experiment, its id or name, or the path of a package: then its answers under the setting it
            decided on are compared with, and not asked for again.
        new
            The new model, or several.
        prompt, data, cluster
            What to ask, as in `run`: seven different prompts or more. An old experiment has its own.
        calibration
            What to tell the models (`Calibration.settings_for`), and how to weigh precision and personality. Without one the old
            setting is tried as it is and with one thing changed, and both weigh alike, or as in the old experiment's calibration.
        n
            Replicates of every prompt under every setting; default 2.
        margin
            A loss of utility that does not matter; default 0.03.
        max_calls, max_cost
            The most calls it makes, and the most US dollars it spends, as in `run`.
        on
            The listener of the run, as in `run`.

        Returns
        -------
        Migration
            Also when it was interrupted or the budget ended it: then it cannot tell, and its ``experiment.resume()`` goes on.
        """
        from pplab.share.migration import migrate

        with Interrupts() as interrupts, Operation(self, "migrate"):
            asked: dict[str, Any] = {"prompt": prompt, "data": data, "cluster": cluster, "calibration": calibration, "n": n}
            request = RunRequest(**asked, margin=margin, max_calls=max_calls, max_cost=max_cost)
            return migrate(self._runs, old, new, request, Listeners(on=on), interrupts)

    @verb
    def rebuild(self, swap: bool = False) -> RebuildReport:
        """Make the tables again from the journals, compressed ones included, and compare them with the stored ones.

        Parameters
        ----------
        swap
            Also put the rebuilt tables in place. The former file is kept in the lab's ``backup`` folder under a name with the
            date; other kernels that use the lab go on with the rebuilt tables.
        """
        report = self._store.rebuild(swap=swap)
        self._context.record_event("tables_rebuilt", durable=True, differences=report.differences, swapped=report.swapped)
        return report
