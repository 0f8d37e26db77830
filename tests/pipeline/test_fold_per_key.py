"""Both hosts of FoldPerKey against each other and against plain Python."""

import json
import os
from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import Any

import apache_beam as beam
import msgspec
import pytest
from apache_beam.transforms.window import FixedWindows
from apache_beam.utils.timestamp import Timestamp
from arrivals import arrivals, at, outcome, signal
from hosting import Event, bounded, empty_stream, keyed, plain, stream, streamed
from hypothesis import HealthCheck, given, settings
from visit_fold import OUTPUTS, VisitFold

from models.folds import Counted
from models.times import micros
from schemas import DeadLetter, Reason, Signal
from transforms.fold_hosts import MOST_KNOWN, FoldStateFn
from transforms.fold_per_key import FoldPerKey

FOLD = VisitFold()
FEW = settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("size", [1, 7, 100, None])
@given(events=arrivals())
@FEW
def test_stateful_host_folds_events_as_they_arrive(size, events):
    assert streamed(FOLD, OUTPUTS, stream(keyed(FOLD, events), size)) == plain(FOLD, events)


@given(events=arrivals())
@FEW
def test_grouped_host_folds_events_by_event_time(events):
    assert bounded(FOLD, OUTPUTS, keyed(FOLD, events)) == plain(FOLD, events, in_order=True)


@given(events=arrivals())
@FEW
def test_both_hosts_agree_when_events_arrive_in_order(events):
    events.sort(key=lambda event: (FOLD.order(event), FOLD.encode_event(event)))
    rows = keyed(FOLD, events)
    grouped = bounded(FOLD, OUTPUTS, rows)
    assert bounded(FOLD, OUTPUTS, rows, host="stateful") == grouped
    assert streamed(FOLD, OUTPUTS, stream(rows, 7)) == grouped


@given(events=arrivals())
@FEW
def test_timers_that_fire_between_events_change_nothing(events):
    events.sort(key=FOLD.order)
    source = empty_stream()
    for moment, together in groupby(events, key=lambda event: micros(event.occurred_at) // 1000):
        source = source.advance_watermark_to(Timestamp(micros=moment * 1000))
        source = source.add_elements(keyed(FOLD, list(together)))
    assert streamed(FOLD, OUTPUTS, source.advance_watermark_to_infinity()) == plain(FOLD, events)


def test_silence_is_noticed_by_a_timer_without_new_traffic():
    asked = signal("s1", 0, placements=("hero",))
    source = (
        empty_stream()
        .add_elements(keyed(FOLD, [asked]))
        .advance_watermark_to(
            Timestamp(micros=micros(at(51)))
        )  # the visit is over, the answer is still awaited
        .advance_watermark_to(Timestamp(micros=micros(at(81))))  # patience and lateness horizon are over
        .add_elements(keyed(FOLD, [outcome("o1", 82, "s1")]))  # too late to matter: the state is a new one
        .advance_watermark_to_infinity()
    )
    outputs, accounts = streamed(FOLD, OUTPUTS, source)
    assert Counter(name for name, _ in outputs.elements()) == {"Signal": 1, "SessionContext": 1, "Outcome": 1}
    assert accounts[Counted.OBSERVED] == 1


def test_worker_processes_fold_the_same(monkeypatch):
    root = Path(__file__).parents[2]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(root), str(root / "tests")]))
    monkeypatch.chdir(root)
    events: list[Event] = [signal(f"s{n}", n % 50 * 9, f"c{n % 13}", ("hero",) * (n % 2)) for n in range(200)]
    flags = ["--runner=DirectRunner", "--direct_running_mode=multi_processing", "--direct_num_workers=2"]
    rows = keyed(FOLD, events)
    expected = plain(FOLD, events, in_order=True)
    assert bounded(FOLD, OUTPUTS, rows, flags=flags) == expected


class _Forgetful(VisitFold):
    """Writes states that nobody can read."""

    def encode(self, state):
        return b"\xc1" if state.visit else super().encode(state)


