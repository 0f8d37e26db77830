"""A candidate is compared with the release that runs, and a job is watched after its update."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
import pytest
import requests
from analysed_rows import START, at, decision, letter, offer
from own_sleep import instead_of_sleep

from models.observability.objectives import OBJECTIVES
from models.releases.burning import COUNTED, Limits, burning, rate, silent
from models.releases.shadow import Bounds, Compared, objections
from pipelines.locate import OUTPUTS, UsageError
from pipelines.releases import comparing, watching
from pipelines.releases.comparing import compared, comparison_sql
from pipelines.releases.monitoring import growth, growth_query
from pipelines.releases.watching import watch
from pipelines.sql.local import prepare
from pipelines.sql.translate import to_duckdb
from schemas.arrow import arrow_schema
from schemas.rows import rows

UNTIL = START + timedelta(days=1)


def _compared(live: Sequence[msgspec.Struct], candidate: Sequence[msgspec.Struct]) -> Compared:
    """The row that the SQL makes of two sets of tables, on DuckDB."""
    with duckdb.connect() as connection:
        prepare(connection)
        for dataset, records in (("live", live), ("candidate", candidate)):
            connection.execute(f"CREATE SCHEMA {dataset}")
            for name, contract in OUTPUTS.items():
                own = [rows(contract)(each) for each in records if isinstance(each, contract)]
                connection.register("own", pa.Table.from_pylist(own, schema=arrow_schema(contract)))
                connection.execute(f"CREATE TABLE {dataset}.{name} AS SELECT * FROM own")

        def ask(sql: str) -> Sequence[Mapping[str, Any]]:
            cursor = connection.execute(to_duckdb(sql, ()))
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

        return compared(ask, comparison_sql("live", "candidate", START, UNTIL))


LIVE = [decision("a", 1, [offer("isa")]), decision("b", 2, [], no_action="all_suppressed"), letter(hours=1)]


def test_two_releases_that_decide_the_same_agree_on_everything():
    assert _compared(LIVE, LIVE) == Compared(
        live=2,
        candidate=2,
        paired=2,
        comparable=2,
        agreeing=2,
        agreeing_anyhow=2,
        live_letters=1,
        candidate_letters=1,
    )


@pytest.mark.parametrize(
    "other",
    [
        decision("a", 1, [offer("loan")]),
        decision("a", 1, [offer("isa", treatment="isa-banner")]),
        decision("a", 1, [offer("isa", placement="sidebar")]),
        decision("a", 1, [offer("isa"), offer("loan", placement="sidebar")]),
        decision("a", 1, [], no_action="all_suppressed"),
    ],
    ids=["another-action", "another-treatment", "another-place", "one-more", "nothing"],
)
def test_a_decision_that_offers_otherwise_does_not_agree(other):
    found = _compared(LIVE, [other, *LIVE[1:]])
    assert (found.paired, found.comparable, found.agreeing) == (2, 2, 1)


def test_nothing_for_another_reason_is_not_the_same():
    found = _compared(LIVE, [LIVE[0], decision("b", 2, [], no_action="no_candidates")])
    assert (found.comparable, found.agreeing) == (2, 1)


def test_only_ledgers_that_know_the_same_are_held_against_each_other():
    """A candidate starts with empty ledgers: of customers seen before, it knows less."""
    younger = decision("a", 1, [offer("loan")], ledger_since=at(1))
    behind = decision("b", 2, [], no_action="all_suppressed", ledger_sequence=7)
    found = _compared(LIVE, [younger, behind])
    assert (found.paired, found.comparable, found.agreeing, found.agreeing_anyhow) == (2, 0, 0, 1)


def test_rows_that_were_written_twice_count_once():
    assert _compared([*LIVE, *LIVE[:2]], LIVE) == _compared(LIVE, LIVE) == _compared(LIVE, [*LIVE, LIVE[0]])


def test_what_was_decided_outside_of_the_time_does_not_count():
    outside = [decision("c", -1), decision("d", 24), letter(hours=-1)]
    assert _compared([*LIVE, *outside], [*LIVE, *outside]) == _compared(LIVE, LIVE)


@pytest.mark.parametrize(
    ("live", "candidate", "until", "said"),
    [
        ("same", "same", UNTIL, "nothing to compare"),
        ("live", "other` --", UNTIL, "is not DATASET"),
        ("live", "candidate", START, "is empty"),
    ],
)
def test_a_comparison_that_could_only_pass_or_does_something_else_is_refused(live, candidate, until, said):
    with pytest.raises(UsageError, match=said):
        comparison_sql(live, candidate, START, until)


GOOD = Compared(
    live=1000, candidate=1000, paired=1000, comparable=800, agreeing=800, agreeing_anyhow=990, live_letters=1,
    candidate_letters=1,
)  # fmt: skip
BUSY = {
    "signals_read": 10_000.0, "outcomes_read": 1_000.0, "signals_rejected": 5.0,
    "decision_latency_le_1000ms": 995.0, "decision_latency_total": 1000.0,
}  # fmt: skip


def test_nothing_speaks_against_a_candidate_that_does_the_same():
    assert objections(GOOD, BUSY, BUSY) == ()


@pytest.mark.parametrize(
    ("changes", "counters", "said"),
    [
        ({"comparable": 199, "agreeing": 199}, {}, "only 199 decisions can be compared"),
        ({"comparable": 0, "agreeing": 0, "live": 0, "paired": 0}, {}, "only 0 decisions"),
        ({"agreeing": 798}, {}, "99.750% of 800"),
        ({"paired": 980}, {}, "2.00% of what is decided live"),
        ({"candidate_letters": 50}, {}, "by its tables"),
        ({}, {"signals_rejected": 60.0}, "by its counters"),
        ({}, {"events_dead_lettered": 60.0}, "by its counters"),
        ({}, {"signals_read": 0.0, "outcomes_read": 0.0}, "nothing came in"),
        ({}, {"decision_latency_le_1000ms": 900.0}, "90.00% of its decisions"),
        ({}, {"decision_latency_total": 0.0}, "says nothing of its latency"),
    ],
)
def test_what_speaks_against_a_candidate_is_said(changes, counters, said):
    found = objections(msgspec.structs.replace(GOOD, **changes), BUSY, {**BUSY, **counters})
    assert any(said in each for each in found)


def test_a_release_that_means_to_decide_otherwise_says_by_how_much():
    assert not objections(
        msgspec.structs.replace(GOOD, agreeing=700), BUSY, BUSY, Bounds(least_agreement=0.8)
    )


# --- the watch -------------------------------------------------------------------------------------------------------

SLOW = {**BUSY, "decision_latency_le_1000ms": 800.0}
DEAD = {**BUSY, "signals_rejected": 200.0}
FEW = {"signals_read": 5.0, "decision_latency_total": 5.0, "decision_latency_le_1000ms": 0.0}


def test_the_rate_is_how_many_times_too_fast_a_budget_is_spent():
    latency, dead = (
        next(each for each in OBJECTIVES if each.name == n) for n in ("decision_latency", "dead_letters")
    )
    assert rate(latency, SLOW) == pytest.approx(0.2 / 0.01)
    assert rate(dead, DEAD) == pytest.approx(200 / 11_000 / 0.001)
    assert rate(latency, BUSY) == pytest.approx(0.5)
    assert rate(latency, {}) == 0
    assert {each.name for each in COUNTED} >= {"decision_latency", "decision_compute", "dead_letters"}


@pytest.mark.parametrize(
    ("looks", "burns"),
    [
        ([], []),
        ([SLOW], []),
        ([SLOW, BUSY, SLOW], []),
        ([BUSY, SLOW, SLOW], ["decision_latency"]),
        ([DEAD, DEAD], ["dead_letters"]),
        ([FEW, FEW, FEW], []),
        ([SLOW, DEAD], []),
    ],
    ids=["none", "once", "not-in-a-row", "twice", "dead-letters", "too-few", "not-the-same"],
)
def test_a_budget_that_burns_twice_in_a_row_is_a_reason_to_go_back(looks, burns):
    assert [each.partition(":")[0] for each in burning(looks)] == burns


def _watched(looks: Sequence[Any]) -> tuple[list[str], int]:
    left, pauses = list(looks), []

    def look():
        if isinstance(found := left.pop(0), Exception):
            raise found
        return found

    return watch(look, len(looks), 60.0, limits=Limits(), pause=pauses.append), len(pauses)


def test_a_watch_ends_as_soon_as_something_burns():
    found, looks = _watched([BUSY, SLOW, SLOW, BUSY, BUSY])
    assert looks == 3
    assert found[0].startswith("decision_latency: its budget is spent 20")


def test_a_watch_that_sees_nothing_wrong_lasts_until_its_end():
    assert _watched([BUSY] * 5) == ([], 5)


def test_a_job_that_reads_nothing_does_not_pass():
    assert _watched([{}] * 3)[0] == ["nothing came in"]
    assert silent([{}])
    assert not silent([{}, BUSY])


def test_a_monitoring_that_is_away_for_a_moment_is_no_reason_to_go_back():
    assert _watched([BUSY, *[UsageError("away")] * 4, BUSY]) == ([], 6)


def test_a_watch_that_cannot_see_says_so_instead_of_passing():
    with pytest.raises(UsageError, match="nobody has seen the job"):
        _watched([UsageError("away")] * 6)


# --- Cloud Monitoring ------------------------------------------------------------------------------------------------


class _Monitoring(requests.Session):
    """Cloud Monitoring, as far as it matters: answers as it is told and keeps what it was asked."""

    def __init__(self, answer: Callable[[str], Any], status: int = 200) -> None:
        super().__init__()
        self._answer, self._status, self.asked = answer, status, []

    def post(self, url, data=None, **options):
        self.asked.append((url, data["query"]))
        found = requests.Response()
        found.status_code = self._status
        found.raw = io.BytesIO(json.dumps(self._answer(data["query"])).encode())
        return found


def _vector(values: Mapping[str, float]) -> dict:
    result = [{"metric": {"metric_name": name}, "value": [1.0, str(value)]} for name, value in values.items()]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


def test_growth_is_asked_by_job_and_read_by_metric():
    session = _Monitoring(lambda _: _vector(BUSY))
    assert growth(session, "bank", "nextbeam-decisioning", 300) == BUSY
    [(url, query)] = session.asked
    assert url.endswith("/v1/projects/bank/location/global/prometheus/api/v1/query")
    assert query == growth_query("nextbeam-decisioning", 300)
    assert 'job_name="nextbeam-decisioning"}[300s]' in query


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"error": "no"}, 403),
        ({"status": "error", "error": "bad query"}, 200),
        ({"status": "success", "data": {"resultType": "matrix", "result": []}}, 200),
        ({"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}}]}}, 200),
        ([], 200),
    ],
)
def test_an_answer_without_figures_is_no_growth_of_zero(answer, status):
    with pytest.raises(UsageError, match="Cloud Monitoring"):
        growth(_Monitoring(lambda _: answer, status), "bank", "job", 300)


def test_a_name_that_would_change_the_query_is_refused():
    with pytest.raises(UsageError, match="is no name of a job"):
        growth_query('job"} or vector(1)', 300)


# --- the commands ----------------------------------------------------------------------------------------------------

COMPARE = (
    "--project bank --live nextbeam --candidate nextbeam_shadow --live-job live --candidate-job candidate"
)


@pytest.fixture
def cloud(monkeypatch):
    """BigQuery and Cloud Monitoring, with what they say."""
    said = {"row": msgspec.structs.asdict(GOOD), "live": BUSY, "candidate": BUSY}
    session = _Monitoring(lambda query: _vector(said["live" if 'job_name="live"' in query else "candidate"]))
    for module in (comparing, watching):
        monkeypatch.setattr(module, "default_session", lambda: session)
    monkeypatch.setattr(comparing, "_bigquery", lambda project: lambda sql: [said["row"]])
    instead_of_sleep(monkeypatch, watching, lambda: None)
    return said


def _compare(*more: str) -> int:
    return comparing.main([*COMPARE.split(), "--since", "2026-11-21T09:00", *more])


def test_the_comparison_says_by_its_exit_whether_to_go_on(cloud, capsys):
    assert _compare() == 0
    cloud["row"]["agreeing"] = 700
    assert _compare() == 1
    assert "87.500% of 800" in json.loads(capsys.readouterr().out.splitlines()[-1])["objections"][0]
    assert _compare("--least-agreement", "0.8") == 0
    assert comparing.main([*COMPARE.split(), "--since", "2999-01-01T00:00"]) == 2


def test_the_watch_says_by_its_exit_whether_to_go_back(cloud, capsys):
    asked = ["--project", "bank", "--job", "live", "--minutes", "3"]
    assert watching.main(asked) == 0
    cloud["live"] = SLOW
    assert watching.main(asked) == 1
    assert "decision_latency" in capsys.readouterr().out
    cloud["live"] = {}
    assert watching.main(asked) == 1
