"""What a configuration would make: its resources with every value known, and what the provider says they could have."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
Path = tuple[str, ...]


@dataclass(frozen=True)
class Resource:
    """One resource; `block` is the schema of its type."""

    address: str
    type: str
    values: Json
    block: Json
    unknown: Json
    """True in place of what not even a plan with foresight knows: what is read from data of the cloud."""

    def can(self, *path: str) -> bool:
        """Whether its type has such an attribute or block."""
        block = self.block
        for step in path[:-1]:
            block = block["block_types"].get(step, {}).get("block", {"attributes": {}, "block_types": {}})
        return path[-1] in block["attributes"] or path[-1] in block["block_types"]

    def at(self, *path: str) -> list[Any]:
        """The values at a path, one for each block that could hold it; None where it is not set.

        A path through a block that is absent has none: nothing is said of what is not there.
        """
        return list(_at(self.values, path))

    def get(self, *path: str) -> Any:
        """The first value at a path, None without one."""
        return next(iter(self.at(*path)), None)


@dataclass(frozen=True)
class Deployment:
    """All that one environment would have."""

    environment: str
    variables: Json
    resources: tuple[Resource, ...]
    ids: Mapping[str, str] = field(default_factory=dict)
    """Type of each resource by its id."""

    @classmethod
    def of(cls, environment: str, made: Json) -> "Deployment":
        """From what `terraform_check.py foresee` writes: a plan, and the schemas it is of."""
        plan = made["plan"]
        unknown = {
            change["address"]: change["change"]["after_unknown"] for change in plan["resource_changes"]
        }
        resources = tuple(
            Resource(
                entry["address"],
                entry["type"],
                entry["values"],
                _schema(made["schemas"], entry),
                unknown[entry["address"]],
            )
            for entry in _entries(plan["planned_values"]["root_module"])
            if entry["mode"] == "managed" and entry["type"].startswith("google_")
        )
        ids = {resource.values["id"]: resource.type for resource in resources if resource.values.get("id")}
        variables = {name: entry.get("value") for name, entry in plan["variables"].items()}
        return cls(environment, variables, resources, ids)

    def of_type(self, *types: str) -> list[Resource]:
        """The resources of these types."""
        return [resource for resource in self.resources if resource.type in types]


def paths(block: Json, before: Path = ()) -> Iterator[tuple[Path, Json]]:
    """Every attribute of a schema, nested ones by the blocks around them."""
    for name, attribute in block["attributes"].items():
        yield (*before, name), attribute
    for name, nested in block["block_types"].items():
        yield from paths(nested["block"], (*before, name))


def settable(attribute: Json) -> bool:
    """Whether a configuration may set it."""
    return bool(attribute.get("optional") or attribute.get("required"))


def _at(value: Any, path: Path) -> Iterator[Any]:
    if isinstance(value, list):
        for one in value:
            yield from _at(one, path)
    elif isinstance(value, dict):
        head, *rest = path
        if rest:
            yield from _at(value.get(head), tuple(rest))
        else:
            yield value.get(head)


def _schema(schemas: Mapping[str, Any], entry: Json) -> Json:
    provider = schemas[entry["provider_name"].rsplit("/", 1)[1]]
    block: Json = provider["resource_schemas"][entry["type"]]["block"]
    return block


def _entries(module: Json) -> Iterator[Json]:
    yield from module.get("resources", ())
    for child in module.get("child_modules", ()):
        yield from _entries(child)
