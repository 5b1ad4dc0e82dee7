"""The story of one order: what was, what is, what comes next, from its events, its decision and the steps in the clouds."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from portal.approvals.cards import StageLine
from portal.approvals.models import Approval
from portal.core import clock
from portal.core.journal import StepState
from portal.events.models import Event
from portal.orders.models import Action, Order, OrderItem, OrderState
from portal.provisioning.models import Desired, Step
from portal.users.models import User
from portal.web import figures
from portal.web.story import Moment, Stage

VERBS: dict[tuple[str, str], Any] = {
    ("ensure", "compute"): gettext_lazy("Create the server"),
    ("ensure", "database"): gettext_lazy("Create the database"),
    ("remove", "compute"): gettext_lazy("Remove the server"),
    ("remove", "database"): gettext_lazy("Remove the database"),
}
TITLES: dict[tuple[str, str], Any] = {
    ("create", "ok"): gettext_lazy("%(name)s was made on %(cloud)s"),
    ("create", "move"): gettext_lazy("%(name)s is being made on %(cloud)s"),
    ("create", "fail"): gettext_lazy("%(name)s could not be made on %(cloud)s"),
    ("terminate", "ok"): gettext_lazy("%(name)s was ended on %(cloud)s"),
    ("terminate", "move"): gettext_lazy("%(name)s is being ended on %(cloud)s"),
    ("terminate", "fail"): gettext_lazy("%(name)s could not be ended on %(cloud)s"),
}
MOST_NAMES = 4


def moments_of(
    order: Order,
    items: Sequence[OrderItem],
    approval: Approval | None,
    stages: Iterable[StageLine],
    waiting: Sequence[User],
    steps: Mapping[UUID, list[Step]],
    events: Iterable[Event],
    *,
    gave_up: bool,
) -> list[Moment]:
    """Past first, then what is, then what comes."""
    past = [placed(order, items), *decided(order, approval, stages), *acted(events)]
    past += [worked(order, item, steps) for item in items if item.resource_id]
    past.sort(key=lambda moment: moment.at or order.created_at)
    return [*past, *ahead(order, items, approval, waiting, gave_up=gave_up)]


def placed(order: Order, items: Sequence[OrderItem]) -> Moment:
    """It begins."""
    count = ngettext("%(count)d thing", "%(count)d things", len(items)) % {"count": len(items)}
    cost = figures.amount(order.cost_per_month, order.currency)
    detail = _("%(count)s, %(cost)s %(currency)s a month.") % {"count": count, "cost": cost, "currency": order.currency}
    return Moment(
        _("Placed by %(name)s") % {"name": order.requester}, "ok", at=order.created_at, detail=detail, quote=order.note
    )


def decided(order: Order, approval: Approval | None, stages: Iterable[StageLine]) -> list[Moment]:
    """Every vote that counts, or the rule that made one needless."""
    if approval is None:
        return []
    if approval.state == "allowed":
        detail = _("Rule “%(rule)s”. Nobody had to decide.") % {"rule": approval.rule}
        return [Moment(_("Allowed at once"), "ok", at=approval.settled_at, detail=detail)]
    votes = sorted((vote for line in stages for vote in line.votes if not vote.void), key=lambda vote: vote.created_at)
    return [voted(approval, vote) for vote in votes]


def voted(approval: Approval, vote: Any) -> Moment:
    """What one person decided."""
    looks: dict[str, tuple[str, str, str]] = {
        "approve": (_("Approved by %(name)s"), "ok", "check"),
        "deny": (_("Denied by %(name)s"), "fail", "x"),
        "return": (_("Sent back by %(name)s"), "wait", "arrow-back-up"),
    }
    title, kind, icon = looks[vote.choice]
    return Moment(
        title % {"name": vote.person},
        kind,
        icon,
        at=vote.created_at,
        after=after(approval.created_at, vote.created_at),
        quote=vote.note,
        detail=policies_in(approval),
        href=reverse("approval", args=[approval.pk]),
        link=_("See the card"),
    )


def policies_in(approval: Approval) -> str:
    """Why a person was asked."""
    words = _("Policy “%(name)s”, version %(version)s.")
    asked = [words % {"name": policy["name"], "version": policy["version"]} for policy in approval.policies]
    return " ".join(asked) or _("No policy speaks of it, so an approver was asked.")


def acted(events: Iterable[Event]) -> list[Moment]:
    """What people did with it, and how it ended without being made."""
    said: dict[str, tuple[Any, str, str]] = {
        "orders.retry": (_("Tried again by %(name)s"), "ok", "refresh"),
        "approvals.return": (_("Sent back by %(name)s"), "wait", "arrow-back-up"),
        "orders.amend": (_("Changed by %(name)s"), "ok", "git-compare"),
        "orders.resubmit": (_("Sent again by %(name)s"), "ok", "send"),
        "orders.give_up": (_("Given up by %(name)s"), "idle", "x"),
        "approvals.withdraw": (_("Withdrawn by %(name)s"), "idle", "arrow-back-up"),
        "approvals.expire": (_("Expired"), "idle", "clock"),
        "approvals.deny": (_("Denied, as nobody decided in time"), "fail", "x"),
    }
    told = [event for event in events if event.action in said]
    return [
        Moment(said[event.action][0] % {"name": event.actor}, *said[event.action][1:], at=event.at, quote=event.reason)
        for event in told
        if event.action != "approvals.deny" or event.auth.get("method") == "system"  # else her vote says it
    ]


def worked(order: Order, item: OrderItem, steps: Mapping[UUID, list[Step]]) -> Moment:
    """One item in the cloud, with its steps inside."""
    resource: Any = item.resource
    own = [step for step in steps.get(resource.pk, []) if belongs(step, order, item)]
    begun = own[0].created_at if own else resource.created_at
    kind, icon = "ok", "check"
    if resource.error and order.state in (OrderState.WORKING, OrderState.FAILED):
        kind, icon = "fail", "x"
    elif order.state == OrderState.WORKING and (not own or own[-1].is_open):
        kind, icon = "move", "loader-2"
    action = Action.TERMINATE if is_given_up(order, item) else Action(item.action)
    told = TITLES[action, kind] % {"name": item, "cloud": item.connection}
    return Moment(told, kind, icon, at=begun, detail=item.region, stages=[stage_of(step, item) for step in own])


def is_given_up(order: Order, item: OrderItem) -> bool:
    """Whether this very order made it and then let it go."""
    resource = item.resource
    ended = resource is not None and resource.desired == Desired.GONE and resource.cause == f"order:{order.pk}"
    return item.action == Action.CREATE and ended


def belongs(step: Step, order: Order, item: OrderItem) -> bool:
    """Whether a step of the resource is this order's: later operations and ends have pages of their own."""
    if step.created_at < order.created_at:
        return False
    if item.action == Action.TERMINATE:
        return step.verb == "remove"
    resource: Any = item.resource
    return step.verb == "ensure" or (step.verb == "remove" and resource.cause == f"order:{order.pk}")


