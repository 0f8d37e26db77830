"""Faults planted in terraform/ are found: each by the check that is there for it.

A sample here, another one whenever the configuration changes; all of them with NEXTBEAM_FULL=1.
"""

import hashlib
import json
import os
import subprocess

import msgspec
import pytest
from checking import HERE, ROOT, TOOLS, needs_terraform
from policies import POLICIES
from terraform_faults import faulty
from terraform_state import Deployment

TERRAFORM = ROOT / "terraform"
COMMANDS = ("fmt", "validate", "checkov", "test")
SLOW = ("checkov", "test")
FULL = os.environ.get("NEXTBEAM_FULL") == "1"


def catalogue():
    files = msgspec.yaml.decode((HERE / "terraform_mutants.yaml").read_bytes())
    return [{"file": file, **fault} for file, faults in files.items() for fault in faults]


def check_of(mutant):
    return mutant["found_by"].partition("@")[0]


def sample(among, size):
    """Some that are quick to check, in other files; others whenever a file of the configuration changes."""
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(TERRAFORM.rglob("*.tf")))).digest()
    quick = [mutant for mutant in among if check_of(mutant) not in SLOW]
    ordered = sorted(quick, key=lambda mutant: hashlib.sha256(digest + mutant["meaning"].encode()).digest())
    return list({mutant["file"]: mutant for mutant in ordered}.values())[:size]


MUTANTS = catalogue()
CHOSEN = MUTANTS if FULL else sample(MUTANTS, 4)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("outcomes")
    command = [TOOLS, HERE / "terraform_mutants.py", folder]
    subprocess.run(command, input=json.dumps(CHOSEN), text=True, check=True)
    return {file.stem: json.loads(file.read_text("utf-8")) for file in folder.iterdir()}


def test_there_is_a_fault_for_every_check():
    assert len(MUTANTS) >= 20
    assert {check_of(mutant) for mutant in MUTANTS} == {*POLICIES, *COMMANDS}
    assert len({(mutant["file"], mutant["meaning"]) for mutant in MUTANTS}) == len(MUTANTS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant["meaning"])
def test_the_catalogue_keeps_up_with_the_configuration(mutant):
    sound = (TERRAFORM / mutant["file"]).read_text("utf-8")
    assert faulty(sound, mutant) != sound


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(number, marks=needs_terraform, id=mutant["meaning"])
        for number, mutant in enumerate(CHOSEN)
    ],
)
def test_the_fault_is_found(outcomes, number):
    mutant, outcome = CHOSEN[number], outcomes[str(number)]
    if (check := check_of(mutant)) in COMMANDS:
        assert outcome.get("error")
        return
    assert "plan" in outcome, outcome["error"]
    environment = mutant["found_by"].partition("@")[2] or "everything"
    made = Deployment.of(environment, {"plan": outcome["plan"], "schemas": outcomes["schemas"]})
    assert list(POLICIES[check](made)) != []


@pytest.mark.parametrize("text", ["no such text", "region"])
def test_a_text_that_is_not_there_once_is_refused(text):
    sound = (TERRAFORM / "main.tf").read_text("utf-8")
    with pytest.raises(ValueError, match="times, not once"):
        faulty(sound, {"file": "main.tf", "text": text, "instead": ""})
