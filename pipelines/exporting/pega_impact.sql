-- Impact analyser: outcomes counted by day, arm, channel and action. An offer that was answered was seen, so
-- impressions are the offers with any sign of it, and no group has more accepts than impressions.
WITH seen AS (
  SELECT
    f.decision_id, f.rank, min(f.occurred_at) AS at, any_value(f) AS f,
    bool_or(f.label) AS positive, coalesce(sum(f."value") FILTER (f.label), 0) AS worth
  FROM feedback f
  WHERE f.outcome IN ('Impression', 'Clicked', 'Accepted', 'Rejected', 'Conversion')
  GROUP BY f.decision_id, f.rank
),
rows AS (
  SELECT *, 'Impression' AS outcome, 0.0 AS gained FROM seen
  UNION ALL
  SELECT *, 'Accepted', worth FROM seen WHERE positive
)
SELECT
  strftime(date_trunc('day', r.at), '%Y%m%dT%H%M%S.000 GMT') AS "pyOutcomeTime",
  coalesce(ch.theirs, r.f.channel) AS "pyChannel",
  CASE WHEN ch.direction = 'inbound' THEN 'Inbound' ELSE 'Outbound' END AS "pyDirection",
  r.f.issue AS "pyIssue",
  r.f."group" AS "pyGroup",
  r.f.action AS "pyName",
  r.f.treatment AS "pyTreatment",
  'Nextbeam' AS "pyApplication",
  r.f.plan_digest AS "pxApplicationVersion",
  a.theirs AS "pxMktValue",
  r.outcome AS "pyOutcome",
  count(*) AS "pxAggregateCount",
  sum(r.gained) AS "pyValue"
FROM rows r
JOIN arms a ON a.arm = r.f.arm AND a.theirs IS NOT NULL
LEFT JOIN channels ch ON ch.ours = r.f.channel
GROUP BY ALL
ORDER BY ALL
