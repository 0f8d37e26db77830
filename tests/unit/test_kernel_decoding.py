"""The short way through decoding, compared with the long one: what it takes at all is what that makes of it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent

import msgspec
import pytest
from contract_strategies import contracts
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from unit.test_decoding_properties import JSON

from models.decoding import Decoder, Rejection
from models.decoding.json_text import examine
from models.decoding.quick import KERNEL, quick_check
from models.decoding.vocabulary import signal_check
from models.erasure import ERASE
from models.kernel import SWITCH, find
from models.mapping import load_mapping
from models.plan.facts import customer_facts
from models.plan.load import load_plan
from models.times import micros
from pipelines.locate import find_mapping, find_plan
from schemas import Outcome, Signal

KERNELS = find("decoding", KERNEL)
pytestmark = pytest.mark.skipif(KERNELS is None, reason="the kernel is not built")

QUICK = settings(deadline=None, max_examples=250, suppress_health_check=list(HealthCheck))
SPEC = load_plan(find_plan("uk_bank")).spec
DECODERS = [(contract, Decoder(contract, spec)) for contract in (Signal, Outcome) for spec in (None, SPEC)]
LARGE = [2**53, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 10**17, 10**18, 10**400]
UGLY = st.one_of(
    st.sampled_from(
        [*LARGE, 0, -0.0, 1.0, 1e15, 1.5, 1e300, 5e-324, True, None, "", "x", "x" * 101, "x" * 201]
    ),
    st.sampled_from(["\0", "\ud800", "\U0001f600", "é", "\x7f", "\x1f", "\\", '"', "\\u0000", "2026-01-01"]),
    st.sampled_from(["2026-03-01T00:00:00Z", "2026-03-01T00:00:00.1234567+05:30", "1999-12-31T23:59:59Z"]),
    st.sampled_from(
        [[], ["a"], ["a", 1], ["a"] * 33, {}, {"a": 1}, {"": 1}, {"a": {"b": []}}, [[]], float("nan")]
    ),
    st.integers(),
    st.floats(),
)
SIGNS = st.sampled_from(
    ['"', "\\", "{", "}", "[", "]", ",", ":", " ", "\n", "0", "-", "e5", "\0", "true", '"a":1,', "é"]
)


@st.composite
def written(draw, rows):
    """A payload that says a row, as some producer writes it; mostly one thing about it is odd."""
    fields, odd = dict(draw(rows)), draw(st.sampled_from(["", "", "field", "fact", "sign", "key", "byte"]))
    if odd == "field":
        fields[draw(st.sampled_from([*fields, "else"]))] = draw(UGLY)
    elif odd == "fact" and isinstance(fields.get("attributes"), dict):
        fields["attributes"] = {**fields["attributes"], draw(st.sampled_from(["a", "", "page"])): draw(UGLY)}
    text = json.dumps(fields, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, None, 1])))
    at = draw(st.integers(0, len(text)))
    if odd == "sign":
        text = text[:at] + draw(SIGNS) + text[at + draw(st.integers(0, 2)) :]
    elif odd == "key":
        text = text[:-1] + f', "{draw(st.sampled_from([*fields, "new"]))}": 1}}'
    payload = text.encode(errors="surrogatepass")
    if odd == "byte":
        payload = payload[:at] + draw(st.binary(max_size=3)) + payload[at + draw(st.integers(0, 1)) :]
    return payload


def signals_of(contract):
    return contracts(contract).map(msgspec.to_builtins)


NESTED = st.builds(
    lambda opening, depth: f'{{"a":{opening * depth}1{("]" if opening == "[" else "}") * depth}}}',
    st.sampled_from(["[", '{"a":']),
    st.integers(25, 40),
)
MANY = st.builds(
    lambda count, more: json.dumps({f"k{n}": n for n in range(count)})[:-1] + more,
    st.sampled_from([1, 60, 255, 256, 257, 600]),
    st.sampled_from(["}", ',"k0":1}', ',"a":[{"k0":1}]}', ',"a":[{"k":1},{"k":1}],"b":{"k":1,"k":2}}']),
)


@settings(QUICK, max_examples=600)
@given(
    st.one_of(
        JSON, NESTED, MANY, st.lists(SIGNS).map("".join), JSON.map(lambda text: f' {{"x" : {text} }}\n')
    )
)
@example('{"a\\u0062":1,"ab":1}')
@example('{"a":"\\ud83d\\ude00"}')
@example('{"a":1}}')
@example('{"a":[1}')
@example('{"a":01}')
@example('{"a":-}')
@example('{"a":1e999}')
@example('{"a":1.}')
@example("{")
@example('{"a":"')
@example('{"a":"\\')
@example('{"a":1,}')
@example("{,}")
def test_what_is_certain_has_no_fault(text):
    payload = text.encode()
    if KERNELS.certain(payload):
        assert examine(payload) is None
        assert msgspec.json.decode(payload) == json.loads(payload)


@pytest.mark.parametrize(
    ("code", "sure"),
    [
        *(("0000", False), ("0001", True), ("d7ff", True), ("d800", False)),
        *(("DBFF", False), ("dc00", False), ("DFff", False), ("e000", True)),
    ],
)
def test_a_letter_by_its_number_is_certain_but_for_nul_and_halves_of_pairs(code, sure):
    assert KERNELS.certain(b'{"a":"\\u' + code.encode() + b'"}') is sure


@QUICK
@given(st.binary(max_size=60), st.booleans())
def test_bytes_that_are_no_text_are_never_certain(some, inside):
    payload = b'{"a":"' + some + b'"}' if inside else some
    if KERNELS.certain(payload):
        assert examine(payload) is None


@QUICK
@given(st.sampled_from([Signal, Outcome]).flatmap(contracts))
def test_what_is_written_plainly_is_certain(event):
    plain = json.dumps(
        {"id": 1, "at": [{"x": -1.5e-05}, {"x": None}], "on": True, "off": False, "text": "é\n"}
    )
    assert KERNELS.certain(plain.encode())
    assert KERNELS.certain(json.dumps(json.loads(plain), ensure_ascii=False, indent=2).encode())
    payload = msgspec.json.encode(event)
    if KERNELS.certain(payload):
        assert examine(payload) is None


@pytest.mark.parametrize("odd", [None, 1, "{}", bytearray(b"{}"), [], object()])
def test_what_are_no_bytes_is_not_certain(odd):
    assert KERNELS.certain(odd) is False


@settings(QUICK, max_examples=300)
@given(
    st.sampled_from(DECODERS).flatmap(lambda pair: st.tuples(st.just(pair[1]), written(signals_of(pair[0]))))
)
def test_payloads_of_a_contract(found):
    decoder, payload = found
    assert repr(decoder.decode(payload)) == repr(decoder.reference(payload))


@st.composite
def known(draw):
    """A signal that speaks the plan's words, mostly."""
    words = SPEC.vocabulary
    signal = draw(contracts(Signal))
    facts = {"attributes": words.attributes, "profile": customer_facts(SPEC)}
    for name, declared in facts.items():
        said = draw(st.lists(st.sampled_from([*declared, "else"]), max_size=4, unique=True))
        facts[name] = {each: draw(_values(declared.get(each))) for each in said}
    required = [name for name, field in words.attributes.items() if field.required]
    if draw(st.integers(0, 4)):
        facts["attributes"] |= {name: draw(_values(words.attributes[name])) for name in required}
    return msgspec.structs.replace(
        signal,
        type=draw(st.sampled_from([*words.signal_types, "profile", ERASE, "x", "nextbeam.heartbeat"])),
        channel=draw(st.sampled_from([*SPEC.channels, *SPEC.channels, "x"])),
        brand=draw(st.sampled_from([*SPEC.brands, *SPEC.brands, "x"])),
        page=draw(st.sampled_from([*words.pages, None, "x"])),
        placements=draw(st.sampled_from([(), (), (*SPEC.placements,)[:2], ("x",)])),
        attributes=facts["attributes"],
        profile=draw(st.sampled_from([facts["profile"], None])),
    )


