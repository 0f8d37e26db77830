"""Plans are taken only as somebody trusted signed them, whole, and the bytes that were checked are the ones used."""

import base64
import io
import json
import logging
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from apache_beam.io.filesystem import FileMetadata, MatchResult
from apache_beam.io.filesystems import FileSystems
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from models.plan.compiled import Plan
from models.signing import (
    MANIFEST,
    SIGNATURE,
    SignatureError,
    approved,
    manifest_of,
    private_key,
    sign,
    trusted_keys,
    verified,
)
from models.signing.folder import names_in, reader
from pipelines.cli import main
from pipelines.flags import Config
from pipelines.launch import launch
from pipelines.locate import CATALOGUES, UsageError
from pipelines.options import beam_options
from pipelines.plan_keys import plan_keys
from transforms import plan_files
from transforms.metrics import PLAN_REFUSED
from transforms.plan_files import plan_at
from transforms.plan_source import PlanSource
from transforms.plan_watch import PlanWatch

BANK = CATALOGUES / "uk_bank"
_PEM, _SPKI = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
_PLAIN = serialization.NoEncryption()


def _pem(key) -> str:
    return key.public_key().public_bytes(_PEM, _SPKI).decode()


def _secret(key, encryption=_PLAIN) -> bytes:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, encryption)


OURS, NEXT, STRANGER = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
KEYS = trusted_keys([_pem(OURS)])


_FILES = {"plan.yaml": b"plan: nextbeam/1\n", "model/model.json": b"{}"}
_FILES[MANIFEST] = manifest_of(_FILES)
_FILES[SIGNATURE] = OURS.sign(_FILES[MANIFEST], ec.ECDSA(hashes.SHA256()))


@pytest.fixture
def bank(tmp_path) -> Path:
    """A plan with its model, signed."""
    folder = tmp_path / "plan"
    shutil.copytree(BANK, folder)
    sign(folder, OURS)
    return folder


def _manifest(folder: Path) -> dict:
    return json.loads((folder / MANIFEST).read_text())


def _resign(folder: Path, change) -> None:
    """A manifest that our own key signed, and that should not be believed all the same."""
    said = _manifest(folder)
    change(said)
    data = json.dumps(said).encode()
    (folder / MANIFEST).write_bytes(data)
    (folder / SIGNATURE).write_bytes(OURS.sign(data, ec.ECDSA(hashes.SHA256())))


def test_a_signed_plan_is_the_plan(bank):
    assert plan_at(str(bank), KEYS).digest == Plan.load(BANK).digest


def test_either_of_two_keys_suffices_while_keys_rotate(bank):
    both = trusted_keys([_pem(NEXT) + _pem(OURS)])
    assert len(both) == 2
    for key in (OURS, NEXT):
        sign(bank, key)
        assert plan_at(str(bank), both).digest == Plan.load(BANK).digest


def test_signing_again_gives_the_same_bytes(bank):
    first = (bank / SIGNATURE).read_bytes()
    sign(bank, OURS)
    assert (bank / SIGNATURE).read_bytes() == first


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _swap(folder: Path) -> None:
    one, other = folder / "actions" / "grow.yaml", folder / "actions" / "acquire.yaml"
    first = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(first)


def _signed_path(name: str):
    return lambda said: said["files"].insert(0, {"name": name, "size": 0, "sha256": "0" * 64})


