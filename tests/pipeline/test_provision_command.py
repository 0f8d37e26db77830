"""`nextbeam provision`: makes all that a job needs, once; says what it made, or would make; refuses the rest."""

from uuid import uuid4

import pytest
from google.cloud import bigquery

from models.plan.load import load_plan
from pipelines.cli import main
from pipelines.locate import find_plan
from pipelines.provisioning import Names, Resources
from pipelines.provisioning.endpoints import Endpoints
from pipelines.sql.limits import PLAN_LIMITS
from pipelines.sql.views import VIEWS

PLAN = "tests/plans/small"


@pytest.fixture
def place(pubsub_server, bigquery_server, monkeypatch):
    """Both servers as the environment names them, and names of this test's own."""
    name = f"p{uuid4().hex[:8]}"
    endpoints = Endpoints(pubsub=pubsub_server.endpoint, bigquery=bigquery_server.url)
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", str(endpoints.pubsub))
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", str(endpoints.bigquery))
    return endpoints, Names("local-dev", dataset=name, prefix=f"{name}-")


def _provision(names, *flags):
    return main(["provision", "--prefix", names.prefix, "--dataset", names.dataset, *flags])


def _topics(endpoints, names):
    with endpoints.publisher() as publisher:
        found = publisher.list_topics(project=f"projects/{names.project}")
        return {topic.name for topic in found if f"/{names.prefix}" in topic.name}


def test_a_dry_run_says_all_that_is_made_then_and_a_further_run_changes_nothing(place, capsys):
    endpoints, names = place
    resources = Resources.of(names)
    assert _provision(names, "--plan", PLAN, "--dry-run") == 0
    would = capsys.readouterr().out
    assert _topics(endpoints, names) == set()
    datasets = endpoints.tables(names.project).list_datasets()
    assert names.dataset not in {each.dataset_id for each in datasets}
    assert _provision(names, "--plan", PLAN) == 0
    said = capsys.readouterr().out
    assert said == would.replace("would be ", "")
    digest = load_plan(find_plan(PLAN)).digest
    made = [
        *(names.topic(each.name) for each in resources.topics),
        *(names.subscription(each.name) for each in resources.subscriptions),
        names.dataset,
        *(names.table(name) for name in [*(each.name for each in resources.tables), PLAN_LIMITS, *VIEWS]),
    ]
    lines = said.splitlines()
    assert sorted(lines[:-2]) == sorted(f"{name}: created" for name in made)
    assert lines[-2].startswith(f"limits of plan {digest}: ")
    assert lines[-1] == f"{len(made) + 1} made or changed"
    assert _topics(endpoints, names) == {names.topic(each.name) for each in resources.topics}
    assert _provision(names, "--plan", PLAN) == 0
    assert capsys.readouterr().out == "all is there, and as it should be\n"
    sql = f"SELECT DISTINCT plan_digest FROM `{names.table(PLAN_LIMITS)}`"
    rows = endpoints.tables(names.project).query_and_wait(sql)
    assert [row["plan_digest"] for row in rows] == [digest]


def test_what_differs_and_cannot_be_changed_is_refused(place, capsys):
    endpoints, names = place
    client = endpoints.tables(names.project)
    client.create_dataset(names.dataset)
    client.create_table(bigquery.Table(names.table("feedback"), [bigquery.SchemaField("ours", "STRING")]))
    for flags in (["--dry-run"], []):
        assert _provision(names, *flags) == 2
        assert f"{names.table('feedback')} is partitioned by nothing" in capsys.readouterr().err


def test_without_a_bigquery_there_are_topics_and_it_says_so(place, capsys, monkeypatch):
    endpoints, names = place
    monkeypatch.delenv("BIGQUERY_EMULATOR_HOST")
    assert _provision(names) == 0
    assert "there are no tables" in capsys.readouterr().err
    assert len(_topics(endpoints, names)) == len(Resources.of(names).topics)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--dataset", "a.b"], "--dataset: 'a' cannot be a name"),
        (["--dataset", "some-project.b"], "name it by --project"),
        (["--plan", "uk_bnak"], "did you mean 'uk_bank'"),
        (["--prefix", "1"], "--prefix: '1' cannot be a name"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_made(monkeypatch, capsys, flags, said):
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:1")
    assert main(["provision", *flags]) == 2
    assert said in capsys.readouterr().err
