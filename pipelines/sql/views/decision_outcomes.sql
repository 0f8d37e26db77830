-- decision_outcomes: each offer with what became of it.
-- Grain:     decision_id, rank (unique, as in offers)
-- Partition: decided_at, of the decision. Feedback is read from all days: filter offers, not it.
-- Late:      outcomes count until the response window of the channel has passed; until then a row is `open` and can change.
-- Nulls:     responded_at where nobody responded; value_realised is 0 there, and where a response had no value.
-- Columns:
--   decision_id: The decision that made the offer.
--   rank: Rank of the offer in it.
--   day: Day of the decision, UTC.
--   decided_at: Event time of the decision.
--   customer_id: The customer.
--   session_id: The session of the decision.
--   brand: The brand that offered.
--   channel: Where it was offered.
--   direction: inbound, if the customer came to us; outbound, if nobody asked.
--   arm: Experiment arm of the customer.
--   placement: The place.
--   issue: What the action is about.
--   action_group: Its group.
--   action: The action.
--   treatment: How it was put.
--   message_class: marketing, service or regulatory.
--   propensity: P(positive response, if shown), as decided with.
--   model_propensity: The model's own.
--   value_expected: Worth of a positive response when it was decided.
--   model_digest: The model that scored.
--   result: positive; negative, silence included; released, if it never reached the customer; open, if that is not known yet.
--   contact: State of the contact after the latest outcome; reserved if there was none.
--   delivered: Whether the channel delivered it, or more.
--   seen: Whether the customer saw it, or more.
--   clicked: Whether they clicked it.
--   accepted: Whether they took it up.
--   rejected: Whether they turned it down.
--   silent: Whether the response window passed in silence.
--   responded_at: The first outcome that says something.
--   value_realised: Worth of the positive responses, in plan currency.
WITH answers AS (
  SELECT
    decision_id,
    rank,
    outcome,
    label,
    contact,
    occurred_at,
    value,
    ROW_NUMBER() OVER (PARTITION BY decision_id, rank ORDER BY ledger_turn DESC, feedback_id DESC) AS from_last
  FROM `${dataset}.responses`
),
sums AS (
  SELECT
    decision_id,
    rank,
    MAX(IF(from_last = 1, contact, NULL)) AS contact,
    LOGICAL_OR(outcome IN ('Delivered', 'Impression', 'Clicked', 'Accepted', 'Rejected', 'Conversion')) AS delivered,
    LOGICAL_OR(outcome IN ('Impression', 'Clicked', 'Accepted', 'Rejected', 'Conversion')) AS seen,
    LOGICAL_OR(outcome = 'Clicked') AS clicked,
    LOGICAL_OR(outcome IN ('Accepted', 'Conversion')) AS accepted,
    LOGICAL_OR(outcome = 'Rejected') AS rejected,
    LOGICAL_OR(outcome = 'NoResponse') AS silent,
    COUNTIF(label) AS positives,
    COUNTIF(NOT label) AS negatives,
    MIN(IF(label IS NOT NULL, occurred_at, NULL)) AS responded_at,
    SUM(IF(label, COALESCE(value, 0), 0)) AS value_realised
  FROM answers
  GROUP BY decision_id, rank
)
SELECT
  o.decision_id,
  o.rank,
  o.day,
  o.decided_at,
  o.customer_id,
  o.session_id,
  o.brand,
  o.channel,
  o.direction,
  o.arm,
  o.placement,
  o.issue,
  o.action_group,
  o.action,
  o.treatment,
  o.message_class,
  o.propensity,
  o.model_propensity,
  o.value AS value_expected,
  o.model_digest,
  CASE
    WHEN s.positives > 0 THEN 'positive'
    WHEN s.negatives > 0 THEN 'negative'
    WHEN s.contact = 'released' THEN 'released'
    ELSE 'open'
  END AS result,
  COALESCE(s.contact, 'reserved') AS contact,
  COALESCE(s.delivered, FALSE) AS delivered,
  COALESCE(s.seen, FALSE) AS seen,
  COALESCE(s.clicked, FALSE) AS clicked,
  COALESCE(s.accepted, FALSE) AS accepted,
  COALESCE(s.rejected, FALSE) AS rejected,
  COALESCE(s.silent, FALSE) AS silent,
  s.responded_at,
  COALESCE(s.value_realised, 0.0) AS value_realised
FROM `${dataset}.offers` AS o
LEFT JOIN sums AS s ON s.decision_id = o.decision_id AND s.rank = o.rank
