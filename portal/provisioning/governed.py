"""What is known of an operation that is asked for, and whether a policy asks for a decision on it."""

from typing import Any

from portal.approvals.previews import is_asked_about
from portal.provisioning.models import Resource
from portal.users.actor import Actor

OPERATION = "operation"


def operation_facts(resource: Resource, verb: str) -> dict[str, Any]:
    """What is decided on: what is done, to what, where."""
    return {
        "action": verb,
        "resource": resource.name,
        "offering": resource.version.offering.name if resource.version else "",
        "plan": resource.plan.name if resource.plan else "",
        "connection": resource.connection.name,
        "region": resource.region,
    }


def operation_context(resource: Resource) -> dict[str, Any]:
    """What policies may ask about beside it."""
    return {
        "service": resource.version.offering.slug if resource.version else "",
        "capability": resource.capability,
        "provider": resource.connection.provider.key,
    }


def waits_for_decision(resource: Resource, verb: str, actor: Actor) -> bool:
    """Whether a policy asks for a decision before this is done. What belongs to no project is operated by nobody."""
    if resource.project is None:
        return False
    facts, context = operation_facts(resource, verb), operation_context(resource)
    return is_asked_about(OPERATION, facts, context, resource.project, actor=actor)
