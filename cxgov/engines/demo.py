"""A seed to a DuckDB file of made-up customer-experience data, with one real drop to find.

Everything happens between 2025-01-01 and 2026-10-01, days in Berlin; its rows arrive within two days. From
2026-08-03 on, first replies to EMEA customers in the queue `billing` miss their time far more often, and the
NPS that EMEA customers give by email falls. The rest only wavers. In the quarterly relationship survey EMEA falls with
2026-Q3.

The data also holds what real data holds: scores of 99 and NULL, answers of our own people, unknown regions,
tickets without a customer or of one who was erased, replies in the very second in which they are due.
"""

import tempfile
from pathlib import Path
from typing import Final

from cxgov.engines import demo_relationship

MIN_RESPONSES: Final = 100
_SEED: Final = "set variable seed = {seed:d}"
_SIZE: Final = "set variable responses = {responses:d}"

# Chance comes from md5 of text, and is shaped by + - * / alone: hash(), random(), exp() and ln() may differ
# from one release or machine to the next.
_MACROS: Final = """
create temp macro chance(tag, n) as
    ('0x' || substr(md5(getvariable('seed')::varchar || ':' || tag || ':' || n::varchar), 1, 8))::bigint
    / 4294967296::double;
create temp macro midnight(day) as timezone('Europe/Berlin', day::timestamp);
create temp macro first_day() as date '2025-01-01';
create temp macro last_day() as date '2026-09-30';
create temp macro days() as last_day() - first_day() + 1;
create temp macro over() as midnight(last_day() + 1);
create temp macro drop_begins() as midnight(date '2026-08-03');
create temp macro later(instant, seconds) as instant + to_seconds(floor(seconds)::bigint);
create temp macro loaded(instant, v) as later(instant, 180 + v * v * v * v * v * v * 172000);
-- Most happens around the middle of the working day, a little at any hour.
create temp macro at_work(day, v, w) as later(midnight(day),
    case when v < 0.06 then w * 86400 else 25200 + ((v - 0.06) / 0.94 + w) * 23400 end);

create temp macro people() as greatest(300, getvariable('responses') // 6);
create temp macro founders() as people() * 7 // 10;
-- Customers are numbered in the order in which they came, so those known on a day are the first so many.
create temp macro known(day) as founders() + (people() - founders()) * (day - first_day()) // days();
create temp macro customer_name(n) as 'C-' || lpad(n::varchar, 6, '0');
create temp macro subscription_name(n) as 'S-' || lpad(n::varchar, 6, '0');
create temp macro ticket_name(n) as 'T-' || lpad(n::varchar, 7, '0');
create temp macro opted_out_on(n) as case when chance('opts out', n) < 0.08
    then date '2024-01-01' + floor(chance('opts out on', n) * 1000)::integer end;
"""

_RELATIONS: Final = """
create schema cx;
create schema support;
create schema billing;
create table cx.customers (
    customer_id varchar not null, name varchar not null, email varchar, segment varchar not null,
    region varchar not null, tier varchar not null, status varchar not null, customer_since date not null,
    opted_out boolean not null, annual_value decimal(18, 2) not null);
create table cx.survey_invitations (
    invitation_id bigint not null, customer_id varchar not null, survey varchar not null,
    channel varchar not null, invited_at timestamptz not null, delivered boolean not null,
    responded_at timestamptz, loaded_at timestamptz not null);
create table cx.survey_responses (
    response_id bigint not null, invitation_id bigint not null, customer_id varchar not null,
    survey varchar not null, channel varchar not null, region varchar, score bigint, rating bigint,
    effort bigint, comment varchar, sentiment double, responded_at timestamptz not null,
    loaded_at timestamptz not null);
create table support.tickets (
    ticket_id varchar not null, customer_id varchar, subscription_id varchar, queue varchar not null,
    priority varchar not null, channel varchar not null, contact_email varchar, escalated boolean not null,
    reopened boolean not null, opened_at timestamptz not null, due_at timestamptz not null,
    first_reply_at timestamptz, closed_at timestamptz, loaded_at timestamptz not null);
create table support.ticket_events (
    event_id bigint not null, ticket_id varchar not null, kind varchar not null, agent_id varchar,
    started_at timestamptz, occurred_at timestamptz not null, loaded_at timestamptz not null);
create table billing.subscriptions (
    subscription_id varchar not null, customer_id varchar not null, plan varchar not null,
    seats bigint not null, mrr decimal(18, 2) not null, previous_mrr decimal(18, 2) not null,
    started_by varchar not null, ended_by varchar, valid_from timestamptz not null, valid_until timestamptz,
    loaded_at timestamptz not null);
"""

