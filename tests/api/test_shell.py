"""Cloud access from a shell: the device flow at a real Keycloak, the API as her, a lease minted from the token she sent."""

import json
import os
from datetime import timedelta

import psycopg
import pytest
import requests
from django.test import Client
from psycopg import sql

from portal.core import clock
from portal.core.models import Parcel
from portal.events.models import Event
from portal.identity import jwts, people
from portal.identity import services as identity
from portal.identity.models import ProviderStep, Session, SessionEnd
from portal.leases import endings, lending, minting
from portal.leases.models import Lease, LeaseState, Lender
from portal.users.models import Identity
from tests import databases
from tests.identity.shell import Shell
from tests.leases.cloud import Lending, says, unreachable
from tests.leases.desk import offer

pytestmark = [pytest.mark.keycloak, pytest.mark.django_db]


class Caller:
    """The API as a shell calls it."""

    def __init__(self, token):
        self.client, self.headers = Client(), {"Authorization": f"Bearer {token}", "User-Agent": "curl/8.1"}

    def get(self, path):
        return self.client.get(f"/api/{path}", headers=self.headers)

    def post(self, path, body=None):
        sent = json.dumps(body or {})
        return self.client.post(f"/api/{path}", sent, content_type="application/json", headers=self.headers)


@pytest.fixture
def alice(realm, world):
    """Alice at the provider, known here since she signed in by a browser."""
    there = realm.person("alice", groups=["/cloud/readers"])
    Identity.objects.create(user=world.alice, issuer=realm.issuer, subject=there.id)
    return there


@pytest.fixture
def shell(realm, alice):
    made = Shell(realm)
    made.approve(alice)
    return made


@pytest.fixture
def tokens(shell):
    return shell.poll().json()


def test_nothing_is_had_before_she_approves_or_by_another_shell(realm, alice):
    shell = Shell(realm)
    assert shell.poll().json()["error"] == "authorization_pending"
    shell.approve(alice)
    assert shell.poll(code_verifier="v" * 43).status_code == 400


def test_the_api_takes_her_token_as_herself(tokens, world):
    caller = Caller(tokens["access_token"])
    for _twice in range(2):
        assert caller.get("me/").json()["id"] == str(world.alice.pk)
    session = Session.objects.get()
    assert (session.method, session.user, session.agent) == ("shell", world.alice, "curl/8.1")
    assert Event.objects.filter(action="identity.sign_in").count() == 1


def test_no_other_token_of_hers_opens_it(realm, alice, tokens, world):
    pages = realm.tokens(alice)
    for raw in (pages["access_token"], pages["id_token"], tokens["id_token"], tokens["refresh_token"], "a.b.c"):
        assert Caller(raw).get("me/").status_code == 401
    assert not Session.objects.exists()


def test_who_was_never_here_is_told_what_to_do(realm):
    shell = Shell(realm)
    shell.approve(realm.person("zoe"))
    refused = Caller(shell.poll().json()["access_token"]).get("me/")
    assert refused.status_code == 403
    assert "in a browser once" in refused.json()["detail"]


def test_a_lease_is_minted_from_the_token_that_she_sent(desk, tokens, monkeypatch):
    monkeypatch.setattr(Lending, "lease_audience", "keystone")
    Lender.objects.update(audience="keystone")
    caller = Caller(tokens["access_token"])
    asked = caller.post("leases/", {"offer": str(desk.offer.pk), "minutes": 60, "purpose": "A fault"})
    assert asked.status_code == 201, asked.json()
    lease = desk.work(Lease.objects.get())
    assert lease.state == LeaseState.HELD, lease.error
    (lent,) = Lending.held.values()
    token = jwts.read_lease_token(lent.token.reveal(), audience="keystone")
    assert (token.claims["azp"], token.claims["groups"]) == ("portal", ["/cloud/readers"])
    assert not Parcel.objects.filter(about=lease.subject_parcel).exists()
    given = caller.post(f"leases/{lease.pk}/secret/").json()
    assert given["exports"].startswith("export CLOUD_KEY=")
    assert caller.post(f"leases/{lease.pk}/secret/").status_code == 404


def test_signed_out_at_the_provider_she_takes_none_though_her_token_has_not_ended(desk, realm, alice, tokens):
    caller = Caller(tokens["access_token"])
    assert caller.get("lease-offers/").status_code == 200
    realm.admin.user_logout(alice.id)
    refused = caller.post("leases/", {"offer": str(desk.offer.pk), "minutes": 60, "purpose": "A fault"})
    assert refused.status_code == 403
    assert "Sign in again" in refused.json()["detail"]
    assert not Lease.objects.exists()