TAMPERING = {
    "never-signed": (lambda f: ((f / MANIFEST).unlink(), (f / SIGNATURE).unlink()), "not signed"),
    "signature-removed": (lambda f: (f / SIGNATURE).unlink(), "not signed"),
    "signature-empty": (lambda f: (f / SIGNATURE).write_bytes(b""), "no trusted key"),
    "signature-garbled": (lambda f: _flip(f / SIGNATURE), "no trusted key"),
    "signature-endless": (lambda f: (f / SIGNATURE).write_bytes(b"0" * 10_000), "more than 512 bytes"),
    "by-a-stranger": (lambda f: sign(f, STRANGER), "no trusted key"),
    "manifest-changed": (lambda f: _flip(f / MANIFEST), "no trusted key"),
    "manifest-endless": (lambda f: (f / MANIFEST).write_bytes(b" " * (2**20 + 1)), "more than 1,048,576"),
    "plan-changed": (lambda f: _flip(f / "plan.yaml"), "'plan.yaml' is not what was signed"),
    "model-changed": (lambda f: _flip(f / "model" / "arrays.npz"), "arrays.npz' is not what was signed"),
    "card-changed": (lambda f: _flip(f / "model" / "CARD.md"), "CARD.md' is not what was signed"),
    "model-truncated": (lambda f: (f / "model" / "arrays.npz").write_bytes(b""), "is not what was signed"),
    "two-files-swapped": (_swap, "is not what was signed"),
    "file-added": (lambda f: (f / "actions" / "more.yaml").write_text(""), "is not among the signed"),
    "hidden-file-added": (lambda f: (f / ".more").write_text(""), "is not among the signed"),
    "file-removed": (lambda f: (f / "actions" / "grow.yaml").unlink(), "'actions/grow.yaml' is missing"),
    "signed-way-out": (lambda f: _resign(f, _signed_path("../outside.yaml")), "no name for a file"),
    "signed-absolute": (lambda f: _resign(f, _signed_path("/etc/passwd")), "no name for a file"),
    "signed-backslash": (lambda f: _resign(f, _signed_path("..\\outside")), "no name for a file"),
    "signed-nul": (lambda f: _resign(f, _signed_path("a\0b")), "no name for a file"),
    "signed-twice": (lambda f: _resign(f, lambda s: s["files"].append(s["files"][-1])), "stand twice"),
    "signed-for-something-else": (lambda f: _resign(f, lambda s: s.update(format="other/1")), "no manifest"),
    "signed-with-more": (lambda f: _resign(f, lambda s: s.update(also="this")), "no manifest"),
    "signed-too-large": (lambda f: _resign(f, lambda s: s["files"][0].update(size=2**40)), "no manifest"),
    "signed-nothing": (lambda f: _resign(f, lambda s: s.update(files=[])), "no manifest"),
}


@pytest.mark.parametrize(("tamper", "said"), TAMPERING.values(), ids=TAMPERING)
def test_what_is_not_as_it_was_signed_is_refused_before_any_of_it_is_parsed(bank, monkeypatch, tamper, said):
    tamper(bank)
    monkeypatch.setattr(plan_files, "Plan", SimpleNamespace(load=lambda _: pytest.fail("it was parsed")))
    with pytest.raises(SignatureError, match=said):
        plan_at(str(bank), KEYS)


@settings(max_examples=60)
@given(st.sampled_from(sorted(_FILES)), st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_no_change_of_a_byte_goes_unseen(name, where, by):
    data = bytearray(_FILES[name])
    data[int(where * len(data))] ^= by
    changed = {**_FILES, name: bytes(data)}
    with pytest.raises(SignatureError):
        verified(changed, lambda each, most: changed[each][:most], KEYS)


def test_each_byte_is_read_once_and_what_was_checked_is_what_is_used(bank, monkeypatch):
    """Files that change right after they were read: the plan is still the one that was signed."""
    reads: list[str] = []
    real = reader(bank)

    def changing(name, most):
        reads.append(name)
        data = real(name, most)
        (bank / name).write_bytes(b"plan: evil")
        return data

    monkeypatch.setattr(plan_files, "reader", lambda _: changing)
    assert plan_at(str(bank), KEYS).digest == Plan.load(BANK).digest
    assert reads[:2] == [MANIFEST, SIGNATURE]
    assert sorted(reads) == sorted(names_in(bank))


def test_no_file_is_read_before_the_signature_is_found_good(bank):
    sign(bank, STRANGER)
    reads: list[str] = []

    def read(name, most):
        reads.append(name)
        return reader(bank)(name, most)

    with pytest.raises(SignatureError):
        verified(names_in(bank), read, KEYS)
    assert reads == [MANIFEST, SIGNATURE]


def test_a_file_that_grew_is_not_read_to_its_end(bank):
    asked: dict[str, int] = {}

    def read(name, most):
        asked[name] = most
        return reader(bank)(name, most)

    (bank / "plan.yaml").write_bytes(b"x" * 10**7)
    with pytest.raises(SignatureError):
        verified(names_in(bank), read, KEYS)
    assert asked["plan.yaml"] < 10**6


def test_a_link_out_of_the_folder_does_not_become_part_of_a_plan(bank, tmp_path):
    (tmp_path / "more.yaml").write_text("actions: []")
    (bank / "more.yaml").symlink_to(tmp_path / "more.yaml")
    with pytest.raises(SignatureError, match="is not among the signed"):
        plan_at(str(bank), KEYS)


def _linked_folder(bank: Path) -> None:
    """Plans are read through it, but nobody would have looked at what it holds."""
    elsewhere = bank.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "more.yaml").write_text("actions: []")
    (bank / "linked").symlink_to(elsewhere, target_is_directory=True)


