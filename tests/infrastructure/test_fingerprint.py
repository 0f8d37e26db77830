"""What a running job keeps of a release: written down, compared, and not changed by accident."""

import json
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import apache_beam as beam
import msgspec
import pytest
from apache_beam.coders import BytesCoder
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.window import FixedWindows
from deployed_job import FLAGS, PLAN, ROOT, deployed, flags
from small_job import small_job

import models.context.state as context
import models.ledger.state as ledger
from models.decide import DecideFold
from models.ledger.household_state import decode_household
from pipelines.cli import main
from pipelines.deploy.fingerprint import FORMATS, Fingerprint, Format, fingerprint, unsafe_coders
from pipelines.deploy.release import release
from pipelines.deploy.request import build_request
from pipelines.deploy.updating import Change, Severity, breaks, changes, reversed_mapping
from pipelines.locate import UsageError
from schemas import Signal

KEPT = ROOT / "deploy" / "fingerprints"
BREAK, WARN, INFO = Severity
HOW = "make it with: nextbeam deploy fingerprint --flags deploy/check.flags --plan-here uk_bank --out "


def _kept(name: str) -> Fingerprint:
    return msgspec.json.decode((KEPT / name).read_bytes(), type=Fingerprint)


def test_the_graph_is_the_one_that_this_release_has_promised():
    """A change here is a change to what runs: a new release, and a look at whether jobs can follow."""
    path = KEPT / f"{release()}.json"
    assert path.is_file(), HOW + str(path.relative_to(ROOT))
    kept = _kept(path.name)
    now = fingerprint(deployed().graph, release(), breaking=kept.breaking)
    assert [str(change) for change in changes(kept, now)] == []
    assert now == kept, HOW + str(path.relative_to(ROOT))


def test_every_release_can_follow_the_one_before_or_says_why_not():
    names = sorted(KEPT.glob("*.json"), key=lambda path: [int(part) for part in path.stem.split(".")])
    releases = [_kept(path.name) for path in names]
    assert [each.release for each in releases] == [path.stem for path in names]
    for old, new in pairwise(releases):
        assert new.breaking.strip() or not breaks([*changes(old, new), *changes(new, old)])


def test_it_is_the_same_in_another_process_with_other_hashes(tmp_path):
    out = tmp_path / "again.json"
    command = [
        sys.executable,
        "-m",
        "pipelines.cli",
        "deploy",
        "fingerprint",
        f"--flags={FLAGS}",
        f"--plan-here={PLAN}",
    ]
    environment = {**os.environ, "PYTHONHASHSEED": "4711"}
    subprocess.run([*command, f"--out={out}"], check=True, cwd=ROOT, env=environment, capture_output=True)
    assert msgspec.json.decode(out.read_bytes(), type=Fingerprint) == fingerprint(deployed().graph, release())


def test_nothing_pickled_is_kept_or_shuffled():
    steps = fingerprint(deployed().graph, "").steps
    assert unsafe_coders(deployed().graph) == []
    keyed = {name: step for name, step in steps.items() if step.keyed and step.kind != "pubsub_read"}
    assert {coder for step in keyed.values() for coder in step.inputs.values()} == {"kv(bytes, bytes)"}
    assert set(keyed) == {
        "DecideNextBestAction/FoldPerKey/Fold/ParDo",
        *(f"Write_{name}/Commit/Keep" for name in ("decisions", "feedback", "sessions", "dead_letters")),
    }


@pytest.mark.parametrize("element", [object, Signal, tuple[int, object]])
def test_a_pickled_coder_is_seen(element):
    pipeline = beam.Pipeline()
    _ = pipeline | beam.Create([]).with_output_types(tuple[bytes, element]) | "Group" >> beam.GroupByKey()
    [found] = unsafe_coders(pipeline.to_runner_api())
    assert found.startswith("Group: kv(bytes, ")


# --- each kind of change, on a small job ---


BASE = small_job()


