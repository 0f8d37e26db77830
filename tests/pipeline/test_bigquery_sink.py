"""WriteBigQuery against a service that answers, refuses and goes away, as BigQuery does."""

import copy
import pickle
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from google.api_core.exceptions import (
    BadRequest,
    Forbidden,
    InternalServerError,
    ServiceUnavailable,
    TooManyRequests,
)
from requests.exceptions import ConnectionError as NotConnected

from schemas import DeadLetter, Feedback, Reason
from schemas.rows import json_rows
from transforms import bigquery
from transforms.bigquery import _CheckFn, _InsertFn
from transforms.bigquery_client import Connect
from transforms.discreet import StepError

TABLE = "local-dev.bank.feedback"
AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
ONE: Feedback = msgspec.convert(
    {
        **dict.fromkeys(
            ("feedback_id", "decision_id", "customer_id", "action", "treatment", "issue", "group"), "x"
        ),
        **dict.fromkeys(("channel", "brand", "placement", "plan_digest", "model_digest"), "x"),
        "rank": 1,
        "message_class": "marketing",
        "outcome": "Clicked",
        "occurred_at": AT,
        "decided_at": AT,
        "delay_s": 0.0,
        "contact": "committed",
        "propensity": 0.5,
    },
    Feedback,
)


def feedback(*names: str) -> list[Feedback]:
    return [msgspec.structs.replace(ONE, feedback_id=name) for name in names]


class Service:
    """Takes rows like insertAll: what `bad` names is refused, and then so is what stands beside it."""

    def __init__(self, *troubles: Exception, bad: Sequence[str] = (), most: int = 1000) -> None:
        self.troubles = list(troubles)
        self.bad = set(bad)
        self.most = most
        self.rows: dict[str, dict[str, Any]] = {}
        self.requests = 0

    def __call__(self, project: str) -> "Service":
        assert project == "local-dev"
        return self

    def insert_rows_json(
        self, table: str, json_rows: list[dict[str, Any]], *, row_ids: list[str], **_: Any
    ) -> list[dict[str, Any]]:
        assert table == TABLE
        self.requests += 1
        if self.troubles:
            raise self.troubles.pop(0)
        if len(json_rows) > self.most:
            raise BadRequest("the request is too large")
        names = [row["feedback_id"] for row in json_rows]
        if self.bad & set(names):
            return [
                {
                    "index": index,
                    "errors": [{"reason": "invalid" if name in self.bad else "stopped", "location": "label"}],
                }
                for index, name in enumerate(names)
            ]
        for key, row in zip(row_ids, json_rows, strict=True):
            self.rows.setdefault(key, copy.deepcopy(row))
        return []

    @property
    def names(self) -> list[str]:
        return sorted(row["feedback_id"] for row in self.rows.values())


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("google.api_core.retry.retry_unary.time.sleep", lambda _: None)
    return


def insert(service: Service, *records: Feedback, patience_s: float = 900.0) -> list[DeadLetter]:
    """One bundle."""
    fn = _InsertFn(Feedback, TABLE, "Write_feedback", service, patience_s)  # type: ignore[arg-type]
    fn.setup()
    fn.start_bundle()
    letters = [letter for record in records for letter in fn.process(record)]
    return letters + [windowed.value for windowed in fn.finish_bundle()]


def test_rows_arrive_whole():
    service = Service()
    assert insert(service, *feedback("a", "b")) == []
    assert list(service.rows.values()) == [json_rows(Feedback)(each) for each in feedback("a", "b")]
    assert service.requests == 1


def test_a_bundle_that_is_tried_again_is_not_written_again():
    service = Service()
    insert(service, *feedback("a", "b"))
    insert(service, *feedback("a", "b"))
    assert service.names == ["a", "b"]


@pytest.mark.parametrize(
    "trouble",
    [InternalServerError("?"), ServiceUnavailable("?"), TooManyRequests("?"), NotConnected("?")],
    ids=lambda trouble: type(trouble).__name__,
)
def test_a_service_that_is_away_is_waited_for(trouble):
    service = Service(trouble, trouble, trouble)
    assert insert(service, *feedback("a")) == []
    assert (service.names, service.requests) == (["a"], 4)


def test_patience_ends(monkeypatch):
    clock = iter(range(0, 10_000, 7))
    monkeypatch.setattr("google.api_core.retry.retry_unary.time.monotonic", lambda: next(clock))
    with pytest.raises(StepError, match="RetryError"):
        insert(Service(*[ServiceUnavailable("?")] * 1000), *feedback("a"), patience_s=60)


def test_what_will_not_change_by_waiting_stops_the_bundle():
    service = Service(Forbidden("no such permission"))
    with pytest.raises(StepError, match="Forbidden"):
        insert(service, *feedback("a"))
    assert service.requests == 1


def test_a_refused_row_becomes_a_dead_letter_and_those_beside_it_arrive():
    service = Service(bad=["b", "d"])
    letters = insert(service, *feedback("a", "b", "c", "d"))
    assert service.names == ["a", "c"]
    assert [letter.reason for letter in letters] == [Reason.ROW_REJECTED] * 2
    assert [msgspec.json.decode(letter.payload)["feedback_id"] for letter in letters] == ["b", "d"]
    assert {letter.detail for letter in letters} == {"label: invalid"}
    assert {letter.occurred_at for letter in letters} == {AT}


def test_a_request_that_is_too_large_is_halved():
    service = Service(most=3)
    assert insert(service, *feedback(*"abcdefgh")) == []
    assert service.names == list("abcdefgh")


def test_a_row_that_is_too_large_alone_becomes_a_dead_letter():
    service = Service(most=0)
    [letter] = insert(service, *feedback("a"))
    assert (letter.reason, letter.detail) == (Reason.ROW_REJECTED, "BadRequest 400")


def test_a_request_holds_no_more_than_the_service_takes(monkeypatch):
    monkeypatch.setattr(bigquery, "_BATCH_ROWS", 4)
    service = Service()
    assert insert(service, *feedback(*"abcdefghij")) == []
    assert (service.names, service.requests) == (list("abcdefghij"), 3)


def test_a_record_that_broke_its_contract_never_reaches_the_service():
    fn = _CheckFn(Feedback, "Write_feedback")
    fn.setup()
    sound, broken = ONE, msgspec.structs.replace(ONE, propensity=float("nan"))
    assert list(fn.process(sound)) == [sound]
    [tagged] = fn.process(broken)
    assert (tagged.tag, tagged.value.reason) == ("refused", Reason.ROW_INVALID)
    assert tagged.value.step == "Write_feedback"


def test_what_travels_to_workers_pickles():
    fn = _InsertFn(Feedback, TABLE, "Write_feedback", Connect("http://127.0.0.1:1"), 1.0)
    assert pickle.loads(pickle.dumps(fn))._table == TABLE


def test_an_emulator_without_a_scheme_is_refused(monkeypatch):
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "127.0.0.1:9050")
    with pytest.raises(ValueError, match=r"write http://127\.0\.0\.1:9050"):
        Connect()("local-dev")


def test_no_value_of_a_row_is_in_a_dead_letters_detail():
    secret = "Zebedee"
    letters = insert(Service(bad=[secret]), *feedback(secret))
    assert secret not in letters[0].detail
