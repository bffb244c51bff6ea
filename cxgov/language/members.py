"""A document of kind Council to its model object: members, their keys, and whether the rules can be met."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from cxgov.language.building import Builder
from cxgov.language.diagnostics import listed, nearest
from cxgov.language.keys import KeyProblem, parse_key
from cxgov.language.model import Council
from cxgov.language.policy import BreakGlass, Member, MemberKey, Requirement
from cxgov.language.reader import Map, Mark, Seq, place_of
from cxgov.language.rules import COUNCIL, KEY, QUORUM, SEAT, VALUE

_NEVER = date.max


def council(builder: Builder, data: Map) -> Council:
    """The council of a document of right shape."""
    members = tuple(_member(builder, row) for row in data["members"])
    _each_once(builder, data["members"])
    _keys_once(builder, data["members"], members)
    rules = tuple(_rule(builder, row) for row in data["rules"])
    for row, rule in zip(data["rules"], rules, strict=True):
        if _seats_exist(builder, row, members):
            _can_be_met(builder, row, rule, members)
    guards = data.get("guards") or Map(data.start)
    for pattern in guards:
        if {"", ".", ".."}.intersection(pattern.split("/")):
            message = f"no path of a repository is like {pattern!r}"
            builder.refuse(VALUE, guards.keys_at[pattern], message, "Write it from the root, e.g. `.github/**`.")
    return Council(
        sequence=data["sequence"],
        members=members,
        rules=rules,
        guards=tuple(guards.items()),
        beneficiaries=_beneficiaries(builder, data, members),
        break_glass=_break_glass(builder, data["break_glass"], members, rules) if "break_glass" in data else None,
        **builder.common(data),
    )


def _member(builder: Builder, data: Map) -> Member:
    since, until = builder.day(data, "since"), builder.day(data, "until")
    if since and until and since >= until:
        message = f"the term of {data['person']!r} ends on {until}, and begins on {since}"
        builder.refuse(COUNCIL, data.values_at["until"], message, "Write as `until` the first day after the term.")
    keys = data.get("keys") or Seq(data.start)
    return Member(
        person=data["person"],
        seat=data["seat"],
        team=data.get("team"),
        github=data["github"],
        emails=tuple(data.get("emails", ())),
        keys=tuple(_key(builder, key, at) for key, at in zip(keys, keys.items_at, strict=True)),
        since=since,
        until=until or _NEVER,
        place=place_of(builder.path, data.start),
    )


def _key(builder: Builder, data: Map | str, at: Mark) -> MemberKey:
    until = revoked = None
    text = data if isinstance(data, str) else data["key"]
    if isinstance(data, Map):
        at = data.values_at["key"]
        until, revoked = builder.day(data, "until"), builder.day(data, "revoked")
    kind = body = comment = ""
    try:
        kind, body, comment = parse_key(text)
    except KeyProblem as problem:
        builder.refuse(KEY, at, str(problem), problem.fix)
    place = place_of(builder.path, at)
    return MemberKey(type=kind, body=body, comment=comment, until=until, revoked=revoked, place=place)


def _each_once(builder: Builder, rows: Seq) -> None:
    """Refuses a second member of one person or one account."""
    for key, what in (("person", "person"), ("github", "account")):
        first: dict[object, Map] = {}
        for row in rows:
            other = first.setdefault(row[key], row)
            if other is not row:
                whose = "" if key == "person" else f", that of {other['person']!r}"
                message = f"{what} {row[key]!r} stands twice{whose}"
                builder.refuse(COUNCIL, row.values_at[key], message, "A person counts once: keep one of the two.")


def _keys_once(builder: Builder, rows: Seq, members: tuple[Member, ...]) -> None:
    """Refuses a second place of one key, whoever has it: it would make two persons of one, or two days of an end."""
    first: dict[str, Member] = {}
    for row, member in zip(rows, members, strict=True):
        for i, key in enumerate(member.keys):
            if not key.body:
                continue
            if key.body in first:
                whose = first[key.body].person
                message = f"this key stands already at {whose!r}"
                fix = "Keep one of the two." if whose == member.person else "Each person signs with a key of their own."
                builder.refuse(KEY, row["keys"].items_at[i], message, fix)
            else:
                first[key.body] = member


def _rule(builder: Builder, data: Map) -> Requirement:
    return Requirement(
        classes=tuple(data["classes"]),
        quorum=data["quorum"],
        seats=tuple(data.get("seats", ())),
        teams=tuple(data.get("teams", ())),
        veto=tuple(data.get("veto", ())),
        metrics=tuple(data.get("metrics", ())),
        overlay=data["scope"]["overlay"] if "scope" in data else None,
        evidence=data.get("evidence"),
        place=place_of(builder.path, data.start),
    )


def _seats_exist(builder: Builder, data: Map, members: tuple[Member, ...]) -> bool:
    """Whether the seats and teams of a rule are those of members; a problem for each that is not."""
    seats = dict.fromkeys(member.seat for member in members)
    teams = dict.fromkeys(member.team for member in members if member.team)
    found = True
    for key, what, known in (("seats", "seat", seats), ("teams", "team", teams), ("veto", "seat", seats)):
        for i, name in enumerate(data.get(key, ())):
            if name not in known:
                found = found and key == "veto"
                message = f"no member has {what} {name!r}{nearest(name, known)}"
                fix = f"{what.capitalize()}s of members: {listed(known)}."
                builder.refuse(SEAT, data[key].items_at[i], message, fix)
    return found


def _can_be_met(builder: Builder, data: Map, rule: Requirement, members: tuple[Member, ...]) -> None:
    """Refuses a rule that cannot be met once one member, who may be the author, is left out."""
    at = data.values_at["quorum"]
    if rule.quorum == 0 and rule.classes != ("editorial",):
        message = f"quorum 0 for {listed(rule.classes)}: nobody would have to approve"
        builder.refuse(QUORUM, at, message, "Write at least 1; 0 stands only beside `classes: [editorial]`.")
        return
    gap = gap_of(rule, members)
    if gap is not None:
        at = at if gap.seat is None else data["seats"].items_at[rule.seats.index(gap.seat)]
        builder.refuse(QUORUM, at, gap.message, gap.fix)


def _break_glass(
    builder: Builder, data: Map, members: tuple[Member, ...], rules: tuple[Requirement, ...]
) -> BreakGlass:
    """The seats that break the glass; refused where they cannot, or where nobody is left who could review it."""
    asked = {change_class for rule in rules for change_class in rule.classes}
    for i, change_class in enumerate(data["classes"]):
        if change_class not in asked:
            message = f"no rule says who approves a change of class {change_class!r}, so nothing can stand for that"
            builder.refuse(QUORUM, data["classes"].items_at[i], message, "Add a rule for the class, or leave it out.")
    found = BreakGlass(
        seats=tuple(data["seats"]), classes=tuple(data["classes"]), place=place_of(builder.path, data.start)
    )
    if not _seats_exist(builder, data, members):
        return found
    # Each seat signs, so the number follows from the seats.
    each = Requirement(classes=found.classes, quorum=0, seats=found.seats, evidence="signed", place=found.place)
    gap = gap_of(each, members)
    if gap is not None and gap.seat is not None:
        builder.refuse(QUORUM, data["seats"].items_at[found.seats.index(gap.seat)], gap.message, gap.fix)
    elif not any(_can_say(each, its) and its.has_term and its.seat not in found.seats for its in members):
        message = "every member who can sign holds one of these seats, and who breaks the glass does not review it"
        builder.refuse(QUORUM, data.values_at["seats"], message, "Leave a seat out, or give another member a key.")
    return found


@dataclass(frozen=True, slots=True)
class Gap:
    """Why a rule cannot be met, whoever is asked: too few are left, or a ``seat`` has no holder."""

    message: str
    seat: str | None = None
    fix: str = ""


def gap_of(rule: Requirement, members: tuple[Member, ...], unheard: Collection[str] = ()) -> Gap | None:
    """What a rule lacks once one member, who may be the author, is left out, and the persons who are not heard."""
    able = [member for member in members if member.has_term and rule.counts(member) and _can_say(rule, member)]
    able = [member for member in able if member.person not in unheard]
    told = " who can sign" if rule.evidence == "signed" else ""
    for author in able or members[:1]:
        rest = [member for member in able if member is not author]
        if len(rest) < rule.quorum:
            return Gap(f"quorum {rule.quorum}, and without {author.person!r} {len(rest)} are left{told}")
        for seat in rule.seats:
            if not any(member.seat == seat for member in rest):
                message = f"without {author.person!r} nobody{told} holds seat {seat!r}, which must approve"
                return Gap(message, seat, "Give the seat a second holder, or leave it out of `seats:`.")
    return None


def _can_say(rule: Requirement, member: Member) -> bool:
    return rule.evidence is None or any(key.revoked is None for key in member.keys)


def _beneficiaries(builder: Builder, data: Map, members: tuple[Member, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    persons = [member.person for member in members]
    said = data.get("beneficiaries") or Map(data.start)
    for metric in said:
        for i, person in enumerate(said[metric]):
            if person not in persons:
                message = f"{person!r} is no member{nearest(person, persons)}"
                builder.refuse(SEAT, said[metric].items_at[i], message, f"Members: {listed(persons)}.")
    return tuple((metric, tuple(those)) for metric, those in said.items())
