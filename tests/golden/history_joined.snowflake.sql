-- sla_first_reply by subscription.plan, each quarter
-- period 2026: 2026-01-01 to before 2027-01-01, days of Europe/Berlin
-- as of 2027-01-10T23:00:00Z
WITH buckets AS (
  SELECT
    period_start,
    partial
  FROM (VALUES
    (CAST('2026-01-01' AS DATE), FALSE),
    (CAST('2026-04-01' AS DATE), FALSE),
    (CAST('2026-07-01' AS DATE), FALSE),
    (CAST('2026-10-01' AS DATE), FALSE)) AS bucket(period_start, partial)
), tickets_by_due_at AS (
  SELECT
    CASE
      WHEN tickets.due_at < CAST('2026-03-31 22:00:00+00:00' AS TIMESTAMPTZ)
      THEN CAST('2026-01-01' AS DATE)
      WHEN tickets.due_at < CAST('2026-06-30 22:00:00+00:00' AS TIMESTAMPTZ)
      THEN CAST('2026-04-01' AS DATE)
      WHEN tickets.due_at < CAST('2026-09-30 22:00:00+00:00' AS TIMESTAMPTZ)
      THEN CAST('2026-07-01' AS DATE)
      ELSE CAST('2026-10-01' AS DATE)
    END AS period_start,
    subscription.plan AS subscription__plan,
    COALESCE(COUNT_IF(tickets.due_at >= tickets.first_reply_at), 0) AS sla_first_reply_hits,
    COUNT(*) AS sla_first_reply_rows
  FROM support.tickets
  LEFT JOIN billing.subscriptions AS subscription
    ON subscription.subscription_id = tickets.subscription_id
    AND subscription.valid_from <= tickets.due_at
    AND (
      subscription.valid_until > tickets.due_at OR subscription.valid_until IS NULL
    )
    AND subscription.loaded_at < CAST('2027-01-10 23:00:00+00:00' AS TIMESTAMPTZ)
  WHERE
    tickets.due_at >= CAST('2025-12-31 23:00:00+00:00' AS TIMESTAMPTZ)
    AND tickets.due_at < CAST('2026-12-31 23:00:00+00:00' AS TIMESTAMPTZ)
    AND tickets.loaded_at < CAST('2027-01-10 23:00:00+00:00' AS TIMESTAMPTZ)
  GROUP BY
    1,
    2
), every_line AS (
  SELECT
    period_start,
    subscription__plan,
    sla_first_reply_hits,
    sla_first_reply_rows
  FROM tickets_by_due_at
  UNION ALL
  SELECT
    buckets.period_start,
    groups_found.subscription__plan,
    NULL AS sla_first_reply_hits,
    NULL AS sla_first_reply_rows
  FROM buckets
  CROSS JOIN (
    SELECT DISTINCT
      subscription__plan
    FROM tickets_by_due_at
  ) AS groups_found
), totals AS (
  SELECT
    period_start,
    subscription__plan,
    COALESCE(MAX(sla_first_reply_hits), 0) AS sla_first_reply_hits,
    COALESCE(MAX(sla_first_reply_rows), 0) AS sla_first_reply_rows
  FROM every_line
  GROUP BY
    1,
    2
)
SELECT
  buckets.period_start,
  buckets.partial,
  totals.subscription__plan,
  CASE
    WHEN NOT sla_first_reply_rows BETWEEN 1 AND 29
    THEN CAST(100 * sla_first_reply_hits AS DOUBLE) / NULLIF(sla_first_reply_rows, 0)
  END AS sla_first_reply,
  CASE WHEN NOT sla_first_reply_rows BETWEEN 1 AND 29 THEN sla_first_reply_rows END AS sla_first_reply_n,
  CASE
    WHEN sla_first_reply_rows BETWEEN 1 AND 29
    THEN 'suppressed'
    WHEN sla_first_reply_rows = 0
    THEN 'no_data'
    ELSE 'ok'
  END AS sla_first_reply_status
FROM totals
JOIN buckets
  ON buckets.period_start = totals.period_start
ORDER BY
  totals.period_start ASC NULLS LAST,
  totals.subscription__plan ASC NULLS LAST
