"""The manifest: every file of a plan's folder by name, size and digest."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

MANIFEST, SIGNATURE = "signed.json", "signed.json.sig"
MOST_FILES, MOST_BYTES = 2_000, 512 * 2**20
MOST_MANIFEST, MOST_SIGNATURE = 2**20, 512

_NAME = re.compile(r"(?!.{256})[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*){0,7}")
AGAIN = "sign the folder as it shall decide, and copy all of it"


class SignatureError(ValueError):
    """A plan is not the one that was approved, or nobody who is trusted approved it; says what to do."""


class SignedFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file; `name` is relative to the folder, with slashes."""

    name: str
    size: Annotated[int, Meta(ge=0, le=MOST_BYTES)]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Approved(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All files of a folder, without the manifest and its signature."""

    format: Literal["nextbeam-signed/1"] = "nextbeam-signed/1"
    """Also keeps what was signed for another purpose from being taken for this."""
    files: Annotated[tuple[SignedFile, ...], Meta(min_length=1, max_length=MOST_FILES)]

    def __post_init__(self) -> None:
        names = [file.name for file in self.files]
        check_names(names)
        if names != sorted(names) or len({name.casefold() for name in names}) < len(names):
            raise ValueError("names are not in order, or stand twice")
        if sum(file.size for file in self.files) > MOST_BYTES:
            raise ValueError(f"more than {MOST_BYTES >> 20} MiB")


def check_names(names: Iterable[str]) -> None:
    """Refuse names that could lead out of a folder, or that are not the same everywhere.

    Raises:
      SignatureError: One has other characters than A-Z a-z 0-9 . _ - in its parts, or starts a part with `.` or `-`.
    """
    for name in names:
        if not _NAME.fullmatch(name):
            raise SignatureError(f"{name[:80]!r} is no name for a file of a signed plan; rename or remove it")


def manifest_of(files: Mapping[str, bytes]) -> bytes:
    """What is to be signed for these files, by name.

    Raises:
      SignatureError: A name cannot be signed, or the files are too many or too large.
    """
    check_names(files)
    entries = tuple(
        SignedFile(name=name, size=len(data), sha256=hashlib.sha256(data).hexdigest())
        for name, data in sorted(files.items())
    )
    try:
        made = msgspec.convert(msgspec.to_builtins(Approved(files=entries)), Approved)
    except (ValueError, msgspec.ValidationError) as error:
        raise SignatureError(f"these files cannot be signed ({error}); sign a plan's folder") from None
    return msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n"


def check_all_there(manifest: Approved, names: Iterable[str]) -> None:
    """Refuse a folder that has more or fewer files than were approved.

    Raises:
      SignatureError: It has.
    """
    there, signed = set(names) - {MANIFEST, SIGNATURE}, {file.name for file in manifest.files}
    for found, what in ((there - signed, "is not among the signed files"), (signed - there, "is missing")):
        if found:
            raise SignatureError(f"{min(found)[:80]!r} {what}; {AGAIN}")


def check_file(file: SignedFile, data: bytes) -> None:
    """Refuse content that was not approved.

    Raises:
      SignatureError: `data` is something else.
    """
    if len(data) != file.size or hashlib.sha256(data).hexdigest() != file.sha256:
        raise SignatureError(f"{file.name!r} is not what was signed; {AGAIN}")
