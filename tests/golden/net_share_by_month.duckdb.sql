-- nps, response_count by region, each month
-- period 2026-Q3: 2026-07-01 to before 2026-10-01, days of Europe/Berlin
-- as of 2026-10-10T22:00:00Z
WITH buckets AS (
  SELECT
    period_start,
    partial
  FROM (VALUES
    (CAST('2026-07-01' AS DATE), FALSE),
    (CAST('2026-08-01' AS DATE), FALSE),
    (CAST('2026-09-01' AS DATE), FALSE)) AS bucket(period_start, partial)
), survey_responses_by_responded_at AS (
  SELECT
    CASE
      WHEN responded_at < CAST('2026-07-31 22:00:00+00:00' AS TIMESTAMPTZ)
      THEN CAST('2026-07-01' AS DATE)
      WHEN responded_at < CAST('2026-08-31 22:00:00+00:00' AS TIMESTAMPTZ)
      THEN CAST('2026-08-01' AS DATE)
      ELSE CAST('2026-09-01' AS DATE)
    END AS period_start,
    region,
    CAST(COALESCE(COUNT_IF(score >= 9 AND score BETWEEN 0 AND 10 AND survey = 'relationship'), 0) AS BIGINT) AS nps_plus,
    CAST(COALESCE(COUNT_IF(score <= 6 AND score BETWEEN 0 AND 10 AND survey = 'relationship'), 0) AS BIGINT) AS nps_minus,
    CAST(COALESCE(COUNT_IF(score BETWEEN 0 AND 10 AND survey = 'relationship'), 0) AS BIGINT) AS nps_rows,
    COUNT(*) AS response_count_rows
  FROM cx.survey_responses
  WHERE
    responded_at >= CAST('2026-06-30 22:00:00+00:00' AS TIMESTAMPTZ)
    AND responded_at < CAST('2026-09-30 22:00:00+00:00' AS TIMESTAMPTZ)
    AND loaded_at < CAST('2026-10-10 22:00:00+00:00' AS TIMESTAMPTZ)
    AND channel <> 'internal'
  GROUP BY
    1,
    2
), every_line AS (
  SELECT
    period_start,
    region,
    nps_plus,
    nps_minus,
    nps_rows,
    response_count_rows
  FROM survey_responses_by_responded_at
  UNION ALL
  SELECT
    buckets.period_start,
    groups_found.region,
    NULL AS nps_plus,
    NULL AS nps_minus,
    NULL AS nps_rows,
    NULL AS response_count_rows
  FROM buckets
  CROSS JOIN (
    SELECT DISTINCT
      region
    FROM survey_responses_by_responded_at
  ) AS groups_found
), totals AS (
  SELECT
    period_start,
    region,
    COALESCE(MAX(nps_plus), 0) AS nps_plus,
    COALESCE(MAX(nps_minus), 0) AS nps_minus,
    COALESCE(MAX(nps_rows), 0) AS nps_rows,
    COALESCE(MAX(response_count_rows), 0) AS response_count_rows
  FROM every_line
  GROUP BY
    1,
    2
)
SELECT
  buckets.period_start,
  buckets.partial,
  totals.region,
  CASE
    WHEN NOT nps_rows BETWEEN 1 AND 29
    THEN CAST(100 * (
      nps_plus - nps_minus
    ) AS DOUBLE) / NULLIF(nps_rows, 0)
  END AS nps,
  CASE WHEN NOT nps_rows BETWEEN 1 AND 29 THEN nps_rows END AS nps_n,
  CASE
    WHEN nps_rows BETWEEN 1 AND 29
    THEN 'suppressed'
    WHEN nps_rows = 0
    THEN 'no_data'
    ELSE 'ok'
  END AS nps_status,
  response_count_rows AS response_count,
  response_count_rows AS response_count_n,
  'ok' AS response_count_status
FROM totals
JOIN buckets
  ON buckets.period_start = totals.period_start
ORDER BY
  totals.period_start ASC NULLS LAST,
  totals.region ASC NULLS LAST