def _values(field):
    if field is None:
        return st.one_of(st.none(), st.sampled_from([*LARGE[:-1], 1.5, "x", True, ("a", "b")]))
    bounds = [
        bound + step
        for bound in (field.minimum, field.maximum)
        if bound is not None
        for step in (-1, 0, 0.5, 1)
    ]
    numbers = st.sampled_from(
        [0, 1, 1.5, 1e300, float("inf"), float("nan"), *LARGE, *bounds, *map(int, bounds)]
    )
    texts = st.sampled_from([*field.one_of, "x"])
    right = {
        "integer": numbers,
        "number": numbers,
        "boolean": st.booleans(),
        "string": texts,
        "strings": st.lists(texts, max_size=3).map(tuple),
    }[field.type]
    return st.one_of(right, right, right, st.sampled_from([None, True, 1, 1.0, "x", ("x",), 10**30]))


LATEST = [None, micros(datetime(2050, 1, 1, tzinfo=UTC))]


@settings(QUICK, max_examples=300)
@given(known(), st.sampled_from([None, SPEC]), st.sampled_from(LATEST))
def test_the_quick_look_takes_what_the_long_one_takes(signal, spec, latest):
    good = signal_check(spec, latest)(signal) is None
    if quick_check(spec, latest)(signal):
        assert good
    else:
        assert not good or (signal.type in {ERASE, "nextbeam.heartbeat"} and spec is not None)


