-- decisions_flat: every decision once, without what is nested in it.
-- Grain:     decision_id (unique, unless one id was decided at two times: accounted_for counts those)
-- Partition: decided_at; a filter on it reads those days of `decisions` only.
-- Late:      a decision is final once written; one redelivered is the same row again and counts once.
-- Nulls:     household_id, trigger, page and no_action where there is none; ledger_since in rows older than the column.
-- Columns:
--   decision_id: Hash of the signal id and the plan digest.
--   day: Day of the decision, UTC.
--   decided_at: Event time of the signal that asked.
--   customer_id: The customer, as a pseudonymous key.
--   household_id: The household, where the signal named one.
--   signal_id: The signal that asked.
--   brand: The brand the customer dealt with.
--   channel: Channel of the signal that asked; an offer can go out in another.
--   direction: inbound, if the customer came to us; outbound, if nobody asked.
--   trigger: The event trigger that asked; null if the signal did.
--   page: Page or screen.
--   arm: Experiment arm of the customer; nba, where there is no experiment.
--   no_action: Why nothing is offered, when nothing is.
--   plan_digest: The plan that decided.
--   model_digest: The model that scored.
--   session_id: The session of the signal.
--   session_number: 1 for the customer's first session known.
--   sequence: Number of the signal in the customer's own order.
--   ledger_turn: Order of changes to the customer's contact ledger; it only grows.
--   placements_asked: Placements to fill.
--   offers_made: Offers made.
--   actions_ranked: Actions that engagement policy let through.
--   actions_removed: Actions that it removed.
WITH flat AS (
  SELECT
    decision_id,
    decided_at,
    customer_id,
    household_id,
    signal_id,
    brand,
    channel,
    direction,
    `trigger`,
    page,
    COALESCE(arm, 'nba') AS arm,
    no_action,
    plan_digest,
    model_digest,
    context.session.session_id AS session_id,
    context.session.number AS session_number,
    context.sequence AS sequence,
    COALESCE(UNIX_SECONDS(ledger_since), 0) * 2147483648 + ledger_sequence AS ledger_turn,
    ARRAY_LENGTH(placements) AS placements_asked,
    ARRAY_LENGTH(offers) AS offers_made,
    ARRAY_LENGTH(ranked) AS actions_ranked,
    COALESCE((SELECT SUM(ARRAY_LENGTH(removal.actions)) FROM UNNEST(removed) AS removal), 0) AS actions_removed
  FROM `${dataset}.decisions`
)
SELECT
  decision_id,
  DATE(decided_at) AS day,
  decided_at,
  customer_id,
  household_id,
  signal_id,
  brand,
  channel,
  direction,
  `trigger`,
  page,
  arm,
  no_action,
  plan_digest,
  model_digest,
  session_id,
  session_number,
  sequence,
  ledger_turn,
  placements_asked,
  offers_made,
  actions_ranked,
  actions_removed
FROM flat
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (PARTITION BY decision_id, decided_at ORDER BY ledger_turn) = 1
