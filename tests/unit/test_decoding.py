"""Strict decoding, rule by rule: what is refused and with which code, and what is kept exactly."""

import json
import pickle
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from models.decoding import Decoder, Rejection, Skipped, dead_letter
from models.mapping import MappingError, SkippedError
from models.plan.load import load_plan
from models.times import micros
from schemas import Outcome, Reason, Signal

ROOT = Path(__file__).resolve().parents[2]
SPEC = load_plan(ROOT / "tests" / "plans" / "small").spec
SIGNAL = {
    "signal_id": "s1",
    "customer_id": "c1",
    "occurred_at": "2026-11-21T09:30:00Z",
    "type": "page_view",
    "channel": "web",
    "brand": "harbour",
}
OUTCOME = {"outcome_id": "o1", "customer_id": "c1", "occurred_at": "2026-11-21T09:30:00Z", "kind": "Clicked"}


def line(fields=(), /, base=SIGNAL, without=(), **more):
    whole = {**base, **dict(fields), **more}
    return json.dumps({name: value for name, value in whole.items() if name not in without}).encode()


def raw(text, base=SIGNAL):
    """A good line with JSON text put in as its last members."""
    return (
        json.dumps(base)[:-1].encode() + b", " + (text if isinstance(text, bytes) else text.encode()) + b"}"
    )


def signals(payload, **options):
    return Decoder(Signal, SPEC, **options).decode(payload)


def outcomes(payload, **options):
    return Decoder(Outcome, SPEC, **options).decode(payload)


def reason(decoded):
    assert isinstance(decoded, Rejection), decoded
    return decoded.reason


NESTED = '"x": ' + "[" * 32 + "]" * 32

