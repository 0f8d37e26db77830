"""The schema of the Google provider, read from its published bindings: what `terraform providers schema` would say.

The provider itself is a binary of a registry; its bindings for another language are a package with hashes, and are
generated from the same schema. Every attribute is a line of comment there with its three flags, and its type is in
the code that reads or writes it. Beside the schema, the documentation of an attribute names the values it may have.
"""

import gzip
import hashlib
import io
import json
import re
import tarfile
from collections.abc import Collection, Iterator
from importlib import metadata
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypedDict

Json = dict[str, Any]
TypeJson = str | list[Any]
"""A type as Terraform writes it in JSON: "string", ["list", "string"], ["object", {...}]."""


class ProviderSchema(TypedDict):
    """One provider: its own configuration, and each resource and data source by type."""

    version: str
    provider: Json
    resource_schemas: dict[str, Json]
    data_source_schemas: dict[str, Json]


PACKAGES = {"google": "cdktn-provider-google", "google-beta": "cdktn-provider-google-beta"}

_SIMPLE: dict[str, TypeJson] = {"string": "string", "number": "number", "boolean": "bool", "any": "dynamic"}
_SIMPLE |= {f"{name}List": ["list", kind] for name, kind in list(_SIMPLE.items())}
_SIMPLE |= {f"{name}Map": ["map", kind] for name, kind in list(_SIMPLE.items())}
_GETTERS: dict[str, TypeJson] = {name[0].upper() + name[1:]: kind for name, kind in _SIMPLE.items()}
_GETTERS["List"] = ["list", "string"]

_MEMBER = re.compile(r"^    // (\w+) - computed: (\w+), optional: (\w+), required: (\w+)\s*$", re.M)
_START = re.compile(
    r"^(?:class (\w+) extends cdktn\.(\w+) |function (\w+)ToHclTerraform\(|function \w+ToTerraform\()", re.M
)
_WRITTEN = re.compile(
    r"^ {8,12}(\w+): \{\n\s+value: (.*),\n\s+isBlock: (true|false),"
    r"\n\s+type: \"(\w+)\",\n\s+storageClassType: \"(\w+)\"",
    re.M,
)
_IMPORTED = re.compile(r"\b(?:index_\d+|structs\d+_\d+)\.")
_FOLDERS = ("", "google-", "data-google-")
"""What is before the name of a resource, of one of the beta provider, and of a data source."""
_SOURCE = re.compile(r"package/lib/([^/]+)/(?:index|index-structs/[^/]+)\.(js|d\.ts)")


def load(provider: str, types: Collection[str], cache: Path) -> ProviderSchema:
    """The schema of `provider`, "google" or "google-beta", with the resources and data sources of these types.

    Types it does not have are left out. What was read is kept in `cache`, until package, types or this file change.
    """
    package = PACKAGES[provider]
    key = [metadata.version(package), Path(__file__).read_text("utf-8"), *sorted(set(types))]
    kept = cache / f"{provider}-{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]}.json.gz"
    if not kept.exists():
        cache.mkdir(parents=True, exist_ok=True)
        whole = kept.with_suffix(f".{id(key)}")
        whole.write_bytes(gzip.compress(json.dumps(extract(_archive(package), types)).encode(), mtime=0))
        whole.replace(kept)
    schema: ProviderSchema = json.loads(gzip.decompress(kept.read_bytes()))
    return schema


def extract(archive: bytes, types: Collection[str]) -> ProviderSchema:
    """The schema in an archive of bindings. Raises ValueError where the bindings are not of the known form."""
    found = ProviderSchema(version="", provider={}, resource_schemas={}, data_source_schemas={})
    for code, declared in _sources(archive, types):
        module = _Module(code, declared)
        entry = {"version": 0, "block": module.whole()}
        if module.base == "TerraformProvider":
            found["provider"] = entry
        elif module.base in ("TerraformResource", "TerraformDataSource"):
            kind = "resource_schemas" if module.base == "TerraformResource" else "data_source_schemas"
            found[kind][module.type_name] = entry  # type: ignore[literal-required]
        found["version"] = found["version"] or module.version
    return found


def _archive(package: str) -> bytes:
    for file in metadata.files(package) or ():
        if file.name.endswith(".jsii.tgz"):
            return Path(str(file.locate())).read_bytes()
    raise ValueError(f"no bindings in the package {package}")


def _sources(archive: bytes, types: Collection[str]) -> Iterator[tuple[str, str]]:
    """Code and declarations of the provider and of each wanted type; large ones come in several files."""
    names = [kind.removeprefix("google_").replace("_", "-") for kind in types]
    wanted = {"provider", *(before + name for name in names for before in _FOLDERS)}
    parts: dict[str, dict[str, str]] = {}
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        for member in tar:
            name = _SOURCE.fullmatch(member.name)
            if name and name[1] in wanted and (file := tar.extractfile(member)):
                text = file.read().decode().split("//# sourceMappingURL")[0]
                folder = parts.setdefault(name[1], {"js": "", "d.ts": ""})
                folder[name[2]] += "\n" + text
    for folder in parts.values():
        yield folder["js"], folder["d.ts"]


