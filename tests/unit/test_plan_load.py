import os
import pickle
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.plan import schema
from models.plan.load import PlanError, load_plan
from models.plan.spec import PlanSpec
from models.plan.structure import PATTERNS

TESTS = Path(__file__).parents[1]
SMALL = TESTS / "plans" / "small"
TEXT = (SMALL / "plan.yaml").read_text(encoding="utf-8")
MALFORMED = sorted((TESTS / "golden" / "malformed_plans").iterdir())

MINIMAL = """\
plan: nextbeam/1
name: minimal
brands: [harbour]
channels: {web: {direction: inbound}}
vocabulary: {signal_types: [click]}
placements: {hero: {}}
issues: {grow: {}}
groups: {lending: {issue: grow}}
actions:
  - {id: loan, group: lending, value: 1, treatments: [{id: loan-hero, placements: [hero]}]}
"""


def write(folder, text=MINIMAL, **files):
    """A plan in `folder`, and files it may include; `a__b` is the file b.yaml in the folder a."""
    (folder / "plan.yaml").write_text(text, encoding="utf-8")
    for name, content in files.items():
        path = folder / (name.replace("__", "/") + ".yaml")
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return folder


def findings(folder):
    with pytest.raises(PlanError) as refused:
        load_plan(folder)
    return [f"{finding.path}: {finding.message}" for finding in refused.value.findings]


@pytest.mark.parametrize("folder", MALFORMED, ids=lambda folder: folder.name)
def test_what_users_see_when_a_plan_is_wrong(folder, monkeypatch):
    monkeypatch.chdir(folder)
    with pytest.raises(PlanError) as refused:
        load_plan(Path("plan.yaml"))
    assert f"{refused.value}\n" == Path("expected.txt").read_text(encoding="utf-8")


def test_at_least_ten_malformed_plans_are_shown():
    assert len(MALFORMED) >= 10


def test_a_folder_and_its_file_are_the_same_plan():
    assert load_plan(SMALL) == load_plan(SMALL / "plan.yaml")


def test_a_snapshot_is_the_same_plan(tmp_path):
    loaded = load_plan(SMALL)
    (tmp_path / "plan.json").write_bytes(loaded.canonical)
    again = load_plan(tmp_path / "plan.json")
    assert (again.spec, again.digest, again.canonical) == (loaded.spec, loaded.digest, loaded.canonical)


def test_a_damaged_snapshot_is_refused(tmp_path):
    (tmp_path / "plan.json").write_bytes(load_plan(SMALL).canonical[:-3])
    assert findings(tmp_path / "plan.json") == [": not JSON"]


def test_layout_and_comments_do_not_change_the_digest(tmp_path):
    plain = load_plan(write(tmp_path)).digest
    spaced = MINIMAL.replace("brands: [harbour]", "# brands\nbrands:\n  - 'harbour'\nversion: \"1\"\n")
    assert load_plan(write(tmp_path, spaced)).digest == plain


@pytest.mark.parametrize(
    ("before", "after"),
    [("value: 1,", "value: 2,"), ("name: minimal", "name: other"), ("[click]", "[click, view]")],
)
def test_whatever_is_said_changes_the_digest(tmp_path, before, after):
    plain = load_plan(write(tmp_path)).digest
    assert load_plan(write(tmp_path, MINIMAL.replace(before, after))).digest != plain


def test_the_digest_is_stable():
    assert re.fullmatch("[0-9a-f]{16}", load_plan(SMALL).digest)
    assert load_plan(SMALL).digest == load_plan(SMALL).digest


@pytest.mark.parametrize(
    ("gap", "expected"),
    [("7", "session.gap: the number 7 does not fit"), ("true", "session.gap: true does not fit")],
)
def test_what_quotes_would_not_mend_is_not_told_to_be_quoted(tmp_path, gap, expected):
    assert findings(write(tmp_path, f"session: {{gap: {gap}}}\n{MINIMAL}")) == [expected]


# Several files


def test_included_lists_are_appended_and_maps_merged(tmp_path):
    text = MINIMAL.replace("name: minimal", "name: minimal\ninclude: [more/*.yaml, groups.yaml]")
    action = "  - {id: ID, group: GROUP, value: 1, treatments: [{id: ID-hero, placements: [hero]}]}\n"
    folder = write(
        tmp_path,
        text,
        more__b="actions:\n" + action.replace("ID", "bee").replace("GROUP", "deposits"),
        more__a="actions:\n" + action.replace("ID", "ant").replace("GROUP", "lending"),
        groups="groups:\n  deposits: {issue: grow}\nvocabulary:\n  attributes: {amount: {type: number}}\n",
    )
    spec = load_plan(folder).spec
    assert [action.id for action in spec.actions] == ["loan", "ant", "bee"]
    assert list(spec.groups) == ["lending", "deposits"]
    assert spec.vocabulary.signal_types == ("click",)
    assert list(spec.vocabulary.attributes) == ["amount"]


