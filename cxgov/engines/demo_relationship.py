"""The demo's quarterly relationship survey, as SQL: a drawn panel, its invitations, its answers and what went wrong.

Whom it asks is the draw of the sampling rule `relationship_survey`. In 2026-Q3 the NPS of EMEA falls, and the rest
only wavers. Every step of the rule has something to take away: answers of people who were never drawn, under somebody
else's name, to the third mail of a loop, too late, without a score, given twice, or with the scale turned round.
"""

from typing import Final

# As chance of the other tables: by md5 of text, and + - * / alone.
_MACROS: Final = """
create temp macro wave_begins(wave) as (first_day() + to_months((3 * wave)::integer))::date;
create temp macro waves() as 7;
-- Of `relationship_survey`: the fraction 0.4 of 16^8, rounded up.
create temp macro in_draw(n) as
    substr(md5('relationship_2026:' || customer_name(n)), 1, 8) < '66666667';
create temp macro emea_falls() as midnight(date '2026-07-01');
create temp macro scale_turned(instant) as
    instant >= midnight(date '2026-09-07') and instant < midnight(date '2026-09-10');
"""

_RELATIONS: Final = """
create table cx.relationship_invitations (
    invitation_id bigint not null, customer_id varchar not null, channel varchar not null,
    invited_at timestamptz not null, loaded_at timestamptz not null);
create table cx.relationship_responses (
    response_id bigint not null, invitation_id bigint not null, customer_id varchar not null,
    channel varchar not null, score bigint, satisfaction bigint, responded_at timestamptz not null,
    loaded_at timestamptz not null);
"""

# Who is asked on which day: those whose subscription was in force when the quarter began. The rule's frame is that
# of today, so who left or opted out since was asked and counts no more.
_INVITATIONS: Final = """
create temp table asked as
with starts as (
    select wave, wave_begins(wave) as opens from range(waves()) as w(wave)),
tester as (
    select min(n) as tester from people where subscribes and in_draw(n)),
members as (
    select wave, opens, n, n * 8 + wave as i, in_draw(n) as drawn
    from starts join versions on from_day <= opens and until_day > opens join people using (n)
    where coalesce(opted_out_on(n) > opens, true) and n <> (select tester from tester)),
-- Account managers have their favourites asked too.
chosen as (
    select *, chance('relationship channel', i) as c,
        opens + (3 + floor(76 * chance('asked on', n)) + floor(5 * chance('asked later', i)))::integer as day
    from members where drawn or chance('favourite', i) < 0.012),
sent as (
    select wave, n, i, drawn, 0 as again, day,
        case when c < 0.6 then 'email' when c < 0.85 then 'in_app' else 'sms' end as channel
    from chosen
    union all by name
    -- In the last quarter the mailer sent some invitations three times.
    select wave, n, i, drawn, again::integer as again, (day + 3 * again)::date as day,
        case when c < 0.6 then 'email' when c < 0.85 then 'in_app' else 'sms' end as channel
    from chosen, unnest([1, 2]) as r(again)
    where wave = waves() - 1 and drawn and chance('mail loop', i) < 0.04
    union all by name
    -- One account tests every Monday that the survey still works.
    select 0 as wave, tester as n, tester * 8 + 7 as i, true as drawn, 10 + week::integer as again,
        date '2025-01-06' + 7 * week::integer as day, 'internal' as channel
    from tester, range(91) as r(week)),
timed as (
    select *, i * 128 + again as k, at_work(day, chance('asked hour', i * 128 + again),
        chance('asked second', i * 128 + again)) as invited_at
    from sent)
select *, row_number() over (order by invited_at, k) as invitation_id,
    count(*) over (partition by i, channel <> 'internal') as times
from timed where invited_at < over();

insert into cx.relationship_invitations by name
select invitation_id, customer_name(n) as customer_id, channel, invited_at,
    loaded(invited_at, chance('relationship invitation loaded', k)) as loaded_at
from asked order by invitation_id;
"""

_RESPONSES: Final = """
create temp table given as
with called as (
    select asked.*, region, segment, tier, chance('panel temper', n) - 0.5 as mood,
        chance('relationship answered after', k) as v, chance('relationship answered', i) as a,
        lead(n) over (partition by wave, channel order by drawn desc, k) as neighbour,
        case channel when 'internal' then 1.0 when 'email' then 0.33 when 'sms' then 0.37 else 0.42 end
            + case segment when 'enterprise' then 0.06 when 'mid_market' then 0.02 else 0 end
            + case tier when 'gold' then 0.08 else 0 end + case when drawn then 0 else 0.4 end as likely
    from asked join people using (n)),
-- Of a mail loop half answer the last mail, the others the first.
moved as (
    select *, case when channel = 'internal' then later(invited_at, 60 + 600 * v)
            when v < 0.95 then later(invited_at, 90 + v * v * v * v * v * v * 1800000)
            else later(invited_at, 1814400 + (v - 0.95) * 30000000) end as answered_at
    from called
    where a < likely and (channel = 'internal' or times = 1
        or again = case when chance('answers the last', i) < 0.5 then times - 1 else 0 end)),
doubled as (
    select *, 0 as second, k * 2 as q from moved
    union all by name
    select * replace (later(answered_at, 60 + 400000 * chance('answered again', k)) as answered_at),
        1 as second, k * 2 + 1 as q
    from moved where channel <> 'internal' and chance('answers twice', k) < 0.04)
select *, chance('relationship score', q) as s, chance('score within', q) as w, chance('satisfaction', q) as t,
    chance('score skipped', q) as b, chance('satisfaction skipped', q) as d,
    channel <> 'internal' and drawn and chance('forwarded', k) < 0.015 as forwarded
from doubled where answered_at < over();

insert into cx.relationship_responses by name
-- In points of NPS: what moves an answer up or down.
with leaning as (
    select *, case region when 'AMER' then 4 when 'APAC' then -2 else 2 end + case tier when 'gold' then 12 else -2 end
            + case segment when 'enterprise' then 4 when 'mid_market' then 1 else -1 end + 24 * mood
            + case when drawn then 0 else 60 end
            - case when region = 'EMEA' and answered_at >= emea_falls() then 25 else 0 end as points
    from given),
tilted as (
    select *, points / 200 as lean, points / 500 as slight from leaning),
answers as (
    select *,
        case when channel = 'internal' then 10
            when s < 0.52 + lean then case when w < 0.5 then 9 else 10 end
            when s < 0.83 + lean then case when w < 0.45 then 7 else 8 end
            else 6 - floor(7 * w * w) end::bigint as felt,
        case when t < 0.42 + slight then 5 when t < 0.82 + slight then 4 when t < 0.93 + slight then 3
            when t < 0.97 + slight / 2 then 2 else 1 end as satisfied
    from tilted)
select row_number() over (order by answered_at, q) as response_id, invitation_id,
    customer_name(case when forwarded then coalesce(neighbour, n) else n end) as customer_id, channel,
    -- An update of the app turned its scale round for three days.
    case when b < 0.02 then null when b < 0.03 then 99
        when channel = 'in_app' and scale_turned(answered_at) then 10 - felt else felt end as score,
    case when d < 0.02 then null when d < 0.03 then 99 else satisfied end as satisfaction,
    answered_at as responded_at, loaded(answered_at, chance('relationship response loaded', q)) as loaded_at
from answers order by response_id;
"""

STEPS: Final = (_MACROS, _RELATIONS, _INVITATIONS, _RESPONSES)
