"""Policies on single settings, each of which nothing else would miss: how long, by which means, for whom never."""

import re
from collections.abc import Iterator

from terraform_state import Deployment

STREAMING_STATE = "enable_kms_on_streaming_engine"
AUDITED = ("bigquery", "cloudkms", "iam", "secretmanager", "storage")
DENIED = frozenset(
    f"{service}.googleapis.com/{what}"
    for service, what in (
        ("bigquery", "datasets.delete"),
        ("bigquery", "tables.delete"),
        ("cloudkms", "cryptoKeyVersions.destroy"),
        ("iam", "serviceAccountKeys.create"),
        ("storage", "buckets.delete"),
    )
)
MASKS = {"identifier": "SHA256", "profile": "ALWAYS_NULL", "payload": "ALWAYS_NULL"}
"""What is seen of each kind of personal column: keys can be compared, nothing else is told."""
WORKER_PORTS = ["12345-12346"]
KEPT = {"dead_letters": "dead_letters", "dead_letter_archive": "dead_letters"}
"""Tables that are kept as long as another entry of `retention_days` than `decisions` says."""
NEVER = (
    (
        r"nextbeam-worker@",
        r"storage\.object(User|Creator|Admin)",
        r"-(plans|releases)$",
        "plans come from people",
    ),
    (
        r"nextbeam-worker@",
        r"pubsub\.publisher",
        r"^(signals|outcomes)$",
        "it would decide what it tells itself",
    ),
    (r"nextbeam-(consumer|publisher)@", r".", r"dead-letter|undelivered|heartbeats", "payloads of others"),
    (r"nextbeam-publisher@", r"subscriber|Viewer|Accessor", r".", "it tells, and hears nothing"),
    (r"group:analysts@", r".", r"^nextbeam(_shadow)?$", "they ask views, where columns are masked"),
    (r"group:analysts@", r"FineGrainedReader", r".", "they see masks"),
    (
        r"nextbeam-(ci|checks|scheduler)@",
        r"secretmanager|serviceAccount|jobs$|cloudkms",
        r".",
        "code of anybody's",
    ),
    (r"nextbeam-(ci|checks)@", r"nextbeamJobLauncher|dataflow", r".", "code of anybody's"),
    (r"group:", r"cloudkms|secretAccessor|serviceAccountUser", r".", "people act as accounts"),
)
"""Whose grants of which roles on what there are never: patterns of member, role and name, and why."""


def kept_as_said(made: Deployment) -> Iterator[str]:
    """Rows live as long as the variable says, of their table and dataset."""
    days = made.variables["retention_days"]
    for table in made.of_type("google_bigquery_table"):
        name, dataset = table.values["table_id"], table.values["dataset_id"]
        for lives in table.at("time_partitioning", "expiration_ms"):
            want = days["shadow" if dataset.endswith("_shadow") else KEPT.get(name, "decisions")]
            if lives != want * 86_400_000:
                yield f"{table.address}: rows live for {lives} ms, not {want} days"
    for topic in made.of_type("google_pubsub_topic"):
        for forced in topic.at("message_storage_policy", "enforce_in_transit") or [None]:
            if forced is not True:
                yield f"{topic.address}: messages may pass through another region"
    for bucket in made.of_type("google_logging_project_bucket_config"):
        if bucket.values["retention_days"] != days["logs"]:
            yield f"{bucket.address}: kept for {bucket.values['retention_days']} days, not {days['logs']}"
        if made.environment == "prod" and bucket.values["locked"] is not True:
            yield f"{bucket.address}: the life of logs can be shortened"


def state_is_under_our_key(made: Deployment) -> Iterator[str]:
    """The state of customers in Streaming Engine has our key, not only disks."""
    for job in made.of_type("google_dataflow_flex_template_job"):
        if STREAMING_STATE not in (job.values["additional_experiments"] or ()):
            yield f"{job.address}: {STREAMING_STATE} is missing"


def reads_are_audited(made: Deployment) -> Iterator[str]:
    """Who read data of customers, keys and secrets is in the log."""
    audited = {
        config.values["service"]: set(config.at("audit_log_config", "log_type"))
        for config in made.of_type("google_project_iam_audit_config")
    }
    for service in AUDITED:
        if not audited.get(f"{service}.googleapis.com", set()) >= {"DATA_READ", "DATA_WRITE"}:
            yield f"{service}: reads and writes of data are not audited"
    for config in made.of_type("google_project_iam_audit_config"):
        if any(config.at("audit_log_config", "exempted_members")):
            yield f"{config.address}: somebody is exempt"


def what_is_denied_to_all(made: Deployment) -> Iterator[str]:
    """Nobody destroys keys and records or makes keys of accounts, but for those behind the glass."""
    behind = made.variables["break_glass"]
    if behind is None:
        return
    policies = made.of_type("google_iam_deny_policy")
    if not policies:
        yield "no deny policy"
    for policy in policies:
        for denied in policy.at("rules", "deny_rule", "denied_permissions"):
            yield from (
                f"{policy.address}: {permission} is not denied" for permission in sorted(DENIED - {*denied})
            )
        if policy.at("rules", "deny_rule", "exception_principals") != [[behind]]:
            yield f"{policy.address}: others than {behind} are not bound"


def masks_tell_nothing(made: Deployment) -> Iterator[str]:
    """Masked columns are hashes where they have to be compared, and nothing elsewhere."""
    for policy in made.of_type("google_bigquery_datapolicy_data_policy"):
        kind = policy.values["data_policy_id"].removeprefix("nextbeam_")
        shown = policy.get("data_masking_policy", "predefined_expression")
        if shown != MASKS.get(kind):
            yield f"{policy.address}: shows {shown}, not {MASKS.get(kind)}"


def workers_talk_on_their_ports(made: Deployment) -> Iterator[str]:
    """Workers reach each other on the two ports of Dataflow, and Google's interfaces on one."""
    for rule in made.of_type("google_compute_firewall"):
        for ports in rule.at("allow", "ports"):
            workers = "workers" in rule.values["name"]
            if ports != (WORKER_PORTS if workers else ["443"]):
                yield f"{rule.address}: lets through {ports}"


def plans_are_signed_so(made: Deployment) -> Iterator[str]:
    """The key that signs plans makes the one signature that a job can check."""
    keys = [
        key for key in made.of_type("google_kms_crypto_key") if key.values["purpose"] == "ASYMMETRIC_SIGN"
    ]
    if [key.get("version_template", "algorithm") for key in keys] != ["EC_SIGN_P256_SHA256"]:
        yield f"signing keys: {[key.get('version_template', 'algorithm') for key in keys]}"


def nobody_oversteps(made: Deployment) -> Iterator[str]:
    """No account has a grant that its task never needs, whatever the committed table says."""
    for grant in made.resources:
        if not grant.type.endswith("_iam_member"):
            continue
        member, role = grant.values["member"], grant.values["role"]
        on = {str(value) for name, value in grant.values.items() if value and name not in ("member", "role")}
        for whose, what, where, why in NEVER:
            if (
                re.search(whose, member)
                and re.search(what, role)
                and any(re.search(where, one) for one in on)
            ):
                yield f"{grant.address}: {member} has {role}: {why}"
