"""A relationship survey of ten million answers: the whole chain of a sampling rule against the statement by hand."""

from typing import Final

from cxgov.api import Loaded
from cxgov.language.loading import load

_COMMON: Final = "apiVersion: cxgov/v1\nkind: {}\nid: {}\nversion: 1.0.0\ntitle: {}\nowner: bench\n"
_DOCUMENTS: Final = {
    ("Registry", "registry"): "calendar: days\ndialects: [duckdb]\n",
    ("Calendar", "days"): "zone: Europe/Berlin\nweek_start: monday\nreporting: quarter\ncloses: 10 days\n",
    ("Source", "customers"): """
relation: cx.customers
grain: one row a customer
key: [customer_id]
columns:
  customer_id: {type: text}
  region: {type: text}
  tier: {type: text}
  status: {type: text}
  opted_out: {type: boolean}
entities: {customer: {key: [customer_id]}}
dimensions: {region: region, tier: tier}
""",
    ("Source", "invitations"): """
relation: cx.invitations
grain: one row an invitation
key: [invitation_id]
columns:
  invitation_id: {type: integer}
  customer_id: {type: text}
  invited_at: {type: instant}
entities:
  invitation: {key: [invitation_id]}
  customer: {key: [customer_id], source: customers}
""",
    ("Source", "answers"): """
relation: cx.answers
grain: one row an answer
key: [response_id]
columns:
  response_id: {type: integer}
  invitation_id: {type: integer}
  customer_id: {type: text}
  score: {type: integer, nullable: true}
  channel: {type: text}
  responded_at: {type: instant}
entities:
  response: {key: [response_id]}
  invitation: {key: [invitation_id], source: invitations}
  customer: {key: [customer_id], source: customers}
dimensions: {channel: channel}
""",
    ("Sampling", "survey"): """
source: answers
unit: customer
frame: {source: customers, where: status = 'active' and not opted_out}
select: {method: hash, fraction: 0.25, salt: bench}
invited: {source: invitations, by: customer, time: invited_at}
responded: {by: invitation, time: responded_at, within: 21 days}
deduplicate: {keep: latest, order: [responded_at, response_id]}
weights: {method: poststratify, by: [region, tier], targets: frame, empty_cell: error}
""",
    ("Metric", "nps"): """
status: certified
description: Net promoters among customers.
source: answers
time: responded_at
sampling: survey
where: channel <> 'internal'
valid: score between 0 and 10
measure: {net_share: {plus: score >= 9, minus: score <= 6}}
unit: points
direction: higher_is_better
dimensions: [channel, customer.region]
""",
}
DATA: Final = """
CREATE TABLE cx.customers AS
SELECT
    'c' || i AS customer_id,
    ['AMER', 'APAC', 'EMEA'][(hash(i * 3) % 3 + 1)::BIGINT] AS region,
    ['gold', 'standard'][(hash(i * 5) % 2 + 1)::BIGINT] AS tier,
    CASE WHEN hash(i * 7) % 10 = 0 THEN 'churned' ELSE 'active' END AS status,
    hash(i * 11) % 20 = 0 AS opted_out
FROM range(1000000) AS rows(i);
CREATE TABLE cx.invitations AS
SELECT
    i AS invitation_id,
    'c' || (hash(i * 13) % 1000000) AS customer_id,
    TIMESTAMPTZ '2026-06-20 00:00:00+00' + to_microseconds((hash(i * 17) % 7776000000000)::BIGINT) AS invited_at
FROM range(10000000) AS rows(i);
CREATE TABLE cx.answers AS
SELECT
    invitation_id AS response_id,
    invitation_id,
    customer_id,
    CASE WHEN hash(invitation_id * 19) % 100 < 3 THEN NULL ELSE (hash(invitation_id * 23) % 11)::BIGINT END AS score,
    ['email', 'sms', 'in_app', 'internal'][(hash(invitation_id * 29) % 4 + 1)::BIGINT] AS channel,
    invited_at + to_microseconds((hash(invitation_id * 31) % 2592000000000)::BIGINT) AS responded_at
FROM cx.invitations;
"""
BY_HAND: Final = """
WITH frame AS (
    SELECT customer_id, region, tier FROM cx.customers WHERE status = 'active' AND NOT opted_out
), selected AS (
    SELECT * FROM frame WHERE left(md5('bench:' || customer_id), 8) < '40000000'
), ranked AS (
    SELECT
        answers.channel, answers.score, region, tier,
        row_number() OVER (PARTITION BY answers.customer_id ORDER BY responded_at DESC, response_id DESC) AS place
    FROM cx.answers
    JOIN selected ON selected.customer_id = answers.customer_id
    JOIN cx.invitations
        ON invitations.invitation_id = answers.invitation_id AND invitations.customer_id = answers.customer_id
    WHERE responded_at >= TIMESTAMPTZ '2026-06-30 22:00:00+00' AND responded_at < TIMESTAMPTZ '2026-09-30 22:00:00+00'
        AND channel <> 'internal' AND score BETWEEN 0 AND 10
        AND responded_at >= invited_at AND responded_at < invited_at + to_microseconds(1814400000000)
), kept AS (
    SELECT * FROM ranked WHERE place = 1
), cells AS (
    SELECT region, tier, count(*) AS answered FROM kept GROUP BY ALL
), targets AS (
    SELECT region, tier, count(*) AS units FROM frame GROUP BY ALL
), weights AS (
    SELECT region, tier, units::DOUBLE / answered AS weight FROM cells JOIN targets USING (region, tier)
)
SELECT
    channel,
    100 * sum(CASE WHEN score >= 9 THEN weight WHEN score <= 6 THEN -weight ELSE 0 END) / sum(weight) AS nps,
    count(*) AS n
FROM kept JOIN weights USING (region, tier)
GROUP BY channel ORDER BY channel
"""
BY_HAND_ARG_MAX: Final = BY_HAND.replace(
    """    SELECT
        answers.channel, answers.score, region, tier,
        row_number() OVER (PARTITION BY answers.customer_id ORDER BY responded_at DESC, response_id DESC) AS place
""",
    """    SELECT
        unnest(arg_max(
            {'channel': answers.channel, 'score': answers.score}, {'at': responded_at, 'id': response_id}
        )),
        region, tier, 1 AS place
""",
).replace(
    "to_microseconds(1814400000000)\n",
    "to_microseconds(1814400000000)\n    GROUP BY answers.customer_id, region, tier\n",
)


def registry() -> Loaded:
    """The registry of the bench."""
    from pathlib import Path  # noqa: PLC0415

    tree = {
        f"{kind.lower()}_{name}.yaml": (_COMMON.format(kind, name, name) + text.lstrip("\n")).encode()
        for (kind, name), text in _DOCUMENTS.items()
    }
    found, problems = load(tree)
    assert found is not None, problems
    return Loaded(found, Path(), ())
