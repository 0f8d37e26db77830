"""`nextbeam plan limits`, and the promises of a local job: BigQuery learns what a plan promises, in the end once."""

import json
import shutil
from collections.abc import Iterator
from threading import Event
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.api_core.exceptions import Forbidden, NotFound, ServiceUnavailable
from google.cloud import bigquery

from models.plan.load import load_plan
from models.signing import sign
from pipelines import streaming
from pipelines.cli import main
from pipelines.locate import UsageError, find_plan
from pipelines.provisioning import Names, Resources, promises
from pipelines.provisioning.endpoints import Endpoints
from pipelines.provisioning.promises import append_limits
from pipelines.provisioning.views import provision_views
from pipelines.sql.limits import PLAN_LIMITS, plan_limits
from pipelines.stream_flags import StreamConfig

PLAN = "tests/plans/small"
LOADED = load_plan(find_plan(PLAN))
LIMITS = plan_limits(LOADED.spec, LOADED.digest)


@pytest.fixture
def names(bigquery_server, monkeypatch) -> Iterator[Names]:
    """A dataset of this test's own with the table and nothing else, as the environment names the server."""
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", bigquery_server.url)
    names = Names("local-dev", dataset=f"l{uuid4().hex[:8]}")
    client = Endpoints(bigquery=bigquery_server.url).tables(names.project)
    client.create_dataset(names.dataset)
    provision_views(Resources(names), Endpoints(bigquery=bigquery_server.url), only=())
    yield names
    client.close()


def _rows(names: Names) -> list[tuple[str, str]]:
    client = Endpoints.from_environment().tables(names.project)
    sql = f"SELECT plan_digest, limit_id FROM `{names.table(PLAN_LIMITS)}`"
    found = sorted((row["plan_digest"], row["limit_id"]) for row in client.query(sql).result())
    client.close()
    return found


def test_the_limits_of_a_plan_are_written_once_however_often_it_is_said(names, capsys):
    command = ["plan", "limits", PLAN, "--dataset", names.dataset]
    assert len(LIMITS) > 1
    wanted = sorted((each.plan_digest, each.limit_id) for each in LIMITS)
    for said in (f"{len(LIMITS)} of {len(LIMITS)} limits written", "limits are there"):
        assert main(command) == 0
        assert said in capsys.readouterr().out
        assert _rows(names) == wanted


def test_what_an_earlier_try_left_out_is_added(names):
    assert append_limits(LIMITS[:1], names, Endpoints.from_environment()) == 1
    assert append_limits(LIMITS, names, Endpoints.from_environment()) == len(LIMITS) - 1
    assert _rows(names) == sorted((each.plan_digest, each.limit_id) for each in LIMITS)


class _Writer:
    """Who may append to the table, and nothing else: whatever else is asked of it fails the test."""

    def __init__(self, errors=()) -> None:
        self.sent: list[tuple[list, list]] = []
        self._errors = list(errors)

    def list_rows(self, *_, **__):
        raise Forbidden("bigquery.tables.getData")

    def insert_rows_json(self, table, rows, row_ids, **_):
        self.sent.append((rows, row_ids))
        return self._errors

    def close(self) -> None:
        pass


class _As(Endpoints):
    client: _Writer

    def tables(self, project):
        return _As.client


def test_who_may_only_append_needs_nothing_more_and_names_each_row_for_the_service():
    """The same row has the same name each time, so that the service drops what was sent a moment ago."""
    _As.client = _Writer()
    for _ in range(2):
        assert append_limits(LIMITS, Names("local-dev"), _As()) == len(LIMITS)
    (first, ids), (again, same) = _As.client.sent
    assert first == again
    assert ids == same
    assert len(set(ids)) == len(LIMITS)


def test_many_limits_go_in_several_requests(monkeypatch):
    monkeypatch.setattr(promises, "_ROWS", 1)
    _As.client = _Writer()
    append_limits(LIMITS, Names("local-dev"), _As())
    assert [len(rows) for rows, _ in _As.client.sent] == [1] * len(LIMITS)