# Each day's part of the year's rows: quiet weekends and summers, a busy December.
_DAYS: Final = """
create temp table days as
with weighed as (
    select first_day() + i::integer as day,
        [95, 92, 98, 96, 98, 94, 82, 78, 100, 104, 112, 135][month(first_day() + i::integer)]
        * [112, 110, 106, 104, 96, 38, 30][isodow(first_day() + i::integer)]
        * (90 + floor(20 * chance('day', i))::bigint) as weight
    from range(days()) as d(i))
select day, sum(weight) over (order by day)::bigint - weight as before, weight,
    sum(weight) over ()::bigint as total
from weighed;
"""

_PEOPLE: Final = """
create temp table people as
with drawn as (
    select n, chance('segment', n) as s, chance('region', n) as r, chance('tier', n) as t,
        chance('since', n) as v
    from range(people()) as p(n)),
grouped as (
    select *,
        case when s < 0.12 then 'enterprise' when s < 0.45 then 'mid_market' else 'small' end as segment,
        case when r < 0.42 then 'EMEA' when r < 0.78 then 'AMER' else 'APAC' end as region
    from drawn)
select n, segment, region,
    case when t < 0.12 or (t < 0.6 and segment = 'enterprise') then 'gold' else 'standard' end as tier,
    case when n < founders() then date '2015-01-01' + floor(v * 3650)::integer
        else first_day() + ((n - founders()) * days() // (people() - founders()))::integer end as since,
    chance('temper', n) - 0.5 as temper, chance('subscribes', n) < 0.55 as subscribes
from grouped;
"""

# Terms of a year, each renewed or not, and in some of them one change of seats.
_SUBSCRIPTIONS: Final = """
create temp table versions as
with contracts as (
    select n, segment,
        case when n < founders() then date '2024-01-01' + floor(chance('contract', n) * 366)::integer
            else least(since + floor(chance('contract', n) * 21)::integer, last_day()) end as begins,
        case segment when 'enterprise' then 0.93 when 'mid_market' then 0.89 else 0.83 end as loyalty
    from people where subscribes),
renewals as (
    select *, case when chance('renewal 0', n) >= loyalty then 1 when chance('renewal 1', n) >= loyalty then 2
        else 3 end as lives
    from contracts),
terms as (
    select *, (begins + to_months((12 * term)::integer))::date as term_begins,
        (begins + to_months((12 * term + 12)::integer))::date as term_ends,
        chance('change', n * 3 + term) as v, floor(60 + 240 * chance('change on', n * 3 + term))::integer as w
    from renewals, unnest(range(lives)) as t(term)),
parts as (
    select *, unnest(case when v < 0.15 then [0, 1] else [0] end) as part from terms)
select n, segment, term, part, begins,
    case part when 0 then term_begins else term_begins + w end as from_day,
    case when part = 0 and v < 0.15 then term_begins + w else term_ends end as until_day,
    case when part = 1 then case when v < 0.1 then 'upgrade' else 'downgrade' end
        when term > 0 then 'renewal' when n < founders() then 'migrated' else 'new' end as started_by,
    case when part = 0 and v < 0.15 then 'change' when term + 1 < lives then 'renewal'
        else 'cancellation' end as ended_by
from parts;

insert into billing.subscriptions by name
with drawn as (
    select *, chance('seats', n) as a, chance('plan', n) as b,
        case segment when 'enterprise' then 240 when 'mid_market' then 60 else 12 end as most
    from versions where from_day <= last_day()),
seated as (
    select *, 1 + floor(most * a * a)::bigint as ordered,
        case when b < 0.4 then 'starter' when b < 0.8 then 'growth' else 'scale' end as plan
    from drawn),
counted as (
    select *, ordered + sum(case started_by when 'upgrade' then 1 + ordered // 4
            when 'downgrade' then -(ordered // 5) else 0 end)
            over (partition by n order by term, part)::bigint as seats,
        case plan when 'starter' then 1250 when 'growth' then 2400 else 3990 end * (100 + 3 * term) // 100
            as cents
    from seated),
priced as (
    select *, (seats * cents)::decimal(18, 0) * 0.01::decimal(3, 2) as mrr from counted)
select subscription_name(n) as subscription_id, customer_name(n) as customer_id, plan, seats, mrr,
    coalesce(lag(mrr) over (partition by n order by term, part), 0) as previous_mrr, started_by,
    case when until_day <= last_day() then ended_by end as ended_by,
    midnight(from_day) as valid_from,
    case when until_day <= last_day() then midnight(until_day) end as valid_until,
    loaded(midnight(from_day), chance('subscription loaded', n * 8 + term * 2 + part)) as loaded_at
from priced order by n, term, part;
"""

