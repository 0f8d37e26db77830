"""Policies on who and what gets in or out: addresses, rules of the network, roles, keys of accounts, secrets."""

import ipaddress
import re
from collections.abc import Iterator

from terraform_state import Deployment, paths, settable

PROJECT_ROLES = {
    "roles/dataflow.worker": "workers report to the service, which checks it on the project only"
}
"""What may be granted on the whole project, with why."""
_PUBLIC_MEMBERS = ("allUsers", "allAuthenticatedUsers")
_PEOPLE = ("user:", "group:", "domain:", "principal:", "principalSet:", *_PUBLIC_MEMBERS)
_PRIMITIVE = ("roles/owner", "roles/editor", "roles/viewer", "roles/browser")
_STRONG = re.compile(
    r"setIamPolicy|serviceAccountKeys|\.(delete|destroy|actAs|getAccessToken|signBlob|signJwt)$|\*"
)
_PUBLIC_TYPES = (
    "google_compute_address",
    "google_compute_forwarding_rule",
    "google_compute_global_address",
    "google_compute_global_forwarding_rule",
    "google_compute_router_nat",
)
_PRIVATE = {
    "ip_configuration": "WORKER_IP_PRIVATE",
    "no_external_ip": True,
    "private_ip_google_access": True,
    "delete_default_routes_on_create": True,
    "public_access_prevention": "enforced",
    "uniform_bucket_level_access": True,
}
"""What keeps a resource off the internet; holds of every type that has such an attribute."""
_GOOGLE_ONLY = (ipaddress.ip_network("199.36.153.4/30"), ipaddress.ip_network("34.126.0.0/18"))
"""Google's own APIs behind the restricted address: not the internet."""


def without_public_addresses(made: Deployment) -> Iterator[str]:
    """Nothing has an address on the internet, and nothing translates to one."""
    for resource in made.resources:
        if resource.type in _PUBLIC_TYPES and resource.values.get("address_type") != "INTERNAL":
            yield f"{resource.address}: a public address"
        for path, attribute in paths(resource.block):
            wanted = _PRIVATE.get(path[-1])
            if (
                wanted is not None
                and settable(attribute)
                and {str(wanted)} != set(map(str, resource.at(*path)))
            ):
                yield f"{resource.address}: {'.'.join(path)} is not {wanted}"
            if path[-2:-1] == ("access_config",) and resource.at(*path):
                yield f"{resource.address}: access_config"


def routes_stay_at_google(made: Deployment) -> Iterator[str]:
    """The only way out of the network leads to Google's own APIs."""
    for route in made.of_type("google_compute_route"):
        to = ipaddress.ip_network(route.values["dest_range"])
        if not any(to.version == allowed.version and to.subnet_of(allowed) for allowed in _GOOGLE_ONLY):  # type: ignore[arg-type]
            yield f"{route.address}: leads to {to}"


def names_lead_to_google(made: Deployment) -> Iterator[str]:
    """The network's own names are known to nobody else, and lead to Google's restricted addresses."""
    for zone in made.of_type("google_dns_managed_zone"):
        if zone.values["visibility"] != "private":
            yield f"{zone.address}: is {zone.values['visibility']}"
    for record in made.of_type("google_dns_record_set"):
        for address in record.values["rrdatas"] if record.values["type"] == "A" else ():
            if ipaddress.ip_address(address) not in _GOOGLE_ONLY[0]:
                yield f"{record.address}: leads to {address}"


def nobody_comes_in(made: Deployment) -> Iterator[str]:
    """Rules let in only who is named, and everything that goes out is refused unless allowed."""
    rules = made.of_type("google_compute_firewall")
    for rule in rules:
        sources = rule.values["source_ranges"] or []
        named = rule.values["source_tags"] or rule.values["source_service_accounts"]
        lets_in = rule.values["direction"] != "EGRESS" and rule.values["allow"]
        if lets_in and (not (sources or named) or any(_everywhere(source) for source in sources)):
            yield f"{rule.address}: lets in everybody"
        if (
            rule.values["direction"] == "EGRESS"
            and rule.values["allow"]
            and any(map(_everywhere, rule.values["destination_ranges"] or ["::/0"]))
        ):
            yield f"{rule.address}: lets everything out"
    for network in made.of_type("google_compute_network"):
        denied = [rule for rule in rules if rule.values["direction"] == "EGRESS" and rule.values["deny"]]
        if not any(
            rule.get("deny", "protocol") == "all"
            and _everywhere((rule.values["destination_ranges"] or [""])[0])
            for rule in denied
        ):
            yield f"{network.address}: nothing refuses what goes out"


