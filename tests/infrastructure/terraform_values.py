"""What the cloud would tell about a resource, invented: a value says whose it is, so references can be followed."""

from typing import Any

from terraform_schema import Json, TypeJson

_EMPTY: dict[str, Any] = {"list": [], "set": [], "map": {}, "tuple": []}


def naming(values: Json) -> str:
    """What a resource is called, as far as its configuration says."""
    called = [
        name for name in sorted(values) if name in ("name", "display_name", "service") or name.endswith("_id")
    ]
    return "/".join(str(values[name]) for name in called if isinstance(values[name], str)) or "unnamed"


def with_defaults(block: Json, values: Json, settings: Json) -> Json:
    """What the provider's own settings decide of a resource, as its plan already says: project, region, labels."""
    out = dict(values)
    known = {name: value for name, value in settings.items() if isinstance(value, str)}
    for name in ("project", "region", "zone"):
        if block["attributes"].get(name, {}).get("computed") and out.get(name) is None and name in known:
            out[name] = known[name]
    if "effective_labels" in block["attributes"]:
        labels = (settings.get("default_labels") or {}, values.get("labels") or {})
        if all(isinstance(some, dict) for some in labels):
            out["terraform_labels"] = out["effective_labels"] = labels[0] | labels[1]
    return out


def invented(kind: TypeJson, path: str, name: str, values: Json) -> Any:
    """A value for the attribute at `path`, the type of a resource and then attributes, of the resource `name`."""
    if not isinstance(kind, str):
        if kind[0] == "object":
            return {key: invented(inner, f"{path}.{key}", name, values) for key, inner in kind[1].items()}
        return _EMPTY[kind[0]]
    resource, _, attribute = path.removeprefix("data.").partition(".")
    if kind == "string":
        return _text(resource, attribute, name, values)
    return {"number": 1, "bool": False, "dynamic": None}[kind]


def _text(resource: str, attribute: str, name: str, values: Json) -> str:
    project = values["project"] if isinstance(values.get("project"), str) else "a-project"
    if email := _email(resource, values, project):
        known = {"email": email, "member": f"serviceAccount:{email}"}
        known |= dict.fromkeys(("id", "name"), f"projects/{project}/serviceAccounts/{email}")
        if attribute in known:
            return known[attribute]
    if (resource, attribute) == ("google_storage_bucket", "url"):
        return f"gs://{name}"
    if attribute in ("project", "project_id"):
        return str(project)
    if attribute == "number" or attribute.endswith("_number"):
        return "123456789012"
    return f"{resource}/{name}" if attribute == "id" else f"{resource}/{name}/{attribute}"


def _email(resource: str, values: Json, project: str) -> str | None:
    if resource == "google_service_account":
        return f"{values['account_id']}@{project}.iam.gserviceaccount.com"
    if resource == "google_project_service_identity":
        return f"service-123456789012@gcp-sa-{str(values['service']).split('.')[0]}.iam.gserviceaccount.com"
    return None
