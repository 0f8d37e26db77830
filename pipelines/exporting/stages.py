"""Our stages as those who read Pega's Action Analysis know them: group, order, kind of component."""

from typing import NamedTuple

from schemas import Stage


class PegaStage(NamedTuple):
    """Where a stage stands in their funnel."""

    group: str
    """Stage_pyStageGroup."""
    order: int
    """Stage_pyOrder: of two stages the lower one comes first."""
    component: str
    """pxComponentType: what kind of thing removes candidates there."""
    theirs: str | None = None
    """Stage_pyName, where it is not ours."""


PEGA_STAGES: dict[Stage, PegaStage] = {
    Stage.ACTION_AVAILABILITY: PegaStage("AvailableActions", 1000, "Availability"),
    Stage.ACTION_EMERGENCY_EXCLUSION: PegaStage("ChannelAvailabilityProductAssociations", 1200, "Exclusion"),
    Stage.UNIVERSAL_HOLDOUT: PegaStage("ChannelAvailabilityProductAssociations", 1300, "Control Group"),
    Stage.ELIGIBILITY: PegaStage("EngagementPolicies", 1400, "Proposition Filter", "AllActionsEligibility"),
    Stage.APPLICABILITY: PegaStage(
        "EngagementPolicies", 1500, "Proposition Filter", "AllActionsApplicability"
    ),
    Stage.SUITABILITY: PegaStage("EngagementPolicies", 1600, "Proposition Filter", "AllActionsSuitability"),
    Stage.ACTION_MATURITY: PegaStage("ActionPropensity", 2000, "Filter"),
    Stage.PROPENSITY_THRESHOLDS: PegaStage("ActionPropensity", 2100, "Filter"),
    Stage.TREATMENT_AVAILABILITY: PegaStage("AvailableTreatments", 2300, "Availability"),
    Stage.TREATMENT_ELIGIBILITY: PegaStage("TreatmentEligibility", 2500, "Proposition Filter"),
    Stage.TREATMENT_EMERGENCY_EXCLUSION: PegaStage("TreatmentEligibility", 2600, "Exclusion"),
    Stage.PRIORITY_THRESHOLDS: PegaStage("Arbitration", 3700, "Filter"),
    Stage.ARBITRATION: PegaStage("Arbitration", 3900, "Prioritize"),
    Stage.BUNDLING: PegaStage("Bundling", 4000, "Filter"),
    Stage.CHANNEL_AVAILABILITY: PegaStage("ChannelAvailabilityProductAssociations", 1100, "Filter"),
    Stage.ACTION_SUPPRESSIONS: PegaStage("JourneysContactPolicies", 1800, "Suppression"),
    Stage.TREATMENT_SUPPRESSIONS: PegaStage("TreatmentEligibility", 2700, "Suppression"),
    Stage.CONTACT_LIMITS: PegaStage("FinalActionsProcessing", 5000, "Contact Limit"),
    Stage.CHANNEL_LIMITS: PegaStage("FinalActionsProcessing", 5300, "Contact Limit"),
    Stage.VOLUME_CONSTRAINTS: PegaStage("FinalActionsProcessing", 5500, "Volume Constraint"),
    Stage.TREATMENT_PLACEMENTS: PegaStage("FinalActionsProcessing", 5200, "Filter"),
    Stage.OUTPUT: PegaStage("Output", 10000, "Output"),
}
"""Orders of stage groups follow theirs; inside a decision a candidate has one row, so order between groups that we
evaluate in another sequence (suppressions after arbitration) only says where their funnel shows it."""

PEGA_ARMS: dict[str, str] = {
    "nba": "NBAHealth_NBA",
    "random_action": "NBAHealth_NBAPrioritization",
    "propensity_only": "NBAHealth_PropensityPriority",
    "no_levers": "NBAHealth_LeverPriority",
    "eligibility_only": "NBAHealth_EngagementPolicy",
    "random_propensity": "NBAHealth_ModelControl_1",
    "plan": "NBAHealth_ModelControl_2",
}
"""pxMktValue by kind of arm. A holdout shows nothing, so it has no impressions to analyse."""

PEGA_CHANNELS: dict[str, str] = {
    "web": "Web",
    "app": "Mobile",
    "mobile": "Mobile",
    "email": "Email",
    "e-mail": "Email",
    "sms": "SMS",
    "push": "Push",
    "colleague": "Call Center",
    "call_centre": "Call Center",
    "branch": "Retail",
    "letter": "Direct Mail",
}
"""Channel names that their tooling treats in special ways; others keep ours."""
