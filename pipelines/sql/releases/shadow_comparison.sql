-- shadow_comparison: what a candidate release decided beside the release that runs, in one row.
-- Grain:     one row
-- Partition: none; the question itself names the time, by which both datasets are pruned.
-- Late:      rows of the last minutes may not be written yet; ask for what is older than the tables' freshness.
-- Nulls:     none
-- Columns:
--   live: Decisions of the release that runs.
--   candidate: Decisions of the candidate.
--   paired: Decisions that both made: of the same signal by the same plan.
--   comparable: Those of them where both ledgers were opened at the same time and stand at the same change, so that the
--      same is known of the customer.
--   agreeing: Comparable ones in which the same is offered at the same places, or nothing for the same reason.
--   agreeing_anyhow: Paired ones of which the same is true; the candidate forgot what was before its start.
--   live_letters: Dead letters of the release that runs.
--   candidate_letters: Dead letters of the candidate.
WITH live_rows AS (
  SELECT decision_id, ledger_since, ledger_sequence, no_action
  FROM `${live}.decisions`
  WHERE decided_at >= TIMESTAMP '${since}' AND decided_at < TIMESTAMP '${until}'
  QUALIFY ROW_NUMBER() OVER (PARTITION BY decision_id ORDER BY ledger_since, ledger_sequence) = 1
),
candidate_rows AS (
  SELECT decision_id, ledger_since, ledger_sequence, no_action
  FROM `${candidate}.decisions`
  WHERE decided_at >= TIMESTAMP '${since}' AND decided_at < TIMESTAMP '${until}'
  QUALIFY ROW_NUMBER() OVER (PARTITION BY decision_id ORDER BY ledger_since, ledger_sequence) = 1
),
-- One offer a place: of a row that was written twice, both say the same.
live_offers AS (
  SELECT d.decision_id, o.placement, o.slot, MAX(CONCAT(o.action, '/', o.treatment)) AS offer
  FROM `${live}.decisions` AS d, UNNEST(d.offers) AS o
  WHERE d.decided_at >= TIMESTAMP '${since}' AND d.decided_at < TIMESTAMP '${until}'
  GROUP BY d.decision_id, o.placement, o.slot
),
candidate_offers AS (
  SELECT d.decision_id, o.placement, o.slot, MAX(CONCAT(o.action, '/', o.treatment)) AS offer
  FROM `${candidate}.decisions` AS d, UNNEST(d.offers) AS o
  WHERE d.decided_at >= TIMESTAMP '${since}' AND d.decided_at < TIMESTAMP '${until}'
  GROUP BY d.decision_id, o.placement, o.slot
),
differing AS (
  SELECT DISTINCT COALESCE(l.decision_id, c.decision_id) AS decision_id
  FROM live_offers AS l
  FULL JOIN candidate_offers AS c
    ON c.decision_id = l.decision_id AND c.placement = l.placement AND c.slot = l.slot
  WHERE l.offer IS NULL OR c.offer IS NULL OR l.offer != c.offer
),
pairs AS (
  SELECT
    l.ledger_since = c.ledger_since AND l.ledger_sequence = c.ledger_sequence AS comparable,
    d.decision_id IS NULL AND COALESCE(l.no_action, '') = COALESCE(c.no_action, '') AS agreeing
  FROM live_rows AS l
  JOIN candidate_rows AS c ON c.decision_id = l.decision_id
  LEFT JOIN differing AS d ON d.decision_id = l.decision_id
)
SELECT
  (SELECT COUNT(*) FROM live_rows) AS live,
  (SELECT COUNT(*) FROM candidate_rows) AS candidate,
  (SELECT COUNT(*) FROM pairs) AS paired,
  (SELECT COUNTIF(comparable) FROM pairs) AS comparable,
  (SELECT COUNTIF(comparable AND agreeing) FROM pairs) AS agreeing,
  (SELECT COUNTIF(agreeing) FROM pairs) AS agreeing_anyhow,
  (
    SELECT COUNT(*) FROM `${live}.dead_letters`
    WHERE occurred_at >= TIMESTAMP '${since}' AND occurred_at < TIMESTAMP '${until}'
  ) AS live_letters,
  (
    SELECT COUNT(*) FROM `${candidate}.dead_letters`
    WHERE occurred_at >= TIMESTAMP '${since}' AND occurred_at < TIMESTAMP '${until}'
  ) AS candidate_letters
