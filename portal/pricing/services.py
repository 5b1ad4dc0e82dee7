"""Open a price book and set prices, from an hour on. What was in force in the past is never edited."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from django.db import transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.utils.translation import gettext as _

from portal.access.guard import require
from portal.access.models import Scope, ScopeKind
from portal.catalogue.models import Component, Plan
from portal.core import clock
from portal.core.errors import Invalid, Refused
from portal.core.money import PRICE_STEP
from portal.core.queue import after_commit
from portal.events.services import record
from portal.pricing.models import Price, PriceBook
from portal.users.actor import Actor

HIGHEST = Decimal(10) ** 9


@transaction.atomic
def open_price_book(organization: Scope, *, name: str, currency: str, actor: Actor) -> PriceBook:
    """The organization's one price book; opened when first asked for."""
    require(actor, "manage_prices", organization)
    if organization.scope_kind != ScopeKind.ORGANIZATION:
        raise Invalid(_("Prices belong to an organization."), fields={"scope": [_("Choose the organization.")]})
    if len(currency) != 3 or not currency.isascii() or not currency.isupper():
        raise Invalid(_("A currency has three letters."), fields={"currency": [_("For example EUR.")]})
    book, created = PriceBook.objects.get_or_create(scope=organization, defaults={"name": name, "currency": currency})
    if created:
        record("pricing.open_book", book, actor=actor, currency=currency)
    return book


@transaction.atomic
def set_price(
    book: PriceBook,
    component: Component,
    unit_price: Decimal,
    *,
    actor: Actor,
    starts: datetime | None = None,
    plan: Plan | None = None,
) -> Price:
    """One unit costs this from `starts` (a full UTC hour; the next one unless named) until the next price set, if any.

    A price in force ends there. The past can only be filled where no price was: then the days since are rated anew.
    """
    require(actor, "manage_prices", book.scope)
    starts = _full_hour(starts)
    _check_fits(book, component, plan, unit_price)
    PriceBook.objects.select_for_update().get(pk=book.pk)
    same = Price.objects.filter(book=book, component=component, plan=plan)
    current = same.filter(valid__contains=starts).first()
    if starts < clock.now() and _was_priced(book, component, plan, starts):
        raise Refused(_("A price was in force then, and the past is not changed. Choose a later hour."))
    version = (same.order_by("-version").values_list("version", flat=True).first() or 0) + 1
    later = same.filter(valid__startswith__gt=starts).order_by("valid__startswith").first()
    if current:
        _end(current, starts)
    ends = later.valid.lower if later else None
    price = Price(book=book, component=component, plan=plan, unit_price=unit_price, version=version)
    price.valid = DateTimeTZRange(starts, ends, "[)")
    price.save()
    record(
        "pricing.set_price", price, actor=actor, unit_price=unit_price, starts=starts, version=version, currency=book.currency
    )
    if starts < clock.now():
        after_commit("metering.rate", starts.isoformat())
    return price


def _was_priced(book: PriceBook, component: Component, plan: Plan | None, starts: datetime) -> bool:
    """Whether a price was in force then, or a general one since, which one for a plan would displace."""
    prices = Price.objects.filter(book=book, component=component)
    at_once = prices.filter(plan=plan, valid__contains=starts)
    general = prices.filter(plan=None, valid__overlap=DateTimeTZRange(starts, clock.now(), "[)"))
    return at_once.exists() or (plan is not None and general.exists())


def _end(price: Price, at: datetime) -> None:
    """A price that has not begun by then never held, and goes."""
    if price.valid.lower == at:
        price.delete()
        return
    price.valid = DateTimeTZRange(price.valid.lower, at, "[)")
    price.save(update_fields=["valid"])


def _full_hour(starts: datetime | None) -> datetime:
    now = clock.now()
    if starts is None:
        hour = clock.hour_of(now)
        return hour if hour == now else hour + timedelta(hours=1)
    if starts.tzinfo is None or starts != clock.hour_of(starts):
        raise Invalid(_("Prices change on the full hour."), fields={"starts": [_("Choose a full hour, in UTC.")]})
    return starts.astimezone(UTC)


def _check_fits(book: PriceBook, component: Component, plan: Plan | None, unit_price: Decimal) -> None:
    offering = component.version.offering
    if offering.scope_id != book.scope_id or (plan and plan.version_id != component.version_id):
        raise Invalid(
            _("This component is not offered here."), fields={"component": [_("Choose one of this organization's.")]}
        )
    try:
        fits = 0 <= unit_price <= HIGHEST and unit_price == unit_price.quantize(PRICE_STEP)
    except InvalidOperation:
        fits = False
    if not fits:
        raise Invalid(_("This is not a price."), fields={"unit_price": [_("A number from 0 on, with at most 8 decimals.")]})
