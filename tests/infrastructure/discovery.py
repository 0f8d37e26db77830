"""Is a JSON document what an API of Google takes? Its own discovery document says so, and nothing is sent.

The documents come with google-api-python-client, in the environment of `make infra`; so this module runs itself there.
Unknown fields and values of enums are refused, which the services do, too.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

TOOLS = Path(__file__).resolve().parents[2] / ".venv-infra" / "tools" / "bin" / "python"


def violations(api: str, kind: str, document: Any) -> list[str]:
    """What is wrong with a document, by place; nothing if the API knows it. Without `make infra` the test skips.

    Args:
      api: Name and version of the discovery document, e.g. `dataflow.v1b3`.
      kind: Of its schemas, e.g. `Job`.
      document: What JSON holds.
    """
    if not TOOLS.exists():
        import pytest

        pytest.skip("no environment for checks of infrastructure: make infra")
    done = subprocess.run(
        [TOOLS, __file__, api, kind], input=json.dumps(document), capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def json_schema(discovery: dict[str, Any], kind: str) -> dict[str, Any]:
    """The JSON Schema of one of a discovery document's schemas."""
    named = {name: _schema(each) for name, each in discovery["schemas"].items()}
    if kind not in named:
        raise KeyError(f"{discovery['id']} has no {kind}")
    return {"$ref": f"#/$defs/{kind}", "$defs": named}


def _schema(said: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in said:
        return {"$ref": f"#/$defs/{said['$ref']}"}
    if said["type"] == "any":
        return {}
    # 64 bits do not fit into a number of JSON, so they are text; services take both.
    wide = said.get("format") in ("int64", "uint64")
    made: dict[str, Any] = {"type": ["string", "integer"] if wide else said["type"]}
    if said.get("enum"):
        made["enum"] = said["enum"]
    if "items" in said:
        made["items"] = _schema(said["items"])
    if "additionalProperties" in said:
        made["additionalProperties"] = _schema(said["additionalProperties"])
    elif said["type"] == "object":
        made["additionalProperties"] = False
    if "properties" in said:
        made["properties"] = {name: _schema(each) for name, each in said["properties"].items()}
    return made


def _main(api: str, kind: str) -> None:
    import googleapiclient
    import jsonschema

    documents = Path(googleapiclient.__file__).parent / "discovery_cache" / "documents"
    schema = json_schema(json.loads((documents / f"{api}.json").read_text("utf-8")), kind)
    for error in jsonschema.Draft202012Validator(schema).iter_errors(json.load(sys.stdin)):
        print(f"{error.json_path}: {error.message[:200]}")


if __name__ == "__main__":
    _main(*sys.argv[1:])