@pytest.mark.parametrize(
    ("include", "expected"),
    [
        ("[other.yaml]", "include[0]: no file 'other.yaml'"),
        ("other.yaml", "include[0]: no file 'other.yaml'"),
        ("[../*/plan.yaml]", "include[0]: '../*/plan.yaml' leaves the plan's folder"),
        ("[/etc/hosts]", "include[0]: '/etc/hosts' leaves the plan's folder"),
        ("[1]", "include[0]: expected a file name, got the number 1"),
        ("[plan.yaml]", "include[0]: 'plan.yaml' is the plan itself"),
    ],
)
def test_includes_stay_inside_the_folder(tmp_path, include, expected):
    assert findings(write(tmp_path, f"include: {include}\n{MINIMAL}")) == [expected]


def test_a_link_out_of_the_folder_is_refused(tmp_path):
    folder, outside = tmp_path / "plan", tmp_path / "outside.yaml"
    folder.mkdir()
    outside.write_text("version: '2'\n", encoding="utf-8")
    (folder / "in.yaml").symlink_to(outside)
    write(folder, f"include: [in.yaml]\n{MINIMAL}")
    assert findings(folder) == ["include[0]: 'in.yaml' is a link out of the plan's folder"]


def test_an_included_file_includes_nothing(tmp_path):
    folder = write(tmp_path, f"include: [part.yaml]\n{MINIMAL}", part="include: [plan.yaml]\nversion: '2'\n")
    assert findings(folder) == ["include: include in an included file"]


def test_a_fault_in_an_included_file_is_found_there(tmp_path):
    folder = write(tmp_path, f"include: [part.yaml]\n{MINIMAL}", part="\n\nversion: 2\n")
    with pytest.raises(PlanError) as refused:
        load_plan(folder)
    assert refused.value.findings[0].mark == ((folder / "part.yaml").as_posix(), 3, 10)


# YAML


@pytest.mark.parametrize(
    "word", ["no", "on", "yes", "off", "y", "2026-01-01", "12:30", "0x1F", "1_000", ".nan", "=", "5h"]
)
def test_words_stay_words(tmp_path, word):
    text = MINIMAL.replace("[harbour]", f"[{word}]")
    assert load_plan(write(tmp_path, text)).spec.brands == (word,)


@pytest.mark.parametrize("number", ["5", "5.0", "+5", "0.5e1", "5."])
def test_numbers_are_numbers(tmp_path, number):
    text = MINIMAL.replace("value: 1", f"value: {number}")
    assert load_plan(write(tmp_path, text)).spec.actions[0].value == 5.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": empty file"),
        ("# nothing\n", ": empty file"),
        ("--- \n", ": empty file"),
        (f"{MINIMAL}---\n{MINIMAL}", ": a second document"),
        ("- a\n", ": a plan is a map of keys, not a list"),
        ("plan", ": a plan is a map of keys, not the text 'plan'"),
        (f"{MINIMAL}version: *other\n", ": alias *other without its anchor &other"),
        (f"{MINIMAL}version: &v [*v]\n", ": alias *v inside of itself"),
        (f"{MINIMAL}version: !!python/name:os.system ''\n", ": tag !!python/name:os.system"),
        (f"{MINIMAL}issues: {{}}\n", ": duplicate key 'issues', first on line 7"),
        (f"{MINIMAL}session:\n  <<: {{gap: 5m}}\n", ": merge key `<<`"),
        (f"{MINIMAL}? [a]\n: b\n", ": a key that is not text"),
        (f"{MINIMAL}version: {'[' * 40}{']' * 40}\n", ": nested deeper than 32"),
        (f"{MINIMAL}version: {'[' * 5000}\n", ": nested deeper than 32"),
        (f"{MINIMAL}description: \x07\n", ": a character that no text has"),
        (f"{MINIMAL}description: a: b\n", ": not YAML: mapping values are not allowed in this context"),
        (f"{MINIMAL}session:\n\tgap: 5m\n", ": not YAML: found character that cannot start any token"),
    ],
)  # fmt: skip
def test_what_is_no_plain_yaml_is_refused(tmp_path, text, message):
    assert findings(write(tmp_path, text)) == [message]


def test_aliases_may_be_used_with_measure(tmp_path):
    text = MINIMAL.replace("{direction: inbound}", "&in {direction: inbound}").replace(
        "}}\nvoc", "}, app: *in}\nvoc"
    )
    assert list(load_plan(write(tmp_path, text)).spec.channels) == ["web", "app"]


def test_files_that_cannot_be_read_are_said(tmp_path):
    assert findings(tmp_path) == [": cannot be read (No such file or directory)"]
    (tmp_path / "plan.yaml").write_bytes(MINIMAL.encode("utf-16"))
    assert findings(tmp_path) == [": not UTF-8 text"]
    (tmp_path / "plan.yaml").write_bytes(b"# " + b"x" * 2**22 + b"\n" + MINIMAL.encode())
    assert findings(tmp_path) == [": file of more than 4 MiB"]


