"""Lock files: which packages, in which versions, by which hashes.

python -m scripts.supply.locks requirements.lock > image.lock   # without what the image leaves out
"""

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from packaging.markers import Marker
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements.lock"

IMAGE: Mapping[str, str] = MappingProxyType(
    {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": "3.11.0",
        "python_version": "3.11",
        "sys_platform": "linux",
    }
)
"""What markers are judged by: the image of launcher and workers."""

_PIN = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)(\[[\w,-]+\])?==(?P<version>[^\s;]+)(\s*;\s*(?P<marker>.+))?")
_HASH = re.compile(r"--hash=sha256:(?P<digest>[0-9a-f]{64})")


@dataclass(frozen=True)
class Pin:
    """One package of a lock."""

    name: str
    version: str
    marker: str | None
    hashes: tuple[str, ...]
    """SHA-256 of each of its files."""

    def in_image(self) -> bool:
        """Whether the image installs it."""
        return self.marker is None or Marker(self.marker).evaluate(dict(IMAGE))

    def line(self) -> str:
        """As a lock says it."""
        marker = f" ; {self.marker}" if self.marker else ""
        return " \\\n    ".join(
            [f"{self.name}=={self.version}{marker}", *(f"--hash=sha256:{h}" for h in self.hashes)]
        )


class LockError(ValueError):
    """A lock that does not say exactly what is installed."""


def parse(text: str, name: str = "lock") -> tuple[Pin, ...]:
    """The packages of a lock.

    Raises:
      LockError: Something in it is not pinned by version and hash.
    """
    joined = re.sub(r"\s*\\\n\s*", " ", text)
    lines = [line.strip() for line in joined.splitlines()]
    return tuple(_pin(line, name) for line in lines if line and not line.startswith("#"))


def _pin(line: str, lock: str) -> Pin:
    hashes = tuple(_HASH.findall(line))
    found = _PIN.fullmatch(_HASH.sub("", line).strip())
    if not found:
        raise LockError(
            f"{lock}: {line[:80]!r} is not NAME==VERSION; compile the lock again with `make lock`"
        )
    if not hashes:
        raise LockError(
            f"{lock}: {found['name']} has no hash: whatever a registry hands out would be installed"
        )
    return Pin(canonicalize_name(found["name"]), found["version"], found["marker"], hashes)


def read(path: Path = LOCK) -> tuple[Pin, ...]:
    """The packages of a lock file; `LockError` as for `parse`."""
    return parse(path.read_text("utf-8"), path.name)


def of_image(pins: Iterable[Pin]) -> tuple[Pin, ...]:
    """Those that the image installs."""
    return tuple(pin for pin in pins if pin.in_image())


if __name__ == "__main__":
    print("\n".join(pin.line() for pin in of_image(read(Path(sys.argv[1])))))
