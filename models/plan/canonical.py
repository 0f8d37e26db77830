"""The canonical form of a plan: what its digest is of."""

from typing import Any

import msgspec


def canonical(spec: msgspec.Struct) -> bytes:
    """The plan as JSON, without what is at its default.

    So a plan keeps its digest, and its decisions their ids, when the language learns something new. Defaults of the
    language are therefore never changed, only added.
    """
    return msgspec.json.encode(_said(spec))


def _said(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        fields = msgspec.structs.fields(value)
        pairs = ((field, getattr(value, field.name)) for field in fields)
        return {field.encode_name: _said(each) for field, each in pairs if each != default_of(field)}
    if isinstance(value, tuple):
        return [_said(each) for each in value]
    if isinstance(value, dict):
        return {key: _said(each) for key, each in value.items()}
    return value


def default_of(field: msgspec.structs.FieldInfo) -> Any:
    """What the field holds where nothing is said."""
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default
