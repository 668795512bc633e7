"""The embedded model: a small n-gram language model, trained on text of this project, behind the OpenAI wire format.

It is for learning the lab, for tests and for demonstrations: it needs no key, no network and no download, and its
sampling parameters act on a real distribution. It knows nothing: it continues a prompt with what its few passages say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pplab.models.embedded.transport import EmbeddedTransport

__all__ = ["MODEL", "EmbeddedTransport", "about", "complete"]

MODEL: Final = "embedded"
"""The name of the model, in requests and wherever its output appears."""


def about() -> str:
    """Return one sentence that says what the embedded model is."""
    return (
        "'embedded' is a small n-gram language model trained on text written for pplab: it is for learning the lab, "
        "tests and demonstrations, and it is not a source of facts."
    )


def complete(messages: Sequence[Mapping[str, str]], *, replicate: int = 0, **parameters: Any) -> dict[str, Any]:
    """Return the response body to one chat completion, made in this thread.

    Parameters
    ----------
    messages
        Messages with ``role`` and ``content``.
    replicate
        Which of several equal calls this is; without a ``seed``, replicates differ and each is always the same.
    **parameters
        Parameters of the OpenAI chat completions API except ``model`` and ``stream``.

    Returns
    -------
    dict
        The JSON body in OpenAI's format.

    Raises
    ------
    pplab.errors.BadInput
        For parameters that are unknown or out of range.

    Examples
    --------
    >>> body = complete([{"role": "user", "content": "Write a story about a lighthouse"}], temperature=0)
    >>> body["model"], body["choices"][0]["finish_reason"]
    ('embedded', 'stop')
    """
    from pplab.errors import BadInput
    from pplab.models.embedded.request import ChatRequest, Refusal
    from pplab.models.embedded.response import Completion

    body = {"model": MODEL, "messages": [dict(message) for message in messages], **parameters}
    try:
        completion = Completion(ChatRequest.of(body, replicate=str(replicate)))
    except Refusal as refusal:
        raise BadInput(str(refusal).rstrip("."), hint="see the parameters of the OpenAI chat completions API") from None
    for _ in completion:
        pass
    return completion.body()


def __getattr__(name: str) -> Any:
    """Import the transport, and with it the HTTP client, when it is first asked for."""
    if name == "EmbeddedTransport":
        from pplab.models.embedded.transport import EmbeddedTransport

        return EmbeddedTransport
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
