"""Filters and sort orders of SCIM as conditions of our tables."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet
from scim2_models import Group, InvalidFilterException, InvalidPathException, Path, SearchRequest
from scim2_models.path import (
    AttrPath,
    CompareOperator,
    Comparison,
    FilterNode,
    FilterVisitor,
    LogicalExpr,
    LogicalOperator,
    Not,
    Present,
    ValuePath,
)

from portal.identity.models import ScimMember
from portal.identity.scim_resources import Person, folded, key_of

LONGEST, DEEPEST, MOST_TERMS = 2_000, 20, 50
NOBODY = Q(pk__in=[])
COLUMNS = {"id": "pk", "externalid": "external_id", "meta.created": "created_at", "meta.lastmodified": "changed_at"}
OF = {Person: {**COLUMNS, "username": "key", "active": "active"}, Group: {**COLUMNS, "displayname": "key"}}
"""The attributes that have a column; all others are looked for in `folded`."""
MEMBERSHIPS = {"members": ("user", "group"), "groups": ("group", "user")}
LOOKUPS = {
    CompareOperator.co: "contains",
    CompareOperator.sw: "startswith",
    CompareOperator.ew: "endswith",
    CompareOperator.gt: "gt",
    CompareOperator.ge: "gte",
    CompareOperator.lt: "lt",
    CompareOperator.le: "lte",
}
IN_JSON = {"contains": "icontains", "startswith": "startswith", "endswith": "endswith"}


def check_filter(text: str) -> None:
    """Refuse a filter that is longer, deeper or wider than any directory asks with, before it is parsed."""
    depth = deepest = 0
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        deepest = max(deepest, depth)
    words = text.lower().split()
    if len(text) > LONGEST or deepest > DEEPEST or words.count("and") + words.count("or") >= MOST_TERMS:
        said = f"A filter has at most {LONGEST} characters, {DEEPEST} levels and {MOST_TERMS} terms."
        raise InvalidFilterException(detail=said)


def narrowed(rows: QuerySet[Any], asked: SearchRequest[Any], model: Any) -> QuerySet[Any]:
    """The rows that the request is about, in its order; the oldest first where it names none."""
    if asked.filter is not None:
        rows = rows.filter(_Condition(model).visit(asked.filter.ast))
    return rows.order_by(*_order(asked, model), "created_at", "pk")


class _Condition(FilterVisitor[Q]):
    """A filter, checked against its model before, as a condition."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def visit_not(self, node: Not) -> Q:
        return ~self.visit(node.expr)

    def visit_logical_expr(self, node: LogicalExpr) -> Q:
        terms = [self.visit(term) for term in node.terms]
        found = terms[0]
        for term in terms[1:]:
            found = found & term if node.op == LogicalOperator.and_ else found | term
        return found

    def visit_present(self, node: Present) -> Q:
        column = OF[self.model].get(_name(node.attr_path))
        if column is not None:
            return ~Q(external_id="") if column == "external_id" else Q()
        if node.attr_path.attr.lower() in MEMBERSHIPS:
            return Q(memberships__isnull=False, pk__in=_in_some(node.attr_path.attr.lower()))
        keys = _keys(node.attr_path)[: 1 if self._is_many(node.attr_path) else None]
        return Q(**{"__".join(("folded", *keys, "isnull")): False})

    def visit_comparison(self, node: Comparison) -> Q:
        if node.value is None:
            found = ~self.visit_present(Present(node.attr_path))
            return found if node.op == CompareOperator.eq else ~found
        if node.op == CompareOperator.ne:
            return ~self.visit_comparison(Comparison(node.attr_path, CompareOperator.eq, node.value))
        _check_kept(node.value)
        column = OF[self.model].get(_name(node.attr_path))
        if column is not None:
            return _column(column, node)
        if node.attr_path.attr.lower() in MEMBERSHIPS:
            return _of_member(node.attr_path.attr.lower(), node)
        keys, many = _keys(node.attr_path), self._is_many(node.attr_path)
        if node.op == CompareOperator.eq:
            return Q(folded__contains=_nested(keys, folded(node.value), many=many))
        lookup = IN_JSON.get(LOOKUPS[node.op])
        if many or lookup is None or not isinstance(node.value, str):
            raise _unsupported(node)
        return Q(**{"__".join(("folded", *keys, lookup)): key_of(node.value)})

    def visit_value_path(self, node: ValuePath) -> Q:
        terms = node.val_filter.terms if isinstance(node.val_filter, LogicalExpr) else (node.val_filter,)
        is_or = isinstance(node.val_filter, LogicalExpr) and node.val_filter.op == LogicalOperator.or_
        wanted: dict[str, Any] = {}
        for term in terms:
            if is_or or not isinstance(term, Comparison) or term.op != CompareOperator.eq or term.value is None:
                raise _unsupported(node)
            _check_kept(term.value)
            wanted[term.attr_path.attr.lower()] = folded(term.value)
        name = node.attr_path.attr.lower()
        if name in MEMBERSHIPS:
            if set(wanted) != {"value"}:
                raise _unsupported(node)
            return _member(name, wanted["value"])
        *above, last = _keys(node.attr_path)
        found: Any = {last: [wanted]}
        for key in reversed(above):
            found = {key: found}
        return Q(folded__contains=found)

    def _is_many(self, path: AttrPath) -> bool:
        binding = Path[self.model](str(path)).resolve()  # type: ignore[name-defined]
        return binding is not None and binding.is_multivalued


