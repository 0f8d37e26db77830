"""Folders of plans on this machine."""

from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from models.signing.keys import signature_of
from models.signing.manifest import MANIFEST, SIGNATURE, SignatureError, manifest_of
from models.signing.verify import Reader


def names_in(folder: Path) -> Iterator[str]:
    """The names of all files in a folder, however deep; folders that are links are not entered.

    Raises:
      SignatureError: It is no folder.
    """
    if not folder.is_dir():
        raise SignatureError(f"{str(folder)!r} is no folder; a signed plan is a folder with plan.yaml")
    for path in sorted(folder.rglob("*")):
        if not path.is_dir():
            yield path.relative_to(folder).as_posix()


def reader(folder: Path) -> Reader:
    """Reads the files of a folder."""

    def read(name: str, most: int) -> bytes:
        with (folder / name).open("rb") as file:
            return file.read(most)

    return read


def read_local(folder: Path) -> dict[str, bytes]:
    """What is to be signed in a folder: all of its files but an earlier manifest and signature."""
    return {
        name: (folder / name).read_bytes() for name in names_in(folder) if name not in {MANIFEST, SIGNATURE}
    }


def sign(folder: Path, key: ec.EllipticCurvePrivateKey | None = None) -> bytes:
    """Write the manifest of a folder and, with a key, its signature; the manifest.

    An earlier signature is removed: it would be over other bytes.
    """
    manifest = manifest_of(read_local(folder))
    (folder / SIGNATURE).unlink(missing_ok=True)
    (folder / MANIFEST).write_bytes(manifest)
    if key is not None:
        (folder / SIGNATURE).write_bytes(signature_of(key, manifest))
    return manifest
