"""Packing in the kernel: byte for byte what msgspec writes, of contracts and of all that stands in for them."""

import enum
import math
import threading
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from contract_strategies import contracts
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import CONTRACTS, Decision, Feedback
from schemas.coders import ContractCoder, UnionCoder
from schemas.decision import Candidate, Removal
from schemas.kernel import SWITCH, find
from schemas.packing import VERSION, encoder, sealer

pytestmark = pytest.mark.skipif(find("packing", VERSION) is None, reason="the kernel is not built")

wanted = msgspec.msgpack.Encoder(order="deterministic").encode
packed = encoder()


class Colour(enum.StrEnum):
    RED = "röt"
    BLUE = "blue"


class Number(enum.IntEnum):
    ONE = 1


class Any7(msgspec.Struct, gc=False):
    a: Any = None
    a_name_as_long_as_they_are_with_us: Any = None
    ü: Any = None  # noqa: PLC2401
    d: Any = None


class Wide(msgspec.Struct, rename="camel"):
    first_name: Any = None
    more: Any = msgspec.UNSET


class Tagged(msgspec.Struct, tag="t"):
    a: Any = None


class Listed(msgspec.Struct, array_like=True):
    a: Any = None


class Lean(msgspec.Struct, omit_defaults=True):
    a: Any = None


class Usual(msgspec.Struct, frozen=True, kw_only=True):
    first: Any
    half: Any = 0.5
    none: Any = None
    second: Any
    text: Any = "text"
    lengthy: Any = "text" * 20
    empty: Any = ()
    fresh: Any = msgspec.field(default_factory=list)
    unset: Any = msgspec.UNSET
    truth: Any = True
    last: Any = 7


class Derived(Any7):
    e: Any = 1.5


class Text(str):
    __slots__ = ()


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EDGES = [edge + step for edge in (0, 32, 128, 2**8, 2**15, 2**16, 2**31, 2**32, 2**63) for step in (-1, 0, 1)]
INTEGERS = st.one_of(
    st.sampled_from([sign * edge for edge in EDGES for sign in (1, -1) if -(2**63) <= sign * edge < 2**64]),
    st.integers(-(2**63), 2**64 - 1),
)
TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [letter * size for letter in "aé語🙂" for size in (0, 15, 16, 31, 32, 127, 128, 255, 256, 65536)]
    ),
)
ZONES = st.sampled_from([UTC, None, timezone(timedelta(hours=2)), timezone(timedelta(0), "Z")])
TIMES = st.one_of(
    st.datetimes(timezones=ZONES),
    st.integers(-(10**10), 2 * 10**10).map(lambda seconds: EPOCH + timedelta(seconds=seconds)),
    st.datetimes(timezones=st.just(UTC)).map(lambda at: at.replace(microsecond=0)),
)
PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    INTEGERS,
    st.floats(),
    TEXTS,
    TIMES,
    st.sampled_from([*Colour, Number.ONE, b"", b"bytes", math.nan, -0.0, (), timedelta(1)]),
)


def _nested(inner):
    several = st.lists(inner, max_size=4)
    maps = st.dictionaries(st.text("aAbé\x00", max_size=5) | TEXTS, inner, max_size=9)
    structs = st.sampled_from([Any7, Derived, Wide, Tagged, Listed, Lean])
    return st.one_of(
        several,
        several.map(tuple),
        st.lists(st.sampled_from([1.0, "a", 7, None]), min_size=14, max_size=18).map(tuple),
        maps,
        st.builds(lambda of, value: of(value), structs, inner),
        st.builds(Any7, inner, inner, inner, inner),
    )


VALUES = st.recursive(PLAIN, _nested, max_leaves=25)


@settings(max_examples=400, deadline=None)
@given(VALUES)
def test_bytes_are_those_of_msgspec(value):
    assert packed(value) == wanted(value)


@pytest.mark.parametrize("contract", CONTRACTS)
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_contracts_too(contract, data):
    record = data.draw(contracts(contract))
    assert packed(record) == wanted(record)
    assert ContractCoder(contract).encode(record) == wanted(record)
    assert UnionCoder().encode(record)[1:] == wanted(record)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(Usual.__struct_fields__), VALUES))
