-- dead_letters_daily: what could not be processed, by reason and day.
-- Grain:     day, reason, step, detail (unique)
-- Partition: none by event time: the table is partitioned by arrival, because the event time may be what is wrong.
-- Late:      the same input sent again and refused again counts again.
-- Nulls:     day where no event time could be read.
-- Columns:
--   day: Day of the event, UTC.
--   reason: Stable code, e.g. malformed_json.
--   step: The transform that refused it.
--   detail: Rule and path; never a value.
--   letters: How many.
--   customers: Customers named in them.
--   payload_bytes: Size of all their payloads.
SELECT
  DATE(occurred_at) AS day,
  reason,
  step,
  detail,
  COUNT(*) AS letters,
  COUNT(DISTINCT customer_id) AS customers,
  SUM(payload_bytes) AS payload_bytes
FROM `${dataset}.dead_letters`
GROUP BY day, reason, step, detail