def test_a_table_of_other_columns_is_refused_with_words():
    about = {"reason": "invalid", "location": "silences", "message": "no such field"}
    _As.client = _Writer([{"index": 0, "errors": [about]}])
    with pytest.raises(UsageError, match=r"invalid silences: no such field\); bring its columns"):
        append_limits(LIMITS, Names("local-dev"), _As())


def test_a_table_that_is_not_there_is_told(bigquery_server, monkeypatch, capsys):
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", bigquery_server.url)
    assert main(["plan", "limits", PLAN, "--dataset", f"l{uuid4().hex[:8]}"]) == 2
    assert "there is no table" in capsys.readouterr().err


def test_of_a_plan_that_nobody_approved_nothing_is_published(names, tmp_path, capsys):
    key = ec.generate_private_key(ec.SECP256R1())
    pem = tmp_path / "public.pem"
    pem.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    folder = shutil.copytree(find_plan(PLAN), tmp_path / "plan")
    command = ["plan", "limits", str(folder), "--dataset", names.dataset, "--keys", str(pem)]
    assert main(command) == 2
    assert "the plan is not signed" in capsys.readouterr().err
    assert _rows(names) == []
    sign(folder, key)
    assert main(command) == 0
    assert len(_rows(names)) == len(LIMITS)


@pytest.fixture
def local(monkeypatch) -> streaming._Promises:
    """Those of a job whose table may be away."""
    config = StreamConfig(
        plan=PLAN,
        signals_subscription="x",
        outcomes_subscription="x",
        **{f"{name}_topic": "x" for name in ("decisions", "feedback", "dead_letters")},
        dataset="some-bank.nextbeam",
        refresh_s=None,
    )
    return streaming._Promises(config)


def test_a_local_job_tries_until_its_limits_are_written_and_tells_each_trouble_once(
    local, monkeypatch, caplog
):
    troubles = [
        NotFound("x"),
        NotFound("x"),
        ServiceUnavailable("x"),
        OSError("x"),
        OSError("x"),
        NotFound("x"),
    ]
    tries: list[object] = []

    def publish(limits, *_):
        tries.append(limits)
        if len(tries) <= len(troubles):
            raise troubles[len(tries) - 1]
        return True

    monkeypatch.setattr(streaming, "publish_limits", publish)
    for _ in range(10):
        local.publish()
    assert len(tries) == len(troubles) + 1
    told = [json.loads(record.getMessage()) for record in caplog.records]
    assert [line["error"] for line in told] == ["NotFound", "ServiceUnavailable", "OSError"]
    assert {line["event"] for line in told} == {"limits_unpublished"}
    assert {line["plan_digest"] for line in told} == {LOADED.digest}


def test_a_local_job_without_a_plan_to_read_tries_again_too(local, monkeypatch, caplog):
    stop, looks = Event(), []

    class Source:
        def load(self):
            looks.append(1)
            if len(looks) == 3:
                stop.set()
            raise ValueError("Zebedee")

    monkeypatch.setattr(streaming, "_LOOK_S", 0.0)
    monkeypatch.setattr(local, "_source", Source())
    local.keep(stop)
    assert len(looks) == 3
    [line] = [json.loads(record.getMessage()) for record in caplog.records]
    assert (line["event"], line["error"]) == ("limits_unpublished", "ValueError")
    assert "Zebedee" not in caplog.text


def test_rows_are_what_bigquery_derives_from_the_contract(names):
    """All columns, and not only the two that are compared."""
    append_limits(LIMITS, names, Endpoints.from_environment())
    client: bigquery.Client = Endpoints.from_environment().tables(names.project)
    sql = f"SELECT limit_id, at_most, window_us, whose, outbound FROM `{names.table(PLAN_LIMITS)}`"
    found = {row["limit_id"]: tuple(row.values())[1:] for row in client.query(sql).result()}
    client.close()
    assert found == {
        each.limit_id: (each.at_most, each.window_us, each.whose, list(each.outbound)) for each in LIMITS
    }