@pytest.mark.parametrize(
    ("change", "severity", "told"),
    [
        ({"step": "Tally"}, BREAK, "Count: gone, and with it what it keeps"),
        ({"cell": "total"}, BREAK, "Count: state 'sum' is gone"),
        (
            {"coder": BytesCoder()},
            BREAK,
            "Count: state 'sum': read_modify_write(varint) is now read_modify_write(bytes)",
        ),
        ({"domain": TimeDomain.REAL_TIME}, BREAK, "Count: timer 'ts-due': event_time(timer("),
        ({"key": str}, BREAK, "Count: input: coder kv(bytes, bytes) is now kv(string_utf8, bytes)"),
        ({"window": FixedWindows(60)}, BREAK, "Count: window global_windows is now fixed_windows"),
        ({"subscription": "others"}, WARN, "Read/Read: 'events' is now 'others'"),
        ({"group": True}, WARN, "Group: new, and keeps something"),
        ({"before": True}, INFO, "Look: new"),
        ({"side": True}, INFO, "Look: new"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_each_kind_of_change_is_named(change, severity, told):
    found = changes(BASE, small_job(**change))
    assert found[0].severity is severity
    assert any(str(each).removeprefix(f"{severity:5} ").startswith(told) for each in found), found


def test_what_code_does_is_no_change():
    assert changes(BASE, small_job(text="b")) == []
    assert changes(BASE, small_job()) == []


def test_a_cell_that_comes_is_told_and_on_the_way_back_it_is_lost():
    """The timer is left in place; the new cell starts with nothing, and a release without it forgets what it holds."""
    more = small_job(extra_cell=True)
    there, back = changes(BASE, more), changes(more, BASE)
    assert [str(each) for each in there] == ["WARN  Count: state 'more' is new: it starts with nothing"]
    assert [str(each) for each in back] == ["BREAK Count: state 'more' is gone, and what it holds"]


def test_a_mapping_heals_a_new_name_and_nothing_else():
    renamed = small_job(step="Tally")
    assert changes(BASE, renamed, {"Count": "Tally"}) == []
    assert changes(renamed, BASE, reversed_mapping({"Count": "Tally"})) == []
    other = small_job(step="Tally", cell="total")
    assert breaks(changes(BASE, other, {"Count": "Tally"}))


def test_a_mapping_of_a_composite_is_one_of_all_that_is_in_it():
    deep = fingerprint(deployed().graph, "x")
    steps = {name.replace("Write_decisions/", "Keep_decisions/"): step for name, step in deep.steps.items()}
    moved = msgspec.structs.replace(deep, steps=steps)
    assert breaks(changes(deep, moved))
    assert changes(deep, moved, {"Write_decisions": "Keep_decisions"}) == []


@pytest.mark.parametrize(
    ("mapping", "why"),
    [
        ({"Cuont": "Tally"}, "the old release has no step 'Cuont'"),
        ({"Count": "Tall"}, "the new release has no step 'Tall'"),
        ({"Coun": "Tally"}, "the old release has no step 'Coun'"),
    ],
)
def test_a_mapping_of_a_step_that_is_not_there_is_refused(mapping, why):
    with pytest.raises(UsageError, match=why):
        changes(BASE, small_job(step="Tally"), mapping)


def test_side_inputs_are_compared():
    sided = small_job(side=True)
    assert breaks(changes(sided, small_job(before=True)))


def test_a_job_that_was_silent_is_updated_to_one_that_is_not():
    """How a breaking release ends its warm-up, should anybody want to be rid of the flag."""
    silent = fingerprint(build_request(flags("--silent_until=2026-11-21T09:30Z"), PLAN).graph, release())
    spoken = fingerprint(deployed().graph, release())
    gone = {
        f"Silence_{name}/Silence"
        for name in ("decisions", "feedback", "sessions", "dead_letters", "heartbeats")
    }
    assert silent.steps.keys() - spoken.steps.keys() == gone
    assert not breaks([*changes(silent, spoken), *changes(spoken, silent)])


def test_two_steps_do_not_become_one():
    with pytest.raises(UsageError, match="two steps become one"):
        reversed_mapping({"A": "C", "B": "C"})


@pytest.mark.parametrize(
    ("was", "now", "there", "back"),
    [
        (Format(written=1, reads_from=1), Format(written=1, reads_from=1), None, None),
        (Format(written=1, reads_from=1), Format(written=2, reads_from=1), WARN, BREAK),
        (Format(written=1, reads_from=1), Format(written=2, reads_from=2), BREAK, BREAK),
    ],
)
def test_a_new_format_can_be_read_or_not(was, now, there, back):
    old = msgspec.structs.replace(BASE, formats={"ledger": was})
    new = msgspec.structs.replace(BASE, formats={"ledger": now})
    assert [each.severity for each in changes(old, new)] == [there] * bool(there)
    assert [each.severity for each in changes(new, old)] == [back] * bool(back)


def test_a_format_that_goes_or_comes_is_lost_where_nothing_reads_it():
    ledger = {"ledger": Format(written=2, reads_from=1)}
    less = msgspec.structs.replace(BASE, formats=ledger)
    more = msgspec.structs.replace(BASE, formats={**ledger, "household": Format(written=1, reads_from=1)})
    lost = "BREAK format household: version 1 is kept, and nothing reads it any more"
    assert [str(each) for each in changes(more, less)] == [lost]
    [comes] = changes(less, more)
    assert (comes.severity, comes.step) == (WARN, "format household")


def test_a_new_beam_is_told():
    [found] = changes(BASE, msgspec.structs.replace(BASE, beam="2.99.0"))
    assert found == Change(WARN, "Beam", f"{BASE.beam} to 2.99.0; update the SDK on its own")


def _read(name: str, version: int) -> object:
    """Empty bytes of a version, read by the code itself."""
    if name == "context":
        return context.decode_state(bytes((version,)) + context.encode_state(context.ContextState())[1:])
    if name == "ledger":
        return ledger.decode_state(bytes((version,)) + ledger.encode_state(ledger.LedgerState())[1:])
    if name == "household":
        return decode_household(msgspec.msgpack.encode([version, 0, 0, 0, []]), bytes)
    part = SimpleNamespace(decode=bytes)
    return DecideFold(part, None, part).decode(msgspec.msgpack.encode([version, b"", b""]))


@pytest.mark.parametrize("name", FORMATS)
def test_what_a_format_says_that_it_reads_is_what_the_code_reads(name):
    told = FORMATS[name]
    for version in range(told.reads_from, told.written + 1):
        assert _read(name, version)
    for version in (told.reads_from - 1, told.written + 1):
        with pytest.raises(ValueError, match=f"state of version {version}"):
            _read(name, version)


def test_the_first_form_of_a_ledger_is_read_still():
    golden = (ROOT / "tests" / "golden" / "ledger_state_1.msgpack").read_bytes()
    assert golden[0] == FORMATS["ledger"].reads_from
    assert ledger.decode_state(golden)


def _files(tmp_path: Path, *prints: Fingerprint) -> list[str]:
    paths = [tmp_path / f"{number}.json" for number in range(len(prints))]
    for path, each in zip(paths, prints, strict=True):
        path.write_bytes(msgspec.json.encode(each))
    return list(map(str, paths))


@pytest.mark.parametrize(
    ("new", "more", "code", "told"),
    [
        (BASE, [], 0, "x to x: can be updated in place"),
        (
            small_job(step="Tally", release="y"),
            [],
            1,
            "x to y: cannot be updated in place (1 BREAK, 1 WARN)",
        ),
        (small_job(step="Tally", release="y"), ["--mapping"], 0, "back from y: can be updated in place"),
        (
            msgspec.structs.replace(small_job(step="Tally", release="y"), breaking="renamed"),
            [],
            0,
            "says itself that it breaks: renamed",
        ),
        (
            msgspec.structs.replace(small_job(step="Tally", release="y"), breaking=" "),
            [],
            1,
            "x to y: cannot be updated in place",
        ),
        (small_job(extra_cell=True, release="y"), [], 1, "back from y: cannot be updated in place"),
        (small_job(before=True, release="y"), [], 0, "x to y: can be updated in place (1 INFO)"),
    ],
    ids=["same", "renamed", "mapped", "breaking", "breaking without a word", "no way back", "harmless"],
)
def test_the_command_tells_both_ways_and_fails_a_break(new, more, code, told, tmp_path, capsys):
    old_file, new_file = _files(tmp_path, BASE, new)
    mapping = tmp_path / "mapping.json"
    mapping.write_text(json.dumps({"Count": "Tally"}))
    assert main(["deploy", "update-check", old_file, new_file, *(more and [*more, str(mapping)])]) == code
    assert told in capsys.readouterr().out


def test_two_of_one_release_that_differ_are_refused(tmp_path, capsys):
    assert main(["deploy", "update-check", *_files(tmp_path, BASE, small_job(before=True))]) == 2
    assert "both are of release x, and differ" in capsys.readouterr().err


@pytest.mark.parametrize("why", ["", " "])
def test_whoever_breaks_says_why(why, tmp_path, capsys):
    command = ["deploy", "fingerprint", f"--flags={FLAGS}", f"--plan-here={PLAN}", f"--breaking={why}"]
    assert main([*command, f"--out={tmp_path / 'x.json'}"]) == 2
    assert "--breaking: say why" in capsys.readouterr().err


def test_what_is_no_fingerprint_is_refused(tmp_path, capsys):
    (tmp_path / "x.json").write_text("{}")
    assert main(["deploy", "update-check", str(tmp_path / "x.json"), str(tmp_path / "y.json")]) == 2
    assert re.search("x.json' is no fingerprint of a release", capsys.readouterr().err)
