-- calibration: whether offers are taken up as often as the model said, by tenths of what it said.
-- Grain:     model_digest, message_class, tenth (unique)
-- Partition: none; all days.
-- Late:      only answered offers count; silence is an answer once the response window has passed.
-- Nulls:     none.
-- Columns:
--   model_digest: The model.
--   message_class: marketing, service or regulatory; what is not marketing often has no model.
--   tenth: 1 for the tenth of its offers with the smallest propensities.
--   offers: Answered offers in it.
--   predicted_least: Smallest propensity in it.
--   predicted: Mean propensity, the model's own: before smoothing and what experiment arms do to it.
--   predicted_most: Largest.
--   positive: Offers with a positive response.
--   observed: positive / offers.
--   observed_low: Lower end of 95 %, by Wilson.
--   observed_high: Upper end.
--   as_predicted: Whether the interval holds the mean propensity.
WITH answered AS (
  SELECT
    model_digest,
    message_class,
    model_propensity AS propensity,
    IF(result = 'positive', 1, 0) AS positive,
    NTILE(10) OVER (PARTITION BY model_digest, message_class ORDER BY model_propensity, decision_id, rank) AS tenth
  FROM `${dataset}.decision_outcomes`
  WHERE result IN ('positive', 'negative')
),
tenths AS (
  SELECT
    model_digest,
    message_class,
    tenth,
    COUNT(*) AS offers,
    MIN(propensity) AS predicted_least,
    AVG(propensity) AS predicted,
    MAX(propensity) AS predicted_most,
    SUM(positive) AS positive
  FROM answered
  GROUP BY model_digest, message_class, tenth
),
intervals AS (
  SELECT
    model_digest,
    message_class,
    tenth,
    offers,
    predicted_least,
    predicted,
    predicted_most,
    positive,
    SAFE_DIVIDE(positive, offers) AS observed,
    SAFE_DIVIDE(positive + 1.920729410347062, offers + 3.841458820694124) AS middle,
    SAFE_DIVIDE(
      1.959963984540054 * SQRT(SAFE_DIVIDE(positive * (offers - positive), offers) + 0.960364705173531), offers + 3.841458820694124
    ) AS margin
  FROM tenths
)
SELECT
  model_digest,
  message_class,
  tenth,
  offers,
  predicted_least,
  predicted,
  predicted_most,
  positive,
  observed,
  GREATEST(middle - margin, 0.0) AS observed_low,
  LEAST(middle + margin, 1.0) AS observed_high,
  predicted BETWEEN middle - margin AND middle + margin AS as_predicted
FROM intervals
