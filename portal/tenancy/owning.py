"""Hand a project, a tenant or a resource over to somebody else, who answers for it from then on."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from portal.access.guard import holds, require
from portal.access.models import Scope, ScopeState
from portal.approvals.eligibility import accounts_holding
from portal.core.errors import Forbidden, Invalid, Refused
from portal.notices.services import notify
from portal.tenancy.belongings import belongings
from portal.tenancy.services import manages
from portal.users.actor import Actor
from portal.users.models import User, UserKind


@transaction.atomic
def hand_over(thing: Any, to: User, *, actor: Actor) -> None:
    """`to` answers for it in its owner's place, who is told, and so is she. Hers already, nothing changes.

    For its owner, and for who manages the scope or shares the resource; nobody takes a thing for herself.
    Raises NotFound, Forbidden, Refused, or Invalid where this person has no role that shows it.
    """
    require(actor, thing.view_permission, thing)
    thing = type(thing).objects.select_for_update(of=("self",)).get(pk=thing.pk)
    check_may_hand_over(actor, thing)
    was, belonging = owner_of(thing), _kind_of(thing)
    if was == to:
        return
    if to.person_id == actor.person_id and not actor.is_system:
        raise Forbidden(_("Nobody takes a thing for herself; another admin hands it over."))
    [place] = belonging.places_of(thing)
    if place.state != ScopeState.ACTIVE:
        raise Refused(_("%(scope)s is closed.") % {"scope": place.name})
    if to.kind_of_user != UserKind.PERSON or to.pk not in accounts_holding(belonging.permission, place):
        said = _("%(person)s has no role in %(place)s that shows it. Give one first.")
        raise Invalid(fields={"to": [said % {"person": to, "place": place.name}]})
    if problem := belonging.why_not(thing, to):
        raise Invalid(fields={"to": [problem]})
    belonging.hand_over(thing, to, instead_of=was, actor=actor)
    notify([to], "given_over", target=thing, actor=actor, account=str(actor.user))
    if was and was.person_id != actor.person_id:
        notify([was], "taken_over", target=thing, actor=actor, account=str(to))


def check_may_hand_over(actor: Actor, thing: Any) -> None:
    """Raise Forbidden where it is not hers to hand over."""
    if not may_hand_over(actor, thing):
        raise Forbidden(_("Its owner hands it over, or who manages the place."))


def may_hand_over(actor: Actor, thing: Any) -> bool:
    """Whether she is its owner, or manages where it lives. Nobody hands over what she looks at as another person."""
    if actor.viewed_as_by:
        return False
    was = owner_of(thing)
    if was and was.person_id == actor.person_id and holds(actor, thing.view_permission, thing):
        return True
    return holds(actor, manages(thing) if isinstance(thing, Scope) else "share_resource", thing)


def owner_of(thing: Any) -> User | None:
    """Who answers for a scope or a resource now."""
    owner: User | None = thing.owner if isinstance(thing, Scope) else thing.requester
    return owner


def _kind_of(thing: Any) -> Any:
    """Of scopes or of resources: the kinds of belongings that nobody may own, too."""
    return next(each for each in belongings() if each.name == thing.kind())
