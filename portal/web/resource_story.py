"""The story of a resource: what people asked of it, the steps in the cloud that followed, and what was seen."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from portal.core import clock
from portal.events.models import Event
from portal.provisioning.models import Desired, Resource, Step
from portal.web import figures
from portal.web.shell import url_of
from portal.web.states import RESOURCE
from portal.web.story import Moment, Stage

MOST = 15

ASKED: dict[str, tuple[Any, str]] = {
    "provisioning.request": (gettext_lazy("Its making began"), "clipboard-list"),
    "provisioning.end": (gettext_lazy("Its end began"), "circle-x"),
    "provisioning.ask_start": (gettext_lazy("Start was asked for"), "bolt"),
    "provisioning.ask_stop": (gettext_lazy("Stop was asked for"), "player-stop"),
    "provisioning.ask_restart": (gettext_lazy("Restart was asked for"), "rotate-clockwise"),
    "provisioning.ask_operation": (gettext_lazy("A decision on an operation was asked for"), "clock"),
    "provisioning.ask_rotate": (gettext_lazy("A new connection string was asked for"), "key"),
    "provisioning.retry": (gettext_lazy("Tried again"), "refresh"),
    "provisioning.take_secret": (gettext_lazy("The connection string was read"), "key"),
    "provisioning.share": (gettext_lazy("Shared"), "users"),
    "provisioning.end_share": (gettext_lazy("A share ended"), "users"),
}
VERBS = {
    "ensure": gettext_lazy("Make it in the cloud"),
    "remove": gettext_lazy("Remove it from the cloud"),
    "start": gettext_lazy("Start it"),
    "stop": gettext_lazy("Stop it"),
    "restart": gettext_lazy("Restart it"),
    "rotate": gettext_lazy("Set a new password"),
}
NEXT = {
    Desired.RUNNING: gettext_lazy("Active"),
    Desired.STOPPED: gettext_lazy("Stopped"),
    Desired.GONE: gettext_lazy("Ended"),
}


def moments(resource: Resource, events: Iterable[Event], steps: Sequence[Step]) -> list[Moment]:
    """Oldest first, the last MOST of them, then what comes next. Each step stands below what it followed from."""
    told = [moment for event in events if (moment := moment_of(event))]
    left = list(steps)
    for number, moment in enumerate(told):
        until = told[number + 1].at if number + 1 < len(told) else None
        mine = [
            step for step in left if moment.at and step.created_at >= moment.at and (not until or step.created_at < until)
        ]
        moment.stages.extend(stage_of(step) for step in mine)
        left = [step for step in left if step not in mine]
    early = [Moment(_("Asked of the cloud"), "idle", "cloud", at=step.created_at, stages=[stage_of(step)]) for step in left]
    return [*(early + told)[-MOST:], *coming(resource)]


def moment_of(event: Event) -> Moment | None:
    """What one event says; None for the end of a step, which its step says already."""
    if event.action == "provisioning.observe":
        state = str(event.detail.get("state", ""))
        look = RESOURCE.get(state)
        title = _("The cloud shows it as %(state)s") % {"state": look.word if look else state}
        return Moment(title, look.kind if look else "idle", look.icon if look else "circle-dashed", at=event.at)
    if event.action not in ASKED:
        return None
    title, icon = ASKED[event.action]
    kind, _sep, pk = event.cause.partition(":")
    href = url_of("order", pk) if kind == "order" else ""
    said = _("set off by %(person)s") if kind == "order" else _("by %(person)s")
    return Moment(title, "ok", icon, at=event.at, detail=said % {"person": event.actor}, href=href, link=_("The order"))


def stage_of(step: Step) -> Stage:
    """One step: how it stands and how long it took."""
    note = step.error if step.error and not step.settled_at else ""
    if step.tries > 1 and not note:
        note = ngettext("asked %(count)d time", "asked %(count)d times", step.tries) % {"count": step.tries}
    return Stage(VERBS.get(step.verb, step.verb), step.state, step.error if step.state == "failed" else note, took(step))


def took(step: Step) -> str:
    """How long a step took, or has taken so far."""
    seconds = step.seconds if step.seconds is not None else (clock.now() - step.created_at).total_seconds()
    if seconds < 90:
        return _("%(seconds)d s") % {"seconds": max(0, round(seconds))}
    return (
        figures.span(clock.now() - step.created_at)
        if step.settled_at is None
        else figures.span(step.settled_at - step.created_at)
    )


def coming(resource: Resource) -> list[Moment]:
    """Where it is going, while it is."""
    if not resource.is_moving:
        return []
    return [Moment(NEXT[Desired(resource.desired)], "next")]
