"""Keys that sign and keys that are trusted: ECDSA on P-256 with SHA-256, as Cloud KMS' EC_SIGN_P256_SHA256 does."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from models.signing.manifest import SignatureError

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\s+([A-Za-z0-9+/=\s]+?)-----END \1-----")
_ALGORITHM = ec.ECDSA(hashes.SHA256())
_REMEDY = "give the public half of a P-256 key, as `gcloud kms keys versions get-public-key` writes it"


@dataclass(frozen=True)
class TrustedKey:
    """Who may approve plans. A small value: it travels with the job to its workers."""

    spki: str
    """SubjectPublicKeyInfo in base64, on one line: what is between the lines of a PEM file."""

    def __post_init__(self) -> None:
        self._key()

    @property
    def fingerprint(self) -> str:
        """First 16 hex digits of SHA-256 over the key."""
        return hashlib.sha256(base64.b64decode(self.spki)).hexdigest()[:16]

    def signed(self, data: bytes, signature: bytes) -> bool:
        """Whether `signature` (DER, as KMS writes it) is this key's over `data`."""
        try:
            self._key().verify(signature, data, _ALGORITHM)
        except InvalidSignature:
            return False
        return True

    def _key(self) -> ec.EllipticCurvePublicKey:
        try:
            key = serialization.load_der_public_key(base64.b64decode(self.spki, validate=True))
        except (ValueError, binascii.Error, UnsupportedAlgorithm):
            raise SignatureError(f"{self.spki[:24]!r}... is no public key; {_REMEDY}") from None
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise SignatureError(f"a trusted key is not on the curve P-256; {_REMEDY}")
        return key


def trusted_keys(texts: Iterable[str]) -> tuple[TrustedKey, ...]:
    """The keys in some texts: each PEM, of one key or several, or one key in base64 without PEM's lines.

    Raises:
      SignatureError: One holds no key, a key of another kind, or one that must stay secret.
    """
    return tuple(dict.fromkeys(TrustedKey(spki) for text in texts for spki in _blocks(text)))


def _blocks(text: str) -> list[str]:
    blocks = _BLOCK.findall(text)
    kinds = {kind for kind, _ in blocks}
    if any("PRIVATE" in kind for kind in kinds):
        raise SignatureError(f"that is a private key, which no job may know; {_REMEDY}")
    if kinds - {"PUBLIC KEY"}:
        raise SignatureError(f"{', '.join(sorted(kinds))} is no public key; {_REMEDY}")
    return ["".join(body.split()) for _, body in blocks] or [text.strip()]


def private_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """The key of a developer, out of a PEM file. Production signs in KMS, which gives none away.

    Raises:
      SignatureError: It is no P-256 key, or is encrypted.
    """
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SignatureError(f"that is no unencrypted private key in PEM; {_MAKE}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise SignatureError(f"that key is not on the curve P-256; {_MAKE}")
    return key


_MAKE = "make one with `openssl ecparam -name prime256v1 -genkey -noout -out KEY.pem`"


def signature_of(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    """DER; the same for the same key and data (RFC 6979)."""
    return key.sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
