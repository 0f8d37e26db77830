"""The bill of materials of the image: completed with licences, and checked against the lock.

cyclonedx-py requirements --of JSON image.lock | python -m scripts.supply.sbom > sbom.json
"""

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from packaging.utils import canonicalize_name

from scripts.supply.licences import LicenceError, licences
from scripts.supply.locks import Pin, of_image, read


def completed(sbom: dict[str, Any], known: Mapping[str, str]) -> dict[str, Any]:
    """The bill with a licence on each component that `known` has one for, and without the lock's lines as text."""
    parts = []
    for part in sbom.get("components", []):
        told = {name: value for name, value in part.items() if name != "description"}
        licence = known.get(canonicalize_name(part["name"]))
        parts.append(told | ({"licenses": [{"expression": licence}]} if licence else {}))
    return sbom | {"components": parts}


def gaps(sbom: Mapping[str, Any], pins: Iterable[Pin]) -> list[str]:
    """What a bill lacks, has too much, or has otherwise than the lock says; empty: it is complete."""
    parts: dict[tuple[str, str], Any] = {
        (canonicalize_name(part["name"]), part.get("version")): part for part in sbom.get("components", [])
    }
    locked = {(pin.name, pin.version): pin for pin in pins}
    found = [f"{name} {version} is locked, but not listed" for name, version in locked.keys() - parts.keys()]
    found += [f"{name} {version} is listed, but not locked" for name, version in parts.keys() - locked.keys()]
    for key in locked.keys() & parts.keys():
        if _hashes(parts[key]) != set(locked[key].hashes):
            found.append(f"{key[0]}: hashes are not those of the lock")
        if not parts[key].get("licenses"):
            found.append(f"{key[0]}: no licence")
        if parts[key].get("purl") != f"pkg:pypi/{key[0]}@{key[1]}":
            found.append(f"{key[0]}: no package URL that scanners could look up")
    return sorted(found)


def _hashes(part: Mapping[str, Any]) -> set[str]:
    listed = [
        *part.get("hashes", []),
        *(h for ref in part.get("externalReferences", []) for h in ref.get("hashes", [])),
    ]
    return {each["content"] for each in listed if each["alg"] == "SHA-256"}


def main() -> int:
    """Complete and check the bill on standard input; 1: it is not complete."""
    pins = of_image(read())
    try:
        sbom = completed(json.load(sys.stdin), licences(pins))
    except LicenceError as error:
        print(error, file=sys.stderr)
        return 1
    found = gaps(sbom, pins)
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    print(json.dumps(sbom, indent=1, sort_keys=True))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
