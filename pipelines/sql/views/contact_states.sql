-- contact_states: how long each contact was in which state, by the turns of its ledger.
-- Grain:     decision_id, rank, from_turn (unique; a contact has a row for each state it was in)
-- Partition: decided_at, of the decision.
-- Late:      a state ends when a later outcome arrives; the last one has no end yet.
-- Nulls:     until_turn while the state lasts.
-- Columns:
--   decision_id: The decision that made the contact.
--   rank: Rank of the offer in it.
--   decided_at: When the contact counts: the event time of the decision.
--   contact: reserved, committed or released.
--   from_turn: The ledger's turn at which the state began.
--   until_turn: The turn at which the next one began.
WITH changes AS (
  SELECT decision_id, rank, decided_at, 'reserved' AS contact, ledger_turn AS from_turn, 0 AS step
  FROM `${dataset}.offers`
  UNION ALL
  SELECT r.decision_id, r.rank, o.decided_at, r.contact, r.ledger_turn, 1
  FROM `${dataset}.responses` AS r
  JOIN `${dataset}.offers` AS o ON o.decision_id = r.decision_id AND o.rank = r.rank
),
numbered AS (
  SELECT
    decision_id,
    rank,
    decided_at,
    contact,
    from_turn,
    LEAD(from_turn) OVER (PARTITION BY decision_id, rank, decided_at ORDER BY from_turn, step, contact) AS until_turn
  FROM changes
)
SELECT decision_id, rank, decided_at, contact, from_turn, until_turn
FROM numbered
WHERE until_turn IS NULL OR until_turn > from_turn
