"""The package's description for machines: RO-Crate 1.1 metadata (who, when, with what, which tables) as JSON-LD."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pplab import __version__
from pplab.share.package_contents import LOCAL, TABLES
from pplab.store.record_types import RECORD_TYPE_OF

if TYPE_CHECKING:
    from pplab.share.audit_excerpt import AuditExcerpt
    from pplab.share.package_contents import PackageContents

CONTEXT = ["https://w3id.org/ro/crate/1.1/context", {"csvw": "http://www.w3.org/ns/csvw#"}]
MEDIA = {
    ".jsonl": "application/jsonl",
    ".csv": "text/csv",
    ".parquet": "application/vnd.apache.parquet",
    ".ipynb": "application/x-ipynb+json",
    ".json": "application/ld+json",
    ".txt": "text/plain",
    ".lock": "text/plain",
}
DATATYPES = {"str": "string", "int": "integer", "float": "number", "time": "datetime", "json": "json"}
ZONE = {"time": {"description": "UTC, without an offset"}}
DONE = {"completed": "CompletedActionStatus", "failed": "FailedActionStatus"}


def description(contents: PackageContents) -> str:
    """Return what a package holds, in one line."""
    models = sorted({e.model for e in contents.experiments})
    experiments, responses = len(contents.experiments), len(contents.responses)
    nouns = "experiment" if experiments == 1 else "experiments", "response" if responses == 1 else "responses"
    return f"{experiments} {nouns[0]} with {responses} {nouns[1]} on {', '.join(models)}, by the Precision + Personality Lab"


def metadata(contents: PackageContents, audit: AuditExcerpt, files: dict[str, bytes], lab: str) -> str:
    """Return ``ro-crate-metadata.json``.

    Parameters
    ----------
    contents, audit
        What the package is about.
    files
        Every file to be described, by name.
    lab
        The id of the lab it comes from.

    References
    ----------
    RO-Crate Metadata Specification 1.1, https://w3id.org/ro/crate/1.1
    """
    users = sorted({e.user for e in contents.experiments} | {c.user for c in contents.calibrations})
    actions = [_action(e) for e in contents.experiments]
    described = sorted(files)
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"Package of {description(contents)}",
        "description": "Calibrations, plans, scored responses, audit and recording: verify, import and replay it with pplab.",
        "datePublished": f"{audit.last_event}Z",
        "identifier": [e.experiment_id for e in contents.experiments],
        "author": [{"@id": _person(u)} for u in users],
        "hasPart": [{"@id": name} for name in described],
        "mentions": [{"@id": a["@id"]} for a in actions],
        "sourceOrganization": {"@id": f"#lab-{lab}"},
    }
    head = {
        "@id": "ro-crate-metadata.json",
        "@type": "CreativeWork",
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
        "about": {"@id": "./"},
    }
    graph = [
        head,
        root,
        *(_file(name, files[name]) for name in described),
        *(_schema(name) for name in TABLES if f"data/{name}.jsonl" in files),
        *actions,
        *_software(contents),
        *({"@id": _person(u), "@type": "Person", "name": u} for u in users),
        {"@id": f"#lab-{lab}", "@type": "Organization", "name": f"pplab lab {lab}"},
    ]
    return json.dumps({"@context": CONTEXT, "@graph": graph}, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _person(user: str) -> str:
    return "#user-" + "".join(c if c.isalnum() else "-" for c in user)


def _file(name: str, content: bytes) -> dict[str, Any]:
    suffix = name[name.rindex(".") :]
    entity: dict[str, Any] = {"@id": name, "@type": "File", "contentSize": str(len(content)), "encodingFormat": MEDIA[suffix]}
    table = name.removeprefix("data/").removesuffix(".jsonl")
    if table in TABLES:
        entity["conformsTo"] = {"@id": f"#schema-{table}"}
    return entity


def _schema(table: str) -> dict[str, Any]:
    columns = [
        {"csvw:name": c.name, "csvw:datatype": DATATYPES[c.holds], "csvw:required": not c.nullable, **ZONE.get(c.holds, {})}
        for c in RECORD_TYPE_OF[TABLES[table]].columns
        if c.name not in LOCAL
    ]
    return {"@id": f"#schema-{table}", "@type": "csvw:Schema", "name": table, "csvw:column": columns}


def _action(experiment: Any) -> dict[str, Any]:
    software = [{"@id": f"#software-{name}-{version}"} for name, version in sorted(experiment.software.items())]
    return {
        "@id": f"#experiment-{experiment.experiment_id}",
        "@type": "CreateAction",
        "name": f"{experiment.planned} replicates asked of {experiment.model} at {experiment.provider}",
        "agent": {"@id": _person(experiment.user)},
        "startTime": f"{experiment.created_at}Z",
        "endTime": f"{experiment.updated_at}Z",
        "actionStatus": f"http://schema.org/{DONE.get(experiment.status, 'PotentialActionStatus')}",
        "instrument": software,
        "object": {"@id": "data/experiments.jsonl"},
        "result": {"@id": "data/responses.jsonl"},
    }


def _software(contents: PackageContents) -> list[dict[str, Any]]:
    found = {(name, version) for e in contents.experiments for name, version in e.software.items()}
    found.add(("pplab", __version__))
    return [
        {"@id": f"#software-{name}-{version}", "@type": "SoftwareApplication", "name": name, "softwareVersion": version}
        for name, version in sorted(found)
    ]