def test_a_plain_signal_needs_no_long_way(monkeypatch):
    decoder = Decoder(Signal, reshape=load_mapping(find_mapping("decide_50")).reshape)
    monkeypatch.setattr(decoder, "reference", None)
    plain = Decoder(Signal)
    monkeypatch.setattr(plain, "reference", None)
    row = {"event_id": "e", "customer_id": "c", "ts": "2026-03-01T00:00:00Z", "type": "page_view"}
    row |= {
        "channel": "web",
        "brand": "b",
        "page": "home",
        "attributes": {"device": "d", "dwell_ms": 1},
        "url": "u",
    }
    made = decoder.decode(json.dumps(row).encode())
    assert (made.signal_id, made.placements, made.attributes) == (
        "e",
        ("hero", "tiles"),
        {"device": "d", "dwell_ms": 1},
    )
    assert plain.decode(msgspec.json.encode(made)) == made


def test_the_switch_takes_the_long_way(monkeypatch):
    monkeypatch.setenv(SWITCH, "0")
    assert Decoder(Signal)._quick is None


EVERYTHING = dedent("""
    mapping: nextbeam-import/1
    name: everything
    source: {format: jsonl, time_zone: Europe/Amsterdam}
    tables: {kinds: {yes: Accepted, "1": Rejected}, places: {a: [x, y], b: []}}
    records:
      - {name: robots, record: skip, where: {column: agent.name, one_of: [robot, 7]}}
      - {name: late, record: reject, where: {column: at, later_than: until, by: 1h}}
      - name: answer
        record: outcome
        where: {any: [{column: kind, known: true}, {column: nested.kind, starts_with: y}]}
        fields:
          outcome_id: {template: "{id}-{seq:03}"}
          customer_id: {first: [customer, {column: agent.id, to: string}]}
          occurred_at: {column: at, to: time}
          kind: {column: kind, lookup: kinds}
          rank: rank
          value: amount
          action: {column: action, default: call}
        attributes: {amount: amount, rank: {column: rank, to: string}}
      - name: visit
        record: signal
        fields:
          signal_id: id
          customer_id: {column: customer, missing: skip}
          occurred_at: {first: [{column: seen, to: epoch_s}, {column: at, to: time, format: "%Y-%m-%d"}]}
          type: {column: type, default: visit}
          channel: {column: nested.channel, lookup: {w: web}, otherwise: null, default: shop}
          brand: {constant: shop}
          page: {column: page, when: {column: type, equals: page_view}}
          placements: {column: page, lookup: places, otherwise: null}
          session_id: list.0
          trace: {column: page, match: "^(.)"}
        attributes:
          amount: {column: amount, to: number}
          first: list.0
          whole: nested
          when: {column: until, to: time}
          deep: agent.inner.x
        profile: {tags: tags, split: {column: words, to: strings, separator: ","}, on: {column: on, to: boolean}}
    """)
