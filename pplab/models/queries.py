"""Questions to a model's server that are no calls, asked with its key and on its route; what goes wrong, in plain words."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pplab.config.addresses import below
from pplab.errors import PplabError
from pplab.models.failures import failure_of
from pplab.models.fetch import Query, download, fetch
from pplab.models.http import RefusedError
from pplab.models.refusals import classify_error
from pplab.models.retry import requested_wait

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from typing import IO

    import openai

    from pplab.models.route import Proxy

MAY_BE_BILLED = "; the request was sent and may have been billed"


class QueryError(Exception):
    """No answer to a query, or one that refuses it; its text is one line without secrets.

    Attributes
    ----------
    http_status : int or None
        Of the answer, where there was one.
    retry : bool
        Whether the same query may succeed later.
    wait : float or None
        Seconds that the server asks to wait.
    unknown : bool
        Whether the server may have done what it was asked all the same.
    """

    def __init__(
        self, words: str, *, http_status: int | None = None, retry: bool = False, wait: float | None = None, unknown: bool = False
    ) -> None:
        super().__init__(words)
        self.http_status = http_status
        self.retry = retry
        self.wait = wait
        self.unknown = unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Queries:
    """The questions that a server can be asked besides calls; made by `ModelClient.queries`.

    ``api`` gives the client of the ``openai`` package, or raises `Offline`; ``url`` is the base URL; ``authorized`` says whether
    the key is sent.
    """

    api: Callable[[], openai.AsyncOpenAI] = field(repr=False)
    url: str
    headers: Mapping[str, str] = field(repr=False)
    authorized: bool
    scrub: Callable[[str], str]
    proxy: Proxy | None
    access_hint: str

    async def ask(self, path: str, *, limit: int = 2**20, deadline: float = 60.0, **content: Any) -> bytes:
        """Return the body of the server's answer.

        Parameters
        ----------
        path
            Where, below the base URL.
        limit
            The most bytes that are read.
        deadline
            Seconds for everything.
        **content
            ``body``, or ``file`` and ``form``, of a `pplab.models.fetch.Query`.

        Raises
        ------
        Offline
            If no socket may be opened.
        QueryError
            If there is no answer, or one with an error status.
        """
        ends = asyncio.get_running_loop().time() + deadline
        async with self._failures(deadline):
            return await fetch(self.api(), self._query(path, **content), limit=limit, ends=ends)

    async def download(self, path: str, file: IO[bytes], *, patience: float = 60.0) -> None:
        """Write the body of the server's answer to a file; raises as `ask` does, also when nothing comes for ``patience`` s."""
        async with self._failures(patience):
            await download(self.api(), self._query(path), file, patience=patience)

    def _query(self, path: str, **content: Any) -> Query:
        address, _, parameters = path.partition("?")
        url = below(self.url, address)
        if parameters:
            url += ("&" if "?" in url else "?") + parameters
        return Query(url=url, headers=self.headers, authorized=self.authorized, **content)

    @asynccontextmanager
    async def _failures(self, patience: float) -> AsyncIterator[None]:
        """Raise whatever goes wrong within as a `QueryError`."""
        try:
            yield
        except RefusedError as refused:
            raise self._refused(refused) from None
        except TimeoutError:
            raise QueryError(f"no answer within {patience:g} s", retry=True, unknown=True) from None
        except ValueError as error:
            raise QueryError(self.scrub(str(error))) from None
        except PplabError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a transport raises
            failure = failure_of(error, self.scrub(self.url), self.proxy)
            words = self.scrub(failure.error.removesuffix(MAY_BE_BILLED))
            raise QueryError(words, retry=failure.retry, unknown=failure.may_be_billed) from None

    def _refused(self, refused: RefusedError) -> QueryError:
        text = refused.body.decode("utf-8", "replace")
        refusal = classify_error(refused.status, text, "", {})
        headers = {name.lower(): value for name, value in refused.headers.items()}
        words = [refusal.error, self.access_hint if refusal.code == "auth" else ""]
        return QueryError(
            self.scrub("; ".join(filter(None, words))),
            http_status=refused.status,
            retry=refusal.retry,
            wait=requested_wait(headers, time.time(), text) if refusal.retry else None,
            unknown=refused.status >= 500,
        )
