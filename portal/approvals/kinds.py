"""What the engine knows of a subject: a kind is one small class in the app that owns the act, named in the settings."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from portal.access.classes import Classes, classes_of
from portal.access.models import Assignment, DataClass, Environment, Scope
from portal.access.resolver import held_by, in_force
from portal.approvals.asked import Asked
from portal.approvals.models import Risk
from portal.approvals.routes import HOUSE_RULE, Allowed, Facts, Route, Rule, StagePlan, route_for
from portal.core import registry
from portal.core.errors import Conflict
from portal.users.actor import Actor
from portal.users.models import User

RISKS = tuple(Risk.values)


class Kind:
    """One kind of governed act; each is a subclass. Every method runs in the engine's transaction, the approval's row locked.

    `name` is what `ask` is given, `label` what people read, `permission` what it takes to withdraw; empty
    where having asked is enough. `risk` is low, medium or high: an act of low risk may be approved by time running out
    where a policy says so, one of high risk asks for a sign-in a moment ago where it is decided from a mail.
    What is `free` is allowed where no policy speaks of it; of any other the `house` rule says who decides then. What has stages
    that `always` hold is decided by these, whatever policies add to them or allow. What has no page of its own is `listed`
    among what one asked for, where it is followed and taken back. `asks` are the facts of its own that a policy may ask about.
    """

    name: str
    label: Any
    permission: str = ""
    risk: str = Risk.LOW
    free: bool = False
    listed: bool = False
    house: Route = HOUSE_RULE
    always: tuple[StagePlan, ...] = ()
    asks: Mapping[str, Asked] = MappingProxyType({})

    def load(self, subject_id: str) -> Any:
        """The subject, locked where a decision changes it; None where it is gone."""
        raise NotImplementedError

    def facts(self, subject: Any) -> dict[str, Any]:
        """What is decided on: flat, whole numbers, texts, truth values, lists of those; amounts as Decimal or text.

        Policies compare these and the card shows them. What moves by itself (budget left) is no fact: it would make
        every card stale; the page reads it beside the card.
        """
        raise NotImplementedError

    def context(self, subject: Any) -> dict[str, Any]:
        """What policies may ask about beside the facts: what moves by itself, as it was when the decision was asked for."""
        return {}

    def about(self, subject_id: str) -> tuple[str, Any]:
        """The page of what it is about, by the kind and the id of that: the subject itself, unless an ask stands for it."""
        return self.name, subject_id

    def still_valid(self, subject: Any) -> bool:
        """Can it still be done? Asked before the last vote counts. Raise a Refused to say why not."""
        raise NotImplementedError

    def apply(self, subject: Any, *, actor: Actor) -> None:
        """Do what was asked for. Runs once per approval; what it raises undoes the vote."""
        raise NotImplementedError

    def drop(self, subject: Any, outcome: str, *, actor: Actor) -> None:
        """It was denied, expired or withdrawn: free what was held."""
        raise NotImplementedError


def kinds() -> dict[str, Kind]:
    """Every kind by its name, as the settings list them."""
    return {kind.name: kind() for kind in registry.load("PORTAL_APPROVAL_KINDS")}


def kind_named(name: str) -> Kind:
    """The kind of that name. A name that the settings do not list is an error of the program."""
    try:
        return kinds()[name]
    except KeyError:
        raise LookupError(f"no approval kind {name!r} in PORTAL_APPROVAL_KINDS") from None


def subject_of(name: str, subject_id: str) -> tuple[Kind, Any]:
    """The kind and its subject; a Conflict where that is gone."""
    kind = kind_named(name)
    subject = kind.load(subject_id)
    if subject is None:
        raise Conflict(_("What this decides on is no longer there."))
    return kind, subject


def answer_to(kind: str, facts: Facts, rules: Sequence[Rule]) -> Route | Allowed:
    """What these rules ask for, given facts of one kind of act; where none speaks of it, what the kind itself says."""
    known = kind_named(kind)
    if known.always:
        answer = route_for(facts, [*rules, Rule("", "", 1, -1, stages=known.always)])
        return replace(answer, policies=tuple(matched for matched in answer.policies if matched.id))
    answer = route_for(facts, rules, free=known.free)
    return known.house if answer is HOUSE_RULE else answer


def risk_of(kind: str, classes: Classes) -> str:
    """The kind's own risk, one step higher in an environment that produces, and one where data is restricted."""
    raised = (classes.environment == Environment.PRODUCE) + (classes.data_class == DataClass.RESTRICTED)
    steps = RISKS.index(kind_named(kind).risk) + raised
    return RISKS[min(steps, len(RISKS) - 1)]


def context_of(kind: str, scope: Scope, requester: User) -> dict[str, Any]:
    """What policies may ask about the place and who asks, beside the subject's own facts."""
    held = Assignment.objects.filter(in_force(), held_by(requester), scope__path__above=scope.path)
    classes = classes_of(scope)
    return {
        "kind": kind,
        "scopes": [str(UUID(label)) for label in str(scope.path).split(".")],
        "scope_kind": scope.scope_kind,
        "environment": classes.environment,
        "data_class": classes.data_class,
        "risk": risk_of(kind, classes),
        "requester_roles": sorted(set(held.values_list("role__key", flat=True))),
    }
