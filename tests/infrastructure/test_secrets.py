"""No secret in the repository; one that is put there is found."""

import base64
import json
import subprocess

import pytest

from scripts.supply import secrets
from scripts.supply.secrets import BASELINE, SCANNER, UNREAD, findings, looked_at, new, scan, updated

needs_scanner = pytest.mark.skipif(
    not SCANNER.is_file(), reason="detect-secrets is not there; `make infra` installs it"
)

# Put together here, so that this file holds none.
PLANTED = {
    "service-account-key": '{"private_key": "-----BEGIN PRIVATE' + ' KEY-----\\nMIIEvQIBADANBgkq\\n"}',
    "private-key": "-----BEGIN EC PRIVATE" + " KEY-----\nMHcCAQEEIPq\n-----END EC PRIVATE" + " KEY-----\n",
    "password": 'database_password = "' + "correct-horse-" + 'battery-9"\n',
    "aws": 'aws = "AKIA' + 'QYLPMN5HHHFPZAM2"\n',
    "github": 'token = "ghp_' + "wWPw5k4aXcaT4f" + "NP0UcnZwJUVFk6LO0pINUx" + '"\n',
    "url": 'url = "https://user:' + 'p4ssw0rdverylong@example.com/x"\n',
    "random": 'value = "' + base64.b64encode(bytes((i * 37 + 11) % 256 for i in range(48))).decode() + '"\n',
}


@needs_scanner
def test_each_kind_of_secret_that_is_put_into_a_file_is_found(tmp_path):
    for kind, text in PLANTED.items():
        (tmp_path / f"{kind}.py").write_text(text)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    subprocess.run(["git", "-C", str(tmp_path), "add", "-A"], check=True)
    found = {each.file for each in findings(scan(tmp_path))}
    assert found == {f"{kind}.py" for kind in PLANTED}


def _said(*digests: str, file: str = "a.py", line: int = 1) -> dict:
    return {"results": {file: [{"type": "t", "hashed_secret": d, "line_number": line} for d in digests]}}


def test_a_finding_that_nobody_looked_at_fails_without_being_printed():
    baseline = updated(_said("one"), {"results": {}})
    [line] = new(_said("one"), baseline)
    assert line.startswith("a.py:1: t;")
    assert "one" not in line.partition(";")[0]


def test_what_somebody_looked_at_may_move_but_not_become_another():
    baseline = _said("one")
    baseline["results"]["a.py"][0]["is_secret"] = False
    assert not new(_said("one", line=99), baseline)
    assert new(_said("two"), baseline)
    assert new(_said("one", file="b.py"), baseline)
    assert looked_at(updated(_said("one", "two"), baseline)) == looked_at(baseline)


def test_what_was_said_to_be_a_secret_fails_too():
    baseline = _said("one")
    baseline["results"]["a.py"][0]["is_secret"] = True
    assert new(_said("one"), baseline)


def test_everything_in_the_baseline_was_looked_at_and_its_file_is_there():
    baseline = json.loads(BASELINE.read_text())
    assert set(findings(baseline)) == looked_at(baseline)
    assert all((BASELINE.parent / each.file).is_file() for each in findings(baseline))


@pytest.mark.parametrize(
    "name", ["deploy/check.flags", "terraform/main.tf", "scripts/x.sh", "a.json", ".env", "k.pem"]
)
def test_no_kind_of_file_that_could_hold_a_secret_is_left_out(name):
    import re

    assert not re.search(UNREAD, name)


def test_the_scan_of_the_repository_is_part_of_what_guards_it():
    text = (secrets.ROOT / "scripts" / "supply.sh").read_text()
    assert "scripts.supply.secrets" in text