def stage_of(step: Step, item: OrderItem) -> Stage:
    """One call, how it went and how long it took."""
    capability = item.plan.version.offering.capability
    title = VERBS.get((step.verb, capability)) or step.verb.capitalize()
    took = step.seconds if step.seconds is not None else (clock.now() - step.created_at).total_seconds()
    return Stage(title, step.state, note_of(step, item), figures.lasted(took))


def note_of(step: Step, item: OrderItem) -> str:
    """What one would ask about a step."""
    if step.state == StepState.DONE:
        return str(item.resource.external_id) if item.resource and step.verb == "ensure" else ""
    if step.state == StepState.FAILED:
        return step.error
    if step.failures:
        said = ngettext("refused once: %(error)s", "refused %(count)d times: %(error)s", step.failures)
        return said % {"count": step.failures, "error": step.error}
    return _("asked, the cloud is working") if step.is_open and step.tries else ""


def ahead(
    order: Order, items: Sequence[OrderItem], approval: Approval | None, waiting: Sequence[User], *, gave_up: bool
) -> list[Moment]:
    """What is now and what comes, or the end."""
    end = last_words(order, items, gave_up=gave_up)
    if order.state == OrderState.DONE or (gave_up and order.state == OrderState.WITHDRAWN):
        return [Moment(end, "idle" if gave_up else "ok", "x" if gave_up else "check", at=order.settled_at)]
    if order.state == OrderState.WORKING:
        return [Moment(end, "next", detail=coming(items, gave_up=gave_up))]
    if order.state != OrderState.WAITING or approval is None:
        return []
    if approval.state == "returned":
        came_back = Moment(_("Came back, and waits for %(name)s") % {"name": order.requester}, "wait", "arrow-back-up")
        return [came_back, Moment(_("Then it is decided anew"), "next"), Moment(end, "next")]
    who = [str(user) for user in waiting[:MOST_NAMES]]
    told = _("Waits for %(names)s") % {"names": _(" or ").join(who)} if who else _("Waits for a decision")
    now = Moment(
        told,
        "wait",
        "clock",
        at=approval.created_at,
        detail=due_words(approval),
        href=reverse("approval", args=[approval.pk]),
        link=_("See the card"),
    )
    then = _("Then it is ended by itself") if items[0].action == Action.TERMINATE else _("Then it is made by itself")
    return [now, Moment(then, "next"), Moment(end, "next", detail=coming(items, gave_up=False))]


