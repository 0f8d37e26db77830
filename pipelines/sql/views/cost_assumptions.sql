-- cost_assumptions: what things cost and how much of them a decision takes. Put your own numbers here.
-- Grain:     item (unique)
-- Partition: none; there is no table behind it.
-- Late:      never.
-- Nulls:     none.
-- Columns:
--   item: What is assumed.
--   amount: How much.
--   unit: Of what. Prices are round numbers of the order of list prices, not a quotation.
SELECT 'worker_hour' AS item, 0.25 AS amount, 'USD per hour of a streaming worker, memory and engine included' AS unit
UNION ALL
SELECT 'workers', 2.0, 'workers that run, whatever the traffic'
UNION ALL
SELECT 'message_gib', 0.04, 'USD per GiB published or delivered'
UNION ALL
SELECT 'write_gib', 0.025, 'USD per GiB written to tables'
UNION ALL
SELECT 'storage_gib_month', 0.02, 'USD per GiB and month'
UNION ALL
SELECT 'kept_months', 13.0, 'months that rows are kept'
UNION ALL
SELECT 'signal_kib', 1.0, 'KiB of a signal'
UNION ALL
SELECT 'decision_kib', 12.0, 'KiB of a decision'
UNION ALL
SELECT 'feedback_kib', 1.0, 'KiB of a feedback'
