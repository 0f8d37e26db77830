"""`nextbeam dead-letters` as its users meet it: on the folder of a run, and between real servers."""

import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from analysed_rows import decision, offer
from bank_arrivals import PLAN
from live_job import Reader, job

from pipelines import cli
from pipelines.local.bigquery import BigQueryEmulator
from pipelines.local.pubsub import PubsubEmulator
from pipelines.provisioning import Names, Resources, provision
from pipelines.provisioning.endpoints import Endpoints
from pipelines.provisioning.resources import DEAD_LETTER, DECISIONS, OUTCOMES, SIGNALS
from schemas import DeadLetter, Decision, Reason
from schemas.routing import attributes
from schemas.rows import from_row, json_rows

SMALL = str(Path(PLAN.path).parent)
SUBSCRIPTION = "dead-letter-review"
SIGNAL = {
    "signal_id": "s1", "customer_id": "c1", "occurred_at": "2026-03-02T09:00:00Z", "type": "page_view",
    "channel": "web", "brand": "harbour", "placements": ["hero"],
}  # fmt: skip


def nextbeam(capsys, *flags):
    """Exit code and what was said."""
    capsys.readouterr()
    code = cli.main(["dead-letters", *map(str, flags)])
    return code, capsys.readouterr().out


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """A run whose plan did not know a type of signal; half a line and a customer without an id were refused, too."""
    folder = tmp_path_factory.mktemp("day")
    text = (Path(SMALL) / "plan.yaml").read_text("utf-8")
    old = folder / "old" / "plan.yaml"
    old.parent.mkdir()
    assert "page_view" in text
    old.write_text(text.replace("page_view", "page_seen"), "utf-8")
    lines = [SIGNAL | {"signal_id": f"s{number}", "customer_id": f"c{number}"} for number in range(8)]
    good = SIGNAL | {"signal_id": "g", "type": "page_seen"}
    signals = [*map(json.dumps, [good, *lines, {**SIGNAL, "customer_id": None}]), '{"signal_id": "half']
    (folder / "signals.jsonl").write_text("\n".join(signals) + "\n", "utf-8")
    flags = ["run", "--quiet", "--signals", str(folder / "signals.jsonl"), "--plan", str(old.parent)]
    assert cli.main([*flags, "--out", str(folder / "run")]) == 0
    return folder


def test_what_was_refused_in_a_run_is_listed_shown_and_decided_after_a_fix(day, capsys):
    run, feed = day / "run", day / "again.jsonl"
    code, said = nextbeam(capsys, "list", "--out", run, "--format", "json")
    rows = [json.loads(line) for line in said.splitlines()]
    assert {row["reason"]: row["letters"] for row in rows} == {
        "unknown_value": 8,
        "wrong_type": 1,
        "malformed_json": 1,
    }
    example = rows[0]["example"]
    _, said = nextbeam(capsys, "show", example, "--out", run)
    assert "stays: unknown_value" in said
    assert "s1" not in said
    _, said = nextbeam(capsys, "show", example, "--out", run, "--plan", SMALL, "--payload")
    assert "would be taken now, as one of signals" in said
    assert '"type": "page_view"' in said
    code, said = nextbeam(capsys, "replay", "--out", run, "--dry-run", "--plan", SMALL)
    assert code == 1
    assert "8 would be sent to signals" in said
    assert not feed.exists()
    code, said = nextbeam(
        capsys,
        "replay",
        "--out",
        run,
        "--into",
        feed,
        "--plan",
        SMALL,
        "--reason",
        "unknown_value",
        "--limit",
        3,
    )
    assert (code, len(feed.read_text().splitlines())) == (0, 3)
    assert "5 beyond --limit" in said
    code, said = nextbeam(capsys, "replay", "--out", run, "--into", feed, "--plan", SMALL, "--rate", 1000)
    assert code == 1
    assert len(feed.read_text().splitlines()) == 8
    assert "3 replayed before" in said
    assert (day / "run.replayed.jsonl").is_file()
    out = day / "fixed"
    assert cli.main(["run", "--quiet", "--signals", str(feed), "--plan", SMALL, "--out", str(out)]) == 0
    feed.unlink()  # a feed that is gone has nothing any more
    nextbeam(capsys, "replay", "--out", run, "--into", feed, "--plan", SMALL, "--rate", 1000)
    assert len(feed.read_text().splitlines()) == 8


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["list", "--out", "RUN", "--reason", "unknown_valu"], "did you mean 'unknown_value'?"),
        (["list", "--subscription", "x"], "PUBSUB_EMULATOR_HOST"),
        (["show", "zz", "--out", "RUN"], "no dead letter 'zz'"),
        (["show", "", "--out", "RUN"], "10 dead letters start with"),
        (["replay", "--subscription", "x"], "--plan is missing"),
        (["replay", "--out", "RUN", "--into", "x.csv"], "no file of lines"),
        (["replay", "--out", "RUN"], "where to?"),
    ],
)
def test_what_cannot_be_done_is_said_with_what_to_do_instead(day, capsys, monkeypatch, flags, said):
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    monkeypatch.delenv("BIGQUERY_EMULATOR_HOST", raising=False)
    assert cli.main(["dead-letters", *(str(day / "run") if f == "RUN" else f for f in flags)]) == 2
    assert said in capsys.readouterr().err


