-- freshness: how far each table has come, in event time.
-- Grain:     table_name (unique)
-- Partition: none; BigQuery reads one column of each table.
-- Late:      it says what is latest, not that all before it is there: events are late by the plan's session.late at most.
-- Nulls:     all but table_name and row_count of a table that is empty.
-- Columns:
--   table_name: decisions, feedback, sessions or dead_letters.
--   row_count: Rows, as delivered.
--   earliest_at: First event time.
--   latest_at: Last event time.
--   age_s: Seconds since then, now.
SELECT
  'decisions' AS table_name,
  COUNT(*) AS row_count,
  MIN(decided_at) AS earliest_at,
  MAX(decided_at) AS latest_at,
  TIMESTAMP_DIFF(CURRENT_TIMESTAMP(), MAX(decided_at), SECOND) AS age_s
FROM `${dataset}.decisions`
UNION ALL
SELECT
  'feedback', COUNT(*), MIN(occurred_at), MAX(occurred_at), TIMESTAMP_DIFF(CURRENT_TIMESTAMP(), MAX(occurred_at), SECOND)
FROM `${dataset}.feedback`
UNION ALL
SELECT 'sessions', COUNT(*), MIN(ended_at), MAX(ended_at), TIMESTAMP_DIFF(CURRENT_TIMESTAMP(), MAX(ended_at), SECOND)
FROM `${dataset}.sessions`
UNION ALL
SELECT
  'dead_letters',
  COUNT(*),
  MIN(occurred_at),
  MAX(occurred_at),
  TIMESTAMP_DIFF(CURRENT_TIMESTAMP(), MAX(occurred_at), SECOND)
FROM `${dataset}.dead_letters`
