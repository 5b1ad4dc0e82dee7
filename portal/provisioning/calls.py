"""From a step to the adapter's method: one table for both capabilities. Talks to clouds; runs in a worker, in no transaction."""

from typing import Any

from django.db.models import QuerySet

from portal.clouds.base import Answer, CloudError, Done
from portal.clouds.models import ConnectionState
from portal.clouds.registry import adapter_for
from portal.clouds.schemas import database_spec, server_spec
from portal.core.journal import StepState
from portal.provisioning.models import Resource, Step

NOUN = {"compute": "server", "database": "database"}
SPECS = {"compute": server_spec, "database": database_spec}
OPERATIONS = ("start", "stop", "restart")


def ask(step: Step, resource: Resource) -> Answer[Any]:
    """Ask the cloud for what the step says, or how it goes on. The step's id is the key: asked twice, it is one thing."""
    adapter, noun = _adapter(resource), NOUN[resource.capability]
    if step.state == StepState.ASKED and step.ref:
        polled: Answer[Any] = adapter.poll(step.ref)
        return polled
    if step.verb == "ensure":
        spec = SPECS[resource.capability](resource.spec, tags=tags_of(resource))
        made: Answer[Any] = getattr(adapter, f"ensure_{noun}")(spec, _key_for(adapter, noun, step))
        return made
    if step.verb == "remove" and not resource.external_id:
        return _remove_unknown(adapter, noun, step)
    if step.verb in OPERATIONS:
        moved: Answer[Any] = getattr(adapter, f"operate_{noun}")(resource.external_id, step.verb, step.key)
        return moved
    done: Answer[Any] = getattr(adapter, f"{step.verb}_{noun}")(resource.external_id, step.key)
    return done


def _key_for(adapter: Any, noun: str, step: Step) -> str:
    """The key of an earlier step that gave up, where the cloud has what that made after all; else the step's own."""
    for before in _asked_before(step):
        if getattr(adapter, f"find_{noun}")(before.key) is not None:
            return before.key
    return step.key


def _asked_before(step: Step) -> QuerySet[Step]:
    return Step.objects.filter(resource=step.resource_id, verb="ensure", tries__gt=0).exclude(pk=step.pk)


def _remove_unknown(adapter: Any, noun: str, step: Step) -> Answer[Any]:
    """See gone what earlier tries may have made without telling us its id."""
    for made in _asked_before(step):
        found = getattr(adapter, f"find_{noun}")(made.key)
        if found is not None:
            answer: Answer[Any] = getattr(adapter, f"remove_{noun}")(found.id, step.key)
            return answer
    return Done(None)


def find_made(step: Step, resource: Resource) -> Any | None:
    """What a refused `ensure` made all the same; None when there is nothing, or nobody can tell."""
    try:
        return getattr(_adapter(resource), f"find_{NOUN[resource.capability]}")(step.key)
    except CloudError:
        return None


def read(resource: Resource) -> Any | None:
    """The thing as the cloud shows it by its id; None when the cloud is sure that there is none. Raises CloudError.

    Another thing that was made under the same id since is not it.
    """
    seen = getattr(_adapter(resource), f"read_{NOUN[resource.capability]}")(resource.external_id)
    other = seen is not None and seen.generation and resource.generation and seen.generation != resource.generation
    return None if other else seen


def tags_of(resource: Resource) -> dict[str, str]:
    """What the cloud's own console shows of where a thing belongs."""
    return {"concord-resource": str(resource.pk), "concord-project": str(resource.project_id)}


def _adapter(resource: Resource) -> Any:
    if resource.connection.state == ConnectionState.DISABLED:
        raise CloudError(f"{resource.connection.name} is disabled in Concord.", retry=False, kind="refused")
    return adapter_for(resource.connection, resource.region)
