"""A provider for Terraform that has the real schema and no cloud behind it.

Terraform finds it by the address in an environment variable, speaks its protocol to it, and checks all
configuration itself: names, types, what is required, nesting, references. Here only what a schema cannot say is
added: the values an attribute may have. A plan leaves unknown what a cloud would tell; an apply invents it, so that
what is made can be followed from one resource to the other. A plan may foresee what an apply would invent.
"""

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import grpc
import msgpack
from terraform_schema import Json, ProviderSchema, TypeJson
from terraform_values import invented, naming, with_defaults
from tf.gen import tfplugin_pb2 as pb
from tf.gen import tfplugin_pb2_grpc as rpc

_NESTING = {"single": 1, "list": 2, "set": 3, "map": 4}
_UNKNOWN = msgpack.ExtType(0, b"\0")
_WRITE_ONLY = b"\x58\x01"
"""Field 11 of an attribute, set: a newer one than the generated classes know."""
_MESSAGE_BYTES = 64 << 20

Leaf = Callable[[TypeJson, str], Any]
"""What an attribute becomes that the configuration leaves open, by its type and name."""


@dataclass
class Served:
    """Providers that Terraform finds in this environment."""

    environment: Mapping[str, str] = field(default_factory=dict)
    foresee: bool = False
    """Whether a plan says what an apply would invent, instead of leaving it unknown."""


@contextlib.contextmanager
def serve(schemas: Mapping[str, ProviderSchema]) -> Iterator[Served]:
    """Serve providers, by name, for as long as the context lasts."""
    served = Served()
    with tempfile.TemporaryDirectory(prefix="nb-") as folder, contextlib.ExitStack() as stack:
        found = {}
        for name, schema in schemas.items():
            server = grpc.server(
                futures.ThreadPoolExecutor(8), options=[("grpc.max_receive_message_length", _MESSAGE_BYTES)]
            )
            rpc.add_ProviderServicer_to_server(StandIn(schema, served), server)
            server.add_insecure_port(f"unix://{folder}/{name}")
            server.start()
            stack.callback(server.stop, None)
            found[f"hashicorp/{name}"] = {
                "Protocol": "grpc",
                "ProtocolVersion": 6,
                "Pid": os.getpid(),
                "Test": True,
                "Addr": {"Network": "unix", "String": f"{folder}/{name}"},
            }
        served.environment = {"TF_REATTACH_PROVIDERS": json.dumps(found)}
        yield served


