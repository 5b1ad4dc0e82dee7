"""The pages of identity providers, as a browser without a script sees them."""

import re

import pytest
from django.test import Client

from portal.core import clock
from portal.events.models import Event
from portal.identity import providers
from portal.identity.models import IdentityProvider
from portal.users.models import Identity
from tests.identity import upstream
from tests.identity.upstream import LOOPBACK, SECRET, checked, standing

CAST = ["alice", "bob", "carol", "dave", "erin", "mallory"]
ACTS = ["check/", "on/", "change/", "stop/"]


@pytest.fixture(autouse=True)
def reachable(settings):
    settings.OUTBOUND_ALLOW, settings.KEYCLOAK_URL = LOOPBACK, "http://127.0.0.1:1"


@pytest.fixture
def provider(world):
    return upstream.oidc(world, domains=["corp.example"])


def page_of(provider, act=""):
    return f"/identity/{provider.pk}/{act}"


def text_of(answer):
    return re.sub(r"\s+", " ", answer.content.decode())


def sent(world, **changes):
    """The form as erin fills it in."""
    return {
        "organization": str(world.nordwind.pk),
        "name": "Corp",
        "domains": "corp.example\nCorp.example",
        "config-issuer": "https://login.corp.example",
        "config-client_id": "concord",
        "config-scopes": "openid email",
        "config-groups_claim": "",
        "secret-client_secret": SECRET,
        **changes,
    }


class TestWhoMay:
    @pytest.mark.parametrize("name", CAST)
    def test_the_pages_are_for_who_sets_up_the_sign_in(self, signed_in, provider, name):
        browser = signed_in(name)
        for url in ("/identity/", "/identity/new/", "/identity/new/oidc/"):
            assert browser.get(url).status_code == (200 if name in ("erin", "mallory") else 404)
        assert browser.get(page_of(provider)).status_code == (200 if name == "erin" else 404)
        for act in ACTS:
            answer = browser.post(page_of(provider, act), {"act": "nonsense"})
            assert answer.status_code in ((302, 409, 422) if name == "erin" else (404,)), act
        assert ("Corp" in text_of(browser.get("/identity/"))) == (name == "erin")

    @pytest.mark.parametrize("act", ["check/", "on/"])
    def test_an_act_is_never_a_link(self, signed_in, provider, act):
        assert signed_in("erin").get(page_of(provider, act)).status_code == 405

    def test_every_form_needs_its_token(self, world, provider):
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(world.erin)
        for url in ("/identity/new/oidc/", "/signin/find/", *(page_of(provider, act) for act in ACTS)):
            assert browser.post(url, sent(world)).status_code == 403
        assert IdentityProvider.objects.get().state == "draft"

    def test_she_adds_none_for_another_organization(self, world, signed_in):
        answer = signed_in("mallory").post("/identity/new/oidc/", sent(world))
        assert answer.status_code == 422
        assert not IdentityProvider.objects.exists()


class TestTheList:
    def test_with_none_it_says_what_to_do(self, world, signed_in):
        assert "/identity/new/" in text_of(signed_in("erin").get("/identity/"))

    def test_fifty_cost_as_few_queries_as_one(self, world, signed_in, in_few_queries):
        for number in range(50):
            upstream.oidc(world, name=f"Provider {number:02}", domains=[f"d{number}.example", f"e{number}.example"])
        page = text_of(in_few_queries(signed_in("erin"), "/identity/?page=nonsense"))
        assert "Provider 49" in page
        assert "d49.example" in page


class TestAdding:
    def test_it_is_added_and_its_page_shows_what_to_paste_and_no_secret(self, world, signed_in, in_few_queries):
        browser = signed_in("erin")
        answer = browser.post("/identity/new/oidc/", sent(world))
        made = IdentityProvider.objects.get()
        assert answer["Location"] == page_of(made)
        assert made.config["groups_claim"] == "", "emptied, its default does not come back"
        page = text_of(in_few_queries(browser, page_of(made)))
        assert made.redirect_uri in page
        assert "hx-trigger" in page
        assert SECRET not in page + text_of(browser.get(page_of(made, "change/")))

    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"name": ""}, "This field is required"),
            ({"domains": "nonsense"}, "is not a domain"),
            ({"config-issuer": "x" * 500}, "400"),
            ({"config-surprise": "1"}, "not known"),
            ({"secret-client_secret": ""}, "This field is required"),
            ({"organization": "nonsense"}, "not a valid UUID"),
        ],
    )
    def test_what_does_not_fit_is_said_beside_its_field_and_nothing_typed_is_lost(self, world, signed_in, changes, says):
        answer = signed_in("erin").post("/identity/new/oidc/", sent(world, **changes))
        assert answer.status_code == 422
        assert says in text_of(answer)
        assert 'value="concord"' in text_of(answer)
        assert SECRET not in text_of(answer)
        assert not IdentityProvider.objects.exists()

    def test_a_taken_domain_is_refused_without_saying_whose_it_is(self, world, signed_in, provider):
        form = sent(world, organization=str(world.other.pk), name="Mine")
        answer = signed_in("mallory").post("/identity/new/oidc/", form)
        assert answer.status_code == 422
        assert "belongs to another provider" in text_of(answer)
        assert "Nordwind" not in text_of(answer)

    @pytest.mark.parametrize("protocol", ["oidc", "saml", "ldap"])
    def test_each_protocol_has_its_form(self, world, signed_in, protocol):
        page = text_of(signed_in("erin").get(f"/identity/new/{protocol}/"))
        assert 'name="config-' in page
        assert 'name="domains"' in page

    def test_what_nobody_speaks_is_not_there(self, world, signed_in):
        assert signed_in("erin").get("/identity/new/kerberos/").status_code == 404


