"""The tree of fields as BigQuery columns, as proto3 text and as a table for people."""

import re
from typing import Any

import msgspec

from schemas.derivation.fields import Field, Kind, fields_of

_PROTO = {
    Kind.STRING: "string",
    Kind.INTEGER: "int64",
    Kind.FLOAT: "double",
    Kind.BOOLEAN: "bool",
    Kind.TIMESTAMP: "string",
    Kind.BYTES: "bytes",
}


def snake(name: str) -> str:
    """`SessionContext` as `session_context`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def summary(contract: type) -> str:
    """First line of a contract's docstring."""
    return (contract.__doc__ or "").strip().splitlines()[0]


def bigquery_columns(contract: type[msgspec.Struct]) -> list[dict[str, Any]]:
    """The columns of the contract's table, as `bq` and Terraform read them."""
    return [_column(field) for field in fields_of(contract)]


def _column(field: Field) -> dict[str, Any]:
    kind = Kind.RECORD if field.kind is Kind.MAP else field.kind
    column: dict[str, Any] = {"name": field.name, "type": kind.value, "mode": field.mode}
    if field.description:
        column["description"] = field.description
    if field.fields:
        column["fields"] = [_column(inner) for inner in field.fields]
    return column


def proto_text(contract: type[msgspec.Struct]) -> str:
    """One proto3 message, as Pub/Sub accepts it: nested messages inside of it, no imports.

    A field's number is its position. Times are RFC 3339 text and enums are their names, so that the JSON form of a
    message is the contract's row (`schemas.rows`), and a BigQuery subscription can write it to the derived table.
    """
    head = ['syntax = "proto3";', "", f"// {summary(contract)}"]
    return "\n".join([*head, *_message(contract.__name__, fields_of(contract), "")]) + "\n"


def _message(name: str, fields: tuple[Field, ...], indent: str) -> list[str]:
    lines = [f"{indent}message {name} {{"]
    declared: set[str] = set()
    for field in fields:
        inner = _message_name(field)
        if inner and inner not in declared:
            declared.add(inner)
            lines += [*_message(inner, field.fields, indent + "  "), ""]
    for number, field in enumerate(fields, 1):
        if field.description:
            lines.append(f"{indent}  // {field.description}")
        lines.append(
            f"{indent}  {_label(field)}{_message_name(field) or _PROTO[field.kind]} {field.name} = {number};"
        )
    return [*lines, f"{indent}}}"]


def _message_name(field: Field) -> str:
    return "Entry" if field.kind is Kind.MAP else field.record


def _label(field: Field) -> str:
    if field.mode == "REPEATED":
        return "repeated "
    return "optional " if field.mode == "NULLABLE" else ""


def dictionary(contracts: tuple[type[msgspec.Struct], ...]) -> str:
    """The data dictionary: every column of every contract, in Markdown."""
    head = "# Data dictionary\n\nDerived from the contracts by `python -m schemas.derive`; do not edit.\n"
    return head + "".join(_table(contract) for contract in contracts)


def _table(contract: type[msgspec.Struct]) -> str:
    lines = [
        f"\n## {contract.__name__}\n",
        f"{summary(contract)}\n",
        "| column | type | mode | meaning | rule |",
    ]
    lines += ["|---|---|---|---|---|", *_rows(fields_of(contract), "")]
    return "\n".join(lines) + "\n"


def _rows(fields: tuple[Field, ...], prefix: str) -> list[str]:
    lines = []
    for field in fields:
        kind = "RECORD" if field.kind is Kind.MAP else field.kind.value
        lines.append(
            f"| `{prefix}{field.name}` | {kind} | {field.mode} | {field.description} | {field.rule} |"
        )
        lines += _rows(field.fields, f"{prefix}{field.name}.")
    return lines
