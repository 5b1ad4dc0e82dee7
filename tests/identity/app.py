"""An authenticator app: the code of a key at the time of the one clock."""

from django_otp.oath import TOTP

from portal.core import clock
from portal.identity import factors
from portal.identity.models import Factor
from tests.cast import PASSWORD, World


def code_of(key: bytes, steps: int = 0) -> str:
    """The six digits of now, or of some steps beside it."""
    totp = TOTP(key)
    totp.time = clock.now().timestamp() + 30 * steps
    return f"{totp.token():06d}"


def wrong_code(key: bytes) -> str:
    """Six digits that no step near now has."""
    near = {code_of(key, steps) for steps in range(-2, 3)}
    return next(f"{number:06d}" for number in range(10) if f"{number:06d}" not in near)


def set_up(world: World, request, name: str = "alice") -> tuple[bytes, list[str]]:
    """A confirmed factor of hers, by the services: its key and her recovery codes. The code of this step is used up."""
    actor = world.actor(name)
    key = factors.set_up(request, PASSWORD, actor=actor).key
    parcel = factors.confirm(code_of(key), actor=actor)
    return Factor.objects.get(user=actor.user).key, factors.take_codes(str(parcel), actor=actor)
