"""The streaming job between real servers: what comes out, what is accounted for, what survives."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from bank_arrivals import PLAN, START, busy_days
from google.cloud.pubsub_v1.types import PublisherOptions
from live_job import Message, Reader, job, stopped

from models.audit.seals import sealed
from models.folds import Counted, advance
from pipelines.local.bigquery import BigQueryEmulator
from pipelines.local.pubsub import PubsubEmulator
from pipelines.provisioning import Names, Resources, provision
from pipelines.provisioning.endpoints import Endpoints
from pipelines.provisioning.resources import (
    DEAD_LETTER,
    DECISIONS,
    FEEDBACK,
    OUTCOMES,
    SIGNALS,
    SUBSCRIPTIONS,
)
from pipelines.provisioning.views import provision_views
from schemas import DeadLetter, Decision, Feedback, Outcome, SessionContext, Signal
from schemas.routing import TRACE
from schemas.rows import from_row

pytestmark = pytest.mark.slow

Event = Signal | Outcome
SMALL = str(Path(PLAN.path).parent)
PUBLISHED = {DECISIONS: Decision, FEEDBACK: Feedback, DEAD_LETTER: DeadLetter}
TABLES = {"decisions": Decision, "feedback": Feedback, "sessions": SessionContext, "dead_letters": DeadLetter}
NOW = datetime.now(UTC).replace(microsecond=0)
_json = msgspec.json.Encoder(order="deterministic").encode


class Bank:
    """The servers' side of one test: topics, subscriptions and tables of its own."""

    def __init__(self, pubsub: PubsubEmulator, bigquery: BigQueryEmulator) -> None:
        name = f"t{uuid4().hex[:8]}"
        self.endpoints = Endpoints(pubsub=pubsub.endpoint, bigquery=bigquery.url)
        self.names = Names("local-dev", dataset=name, prefix=f"{name}-")
        self.resources = Resources.of(self.names, watchers=("test",))
        provision(self.resources, self.endpoints, say=lambda _: None)
        self.publisher = self.endpoints.publisher(
            publisher_options=PublisherOptions(enable_message_ordering=True)
        )
        self.subscriber = self.endpoints.subscriber()
        self.reader = Reader(
            self.subscriber, {name: self.names.subscription(f"{name}-test") for name in PUBLISHED}
        )

    def read_in_order(self) -> None:
        """So that a test knows the order; the pipeline itself asks for none."""
        for each in SUBSCRIPTIONS[:2]:
            path = self.names.subscription(each.name)
            self.subscriber.delete_subscription(subscription=path)
            asked = {"name": path, "topic": self.names.topic(each.topic), "enable_message_ordering": True}
            self.subscriber.create_subscription(request={**asked, "ack_deadline_seconds": 60})

    def publish(self, topic: str, payloads: Iterable[tuple[str, bytes]], **attributes: str) -> None:
        """Payloads by ordering key."""
        path = self.names.topic(topic)
        sent = [self.publisher.publish(path, data, ordering_key=key, **attributes) for key, data in payloads]
        for each in sent:
            each.result(60)

    def records(self, name: str) -> list[Any]:
        """What was published so far."""
        return [msgspec.json.decode(data, type=PUBLISHED[name]) for data, _ in self.reader.found[name]]

    def ask(self, sql: str) -> list[dict[str, Any]]:
        """Rows of a query."""
        return [dict(row) for row in self.endpoints.tables(self.names.project).query_and_wait(sql)]

    def rows(self, table: str) -> list[Any]:
        """The records in a table."""
        return [
            from_row(TABLES[table], row) for row in self.ask(f"SELECT * FROM `{self.names.table(table)}`")
        ]


@pytest.fixture
def bank(pubsub_server: PubsubEmulator, bigquery_server: BigQueryEmulator) -> Bank:
    return Bank(pubsub_server, bigquery_server)


def shifted(events: Iterable[Event], by: timedelta) -> list[Event]:
    """The same at another time."""
    return [msgspec.structs.replace(event, occurred_at=event.occurred_at + by) for event in events]


