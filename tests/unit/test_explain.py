"""What is said about a decision, in every way that it can turn out; and what its numbers add up to."""

import dataclasses
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from uk_bank import COMFORTABLE, FOLDER

from models.experiments.arms import Arms
from models.explain_customer import explain_to_customer
from models.explain_record import explained
from models.explain_technical import explain_technically
from models.folds import advance
from models.plan.compiled import Plan
from models.plan.load import Loaded
from models.plan.spec import ArmSpec, ContactSpec, ExperimentsSpec, IssueSpec
from models.propensity.artifact import load
from models.propensity.scorer import bind
from models.propensity.sigmoid import propensities
from models.stage_words import STAGES
from models.volumes.quotes import RecordedQuotes
from schemas import Decision, Outcome, OutcomeKind, Signal, Stage
from schemas.decision import Price

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "golden" / "explain"
PLAN = Plan.load(ROOT / "plans" / "explained")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

AGREED = {"age": 35, "consent_email": True}


def _somebody(arm: str) -> str:
    arms = Arms.of(PLAN.spec)
    return next(name for n in range(1000) if arms.arm(name := f"c{n}", NOON) == arm)


class Visit:
    """A customer of the small bank, who looks at pages and answers."""

    def __init__(self, profile=AGREED, arm="nba", prices=()):
        quotes = RecordedQuotes.of(PLAN.spec)
        quotes.give(prices)
        self.fold, self.customer, self.asked = PLAN.decide_fold(volumes=quotes), _somebody(arm), 0
        self.state = self.fold.initial()
        self.see((), type_="profile", profile=profile)

    def see(self, placements, *, type_="page_view", profile=None, channel="web") -> Decision | None:
        self.asked += 1
        return self._apply(
            Signal(
                signal_id=f"s{self.asked}",
                customer_id=self.customer,
                occurred_at=NOON + timedelta(minutes=self.asked),
                type=type_,
                channel=channel,
                brand="harbour",
                placements=placements,
                profile=profile,
            )
        )

    def answer(self, decision, kind):
        self._apply(
            Outcome(
                outcome_id=f"o{self.asked}",
                customer_id=self.customer,
                occurred_at=NOON + timedelta(minutes=self.asked, seconds=30),
                kind=kind,
                decision_id=decision.decision_id,
                rank=1,
            )
        )

    def _apply(self, event):
        self.state, outputs = advance(self.fold, self.state, event)
        return next((each for each in outputs if isinstance(each, Decision)), None)


def _limit_reached():
    visit = Visit()
    visit.see(("hero",))
    return visit.see(("hero",))


def _turned_down():
    visit = Visit()
    visit.answer(visit.see(("hero",)), OutcomeKind.REJECTED)
    return visit.see(("hero",))


