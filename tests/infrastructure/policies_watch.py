"""Policies on what is watched: a promise has its alerts, money its limit, and what is refused a place to go."""

import re
from collections.abc import Iterator

from terraform_state import Deployment, Resource

OWN_DEAD_LETTERS = {
    "signals-decisioning": "the pipeline makes dead letters itself and refuses nothing",
    "outcomes-decisioning": "the pipeline makes dead letters itself and refuses nothing",
    "signals-shadow": "read by a candidate of the same pipeline",
    "outcomes-shadow": "read by a candidate of the same pipeline",
    "heartbeats-watch": "an answer that nobody waits for says nothing",
    "dead-letter-review": "already the place of what was refused",
    "undelivered-review": "already the place of what was refused",
}
"""Subscriptions without a dead-letter topic, with why."""
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
        if not alert.values["notification_channels"]:
            yield f"{alert.address}: tells nobody"
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
        if subscription.values["name"] in OWN_DEAD_LETTERS:
            continue
        if made.ids.get(topic) != "google_pubsub_topic":
            yield f"{subscription.address}: dead_letter_topic is {topic}"
