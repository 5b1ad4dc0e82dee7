"""How an order was changed while it waited: who, when, with which words, and what was and is, thing by thing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from django.utils.translation import gettext as _

from portal.orders.models import Order, Revision
from portal.orders.queries import revisions_of
from portal.web import facts, figures

NOTHING = "–"
Difference = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """One revision with what differs from the one before."""

    revision: Revision
    differences: list[Difference]


def changes_of(order: Order) -> list[Change]:
    """Every change of it, the last on top."""
    return [Change(each, list(differences(each.before, each.after))) for each in reversed(revisions_of(order))]


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    """What differs between two cards of an order, in words."""
    pairs = zip_longest(facts.items(before), facts.items(after))
    several = len(after.get("items", [])) > 1
    for was, now in pairs:
        for label, old, new in _of_item(was, now):
            yield (f"{now.name}: {label}" if several and now and was else label), old, new
    if before.get("note") != after.get("note"):
        yield _("Why"), str(before.get("note") or NOTHING), str(after.get("note") or NOTHING)
    if before.get("cost_per_month") != after.get("cost_per_month"):
        yield _("Cost a month"), _cost(before), _cost(after)


def _of_item(was: facts.Item | None, now: facts.Item | None) -> Iterator[Difference]:
    if was is None or now is None:
        yield _("What"), was.name if was else NOTHING, now.name if now else NOTHING
        return
    told = [(_("Name"), was.name, now.name), (_("Service"), was.service, now.service), (_("Where"), was.where, now.where)]
    old, new = dict(was.answers), dict(now.answers)
    told += [(label, old.get(label, NOTHING), new.get(label, NOTHING)) for label in {**old, **new}]
    yield from (each for each in told if each[1] != each[2])


def _cost(card: Mapping[str, Any]) -> str:
    amount = facts.amount_of(card.get("cost_per_month")) or 0
    return f"{figures.amount(amount, str(card.get('currency', '')))} {card.get('currency', '')}"