def test_unreadable_state_refuses_events_and_is_kept():
    fold = _Forgetful()
    events = [signal("s1", 0), signal("s2", 1), signal("s3", 2), signal("t1", 0, customer="chen")]
    outputs, accounts = streamed(fold, OUTPUTS, stream(keyed(fold, events), 1))
    letters = [beam.coders.registry.get_coder(DeadLetter).decode(data) for _, data in outputs.elements()]
    assert {letter.reason for letter in letters} == {Reason.STATE_UNREADABLE}
    assert sorted(letter.payload for letter in letters) == sorted(
        msgspec.json.encode(event) for event in events[1:3]
    )
    assert accounts == {Counted.DECIDED: 0, Counted.OBSERVED: 2, Counted.DUPLICATE: 0, Counted.DEAD: 2}


class _Stumbling(VisitFold):
    """Goes on with no state that knows a visit; says whether such a state is to blame."""

    blamed = True

    def step(self, state, event):
        if state.visit:
            raise OverflowError("too large")
        return super().step(state, event)

    def expire(self, state, now):
        raise OverflowError("too large")

    def examine(self, state):
        if self.blamed:
            raise ValueError("damaged")


def test_a_damaged_state_that_was_decoded_refuses_events_and_is_kept():
    fold = _Stumbling()
    fold_fn, cell, timer = FoldStateFn(fold, OUTPUTS, "Visits", ()), _Cell(), _Timer()
    fold_fn.start_bundle()
    first, second = keyed(fold, [signal("s1", 0), signal("s2", 1)])
    list(fold_fn.process(first, cell, timer))
    kept, cell.calls, timer.calls = cell.value, [], []
    (tagged,) = fold_fn.process(second, cell, timer)
    assert tagged.value.reason == Reason.STATE_UNREADABLE
    assert list(fold_fn.expire(Timestamp(10**10), cell, timer)) == []
    assert (cell.value, cell.calls, timer.calls) == (kept, ["read", "read"], [])


def test_a_fold_that_fails_with_a_sound_state_fails():
    fold = _Stumbling()
    fold.blamed = False
    fold_fn, cell, timer = FoldStateFn(fold, OUTPUTS, "Visits", ()), _Cell(), _Timer()
    fold_fn.start_bundle()
    first, second = keyed(fold, [signal("s1", 0), signal("s2", 1)])
    list(fold_fn.process(first, cell, timer))
    with pytest.raises(Exception, match="OverflowError"):
        list(fold_fn.process(second, cell, timer))
    with pytest.raises(Exception, match="OverflowError"):
        list(fold_fn.expire(Timestamp(10**10), cell, timer))


class _Cell:
    """A state cell that counts."""

    def __init__(self) -> None:
        self.value: bytes | None = None
        self.calls: list[str] = []

    def read(self) -> bytes | None:
        self.calls.append("read")
        return self.value

    def write(self, value: bytes) -> None:
        self.calls.append("write")
        self.value = value

    def clear(self) -> None:
        self.calls.append("clear")
        self.value = None


