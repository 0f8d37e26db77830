"""Dead letters after the fact: told apart, chosen, judged, and tried again once each."""

import json
from datetime import UTC, datetime, timedelta
from threading import Event

import msgspec
import pytest
from analysed_rows import decision, offer
from hypothesis import given
from hypothesis import strategies as st
from uk_bank import spec

from models.dead_letters import Choice, Judge, Keep, Send, Target, found, letter_id
from models.dead_letters.choosing import groups
from models.mapping import load_mapping
from pipelines.dead_letters.journal import Journal
from pipelines.dead_letters.replaying import Limits, Pace, Replay
from pipelines.dead_letters.senders import FeedSender, NoSender, Senders
from pipelines.dead_letters.sources import Held
from pipelines.dead_letters.telling import listing, one_line, told_letter, told_replay
from pipelines.locate import MAPPINGS, OUTPUTS, UsageError
from schemas import DeadLetter, Reason

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
SIGNAL = {
    "signal_id": "s1", "customer_id": "c1", "occurred_at": "2026-03-02T09:00:00Z", "type": "page_view",
    "channel": "web", "brand": "alderbrook",
}  # fmt: skip
OUTCOME = {"outcome_id": "o1", "customer_id": "c1", "occurred_at": "2026-03-02T09:00:00Z", "kind": "Clicked"}


def letter(
    payload, step="DecodeSignals", reason=Reason.UNKNOWN_VALUE, at=AT, detail="$.type: not of the plan"
):
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return DeadLetter.of(data, reason=reason, step=step, detail=detail, occurred_at=at, customer_id="c1")


def signal(number, **fields):
    return letter(SIGNAL | {"signal_id": f"s{number}"} | fields, at=AT + timedelta(minutes=number))


@pytest.fixture(scope="module")
def judge():
    return Judge(spec(), tables=OUTPUTS)


def test_an_id_is_of_reason_step_and_payload_and_of_nothing_else():
    one = letter(SIGNAL)
    same = msgspec.structs.replace(one, detail="other words", occurred_at=None, customer_id=None)
    assert letter_id(one) == letter_id(same)
    others = [letter(OUTCOME), letter(SIGNAL, step="DecodeOutcomes"), letter(SIGNAL, reason=Reason.BAD_TIME)]
    assert len({letter_id(each) for each in [one, *others]}) == 4


@given(st.text(max_size=8), st.binary(max_size=8), st.text(max_size=8), st.binary(max_size=8))
def test_what_differs_has_different_ids_wherever_the_parts_are_cut(step, payload, other_step, other_payload):
    one, two = letter(payload, step), letter(other_payload, other_step)
    assert (letter_id(one) == letter_id(two)) == ((step, payload) == (other_step, other_payload))


@pytest.mark.parametrize(
    ("choice", "taken"),
    [
        pytest.param(Choice(), "abcd", id="nothing said takes all"),
        pytest.param(Choice(reasons=frozenset({"bad_time"})), "bd", id="one reason"),
        pytest.param(Choice(steps=frozenset({"DecodeOutcomes"})), "c", id="one step"),
        pytest.param(Choice(since=AT), "abc", id="since is inclusive, and asks for a time"),
        pytest.param(Choice(until=AT), "", id="until is exclusive"),
        pytest.param(Choice(since=AT, until=AT + timedelta(hours=1)), "ac", id="an hour"),
        pytest.param(Choice(reasons=frozenset({"bad_time"}), since=AT), "b", id="everything said has to fit"),
    ],
)
def test_a_choice_takes_the_letters_that_fit_all_of_it(choice, taken):
    letters = {
        "a": letter(b"a"),
        "b": letter(b"b", reason=Reason.BAD_TIME, at=AT + timedelta(hours=1)),
        "c": letter(b"c", step="DecodeOutcomes"),
        "d": letter(b"d", reason=Reason.BAD_TIME, at=None),
    }
    assert "".join(name for name, each in letters.items() if choice.takes(found(each))) == taken


def test_a_choice_of_ids_takes_what_begins_with_one_of_them():
    some = [found(signal(number)) for number in range(30)]
    assert [each for each in some if Choice(ids=(some[3].id[:10], some[7].id)).takes(each)] == [
        some[3],
        some[7],
    ]


