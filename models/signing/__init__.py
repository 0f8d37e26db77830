"""Which files of a plan were approved, and by whom: a manifest of digests, under a signature."""

from models.signing.folder import check_folder, read_local, sign
from models.signing.keys import TrustedKey, private_key, trusted_keys
from models.signing.manifest import MANIFEST, MOST_BYTES, SIGNATURE, SignatureError, manifest_of
from models.signing.verify import Reader, approved, verified

__all__ = [
    "MANIFEST",
    "MOST_BYTES",
    "SIGNATURE",
    "Reader",
    "SignatureError",
    "TrustedKey",
    "approved",
    "check_folder",
    "manifest_of",
    "private_key",
    "read_local",
    "sign",
    "trusted_keys",
    "verified",
]
