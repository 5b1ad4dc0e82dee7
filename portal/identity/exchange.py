"""A token of a person for one cloud, had from her own live token: nothing is minted for who is absent, or by the portal alone."""

from uuid import UUID

from django.utils.translation import gettext as _

from portal.core.errors import Forbidden, Refused, Unavailable
from portal.identity import grants, jwts, sessions
from portal.identity.models import Session
from portal.identity.plane import issuer

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - the name of a kind of token
GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
INVALID = "Invalid token"  # said of hers: what it stands for has ended meanwhile
# The scope of the realm that brings each audience: without it there is none, and alone it brings the portal's own beside it
SCOPES = {"keystone": "to-keystone", "sts.amazonaws.com": "to-aws"}


def exchange_token(session_id: UUID, audience: str) -> str:
    """A token of who has this session, for this audience alone. One call renews hers, one exchanges it; run it in a worker.

    Forbidden where her session, or what it came from, has ended; Refused where she signed in otherwise, or no cloud of this
    audience is set up; Unavailable where no answer can be had. The renewed token is kept, whatever the exchange says.
    """
    return exchange_of(_renewed(session_id), audience)


def exchange_of(subject_token: str, audience: str) -> str:
    """The same from an access token that she sent herself."""
    if audience not in SCOPES:
        raise Refused(_("The identity provider is not set up to give tokens for %(audience)s.") % {"audience": audience})
    form = {"grant_type": GRANT, "subject_token": subject_token, "subject_token_type": ACCESS_TOKEN}
    form |= {"requested_token_type": ACCESS_TOKEN, "scope": SCOPES[audience], "audience": audience}
    given, said = grants.ask(form)
    token = said.get("access_token")
    if given and isinstance(token, str):
        return _checked(token, audience)
    if said.get("error_description") == INVALID:
        raise Forbidden(_ended())
    words = _("The identity provider gives no token for %(audience)s. Ask an operator to sync its realm.")
    raise Refused(words % {"audience": audience})


def _renewed(session_id: UUID) -> str:
    """An access token of hers, fresh from the provider."""
    found = Session.objects.select_related("identity", "user").defer("identity__claims").filter(pk=session_id).first()
    if found is None or not found.user.is_active or not sessions.living_of(found.user).filter(pk=session_id).exists():
        raise Forbidden(_ended())
    if found.method == sessions.SHELL:
        raise Forbidden(_("The token that your shell sent is used up. Ask again from there."))
    if found.identity is None or found.identity.issuer != issuer():
        raise Refused(_("You signed in with a local account, and this cloud takes people of the identity provider alone."))
    renewed = grants.renew(found.refresh_token)
    if renewed is None or not isinstance(renewed.get("access_token"), str):
        raise Forbidden(_ended())
    found.refresh_token = str(renewed["refresh_token"])
    Session.objects.filter(pk=session_id, ended_at=None).update(sealed=found.sealed)
    return str(renewed["access_token"])


def _checked(token: str, audience: str) -> str:
    """The token, if it is for this audience and no other, and small enough for a cloud to take."""
    if len(token) > jwts.MOST_BYTES:
        raise Refused(_("Your groups make the token larger than clouds take. Ask an operator to narrow what it carries."))
    try:
        jwts.read_lease_token(token, audience=audience)
    except jwts.BadToken as error:
        raise Unavailable(_("The identity provider gave a token that opens other doors, too, so it was not used.")) from error
    return token


def _ended() -> str:
    return _("Your sign-in has ended at the identity provider. Sign in again.")
