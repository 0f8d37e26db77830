"""Decoding under any input: it never raises, never guesses, and its fast reader never differs from the exact one."""

import json

import msgspec
from contract_strategies import contracts
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.decoding import Decoder, Rejection, dead_letter
from models.decoding.json_text import MAX_DEPTH, examine, read_object
from schemas import Outcome, Reason, Signal

DECODERS = {contract: Decoder(contract) for contract in (Signal, Outcome)}
SECRET = "zq-secret-zq"


@given(st.binary(max_size=300))
def test_any_bytes_are_an_event_or_a_rejection(payload):
    for decoder in DECODERS.values():
        decoded = decoder.decode(payload)
        assert isinstance(decoded, (Rejection, Signal, Outcome))
        if isinstance(decoded, Rejection):
            assert dead_letter(decoded, step="Decode", payload=payload).payload == payload


@given(st.sampled_from([Signal, Outcome]).flatmap(contracts))
def test_any_valid_event_decodes_to_itself(event):
    assert DECODERS[type(event)].decode(msgspec.json.encode(event)) == event


@given(contracts(Signal), st.booleans(), st.sampled_from([None, 0, 2]))
def test_it_does_not_matter_how_a_producer_writes_its_json(signal, ascii_only, indent):
    text = json.dumps(msgspec.to_builtins(signal), ensure_ascii=ascii_only, indent=indent)
    assert DECODERS[Signal].decode(text.encode()) == signal


WHITE = st.sampled_from(["", "", "", " ", "\n", "\t \r"])
KEYS = st.sampled_from(
    [
        "a",
        "b",
        "a\\u0062",
        "\\u0061",
        "\\\\",
        '\\"',
        '\\":',
        "a:",
        ":",
        "",
        "attributes",
        "profile",
        "\\u0000",
        "\\ud800",
    ]
)
TEXTS = st.one_of(KEYS, st.sampled_from(['\\": 1', "{[", "\\\\u0000", "\\ud83d\\ude00", "é", '\\\\\\":']))
SCALARS = st.one_of(
    TEXTS.map(lambda t: f'"{t}"'),
    st.sampled_from(["1", "-0", "1.5", "1e400", "null", "true", "NaN", "01", "9" * 25]),
)


def _object(members):
    return "{" + ",".join(f'{w}"{k}"{x}:{y}{v}{z}' for w, k, x, y, v, z in members) + "}"


def _containers(inner):
    member = st.tuples(WHITE, KEYS, WHITE, WHITE, inner, WHITE)
    return st.one_of(
        st.lists(member, max_size=4).map(_object),
        st.lists(inner, max_size=3).map(lambda v: f"[{','.join(v)}]"),
    )


JSON = st.recursive(SCALARS, _containers, max_leaves=12)


@settings(max_examples=600)
@given(st.one_of(st.lists(st.tuples(WHITE, KEYS, WHITE, WHITE, JSON, WHITE), max_size=5).map(_object), JSON))
@example('{"a" :1,"b":":","a":2}')  # as many `":` as keys, if white space were not looked through
@example(
    '{"a\\\\":1,"b":"\\":","a\\\\":2}'
)  # an escaped back slash ends a key, so `\\":` is no escaped quote
@example('{"x":{"a":1,"a":1},"attributes":{}}')
def test_the_fast_reader_takes_exactly_what_the_examiner_takes(text):
    payload = text.encode()
    read, fault = read_object(payload), examine(payload)
    if isinstance(read, Rejection):
        assert fault == read
    else:
        assert fault is None
        assert read == json.loads(payload)


@given(st.integers(1, 80), st.sampled_from(["[", '{"a":']), st.booleans())
def test_nesting_is_taken_up_to_the_limit(depth, opening, closed):
    inside = opening * (depth - 1) + "1" + ("]" if opening == "[" else "}") * (depth - 1 if closed else 0)
    read = read_object(f'{{"x":{inside}}}'.encode())
    if depth > MAX_DEPTH:
        assert read.reason is Reason.TOO_DEEP
    else:
        assert isinstance(read, dict) == (closed or depth == 1)


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.just(SECRET),
    st.just(SECRET * 30),
    st.lists(st.one_of(st.just(SECRET), st.integers(), st.none()), max_size=40),
    st.dictionaries(
        st.sampled_from(["a", SECRET, ""]),
        st.one_of(st.just(SECRET), st.lists(st.none()), st.integers()),
        max_size=3,
    ),
)


@settings(max_examples=250)
@given(st.data(), st.sampled_from([Signal, Outcome]))
def test_every_refusal_names_a_rule_and_no_value(data, contract):
    fields = json.loads(msgspec.json.encode(data.draw(contracts(contract))))
    for name in data.draw(st.lists(st.sampled_from(contract.__struct_fields__), min_size=1, max_size=2)):
        fields[name] = data.draw(ODD)
    decoded = DECODERS[contract].decode(json.dumps(fields).encode())
    if isinstance(decoded, Rejection):
        assert decoded.detail.startswith("$.")  # a field was found, not only that something is wrong
        assert "zq" not in decoded.detail
    else:
        assert decoded == msgspec.convert(fields, contract)
