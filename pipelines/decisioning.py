"""The decisioning pipeline: the graph on one page, and the entry point of deployments.

signals ──► DecodeSignals ──┐                          ┌─► decisions
                            ├─► DecideNextBestAction ──┼─► feedback
outcomes ─► DecodeOutcomes ─┘                          ├─► sessions
                                                       └─► dead letters
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import apache_beam as beam
from apache_beam.io.gcp.pubsub import PubsubMessage
from apache_beam.pvalue import PCollection
from apache_beam.typehints.decorators import no_annotations

from models.times import SECOND, micros
from pipelines.endpoints import ReadFiles, ReadSubscription, WriteFolder
from pipelines.flags import Config, add_arguments
from pipelines.locate import OUTPUTS, UsageError
from pipelines.options import beam_options
from pipelines.stopping import terminable
from pipelines.stream_flags import StreamConfig, add_stream_arguments, streams
from schemas import DeadLetter, Decision, Feedback, Heartbeat, SessionContext
from transforms.decide import DecideChained, DecideNextBestAction
from transforms.decode import DecodeOutcomes, DecodeSignals
from transforms.heartbeats import AnswerHeartbeats
from transforms.log_probabilities import LogProbabilities
from transforms.logs import LogPolicy
from transforms.messages import PublishRecords
from transforms.plan_source import PlanSource
from transforms.sealing import Seal
from transforms.session_context import Events
from transforms.silence import SilentUntil

if TYPE_CHECKING:  # it imports Google's clients, which no run between files needs
    from transforms.bigquery import WriteBigQuery

Payload = bytes | PubsubMessage


class Records(NamedTuple):
    """Everything that leaves the pipeline."""

    decisions: PCollection[Decision]
    feedback: PCollection[Feedback]
    sessions: PCollection[SessionContext]
    dead_letters: PCollection[DeadLetter]
    heartbeats: PCollection[Heartbeat]


@no_annotations  # Beam cannot check a NamedTuple of PCollections; mypy can.
def build(
    signals: PCollection[Payload], outcomes: PCollection[Payload], config: Config | StreamConfig
) -> Records:
    """The whole way of the data, from payloads to records; the same between files and between topics."""
    plan = PlanSource(str(config.plan), refresh_s=config.refresh_s, keys=config.keys).as_launched()
    mapping = str(config.mapping) if config.mapping else None
    ahead = None if config.ahead_s is None else int(config.ahead_s * SECOND)
    decoded = signals | "DecodeSignals" >> DecodeSignals(plan, mapping=mapping, ahead=ahead)
    answered = outcomes | "DecodeOutcomes" >> DecodeOutcomes(plan, ahead=ahead)
    decide = DecideNextBestAction if config.composition == "fused" else DecideChained
    decided = Events(decoded.events, answered.events) | "DecideNextBestAction" >> decide(plan)
    dead_letters = (
        decoded.dead_letters,
        answered.dead_letters,
        decided.dead_letters,
    ) | "DeadLetters" >> beam.Flatten()
    decisions = decided.decisions | "LogProbabilities" >> LogProbabilities(plan)
    return Records(
        decisions=decisions | "SealDecisions" >> Seal(Decision),
        feedback=decided.feedback | "SealFeedback" >> Seal(Feedback),
        sessions=decided.sessions,
        dead_letters=dead_letters,
        heartbeats=decided.heartbeats,
    )


def connect_files(pipeline: beam.Pipeline, config: Config, out: str) -> None:
    """The graph between files and folders."""
    signals = pipeline | "ReadSignals" >> ReadFiles(config.signals)
    outcomes = pipeline | "ReadOutcomes" >> ReadFiles(config.outcomes)
    records = build(signals, outcomes, config)
    for name in OUTPUTS:
        getattr(records, name) | f"Write_{name}" >> WriteFolder(out, name)


def connect_topics(pipeline: beam.Pipeline, config: StreamConfig) -> None:
    """The graph between topics and tables. What a sink refuses joins the dead letters, but for its own table."""
    signals = pipeline | "ReadSignals" >> ReadSubscription(config.signals_subscription)
    outcomes = pipeline | "ReadOutcomes" >> ReadSubscription(config.outcomes_subscription)
    records = _silenced(build(signals, outcomes, config), config.silent_until)
    records.heartbeats | "AnswerHeartbeats" >> AnswerHeartbeats(config.heartbeats_topic)
    log = LogPolicy(config.log_pepper, config.log_decisions)
    topics = {"decisions": config.decisions_topic, "feedback": config.feedback_topic}
    refused = [
        getattr(records, name) | f"Publish_{name}" >> PublishRecords(topic, step=f"Publish_{name}", log=log)
        for name, topic in topics.items()
    ]
    tables = [name for name in OUTPUTS if name != "dead_letters"] if config.dataset else []
    refused += [getattr(records, name) | f"Write_{name}" >> _write(config, name) for name in tables]
    letters = (records.dead_letters, *refused) | "AllDeadLetters" >> beam.Flatten()
    if config.dataset:
        unwritten = letters | "Write_dead_letters" >> _write(config, "dead_letters")
        letters = (letters, unwritten) | "EveryDeadLetter" >> beam.Flatten()
    published = PublishRecords(config.dead_letters_topic, step="Publish_dead_letters", log=log)
    letters | "Publish_dead_letters" >> published


def _silenced(records: Records, until: datetime | None) -> Records:
    if until is None:
        return records
    named = records._asdict().items()
    return Records(**{name: each | f"Silence_{name}" >> SilentUntil(micros(until)) for name, each in named})


def _write(config: StreamConfig, name: str) -> "WriteBigQuery":
    from transforms.bigquery import WriteBigQuery  # noqa: PLC0415

    table = f"{config.dataset}.{name}"
    return WriteBigQuery(OUTPUTS[name], table, method=config.method, step=f"Write_{name}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the pipeline with flags; what it did is in DIR/summary.json."""
    from pipelines.launch import launch  # noqa: PLC0415  (it imports this module)
    from pipelines.streaming import stream  # noqa: PLC0415

    parser = argparse.ArgumentParser(prog="python -m pipelines.decisioning", allow_abbrev=False)
    add_arguments(parser)
    add_stream_arguments(parser)
    known, flags = parser.parse_known_args(argv)
    try:
        if streams(known):
            return stream(known, flags)
        with terminable():
            summary = launch(Config.of(known), beam_options(flags))
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the outputs of an earlier run are as they were", file=sys.stderr)
        return 130
    return 0 if summary.accounted else 1


if __name__ == "__main__":
    sys.exit(main())
