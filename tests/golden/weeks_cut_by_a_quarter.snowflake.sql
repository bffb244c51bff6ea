-- renewal_rate, churned_mrr by plan, each week
-- period 2026-06-22 to before 2026-07-13, days of Europe/Berlin
-- as of 2026-07-22T22:00:00Z
WITH buckets AS (
  SELECT
    period_start,
    partial
  FROM (VALUES
    (CAST('2026-06-22' AS DATE), FALSE),
    (CAST('2026-06-29' AS DATE), TRUE),
    (CAST('2026-07-01' AS DATE), TRUE),
    (CAST('2026-07-06' AS DATE), FALSE)) AS bucket(period_start, partial)
), subscriptions_by_valid_until AS (
  SELECT
    CASE
      WHEN valid_until < CAST('2026-06-28 22:00:00+00:00' AS TIMESTAMPTZ)
      THEN CAST('2026-06-22' AS DATE)
      WHEN valid_until < CAST('2026-06-30 22:00:00+00:00' AS TIMESTAMPTZ)
      THEN CAST('2026-06-29' AS DATE)
      WHEN valid_until < CAST('2026-07-05 22:00:00+00:00' AS TIMESTAMPTZ)
      THEN CAST('2026-07-01' AS DATE)
      ELSE CAST('2026-07-06' AS DATE)
    END AS period_start,
    plan,
    COALESCE(COUNT_IF(ended_by = 'renewal' AND ended_by IN ('renewal', 'cancellation')), 0) AS renewal_rate_hits,
    COALESCE(COUNT_IF(ended_by IN ('renewal', 'cancellation')), 0) AS renewal_rate_rows,
    COALESCE(SUM(CASE WHEN ended_by = 'cancellation' THEN mrr END), 0) AS churned_mrr_sum,
    COALESCE(COUNT_IF(ended_by = 'cancellation'), 0) AS churned_mrr_rows
  FROM billing.subscriptions
  WHERE
    valid_until >= CAST('2026-06-21 22:00:00+00:00' AS TIMESTAMPTZ)
    AND valid_until < CAST('2026-07-12 22:00:00+00:00' AS TIMESTAMPTZ)
    AND loaded_at < CAST('2026-07-22 22:00:00+00:00' AS TIMESTAMPTZ)
    AND (
      ended_by = 'cancellation' OR ended_by IN ('renewal', 'cancellation')
    )
  GROUP BY
    1,
    2
), every_line AS (
  SELECT
    period_start,
    plan,
    renewal_rate_hits,
    renewal_rate_rows,
    churned_mrr_sum,
    churned_mrr_rows
  FROM subscriptions_by_valid_until
  UNION ALL
  SELECT
    buckets.period_start,
    groups_found.plan,
    NULL AS renewal_rate_hits,
    NULL AS renewal_rate_rows,
    NULL AS churned_mrr_sum,
    NULL AS churned_mrr_rows
  FROM buckets
  CROSS JOIN (
    SELECT DISTINCT
      plan
    FROM subscriptions_by_valid_until
  ) AS groups_found
), totals AS (
  SELECT
    period_start,
    plan,
    COALESCE(MAX(renewal_rate_hits), 0) AS renewal_rate_hits,
    COALESCE(MAX(renewal_rate_rows), 0) AS renewal_rate_rows,
    COALESCE(MAX(churned_mrr_sum), 0) AS churned_mrr_sum,
    COALESCE(MAX(churned_mrr_rows), 0) AS churned_mrr_rows
  FROM every_line
  GROUP BY
    1,
    2
)
SELECT
  buckets.period_start,
  buckets.partial,
  totals.plan,
  CASE
    WHEN NOT renewal_rate_rows BETWEEN 1 AND 29
    THEN CAST(100 * renewal_rate_hits AS DOUBLE) / NULLIF(renewal_rate_rows, 0)
  END AS renewal_rate,
  CASE WHEN NOT renewal_rate_rows BETWEEN 1 AND 29 THEN renewal_rate_rows END AS renewal_rate_n,
  CASE
    WHEN renewal_rate_rows BETWEEN 1 AND 29
    THEN 'suppressed'
    WHEN renewal_rate_rows = 0
    THEN 'no_data'
    ELSE 'ok'
  END AS renewal_rate_status,
  churned_mrr_sum AS churned_mrr,
  churned_mrr_rows AS churned_mrr_n,
  'ok' AS churned_mrr_status
FROM totals
JOIN buckets
  ON buckets.period_start = totals.period_start
ORDER BY
  totals.period_start ASC NULLS LAST,
  totals.plan ASC NULLS LAST
