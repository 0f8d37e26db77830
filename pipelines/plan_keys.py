"""Who may approve plans, as flags name them. No Beam, and `cryptography` only when asked: help must be quick."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.locate import CATALOGUES, UsageError

if TYPE_CHECKING:
    from models.signing import TrustedKey

_LONGEST_NAME = 1024


def find_keys(flag: str, named: Sequence[str]) -> "tuple[TrustedKey, ...]":
    """The keys that some values name: PEM files, folders of them, or keys in base64 on one line, as templates pass.

    Raises:
      UsageError: One is no public key of the kind we verify, or there is none at all.
    """
    from models.signing import SignatureError, trusted_keys  # noqa: PLC0415

    try:
        keys = trusted_keys([text for name in named for text in _texts(flag, name)])
    except SignatureError as error:
        raise UsageError(f"{flag}: {error}") from None
    if not keys:
        raise UsageError(f"{flag}: names no key, and without one nothing could be approved")
    return keys


def plan_keys(named: str | None, plan: str) -> "tuple[TrustedKey, ...]":
    """Who may approve the plan of a job: those of `--plan_keys`; nobody needs to, if it comes with the project.

    The image that it is a part of is pinned by its digest.
    """
    if named is None:
        return ()
    keys = find_keys("--plan_keys", [each.strip() for each in named.split(",") if each.strip()])
    return () if "://" not in plan and Path(plan).resolve().is_relative_to(CATALOGUES.resolve()) else keys


def _texts(flag: str, name: str) -> Iterator[str]:
    path = Path(name)
    if len(name) > _LONGEST_NAME or name.startswith("-----BEGIN") or not path.exists():
        if name.endswith(".pem"):
            raise UsageError(f"{flag}: there is no file {name!r}")
        yield name
        return
    for file in sorted(path.glob("*.pem")) if path.is_dir() else [path]:
        try:
            yield file.read_text("ascii")
        except (OSError, UnicodeDecodeError):
            raise UsageError(f"{flag}: {str(file)!r} cannot be read as a PEM file") from None
