-- The decision log as Pega's Action Analysis (EEv2): one row per candidate of each decision, at the stage that removed
-- it, or Output. What a candidate was removed before it was computed is null, never a default.
WITH candidates AS (
  SELECT
    d.decision_id, action, removal.stage AS stage, removal.rule AS rule, NULL::STRUCT(
      rank BIGINT, propensity DOUBLE, model_propensity DOUBLE, context_weight DOUBLE, "value" DOUBLE,
      lever DOUBLE, boost DOUBLE, price DOUBLE, priority DOUBLE) AS f
  FROM decisions d, UNNEST(d.removed) AS r(removal), UNNEST(removal.actions) AS a(action)
  UNION ALL
  SELECT
    d.decision_id, c.action, c.stage, c.rule, {
      rank: c.rank, propensity: c.propensity, model_propensity: coalesce(c.model_propensity, c.propensity),
      context_weight: c.context_weight, "value": c."value", lever: c.lever, boost: c.boost, price: c.price,
      priority: c.priority} AS f
  FROM decisions d, UNNEST(d.ranked) AS r(c)
),
offered AS (
  SELECT d.decision_id, o FROM decisions d, UNNEST(d.offers) AS r(o)
)
SELECT
  c.decision_id AS "pxInteractionID",
  d.decided_at AS "pxDecisionTime",
  CASE WHEN c.stage = 'Output' THEN 'OUTPUT' ELSE 'FILTERED_OUT' END AS "pxRecordType",
  p.issue AS "pyIssue",
  p."group" AS "pyGroup",
  c.action AS "pyName",
  coalesce(o.o.treatment, p.treatment) AS "pyTreatment",
  o.o.placement AS "PlacementType",
  coalesce(ch.theirs, d.channel) AS "Primary_ContainerPayload_Channel",
  CASE WHEN d.direction = 'inbound' THEN 'Inbound' ELSE 'Outbound' END AS "Primary_ContainerPayload_Direction",
  d.customer_id AS "Primary_pySubjectID",
  'Customer' AS "Primary_pySubjectType",
  s.stage_group AS "Stage_pyStageGroup",
  s.theirs AS "Stage_pyName",
  s.stage_order AS "Stage_pyOrder",
  coalesce(c.rule, c.stage) AS "pxComponentName",
  s.component AS "pxComponentType",
  s.stage_group AS "pxStrategyName",
  c.f."value" AS "Value",
  c.f.context_weight AS "ContextWeight",
  c.f.lever AS "Weight",
  c.f.model_propensity AS "pyModelPropensity",
  c.f.propensity AS "pyPropensity",
  coalesce(o.o.sampled, c.f.propensity) AS "FinalPropensity",
  c.f.priority AS "Priority",
  c.f.rank AS "pxRank",
  CASE WHEN a.kind = 'random_propensity' THEN 'Control' ELSE 'Test' END AS "ModelControlGroup",
  d.arm AS "ExperimentType",
  o.o.bundle AS "BundleName",
  c.f.boost AS "Boost",
  c.f.price AS "ShadowPrice",
  o.o.probability AS "SelectionProbability",
  'Nextbeam' AS "pyApplication",
  d.plan_digest AS "pyApplicationVersion"
FROM candidates c
JOIN decisions d USING (decision_id)
JOIN plan p USING (action)
JOIN stages s ON s.stage = c.stage
LEFT JOIN arms a ON a.arm = d.arm
LEFT JOIN channels ch ON ch.ours = d.channel
LEFT JOIN offered o ON o.decision_id = c.decision_id AND o.o.action = c.action
ORDER BY d.decided_at, c.decision_id, s.stage_order, c.f.rank, c.action
