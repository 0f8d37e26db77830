-- Interaction history: one row per outcome, as it was attributed, and one Pending per outbound offer at the decision
-- (sent). Impression is what a channel reports: inbound shown, outbound opened. Channels that cannot know (a text message)
-- report none; there the delivery counts as one, else every answer would look like a success rate of 1.
SELECT * REPLACE (strftime("pxOutcomeTime", '%Y%m%dT%H%M%S.%g GMT') AS "pxOutcomeTime") FROM (
  SELECT
    f.decision_id AS "pxInteractionID",
    f.feedback_id AS "pxFactID",
    f.occurred_at AS "pxOutcomeTime",
    f.outcome AS "pyOutcome",
    f.customer_id AS "pySubjectID",
    f.issue AS "pyIssue",
    f."group" AS "pyGroup",
    f.action AS "pyName",
    f.treatment AS "pyTreatment",
    coalesce(ch.theirs, f.channel) AS "pyChannel",
    CASE WHEN ch.direction = 'inbound' THEN 'Inbound' ELSE 'Outbound' END AS "pyDirection",
    f.rank AS "pxRank",
    f.propensity AS "pyPropensity",
    f."value" AS "pyRevenue",
    CASE WHEN a.kind = 'random_propensity' THEN 'Control' ELSE 'Test' END AS "ModelControlGroup",
    f.model_digest AS "pyModelTechnique"
  FROM feedback f
  LEFT JOIN channels ch ON ch.ours = f.channel
  LEFT JOIN arms a ON a.arm = f.arm
  UNION ALL
  SELECT
    f.decision_id, f.feedback_id || ':seen', f.occurred_at, 'Impression', f.customer_id,
    f.issue, f."group", f.action, f.treatment, coalesce(ch.theirs, f.channel), 'Outbound', f.rank, f.propensity, NULL,
    CASE WHEN a.kind = 'random_propensity' THEN 'Control' ELSE 'Test' END, f.model_digest
  FROM feedback f
  JOIN channels ch ON ch.ours = f.channel AND ch.direction = 'outbound' AND ch.theirs <> 'Email'
  LEFT JOIN arms a ON a.arm = f.arm
  WHERE f.outcome = 'Delivered'
    AND NOT EXISTS (
      SELECT 1 FROM feedback g WHERE g.decision_id = f.decision_id AND g.rank = f.rank AND g.outcome = 'Impression'
    )
  UNION ALL
  SELECT
    d.decision_id, d.decision_id || ':' || o.rank || ':sent', d.decided_at, 'Pending', d.customer_id,
    o.issue, o."group", o.action, o.treatment, coalesce(ch.theirs, o.channel), 'Outbound', o.rank, o.propensity, NULL,
    CASE WHEN a.kind = 'random_propensity' THEN 'Control' ELSE 'Test' END, d.model_digest
  FROM decisions d, UNNEST(d.offers) AS r(o)
  JOIN channels ch ON ch.ours = o.channel AND ch.direction = 'outbound'
  LEFT JOIN arms a ON a.arm = d.arm
)
ORDER BY "pxOutcomeTime", "pxInteractionID", "pxFactID"
