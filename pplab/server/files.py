"""What the server says of files and does with them: packages, and previews of recordings and exports. None needs a kernel."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from pplab.errors import BadInput, NotFound
from pplab.server.addresses import address, inside
from pplab.server.moments import utc
from pplab.share.preview import preview
from pplab.share.verify import read_package

if TYPE_CHECKING:
    from pathlib import Path

    from pplab.server.arguments import Arguments
    from pplab.server.open_labs import OpenLabs
    from pplab.share.package_contents import PackageContents

MOST: Final = 200
"""Problems and experiments in one answer."""
CHARACTERS: Final = 200
"""How much of a prompt is shown."""


def describe_package(labs: OpenLabs, arguments: Arguments) -> dict[str, Any]:
    """Return what a package holds, whether it is as it was exported, and else what is not; or why it is no package."""
    path = _file(labs.root, arguments.text("path"))
    try:
        report, contents = read_package(path)
    except BadInput as error:  # any zip may be asked about, so that this is an answer and no failure
        return {"path": address(labs.root, path), "refused": error.message}
    facts = dataclasses.asdict(report)
    problems = facts.pop("problems")
    return {
        "path": address(labs.root, path),
        "verified": report.ok,
        "problems": list(problems[:MOST]) + ([f"and {len(problems) - MOST} more"] if len(problems) > MOST else []),
        "facts": facts | {"rows": report.rows, "size": path.stat().st_size},
        "experiments": _experiments(contents) if contents else [],
    }


def _experiments(contents: PackageContents) -> list[dict[str, Any]]:
    names = {label.experiment_id: label.name or "" for label in contents.labels}
    plans = contents.plans
    return [
        {
            "id": row.experiment_id,
            "name": names.get(row.experiment_id, ""),
            "created_at": utc(row.created_at),
            "status": row.status,
            "prompt": next(iter(plans[row.experiment_id].prompts), "")[:CHARACTERS],
            "prompts": len(plans[row.experiment_id].prompts),
            "models": row.models or [row.model],
            "planned": row.planned,
            "answers": sum(response.experiment_id == row.experiment_id for response in contents.responses),
        }
        for row in contents.experiments[:MOST]
    ]


def import_package(labs: OpenLabs, body: Any) -> dict[str, Any]:
    """Bring a package into a lab, as the server's user; the lab's audit says so. Return what came of it."""
    package, lab = (body.get(name) if isinstance(body, dict) else None for name in ("path", "lab"))
    if not isinstance(package, str) or not isinstance(lab, str):
        raise BadInput("the package and the lab are not said", hint='send {"path": "...", "lab": "..."}')
    path = _file(labs.root, package)
    with labs.use(lab) as opened:
        report = opened.lab.import_package(path)
    return {"words": report.words, "experiments": list(report.experiments), "new": report.new}


def preview_file(labs: OpenLabs, arguments: Arguments) -> dict[str, Any]:
    """Return the first rows of a file, see `pplab.share.preview`, or why there are none."""
    path = _file(labs.root, arguments.text("path"))
    try:
        shown = dataclasses.asdict(preview(path))
    except BadInput as error:
        shown = {"refused": str(error)}
    return {"path": address(labs.root, path), **shown}


def _file(root: Path, given: str) -> Path:
    """Return the file below the root that an address names."""
    path = inside(root, given)
    if not path.is_file():
        raise NotFound(f"there is no file '{given[:200]}'", hint="it may have been moved or renamed")
    return path
