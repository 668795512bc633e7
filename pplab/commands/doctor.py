"""The doctor: what is installed, whether the lab is in order, and what was logged lately."""

from __future__ import annotations

import os
import platform
import re
import sys
from importlib import metadata
from typing import TYPE_CHECKING

from pplab import log
from pplab.commands.command import Command
from pplab.commands.jupyter_extensions import lab_extension, server_extension
from pplab.commands.result import CommandResult
from pplab.errors import BadInput, PplabError
from pplab.observe import traces_out

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from pplab.commands.session import Session
    from pplab.lab import Lab


def doctor(session: Session, arguments: argparse.Namespace) -> CommandResult:
    """Check the installation and the lab; a problem is a failure to a program."""
    from pplab.views import static as views

    checks: list[dict[str, str]] = []

    def check(name: str, ok: bool, words: str) -> None:
        checks.append({"check": name, "state": "ok" if ok else "problem", "found": words})

    check("python", sys.version_info >= (3, 11), platform.python_version())
    for package in _required():
        version = _version(package)
        check(package, version is not None, version or f"not installed; run: pip install {package}")
    check("jupyterlab", True, _version("jupyterlab") or "not installed here; the widgets need it")
    check("server extension", True, server_extension())
    check("lab extension", True, lab_extension())
    check("traces", *traces_out.check())
    try:
        lab: Lab | None = session.lab(arguments)
    except PplabError as error:
        lab = None
        check("lab", False, str(error))
    if lab is not None:
        _check_lab(lab, check)
    for line in log.recent_lines(lab.folder if lab else None):
        words = line.partition(": ")[2]  # its time and process stand in the file
        checks.append({"check": "log", "state": "seen", "found": lab.scrub(words) if lab else words})
    healthy = all(c["state"] != "problem" for c in checks)
    return CommandResult(views.doctor(checks), checks, exit_code=0 if healthy else 1)


def _check_lab(lab: Lab, check: Callable[[str, bool, str], None]) -> None:
    from pplab.analysis.phrasing import counted
    from pplab.config.configuration import key_reports

    try:
        report = lab.verify()
        check("lab", True, f"{lab.name}, {counted(report.rows, 'audit row')}, chain verified")
    except PplabError as error:
        check("lab", False, str(error))
    if hidden := lab.context.store.unreadable_files():
        check("journals", False, f"missing from the tables, since you may not read them (chmod g+r): {', '.join(hidden)}")
    reason = lab.context.store.read_only
    check("writable", not reason, f"this lab is read-only: {reason}" if reason else "you can write to the lab's folder")
    check("reader", *_reader(lab.configuration.reader))
    _check_exchanges(lab, check)
    where = "no server needed" if lab.provider == "embedded" else f"at {lab.provider}"
    check("model", True, f"{lab.model}, {where}")
    for variable in lab.context.unset_variables:
        check("key", False, f"{variable} is not set, so calls to {lab.provider} go out without it")
    try:
        for key in key_reports(lab.configuration):
            check("key", key.approved or not os.environ.get(key.grant.variable), key.text)
    except PplabError as error:
        check("key", False, str(error))


def _check_exchanges(lab: Lab, check: Callable[[str, bool, str], None]) -> None:
    """Check the remotes that the lab exchanges with by itself; a process that has it open says how it goes."""
    if not lab.configuration.live:
        return
    from pplab.config.exchanges import exchange_failure
    from pplab.remote.exchange_state import exchange_state

    for name, every in lab.configuration.live.items():
        state = exchange_state(lab.folder, name)
        when = f"last on {state.at.replace('T', ' at ')} UTC" if state.at else "not yet"
        failure = exchange_failure(lab.configuration, name) or state.failure
        check("exchange", not failure, f"{name}: {failure or f'every {every:g} s while the lab is open, {when}'}")


def _reader(configured: str) -> tuple[bool, str]:
    """Return whether the reader can do what the configuration asks of it, and in words what there is to read with."""
    from pplab.experiments.reading import weights_path
    from pplab.reader.weights import find_weights

    asked = "reads the answers of every run" if configured else "reads only where a run asks for it"
    try:
        weights = find_weights(weights_path(configured))
    except BadInput as error:
        words = f"{error}; it is built from source: a C++ compiler and some minutes"
        return not configured, words if configured else f"not used here; {words}"
    return True, f"{weights.path.name}, {asked}"


def _required() -> list[str]:
    """Return the names of the packages that pplab always needs: its requirements, but not those of its extras."""
    requirements = metadata.requires("pplab") if _version("pplab") else None
    return [re.split(r"[^\w.-]", line)[0] for line in requirements or () if "extra ==" not in line]


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


COMMANDS = (Command("doctor", "check this installation and this lab", doctor),)