def test_disabled_at_the_provider_before_the_worker_came_nothing_is_minted(desk, realm, alice, tokens):
    Lender.objects.update(audience="keystone")
    asked = Caller(tokens["access_token"]).post("leases/", {"offer": str(desk.offer.pk), "minutes": 60, "purpose": "A fault"})
    assert asked.status_code == 201
    realm.admin.update_user(alice.id, {"enabled": False})
    lease = desk.work(Lease.objects.get())
    assert (lease.state, Lending.calls) == (LeaseState.FAILED, [])
    assert "Sign in again" in lease.error


def test_the_token_that_she_sent_serves_once(desk, tokens, monkeypatch):
    monkeypatch.setattr(Lending, "lease_audience", "keystone")
    Lender.objects.update(audience="keystone")
    Lending.script = [says(unreachable())]
    Caller(tokens["access_token"]).post("leases/", {"offer": str(desk.offer.pk), "minutes": 60, "purpose": "A fault"})
    lease = desk.work(Lease.objects.get())
    assert lease.state == LeaseState.MINTING
    lease = desk.work(lease, minutes=1)
    assert (lease.state, lease.is_in_cloud) == (LeaseState.FAILED, False)
    assert "Ask again from there" in lease.error


def test_signed_out_here_every_token_of_that_sign_in_is_dead(tokens, shell, world):
    caller = Caller(tokens["access_token"])
    caller.get("me/")
    identity.sign_out_everywhere(actor=world.actor("alice"))
    assert caller.get("me/").status_code == 401
    later = shell.renew(tokens["refresh_token"]).json()  # the provider was not told yet
    assert Caller(later["access_token"]).get("me/").status_code == 401
    assert Session.objects.get().end == SessionEnd.EVERYWHERE


def test_what_was_decided_here_counts_for_a_sign_in_that_is_new_here(tokens, world):
    identity.sign_out_everywhere(actor=world.actor("alice"))
    assert ProviderStep.objects.exists()
    assert Caller(tokens["access_token"]).get("me/").status_code == 401
    assert not Session.objects.exists()


def test_a_disabled_person_is_out_at_her_next_call(tokens, world):
    caller = Caller(tokens["access_token"])
    caller.get("me/")
    people.disable_person(world.alice, actor=world.actor("erin"), reason="Gone")
    assert caller.get("me/").status_code == 401


def test_a_quiet_shell_ends_and_begins_anew_while_the_provider_says_she_is_there(tokens, shell, world):
    Caller(tokens["access_token"]).get("me/")
    quiet = clock.now() - timedelta(hours=3)
    Session.objects.update(seen_at=quiet)
    assert Caller(tokens["access_token"]).get("me/").status_code == 200
    assert Session.objects.count() == 2


def test_a_provider_that_is_down_lends_nothing_and_leaves_nothing(desk, tokens):
    caller = Caller(tokens["access_token"])
    caller.get("me/")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests, "post", silent)
        refused = caller.post("leases/", {"offer": str(desk.offer.pk), "minutes": 60, "purpose": "A fault"})
    assert refused.status_code == 503
    assert not Lease.objects.exists()
    assert caller.get("me/").status_code == 200


def silent(*_args, **_more):
    raise requests.ConnectionError


@pytest.fixture
def database():
    """A database beside the portal's own, on the server that the market connects."""
    name = databases.new_name("lent")
    with psycopg.connect(os.environ["TEST_ADMIN_URL"], dbname="postgres", autocommit=True) as link:
        link.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    yield name
    databases.drop(name)


def test_from_a_shell_into_a_real_database_and_out_when_she_is_disabled(market, database, tokens):
    world, cloud = market.world, market.postgres
    lending.read(cloud.pk)
    offered = offer(world, cloud, "Read the shop", target=database, longest=timedelta(hours=1))
    caller = Caller(tokens["access_token"])
    asked = caller.post("leases/", {"offer": str(offered.pk), "minutes": 30, "purpose": "A fault"}).json()
    minting.settle(Lease.objects.get().pk)
    env = caller.post(f"leases/{asked['id']}/secret/").json()["env"]
    line = {"host": env["PGHOST"], "port": env["PGPORT"], "dbname": env["PGDATABASE"], "user": env["PGUSER"]}
    with psycopg.connect(**line, password=env["PGPASSWORD"]) as link:
        assert link.execute("SELECT current_user").fetchone() == (env["PGUSER"],)
        people.disable_person(world.alice, actor=world.actor("erin"), reason="Gone")
        endings.end_without_role([world.alice.pk])
        minting.settle(Lease.objects.get().pk)
        with pytest.raises(psycopg.Error):
            link.execute("SELECT 1")
    assert Lease.objects.get().state == LeaseState.ENDED
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(**line, password=env["PGPASSWORD"])
