-- cxgov CERTIFIED: 2026-Q1 by entry 1
-- nps by channel
-- period 2026-Q1: 2026-01-01 to before 2026-04-01, days of Europe/Berlin
-- as of 2026-04-10T22:00:00Z
-- cxgov {}
WITH survey_responses_by_responded_at AS (
    SELECT
        channel,
        COUNT(
            *) FILTER (
            WHERE
            likelihood >= 9
        ) AS nps_plus,
        COUNT(
            *) FILTER (
            WHERE
            likelihood <= 6
        ) AS nps_minus,
        COUNT(*) AS nps_rows
    FROM survey_responses
    WHERE
        responded_at >= CAST('2025-12-31 23:00:00+00:00' AS TIMESTAMPTZ)
        AND responded_at < CAST('2026-03-31 22:00:00+00:00' AS TIMESTAMPTZ)
        AND likelihood BETWEEN 0 AND 10
    GROUP BY
        1
)

SELECT
    channel,
    CASE
        WHEN NOT nps_rows BETWEEN 1 AND 9
            THEN CAST(100 * (
                nps_plus - nps_minus
            ) AS DOUBLE PRECISION) / NULLIF(nps_rows, 0)
    END AS nps,
    CASE WHEN NOT nps_rows BETWEEN 1 AND 9 THEN nps_rows END AS nps_n,
    CASE
        WHEN nps_rows BETWEEN 1 AND 9
            THEN 'suppressed'
        WHEN nps_rows = 0
            THEN 'no_data'
        ELSE 'ok'
    END AS nps_status
FROM survey_responses_by_responded_at
ORDER BY
    channel COLLATE "C" ASC
-- cxgov end sql1:
