"""The stages of the funnel in words: one table, for tables and for sentences."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from schemas import Stage


class StageWords(NamedTuple):
    """Why an action has left at a stage."""

    short: str
    """As fits into a table."""
    full: str
    """With what did it, for those who look after the plan."""


STAGES: Mapping[Stage, StageWords] = MappingProxyType(
    {
        Stage.ACTION_AVAILABILITY: StageWords("not available", "not available (availability)"),
        Stage.ACTION_EMERGENCY_EXCLUSION: StageWords("stopped by hand", "stopped (kill switch)"),
        Stage.UNIVERSAL_HOLDOUT: StageWords("held out", "no marketing for this customer (holdout)"),
        Stage.ELIGIBILITY: StageWords("not allowed", "not allowed (eligibility)"),
        Stage.APPLICABILITY: StageWords("makes no sense now", "makes no sense now (applicability)"),
        Stage.SUITABILITY: StageWords(
            "not right for the customer", "not right for this customer (suitability)"
        ),
        Stage.ACTION_MATURITY: StageWords("too new", "too new for this customer (maturity)"),
        Stage.PROPENSITY_THRESHOLDS: StageWords("too unlikely", "too unlikely (propensity threshold)"),
        Stage.PRIORITY_THRESHOLDS: StageWords("worth too little", "worth too little (priority threshold)"),
        Stage.TREATMENT_AVAILABILITY: StageWords("no treatment", "no treatment in force (treatment dates)"),
        Stage.TREATMENT_EMERGENCY_EXCLUSION: StageWords(
            "channel stopped by hand", "channel or treatment stopped (kill switch)"
        ),
        Stage.TREATMENT_ELIGIBILITY: StageWords(
            "not in this channel", "not in this channel (consent, rules of treatments)"
        ),
        Stage.CHANNEL_AVAILABILITY: StageWords("quiet hours", "not at this hour (quiet hours)"),
        Stage.ACTION_SUPPRESSIONS: StageWords("rested", "paused after earlier responses (suppression)"),
        Stage.TREATMENT_SUPPRESSIONS: StageWords(
            "treatment rested", "treatment paused after earlier responses (suppression)"
        ),
        Stage.CONTACT_LIMITS: StageWords("contacted enough", "contacted enough (contact limit)"),
        Stage.CHANNEL_LIMITS: StageWords(
            "channel used enough", "contacted enough in this channel (contact limit)"
        ),
        Stage.VOLUME_CONSTRAINTS: StageWords(
            "capacity used up", "not worth the capacity it takes (volume constraint)"
        ),
        Stage.BUNDLING: StageWords("incomplete bundle", "not without what goes with it (bundle)"),
        Stage.TREATMENT_PLACEMENTS: StageWords(
            "no place for it", "has no treatment for the places asked for"
        ),
        Stage.ARBITRATION: StageWords(
            "others were worth more", "allowed, but worth less than what was offered"
        ),
        Stage.OUTPUT: StageWords("offered", "offered"),
    }
)
