"""A spec from a form: what the plan fixes, what she answered, what the version leaves standing; checked twice."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _

from portal.catalogue.models import Component, OfferingVersion, Plan
from portal.clouds.schemas import CAPABILITIES
from portal.core.errors import Invalid
from portal.core.money import QUANTITY_STEP
from portal.core.schema import defaults, narrow, properties, validate

MOST_UNITS = Decimal(10) ** 9
"""More of anything than one resource may have: an hour of it still fits the ledger."""


def spec_schema(version: OfferingVersion, plan: Plan) -> dict[str, Any]:
    """The schema of the form for one plan: the version's, with what the plan fixes as constants."""
    fixed = {name: {"const": value} for name, value in plan.spec.items()}
    return narrow(version.schema, {"properties": fixed})


def full_spec(version: OfferingVersion, plan: Plan, answers: Mapping[str, Any]) -> dict[str, Any]:
    """The whole spec that the answers make, or Invalid with `fields`: what is fixed cannot be answered otherwise."""
    if plan.version_id != version.pk:
        raise Invalid(_("This plan belongs to another version."), fields={"plan": [_("Choose one of the plans shown.")]})
    spec = filled(version, plan, answers)
    validate(spec_schema(version, plan), spec)
    validate(CAPABILITIES[version.offering.capability], spec)
    return spec


def filled(version: OfferingVersion, plan: Plan, answers: Mapping[str, Any]) -> dict[str, Any]:
    """The answers with what is fixed and what the version leaves standing; whether they fit is not asked."""
    return {**defaults(spec_schema(version, plan)), **{name: _whole(value) for name, value in answers.items()}}


def _whole(value: Any) -> Any:
    """20.0 is a whole number to JSON Schema, so it is kept as one."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def units_of(component: Component, spec: Mapping[str, Any]) -> Decimal:
    """How many units of a component a spec has, at the scale of the ledger. Invalid where the spec does not say."""
    if not component.field:
        return component.constant
    try:
        units = Decimal(str(spec[component.field]))
        if 0 <= units <= MOST_UNITS and units == units.quantize(QUANTITY_STEP):
            return units
    except (KeyError, InvalidOperation):
        pass
    raise Invalid(_("The size does not say how much."), fields={component.field: [_("A number is needed here.")]})


def narrowed(capability: str, narrowing: Mapping[str, Any]) -> dict[str, Any]:
    """The capability's schema, narrowed for an offering. Invalid where the capability or a field is not known."""
    if capability not in CAPABILITIES:
        raise Invalid(_("There is no capability %(name)s.") % {"name": capability}, fields={"capability": [_("Not known.")]})
    return narrow(CAPABILITIES[capability], narrowing)


def check_component(component: Component) -> None:
    """Refuse a component that could not be measured."""
    rule, fields = component.quantity, properties(component.version.schema)
    try:
        known = rule.get("field") in fields if set(rule) == {"field"} else set(rule) == {"const"}
        fits = not component.field and component.constant == component.constant.quantize(QUANTITY_STEP)
    except InvalidOperation:
        known = fits = False
    if not known or not (component.field or (fits and 0 < component.constant <= MOST_UNITS)):
        messages = [_("The quantity is a constant or a field of the form.")]
        raise Invalid(
            _("The component %(key)s cannot be measured.") % {"key": component.key}, fields={"components": messages}
        )
