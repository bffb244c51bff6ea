-- sla_adherence by channel, each day
-- period 2011-07: 2011-07-01 to before 2011-08-01, days of America/New_York
-- as of 2011-08-11T04:00:00Z
WITH buckets AS (
  SELECT
    period_start,
    partial
  FROM (VALUES
    (CAST('2011-07-01' AS DATE), FALSE),
    (CAST('2011-07-02' AS DATE), FALSE),
    (CAST('2011-07-03' AS DATE), FALSE),
    (CAST('2011-07-04' AS DATE), FALSE),
    (CAST('2011-07-05' AS DATE), FALSE),
    (CAST('2011-07-06' AS DATE), FALSE),
    (CAST('2011-07-07' AS DATE), FALSE),
    (CAST('2011-07-08' AS DATE), FALSE),
    (CAST('2011-07-09' AS DATE), FALSE),
    (CAST('2011-07-10' AS DATE), FALSE),
    (CAST('2011-07-11' AS DATE), FALSE),
    (CAST('2011-07-12' AS DATE), FALSE),
    (CAST('2011-07-13' AS DATE), FALSE),
    (CAST('2011-07-14' AS DATE), FALSE),
    (CAST('2011-07-15' AS DATE), FALSE),
    (CAST('2011-07-16' AS DATE), FALSE),
    (CAST('2011-07-17' AS DATE), FALSE),
    (CAST('2011-07-18' AS DATE), FALSE),
    (CAST('2011-07-19' AS DATE), FALSE),
    (CAST('2011-07-20' AS DATE), FALSE),
    (CAST('2011-07-21' AS DATE), FALSE),
    (CAST('2011-07-22' AS DATE), FALSE),
    (CAST('2011-07-23' AS DATE), FALSE),
    (CAST('2011-07-24' AS DATE), FALSE),
    (CAST('2011-07-25' AS DATE), FALSE),
    (CAST('2011-07-26' AS DATE), FALSE),
    (CAST('2011-07-27' AS DATE), FALSE),
    (CAST('2011-07-28' AS DATE), FALSE),
    (CAST('2011-07-29' AS DATE), FALSE),
    (CAST('2011-07-30' AS DATE), FALSE),
    (CAST('2011-07-31' AS DATE), FALSE)) AS bucket(period_start, partial)
), service_requests_by_opened_at AS (
  SELECT
    CAST(opened_at AS DATE) AS period_start,
    channel,
    CAST(COALESCE(COUNT_IF(publisher_sla_flag = 'ONTIME'), 0) AS BIGINT) AS sla_adherence_hits,
    COUNT(*) AS sla_adherence_rows
  FROM city.service_requests
  WHERE
    opened_at >= CAST('2011-07-01 00:00:00' AS TIMESTAMP)
    AND opened_at < CAST('2011-08-01 00:00:00' AS TIMESTAMP)
    AND NOT (
      publisher_sla_flag = 'ONTIME'
    ) IS NULL
  GROUP BY
    1,
    2
), every_line AS (
  SELECT
    period_start,
    channel,
    sla_adherence_hits,
    sla_adherence_rows
  FROM service_requests_by_opened_at
  UNION ALL
  SELECT
    buckets.period_start,
    groups_found.channel,
    NULL AS sla_adherence_hits,
    NULL AS sla_adherence_rows
  FROM buckets
  CROSS JOIN (
    SELECT DISTINCT
      channel
    FROM service_requests_by_opened_at
  ) AS groups_found
), totals AS (
  SELECT
    period_start,
    channel,
    COALESCE(MAX(sla_adherence_hits), 0) AS sla_adherence_hits,
    COALESCE(MAX(sla_adherence_rows), 0) AS sla_adherence_rows
  FROM every_line
  GROUP BY
    1,
    2
)
SELECT
  buckets.period_start,
  buckets.partial,
  totals.channel,
  CAST(100 * sla_adherence_hits AS DOUBLE) / NULLIF(sla_adherence_rows, 0) AS sla_adherence,
  sla_adherence_rows AS sla_adherence_n,
  CASE WHEN sla_adherence_rows = 0 THEN 'no_data' ELSE 'ok' END AS sla_adherence_status
FROM totals
JOIN buckets
  ON buckets.period_start = totals.period_start
ORDER BY
  totals.period_start ASC NULLS LAST,
  totals.channel ASC NULLS LAST
