"""A setting as the call that anybody can make without pplab: the arguments of OpenAI's client, and the code around them."""

from __future__ import annotations

import json
from dataclasses import replace
from pprint import pformat
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl, urlsplit

from pplab.config.addresses import check_base_url, is_this_machine, secret_parameters
from pplab.config.approvals import unapproved
from pplab.config.configuration import EMBEDDED
from pplab.experiments.response_writer import make_call
from pplab.models.capabilities import token_limit_name
from pplab.models.wire import wire_parameters
from pplab.plan.plan import PlannedCall
from pplab.plan.servers import SERVERS, server_kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplab.models.access import ModelAccess
    from pplab.plan.plan import Plan
    from pplab.plan.settings import ModelAsked

Language = Literal["python", "json"]
CLIENT_ARGUMENTS = frozenset((*SERVERS["OpenAI"].takes, "max_completion_tokens"))
"""The fields of a request that OpenAI's client has arguments for; every other travels in ``extra_body``."""
_NO_KEY = "'none'"  # the client refuses to be made without one


def request_arguments(plan: Plan, provider: str, setting_index: int) -> dict[str, Any]:
    """Return the keyword arguments of ``client.chat.completions.create`` for a setting and the plan's first prompt.

    ``provider`` is the lab's own server. A seed that pplab derived for a replicate is left out.
    """
    call, _ = make_call(plan, provider, PlannedCall(0, setting_index, 0))
    parameters = dict(call.parameters)
    if not plan.same_seed and "seed" not in plan.settings[setting_index].given():
        parameters.pop("seed", None)
    fields = wire_parameters(parameters, server_kind(call.provider), token_limit_name(call.model)).fields
    known = {name: value for name, value in fields.items() if name in CLIENT_ARGUMENTS}
    rest = {name: value for name, value in fields.items() if name not in known}
    messages = [dict(message) for message in call.messages]
    return {"model": call.model, "messages": messages, **known, **({"extra_body": rest} if rest else {})}


def request_code(
    plan: Plan, provider: str, setting_index: int, arguments: Mapping[str, Any], language: Language, access: ModelAccess
) -> str:
    """Return a request as code: a Python program with OpenAI's client, or the JSON that is sent.

    ``provider`` is the server of the models of which the plan does not say who serves them. Keys stay in the environment: the
    program names their variables.
    """
    if language == "json":
        plain = {name: value for name, value in arguments.items() if name != "extra_body"}
        return json.dumps({**plain, **arguments.get("extra_body", {})}, ensure_ascii=False, indent=2)
    asked = plan.asked(setting_index)
    asked = replace(asked, provider=asked.provider or provider)  # the lab may ask another server by now
    if asked.provider == EMBEDDED:
        head, client = f"# The model '{EMBEDDED}' answers inside pplab alone: name one that a server has.\n", {}
    else:
        head, client = "", _client(access, asked)
    if any("os.environ" in value for value in client.values()):
        head += "import os\n\n"
    options = ", ".join(f"{name}={value}" for name, value in client.items())
    call = "".join(f"    {name}={_literal(value)},\n" for name, value in arguments.items())
    return (
        f"{head}from openai import OpenAI\n\nclient = OpenAI({options})\n"
        f"answer = client.chat.completions.create(\n{call})\nprint(answer.choices[0].message.content)\n"
    )


def _client(access: ModelAccess, asked: ModelAsked) -> dict[str, str]:
    """Return the arguments of the client, as Python: what it does not know by itself of the server of a model."""
    server = access.server_of(asked)
    if server is None:  # asked in another lab
        host = (asked.provider or "").rpartition(":")[0] or asked.provider or ""
        scheme = "http" if is_this_machine(host) else "https"
        return {"base_url": repr(f"{scheme}://{asked.provider}/v1"), "api_key": _NO_KEY}
    if server.base_url is None:
        return {}
    address = check_base_url(server.base_url)[0]
    options = {"base_url": repr(address.partition("?")[0])}
    if (query := urlsplit(address).query) and not secret_parameters(address):
        options["default_query"] = repr(dict(parse_qsl(query)))
    endpoint = server.endpoint
    if unapproved(server.grants):  # the address stands in the lab's folder alone
        return {**options, "api_key": _NO_KEY}
    if endpoint is None:
        return options if server.api_key else {**options, "api_key": _NO_KEY}
    options["api_key"] = f"os.environ[{endpoint.key_env!r}]" if endpoint.key_env else _NO_KEY
    if endpoint.headers_env:
        headers = ", ".join(f"{name!r}: os.environ[{variable!r}]" for name, variable in endpoint.headers_env)
        options["default_headers"] = f"{{{headers}}}"
    return options


def _literal(value: Any) -> str:
    """Return a value as Python, its further lines indented as an argument's are."""
    return pformat(value, width=110, sort_dicts=False).replace("\n", "\n        ")
