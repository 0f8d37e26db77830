"""Three plans for histories of a small bank: B and C are A after changes of policy; all may be live in one history.

A holds an experiment, B explores; all count contacts by customer, household and brand. Their limits look back three
days, half a day and four days, and B has none for what Harbour shows on the web: each forgets what another counts.

Volumes are not here: their book is shared by all customers, no key's state, and is hosted whole and in event time (see
`fold_together`), so that no delivery can reorder, repeat or tear what it is told. Their tests are in
tests/unit/test_volumes.py and test_volume_decisions.py.
"""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from models.plan.compiled import Plan

_COMMON = """
plan: nextbeam/1
name: {name}
time_zone: Europe/London
brands: [harbour, quay]
channels:
  web: {{direction: inbound, response_window: 6h}}
  email: {{direction: outbound, response_window: 1d}}
  sms: {{direction: outbound, response_window: 12h, unconfirmed: release}}
  core: {{direction: outbound}}
vocabulary:
  signal_types: [page_view, alert, nudge, opt_out]
  attributes: {{action: {{type: string}}, note: {{type: string}}}}
  customer: {{vip: {{type: boolean}}, age: {{type: integer}}}}
session: {{gap: 30m, late: 2h}}
dedupe: {{keep: 128}}
features:
  - {{name: views_1d, kind: count, where: signal.type == 'page_view', window: 1d}}
  - {{name: clicks_1d, kind: count, where: outcome.kind == 'Clicked', window: 1d}}
placements:
  hero: {{channel: web, fallback: welcome}}
  tile: {{channel: web, slots: 2}}
  mail: {{channel: email}}
  text: {{channel: sms}}
triggers:
  - {{id: alerted, when: signal.type == 'alert', placements: [mail, text]}}
  - {{id: nudged, when: signal.type == 'nudge', placements: [mail]}}
issues: {{grow: {{}}, help: {{}}}}
groups: {{lending: {{issue: grow}}, deposits: {{issue: grow}}, care: {{issue: help}}}}
policies:
  - {{id: adult, tier: eligibility, when: not known(customer.age) or customer.age >= 18}}
  - {{id: vip-only, tier: suitability, when: customer.vip or feature.views_1d >= 1, scope: {{groups: [deposits]}}}}
actions:
  - id: loan
    group: lending
    value: 90
    starting_evidence: 20
    treatments: [{{id: loan-all, placements: [hero, tile, mail, text]}}]
  - id: saver
    group: deposits
    value: 60
    treatments: [{{id: saver-web, placements: [hero, tile]}}, {{id: saver-out, placements: [mail, text]}}]
  - id: welcome
    group: care
    value: 1
    message_class: service
    treatments: [{{id: welcome-hero, placements: [hero]}}]
  - id: fraud-alert
    group: care
    value: 5
    message_class: service
    applicability: [{{id: alerted-now, when: request.trigger == 'alerted'}}]
    treatments: [{{id: fraud-out, placements: [mail, text]}}]
{actions}
contact:
  keep: 64
  suppressions:
    - {{id: rejected, label: negative, times: 2, within: 2d, pause: 1d}}
    - {{id: accepted, outcomes: [Accepted, Conversion], pause: 1d, pauses: group}}
    - {{id: bounced, outcomes: [Bounced], pause: 12h, pauses: channel}}
    - {{id: told-us, signal: signal.type == 'opt_out', pause: 2d, pauses: action}}
    - {{id: disliked, outcomes: [Rejected], pause: 1d, pauses: treatment, per_brand: true}}
  quiet_hours:
    - {{id: night, begins: "22:00", ends: "07:00"}}
  limits:
{limits}
{experiments}
arbitration:
  exploration: {exploration}
  influences:
    - {{id: clicked, outcomes: [Clicked], percent: 80, half_life: 6h, lasts: 1d, of: group}}
"""

_A_EXPERIMENTS = """
experiments:
  arms: [{id: held-out, kind: holdout, share: 0.05}, {id: random, kind: random_propensity, share: 0.15}]
"""

_A_ACTIONS = """
  - {id: card, group: lending, value: 80, treatments: [{id: card-all, placements: [hero, tile, mail, text]}]}
  - {id: bond, group: deposits, value: 70, treatments: [{id: bond-web, placements: [hero, tile]}]}
"""
_B_ACTIONS = """
  - id: card
    group: lending
    value: 20
    starting_evidence: 10
    treatments: [{id: card-all, placements: [tile, mail, text]}]
  - {id: isa, group: deposits, value: 75, treatments: [{id: isa-all, placements: [hero, tile, mail]}]}
"""
_A_LIMITS = """
    - {id: email-per-day, at_most: 1, per: 1d, each: customer, channels: [email]}
    - {id: outbound-per-2d, at_most: 2, per: 2d, each: direction, directions: [outbound]}
    - {id: brand-per-day, at_most: 4, per: 1d, each: customer, per_brand: true}
    - {id: action-per-day, at_most: 2, per: 1d, each: action}
    - {id: all-per-3d, at_most: 9, per: 3d, each: customer, same_decision: exempt}
    - {id: household-email, at_most: 1, per: 12h, each: customer, channels: [email], whose: household}
"""
_B_LIMITS = """
    - {id: email-per-12h, at_most: 1, per: 12h, each: customer, channels: [email]}
    - {id: quay-per-12h, at_most: 3, per: 12h, each: customer, brands: [quay]}
    - {id: action-per-6h, at_most: 1, per: 6h, each: action, channels: [email, sms]}
    - {id: all-per-12h, at_most: 6, per: 12h, each: customer, channels: [email, sms]}
    - {id: household-email, at_most: 1, per: 12h, each: customer, channels: [email], whose: household}
"""
_C_LIMITS = """
    - {id: email-per-day, at_most: 1, per: 1d, each: customer, channels: [email]}
    - {id: sms-per-4d, at_most: 1, per: 4d, each: channel, channels: [sms]}
    - {id: all-per-4d, at_most: 5, per: 4d, each: customer}
    - {id: household-email, at_most: 2, per: 3d, each: customer, channels: [email], whose: household}
"""


@cache
def plans() -> tuple[Plan, ...]:
    """A, B and C, compiled."""
    return _compiled(_A_LIMITS, _B_LIMITS, _C_LIMITS)


@cache
def without_limits() -> tuple[Plan, ...]:
    """The plans, whose limits bind nobody."""
    lax = "    - {id: any, at_most: 1000, per: 1d, each: customer, whose: household}\n"
    return _compiled(lax, lax, lax)


@cache
def without_care() -> tuple[Plan, ...]:
    """The plans, which care for nobody."""
    return _compiled(_A_LIMITS, _B_LIMITS, _C_LIMITS, "care: {waived: to see what happens}\n")


def _compiled(a_limits: str, b_limits: str, c_limits: str, more: str = "") -> tuple[Plan, ...]:
    a = {"name": "A", "actions": _A_ACTIONS, "experiments": _A_EXPERIMENTS, "exploration": "none"}
    b = {"name": "B", "actions": _B_ACTIONS, "experiments": "", "exploration": "thompson"}
    written = [{**a, "limits": a_limits}, {**b, "limits": b_limits}, {**a, "name": "C", "limits": c_limits}]
    with TemporaryDirectory() as folder:
        paths = [Path(folder, f"{each['name']}.yaml") for each in written]
        for path, each in zip(paths, written, strict=True):
            path.write_text(_COMMON.format_map(each) + more, "utf-8")
        return tuple(Plan.load(path) for path in paths)
