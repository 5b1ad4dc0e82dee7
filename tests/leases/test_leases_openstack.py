"""The whole way: a browser's session at a real Keycloak becomes a credential of a real Keystone, and is taken back."""

import pytest
from django.core.management import call_command

from portal.clouds.adapters.openstack import OpenStack
from portal.identity.models import Session
from portal.identity.services import check_live
from portal.leases import lending, services
from portal.leases.models import LeaseState, Lender
from portal.users.actor import NEVER, Actor, Auth
from portal.users.models import Identity
from tests.clouds.openstack_world import build, refused
from tests.leases.desk import Desk, offer
from tests.market import connection

pytestmark = [pytest.mark.keycloak, pytest.mark.django_db]


@pytest.fixture(scope="module")
def openstack(keystone, realm):
    return build(keystone, realm)


@pytest.fixture
def desk(world, openstack):
    call_command("sync_providers", verbosity=0)
    account = openstack.adapter().account
    cloud = connection(world, "openstack", {**account.config, "regions": "north"}, openstack.keys, name="own-cloud")
    lending.read(cloud.pk)
    return Desk(world, cloud, offer(world, cloud, target=openstack.web))


@pytest.fixture
def actor(realm, world):
    alice = realm.person("alice", groups=["/cloud/admins"])
    identity = Identity.objects.create(user=world.alice, issuer=realm.issuer, subject=alice.id)
    session = Session(user=world.alice, identity=identity, key="k", method="oidc", sid="s")
    session.refresh_token = realm.tokens(alice)["refresh_token"]
    session.save()
    return Actor(world.alice, Auth("oidc", session=str(session.pk)), checked_at=NEVER)


def opened(openstack, secret):
    keys = {name: secret.env[f"OS_APPLICATION_CREDENTIAL_{name.upper()}"] for name in ("id", "secret")}
    return openstack.keystone.token_for({"methods": ["application_credential"], "application_credential": keys})


def test_her_session_becomes_a_credential_that_ends_when_she_gives_it_back(desk, actor, openstack):
    assert Lender.objects.get(connection=desk.cloud).audience == OpenStack.lease_audience
    lease = desk.work(desk.ask(check_live(actor)))
    assert lease.state == LeaseState.HELD, lease.error
    secret = services.take_secret(lease, actor=check_live(actor))
    token = opened(openstack, secret)
    services.end_lease(lease, actor=check_live(actor))
    assert desk.work(lease).state == LeaseState.ENDED
    assert refused(lambda: opened(openstack, secret)) in (401, 404)
    assert refused(lambda: openstack.keystone.ask("GET", "auth/projects", token=token)) in (401, 404)


def test_whose_groups_have_nothing_there_is_told_so_and_nothing_is_left(desk, actor, openstack, realm):
    realm.person("alice", groups=["/cloud/readers"])
    lease = desk.work(desk.ask(check_live(actor), key="other"))
    assert lease.state == LeaseState.FAILED
    assert "None of this person's groups" in lease.error
    assert openstack.named(f"concord-{lease.cloud_key}") == []
