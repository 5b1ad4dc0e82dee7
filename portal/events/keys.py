"""The keys that sign checkpoints: private halves from the environment, public halves in a table that only grows."""

import base64
from functools import cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from portal.core import clock
from portal.events import checkpoints
from portal.events.models import SealKey


def signing_key() -> tuple[str, bytes]:
    """The id and the seed of the key that signs now: the first of PORTAL_SEAL_KEYS. Its public half is published with it."""
    keys = _keys(tuple(settings.PORTAL_SEAL_KEYS))
    if not keys:
        raise ImproperlyConfigured("PORTAL_SEAL_KEYS names no key, so no event can be sealed")
    key_id, seed = next(iter(keys.items()))
    public = checkpoints.public_of(seed)
    known, _made = SealKey.objects.get_or_create(pk=key_id, defaults={"public": public, "since": clock.now()})
    if bytes(known.public) != public:
        raise ImproperlyConfigured(f"PORTAL_SEAL_KEYS has another key under the id {key_id}, which has signed already")
    return key_id, seed


def public_keys() -> dict[str, bytes]:
    """Every key that ever signed, oldest first. What the environment knows of a key counts more than the table."""
    published = {key.pk: bytes(key.public) for key in SealKey.objects.order_by("since", "pk")}
    return {**published, **{key_id: checkpoints.public_of(seed) for key_id, seed in own_keys().items()}}


def published_keys() -> dict[str, str]:
    """The same in base64, as pages and evidence show them."""
    return {key_id: base64.b64encode(public).decode() for key_id, public in public_keys().items()}


def own_keys() -> dict[str, bytes]:
    """The seeds of PORTAL_SEAL_KEYS by their ids."""
    return _keys(tuple(settings.PORTAL_SEAL_KEYS))


@cache
def _keys(items: tuple[str, ...]) -> dict[str, bytes]:
    pairs = (item.partition(":") for item in items)
    try:
        keys = {key_id: base64.b64decode(value, validate=True) for key_id, _, value in pairs}
    except ValueError:
        keys = {"": b""}
    if any(len(seed) != 32 or not 0 < len(key_id) <= 20 for key_id, seed in keys.items()):
        raise ImproperlyConfigured("PORTAL_SEAL_KEYS takes id:base64 of 32 bytes, parted by commas; the first signs")
    return keys