class Place:
    """Topics and subscriptions of one test, with letters waiting."""

    def __init__(self, pubsub: PubsubEmulator, bigquery: BigQueryEmulator) -> None:
        name = f"t{uuid4().hex[:8]}"
        self.endpoints = Endpoints(pubsub=pubsub.endpoint, bigquery=bigquery.url)
        self.names = Names("local-dev", dataset=name, prefix=f"{name}-")
        provision(Resources.of(self.names, watchers=("test",)), self.endpoints, say=lambda _: None)
        self.publisher = self.endpoints.publisher()
        self.reader = Reader(
            self.endpoints.subscriber(),
            {
                each: self.names.subscription(f"{each}-test")
                for each in (SIGNALS, OUTCOMES, DECISIONS, DEAD_LETTER)
            },
        )

    def publish(self, topic, *payloads, **more):
        sent = [self.publisher.publish(self.names.topic(topic), data, **more) for data in payloads]
        for each in sent:
            each.result(30)

    def refuse(self, *letters):
        for each in letters:
            self.publish(DEAD_LETTER, msgspec.json.encode(each), **attributes(each))

    def flags(self):
        return ["--subscription", SUBSCRIPTION, "--prefix", self.names.prefix]


def letter(payload, step="DecodeSignals", reason=Reason.UNKNOWN_VALUE):
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return DeadLetter.of(data, reason=reason, step=step, detail="$.type", occurred_at=None, customer_id="c1")