class _Timer:
    """A timer that tells."""

    def __init__(self) -> None:
        self.calls: list[int | None] = []

    def set(self, moment: Timestamp) -> None:
        self.calls.append((moment.micros - micros(at(0))) // 1000)

    def clear(self) -> None:
        self.calls.append(None)


def test_a_timer_that_meets_unreadable_state_says_so_and_leaves_it(caplog):
    fold_fn, cell = FoldStateFn(FOLD, OUTPUTS, "Visits", ()), _Cell()
    fold_fn.start_bundle()
    cell.value = b"\xc1"
    with caplog.at_level("ERROR", logger="nextbeam"):
        assert list(fold_fn.expire(Timestamp(0), cell, _Timer())) == []
    assert json.loads(caplog.messages[-1])["event"] == "state_unreadable"
    assert cell.calls == ["read"]


def test_state_is_touched_only_as_often_as_it_must_be():
    fold_fn, cell, timer = FoldStateFn(FOLD, OUTPUTS, "Visits", ()), _Cell(), _Timer()
    fold_fn.start_bundle()

    def touched(event: Event) -> tuple[list[str], list[int | None]]:
        cell.calls, timer.calls = [], []
        list(fold_fn.process(keyed(FOLD, [event])[0], cell, timer))
        return cell.calls, timer.calls

    assert touched(signal("s1", 10)) == (
        ["read", "write"],
        [60_001],
    )  # ms: 10 s, gap, late and 1 us, rounded up
    assert touched(signal("s2", 5)) == (["read", "write"], [])  # earlier: the visit ends when it did
    assert touched(signal("s2", 5)) == (["read"], [])
    assert touched(signal("s3", 12.5)) == (["read", "write"], [62_501])
    cell.calls, timer.calls = [], []
    assert len(list(fold_fn.expire(Timestamp(micros=micros(at(62.501))), cell, timer))) == 1
    assert (cell.calls, timer.calls, cell.value) == (["read", "clear"], [None], None)


class _Decoded(VisitFold):
    """Tells what it decodes."""

    def __init__(self) -> None:
        self.decoded: list[bytes] = []

    def decode(self, data):
        self.decoded.append(data)
        return super().decode(data)


def test_a_state_is_decoded_only_where_its_bytes_are_not_those_just_written():
    fold, cell = _Decoded(), _Cell()
    fold_fn = FoldStateFn(fold, OUTPUTS, "Visits", ())
    fold_fn.start_bundle()

    def decoded(event: Event) -> list[bytes]:
        fold.decoded = []
        list(fold_fn.process(keyed(FOLD, [event])[0], cell, _Timer()))
        return fold.decoded

    assert decoded(signal("s1", 0)) == []  # there is none
    assert decoded(signal("s2", 1)) == []
    kept = cell.value = bytes(bytearray(cell.value))  # a runner that carried them elsewhere in between
    assert decoded(signal("s3", 2)) == []
    cell.value = kept  # what was written is lost
    assert decoded(signal("s3", 2)) == [kept]
    others = [signal(f"t{number}", 3, customer=f"c{number}") for number in range(MOST_KNOWN)]
    for key, data in keyed(FOLD, others):
        list(fold_fn.process((key, data), _Cell(), _Timer()))
    kept = cell.value
    assert decoded(signal("s4", 4)) == [kept]  # too many came between
    fold_fn.finish_bundle()
    fold_fn.start_bundle()
    kept = cell.value
    assert decoded(signal("s5", 5)) == [kept]
    cell.value = b"\xc1"
    assert decoded(signal("s6", 6)) == [b"\xc1"]
    assert cell.value == b"\xc1"


def test_events_accounted_for_by_a_step_before_are_not_counted_again():
    rows = keyed(_Forgetful(), [signal("s1", 0), signal("s2", 1)])
    outputs, accounts = streamed(_Forgetful(), OUTPUTS, stream(rows, 1), forwarded=(Signal,))
    assert len(list(outputs.elements())) == 1  # the dead letter; only its count is left out
    assert accounts[Counted.DEAD] == 0


def test_an_output_without_a_place_stops_the_pipeline():
    with pytest.raises(Exception, match="FoldPerKey has no output for SessionContext; it has Signal"):
        bounded(FOLD, {"asked": Signal}, keyed(FOLD, [signal("s1", 0)]))


def test_undeclared_element_types_are_refused():
    pipeline = beam.Pipeline()
    with pytest.raises(TypeError, match=r"takes tuple\[bytes, bytes\].*would be pickled"):
        pipeline | beam.Create([(b"k", b"e")]).with_output_types(Any) | FoldPerKey(FOLD, OUTPUTS)


def test_windowed_input_is_refused():
    pipeline = beam.Pipeline()
    rows = pipeline | beam.Create([(b"k", b"e")]).with_output_types(tuple[bytes, bytes])
    with pytest.raises(ValueError, match="GlobalWindows"):
        rows | beam.WindowInto(FixedWindows(60)) | FoldPerKey(FOLD, OUTPUTS)


def test_unbounded_input_cannot_be_grouped():
    pipeline = beam.Pipeline()
    with pytest.raises(ValueError, match="leave `host` out"):
        pipeline | stream([], 1) | FoldPerKey(FOLD, OUTPUTS, host="grouped")
