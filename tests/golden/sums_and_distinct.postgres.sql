-- expansion_mrr, new_mrr_mean, active_requesters
-- period 2026-Q3: 2026-07-01 to before 2026-10-01, days of Europe/Berlin
-- as of 2026-10-10T22:00:00Z
WITH subscriptions_by_valid_from AS (
  SELECT
    COALESCE(SUM(CASE WHEN started_by = 'upgrade' THEN mrr - previous_mrr END), 0) AS expansion_mrr_sum,
    COUNT(*) FILTER(WHERE
      started_by = 'upgrade') AS expansion_mrr_rows,
    COALESCE(SUM(CASE WHEN started_by = 'new' THEN mrr END), 0) AS new_mrr_mean_sum,
    COUNT(*) FILTER(WHERE
      started_by = 'new') AS new_mrr_mean_rows
  FROM billing.subscriptions
  WHERE
    valid_from >= CAST('2026-06-30 22:00:00+00:00' AS TIMESTAMPTZ)
    AND valid_from < CAST('2026-09-30 22:00:00+00:00' AS TIMESTAMPTZ)
    AND loaded_at < CAST('2026-10-10 22:00:00+00:00' AS TIMESTAMPTZ)
    AND (
      started_by = 'new' OR started_by = 'upgrade'
    )
), tickets_by_opened_at AS (
  SELECT
    COUNT(DISTINCT customer_id) AS active_requesters_distinct,
    COUNT(*) FILTER(WHERE
      NOT customer_id IS NULL) AS active_requesters_rows
  FROM support.tickets
  WHERE
    opened_at >= CAST('2026-06-30 22:00:00+00:00' AS TIMESTAMPTZ)
    AND opened_at < CAST('2026-09-30 22:00:00+00:00' AS TIMESTAMPTZ)
    AND loaded_at < CAST('2026-10-10 22:00:00+00:00' AS TIMESTAMPTZ)
), every_line AS (
  SELECT
    expansion_mrr_sum,
    expansion_mrr_rows,
    new_mrr_mean_sum,
    new_mrr_mean_rows,
    CAST(NULL AS BIGINT) AS active_requesters_distinct,
    CAST(NULL AS BIGINT) AS active_requesters_rows
  FROM subscriptions_by_valid_from
  UNION ALL
  SELECT
    CAST(NULL AS DECIMAL) AS expansion_mrr_sum,
    CAST(NULL AS BIGINT) AS expansion_mrr_rows,
    CAST(NULL AS DECIMAL) AS new_mrr_mean_sum,
    CAST(NULL AS BIGINT) AS new_mrr_mean_rows,
    active_requesters_distinct,
    active_requesters_rows
  FROM tickets_by_opened_at
), totals AS (
  SELECT
    COALESCE(MAX(expansion_mrr_sum), 0) AS expansion_mrr_sum,
    COALESCE(MAX(expansion_mrr_rows), 0) AS expansion_mrr_rows,
    COALESCE(MAX(new_mrr_mean_sum), 0) AS new_mrr_mean_sum,
    COALESCE(MAX(new_mrr_mean_rows), 0) AS new_mrr_mean_rows,
    COALESCE(MAX(active_requesters_distinct), 0) AS active_requesters_distinct,
    COALESCE(MAX(active_requesters_rows), 0) AS active_requesters_rows
  FROM every_line
)
SELECT
  expansion_mrr_sum AS expansion_mrr,
  expansion_mrr_rows AS expansion_mrr_n,
  'ok' AS expansion_mrr_status,
  CASE
    WHEN NOT new_mrr_mean_rows BETWEEN 1 AND 9
    THEN CAST(new_mrr_mean_sum AS DOUBLE PRECISION) / NULLIF(new_mrr_mean_rows, 0)
  END AS new_mrr_mean,
  CASE WHEN NOT new_mrr_mean_rows BETWEEN 1 AND 9 THEN new_mrr_mean_rows END AS new_mrr_mean_n,
  CASE
    WHEN new_mrr_mean_rows BETWEEN 1 AND 9
    THEN 'suppressed'
    WHEN new_mrr_mean_rows = 0
    THEN 'no_data'
    ELSE 'ok'
  END AS new_mrr_mean_status,
  active_requesters_distinct AS active_requesters,
  active_requesters_rows AS active_requesters_n,
  'ok' AS active_requesters_status
FROM totals
