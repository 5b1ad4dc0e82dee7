"""Hand a secret over once: sealed in a row, read by whom it is for, gone at reading or after ten minutes."""

import uuid
from datetime import timedelta

from portal.core import clock, crypto
from portal.core.models import Parcel, new_id

KEPT = timedelta(minutes=10)


def put(secret: str, *, for_user_id: object, about: str) -> uuid.UUID:
    """Keep a secret for one user; `about` says what it belongs to ("resource:<id>"). Returns the id to take it by."""
    parcel_id = new_id()
    sealed = crypto.seal(secret.encode(), aad=_aad(parcel_id, for_user_id))
    Parcel.objects.create(id=parcel_id, for_user=str(for_user_id), about=about, sealed=sealed)
    return parcel_id


def take(parcel_id: uuid.UUID | str, *, for_user_id: object) -> str | None:
    """The secret, once; None when it was read, is too old, or is another's. Call it inside a transaction."""
    row = Parcel.objects.select_for_update().filter(pk=parcel_id, for_user=str(for_user_id)).first()
    if row is None:
        return None
    aad = _aad(row.pk, for_user_id)
    row.delete()
    if row.created_at < clock.now() - KEPT:
        return None
    return crypto.open_sealed(bytes(row.sealed), aad=aad).decode()


def waiting(about: str, *, for_user_id: object) -> uuid.UUID | None:
    """The id of the newest parcel about a thing that still waits for this user."""
    fresh = Parcel.objects.filter(about=about, for_user=str(for_user_id), created_at__gte=clock.now() - KEPT)
    return fresh.order_by("-created_at").values_list("pk", flat=True).first()


def forget(about: str) -> None:
    """Drop what still waits about a thing: a newer secret took its place, or the thing is gone."""
    Parcel.objects.filter(about=about).delete()


def forget_for(user_id: object) -> None:
    """Drop whatever waits for one user: her access has ended."""
    Parcel.objects.filter(for_user=str(user_id)).delete()


def sweep() -> int:
    """Drop what nobody fetched in time; returns how many."""
    return Parcel.objects.filter(created_at__lt=clock.now() - KEPT).delete()[0]


def _aad(parcel_id: object, for_user_id: object) -> str:
    return f"core.parcel:{parcel_id}:{for_user_id}"
