"""One row of any model with an AccessManager, made from its fields alone: a model that is added later is covered, too."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from django.apps import apps
from django.db import models
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from portal.access.managers import AccessManager
from portal.access.models import Assignment, Scope
from portal.catalogue.models import OfferingAsk
from portal.core.fields import PathField
from portal.core.models import new_id
from portal.identity.models import ServiceAccount
from portal.provisioning.models import Resource
from portal.tenancy.models import HouseRule, RoleAsk
from portal.users.models import User, UserKind

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
NUMBERS = count(1)
# What a model's own rules ask for beyond its required fields.
ALSO: dict[Any, tuple[str, ...]] = {Assignment: ("user",), Resource: ("plan", "version"), RoleAsk: ("user",)}

SAID: dict[Any, dict[str, Any]] = {HouseRule: {"data_class": "public", "encrypted": True}, OfferingAsk: {"draft": {}}}


def governed() -> list[Any]:
    """Every model that `visible_to` lists, but the tree itself."""
    return [model for model in apps.get_models() if isinstance(model._default_manager, AccessManager) and model is not Scope]


def make(model: Any, scope: Scope, person: User, **given: Any) -> Any:
    """A row of it that lives in the scope, with whatever it hangs on; `person` wherever it wants one."""
    path, _, rest = getattr(model, "scope_lookup", "").partition("__")
    given = SAID.get(model, {}) | given
    if model is ServiceAccount:  # it has the id of its user
        robot = User.objects.create(username=f"robot-{next(NUMBERS)}", kind_of_user=UserKind.SERVICE, owner=person)
        given |= {"id": robot.pk, "user": robot}
    for field in model._meta.concrete_fields:
        if field.name in given:
            continue
        if field.name == path:
            given[field.name] = there(field.related_model, rest, scope, person) if rest else scope
        elif field.is_relation and (not field.null or field.name in ALSO.get(model, ())):
            given[field.name] = related(field.related_model, scope, person)
        elif not field.is_relation and wants_a_value(field):
            given[field.name] = value_for(field)
    return model.objects.create(**given)


def there(model: Any, path: str, scope: Scope, person: User) -> Any:
    """The row that it lives in, which itself lives in the scope."""
    return model.objects.filter(**{path: scope}).first() or make(model, scope, person)


def related(model: Any, scope: Scope, person: User) -> Any:
    """What it points to: the scope, the person, or any row that is there already."""
    if model in (Scope, User):
        return scope if model is Scope else person
    return model.objects.first() or make(model, scope, person)


def wants_a_value(field: Any) -> bool:
    """Whether the database would refuse the row without one, or hold it for the same as another."""
    filled = field.has_default() or field.null or field.primary_key or field.db_default is not models.NOT_PROVIDED
    return not filled and (not field.blank or field.unique)


def value_for(field: Any) -> Any:
    """A value that no row before it has, where the type leaves room for one."""
    number = next(NUMBERS)
    if field.choices:
        return field.choices[0][0]
    kinds = {
        PathField: lambda: new_id().hex,
        models.UUIDField: new_id,
        models.BinaryField: lambda: b"sealed",
        models.BooleanField: lambda: False,
        models.DateTimeField: lambda: NOON,
        models.DateField: lambda: NOON.date(),
        models.DecimalField: lambda: Decimal(1),
        models.IntegerField: lambda: number % 30_000,
        models.CharField: lambda: f"v{number}"[: field.max_length],
        models.TextField: lambda: f"v{number}",
    }
    for kind, value in kinds.items():
        if isinstance(field, kind):
            return value()
    if type(field).__name__ == "DateTimeRangeField":
        return DateTimeTZRange(NOON, NOON + timedelta(hours=1))
    raise AssertionError(f"say in tests/access/fabric.py what a {type(field).__name__} may hold ({field})")