class TestOne:
    def test_a_failed_check_says_what_to_do_and_leaves_the_button_off(self, world, signed_in):
        with standing() as (issuer, pages):
            pages["/token"] = (401, b'{"error": "invalid_client"}')
            made = checked(upstream.oidc(world, issuer=issuer))
        browser = signed_in("erin")
        page = text_of(browser.get(page_of(made)))
        assert "Copy the client id and secret again" in page
        assert re.search(r'id="turn-on"\s+disabled', page)
        assert browser.post(page_of(made, "on/")).status_code == 409

    def test_it_is_turned_on_then_off_with_its_cost_written_then_removed(self, world, signed_in):
        with standing() as (issuer, _pages):
            made = checked(upstream.oidc(world, issuer=issuer, domains=["corp.example"]))
        for number in range(3):
            Identity.objects.create(
                user=world.alice if number else world.bob,
                issuer="i",
                subject=str(number),
                provider=made.alias,
                seen_at=clock.now(),
            )
        browser = signed_in("erin")
        assert browser.post(page_of(made, "on/")).status_code == 302
        assert "Keycloak is being told" in text_of(browser.get(page_of(made)))
        assert "2 people signed in through it" in text_of(browser.get(page_of(made, "stop/")))
        assert browser.post(page_of(made, "stop/"), {"act": "remove"}).status_code == 409
        assert browser.post(page_of(made, "stop/"), {"act": "off"}).status_code == 302
        assert browser.post(page_of(made, "stop/"), {"act": "off"}).status_code == 409, "the second click removes nothing"
        assert IdentityProvider.objects.get().state == "off"
        assert browser.post(page_of(made, "stop/"), {"act": "remove"})["Location"] == "/identity/"
        assert browser.get(page_of(made)).status_code == 404

    def test_a_change_keeps_the_secret_that_is_left_empty(self, world, signed_in, provider):
        form = sent(world, name="Corporation", **{"secret-client_secret": ""})
        assert signed_in("erin").post(page_of(provider, "change/"), form).status_code == 302
        provider.refresh_from_db()
        assert (provider.name, provider.open_secret()["client_secret"]) == ("Corporation", SECRET)

    def test_what_a_provider_says_is_shown_as_text(self, world, signed_in):
        with standing(issuer="<script>alert(1)</script>") as (issuer, _pages):
            made = checked(upstream.oidc(world, issuer=issuer, name="<b>bold</b>"))
        page = text_of(signed_in("erin").get(page_of(made)))
        assert "<script>alert" not in page
        assert "<b>bold" not in page


class TestFinding:
    def ask(self, client, email, **more):
        return text_of(client.post("/signin/find/", {"email": email, **more}))

    def test_an_address_leads_to_its_provider_and_another_to_keycloak_whoever_it_is(self, world, client, provider):
        IdentityProvider.objects.update(state="active", applied_version=1)
        assert f"/auth/login/?next=%2F&amp;idp={provider.alias}" in self.ask(client, "Nobody.Known@CORP.example")
        for unknown in ("alice@example.org", "nobody@example.org"):
            assert self.ask(client, unknown) == self.ask(client, "stranger@nowhere.example")
        assert "idp=" not in self.ask(client, "alice@example.org")

    @pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
    def test_it_leads_to_no_other_site(self, world, client, provider, target):
        assert "evil" not in self.ask(client, "a@corp.example", next=target)
        assert "javascript" not in self.ask(client, "a@corp.example", next=target)

    @pytest.mark.parametrize("email", ["", "x" * 400, "\x00@corp.example", "@", "a@b"])
    def test_nonsense_leads_back_or_on_without_a_hint(self, world, client, email):
        answer = client.post("/signin/find/", {"email": email})
        assert answer.status_code in (200, 302)
        assert b"idp=" not in answer.content

    def test_without_keycloak_it_leads_back_to_the_local_sign_in(self, world, client, settings):
        settings.KEYCLOAK_URL = ""
        assert client.post("/signin/find/", {"email": "a@corp.example"})["Location"].startswith("/signin/")


def test_no_event_of_the_pages_holds_the_secret(world, signed_in):
    signed_in("erin").post("/identity/new/oidc/", sent(world))
    made = IdentityProvider.objects.get()
    providers.change_provider(made, secret={"client_secret": "another-" + SECRET}, actor=world.actor("erin"))
    told = [str(event.detail) for event in Event.objects.filter(target_id=str(made.pk))]
    assert len(told) == 2
    assert SECRET not in "".join(told)
