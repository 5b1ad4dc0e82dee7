"""A lease minted from the session of a browser that came through a real Keycloak: her token of that moment, for one cloud."""

import pytest

from portal.core.errors import Forbidden
from portal.identity import jwts
from portal.identity.models import Session, SessionEnd
from portal.identity.services import check_live
from portal.identity.sessions import end_all
from portal.leases import services
from portal.leases.models import Lease, LeaseState, Lender
from portal.users.actor import NEVER, Actor, Auth
from portal.users.models import Identity
from tests.leases.cloud import Lending, says, unreachable

pytestmark = [pytest.mark.keycloak, pytest.mark.django_db]


@pytest.fixture
def alice(realm):
    return realm.person("alice", groups=["/cloud/readers"])


@pytest.fixture
def actor(realm, alice, desk, monkeypatch):
    """Alice as a request of hers finds her, at a cloud that wants a token for Keystone."""
    monkeypatch.setattr(Lending, "lease_audience", "keystone")
    Lender.objects.update(audience="keystone")
    identity = Identity.objects.create(user=desk.world.alice, issuer=realm.issuer, subject=alice.id)
    session = Session(user=desk.world.alice, identity=identity, key="k", method="oidc", sid="s")
    session.refresh_token = realm.tokens(alice)["refresh_token"]
    session.save()
    return Actor(desk.world.alice, Auth("oidc", session=str(session.pk)), checked_at=NEVER)


def test_her_session_gives_the_cloud_a_token_of_hers_and_of_no_other_use(desk, actor, alice):
    lease = desk.work(desk.ask(check_live(actor)))
    assert lease.state == LeaseState.HELD, lease.error
    (lent,) = Lending.held.values()
    token = jwts.read_lease_token(lent.token.reveal(), audience="keystone")
    assert (token.subject, token.claims["groups"]) == (alice.id, ["/cloud/readers"])
    assert lent.token.reveal() not in str([*Lease.objects.values(), *lease.steps.values()])
    assert services.take_secret(lease, actor=check_live(actor))


def test_a_cloud_that_was_away_is_asked_again_with_a_fresh_token(desk, actor):
    Lending.script = [says(unreachable())]
    lease = desk.work(desk.ask(check_live(actor)))
    assert lease.state == LeaseState.MINTING
    assert desk.work(lease, minutes=1).state == LeaseState.HELD


def test_signed_out_at_the_provider_she_asks_for_nothing(desk, realm, alice, actor):
    realm.admin.user_logout(alice.id)
    with pytest.raises(Forbidden):
        desk.ask(check_live(actor))
    assert not Lease.objects.exists()


def test_signed_out_between_ask_and_worker_nothing_is_minted_and_it_says_why(desk, realm, alice, actor):
    lease = desk.ask(check_live(actor))
    realm.admin.user_logout(alice.id)
    lease = desk.work(lease)
    assert (lease.state, Lending.calls) == (LeaseState.FAILED, [])
    assert "Sign in again" in lease.error


def test_a_session_that_ended_here_before_the_worker_came_mints_nothing(desk, actor):
    lease = desk.ask(check_live(actor))
    end_all(Session.objects.all(), why=SessionEnd.SIGNED_OUT)
    assert (desk.work(lease).state, Lending.calls) == (LeaseState.FAILED, [])


def test_a_provider_that_is_down_when_the_worker_comes_leaves_nothing_half_done(desk, actor, settings):
    lease = desk.ask(check_live(actor))
    Identity.objects.update(issuer=f"http://127.0.0.1:9/realms/{settings.KEYCLOAK_REALM}")
    settings.KEYCLOAK_URL = "http://127.0.0.1:9"
    lease = desk.work(lease)
    assert (lease.state, lease.is_in_cloud, Lending.calls) == (LeaseState.FAILED, False, [])
    assert "Try again in a minute" in lease.error