def chunks(events: Sequence[Event], count: int) -> Iterator[tuple[str, list[Event]]]:
    """Some events at a time, signals before outcomes: topics have no common order, so each waits for the other."""
    size = -(-len(events) // count)
    for begin in range(0, len(events), size):
        part = events[begin : begin + size]
        yield SIGNALS, [event for event in part if isinstance(event, Signal)]
        yield OUTCOMES, [event for event in part if isinstance(event, Outcome)]


def last_words(topic: str, number: int, events: Iterable[Event]) -> list[tuple[str, bytes]]:
    """A malformed payload behind the events of each customer: once it is a dead letter, they have been folded."""
    return [
        (key, f'{{"{topic} {number} {key}'.encode()) for key in dict.fromkeys(e.customer_id for e in events)
    ]


def folded(arrived: Sequence[Event]) -> list[Any]:
    """What the fold makes of the events of each customer as they arrived, nothing being due yet at the end."""
    fold = PLAN.load().fold("decide")
    outputs: list[Any] = []
    for customer in dict.fromkeys(event.customer_id for event in arrived):
        state = fold.initial()
        for event in arrived:
            if event.customer_id == customer:
                state, made = advance(fold, state, event)
                outputs += made
    return outputs


def as_json(records: Iterable[Any]) -> Counter[bytes]:
    return Counter(map(_json, records))


def test_everything_between_topics_and_tables_is_what_the_fold_says(bank, tmp_path):
    """2,000 signals and their outcomes, repeated, out of order, late, with malformed ones among them."""
    bank.read_in_order()
    provision_views(bank.resources, bank.endpoints)
    # in the time to come: no timer has a say, so the order of arrival alone decides
    events = shifted(busy_days(3000), NOW + timedelta(hours=2) - START)
    assert sum(isinstance(event, Signal) for event in events) >= 2000
    arrived: list[Event] = []
    malformed: list[tuple[str, bytes]] = []
    log = tmp_path / "log"
    flags = ("--bigquery_dataset", bank.names.dataset, "--bigquery_method", "streaming_inserts")
    flags += ("--most_ahead", "1e9")  # in the time to come, as said
    with job(bank.names, bank.endpoints, SMALL, log, *flags) as process:
        for number, (topic, part) in enumerate(chunks(events, 5)):
            words = last_words(topic, number, part)
            bank.publish(topic, [*((event.customer_id, _json(event)) for event in part), *words])
            arrived += part
            malformed += words
            assert bank.reader.until(lambda found: _heard(found, malformed), 120), log.read_text()  # noqa: B023
        outputs = folded(arrived)
        count = Counter(type(output) for output in outputs)
        assert bank.reader.until(
            lambda found: (
                len(found[FEEDBACK]) >= count[Feedback]
                and len(found[DECISIONS]) >= count[Decision]
                and len(found[DEAD_LETTER]) >= count[DeadLetter] + len(malformed)
            ),
            60,
        ), log.read_text()
        assert stopped(process) == 0
    assert count[Decision] > 500
    for topic, contract in ((DECISIONS, Decision), (FEEDBACK, Feedback)):
        expected = [sealed(output) for output in outputs if isinstance(output, contract)]
        assert as_json(bank.records(topic)) == as_json(expected)
    assert len(bank.records(DEAD_LETTER)) == count[DeadLetter] + len(malformed)
    for table, topic in (("decisions", DECISIONS), ("feedback", FEEDBACK), ("dead_letters", DEAD_LETTER)):
        assert as_json(bank.rows(table)) == as_json(bank.records(topic)), table
    limits = bank.ask(f"SELECT DISTINCT plan_digest FROM `{bank.names.table('plan_limits')}`")
    assert limits == [{"plan_digest": PLAN.load().plan.digest}]
    assert bank.ask(f"SELECT * FROM `{bank.names.table('cap_breaches')}`") == []
    accounts = Counter(output for output in outputs if isinstance(output, Counted))
    inputs = len(arrived) + len(malformed)
    assert _accounts(log) == (
        inputs,
        accounts[Counted.DECIDED],
        accounts[Counted.OBSERVED],
        accounts[Counted.DUPLICATE],
        accounts[Counted.DEAD] + len(malformed),
    )
    assert inputs == sum(_accounts(log)[1:])


def _heard(found: Mapping[str, Sequence[Message]], words: Sequence[tuple[str, bytes]]) -> bool:
    return len(found[DEAD_LETTER]) >= len(words) and {word for _, word in words} <= {
        msgspec.json.decode(data, type=DeadLetter).payload for data, _ in found[DEAD_LETTER]
    }


def _accounts(log: Path) -> tuple[int, ...]:
    [line] = re.findall(r"^([\d,]+) inputs = (.*)$", log.read_text(), re.MULTILINE)
    return tuple(int(number.replace(",", "")) for number in re.findall(r"[\d,]+(?= |$)", " ".join(line)))


def visit(customer: str, at: datetime, number: int = 0, **fields: Any) -> Signal:
    return Signal(
        signal_id=f"{customer}-{number}",
        customer_id=customer,
        occurred_at=at,
        type="page_view",
        channel="web",
        brand="harbour",
        placements=("hero",),
        **fields,
    )


def known(customer: str, at: datetime) -> Signal:
    facts = {"consent_marketing": True, "vulnerable": False, "age": 35, "holdings": ("current",)}
    return Signal(
        signal_id=f"p-{customer}",
        customer_id=customer,
        occurred_at=at,
        type="profile",
        channel="web",
        brand="harbour",
        profile=facts,
    )


def test_time_passes_on_an_idle_topic(bank, tmp_path):
    """Sessions end and silence is feedback, though nothing comes in any more."""
    bank.read_in_order()
    long_ago = datetime.now(UTC) - timedelta(days=30)
    with job(
        bank.names,
        bank.endpoints,
        SMALL,
        tmp_path / "log",
        "--bigquery_dataset",
        bank.names.dataset,
        "--bigquery_method",
        "streaming_inserts",
    ):
        bank.publish(
            SIGNALS, [("ana", _json(known("ana", long_ago))), ("ana", _json(visit("ana", long_ago)))]
        )
        assert bank.reader.until(lambda found: len(found[FEEDBACK]) >= 1, 60), (tmp_path / "log").read_text()
    [decision] = bank.records(DECISIONS)
    assert {each.outcome for each in bank.records(FEEDBACK)} == {"NoResponse"}
    assert len(bank.records(FEEDBACK)) == len(decision.offers) > 0
    [session] = bank.rows("sessions")
    assert session.customer_id == "ana"


def test_a_decision_says_on_its_envelope_where_it_goes(bank, tmp_path):
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    bank.read_in_order()
    with job(bank.names, bank.endpoints, SMALL, tmp_path / "log"):
        at = datetime.now(UTC)
        bank.publish(SIGNALS, [("ana", _json(known("ana", at)))])
        bank.publish(SIGNALS, [("ana", _json(visit("ana", at + timedelta(seconds=1))))], **{TRACE: trace})
        assert bank.reader.until(lambda found: bool(found[DECISIONS]), 60)
    [(data, attributes)] = bank.reader.found[DECISIONS]
    decision = msgspec.json.decode(data, type=Decision)
    assert decision.trace == attributes[TRACE] == trace
    assert attributes["decision_id"] == decision.decision_id
    assert (attributes["brand"], attributes["channel"], attributes["placement"]) == ("harbour", "web", "hero")
    assert attributes["to_web"] == "1"
    assert attributes["schema"] == "Decision"


def test_a_killed_job_loses_nothing(bank, tmp_path):
    """Messages are acknowledged when all that follows from them is done: what was in work is delivered again."""
    at = datetime.now(UTC) + timedelta(hours=1)
    names = [f"c{number}" for number in range(300)]
    with job(bank.names, bank.endpoints, SMALL, tmp_path / "first") as process:
        bank.publish(SIGNALS, [("", _json(visit(name, at))) for name in names])
        bank.reader.until(lambda found: len(found[DECISIONS]) > 0, 60)
        process.kill()
        process.wait(30)
    with job(bank.names, bank.endpoints, SMALL, tmp_path / "second"):
        assert bank.reader.until(
            lambda found: len({_id(each) for each in found[DECISIONS]}) == len(names), 120
        )


def _id(message: Message) -> str:
    return message[1]["decision_id"]


def test_a_changed_plan_is_taken_over_and_a_broken_one_is_not(bank, tmp_path):
    plan = tmp_path / "plan"
    plan.mkdir()
    file = plan / "plan.yaml"
    text = (Path(SMALL) / "plan.yaml").read_text("utf-8")
    assert "\nname: " in text or text.startswith("name: ")
    renamed = re.sub(r"(?m)^name: .*$", "name: Another bank", text, count=1)
    for each in Path(SMALL).iterdir():
        if each.is_file() and each.name != "plan.yaml":
            (plan / each.name).write_bytes(each.read_bytes())
    file.write_text(text, "utf-8")
    at = datetime.now(UTC)
    number = 0

    def decided_by() -> str:
        nonlocal number
        number += 1
        before = len(bank.reader.found[DECISIONS])
        bank.publish(SIGNALS, [("", _json(visit(f"n{number}", at + timedelta(seconds=number))))])
        assert bank.reader.until(lambda found: len(found[DECISIONS]) > before, 60), log.read_text()
        return str(bank.records(DECISIONS)[-1].plan_digest)

    log = tmp_path / "log"
    with job(bank.names, bank.endpoints, str(plan), log, "--plan_refresh", "0.3") as process:
        first = decided_by()
        file.write_text("name: [", "utf-8")
        assert bank.reader.until(lambda _: "plan_refused" in log.read_text(), 60)
        assert decided_by() == first
        file.write_text(renamed, "utf-8")
        assert bank.reader.until(lambda _: "plan_reloaded" in log.read_text(), 60), log.read_text()
        second = decided_by()
        assert process.poll() is None
    assert second != first
    assert second in log.read_text()