def _column(column: str, node: Comparison) -> Q:
    value: Any = node.value
    if column == "pk":
        return Q(pk=_uuid(value)) if node.op == CompareOperator.eq else _refuse(node)
    if column in ("created_at", "changed_at"):
        value = _time(node)
    elif column == "key":
        value = key_of(str(value))
    if node.op == CompareOperator.eq:
        return Q(**{column: value})
    return Q(**{f"{column}__{LOOKUPS[node.op]}": value})


def _of_member(name: str, node: Comparison) -> Q:
    """A comparison with who is in a group, or which groups somebody is in."""
    if node.op != CompareOperator.eq or (node.attr_path.sub_attr or "value").lower() != "value":
        raise _unsupported(node)
    return _member(name, node.value)


def _member(name: str, value: Any) -> Q:
    other, own = MEMBERSHIPS[name]
    return Q(pk__in=ScimMember.objects.filter(**{other: _uuid(value)}).values(own))


def _in_some(name: str) -> Any:
    return ScimMember.objects.values(MEMBERSHIPS[name][1])


def _order(asked: SearchRequest[Any], model: Any) -> list[Any]:
    """What `sortBy` names: whatever has no value comes last, or first where the order is descending."""
    if asked.sort_by is None:
        return []
    binding = asked.sort_binding(model)
    path = AttrPath(*_parts(str(asked.sort_by)))
    if binding is None or binding.is_multivalued:
        raise InvalidPathException(path=str(asked.sort_by), detail="This cannot be sorted by.")
    by = F(OF[model].get(_name(path)) or "__".join(("folded", *_keys(path))))
    down = asked.sort_order == SearchRequest.SortOrder.descending
    return [by.desc(nulls_first=True) if down else by.asc(nulls_last=True)]


def _parts(text: str) -> tuple[str, str | None, str | None]:
    """Attribute, sub-attribute and schema of a path that was parsed before."""
    schema, _colon, rest = text.rpartition(":")
    name, _dot, sub = rest.partition(".")
    return name, sub or None, schema or None


def _name(path: AttrPath) -> str:
    """`meta.created`, for what is of the core schema."""
    return ".".join(_keys(path))


def _keys(path: AttrPath) -> list[str]:
    """Where it lies in `folded`."""
    schema = (path.uri or "").lower()
    above = [schema] if schema and ":core:" not in schema else []
    return [*above, *(part.lower() for part in (path.attr, path.sub_attr) if part)]


def _nested(keys: list[str], value: Any, *, many: bool) -> Any:
    """`{"emails": [{"value": ...}]}`."""
    *above, last = keys
    if many:
        is_sub = len(above) > (1 if ":" in keys[0] else 0)
        name, sub = (above.pop(), last) if is_sub else (last, "value")
        found: Any = {name: [{sub: value}]}
    else:
        found = {last: value}
    for key in reversed(above):
        found = {key: found}
    return found


def _uuid(value: Any) -> UUID | None:
    """An id, or one that nothing has."""
    try:
        return UUID(str(value))
    except ValueError:
        return UUID(int=0)


def _time(node: Comparison) -> datetime:
    try:
        value = datetime.fromisoformat(str(node.value))
    except ValueError as error:
        raise _unsupported(node) from error
    if value.tzinfo is None or node.op in (CompareOperator.co, CompareOperator.sw, CompareOperator.ew):
        raise _unsupported(node)
    return value


def _check_kept(value: Any) -> None:
    """Refuse text that no row can hold: NUL, and half a character."""
    if isinstance(value, str) and any(letter == "\x00" or "\ud800" <= letter <= "\udfff" for letter in value):
        raise InvalidFilterException(detail="The filter holds characters that cannot be kept.")


def _refuse(node: FilterNode) -> Q:
    raise _unsupported(node)


def _unsupported(node: FilterNode) -> InvalidFilterException:
    return InvalidFilterException(detail=f"This comparison is not supported: {str(node)[:200]}")
