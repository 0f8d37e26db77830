"""Folders of plans on this machine."""

from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from models.signing.keys import signature_of
from models.signing.manifest import MANIFEST, SIGNATURE, SignatureError, check_names, manifest_of
from models.signing.verify import Reader


def names_in(folder: Path) -> Iterator[str]:
    """The names of all files in a folder, however deep.

    Raises:
      SignatureError: It is no folder; or there is in it what cannot be signed as it is: a folder that is a link, whose
        files nobody would look at, or what is no file, e.g. a pipe, which would never end.
    """
    if not folder.is_dir():
        raise SignatureError(f"{str(folder)!r} is no folder; a signed plan is a folder with plan.yaml")
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir():
            if path.is_symlink():
                raise SignatureError(
                    f"{name[:80]!r} is a link to a folder; copy the folder there, or remove it"
                )
        elif path.is_file():
            yield name
        else:
            raise SignatureError(f"{name[:80]!r} is no file that can be read to its end; remove it")


def check_folder(folder: Path) -> None:
    """Refuse a folder with anything in it that cannot be signed, before any of it is read.

    Raises:
      SignatureError: As `names_in`; or a name cannot be signed.
    """
    check_names(name for name in names_in(folder) if name not in {MANIFEST, SIGNATURE})


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
