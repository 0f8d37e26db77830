"""Check terraform/ without a cloud: `.venv-infra/tools/bin/python tests/infrastructure/terraform_check.py validate`."""

import argparse
import json
import sys
from pathlib import Path

from terraform_run import ENVIRONMENTS, ROOT, Workspace, formatted, scanned, workspace

COMMANDS = ("fmt", "checkov", "validate", "test", "plan", "foresee", "apply")


def main() -> int:
    """Run checks one after the other; 1 at the first that fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "command", nargs="+", choices=COMMANDS, help="foresee: a plan in which every value is known"
    )
    parser.add_argument(
        "--env", default="dev", choices=ENVIRONMENTS, help="for plan, foresee and apply; default: dev"
    )
    parser.add_argument("--json", type=Path, help="where the plan or the state goes")
    parser.add_argument("--source", type=Path, default=ROOT / "terraform", help="another configuration")
    arguments = parser.parse_args()
    try:
        for command, look in (("fmt", formatted), ("checkov", scanned)):
            if command in arguments.command:
                look(arguments.source)
        if set(arguments.command) - {"fmt", "checkov"}:
            with workspace(arguments.source) as ready:
                for command in arguments.command:
                    if command not in ("fmt", "checkov"):
                        _run(ready, command, arguments)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _run(ready: Workspace, command: str, arguments: argparse.Namespace) -> None:
    if command in ("validate", "test"):
        print(ready.validate() if command == "validate" else ready.test(), end="")
        return
    found = {"plan": ready.plan, "foresee": ready.foresee, "apply": ready.apply}[command](
        *ENVIRONMENTS[arguments.env]
    )
    if command == "plan":
        print(*(change["address"] for change in found["resource_changes"]), sep="\n")
    if arguments.json:
        arguments.json.write_text(json.dumps(found))


if __name__ == "__main__":
    sys.exit(main())