REFUSED = [
    pytest.param(line() + b" " * 65536, Reason.TOO_LARGE, id="larger-than-the-limit"),
    pytest.param(raw(b'"page": "caf\xe9"'), Reason.NOT_UTF8, id="latin-1"),
    pytest.param(line().decode().encode("utf-16"), Reason.NOT_UTF8, id="utf-16"),
    pytest.param(raw(b'"x": "\xed\xa0\x80"'), Reason.NOT_UTF8, id="surrogate-in-utf-8"),
    pytest.param(b"\xef\xbb\xbf" + line(), Reason.BYTE_ORDER_MARK, id="byte-order-mark"),
    pytest.param(raw(NESTED), Reason.TOO_DEEP, id="nested-33-deep"),
    pytest.param(b"[" * 60_000, Reason.TOO_DEEP, id="60000-brackets"),
    pytest.param(b"", Reason.MALFORMED_JSON, id="empty"),
    pytest.param(line()[:-1], Reason.MALFORMED_JSON, id="cut-off"),
    pytest.param(line() + b"{}", Reason.MALFORMED_JSON, id="two-objects"),
    pytest.param(raw('"value": NaN'), Reason.MALFORMED_JSON, id="nan"),
    pytest.param(raw('"attributes": {"x": -Infinity}'), Reason.MALFORMED_JSON, id="infinity"),
    pytest.param(raw(b'"page": "a\nb"'), Reason.MALFORMED_JSON, id="unescaped-line-break"),
    pytest.param(raw('"page": "a\\x41"'), Reason.MALFORMED_JSON, id="unknown-escape"),
    pytest.param(raw('"signal_id": "s2"'), Reason.DUPLICATE_KEY, id="key-twice"),
    pytest.param(raw('"signal_\\u0069d": "s2"'), Reason.DUPLICATE_KEY, id="key-twice-once-escaped"),
    pytest.param(raw('"attributes": {"a": 1, "a" : 1}'), Reason.DUPLICATE_KEY, id="key-twice-in-a-map"),
    pytest.param(
        raw('"x": [[{"a": 1, "b": {"c": 1, "c": 1}}]]'),
        Reason.DUPLICATE_KEY,
        id="key-twice-deep-in-the-unknown",
    ),
    pytest.param(b"[]", Reason.NOT_AN_OBJECT, id="array"),
    pytest.param(b"null", Reason.NOT_AN_OBJECT, id="null"),
    pytest.param(line(without=["customer_id"]), Reason.MISSING_FIELD, id="no-customer"),
    pytest.param(line(customer_id=None), Reason.WRONG_TYPE, id="customer-null"),
    pytest.param(line(customer_id=7), Reason.WRONG_TYPE, id="customer-number"),
    pytest.param(line(placements="hero"), Reason.WRONG_TYPE, id="placements-text"),
    pytest.param(line(placements=[1]), Reason.WRONG_TYPE, id="placement-number"),
    pytest.param(line(attributes=None), Reason.WRONG_TYPE, id="attributes-null"),
    pytest.param(line(attributes={"x": [1]}), Reason.WRONG_TYPE, id="attribute-array"),
    pytest.param(line(attributes={"x": {}}), Reason.WRONG_TYPE, id="attribute-object"),
    pytest.param(line(attributes={"amount": "12"}), Reason.WRONG_TYPE, id="number-as-text"),
    pytest.param(line(attributes={"amount": True}), Reason.WRONG_TYPE, id="true-is-no-number"),
    pytest.param(line(attributes={"dwell_ms": 1.0}), Reason.WRONG_TYPE, id="1.0-is-no-whole-number"),
    pytest.param(line(attributes={"failed": 1}), Reason.WRONG_TYPE, id="1-is-not-true"),
    pytest.param(line(profile={"holdings": "loan"}), Reason.WRONG_TYPE, id="profile-text-for-a-list"),
    pytest.param(line(occurred_at=1763717400), Reason.WRONG_TYPE, id="time-as-number"),
    pytest.param(line(signal_id=""), Reason.OUT_OF_RANGE, id="empty-id"),
    pytest.param(line(signal_id="x" * 201), Reason.OUT_OF_RANGE, id="long-id"),
    pytest.param(line(placements=["hero"] * 33), Reason.OUT_OF_RANGE, id="33-placements"),
    pytest.param(line(attributes={"x" * 101: 1}), Reason.OUT_OF_RANGE, id="long-attribute-name"),
    pytest.param(line(attributes={"dwell_ms": -1}), Reason.OUT_OF_RANGE, id="below-the-plans-minimum"),
    pytest.param(line(profile={"age": 131}), Reason.OUT_OF_RANGE, id="above-the-plans-maximum"),
    pytest.param(line(type="sneeze"), Reason.UNKNOWN_VALUE, id="unknown-type"),
    pytest.param(line(channel="fax"), Reason.UNKNOWN_VALUE, id="unknown-channel"),
    pytest.param(line(brand="other"), Reason.UNKNOWN_VALUE, id="unknown-brand"),
    pytest.param(line(page="attic"), Reason.UNKNOWN_VALUE, id="unknown-page"),
    pytest.param(line(placements=["roof"]), Reason.UNKNOWN_VALUE, id="unknown-placement"),
    pytest.param(line(attributes={"product": "pony"}), Reason.UNKNOWN_VALUE, id="attribute-not-one-of"),
    pytest.param(line(profile={"holdings": ["loan", "pony"]}), Reason.UNKNOWN_VALUE, id="profile-not-one-of"),
    pytest.param(raw('"page": "a\\u0000b"'), Reason.BAD_TEXT, id="nul"),
    pytest.param(raw('"page": "\\ud800"'), Reason.BAD_TEXT, id="half-a-pair"),
    pytest.param(raw('"page": "\\udc00\\ud800"'), Reason.BAD_TEXT, id="pair-the-wrong-way-round"),
    pytest.param(raw('"attributes": {"a\\u0000": 1}'), Reason.BAD_TEXT, id="nul-in-a-key"),
    pytest.param(raw('"x": ["\\udfff"]'), Reason.BAD_TEXT, id="half-a-pair-in-the-unknown"),
    pytest.param(raw('"attributes": {"x": 1e999}'), Reason.BAD_NUMBER, id="beyond-a-double"),
    pytest.param(raw('"attributes": {"x": 9223372036854775808}'), Reason.BAD_NUMBER, id="beyond-64-bits"),
    pytest.param(
        raw('"attributes": {"amount": 9223372036854775808}'), Reason.BAD_NUMBER, id="declared-beyond-64-bits"
    ),
    pytest.param(
        raw('"profile": {"x": -9223372036854775809}'), Reason.BAD_NUMBER, id="profile-beyond-64-bits"
    ),
    pytest.param(raw('"attributes": {"x": ' + "9" * 5000 + "}"), Reason.BAD_NUMBER, id="5000-digits"),
    pytest.param(line(occurred_at="2026-11-21T09:30:00"), Reason.BAD_TIME, id="time-without-offset"),
    pytest.param(line(occurred_at="yesterday"), Reason.BAD_TIME, id="time-in-words"),
    pytest.param(line(occurred_at="2026-02-30T00:00:00Z"), Reason.BAD_TIME, id="30-february"),
    pytest.param(line(occurred_at="2026-12-31T23:59:60Z"), Reason.BAD_TIME, id="leap-second"),
    pytest.param(line(occurred_at="1999-12-31T23:59:59.999999Z"), Reason.BAD_TIME, id="before-2000"),
    pytest.param(line(occurred_at="2100-01-01T00:00:00Z"), Reason.BAD_TIME, id="at-2100"),
    pytest.param(line(occurred_at="0001-01-01T00:00:00+23:59"), Reason.BAD_TIME, id="before-time-began"),
]


