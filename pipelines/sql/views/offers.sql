-- offers: every offer once, as it was decided.
-- Grain:     decision_id, rank (unique, unless one id was decided at two times: accounted_for counts those)
-- Partition: decided_at; a filter on it reads those days of `decisions` only.
-- Late:      an offer is final once written; one redelivered counts once.
-- Nulls:     sampled and probability where chance had no part; bundle where the offer stands alone.
-- Columns:
--   decision_id: The decision that made it.
--   rank: Position in the whole decision, from 1.
--   day: Day of the decision, UTC.
--   decided_at: Event time of the signal that asked.
--   customer_id: The customer.
--   household_id: The household, where the signal named one.
--   session_id: The session of the signal.
--   brand: The brand that offers.
--   channel: Where it is offered.
--   direction: inbound, if the customer came to us; outbound, if nobody asked.
--   arm: Experiment arm of the customer.
--   placement: The place on the page, or in the conversation.
--   slot: Position in the placement, from 1.
--   issue: What the action is about, e.g. sales.
--   action_group: Its group, e.g. cards.
--   action: The action.
--   treatment: How it is put.
--   message_class: marketing, service or regulatory.
--   mandatory: Whether it goes before all else.
--   fallback: Whether it is offered because nothing else was.
--   bundle: The bundle it was offered in.
--   propensity: P(positive response, if shown), as decided with.
--   model_propensity: The model's own, before smoothing and arms.
--   sampled: The propensity drawn by chance for this slot.
--   probability: P(this action for this slot), where chance decided and it was computed.
--   contenders: How many candidates could have won the slot, where chance decided; else 0.
--   value: Worth of a positive response, in plan currency.
--   priority: P x C x V x L.
--   price: Shadow price paid for scarce capacity.
--   plan_digest: The plan that decided.
--   model_digest: The model that scored.
--   ledger_turn: Order of changes to the customer's contact ledger; it only grows.
WITH flat AS (
  SELECT
    d.decision_id,
    o.rank,
    d.decided_at,
    d.customer_id,
    d.household_id,
    d.context.session.session_id AS session_id,
    d.brand,
    o.channel,
    d.direction,
    COALESCE(d.arm, 'nba') AS arm,
    o.placement,
    o.slot,
    o.issue,
    o.`group` AS action_group,
    o.action,
    o.treatment,
    o.message_class,
    COALESCE(o.mandatory, FALSE) AS mandatory,
    COALESCE(o.fallback, FALSE) AS fallback,
    o.bundle,
    o.propensity,
    COALESCE(o.model_propensity, o.propensity) AS model_propensity,
    o.sampled,
    o.probability,
    ARRAY_LENGTH(o.contenders) AS contenders,
    o.value,
    o.priority,
    COALESCE(o.price, 0) AS price,
    d.plan_digest,
    d.model_digest,
    COALESCE(UNIX_SECONDS(d.ledger_since), 0) * 2147483648 + d.ledger_sequence AS ledger_turn
  FROM `${dataset}.decisions` AS d, UNNEST(d.offers) AS o
)
SELECT
  decision_id,
  rank,
  DATE(decided_at) AS day,
  decided_at,
  customer_id,
  household_id,
  session_id,
  brand,
  channel,
  direction,
  arm,
  placement,
  slot,
  issue,
  action_group,
  action,
  treatment,
  message_class,
  mandatory,
  fallback,
  bundle,
  propensity,
  model_propensity,
  sampled,
  probability,
  contenders,
  value,
  priority,
  price,
  plan_digest,
  model_digest,
  ledger_turn
FROM flat
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (PARTITION BY decision_id, decided_at, rank ORDER BY ledger_turn) = 1
