"""JSON Schema of a plan, for editors: completion and checks while typing.

`python -m models.plan.schema` rewrites `plan.schema.json`; `--check` says whether it is up to date.
A YAML file refers to it by its first line: `# yaml-language-server: $schema=.../plan.schema.json`.
"""

import sys
from pathlib import Path
from typing import Any

import msgspec

from models.plan.spec import PlanSpec

PATH = Path(__file__).with_name("plan.schema.json")
_INCLUDE = {
    "description": "Files of this folder that say more of the plan, e.g. actions/*.yaml.",
    "type": "array",
    "items": {"type": "string"},
}


def plan_schema() -> bytes:
    """The schema, as the bytes of its file."""
    schema: dict[str, Any] = msgspec.json.schema(PlanSpec)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Nextbeam plan", **schema}
    plan = schema["$defs"]["PlanSpec"]
    plan["properties"] = {**plan["properties"], "include": _INCLUDE}
    del plan["required"]  # an included file says only a part
    return msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n"


def main(arguments: list[str]) -> int:
    """Write the schema, or with `--check` compare it; 1 if it differs."""
    if arguments == ["--check"]:
        return int(PATH.read_bytes() != plan_schema())
    PATH.write_bytes(plan_schema())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
