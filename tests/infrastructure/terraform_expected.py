"""Who may do what, and what rings when, as `terraform/` would have it: committed, so that every change of it is a diff.

`python tests/infrastructure/terraform_expected.py [--write]` compares, or writes the files of `expected/` anew.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from checking import HERE, written
from terraform_state import Deployment, Resource

EXPECTED = HERE / "expected"
ENVIRONMENTS = ("prod", "everything")
_WHO = ("member", "role", "condition", "etag", "id", "project", "region", "location")
"""Attributes of a grant that do not say on what it is; all others do."""


def lines(made: Deployment) -> list[str]:
    """One for each grant, permission of a role of ours, denial, alert, and rule over tables."""
    return sorted(
        {*_grants(made), *_roles(made), *_rows(made), *_denials(made), *_alerts(made), *_scans(made)}
    )


def _grants(made: Deployment) -> Iterator[str]:
    for grant in made.resources:
        if grant.type.endswith("_iam_member"):
            on = " ".join(
                str(value) for name, value in sorted(grant.values.items()) if value and name not in _WHO
            )
            under = "".join(f" if {value}" for value in grant.at("condition", "expression"))
            kind = grant.type.removeprefix("google_").removesuffix("_iam_member")
            role = grant.values["role"].rpartition("/")[2]
            yield f"{grant.values['member']} has {role} on {kind} {on}".rstrip() + under


def _roles(made: Deployment) -> Iterator[str]:
    for role in made.of_type("google_project_iam_custom_role"):
        for permission in role.values["permissions"]:
            yield f"{role.values['role_id']} permits {permission}"
    for config in made.of_type("google_project_iam_audit_config"):
        kinds = sorted(config.at("audit_log_config", "log_type"))
        yield f"audit of {config.values['service']}: {', '.join(kinds)}"


def _rows(made: Deployment) -> Iterator[str]:
    for policy in made.of_type("google_bigquery_row_access_policy"):
        for grantee in policy.values["grantees"]:
            where = f"{policy.values['dataset_id']}.{policy.values['table_id']}"
            yield f"{grantee} sees rows of {where} where {policy.values['filter_predicate']}"
    for access in made.of_type("google_bigquery_dataset_access"):
        for dataset in access.at("dataset", "dataset", "dataset_id"):
            yield f"views of {dataset} read {access.values['dataset_id']}"


def _denials(made: Deployment) -> Iterator[str]:
    for policy in made.of_type("google_iam_deny_policy"):
        for permissions in policy.at("rules", "deny_rule", "denied_permissions"):
            yield from _each(policy, "denies", permissions)
        for principals in policy.at("rules", "deny_rule", "exception_principals"):
            yield from _each(policy, "does not bind", principals)


def _each(policy: Resource, verb: str, what: list[str]) -> Iterator[str]:
    return (f"{policy.values['name']} {verb} {one}" for one in what)


def _alerts(made: Deployment) -> Iterator[str]:
    for alert in made.of_type("google_monitoring_alert_policy"):
        labels = alert.values["user_labels"]
        for condition in alert.values["conditions"]:
            for rule in (condition["condition_threshold"] or []) + (
                condition["condition_prometheus_query_language"] or []
            ):
                what = rule.get("query") or f"{rule['filter']} > {rule['threshold_value']}"
                yield f"alert {labels['alert']} ({labels['urgency']}) after {rule['duration']}: {what}"


def _scans(made: Deployment) -> Iterator[str]:
    for scan in made.of_type("google_dataplex_datascan"):
        for rule in scan.at("data_quality_spec", "rules"):
            for one in rule:
                sql = [each["sql_statement"] for kind in ("sql_assertion",) for each in one[kind] or ()]
                yield f"scan {scan.values['data_scan_id']}, {one['name']}: {' '.join(sql) or one['description']}"


def path(environment: str) -> Path:
    """The committed file of an environment."""
    return EXPECTED / f"{environment}.txt"


def text(made: Deployment) -> str:
    """What the file of an environment holds."""
    return "".join(f"{line}\n" for line in lines(made))


def as_committed(made: Deployment) -> Iterator[str]:
    """Grants, roles, denials and alerts are those of the committed file, to the line."""
    committed = set(path(made.environment).read_text("utf-8").splitlines())
    foreseen = set(lines(made))
    yield from (f"is not committed: {line}" for line in sorted(foreseen - committed))
    yield from (f"is committed, and would not be: {line}" for line in sorted(committed - foreseen))


def main() -> int:
    """Compare, or write; 1 where a file is stale."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--write", action="store_true", help="write the files instead of comparing")
    write, stale = parser.parse_args().write, 0
    for environment in ENVIRONMENTS:
        with tempfile.TemporaryDirectory() as folder:
            made = Deployment.of(
                environment, written("foresee", env=environment, to=Path(folder, "made.json"))
            )
        file = path(environment)
        if write:
            file.parent.mkdir(exist_ok=True)
            file.write_text(text(made), "utf-8")
        elif file.read_text("utf-8") != text(made):
            print(
                f"{file.name} is not what terraform/ would make: --write, and read the diff", file=sys.stderr
            )
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main())