TIMES = st.sampled_from(
    [
        "2026-03-01",
        "2026-03-01",
        "2026-03-01T10:00:00+01:00",
        "2026-03-01T10:00:00.1234567Z",
        "",
        "2099-12-31T23:30:00-01:00",
    ]
)
MOST = {
    "id": st.sampled_from(["a", "b", "x" * 196]),
    "customer": st.sampled_from(["c", "d"]),
    "at": TIMES,
    "seq": st.integers(0, 2000),
}
SOME = {
    "type": st.sampled_from(["page_view", "visit"]),
    "page": st.sampled_from(["a", "b", "home"]),
    "amount": st.sampled_from([1, 1.5, 2.0, None]),
    "list": st.lists(st.sampled_from(["s", "t"]), max_size=2),
    "tags": st.sampled_from([["a"], "a", 1, []]),
    "words": st.sampled_from(["a, b", ""]),
    "on": st.sampled_from([True, "yes", 0]),
    "agent": st.fixed_dictionaries(
        {}, optional={"name": st.sampled_from(["robot", 7, "eve"]), "inner": st.just({"x": 1})}
    ),
}
ANSWER = {
    "kind": st.sampled_from(["yes", 1, None]),
    "nested": st.fixed_dictionaries({}, optional={"kind": st.just("yes"), "channel": st.just("w")}),
    "value": st.none(),
    "action": st.just("mail"),
}
RARE = {
    "until": st.sampled_from(["2026-03-01", "2026-02-01T10:00:00Z"]),
    "seen": st.sampled_from([1_772_323_200, 1e10, "x"]),
    "words": st.just(["x"]),
    "kind": st.just("no"),
}
ROWS = st.one_of(
    st.fixed_dictionaries(MOST, optional=SOME),
    st.fixed_dictionaries({**MOST, "rank": st.integers(0, 5)}, optional=SOME | ANSWER),
    st.fixed_dictionaries({}, optional=MOST | SOME | ANSWER | RARE),
)
EVENTS = st.fixed_dictionaries(
    {
        "event_id": st.just("e"),
        "customer_id": st.just("c"),
        "ts": st.sampled_from(["2026-03-01T00:00:00.1Z", "2026-03-01"]),
    },
    optional={
        "type": st.sampled_from(["page_view", "search"]),
        "channel": st.just("web"),
        "brand": st.just("aurora"),
        "page": st.sampled_from(["home", "help"]),
        "product": st.just("P1"),
        "age": st.just(5),
        "attributes": st.fixed_dictionaries(
            {"device": st.just("d"), "dwell_ms": st.just(5)}, optional={"value": UGLY}
        ),
    },
)
PEOPLE = st.fixed_dictionaries(
    {"age": st.just(30), "customer_id": st.just("c")},
    optional={"owned": st.lists(st.just("a"), max_size=2), "tier": UGLY, "region": st.just("r")},
)
DECIDE_50 = Decoder(Signal, reshape=load_mapping(find_mapping("decide_50")).reshape)


@pytest.fixture(scope="module", params=["jsonl", "jsonl, missing: [home, a]", "csv"])
def everything(request, tmp_path_factory):
    path = Path(tmp_path_factory.mktemp("mapping")) / "everything.yaml"
    path.write_text(EVERYTHING.replace("jsonl", request.param))
    reshape = load_mapping(path).reshape
    assert reshape.direct() is not None
    return Decoder(Signal, reshape=reshape)


@settings(QUICK, max_examples=500)
@given(payload=written(ROWS))
def test_rows_of_a_mapping_that_does_everything(everything, payload):
    assert repr(everything.decode(payload)) == repr(everything.reference(payload))


@settings(QUICK, max_examples=300)
@given(payload=written(st.one_of(EVENTS, PEOPLE)))
def test_rows_of_decide_50(payload):
    assert repr(DECIDE_50.decode(payload)) == repr(DECIDE_50.reference(payload))


TWICE = dedent("""
    mapping: nextbeam-import/1
    name: twice
    source: {format: jsonl}
    records:
      - name: answer
        record: outcome
        fields: {outcome_id: id, customer_id: id, occurred_at: {column: at, to: time}, kind: kind, value: amount}
        attributes: {amount: amount}
    """)


@pytest.mark.parametrize("amount", [1, 1.5, "1", True, None])
def test_a_column_that_becomes_things_of_different_kinds_is_read_as_it_is(tmp_path, amount):
    """A whole number is a float as a value, and stays one as an attribute."""
    (tmp_path / "twice.yaml").write_text(TWICE)
    decoder = Decoder(Outcome, reshape=load_mapping(tmp_path / "twice.yaml").reshape)
    row = {"id": "a", "at": "2026-03-01T00:00:00Z", "kind": "Accepted", "amount": amount}
    payload = msgspec.json.encode(row)
    assert repr(decoder.decode(payload)) == repr(decoder.reference(payload))


def test_a_mapping_whose_columns_no_field_is_named_after_has_no_short_way(tmp_path):
    path = tmp_path / "odd.yaml"
    path.write_text(EVERYTHING.replace("signal_id: id", "signal_id: {column: ['a\"b']}"))
    decoder = Decoder(Signal, reshape=load_mapping(path).reshape)
    assert decoder._quick is None
    assert isinstance(decoder.decode(b"{}"), Rejection)
