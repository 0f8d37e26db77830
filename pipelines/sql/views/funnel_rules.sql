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
-- Few decisions are there twice, and a row of this table is long: only those that are go through a window, and ids are
-- compared only where a rule may take an action whole and another one for its treatments. Rules of the two stages below take
-- whole actions, and each stands once in a decision; no other rules take as many.
WITH repeated AS (
  SELECT decision_id
  FROM `${dataset}.decisions`
  GROUP BY decision_id
  HAVING COUNT(*) > 1
),
firsts AS (
  SELECT decision_id, decided_at, brand, channel, ranked, removed
  FROM `${dataset}.decisions`
  WHERE decision_id IN (SELECT decision_id FROM repeated)
  QUALIFY ROW_NUMBER() OVER (PARTITION BY decision_id, decided_at ORDER BY ledger_since, ledger_sequence) = 1
),
gone AS (
  SELECT
    d.decided_at,
    d.brand,
    d.channel,
    r.stage,
    r.rule,
    ARRAY_LENGTH(r.actions) AS candidates,
    IF(r.stage IN ('Applicability', 'Suitability'), NULL, d.decision_id) AS by_id
  FROM `${dataset}.decisions` AS d, UNNEST(d.removed) AS r
  WHERE d.decision_id NOT IN (SELECT decision_id FROM repeated)
  UNION ALL
  SELECT d.decided_at, d.brand, d.channel, c.stage, c.rule, 1, d.decision_id
  FROM `${dataset}.decisions` AS d, UNNEST(d.ranked) AS c
  WHERE d.decision_id NOT IN (SELECT decision_id FROM repeated)
  UNION ALL
  SELECT d.decided_at, d.brand, d.channel, r.stage, r.rule, ARRAY_LENGTH(r.actions), d.decision_id
  FROM firsts AS d, UNNEST(d.removed) AS r
  UNION ALL
  SELECT d.decided_at, d.brand, d.channel, c.stage, c.rule, 1, d.decision_id
  FROM firsts AS d, UNNEST(d.ranked) AS c
)
SELECT
  DATE(decided_at) AS day,
  brand,
  channel,
  stage,
  rule,
  SUM(candidates) AS candidates,
  COUNTIF(by_id IS NULL) + COUNT(DISTINCT by_id) AS decisions
FROM gone
GROUP BY day, brand, channel, stage, rule
