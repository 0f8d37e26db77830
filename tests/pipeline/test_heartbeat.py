"""What the real job between real servers tells of itself: heartbeats, metrics, traces, logs; and no personal data."""

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec
import pytest
from bank_arrivals import PLAN
from live_job import Message, Reader, job, stopped
from realdata import ROOT

from models.observability.heartbeats import SCHEDULED, SCHEDULED_PAYLOAD
from models.observability.ladders import CONTEXT_AGE, DECISION_COMPUTE, DECISION_LATENCY
from models.observability.log_lines import EVENTS, FORMS, pseudonym
from models.observability.metrics import METRICS
from pipelines.observability.heartbeat import Heart
from pipelines.provisioning import Names, Resources
from pipelines.provisioning.endpoints import Endpoints
from pipelines.provisioning.resources import DEAD_LETTER, DECISIONS, FEEDBACK, HEARTBEATS, OUTCOMES, SIGNALS
from pipelines.provisioning.topics import provision_topics
from schemas import Decision, Feedback, Heartbeat, Outcome, OutcomeKind, Signal
from schemas.routing import TRACE

SMALL = str(Path(PLAN.path).parent)
WATCHED = (DECISIONS, FEEDBACK, DEAD_LETTER, HEARTBEATS)
TRACED = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ANSWERED = "00-4bf92f3577b34da6a3ce929d0e0e4736-1111111111111111-00"
PEPPER = "a pepper that only tests know"
CANARIES = (
    "Zebedee Quillfeather",
    "4929123456781234",
    "20-45-53",
    "QQ123456C",
    "zebedee@quillfeather.example",
    "+447700900123",
)
ALL = " ".join(CANARIES)
_json = msgspec.json.encode


class Told(NamedTuple):
    """All that left a job."""

    found: dict[str, list[Message]]
    log: str
    metrics: str
    said: list[dict[str, Any]]
    """By `nextbeam heartbeat`."""

    def lines(self) -> list[dict[str, Any]]:
        """The structured part of the log."""
        return [json.loads(line) for line in self.log.splitlines() if line.startswith('{"severity"')]

    def measured(self) -> dict[str, int]:
        """Metrics by name."""
        rows = (row.split() for row in self.metrics.splitlines() if not row.startswith("#"))
        return {name.removeprefix("nextbeam_"): int(value) for name, value in rows}


def signal(number: int, at: datetime, **fields: Any) -> Signal:
    about = {"type": "page_view", "channel": "web", "brand": "harbour", **fields}
    return Signal(signal_id=f"s{number}", customer_id="ana", occurred_at=at, **about)


def good(at: datetime) -> Iterator[Signal]:
    """Signals that are taken, with canaries wherever text is free."""
    facts = {"consent_marketing": True, "vulnerable": False, "age": 35, "holdings": ("current",), "note": ALL}
    yield signal(0, at, type="profile", profile=facts)
    free = {"attributes": {"note": ALL, ALL[:90]: 1}, "device_id": ALL, "session_id": ALL}
    yield signal(1, at + timedelta(seconds=1), placements=("hero",), **free)
    yield signal(2, at + timedelta(seconds=2), placements=("hero",), trace=ALL, household_id=None)


def bad(at: datetime) -> Iterator[bytes]:
    """Payloads that are refused, with canaries where they are wrong."""
    fine = json.loads(_json(signal(9, at)))
    for field in ("type", "channel", "brand", "page", "occurred_at"):
        yield _json({**fine, field: ALL[:95]})
    yield _json({**fine, "placements": [ALL[:95]]})
    yield _json({**fine, "placements": {ALL: 1}})
    yield _json({**fine, "attributes": {ALL[:95]: []}})
    yield _json({**fine, "profile": {"age": ALL, "consent_marketing": ALL}})
    yield _json({**fine, "device_id": ALL * 3})
    yield ALL.encode()
    yield b'{"signal_id": "' + ALL.encode() + b'", "signal_id": "' + ALL.encode()


def outcome(decision: Decision, at: datetime, **fields: Any) -> Outcome:
    about = {"decision_id": decision.decision_id, "rank": 1, "kind": OutcomeKind.CLICKED, **fields}
    return Outcome(outcome_id=uuid4().hex, customer_id="ana", occurred_at=at, **about)