SITUATIONS = {
    "offered": lambda: Visit().see(("hero", "tiles")),
    "care": lambda: Visit({**AGREED, "bereaved": True}).see(("tiles",)),
    "consent": lambda: Visit({"age": 35}).see((), type_="payment_failed", channel="email"),
    "limit": _limit_reached,
    "turned-down": _turned_down,
    "too-young": lambda: Visit({**AGREED, "age": 16}).see(("tiles",)),
    "better-one": lambda: Visit().see(("hero",)),
    "holdout": lambda: Visit(arm="nobody-sells").see(("tiles",)),
    "no-action": lambda: Visit().see(("strip",)),
    "mandatory": lambda: Visit({**AGREED, "rate_error": True}).see(("hero",)),
    "regulatory": lambda: Visit({**AGREED, "terms_owed": True}).see(("hero",)),
    "fallback": lambda: Visit({**AGREED, "complaint_open": True}).see(("hero",)),
    "bundle": lambda: Visit().see(("tiles",)),
    "volume-price": lambda: Visit(prices=[Price(constraint="lenders", price=1.5)]).see(("hero",)),
    "volume-too-dear": lambda: Visit(prices=[Price(constraint="lenders", price=9.0)]).see(("tiles",)),
    "trigger": lambda: Visit().see((), type_="payment_failed", channel="email"),
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_is_said_reads_as_agreed(situation):
    decision = SITUATIONS[situation]()
    decision = msgspec.structs.replace(decision, plan_digest="PLAN")
    as_json = msgspec.json.format(msgspec.json.encode(explained(decision, PLAN).actions), indent=2).decode()
    told = {
        "txt": explain_to_customer(decision, PLAN),
        "technical.txt": explain_technically(decision, PLAN.spec),
        "json": as_json + "\n",
    }
    for kind, said in told.items():
        golden = GOLDEN / f"{situation}.{kind}"
        if os.environ.get("NEXTBEAM_UPDATE_GOLDEN"):
            golden.write_text(said, encoding="utf-8")
        assert said == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_customer_hears_no_code_word(situation):
    decision = SITUATIONS[situation]()
    said = explain_to_customer(decision, PLAN)
    plain = {"loan", "cover", "saver", "terms", "welcome", "adult"}  # words that are ids, too
    ids = {each.id for each in PLAN.spec.actions} | {rule for _, rule in PLAN.rules}
    ids |= {each.id for each in (*PLAN.spec.contact.limits, *PLAN.spec.contact.volumes, *PLAN.spec.bundles)}
    ids |= {decision.decision_id, decision.arm, decision.customer_id, PLAN.digest}
    for name in ids - plain:
        assert not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", said), name
    assert not re.search(r"_|\b[a-z]+[A-Z]|\d\.\d|propensity|priority|arbitration|eligib|suppress", said)
    assert all(len(line) <= 100 for line in said.splitlines())


@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_action_of_the_plan_is_told_of_once(situation):
    actions = explained(SITUATIONS[situation](), PLAN).actions
    assert sorted(each.action for each in actions) == sorted(each.id for each in PLAN.spec.actions)
    assert all(each.why for each in actions if each.stage != "Output")


@pytest.mark.parametrize(
    ("kind", "off", "priority"),
    [
        ("plan", (), "6.5 = propensity 0.05 x context 1 x value 100 GBP x lever 1.3"),
        (
            "plan",
            ("value", "levers"),
            "0.05 = propensity 0.05 x context 1; without value 100 GBP and lever 1.3",
        ),
        ("plan", ("propensity",), "130 = context 1 x value 100 GBP x lever 1.3; without propensity 0.05"),
        ("no_levers", (), "5 = propensity 0.05 x context 1 x value 100 GBP; without lever 1.3"),
        (
            "propensity_only",
            ("propensity",),
            "0.05 = propensity 0.05 x context 1; without value 100 GBP and lever 1.3",
        ),
        ("random_propensity", (), "65 = propensity 0.5 x context 1 x value 100 GBP x lever 1.3"),
        ("random_action", (), "3.25, that of all marketing in this arm"),
    ],
)
def test_a_priority_is_told_as_the_product_of_the_factors_that_counted(kind, off, priority):
    spec = msgspec.structs.replace(
        PLAN.spec,
        issues={**PLAN.spec.issues, "grow": IssueSpec(lever_percent=30)},
        arbitration=msgspec.structs.replace(PLAN.spec.arbitration, **dict.fromkeys(off, False)),
        experiments=ExperimentsSpec(arms=(ArmSpec(id="these", kind=kind, share=1.0),)),
        contact=ContactSpec(),
    )
    fold = Plan.compile(Loaded(spec, PLAN.digest, PLAN.canonical, None)).decide_fold()
    asked = Signal(
        signal_id="s",
        customer_id="c",
        occurred_at=NOON,
        type="page_view",
        channel="web",
        brand="harbour",
        placements=("tiles",),
        profile=AGREED,
    )
    [decision] = [each for each in fold.step(fold.initial(), asked)[1] if isinstance(each, Decision)]
    said = explain_technically(decision, spec).split(". Personal loan")[1].splitlines()
    assert said[2] == f"   priority {priority}"


@pytest.mark.parametrize("model", ["model", "model-trees"])
def test_contributions_of_every_action_sum_to_its_log_odds_removed_or_not(model):
    plan = Plan.load(FOLDER)
    scorer = bind(load(FOLDER / model), plan.spec, plan.vectors.vector_columns)
    plan = dataclasses.replace(plan, scorer=scorer)
    fold, state, found = plan.decide_fold(), None, []
    for number, topic in enumerate(["loans", "savings", "mortgages"]):
        signal = Signal(
            signal_id=f"s{number}",
            customer_id="c1",
            occurred_at=NOON + timedelta(minutes=number),
            type="page_view",
            channel="web",
            brand="alderbrook",
            page=topic,
            placements=("web_product_tiles",),
            attributes={"topic": topic, "dwell_s": 30.0 * number},
            profile={"age": 40, "balance": 812.5, "consent_marketing": True} if not number else None,
        )
        state, outputs = advance(fold, state or fold.initial(), signal)
        found += [each for each in outputs if isinstance(each, Decision)]
    assert len(found) == 3
    for decision in found:
        scores = scorer.score(plan.vectors.vector(decision.context.features))
        index = {action.id: number for number, action in enumerate(plan.spec.actions)}
        told = explained(decision, plan).actions
        assert any(each.factors is None for each in told)
        assert any(each.contributions for each in told)
        for each in told:
            total = each.level + sum(part.contribution for part in each.contributions)
            assert float(propensities(total)) == pytest.approx(scores[index[each.action]], abs=1e-9)
            if each.factors is not None:
                own = each.factors.model_propensity or each.factors.propensity
                assert each.model_propensity == pytest.approx(own, abs=1e-9)


def test_a_plan_can_have_the_reasons_of_every_ranked_candidate_recorded():
    plan = Plan.load(FOLDER)
    rules = msgspec.structs.replace(plan.spec.arbitration, reasons_of="ranked")
    plan = dataclasses.replace(plan, spec=msgspec.structs.replace(plan.spec, arbitration=rules))
    fold = plan.decide_fold()
    signal = Signal(
        signal_id="s",
        customer_id="c1",
        occurred_at=NOON,
        type="page_view",
        channel="web",
        brand="alderbrook",
        page="loans",
        placements=("web_product_tiles",),
        profile=dict(COMFORTABLE),
    )
    _, outputs = advance(fold, fold.initial(), signal)
    decision = next(each for each in outputs if isinstance(each, Decision))
    told = {each.action: each for each in explained(decision, plan).actions}
    assert any(each.reasons for each in decision.ranked)
    for each in decision.ranked:
        largest = [part for part in told[each.action].contributions if part.contribution > 0]
        assert [part for part in each.reasons if part.contribution > 0] == largest[:3]


def test_every_stage_has_its_words():
    assert set(STAGES) == set(Stage)
    shorts = [words.short for words in STAGES.values()]
    assert len(set(shorts)) == len(shorts)


def test_where_there_is_no_other_action_none_is_announced():
    decision = msgspec.structs.replace(SITUATIONS["offered"](), ranked=(), removed=())
    assert explain_technically(decision, PLAN.spec).endswith("\n\nThe plan has no other action.\n")