def last_words(order: Order, items: Sequence[OrderItem], *, gave_up: bool) -> str:
    """What the end of it is called."""
    if gave_up:
        return _("What was left is removed")
    return _("Ended") if all(item.action == Action.TERMINATE for item in items) else _("Active")


def coming(items: Sequence[OrderItem], *, gave_up: bool) -> str:
    """What the last moment brings."""
    if gave_up or all(item.action == Action.TERMINATE for item in items):
        return _("It is paid until the cloud shows it gone, to the second.")
    return _("It is paid from the moment it is there. You get a notice.")


def due_words(approval: Approval) -> str:
    """Until when it can be decided."""
    if approval.decision_due is None:
        return policies_in(approval)
    due = figures.age(approval.decision_due, clock.now())
    return _("%(why)s To be decided %(due)s.") % {"why": policies_in(approval), "due": due}


def after(begun: datetime, ended: datetime) -> str:
    """How long that took, where it is worth a word."""
    length = figures.span(ended - begun)
    return _("after %(length)s") % {"length": length} if length else ""


def stops_of(order: Order, items: Sequence[OrderItem], approval: Approval | None, *, gave_up: bool) -> list[tuple[Any, str]]:
    """The same in one line."""
    end = _("Given up") if gave_up else last_words(order, items, gave_up=False)
    allowed = approval is not None and approval.state == "allowed"
    second = _("Allowed") if allowed else _("Approved")
    if gave_up and order.state == OrderState.WITHDRAWN:
        return [(_("Placed"), "done"), (second, "done"), (_("Stopped"), "bad"), (end, "now")]
    making = _("Being ended") if items[0].action == Action.TERMINATE else _("Being made")
    match order.state:
        case OrderState.WAITING:
            waits = _("Came back") if approval is not None and approval.state == "returned" else _("Waits for a decision")
            return [(_("Placed"), "done"), (waits, "now"), (making, ""), (end, "")]
        case OrderState.WORKING:
            return [(_("Placed"), "done"), (second, "done"), (making, "now"), (end, "")]
        case OrderState.FAILED:
            return [(_("Placed"), "done"), (second, "done"), (_("Stopped"), "bad"), (end, "")]
        case OrderState.DONE:
            return [(_("Placed"), "done"), (second, "done"), (making, "done"), (end, "now")]
        case _state:
            word = {"denied": _("Denied"), "withdrawn": _("Withdrawn"), "expired": _("Expired")}[str(_state)]
            return [(_("Placed"), "done"), (word, "bad" if _state == "denied" else "now")]
