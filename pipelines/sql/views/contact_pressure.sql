-- contact_pressure: how often each customer was contacted, by day.
-- Grain:     customer_id, day (unique; days without a contact have no row)
-- Partition: day, of the decision. The sums over 7 and 30 days need the days before.
-- Late:      a contact that comes back, bounced or never seen, no longer counts from then on.
-- Nulls:     none.
-- Columns:
--   customer_id: The customer.
--   day: Day of the decisions, UTC.
--   contacts: Offers made that were not given back.
--   marketing: Those that are marketing.
--   unasked: Those that nobody asked for.
--   brands: Brands that made them.
--   channels: Channels they were made in.
--   given_back: Offers that never reached the customer.
--   contacts_7d: Contacts of this day and the 6 before.
--   contacts_30d: Contacts of this day and the 29 before.
--   marketing_7d: Marketing of this day and the 6 before.
WITH daily AS (
  SELECT
    customer_id,
    day,
    COUNTIF(contact != 'released') AS contacts,
    COUNTIF(contact != 'released' AND message_class = 'marketing') AS marketing,
    COUNTIF(contact != 'released' AND direction = 'outbound') AS unasked,
    COUNT(DISTINCT IF(contact != 'released', brand, NULL)) AS brands,
    COUNT(DISTINCT IF(contact != 'released', channel, NULL)) AS channels,
    COUNTIF(contact = 'released') AS given_back
  FROM `${dataset}.decision_outcomes`
  GROUP BY customer_id, day
)
SELECT
  customer_id,
  day,
  contacts,
  marketing,
  unasked,
  brands,
  channels,
  given_back,
  SUM(contacts) OVER (
    PARTITION BY customer_id ORDER BY UNIX_DATE(day) RANGE BETWEEN 6 PRECEDING AND CURRENT ROW
  ) AS contacts_7d,
  SUM(contacts) OVER (
    PARTITION BY customer_id ORDER BY UNIX_DATE(day) RANGE BETWEEN 29 PRECEDING AND CURRENT ROW
  ) AS contacts_30d,
  SUM(marketing) OVER (
    PARTITION BY customer_id ORDER BY UNIX_DATE(day) RANGE BETWEEN 6 PRECEDING AND CURRENT ROW
  ) AS marketing_7d
FROM daily
