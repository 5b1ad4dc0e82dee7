"""How a person reads the portal: her language, and the zone that times are told in."""

import zoneinfo
from functools import cache

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from portal.core.errors import Forbidden, Invalid
from portal.events.services import record
from portal.users.actor import Actor
from portal.users.models import User


@cache
def zones() -> list[str]:
    """The zones of the tz database that people live in, by name, UTC first."""
    known = sorted(
        name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/"))
    )
    return ["UTC", *known]


@transaction.atomic
def choose(*, actor: Actor, language: str | None = None, zone: str | None = None) -> User:
    """Read the portal so from here on; what is None stays. An empty language is the one her browser asks for."""
    if actor.viewed_as_by or actor.narrowed_to is not None:
        raise Forbidden(_("Only you yourself choose how you read the portal."))
    if language and language not in dict(settings.LANGUAGES):
        raise Invalid(fields={"language": [_("Choose one of the languages.")]})
    if zone is not None and zone not in zones():
        raise Invalid(fields={"zone": [_("Choose one of the zones.")]})
    user = User.objects.select_for_update().get(pk=actor.user.pk)
    said = {name: value for name, value in (("language", language), ("zone", zone)) if value is not None}
    changed = {name: value for name, value in said.items() if value != getattr(user, name)}
    if changed:
        before = {name: getattr(user, name) for name in changed}
        for name, value in changed.items():
            setattr(user, name, value)
        user.save(update_fields=list(changed))
        record("identity.choose_reading", user, actor=actor, before=before, after=changed)
    return user
