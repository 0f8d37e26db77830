"""Sessions against the answers of a published web data model, for every user whose answers are given."""

import csv
import gzip
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from realdata import ROOT, data_dir

from models.context import ContextFold
from models.decoding import Decoded, Decoder
from models.folds import fold_events
from models.mapping import load_mapping
from models.plan.load import Loaded, load_plan
from schemas import DeadLetter, SessionContext, Signal

Row = Mapping[str, str]


def rows_of(name: str) -> list[Row]:
    with gzip.open(data_dir("snowplow_web") / name, "rt", newline="") as lines:
        return list(csv.DictReader(lines))


def moment_of(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture(scope="module")
def plan() -> Loaded:
    return load_plan(ROOT / "tests/plans/snowplow_web.yaml")


@pytest.fixture(scope="module")
def fold(plan) -> ContextFold:
    return ContextFold.of(plan.spec, plan.digest)


@pytest.fixture(scope="module")
def decoded(plan) -> list[Decoded]:
    """Every row, by the mapping that is shipped and the vocabulary of the plan."""
    mapping = load_mapping(ROOT / "models/mappings/snowplow_web.yaml")
    decoder = Decoder(Signal, plan.spec, reshape=mapping.reshape)
    return [decoder.decode_row(row) for row in rows_of("snowplow_web_events.csv.gz")]


@pytest.fixture(scope="module")
def signals(fold, decoded) -> list[Signal]:
    """The rows that are events of sessions, sorted as a bounded host does."""
    return sorted((each for each in decoded if isinstance(each, Signal)), key=fold.order)


@pytest.fixture(scope="module")
def outputs(fold, signals) -> dict[str, list[Any]]:
    """All outputs by user."""
    users = {signal.customer_id for signal in signals}
    return {u: list(fold_events(fold, (s for s in signals if s.customer_id == u))) for u in users}


def found(session: SessionContext) -> tuple[Any, ...]:
    seconds = session.ended_at.replace(microsecond=0) - session.started_at.replace(microsecond=0)
    return (
        session.session_id,
        session.started_at,
        session.ended_at,
        session.events,
        {each.type: each.events for each in session.by_type},
        session.features[0].value,
        seconds.total_seconds(),
    )


def expected(row: Row) -> tuple[Any, ...]:
    return (
        row["domain_sessionid"],
        moment_of(row["start_tstamp"]),
        moment_of(row["end_tstamp"]),
        int(row["total_events"]),
        json.loads(row["event_counts"]),
        float(row["page_views"]),
        float(row["absolute_time_in_s"]),
    )


def users_given() -> Iterator[tuple[str, list[Row]]]:
    rows = rows_of("expected_sessions_half.csv.gz")
    for user in dict.fromkeys(row["domain_userid"] for row in rows):
        yield user, [row for row in rows if row["domain_userid"] == user]


def test_sessions_of_every_user_given_equal_the_published_ones(outputs):
    users = dict(users_given())
    assert len(users) == 6
    for user, rows in users.items():
        sessions = [output for output in outputs[user] if isinstance(output, SessionContext)]
        assert sorted(map(found, sessions)) == sorted(map(expected, rows)), rows[0]["user_id"]


def test_only_rows_of_nobody_or_no_session_and_rows_sent_days_later_are_refused(decoded):
    refused = [each for each in decoded if not isinstance(each, Signal)]
    assert len(decoded) == 160
    assert len(refused) == 5


def test_events_of_a_session_that_ran_for_too_long_are_dead_letters(outputs):
    refused = [output for each in outputs.values() for output in each if isinstance(output, DeadLetter)]
    assert {letter.detail.split(":")[0] for letter in refused} == {"$.session_id"}


@pytest.mark.parametrize(
    "kind", ["event_id same", "event_id different", "page_view_id different", "Multiple first"]
)
def test_sessions_are_the_same_in_reversed_order_within_the_horizon(fold, signals, outputs, kind):
    rows = [row for row in rows_of("snowplow_web_events.csv.gz") if kind in row["user_id"]]
    arriving = [s for s in reversed(signals) if s.customer_id == rows[0]["domain_userid"]]
    sessions = [o for o in fold_events(fold, arriving) if isinstance(o, SessionContext)]
    in_order = [o for o in outputs[rows[0]["domain_userid"]] if isinstance(o, SessionContext)]
    assert sorted(map(found, sessions)) == sorted(map(found, in_order))
