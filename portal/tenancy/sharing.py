"""Let one person do one thing with one scope, offering or resource until a day, and end that."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import Permission
from django.db import transaction
from django.utils.translation import gettext as _

from portal.access.guard import holds, require
from portal.access.models import Scope, Share
from portal.access.shares import MOST_SHARES, count_for, table_of
from portal.approvals.models import Approval
from portal.core import clock
from portal.core.errors import Forbidden, Invalid, Refused
from portal.events.services import record
from portal.notices.services import notify
from portal.tenancy.governed_shares import waits_for_decision
from portal.tenancy.services import check_open
from portal.users.actor import Actor
from portal.users.models import User

LONGEST = timedelta(days=366)


@transaction.atomic
def share(
    thing: Any, user: User, permission: str, *, expires: datetime, actor: Actor, approval: Approval | None = None
) -> Share:
    """Shared again, its end is moved. Nobody shares what she does not hold, nor with herself.

    Raises Invalid, Forbidden, Conflict where the place is closed, or Refused where she holds as much as one person may or
    where a policy asks for a decision first (`share_asking.share_or_ask` asks for it). The system is not asked: it shares
    what the `approval` decided, in the name of who asked.
    """
    found = check_share(thing, user, permission, expires=expires, actor=actor)
    if waits_for_decision(thing, user, permission, expires, actor):
        raise Refused(_("A policy asks for a decision on this share. Share it on its page; it waits there."))
    table = table_of(thing)
    values: dict[str, Any] = {"expires": expires, "granted_by": approval.requester if approval else actor.user}
    values["approval"] = str(approval.pk) if approval else ""
    made: Share
    made, _made = table.objects.update_or_create(user=user, permission=found, content_object=thing, defaults=values)
    said = {"to": user.pk, "permission": permission, "expires": expires}
    record("tenancy.share", thing, actor=actor, cause=approval or "", **said)
    notify([user], "scope_shared", target=thing, actor=actor, date=expires.date())
    return made


def check_share(thing: Any, user: User, permission: str, *, expires: datetime, actor: Actor) -> Permission:
    """Raise where this is not hers to share, or not so; the row of who gets it is locked."""
    require(actor, "share_resource", thing)
    if isinstance(thing, Scope):
        check_open(thing)
    found = _permission(thing, permission)
    if not holds(actor, permission, thing):
        raise Forbidden(_("You can share only what you may do yourself."))
    if user.person_id == actor.person_id and not actor.is_system:
        raise Forbidden(_("Nobody shares with herself; another admin does."))
    now = clock.now()
    if not now < expires <= now + LONGEST:
        raise Invalid(_("A share ends within a year."), fields={"expires": [_("Choose a day within a year from now.")]})
    User.objects.select_for_update(no_key=True).get(pk=user.pk)  # two shares at once are counted one after the other
    held = table_of(thing).objects.filter(user=user, permission=found, content_object=thing, expires__gt=now)
    if not held.exists() and count_for(user) >= MOST_SHARES:
        said = _("%(person)s holds %(most)s shares already, the most one person may. Give a role instead.")
        raise Refused(said % {"person": user, "most": MOST_SHARES})
    return found


@transaction.atomic
def end_share(share: Any, *, actor: Actor) -> None:
    """End a share before its day; it opens nothing at the very next request. Ended already, nothing changes."""
    thing = share.content_object
    require(actor, "share_resource", thing)
    if not table_of(thing).objects.filter(pk=share.pk).delete()[0]:
        return
    record("tenancy.end_share", thing, actor=actor, to=share.user_id, permission=share.permission.codename)


def may_share(actor: Actor, thing: Any) -> list[str]:
    """The permissions on a thing that she could share, those of looking first."""
    if not holds(actor, "share_resource", thing):
        return []
    known = [name for name in table_of(thing).offered if holds(actor, name, thing)]
    return sorted(known, key=lambda name: not name.startswith("view_"))


def _permission(thing: Any, name: str) -> Permission:
    if name not in table_of(thing).offered:
        raise Invalid(fields={"permission": [_("This cannot be shared of it; what governs takes a role.")]})
    about = {"content_type__app_label": thing._meta.app_label, "content_type__model": thing._meta.model_name}
    return Permission.objects.get(**about, codename=name)
