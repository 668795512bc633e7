"""The verb of a lab by which texts are forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplab.operation import verb

if TYPE_CHECKING:
    from pplab.context import LabContext
    from pplab.share.forget import ForgetReport


class ForgettingVerbs:
    """The part of `pplab.Lab` by which texts are forgotten."""

    _context: LabContext

    @verb
    def forget(self, record_id: str, *, dry_run: bool = False) -> ForgetReport:
        """Forget the texts of an experiment, a response or a calibration, for good.

        Prompts, answers, raw bodies, errors, what judges and people wrote, and quotations of any of them in cells and in the
        audit give way to markers, in the tables and in every journal, in segments, and with the next push on the remotes.
        Scores, ratings, costs and times stay, and so does the audit, whose chain verifies: an event ``texts_forgotten`` has the
        hash and the size of each text.

        Parameters
        ----------
        record_id
            The id, or the beginning of one; of an experiment also its name.
        dry_run
            Only say what would go.

        Raises
        ------
        NotFound
            When there is no such record.
        BadInput
            When it holds no text, or its texts were forgotten before.
        StoreBusy
            When it is being run, or another process pushes, pulls, or is writing a journal that holds one of the texts; nothing
            was changed.
        StoreTampered
            When the lab does not verify: forgetting would hide what was altered.

        Examples
        --------
        >>> import pplab
        >>> with pplab.Lab(store=":temp:") as lab:
        ...     exp = lab.run("Write a tagline for a notebook.", n=2)
        ...     lab.forget(exp.id, dry_run=True).done
        ...     lab.forget(exp.id).done
        False
        True
        """
        from pplab.remote.origin import exchanging
        from pplab.share.forget import forget

        self._context.store.must_be_writable()
        with exchanging(self._context.folder):
            return forget(self._context, record_id, dry_run=dry_run)
