-- replies_per_ticket by ticket.customer.segment
-- where ticket.channel = 'email' or ticket.priority in ('P1', 'P2')
-- period 2026-Q3: 2026-07-01 to before 2026-10-01, days of Europe/Berlin
-- as of 2026-10-10T22:00:00Z
-- as it is now, not as it was: ticket.customer.segment, ticket.channel, ticket.priority
WITH ticket_events_by_occurred_at AS (
  SELECT
    ticket_customer.segment AS ticket__customer__segment,
    COUNTIF(ticket_events.kind = 'reply') AS replies_per_ticket_numerator_rows,
    COUNT(DISTINCT ticket_events.ticket_id) AS replies_per_ticket_denominator_distinct,
    COUNT(*) AS replies_per_ticket_denominator_rows
  FROM support.ticket_events
  LEFT JOIN support.tickets AS ticket
    ON ticket.ticket_id = ticket_events.ticket_id
    AND ticket.loaded_at < CAST('2026-10-10 22:00:00+00:00' AS TIMESTAMP)
  LEFT JOIN cx.customers AS ticket_customer
    ON ticket_customer.customer_id = ticket.customer_id
  WHERE
    ticket_events.occurred_at >= CAST('2026-06-30 22:00:00+00:00' AS TIMESTAMP)
    AND ticket_events.occurred_at < CAST('2026-09-30 22:00:00+00:00' AS TIMESTAMP)
    AND ticket_events.loaded_at < CAST('2026-10-10 22:00:00+00:00' AS TIMESTAMP)
    AND (
      ticket.channel = 'email' OR ticket.priority IN ('P1', 'P2')
    )
  GROUP BY
    1
)
SELECT
  ticket__customer__segment,
  CASE
    WHEN NOT replies_per_ticket_denominator_rows BETWEEN 1 AND 29
    THEN CAST(replies_per_ticket_numerator_rows AS FLOAT64) / NULLIF(replies_per_ticket_denominator_distinct, 0)
  END AS replies_per_ticket,
  CASE
    WHEN NOT replies_per_ticket_denominator_rows BETWEEN 1 AND 29
    THEN replies_per_ticket_denominator_rows
  END AS replies_per_ticket_n,
  CASE
    WHEN replies_per_ticket_denominator_rows BETWEEN 1 AND 29
    THEN 'suppressed'
    WHEN CAST(replies_per_ticket_numerator_rows AS FLOAT64) / NULLIF(replies_per_ticket_denominator_distinct, 0) IS NULL
    THEN 'no_data'
    ELSE 'ok'
  END AS replies_per_ticket_status
FROM ticket_events_by_occurred_at
ORDER BY
  ticket__customer__segment ASC NULLS LAST