def test_fields_that_hold_their_defaults(values):
    record = Usual(**{"first": None, "second": 0.5, **values})
    assert packed(record) == wanted(record)
    equal = msgspec.structs.replace(record, half=float("0.5"), text="te" + "xt"[:2])
    assert packed((equal, record)) == wanted((equal, record))


def _removal(number, size=1):
    return Removal(
        stage="Output", rule=f"r{number}", actions=tuple(f"a{number}.{part}" for part in range(size))
    )


def test_bytes_that_are_kept_are_those_of_no_other():
    """Whether there are many of them, long ones, or new ones where old ones were."""
    held = [_removal(number, number % 20) for number in range(3000)]
    for many in (held[:40] * 3, held, held[::-1], [*held[:5], *held[:5]]):
        assert packed(tuple(many)) == wanted(tuple(many))
    for number in range(3000):
        passing = _removal(number)
        assert packed((passing, passing)) == wanted((passing, passing))


@pytest.mark.parametrize("change", [lambda held: held.append("more"), lambda held: held.clear()])
def test_what_may_change_is_not_kept(change):
    for held in (["a"], [["a"]]):
        removal = Removal(stage="Output", rule=None, actions=held if held == ["a"] else tuple(held))
        assert packed(removal) == wanted(removal)
        change(held if held == ["a"] else held[0])
        assert packed(removal) == wanted(removal)


@settings(max_examples=40, deadline=None)
@given(contracts(Decision) | contracts(Feedback), st.sampled_from([1, 31, 32, 255]))
def test_a_seal_is_put_where_python_puts_it(record, size):
    record = msgspec.structs.replace(record, seal="")
    digests = []

    def digest(data):
        digests.append(bytes(data))
        return "s" * size

    ours = sealer(digest)(record)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SWITCH, "0")
        assert sealer(digest)(record) == ours
    assert digests == [wanted(record)] * 2
    assert ours[1] == wanted(msgspec.structs.replace(record, seal="s" * size))


@pytest.mark.parametrize("seal", ["", "s" * 256, "ü"])
def test_a_digest_that_does_not_fit_is_refused(seal):
    record = msgspec.convert({"seal": ""}, msgspec.defstruct("Sealed", [("seal", str)]))
    for _ in range(2):
        with pytest.raises(ValueError, match="digest"):
            sealer(lambda _: seal)(record)
    with pytest.raises(ValueError, match="no place"):
        sealer(lambda _: "seal")(Any7())


@pytest.mark.parametrize("size", [0, 15, 16, 17, 65535, 65536])
def test_any_number_of_parts(size):
    one = Candidate(
        action="a",
        rank=70000,
        propensity=math.nan,
        context_weight=math.inf,
        value=-math.inf,
        lever=1.0,
        priority=0.0,
        stage="Output",
    )
    for value in (
        (one,) * size,
        tuple(range(size)),
        {str(number): number for number in range(min(size, 3000))},
    ):
        assert packed(value) == wanted(value)
    wide = msgspec.defstruct("Wider", [(f"f{number}", int, number) for number in range(min(size, 300))])()
    assert packed(wide) == wanted(wide)


@pytest.mark.parametrize("letter", ["a", "é", "😀"])
@pytest.mark.parametrize("size", [0, 1, 7, 8, 15, 16, 31, 32, 33, 63, 64, 127, 128, 255, 256, 65535, 65536])
def test_texts_of_any_size(size, letter):
    text = letter * size
    for value in (text, (text, 1), Any7(text, 1, text), {text: text}):
        assert packed(value) == wanted(value)


@pytest.mark.parametrize(
    "edge", [0, -32, *(sign * 2**bits for bits in (7, 8, 15, 16, 31, 32, 63) for sign in (1, -1))]
)
def test_whole_numbers_of_any_size(edge):
    for number in range(max(edge - 2, -(2**63)), edge + 3):
        assert packed((number,)) == wanted((number,))