@pytest.fixture(scope="module")
def told(pubsub_server, tmp_path_factory) -> Told:
    """One job, and all that was done to it."""
    endpoints = Endpoints(pubsub=pubsub_server.endpoint)
    names = Names("local-dev", prefix=f"t{uuid4().hex[:8]}-")
    provision_topics(Resources.of(names, watchers=("test",)), endpoints, lambda _: None)
    publisher = endpoints.publisher()
    reader = Reader(endpoints.subscriber(), {name: names.subscription(f"{name}-test") for name in WATCHED})

    def publish(topic: str, data: bytes, **attributes: str) -> None:
        publisher.publish(names.topic(topic), data, **attributes).result(60)

    log, port = tmp_path_factory.mktemp("told") / "log", _port()
    flags = ("--heartbeats_topic", names.topic(HEARTBEATS), "--metrics_port", str(port))
    os.environ["NEXTBEAM_TEST_PEPPER"] = PEPPER
    flags += ("--log_pepper", "env:NEXTBEAM_TEST_PEPPER", "--log_decisions", "1")
    with job(names, endpoints, SMALL, log, *flags) as process:
        at = datetime.now(UTC) - timedelta(seconds=10)
        profile, visit, malformed = good(at)
        publish(SIGNALS, _json(profile), note=ALL)
        # Topics keep no order: each waits for what it needs.
        heart = Heart(endpoints, names.topic(SIGNALS), names.subscription("heartbeats-watch"), "test")
        assert heart.beat(60).answer is not None, log.read_text()
        publish(SIGNALS, _json(visit), **{TRACE: TRACED, "note": ALL})
        publish(SIGNALS, _json(malformed), **{TRACE: ALL})
        for payload in bad(at):
            publish(SIGNALS, payload)
        count = len(list(bad(at)))
        assert reader.until(
            lambda found: len(found[DECISIONS]) >= 2 and len(found[DEAD_LETTER]) >= count, 60
        ), log.read_text()
        decision = next(d for d in map(_decision, reader.found[DECISIONS]) if d.signal_id == "s1")
        clicked = outcome(decision, at + timedelta(seconds=3), attributes={"note": ALL}, trace=ANSWERED)
        publish(OUTCOMES, _json(clicked))
        publish(OUTCOMES, _json(outcome(decision, at, decision_id=ALL, attributes={ALL[:90]: ALL})))
        publish(OUTCOMES, _json({**json.loads(_json(clicked)), "kind": ALL}))
        assert reader.until(lambda found: found[FEEDBACK] and len(found[DEAD_LETTER]) >= count + 2, 60), (
            log.read_text()
        )
        publish(SIGNALS, SCHEDULED_PAYLOAD)
        publish(SIGNALS, SCHEDULED_PAYLOAD)
        assert reader.until(lambda found: len(found[HEARTBEATS]) >= 3, 60)
        said = _by_command(names, endpoints)
        reader.until(lambda found: len(found[HEARTBEATS]) >= 4, 30)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            metrics = answer.read().decode()
        assert stopped(process) == 0
    return Told(reader.found, log.read_text(), metrics, said)


def _port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def _decision(message: Message) -> Decision:
    return msgspec.json.decode(message[0], type=Decision)


