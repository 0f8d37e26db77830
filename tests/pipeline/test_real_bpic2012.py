"""The loan process of a Dutch bank, end to end: what the shell writes, held against the raw table and the plan's text.

Nothing here asks our own compiled rules: triggers and limits are read from the YAML and applied by hand.
"""

import json
import os
import random
import re
from bisect import bisect_left
from itertools import groupby
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from realdata import ROOT, data_dir

from models.times import duration
from pipelines import cli

pytestmark = pytest.mark.slow

PLAN = ROOT / "models/catalogues/bpic2012"
MAPPING = ROOT / "models/mappings/bpic2012.yaml"
AGAIN = 1 if os.environ.get("NEXTBEAM_FULL") else 4
"""The second run repeats every fourth application; with NEXTBEAM_FULL, all of them."""

TABLES = ("decisions", "feedback", "sessions", "dead_letters")
ANSWERS = {"A_ACCEPTED", "O_SENT_BACK", "O_CANCELLED", "O_ACCEPTED", "O_DECLINED"}


def decide(out, *files):
    flags = ["run", "--quiet", "--mapping", "bpic2012", "--plan", "bpic2012", "--out", str(out)]
    assert cli.main([*flags, "--signals", *map(str, files)]) == 0
    return out


@pytest.fixture(scope="module")
def source() -> Path:
    return data_dir("bpic2012") / "events_first70.parquet"


@pytest.fixture(scope="module")
def run(source, tmp_path_factory):
    """The folder of one run over the whole log."""
    return decide(tmp_path_factory.mktemp("bpic2012") / "run", source)


@pytest.fixture(scope="module")
def db(run, source):
    """The raw table as `log`, its rows with our ids; the records of the run; `offers`, one row each."""
    connection = duckdb.connect(":memory:")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(
        f"CREATE TABLE log AS SELECT *, case_id || '-' || lpad(seq::VARCHAR, 5, '0') AS id FROM '{source}'"
    )
    for table in TABLES:
        connection.execute(f"CREATE VIEW {table} AS SELECT * FROM {records(run, table)}")
    connection.execute(
        "CREATE TABLE offers AS SELECT decision_id, signal_id, customer_id, decided_at, trigger, o.* "
        "FROM (SELECT *, unnest(offers) AS o FROM decisions)"
    )
    return connection


def records(run, table):
    return f"read_parquet('{run}/{table}/date=*/*.parquet', hive_partitioning = false)"


@pytest.fixture(scope="module")
def written():
    """The plan as its author wrote it."""
    return yaml.safe_load((PLAN / "plan.yaml").read_text())


def rows(db, sql):
    return db.execute(sql).fetchall()


def number(db, sql):
    return db.execute(sql).fetchone()[0]


def test_every_event_is_accounted_for_and_none_is_skipped(run, db):
    summary = json.loads((run / "summary.json").read_text())
    accounting = summary["accounting"]
    assert accounting["inputs"] == number(db, "SELECT count(*) FROM log") == 186_186
    ways = ("decided", "observed", "duplicates", "dead_letters")
    assert sum(accounting[way] for way in ways) == 186_186
    assert accounting["skipped"] == accounting["duplicates"] == 0
    assert summary["accounted"]
    assert accounting["decided"] == number(db, "SELECT count(DISTINCT decision_id) FROM decisions")
    assert accounting["dead_letters"] == number(db, "SELECT count(*) FROM dead_letters") < 100


def test_each_signal_that_a_trigger_matches_is_decided_and_no_other(db, written):
    expected = {
        (event, case, at, trigger)
        for activity, lifecycle, trigger in waiting_points(written["triggers"])
        for event, case, at in db.execute(
            "SELECT id, case_id, timestamp FROM log WHERE activity = ? AND lifecycle = ?",
            [activity, lifecycle],
        ).fetchall()
    }
    decided = rows(db, "SELECT signal_id, customer_id, decided_at, trigger FROM decisions")
    assert len(decided) == len(set(decided)) == 83_447
    assert set(decided) == expected


