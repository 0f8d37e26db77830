-- arm_comparison: what each experiment arm achieved, with intervals of 95 %.
-- Grain:     arm (unique)
-- Partition: none; all days. Copy the text with a filter on decided_at to look at fewer.
-- Late:      offers that are open count as neither; rates of recent days move until they are answered.
-- Nulls:     rates and intervals where there is nothing to divide by, as in a holdout that is offered nothing.
-- Columns:
--   arm: Experiment arm of the customer.
--   customers: Customers decided for. They were drawn by chance, so they are what intervals are about.
--   offers: Offers made.
--   answered: Those with a positive or negative response, silence included.
--   positive: Those with a positive one.
--   acceptance: positive / answered.
--   acceptance_low: Lower end, by Wilson. Offers to one customer are alike, so this is too narrow where there are many.
--   acceptance_high: Upper end.
--   customers_positive: Customers with a positive response at all.
--   reach: customers_positive / customers.
--   reach_low: Lower end, by Wilson.
--   reach_high: Upper end.
--   value: Worth realised, in plan currency.
--   value_per_customer: value / customers.
--   value_low: Lower end, by the normal approximation: more than some 30 customers.
--   value_high: Upper end.
WITH per_customer AS (
  SELECT
    d.arm,
    d.customer_id,
    COUNT(o.rank) AS offers,
    COUNTIF(o.result IN ('positive', 'negative')) AS answered,
    COUNTIF(o.result = 'positive') AS positive,
    SUM(COALESCE(o.value_realised, 0.0)) AS value
  FROM `${dataset}.decisions_flat` AS d
  LEFT JOIN `${dataset}.decision_outcomes` AS o ON o.decision_id = d.decision_id AND o.decided_at = d.decided_at
  GROUP BY d.arm, d.customer_id
),
per_arm AS (
  SELECT
    arm,
    COUNT(*) AS customers,
    SUM(offers) AS offers,
    SUM(answered) AS answered,
    SUM(positive) AS positive,
    COUNTIF(positive > 0) AS customers_positive,
    SUM(value) AS value,
    AVG(value) AS value_per_customer,
    STDDEV_SAMP(value) AS value_deviation
  FROM per_customer
  GROUP BY arm
),
rates AS (
  SELECT
    arm,
    customers,
    offers,
    answered,
    positive,
    SAFE_DIVIDE(positive, answered) AS acceptance,
    customers_positive,
    SAFE_DIVIDE(customers_positive, customers) AS reach,
    value,
    value_per_customer,
    1.959963984540054 * value_deviation * SAFE_DIVIDE(1, SQRT(customers)) AS value_margin,
    -- Wilson: the middle and half the width, for z = 1.959963984540054
    SAFE_DIVIDE(positive + 1.920729410347062, answered + 3.841458820694124) AS middle,
    SAFE_DIVIDE(
      1.959963984540054 * SQRT(SAFE_DIVIDE(positive * (answered - positive), answered) + 0.960364705173531),
      answered + 3.841458820694124
    ) AS margin,
    SAFE_DIVIDE(customers_positive + 1.920729410347062, customers + 3.841458820694124) AS reach_middle,
    SAFE_DIVIDE(
      1.959963984540054 * SQRT(SAFE_DIVIDE(customers_positive * (customers - customers_positive), customers) + 0.960364705173531),
      customers + 3.841458820694124
    ) AS reach_margin
  FROM per_arm
)
SELECT
  arm,
  customers,
  offers,
  answered,
  positive,
  acceptance,
  GREATEST(middle - margin, 0.0) AS acceptance_low,
  LEAST(middle + margin, 1.0) AS acceptance_high,
  customers_positive,
  reach,
  GREATEST(reach_middle - reach_margin, 0.0) AS reach_low,
  LEAST(reach_middle + reach_margin, 1.0) AS reach_high,
  value,
  value_per_customer,
  value_per_customer - value_margin AS value_low,
  value_per_customer + value_margin AS value_high
FROM rates
