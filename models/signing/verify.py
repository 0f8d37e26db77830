"""From a folder to bytes that may be used: signature first, then names, then content, each byte read once."""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from models.signing.keys import TrustedKey
from models.signing.manifest import (
    AGAIN,
    MANIFEST,
    MOST_MANIFEST,
    MOST_SIGNATURE,
    SIGNATURE,
    Approved,
    SignatureError,
    check_all_there,
    check_file,
)

Reader = Callable[[str, int], bytes]
"""The content of a file by its name in the folder; of a longer one only so many bytes."""


def verified(names: Iterable[str], read: Reader, keys: Sequence[TrustedKey]) -> dict[str, bytes]:
    """The files of a signed folder. What is returned is what was checked, so use that and read nothing again.

    Args:
      names: Of all files in the folder.
      read: Reads one.
      keys: Those who may approve; one of them suffices.

    Raises:
      SignatureError: The folder is not signed, not whole, or not what was signed. No file of the plan is read before
        the signature over its digest is found good.
      OSError: It cannot be read.
    """
    there = set(names)
    for name in (MANIFEST, SIGNATURE):
        if name not in there:
            raise SignatureError(f"the plan is not signed: it has no {name}; `nextbeam plan sign` makes it")
    manifest, signature = _limited(read, MANIFEST, MOST_MANIFEST), _limited(read, SIGNATURE, MOST_SIGNATURE)
    signed = approved(manifest, signature, keys)
    check_all_there(signed, there)
    files = {}
    for file in signed.files:
        data = read(file.name, file.size + 1)
        check_file(file, data)
        files[file.name] = data
    return files


def approved(manifest: bytes, signature: bytes, keys: Sequence[TrustedKey]) -> Approved:
    """What a manifest says, if one of `keys` signed it. Not a byte is interpreted before.

    Raises:
      SignatureError: None of them did, or it is no manifest.
    """
    if not any(key.signed(manifest, signature) for key in keys):
        known = ", ".join(key.fingerprint for key in keys) or "none"
        raise SignatureError(f"no trusted key signed {MANIFEST} as it is (trusted: {known}); {AGAIN}")
    try:
        return msgspec.json.decode(manifest, type=Approved)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SignatureError(f"{MANIFEST} is signed, but no manifest of a plan ({error}); {AGAIN}") from None


def _limited(read: Reader, name: str, most: int) -> bytes:
    data = read(name, most + 1)
    if len(data) > most:
        raise SignatureError(f"{name} has more than {most:,} bytes; sign the folder again")
    return data
