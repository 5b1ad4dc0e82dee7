"""A person's token for one cloud: hers alone, for one audience, while she is here; against a real realm."""

import pytest

from portal.core.errors import Forbidden, Refused, Unavailable
from portal.identity import jwts
from portal.identity.exchange import exchange_of, exchange_token
from portal.identity.models import Session, SessionEnd
from portal.identity.sessions import end_all
from portal.users.models import Identity
from tests.cast import person

pytestmark = [pytest.mark.keycloak, pytest.mark.django_db]


@pytest.fixture
def came(realm):
    """Gives a person of the realm and a session of hers, as after her sign-in."""

    def come(username, **more):
        there = realm.person(username, **more)
        tokens = realm.tokens(there)
        identity = Identity.objects.create(user=person(username), issuer=realm.issuer, subject=there.id)
        session = Session(user=identity.user, identity=identity, key=username, method="oidc")
        session.refresh_token = tokens["refresh_token"]
        session.save()
        return there, session, tokens

    return come


@pytest.mark.parametrize("audience", ["keystone", "sts.amazonaws.com"])
def test_her_session_gives_a_token_for_one_cloud_and_nothing_else(came, audience):
    there, session, _ = came(f"alice-{audience[:3]}", groups=["/cloud/readers"])
    token = jwts.read_lease_token(exchange_token(session.pk, audience), audience=audience)
    assert (token.subject, token.claims["aud"]) == (there.id, audience)
    assert token.claims["azp"] == ("portal" if audience == "keystone" else audience)
    assert ("groups" in token.claims) == (audience == "keystone")
    with pytest.raises(jwts.BadToken):
        jwts.read_access_token(exchange_token(session.pk, audience))


def test_it_is_kept_renewed_and_serves_again(came):
    _, session, _ = came("bella")
    assert exchange_token(session.pk, "keystone") != exchange_token(session.pk, "keystone")


def test_who_is_gone_gets_none_whatever_ended_her(came, realm):
    there, session, tokens = came("carla")
    realm.admin.user_logout(there.id)
    for ask in (lambda: exchange_token(session.pk, "keystone"), lambda: exchange_of(tokens["access_token"], "keystone")):
        with pytest.raises(Forbidden):
            ask()
    _, session, _ = came("dora")
    end_all(Session.objects.filter(pk=session.pk), why=SessionEnd.SIGNED_OUT)
    with pytest.raises(Forbidden):
        exchange_token(session.pk, "keystone")


def test_a_disabled_account_gets_none(came, realm):
    there, session, _ = came("elsa")
    realm.admin.update_user(there.id, {"enabled": False})
    with pytest.raises(Forbidden):
        exchange_token(session.pk, "keystone")


def test_a_local_account_and_a_cloud_nobody_set_up_are_refused_with_a_reason(came):
    _, session, _ = came("fiona")
    with pytest.raises(Refused, match="not set up"):
        exchange_token(session.pk, "elsewhere")
    Session.objects.filter(pk=session.pk).update(identity=None)
    with pytest.raises(Refused, match="local account"):
        exchange_token(session.pk, "keystone")


def test_a_provider_that_is_down_is_said_and_her_session_stays(came, settings):
    _, session, _ = came("greta")
    Identity.objects.filter(user=session.user).update(issuer=f"http://127.0.0.1:9/realms/{settings.KEYCLOAK_REALM}")
    settings.KEYCLOAK_URL = "http://127.0.0.1:9"
    with pytest.raises(Unavailable):
        exchange_token(session.pk, "keystone")
    session.refresh_from_db()
    assert session.ended_at is None
    assert session.refresh_token


def test_a_token_that_no_cloud_would_take_is_refused(came):
    _, session, _ = came("hilda", groups=[f"/many/{'g' * 60}-{number:03}" for number in range(150)])
    with pytest.raises(Refused, match="groups"):
        exchange_token(session.pk, "keystone")
    exchange_token(session.pk, "sts.amazonaws.com")
