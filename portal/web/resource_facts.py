"""What a resource is, as its page says it: facts, what differs from what was ordered, cost, and the acts that fit now."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.guard import holds
from portal.approvals.models import Approval
from portal.clouds.labels import hint_of
from portal.clouds.schemas import CAPABILITIES
from portal.core import clock
from portal.core.errors import Invalid
from portal.core.money import HOURS_PER_MONTH
from portal.metering.calendars import period_at
from portal.metering.queries import costs_of_resources
from portal.pricing.quotes import NoPrice, Quote, quote
from portal.provisioning.models import Desired, Resource, ResourceState
from portal.provisioning.operating import waiting_on
from portal.users.actor import Actor

# Field of the order -> what the cloud says of it.
SEEN_AS = {"size": "size", "disk_gib": "disk_gib", "connections": "connection_limit"}
SETTLED = (ResourceState.RUNNING, ResourceState.STOPPED)
ELSEWHERE = ("name", "region")  # said in the head, or in a line of its own


@dataclass(frozen=True, slots=True)
class Cost:
    """This month so far, and what a month of it costs as it stands; None where nobody may say."""

    so_far: dict[str, Decimal]
    per_month: Decimal | None
    currency: str
    quote: Quote | None


@dataclass(frozen=True, slots=True)
class Act:
    """One operation that fits how the resource stands; `why_not` says why it cannot be asked for just now."""

    verb: str
    label: Any
    icon: str
    why_not: str = ""


STOP = Act("stop", gettext_lazy("Stop"), "player-stop")
RESTART = Act("restart", gettext_lazy("Restart"), "rotate-clockwise")
START = Act("start", gettext_lazy("Start"), "bolt")


# What to do about a step that failed for good; other kinds of error say it in portal.clouds.labels.
ADVICE = {
    "credentials": gettext_lazy("Ask an operator to put new credentials into the connection, then try again."),
    "permission": gettext_lazy("Ask an operator to give the connection the permission named, then try again."),
    "quota": gettext_lazy("Ask an operator to raise the account's limit in the cloud, or order elsewhere."),
    "capacity": gettext_lazy("Try again later, or order another size or region."),
    "unreachable": gettext_lazy("Try again once the cloud answers; nothing was lost."),
}


def advice(kind: str) -> str:
    """One sentence on what to do about an error."""
    return str(ADVICE.get(kind) or hint_of(kind))


def facts(resource: Resource) -> list[tuple[Any, Any]]:
    """What was ordered, with what the cloud adds; labels as the order form has them."""
    titles = {name: part.get("title", name) for name, part in CAPABILITIES[resource.capability]["properties"].items()}
    found = [
        (_(titles.get(name, name)), value) for name, value in resource.spec.items() if name not in ELSEWHERE and value != ""
    ]
    seen = resource.observed
    if seen.get("vcpu"):
        found.append((_("Processors"), seen["vcpu"]))
    if seen.get("memory_mib"):
        found.append((_("Memory (MiB)"), seen["memory_mib"]))
    if not resource.is_managed and seen.get("size"):
        found.insert(0, (_("Size"), seen["size"]))
    return found


def differences(resource: Resource) -> list[tuple[Any, Any, Any]]:
    """(what, wanted, seen) where the cloud shows something else than was ordered; nothing while it is on its way."""
    if not resource.is_managed or resource.is_moving or resource.error or resource.desired == Desired.GONE:
        return []
    titles = {name: part.get("title", name) for name, part in CAPABILITIES[resource.capability]["properties"].items()}
    found = [
        (_(titles[name]), resource.spec[name], resource.observed[seen])
        for name, seen in SEEN_AS.items()
        if resource.spec.get(name) and resource.observed.get(seen) not in (None, "", resource.spec[name])
    ]
    if resource.is_there and not resource.is_as_desired:
        found.insert(0, (_("State"), resource.get_desired_display(), resource.get_state_display()))
    return found


def cost(actor: Actor, resource: Resource) -> Cost | None:
    """What it costs, for who may see the cost of its project."""
    if resource.project is None or resource.plan is None or not holds(actor, "view_cost", resource):
        return None
    now = clock.now()
    so_far = costs_of_resources(actor, period_at(now, resource.project.zone), [resource.pk]).get(resource.pk, {})
    try:
        stands = quote(
            resource.plan, resource.spec, project=resource.project, at=now, stopped=resource.state == ResourceState.STOPPED
        )
    except (NoPrice, Invalid):
        return Cost(so_far, None, resource.project.currency, None)
    return Cost(so_far, stands.per_hour * HOURS_PER_MONTH, stands.currency, stands)


def acts(resource: Resource, *, is_busy: bool) -> list[Act]:
    """The operations on it. While something is asked already they are shown, and say why they wait."""
    if not resource.is_managed or resource.state not in SETTLED or resource.desired == Desired.GONE:
        return []
    fitting = (RESTART, STOP) if resource.state == ResourceState.RUNNING else (START,)
    if not is_busy:
        return list(fitting)
    return [Act(act.verb, act.label, act.icon, _("Something is asked of it already.")) for act in fitting]


def waiting(resource: Resource, actor: Actor) -> list[tuple[Any, Approval | None]]:
    """The operations that wait for a decision, in words, each with its approval where she may see that."""
    words = {act.verb: act.label for act in (START, STOP, RESTART)}
    return [(words.get(ask.verb, ask.verb), approval) for ask, approval in waiting_on(resource, actor=actor)]


def can_rotate(resource: Resource, *, is_busy: bool) -> bool:
    """Whether a new connection string can be asked for now."""
    runs = resource.capability == "database" and resource.state == ResourceState.RUNNING
    return runs and resource.desired != Desired.GONE and not is_busy
