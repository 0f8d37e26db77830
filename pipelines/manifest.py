"""The manifest of a run: a digest of each file it wrote, in its summary, which is sealed itself."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from models.audit.findings import Finding, FindingKind
from pipelines.locate import UsageError, run_folder

SUMMARY = "summary.json"


class WrittenFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a run."""

    path: str
    """Relative to the run's folder."""
    bytes: int
    sha256: str


def written_files(folder: Path) -> tuple[WrittenFile, ...]:
    """All files in the folder of a run but its summary, by path."""
    return tuple(
        WrittenFile(path=path.relative_to(folder).as_posix(), bytes=path.stat().st_size, sha256=_digest(path))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != SUMMARY
    )


def check_files(folder: Path, written: Sequence[WrittenFile], found: Sequence[Path]) -> Iterator[Finding]:
    """Which files are not those that a run wrote.

    Args:
      folder: That of the run.
      written: The files that it wrote.
      found: The files that there are now.
    """
    known = {each.path for each in written}
    for each in written:
        path = folder / each.path
        if not path.is_file():
            yield Finding(kind=FindingKind.FILE_MISSING, file=each.path)
        elif path.stat().st_size != each.bytes or _digest(path) != each.sha256:
            yield Finding(kind=FindingKind.FILE_CHANGED, file=each.path)
    for path in found:
        name = path.relative_to(folder).as_posix()
        if name not in known:
            yield Finding(kind=FindingKind.FILE_UNKNOWN, file=name)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def json_seal(said: Mapping[str, Any]) -> str:
    """The digest that belongs into `seal` of what is kept as JSON."""
    bare = {name: value for name, value in said.items() if name != "seal"}
    return hashlib.sha256(msgspec.json.encode(bare, order="sorted")).hexdigest()


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay asks of the summary of a run."""

    plan: str
    plan_digest: str
    rows: dict[str, int]
    files: tuple[WrittenFile, ...] = ()
    seal: str = ""


def read_manifest(folder: Path) -> tuple[Manifest, list[Finding]]:
    """The manifest of a run, and whether its summary was changed.

    Raises:
      UsageError: There is none, or it cannot be read.
    """
    path = run_folder(folder) / SUMMARY
    try:
        said = msgspec.json.decode(path.read_bytes())
        manifest = msgspec.convert(said, Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UsageError(f"{str(path)!r} is no summary of a run: {error}") from None
    if not manifest.files and not manifest.seal:
        raise UsageError(f"{str(folder)!r} is of a version that did not seal its records; run it again")
    changed = json_seal(said) != manifest.seal
    return manifest, [Finding(kind=FindingKind.FILE_CHANGED, file=SUMMARY)] if changed else []