_CUSTOMERS: Final = """
insert into cx.customers by name
with held as (
    select customer_id, bool_or(valid_until is null) as holds,
        12 * sum(case when valid_until is null then mrr else 0 end) as annual
    from billing.subscriptions group by customer_id)
select customer_name(n) as customer_id,
    ['Alex', 'Chris', 'Dana', 'Jo', 'Kim', 'Lee', 'Mika', 'Noor', 'Robin', 'Sam'][1 + n % 10] || ' '
        || ['Abe', 'Bauer', 'Costa', 'Diallo', 'Evans', 'Fischer', 'Garcia'][1 + n % 7] as name,
    case when chance('email', n) < 0.98 then 'customer' || n::varchar || '@example.com' end as email,
    segment, region, tier,
    case when holds then 'active' when holds is null then 'free' else 'former' end as status,
    since as customer_since, opted_out_on(n) is not null as opted_out, coalesce(annual, 0) as annual_value
from people left join held on held.customer_id = customer_name(n)
order by n;
"""

_SURVEYS: Final = """
create temp table invitations as
with wanted as (
    select *, getvariable('responses') * 10 // 3 as of_all from days),
drawn as (
    select i, day, floor(chance('invited', i) * known(day))::bigint as n, chance('invite channel', i) as c,
        chance('answered', i) as a, chance('answered after', i) as v
    from wanted,
        unnest(range(of_all * before // total, of_all * (before + weight) // total)) as r(i)),
sent as (
    select i, n, a, v, region, segment, temper,
        at_work(day, chance('invited hour', i), chance('invited second', i)) as invited_at,
        case when chance('survey', i) < 0.6 then 'relationship' else 'contact' end as survey,
        case when c < 0.55 then 'email' when c < 0.75 then 'sms' when c < 0.985 then 'in_app'
            else 'internal' end as channel,
        chance('delivered', i) >= 0.03 as delivered
    from drawn join people using (n)),
answered as (
    select *,
        case channel when 'email' then 0.27 when 'sms' then 0.33 when 'in_app' then 0.36 else 0.7 end
            + case segment when 'enterprise' then 0.05 when 'mid_market' then 0.01 else -0.015 end as likely,
        -- Half of the answers come within the hour, and a few after the ten days that a metric waits.
        later(invited_at, case when v < 0.985 then 90 + v * v * v * v * v * v * v * v * 432000
            else 864000 + (v - 0.985) * 50000000 end) as answered_at
    from sent)
select i, n, region, segment, temper, survey, channel, invited_at, delivered,
    case when delivered and a < likely and answered_at < over() then answered_at end as responded_at
from answered;

insert into cx.survey_invitations by name
select i + 1 as invitation_id, customer_name(n) as customer_id, survey, channel, invited_at, delivered,
    responded_at, loaded(invited_at, chance('invitation loaded', i)) as loaded_at
from invitations order by i;

insert into cx.survey_responses by name
with reached as (
    select *, chance('answer', i) as a, chance('answer within', i) as w, chance('effort', i) as e,
        chance('skipped', i) as s, chance('comments', i) as k,
        region = 'EMEA' and channel = 'email' and responded_at >= drop_begins() as dropped
    from invitations where responded_at is not null),
-- In points of NPS: what moves an answer up or down.
leaning as (
    select *, case channel when 'sms' then -3 when 'in_app' then 4 else 0 end
            + case segment when 'enterprise' then 5 when 'mid_market' then 1 else -2 end
            + case region when 'AMER' then 3 when 'APAC' then -3 else 0 end + 16 * temper as points
    from reached),
tilted as (
    select *, (points - case when dropped then 14 else 0 end) / 200 as lean, points / 600 as slight
    from leaning),
answers as (
    select *,
        case when channel = 'internal' then case when w < 0.3 then 9 else 10 end
            when a < 0.535 + lean then case when w < 0.48 then 9 else 10 end
            when a < 0.845 + lean then case when w < 0.45 then 7 else 8 end
            else 6 - floor(7 * w * w) end as score,
        case when a < 0.5 + slight then 5 when a < 0.82 + slight then 4 when a < 0.92 + slight then 3
            when a < 0.965 + slight / 2 then 2 else 1 end as rating,
        case when e < 0.28 + slight then 7 when e < 0.55 + slight then 6 when e < 0.74 + slight then 5
            when e < 0.86 + slight then 4 else 3 - floor(3 * w) end as effort
    from tilted),
felt as (
    select *, case survey when 'contact' then (rating - 3) / 2.0 else (score - 5) / 5.0 end as mood
    from answers),
said as (
    select *, case when k >= 0.3 then null
            when mood > 0.6 then ['Quick and friendly.', 'Just works, thank you!', 'Great help.']
            when mood > 0 then ['Fine, mostly.', 'Good, but it took a while.', 'It is all right.']
            else ['I am still waiting.', 'Had to ask three times.', 'The invoice is wrong again.']
            end as words
    from felt)
select row_number() over (order by i) as response_id, i + 1 as invitation_id, customer_name(n) as customer_id,
    survey, channel, case when chance('region known', i) < 0.996 then region end as region,
    case when survey = 'contact' or s < 0.015 then null when s < 0.025 then 99 else score end as score,
    case when survey <> 'contact' or s < 0.012 then null when s < 0.02 then 99 else rating end as rating,
    case when survey <> 'contact' or s between 0.006 and 0.03 then null when s < 0.04 then 99
        else effort end as effort,
    words[1 + floor(k * 10)::bigint] as comment,
    case when k < 0.3 then floor(100 * (0.7 * mood + 0.6 * (w - 0.5))) / 100 end as sentiment,
    responded_at, loaded(responded_at, chance('response loaded', i)) as loaded_at
from said order by i;
"""

