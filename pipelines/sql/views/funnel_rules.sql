-- funnel_rules: which rules took candidates away, by day, brand and channel. A candidate is one action in one decision.
-- Grain:     day, brand, channel, stage, rule (unique)
-- Partition: day, of the decision.
-- Late:      final once the day's decisions are written.
-- Nulls:     rule where no rule did it: offered, or outdone by others.
-- Columns:
--   day: Day of the decisions, UTC.
--   brand: The brand that decided.
--   channel: Channel of the signal that asked.
--   stage: Where candidates left; Output is what was offered.
--   rule: Id of the rule that took them.
--   candidates: How many.
--   decisions: In how many decisions.
WITH once AS (
  SELECT decision_id, decided_at, brand, channel, ranked, removed
  FROM `${dataset}.decisions`
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY decision_id, decided_at ORDER BY ledger_since, ledger_sequence) = 1
),
gone AS (
  SELECT d.decision_id, d.decided_at, d.brand, d.channel, r.stage, r.rule, ARRAY_LENGTH(r.actions) AS candidates
  FROM once AS d, UNNEST(d.removed) AS r
  UNION ALL
  SELECT d.decision_id, d.decided_at, d.brand, d.channel, c.stage, c.rule, 1
  FROM once AS d, UNNEST(d.ranked) AS c
)
SELECT
  DATE(decided_at) AS day,
  brand,
  channel,
  stage,
  rule,
  SUM(candidates) AS candidates,
  COUNT(DISTINCT decision_id) AS decisions
FROM gone
GROUP BY day, brand, channel, stage, rule
