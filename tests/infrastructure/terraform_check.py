"""Check terraform/ without a cloud: `.venv-infra/tools/bin/python tests/infrastructure/terraform_check.py validate`."""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from terraform_run import ROOT, Workspace, workspace

COMMANDS = ("fmt", "validate", "test", "plan", "apply")


def main() -> int:
    """Run one check, or one after the other; 1 at the first that fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "command", nargs="+", choices=COMMANDS, help="apply: plan, then apply to a state of nothing real"
    )
    parser.add_argument(
        "--env", default="dev", help="name of a file in environments/ (plan, apply); default: dev"
    )
    parser.add_argument("--json", type=Path, help="where the plan or the state goes")
    parser.add_argument("--source", type=Path, default=ROOT / "terraform", help="another configuration")
    arguments = parser.parse_args()
    if "fmt" in arguments.command:
        done = subprocess.run(
            ["terraform", "fmt", "-check", "-recursive", "-diff", str(arguments.source)], check=False
        )
        if done.returncode:
            return 1
    try:
        with workspace(arguments.source) as ready:
            for command in arguments.command:
                _run(ready, command, arguments)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _run(ready: Workspace, command: str, arguments: argparse.Namespace) -> None:
    if command == "validate":
        print(ready.validate(), end="")
    elif command == "test":
        print(ready.test(), end="")
    elif command in ("plan", "apply"):
        found = ready.plan(arguments.env)
        _show(ready.apply() if command == "apply" else found, arguments.json)


def _show(found: Any, target: Path | None) -> None:
    if target:
        target.write_text(json.dumps(found, indent=1))
    changes = [change["address"] for change in found.get("resource_changes", ())]
    print("\n".join(changes) or "applied", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
