"""Sessions against the answers of a published web data model, for every user whose answers are given."""

import csv
import gzip
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from context_plans import VOCABULARY, plan
from realdata import data_dir

from models.context import ContextFold
from models.folds import fold_events
from schemas import DeadLetter, SessionContext, Signal

LATEST_SENT = timedelta(days=3)
PAGE_CONTEXT = "contexts_com_snowplowanalytics_snowplow_web_page_1_0_0"

Row = Mapping[str, str]


def rows_of(name: str) -> list[Row]:
    with gzip.open(data_dir("snowplow_web") / name, "rt", newline="") as lines:
        return list(csv.DictReader(lines))


def moment_of(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def page_view_id(row: Row) -> str | None:
    contexts = json.loads(row[PAGE_CONTEXT] or "[]")
    while contexts and isinstance(contexts[0], list):
        contexts = contexts[0]
    return contexts[0].get("id") if contexts else None


def signal_of(row: Row) -> Signal:
    return Signal(
        signal_id=row["event_id"],
        customer_id=row["domain_userid"],
        occurred_at=moment_of(row["derived_tstamp"]),
        type=row["event_name"],
        channel="web",
        brand="north",
        page=row["page_urlpath"] or None,
        session_id=row["domain_sessionid"],
        attributes={"page_view_id": page_view_id(row)},
    )


def counts(row: Row) -> bool:
    """Whether the model looks at the row: it is somebody's, in a session, and was not sent days later."""
    waited = moment_of(row["dvce_sent_tstamp"]) - moment_of(row["dvce_created_tstamp"])
    return bool(row["domain_userid"] and row["domain_sessionid"]) and waited <= LATEST_SENT


@pytest.fixture(scope="module")
def fold() -> ContextFold:
    types = sorted({row["event_name"] for row in rows_of("snowplow_web_events.csv.gz")} | {"page_ping"})
    page_views = {
        "name": "page_views",
        "kind": "distinct",
        "of": "signal.attributes.page_view_id",
        "where": "signal.type in ('page_view', 'page_ping')",
        "window": "session",
    }
    session = {"by": "declared", "gap": "3d", "late": "3d", "longest": "3d", "lead": {"page_ping": "5s"}}
    return ContextFold.of(plan([page_views], session, vocabulary={**VOCABULARY, "signal_types": types}), "d")


@pytest.fixture(scope="module")
def outputs(fold) -> dict[str, list[Any]]:
    """All outputs by user, from events sorted as a bounded host does."""
    signals = sorted(map(signal_of, filter(counts, rows_of("snowplow_web_events.csv.gz"))), key=fold.order)
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


def test_events_of_a_session_that_ran_for_too_long_are_dead_letters(outputs):
    refused = [output for each in outputs.values() for output in each if isinstance(output, DeadLetter)]
    assert {letter.detail.split(":")[0] for letter in refused} == {"$.session_id"}


@pytest.mark.parametrize(
    "kind", ["event_id same", "event_id different", "page_view_id different", "Multiple first"]
)
def test_sessions_are_the_same_in_reversed_order_within_the_horizon(fold, outputs, kind):
    rows = [row for row in rows_of("snowplow_web_events.csv.gz") if kind in row["user_id"]]
    arriving = sorted(map(signal_of, rows), key=fold.order, reverse=True)
    sessions = [o for o in fold_events(fold, arriving) if isinstance(o, SessionContext)]
    in_order = [o for o in outputs[rows[0]["domain_userid"]] if isinstance(o, SessionContext)]
    assert sorted(map(found, sessions)) == sorted(map(found, in_order))
