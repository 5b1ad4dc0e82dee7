"""A person in a shell: an access token that she got there by the device flow opens the API as her, while its session lives.

The session at the provider has a row here like that of a browser, so what ends her sessions ends this one, too: she finds it
among her own, and it keeps to the same idle and absolute limits.
"""

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from portal.core import clock
from portal.core.errors import Forbidden
from portal.events.services import record
from portal.identity import grants, journal, jwts, oidc, sessions
from portal.identity.jwts import BadToken, Token
from portal.identity.models import Session, SessionEnd
from portal.identity.sessions import SHELL
from portal.users.actor import NEVER, Actor, Auth
from portal.users.models import Identity, User

OFFLINE = "offline_access"
"""The scope of tokens that outlive her session at the provider."""


def actor_by_shell(raw: str, *, address: str, agent: str, correlation_id: str) -> Actor | None:
    """Who acts with this token; None where it opens nothing. Forbidden where she was never seen here in a browser;
    Unavailable where a token is good, or new, and the provider does not answer.
    """
    if not oidc.is_on() or raw.count(".") != 2:
        return None
    try:
        token = jwts.read_access_token(raw)
    except BadToken:
        return None
    if not token.sid or OFFLINE in str(token.claims.get("scope", "")).split():
        return None
    known = Identity.objects.defer("claims").select_related("user")
    identity = known.filter(issuer=token.issuer, subject=token.subject).first()
    if identity is None:
        raise Forbidden(_("Nobody here is known by this sign-in. Sign in to the portal in a browser once, then come back."))
    session = _living(identity, token) or _begun(identity, token, raw, address=address, agent=agent)
    if session is None:
        return None
    auth = Auth(SHELL, session=str(session.pk), address=address)
    return Actor(identity.user, auth, NEVER, correlation_id=correlation_id, bearer=raw)


def _living(identity: Identity, token: Token) -> Session | None:
    """The session this token is of, noted at most once a minute; None where it has none here that lives."""
    if not identity.user.is_active:
        return None
    found = _of(identity, token).filter(pk__in=sessions.living_of(identity.user).values("pk")).first()
    if found is not None and clock.now() - found.seen_at > sessions.NOTED_EVERY:
        Session.objects.filter(pk=found.pk, ended_at=None).update(seen_at=clock.now())
    return found


def _begun(identity: Identity, token: Token, raw: str, *, address: str, agent: str) -> Session | None:
    """A new one for a sign-in that is new here and stands at the provider; None where it was ended here, or is over there.

    What was decided here and not yet confirmed there counts as over.
    """
    if not identity.user.is_active or not grants.stands(raw):
        return None
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=identity.user_id)
        ended = _of(identity, token).exclude(ended_at=None).exclude(end=SessionEnd.EXPIRED)
        if not user.is_active or ended.exists() or journal.open_steps().filter(identity=identity).exists():
            return None
        found = _living(identity, token)
        if found is not None:
            return found
        made = Session(user=user, method=SHELL, identity=identity, sid=token.sid, address=address[:64], agent=agent[:200])
        made.save(force_insert=True)
        actor = Actor(user, Auth(SHELL, session=str(made.pk), address=address))
        record("identity.sign_in", user, actor=actor, provider=identity.provider)
        return made


def _of(identity: Identity, token: Token) -> QuerySet[Session]:
    return Session.objects.filter(identity=identity, sid=token.sid, method=SHELL)
