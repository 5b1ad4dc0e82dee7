"""Prices in force: one table, read by the quote of a form and by the rating of a month."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import connection
from django.db.models import QuerySet

from portal.access.models import Scope
from portal.pricing.models import Price, PriceBook
from portal.users.actor import Actor

IN_FORCE = """
WITH touching AS (
    SELECT p.*, b.name AS book_name, b.scope_id AS organization_id, b.currency
    FROM pricing_price p JOIN pricing_pricebook b ON b.id = p.book_id
    WHERE p.valid && tstzrange(%(starts)s, %(ends)s, '[)')
        AND (%(component_ids)s::uuid[] IS NULL OR p.component_id = ANY (%(component_ids)s))
),
own AS (
    SELECT book_id, component_id, plan_id, range_agg(valid) AS taken
    FROM touching WHERE plan_id IS NOT NULL GROUP BY book_id, component_id, plan_id
),
resolved AS (
    SELECT t.*, t.plan_id AS for_plan, t.valid::tstzmultirange AS parts FROM touching t WHERE t.plan_id IS NOT NULL
    UNION ALL
    SELECT t.*, plan.id, t.valid::tstzmultirange - coalesce(own.taken, '{}'::tstzmultirange)
    FROM touching t
    JOIN catalogue_component c ON c.id = t.component_id
    JOIN catalogue_plan plan ON plan.version_id = c.version_id
    LEFT JOIN own ON own.book_id = t.book_id AND own.component_id = t.component_id AND own.plan_id = plan.id
    WHERE t.plan_id IS NULL
)
SELECT r.id, r.book_id, r.book_name, r.organization_id, r.component_id, r.for_plan, r.version, r.unit_price, r.currency,
    lower(part), upper(part)
FROM resolved r CROSS JOIN LATERAL unnest(r.parts) AS part
WHERE part && tstzrange(%(starts)s, %(ends)s, '[)')
ORDER BY r.component_id, r.for_plan, lower(part)
"""


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One price as it holds for one plan, in [valid_from, valid_to). For one plan and component no two overlap."""

    price_id: uuid.UUID
    book_id: uuid.UUID
    book_name: str
    organization_id: uuid.UUID
    component_id: uuid.UUID
    plan_id: uuid.UUID
    version: int
    unit_price: Decimal
    currency: str
    valid_from: datetime
    valid_to: datetime | None


def price_rows(
    starts: datetime, ends: datetime | None = None, *, components: Iterable[uuid.UUID] | None = None
) -> list[PriceRow]:
    """The prices in force at a moment, or at any moment of [starts, ends). A plan's own price goes before the general one."""
    ids = None if components is None else list(components)
    with connection.cursor() as cursor:
        cursor.execute(IN_FORCE, {"starts": starts, "ends": ends or starts + timedelta(microseconds=1), "component_ids": ids})
        return [PriceRow(*row) for row in cursor.fetchall()]


def price_book_of(organization: Scope | uuid.UUID) -> PriceBook | None:
    """The book an organization's prices stand in."""
    pk = organization.pk if isinstance(organization, Scope) else organization
    return PriceBook.objects.filter(scope_id=pk).first()


def price_books_visible_to(actor: Actor) -> QuerySet[PriceBook]:
    """Books whose prices she may see and set."""
    books: QuerySet[PriceBook] = PriceBook.objects.visible_to(actor).select_related("scope")
    return books


def prices_of(book: PriceBook) -> QuerySet[Price]:
    """Every price ever set in a book, newest first within each component."""
    parts = ("component__version__offering", "plan")
    return (
        Price.objects.filter(book=book)
        .select_related(*parts)
        .order_by("component__version__offering__name", "component_id", "-valid")
    )
