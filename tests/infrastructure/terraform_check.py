"""Check terraform/ without a cloud: `.venv-infra/tools/bin/python tests/infrastructure/terraform_check.py validate`."""

import argparse
import json
import sys
from pathlib import Path

from terraform_run import ROOT, Workspace, formatted, workspace

COMMANDS = ("fmt", "validate", "test", "plan", "made")


def main() -> int:
    """Run checks one after the other; 1 at the first that fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "command", nargs="+", choices=COMMANDS, help="made: what an apply would make, with its plan"
    )
    parser.add_argument(
        "--env", default="dev", help="name of a file in environments/ (plan, made); default: dev"
    )
    parser.add_argument("--json", type=Path, help="where the plan, or what was made, goes")
    parser.add_argument("--source", type=Path, default=ROOT / "terraform", help="another configuration")
    arguments = parser.parse_args()
    try:
        if "fmt" in arguments.command:
            formatted(arguments.source)
        if set(arguments.command) - {"fmt"}:
            with workspace(arguments.source) as ready:
                for command in arguments.command:
                    _run(ready, command, arguments)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _run(ready: Workspace, command: str, arguments: argparse.Namespace) -> None:
    if command in ("validate", "test"):
        print(ready.validate() if command == "validate" else ready.test(), end="")
    elif command in ("plan", "made"):
        found = ready.plan(arguments.env) if command == "plan" else ready.make(arguments.env)
        plan = found.get("plan", found)
        print(*(change["address"] for change in plan["resource_changes"]), sep="\n")
        if arguments.json:
            arguments.json.write_text(json.dumps(found))


if __name__ == "__main__":
    sys.exit(main())