def _pipe(bank: Path) -> None:
    """Who reads it waits; whoever does here gets nothing, so that a test ends."""
    os.mkfifo(bank / "notes.md")
    threading.Thread(target=(bank / "notes.md").write_bytes, args=(b"",), daemon=True).start()


def _nowhere(bank: Path) -> None:
    (bank / "notes.md").symlink_to(bank / "gone.md")


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (_linked_folder, "'linked' is a link to a folder; copy the folder there"),
        (_pipe, "'notes.md' is no file that can be read to its end; remove it"),
        (_nowhere, "'notes.md' is no file that can be read"),
    ],
)
def test_what_is_no_file_can_neither_be_signed_nor_approved(plant, said, bank, tmp_path, capsys):
    (tmp_path / "key.pem").write_bytes(_secret(OURS))
    (tmp_path / "public.pem").write_text(_pem(OURS))
    signed = (bank / SIGNATURE).read_bytes()
    plant(bank)
    assert main(["plan", "sign", str(bank), "--key", str(tmp_path / "key.pem")]) == 2
    assert said in capsys.readouterr().err
    assert (bank / SIGNATURE).read_bytes() == signed
    by = ["--keys", str(tmp_path / "public.pem")]
    assert main(["plan", "sign", str(bank), "--signature", str(bank / SIGNATURE), *by]) == 2
    assert main(["plan", "verify", str(bank), *by]) == 1
    assert f"refused: {said}" in capsys.readouterr().out


def test_a_single_file_is_no_signed_plan(bank):
    with pytest.raises(SignatureError, match="a signed plan is a folder"):
        plan_at(str(bank / "plan.yaml"), KEYS)


@pytest.mark.parametrize(
    "name",
    ["../x", "/x", "a//b", "a/../b", "a/", "", ".", ".hidden", "-x", "a b", "ä", "x" * 300, "a\n", "a\\b"],
)
def test_names_that_could_mean_another_file_somewhere_are_not_signed(name):
    with pytest.raises(SignatureError, match="no name for a file"):
        manifest_of({"plan.yaml": b"", name: b""})


def test_names_that_are_one_file_on_some_machines_are_not_signed():
    with pytest.raises(SignatureError, match="stand twice"):
        manifest_of({"plan.yaml": b"", "Plan.yaml": b""})


BAD_KEYS = {
    "private": (_secret(OURS).decode(), "private key"),
    "rsa": (_pem(rsa.generate_private_key(65537, 2048)), "not on the curve P-256"),
    "another-curve": (_pem(ec.generate_private_key(ec.SECP384R1())), "not on the curve P-256"),
    "certificate": ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "is no public key"),
    "garbage": ("hello", "is no public key"),
    "nothing": ("", "is no public key"),
}


@pytest.mark.parametrize(("text", "said"), BAD_KEYS.values(), ids=BAD_KEYS)
def test_keys_of_another_kind_are_refused(text, said):
    with pytest.raises(SignatureError, match=said):
        trusted_keys([text])


def test_a_key_may_stand_on_one_line_as_a_template_passes_it():
    spki = base64.b64encode(OURS.public_key().public_bytes(serialization.Encoding.DER, _SPKI)).decode()
    assert trusted_keys([spki]) == KEYS


@pytest.mark.parametrize(
    "pem",
    [
        b"no key",
        _secret(OURS, serialization.BestAvailableEncryption(b"word")),
        _secret(ec.generate_private_key(ec.SECP384R1())),
        _pem(OURS).encode(),
    ],
    ids=["garbage", "encrypted", "another-curve", "public"],
)
def test_only_a_plain_private_key_of_the_curve_signs(pem):
    with pytest.raises(SignatureError, match="make one with"):
        private_key(pem)


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not there to sign as Cloud KMS does")
def test_a_signature_made_elsewhere_is_taken_if_it_is_over_this_folder(tmp_path, capsys):
    folder, key, public = tmp_path / "plan", tmp_path / "key.pem", tmp_path / "public.pem"
    shutil.copytree(BANK, folder)
    key.write_bytes(_secret(OURS))
    public.write_text(_pem(OURS))
    made = str(tmp_path / "plan.sig")
    put = ["plan", "sign", str(folder), "--signature", made, "--keys", str(public)]
    check = ["plan", "verify", str(folder), "--keys", str(public)]
    assert main(["plan", "sign", str(folder)]) == 0
    assert "gcloud kms asymmetric-sign" in capsys.readouterr().out
    assert main(check) == 1
    subprocess.run(["openssl", "dgst", "-sha256", "-sign", key, "-out", made, folder / MANIFEST], check=True)
    assert main(put) == 0
    assert main(check) == 0
    assert "approved: plan UK retail bank" in capsys.readouterr().out
    _flip(folder / "model" / "CARD.md")
    assert main(put) == 2
    assert main(check) == 1
    assert "CARD.md' is not what was signed" in capsys.readouterr().out


