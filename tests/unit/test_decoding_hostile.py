"""Real hostile input: the JSON test suite and the list of naughty strings, through the decoder."""

import base64
import gzip
import json
import math

import pytest
from realdata import data_dir

from models.decoding import Decoder, Rejection
from schemas import Outcome, Reason, Signal

SIGNAL = {
    "signal_id": "s1",
    "customer_id": "c1",
    "occurred_at": "2026-11-21T09:30:00Z",
    "type": "page_view",
    "channel": "web",
    "brand": "harbour",
}
OUTCOME = {"outcome_id": "o1", "customer_id": "c1", "occurred_at": "2026-11-21T09:30:00Z", "kind": "Clicked"}
HEAD = json.dumps(SIGNAL)[:-1].encode() + b', "attributes": {"x": '
DECODER = Decoder(Signal)
PERSONAL = ("signal_id", "customer_id", "page", "device_id", "session_id", "trace")


@pytest.fixture(scope="module")
def cases():
    with gzip.open(data_dir("json_test_suite") / "cases_dev.jsonl.gz", "rt") as lines:
        return [
            (case["name"], case["expect"], base64.b64decode(case["b64"])) for case in map(json.loads, lines)
        ]


@pytest.fixture(scope="module")
def naughty():
    with gzip.open(data_dir("blns") / "blns.json.gz", "rt") as file:
        return json.load(file)


def _embedded(value):
    """A signal with raw JSON as the value of an attribute."""
    return DECODER.decode(HEAD + value + b"}}")


def _scalars(case):
    """The case, and what is in its brackets."""
    text = case.strip()
    return [case, text[1:-1]] if text[:1] == b"[" and text[-1:] == b"]" else [case]


def test_no_case_is_taken_for_a_signal(cases):
    for name, _, case in cases:
        assert isinstance(DECODER.decode(case), Rejection), name
        assert isinstance(Decoder(Outcome).decode(case), Rejection), name


def test_what_must_be_rejected_is_no_json_wherever_it_stands(cases):
    json_codes = {
        Reason.MALFORMED_JSON,
        Reason.NOT_UTF8,
        Reason.TOO_DEEP,
        Reason.TOO_LARGE,
        Reason.BYTE_ORDER_MARK,
    }
    rejected = [(name, case) for name, expect, case in cases if expect == "reject"]
    assert len(rejected) > 100
    for name, case in rejected:
        assert DECODER.decode(case).reason in json_codes, name
        for value in _scalars(case):
            assert isinstance(_embedded(value), Rejection), name


def test_what_must_be_accepted_is_kept_exactly_as_an_attribute(cases):
    kept = 0
    for name, expect, case in cases:
        for value in _scalars(case) if expect == "accept" else []:
            wanted = _loads(value)
            if isinstance(wanted, (list, dict, type(math))):
                continue
            decoded = _embedded(value)
            if isinstance(wanted, str) and "\0" in wanted:
                assert decoded.reason is Reason.BAD_TEXT, name
                continue
            assert isinstance(decoded, Signal), (name, decoded)
            assert repr(decoded.attributes["x"]) == repr(wanted), name
            kept += 1
    assert kept > 50


def _loads(text):
    """The value; a module, which JSON has none of, if it is several."""
    try:
        return json.loads(text)
    except ValueError:
        return math


def test_structures_are_refused_as_attributes_by_the_contract_alone(cases):
    for name, expect, case in cases:
        if expect == "accept" and isinstance(_loads(case), (list, dict)):
            code = Reason.DUPLICATE_KEY if "duplicated_key" in name else None
            code = code or (
                Reason.BAD_TEXT if b"\\u0000" in case and "and_u" not in name else Reason.WRONG_TYPE
            )
            assert _embedded(case).reason is code, name


def test_undefined_cases_are_kept_exactly_or_refused(cases):
    for name, expect, case in cases:
        for value in _scalars(case) if expect in {"either", "transform"} else []:
            decoded = _embedded(value)
            if isinstance(decoded, Signal):
                assert decoded.attributes["x"] == json.loads(value), name


def test_naughty_strings_are_kept_exactly_as_attributes(naughty):
    assert len(naughty) == 515
    for text in naughty:
        for ascii_only in (True, False):
            payload = json.dumps({**SIGNAL, "attributes": {"x": text}}, ensure_ascii=ascii_only).encode()
            decoded = DECODER.decode(payload)
            assert isinstance(decoded, Signal), (text, decoded)
            assert decoded.attributes == {"x": text}


@pytest.mark.parametrize("field", PERSONAL)
def test_naughty_strings_are_kept_exactly_in_every_field_or_refused_by_its_length(naughty, field):
    limit = {"page": 100}.get(field, 200)
    least = 0 if field == "trace" else 1
    for text in naughty:
        decoded = DECODER.decode(json.dumps({**SIGNAL, field: text}).encode())
        if least <= len(text) <= limit:
            assert getattr(decoded, field) == text
        else:
            assert decoded.reason is Reason.OUT_OF_RANGE


def test_naughty_strings_are_no_times_and_no_kinds(naughty):
    for text in naughty:
        assert DECODER.decode(json.dumps({**SIGNAL, "occurred_at": text}).encode()).reason is Reason.BAD_TIME
        kind = Decoder(Outcome).decode(json.dumps({**OUTCOME, "kind": text}).encode())
        assert kind.reason is Reason.UNKNOWN_VALUE


def test_naughty_strings_are_good_names_of_attributes_and_profile_facts(naughty):
    for text in filter(None, naughty):
        payload = json.dumps({**SIGNAL, "attributes": {text: 1}, "profile": {text: [text]}}).encode()
        decoded = DECODER.decode(payload)
        if len(text) <= 100:
            assert decoded.attributes == {text: 1}
            assert decoded.profile == {text: (text,)}
        else:
            assert decoded.reason is Reason.OUT_OF_RANGE


def test_no_naughty_string_is_repeated_in_a_detail(naughty):
    for text in (text for text in naughty if len(text) > 8 and not text.isidentifier()):
        for fields in (
            {"attributes": {text: []}},
            {"type": [text]},
            {"occurred_at": text},
            {"placements": {text: 1}},
        ):
            assert text not in DECODER.decode(json.dumps({**SIGNAL, **fields}).encode()).detail
