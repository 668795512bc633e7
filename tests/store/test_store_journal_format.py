"""The journal's line format: what goes in comes out, and nothing else is taken for a record."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_records import attempt, build, cell, event, experiment, response

from pplab.errors import StoreError
from pplab.secrets import Scrubber
from pplab.store.journal_format import DamagedLine, decode, encode
from pplab.store.record_types import RECORD_TYPE_OF, RECORD_TYPES, canonical_json, parse_time, time_text

PLAIN = Scrubber()
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_a_line_opens_with_its_kind_so_that_a_watcher_need_not_parse_it():
    assert encode(experiment(), PLAIN).startswith(b'{"k":"experiment","r":{')


@pytest.mark.parametrize("kind", RECORD_TYPES.values(), ids=RECORD_TYPES)
def test_every_kind_of_row_comes_back_as_the_values_of_its_table(kind):
    row = build(kind.row)
    decoded, values = decode(encode(row, PLAIN)[:-1])
    assert decoded is kind
    for column in kind.columns:
        stored, given_value = values[column.name], getattr(row, column.name)
        if given_value is not None and column.holds == "time":
            assert time_text(stored) == given_value
        elif given_value is not None and column.holds == "json":
            assert json.loads(stored) == given_value
        else:
            assert stored == given_value


@given(st.text(st.characters(exclude_categories=())), st.dictionaries(st.text(), json_values, max_size=4))
def test_any_text_and_any_json_survive_and_a_line_never_holds_a_newline(text, payload):
    row = event(actor=text, payload=payload)
    line = encode(row, PLAIN)
    assert line.count(b"\n") == 1
    _, values = decode(line[:-1])
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert values["actor"] == whole
    if whole == text:
        assert json.loads(values["payload"]) == payload


def test_numbers_that_are_not_finite_become_null():
    _, values = decode(encode(response("e", creativity=float("nan"), metrics={"a": float("inf"), "b": 1.5}), PLAIN)[:-1])
    assert values["creativity"] is None
    assert values["metrics"] == '{"a":null,"b":1.5}'


def test_mappings_and_numpy_numbers_are_written_as_plain_json():
    row = response("e", detail=MappingProxyType({"n": np.int64(3)}), output_tokens=np.int64(7), cost=np.float64(0.5))
    _, values = decode(encode(row, PLAIN)[:-1])
    assert (values["detail"], values["output_tokens"], values["cost"]) == ('{"n":3}', 7, 0.5)


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes"], ids=["object", "set", "bytes"])
def test_what_json_cannot_hold_is_refused_in_one_line(value):
    with pytest.raises(StoreError, match="event record cannot be written") as refused:
        encode(event(payload={"a": value}), PLAIN)
    assert "\n" not in str(refused.value)


def test_a_circular_payload_is_refused_in_one_line():
    payload = {}
    payload["self"] = payload
    with pytest.raises(StoreError, match="cannot be written"):
        encode(event(payload=payload), PLAIN)


def test_a_secret_is_masked_wherever_it_stands_also_behind_an_escape():
    secret = 'n"ever\\show-this-to-anyone-0123456789'
    scrub = Scrubber(secret, json.dumps(secret)[1:-1])
    row = response("e", text=f"line\n{secret}", detail={secret: [secret]}, error=secret[::-1])
    line = encode(row, scrub)
    _, values = decode(line[:-1])
    assert values["text"] == "line\n[secret]"
    assert values["detail"] == '{"[secret]":["[secret]"]}'
    assert values["error"] == "[secret]"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"\xff\xfe",
        b'{"k":"event"}',
        b'{"k":"event","r":[]}',
        b'{"k":["event"],"r":{}}',
        b'{"k":"alien","r":{}}',
        b'{"k":"event","r":{}}',
        b'{"k":"event","r":{},"x":1}',
        b"[" * 100_000,
    ],
)
def test_a_foreign_line_is_damaged_and_never_another_exception(line):
    with pytest.raises(DamagedLine):
        decode(line)


@given(st.binary(max_size=80))
def test_random_bytes_are_damaged(data):
    with pytest.raises(DamagedLine):
        decode(data)


@pytest.mark.parametrize("kind", RECORD_TYPES.values(), ids=RECORD_TYPES)
@pytest.mark.parametrize("wrong", [True, 2**63, "not a time", {"a": 1}, None], ids=["bool", "big", "text", "object", "null"])
def test_a_value_of_another_type_is_damaged_or_fits_its_column(kind, wrong):
    row = json.loads(encode(build(kind.row), PLAIN))
    for column in kind.columns:
        changed = {"k": kind.name, "r": row["r"] | {column.name: wrong}}
        try:
            _, values = decode(json.dumps(changed).encode())
        except DamagedLine:
            continue
        if column.holds == "json":
            assert values[column.name] == canonical_json(wrong) or (wrong is None and values[column.name] is None)
        elif column.holds == "float":
            assert values[column.name] == wrong or (wrong is None and column.nullable)
        else:
            assert (column.holds == "str" and values[column.name] == wrong) or (wrong is None and column.nullable)


def test_a_line_of_an_older_version_may_lack_what_may_be_null_or_has_a_default():
    row = json.loads(encode(event(), PLAIN))
    for name in ("entity", "entity_id", "payload"):
        del row["r"][name]
    _, values = decode(json.dumps(row).encode())
    assert (values["entity"], values["payload"]) == (None, "{}")


def test_an_unknown_field_is_not_dropped_silently():
    row = json.loads(encode(event(), PLAIN))
    row["r"]["added_later"] = 1
    with pytest.raises(DamagedLine, match="unknown fields"):
        decode(json.dumps(row).encode())


def test_a_time_with_an_offset_is_taken_to_utc():
    assert time_text(parse_time("2026-11-23T02:00:00+01:00")) == "2026-11-23T01:00:00.000000"


def test_the_columns_are_those_of_the_records():
    for row, kind in RECORD_TYPE_OF.items():
        assert [column.name for column in kind.columns] == [field.name for field in fields(row)]
    revised = {kind.name for kind in RECORD_TYPES.values() if kind.revised}
    assert revised == {"experiment", "label", "response", "rating", "batch", "export"}


def test_encoding_is_canonical_whatever_the_order_of_keys():
    assert canonical_json({"b": 1, "a": {"d": 1, "c": 2}}) == canonical_json({"a": {"c": 2, "d": 1}, "b": 1})


def test_rows_are_written_field_by_field_not_copied():
    row = attempt("r", "e", headers={"x": "y"})
    assert json.loads(encode(row, PLAIN))["r"] == asdict(row)
    assert json.loads(encode(cell(), PLAIN))["k"] == "cell"
