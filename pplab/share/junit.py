"""The outcomes of the regression gate and of a migration as JUnit XML, which every CI service can show."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from pplab.analysis.migration import MigrationDecision
    from pplab.share.regression_gate import BaselineComparison

SUITE = "pplab check"
MIGRATION_SUITE = "pplab migrate"


def junit(checks: list[BaselineComparison]) -> bytes:
    """Return the XML: one suite for each experiment of the baseline, one test for each comparison.

    Drift is a failure, what cannot be decided is skipped, and what was compared is in ``system-out``. It carries no time and no
    duration, so that equal outcomes give equal bytes.
    """
    root = ET.Element("testsuites", name=SUITE)
    for check in checks:
        suite = ET.SubElement(root, "testsuite", name=f"{SUITE} {check.baseline}")
        failures = skipped = 0
        parts: list[tuple[str, str, str, bool]] = [(m.metric, m.outcome, m.words, True) for m in check.metrics]
        parts += [(f.name, f.outcome, f.words, f.gates) for f in check.facts]
        for name, outcome, words, gates in parts:
            case = ET.SubElement(suite, "testcase", classname="pplab.check", name=name)
            if outcome == "drifted" and gates:
                failures += 1
                ET.SubElement(case, "failure", message=_clean(f"{name} drifted"), type="drift").text = _clean(words)
            elif outcome == "cannot tell":
                skipped += 1
                ET.SubElement(case, "skipped", message=_clean(words))
            ET.SubElement(case, "system-out").text = _clean(words)
        suite.attrib |= {"tests": str(len(parts)), "failures": str(failures), "errors": "0", "skipped": str(skipped)}
    return _bytes(root)


def migration_junit(baseline: str, decision: MigrationDecision) -> bytes:
    """Return the XML of a migration: one test, which fails on *no-go* and is skipped where it cannot be told.

    As `junit` it carries no time.
    """
    failed, skipped = decision.outcome == "no-go", decision.outcome == "cannot tell"
    counts = {"tests": "1", "failures": str(int(failed)), "errors": "0", "skipped": str(int(skipped))}
    root = ET.Element("testsuites", name=MIGRATION_SUITE)
    suite = ET.SubElement(root, "testsuite", counts | {"name": MIGRATION_SUITE})
    case = ET.SubElement(suite, "testcase", classname="pplab.migrate", name=_clean(f"in place of {baseline}"))
    if failed:
        ET.SubElement(case, "failure", message=_clean(decision.headline), type="loss").text = _clean(decision.evidence)
    elif skipped:
        ET.SubElement(case, "skipped", message=_clean(decision.headline))
    ET.SubElement(case, "system-out").text = _clean(decision.words)
    return _bytes(root)


def _bytes(root: ET.Element) -> bytes:
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'.encode()


def _clean(text: str) -> str:
    """Return text that XML 1.0 can hold."""
    return "".join(
        c if c in "\t\n" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff" else "\ufffd" for c in text
    )