@pytest.mark.parametrize(("payload", "code"), REFUSED)
def test_a_malformed_signal_is_refused_with_its_code(payload, code):
    assert reason(signals(payload)) is code


def test_every_reason_that_decoding_can_give_is_in_the_table():
    later = {
        Reason.MAPPING_FAILED,
        Reason.TOO_LATE,
        Reason.UNATTRIBUTED,
        Reason.STATE_UNREADABLE,
        Reason.HOUSEHOLD_FULL,
        Reason.ROW_INVALID,
        Reason.ROW_REJECTED,
        Reason.RECORD_TOO_LARGE,
    }
    assert {row.values[1] for row in REFUSED} == set(Reason) - later


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        pytest.param(line(base=OUTCOME, without=["kind"]), Reason.MISSING_FIELD, id="no-kind"),
        pytest.param(line(base=OUTCOME, kind="clicked"), Reason.UNKNOWN_VALUE, id="kind-in-lower-case"),
        pytest.param(line(base=OUTCOME, channel="fax"), Reason.UNKNOWN_VALUE, id="unknown-channel"),
        pytest.param(line(base=OUTCOME, rank=-1), Reason.OUT_OF_RANGE, id="rank-below-0"),
        pytest.param(line(base=OUTCOME, rank=1.5), Reason.WRONG_TYPE, id="rank-with-a-fraction"),
        pytest.param(line(base=OUTCOME, rank=2**63), Reason.BAD_NUMBER, id="rank-beyond-64-bits"),
        pytest.param(line(base=OUTCOME, value=10**400), Reason.BAD_NUMBER, id="value-beyond-a-double"),
        pytest.param(line(base=OUTCOME, value="1"), Reason.WRONG_TYPE, id="value-as-text"),
        pytest.param(
            line(base=OUTCOME, attributes={"x": 2**64}), Reason.BAD_NUMBER, id="attribute-beyond-64-bits"
        ),
        pytest.param(line(base=OUTCOME, occurred_at="2100-01-01T00:00:00Z"), Reason.BAD_TIME, id="at-2100"),
    ],
)
def test_a_malformed_outcome_is_refused_with_its_code(payload, code):
    assert reason(outcomes(payload)) is code


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(line(), id="the-least"),
        pytest.param(b" \r\n\t" + line() + b"\n", id="white-space-around"),
        pytest.param(json.dumps(SIGNAL, separators=(" , ", "\t: ")).encode(), id="white-space-before-colons"),
        pytest.param(line(future_field={"a": [1, {"b": None}]}), id="a-field-of-tomorrow"),
        pytest.param(
            raw(NESTED.replace("[" * 32, "[" * 31).replace("]" * 32, "]" * 31)), id="nested-32-deep"
        ),
        pytest.param(line(x=["{[" * 40]), id="brackets-in-text"),
        pytest.param(line(x=["{[" * 40, '"', "]"]), id="brackets-in-text-and-a-quote"),
        pytest.param(line(attributes={"type": "x", "brand": "y"}), id="the-same-key-in-another-object"),
        pytest.param(line(attributes={"a": ':"x":', "b": '"a": 1'}), id="colons-and-quotes-in-text"),
        pytest.param(line(attributes={"a\\": "x", "b": '\\":'}), id="back-slashes-in-keys-and-text"),
        pytest.param(line(attributes={"a": "\\u0000"}), id="an-escaped-back-slash-before-u0000"),
        pytest.param(raw('"attributes": {"a": 1, "A": 2, "\\u0062": 3}'), id="escaped-keys"),
        pytest.param(line(page=None, profile=None, trace=None, device_id=None), id="nulls"),
        pytest.param(
            line(type="profile", profile={"age": None, "unknown": [], "holdings": []}), id="profile"
        ),
        pytest.param(line(occurred_at="2000-01-01T00:00:00Z"), id="at-2000"),
        pytest.param(line(occurred_at="2099-12-31T23:59:59.999999Z"), id="before-2100"),
        pytest.param(
            line(attributes={"x": 2**63 - 1, "y": -(2**63), "z": 1.7976931348623157e308}),
            id="largest-numbers",
        ),
        pytest.param(raw('"id": 18446744073709551616'), id="a-large-number-in-a-field-of-tomorrow"),
    ],
)
def test_a_good_signal_is_taken_as_it_is(payload):
    decoded = signals(payload)
    assert isinstance(decoded, Signal), decoded
    wanted = json.loads(payload)
    assert decoded.signal_id == wanted["signal_id"]
    assert decoded.attributes == wanted.get("attributes", {})
    assert [*map(type, decoded.attributes.values())] == [*map(type, wanted.get("attributes", {}).values())]


