-- mean_handle_minutes by kind
-- period 2026-Q3: 2026-07-01 to before 2026-10-01, days of Europe/Berlin
-- as of 2026-10-10T22:00:00Z
WITH ticket_events_by_occurred_at AS (
  SELECT
    kind,
    COALESCE(SUM(TIMESTAMPDIFF(MICROSECOND, started_at, occurred_at)), 0) AS mean_handle_minutes_sum,
    COUNT(*) AS mean_handle_minutes_rows
  FROM support.ticket_events
  WHERE
    occurred_at >= CAST('2026-06-30 22:00:00+00:00' AS TIMESTAMPTZ)
    AND occurred_at < CAST('2026-09-30 22:00:00+00:00' AS TIMESTAMPTZ)
    AND loaded_at < CAST('2026-10-10 22:00:00+00:00' AS TIMESTAMPTZ)
    AND kind IN ('reply', 'note')
    AND NOT started_at IS NULL
  GROUP BY
    1
)
SELECT
  kind,
  CASE
    WHEN NOT mean_handle_minutes_rows BETWEEN 1 AND 29
    THEN CAST(mean_handle_minutes_sum AS DOUBLE) / NULLIF(mean_handle_minutes_rows, 0) / 60000000
  END AS mean_handle_minutes,
  CASE
    WHEN NOT mean_handle_minutes_rows BETWEEN 1 AND 29
    THEN mean_handle_minutes_rows
  END AS mean_handle_minutes_n,
  CASE
    WHEN mean_handle_minutes_rows BETWEEN 1 AND 29
    THEN 'suppressed'
    WHEN mean_handle_minutes_rows = 0
    THEN 'no_data'
    ELSE 'ok'
  END AS mean_handle_minutes_status
FROM ticket_events_by_occurred_at
ORDER BY
  kind ASC NULLS LAST
