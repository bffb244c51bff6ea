-- first_reply_median_hours by queue
-- period 2026-Q3: 2026-07-01 to before 2026-10-01, days of Europe/Berlin
-- as of 2026-10-10T22:00:00Z
WITH tickets_by_opened_at AS (
  SELECT
    queue,
    PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY
      CAST(TIMESTAMPDIFF(MICROSECOND, opened_at, first_reply_at) AS DOUBLE)) AS first_reply_median_hours_quantile,
    COUNT(*) AS first_reply_median_hours_rows
  FROM support.tickets
  WHERE
    opened_at >= CAST('2026-06-30 22:00:00+00:00' AS TIMESTAMPTZ)
    AND opened_at < CAST('2026-09-30 22:00:00+00:00' AS TIMESTAMPTZ)
    AND loaded_at < CAST('2026-10-10 22:00:00+00:00' AS TIMESTAMPTZ)
    AND NOT first_reply_at IS NULL
  GROUP BY
    1
)
SELECT
  queue,
  CASE
    WHEN NOT first_reply_median_hours_rows BETWEEN 1 AND 29
    THEN CAST(first_reply_median_hours_quantile AS DOUBLE) / 3600000000
  END AS first_reply_median_hours
FROM tickets_by_opened_at
ORDER BY
  queue ASC NULLS LAST
