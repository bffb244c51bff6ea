-- nps_relationship by customer.region, each month
-- period 2026-Q3: 2026-07-01 to before 2026-10-01, days of Europe/Berlin
-- as of 2026-10-10T22:00:00Z
-- as it is now, not as it was: the frame customers, customer.region
-- hides single cells only: `cxgov run` hides those from which they could be computed
WITH buckets AS (
  SELECT
    period_start,
    partial
  FROM UNNEST([
    STRUCT(CAST('2026-07-01' AS DATE) AS period_start, FALSE AS partial),
    STRUCT(CAST('2026-08-01' AS DATE), FALSE),
    STRUCT(CAST('2026-09-01' AS DATE), FALSE)
  ])
), relationship_survey_population AS (
  SELECT
    score,
    customer_id,
    channel,
    responded_at,
    invitation_id,
    response_id,
    CASE
      WHEN responded_at < CAST('2026-07-31 22:00:00+00:00' AS TIMESTAMP)
      THEN CAST('2026-07-01' AS DATE)
      WHEN responded_at < CAST('2026-08-31 22:00:00+00:00' AS TIMESTAMP)
      THEN CAST('2026-08-01' AS DATE)
      ELSE CAST('2026-09-01' AS DATE)
    END AS period_start
  FROM cx.relationship_responses
  WHERE
    responded_at >= CAST('2026-06-30 22:00:00+00:00' AS TIMESTAMP)
    AND responded_at < CAST('2026-09-30 22:00:00+00:00' AS TIMESTAMP)
    AND loaded_at < CAST('2026-10-10 22:00:00+00:00' AS TIMESTAMP)
    AND channel <> 'internal'
), relationship_survey_frame AS (
  SELECT
    customer_id AS unit_customer_id,
    region AS cell_region,
    tier AS cell_tier
  FROM cx.customers
  WHERE
    NOT opted_out AND status = 'active'
), relationship_survey_selection AS (
  SELECT
    *
  FROM relationship_survey_frame
  WHERE
    SUBSTRING(TO_HEX(MD5('relationship_2026:' || CAST(unit_customer_id AS STRING))), 1, 8) < '66666667'
), relationship_survey_selected AS (
  SELECT
    relationship_survey_population.*,
    relationship_survey_selection.cell_region,
    relationship_survey_selection.cell_tier
  FROM relationship_survey_population
  JOIN relationship_survey_selection
    ON relationship_survey_selection.unit_customer_id = relationship_survey_population.customer_id
), relationship_survey_invitations AS (
  SELECT
    invitation_id AS its_invitation_id,
    customer_id AS unit_customer_id,
    invited_at AS invited_at,
    COUNT(*) OVER (
      PARTITION BY customer_id
      ORDER BY TIMESTAMP_DIFF(invited_at, CAST('2000-01-01 00:00:00+00:00' AS TIMESTAMP), MICROSECOND) ASC
      RANGE BETWEEN 7776000000000 PRECEDING AND 1 PRECEDING
    ) AS invitations_before
  FROM cx.relationship_invitations
  WHERE
    loaded_at < CAST('2026-10-10 22:00:00+00:00' AS TIMESTAMP)
), relationship_survey_invited AS (
  SELECT
    relationship_survey_selected.*,
    relationship_survey_invitations.invited_at,
    relationship_survey_invitations.invitations_before
  FROM relationship_survey_selected
  JOIN relationship_survey_invitations
    ON relationship_survey_invitations.unit_customer_id = relationship_survey_selected.customer_id
    AND relationship_survey_invitations.its_invitation_id = relationship_survey_selected.invitation_id
), relationship_survey_within_cap AS (
  SELECT
    *
  FROM relationship_survey_invited
  WHERE
    invitations_before < 2
), relationship_survey_responded AS (
  SELECT
    *
  FROM relationship_survey_within_cap
  WHERE
    responded_at >= invited_at
    AND responded_at < TIMESTAMP_ADD(invited_at, INTERVAL 1814400000000 MICROSECOND)
), relationship_survey_valid AS (
  SELECT
    *
  FROM relationship_survey_responded
  WHERE
    score BETWEEN 0 AND 10
), relationship_survey_one_per_unit AS (
  SELECT
    *
  FROM (
    SELECT
      *,
      ROW_NUMBER() OVER (
        PARTITION BY period_start, customer_id
        ORDER BY responded_at DESC, response_id DESC
      ) AS place
    FROM relationship_survey_valid
  ) AS relationship_survey_ranked
  WHERE
    place = 1
), relationship_survey_not_excluded AS (
  SELECT
    *
  FROM relationship_survey_one_per_unit
  WHERE
    NOT (
      channel = 'in_app'
      AND responded_at >= CAST('2026-09-06 22:00:00+00:00' AS TIMESTAMP)
      AND responded_at < CAST('2026-09-09 22:00:00+00:00' AS TIMESTAMP)
    )
), relationship_survey_targets AS (
  SELECT
    cell_region,
    cell_tier,
    COUNT(*) AS units
  FROM relationship_survey_frame
  GROUP BY
    1,
    2
), relationship_survey_cells AS (
  SELECT
    period_start,
    cell_region,
    cell_tier,
    COUNT(*) AS rows_in_cell
  FROM relationship_survey_not_excluded
  GROUP BY
    1,
    2,
    3
), relationship_survey_weights AS (
  SELECT
    relationship_survey_cells.period_start,
    relationship_survey_cells.cell_region,
    relationship_survey_cells.cell_tier,
    CAST(relationship_survey_targets.units AS FLOAT64) / NULLIF(relationship_survey_cells.rows_in_cell, 0) AS weight,
    relationship_survey_cells.rows_in_cell AS rows_in_cell
  FROM relationship_survey_cells
  JOIN relationship_survey_targets
    ON relationship_survey_targets.cell_region = relationship_survey_cells.cell_region
    AND relationship_survey_targets.cell_tier = relationship_survey_cells.cell_tier
), relationship_survey_weighted AS (
  SELECT
    relationship_survey_not_excluded.*,
    relationship_survey_weights.weight,
    relationship_survey_weights.rows_in_cell
  FROM relationship_survey_not_excluded
  JOIN relationship_survey_weights
    ON relationship_survey_weights.period_start = relationship_survey_not_excluded.period_start
    AND relationship_survey_weights.cell_region = relationship_survey_not_excluded.cell_region
    AND relationship_survey_weights.cell_tier = relationship_survey_not_excluded.cell_tier
), relationship_survey_by_responded_at AS (
  SELECT
    relationship_responses.period_start AS period_start,
    customer.region AS customer__region,
    COALESCE(
      SUM(
        CASE WHEN relationship_responses.score >= 9 THEN relationship_responses.weight END
      ),
      0
    ) AS nps_relationship_plus,
    COALESCE(
      SUM(
        CASE WHEN relationship_responses.score <= 6 THEN relationship_responses.weight END
      ),
      0
    ) AS nps_relationship_minus,
    COALESCE(SUM(relationship_responses.weight), 0) AS nps_relationship_rows,
    COUNT(*) AS nps_relationship_n,
    COALESCE(SUM(relationship_responses.weight * relationship_responses.weight), 0) AS nps_relationship_weight_squares
  FROM relationship_survey_weighted AS relationship_responses
  LEFT JOIN cx.customers AS customer
    ON customer.customer_id = relationship_responses.customer_id
  GROUP BY
    1,
    2
), relationship_survey_units AS (
  SELECT
    period_start,
    COUNT(*) AS units
  FROM (
    SELECT DISTINCT
      period_start AS period_start,
      customer_id
    FROM relationship_survey_weighted
  ) AS each_unit
  GROUP BY
    1
), relationship_survey_by_stratum AS (
  SELECT
    relationship_responses.period_start AS period_start,
    customer.region AS customer__region,
    relationship_responses.cell_region AS stratum_1,
    relationship_responses.cell_tier AS stratum_2,
    MAX(relationship_responses.weight) AS weight,
    MAX(relationship_responses.rows_in_cell) AS rows_in_stratum,
    COUNT(*) AS rows_here,
    SUM(
      CAST(CASE WHEN relationship_responses.score >= 9 THEN 1 ELSE 0 END - CASE WHEN relationship_responses.score <= 6 THEN 1 ELSE 0 END AS FLOAT64)
    ) AS nps_relationship_numerator,
    VAR_POP(
      CAST(CASE WHEN relationship_responses.score >= 9 THEN 1 ELSE 0 END - CASE WHEN relationship_responses.score <= 6 THEN 1 ELSE 0 END AS FLOAT64)
    ) AS nps_relationship_numerator_spread,
    SUM(CAST(1 AS FLOAT64)) AS nps_relationship_denominator,
    VAR_POP(CAST(1 AS FLOAT64)) AS nps_relationship_denominator_spread,
    COVAR_POP(
      CAST(CASE WHEN relationship_responses.score >= 9 THEN 1 ELSE 0 END - CASE WHEN relationship_responses.score <= 6 THEN 1 ELSE 0 END AS FLOAT64),
      CAST(1 AS FLOAT64)
    ) AS nps_relationship_joint_spread
  FROM relationship_survey_weighted AS relationship_responses
  LEFT JOIN cx.customers AS customer
    ON customer.customer_id = relationship_responses.customer_id
  GROUP BY
    1,
    2,
    3,
    4
), relationship_survey_by_responded_at_moments AS (
  SELECT
    relationship_survey_by_stratum.period_start,
    relationship_survey_by_stratum.customer__region,
    SUM(
      relationship_survey_by_stratum.weight * relationship_survey_by_stratum.nps_relationship_numerator
    ) AS nps_relationship_numerator,
    SUM(
      relationship_survey_by_stratum.weight * relationship_survey_by_stratum.nps_relationship_denominator
    ) AS nps_relationship_denominator,
    SUM(
      relationship_survey_by_stratum.weight * relationship_survey_by_stratum.weight * (
        relationship_survey_by_stratum.nps_relationship_numerator_spread * relationship_survey_by_stratum.rows_here + relationship_survey_by_stratum.nps_relationship_numerator * relationship_survey_by_stratum.nps_relationship_numerator * (
          CAST(1 AS FLOAT64) / NULLIF(relationship_survey_by_stratum.rows_here, 0) - CAST(1 AS FLOAT64) / NULLIF(relationship_survey_by_stratum.rows_in_stratum, 0)
        )
      )
    ) AS nps_relationship_numerator_squares,
    SUM(
      relationship_survey_by_stratum.weight * relationship_survey_by_stratum.weight * (
        relationship_survey_by_stratum.nps_relationship_joint_spread * relationship_survey_by_stratum.rows_here + relationship_survey_by_stratum.nps_relationship_numerator * relationship_survey_by_stratum.nps_relationship_denominator * (
          CAST(1 AS FLOAT64) / NULLIF(relationship_survey_by_stratum.rows_here, 0) - CAST(1 AS FLOAT64) / NULLIF(relationship_survey_by_stratum.rows_in_stratum, 0)
        )
      )
    ) AS nps_relationship_products,
    SUM(
      relationship_survey_by_stratum.weight * relationship_survey_by_stratum.weight * (
        relationship_survey_by_stratum.nps_relationship_denominator_spread * relationship_survey_by_stratum.rows_here + relationship_survey_by_stratum.nps_relationship_denominator * relationship_survey_by_stratum.nps_relationship_denominator * (
          CAST(1 AS FLOAT64) / NULLIF(relationship_survey_by_stratum.rows_here, 0) - CAST(1 AS FLOAT64) / NULLIF(relationship_survey_by_stratum.rows_in_stratum, 0)
        )
      )
    ) AS nps_relationship_denominator_squares,
    MAX(relationship_survey_units.units) AS nps_relationship_units,
    MAX(relationship_survey_by_stratum.weight) AS nps_relationship_largest_unit
  FROM relationship_survey_by_stratum
  JOIN relationship_survey_units
    ON relationship_survey_units.period_start = relationship_survey_by_stratum.period_start
  GROUP BY
    1,
    2
), every_line AS (
  SELECT
    period_start,
    customer__region,
    nps_relationship_plus,
    nps_relationship_minus,
    nps_relationship_rows,
    nps_relationship_n,
    nps_relationship_weight_squares,
    NULL AS nps_relationship_numerator,
    NULL AS nps_relationship_denominator,
    NULL AS nps_relationship_numerator_squares,
    NULL AS nps_relationship_products,
    NULL AS nps_relationship_denominator_squares,
    NULL AS nps_relationship_units,
    NULL AS nps_relationship_largest_unit
  FROM relationship_survey_by_responded_at
  UNION ALL
  SELECT
    period_start,
    customer__region,
    NULL AS nps_relationship_plus,
    NULL AS nps_relationship_minus,
    NULL AS nps_relationship_rows,
    NULL AS nps_relationship_n,
    NULL AS nps_relationship_weight_squares,
    nps_relationship_numerator,
    nps_relationship_denominator,
    nps_relationship_numerator_squares,
    nps_relationship_products,
    nps_relationship_denominator_squares,
    nps_relationship_units,
    nps_relationship_largest_unit
  FROM relationship_survey_by_responded_at_moments
  UNION ALL
  SELECT
    buckets.period_start,
    groups_found.customer__region,
    NULL AS nps_relationship_plus,
    NULL AS nps_relationship_minus,
    NULL AS nps_relationship_rows,
    NULL AS nps_relationship_n,
    NULL AS nps_relationship_weight_squares,
    NULL AS nps_relationship_numerator,
    NULL AS nps_relationship_denominator,
    NULL AS nps_relationship_numerator_squares,
    NULL AS nps_relationship_products,
    NULL AS nps_relationship_denominator_squares,
    NULL AS nps_relationship_units,
    NULL AS nps_relationship_largest_unit
  FROM buckets
  CROSS JOIN (
    SELECT DISTINCT
      customer__region
    FROM relationship_survey_by_responded_at
  ) AS groups_found
), totals AS (
  SELECT
    period_start,
    customer__region,
    COALESCE(MAX(nps_relationship_plus), 0) AS nps_relationship_plus,
    COALESCE(MAX(nps_relationship_minus), 0) AS nps_relationship_minus,
    COALESCE(MAX(nps_relationship_rows), 0) AS nps_relationship_rows,
    COALESCE(MAX(nps_relationship_n), 0) AS nps_relationship_n,
    MAX(nps_relationship_weight_squares) AS nps_relationship_weight_squares,
    MAX(nps_relationship_numerator) AS nps_relationship_numerator,
    MAX(nps_relationship_denominator) AS nps_relationship_denominator,
    MAX(nps_relationship_numerator_squares) AS nps_relationship_numerator_squares,
    MAX(nps_relationship_products) AS nps_relationship_products,
    MAX(nps_relationship_denominator_squares) AS nps_relationship_denominator_squares,
    MAX(nps_relationship_units) AS nps_relationship_units,
    MAX(nps_relationship_largest_unit) AS nps_relationship_largest_unit
  FROM every_line
  GROUP BY
    1,
    2
), errors AS (
  SELECT
    *,
    CASE
      WHEN CAST(nps_relationship_numerator_squares AS FLOAT64) - 2 * (
        CAST(nps_relationship_numerator AS FLOAT64) / NULLIF(CAST(nps_relationship_denominator AS FLOAT64), 0)
      ) * CAST(nps_relationship_products AS FLOAT64) + (
        CAST(nps_relationship_numerator AS FLOAT64) / NULLIF(CAST(nps_relationship_denominator AS FLOAT64), 0)
      ) * (
        CAST(nps_relationship_numerator AS FLOAT64) / NULLIF(CAST(nps_relationship_denominator AS FLOAT64), 0)
      ) * CAST(nps_relationship_denominator_squares AS FLOAT64) > 1E-12 * (
        CAST(nps_relationship_numerator_squares AS FLOAT64) + (
          CAST(nps_relationship_numerator AS FLOAT64) / NULLIF(CAST(nps_relationship_denominator AS FLOAT64), 0)
        ) * (
          CAST(nps_relationship_numerator AS FLOAT64) / NULLIF(CAST(nps_relationship_denominator AS FLOAT64), 0)
        ) * CAST(nps_relationship_denominator_squares AS FLOAT64)
      )
      THEN SQRT(
        (
          CAST(nps_relationship_units AS FLOAT64) / NULLIF(CAST(nps_relationship_units AS FLOAT64) - 1, 0)
        ) * (
          CAST(nps_relationship_numerator_squares AS FLOAT64) - 2 * (
            CAST(nps_relationship_numerator AS FLOAT64) / NULLIF(CAST(nps_relationship_denominator AS FLOAT64), 0)
          ) * CAST(nps_relationship_products AS FLOAT64) + (
            CAST(nps_relationship_numerator AS FLOAT64) / NULLIF(CAST(nps_relationship_denominator AS FLOAT64), 0)
          ) * (
            CAST(nps_relationship_numerator AS FLOAT64) / NULLIF(CAST(nps_relationship_denominator AS FLOAT64), 0)
          ) * CAST(nps_relationship_denominator_squares AS FLOAT64)
        )
      ) / NULLIF(ABS(CAST(nps_relationship_denominator AS FLOAT64)), 0)
    END AS nps_relationship_error
  FROM totals
)
SELECT
  buckets.period_start,
  buckets.partial,
  errors.customer__region,
  CASE
    WHEN NOT nps_relationship_n BETWEEN 1 AND 29
    THEN CAST(100 * (
      nps_relationship_plus - nps_relationship_minus
    ) AS FLOAT64) / NULLIF(nps_relationship_rows, 0)
  END AS nps_relationship,
  CASE WHEN NOT nps_relationship_n BETWEEN 1 AND 29 THEN nps_relationship_n END AS nps_relationship_n,
  CASE
    WHEN nps_relationship_n BETWEEN 1 AND 29
    THEN 'suppressed'
    WHEN CAST(nps_relationship_plus - nps_relationship_minus AS FLOAT64) / NULLIF(nps_relationship_rows, 0) IS NULL
    THEN 'no_data'
    ELSE 'ok'
  END AS nps_relationship_status,
  CASE
    WHEN NOT nps_relationship_n BETWEEN 1 AND 29
    THEN CASE
      WHEN NOT nps_relationship_error IS NULL
      THEN GREATEST(
        -100,
        CAST(100 * (
          nps_relationship_plus - nps_relationship_minus
        ) AS FLOAT64) / NULLIF(nps_relationship_rows, 0) - 195.99639845400537 * nps_relationship_error
      )
    END
  END AS nps_relationship_low,
  CASE
    WHEN NOT nps_relationship_n BETWEEN 1 AND 29
    THEN CASE
      WHEN NOT nps_relationship_error IS NULL
      THEN LEAST(
        100,
        CAST(100 * (
          nps_relationship_plus - nps_relationship_minus
        ) AS FLOAT64) / NULLIF(nps_relationship_rows, 0) + 195.99639845400537 * nps_relationship_error
      )
    END
  END AS nps_relationship_high,
  CASE
    WHEN NOT nps_relationship_n BETWEEN 1 AND 29
    THEN nps_relationship_numerator
  END AS nps_relationship_numerator,
  CASE
    WHEN NOT nps_relationship_n BETWEEN 1 AND 29
    THEN nps_relationship_denominator
  END AS nps_relationship_denominator,
  CASE
    WHEN NOT nps_relationship_n BETWEEN 1 AND 29
    THEN nps_relationship_numerator_squares
  END AS nps_relationship_numerator_squares,
  CASE
    WHEN NOT nps_relationship_n BETWEEN 1 AND 29
    THEN nps_relationship_products
  END AS nps_relationship_products,
  CASE
    WHEN NOT nps_relationship_n BETWEEN 1 AND 29
    THEN nps_relationship_denominator_squares
  END AS nps_relationship_denominator_squares,
  CASE WHEN NOT nps_relationship_n BETWEEN 1 AND 29 THEN nps_relationship_units END AS nps_relationship_units,
  CASE
    WHEN NOT nps_relationship_n BETWEEN 1 AND 29
    THEN CAST(nps_relationship_rows * nps_relationship_rows AS FLOAT64) / NULLIF(nps_relationship_weight_squares, 0)
  END AS nps_relationship_effective_n
FROM errors
JOIN buckets
  ON buckets.period_start = errors.period_start
ORDER BY
  errors.period_start ASC NULLS LAST,
  errors.customer__region ASC NULLS LAST
