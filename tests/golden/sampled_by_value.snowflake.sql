-- nps_by_value, csat_relationship
-- where channel <> 'sms'
-- period 2026-Q3: 2026-07-01 to before 2026-10-01, days of Europe/Berlin
-- as of 2026-10-10T22:00:00Z
-- as it is now, not as it was: the frame customers
WITH relationship_by_value_population AS (
  SELECT
    score,
    channel,
    responded_at,
    customer_id,
    invitation_id,
    response_id
  FROM cx.relationship_responses
  WHERE
    responded_at >= CAST('2026-06-30 22:00:00+00:00' AS TIMESTAMPTZ)
    AND responded_at < CAST('2026-09-30 22:00:00+00:00' AS TIMESTAMPTZ)
    AND loaded_at < CAST('2026-10-10 22:00:00+00:00' AS TIMESTAMPTZ)
    AND channel <> 'internal'
), relationship_by_value_frame AS (
  SELECT
    customer_id AS unit_customer_id,
    CAST(annual_value AS DOUBLE) AS weight
  FROM cx.customers
  WHERE
    NOT opted_out AND status = 'active'
), relationship_by_value_selection AS (
  SELECT
    *
  FROM relationship_by_value_frame
  WHERE
    SUBSTRING(MD5('relationship_2026:' || CAST(unit_customer_id AS VARCHAR)), 1, 8) < '66666667'
), relationship_by_value_selected AS (
  SELECT
    relationship_by_value_population.*,
    relationship_by_value_selection.weight
  FROM relationship_by_value_population
  JOIN relationship_by_value_selection
    ON relationship_by_value_selection.unit_customer_id = relationship_by_value_population.customer_id
), relationship_by_value_invitations AS (
  SELECT
    invitation_id AS its_invitation_id,
    customer_id AS unit_customer_id,
    invited_at AS invited_at,
    COUNT(*) OVER (
      PARTITION BY customer_id
      ORDER BY TIMESTAMPDIFF(MICROSECOND, CAST('2000-01-01 00:00:00+00:00' AS TIMESTAMPTZ), invited_at) ASC
      RANGE BETWEEN 7776000000000 PRECEDING AND 1 PRECEDING
    ) AS invitations_before
  FROM cx.relationship_invitations
  WHERE
    loaded_at < CAST('2026-10-10 22:00:00+00:00' AS TIMESTAMPTZ)
), relationship_by_value_invited AS (
  SELECT
    relationship_by_value_selected.*,
    relationship_by_value_invitations.invited_at,
    relationship_by_value_invitations.invitations_before
  FROM relationship_by_value_selected
  JOIN relationship_by_value_invitations
    ON relationship_by_value_invitations.unit_customer_id = relationship_by_value_selected.customer_id
    AND relationship_by_value_invitations.its_invitation_id = relationship_by_value_selected.invitation_id
), relationship_by_value_within_cap AS (
  SELECT
    *
  FROM relationship_by_value_invited
  WHERE
    invitations_before < 2
), relationship_by_value_responded AS (
  SELECT
    *
  FROM relationship_by_value_within_cap
  WHERE
    responded_at >= invited_at
    AND responded_at < TIMESTAMPADD(MICROSECOND, 1814400000000, invited_at)
), relationship_by_value_valid AS (
  SELECT
    *
  FROM relationship_by_value_responded
  WHERE
    score BETWEEN 0 AND 10
), relationship_by_value_one_per_unit AS (
  SELECT
    *
  FROM (
    SELECT
      *,
      ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY responded_at DESC, response_id DESC) AS place
    FROM relationship_by_value_valid
  ) AS relationship_by_value_ranked
  WHERE
    place = 1
), relationship_by_value_not_excluded AS (
  SELECT
    *
  FROM relationship_by_value_one_per_unit
  WHERE
    NOT (
      channel = 'in_app'
      AND responded_at >= CAST('2026-09-06 22:00:00+00:00' AS TIMESTAMPTZ)
      AND responded_at < CAST('2026-09-09 22:00:00+00:00' AS TIMESTAMPTZ)
    )
), relationship_by_value_by_responded_at AS (
  SELECT
    COALESCE(SUM(CASE WHEN score >= 9 THEN weight END), 0) AS nps_by_value_plus,
    COALESCE(SUM(CASE WHEN score <= 6 THEN weight END), 0) AS nps_by_value_minus,
    COALESCE(SUM(weight), 0) AS nps_by_value_rows,
    COUNT(*) AS nps_by_value_n,
    COALESCE(SUM(weight * weight), 0) AS nps_by_value_weight_squares
  FROM relationship_by_value_not_excluded
  WHERE
    channel <> 'sms'
), relationship_by_value_units AS (
  SELECT
    COUNT(*) AS units
  FROM (
    SELECT DISTINCT
      customer_id
    FROM relationship_by_value_not_excluded
  ) AS each_unit
), relationship_by_value_by_unit AS (
  SELECT
    customer_id AS unit_1,
    SUM(
      weight * CAST(CASE WHEN score >= 9 THEN 1 ELSE 0 END - CASE WHEN score <= 6 THEN 1 ELSE 0 END AS DOUBLE)
    ) AS nps_by_value_numerator,
    SUM(weight * CAST(1 AS DOUBLE)) AS nps_by_value_denominator
  FROM relationship_by_value_not_excluded
  WHERE
    channel <> 'sms'
  GROUP BY
    1
), relationship_by_value_by_responded_at_moments AS (
  SELECT
    SUM(relationship_by_value_by_unit.nps_by_value_numerator) AS nps_by_value_numerator,
    SUM(relationship_by_value_by_unit.nps_by_value_denominator) AS nps_by_value_denominator,
    SUM(
      relationship_by_value_by_unit.nps_by_value_numerator * relationship_by_value_by_unit.nps_by_value_numerator
    ) AS nps_by_value_numerator_squares,
    SUM(
      relationship_by_value_by_unit.nps_by_value_numerator * relationship_by_value_by_unit.nps_by_value_denominator
    ) AS nps_by_value_products,
    SUM(
      relationship_by_value_by_unit.nps_by_value_denominator * relationship_by_value_by_unit.nps_by_value_denominator
    ) AS nps_by_value_denominator_squares,
    MAX(relationship_by_value_units.units) AS nps_by_value_units,
    MAX(relationship_by_value_by_unit.nps_by_value_denominator) AS nps_by_value_largest_unit
  FROM relationship_by_value_by_unit
  CROSS JOIN relationship_by_value_units
), relationship_survey_population AS (
  SELECT
    satisfaction,
    channel,
    customer_id,
    invitation_id,
    responded_at,
    response_id
  FROM cx.relationship_responses
  WHERE
    responded_at >= CAST('2026-06-30 22:00:00+00:00' AS TIMESTAMPTZ)
    AND responded_at < CAST('2026-09-30 22:00:00+00:00' AS TIMESTAMPTZ)
    AND loaded_at < CAST('2026-10-10 22:00:00+00:00' AS TIMESTAMPTZ)
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
    SUBSTRING(MD5('relationship_2026:' || CAST(unit_customer_id AS VARCHAR)), 1, 8) < '66666667'
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
      ORDER BY TIMESTAMPDIFF(MICROSECOND, CAST('2000-01-01 00:00:00+00:00' AS TIMESTAMPTZ), invited_at) ASC
      RANGE BETWEEN 7776000000000 PRECEDING AND 1 PRECEDING
    ) AS invitations_before
  FROM cx.relationship_invitations
  WHERE
    loaded_at < CAST('2026-10-10 22:00:00+00:00' AS TIMESTAMPTZ)
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
    AND responded_at < TIMESTAMPADD(MICROSECOND, 1814400000000, invited_at)
), relationship_survey_valid AS (
  SELECT
    *
  FROM relationship_survey_responded
  WHERE
    satisfaction BETWEEN 1 AND 5
), relationship_survey_one_per_unit AS (
  SELECT
    *
  FROM (
    SELECT
      *,
      ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY responded_at DESC, response_id DESC) AS place
    FROM relationship_survey_valid
  ) AS relationship_survey_ranked
  WHERE
    place = 1
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
    cell_region,
    cell_tier,
    COUNT(*) AS rows_in_cell
  FROM relationship_survey_one_per_unit
  GROUP BY
    1,
    2
), relationship_survey_weights AS (
  SELECT
    relationship_survey_cells.cell_region,
    relationship_survey_cells.cell_tier,
    CAST(relationship_survey_targets.units AS DOUBLE) / NULLIF(relationship_survey_cells.rows_in_cell, 0) AS weight,
    relationship_survey_cells.rows_in_cell AS rows_in_cell
  FROM relationship_survey_cells
  JOIN relationship_survey_targets
    ON relationship_survey_targets.cell_region = relationship_survey_cells.cell_region
    AND relationship_survey_targets.cell_tier = relationship_survey_cells.cell_tier
), relationship_survey_weighted AS (
  SELECT
    relationship_survey_one_per_unit.*,
    relationship_survey_weights.weight,
    relationship_survey_weights.rows_in_cell
  FROM relationship_survey_one_per_unit
  JOIN relationship_survey_weights
    ON relationship_survey_weights.cell_region = relationship_survey_one_per_unit.cell_region
    AND relationship_survey_weights.cell_tier = relationship_survey_one_per_unit.cell_tier
), relationship_survey_by_responded_at AS (
  SELECT
    COALESCE(SUM(CASE WHEN satisfaction >= 4 THEN weight END), 0) AS csat_relationship_hits,
    COALESCE(SUM(weight), 0) AS csat_relationship_rows,
    COUNT(*) AS csat_relationship_n,
    COALESCE(SUM(weight * weight), 0) AS csat_relationship_weight_squares
  FROM relationship_survey_weighted
  WHERE
    channel <> 'sms'
), relationship_survey_units AS (
  SELECT
    COUNT(*) AS units
  FROM (
    SELECT DISTINCT
      customer_id
    FROM relationship_survey_weighted
  ) AS each_unit
), relationship_survey_by_stratum AS (
  SELECT
    cell_region AS stratum_1,
    cell_tier AS stratum_2,
    MAX(weight) AS weight,
    MAX(rows_in_cell) AS rows_in_stratum,
    COUNT(*) AS rows_here,
    SUM(CAST(CASE WHEN satisfaction >= 4 THEN 1 ELSE 0 END AS DOUBLE)) AS csat_relationship_numerator,
    VAR_POP(CAST(CASE WHEN satisfaction >= 4 THEN 1 ELSE 0 END AS DOUBLE)) AS csat_relationship_numerator_spread,
    SUM(CAST(1 AS DOUBLE)) AS csat_relationship_denominator,
    VAR_POP(CAST(1 AS DOUBLE)) AS csat_relationship_denominator_spread,
    COVAR_POP(CAST(CASE WHEN satisfaction >= 4 THEN 1 ELSE 0 END AS DOUBLE), CAST(1 AS DOUBLE)) AS csat_relationship_joint_spread
  FROM relationship_survey_weighted
  WHERE
    channel <> 'sms'
  GROUP BY
    1,
    2
), relationship_survey_by_responded_at_moments AS (
  SELECT
    SUM(
      relationship_survey_by_stratum.weight * relationship_survey_by_stratum.csat_relationship_numerator
    ) AS csat_relationship_numerator,
    SUM(
      relationship_survey_by_stratum.weight * relationship_survey_by_stratum.csat_relationship_denominator
    ) AS csat_relationship_denominator,
    SUM(
      relationship_survey_by_stratum.weight * relationship_survey_by_stratum.weight * (
        relationship_survey_by_stratum.csat_relationship_numerator_spread * relationship_survey_by_stratum.rows_here + relationship_survey_by_stratum.csat_relationship_numerator * relationship_survey_by_stratum.csat_relationship_numerator * (
          CAST(1 AS DOUBLE) / NULLIF(relationship_survey_by_stratum.rows_here, 0) - CAST(1 AS DOUBLE) / NULLIF(relationship_survey_by_stratum.rows_in_stratum, 0)
        )
      )
    ) AS csat_relationship_numerator_squares,
    SUM(
      relationship_survey_by_stratum.weight * relationship_survey_by_stratum.weight * (
        relationship_survey_by_stratum.csat_relationship_joint_spread * relationship_survey_by_stratum.rows_here + relationship_survey_by_stratum.csat_relationship_numerator * relationship_survey_by_stratum.csat_relationship_denominator * (
          CAST(1 AS DOUBLE) / NULLIF(relationship_survey_by_stratum.rows_here, 0) - CAST(1 AS DOUBLE) / NULLIF(relationship_survey_by_stratum.rows_in_stratum, 0)
        )
      )
    ) AS csat_relationship_products,
    SUM(
      relationship_survey_by_stratum.weight * relationship_survey_by_stratum.weight * (
        relationship_survey_by_stratum.csat_relationship_denominator_spread * relationship_survey_by_stratum.rows_here + relationship_survey_by_stratum.csat_relationship_denominator * relationship_survey_by_stratum.csat_relationship_denominator * (
          CAST(1 AS DOUBLE) / NULLIF(relationship_survey_by_stratum.rows_here, 0) - CAST(1 AS DOUBLE) / NULLIF(relationship_survey_by_stratum.rows_in_stratum, 0)
        )
      )
    ) AS csat_relationship_denominator_squares,
    MAX(relationship_survey_units.units) AS csat_relationship_units,
    MAX(relationship_survey_by_stratum.weight) AS csat_relationship_largest_unit
  FROM relationship_survey_by_stratum
  CROSS JOIN relationship_survey_units
), every_line AS (
  SELECT
    nps_by_value_plus,
    nps_by_value_minus,
    nps_by_value_rows,
    nps_by_value_n,
    nps_by_value_weight_squares,
    NULL AS nps_by_value_numerator,
    NULL AS nps_by_value_denominator,
    NULL AS nps_by_value_numerator_squares,
    NULL AS nps_by_value_products,
    NULL AS nps_by_value_denominator_squares,
    NULL AS nps_by_value_units,
    NULL AS nps_by_value_largest_unit,
    NULL AS csat_relationship_hits,
    NULL AS csat_relationship_rows,
    NULL AS csat_relationship_n,
    NULL AS csat_relationship_weight_squares,
    NULL AS csat_relationship_numerator,
    NULL AS csat_relationship_denominator,
    NULL AS csat_relationship_numerator_squares,
    NULL AS csat_relationship_products,
    NULL AS csat_relationship_denominator_squares,
    NULL AS csat_relationship_units,
    NULL AS csat_relationship_largest_unit
  FROM relationship_by_value_by_responded_at
  UNION ALL
  SELECT
    NULL AS nps_by_value_plus,
    NULL AS nps_by_value_minus,
    NULL AS nps_by_value_rows,
    NULL AS nps_by_value_n,
    NULL AS nps_by_value_weight_squares,
    nps_by_value_numerator,
    nps_by_value_denominator,
    nps_by_value_numerator_squares,
    nps_by_value_products,
    nps_by_value_denominator_squares,
    nps_by_value_units,
    nps_by_value_largest_unit,
    NULL AS csat_relationship_hits,
    NULL AS csat_relationship_rows,
    NULL AS csat_relationship_n,
    NULL AS csat_relationship_weight_squares,
    NULL AS csat_relationship_numerator,
    NULL AS csat_relationship_denominator,
    NULL AS csat_relationship_numerator_squares,
    NULL AS csat_relationship_products,
    NULL AS csat_relationship_denominator_squares,
    NULL AS csat_relationship_units,
    NULL AS csat_relationship_largest_unit
  FROM relationship_by_value_by_responded_at_moments
  UNION ALL
  SELECT
    NULL AS nps_by_value_plus,
    NULL AS nps_by_value_minus,
    NULL AS nps_by_value_rows,
    NULL AS nps_by_value_n,
    NULL AS nps_by_value_weight_squares,
    NULL AS nps_by_value_numerator,
    NULL AS nps_by_value_denominator,
    NULL AS nps_by_value_numerator_squares,
    NULL AS nps_by_value_products,
    NULL AS nps_by_value_denominator_squares,
    NULL AS nps_by_value_units,
    NULL AS nps_by_value_largest_unit,
    csat_relationship_hits,
    csat_relationship_rows,
    csat_relationship_n,
    csat_relationship_weight_squares,
    NULL AS csat_relationship_numerator,
    NULL AS csat_relationship_denominator,
    NULL AS csat_relationship_numerator_squares,
    NULL AS csat_relationship_products,
    NULL AS csat_relationship_denominator_squares,
    NULL AS csat_relationship_units,
    NULL AS csat_relationship_largest_unit
  FROM relationship_survey_by_responded_at
  UNION ALL
  SELECT
    NULL AS nps_by_value_plus,
    NULL AS nps_by_value_minus,
    NULL AS nps_by_value_rows,
    NULL AS nps_by_value_n,
    NULL AS nps_by_value_weight_squares,
    NULL AS nps_by_value_numerator,
    NULL AS nps_by_value_denominator,
    NULL AS nps_by_value_numerator_squares,
    NULL AS nps_by_value_products,
    NULL AS nps_by_value_denominator_squares,
    NULL AS nps_by_value_units,
    NULL AS nps_by_value_largest_unit,
    NULL AS csat_relationship_hits,
    NULL AS csat_relationship_rows,
    NULL AS csat_relationship_n,
    NULL AS csat_relationship_weight_squares,
    csat_relationship_numerator,
    csat_relationship_denominator,
    csat_relationship_numerator_squares,
    csat_relationship_products,
    csat_relationship_denominator_squares,
    csat_relationship_units,
    csat_relationship_largest_unit
  FROM relationship_survey_by_responded_at_moments
), totals AS (
  SELECT
    COALESCE(MAX(nps_by_value_plus), 0) AS nps_by_value_plus,
    COALESCE(MAX(nps_by_value_minus), 0) AS nps_by_value_minus,
    COALESCE(MAX(nps_by_value_rows), 0) AS nps_by_value_rows,
    COALESCE(MAX(nps_by_value_n), 0) AS nps_by_value_n,
    MAX(nps_by_value_weight_squares) AS nps_by_value_weight_squares,
    MAX(nps_by_value_numerator) AS nps_by_value_numerator,
    MAX(nps_by_value_denominator) AS nps_by_value_denominator,
    MAX(nps_by_value_numerator_squares) AS nps_by_value_numerator_squares,
    MAX(nps_by_value_products) AS nps_by_value_products,
    MAX(nps_by_value_denominator_squares) AS nps_by_value_denominator_squares,
    MAX(nps_by_value_units) AS nps_by_value_units,
    MAX(nps_by_value_largest_unit) AS nps_by_value_largest_unit,
    COALESCE(MAX(csat_relationship_hits), 0) AS csat_relationship_hits,
    COALESCE(MAX(csat_relationship_rows), 0) AS csat_relationship_rows,
    COALESCE(MAX(csat_relationship_n), 0) AS csat_relationship_n,
    MAX(csat_relationship_weight_squares) AS csat_relationship_weight_squares,
    MAX(csat_relationship_numerator) AS csat_relationship_numerator,
    MAX(csat_relationship_denominator) AS csat_relationship_denominator,
    MAX(csat_relationship_numerator_squares) AS csat_relationship_numerator_squares,
    MAX(csat_relationship_products) AS csat_relationship_products,
    MAX(csat_relationship_denominator_squares) AS csat_relationship_denominator_squares,
    MAX(csat_relationship_units) AS csat_relationship_units,
    MAX(csat_relationship_largest_unit) AS csat_relationship_largest_unit
  FROM every_line
), errors AS (
  SELECT
    *,
    CASE
      WHEN CAST(nps_by_value_numerator_squares AS DOUBLE) - 2 * (
        CAST(nps_by_value_numerator AS DOUBLE) / NULLIF(CAST(nps_by_value_denominator AS DOUBLE), 0)
      ) * CAST(nps_by_value_products AS DOUBLE) + (
        CAST(nps_by_value_numerator AS DOUBLE) / NULLIF(CAST(nps_by_value_denominator AS DOUBLE), 0)
      ) * (
        CAST(nps_by_value_numerator AS DOUBLE) / NULLIF(CAST(nps_by_value_denominator AS DOUBLE), 0)
      ) * CAST(nps_by_value_denominator_squares AS DOUBLE) > 1E-12 * (
        CAST(nps_by_value_numerator_squares AS DOUBLE) + (
          CAST(nps_by_value_numerator AS DOUBLE) / NULLIF(CAST(nps_by_value_denominator AS DOUBLE), 0)
        ) * (
          CAST(nps_by_value_numerator AS DOUBLE) / NULLIF(CAST(nps_by_value_denominator AS DOUBLE), 0)
        ) * CAST(nps_by_value_denominator_squares AS DOUBLE)
      )
      THEN SQRT(
        (
          CAST(nps_by_value_units AS DOUBLE) / NULLIF(CAST(nps_by_value_units AS DOUBLE) - 1, 0)
        ) * (
          CAST(nps_by_value_numerator_squares AS DOUBLE) - 2 * (
            CAST(nps_by_value_numerator AS DOUBLE) / NULLIF(CAST(nps_by_value_denominator AS DOUBLE), 0)
          ) * CAST(nps_by_value_products AS DOUBLE) + (
            CAST(nps_by_value_numerator AS DOUBLE) / NULLIF(CAST(nps_by_value_denominator AS DOUBLE), 0)
          ) * (
            CAST(nps_by_value_numerator AS DOUBLE) / NULLIF(CAST(nps_by_value_denominator AS DOUBLE), 0)
          ) * CAST(nps_by_value_denominator_squares AS DOUBLE)
        )
      ) / NULLIF(ABS(CAST(nps_by_value_denominator AS DOUBLE)), 0)
    END AS nps_by_value_error,
    CASE
      WHEN CAST(csat_relationship_numerator_squares AS DOUBLE) - 2 * (
        CAST(csat_relationship_numerator AS DOUBLE) / NULLIF(CAST(csat_relationship_denominator AS DOUBLE), 0)
      ) * CAST(csat_relationship_products AS DOUBLE) + (
        CAST(csat_relationship_numerator AS DOUBLE) / NULLIF(CAST(csat_relationship_denominator AS DOUBLE), 0)
      ) * (
        CAST(csat_relationship_numerator AS DOUBLE) / NULLIF(CAST(csat_relationship_denominator AS DOUBLE), 0)
      ) * CAST(csat_relationship_denominator_squares AS DOUBLE) > 1E-12 * (
        CAST(csat_relationship_numerator_squares AS DOUBLE) + (
          CAST(csat_relationship_numerator AS DOUBLE) / NULLIF(CAST(csat_relationship_denominator AS DOUBLE), 0)
        ) * (
          CAST(csat_relationship_numerator AS DOUBLE) / NULLIF(CAST(csat_relationship_denominator AS DOUBLE), 0)
        ) * CAST(csat_relationship_denominator_squares AS DOUBLE)
      )
      THEN SQRT(
        (
          CAST(csat_relationship_units AS DOUBLE) / NULLIF(CAST(csat_relationship_units AS DOUBLE) - 1, 0)
        ) * (
          CAST(csat_relationship_numerator_squares AS DOUBLE) - 2 * (
            CAST(csat_relationship_numerator AS DOUBLE) / NULLIF(CAST(csat_relationship_denominator AS DOUBLE), 0)
          ) * CAST(csat_relationship_products AS DOUBLE) + (
            CAST(csat_relationship_numerator AS DOUBLE) / NULLIF(CAST(csat_relationship_denominator AS DOUBLE), 0)
          ) * (
            CAST(csat_relationship_numerator AS DOUBLE) / NULLIF(CAST(csat_relationship_denominator AS DOUBLE), 0)
          ) * CAST(csat_relationship_denominator_squares AS DOUBLE)
        )
      ) / NULLIF(ABS(CAST(csat_relationship_denominator AS DOUBLE)), 0)
    END AS csat_relationship_error
  FROM totals
)
SELECT
  CASE
    WHEN NOT nps_by_value_n BETWEEN 1 AND 29
    THEN CAST(100 * (
      nps_by_value_plus - nps_by_value_minus
    ) AS DOUBLE) / NULLIF(nps_by_value_rows, 0)
  END AS nps_by_value,
  CASE WHEN NOT nps_by_value_n BETWEEN 1 AND 29 THEN nps_by_value_n END AS nps_by_value_n,
  CASE
    WHEN nps_by_value_n BETWEEN 1 AND 29
    THEN 'suppressed'
    WHEN CAST(nps_by_value_plus - nps_by_value_minus AS DOUBLE) / NULLIF(nps_by_value_rows, 0) IS NULL
    THEN 'no_data'
    ELSE 'ok'
  END AS nps_by_value_status,
  CASE
    WHEN NOT nps_by_value_n BETWEEN 1 AND 29
    THEN CASE
      WHEN NOT nps_by_value_error IS NULL
      THEN GREATEST(
        -100,
        CAST(100 * (
          nps_by_value_plus - nps_by_value_minus
        ) AS DOUBLE) / NULLIF(nps_by_value_rows, 0) - 195.99639845400537 * nps_by_value_error
      )
    END
  END AS nps_by_value_low,
  CASE
    WHEN NOT nps_by_value_n BETWEEN 1 AND 29
    THEN CASE
      WHEN NOT nps_by_value_error IS NULL
      THEN LEAST(
        100,
        CAST(100 * (
          nps_by_value_plus - nps_by_value_minus
        ) AS DOUBLE) / NULLIF(nps_by_value_rows, 0) + 195.99639845400537 * nps_by_value_error
      )
    END
  END AS nps_by_value_high,
  CASE WHEN NOT nps_by_value_n BETWEEN 1 AND 29 THEN nps_by_value_numerator END AS nps_by_value_numerator,
  CASE WHEN NOT nps_by_value_n BETWEEN 1 AND 29 THEN nps_by_value_denominator END AS nps_by_value_denominator,
  CASE
    WHEN NOT nps_by_value_n BETWEEN 1 AND 29
    THEN nps_by_value_numerator_squares
  END AS nps_by_value_numerator_squares,
  CASE WHEN NOT nps_by_value_n BETWEEN 1 AND 29 THEN nps_by_value_products END AS nps_by_value_products,
  CASE
    WHEN NOT nps_by_value_n BETWEEN 1 AND 29
    THEN nps_by_value_denominator_squares
  END AS nps_by_value_denominator_squares,
  CASE WHEN NOT nps_by_value_n BETWEEN 1 AND 29 THEN nps_by_value_units END AS nps_by_value_units,
  CASE
    WHEN NOT nps_by_value_n BETWEEN 1 AND 29
    THEN CAST(nps_by_value_rows * nps_by_value_rows AS DOUBLE) / NULLIF(nps_by_value_weight_squares, 0)
  END AS nps_by_value_effective_n,
  CASE
    WHEN NOT nps_by_value_n BETWEEN 1 AND 29
    THEN CAST(nps_by_value_largest_unit AS DOUBLE) / NULLIF(nps_by_value_denominator, 0)
  END AS nps_by_value_top_share,
  CASE
    WHEN NOT csat_relationship_n BETWEEN 1 AND 29
    THEN CAST(100 * csat_relationship_hits AS DOUBLE) / NULLIF(csat_relationship_rows, 0)
  END AS csat_relationship,
  CASE WHEN NOT csat_relationship_n BETWEEN 1 AND 29 THEN csat_relationship_n END AS csat_relationship_n,
  CASE
    WHEN csat_relationship_n BETWEEN 1 AND 29
    THEN 'suppressed'
    WHEN CAST(csat_relationship_hits AS DOUBLE) / NULLIF(csat_relationship_rows, 0) IS NULL
    THEN 'no_data'
    ELSE 'ok'
  END AS csat_relationship_status,
  CASE
    WHEN NOT csat_relationship_n BETWEEN 1 AND 29
    THEN CASE
      WHEN NOT csat_relationship_error IS NULL
      THEN GREATEST(
        0,
        CAST(100 * csat_relationship_hits AS DOUBLE) / NULLIF(csat_relationship_rows, 0) - 195.99639845400537 * csat_relationship_error
      )
    END
  END AS csat_relationship_low,
  CASE
    WHEN NOT csat_relationship_n BETWEEN 1 AND 29
    THEN CASE
      WHEN NOT csat_relationship_error IS NULL
      THEN LEAST(
        100,
        CAST(100 * csat_relationship_hits AS DOUBLE) / NULLIF(csat_relationship_rows, 0) + 195.99639845400537 * csat_relationship_error
      )
    END
  END AS csat_relationship_high,
  CASE
    WHEN NOT csat_relationship_n BETWEEN 1 AND 29
    THEN csat_relationship_numerator
  END AS csat_relationship_numerator,
  CASE
    WHEN NOT csat_relationship_n BETWEEN 1 AND 29
    THEN csat_relationship_denominator
  END AS csat_relationship_denominator,
  CASE
    WHEN NOT csat_relationship_n BETWEEN 1 AND 29
    THEN csat_relationship_numerator_squares
  END AS csat_relationship_numerator_squares,
  CASE
    WHEN NOT csat_relationship_n BETWEEN 1 AND 29
    THEN csat_relationship_products
  END AS csat_relationship_products,
  CASE
    WHEN NOT csat_relationship_n BETWEEN 1 AND 29
    THEN csat_relationship_denominator_squares
  END AS csat_relationship_denominator_squares,
  CASE WHEN NOT csat_relationship_n BETWEEN 1 AND 29 THEN csat_relationship_units END AS csat_relationship_units,
  CASE
    WHEN NOT csat_relationship_n BETWEEN 1 AND 29
    THEN CAST(csat_relationship_rows * csat_relationship_rows AS DOUBLE) / NULLIF(csat_relationship_weight_squares, 0)
  END AS csat_relationship_effective_n
FROM errors
