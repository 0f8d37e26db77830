-- responses: every outcome once, attached to the offer it answers.
-- Grain:     feedback_id (unique, unless one id came at two times: accounted_for counts those)
-- Partition: occurred_at; a filter on it reads those days of `feedback` only. It is later than the decision's.
-- Late:      outcomes come until the response window of the channel has passed; silence is written when it has.
-- Nulls:     label where the outcome says nothing yet, e.g. Delivered; value where none was reported.
-- Columns:
--   feedback_id: The outcome's id; for silence, decision id and rank.
--   day: Day of the outcome, UTC.
--   occurred_at: When it happened; for silence, when time was up.
--   decision_id: The decision that made the offer.
--   rank: Rank of the offer in it.
--   decided_at: Event time of the decision.
--   customer_id: The customer.
--   brand: The brand that offered.
--   channel: Where it was offered.
--   placement: The place.
--   action: The action.
--   outcome: What happened, e.g. Accepted; NoResponse is silence.
--   label: True for positive, false for negative.
--   contact: State of the contact after it: reserved, committed or released.
--   delay_s: Seconds since the decision.
--   value: Worth realised, in plan currency.
--   ledger_turn: Order of changes to the customer's contact ledger; it only grows.
WITH flat AS (
  SELECT
    feedback_id,
    occurred_at,
    decision_id,
    rank,
    decided_at,
    customer_id,
    brand,
    channel,
    placement,
    action,
    outcome,
    label,
    contact,
    delay_s,
    value,
    COALESCE(UNIX_SECONDS(ledger_since), 0) * 2147483648 + COALESCE(ledger_sequence, 0) AS ledger_turn
  FROM `${dataset}.feedback`
)
SELECT
  feedback_id,
  DATE(occurred_at) AS day,
  occurred_at,
  decision_id,
  rank,
  decided_at,
  customer_id,
  brand,
  channel,
  placement,
  action,
  outcome,
  label,
  contact,
  delay_s,
  value,
  ledger_turn
FROM flat
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (PARTITION BY feedback_id, occurred_at ORDER BY ledger_turn) = 1
