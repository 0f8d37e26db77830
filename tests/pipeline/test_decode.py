"""Payloads through the transforms: every one leaves as an event or as a dead letter, and is counted."""

import json
from datetime import datetime
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.coders.typecoders import registry
from apache_beam.io.gcp.pubsub import PubsubMessage
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineResult
from apache_beam.testing.test_pipeline import TestPipeline as Pipeline
from apache_beam.testing.util import assert_that, equal_to

from models.times import DAY
from schemas import DeadLetter, Outcome, Signal
from schemas.coders import ContractCoder, UnionCoder
from transforms.decode import DecodeOutcomes, DecodeSignals, _DecodeFn
from transforms.plan_source import PlanSource

ROOT = Path(__file__).resolve().parents[2]
PLAN = PlanSource(str(ROOT / "tests" / "plans" / "small"))
SIGNAL = {
    "signal_id": "s1",
    "customer_id": "c1",
    "occurred_at": "2026-11-21T09:30:00Z",
    "type": "page_view",
    "channel": "web",
    "brand": "harbour",
}
OUTCOME = {"outcome_id": "o1", "customer_id": "c1", "occurred_at": "2026-11-21T09:30:00Z", "kind": "Clicked"}
MAPPING = """
mapping: nextbeam-import/1
name: clicks
source: {format: jsonl}
records:
  - name: heartbeats
    record: skip
    where: {column: what, equals: heartbeat}
  - name: answers
    record: outcome
    where: {column: what, equals: answer}
    fields:
      outcome_id: id
      customer_id: who
      occurred_at: {column: at, to: time}
      kind: {constant: Clicked}
  - name: visits
    record: signal
    fields:
      signal_id: id
      customer_id: who
      occurred_at: {column: at, to: time}
      type: what
      channel: {constant: web}
      brand: {constant: harbour}
"""


def _line(base, **fields):
    return json.dumps({**base, **fields}).encode()


def _counts(result: PipelineResult, area: str) -> dict[str, int]:
    counters = result.metrics().query()["counters"]
    names = ((c.key.metric.name, c.result) for c in counters if c.result)
    return {name.removeprefix(f"{area}_"): count for name, count in names if name.startswith(area)}


def _run(transform, payloads, events, letters):
    pipeline = Pipeline()
    decoded = pipeline | beam.Create(payloads, reshuffle=False) | transform
    assert_that(decoded.events | beam.Map(_identity), equal_to(events), label="Events")
    assert_that(decoded.dead_letters | beam.Map(_summary), equal_to(letters), label="DeadLetters")
    result = pipeline.run()
    result.wait_until_finish()
    return result


def _identity(event):
    return type(event).__name__, event.signal_id if isinstance(event, Signal) else event.outcome_id


def _summary(letter):
    return letter.reason.value, letter.step, letter.customer_id, letter.payload


def test_signals_leave_as_events_or_dead_letters_and_are_counted():
    bad = _line(SIGNAL, type="sneeze")
    result = _run(
        DecodeSignals(PLAN),
        [_line(SIGNAL), _line(SIGNAL, signal_id="s2"), bad, b"no json"],
        [("Signal", "s1"), ("Signal", "s2")],
        [
            ("unknown_value", "DecodeSignals", "c1", bad),
            ("malformed_json", "DecodeSignals", None, b"no json"),
        ],
    )
    assert _counts(result, "signals") == {
        "read": 4,
        "rejected": 2,
        "rejected_unknown_value": 1,
        "rejected_malformed_json": 1,
    }


def test_outcomes_have_counters_of_their_own():
    bad = _line(OUTCOME, channel="fax")
    result = _run(
        DecodeOutcomes(PLAN),
        [_line(OUTCOME), bad],
        [("Outcome", "o1")],
        [("unknown_value", "DecodeOutcomes", "c1", bad)],
    )
    assert _counts(result, "outcomes") == {"read": 2, "rejected": 1, "rejected_unknown_value": 1}
    assert _counts(result, "signals") == {}


def test_without_a_plan_any_name_is_known_and_limits_can_be_set():
    result = _run(
        DecodeSignals(max_bytes=200),
        [_line(SIGNAL, type="sneeze"), b" " * 201],
        [("Signal", "s1")],
        [("too_large", "DecodeSignals", None, b" " * 201)],
    )
    assert _counts(result, "signals") == {"read": 2, "rejected": 1, "rejected_too_large": 1}


