-- ticket_volume, each day
-- period 2026-03-27 to before 2026-04-02, days of Europe/Berlin
-- as of 2026-04-11T22:00:00Z
WITH buckets AS (
  SELECT
    period_start,
    partial
  FROM (VALUES
    (CAST('2026-03-27' AS DATE), FALSE),
    (CAST('2026-03-28' AS DATE), FALSE),
    (CAST('2026-03-29' AS DATE), FALSE),
    (CAST('2026-03-30' AS DATE), FALSE),
    (CAST('2026-03-31' AS DATE), FALSE),
    (CAST('2026-04-01' AS DATE), FALSE)) AS bucket(period_start, partial)
), tickets_by_opened_at AS (
  SELECT
    CAST(opened_at AT TIME ZONE 'UTC' + (
      CASE
        WHEN opened_at < CAST('2026-03-29 01:00:00+00:00' AS TIMESTAMPTZ)
        THEN 3600
        ELSE 7200
      END
    ) * INTERVAL '1 second' AS DATE) AS period_start,
    COUNT(*) AS ticket_volume_rows
  FROM support.tickets
  WHERE
    opened_at >= CAST('2026-03-26 23:00:00+00:00' AS TIMESTAMPTZ)
    AND opened_at < CAST('2026-04-01 22:00:00+00:00' AS TIMESTAMPTZ)
    AND loaded_at < CAST('2026-04-11 22:00:00+00:00' AS TIMESTAMPTZ)
  GROUP BY
    1
), every_line AS (
  SELECT
    period_start,
    ticket_volume_rows
  FROM tickets_by_opened_at
  UNION ALL
  SELECT
    buckets.period_start,
    CAST(NULL AS BIGINT) AS ticket_volume_rows
  FROM buckets
), totals AS (
  SELECT
    period_start,
    COALESCE(MAX(ticket_volume_rows), 0) AS ticket_volume_rows
  FROM every_line
  GROUP BY
    1
)
SELECT
  buckets.period_start,
  buckets.partial,
  ticket_volume_rows AS ticket_volume,
  ticket_volume_rows AS ticket_volume_n,
  'ok' AS ticket_volume_status
FROM totals
JOIN buckets
  ON buckets.period_start = totals.period_start
ORDER BY
  totals.period_start ASC
