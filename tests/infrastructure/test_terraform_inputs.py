"""What terraform/ takes from the project, or says again of it, is as the project has it. No terraform is needed."""

import json
import re

import pytest
import terraform_docs

from models.observability.heartbeats import SCHEDULED_PAYLOAD
from pipelines.provisioning.resources import TABLES
from pipelines.sql.limits import PlanLimit
from pipelines.sql.views import VIEWS
from schemas.derivation.formats import bigquery_columns

TERRAFORM = terraform_docs.TERRAFORM
PERSONAL = json.loads((TERRAFORM / "personal_columns.json").read_text("utf-8"))
NOT_PERSONAL = {
    "decisions": {"decision_id", "signal_id", "notes.signal_id"},
    "feedback": {"feedback_id", "decision_id", "notes.signal_id"},
}
"""Ids of events: they lead to a customer only by way of a column that is personal."""


def paths(columns, before=""):
    for column in columns:
        yield f"{before}{column['name']}"
        yield from paths(column.get("fields", ()), f"{before}{column['name']}.")


def test_tables_of_the_readme_are_written():
    readme = terraform_docs.README.read_text("utf-8")
    assert terraform_docs.written(readme) == readme


def test_stale_tables_are_found():
    readme = terraform_docs.README.read_text("utf-8")
    stale = readme.replace("| `max_workers` | `number` |", "| `max_workers` | `string` |")
    assert stale != readme
    assert terraform_docs.written(stale) == readme


def test_a_readme_without_a_place_for_tables_is_refused():
    with pytest.raises(ValueError, match="no place for inputs"):
        terraform_docs.written("# Nothing")


def test_every_variable_and_output_is_described():
    for file, kind in (("variables.tf", "variable"), ("outputs.tf", "output")):
        found = dict(terraform_docs.blocks((TERRAFORM / file).read_text("utf-8"), kind))
        assert found
        assert [name for name, given in found.items() if not given.get("description")] == []


def test_a_job_that_is_launched_by_flags_keeps_its_state_under_our_key():
    found = dict(terraform_docs.blocks((TERRAFORM / "outputs.tf").read_text("utf-8"), "output"))
    assert '"--experiments=enable_kms_on_streaming_engine"' in found["job_flags"]["value"]


def test_the_limits_of_plans_have_their_columns():
    text = (TERRAFORM / "tables" / "plan_limits.json").read_text("utf-8")
    assert json.loads(text) == bigquery_columns(PlanLimit)


def test_the_scheduler_sends_a_heartbeat():
    assert (TERRAFORM / "heartbeat.json").read_bytes() == SCHEDULED_PAYLOAD


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_personal_columns_are_there(table):
    assert set(PERSONAL[table.name]) <= set(paths(table.columns()))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_what_names_a_person_or_holds_anything_at_all_is_personal(table):
    """Ids, free maps, payloads and feature values: whoever adds such a column has to say which it is."""
    told = {
        path
        for path in paths(table.columns())
        if path.endswith(("_id", ".value", "payload", "features"))
        and not any(path.startswith(f"{other}.") for other in ("offers", "ranked"))
        and path not in NOT_PERSONAL.get(table.name, set())
    }
    groups = {path.rpartition(".")[0] for path in told}
    assert {path for path in told if path not in groups} == set(PERSONAL[table.name])


def test_views_are_no_more_than_three_deep():
    """modules/analytics makes them in three layers, each after what it reads."""

    def depth(name):
        return 1 + max(map(depth, VIEWS[name].needs & VIEWS.keys()), default=0)

    assert max(map(depth, VIEWS)) == 3


@pytest.mark.parametrize("file", sorted(TERRAFORM.glob("environments/*.tfvars")), ids=lambda file: file.stem)
def test_an_environment_names_no_image_that_there_is_not(file):
    assert "sha256:" + 64 * "0" not in file.read_text("utf-8")


def test_a_plan_is_published_so_that_no_file_of_another_stays():
    """A folder with a file that nobody signed is refused: nothing is copied over `current`."""
    page = (TERRAFORM.parent / "docs" / "operations.md").read_text("utf-8")
    lines = [line for line in page.splitlines() if line.startswith("gcloud storage")]
    into = [line for line in lines if re.search(r'"gs://\$PROJECT-plans(/current|/)?"', line)]
    assert into
    assert [line for line in into if " rsync " not in line or " --delete-unmatched" not in line] == []