def test_a_signal_of_only_defaults_needs_no_plan():
    assert isinstance(Decoder(Signal).decode(line(type="anything", channel="fax", page="attic")), Signal)


def test_the_instant_is_kept_in_utc_whatever_the_offset():
    decoded = signals(line(occurred_at="2026-06-01T01:30:00.123456+05:30"))
    assert decoded.occurred_at == datetime(2026, 5, 31, 20, 0, 0, 123456, UTC)
    assert decoded.occurred_at.tzinfo is UTC


def test_digits_finer_than_a_microsecond_are_rounded():
    assert signals(line(occurred_at="2026-01-01T00:00:00.123456789Z")).occurred_at.microsecond == 123457


def test_a_time_later_than_the_latest_is_refused():
    latest = micros(datetime(2026, 11, 21, 9, 30, tzinfo=UTC))
    assert isinstance(signals(line(), latest=latest), Signal)
    refused = signals(line(), latest=latest - 1)
    assert refused.reason is Reason.BAD_TIME
    assert (
        refused.detail
        == "$.occurred_at: later than 2026-11-21T09:29:59.999999+00:00, the latest that is taken"
    )


def test_size_is_judged_before_anything_else():
    assert reason(signals(b"\xff" * 11, max_bytes=10)) is Reason.TOO_LARGE
    assert reason(signals(b"\xff" * 10, max_bytes=10)) is Reason.NOT_UTF8


def test_what_the_plan_requires_is_demanded_of_behaviour_but_not_of_news_about_the_customer():
    vocabulary = msgspec.structs.replace(
        SPEC.vocabulary,
        page_required=True,
        attributes={
            name: msgspec.structs.replace(field, required=name == "product")
            for name, field in SPEC.vocabulary.attributes.items()
        },
    )
    decoder = Decoder(Signal, msgspec.structs.replace(SPEC, vocabulary=vocabulary))
    assert decoder.decode(line(attributes={"product": "loan"})) == Rejection(
        Reason.MISSING_FIELD, "$.page: required by the plan"
    )
    missing = Rejection(Reason.MISSING_FIELD, "$.attributes.product: required by the plan")
    assert decoder.decode(line(page="home")) == missing
    assert decoder.decode(line(page="home", attributes={"product": None})) == missing
    assert isinstance(decoder.decode(line(page="home", attributes={"product": "loan"})), Signal)
    assert isinstance(decoder.decode(line(type="profile", profile={"age": 30})), Signal)


def test_an_outcome_of_an_action_the_plan_no_longer_has_is_the_ledgers_to_judge():
    assert isinstance(
        outcomes(line(base=OUTCOME, action="retired", channel="web", attributes={"product": "pony"})), Outcome
    )


@pytest.mark.parametrize(
    "payload",
    [
        line(attributes={"amount": "jane@example.com"}),
        line(attributes={"jane@example.com": []}),
        line(attributes={"customer_0123456": []}),
        raw('"x": {"+44 20 7946 0958": 1, "+44 20 7946 0958": 1}'),
        raw('"x": {"jane doe": "\\ud800"}'),
        line(type="jane@example.com"),
        line(occurred_at="4 July 1970"),
        line()[:-5] + b"jane@example.com",
    ],
)
def test_no_detail_tells_a_value_or_a_key_that_could_be_one(payload):
    detail = signals(payload).detail
    for personal in ("jane", "0123456", "7946", "1970", "July"):
        assert personal not in detail


def test_a_decoder_survives_pickling():
    decoder = Decoder(Signal, SPEC, max_bytes=500, latest=micros(datetime(2027, 1, 1, tzinfo=UTC)))
    again = pickle.loads(pickle.dumps(decoder))
    for payload in (line(), line(type="sneeze"), line(occurred_at="2028-01-01T00:00:00Z"), b" " * 501):
        assert again.decode(payload) == decoder.decode(payload)


