"""No secret in the repository: what detect-secrets finds, held against what somebody looked at and found harmless.

python -m scripts.supply.secrets            # fails on a finding that is not in .secrets.baseline
python -m scripts.supply.secrets --update   # rewrites it; say `"is_secret": false` there of each that is none

Line numbers are not compared: lines move.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from scripts.supply.locks import ROOT

BASELINE = ROOT / ".secrets.baseline"
SCANNER = ROOT / ".venv-infra" / "tools" / "bin" / "detect-secrets"

UNREAD = r"(\.(lock|svg|png|npz|parquet)$)|(^\.secrets\.baseline$)"
"""Locks hold nothing but versions and hashes, which `scripts.supply.locks` sees to; the rest holds no text."""
DIGESTS = r'"(digest|data|(old|plan|model)_digest)": "[0-9a-f]{16,64}"'
"""Lines that are digests by their name."""


class Found(NamedTuple):
    """A finding, by what stays the same when lines move; the secret itself as its SHA-1."""

    file: str
    kind: str
    digest: str


def scan(root: Path, files: Iterable[str] = ()) -> dict[str, Any]:
    """What detect-secrets says of the tracked files of a repository, or of some files; it verifies nothing online."""
    asked = ["scan", "--no-verify", "--exclude-files", UNREAD, "--exclude-lines", DIGESTS, *files]
    done = subprocess.run([SCANNER, *asked], cwd=root, check=True, capture_output=True, text=True)
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def findings(said: Mapping[str, Any]) -> Iterator[Found]:
    """The findings in a scan or a baseline."""
    for file, found in said["results"].items():
        yield from (Found(file, each["type"], each["hashed_secret"]) for each in found)


def looked_at(baseline: Mapping[str, Any]) -> set[Found]:
    """What somebody has said is no secret."""
    harmless = {
        file: [each for each in found if each.get("is_secret") is False]
        for file, found in baseline["results"].items()
    }
    return set(findings({"results": harmless}))


def new(said: Mapping[str, Any], baseline: Mapping[str, Any]) -> list[str]:
    """What was found and nobody has looked at, a line each; never the secret."""
    known = looked_at(baseline)
    return [
        f"{file}:{each['line_number']}: {each['type']}; remove it and revoke it, or see scripts/supply/secrets.py"
        for file, found in sorted(said["results"].items())
        for each in found
        if Found(file, each["type"], each["hashed_secret"]) not in known
    ]


def updated(said: dict[str, Any], baseline: Mapping[str, Any]) -> dict[str, Any]:
    """The baseline of a scan: what was looked at stays so, what is new waits for somebody."""
    known = looked_at(baseline)
    results = {
        file: [
            {name: each[name] for name in ("type", "hashed_secret", "line_number")}
            | ({"is_secret": False} if Found(file, each["type"], each["hashed_secret"]) in known else {})
            for each in found
        ]
        for file, found in sorted(said["results"].items())
    }
    return {"results": results}


def main(argv: list[str]) -> int:
    """Compare or update; 1: there is a secret, or what may be one."""
    if not SCANNER.is_file():
        print("detect-secrets is not there; `make infra` installs it", file=sys.stderr)
        return 1
    baseline = json.loads(BASELINE.read_text("utf-8")) if BASELINE.is_file() else {"results": {}}
    said = scan(ROOT)
    if "--update" in argv:
        BASELINE.write_text(json.dumps(updated(said, baseline), indent=1) + "\n", "utf-8")
        return 0
    left = new(said, baseline)
    print("\n".join(left), end="\n" if left else "")
    return int(bool(left))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
