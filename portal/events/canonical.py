"""The text of an event that is hashed, in one definition: PostgreSQL writes it, so a million are hashed in seconds.

It is the event's columns as `jsonb` prints them: UTF-8, keys by length and then by bytes, `, ` and `: ` between, numbers
written out, `at` in UTC to the microsecond, persons as ids. Every column is in it, so a change of any one changes the text.
An event keeps the text of the schema it was written with: what a later schema adds comes in only where `schema` says so.
"""

COLUMNS = {
    "id": "id",
    "actor": "actor_id",
    "acting_for": "acting_for_id",
    "viewed_as_by": "viewed_as_by_id",
    "auth": "auth",
    "action": "action",
    "target_kind": "target_kind",
    "target_id": "target_id",
    "target_label": "target_label",
    "scope_path": "scope_path::text",
    "outcome": "outcome",
    "reason": "reason",
    "correlation_id": "correlation_id",
    "cause": "cause",
    "detail": "detail",
    "schema": "schema",
    "xid": "xid",
}


def canonical_sql(row: str = "e") -> str:
    """SQL for the text of the event that `row` is an alias of."""
    parts = [f"'{name}', {row}.{column}" for name, column in COLUMNS.items()]
    at = f"""'at', to_char({row}.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
    return f"jsonb_build_object({at}, {', '.join(parts)})::text"


def leaf_sql(row: str = "e") -> str:
    """SQL for the leaf of that event; the same as `merkle.leaf` of its text."""
    return rf"sha256('\x00'::bytea || convert_to({canonical_sql(row)}, 'UTF8'))"
