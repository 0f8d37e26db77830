"""`nextbeam plan sign` and `nextbeam plan verify`: which files of a plan were approved, and by whom."""

import argparse
import hashlib
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.commands import add_command
from pipelines.locate import UsageError

if TYPE_CHECKING:
    from models.signing import TrustedKey
    from pipelines.commands import Commands

SIGN_EXAMPLE = """examples:
  nextbeam plan sign plans/current
  gcloud kms asymmetric-sign --keyring nextbeam --key signing --version 1 --location europe-west2 \\
      --digest-algorithm sha256 --input-file plans/current/signed.json --signature-file plan.sig
  nextbeam plan sign plans/current --signature plan.sig --keys signing.pem

  nextbeam plan sign plans/current --key developer.pem

signed.json lists every file of the folder with its SHA-256; signed.json.sig is the signature over it (ECDSA on P-256
with SHA-256, DER). Whoever changes a file signs again."""

VERIFY_EXAMPLE = """example:
  nextbeam plan verify plans/current --keys signing.pem

What a job does with --plan_keys before it takes a plan. Exit 0: approved, and it loads; 1: refused."""


def add_sign(commands: "Commands") -> None:
    """Add both commands."""
    signing = add_command(
        commands, "sign", _sign, "approve a plan's files as they are, by a signature", SIGN_EXAMPLE
    )
    signing.add_argument("folder", metavar="FOLDER", help="the plan's folder, with plan.yaml and its model")
    how = signing.add_mutually_exclusive_group()
    how.add_argument("--key", metavar="PEM", help="sign with this private key: for development")
    how.add_argument(
        "--signature",
        metavar="FILE",
        help="a signature over signed.json that was made elsewhere, e.g. in KMS",
    )
    signing.add_argument("--keys", metavar="PEM", nargs="+", help="with --signature: those it has to be by")
    verifying = add_command(
        commands, "verify", _verify, "check that a plan is the one that was approved", VERIFY_EXAMPLE
    )
    verifying.add_argument("folder", metavar="FOLDER", help="the plan's folder")
    verifying.add_argument(
        "--keys", metavar="PEM", nargs="+", required=True, help="public keys of those who may approve plans"
    )


def _sign(args: argparse.Namespace, _: list[str]) -> int:
    from models.signing import MANIFEST, SIGNATURE, SignatureError, private_key, sign  # noqa: PLC0415

    folder = _folder(args.folder)
    if args.keys and not args.signature:
        raise UsageError("--keys: says whose --signature it is; without that one there is nothing to check")
    try:
        if args.signature:
            return _put(folder, Path(args.signature), args.keys)
        key = private_key(_read(Path(args.key))) if args.key else None
        _loadable(folder)
        manifest = sign(folder, key)
    except SignatureError as error:
        raise UsageError(str(error)) from None
    print(f"{folder / MANIFEST}: sha256 {hashlib.sha256(manifest).hexdigest()}")
    print(f"{folder / SIGNATURE}: signed" if key else f"not signed yet; next:\n  {_next(folder)}")
    return 0


def _next(folder: Path) -> str:
    from models.signing import MANIFEST  # noqa: PLC0415

    kms = "gcloud kms asymmetric-sign --keyring RING --key signing --version N --location REGION"
    file = shlex.quote(str(folder / MANIFEST))
    return (
        f"{kms} --digest-algorithm sha256 --input-file {file} --signature-file plan.sig\n"
        f"  nextbeam plan sign {shlex.quote(str(folder))} --signature plan.sig --keys PUBLIC.pem"
    )


def _put(folder: Path, signature: Path, named: list[str] | None) -> int:
    """Put a signature beside the manifest that it is over, if the folder still is what that says."""
    from models.signing import MANIFEST, SIGNATURE, approved, manifest_of, read_local  # noqa: PLC0415

    if not named:
        raise UsageError("--keys is missing: the public key that the signature has to be by")
    keys, data, manifest = _keys(named), _read(signature), manifest_of(read_local(folder))
    if not (folder / MANIFEST).is_file() or _read(folder / MANIFEST) != manifest:
        raise UsageError(
            f"{folder} is not what its {MANIFEST} says; `nextbeam plan sign {folder}` makes it anew"
        )
    approved(manifest, data, keys)
    (folder / SIGNATURE).write_bytes(data)
    print(f"{folder / SIGNATURE}: signed")
    return 0


def _verify(args: argparse.Namespace, _: list[str]) -> int:
    from models.signing import SignatureError  # noqa: PLC0415
    from transforms.plan_files import plan_at  # noqa: PLC0415  (as a job does it)

    folder, keys = _folder(args.folder), _keys(args.keys)
    try:
        plan = plan_at(str(folder), keys)
    except SignatureError as error:
        print(f"refused: {error}")
        return 1
    except ValueError as error:
        print(f"approved, but no plan that could decide: {error}")
        return 1
    print(f"approved: plan {plan.spec.name} {plan.digest}")
    return 0


def _loadable(folder: Path) -> None:
    """Nobody should approve what no job would load; what cannot be signed is not even looked at."""
    from models.signing import check_folder  # noqa: PLC0415
    from pipelines.launch import checked_plan  # noqa: PLC0415

    check_folder(folder)
    checked_plan(folder)


def _folder(name: str) -> Path:
    folder = Path(name)
    if not (folder / "plan.yaml").is_file():
        raise UsageError(f"{name!r} holds no plan.yaml; a signed plan is a folder with all of its files")
    return folder


def _keys(named: list[str]) -> "tuple[TrustedKey, ...]":
    from pipelines.plan_keys import find_keys  # noqa: PLC0415

    return find_keys("--keys", named)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{str(path)!r} cannot be read ({error.strerror})") from None
