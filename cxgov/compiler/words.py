"""Words that at least one supported dialect reserves: as names they are quoted in all of them."""

from typing import Final

RESERVED: Final = frozenset(
    """
    account all analyse analyze and anti any array as asc asof assert_rows_modified asymmetric at authorization between
    bigint binary bit boolean both by case cast char character check coalesce collate collation column columns
    concurrently connect connection constraint contains create cross cube current current_catalog current_date
    current_role current_schema current_time current_timestamp current_user database dec decimal default deferrable
    define delete desc describe distinct do drop else end enum escape except exclude exists extract false fetch float
    following for foreign freeze from full generated glob grant group grouping grouping_id groups gscluster hash having
    if ignore ilike in increment initially inner inout insert int integer intersect interval into is isnull issue join
    lambda lateral leading left like limit localtime localtimestamp lookup map merge minus national natural nchar new
    no none not notnull null nullif nulls numeric of offset on only or order organization out outer over overlaps
    overlay partition pivot pivot_longer pivot_wider placing position positional preceding precision primary proto
    qualify range real recursive references regexp respect returning revoke right rlike rollup row rows sample schema
    select semi session_user set setof show similar smallint some start struct substring summarize symmetric system_user
    table tablesample then time timestamp to trailing treat trigger trim true try_cast tuple unbounded union unique
    unnest unpack unpivot update user using values varchar variadic verbose view when whenever where window with within
    xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
    """.split()  # noqa: SIM905  # a list would be two hundred lines
)