@pytest.mark.parametrize("size", [31, 32, 33])
def test_maps_of_any_size_are_sorted(size):
    for keys in (range(size), range(size, 0, -1)):
        found = {f"{key * 37 % 101}": key for key in keys}
        assert packed(found) == wanted(found)
    found = {"a" * length: length for length in range(size, 0, -1)}
    assert packed(found) == wanted(found)


@pytest.mark.parametrize("depth", [30, 31, 32, 33, 34, 200])
def test_depth_is_left_to_msgspec(depth):
    for wrap in (lambda value: (value,), lambda value: {"a": value}, Any7):
        value = 1
        for _ in range(depth):
            value = wrap(value)
        assert packed(value) == wanted(value)


def _bottomless():
    held = {}
    held["a"] = (held,)
    return held


@pytest.mark.parametrize(
    "value",
    [2**64, -(2**63) - 1, object(), "\ud800", {1: object()}, {"\ud800": 1}, 1j, Text("a"), _bottomless()],
)
def test_what_cannot_be_written_is_told_of_as_msgspec_does(value):
    for whole in (value, (1.0, value), Any7(d=value), {"z": value}):
        with pytest.raises(Exception) as theirs:
            wanted(whole)
        with pytest.raises(type(theirs.value)):
            packed(whole)
    assert packed(Any7(1)) == wanted(Any7(1)), "and what comes next is written"


def test_a_field_that_is_not_set_is_told_of():
    record = Any7()
    del record.d
    assert not hasattr(record, "d")
    for whole in (record, (record,)):
        with pytest.raises(AttributeError):
            wanted(whole)
        with pytest.raises(AttributeError):
            packed(whole)
    fresh = encoder()
    with pytest.raises(AttributeError):
        fresh(record)
    assert fresh(Any7()) == wanted(Any7())


def test_a_class_whose_first_struct_lacks_a_field_is_left_to_msgspec():
    fresh = encoder()
    assert fresh(Wide()) == wanted(Wide())
    assert fresh(Wide(1, 2)) == wanted(Wide(1, 2))


def test_values_of_another_enumeration_where_one_was_first():
    fresh = encoder()
    for value in (Colour.RED, Colour.BLUE, "x", Number.ONE, None, Colour.RED):
        assert fresh(Any7(value)) == wanted(Any7(value))


def test_a_map_may_change_while_it_is_written():
    """What is left to msgspec may call Python, as another kind of enumeration does."""

    class Meddling(enum.Enum):
        VALUE = 1

    def meddle(_self):
        held.clear()
        called.append(1)
        return 7

    Meddling._value_ = property(meddle)
    held, called = {}, []
    for value in ({"c": 1, "d": ("gone" * 30, 1.5)}, {"c": Meddling.VALUE, "d": {"e": 2}}):
        held |= {"b": Meddling.VALUE, "a": ["gone" * 30], **value}
        assert packed(held)[:4] == b"\x84\xa1a\x91"
    assert called
    assert packed(Any7(1)) == wanted(Any7(1))


def test_threads_share_an_encoder():
    removed = [Removal(stage="Output", rule=f"r{number}", actions=("ä" * number,)) for number in range(300)]
    failed = []

    def work(start):
        for number in range(start, start + 3000):
            record = removed[number % len(removed)]
            if packed((record, [record], record)) != wanted((record, [record], record)):
                failed.append(number)

    threads = [threading.Thread(target=work, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


def test_room_for_much_is_given_back_and_made_again():
    for size in (10, 3_000_000, 10, 2_000_000):
        value = ("a" * size, 1.0, b"b" * size)
        assert packed(value) == wanted(value)


def test_switched_off_it_is_msgspec(monkeypatch):
    monkeypatch.setenv(SWITCH, "0")
    assert not hasattr(encoder().__self__, "__pyx_vtable__")
    assert isinstance(encoder().__self__, msgspec.msgpack.Encoder)
    assert encoder()(Any7(1)) == wanted(Any7(1))
    assert Decision in CONTRACTS
