"""Take and free quota. Quota rows are locked root to leaf, so two orders for the last slot queue up and never deadlock."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db import transaction
from django.db.models import OuterRef, Subquery, Sum
from django.utils.translation import gettext as _

from portal.access.models import Scope
from portal.core import clock
from portal.core.errors import QuotaExceeded
from portal.tenancy.models import Hold, Quota


@dataclass(frozen=True, slots=True)
class Room:
    """How much of a dimension a scope may use, uses, and has left. `scope` is where the quota was set.

    `has_spans`: some of the limit was added or lent until a moment.
    """

    scope: Scope
    dimension: str
    used: int
    limit: int
    has_spans: bool = False

    @property
    def left(self) -> int:
        return max(self.limit - self.used, 0)


@transaction.atomic
def place_holds(project: Scope, amounts: Mapping[str, int], *, key: str) -> None:
    """Take `amounts` for the thing named `key`, or raise QuotaExceeded naming scope, dimension and what is missing.

    The same key again changes nothing. Amounts of zero are not held.
    """
    wanted, now = {dimension: amount for dimension, amount in amounts.items() if amount}, clock.now()
    if not wanted or Hold.objects.filter(key=key).exists():
        return
    for quota in _locked(project, wanted):
        used = used_of(quota.scope, quota.dimension)
        missing = used + wanted[quota.dimension] - quota.limit_at(now)
        if missing > 0:
            raise QuotaExceeded(
                _("%(missing)s %(dimension)s over the quota of %(scope)s. Ask for %(missing)s more, or order less.")
                % {"missing": missing, "dimension": quota.dimension, "scope": quota.scope.name},
                scope=str(quota.scope.pk),
                dimension=quota.dimension,
                missing=missing,
            )
    Hold.objects.bulk_create(
        [Hold(scope=project, dimension=name, amount=amount, key=key) for name, amount in sorted(wanted.items())],
        ignore_conflicts=True,
    )


def lock_quotas(project: Scope, dimensions: Iterable[str]) -> None:
    """Lock at once what several holds of one transaction will need: taken one by one, two orders could wait for each other."""
    _locked(project, dimensions)


def free_holds(key: str) -> int:
    """Free what a thing held; freeing twice is no error. Returns how many dimensions were freed."""
    return Hold.objects.filter(key=key).delete()[0]


@transaction.atomic
def rename_holds(before: str, after: str) -> None:
    """What one thing held, another holds from here on (an order item's becomes the resource's)."""
    Hold.objects.filter(key=before).update(key=after)


def held_under(keys: Iterable[str]) -> dict[str, int]:
    """How much of each dimension is held under these keys together."""
    rows = Hold.objects.filter(key__in=list(keys)).values_list("dimension").annotate(n=Sum("amount")).order_by("dimension")
    return dict(rows)


def room_in(scope: Scope) -> list[Room]:
    """Every quota that binds a scope, its own and those above, with what is used: root first."""
    held = Hold.objects.filter(scope__path__within=OuterRef("scope__path"), dimension=OuterRef("dimension"))
    total = Subquery(held.values("dimension").annotate(n=Sum("amount")).values("n"))
    quotas, now = Quota.objects.filter(scope__path__above=scope.path).select_related("scope"), clock.now()
    quotas = quotas.annotate(used=total)
    return [
        Room(quota.scope, quota.dimension, int(quota.used or 0), quota.limit_at(now), bool(quota.spans))
        for quota in quotas.order_by("scope__path", "dimension")
    ]


def used_of(scope: Scope, dimension: str) -> int:
    """How much of a dimension is held at a scope and all below it."""
    held = Hold.objects.filter(scope__path__within=scope.path, dimension=dimension)
    return int(held.aggregate(n=Sum("amount"))["n"] or 0)


def _locked(project: Scope, wanted: Iterable[str]) -> list[Quota]:
    rows = Quota.objects.filter(scope__path__above=project.path, dimension__in=list(wanted)).select_related("scope")
    return list(rows.select_for_update(of=("self",)).order_by("scope__path", "dimension"))
