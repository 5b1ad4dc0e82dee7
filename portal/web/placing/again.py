"""The form filled with what was ordered before, and what of that no longer fits."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from portal.catalogue.models import OfferingVersion
from portal.core.schema import properties
from portal.orders.forms import PREFIX
from portal.orders.models import OrderItem
from portal.web.ordersheet import Sheet

NAME = "name"


def answers_of(item: OrderItem, version: OfferingVersion, *, named: bool = False) -> dict[str, Any]:
    """What the form of a version is to be filled with, that the item is ordered again; `named` also with its name."""
    plan = next((plan.pk for plan in version.plans.all() if plan.key == item.plan.key), "")
    spec = {name: value for name, value in item.spec.items() if value not in ("", None) and (named or name != NAME)}
    typed = {f"{PREFIX}-{name}": value for name, value in spec.items()}
    return {**typed, "project": item.order.project_id, "connection": item.connection_id, "plan": plan}


def misfits_of(item: OrderItem, sheet: Sheet) -> list[str]:
    """What of it the form cannot offer as it was, in words; nothing where it fits as it is."""
    said = [*_place(item, sheet), *(text for name, value in item.spec.items() if (text := _answer(name, value, sheet)))]
    number = item.plan.version.number
    if sheet.version.number != number:
        words = {"now": sheet.version.number, "then": number}
        said.insert(0, _("Version %(now)s of the service holds now; it was ordered by version %(then)s.") % words)
    return said


def _place(item: OrderItem, sheet: Sheet) -> list[str]:
    """Project, plan, cloud and region."""
    said = []
    if sheet.project.pk != item.order.project_id:
        said.append(_("%(project)s: you cannot order there now.") % {"project": item.order.project})
    if sheet.plan.key != item.plan.key:
        said.append(_("Plan %(plan)s is not offered any more; choose another.") % {"plan": item.plan})
    if sheet.connection is None or sheet.connection.pk != item.connection_id:
        said.append(_("%(cloud)s cannot be ordered on from here now.") % {"cloud": item.connection})
    elif sheet.region != item.region:
        said.append(_("Region %(region)s is not to be had now.") % {"region": item.region})
    return said


def _answer(name: str, value: Any, sheet: Sheet) -> str:
    """Why one answer cannot stay; empty where it can, or where another line says it."""
    if name in (NAME, "region") or value in ("", None):
        return ""
    part: Mapping[str, Any] | None = properties(sheet.fields.schema).get(name)
    words = {"field": (part or {}).get("title", name), "value": value}
    if part is None:
        return _("%(field)s: it is not asked for any more.") % words
    if "const" in part:
        return (
            _("%(field)s: it was %(value)s, and is %(now)s by the plan.") % {**words, "now": part["const"]}
            if (part["const"] != value)
            else ""
        )
    hidden = part.get("x-hidden") and value != part.get("default")
    return _("%(field)s: %(value)s is not to be had now.") % words if hidden or words["field"] in sheet.wrong else ""
