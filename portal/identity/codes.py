"""One-time codes: the six digits of an app, and recovery codes. Plain functions over one locked row."""

import base64
import hashlib
import secrets
from datetime import timedelta
from urllib.parse import quote, urlencode

import segno
from django_otp.oath import TOTP

from portal.core import clock
from portal.identity import lockout
from portal.identity.models import Factor, RecoveryCode

ISSUER = "Concord"
KEY_BYTES = 20
DRIFT_STEPS = 1
LONGEST_WAIT_S = 900
RECOVERY_CODES = 10
RECOVERY_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
RECOVERY_LENGTH = 16


def use(factor: Factor, code: str) -> str:
    """Use up a code on a row that the caller has locked: "totp", "recovery", or empty where it is wrong.

    A wrong one is counted, and makes the next wait; while it waits TooMany is raised, whatever the code.
    """
    now = clock.now()
    if factor.waits_until and factor.waits_until > now:
        raise lockout.too_many(factor.waits_until - now)
    plain = "".join(code.split()).replace("-", "").lower()
    if plain.isascii() and plain.isdigit() and len(plain) == 6:
        used = "totp" if use_step(factor, plain) else ""
    else:
        used = "recovery" if _use_recovery(factor, plain) else ""
    factor.failures = 0 if used else factor.failures + 1
    factor.waits_until = None if used else now + timedelta(seconds=min(2 ** min(factor.failures - 1, 20), LONGEST_WAIT_S))
    factor.save(update_fields=["failures", "waits_until", "last_step"])
    return used


def use_step(factor: Factor, digits: str) -> bool:
    """Whether these are the six digits of now, or of one step beside it, and newer than any used before. Not saved yet."""
    totp = TOTP(factor.key)
    totp.time = clock.now().timestamp()
    if not totp.verify(int(digits), tolerance=DRIFT_STEPS, min_t=factor.last_step + 1):
        return False
    factor.last_step = totp.t()
    return True


def new_key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


def new_recovery_codes(factor: Factor) -> list[str]:
    """Ten fresh codes in place of all before, as they are shown once. 79 bits each: a plain digest keeps them safe."""
    plain = ["".join(secrets.choice(RECOVERY_LETTERS) for _ in range(RECOVERY_LENGTH)) for _ in range(RECOVERY_CODES)]
    factor.codes.all().delete()
    RecoveryCode.objects.bulk_create([RecoveryCode(factor=factor, digest=_digest(factor, code)) for code in plain])
    return ["-".join(code[start : start + 4] for start in range(0, RECOVERY_LENGTH, 4)) for code in plain]


def written_key(factor: Factor) -> str:
    """The key as people type it into an app."""
    return base64.b32encode(factor.key).decode()


def uri_of(factor: Factor) -> str:
    """What the QR code says: the key, whose it is, and where it opens."""
    name = quote(f"{ISSUER}:{factor.user.username}", safe=":")
    return f"otpauth://totp/{name}?{urlencode({'secret': written_key(factor), 'issuer': ISSUER})}"


def picture_of(factor: Factor) -> str:
    """The QR code as an SVG element, dark on light in either theme, since not every camera reads it turned around."""
    return segno.make(uri_of(factor), error="m").svg_inline(scale=5, border=4, dark="#000", light="#fff")


def _use_recovery(factor: Factor, plain: str) -> bool:
    found = RecoveryCode.objects.filter(factor=factor, digest=_digest(factor, plain), used_at=None)
    return bool(found.update(used_at=clock.now()))


def _digest(factor: Factor, plain: str) -> str:
    return hashlib.sha256(f"{factor.pk}:{plain}".encode()).hexdigest()
