"""The one reader of a user's text: marks, line ends and encodings, and what it says of what is no text."""

from __future__ import annotations

import io
import zipfile

import pytest

from pplab.errors import BadInput
from pplab.inputs.texts import read_text


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path, coding):
    (tmp_path / "a.txt").write_bytes("Grüße, 研究 🙂".encode(coding))
    assert read_text(tmp_path / "a.txt") == "Grüße, 研究 🙂"


@pytest.mark.parametrize("mark", [b"\xfe\xff", b"\xff\xfe"])
def test_utf16_is_read_in_the_order_its_mark_says(tmp_path, mark):
    coding = "utf-16-be" if mark == b"\xfe\xff" else "utf-16-le"
    (tmp_path / "a.txt").write_bytes(mark + "Grüße\r\n".encode(coding))
    assert read_text(tmp_path / "a.txt") == "Grüße\n"


def test_line_ends_of_every_system_become_one(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"a\r\nb\rc\nd")
    assert read_text(tmp_path / "a.txt") == "a\nb\nc\nd"


def workbook():
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as made:
        made.writestr("xl/workbook.xml", "<workbook/>")
    return held.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("p.csv", "prompt\ncafé\n".encode("cp1252"), r"'p.csv' is not UTF-8 \(perhaps Windows-1252\).*as CSV UTF-8; line 2"),
        ("p.txt", "naïve".encode("latin-1"), r"is not UTF-8 \(perhaps Windows-1252\).*save it as UTF-8"),
        ("p.csv", workbook(), r"is an Excel workbook \(\.xlsx\), not text.*save it as CSV UTF-8"),
        ("p.csv", b"\xd0\xcf\x11\xe0\xa1\xb1", r"Excel workbook \(\.xls\)"),
        ("p.txt", "Say hello.".encode("utf-16-le"), "UTF-16 without its mark"),
        ("p.txt", b"\xff\xfe\x00", "begins as UTF-16"),
    ],
)  # fmt: skip
def test_what_is_no_text_is_named_as_what_it_is(tmp_path, name, data, words):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(BadInput, match=words):
        read_text(tmp_path / name)


def test_a_file_that_is_not_there_or_is_a_folder_says_so(tmp_path):
    with pytest.raises(BadInput, match=r"the prompt file 'no\.txt' cannot be read: No such file or directory"):
        read_text(tmp_path / "no.txt", what="the prompt file")
    with pytest.raises(BadInput, match="cannot be read"):
        read_text(tmp_path)
