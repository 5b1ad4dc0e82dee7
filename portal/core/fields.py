"""Columns that PostgreSQL has and Django does not: ltree paths, and the money columns at their scale."""

from typing import Any

from django.db import models


class PathField(models.Field):  # type: ignore[type-arg]
    """An ltree path as text, labels parted by dots. Lookups: `within` (self or below), `above`."""

    def db_type(self, connection: Any) -> str:
        return "ltree"

    def get_placeholder(self, value: Any, compiler: Any, connection: Any) -> str:
        return "%s::ltree"


@PathField.register_lookup
class Within(models.Lookup):
    lookup_name = "within"

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        left, left_params = self.process_lhs(compiler, connection)
        right, right_params = self.process_rhs(compiler, connection)
        return f"{left} <@ {right}", (*left_params, *right_params)


@PathField.register_lookup
class WithinAny(models.Lookup):
    """`path__within_any=[...]`: self or below any of the paths."""

    lookup_name = "within_any"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        left, left_params = self.process_lhs(compiler, connection)
        return f"{left} <@ %s::ltree[]", (*left_params, list(self.rhs))

    def get_db_prep_lookup(self, value: Any, connection: Any) -> tuple[str, Any]:
        return "%s", [value]


@PathField.register_lookup
class Above(models.Lookup):
    lookup_name = "above"

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        left, left_params = self.process_lhs(compiler, connection)
        right, right_params = self.process_rhs(compiler, connection)
        return f"{left} @> {right}", (*left_params, *right_params)


@PathField.register_lookup
class Through(models.Lookup):
    """`path__through="label"`: the label stands anywhere in the path, so that is the thing's path or below it."""

    lookup_name = "through"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        left, left_params = self.process_lhs(compiler, connection)
        return f"{left} ~ %s::lquery", (*left_params, f"*.{self.rhs}.*")


@PathField.register_lookup
class Depth(models.Transform):
    """`path__depth`: how many levels."""

    lookup_name = "depth"
    function = "nlevel"
    output_field: Any = models.IntegerField()


def quantity_field(**kwargs: Any) -> Any:
    """A measured amount: (18,4)."""
    return models.DecimalField(max_digits=18, decimal_places=4, **kwargs)


def price_field(**kwargs: Any) -> Any:
    """A price for one unit: (18,8)."""
    return models.DecimalField(max_digits=18, decimal_places=8, **kwargs)


def cost_field(**kwargs: Any) -> Any:
    """A cost, exact: (38,12)."""
    return models.DecimalField(max_digits=38, decimal_places=12, **kwargs)
