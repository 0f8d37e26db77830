"""`nextbeam plan diff`: what two plans would have done with the same recorded events."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import msgspec
import pyarrow.parquet as pq
import pytest
from drafts import current, entry, part, without, written

from models.plan.spec import PlanSpec, ScopeSpec, StopSpec
from models.replaying.comparison import CareRow, Comparison, Pair
from models.replaying.watch import Watch
from pipelines import cli, diffing_work
from pipelines.diffing import Question, diff
from pipelines.history import find_history
from pipelines.records import parquet_files
from schemas import Decision, Feedback
from schemas.rows import from_row


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plan that is live."""
    return written(current(), tmp_path_factory.mktemp("live"))


@pytest.fixture(scope="module")
def history(plan: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few days of a few customers, decided by the live plan."""
    folder = tmp_path_factory.mktemp("history")
    flags = ["--customers", "130", "--days", "4", "--seed", "5", "--plan", str(plan), "--out", str(folder)]
    assert cli.main(["simulate", *flags]) == 0
    return folder


@pytest.fixture(scope="module")
def run(plan: Path, history: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same days, decided by the pipeline."""
    out = tmp_path_factory.mktemp("run") / "out"
    feeds = ["--signals", str(history / "signals.jsonl"), "--outcomes", str(history / "outcomes.jsonl")]
    assert cli.main(["run", "--quiet", *feeds, "--plan", str(plan), "--out", str(out)]) == 0
    return out


def compared(a: Path, b: Path, history: Path, *, processes: int = 1, **options: object) -> Comparison:
    return diff(Question((a, b), find_history(str(history), (), ()), **options), processes=processes)


def offered(comparison: Comparison, dimension: str, name: str) -> Pair:
    """Offers of one action, issue, ..."""
    (table,) = [table for table in comparison.offers if table.dimension == dimension]
    (row,) = [row for row in table.rows if row.name == name]
    return row.offers


def row_of(comparison: Comparison, mark: str) -> CareRow:
    (row,) = [row for row in comparison.care if row.mark == mark]
    return row


def more(name: str) -> Callable[[Comparison], bool]:
    """Whether B has more of a headline number."""
    return lambda comparison: measured(comparison)[name].change > 0


def fewer(name: str) -> Callable[[Comparison], bool]:
    """Whether B has less of a headline number."""
    return lambda comparison: measured(comparison)[name].change < 0


def removes(rule: str, sign: int) -> Callable[[Comparison], bool]:
    """Whether a rule removes more (1) or fewer (-1) candidates under B."""

    def check(comparison: Comparison) -> bool:
        rows = [row.removed for stage in comparison.funnel for row in stage.rules if row.rule == rule]
        return sum(pair.change for pair in rows) * sign > 0

    return check


def drafted(tmp_path: Path, spec: PlanSpec) -> Path:
    return written(spec, tmp_path / "draft")


def pairs(value: object) -> list[Pair]:
    """Every pair anywhere in a comparison."""
    if isinstance(value, Pair):
        return [value]
    if isinstance(value, msgspec.Struct):
        return [pair for name in value.__struct_fields__ for pair in pairs(getattr(value, name))]
    if isinstance(value, tuple):
        return [pair for each in value for pair in pairs(each)]
    return []


def measured(comparison: Comparison) -> dict[str, Pair]:
    return {row.name: row.pair for row in comparison.measures}


class Recording(Watch):
    """A watch that keeps what it counts."""

    kept: ClassVar[list[object]] = []

    def take(self, outputs):
        def noted():
            for output in outputs:
                self.kept.append((self._digest, output))
                yield output

        super().take(noted())


def test_a_plan_compared_with_itself_differs_nowhere(plan, history):
    comparison = compared(plan, plan, history)
    every = pairs(comparison)
    assert len(every) > 300
    assert [pair for pair in every if pair.change] == []
    assert comparison.changes == ()
    assert [(row.gain, row.lose) for row in comparison.moved] == [(0, 0)] * 3
    assert not comparison.alarmed


def test_the_replay_of_the_live_plan_decides_what_the_pipeline_decided(plan, history, run, monkeypatch):
    monkeypatch.setattr(Recording, "kept", [])
    monkeypatch.setattr(diffing_work, "Watch", Recording)
    comparison = compared(plan, plan, history)
    for name, contract, key in (
        ("decisions", Decision, "decision_id"),
        ("feedback", Feedback, "feedback_id"),
    ):
        decided = {
            row[key]: plainly(from_row(contract, row))
            for file in parquet_files(run, name)
            for row in pq.read_table(file, partitioning=None).to_pylist()
        }
        kept = [output for _, output in Recording.kept if isinstance(output, contract)]
        replayed = {getattr(output, key): plainly(output) for output in kept}
        assert len(kept) == 2 * len(replayed)  # both plans are the same one
        assert len(decided) > 500
        assert replayed == decided
    summary = json.loads((run / "summary.json").read_text())
    accounting = summary["accounting"]
    side = comparison.sides[0]
    assert side.decoded + sum(side.refused.values()) == accounting["inputs"]
    for name in ("decided", "observed", "duplicates"):
        assert side.accounted[name] == accounting[name]
    assert side.accounted["dead_letters"] + sum(side.refused.values()) == accounting["dead_letters"]
    assert measured(comparison)["offers"].a == sum(row["offers"] for row in summary["offered"])
    funnel = {row["stage"]: row["candidates"] for row in summary["funnel"]}
    ours = {row.stage: row.removed.a for row in comparison.funnel if row.removed.a}
    assert ours == {stage: count for stage, count in funnel.items() if stage != "Output"}


def test_the_folder_of_a_run_is_a_history_as_the_events_that_it_read_are(
    plan, history, run, tmp_path, capsys
):
    draft = drafted(tmp_path, _stopped(current()))
    _, _, by_folder = asked(plan, draft, history, tmp_path, capsys)
    _, _, by_run = asked(plan, draft, run, tmp_path, capsys)
    assert by_run == by_folder
    # neither of the plans was live: the run says which one was
    _, text, of_drafts = asked(draft, draft, run, tmp_path, capsys)
    assert of_drafts.history.live == by_folder.sides[0].digest
    assert of_drafts.sides[0].outcomes["same_offer"] > 500
    assert "no recorded outcome answers" not in text


def plainly(record: Decision | Feedback) -> Decision | Feedback:
    """A record without what contributed to its propensities, and without what depends on that."""
    if isinstance(record, Feedback):
        return msgspec.structs.replace(record, seal="")
    return msgspec.structs.replace(
        record,
        seal="",
        offers=tuple(msgspec.structs.replace(each, reasons=(), probability=None) for each in record.offers),
        ranked=tuple(msgspec.structs.replace(each, reasons=()) for each in record.ranked),
    )


def _stopped(spec: PlanSpec) -> PlanSpec:
    stop = StopSpec(id="stop-register-app", scope=ScopeSpec(actions=("register-app",)))
    return msgspec.structs.replace(spec, stops=(stop,))


def _lever(spec: PlanSpec) -> PlanSpec:
    acquire = msgspec.structs.replace(spec.issues["acquire"], lever_percent=900.0)
    return msgspec.structs.replace(spec, issues={**spec.issues, "acquire": acquire})


def _policies(spec: PlanSpec, **changed: str) -> PlanSpec:
    ((key, text),) = changed.items()
    return msgspec.structs.replace(spec, policies=entry(spec.policies, key.replace("_", "-"), when=text))


def _care(spec: PlanSpec) -> PlanSpec:
    return part(spec, "care", vulnerable=msgspec.structs.replace(spec.care.vulnerable, fact="vulnerabel"))


ALARMING = {"a care fact is mistyped"}

SEEDED = {
    "a consent rule is dropped": (
        lambda spec: msgspec.structs.replace(spec, policies=without(spec.policies, "marketing-consent")),
        "- policy marketing-consent",
        more("marketing offers"),
    ),
    "a limit is doubled": (
        lambda spec: part(spec, "contact", limits=entry(spec.contact.limits, "screens-per-day", at_most=24)),
        "~ limit screens-per-day, at_most: 12 -> 24",
        removes("screens-per-day", -1),
    ),
    "an action is stopped": (
        _stopped,
        "+ stop stop-register-app",
        removes("stop-register-app", 1),
    ),
    "a lever is ten times too large": (
        _lever,
        "~ issue acquire, lever_percent: 0 -> 900",
        lambda comparison: offered(comparison, "issue", "acquire").change > 0,
    ),
    "a threshold is set": (
        lambda spec: part(spec, "arbitration", propensity_threshold=0.04),
        "arbitration.propensity_threshold: 0.0005 -> 0.04",
        fewer("marketing offers"),
    ),
    "a window is shortened": (
        lambda spec: part(spec, "contact", limits=entry(spec.contact.limits, "action-per-week", per="1d")),
        "~ limit action-per-week, per: 7d -> 1d",
        removes("action-per-week", -1),
    ),
    "a brand is removed from a rule": (
        lambda spec: _policies(spec, cards_brand="request.brand == 'kitewell'"),
        "~ policy cards-brand, when: ",
        removes("cards-brand", 1),
    ),
    "a value is mistyped": (
        lambda spec: msgspec.structs.replace(spec, actions=entry(spec.actions, "cash-isa", value=4500.0)),
        "~ action cash-isa, value: ",
        lambda comparison: offered(comparison, "action", "cash-isa").change > 0,
    ),
    "a suppression is removed": (
        lambda spec: part(
            spec, "contact", suppressions=without(spec.contact.suppressions, "ignored-three-times")
        ),
        "- suppression ignored-three-times",
        removes("ignored-three-times", -1),
    ),
    "quiet hours are removed": (
        lambda spec: part(spec, "contact", quiet_hours=()),
        "- quiet hours night",
        removes("night", -1),
    ),
    "a care fact is mistyped": (
        _care,
        "~ care.vulnerable.fact: vulnerable -> vulnerabel",
        lambda comparison: comparison.alarmed and row_of(comparison, "vulnerable").flagged,
    ),
}


@pytest.mark.parametrize("bug", SEEDED)
def test_seeded_policy_bugs_are_named_and_their_effect_is_seen(bug, plan, history, tmp_path, capsys):
    break_it, named, affected = SEEDED[bug]
    draft = drafted(tmp_path, break_it(current()))
    code, text, comparison = asked(plan, draft, history, tmp_path, capsys)
    assert named in text
    assert affected(comparison), bug
    more_in_care = any(row.marketing.change > 0 for row in comparison.care)
    assert code == int(more_in_care)
    assert more_in_care or bug not in ALARMING


def asked(a: Path, b: Path, history: Path, tmp_path: Path, capsys) -> tuple[int, str, Comparison]:
    """What the command says: its exit, its text, its JSON."""
    capsys.readouterr()
    file = tmp_path / "comparison.json"
    code = cli.main(["plan", "diff", str(a), str(b), "--history", str(history), "--json", str(file)])
    text = capsys.readouterr().out
    return code, text, msgspec.json.decode(file.read_bytes(), type=Comparison)