class _Module:
    """The bindings of one resource, data source or of the provider."""

    def __init__(self, code: str, declared: str) -> None:
        code = _IMPORTED.sub("", code)
        self._classes: dict[str, str] = {}
        self._writers: dict[str, str] = {}
        self._by_lower: dict[str, str] = {}
        self._values = allowed_values(declared)
        for start, body in _pieces(_START, code):
            if start[1]:
                self._classes[start[1]] = body
                self._by_lower[start[1].lower()] = start[1]
                if start[2].startswith("Terraform"):
                    self.name, self.base = start[1], start[2]
            elif start[3]:
                self._writers[start[3].lower()] = body
        if not hasattr(self, "name"):
            raise ValueError(f"bindings without a resource, data source or provider: {code[:200]!r}")
        body = self._classes[self.name]
        self.type_name = _first(r'static tfResourceType = "([^"]+)"', body)
        self.version = _first(r"providerVersion: '([^']+)'", body)

    def whole(self) -> Json:
        """The block of the resource, data source or provider."""
        head, _, writer = self._classes[self.name].partition("synthesizeHclAttributes")
        return self._block(head, writer, f"{self.name}Config")

    def _block(self, body: str, writer: str, interface: str) -> Json:
        written = {m[1]: m for m in _WRITTEN.finditer(writer)}
        block: Json = {"attributes": {}, "block_types": {}}
        for name, flags, code in _members(body):
            entry = written.get(name)
            if entry and entry[3] == "true":
                block["block_types"][name] = self._nested(entry, required=flags.get("required", False))
            else:
                block["attributes"][name] = self._attribute(name, entry, code) | flags
                if values := self._values.get((interface, name)):
                    block["attributes"][name]["values"] = values
        return block

    def _nested(self, entry: "re.Match[str]", *, required: bool) -> Json:
        struct = _first(r"(\w+)ToHclTerraform", entry[2])
        reference = self._by_lower.get(f"{struct}OutputReference".lower())
        writer = self._writers[struct.lower()]
        if reference is None:  # Nothing reads the blocks of a provider.
            block = _optional(writer)
        else:
            block = self._block(self._classes[reference], writer, reference.removesuffix("OutputReference"))
        mode = {"struct": "single"}.get(entry[4], entry[4])
        nested: Json = {"nesting_mode": mode, "block": block}
        if mode in ("list", "set"):
            nested |= {"min_items": int(required)}
            if "listMapperHcl" not in entry[2]:
                nested["max_items"] = 1
        return nested

    def _attribute(self, name: str, entry: "re.Match[str] | None", code: str) -> Json:
        if entry is None or entry[5] not in _SIMPLE:
            return {"type": self._read_type(name, code)}
        kind = _SIMPLE[entry[5]]
        return {"type": ["set", kind[1]] if entry[4] == "set" else kind}

    def _read_type(self, name: str, code: str) -> TypeJson:
        """The type of an attribute nobody writes, from what reads it."""
        quoted = rf"[\"']{name}[\"']"
        if made := re.search(rf"new (cdktn\.)?(\w+)\(this, {quoted}(?:, (true|false))?\)", code):
            kind = _library_type(made[2]) if made[1] else self._object_type(made[2])
            return ["set", kind[1]] if made[3] == "true" and kind[0] == "list" else kind
        if got := re.search(rf"(Fn\.tolist\()?this\.get(\w+)Attribute\({quoted}\)", code):
            kind = _GETTERS[got[2]]
            return ["set", kind[1]] if got[1] and kind[0] == "list" else kind
        raise ValueError(f"{self.name}: nothing reads {name}")

    def _object_type(self, wrapper: str) -> TypeJson:
        """The type of a list, set or map of objects, by the class around it."""
        for suffix, mode in (("OutputReference", "list"), ("List", "list"), ("Map", "map")):
            if wrapper.endswith(suffix):
                body = self._classes[wrapper.removesuffix(suffix) + "OutputReference"]
                return [
                    mode,
                    ["object", {name: self._read_type(name, code) for name, _, code in _members(body)}],
                ]
        raise ValueError(f"{self.name}: unknown wrapper {wrapper}")


def _optional(writer: str) -> Json:
    """A block known only by what writes it: types, but no flags."""
    kinds = {entry[1]: _SIMPLE[entry[5]] for entry in _WRITTEN.finditer(writer)}
    return {
        "attributes": {name: {"type": kind, "optional": True} for name, kind in kinds.items()},
        "block_types": {},
    }


def _library_type(name: str) -> TypeJson:
    """E.g. "StringMapList" of the library: a list of maps of strings."""
    for suffix, mode in (("List", "list"), ("Map", "map")):
        if name.endswith(suffix):
            return [mode, _library_type(name.removesuffix(suffix))]
    return _GETTERS[name]


def _members(body: str) -> Iterator[tuple[str, dict[str, bool], str]]:
    """Each attribute of a class: its name, its flags that are set, and its code."""
    for member, code in _pieces(_MEMBER, body):
        flags = zip(("computed", "optional", "required"), member.groups()[1:], strict=True)
        yield member[1], {flag: True for flag, value in flags if value == "true"}, code


def _pieces(pattern: "re.Pattern[str]", text: str) -> Iterator[tuple["re.Match[str]", str]]:
    """Each match with the text from it to the next one."""
    found = list(pattern.finditer(text))
    for match, after in zip_longest(found, found[1:]):
        yield match, text[match.start() : after.start() if after else None]


def allowed_values(declared: str) -> dict[tuple[str, str], list[str]]:
    """The values that the documentation allows, by interface and attribute."""
    found = {}
    for interface in re.finditer(r"^export interface (\w+)[^{]*\{(.*?)^\}", declared, re.M | re.S):
        for comment in re.finditer(r"/\*\*(.*?)\*/\s*readonly", interface[2], re.S):
            values = re.search(r"Possible values: \[(.*?)\]", comment[1], re.S)
            name = re.search(r"docs/(?:resources|data-sources)/\w+#(\w+)", comment[1])
            if values and name:
                found[interface[1], name[1]] = re.findall(r'"([^"]*)"', values[1])
    return found


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else ""
