-- funnel: where candidates leave, by stage and day. A candidate is one action in one decision.
-- Grain:     day, stage (unique; stages at which nothing ever left that day have no row)
-- Partition: day, of the decision; a filter on decided_at is not possible here, ask funnel_rules for less.
-- Late:      final once the day's decisions are written.
-- Nulls:     none.
-- Columns:
--   day: Day of the decisions, UTC.
--   stage_number: Place of the stage in the funnel, from 1.
--   stage: Where candidates left; Output is what was offered.
--   entered: Candidates that came as far as this stage.
--   left_here: Candidates that left at it.
--   share_left: Share of those that entered.
--   share_of_all: Share of all candidates of the day.
WITH stages AS (
  SELECT stage, number + 1 AS stage_number
  FROM UNNEST([
    'ActionAvailability', 'ActionEmergencyExclusion', 'UniversalHoldout', 'Eligibility', 'Applicability', 'Suitability',
    'ActionModelMaturity', 'ActionPropensityThresholds', 'ArbitrationPriorityThresholds', 'TreatmentAvailability',
    'TreatmentEmergencyExclusionChannel', 'TreatmentEligibilityChannels', 'OutboundChannelAvailability',
    'ContactPoliciesActionSuppressions', 'TreatmentSuppressions', 'ContactPoliciesActionLimits',
    'ContactPoliciesChannelLimits', 'VolumeConstraints', 'BundlingValidity', 'TreatmentPlacements', 'Arbitration', 'Output'
  ]) AS stage WITH OFFSET AS number
),
daily AS (
  SELECT day, stage, SUM(candidates) AS left_here
  FROM `${dataset}.funnel_rules`
  GROUP BY day, stage
),
ordered AS (
  SELECT
    d.day,
    s.stage_number,
    d.stage,
    SUM(d.left_here) OVER (
      PARTITION BY d.day ORDER BY s.stage_number DESC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS entered,
    d.left_here,
    SUM(d.left_here) OVER (PARTITION BY d.day) AS candidates
  FROM daily AS d
  JOIN stages AS s ON s.stage = d.stage
)
SELECT
  day,
  stage_number,
  stage,
  entered,
  left_here,
  SAFE_DIVIDE(left_here, entered) AS share_left,
  SAFE_DIVIDE(left_here, candidates) AS share_of_all
FROM ordered