def test_a_byte_order_mark_does_no_harm(tmp_path):
    (tmp_path / "plan.yaml").write_bytes(b"\xef\xbb\xbf" + MINIMAL.encode())
    assert load_plan(tmp_path).spec.name == "minimal"


# All faults at once


def test_structure_and_meaning_are_checked_together(tmp_path):
    text = (
        TEXT.replace("value: 120", "value: -1")
        .replace("customer.age >= 18", "customer.agee >= 18")
        .replace("scope: {groups: [lending]}\n\nactions", "scope: {actions: [personal-loan]}\n\nactions")
    )
    assert findings(write(tmp_path, text)) == [
        "policies[adult].when: unknown field customer.agee",
        "actions[personal-loan].value: the number -1 is out of range",
    ]


def test_meaning_waits_while_names_are_in_doubt(tmp_path):
    text = TEXT.replace("type: integer, minimum: 0, maximum: 130", "type: int")
    assert findings(write(tmp_path, text)) == ["vocabulary.customer.age.type: 'int' is not known here"]


def test_an_error_can_cross_a_process(tmp_path):
    with pytest.raises(PlanError) as refused:
        load_plan(tmp_path)
    assert str(pickle.loads(pickle.dumps(refused.value))) == str(refused.value)


# The model


def with_model(folder, model="{path: model}", manifest='{"digest": "abc", "kind": "linear"}'):
    (folder / "model").mkdir(exist_ok=True)
    (folder / "model" / "model.json").write_text(manifest, encoding="utf-8")
    return write(folder, f"{MINIMAL}model: {model}\n")


def test_the_digest_covers_the_model(tmp_path):
    first = load_plan(with_model(tmp_path))
    second = load_plan(with_model(tmp_path, manifest='{"digest": "xyz"}'))
    assert first.spec.model.digest == "abc"
    assert first.digest != second.digest


def test_a_stated_model_digest_makes_no_difference_but_must_be_right(tmp_path):
    unstated = load_plan(with_model(tmp_path))
    assert load_plan(with_model(tmp_path, "{path: model, digest: abc}")).digest == unstated.digest
    assert findings(with_model(tmp_path, "{path: model, digest: xyz}")) == [
        "model.digest: the model's digest is 'abc', not 'xyz'"
    ]


def test_a_snapshot_can_be_read_far_from_its_model(tmp_path):
    loaded = load_plan(with_model(tmp_path))
    snapshot = tmp_path / "elsewhere" / "plan.json"
    snapshot.parent.mkdir()
    snapshot.write_bytes(loaded.canonical)
    assert load_plan(snapshot).digest == loaded.digest


@pytest.mark.parametrize("path", ["../model", "/model", "model/../../model"])
def test_a_model_lies_inside_the_plans_folder(tmp_path, path):
    assert findings(with_model(tmp_path, f"{{path: {path}}}")) == [
        f"model.path: {path!r} leaves the plan's folder"
    ]


# Nothing but PlanError

WORDS = ["null", "[]", "{}", "-1", "x", "true", "''", "'2d'", "[a, b]", "{a: b}", "1e999"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_plan_is_loaded_or_refused(tmp_path, data):
    """Lines cut, repeated and swapped, and words replaced: whatever remains, no other error escapes."""
    lines = TEXT.splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        harm = data.draw(st.sampled_from(["cut", "repeat", "swap", "word", "indent"]))
        if harm == "cut" and len(lines) > 1:
            del lines[at]
        elif harm == "repeat":
            lines.insert(at, lines[at])
        elif harm == "swap":
            other = data.draw(st.integers(0, len(lines) - 1))
            lines[at], lines[other] = lines[other], lines[at]
        elif harm == "indent":
            lines[at] = "  " + lines[at]
        else:
            word = data.draw(
                st.sampled_from(
                    ["null", "[]", "{}", "-1", "x", "true", "''", "'2d'", "[a, b]", "{a: b}", "1e999"]
                )
            )
            lines[at] = re.sub(r": [^{\[].*$", f": {word}", lines[at])
    (tmp_path / "plan.yaml").write_text("\n".join(lines), encoding="utf-8")
    try:
        loaded = load_plan(tmp_path)
    except PlanError as refused:
        said = [str(finding) for finding in refused.findings]
    else:
        said = [] if msgspec.json.decode(loaded.canonical, type=PlanSpec) == loaded.spec else ["not the same"]
    assert "not the same" not in said
    assert len(said) == len(set(said)), "a fault is said once"


# For editors


def test_the_json_schema_is_up_to_date():
    assert schema.PATH.read_bytes() == schema.plan_schema(), "run python -m models.plan.schema"


def test_every_pattern_has_a_remedy():
    patterns = set(re.findall(r'"pattern": "(.*?)"', schema.plan_schema().decode()))
    assert {pattern.replace("\\\\", "\\") for pattern in patterns} == set(PATTERNS)


def test_the_shipped_catalogue_is_a_good_plan():
    shipped = TESTS.parent / "models" / "catalogues" / "uk_bank"
    assert load_plan(Path(os.path.relpath(shipped))).spec.actions