def test_a_letter_without_an_event_time_has_the_time_it_arrived():
    assert found(letter(b"a", at=None), AT).at == AT
    assert found(letter(b"a"), AT + timedelta(days=1)).at == AT


def test_letters_are_counted_by_reason_step_and_day():
    letters = [*map(found, [signal(1), signal(2), signal(60 * 24), letter(b"x", at=None)])]
    rows = listing(letters).rows
    assert [row[:4] for row in rows] == [
        ("unknown_value", "DecodeSignals", AT.date(), 2),
        ("unknown_value", "DecodeSignals", None, 1),
        ("unknown_value", "DecodeSignals", AT.date() + timedelta(days=1), 1),
    ]
    assert rows[0][4] == min(letters[0].id, letters[1].id)[:12]
    assert groups(letters) == groups(reversed(letters))


DECISION = decision("d1", 0.0, [offer()])
CANDIDATES = [
    pytest.param(letter(SIGNAL), Target.SIGNALS, "", id="a signal that the plan knows now"),
    pytest.param(letter(SIGNAL | {"type": "astral"}), None, "unknown_value: $.type", id="one that it does not"),
    pytest.param(letter(OUTCOME, "DecodeOutcomes"), Target.OUTCOMES, "", id="an outcome"),
    pytest.param(letter(OUTCOME), None, "missing_field", id="an outcome among signals"),
    pytest.param(letter(b"{", "DecodeOutcomes"), None, "malformed_json", id="no JSON"),
    pytest.param(
        letter(OUTCOME, "ApplyContactPolicy", Reason.UNATTRIBUTED), Target.OUTCOMES, "", id="told by its fields"
    ),
    pytest.param(letter(SIGNAL, "BuildSessionContext", Reason.TOO_LATE), Target.SIGNALS, "", id="so is a signal"),
    pytest.param(
        letter({"decision_id": "d", "signal_id": "s", "requested_at": "x"}, "ApplyContactPolicy"),
        None,
        "the signal that asked",
        id="a request between steps",
    ),
    pytest.param(letter(b"\xff", "Elsewhere"), None, "no event", id="no event at all"),
    pytest.param(letter(b"[" * 9000, "Elsewhere"), None, "no event", id="very deep"),
    pytest.param(letter({"a": 1}, "Elsewhere"), None, "neither", id="an object of nobody"),
    pytest.param(letter(b"x" * 70_000), None, "first 65,536 bytes", id="cut"),
    pytest.param(letter({}, "Publish_decisions", Reason.RECORD_TOO_LARGE), None, "too large", id="a record"),
    pytest.param(
        letter(msgspec.json.encode(DECISION), "Write_decisions", Reason.ROW_REJECTED), Target.ROWS, "", id="a row"
    ),
    pytest.param(letter({"a": 1}, "Write_decisions", Reason.ROW_INVALID), None, "no Decision", id="no row"),
    pytest.param(letter({"a": 1}, "Write_moons", Reason.ROW_INVALID), None, "no table", id="a table of nobody"),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "target", "why"), CANDIDATES)
def test_a_letter_goes_where_it_would_be_taken_now_or_stays_with_the_reason(judge, sent, target, why):
    verdict = judge.verdict(sent)
    if target is None:
        assert isinstance(verdict, Keep)
        assert why in verdict.why
    else:
        table = "decisions" if target is Target.ROWS else ""
        assert verdict == Send(target, sent.payload, table)


def test_with_a_mapping_rows_are_decoded_by_it_and_signals_from_further_in_stay():
    mapped = Judge(None, load_mapping(MAPPINGS / "snowplow_web.yaml").reshape)
    assert isinstance(mapped.verdict(letter(SIGNAL)), Keep)
    kept = mapped.verdict(letter(SIGNAL, "BuildSessionContext", Reason.TOO_LATE))
    assert isinstance(kept, Keep)
    assert "--mapping none" in kept.why
    assert mapped.verdict(letter(OUTCOME, "DecodeOutcomes")) == Send(Target.OUTCOMES, letter(OUTCOME).payload)