@pytest.fixture
def place(pubsub_server, bigquery_server, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    found = Place(pubsub_server, bigquery_server)
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", str(found.endpoints.pubsub))
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", str(found.endpoints.bigquery))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "local-dev")
    return found


ROOT = Path(__file__).resolve().parents[2]


def test_letters_of_a_subscription_are_acknowledged_once_they_are_sent_and_given_back_if_not(place, capsys):
    outcome = {
        "outcome_id": "o1",
        "customer_id": "c1",
        "occurred_at": "2026-03-02T09:00:00Z",
        "kind": "Clicked",
    }
    good = [letter(SIGNAL | {"signal_id": f"s{number}"}) for number in range(250)]
    place.refuse(*good, letter(outcome, "ApplyContactPolicy", Reason.UNATTRIBUTED), letter(b"{"), good[0])
    place.publish(DEAD_LETTER, b"no letter")
    plan = ["--plan", str(ROOT / SMALL)]
    for _ in range(2):  # what is listed is still there
        _, said = nextbeam(capsys, "list", *place.flags(), "--format", "json")
        assert sum(json.loads(line)["letters"] for line in said.splitlines()) == 253
    code, said = nextbeam(capsys, "replay", *place.flags(), *plan, "--dry-run")
    assert f"250 would be sent to {place.names.topic(SIGNALS)}" in said
    code, said = nextbeam(capsys, "replay", *place.flags(), *plan, "--rate", 2000)
    assert code == 1
    assert "1 equal to one of these" in said
    assert place.reader.until(lambda got: len(got[SIGNALS]) >= 250 and len(got[OUTCOMES]) >= 1, 20)
    assert {data for data, _ in place.reader.found[SIGNALS]} == {each.payload for each in good}
    assert {sent["replayed"] for _, sent in place.reader.found[SIGNALS]}
    _, said = nextbeam(capsys, "list", *place.flags(), "--format", "json")
    assert [json.loads(line)["letters"] for line in said.splitlines()] == [1]
    place.refuse(good[0])
    code, said = nextbeam(capsys, "replay", *place.flags(), *plan)
    assert "1 replayed before" in said
    place.reader.pull()
    assert len(place.reader.found[SIGNALS]) == 250
    assert Path(f"{SUBSCRIPTION}.replayed.jsonl").is_file()


def test_a_row_that_a_table_refused_goes_back_to_the_table_and_decides_nothing(place, capsys):
    client = place.endpoints.tables(place.names.project)
    made = decision("d1", 0.0, [offer()])
    refused = letter(msgspec.json.encode(made), "Write_decisions", Reason.ROW_REJECTED)
    other = letter(SIGNAL)
    errors = client.insert_rows_json(
        place.names.table("dead_letters"), [json_rows(DeadLetter)(each) for each in (refused, other)]
    )
    assert not errors
    dataset = ["--dataset", place.names.dataset, "--prefix", place.names.prefix]
    _, said = nextbeam(capsys, "list", *dataset, "--reason", "row_rejected", "--format", "json")
    assert [json.loads(line)["letters"] for line in said.splitlines()] == [1]
    flags = [*dataset, "--plan", str(ROOT / SMALL), "--reason", "row_rejected"]
    code, said = nextbeam(capsys, "replay", *flags)
    assert code == 1
    assert "--rows-to" in said
    for sent in ("1 sent to", "1 replayed before"):
        code, said = nextbeam(capsys, "replay", *flags, "--rows-to", place.names.dataset)
        assert code == 0
        assert sent in said
    rows = client.query_and_wait(f"SELECT * FROM `{place.names.table('decisions')}`")
    assert [from_row(Decision, dict(row)) for row in rows] == [made]
    place.reader.pull()
    assert place.reader.found[SIGNALS] == []


def test_what_a_job_refused_it_decides_once_after_a_fix_however_often_it_is_replayed(
    place, capsys, tmp_path, monkeypatch
):
    """The plan is mended while the job runs; letters are replayed, and replayed again by force."""
    plan = tmp_path / "plan" / "plan.yaml"
    plan.parent.mkdir()
    text = (ROOT / SMALL / "plan.yaml").read_text("utf-8")
    plan.write_text(text.replace("page_view", "page_seen"), "utf-8")
    monkeypatch.chdir(ROOT)
    journal = ["--journal", str(tmp_path / "journal.jsonl")]
    flags = [*place.flags(), "--plan", str(plan.parent), *journal, "--rate", "1000"]
    now = datetime.now(UTC).isoformat()
    sent = [
        json.dumps(
            SIGNAL | {"signal_id": f"s{number}", "customer_id": f"c{number}", "occurred_at": now}
        ).encode()
        for number in range(12)
    ]
    log = tmp_path / "log"
    with job(place.names, place.endpoints, str(plan.parent), log, "--plan_refresh", "0.5"):
        place.publish(SIGNALS, *sent)
        assert place.reader.until(lambda got: len(got[DEAD_LETTER]) >= 12, 60)
        code, said = nextbeam(capsys, "replay", *flags)
        assert (code, "12 stay" in said) == (1, True)
        plan.write_text(text, "utf-8")
        assert place.reader.until(lambda got: _taken(place), 60)
        code, said = nextbeam(capsys, "replay", *flags)
        assert (code, "stay" in said) == (0, False)
        assert place.reader.until(lambda got: _decided(got) >= set(range(12)), 60)
        place.publish(SIGNALS, *sent)  # as a second replay of the same letters would
        place.publish(SIGNALS, b"the end")
        assert place.reader.until(lambda got: any(b"malformed" in data for data, _ in got[DEAD_LETTER]), 60)
    decided = [msgspec.json.decode(data, type=Decision) for data, _ in place.reader.found[DECISIONS]]
    asked = [each.signal_id for each in decided if each.signal_id != "probe"]
    assert sorted(asked) == sorted(f"s{number}" for number in range(12))


def _decided(got):
    ids = {msgspec.json.decode(data)["signal_id"] for data, _ in got[DECISIONS]}
    return {int(each[1:]) for each in ids if each[1:].isdecimal()}


def _taken(place):
    """Whether the job has the new plan: it decides a probe."""
    now = datetime.now(UTC).isoformat()
    probe = SIGNAL | {"signal_id": "probe", "customer_id": "probe", "occurred_at": now}
    place.publish(SIGNALS, json.dumps(probe).encode())
    return any(b'"probe"' in data for data, _ in place.reader.found[DECISIONS])
