"""Policies on what is watched: a promise has its alerts, money its limit, and what is refused a place to go."""

import re
from collections.abc import Iterator
from typing import Any

from terraform_state import Deployment, Resource

from models.observability.objectives import BURNS, OBJECTIVES, TOLD

OF_JOBS = re.compile("(signals|outcomes)-(decisioning(-[a-z0-9]+)?|shadow)")
"""Subscriptions that the pipeline reads: it makes dead letters itself and refuses nothing."""
OWN_DEAD_LETTERS = {
    "heartbeats-watch": "an answer that nobody waits for says nothing",
    "dead-letter-review": "already the place of what was refused",
    "undelivered-review": "already the place of what was refused",
}
"""Other subscriptions without a dead-letter topic, with why."""
_WAITS = re.compile(r"(\d+)s")
_OF_DATAFLOW = re.compile(r"\{[^{}]*dataflow[^{}]*\}")
_NAMED = re.compile(r'job_name"?=~?(?:one_of)?\(?("[^"]+"(?:(?:, ?| OR )"[^"]+")*)')
_BURN_RATE = re.compile(r'select_slo_burn_rate\(\s*"?([^",]+)"?\s*,\s*"?(\d+)([smhd])"?\s*\)')
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def promises_are_watched(made: Deployment) -> Iterator[str]:
    """Each SLO has a fast and a slow alert, over a long window, that it matters, and a short one, that it goes on."""
    alerts = [_burn_windows(alert) for alert in made.of_type("google_monitoring_alert_policy")]
    slos = made.of_type("google_monitoring_slo")
    if not slos:
        yield "no SLO"
    for slo in slos:
        names = {slo.values["id"], slo.values["name"]}
        pairs = [sorted(windows) for found, windows in alerts if found & names]
        if len([pair for pair in pairs if len(pair) == 2 and pair[1] >= 6 * pair[0]]) < 2:
            yield f"{slo.address}: burn-rate alerts are {pairs}"


def _burn_windows(alert: Resource) -> tuple[set[str], list[int]]:
    """Which SLO an alert watches, by name, and over which windows, in seconds."""
    if alert.values["combiner"] != "AND":
        return set(), []
    found = [_BURN_RATE.search(str(text)) for text in alert.at("conditions", "condition_threshold", "filter")]
    return {m[1] for m in found if m}, [int(m[2]) * _SECONDS[m[3]] for m in found if m]


def alerts_reach_somebody(made: Deployment) -> Iterator[str]:
    """Every alert is on, tells somebody, and says what to do."""
    for alert in made.of_type("google_monitoring_alert_policy"):
        if alert.values["enabled"] is False:
            yield f"{alert.address}: switched off"
        told = set(alert.values["notification_channels"] or ())
        if not told:
            yield f"{alert.address}: tells nobody"
        page = alert.values["user_labels"]["urgency"] == "page"
        if page and not told >= set(made.variables["pager_channels"]):
            yield f"{alert.address}: wakes nobody"
        if alert.values["severity"] != ("CRITICAL" if page else "WARNING"):
            yield f"{alert.address}: severity is {alert.values['severity']}"
        if "docs/operations.md" not in str(alert.get("documentation", "content")):
            yield f"{alert.address}: does not say where its runbook is"


def money_has_a_limit(made: Deployment) -> Iterator[str]:
    """A budget tells when money was spent and when it is going to be."""
    budgets = made.of_type("google_billing_budget")
    if not budgets:
        yield "no budget"
    for budget in budgets:
        basis = {value or "CURRENT_SPEND" for value in budget.at("threshold_rules", "spend_basis")}
        if basis != {"CURRENT_SPEND", "FORECASTED_SPEND"}:
            yield f"{budget.address}: tells only of {sorted(basis)}"


def refused_messages_go_somewhere(made: Deployment) -> Iterator[str]:
    """What a reader refuses again and again goes to a topic of ours, not round and round."""
    for subscription in made.of_type("google_pubsub_subscription"):
        topic = subscription.get("dead_letter_policy", "dead_letter_topic")
        name = subscription.values["name"]
        if name in OWN_DEAD_LETTERS or OF_JOBS.fullmatch(name):
            continue
        if made.ids.get(topic) != "google_pubsub_topic":
            yield f"{subscription.address}: dead_letter_topic is {topic}"


