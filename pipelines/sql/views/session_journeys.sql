-- session_journeys: each session, what was decided in it, and what came of it.
-- Grain:     session_id, customer_id (unique, unless one id ended at two times: accounted_for counts those)
-- Partition: ended_at; a filter on it reads those days of `sessions` only.
-- Late:      a session is written once no signal can extend it any more; its offers can be answered later.
-- Nulls:     steps where nothing was decided in the session.
-- Columns:
--   session_id: Deterministic: customer and first event, or declared.
--   customer_id: The customer.
--   day: Day the session began, UTC.
--   started_at: First event.
--   ended_at: Last event.
--   duration_s: Seconds between them.
--   session_number: 1 for the customer's first session known.
--   events: Behavioural events.
--   channels: Channels used.
--   devices: Devices seen.
--   decisions: Decisions made in it.
--   steps: Where they were made, in order: page, or channel where there is none, joined by ' > '.
--   offers: Offers made in it.
--   seen: Those that the customer saw.
--   positive: Those with a positive response.
--   value: Worth realised, in plan currency.
WITH once AS (
  SELECT
    session_id,
    customer_id,
    started_at,
    ended_at,
    duration_s,
    number,
    events,
    ARRAY_LENGTH(channels) AS channels,
    COALESCE(devices, 0) AS devices
  FROM `${dataset}.sessions`
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY session_id, customer_id, ended_at ORDER BY number, events) = 1
),
decided AS (
  SELECT
    session_id,
    customer_id,
    COUNT(*) AS decisions,
    STRING_AGG(COALESCE(page, channel), ' > ' ORDER BY decided_at, sequence, decision_id) AS steps
  FROM `${dataset}.decisions_flat`
  GROUP BY session_id, customer_id
),
offered AS (
  SELECT
    session_id,
    customer_id,
    COUNT(*) AS offers,
    COUNTIF(seen) AS seen,
    COUNTIF(result = 'positive') AS positive,
    SUM(value_realised) AS value
  FROM `${dataset}.decision_outcomes`
  GROUP BY session_id, customer_id
)
SELECT
  s.session_id,
  s.customer_id,
  DATE(s.started_at) AS day,
  s.started_at,
  s.ended_at,
  s.duration_s,
  s.number AS session_number,
  s.events,
  s.channels,
  s.devices,
  COALESCE(d.decisions, 0) AS decisions,
  d.steps,
  COALESCE(o.offers, 0) AS offers,
  COALESCE(o.seen, 0) AS seen,
  COALESCE(o.positive, 0) AS positive,
  COALESCE(o.value, 0.0) AS value
FROM once AS s
LEFT JOIN decided AS d ON d.session_id = s.session_id AND d.customer_id = s.customer_id
LEFT JOIN offered AS o ON o.session_id = s.session_id AND o.customer_id = s.customer_id