_TICKETS: Final = """
create temp table requests as
with wanted as (
    select *, getvariable('responses') // 2 as of_all from days),
drawn as (
    select i, day, chance('queue', i) as q, chance('priority', i) as p, chance('ticket channel', i) as c,
        chance('reply', i) as a, chance('reply after', i) as v, chance('closed after', i) as w,
        -- Squared: who has been a customer for longer writes more often.
        floor(chance('requester', i) * chance('requester', i) * known(day))::bigint as n,
        at_work(day, chance('opened hour', i), chance('opened second', i)) as opened_at
    from wanted,
        unnest(range(of_all * before // total, of_all * (before + weight) // total)) as r(i)),
named as (
    select *,
        case when q < 0.28 then 'billing' when q < 0.7 then 'technical' when q < 0.9 then 'account'
            else 'onboarding' end as queue,
        case when p < 0.08 then 'P1' when p < 0.4 then 'P2' else 'P3' end as priority,
        case when p < 0.08 then 7200 when p < 0.4 then 28800 else 86400 end as allowed,
        case when c < 0.45 then 'email' when c < 0.7 then 'web' when c < 0.88 then 'chat'
            else 'phone' end as channel
    from drawn),
promised as (
    select named.*, subscribes,
        0.92 + case region when 'AMER' then 0.01 when 'APAC' then -0.02 else 0 end
            - case priority when 'P1' then 0.03 else 0 end - case queue when 'technical' then 0.02 else 0 end
            - case when region = 'EMEA' and queue = 'billing' and opened_at >= drop_begins() then 0.26
                else 0 end as promise
    from named join people using (n)),
-- In time, in the very second, late, or never.
replied as (
    select *, case when a < promise and v > 0.994 then later(opened_at, allowed)
            when a < promise then later(opened_at, allowed * (0.03 + 0.96 * v * v))
            when a < promise + (1 - promise) * 0.92
                then later(opened_at, 1 + allowed * (1 + 3 * v * v * v)) end as reply_at
    from promised),
finished as (
    select *, case when reply_at is null and w < 0.5 then later(opened_at, 604800 + w * 86400)
            when w < 0.97 then later(reply_at, 900 + 400000 * w * w * w * w) end as finish_at
    from replied)
select i, n, queue, priority, channel, subscribes, opened_at, later(opened_at, allowed) as due_at,
    case when reply_at < over() then reply_at end as first_reply_at,
    case when finish_at < over() then finish_at end as closed_at,
    case when chance('reopened', i) < 0.06 then later(finish_at, 3600 + 250000 * w * v) end as reopened_at,
    case when chance('escalated', i) < case priority when 'P1' then 0.14 when 'P2' then 0.06 else 0.04 end
        then later(opened_at, coalesce(date_diff('second', opened_at, finish_at), allowed) * (0.1 + 0.8 * v))
        end as escalated_at,
    chance('identity', i) as known_as
from finished;

insert into support.tickets by name
select ticket_name(i + 1) as ticket_id,
    case when known_as < 0.01 then null when known_as < 0.0115 then customer_name(900000 + i % 1000)
        else customer_name(n) end as customer_id,
    case when known_as >= 0.0115 and subscribes then subscription_name(n) end as subscription_id,
    queue, priority, channel,
    case when channel in ('email', 'web') then 'customer' || n::varchar || '@example.com' end
        as contact_email,
    coalesce(escalated_at < over(), false) as escalated, coalesce(reopened_at < over(), false) as reopened,
    opened_at, due_at, first_reply_at, closed_at, loaded(opened_at, chance('ticket loaded', i)) as loaded_at
from requests order by i;

insert into support.ticket_events by name
with conversations as (
    select *, chance('more replies', i) as m,
        date_diff('second', first_reply_at, coalesce(closed_at, later(first_reply_at, 1000000))) as lasting
    from requests where first_reply_at is not null),
steps as (
    select i, 0 as turn, 'opened' as kind, opened_at as occurred_at, opened_at from requests
    union all by name
    select i, 10 + step as turn, 'reply' as kind, later(first_reply_at, lasting * step * 0.32) as occurred_at,
        opened_at
    from conversations, unnest(range(case when m < 0.1 then 3 when m < 0.3 then 2 else 1 end)) as r(step)
    union all by name
    select i, 20 as turn, 'note' as kind, later(opened_at, 600 + chance('note', i) * 160000) as occurred_at,
        opened_at
    from requests where chance('note', i) < 0.25
    union all by name
    select i, 30 as turn, 'escalated' as kind, escalated_at as occurred_at, opened_at from requests
    union all by name
    select i, 40 as turn, 'closed' as kind, closed_at as occurred_at, opened_at from requests
    union all by name
    select i, 50 as turn, 'reopened' as kind, reopened_at as occurred_at, opened_at from requests),
named as (
    select *, i * 64 + turn as step, kind in ('reply', 'note') as worked
    from steps where occurred_at < over()),
timed as (
    select *, 'A-' || lpad((1 + floor(120 * chance('agent', step)))::bigint::varchar, 3, '0') as agent,
        later(occurred_at, -120 - chance('handled', step) * chance('handled', step) * 1800) as began_at
    from named)
select row_number() over (order by occurred_at, step) as event_id, ticket_name(i + 1) as ticket_id, kind,
    case when worked or kind = 'escalated' then agent end as agent_id,
    case when worked and chance('timer', step) < 0.98 then greatest(opened_at, began_at) end as started_at,
    occurred_at, loaded(occurred_at, chance('event loaded', step)) as loaded_at
from timed order by event_id;
"""

