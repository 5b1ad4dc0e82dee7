"""The live check: before a privileged act it is looked again, here and at the provider, and what cannot be checked is not done."""

from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from portal.access.guard import require_fresh
from portal.approvals.services import vote
from portal.clouds.services import change_credentials, connect_cloud
from portal.core import clock
from portal.core.errors import Forbidden, Unavailable
from portal.identity import people, services, sessions
from portal.identity.models import Session, SessionEnd
from portal.identity.plane import issuer
from portal.identity.tokens import actor_by_token, create_token
from portal.provisioning.services import rotate_secret, take_secret
from portal.tenancy.services import assign_role, end_assignment
from portal.users.actor import NEVER, Actor, Auth
from portal.users.models import Identity, User
from tests.cast import give


class Answers(BaseHTTPRequestHandler):
    """The token endpoint of a provider: gives what the test put there, keeps what it was asked."""

    status, body, asked = 200, b"{}", []

    def do_POST(self):
        type(self).asked.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_):
        pass


@pytest.fixture
def endpoint(settings):
    kind = type("Mine", (Answers,), {"asked": []})
    server = HTTPServer(("127.0.0.1", 0), kind)
    Thread(target=server.serve_forever, daemon=True).start()
    settings.KEYCLOAK_URL = f"http://127.0.0.1:{server.server_port}"
    yield kind
    server.shutdown()
    server.server_close()


@pytest.fixture
def came(world, endpoint, through):
    """Alice, signed in through the provider, as a request finds her."""
    identity = Identity.objects.create(user=world.alice, issuer=issuer(), subject="s")
    through(identity, sid="sid", refresh_token="first")
    return Actor(world.alice, Auth("oidc", session=str(Session.objects.get().pk)), checked_at=NEVER)


def test_what_matters_is_refused_to_who_was_not_looked_at_again(world):
    old = Actor(world.erin, Auth("password"), checked_at=clock.now() - timedelta(seconds=11))
    role = give(world.bob, "viewer", world.fleet)
    acts = [
        lambda: vote(None, "approve", "", actor=old),
        lambda: connect_cloud(world.nordwind, None, "n", {}, {}, key="k", actor=old),
        lambda: change_credentials(None, {}, actor=old),
        lambda: rotate_secret(None, actor=old),
        lambda: take_secret(None, actor=old),
        lambda: create_token(name="t", expires=clock.now(), actor=old),
        lambda: assign_role(world.bob, role.role, world.fleet, actor=old),
        lambda: end_assignment(role, actor=old),
        lambda: people.disable_person(world.bob, actor=old, reason="r"),
        lambda: people.enable_person(world.bob, actor=old),
    ]
    for act in acts:
        with pytest.raises(Unavailable):
            act()
    require_fresh(Actor.system())


def test_who_comes_with_a_session_or_a_token_was_never_looked_at(world, rf, client):
    plain = create_token(name="t", expires=clock.now() + timedelta(days=1), actor=world.actor("alice"))[1]
    by_token = actor_by_token(plain, address="", correlation_id="")
    request = rf.get("/")
    request.session = client.session
    by_session = sessions.begin(request, world.alice, method="password")
    for actor in (by_token, by_session):
        with pytest.raises(Unavailable):
            require_fresh(actor)
        require_fresh(services.check_live(actor))


def test_a_role_that_ended_during_the_request_is_seen(world):
    actor = world.actor("erin")
    assert people.manages_people_in(world.web, actor)
    world.erin.assignments.all().delete()
    assert not people.manages_people_in(world.web, services.check_live(actor))


def test_a_token_or_a_session_that_ended_during_the_request_does_nothing_more(world, came):
    token, plain = create_token(name="t", expires=clock.now() + timedelta(days=1), actor=world.actor("alice"))
    actor = actor_by_token(plain, address="", correlation_id="")
    type(token).objects.update(revoked_at=clock.now())
    sessions.end_all(Session.objects.all(), why=SessionEnd.PROVIDER)
    for ended in (actor, came):
        with pytest.raises(Forbidden):
            services.check_live(ended)


def test_the_owner_of_a_service_account_answers_for_its_being_live(world):
    robot = User.objects.create(kind_of_user="service", username="robot", owner=world.alice)
    actor = Actor(robot, Auth("job"))
    services.check_live(actor)
    User.objects.filter(pk=world.alice.pk).update(is_active=False)
    with pytest.raises(Forbidden):
        services.check_live(actor)


def test_alive_there_her_token_is_renewed_and_kept_sealed(came, endpoint):
    endpoint.body = b'{"refresh_token": "second", "access_token": "a"}'
    require_fresh(services.check_live(came))
    assert "refresh_token=first" in endpoint.asked[0]
    row = Session.objects.get()
    assert row.refresh_token == "second"
    assert b"second" not in bytes(row.sealed)


def test_ended_there_it_ends_here(came, endpoint):
    endpoint.status, endpoint.body = 400, b'{"error": "invalid_grant", "error_description": "Session not active"}'
    with pytest.raises(Forbidden):
        services.check_live(came)
    assert Session.objects.get().end == SessionEnd.PROVIDER


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"oops"),
        (401, b'{"error": "unauthorized_client"}'),
        (400, b'{"error": "invalid_request"}'),
        (200, b"[]"),
        (302, b""),
    ],
)
def test_an_answer_that_says_nothing_about_her_refuses_and_ends_nothing(came, endpoint, status, body):
    endpoint.status, endpoint.body = status, body
    with pytest.raises(Unavailable, match="nothing was done"):
        services.check_live(came)
    assert Session.objects.get().refresh_token == "first"


def test_a_provider_that_is_down_refuses_what_matters_and_lets_read(world, through, settings):
    settings.KEYCLOAK_URL = "http://127.0.0.1:9"
    browser = through(Identity.objects.create(user=world.alice, issuer=issuer(), subject="s"), refresh_token="t")
    assert browser.get("/").status_code == 200
    answer = browser.post("/profile/tokens/", {"name": "t", "days": 3})
    assert answer.status_code == 503
    assert "sign in with a local account" in answer.content.decode()
    assert not world.alice.tokens.exists()


def test_a_session_of_another_provider_than_the_one_set_up_is_over(came, settings, endpoint):
    Identity.objects.update(issuer="https://before.example/realms/concord")
    with pytest.raises(Forbidden):
        services.check_live(came)
    assert endpoint.asked == []
