-- revenue: what was earned, by action and placement.
-- Grain:     day, brand, channel, placement, action (unique)
-- Partition: day, of the decision that made the offer: what an offer earned later still counts on its own day.
-- Late:      moves until the response windows of the day have passed.
-- Nulls:     acceptance where nothing was answered yet.
-- Columns:
--   day: Day of the decisions, UTC.
--   brand: The brand that offered.
--   channel: Where it was offered.
--   placement: The place.
--   issue: What the action is about.
--   action_group: Its group.
--   action: The action.
--   offers: Offers made.
--   seen: Those that the customer saw.
--   answered: Those with a positive or negative response, silence included.
--   positive: Those with a positive one.
--   acceptance: positive / answered.
--   value: Worth realised, in plan currency.
--   value_per_offer: value / offers.
--   value_expected: Sum of propensity x value over the offers: what was hoped for.
SELECT
  day,
  brand,
  channel,
  placement,
  issue,
  action_group,
  action,
  COUNT(*) AS offers,
  COUNTIF(seen) AS seen,
  COUNTIF(result IN ('positive', 'negative')) AS answered,
  COUNTIF(result = 'positive') AS positive,
  SAFE_DIVIDE(COUNTIF(result = 'positive'), COUNTIF(result IN ('positive', 'negative'))) AS acceptance,
  SUM(value_realised) AS value,
  SAFE_DIVIDE(SUM(value_realised), COUNT(*)) AS value_per_offer,
  SUM(propensity * value_expected) AS value_expected
FROM `${dataset}.decision_outcomes`
GROUP BY day, brand, channel, placement, issue, action_group, action
