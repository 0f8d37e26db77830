"""The manifest of a run: a digest of each file it wrote, in its summary, which is sealed itself."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from models.audit.findings import Finding, FindingKind

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


def json_seal(struct: msgspec.Struct) -> str:
    """The digest that belongs into the field `seal` of a struct that is kept as JSON."""
    bare = msgspec.structs.replace(struct, seal="")
    return hashlib.sha256(msgspec.json.encode(bare, order="deterministic")).hexdigest()
