"""Identifiers and fingerprints: deterministic, so that a replay or a redelivery repeats them."""

from collections.abc import Callable
from hashlib import blake2b

from models.kernel import find
from models.times import CONTEXT_KERNEL

FINGERPRINT_BYTES = 8


def fingerprint_of(text: str) -> bytes:
    """`fingerprint` in Python."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=FINGERPRINT_BYTES).digest()


def hex_of_two(first: str, second: str) -> str:
    """32 hex digits that stand for two texts in their order."""
    return blake2b(f"{first}\0{second}".encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


_kernel = find("context", CONTEXT_KERNEL)

fingerprint: Callable[[str], bytes] = _kernel.fingerprint if _kernel else fingerprint_of
"""Eight bytes that stand for a text in bounded sets; two texts share one with probability 2**-64."""

_hex: Callable[[str, str], str] = _kernel.hex_of_two if _kernel else hex_of_two


def slot_key(text: str) -> int:
    """32 bits that name a place in a state, so that a changed plan finds again what it shares with the old one."""
    return int.from_bytes(fingerprint(text)[:4], "big")


def decision_id(signal_id: str, plan_digest: str) -> str:
    """The id of the decision that this signal gets under this plan: 32 hex digits."""
    return _hex(signal_id, plan_digest)


def session_id(customer_id: str, first_event_id: str) -> str:
    """The id of a session that the channel did not name: 32 hex digits."""
    return _hex(customer_id, first_event_id)