_STEPS: Final = (
    _MACROS, _RELATIONS, _DAYS, _PEOPLE, _SUBSCRIPTIONS, _CUSTOMERS, _SURVEYS, _TICKETS, *demo_relationship.STEPS
)  # fmt: skip


def generate(database: Path, *, responses: int = 120_000, seed: int = 2026) -> None:
    """Write the demo data to ``database``, whole or not at all; a file that is there is replaced.

    About ``responses`` rows answer a survey, and everything else keeps its proportion to them. The same
    arguments give the same rows on every machine. DuckDB names a catalog after its file: a file
    called like a schema in it (``cx``, ``support``, ``billing``) must be attached under another name.

    Raises:
        ValueError: ``responses`` is less than 100.
        OSError: The folder cannot be written.
    """
    import duckdb

    if responses < MIN_RESPONSES:
        raise ValueError(f"{responses} responses are too few to be split: ask for {MIN_RESPONSES} or more")
    database.parent.mkdir(parents=True, exist_ok=True)
    # Beside its place, so that moving it there is one step on one file system.
    with tempfile.TemporaryDirectory(prefix=".demo-", dir=database.parent) as folder:
        made = Path(folder) / "demo.duckdb"
        with duckdb.connect(made) as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute("set enable_progress_bar = false")
            connection.execute(_SEED.format(seed=seed))
            connection.execute(_SIZE.format(responses=responses))
            for step in _STEPS:
                connection.execute(step)
        # What a killed session left behind belongs to the old file; DuckDB would replay it into the new one.
        database.with_name(f"{database.name}.wal").unlink(missing_ok=True)
        made.replace(database)
