"""`nextbeam plan check` and `explain` as a user meets them: what is said of broken files, and how they exit."""

import json
import shutil
from pathlib import Path

import pytest
from realdata import ROOT

from pipelines.cli import main

PLANS = ROOT / "tests" / "plans"


@pytest.fixture
def folder(tmp_path):
    return Path(shutil.copytree(PLANS / "everything", tmp_path / "plan"))


def edited(folder, name, old, new):
    file = folder / name
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def check(capsys, *args):
    """Exit code, and what is printed."""
    code = main(["plan", "check", *map(str, args)])
    said = capsys.readouterr()
    return code, said.out + said.err


UNREADABLE = {
    "random bytes": (b"\x80\x81\xff\x00\x07", "plan.yaml:1:1", "not UTF-8 text", "save the file as UTF-8"),
    "nothing": (b"", "plan.yaml:1:1", "empty file", "write its keys into it"),
    "a tab": (b"plan: nextbeam/1\n\tname: x\n", "plan.yaml:2:1", "tab", "indent with spaces, not with tabs"),
    "a bracket": (b"plan: nextbeam/1\nbrands: [a\nname: x\n", "plan.yaml:3", "not YAML", "brackets"),
    "a control character": (b"plan: nextbeam/1\nname: \x07\n", "plan.yaml:2:1", "no text has", "remove"),
    "two documents": (b"plan: nextbeam/1\n---\nname: x\n", "plan.yaml:2:1", "second document", "without ---"),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_a_file_that_cannot_be_read_is_told_with_its_line_and_exits_2(tmp_path, capsys, what):
    data, *said = UNREADABLE[what]
    (tmp_path / "plan.yaml").write_bytes(data)
    code, text = check(capsys, tmp_path)
    assert code == 2
    assert all(part in text for part in [*said, "[unreadable]"]), text


def test_an_included_file_that_cannot_be_read_is_told_by_its_own_name(folder, capsys):
    (folder / "actions.yaml").write_bytes(b"\xff\xff")
    code, text = check(capsys, folder)
    assert code == 2
    assert "actions.yaml:1:1: error: not UTF-8 text" in text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere", "there is no plan"),
        ("uk_bnk", "did you mean 'uk_bank'?"),
        ("empty", "holds no plan.yaml; add it"),
    ],
)
def test_what_is_no_plan_exits_2_and_says_what_to_name(tmp_path, monkeypatch, capsys, name, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    for command in ("check", "explain"):
        assert main(["plan", command, name]) == 2
        assert said in capsys.readouterr().err


REFUSED = {
    "a duplicate key": ("plan.yaml", "\nname: ", "\nname: twice\nname: ", "duplicate key 'name', first on", "keep one"),
    "an unknown field": ("actions.yaml", "mandatory: ", "mandatry: ", "unknown key", "did you mean mandatory?"),
    "a wrong type": ("actions.yaml", "value: 30", "value: lots", "expected a number, got the text 'lots'", "digits"),
    "an unknown fact": ("plan.yaml", "customer.age >= 18", "customer.aeg >= 18", "customer.aeg", "customer.age"),
    "an unknown group": ("actions.yaml", "group: help", "group: hlep", "'hlep'", "help"),
    "no expression": ("plan.yaml", "customer.age >= 18", "customer.age >=", "not an expression", "write e.g."),
    "an unknown file": ("plan.yaml", "include:\n", "include:\n  - nowhere.yaml\n", "no file 'nowhere.yaml'", "add it"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_a_plan_that_is_refused_names_file_line_fault_and_remedy_and_exits_1(folder, capsys, what):
    name, old, new, fault, remedy = REFUSED[what]
    edited(folder, name, old, new)
    code, text = check(capsys, folder, "--json")
    findings = json.loads(text)["findings"]
    lines = (folder / name).read_text(encoding="utf-8").splitlines()
    assert code == 1
    assert any(
        found["code"] == "refused"
        and found["file"].endswith(name)
        and lines[found["line"] - 1].strip()
        and fault in found["message"]
        and remedy in found["message"] + found["remedy"]
        for found in findings
    ), text


def test_explain_refuses_a_faulty_plan_with_the_same_words(folder, capsys):
    edited(folder, "actions.yaml", "value: 30", "value: lots")
    assert main(["plan", "explain", str(folder)]) == 2
    assert "expected a number, got the text 'lots'; write digits" in capsys.readouterr().err


def test_exits_are_0_for_a_clean_plan_1_for_findings_and_notes_count_if_strict(folder, capsys):
    assert check(capsys, folder)[0] == 0
    assert check(capsys, folder, "--strict")[0] == 1
    edited(
        folder, "plan.yaml", "when: customer.age >= 18", "when: customer.age >= 0 or not known(customer.age)"
    )
    assert check(capsys, folder)[0] == 1


def test_findings_can_be_read_by_machines(folder, capsys):
    edited(folder, "plan.yaml", "when: customer.age >= 18", "when: customer.age > 130")
    code, text = check(capsys, folder, "--json")
    found = json.loads(text)
    assert code == 1
    assert found["counts"]["error"] == sum(each["severity"] == "error" for each in found["findings"]) > 0
    assert all(
        {"file", "line", "column", "code", "message", "remedy"} <= set(each) for each in found["findings"]
    )
