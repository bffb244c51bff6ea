"""The rule table: what a registry must hold to, each rule with its code and the way out.

Codes are never reused; a retired code would stay here with the name of its heir.
"""

from cxgov.language.diagnostics import Rule, Severity

E, W = Severity.ERROR, Severity.WARNING


def _rule(code: str, name: str, severity: Severity, sentence: str, fix: str) -> Rule:
    return Rule(code=code, name=name, severity=severity, sentence=sentence, fix=fix)


TEXT = _rule(
    "CX001", "text", E,
    "A document is clean UTF-8 text of at most 256 KiB, with nothing in it that a reader cannot see.",
    "Save the file as UTF-8 without a byte-order mark; write a character that is needed as an escape in double quotes.",
)  # fmt: skip
YAML = _rule(
    "CX002", "yaml", E,
    "A file is one YAML 1.2 core document without anchors, aliases, tags, merge keys, directives or doubled keys.",
    "Write the value out in full, once.",
)  # fmt: skip
SCHEMA = _rule(
    "CX003", "schema", E,
    "A document has the shape that the schema of its kind gives it, and nothing else.",
    "Compare with the language reference of the kind.",
)  # fmt: skip
FILE = _rule(
    "CX004", "file", E,
    "In the registry's folder stand documents (*.yaml), *.md files and, in reports/, *.sql files; names that begin "
    "with a dot are passed over.",
    "Move the file out of the registry's folder.",
)  # fmt: skip
REGISTRY = _rule(
    "CX005", "registry", E,
    "A registry has exactly one document of kind Registry.",
    "Keep one document of kind Registry; `cxgov init` writes one.",
)  # fmt: skip
DUPLICATE = _rule(
    "CX010", "duplicate", E,
    "Within a kind an id stands once.",
    "Give one of the two documents another id, or remove it.",
)  # fmt: skip
REFERENCE = _rule(
    "CX011", "reference", E,
    "What a document refers to exists.",
    "Correct the id, or add the document that it names.",
)  # fmt: skip
CYCLE = _rule(
    "CX012", "cycle", E,
    "No metric is derived from itself.",
    "Write one of the metrics out in terms of its source.",
)  # fmt: skip
EXPRESSION = _rule(
    "CX013", "expression", E,
    "An expression is one SQL scalar of the closed language.",
    "See the expression language in the reference: columns, literals, operators, case and the listed functions.",
)  # fmt: skip
VALUE = _rule(
    "CX014", "value", E,
    "A value is one that its field can have.",
    "Write a value of the kind that the message names.",
)  # fmt: skip
TYPE = _rule(
    "CX015", "type", E,
    "The parts of an expression have types that go together.",
    "Compare like with like; check the column's type in its source.",
)  # fmt: skip
NAME = _rule(
    "CX016", "name", E,
    "A name in an expression is a column or dimension of the source.",
    "Correct the name, or declare the column under `columns:` of the source.",
)  # fmt: skip
PATH = _rule(
    "CX017", "path", E,
    "A dimension's path leads over entities, many to one, to a declared dimension.",
    "Use one of the paths that the message lists, or declare the entity or the dimension in its source.",
)  # fmt: skip
UNKNOWN = _rule(
    "CX018", "unknown", E,
    "A share says what happens to rows whose predicate is NULL, where there can be any.",
    "Add `unknown: out` (they leave both sides) or `unknown: no` (not true), or exclude NULL in `valid:`.",
)  # fmt: skip
MEASURE = _rule(
    "CX019", "measure", E,
    "A metric has what its measure form needs and nothing that it cannot use.",
    "Add or remove the field that the message names.",
)  # fmt: skip
ENTITY = _rule(
    "CX020", "entity", E,
    "An entity's key is unique where the entity lives, and of the same types wherever it is referred to.",
    "Refer to a source whose own entity has a unique key of the same length and types.",
)  # fmt: skip
PERSONAL = _rule(
    "CX021", "personal", E,
    "A personal column is no dimension, no condition and no weight, and is measured only by counting it distinctly.",
    "Use a column that does not identify a person.",
)  # fmt: skip
SHADOW = _rule(
    "CX022", "shadow", E,
    "A dimension or an entity that has a column's name is that column.",
    "Rename it, or make it the column itself.",
)  # fmt: skip
COLUMN = _rule(
    "CX023", "column", E,
    "A column's declarations go together.",
    "Add or remove the field that the message names.",
)  # fmt: skip
CONNECTION = _rule(
    "CX024", "connection", E,
    "A connection has what its engine needs, and no path that leaves the registry's folder.",
    "Add or remove the field that the message names.",
)  # fmt: skip
UNIT_OF_SAMPLE = _rule(
    "CX025", "sampling-unit", E,
    "The unit of a sampling rule is an entity of its source.",
    "Name the entity whose units count once, as the source declares it under `entities:`.",
)  # fmt: skip
FRAME = _rule(
    "CX026", "frame", E,
    "A frame lists each unit once, and does not change with time.",
    "Name the source whose own entity is the unit, one without `interval`.",
)  # fmt: skip
SELECTION = _rule(
    "CX027", "selection", E,
    "Units are drawn from a frame, and in a way that every engine repeats.",
    "Add or remove the field that the message names.",
)  # fmt: skip
CONTACT = _rule(
    "CX028", "contact", E,
    "An invitation leads to its unit and an answer to its invitation, each at a known time.",
    "Correct the role, the column or the step that the message names.",
)  # fmt: skip
ORDER = _rule(
    "CX029", "order", E,
    "The order by which one row of a unit is kept is total: no two rows are equal in it.",
    "Add the columns of the source's key to `order:`, and take out what can be NULL.",
)  # fmt: skip
WEIGHTS = _rule(
    "CX030", "weights", E,
    "Weights have what their method needs, and weigh units that stand for themselves.",
    "Add or remove the field that the message names.",
)  # fmt: skip
SAMPLED = _rule(
    "CX031", "sampled", E,
    "A metric's sampling rule is of its source, and can be applied to its measure.",
    "Name a rule of the same source, or measure without it.",
)  # fmt: skip
EXCLUSION = _rule(
    "CX032", "exclusion", E,
    "An exclusion takes rows from metrics of its source, for days that have an end.",
    "Correct the metric or the day that the message names.",
)  # fmt: skip
JUDGED = _rule(
    "CX033", "judged", E,
    "A threshold judges a metric that has periods, for a group by which the metric is split.",
    "Give the metric its `time:`, or correct the scope.",
)  # fmt: skip
BANDS = _rule(
    "CX034", "bands", E,
    "Bands rise, and every value lies in exactly one of them.",
    "Write the bands in rising order, each but the last with `below:`.",
)  # fmt: skip
FORMERLY = _rule(
    "CX035", "formerly", E,
    "An old id leads to one document, and is the id of none that there is.",
    "Take the old id out of `formerly:`, or give the other document an id of its own.",
)  # fmt: skip
OVERLAY = _rule(
    "CX036", "overlay", E,
    "An overlay narrows metrics of one source, and lowers nothing that they hold to.",
    "Correct the metric, the threshold or the minimum that the message names.",
)  # fmt: skip
COUNCIL = _rule(
    "CX037", "council", E,
    "There is at most one Council, and in it a person and an account stand once, each with a term.",
    "Keep one of the two, and end a term after it begins.",
)  # fmt: skip
KEY = _rule(
    "CX038", "key", E,
    "A member's key is one public key of a strong kind, written out, and nobody else's.",
    "Write the line of the `.pub` file: type, base64, comment. `ssh-keygen -t ed25519` makes a key.",
)  # fmt: skip
QUORUM = _rule(
    "CX039", "quorum", E,
    "Members other than any one author can meet every rule of the Council, and others review a break-glass.",
    "Lower the quorum, or name more members, so that one of them can be the author.",
)  # fmt: skip
SEAT = _rule(
    "CX040", "seat", E,
    "The seats, teams and persons that a Council names are those of its members.",
    "Correct the name, or add the member.",
)  # fmt: skip
LIFECYCLE = _rule(
    "CX041", "lifecycle", E,
    "A metric that is deprecated or retired says what replaces it, from which day on and why; no other metric does.",
    "Add `deprecated: {successor: <id> or none, sunset: <day>, notice: <text>}`; `cxgov deprecate` writes it.",
)  # fmt: skip
SUCCESSOR = _rule(
    "CX042", "successor", E,
    "The successor of a deprecated metric is another one, which answers.",
    "Name a certified metric, or write `successor: none`.",
)  # fmt: skip
RETIRED = _rule(
    "CX043", "retired", E,
    "Nothing that answers for the present is derived from a retired metric, judges one or narrows one.",
    "Name its successor, or retire or remove this document first.",
)  # fmt: skip
CERTIFIED_QUERY = _rule(
    "CX044", "certified-query", E,
    "A report's queries carry their certificates, which name metrics that answer.",
    "Write the file again with `cxgov compile --into`.",
)  # fmt: skip
NO_DESCRIPTION = _rule(
    "CX101", "no-description", W,
    "A certified metric says what it is.",
    "Add `description:` with the population, the numerator and the denominator in words.",
)  # fmt: skip
SAME_TITLE = _rule(
    "CX102", "same-title", E,
    "No two certified metrics have one title.",
    "Give one of them a title that says how it differs.",
)  # fmt: skip
DRAFT_INSIDE = _rule(
    "CX103", "draft-inside", E,
    "A certified metric is not derived from a draft.",
    "Certify the part first, or make this metric a draft.",
)  # fmt: skip
UNIT = _rule(
    "CX104", "unit", E,
    "The unit fits the measure: durations have a unit of time, shares and net shares a scale.",
    "Write `unit: percent` or `unit: points` for shares; `seconds`, `minutes`, `hours` or `days` for durations.",
)  # fmt: skip
DEPRECATED = _rule(
    "CX105", "deprecated", W,
    "What stays is not built on a metric that is deprecated.",
    "Use its successor before it is retired.",
)  # fmt: skip
STRAY_QUERY = _rule(
    "CX106", "stray-query", W,
    "Each file of SQL belongs to a report.",
    "Name it under `queries:` of a document of kind Report, or remove it.",
)  # fmt: skip

RULES: tuple[Rule, ...] = (
    TEXT, YAML, SCHEMA, FILE, REGISTRY,
    DUPLICATE, REFERENCE, CYCLE, EXPRESSION, VALUE, TYPE, NAME, PATH, UNKNOWN, MEASURE, ENTITY, PERSONAL, SHADOW,
    COLUMN, CONNECTION, UNIT_OF_SAMPLE, FRAME, SELECTION, CONTACT, ORDER, WEIGHTS, SAMPLED, EXCLUSION, JUDGED, BANDS,
    FORMERLY, OVERLAY, COUNCIL, KEY, QUORUM, SEAT, LIFECYCLE, SUCCESSOR, RETIRED,
    CERTIFIED_QUERY,
    NO_DESCRIPTION, SAME_TITLE, DRAFT_INSIDE, UNIT, DEPRECATED, STRAY_QUERY,
)  # fmt: skip
