"""The package: what a colleague receives to see, check and re-run experiments. A BagIt bag in a sealed zip.

The bag's files stand at the root of the zip, under the names that scripts know (``data/responses.jsonl``, ``replay.ipynb``), so
it is unpacked into a folder of its own. Nothing in it depends on when or by whom it is exported: its time and its head are
those of the experiments' last event.
"""

from __future__ import annotations

import hashlib
import platform
import re
from importlib import metadata
from typing import TYPE_CHECKING

from pplab import __version__
from pplab.models.recording import HEADER
from pplab.models.recording_format import RecordedCall, to_line
from pplab.share import audit_excerpt, crate
from pplab.share.archive import pack
from pplab.share.formats import ExportData, as_bytes, without_secrets
from pplab.share.notebook import replay_notebook
from pplab.share.package_contents import lab_id, read_store, recorded_calls, row_sha256, to_json_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pplab.share.audit_excerpt import AuditExcerpt
    from pplab.share.package_contents import PackageContents
    from pplab.store.store import Store

RECORDING = "recordings/calls.jsonl"
AUDIT = "audit.jsonl"
ROWS = "rows-sha256.txt"
LOCK = "env.lock"
NOTEBOOK = "replay.ipynb"
MANIFEST = "manifest-sha256.txt"
TAG_MANIFEST = "tagmanifest-sha256.txt"
BAGIT = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
DIRECT = ("openai", "duckdb", "pandas", "numpy", "scipy", "pyarrow", "rfc8785")
"""What decides the results where pplab itself is not installed as a distribution, only importable."""


def package(store: Store, ids: Sequence[str], scrub: Callable[[str], str]) -> ExportData:
    """Return the package of these experiments; the same bytes whenever it is made.

    Parameters
    ----------
    store
        The lab's store.
    ids
        Experiments, whole ids; their order does not matter.
    scrub
        Removes secrets from text; everything in the package has passed it.
    """
    with store.reading():
        contents = read_store(store, ids)
        audit = audit_excerpt.excerpt_of(store, contents, scrub)
    lines = {name: [to_json_line(row, scrub) for row in contents.table(name)] for name in contents.names}
    data = {f"data/{name}.jsonl": "".join(f"{line}\n" for line in of_one).encode() for name, of_one in lines.items()}
    readable = _readable(contents, scrub)
    data |= {f"data/responses.{kind}": made.data for kind, made in readable.items()}
    rows = [f"{row_sha256(line)}  data/{name}.jsonl:{n}\n" for name, of_one in lines.items() for n, line in enumerate(of_one, 1)]
    calls = sorted(recorded_calls(contents), key=RecordedCall.sort_key)
    tags = {
        "bagit.txt": BAGIT,
        AUDIT: audit_excerpt.to_json_lines(audit).encode(),
        LOCK: environment().encode(),
        NOTEBOOK: replay_notebook(contents).encode(),
        RECORDING: (HEADER + "".join(to_line(call, scrub) for call in calls)).encode(),
        ROWS: "".join(rows).encode(),
    }
    lab = lab_id(store)
    tags["bag-info.txt"] = _bag_info(contents, audit, data, lab).encode()
    tags["ro-crate-metadata.json"] = crate.metadata(contents, audit, {**data, **tags}, lab).encode()
    tags[MANIFEST] = manifest(data)
    tags[TAG_MANIFEST] = manifest(tags)
    return ExportData(pack({**data, **tags}, audit.last_event), contents.rows, readable["csv"].neutralised)


def manifest(files: dict[str, bytes]) -> bytes:
    """Return the lines ``<sha256>  <name>`` of a BagIt manifest, by name."""
    return "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)).encode()


def _readable(contents: PackageContents, scrub: Callable[[str], str]) -> dict[str, ExportData]:
    """Return the responses for spreadsheets (CSV, formulas neutralised) and for data tools (parquet)."""
    import pandas as pd

    from pplab.experiments.factors import all_factors
    from pplab.store.queries import RESPONSE_COLUMNS

    plans = contents.plans
    frames = [all_factors(plans[id_], contents.frame(id_)[list(RESPONSE_COLUMNS)]) for id_ in plans]
    frame = without_secrets(pd.concat(frames, ignore_index=True), scrub)
    return {kind: as_bytes(frame, kind, "experiments") for kind in ("csv", "parquet")}


def environment() -> str:
    """Return what is installed of pplab and everything it needs, as pinned requirements under the Python they ran on."""
    seen: dict[str, str] = {}
    left = ["pplab"]
    while left:
        name = left.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        if key in seen:
            continue
        try:
            found = metadata.metadata(name)
        except metadata.PackageNotFoundError:
            if key == "pplab":
                seen[key] = __version__
                left += DIRECT
            continue
        seen[key] = found["Version"]
        needs = [need for need in found.get_all("Requires-Dist") or () if "extra ==" not in need]
        left += [match.group() for need in needs if (match := re.match(r"[A-Za-z0-9._-]+", need))]
    lines = [f"# Python {platform.python_version()}", *(f"{name}=={version}" for name, version in sorted(seen.items()))]
    return "\n".join(lines) + "\n"


def _bag_info(contents: PackageContents, audit: AuditExcerpt, data: dict[str, bytes], lab: str) -> str:
    users = list(dict.fromkeys(e.user for e in contents.experiments))
    pairs = [
        ("Bag-Software-Agent", f"pplab {__version__}"),
        ("Bagging-Date", audit.last_event[:10]),
        ("Contact-Name", ", ".join(users)),
        ("External-Description", crate.description(contents)),
        *(("External-Identifier", e.experiment_id) for e in contents.experiments),
        ("Payload-Oxum", f"{sum(map(len, data.values()))}.{len(data)}"),
        ("Pplab-Lab", lab),
        ("Pplab-Audit-Head", f"{audit.head.seq} {audit.head.hash}"),
        ("Pplab-Last-Event", audit.last_event),
    ]
    return "".join(f"{name}: {value}\n" for name, value in pairs)
