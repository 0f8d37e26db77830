-- accounted_for: what the tables can say about nothing being lost and nothing counted twice.
-- Grain:     table_name (unique)
-- Partition: none; all days.
-- Late:      none of it is wrong for good: what is redelivered or not there yet can change.
-- Nulls:     distinct_rows, redelivered, conflicting, unmatched and unpromised where they mean nothing.
-- Notes:     inputs = decided + observed + duplicates + dead letters. Decided is distinct_rows of decisions, dead letters
--            is row_count of dead_letters; what was observed without a decision, and which duplicates were dropped, only
--            the counters of the job know (accounting/*), and in a bounded run summary.json.
-- Columns:
--   table_name: decisions, feedback, sessions or dead_letters.
--   row_count: Rows.
--   distinct_rows: Ids that differ.
--   redelivered: Rows that repeat another: delivery is at least once, views count them once.
--   conflicting: Ids with rows of different event times. It should be 0.
--   unmatched: Feedback on an offer that is not there; decisions that name no session that is there.
--   unpromised: Decisions by plans of which plan_limits has nothing: cap_breaches can hold them to no limit.
WITH decided AS (
  SELECT decision_id, COUNT(*) AS copies, COUNT(DISTINCT decided_at) AS times
  FROM `${dataset}.decisions`
  GROUP BY decision_id
),
answers AS (
  SELECT feedback_id, COUNT(*) AS copies, COUNT(DISTINCT occurred_at) AS times
  FROM `${dataset}.feedback`
  GROUP BY feedback_id
),
visits AS (
  SELECT session_id, customer_id, COUNT(*) AS copies, COUNT(DISTINCT ended_at) AS times
  FROM `${dataset}.sessions`
  GROUP BY session_id, customer_id
),
orphans AS (
  SELECT COUNTIF(o.decision_id IS NULL) AS unmatched
  FROM `${dataset}.responses` AS r
  LEFT JOIN `${dataset}.offers` AS o ON o.decision_id = r.decision_id AND o.rank = r.rank AND o.action = r.action
),
unlimited AS (
  SELECT COUNT(DISTINCT d.decision_id) AS unpromised
  FROM `${dataset}.decisions` AS d
  WHERE d.plan_digest NOT IN (SELECT plan_digest FROM `${dataset}.plan_limits`)
),
strangers AS (
  SELECT COUNTIF(v.session_id IS NULL) AS unmatched
  FROM `${dataset}.decisions_flat` AS d
  LEFT JOIN visits AS v ON v.session_id = d.session_id AND v.customer_id = d.customer_id
)
SELECT
  'decisions' AS table_name,
  COALESCE(SUM(copies), 0) AS row_count,
  COUNT(*) AS distinct_rows,
  COALESCE(SUM(copies - times), 0) AS redelivered,
  COUNTIF(times > 1) AS conflicting,
  (SELECT unmatched FROM strangers) AS unmatched,
  (SELECT unpromised FROM unlimited) AS unpromised
FROM decided
UNION ALL
SELECT
  'feedback',
  COALESCE(SUM(copies), 0),
  COUNT(*),
  COALESCE(SUM(copies - times), 0),
  COUNTIF(times > 1),
  (SELECT unmatched FROM orphans),
  NULL
FROM answers
UNION ALL
SELECT 'sessions', COALESCE(SUM(copies), 0), COUNT(*), COALESCE(SUM(copies - times), 0), COUNTIF(times > 1), NULL, NULL
FROM visits
UNION ALL
SELECT 'dead_letters', COUNT(*), NULL, NULL, NULL, NULL, NULL
FROM `${dataset}.dead_letters`
