"""The verbs of a lab by which answers are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pplab.experiments.dependencies import Listeners
from pplab.experiments.interrupts import Interrupts
from pplab.experiments.standing_runs import runs_frame
from pplab.operation import Operation, check_call, verb
from pplab.plan.request import RunRequest
from pplab.verbs.run_options import takes_options_of

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Future

    import pandas as pd

    from pplab.calibration import Calibration
    from pplab.experiments.dependencies import Listener
    from pplab.experiments.experiment import Experiment
    from pplab.experiments.manager import RunManager
    from pplab.experiments.preflight import Preflight
    from pplab.experiments.probe import Probe
    from pplab.experiments.suggest_prompts import SuggestedPrompts
    from pplab.plan.plan import PlannedCall
    from pplab.plan.settings import Setting
    from pplab.store.rows import ResponseRow, Row


class RunningVerbs:
    """The part of `pplab.Lab` by which runs are planned, begun and followed."""

    _runs: RunManager

    if TYPE_CHECKING:  # what an operation needs of the lab

        @property
        def user(self) -> str:
            """Who is named in the audit."""

        def scrub(self, text: str) -> str:
            """Return ``text`` without keys."""

        def record(self, *rows: Row, durable: bool = False) -> Future[None]:
            """Queue rows for the journal."""

    @check_call
    def run(
        self,
        prompt: str | Sequence[Any] | Mapping[str, Any] | None = None,
        *,
        models: Sequence[str] | None = None,
        systems: Mapping[str, Any] | None = None,
        calibration: Calibration | str | None = None,
        n: int | None = None,
        settings: Sequence[Setting | Mapping[str, Any]] | int | None = None,
        sweep: Mapping[str, Any] | None = None,
        parameters: Mapping[str, Any] | None = None,
        data: pd.DataFrame | str | os.PathLike[str] | None = None,
        cluster: str | None = None,
        system: str | None = None,
        seed: int | None = None,
        max_cost: float | None = None,
        deadline: float | None = None,
        max_concurrency: int | None = None,
        stream: bool = False,
        checks: str | Callable[..., Any] | Sequence[str | Callable[..., Any]] | None = None,
        expected: Any = None,
        reader: bool = False,
        basis: str | None = None,
        until: Literal["settled"] | None = None,
        margin: float | None = None,
        max_calls: int | None = None,
        name: str | None = None,
        tags: Sequence[str] = (),
        note: str | None = None,
        batch: bool | str | os.PathLike[str] = False,
        detach: bool = False,
        processes: int | None = None,
        on_response: Callable[[ResponseRow], None] | None = None,
        on_text: Callable[[PlannedCall, str], None] | None = None,
        on: Listener | Any = None,
    ) -> Experiment:
        """Sample answers and return the experiment when all have arrived.

        Parameters
        ----------
        prompt : str, path, list of messages, list of any of these, or dict
            What to ask (of a path, the text in the file); a template with ``{column}`` placeholders when ``data`` is given.
            A list of messages (``role`` and ``content``) is a conversation, which ends with the user's. ``{name: template}``
            compares wordings, row by row of ``data``.
        models : list of str, optional
            The models to compare, such as ``["gpt-4o-mini", "qwen3:8b@local"]``; default: the lab's own.
        systems : dict, optional
            The personas to compare: ``{name: system message}``; an empty one sends none.
        calibration : Calibration or str, optional
            Ranges and persona to work in; an id or ``"latest"``. Each model gets what it takes of it
            (`Calibration.settings_for`).
        n : int, optional
            Replicates of every prompt under every setting; default: 2 with three prompts or more, else 5.
        settings : list of dict or int, optional
            Explicit settings, or how many to draw from the calibration's ranges.
        sweep : dict of list, optional
            Values per parameter; their grid becomes the settings. ``{"temperature": None}`` takes the calibration's points.
        parameters : dict, optional
            Parameters that every setting gets; ``x.NAME`` is sent as the request's field ``NAME``.
        data : DataFrame, path, list of dict or dict of list, optional
            A table of prompts, whose cells are put in exactly as they stand; without a template its column ``prompt`` or
            ``messages`` is sent. ``cluster`` names the column whose equal values belong together.
        system : str or path, optional
            A system message; default: the calibration's persona.
        seed : int, optional
            Each replicate gets a seed of its own, derived from this one.
        max_cost : float, optional
            US dollars; the run pauses before the call that could exceed it, supposing answers as long as ``max_tokens`` (4,096
            tokens where that is not set). A resume may spend as much again, or what its own ``max_cost`` says.
        deadline : float, default 120
            Seconds one call may take in total.
        max_concurrency : int, default 32
            The most calls under way at once.
        stream : bool, default False
            Ask for answers piece by piece.
        checks : list of str or callable, optional
            How an answer is told right or wrong: ``"exact"``, ``"contains"``, ``"regex"``, ``"number"``, ``"json"``,
            ``"json-schema"``, ``"choice"``, with options as in ``"number(tolerance=0.01)"``, and functions ``(text)``,
            ``(text, prompt)`` or ``(text, prompt, row)`` that return true, false or a share of 1. All must hold. Where there are
            any, the decision rests on them. See ``pplab.metrics.doc("correct")``.
        expected : str, list, optional
            What the checks compare with: a column of ``data`` (default: ``expected``), else what is right, for each prompt.
        reader : bool, default False
            Have a small language model on this machine read the answers, too, while they arrive
            (``pplab.metrics.doc("reader")``); the configuration ``reader`` has it read those of every run.
        basis : str, optional
            By whose scores it is decided where there are no checks: ``"surface"`` (the default), ``"reader"``, or a judge's, such
            as ``"judge_helpful"``, which then decide once a judge has given them (`Experiment.judge`).
        until : {"settled"}, optional
            Run a race: ask the prompts in a fixed random order, look at the answers after 6, 9, 13, 20, 30, 45, 68 and 100 of
            them, drop settings that cannot win any more, and stop as soon as it is settled which setting to use. Seven
            different prompts or more, under two settings or more.
        margin : float, default 0.03
            Of a race: a difference of utility that does not matter.
        max_calls : int, optional
            Of a race: the most calls it makes.
        name, tags, note : str, list of str, str, optional
            What the experiment is called, by which it is found again; see `Experiment.label`.
        batch : bool or path, default False
            Send the calls in batches: files that the provider works through within 24 hours, at OpenAI and some others for half
            the price. The run waits for them; an interrupt, or the end of the kernel, leaves them going, and `Experiment.resume`
            reads them, while `Experiment.cancel` ends them there. A path such as ``"requests.jsonl"`` writes the requests there
            instead, one model a file, and sends nothing: have them answered by ``vllm run-batch`` or the like, then
            ``exp.resume(results="results.jsonl")``.
        detach : bool, default False
            Hand the run to a process of its own and return at once: it goes on when this process ends. `Lab.runs` lists it,
            `Experiment.wait` waits for it, ``pause``, ``go_on``, ``limit`` and ``cancel`` steer it, from any process. Not in a
            lab that ends with its process.
        processes : int, default 1
            How many processes of this machine make and score the calls. Each has its share of ``max_concurrency``; the budget,
            the order and what is stored are those of one. Worth it where your own metrics, checks or the reader take long.
        on_response : callable, optional
            Called with each response (``.response_id``, ``.status``, ``.text``) after it is safe in the journal.
        on_text : callable, optional
            Called with each planned call and piece of its answer, with ``stream``, in one process.
        on : object, optional
            The Dask cluster that makes the calls: a client of ``distributed``, or ``"dask://HOST:PORT"``. Its workers need the
            same pplab, and have keys from their own environment. Or a listener, whose ``arrived(response)`` is called like
            ``on_response``, and ``progress(progress)`` (``.planned``, ``.done``, ``.in_flight``, ``.cost``, ``.counts``) about
            ten times a second; a run that has a listener takes its cluster as ``processes``.

        Returns
        -------
        Experiment
            Also when calls failed, and when it was interrupted (Ctrl-C, the kernel's interrupt); see its ``status``. With
            ``detach`` it is still running.
        """
        request = RunRequest(
            prompt=prompt,
            models=models,
            systems=systems,
            calibration=calibration,
            n=n,
            settings=settings,
            sweep=sweep,
            parameters=parameters,
            data=data,
            cluster=cluster,
            system=system,
            seed=seed,
            max_cost=max_cost,
            deadline=deadline,
            max_concurrency=max_concurrency,
            stream=stream,
            checks=checks,
            expected=expected,
            reader=reader,
            basis=basis,
            until=until,
            margin=margin,
            max_calls=max_calls,
            name=name,
            tags=tags,
            note=note,
            batch=batch,
            detach=detach,
            processes=processes,
        )
        listeners = Listeners(on=on, on_response=on_response, on_text=on_text)
        with Interrupts() as interrupts, Operation(self, "run"):
            return self._start(request, listeners, interrupts)

    def _start(self, request: RunRequest, listeners: Listeners, interrupts: Interrupts | None = None) -> Experiment:
        from pplab.cluster.shards import placed

        request, listeners = placed(request, listeners)
        return self._runs.start(request, listeners, interrupts)

    @verb
    @takes_options_of(run)
    def start(self, request: RunRequest, listeners: Listeners) -> Experiment:
        """Begin a run and return at once; see `Experiment.wait`.

        The parameters are those of `run`.
        """
        return self._start(request, listeners)

    @verb
    @takes_options_of(run)
    def preflight(self, request: RunRequest, _: Listeners) -> Preflight:
        """Say what a run would be before it is: calls, tokens, cost, time, and the smallest difference it could detect.

        The parameters are those of `run`. Nothing is sent, so no listener is called.
        """
        return self._runs.preflight(request)

    @verb
    def runs(self) -> pd.DataFrame:
        """Return one row a run under way in this lab, whichever process began it, oldest first.

        ``state`` is ``running``, ``waiting`` (the server asked for that, until ``waiting_until``, UTC), ``paused``, or
        ``interrupted``: its process died, and `Experiment.resume` completes it. ``done`` of ``planned`` calls have an outcome,
        ``failed`` of them no answer; ``rate`` is answers a second over the last ten seconds or the last ten answers, whichever
        is longer, ``seconds_left`` what the rest takes at that rate; ``cost`` and ``max_cost`` are US dollars. Only its ``user``
        can steer a run.
        """
        return runs_frame(self._runs.context.store)

    @check_call
    def probe(
        self, parameter: str = "temperature", *, prompt: str | None = None, n: int = 6, on: Listener | None = None
    ) -> Probe:
        """Ask whether the model honours a parameter: a handful of calls at both ends of it, and a test whether they differ.

        Parameters
        ----------
        parameter
            Its name, with two values to compare where none are known or others are wanted, such as ``x.mirostat=0,2``.
        prompt
            What to ask; default: an open question that is answered differently each time.
        n
            Calls at each end, at least 5.
        on
            The listener of each of the two runs, as in `run`.

        Returns
        -------
        Probe
            The verdict (honoured, no visible effect, rejected), its evidence and its cost. Sweeps over a parameter that showed
            no effect carry a warning from then on.
        """
        from pplab.experiments.probe import run_probe

        with Interrupts() as interrupts, Operation(self, "probe"):
            return run_probe(self._runs, parameter, prompt, n, Listeners(on=on), interrupts)

    @check_call
    def suggest_prompts(
        self,
        prompt: str | os.PathLike[str],
        n: int,
        path: str | os.PathLike[str] | None = None,
        *,
        seed: int | None = None,
        max_cost: float | None = None,
        overwrite: bool = False,
    ) -> SuggestedPrompts:
        """Have the model write variants of a prompt, and keep them as a table to be edited and run.

        Parameters
        ----------
        prompt
            A text, or the path of a text file; no template.
        n
            How many variants, 1 to 100. What is no usable variant is left out, so that fewer may come.
        path
            The table, ``.csv`` or ``.jsonl``; default: ``prompts.csv`` in the working folder.
        seed
            Sent with the call, so that a server that honours it writes the same again.
        max_cost
            US dollars; nothing is sent if the call could cost more, see `run`.
        overwrite
            Replace the file if it is there; otherwise that is refused before anything is sent.

        Returns
        -------
        SuggestedPrompts
            Its ``df`` has the columns ``prompt``, the user's own first, and ``generated``, the model that wrote it.
        """
        from pplab.experiments.suggest_prompts import suggest_prompts

        with Interrupts() as interrupts, Operation(self, "suggest_prompts"):
            return suggest_prompts(self._runs, prompt, n, path, interrupts, seed=seed, max_cost=max_cost, overwrite=overwrite)
