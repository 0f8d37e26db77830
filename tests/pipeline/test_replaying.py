"""`nextbeam replay` over the folder of a run: what it recomputes, finds, names and refuses."""

import json
import random
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import msgspec
import pyarrow.parquet as pq
import pytest

from models.audit.differences import differences
from models.audit.findings import Finding, FindingKind
from models.audit.seals import canonical, sealed
from models.folds import Fold, advance, fold_events
from pipelines import cli
from pipelines.locate import OUTPUTS, UsageError
from pipelines.manifest import check_files, json_seal, read_manifest, written_files
from pipelines.replaying import replay
from schemas import Decision, Feedback
from schemas.columns import columns
from schemas.structs import structs


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a small simulated bank."""
    folder = tmp_path_factory.mktemp("replaying")
    bank = ["simulate", "--customers", "30", "--days", "3", "--seed", "5", "--out", str(folder / "bank")]
    assert cli.main(bank) == 0
    events = [f"--{kind}={folder / 'bank' / f'{kind}.jsonl'}" for kind in ("signals", "outcomes")]
    assert cli.main(["run", "--quiet", *events, "--plan", "uk_bank", "--out", str(folder / "run")]) == 0
    return folder / "run"


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    """A copy of it, in another place, to be changed."""
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def _again(whole: Path, folder: Path, events: Callable[[list[bytes]], list[bytes]], *flags: str) -> Path:
    """The same bank decided again, its events delivered in another way."""
    inputs = []
    for kind in ("signals", "outcomes"):
        lines = (whole.parent / "bank" / f"{kind}.jsonl").read_bytes().splitlines(keepends=True)
        (folder / f"{kind}.jsonl").write_bytes(b"".join(events(lines)))
        inputs.append(f"--{kind}={folder / f'{kind}.jsonl'}")
    out = folder / "run"
    assert cli.main(["run", "--quiet", *inputs, "--plan", "uk_bank", "--out", str(out), *flags]) == 0
    return out


def _shuffled(lines: list[bytes]) -> list[bytes]:
    return random.Random(9).sample(lines, len(lines))


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(_shuffled, id="reordered-delivery"),
        pytest.param(lambda lines: [line for line in lines for _ in range(2)], id="duplicated-delivery"),
    ],
)
def test_a_run_of_events_delivered_in_another_way_recomputes_to_the_last_byte(
    events, whole, tmp_path, capsys
):
    out = _again(whole, tmp_path, events)
    assert read_manifest(out)[0].rows["decisions"] == read_manifest(whole)[0].rows["decisions"]
    assert cli.main(["replay", str(out), "--jobs", "1"]) == 0
    assert "recomputed: 0 bytes differ" in capsys.readouterr().out


def test_a_run_whose_workers_restart_before_every_event_recomputes_to_the_last_byte(
    whole, tmp_path, monkeypatch, capsys
):
    """Nothing but what was committed, in bytes, is known to the step that gets the next event."""

    def restarted(fold: Fold[Any, Any], state: Any, event: Any) -> Any:
        restarts.append(event)
        return advance(fold, fold.decode(fold.encode(state)), event)

    restarts: list[Any] = []
    _advance_by(monkeypatch, restarted)
    out = _again(whole, tmp_path, list)
    assert len(restarts) > 500
    assert cli.main(["replay", str(out), "--jobs", "1"]) == 0
    assert "recomputed: 0 bytes differ" in capsys.readouterr().out
    assert _records(out) == _records(whole)


class _Through:
    """A fold whose every event goes through something else."""

    def __init__(self, fold: Fold[Any, Any], through: Callable[[Fold[Any, Any], Any, Any], Any]) -> None:
        self._fold = fold
        self.advance = partial(through, fold)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fold, name)


def _advance_by(monkeypatch: pytest.MonkeyPatch, through: Callable[[Fold[Any, Any], Any, Any], Any]) -> None:
    def folded(fold: Fold[Any, Any], events: Any) -> Any:
        return fold_events(cast(Fold[Any, Any], _Through(fold, through)), events)

    monkeypatch.setattr("transforms.fold_hosts.fold_events", folded)


def _records(run: Path) -> set[bytes]:
    files = ((name, file) for name in ("decisions", "feedback") for file in _files(run, name))
    return {
        canonical(record)
        for name, file in files
        for batch in pq.ParquetFile(file).read().to_batches()
        for record in structs(OUTPUTS[name])(batch)
    }


def test_a_run_that_died_and_was_started_again_recomputes_to_the_last_byte(
    whole, tmp_path, monkeypatch, capsys
):
    failures = iter([True])

    def failing(fold: Fold[Any, Any], state: Any, event: Any) -> Any:
        counted.append(event)
        if len(counted) > 200 and next(failures, False):
            raise RuntimeError("the worker died")
        return advance(fold, state, event)

    counted: list[Any] = []
    _advance_by(monkeypatch, failing)
    with pytest.raises(RuntimeError, match=r"RuntimeError at .*; its text is withheld"):
        _again(whole, tmp_path, list)
    assert next(failures, None) is None, "it was ours that failed"
    out = _again(whole, tmp_path, list)
    assert cli.main(["replay", str(out), "--jobs", "1"]) == 0
    assert "recomputed: 0 bytes differ" in capsys.readouterr().out


def _files(run: Path, name: str) -> list[Path]:
    return sorted((run / name).glob("date=*/*.parquet"))


def _rewrite(
    file: Path, contract: type, change: Callable[[list[Any]], list[Any]], *, manifest: bool = True
) -> None:
    """Change the records of a file; with `manifest`, as one would who covers up the change of the file."""
    records = [
        each for batch in pq.ParquetFile(file).read().to_batches() for each in structs(contract)(batch)
    ]
    pq.write_table(columns(contract)(change(records)), file, compression="zstd")
    if manifest:
        _cover_up(file.parent.parent.parent)


def _cover_up(run: Path) -> None:
    path = run / "summary.json"
    said = json.loads(path.read_bytes())
    said["files"] = msgspec.to_builtins(written_files(run))
    path.write_text(json.dumps({**said, "seal": json_seal(said)}))


def _flip(file: Path, position: int, bit: int) -> None:
    data = bytearray(file.read_bytes())
    data[position] ^= 1 << bit
    file.write_bytes(data)


def test_a_run_recomputes_to_the_last_byte(whole, capsys):
    assert cli.main(["replay", str(whole)]) == 0
    said = capsys.readouterr().out
    assert "recomputed: 0 bytes differ" in said
    assert len(said.splitlines()) == 3


def test_worker_processes_find_the_same_and_all_records_are_counted(run):
    alone, together = (msgspec.to_builtins(replay(run, jobs=jobs)) for jobs in (1, 2))
    spent = {"wall_s", "cpu_s"}
    assert {k: v for k, v in alone.items() if k not in spent} == {
        k: v for k, v in together.items() if k not in spent
    }
    rows = read_manifest(run)[0].rows
    assert (alone["decisions"], alone["feedback"]) == (rows["decisions"], rows["feedback"])
    assert alone["decisions"] > 100


@pytest.mark.parametrize("table", ["decisions", "feedback", "sessions", "dead_letters"])
def test_a_bit_flipped_anywhere_in_a_file_names_the_file(table, run):
    chance = random.Random(table)
    written = read_manifest(run)[0].files
    for file in _files(run, table):
        sound = file.read_bytes()
        for _ in range(40):
            _flip(file, chance.randrange(len(sound)), chance.randrange(8))
            found = list(check_files(run, written, []))
            assert [(each.kind, each.file) for each in found] == [
                (FindingKind.FILE_CHANGED, file.relative_to(run).as_posix())
            ]
            file.write_bytes(sound)


@pytest.mark.parametrize("name", ["plan.json", "model/model.json", "model/arrays.npz", "summary.json"])
def test_a_bit_flipped_anywhere_in_the_plan_the_model_or_the_summary_names_the_file(name, run):
    chance, file = random.Random(name), run / name
    sound = file.read_bytes()
    for _ in range(4):
        _flip(file, chance.randrange(len(sound)), chance.randrange(8))
        try:
            said = [str(each) for each in replay(run, jobs=1).findings]
        except UsageError as error:
            said = [str(error)]
        assert name in said[0]
        file.write_bytes(sound)


@pytest.mark.parametrize("table", ["decisions", "feedback", "sessions", "dead_letters"])
def test_a_file_that_was_cut_off_is_named(table, run):
    file = _files(run, table)[0]
    file.write_bytes(file.read_bytes()[:-7])
    report = replay(run, jobs=1)
    named = {(each.kind, each.file) for each in report.findings}
    assert (FindingKind.FILE_CHANGED, file.relative_to(run).as_posix()) in named
    unreadable = (FindingKind.FILE_UNREADABLE, file.relative_to(run).as_posix())
    assert (unreadable in named) == (table in {"decisions", "feedback"})


def _random_bit(record: Decision | Feedback, chance: random.Random) -> Decision | Feedback:
    """The record with one bit of its canonical bytes flipped, so that it still is one."""
    data = canonical(record)
    for _ in range(10_000):
        flipped = bytearray(data)
        flipped[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        try:
            now = msgspec.msgpack.decode(bytes(flipped), type=type(record))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
        if canonical(now) != data:
            return now
    raise AssertionError("no bit can be flipped")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("table", "contract"), [("decisions", Decision), ("feedback", Feedback)])
def test_a_bit_flipped_in_any_record_is_named_by_record_and_field(table, contract, seed, run, capsys):
    chance = random.Random(f"{table}{seed}")
    changed: list[tuple[str, str]] = []

    def flip(records: list[Any]) -> list[Any]:
        at = chance.randrange(len(records))
        records[at] = _random_bit(was := records[at], chance)
        key = "decision_id" if contract is Decision else "feedback_id"
        changed.append((getattr(records[at], key), differences(was, records[at])[0].field))
        return records

    _rewrite(chance.choice(_files(run, table)), contract, flip)
    [(record, field)] = changed
    mine = [each for each in _found(run, capsys) if each.record == record]
    assert {each.kind for each in mine} & {FindingKind.RECORD_CHANGED, FindingKind.SURPLUS}
    assert {each.field for each in mine} & {field, "record"}


def test_a_record_that_was_added_is_named(run, capsys):
    def copied(records: list[Decision]) -> list[Decision]:
        forged = sealed(msgspec.structs.replace(records[0], decision_id="forged", signal_id="x", seal=""))
        return [*records, forged]

    _rewrite(_files(run, "decisions")[0], Decision, copied)
    assert "forged" in {each.record for each in _found(run, capsys)}


def test_records_that_changed_places_in_a_file_are_the_same_records_in_another_file(run, capsys):
    file = _files(run, "decisions")[0]
    _rewrite(file, Decision, lambda records: [records[1], records[0], *records[2:]], manifest=False)
    found = _found(run, capsys)
    assert [(each.kind, each.file) for each in found] == [
        (FindingKind.FILE_CHANGED, file.relative_to(run).as_posix())
    ]


def test_records_that_took_each_others_numbers_are_named(run, capsys):
    def swapped(records: list[Decision]) -> list[Decision]:
        first = records[0]
        other = next(each for each in records if each.ledger_sequence != first.ledger_sequence)
        at = records.index(other)
        records[0] = msgspec.structs.replace(first, ledger_sequence=other.ledger_sequence)
        records[at] = msgspec.structs.replace(other, ledger_sequence=first.ledger_sequence)
        said.extend((first.decision_id, other.decision_id))
        return records

    said: list[str] = []
    _rewrite(_files(run, "decisions")[0], Decision, swapped)
    assert set(said) <= {each.record for each in _found(run, capsys)}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("table", ["decisions", "feedback"])
def test_a_replay_survives_a_damaged_file_and_names_it(table, seed, run, capsys):
    chance = random.Random(f"{table}{seed}")
    file = chance.choice(_files(run, table))
    _flip(file, chance.randrange(len(file.read_bytes())), chance.randrange(8))
    assert cli.main(["replay", str(run), "--jobs", "1", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)["findings"]
    assert (found[0]["kind"], found[0]["file"]) == ("file-changed", file.relative_to(run).as_posix())


def test_a_summary_that_was_changed_is_named(run):
    said = (run / "summary.json").read_text()
    (run / "summary.json").write_text(said.replace('"decided": ', '"decided": 1', 1))
    assert [each.file for each in replay(run, jobs=1).findings] == ["summary.json"]


def test_files_that_come_or_go_are_named(run):
    gone, new = _files(run, "sessions")[0], _files(run, "decisions")[0].parent / "part-99.parquet"
    gone.unlink()
    shutil.copy(_files(run, "decisions")[0], new)
    found = {(each.kind, each.file) for each in replay(run, jobs=1).findings if each.kind.startswith("file")}
    assert found == {
        (FindingKind.FILE_MISSING, gone.relative_to(run).as_posix()),
        (FindingKind.FILE_UNKNOWN, new.relative_to(run).as_posix()),
    }


def test_a_changed_value_is_named_even_if_the_file_is_covered_up_for(run, capsys):
    file = _files(run, "decisions")[-1]

    def better(records: list[Decision]) -> list[Decision]:
        at = next(index for index, each in enumerate(records) if each.offers)
        offer = msgspec.structs.replace(records[at].offers[0], propensity=0.9)
        said.append(records[at].decision_id)
        records[at] = msgspec.structs.replace(records[at], offers=(offer, *records[at].offers[1:]))
        return records

    said: list[str] = []
    _rewrite(file, Decision, better)
    (found,) = _found(run, capsys)
    assert (found.kind, found.record, found.field, found.recorded) == (
        FindingKind.RECORD_CHANGED,
        said[0],
        "offers[0].propensity",
        0.9,
    )
    assert found.file == file.relative_to(run).as_posix()
    assert cli.main(["replay", str(run), "--decision", said[0]]) == 1
    assert "does not hold: the record was changed" in capsys.readouterr().out


def test_a_record_taken_out_is_missed(run, capsys):
    _rewrite(_files(run, "feedback")[0], Feedback, lambda records: records[1:])
    assert {each.kind for each in _found(run, capsys)} >= {FindingKind.MISSING}


def _found(run: Path, capsys: pytest.CaptureFixture[str]) -> list[Finding]:
    assert cli.main(["replay", str(run), "--jobs", "1", "--json"]) == 1
    return msgspec.convert(json.loads(capsys.readouterr().out)["findings"], list[Finding])


def test_one_decision_is_recomputed_alone(whole, capsys):
    file = _files(whole, "decisions")[-1]
    decisions = [
        each for batch in pq.ParquetFile(file).read().to_batches() for each in structs(Decision)(batch)
    ]
    late = max(decisions, key=lambda each: each.ledger_sequence)
    assert cli.main(["replay", str(whole), "--decision", late.decision_id[:16]]) == 0
    said = capsys.readouterr().out
    assert f"change {late.ledger_sequence} of the contact ledger" in said
    assert "0 bytes differ" in said
    assert f"seal {late.seal} holds" in said
    assert cli.main(["replay", str(whole), "--decision", late.decision_id, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["mismatching_bytes"] == 0
    assert cli.main(["replay", str(whole), "--decision", ""]) == 2
    assert "give more of the id" in capsys.readouterr().err


def _other_plan(run: Path) -> None:
    plan = json.loads((run / "plan.json").read_text())
    (run / "plan.json").write_text(json.dumps({**plan, "name": "another"}))


def _other_model(run: Path) -> None:
    said = (run / "model" / "model.json").read_text()
    (run / "model" / "model.json").write_text(said.replace('"responses": ', '"responses": 1', 1))


def _without_manifest(run: Path) -> None:
    said = json.loads((run / "summary.json").read_text())
    (run / "summary.json").write_text(
        json.dumps({k: v for k, v in said.items() if k not in {"files", "seal"}})
    )


def _records_of_another_plan(run: Path) -> None:
    def foreign(records: list[Decision]) -> list[Decision]:
        return [sealed(msgspec.structs.replace(each, plan_digest="ab" * 8, seal="")) for each in records]

    _rewrite(_files(run, "decisions")[0], Decision, foreign)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(_other_plan, "but the run was decided by plan", id="other-plan"),
        pytest.param(_other_model, "they were changed", id="other-model"),
        pytest.param(_without_manifest, "run it again", id="before-seals"),
        pytest.param(_records_of_another_plan, "by abababababababab", id="two-plans"),
        pytest.param(lambda run: (run / "summary.json").unlink(), "holds no run", id="no-run"),
        pytest.param(lambda run: (run / "plan.json").unlink(), "plan.json", id="no-plan"),
    ],
)
def test_what_cannot_be_replayed_is_refused_with_words(change, words, run, capsys):
    change(run)
    assert cli.main(["replay", str(run), "--jobs", "1"]) == 2
    assert words in capsys.readouterr().err