def waiting_points(triggers):
    """Activity and lifecycle in the log, and the trigger whose text names them; the text of each must be as simple."""
    mapping = yaml.safe_load(MAPPING.read_text())
    activities = {ours: theirs for theirs, ours in mapping["tables"]["types"].items()}
    simple = re.compile(
        r"signal\.type == '(\w+)'(?: and signal\.attributes\.lifecycle == '(\w+)')?", re.ASCII
    )
    for trigger in triggers:
        kind, lifecycle = simple.fullmatch(trigger["when"]).groups()
        # Only work has lifecycles: everything else in the log is COMPLETE.
        yield activities[kind], lifecycle or "COMPLETE", trigger["id"]


def test_each_answer_of_the_log_is_one_feedback_or_one_dead_letter(db):
    answers = {event for event, name in rows(db, "SELECT id, activity FROM log") if name in ANSWERS}
    silence = number(db, "SELECT count(*) FROM feedback WHERE outcome = 'NoResponse'")
    attached = [
        event for (event,) in rows(db, "SELECT feedback_id FROM feedback WHERE outcome != 'NoResponse'")
    ]
    refused = [
        json.loads(payload)["outcome_id"] for (payload,) in rows(db, "SELECT payload FROM dead_letters")
    ]
    assert sorted([*attached, *refused]) == sorted(answers)
    assert rows(db, "SELECT DISTINCT reason FROM dead_letters") == [("unattributed_outcome",)]
    assert silence + len(attached) == number(db, "SELECT count(*) FROM feedback")


def test_feedback_attaches_to_one_offer_that_exists_and_is_about_it(db):
    same = ", ".join(
        ("decision_id", "rank", "customer_id", "action", "treatment", "placement", "channel", "decided_at")
    )
    matched = number(
        db, f"SELECT count(*) FROM feedback JOIN offers USING ({same}) WHERE occurred_at >= decided_at"
    )
    assert matched == number(db, "SELECT count(*) FROM feedback") > 20_000


def test_silence_is_said_once_and_only_of_calls_nobody_answered(db):
    silent = "SELECT decision_id, rank FROM feedback WHERE outcome = 'NoResponse'"
    labelled = "SELECT decision_id, rank FROM feedback WHERE outcome != 'NoResponse' AND label IS NOT NULL"
    assert not rows(db, f"{silent} INTERSECT {labelled}")
    calls = "SELECT decision_id, rank FROM offers WHERE channel = 'phone'"
    assert sorted(rows(db, silent)) == sorted(rows(db, f"{calls} EXCEPT ({labelled})"))


def test_no_rolling_window_holds_more_contacts_than_a_limit_allows(db, written):
    exempt = written["contact"]["exempt"]
    contacts = rows(
        db,
        """SELECT customer_id, epoch_us(decided_at) AS at, signal_id, rank, decision_id, channel, action, treatment,
                  o.group, issue, message_class, released
           FROM offers AS o LEFT JOIN (
             SELECT decision_id, rank, epoch_us(max(occurred_at)) AS released FROM feedback
             GROUP BY ALL HAVING arg_max(contact, occurred_at) = 'released'
           ) USING (decision_id, rank) ORDER BY 1, 2, 3, 4""",
    )
    governed = [Contact(*row) for row in contacts if row[10] not in exempt]
    full = {limit["id"]: overfull(limit, governed) for limit in written["contact"]["limits"]}
    assert full == dict.fromkeys(full, 0)
    assert len(governed) > 20_000


class Contact:
    """An offer that contact policy governs, and what limits can count it by."""

    def __init__(
        self, customer, at, signal, rank, decision, channel, action, treatment, group, issue, kind, released
    ):
        self.customer, self.at, self.decision, self.released = customer, at, decision, released
        self.names = {
            "channels": channel,
            "actions": action,
            "groups": group,
            "issues": issue,
            "classes": kind,
        }
        each = {"customer": "", "channel": channel, "group": group, "issue": issue, "action": action}
        self.keys = each | {"treatment": (action, treatment)}

    def held(self, at):
        return self.released is None or self.released > at


