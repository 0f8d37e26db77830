"""The files of a plan, wherever they are: here, or where Beam's file systems reach."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from apache_beam.io.filesystem import FileMetadata
from apache_beam.io.filesystems import FileSystems

from models.plan.compiled import Plan
from models.plan.load import PlanError
from models.plan.terms import PlanRefusedError
from models.propensity.artifact import ArtifactError
from models.signing import MOST_BYTES, Reader, SignatureError, TrustedKey, verified
from models.signing.folder import names_in, reader

Stamp = tuple[tuple[str, int, float], ...]

PLAN_FAULTS = (PlanError, ArtifactError, SignatureError, PlanRefusedError)
"""Errors whose texts are ours, about the bank's own files, and may be told: those of others may repeat anything."""


def plan_at(path: str, keys: Sequence[TrustedKey] = ()) -> Plan:
    """The plan at a local path, or at one that Beam's file systems know, e.g. `gs://BUCKET/plans/current`.

    Args:
      path: Of a folder, or without `keys` also of a YAML file.
      keys: Who may approve plans. With some, nothing of a plan is looked at unless one of them signed all of it.

    Raises:
      SignatureError: It is not signed by one of `keys`, or not as it is.
      PlanError: It is not valid.
      ArtifactError: Its model is not.
      PlanRefusedError: It is too large, or a file is named so that it would lie elsewhere.
      OSError: It cannot be read.
    """
    if not keys and "://" not in path:
        return Plan.load(Path(path))
    names, read = _remote_folder(path) if "://" in path else _local_folder(path)
    files = verified(names, read, keys) if keys else {name: read(name, -1) for name in names}
    with _laid_out(files) as folder:
        return Plan.load(folder)


def stamp_of(path: str) -> Stamp:
    """What changes when the plan's files do: their names, sizes and times."""
    return tuple(sorted(_stamps(path)))


def _stamps(path: str) -> Iterator[tuple[str, int, float]]:
    if "://" in path:
        for each in _remote(path):
            yield each.path, each.size_in_bytes, each.last_updated_in_seconds or 0.0
        return
    local = Path(path)
    for file in [local] if local.is_file() else local.rglob("*"):
        if file.is_file():
            about = file.stat()
            yield str(file), about.st_size, about.st_mtime


def _local_folder(path: str) -> tuple[list[str], Reader]:
    return list(names_in(Path(path))), reader(Path(path))


def _remote_folder(path: str) -> tuple[list[str], Reader]:
    found = [each for each in _remote(path) if not each.path.endswith("/")]  # a folder is an object, too
    if sum(each.size_in_bytes for each in found) > MOST_BYTES:  # before any of it is fetched
        raise PlanRefusedError(f"{path} has more than {MOST_BYTES >> 20} MiB")
    paths = {_inside(each.path, path): each.path for each in found}

    def read(name: str, most: int) -> bytes:
        with FileSystems.open(paths[name]) as source:
            return bytes(source.read(most))

    return list(paths), read


def _inside(name: str, folder: str) -> str:
    """Where an object lies below a folder. Buckets take any name, and one with `..` would be written elsewhere."""
    place = PurePosixPath(name).relative_to(PurePosixPath(folder))
    if ".." in place.parts:
        raise PlanRefusedError(f"{name[:80]!r} lies outside of the plan's folder")
    return str(place)


def _remote(path: str) -> list[FileMetadata]:
    matched = FileSystems.match([path, f"{path.rstrip('/')}/**"])
    return [each for result in matched for each in result.metadata_list]


@contextmanager
def _laid_out(files: dict[str, bytes]) -> Iterator[Path]:
    """A folder that holds these files and nobody else can write to."""
    with tempfile.TemporaryDirectory(prefix="nextbeam-plan-") as folder:
        for name, data in files.items():
            target = Path(folder, "plan", name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        yield Path(folder, "plan")
