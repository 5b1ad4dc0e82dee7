"""What is known of an offering that is to be published, and whether a policy asks for a decision on it."""

from collections.abc import Mapping
from typing import Any

from portal.access.models import Scope
from portal.approvals.facts import canonical
from portal.approvals.previews import is_asked_about
from portal.catalogue.drafts import OfferingDraft
from portal.catalogue.models import Offering
from portal.core.schema import properties
from portal.users.actor import Actor

OFFERING = "offering"


def offering_facts(organization: Scope, draft: OfferingDraft) -> dict[str, Any]:
    """What is decided on: what is offered, in which plans, what is charged, and what its form takes."""
    return {
        "name": draft.name,
        "capability": draft.capability,
        "is_new": not Offering.objects.filter(scope=organization, slug=draft.key).exists(),
        "plans": [_said(plan.name, {**plan.spec, **plan.quotas}) for plan in draft.plans],
        "charged": [f"{part.name} ({part.unit})" for part in draft.components],
        "narrowed": [_said(name, rules) for name, rules in sorted(properties(draft.narrowing).items())],
    }


def offering_context(draft: OfferingDraft) -> dict[str, Any]:
    """What policies may ask about beside it."""
    return {"service": draft.key}


def waits_for_decision(organization: Scope, draft: OfferingDraft, actor: Actor) -> bool:
    """Whether a policy asks for a decision before this is published."""
    facts, context = offering_facts(organization, draft), offering_context(draft)
    return is_asked_about(OFFERING, facts, context, organization, actor=actor)


def _said(name: str, values: Mapping[str, Any]) -> str:
    """ "Small (servers 1, size t3.small)": in one order, for a draft that was kept has lost its own."""
    parts = [(key.removeprefix("x-"), value if isinstance(value, str) else canonical(value)) for key, value in values.items()]
    said = ", ".join(f"{key} {value}" for key, value in sorted(parts))
    return f"{name} ({said})" if said else name