def _everywhere(addresses: str) -> bool:
    return addresses.endswith("/0")


def roles_are_narrow(made: Deployment) -> Iterator[str]:
    """No basic role, nothing for everybody, and on the whole project only the roles that work nowhere else."""
    for grant in made.resources:
        if "role" not in grant.values or "_iam_" not in grant.type:
            continue
        role = grant.values["role"]
        members = [grant.values.get("member"), *(grant.values.get("members") or [])]
        if role in _PRIMITIVE or role.endswith(("admin", "Admin")):
            yield f"{grant.address}: {role}"
        if any(public in str(member) for member in members for public in _PUBLIC_MEMBERS):
            yield f"{grant.address}: for everybody"
        wide = grant.type.startswith(
            ("google_project_iam_", "google_folder_iam_", "google_organization_iam_")
        )
        if wide and role not in PROJECT_ROLES and made.ids.get(role) != "google_project_iam_custom_role":
            yield f"{grant.address}: {role} on all of the project"


def own_roles_are_narrow(made: Deployment) -> Iterator[str]:
    """A role of our own neither grants roles nor makes keys nor destroys what is kept."""
    for role in made.of_type("google_project_iam_custom_role"):
        for permission in role.values["permissions"]:
            if _STRONG.search(permission):
                yield f"{role.address}: {permission}"


def only_services_use_keys(made: Deployment) -> Iterator[str]:
    """Services encrypt for accounts of ours; no account of ours, nor a person, decrypts with a key itself."""
    for grant in made.of_type("google_kms_crypto_key_iam_member"):
        ours = f"@{made.variables['project_id']}.iam.gserviceaccount.com"
        member = grant.values["member"]
        if "rypter" in grant.values["role"] and (member.endswith(ours) or member.startswith(_PEOPLE)):
            yield f"{grant.address}: {member}"


def grants_only_add(made: Deployment) -> Iterator[str]:
    """No grant replaces those of others: a member is added, never a list set."""
    for grant in made.resources:
        if grant.type.endswith(("_iam_policy", "_iam_binding")):
            yield f"{grant.address}: replaces grants that others made"


def accounts_without_keys(made: Deployment) -> Iterator[str]:
    """No account has a key that could be carried away, and no secret is in the state."""
    for resource in made.of_type("google_service_account_key", "google_storage_hmac_key"):
        yield f"{resource.address}: a key of an account"
    for version in made.of_type("google_secret_manager_secret_version"):
        if version.values["secret_data"]:
            yield f"{version.address}: the secret itself is in the state"


def no_default_account(made: Deployment) -> Iterator[str]:
    """Whatever runs has an account of its own, made here, never the project's default one."""
    emails = {account.values["email"] for account in made.of_type("google_service_account")}
    for resource in made.of_type(
        "google_dataflow_flex_template_job", "google_cloud_run_v2_job", "google_cloudbuild_trigger"
    ):
        accounts = [
            value
            for path, attribute in paths(resource.block)
            if path[-1] in ("service_account_email", "service_account") and settable(attribute)
            for value in resource.at(*path)
        ]
        if not any(email in str(account) for account in accounts for email in emails):
            yield f"{resource.address}: runs as {accounts}"


def images_by_digest(made: Deployment) -> Iterator[str]:
    """What runs is named by digest: a tag can be moved under a job that runs."""
    for resource in made.resources:
        for path, attribute in paths(resource.block):
            if path[-1] in ("image", "sdk_container_image") and settable(attribute):
                for image in resource.at(*path):
                    if image and "@sha256:" not in image:
                        yield f"{resource.address}: {'.'.join(path)} is {image}"
