-- cost_per_decision: what the platform costs, by day, under cost_assumptions.
-- Grain:     day (unique; days with feedback alone have no row)
-- Partition: day, of the decision.
-- Late:      feedback counts on the day of its decision, so that recent days grow.
-- Nulls:     cost_per_positive where nobody responded.
-- Columns:
--   day: Day of the decisions, UTC.
--   decisions: Decisions made.
--   responses: Feedback on them, silence included.
--   positive: Offers with a positive response.
--   compute: Workers, for the whole day.
--   messages: Signals and decisions published and delivered, outcomes and feedback too.
--   storage: Rows written, and kept.
--   total: All of it.
--   cost_per_1000: Per 1,000 decisions.
--   cost_per_positive: Per offer with a positive response.
WITH assumed AS (
  SELECT
    MAX(IF(item = 'worker_hour', amount, NULL)) AS worker_hour,
    MAX(IF(item = 'workers', amount, NULL)) AS workers,
    MAX(IF(item = 'message_gib', amount, NULL)) AS message_gib,
    MAX(IF(item = 'write_gib', amount, NULL)) AS write_gib,
    MAX(IF(item = 'storage_gib_month', amount, NULL)) AS storage_gib_month,
    MAX(IF(item = 'kept_months', amount, NULL)) AS kept_months,
    MAX(IF(item = 'signal_kib', amount, NULL)) AS signal_kib,
    MAX(IF(item = 'decision_kib', amount, NULL)) AS decision_kib,
    MAX(IF(item = 'feedback_kib', amount, NULL)) AS feedback_kib
  FROM `${dataset}.cost_assumptions`
),
decided AS (
  SELECT day, COUNT(*) AS decisions
  FROM `${dataset}.decisions_flat`
  GROUP BY day
),
answered AS (
  SELECT DATE(decided_at) AS decided_day, COUNT(*) AS responses
  FROM `${dataset}.responses`
  GROUP BY decided_day
),
gained AS (
  SELECT day, COUNTIF(result = 'positive') AS positive
  FROM `${dataset}.decision_outcomes`
  GROUP BY day
),
daily AS (
  SELECT
    d.day,
    d.decisions,
    COALESCE(a.responses, 0) AS responses,
    COALESCE(g.positive, 0) AS positive
  FROM decided AS d
  LEFT JOIN answered AS a ON a.decided_day = d.day
  LEFT JOIN gained AS g ON g.day = d.day
),
sizes AS (
  SELECT
    t.day,
    t.decisions,
    t.responses,
    t.positive,
    24 * s.workers * s.worker_hour AS compute,
    2 * s.message_gib * SAFE_DIVIDE(
      t.decisions * (s.signal_kib + s.decision_kib) + t.responses * 2 * s.feedback_kib, 1048576
    ) AS messages,
    (s.write_gib + s.kept_months * s.storage_gib_month) * SAFE_DIVIDE(
      t.decisions * s.decision_kib + t.responses * s.feedback_kib, 1048576
    ) AS storage
  FROM daily AS t
  CROSS JOIN assumed AS s
)
SELECT
  day,
  decisions,
  responses,
  positive,
  compute,
  messages,
  storage,
  compute + messages + storage AS total,
  SAFE_DIVIDE(1000 * (compute + messages + storage), decisions) AS cost_per_1000,
  SAFE_DIVIDE(compute + messages + storage, positive) AS cost_per_positive
FROM sizes
