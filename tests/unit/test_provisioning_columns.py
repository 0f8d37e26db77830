"""Columns of a table may come in addition; whatever else differs is refused by name."""

import copy

import pytest

from pipelines.provisioning import Names, ProvisioningError, Resources
from pipelines.provisioning.columns import merged
from pipelines.provisioning.resources import SUBSCRIPTIONS, TABLES, TOPICS, UNDELIVERED, derived


def _column(name, kind="STRING", mode="NULLABLE", **more):
    return {"name": name, "type": kind, "mode": mode, **more}


ID = _column("decision_id", mode="REQUIRED", description="Hash.")
RANK = _column("rank", "INTEGER", "REQUIRED")
OFFERS = _column("offers", "RECORD", "REPEATED", fields=[RANK])
ARM = _column("arm")


@pytest.mark.parametrize(
    "have",
    [
        pytest.param([ID, OFFERS], id="the-same"),
        pytest.param([{**ID, "name": "Decision_ID"}, OFFERS], id="names-have-no-case"),
        pytest.param(
            [ID, {**OFFERS, "type": "STRUCT", "fields": [{**RANK, "type": "INT64"}]}],
            id="types-by-other-names",
        ),
        pytest.param([ID, {**OFFERS, "policyTags": {"names": []}}], id="what-others-have-set"),
    ],
)
def test_nothing_changes_when_all_is_there(have):
    assert merged(have, [ID, OFFERS], table="decisions") is None


def test_new_columns_come_last_and_keep_the_order_that_is_there():
    new = merged([OFFERS, ID], [ID, ARM, OFFERS], table="decisions")
    assert new is not None
    assert [column["name"] for column in new] == ["offers", "decision_id", "arm"]


def test_a_new_column_inside_a_record_is_added_there():
    bid = _column("bid", "FLOAT")
    new = merged([ID, OFFERS], [ID, {**OFFERS, "fields": [RANK, bid]}], table="decisions")
    assert new == [ID, {**OFFERS, "fields": [RANK, bid]}]


def test_a_description_is_brought_into_line():
    assert merged([{**ID, "description": "Old."}], [ID], table="decisions") == [ID]


@pytest.mark.parametrize(
    ("have", "want", "said"),
    [
        pytest.param(
            [ID, OFFERS],
            [ID, {**OFFERS, "fields": [{**RANK, "type": "FLOAT"}]}],
            "decisions: column offers.rank has type INTEGER, the contract says FLOAT",
            id="type",
        ),
        pytest.param(
            [ID], [{**ID, "mode": "NULLABLE"}], "decisions: column decision_id has mode REQUIRED", id="mode"
        ),
        pytest.param([ARM], [{**ARM, "mode": "REPEATED"}], "column arm has mode NULLABLE", id="repeated"),
        pytest.param(
            [ID, ARM], [ID], "decisions: column arm is there, but no contract of ours has it", id="missing"
        ),
        pytest.param([ID], [ID, RANK], "decisions: column rank is new and REQUIRED", id="new-and-required"),
        pytest.param(
            [OFFERS],
            [{**OFFERS, "fields": [RANK, {**ID, "name": "slot"}]}],
            "decisions: column offers.slot is new and REQUIRED",
            id="new-and-required-inside",
        ),
    ],
)
def test_any_other_difference_is_refused_by_the_name_of_the_column(have, want, said):
    with pytest.raises(ProvisioningError) as refused:
        merged(have, want, table="decisions")
    assert said in str(refused.value)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_tables_are_laid_out_by_columns_they_have(table):
    columns = {column["name"]: column for column in table.columns()}
    assert all(columns[name]["mode"] != "REPEATED" for name in table.clustered_by)
    assert len(table.clustered_by) <= 4  # what BigQuery allows
    if table.partitioned_by is not None:
        assert columns[table.partitioned_by]["type"] == "TIMESTAMP"
        assert (
            columns[table.partitioned_by]["mode"] == "REQUIRED"
        )  # a row without it could not be found by day


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_contract_that_grew_by_its_last_column_is_accepted(table):
    want = table.columns()
    have = copy.deepcopy(want)
    have.pop()
    if want[-1]["mode"] == "REQUIRED":
        pytest.skip("the last column of this contract has been there from the start")
    assert merged(have, want, table=table.name) == want


def test_tables_are_those_of_a_run_on_files():
    """The same SQL is to run on both."""
    from pipelines.locate import OUTPUTS
    from schemas.derivation.formats import snake

    assert {table.name: table.contract for table in TABLES} == {
        name: snake(contract.__name__) for name, contract in OUTPUTS.items()
    }


def test_every_topic_is_read_by_somebody_who_keeps_what_would_be_lost():
    names = {topic.name for topic in TOPICS}
    assert {subscription.topic for subscription in SUBSCRIPTIONS} <= names
    for topic in (UNDELIVERED, "signals", "outcomes", "dead-letter"):
        assert any(s.topic == topic and s.expires is None for s in SUBSCRIPTIONS), topic


def test_every_topic_of_a_contract_has_its_protobuf_text():
    for contract in Resources(Names("local-dev")).contracts():
        assert derived(f"{contract}.proto").startswith("syntax")


def test_names_carry_the_prefix_but_tables_do_not():
    names = Names("local-dev", dataset="bank", prefix="t1-")
    assert names.topic("signals") == "projects/local-dev/topics/t1-signals"
    assert names.subscription("signals-live") == "projects/local-dev/subscriptions/t1-signals-live"
    assert names.schema("signal") == "projects/local-dev/schemas/t1-signal"
    assert names.table("decisions") == "local-dev.bank.decisions"


def test_watchers_read_along_on_every_topic_and_leave_nothing_behind():
    plain, watched = Resources.of(Names("local-dev")), Resources.of(Names("local-dev"), watchers=["live"])
    along = set(watched.subscriptions) - set(plain.subscriptions)
    assert {s.name for s in along} == {f"{t.name}-live" for t in TOPICS if t.contract}
    assert all(s.expires and s.attempts is None for s in along)