def overfull(limit, contacts):
    """How many contacts were made although the window that ends with them was full."""
    names = limit.get("scope", {}) | {"channels": limit.get("channels", ())}
    counted = [
        each for each in contacts if all(each.names[key] in some for key, some in names.items() if some)
    ]
    by_unit = lambda each: (each.customer, each.keys[limit["each"]])  # noqa: E731
    too_many, window, exempt = 0, duration(limit["per"]), limit.get("same_decision") == "exempt"
    for _, unit in groupby(sorted(counted, key=by_unit), by_unit):  # sorting keeps the order of decisions
        made = list(unit)
        for last, contact in enumerate(made):
            first = bisect_left(made, contact.at - window + 1, key=lambda each: each.at)
            before = [each for each in made[first:last] if each.held(contact.at)]
            others = sum(each.decision != contact.decision for each in before) if exempt else len(before)
            too_many += others + 1 > limit["at_most"]
    return too_many


@pytest.mark.parametrize(
    ("trigger", "action"),
    [
        ("application-submitted", "confirm-receipt"),
        ("lead-scheduled", "qualify-lead"),
        ("offer-sent", "explain-offer"),
        ("validation-scheduled", "speed-up-validation"),
        ("fraud-check-scheduled", "check-fraud"),
        ("contract-change-scheduled", "change-contract"),
        ("declined", "explain-refusal"),
        ("cancelled", "confirm-cancellation"),
        ("activated", "welcome"),
    ],
)
def test_where_one_thing_must_be_done_it_is(trigger, action, db):
    asked = number(db, f"SELECT count(*) FROM decisions WHERE trigger = '{trigger}'")
    done = number(db, f"SELECT count(*) FROM offers WHERE trigger = '{trigger}' AND action = '{action}'")
    assert done == asked > 0


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("park-file", "remind-open-offer"),
        ("park-file", "call-to-complete"),
        ("explain-offer", "remind-open-offer"),
    ],
)
def test_one_decision_does_not_contradict_itself(first, second, db):
    deciding = "SELECT decision_id FROM offers WHERE action = "
    assert number(db, f"SELECT count(*) FROM ({deciding} '{first}')") > 1_000
    assert not rows(db, f"{deciding} '{first}' INTERSECT {deciding} '{second}'")


def test_a_second_run_writes_the_same_records(run, source, tmp_path):
    table = pq.read_table(source)
    cases = sorted(set(table.column("case_id").to_pylist()))[::AGAIN]
    again = decide(tmp_path / "again", *shuffled(table, cases, tmp_path))
    with duckdb.connect(":memory:") as both:
        both.register("cases", pa.table({"case_id": cases}))
        for name in TABLES:
            # Whole rows as text: every digit of every number in every list counts.
            first, second = (
                f"SELECT t::VARCHAR FROM {records(folder, name)} AS t "
                "WHERE customer_id IN (SELECT case_id FROM cases)"
                for folder in (run, again)
            )
            count = number(both, f"SELECT count(*) FROM ({first})")
            assert count == number(both, f"SELECT count(*) FROM {records(again, name)}") > 0
            assert not rows(both, f"({first} EXCEPT ALL {second}) LIMIT 1"), name
    if AGAIN == 1:
        assert told(run) == told(again)


def shuffled(table, cases, folder):
    """The rows of some applications in three files, in any order."""
    chosen = table.filter(pa.compute.is_in(table.column("case_id"), pa.array(cases)))
    order = random.Random(2012).sample(range(chosen.num_rows), chosen.num_rows)
    for part in range(3):
        pq.write_table(chosen.take(order[part::3]), folder / f"part{part}.parquet")
        yield folder / f"part{part}.parquet"


def told(run):
    return json.loads((run / "summary.json").read_text()) | {"spent": None}