def test_a_plan_that_does_not_load_cannot_be_signed(tmp_path, capsys):
    (tmp_path / "plan.yaml").write_text("plan: nextbeam/1\nnonsense: 1\n")
    (tmp_path / "key.pem").write_bytes(_secret(OURS))
    assert main(["plan", "sign", str(tmp_path), "--key", str(tmp_path / "key.pem")]) == 2
    assert not (tmp_path / MANIFEST).exists()


@pytest.mark.parametrize("named", ["", " , ", "missing.pem", "hello"])
def test_a_flag_for_keys_that_names_none_is_refused_rather_than_ignored(named):
    with pytest.raises(UsageError, match="--plan_keys"):
        plan_keys(named, "gs://bank/plans/current")


def test_shipped_plans_need_no_signature_and_what_only_looks_shipped_does():
    assert plan_keys(_pem(OURS), str(BANK)) == ()
    assert plan_keys(_pem(OURS), str(CATALOGUES / ".." / ".." / "other")) == KEYS
    assert plan_keys(_pem(OURS), "gs://bank/plans/current") == KEYS
    assert plan_keys(None, "gs://bank/plans/current") == ()


@pytest.fixture
def bucket(bank, monkeypatch):
    """A signed plan in a bucket, as Beam's file systems see it."""
    home = "gs://bank/plans/current"
    held = {f"{home}/{name}": (bank / name).read_bytes() for name in names_in(bank)}

    def match(patterns):
        return [MatchResult(patterns[0], [FileMetadata(name, len(data), 1.0) for name, data in held.items()])]

    monkeypatch.setattr(FileSystems, "match", staticmethod(match))
    monkeypatch.setattr(FileSystems, "open", staticmethod(lambda name: io.BytesIO(held[name])))
    return home, held


def test_a_plan_in_a_bucket_is_verified_as_one_on_disk_is(bucket):
    home, held = bucket
    held[f"{home}/"] = b""  # an object that stands for the folder
    assert plan_at(home, KEYS).digest == Plan.load(BANK).digest
    held[f"{home}/more.yaml"] = b""
    with pytest.raises(SignatureError, match="is not among the signed"):
        plan_at(home, KEYS)


def test_a_job_does_not_start_with_a_plan_that_nobody_approved(bank, tmp_path):
    (tmp_path / "signals.jsonl").write_text("")
    keys = {"keys": KEYS, "plan": bank, "out": tmp_path / "out", "outcomes": ()}
    config = Config(signals=(str(tmp_path / "signals.jsonl"),), **keys)
    assert launch(config, beam_options([])).accounted
    _flip(bank / "plan.yaml")
    with pytest.raises(UsageError, match="is not what was signed"):
        launch(config, beam_options([]))


def test_the_steps_of_a_job_verify_too_whatever_was_verified_at_its_start(bank):
    _flip(bank / "plan.yaml")
    with pytest.raises(SignatureError):
        PlanSource(str(bank), keys=KEYS).load()
    with pytest.raises(SignatureError):
        PlanSource(str(bank), refresh_s=3600.0, keys=KEYS).load()


def _renamed(folder: Path, name: str) -> None:
    text = (folder / "plan.yaml").read_text("utf-8")
    (folder / "plan.yaml").write_text(text.replace("name: UK retail bank", f"name: {name}", 1), "utf-8")


def _until(holds) -> bool:
    end = time.monotonic() + 10
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


def test_a_running_job_keeps_its_plan_until_the_next_one_is_approved(bank, caplog):
    caplog.set_level(logging.WARNING)
    watch = PlanWatch(str(bank), 0.02, lambda plan: plan, lambda old, new: None, KEYS)
    watch.current()
    _renamed(bank, "Planted bank")
    assert _until(lambda: PLAN_REFUSED in watch._uncounted)
    assert "'plan.yaml' is not what was signed" in caplog.text
    assert watch.current().spec.name == "UK retail bank"
    sign(bank, OURS)
    assert _until(lambda: watch.current().spec.name == "Planted bank")


def test_a_manifest_is_not_interpreted_before_its_signature_is_good():
    with pytest.raises(SignatureError, match="no trusted key"):
        approved(b"{" * 10**5, b"", KEYS)
