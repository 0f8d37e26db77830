"""No action of the shipped bank is dead: for each there is a customer and a moment that its rules let through."""

from datetime import UTC, datetime
from itertools import product

from uk_bank import COMFORTABLE, let_through, policy, request, spec

from models.simulation.customers import customer

MOMENTS = [{}] + [
    {"page": page} for page in ("travel", "payments", "card_manage", "bereavement", "moving_home", "account")
]
BUSY = {
    "views_mortgages_7d": 3.0, "failed_payments_30d": 1.0, "largest_credit_7d": 9_000.0, "new_payees_1d": 1.0,
    "overseas_payments_7d": 1.0, "gambling_share_30d": 0.2, "views_money_help_7d": 1.0,
}  # fmt: skip


DATES = tuple({"requested_at": datetime(year, 6, 1, tzinfo=UTC)} for year in (2025, 2028))
HELD_OUT = tuple({"arm": arm.id} for arm in spec().experiments.arms if arm.kind == "holdout")


def moments():
    triggers = [{"trigger": t.id, "placements": t.placements, "channel": "core"} for t in spec().triggers]
    return [*MOMENTS, *triggers]


def test_every_action_is_let_through_for_someone_at_some_moment():
    dead = {action.id for action in spec().actions}
    rare = [
        {"status": "closing"}, {"bereaved": True}, {"breathing_space": True, "in_arrears": True},
        {"scam_victim_recently": True}, {"notice_owed": "deposit_protection"}, {"complaint_open": True},
    ]  # fmt: skip
    people = [{**COMFORTABLE, **change} for change in rare] + [customer(1, n).facts for n in range(150)]
    for facts, moment in product(people, moments()):
        dead -= let_through(request(facts, BUSY, brand=facts["brands"][0], **moment))
        if not dead:
            return
    assert dead == set()


CHANGES = (
    {"status": "closed"},
    {"age": 9},
    {"age": 14},
    {"age": 95},
    {"notice_owed": "deposit_protection"},
    {"breathing_space": True, "in_arrears": True},
    {"holdings": ("credit_card",), "vulnerable": True},
    {"holdings": ("mortgage",), "mortgage_rate_ends_days": 90, "in_arrears": True},
)
UPSET = {**BUSY, "last_sentiment": -0.9}
GAMBLING = {**BUSY, "gambling_share_30d": 0.4}


def test_every_rule_removes_something_from_someone():
    rules = policy().rules
    idle = {rule.id for rule in rules}
    people = [{**COMFORTABLE, **change} for change in CHANGES] + [customer(1, n).facts for n in range(400)]
    for facts, features, moment in product(
        people, ({}, BUSY, UPSET, GAMBLING), [*moments(), *DATES, *HELD_OUT]
    ):
        asked = request(facts, features, brand=facts["brands"][-1], **moment)
        idle -= {rules[index].id for index in set(policy().apply(asked)) if index >= 0}
        if not idle:
            return
    assert idle == set()
