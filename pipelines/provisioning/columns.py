"""Columns of a table as it is and as it should be. Columns may come in addition; nothing else may change."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipelines.locate import UsageError

Column = Mapping[str, Any]
"""One column as BigQuery's API has it: name, type, mode, description, fields."""

_SAME = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN", "STRUCT": "RECORD"}


class ProvisioningError(UsageError):
    """Something there differs from what should be, and cannot be changed without harm; or a server said no."""


def merged(have: Sequence[Column], want: Sequence[Column], *, table: str) -> list[Column] | None:
    """The columns to give the table: those it has, then those it lacks; None if nothing is to change.

    Raises:
      ProvisioningError: A column is missing in `want`, differs in type or mode, or is new but REQUIRED.
    """
    columns = _merged(have, want, f"{table}: column ")
    return None if [_plain(column) for column in have] == columns else columns


def differences(have: Iterable[Column], want: Iterable[Column], where: str = "") -> list[str]:
    """Why rows with the columns `want` would not fit, a text for each; columns that come in addition do no harm."""
    there = {column["name"].lower(): column for column in have}
    found = []
    for column in want:
        name, own = f"{where}{column['name']}", there.get(column["name"].lower())
        if own is None:
            found.append(f"no column {name}")
        elif (_type(own), _mode(own)) != (_type(column), _mode(column)):
            found.append(f"{name} is {_mode(own)} {_type(own)}, not {_mode(column)} {_type(column)}")
        elif _type(column) == "RECORD":
            found += differences(own["fields"], column["fields"], f"{name}.")
    return found


def _merged(have: Iterable[Column], want: Iterable[Column], where: str) -> list[Column]:
    wanted = {column["name"].lower(): column for column in want}
    there = {column["name"].lower(): column for column in have}
    for name, column in there.items():
        if name not in wanted:
            raise ProvisioningError(
                f"{where}{column['name']} is there, but no contract of ours has it; the table is of a newer release "
                "or of somebody else: provision with that release, or name another dataset"
            )
    kept = [_merge(column, wanted[name], where) for name, column in there.items()]
    return kept + [_new(column, where) for name, column in wanted.items() if name not in there]


def _merge(have: Column, want: Column, where: str) -> Column:
    for part, of in (("type", _type), ("mode", _mode)):
        if of(have) != of(want):
            raise ProvisioningError(
                f"{where}{have['name']} has {part} {of(have)}, the contract says {of(want)}; "
                "BigQuery cannot change that in place: copy the table, or name another dataset"
            )
    plain = _plain(have)
    if _text(want):
        plain["description"] = _text(want)
    if _type(want) == "RECORD":
        plain["fields"] = _merged(have["fields"], want["fields"], f"{where}{have['name']}.")
    return plain


def _new(column: Column, where: str) -> Column:
    if _mode(column) == "REQUIRED":
        raise ProvisioningError(
            f"{where}{column['name']} is new and REQUIRED, but the rows there have none; "
            "give the field of the contract a default"
        )
    return _plain(column)


def _plain(column: Column) -> dict[str, Any]:
    """What we compare, in one spelling."""
    plain: dict[str, Any] = {"name": column["name"], "type": _type(column), "mode": _mode(column)}
    if _text(column):
        plain["description"] = _text(column)
    if "fields" in column:
        plain["fields"] = [_plain(inner) for inner in column["fields"]]
    return plain


def _type(column: Column) -> str:
    name = str(column["type"]).upper()
    return _SAME.get(name, name)


def _mode(column: Column) -> str:
    return str(column.get("mode") or "NULLABLE").upper()


def _text(column: Column) -> str:
    return str(column.get("description") or "")