class Waiting:
    """A source that hands out letters until they are settled."""

    name, unreadable = "a test", 0

    def __init__(self, *letters, size=100):
        self.left = {str(i): Held(found(each), str(i)) for i, each in enumerate(letters)}
        self.size, self.closed = size, 0

    def batches(self, choice):
        chosen = [held for held in self.left.values() if choice.takes(held.found)]
        for start in range(0, len(chosen), self.size):
            yield chosen[start : start + self.size]

    def keep_alive(self):
        assert not self.closed

    def settle(self, held):
        for each in held:
            del self.left[each.handle]

    def close(self):
        self.closed += 1


class Box:
    """A place; what it has refused, and when it breaks."""

    def __init__(self, refuses=(), breaks_after=99):
        self.got, self.refuses, self.breaks_after = [], set(refuses), breaks_after

    def place(self, send):
        return None if send.target is Target.ROWS else f"box/{send.target}"

    def deliver(self, parcels):
        if len(self.got) >= self.breaks_after:
            raise ConnectionError
        self.got += [each.id for each in parcels if each.id not in self.refuses]
        return {each.id: "not today" for each in parcels if each.id in self.refuses}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.jsonl"


def replay(judge, source, box, path, choice=None, **limits):
    limits = Limits(**({"rate": 1e9} | limits))
    with Journal(path, write=not limits.dry) as journal:
        return Replay(judge, box, journal, limits, Event()).run(source, choice or Choice())


def test_what_decodes_is_sent_in_the_order_of_time_and_what_does_not_stays(judge, path):
    letters = [signal(3), signal(1), letter(b"{"), signal(2), letter(OUTCOME, "DecodeOutcomes")]
    source, box = Waiting(*letters), Box()
    told = replay(judge, source, box, path)
    assert box.got == [letter_id(letters[at]) for at in (4, 1, 3, 0)]
    assert told.sent == {"box/signals": 3, "box/outcomes": 1}
    assert [(kept.reason, count) for kept, count in told.kept.items()] == [("unknown_value", 1)]
    assert [held.found.letter for held in source.left.values()] == [letters[2]]
    assert source.closed == 1


def test_a_second_replay_sends_nothing_and_says_so(judge, path):
    letters = [signal(number) for number in range(5)]
    first, second, third = Box(), Box(), Box()
    replay(judge, Waiting(*letters), first, path)
    told = replay(judge, Waiting(*letters, signal(9)), second, path)
    assert (len(first.got), second.got, told.already) == (5, [letter_id(signal(9))], 5)
    assert "5 replayed before" in "\n".join(told_replay(told, dry=False))
    assert replay(judge, Waiting(*letters), third, path, again=True).total == 5


def test_a_dry_run_sends_settles_and_notes_nothing_and_says_what_a_replay_then_does(judge, path):
    letters = [*(signal(number) for number in range(5)), signal(1), letter(b"{")]
    source, box = Waiting(*letters), Box()
    would = replay(judge, source, box, path, dry=True)
    assert (box.got, len(source.left), path.exists()) == ([], 7, False)
    did = replay(judge, Waiting(*letters), box, path)
    assert (would.sent, would.kept, would.repeated) == (did.sent, did.kept, did.repeated)
    assert would.repeated == 1


@given(st.lists(st.integers(0, 6), max_size=30), st.integers(1, 7), st.integers(1, 5))
def test_equal_letters_are_sent_once_and_all_of_them_settled(tmp_path_factory, numbers, size, most):
    path = tmp_path_factory.mktemp("journal") / "journal.jsonl"
    source, box = Waiting(*map(signal, numbers), size=size), Box()
    told = replay(Judge(None), source, box, path, most=most)
    assert len(box.got) == len(set(box.got)) == told.total == min(most, len(set(numbers)))
    assert {held.found.id for held in source.left.values()}.isdisjoint(box.got)
    assert told.chosen == told.total + told.repeated + told.beyond == len(numbers)
    assert len(source.left) == told.beyond


def test_a_letter_is_settled_only_after_it_has_arrived_and_is_sent_again_if_that_is_not_known(judge, path):
    letters = [signal(number) for number in range(20)]
    source, box = Waiting(*letters), Box(breaks_after=5)
    with pytest.raises(ConnectionError):
        replay(judge, source, box, path, rate=1000.0 / 40)  # pieces of five
    assert len(box.got) == 5
    assert len(source.left) == 15
    assert source.closed == 1
    rest = Box()
    replay(judge, Waiting(*letters), rest, path)
    assert box.got + rest.got == [letter_id(each) for each in letters]