def goals_are_those_promised(made: Deployment) -> Iterator[str]:
    """SLOs and burn rates are those of the table, at the goals that are set."""
    given = made.variables["goals"]
    goals = {
        slo.values["slo_id"].replace("-", "_"): slo.values["goal"]
        for slo in made.of_type("google_monitoring_slo")
    }
    queries = dict(_alerts(made, "condition_prometheus_query_language", "query"))
    rates = dict(_alerts(made, "condition_threshold", "threshold_value"))
    for objective in OBJECTIVES:
        goal = given.get("decision_latency" if objective.name == "heartbeat_latency" else objective.name)
        if objective.platform and goals.get(objective.name) != goal:
            yield f"{objective.name}: the goal is {goals.get(objective.name)}, not {goal}"
        for burn in BURNS:
            name = f"{objective.name}_{burn.name}"
            over = f"> {burn.rate * (1 - goal):.6g})"
            if objective.platform is None and queries.get(name, "").count(over) != 2:
                yield f"{name}: does not ring where both windows are {over}"
            if objective.platform and rates.get(name) != burn.rate:
                yield f"{name}: rings at {rates.get(name)}, not {burn.rate}"


def alerts_do_not_wait_for_ever(made: Deployment) -> Iterator[str]:
    """What rings at the first case does not wait for a second one; nothing waits for more than half an hour."""
    for name, kind, waits in _durations(made):
        seconds = int(found[1]) if (found := _WAITS.fullmatch(waits or "0s")) else None
        if seconds is None or seconds > (0 if name in TOLD else 1800):
            yield f"alert {name}: {kind} lasts {waits}"
    for name, above in _alerts(made, "condition_threshold", "threshold_value"):
        if name in TOLD and above != 0:
            yield f"alert {name}: rings above {above} only"


def _durations(made: Deployment) -> Iterator[tuple[str, str, str]]:
    for kind in ("condition_prometheus_query_language", "condition_threshold"):
        for name, waits in _alerts(made, kind, "duration"):
            yield name, kind, waits


def _alerts(made: Deployment, kind: str, attribute: str) -> Iterator[tuple[str, Any]]:
    """Names of alerts, and an attribute of their first condition of one kind."""
    for alert in made.of_type("google_monitoring_alert_policy"):
        for value in alert.at("conditions", kind, attribute)[:1]:
            yield alert.values["user_labels"]["alert"], value


def jobs_of_production_are_watched(made: Deployment) -> Iterator[str]:
    """Whatever is watched of jobs is of those that decide, and of all that may: a candidate's shadow wakes nobody."""
    given = made.variables
    deciding = "-".join(filter(None, (given["job_name"], given.get("generation"))))
    coming = given.get("next_generation")
    watched = {deciding} | ({f"{given['job_name']}-{coming}"} if coming else set())
    for address, text in _watching(made):
        found = _NAMED.search(text)
        names = (
            {name for several in re.findall(r'"([^"]+)"', found[1]) for name in several.split("|")}
            if found
            else set()
        )
        if names not in ({deciding}, watched):
            yield f"{address}: watches {sorted(names) or 'jobs of any name'}"
    for name, text in _alerts(made, "condition_threshold", "filter"):
        if name in {*TOLD, "worker_errors", "job_failed"} and any(f'"{job}"' not in text for job in watched):
            yield f"alert {name}: does not watch all of {sorted(watched)}"


def _watching(made: Deployment) -> Iterator[tuple[str, str]]:
    """What alerts, objectives and metrics over logs select of Dataflow."""
    for alert in made.of_type("google_monitoring_alert_policy"):
        for text in alert.at("conditions", "condition_threshold", "filter"):
            if "dataflow" in text:
                yield alert.address, text
        for text in alert.at("conditions", "condition_prometheus_query_language", "query"):
            yield from ((alert.address, selector) for selector in _OF_DATAFLOW.findall(text))
    for metric in made.of_type("google_logging_metric"):
        if "dataflow" in metric.values["filter"]:
            yield metric.address, metric.values["filter"]