def test_a_mapping_makes_signals_and_outcomes_of_rows_and_skips_by_its_own_rule(tmp_path):
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(MAPPING)
    row = {"id": "r1", "who": "c1", "at": "2026-11-21T09:30:00Z", "what": "page_view"}
    odd = _line(row, what="sneeze")
    result = _run(
        DecodeSignals(PLAN, mapping=str(mapping)),
        [_line(row), _line(row, id="r2", what="answer"), _line(row, what="heartbeat"), odd],
        [("Signal", "r1"), ("Outcome", "r2")],
        [("unknown_value", "DecodeSignals", None, odd)],
    )
    assert _counts(result, "signals") == {"read": 4, "skipped": 1, "rejected": 1, "rejected_unknown_value": 1}


@pytest.mark.parametrize(("transform", "contract"), [(DecodeSignals, Signal), (DecodeOutcomes, Outcome)])
def test_both_outputs_are_typed_so_that_each_has_its_coder(transform, contract):
    pipeline = beam.Pipeline()
    decoded = pipeline | beam.Create([b""], reshuffle=False) | transform()
    assert decoded.events.element_type is contract
    assert decoded.dead_letters.element_type is DeadLetter
    proto, context = pipeline.to_runner_api(return_context=True)
    for collection, coded in ((decoded.events, contract), (decoded.dead_letters, DeadLetter)):
        coder_id = proto.components.pcollections[context.pcollections.get_id(collection)].coder_id
        assert context.coders.get_by_id(coder_id) == ContractCoder(coded)


def test_decoding_in_other_processes_gives_the_same(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / 'tests'}:{Path(__file__).parent}")
    options = PipelineOptions(["--direct_running_mode=multi_processing", "--direct_num_workers=2"])
    with Pipeline(runner="FnApiRunner", options=options) as pipeline:
        payloads = [_line(SIGNAL, signal_id=f"s{n}") for n in range(20)] + [b"no json"]
        decoded = pipeline | beam.Create(payloads) | DecodeSignals(PLAN)
        ids = decoded.events | beam.Map(_identity)
        assert_that(ids, equal_to([("Signal", f"s{n}") for n in range(20)]), label="Events")
        letters = decoded.dead_letters | beam.Map(_summary)
        assert_that(
            letters, equal_to([("malformed_json", "DecodeSignals", None, b"no json")]), label="Letters"
        )


def test_what_a_mapping_makes_is_typed_too(tmp_path):
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    pipeline = beam.Pipeline()
    decoded = (
        pipeline | beam.Create([b""], reshuffle=False) | DecodeSignals(mapping=str(tmp_path / "mapping.yaml"))
    )
    assert registry.get_coder(decoded.events.element_type) == UnionCoder()


def _message(payload, published):
    return PubsubMessage(payload, {}, publish_time=datetime.fromisoformat(published))


@pytest.mark.parametrize(
    ("published", "ahead", "taken"),
    [
        ("2026-11-21T09:29:00+00:00", None, True),
        ("2026-11-21T07:30:00+00:00", None, True),  # as far ahead as session.late reaches back
        ("2026-11-21T07:29:59+00:00", None, False),
        ("2026-11-21T09:29:59+00:00", 0, False),
        ("2026-11-21T09:30:00+00:00", 0, True),
        ("1999-01-01T00:00:00+00:00", 40_000 * DAY, True),
        ("2026-12-24T09:30:00+00:00", None, True),  # how late it is, is the customer's clock to say
    ],
)
@pytest.mark.parametrize(("transform", "base"), [(DecodeSignals, SIGNAL), (DecodeOutcomes, OUTCOME)])
def test_an_event_cannot_happen_long_after_it_was_published(transform, base, published, ahead, taken):
    """A customer's clock follows the latest event: one from 2099 would make all that really happens too late."""
    decode = _DecodeFn(transform(PLAN, ahead=ahead)._rules, "signals", "Step")
    decode.setup()
    [made] = decode.process(_message(_line(base), published))
    if taken:
        assert isinstance(made, Signal | Outcome)
        return
    letter = made.value
    assert (made.tag, letter.reason) == ("dead", "bad_time")
    assert letter.detail.startswith("$.occurred_at: more than ")
    assert letter.detail.endswith(" ahead of its publication")
    assert (letter.payload, letter.customer_id) == (_line(base), "c1")
