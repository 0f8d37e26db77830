"""What pip-audit says of the image's packages: refused when one is vulnerable, and when one was not looked up.

pip-audit skips what it cannot look up and exits 0, so that without a network everything is green.

pip-audit --format json ... | python -m scripts.supply.vulnerabilities
"""

import json
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any

from packaging.utils import canonicalize_name

from scripts.supply.locks import Pin, of_image, read

ACCEPTED: Mapping[str, tuple[date, str]] = MappingProxyType({})
"""By id of the advisory: until when it is accepted, and why it does not touch us."""


def problems(said: Mapping[str, Any], pins: Iterable[Pin], today: date) -> list[str]:
    """What stands in the way; empty: every package was looked up, and none has a known vulnerability.

    Args:
      said: pip-audit's report.
      pins: What should have been looked up.
      today: Whether an acceptance is still good.
    """
    about: dict[str, Any] = {canonicalize_name(each["name"]): each for each in said.get("dependencies", [])}
    found = []
    for pin in pins:
        each = about.get(pin.name)
        if each is None:
            found.append(f"{pin.name}: not looked up")
        elif "skip_reason" in each or "vulns" not in each:
            found.append(f"{pin.name}: skipped ({each.get('skip_reason', 'no reason')})")
        elif each.get("version") != pin.version:
            found.append(f"{pin.name}: {each.get('version')} was looked up, locked is {pin.version}")
        else:
            found += [
                f"{pin.name} {pin.version}: {one['id']}, fixed in {one.get('fix_versions') or 'none'}"
                for one in each["vulns"]
                if not _accepted(one, today)
            ]
    return found


def _accepted(found: Mapping[str, Any], today: date) -> bool:
    ids = {found["id"], *found.get("aliases", [])}
    return any(today <= ACCEPTED[each][0] for each in ids & ACCEPTED.keys())


def main() -> int:
    """Judge the report on standard input; 1: there is a vulnerability, or a package that nobody looked up."""
    found = problems(json.load(sys.stdin), of_image(read()), datetime.now(UTC).date())
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