def test_what_a_place_refuses_stays_and_is_not_in_the_journal(judge, path):
    bad = letter_id(signal(2))
    source = Waiting(signal(1), signal(2))
    told = replay(judge, source, Box(refuses=[bad]), path)
    assert told.total == 1
    assert [kept.why for kept in told.kept] == ["not today"]
    assert [held.found.id for held in source.left.values()] == [bad]
    assert bad not in path.read_text()


def test_rows_without_a_table_to_go_to_stay_and_say_what_to_do(judge, path):
    row = letter(msgspec.json.encode(DECISION), "Write_decisions", Reason.ROW_REJECTED)
    told = replay(judge, Waiting(row), Senders(Box()), path)
    assert "--rows-to" in next(iter(told.kept)).why
    assert replay(judge, Waiting(row, signal(1)), NoSender(), path, dry=True).sent == {"signals": 1}


def test_a_journal_that_was_cut_off_goes_on_and_one_that_is_none_is_refused(path):
    with Journal(path) as journal:
        journal.add(["a", "b"], "x")
    path.write_text(path.read_text()[:-20])
    with Journal(path) as journal:
        assert (journal.has("a", "x"), journal.has("b", "x"), journal.has("a", "y")) == (True, False, False)
        journal.add(["c"], "x")
    with Journal(path, write=False) as journal:
        assert journal.has("c", "x")
        journal.forget("x")
        assert not journal.has("c", "x")
    path.write_text("a shopping list\n")
    with pytest.raises(UsageError, match="no journal"):
        Journal(path)


def test_two_replays_do_not_share_a_journal(path):
    with Journal(path), pytest.raises(UsageError, match="another replay"):
        Journal(path)


def test_a_pace_never_lets_more_go_than_it_says():
    now = [0.0]
    pace = Pace(10.0, lambda seconds: now.__setitem__(0, now[0] + seconds), lambda: now[0])
    gone = []
    for chunk in pace.chunks([*range(35)]):  # the pace does not look at what it lets go
        gone += [now[0]] * len(chunk)
    for second in range(5):
        assert sum(second <= at < second + 1 for at in gone) <= 10 + 2
    assert gone[-1] >= 3.2


def test_a_feed_has_a_line_for_each_payload_whatever_its_spaces_and_its_last_line(tmp_path):
    feed = tmp_path / "again.jsonl"
    sender = FeedSender(feed)
    pretty = json.dumps(SIGNAL, indent=2).replace("\n", "\r\n").encode()
    verdict = Judge(spec()).verdict(letter(pretty))
    feed.write_bytes(b'{"cut": "off"')
    sender.deliver([_parcel(verdict), _parcel(Send(Target.SIGNALS, b"{}"))])
    assert [json.loads(line) for line in feed.read_text().splitlines()[1:]] == [SIGNAL, {}]
    sender.deliver([_parcel(Send(Target.OUTCOMES, b"{}"))])
    assert (tmp_path / "again.outcomes.jsonl").read_text() == "{}\n"
    assert sender.place(Send(Target.ROWS, b"{}", "decisions")) is None


def _parcel(send):
    from pipelines.dead_letters.senders import Parcel

    return Parcel("id", send)


@pytest.mark.parametrize("name", ["again.csv", "nowhere/again.jsonl"])
def test_a_feed_that_cannot_be_written_is_refused_before_anything_is_sent(tmp_path, name):
    with pytest.raises(UsageError, match="--into"):
        FeedSender(tmp_path / name)


HOSTILE = "\x1b[2J\u202e\nfake line\x07"


def test_nothing_personal_is_told_unless_asked_for_and_nothing_obeyed():
    hostile = letter(HOSTILE.encode() + b"\xff", step=HOSTILE, detail=HOSTILE)
    told = [*told_letter(found(hostile), Keep(HOSTILE), payload=False)]
    assert "c1" not in "\n".join(told)
    assert "fake line\\x07" in told[2]
    all_told = [*told_letter(found(hostile), Send(Target.SIGNALS, b""), payload=True)]
    assert "c1" in all_told[-2]
    assert all_told[-1] == "\\x1b[2J\\u202e\\nfake line\\x07\\xff"
    assert all(line.isprintable() for line in [*told, *all_told])


@given(st.text())
def test_any_text_is_one_printable_line(text):
    assert one_line(text).isprintable()
