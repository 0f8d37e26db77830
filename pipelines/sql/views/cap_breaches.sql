-- cap_breaches: contacts that a contact limit of their plan should have refused. It must be empty.
-- Grain:     plan_digest, limit_id, decision_id, rank (unique)
-- Partition: none; limits reach back for as long as their windows, so that all days count.
-- Late:      a contact given back frees a limit; until that outcome is written, what was offered instead shows here. Ask
--            for decisions older than the tables' freshness.
-- Nulls:     household_id where the limit is the customer's own.
-- Columns:
--   plan_digest: The plan that decided, and promised.
--   limit_id: The limit that is exceeded.
--   decision_id: The decision that made one contact too many.
--   rank: The offer in it.
--   decided_at: When.
--   customer_id: The customer.
--   household_id: The household, if the limit counts its contacts.
--   channel: Where it was offered.
--   action: The action.
--   contacts: Contacts in the fullest window around it, this one included.
--   at_most: Contacts allowed.
--   window_ends_at: The last contact of that window.
WITH limits AS (
  SELECT
    plan_digest,
    limit_id,
    at_most,
    window_us,
    each,
    whose,
    per_brand,
    counts,
    same_decision,
    exempt,
    actions,
    action_groups,
    issues,
    classes,
    channels,
    brands,
    outbound,
    silences
  FROM `${dataset}.plan_limits`
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY plan_digest, limit_id ORDER BY at_most) = 1
),
made AS (
  SELECT
    decision_id,
    rank,
    decided_at,
    UNIX_MICROS(decided_at) AS at_us,
    customer_id,
    household_id,
    brand,
    channel,
    issue,
    action_group,
    action,
    treatment,
    message_class,
    plan_digest,
    ledger_turn
  FROM `${dataset}.offers`
),
-- Plans whose promises a customer's contacts matter to: those that decided for the customer, or for the household.
people AS (
  SELECT DISTINCT customer_id, household_id, plan_digest
  FROM made
),
promises AS (
  SELECT customer_id, plan_digest
  FROM people
  UNION DISTINCT
  SELECT p.customer_id, other.plan_digest
  FROM people AS p
  JOIN people AS other ON other.household_id = p.household_id
),
covered AS (
  SELECT
    l.plan_digest AS promised_by,
    l.limit_id,
    l.at_most,
    l.window_us,
    l.counts,
    l.same_decision,
    l.silences,
    m.decision_id,
    m.rank,
    m.decided_at,
    m.at_us,
    m.customer_id,
    IF(l.whose = 'household', m.household_id, NULL) AS household_id,
    m.channel,
    m.action,
    m.ledger_turn,
    m.plan_digest = l.plan_digest AS bound,
    CONCAT(
      IF(l.whose = 'household' AND m.household_id IS NOT NULL, CONCAT('household ', m.household_id), m.customer_id),
      ' / ',
      IF(l.per_brand, m.brand, ''),
      ' / ',
      CASE l.each
        WHEN 'channel' THEN m.channel
        WHEN 'direction' THEN IF(m.channel IN UNNEST(l.outbound), 'outbound', 'inbound')
        WHEN 'group' THEN m.action_group
        WHEN 'issue' THEN m.issue
        WHEN 'action' THEN m.action
        WHEN 'treatment' THEN CONCAT(m.action, ' ', m.treatment)
        ELSE ''
      END
    ) AS counted_as
  FROM made AS m
  JOIN promises AS promise ON promise.customer_id = m.customer_id
  JOIN limits AS l
    ON l.plan_digest = promise.plan_digest
    AND m.message_class NOT IN UNNEST(l.exempt)
    AND (ARRAY_LENGTH(l.actions) = 0 OR m.action IN UNNEST(l.actions))
    AND (ARRAY_LENGTH(l.action_groups) = 0 OR m.action_group IN UNNEST(l.action_groups))
    AND (ARRAY_LENGTH(l.issues) = 0 OR m.issue IN UNNEST(l.issues))
    AND (ARRAY_LENGTH(l.classes) = 0 OR m.message_class IN UNNEST(l.classes))
    AND (ARRAY_LENGTH(l.channels) = 0 OR m.channel IN UNNEST(l.channels))
    AND (ARRAY_LENGTH(l.brands) = 0 OR m.brand IN UNNEST(l.brands))
),
-- Who never had more contacts than allowed, in all of time, cannot have broken a limit: most never did.
suspects AS (
  SELECT *
  FROM covered
  WHERE TRUE
  QUALIFY
    COUNT(*) OVER (PARTITION BY promised_by, limit_id, counted_as) > at_most
    AND LOGICAL_OR(bound) OVER (PARTITION BY promised_by, limit_id, counted_as)
),
-- What came before a contact in the ledger's own order, close enough to share a window, as it stood then.
pairs AS (
  SELECT
    c.promised_by,
    c.limit_id,
    c.counts,
    c.decision_id,
    c.rank,
    c.at_us,
    p.at_us AS known_at,
    -- A decision sees others of its household as they will have been: their silence may be recorded later.
    COALESCE(
      (
        SELECT MAX(silence.contact)
        FROM UNNEST(c.silences) AS silence
        WHERE silence.channel = p.channel
          AND c.at_us - p.at_us >= silence.after_us
          AND p.customer_id != c.customer_id
          AND s.contact = 'reserved'
      ),
      s.contact
    ) AS contact
  FROM suspects AS c
  JOIN suspects AS p
    ON p.promised_by = c.promised_by
    AND p.limit_id = c.limit_id
    AND p.counted_as = c.counted_as
  JOIN `${dataset}.contact_states` AS s
    ON s.decision_id = p.decision_id
    AND s.rank = p.rank
    AND s.decided_at = p.decided_at
  WHERE c.bound
    AND p.at_us > c.at_us - c.window_us
    AND p.at_us < c.at_us + c.window_us
    AND s.from_turn <= c.ledger_turn
    AND (s.until_turn IS NULL OR s.until_turn > c.ledger_turn)
    AND (
      (p.decision_id != c.decision_id AND p.ledger_turn < c.ledger_turn)
      OR (p.decision_id = c.decision_id AND p.rank < c.rank AND c.same_decision = 'counted')
    )
),
known AS (
  SELECT promised_by, limit_id, decision_id, rank, at_us, known_at
  FROM pairs
  WHERE contact = 'committed' OR (contact = 'reserved' AND counts = 'reserved')
),
-- A window holds for every stretch of its length around the contact: it ends with the contact, or with one known later.
ends AS (
  SELECT promised_by, limit_id, decision_id, rank, at_us AS ends_at
  FROM suspects
  WHERE bound
  UNION DISTINCT
  SELECT promised_by, limit_id, decision_id, rank, known_at
  FROM known
  WHERE known_at > at_us
),
windows AS (
  SELECT
    c.promised_by,
    c.limit_id,
    c.at_most,
    c.decision_id,
    c.rank,
    c.decided_at,
    c.customer_id,
    c.household_id,
    c.channel,
    c.action,
    e.ends_at,
    1 + COUNT(k.known_at) AS contacts
  FROM suspects AS c
  JOIN ends AS e
    ON e.promised_by = c.promised_by
    AND e.limit_id = c.limit_id
    AND e.decision_id = c.decision_id
    AND e.rank = c.rank
  LEFT JOIN known AS k
    ON k.promised_by = c.promised_by
    AND k.limit_id = c.limit_id
    AND k.decision_id = c.decision_id
    AND k.rank = c.rank
    AND k.known_at <= e.ends_at
    AND k.known_at > e.ends_at - c.window_us
  WHERE c.bound
  GROUP BY
    c.promised_by, c.limit_id, c.at_most, c.decision_id, c.rank, c.decided_at, c.customer_id, c.household_id, c.channel,
    c.action, e.ends_at
)
SELECT
  promised_by AS plan_digest,
  limit_id,
  decision_id,
  rank,
  decided_at,
  customer_id,
  household_id,
  channel,
  action,
  contacts,
  at_most,
  TIMESTAMP_MICROS(ends_at) AS window_ends_at
FROM windows
WHERE contacts > at_most
QUALIFY ROW_NUMBER() OVER (PARTITION BY promised_by, limit_id, decision_id, rank ORDER BY contacts DESC, ends_at) = 1
