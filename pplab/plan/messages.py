"""Prompts as they are sent: texts, and conversations of several messages, checked before anything is sent."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pplab.errors import BadInput, did_you_mean

MAX_PROMPT_CHARS = 1_000_000

Message = Mapping[str, str]
"""One message of a conversation: ``role`` and ``content``."""
Conversation = tuple[Message, ...]
Prompt = str | Conversation

SYSTEM_ROLES = ("system", "developer")
"""Who gives instructions; ``developer`` is OpenAI's word for it since its reasoning models."""
ROLES = (*SYSTEM_ROLES, "user", "assistant")
NOT_YET = ("tool", "function", "tool_calls", "function_call", "audio")
"""Roles and fields of tools and sound, which cannot be sent yet."""
EXAMPLE = '[{"role": "user", "content": "..."}]'


# -- what can be sent ---------------------------------------------------------------------------------------------------------


def check_prompt(prompt: object, name: str = "the prompt") -> Prompt:
    """Return a prompt if it can be sent, or raise `BadInput`, calling it ``name``; one message of the user alone is a text."""
    turns = _listed(prompt)
    if turns is None:
        return check_text(prompt, name)
    if not turns:
        raise BadInput(f"{name} is a conversation without messages", hint=f"write it like {EXAMPLE}")
    messages = tuple(_message(turn, f"message {number} of {name}") for number, turn in enumerate(turns, 1))
    if messages[-1]["role"] != "user":
        whose = "an assistant's" if messages[-1]["role"] == "assistant" else f"a {messages[-1]['role']}"
        hint = "leave it out: the model writes what comes next" if whose == "an assistant's" else "end with what the user asks"
        raise BadInput(f"{name} ends with {whose} message, not with the user's", hint=hint)
    if len(messages) == 1:
        return check_text(messages[0]["content"], name)
    size = sum(len(message["content"]) for message in messages)
    if size > MAX_PROMPT_CHARS:
        raise BadInput(f"{name} has {size:,} characters, more than {MAX_PROMPT_CHARS:,}", hint="shorten it")
    return messages


def check_prompts(prompts: Iterable[Any]) -> list[Prompt]:
    """Return prompts if they can be sent, each named by its place where one cannot."""
    listed = list(prompts)
    if not listed:
        raise BadInput("there is no prompt", hint="give at least one prompt that is not empty")
    alone = len(listed) == 1
    return [check_prompt(p, "the prompt" if alone else f"prompt {i} of {len(listed):,}") for i, p in enumerate(listed, 1)]


def check_text(text: object, name: str = "the prompt", *, blank: bool = False) -> str:
    """Return a text if it can be sent, or raise `BadInput`, calling it ``name``; ``blank``: whether it may be empty."""
    if text is None or (isinstance(text, float) and math.isnan(text)) or type(text).__name__ == "NAType":
        raise BadInput(f"{name} is missing", hint="fill it in, or leave it out")
    if not isinstance(text, str):
        raise BadInput(f"{name} must be text, not {type(text).__name__}", hint="pass a string or a list of strings")
    if not blank and not text.strip():
        raise BadInput(f"{name} is empty", hint="write what the model should answer")
    if "\0" in text:
        raise BadInput(f"{name} contains a NUL character", hint="remove it; no model accepts it")
    if len(text) > MAX_PROMPT_CHARS:
        raise BadInput(f"{name} has {len(text):,} characters, more than {MAX_PROMPT_CHARS:,}", hint="shorten it")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadInput(f"{name} contains half a surrogate pair, which is not text", hint="decode it as UTF-8 first") from None
    return str(text)


def _listed(prompt: object) -> Sequence[Any] | None:
    """Return the messages of what is a list, also of NumPy's kind; ``None`` for anything else."""
    if hasattr(prompt, "tolist") and getattr(prompt, "shape", ()) != ():
        prompt = prompt.tolist()
    return prompt if isinstance(prompt, (list, tuple)) else None


def _message(turn: object, name: str) -> Message:
    if not isinstance(turn, Mapping):
        raise BadInput(f"{name} must have a role and content, not be {type(turn).__name__}", hint=f"write it like {EXAMPLE}")
    fields = {str(key): value for key, value in turn.items() if value is not None}
    role = fields.pop("role", None)
    unsupported = [key for key in fields if key in NOT_YET]
    if role in NOT_YET or unsupported:
        what = f"is of the role '{role}'" if role in NOT_YET else f"has '{unsupported[0]}'"
        raise BadInput(f"{name} {what}, which cannot be sent yet", hint="leave it out, or write it as text")
    if role not in ROLES:
        words = "no role" if role is None else f"the role {role!r}"
        hint = did_you_mean(role, ROLES) if isinstance(role, str) else ""
        raise BadInput(f"{name} has {words}", hint=hint or f"the roles are {', '.join(ROLES)}")
    content = _text_of(fields.pop("content", None), f"{name} ({role})")
    if fields:
        raise BadInput(f"{name} has '{next(iter(fields))}', which is not sent", hint="leave it out; role and content are sent")
    return {"role": str(role), "content": check_text(content, f"{name} ({role})")}


def _text_of(content: object, name: str) -> object:
    """Return the text of a message's content; parts of text are written one below the other."""
    parts = _listed(content)
    if parts is None:
        return content
    texts = []
    for part in parts:
        kind = part.get("type") if isinstance(part, Mapping) else type(part).__name__
        if kind != "text" or not isinstance(part.get("text"), str):
            raise BadInput(f"{name} has a part of type {kind!r}, and only text can be sent yet", hint="leave it out")
        texts.append(part["text"])
    return "\n".join(texts)


# -- what is known of one -----------------------------------------------------------------------------------------------------


def is_message(value: object) -> bool:
    """Return whether a value is one message, and no row of a table or mapping of names."""
    return isinstance(value, Mapping) and "content" in value and value.get("role") in (*ROLES, *NOT_YET)


def is_conversation(value: object) -> bool:
    """Return whether a value is a list of messages.

    Examples
    --------
    >>> is_conversation([{"role": "user", "content": "Hello"}]), is_conversation([{"prompt": "Hello"}])
    (True, False)
    """
    turns = _listed(value)
    return bool(turns) and all(map(is_message, turns or ()))


def turns_of(prompt: Prompt) -> Conversation:
    """Return the messages of a prompt, without what a run's system message adds."""
    return ({"role": "user", "content": prompt},) if isinstance(prompt, str) else prompt


def has_system_message(turns: Iterable[Message]) -> bool:
    """Return whether a conversation has a system message of its own."""
    return any(message["role"] in SYSTEM_ROLES for message in turns)


def transcript(prompt: Prompt) -> str:
    r"""Return a prompt as one text: itself, or the messages of a conversation, each after its role.

    Examples
    --------
    >>> transcript(({"role": "assistant", "content": "Yes?"}, {"role": "user", "content": "Hello"}))
    'assistant: Yes?\n\nuser: Hello'
    """
    return prompt if isinstance(prompt, str) else "\n\n".join(f"{turn['role']}: {turn['content']}" for turn in prompt)


def map_text(prompt: Any, change: Any) -> Any:
    """Return a prompt with every text in it changed; what is neither text nor conversation stays, for the check to refuse."""
    if isinstance(prompt, str):
        return change(prompt)
    if not isinstance(prompt, tuple):
        return prompt
    return tuple({**turn, "content": change(turn["content"])} for turn in prompt)


def parse_conversation(text: str) -> Any:
    """Return the messages that are written as JSON, or ``None`` where the text is something else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if is_conversation(value) else None
