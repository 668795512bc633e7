"""Excel workbooks for tests, written by hand: the lab only reads them."""

from __future__ import annotations

import io
import zipfile
from html import escape

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
HEAD = '<?xml version="1.0" encoding="UTF-8"?>'


def workbook(sheets: dict[str, list[list[object]]], hidden: tuple[str, ...] = ()) -> bytes:
    """Return a workbook with these rows on each sheet; ``None`` is an empty cell, a text that begins with ``#`` an error."""
    out = io.BytesIO()
    numbered = list(enumerate(sheets.items(), 1))
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        parts = "".join(
            f'<Override PartName="/xl/worksheets/sheet{i}.xml" '
            'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
            for i, _ in numbered
        )
        archive.writestr(
            "[Content_Types].xml",
            f'{HEAD}<Types xmlns="{PACKAGE}/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Override PartName="/xl/workbook.xml" '
            f'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>{parts}</Types>',
        )
        archive.writestr("_rels/.rels", _relationships([("officeDocument", "xl/workbook.xml")]))
        named = "".join(
            f'<sheet name="{escape(name)}" sheetId="{i}" r:id="rId{i}" state="{"hidden" if name in hidden else "visible"}"/>'
            for i, (name, _) in numbered
        )
        archive.writestr(
            "xl/workbook.xml", f'{HEAD}<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{named}</sheets></workbook>'
        )
        targets = [("worksheet", f"worksheets/sheet{i}.xml") for i, _ in numbered]
        archive.writestr("xl/_rels/workbook.xml.rels", _relationships(targets))
        for i, (_, rows) in numbered:
            body = "".join(
                f'<row r="{r}">{"".join(_cell(r, c, v) for c, v in enumerate(row))}</row>' for r, row in enumerate(rows, 1)
            )
            archive.writestr(f"xl/worksheets/sheet{i}.xml", sheet(body))
    return out.getvalue()


def sheet(body: str) -> str:
    """Return the XML of a sheet."""
    return f'{HEAD}<worksheet xmlns="{MAIN}"><sheetData>{body}</sheetData></worksheet>'


def _relationships(targets: list[tuple[str, str]]) -> str:
    each = "".join(
        f'<Relationship Id="rId{i}" Type="{OFFICE}/{kind}" Target="{target}"/>' for i, (kind, target) in enumerate(targets, 1)
    )
    return f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships">{each}</Relationships>'


def _cell(row: int, column: int, value: object) -> str:
    place = f'r="{chr(65 + column)}{row}"'
    if value is None:
        return ""
    if isinstance(value, bool):
        return f'<c {place} t="b"><v>{int(value)}</v></c>'
    if isinstance(value, (int, float)):
        return f"<c {place}><v>{value}</v></c>"
    text = str(value)
    if text.startswith("#"):
        return f'<c {place} t="e"><v>{text}</v></c>'
    return f'<c {place} t="inlineStr"><is><t xml:space="preserve">{escape(text)}</t></is></c>'
