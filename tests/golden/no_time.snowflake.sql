-- churn_rate, churn_rate_complained by tariff_plan
WITH telecom_customers_rows AS (
  SELECT
    tariff_plan,
    COALESCE(COUNT_IF(churned), 0) AS churn_rate_hits,
    COUNT(*) AS churn_rate_rows,
    COALESCE(COUNT_IF(churned AND complained), 0) AS churn_rate_complained_hits,
    COALESCE(COUNT_IF(complained), 0) AS churn_rate_complained_rows
  FROM telecom.customers
  GROUP BY
    1
)
SELECT
  tariff_plan,
  CAST(100 * churn_rate_hits AS DOUBLE) / NULLIF(churn_rate_rows, 0) AS churn_rate,
  churn_rate_rows AS churn_rate_n,
  CASE WHEN churn_rate_rows = 0 THEN 'no_data' ELSE 'ok' END AS churn_rate_status,
  CAST(100 * churn_rate_complained_hits AS DOUBLE) / NULLIF(churn_rate_complained_rows, 0) AS churn_rate_complained,
  churn_rate_complained_rows AS churn_rate_complained_n,
  CASE WHEN churn_rate_complained_rows = 0 THEN 'no_data' ELSE 'ok' END AS churn_rate_complained_status
FROM telecom_customers_rows
ORDER BY
  tariff_plan ASC NULLS LAST
