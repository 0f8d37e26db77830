"""Old bytes and new code, new bytes and old code: contracts only ever grow at the end."""

import copy
import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from schemas import CONTRACTS, Outcome, Signal
from schemas.coders import ContractCoder
from schemas.derivation.formats import snake
from schemas.derivation.lock import breaks, lock_of
from schemas.derive import GENERATED, LOCK

FIXTURES = Path(__file__).parent / "fixtures" / "v1"
AT = datetime(2026, 11, 21, 9, 30, 0, 123456, tzinfo=UTC)


def _v1(contract, ending):
    return (FIXTURES / f"{snake(contract.__name__)}.{ending}").read_bytes()


@pytest.mark.parametrize("contract", CONTRACTS)
def test_bytes_of_version_1_still_decode_to_what_they_said(contract):
    from_bytes = ContractCoder(contract).decode(_v1(contract, "msgpack"))
    assert from_bytes == msgspec.json.decode(_v1(contract, "json"), type=contract)


@pytest.mark.parametrize("contract", CONTRACTS)
def test_no_field_of_version_1_is_lost(contract):
    was = json.loads(_v1(contract, "json"))
    now = json.loads(msgspec.json.encode(ContractCoder(contract).decode(_v1(contract, "msgpack"))))
    assert _kept(was, now) == was


def _kept(was, now):
    """What `now` says, as far as `was` asks."""
    if isinstance(was, dict):
        return {name: _kept(each, now[name]) for name, each in was.items() if name in now}
    if isinstance(was, list):
        return [_kept(*pair) for pair in zip(was, now, strict=True)]
    return now


def test_version_1_is_unchanged_in_its_bytes_as_long_as_nothing_was_appended():
    signal = ContractCoder(Signal).decode(_v1(Signal, "msgpack"))
    assert (
        msgspec.msgpack.decode(ContractCoder(Signal).encode(signal)).items()
        >= msgspec.msgpack.decode(_v1(Signal, "msgpack")).items()
    )


@pytest.mark.parametrize("contract", CONTRACTS)
def test_todays_code_reads_bytes_that_have_a_field_of_tomorrow(contract):
    tomorrow = msgspec.defstruct(
        f"{contract.__name__}Tomorrow",
        [("added_tomorrow", int, 7)],
        bases=(contract,),
        frozen=True,
        kw_only=True,
    )
    grown = msgspec.msgpack.decode(_v1(contract, "msgpack"), type=tomorrow)
    assert grown.added_tomorrow == 7
    encoded = msgspec.msgpack.encode(grown)
    assert b"added_tomorrow" in encoded
    assert ContractCoder(contract).decode(encoded) == ContractCoder(contract).decode(_v1(contract, "msgpack"))


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_field_with_a_default_may_be_missing(contract):
    info = msgspec.inspect.type_info(contract)
    wire = msgspec.msgpack.decode(_v1(contract, "msgpack"))
    for field in info.fields:
        if not field.required:
            shorter = msgspec.msgpack.encode(
                {key: value for key, value in wire.items() if key != field.encode_name}
            )
            assert ContractCoder(contract).decode(shorter) is not None


def test_the_order_of_keys_in_old_bytes_does_not_matter():
    wire = msgspec.msgpack.decode(_v1(Outcome, "msgpack"))
    turned = msgspec.msgpack.encode(dict(reversed(wire.items())))
    assert ContractCoder(Outcome).decode(turned) == ContractCoder(Outcome).decode(_v1(Outcome, "msgpack"))


def test_the_contracts_break_nothing_that_is_locked():
    assert breaks(json.loads((GENERATED / LOCK).read_text()), lock_of(CONTRACTS)) == []


V1 = msgspec.defstruct("Event", [("event_id", str), ("at", int), ("note", str | None, None)], kw_only=True)


def _event(*fields):
    return lock_of((msgspec.defstruct("Event", list(fields), kw_only=True),))


EVENT_ID, TIME, NOTE = ("event_id", str), ("at", int), ("note", str | None, None)


@pytest.mark.parametrize(
    ("now", "said"),
    [
        pytest.param(_event(EVENT_ID, TIME, NOTE), None, id="the-same"),
        pytest.param(_event(EVENT_ID, TIME, NOTE, ("page", str, "")), None, id="appended-with-a-default"),
        pytest.param(
            _event(EVENT_ID, TIME, NOTE, ("page", str)),
            "Event.page is new and has no default",
            id="appended-without-a-default",
        ),
        pytest.param(
            _event(("id", str), TIME, NOTE),
            "Event.event_id (field 1) was renamed or moved: 'id' is in its place",
            id="renamed",
        ),
        pytest.param(
            _event(TIME, EVENT_ID, NOTE),
            "Event.event_id (field 1) was renamed or moved: 'at' is in its place",
            id="reordered",
        ),
        pytest.param(
            _event(EVENT_ID, ("at", float), NOTE),
            "Event.at (field 2) was retyped from `integer` to `float`",
            id="retyped",
        ),
        pytest.param(_event(EVENT_ID, TIME), "Event.note (field 3) was removed", id="removed"),
        pytest.param(
            _event(EVENT_ID, TIME, ("note", str | None)),
            "Event.note (field 3) lost its default",
            id="default-taken-away",
        ),
        pytest.param(lock_of(()), "Event is gone", id="struct-removed"),
    ],
)
def test_the_lock_says_what_a_change_would_break(now, said):
    found = breaks(lock_of((V1,)), now)
    if said is None:
        assert found == []
    else:
        [problem] = found
        assert problem.startswith(said)
        assert "put" in problem or "give it one" in problem


def test_a_name_of_a_closed_list_may_be_added_but_not_taken_away():
    locked = lock_of(CONTRACTS)
    fewer, more = copy.deepcopy(locked), copy.deepcopy(locked)
    fewer["enums"]["OutcomeKind"].remove("Clicked")
    more["enums"]["OutcomeKind"].append("Answered")
    assert breaks(locked, more) == []
    assert breaks(locked, fewer) == [
        "OutcomeKind no longer knows 'Clicked', but bytes with it exist; put it back"
    ]