def _by_command(names: Names, endpoints: Endpoints) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "pipelines.cli", "heartbeat", "--once", "--timeout", "60", "--prefix"]
    done = subprocess.run(
        [*command, names.prefix],
        check=False,
        env={**os.environ, "PUBSUB_EMULATOR_HOST": str(endpoints.pubsub)},
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_heartbeat_is_answered_by_the_keyed_step_and_its_state_lives(told):
    answers = [msgspec.json.decode(data, type=Heartbeat) for data, _ in told.found[HEARTBEATS]]
    assert {answer.sender for answer in answers} == {"heartbeat:test", "heartbeat:scheduler", "heartbeat:cli"}
    scheduled = [answer.sequence for answer in answers if answer.heartbeat_id == SCHEDULED]
    assert scheduled == [1, 2], "the same bytes twice are two heartbeats, counted in one state"
    assert {answer.plan_digest for answer in answers} == {PLAN.load().plan.digest}
    assert all(int(attributes["age_ms"]) < 60_000 for _, attributes in told.found[HEARTBEATS])
    [said] = told.said
    assert said["answered"]
    assert said["sequence"] == 1
    assert 0 < said["age_ms"] < 60_000
    assert told.measured()["heartbeats_answered"] == 4


def test_no_heartbeat_is_decided_recorded_or_refused(told):
    decided = map(_decision, told.found[DECISIONS])
    assert {decision.customer_id for decision in decided} == {"ana"}
    assert "heartbeat" not in "".join(repr(told.found[name]) for name in (DECISIONS, FEEDBACK, DEAD_LETTER))


def test_the_trace_context_goes_from_signal_to_decision_and_from_outcome_to_feedback(told):
    by_signal = {_decision(message).signal_id: message for message in told.found[DECISIONS]}
    assert by_signal["s1"][1][TRACE] == _decision(by_signal["s1"]).trace == TRACED
    feedback = [(msgspec.json.decode(data, type=Feedback), about) for data, about in told.found[FEEDBACK]]
    assert [(each.trace, about[TRACE]) for each, about in feedback if each.outcome == "Clicked"] == [
        (ANSWERED, ANSWERED)
    ]


def test_a_malformed_trace_context_is_dropped(told):
    by_signal = {_decision(message).signal_id: message for message in told.found[DECISIONS]}
    assert _decision(by_signal["s2"]).trace is None
    assert TRACE not in by_signal["s2"][1]


def test_ladders_count_every_decision_once(told):
    measured, decisions = told.measured(), len(told.found[DECISIONS])
    for ladder in (DECISION_LATENCY, DECISION_COMPUTE, CONTEXT_AGE):
        rungs = [measured[name] for name in ladder.names()]
        assert rungs == sorted(rungs), ladder.name
        assert measured[ladder.total] == measured["events_decided"] == decisions
    assert 0 < (DECISION_LATENCY.percentile(measured, 0.5) or 0) < 60_000
    # events are ten seconds old when they come
    assert measured["context_age_le_5s"] == 0
    assert (CONTEXT_AGE.percentile(measured, 1.0) or 0) > 5


def test_what_came_in_is_accounted_for_in_the_metrics(told):
    measured = told.measured()
    assert measured.keys() == METRICS.keys()
    came = measured["signals_read"] + measured["outcomes_read"]
    refused = sum(
        measured[name] for name in ("signals_rejected", "outcomes_rejected", "events_dead_lettered")
    )
    kept = sum(measured[name] for name in ("events_decided", "events_observed", "events_duplicate"))
    assert came == refused + kept
    assert refused == len(told.found[DEAD_LETTER])
    by_reason = sum(count for name, count in measured.items() if "_rejected_" in name)
    assert by_reason == measured["signals_rejected"] + measured["outcomes_rejected"]


def test_log_lines_have_listed_fields_only_and_say_whose_by_pseudonym(told):
    lines = told.lines()
    assert {"decision", "dead_letter", "heartbeat"} <= {line["event"] for line in lines}
    for line in lines:
        severity, own = EVENTS[line["event"]]
        assert line["severity"] == severity
        for name, value in line.items():
            assert name in own | {"time", "severity", "event", "pipeline_version", "held_back"}
            assert FORMS[name].fullmatch(value), line
    decided = [line for line in lines if line["event"] == "decision"]
    assert {line["customer"] for line in decided} == {pseudonym("ana", PEPPER.encode())}
    assert TRACED.split("-")[1] in {line.get("trace") for line in decided}
    assert {line["decision_id"] for line in decided} == {
        _decision(message).decision_id for message in told.found[DECISIONS]
    }


def test_no_canary_leaves_but_in_payloads(told):
    letters = [json.loads(data) for data, _ in told.found[DEAD_LETTER]]
    assert len(letters) >= 14
    sinks = {
        "log": told.log,
        "metrics": told.metrics,
        "attributes": repr([about for messages in told.found.values() for _, about in messages]),
        "heartbeats": repr(told.found[HEARTBEATS]),
        "letters": repr([[letter[name] for name in ("reason", "step", "detail")] for letter in letters]),
        "the command": repr(told.said),
    }
    hits = [(name, canary) for name, text in sinks.items() for canary in CANARIES if canary in text]
    assert hits == []
    assert "ana" not in [value for line in told.lines() for value in line.values()]


def test_the_canaries_did_come_in(told):
    """Else their absence elsewhere would say nothing."""
    payloads = repr([data for data, _ in told.found[DECISIONS]])
    assert all(canary in payloads for canary in CANARIES)
    assert len(told.found[DEAD_LETTER]) == len(list(bad(datetime.now(UTC)))) + 2