class StandIn(rpc.ProviderServicer):  # type: ignore[misc]
    """The calls of Terraform's provider protocol that checks, plans and local applies make."""

    def __init__(self, schema: ProviderSchema, served: Served) -> None:
        self._served = served
        self._resources = {name: entry["block"] for name, entry in schema["resource_schemas"].items()}
        self._data_sources = {name: entry["block"] for name, entry in schema["data_source_schemas"].items()}
        self._provider = schema["provider"]["block"]
        self._settings: Json = {}

    def GetMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802 - named by the protocol, as all here
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "the schema says it all")

    def GetProviderSchema(self, request: Any, context: Any) -> Any:  # noqa: N802
        return pb.GetProviderSchema.Response(
            provider=_schema(self._provider),
            resource_schemas={name: _schema(block) for name, block in self._resources.items()},
            data_source_schemas={name: _schema(block) for name, block in self._data_sources.items()},
            server_capabilities=pb.ServerCapabilities(plan_destroy=True),
        )

    def ValidateProviderConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return pb.ValidateProviderConfig.Response()

    def ConfigureProvider(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._settings = _decoded(request.config) or {}
        return pb.ConfigureProvider.Response()

    def ValidateResourceConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        block = self._resources[request.type_name]
        return pb.ValidateResourceConfig.Response(diagnostics=_complaints(block, _decoded(request.config)))

    def ValidateDataResourceConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        block = self._data_sources[request.type_name]
        return pb.ValidateDataResourceConfig.Response(
            diagnostics=_complaints(block, _decoded(request.config))
        )

    def UpgradeResourceState(self, request: Any, context: Any) -> Any:  # noqa: N802
        return pb.UpgradeResourceState.Response(upgraded_state=_encoded(json.loads(request.raw_state.json)))

    def ReadResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        return pb.ReadResource.Response(new_state=request.current_state, private=request.private)

    def PlanResourceChange(self, request: Any, context: Any) -> Any:  # noqa: N802
        proposed, prior = _decoded(request.proposed_new_state), _decoded(request.prior_state)
        if proposed is not None:
            block = self._resources[request.type_name]
            proposed = with_defaults(block, proposed, self._settings)
            if prior is None and self._served.foresee:
                proposed = self._settled(block, proposed, request.type_name)
            else:
                left = _UNKNOWN if prior is None else None
                proposed = _filled(block, proposed, lambda kind, name: left, request.type_name)
        return pb.PlanResourceChange.Response(planned_state=_encoded(proposed), legacy_type_system=True)

    def ApplyResourceChange(self, request: Any, context: Any) -> Any:  # noqa: N802
        planned = _decoded(request.planned_state)
        if planned is not None:
            planned = self._settled(self._resources[request.type_name], planned, request.type_name)
        return pb.ApplyResourceChange.Response(new_state=_encoded(planned), legacy_type_system=True)

    def ReadDataSource(self, request: Any, context: Any) -> Any:  # noqa: N802
        block, config = self._data_sources[request.type_name], _decoded(request.config)
        return pb.ReadDataSource.Response(
            state=_encoded(self._settled(block, config, f"data.{request.type_name}"))
        )

    def GetFunctions(self, request: Any, context: Any) -> Any:  # noqa: N802
        return pb.GetFunctions.Response()

    def StopProvider(self, request: Any, context: Any) -> Any:  # noqa: N802
        return pb.StopProvider.Response()

    def _settled(self, block: Json, values: Json, type_name: str) -> Any:
        name = naming(values)
        return _filled(block, values, lambda kind, path: invented(kind, path, name, values), type_name)


def _schema(block: Json) -> Any:
    return pb.Schema(version=0, block=_block(block))


def _block(block: Json) -> Any:
    out = pb.Schema.Block()
    for name, attribute in sorted(block["attributes"].items()):
        flags = {flag: attribute.get(flag, False) for flag in ("required", "optional", "computed")}
        added = out.attributes.add(name=name, type=json.dumps(attribute["type"]).encode(), **flags)
        if _write_only(name):
            added.MergeFromString(_WRITE_ONLY)
    for name, nested in sorted(block["block_types"].items()):
        limits = {limit: nested.get(limit, 0) for limit in ("min_items", "max_items")}
        nesting = _NESTING[nested["nesting_mode"]]
        out.block_types.add(type_name=name, block=_block(nested["block"]), nesting=nesting, **limits)
    return out


def _write_only(name: str) -> bool:
    """Whether it is told to the cloud and never kept, by how the provider calls such attributes."""
    return name.endswith("_wo")


def _decoded(value: Any) -> Any:
    if not value.msgpack:
        return json.loads(value.json or b"null")
    return msgpack.unpackb(value.msgpack, raw=False, strict_map_key=False, ext_hook=msgpack.ExtType)


def _encoded(value: Any) -> Any:
    return pb.DynamicValue(msgpack=msgpack.packb(value))


def _unknown(value: Any) -> bool:
    return isinstance(value, msgpack.ExtType)


def _filled(block: Json, values: Any, leaf: Leaf, path: str) -> Any:
    """`values` of a block with what is computed and still open replaced by leaves."""
    if values is None or _unknown(values):
        return values
    out = dict(values)
    for name, attribute in block["attributes"].items():
        planned = leaf(attribute["type"], f"{path}.{name}")
        still_open = out.get(name) is None and attribute.get("computed")
        if _write_only(name):
            out[name] = None
        elif still_open or (_unknown(out.get(name)) and planned is not None):
            out[name] = planned
    for name, nested in block["block_types"].items():
        out[name] = _each(
            out.get(name), partial(_filled, nested["block"], leaf=leaf, path=f"{path}.{name}"), nested
        )
    return out


def _each(value: Any, change: Callable[[Any], Any], nested: Json) -> Any:
    """What a nested block holds, changed: one value, several, or several by name."""
    if nested["nesting_mode"] == "map" and isinstance(value, dict):
        return {key: change(one) for key, one in value.items()}
    return [change(one) for one in value] if isinstance(value, list) else change(value)


Found = tuple[tuple[str | int, ...], str]
"""Where a value is in a resource, and what is wrong with it."""


def _complaints(block: Json, values: Any) -> list[Any]:
    """A diagnostic for each value that the provider would refuse, beyond what Terraform itself does."""
    return [
        pb.Diagnostic(
            severity=pb.Diagnostic.ERROR,
            summary=f"Invalid value for {path[-1]}",
            detail=why,
            attribute=pb.AttributePath(steps=[_step(step) for step in path]),
        )
        for path, why in _refused(block, values, ())
    ]


def _step(step: str | int) -> Any:
    if isinstance(step, str):
        return pb.AttributePath.Step(attribute_name=step)
    return pb.AttributePath.Step(element_key_int=step)


def _refused(block: Json, values: Any, path: tuple[str | int, ...]) -> Iterator[Found]:
    if not isinstance(values, dict):
        return
    for name, attribute in block["attributes"].items():
        given = values.get(name)
        if given is not None and not (attribute.get("optional") or attribute.get("required")):
            yield (*path, name), "It is told by the provider and cannot be set."
        for value in given if isinstance(given, list) else [given]:
            if value and isinstance(value, str) and value not in attribute.get("values", [value]):
                yield (*path, name), f'"{value}" is none of: {", ".join(attribute["values"])}.'
    for name, nested in block["block_types"].items():
        inner = values.get(name)
        many = list(enumerate(inner)) if isinstance(inner, list) else []
        for index, one in many:
            yield from _refused(nested["block"], one, (*path, name, index))
        if not many:
            yield from _refused(nested["block"], inner, (*path, name))