class TestMapped:
    """With an import mapping, payloads are its rows."""

    @staticmethod
    def decode(row, becomes, contract=Signal):
        def reshape(_):
            if isinstance(becomes, Exception):
                raise becomes
            return contract, becomes

        return Decoder(Signal, SPEC, reshape=reshape).decode(row)

    def test_a_row_becomes_what_the_mapping_makes_of_it(self):
        assert isinstance(self.decode(b'{"a": 1}', SIGNAL), Signal)
        assert isinstance(self.decode(b'{"a": 1}', OUTCOME, Outcome), Outcome)

    def test_times_may_be_datetimes_already(self):
        at = datetime(2026, 1, 1, tzinfo=UTC)
        assert self.decode(b"{}", {**SIGNAL, "occurred_at": at}).occurred_at == at
        naive = self.decode(b"{}", {**SIGNAL, "occurred_at": at.replace(tzinfo=None)})
        assert naive.reason is Reason.BAD_TIME

    def test_the_row_itself_is_read_as_strictly(self):
        assert reason(self.decode(b'{"a": 1, "a": 2}', SIGNAL)) is Reason.DUPLICATE_KEY
        assert reason(self.decode(b"[]", SIGNAL)) is Reason.NOT_AN_OBJECT

    def test_what_comes_out_is_checked_as_strictly(self):
        assert reason(self.decode(b"{}", {**SIGNAL, "type": "sneeze"})) is Reason.UNKNOWN_VALUE
        assert reason(self.decode(b"{}", {**SIGNAL, "customer_id": 7})) is Reason.WRONG_TYPE
        assert reason(self.decode(b"{}", {**SIGNAL, "page": "\ud800"})) is Reason.BAD_TEXT
        assert reason(self.decode(b"{}", {**SIGNAL, "attributes": {"x": "\0"}})) is Reason.BAD_TEXT
        assert reason(self.decode(b"{}", {**SIGNAL, "attributes": {"x": float("nan")}})) is Reason.BAD_NUMBER
        assert (
            reason(self.decode(b"{}", {**SIGNAL, "attributes": {"amount": float("inf")}}))
            is Reason.BAD_NUMBER
        )
        assert reason(self.decode(b"{}", {**OUTCOME, "value": float("-inf")}, Outcome)) is Reason.BAD_NUMBER
        assert reason(self.decode(b"{}", {**SIGNAL, "attributes": {"x": object()}})) is Reason.WRONG_TYPE

    def test_a_mapping_that_fails_gives_its_own_reason(self):
        assert self.decode(b"{}", MappingError("$.ts is odd")) == (Reason.MAPPING_FAILED, "$.ts is odd")
        assert self.decode(b"{}", MappingError("no", Reason.BAD_TIME)).reason is Reason.BAD_TIME

    def test_a_row_left_out_on_purpose_is_no_rejection(self):
        assert self.decode(b"{}", SkippedError("heartbeats")) == Skipped("heartbeats")


class TestDeadLetter:
    """A dead letter holds what came in, and what could be read of it."""

    @staticmethod
    def letter(payload, **options):
        return dead_letter(signals(payload, **options), step="DecodeSignals", payload=payload)

    def test_it_names_rule_and_step_and_keeps_the_payload(self):
        payload = line(type="sneeze")
        letter = self.letter(payload)
        assert letter.reason is Reason.UNKNOWN_VALUE
        assert letter.step == "DecodeSignals"
        assert letter.payload == payload
        assert letter.payload_bytes == len(payload)
        assert letter.customer_id == "c1"
        assert letter.occurred_at == datetime(2026, 11, 21, 9, 30, tzinfo=UTC)

    def test_a_large_payload_is_cut_but_its_size_is_told(self):
        letter = self.letter(line() + b" " * 100_000)
        assert len(letter.payload) == 65536
        assert letter.payload_bytes == len(line()) + 100_000
        assert letter.customer_id == "c1"

    @pytest.mark.parametrize(
        "payload",
        [
            b"",
            b"\xff",
            b"[" * 60_000,
            b'{"customer_id": ' + b"[" * 60_000,
            b'{"customer_id": "\\ud800"}',
            line(customer_id="", occurred_at="0001-01-01T00:00:00+12:00"),
            line(customer_id="a\0b", occurred_at="9999-12-31T23:59:59-12:00"),
            line(customer_id=1, occurred_at=2),
            line(customer_id="x" * 201, occurred_at="2026-01-01T00:00:00"),
        ],
    )
    def test_what_cannot_be_read_is_left_open(self, payload):
        letter = self.letter(payload)
        assert letter.customer_id is None
        assert letter.occurred_at is None
