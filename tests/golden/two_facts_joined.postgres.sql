-- csat_top2, sla_first_reply, cx_index by customer.segment
-- period 2026-Q3: 2026-07-01 to before 2026-10-01, days of Europe/Berlin
-- as of 2026-10-10T22:00:00Z
-- as it is now, not as it was: customer.segment
WITH survey_responses_by_responded_at AS (
  SELECT
    customer.segment AS customer__segment,
    COUNT(*) FILTER(WHERE
      survey_responses.rating >= 4) AS csat_top2_hits,
    COUNT(*) AS csat_top2_rows
  FROM cx.survey_responses
  LEFT JOIN cx.customers AS customer
    ON customer.customer_id = survey_responses.customer_id
  WHERE
    survey_responses.responded_at >= CAST('2026-06-30 22:00:00+00:00' AS TIMESTAMPTZ)
    AND survey_responses.responded_at < CAST('2026-09-30 22:00:00+00:00' AS TIMESTAMPTZ)
    AND survey_responses.loaded_at < CAST('2026-10-10 22:00:00+00:00' AS TIMESTAMPTZ)
    AND survey_responses.channel <> 'internal'
    AND survey_responses.rating BETWEEN 1 AND 5
    AND survey_responses.survey = 'contact'
  GROUP BY
    1
), tickets_by_due_at AS (
  SELECT
    customer.segment AS customer__segment,
    COUNT(*) FILTER(WHERE
      tickets.due_at >= tickets.first_reply_at) AS sla_first_reply_hits,
    COUNT(*) AS sla_first_reply_rows
  FROM support.tickets
  LEFT JOIN cx.customers AS customer
    ON customer.customer_id = tickets.customer_id
  WHERE
    tickets.due_at >= CAST('2026-06-30 22:00:00+00:00' AS TIMESTAMPTZ)
    AND tickets.due_at < CAST('2026-09-30 22:00:00+00:00' AS TIMESTAMPTZ)
    AND tickets.loaded_at < CAST('2026-10-10 22:00:00+00:00' AS TIMESTAMPTZ)
  GROUP BY
    1
), every_line AS (
  SELECT
    customer__segment,
    csat_top2_hits,
    csat_top2_rows,
    CAST(NULL AS BIGINT) AS sla_first_reply_hits,
    CAST(NULL AS BIGINT) AS sla_first_reply_rows
  FROM survey_responses_by_responded_at
  UNION ALL
  SELECT
    customer__segment,
    CAST(NULL AS BIGINT) AS csat_top2_hits,
    CAST(NULL AS BIGINT) AS csat_top2_rows,
    sla_first_reply_hits,
    sla_first_reply_rows
  FROM tickets_by_due_at
), totals AS (
  SELECT
    customer__segment,
    COALESCE(MAX(csat_top2_hits), 0) AS csat_top2_hits,
    COALESCE(MAX(csat_top2_rows), 0) AS csat_top2_rows,
    COALESCE(MAX(sla_first_reply_hits), 0) AS sla_first_reply_hits,
    COALESCE(MAX(sla_first_reply_rows), 0) AS sla_first_reply_rows
  FROM every_line
  GROUP BY
    1
)
SELECT
  customer__segment,
  CASE
    WHEN NOT csat_top2_rows BETWEEN 1 AND 29
    THEN CAST(100 * csat_top2_hits AS DOUBLE PRECISION) / NULLIF(csat_top2_rows, 0)
  END AS csat_top2,
  CASE WHEN NOT csat_top2_rows BETWEEN 1 AND 29 THEN csat_top2_rows END AS csat_top2_n,
  CASE
    WHEN csat_top2_rows BETWEEN 1 AND 29
    THEN 'suppressed'
    WHEN csat_top2_rows = 0
    THEN 'no_data'
    ELSE 'ok'
  END AS csat_top2_status,
  CASE
    WHEN NOT sla_first_reply_rows BETWEEN 1 AND 29
    THEN CAST(100 * sla_first_reply_hits AS DOUBLE PRECISION) / NULLIF(sla_first_reply_rows, 0)
  END AS sla_first_reply,
  CASE WHEN NOT sla_first_reply_rows BETWEEN 1 AND 29 THEN sla_first_reply_rows END AS sla_first_reply_n,
  CASE
    WHEN sla_first_reply_rows BETWEEN 1 AND 29
    THEN 'suppressed'
    WHEN sla_first_reply_rows = 0
    THEN 'no_data'
    ELSE 'ok'
  END AS sla_first_reply_status,
  CASE
    WHEN NOT (
      csat_top2_rows BETWEEN 1 AND 29 OR sla_first_reply_rows BETWEEN 1 AND 29
    )
    THEN 100 * (
      0.5 * (
        CAST(csat_top2_hits AS DOUBLE PRECISION) / NULLIF(csat_top2_rows, 0)
      ) + 0.5 * (
        CAST(sla_first_reply_hits AS DOUBLE PRECISION) / NULLIF(sla_first_reply_rows, 0)
      )
    )
  END AS cx_index,
  CASE
    WHEN NOT (
      csat_top2_rows BETWEEN 1 AND 29 OR sla_first_reply_rows BETWEEN 1 AND 29
    )
    THEN LEAST(csat_top2_rows, sla_first_reply_rows)
  END AS cx_index_n,
  CASE
    WHEN csat_top2_rows BETWEEN 1 AND 29 OR sla_first_reply_rows BETWEEN 1 AND 29
    THEN 'suppressed'
    WHEN 0.5 * (
      CAST(csat_top2_hits AS DOUBLE PRECISION) / NULLIF(csat_top2_rows, 0)
    ) + 0.5 * (
      CAST(sla_first_reply_hits AS DOUBLE PRECISION) / NULLIF(sla_first_reply_rows, 0)
    ) IS NULL
    THEN 'no_data'
    ELSE 'ok'
  END AS cx_index_status
FROM totals
ORDER BY
  customer__segment COLLATE "C" ASC
