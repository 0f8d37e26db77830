-- exploration_share: how much was left to chance, and how often chance chose another than the best.
-- Grain:     day, arm (unique)
-- Partition: day, of the decision.
-- Late:      final once the day's decisions are written.
-- Nulls:     shares where nothing was offered; mean_probability where no probability was computed.
-- Columns:
--   day: Day of the decisions, UTC.
--   arm: Experiment arm of the customer.
--   offers: Offers made.
--   drawn: Those whose propensity was drawn by chance.
--   contested: Those for whose slot chance could choose between several.
--   explored: Those that went to another than the best ranked of the contenders.
--   share_drawn: drawn / offers.
--   share_explored: explored / offers.
--   mean_probability: Mean probability of what was chosen, where it was computed.
WITH once AS (
  SELECT decision_id, decided_at, COALESCE(arm, 'nba') AS arm, offers, ranked
  FROM `${dataset}.decisions`
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY decision_id, decided_at ORDER BY ledger_since, ledger_sequence) = 1
),
made AS (
  SELECT
    DATE(d.decided_at) AS day,
    d.arm,
    o.sampled,
    o.probability,
    ARRAY_LENGTH(o.contenders) AS contenders,
    (SELECT MIN(contender) FROM UNNEST(o.contenders) AS contender) AS best,
    (SELECT MIN(c.rank) FROM UNNEST(d.ranked) AS c WHERE c.action = o.action) AS own
  FROM once AS d, UNNEST(d.offers) AS o
)
SELECT
  day,
  arm,
  COUNT(*) AS offers,
  COUNTIF(sampled IS NOT NULL) AS drawn,
  COUNTIF(contenders > 1) AS contested,
  COUNTIF(own > best) AS explored,
  SAFE_DIVIDE(COUNTIF(sampled IS NOT NULL), COUNT(*)) AS share_drawn,
  SAFE_DIVIDE(COUNTIF(own > best), COUNT(*)) AS share_explored,
  AVG(probability) AS mean_probability
FROM made
GROUP BY day, arm
