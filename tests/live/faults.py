"""Where the points lie in the portal: hooked in from outside, in the workers of the tests alone (CELERY_IMPORTS)."""

from functools import partial
from typing import Any

from celery.signals import task_postrun, task_prerun
from django.db import transaction
from django.db.models.signals import post_save

from portal.core.journal import StepState
from portal.orders.models import Order, OrderState
from portal.provisioning import calls
from portal.provisioning.models import Resource, Step
from tests.live import clouds, points

TELLING = (StepState.WAITING, StepState.DONE)
_ask = calls.ask


def ask(step: Step, resource: Resource) -> Any:
    """calls.ask between its two points."""
    verb = "poll" if step.ref else step.verb
    points.passing(resource.name, verb, "asked")
    points.begin(resource.name, verb)
    try:
        answer = _ask(step, resource)
    finally:
        points.end()
    points.passing(resource.name, verb, "answered")
    return answer


def step_saved(instance: Step, created: bool, **_: Any) -> None:
    name, verb = instance.resource.name, instance.verb
    if created:
        points.passing(name, verb, "planned")
    elif instance.state in TELLING:
        transaction.on_commit(partial(points.passing, name, verb, instance.state))
        points.passing(name, verb, f"noted-{instance.state}")


def order_saved(instance: Order, created: bool, **_: Any) -> None:
    if not created and instance.state == OrderState.DONE:
        name = instance.items.get().spec["name"]
        transaction.on_commit(partial(points.passing, name, "order", "done"))
        points.passing(name, "order", "noted-done")


def task_moved(point: str, sender: Any, args: list[str], **_: Any) -> None:
    if sender.name == "provisioning.reconcile":
        points.passing(Resource.objects.values_list("name", flat=True).get(pk=args[0]), "task", point)


calls.ask = ask
clouds.watch_statements()
post_save.connect(step_saved, sender=Step, weak=False)
post_save.connect(order_saved, sender=Order, weak=False)
task_prerun.connect(partial(task_moved, "begun"), weak=False)
task_postrun.connect(partial(task_moved, "over"), weak=False)
