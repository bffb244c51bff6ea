"""A registry of any size from a seed: one metric a file, every one with expressions of its own."""

import random
from pathlib import Path

_HEAD = "apiVersion: cxgov/v1\nkind: {kind}\nid: {id}\nversion: 1.0.0\ntitle: {title}\nowner: cx-insights\n"
_SOURCE = """relation: cx.survey_responses
grain: one row a response
key: [response_id]
arrival: loaded_at
columns:
  response_id: {type: integer}
  customer_id: {type: text}
  score: {type: integer, nullable: true, range: [0, 10]}
  rating: {type: integer, nullable: true, range: [1, 5]}
  handle_seconds: {type: double, nullable: true}
  region: {type: text, nullable: true, values: [AMER, APAC, EMEA]}
  channel: {type: text, values: [email, sms, in_app, internal]}
  responded_at: {type: instant}
  loaded_at: {type: instant}
entities:
  response: {key: [response_id]}
  customer: {key: [customer_id], source: customers}
dimensions: {region: region, channel: channel}
"""
_CUSTOMERS = """relation: cx.customers
grain: one row a customer
key: [customer_id]
columns:
  customer_id: {type: text}
  segment: {type: text, values: [enterprise, mid_market, small]}
entities:
  customer: {key: [customer_id]}
dimensions: {segment: segment}
"""


def documents(metrics: int, seed: int = 7) -> dict[str, str]:
    """Path to text of every document of a registry with ``metrics`` metrics."""
    draw = random.Random(seed)  # a benchmark's data needs no secrecy
    found = {
        "registry.yaml": _HEAD.format(kind="Registry", id="registry", title="Bench")
        + "calendar: corporate\ndialects: [duckdb, postgres]\n",
        "calendars/corporate.yaml": _HEAD.format(kind="Calendar", id="corporate", title="Calendar")
        + "zone: Europe/Berlin\nweek_start: monday\nreporting: quarter\ncloses: 10 days\n",
        "sources/survey_responses.yaml": _HEAD.format(kind="Source", id="survey_responses", title="Responses")
        + _SOURCE,
        "sources/customers.yaml": _HEAD.format(kind="Source", id="customers", title="Customers") + _CUSTOMERS,
    }
    for number in range(metrics):
        found[f"definitions/team_{number % 100:03d}/metric_{number:06d}.yaml"] = _metric(number, draw)
    return found


def write(folder: Path, metrics: int, seed: int = 7) -> None:
    """Writes such a registry into a folder."""
    for path, text in documents(metrics, seed).items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def _metric(number: int, draw: random.Random) -> str:
    low, high = sorted(draw.sample(range(11), 2))
    where = draw.choice(
        [
            f"channel <> 'internal' and response_id % {number + 2} <> {draw.randrange(9)}",
            f"channel in ('email', 'sms') or response_id > {number}",
            f"not (channel = 'internal') and coalesce(handle_seconds, {number}) > {draw.randrange(90)}",
        ]
    )
    measure = draw.choice(
        [
            f"net_share: {{plus: score >= {high}, minus: score <= {low}}}",
            f"share:\n    of: score >= {high} and response_id <> {number}\n    among: score <> {low}",
            f"ratio:\n    numerator: {{sum: handle_seconds}}\n    denominator: {{count: rows, where: score > {low}}}",
            f"mean: case when score > {low} then score + {number} else score end",
        ]
    )
    unit = "points" if measure.startswith("net") else "percent" if measure.startswith("share") else "seconds"
    return (
        "# yaml-language-server: $schema=../../../schemas/metric.json\n"
        + _HEAD.format(kind="Metric", id=f"metric_{number:06d}", title=f"Metric {number} of the bench")
        + f"""description: >-
  Generated to measure the reader, with a description about as long as people write them. It says who is in
  the population, what is counted and what is left out, and why number {number} differs from its neighbours.
status: certified
raci: {{responsible: cx-insights, accountable: vp-cx, consulted: [support, finance], informed: [product]}}
source: survey_responses
time: responded_at
where: {where}
valid: score between 0 and 10
measure:
  {measure}
unit: {unit}
direction: higher_is_better
dimensions: [region, channel, customer.segment]
min_sample: {draw.randrange(10, 100)}
"""
    )
