"""What it costs to verify an access token with keys that are known, beside what joserfc alone takes for its signature.

    python -m benchmarks tokens

Processor time, for that is what a busy worker has least of.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable

import django
from django.conf import settings

django.setup()

from joserfc import jwt  # noqa: E402

from portal.identity import keys  # noqa: E402
from portal.identity.jwts import read_access_token  # noqa: E402
from tests.identity.issuer import Issuer, serving  # noqa: E402

BAR_MS = 1.0
ROUNDS, EACH = 15, 200
GROUPS = [f"/cloud/team-{number}" for number in range(20)]


def main() -> int:
    over = False
    with serving(Issuer()) as issuer:
        settings.KEYCLOAK_URL, settings.KEYCLOAK_REALM, settings.KEYCLOAK_CLIENT_ID = issuer.url, "concord", "portal"
        for key in (issuer.rsa, issuer.pss, issuer.ec):
            raw, algorithm = issuer.token("access", key=key, groups=GROUPS), str(key.as_dict()["alg"])
            known = keys.read(json.loads(issuer.jwks()))[key.kid or ""].key
            ours, bare = compare(
                lambda raw=raw: read_access_token(raw),
                lambda raw=raw, a=algorithm, k=known: jwt.decode(raw, k, algorithms=[a]),
            )
            over |= ours > BAR_MS
            print(
                f"{algorithm}  verified {ours:7.3f} ms CPU   bare joserfc {bare:7.3f}   ratio {ours / bare:5.2f}   bar {BAR_MS} ms"
            )
    return int(over)


def compare(ours: Callable[[], object], bare: Callable[[], object]) -> tuple[float, float]:
    """Medians in milliseconds of processor time, taking turns."""
    spent: tuple[list[float], list[float]] = ([], [])
    for _round in range(ROUNDS):
        for work, took in zip((ours, bare), spent, strict=True):
            before = time.process_time()
            for _each in range(EACH):
                work()
            took.append((time.process_time() - before) * 1000 / EACH)
    return statistics.median(spent[0]), statistics.median(spent[1])


if __name__ == "__main__":
    sys.exit(main())
