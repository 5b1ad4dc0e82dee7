"""A token on its way to the page that shows it once."""

import uuid
from typing import Any

from django.db import transaction

from portal.access.models import Token
from portal.core import parcels
from portal.identity.tokens import create_token, rotate_token
from portal.users.actor import Actor


@transaction.atomic
def create(*, actor: Actor, **given: Any) -> uuid.UUID:
    """Make a token; its plain text waits sealed, for ten minutes at most, for `take` by the same person."""
    token, plain = create_token(actor=actor, **given)
    return parcels.put(plain, for_user_id=actor.user.pk, about=f"token:{token.pk}")


@transaction.atomic
def rotate(token: Token, *, overlap: int, actor: Actor) -> uuid.UUID:
    """Put another in its place; the plain text of the new one waits likewise."""
    newer, plain = rotate_token(token, overlap=overlap, actor=actor)
    return parcels.put(plain, for_user_id=actor.user.pk, about=f"token:{newer.pk}")


@transaction.atomic
def take(parcel_id: str, *, actor: Actor) -> str | None:
    """The plain text, once."""
    return parcels.take(parcel_id, for_user_id=actor.user.pk)
