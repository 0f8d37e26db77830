"""benchmarks.decide50: its data, the folds as a job of their own, and that different outputs are never reported."""

import json

import pytest

from benchmarks.decide50 import __main__ as command
from benchmarks.decide50.compare import write_records
from benchmarks.decide50.folds import folded, lines, load, main, records
from benchmarks.decide50.gate import compare
from benchmarks.decide50.jobs import JOBS, LOOP, NAIVE, Job, in_own_environment
from benchmarks.decide50.latency import measure
from benchmarks.decide50.limits import parts, total_s
from benchmarks.decide50.preparing import customer_of, cut, prepare
from benchmarks.decide50.rounds import DifferentError, same
from benchmarks.folding import events_by_customer
from models.folds import fold_events
from schemas import DeadLetter, Decision


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("bench"), 400, 60)


@pytest.fixture(scope="module")
def decided(data, tmp_path_factory):
    """What our folds make of the workload, as the job writes it."""
    out = tmp_path_factory.mktemp("folds") / "folds"
    main(load(data[0]), data[0], out)
    return out


def decision(event, action="A1"):
    offers = [{"action": action, "priority": 1.0, "reasons": ["x"]}]
    placements = [{"placement": "hero", "offers": offers}]
    return {"event_id": event, "placements": placements, "policy": {"candidates": 1}, "session": {"n": 1}}


def written(path, *made):
    path.write_text("".join(json.dumps(each) + "\n" for each in made))


def job(name):
    return Job(name, name.title(), (), "")


def test_small_data_has_the_first_lines_and_no_more_customers_than_they_need(data, tmp_path):
    everything, _ = data
    small = tmp_path / "small"
    cut(everything, small, 20)
    events = (small / "events.ndjson").read_bytes().splitlines()
    assert events == (everything / "events.ndjson").read_bytes().splitlines()[:20]
    needed = {customer_of(line) for line in events} - {None}
    assert {customer_of(line) for line in (small / "customers.ndjson").read_bytes().splitlines()} == needed
    assert 0 < len(needed) < 20
    assert (small / "plan" / "plan.yaml").exists()


@pytest.mark.parametrize("line", [b"", b"{", b'{"customer_id": 1}', b"[]", b"\xff"])
def test_a_line_that_cannot_be_read_is_nobodys(line):
    assert customer_of(line) is None


def test_folds_write_what_folding_customer_by_customer_yields(data, decided):
    plan = load(data[0])
    one_by_one = [
        record
        for events in events_by_customer(data[0], plan).values()
        for record in fold_events(plan.decide_fold(), events)
    ]
    expected = {record.decision_id: record for record in one_by_one if isinstance(record, Decision)}
    found = {record.decision_id: record for record in records(decided) if isinstance(record, Decision)}
    assert len(found) > 20
    assert found == expected


def test_folds_write_each_line_that_is_no_event_as_a_dead_letter(data):
    payloads = [*lines(data[0]), b"{", b""]
    outputs = list(folded(load(data[0]), payloads))
    dead = [each for each in outputs if isinstance(each, DeadLetter)]
    assert dead[-1].payload == b""
    assert dead[-2].payload == b"{"


def test_what_folds_wrote_passes_the_gate_against_itself(decided, tmp_path):
    target = tmp_path / "folds.ndjson"
    write_records(records(decided), target)
    assert compare(target, target).same


def test_outputs_that_are_the_same_are_told_in_a_line_each(tmp_path):
    for name in ("loop", "ours"):
        written(tmp_path / name, decision("1"), {"dead_letter": "why", "raw": "{"})
    said = same([job("ours"), loop := job("loop")], tmp_path, loop)
    assert [line.partition(":")[0] for line in said] == ["Ours"]


@pytest.mark.parametrize(
    "other",
    [
        [decision("1", "A2"), decision("2")],
        [decision("1")],
        [decision("1"), decision("2"), decision("3")],
        [decision("1"), decision("2"), {"dead_letter": "why", "raw": "{"}],
        [{"neither": 1}],
        [],
    ],
)
def test_different_outputs_are_refused(tmp_path, other):
    written(tmp_path / "loop", decision("1"), decision("2"))
    written(tmp_path / "ours", *other)
    with pytest.raises(DifferentError, match="Ours"):
        same([job("loop"), job("ours")], tmp_path, job("loop"))


def test_no_number_is_told_when_outputs_differ(tmp_path, monkeypatch, capsys):
    def differ(*_):
        raise DifferentError("outputs differ, so no number counts:\nOurs: DIFFERENT")

    monkeypatch.setattr(command, "same", differ)
    monkeypatch.setattr(command, "one_round", lambda *_: None)
    monkeypatch.setattr(command, "_present", lambda _: ([job("loop"), job("ours")], []))
    assert command.main(["--events", "300", "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr()
    assert not said.out
    assert "Ours: DIFFERENT" in said.err
    assert not (tmp_path / "out" / "results.json").exists()


def test_the_limit_is_what_has_to_be_done_the_fastest_way(data, decided, tmp_path):
    target = tmp_path / "folds.ndjson"
    write_records(records(decided), target)
    found = parts(data[0], target)
    assert len([each for each in found if each.counts]) == 3
    assert {each.name.split()[0] for each in found if each.counts} == {"decode", "encode", "multiply"}
    assert 0 < total_s(found) <= sum(each.cpu_s for each in found)


def test_states_are_weighed_of_those_who_did_something(data):
    plan = load(data[0])
    found = measure(plan, data[0])
    active = [
        customer
        for customer, events in events_by_customer(data[0], plan).items()
        if any(getattr(event, "type", "") != "profile" for event in events)
    ]
    assert found.state_bytes.count == len(active)
    assert found.state_bytes.p50 > 0


def test_only_peers_that_need_no_more_than_we_have_run_in_our_environment(tmp_path, monkeypatch):
    for name, peer in JOBS.items():
        absent = Job(peer.name, peer.label, peer.command, "", needs=tmp_path / "none")
        assert in_own_environment(absent).installed == (name in (LOOP, NAIVE))


def test_a_job_that_is_not_known_is_refused(capsys):
    with pytest.raises(SystemExit):
        command.main(["--only", "nextbeam,nobody"])
    assert "no 'nobody'; there are nextbeam" in capsys.readouterr().err
