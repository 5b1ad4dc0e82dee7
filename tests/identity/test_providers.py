"""Identity providers without Keycloak: who may, what is kept, whose domain it is, and what the checks say."""

import pytest

from portal.core import crypto
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound
from portal.events.models import Event
from portal.identity import domains, provider_checks, providers, saml
from portal.identity.brokered import groups_said
from portal.identity.models import IdentityProvider, ProviderDomain, Session
from portal.users.models import Identity
from tests.identity.upstream import LOOPBACK, SECRET, checked, metadata, oidc, outcome, standing

CAST = ["alice", "bob", "carol", "dave"]
BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'


@pytest.fixture(autouse=True)
def reachable(settings):
    settings.OUTBOUND_ALLOW = LOOPBACK
    settings.KEYCLOAK_URL = "http://127.0.0.1:1"


def fields_of(error):
    return error.value.extra["fields"]


def active(world, **more):
    """One that people sign in with, as far as the portal knows."""
    provider = oidc(world, **more)
    IdentityProvider.objects.filter(pk=provider.pk).update(
        state="active", version=2, passed_version=2, applied_version=2, run=None
    )
    provider.refresh_from_db()
    return provider


class TestWhoMay:
    @pytest.mark.parametrize("name", CAST)
    def test_no_other_role_of_the_organization_adds_or_sees_one(self, world, name):
        made = oidc(world)
        actor = world.actor(name)
        with pytest.raises((Forbidden, NotFound)):
            providers.add_provider(world.nordwind, "oidc", "Mine", {}, {}, actor=actor)
        with pytest.raises(NotFound):
            providers.provider_visible_to(actor, made.pk)
        for act in (providers.check_provider, providers.turn_on, providers.turn_off, providers.remove_provider):
            with pytest.raises((Forbidden, NotFound)):
                act(made, actor=actor)
        assert providers.provider_visible_to(world.actor("erin"), made.pk) == made

    def test_another_organization_has_nothing_of_it(self, world):
        made, mallory = oidc(world), world.actor("mallory")
        with pytest.raises(NotFound):
            providers.provider_visible_to(mallory, made.pk)
        for act in (providers.check_provider, providers.turn_on, providers.turn_off, providers.remove_provider):
            with pytest.raises(NotFound):
                act(made, actor=mallory)
        with pytest.raises(NotFound):
            providers.change_provider(made, name="Mine", actor=mallory)
        with pytest.raises(NotFound):
            providers.add_provider(world.nordwind, "oidc", "Mine", {}, {}, actor=mallory)
        assert not providers.providers_visible_to(mallory).exists()

    def test_a_provider_belongs_to_an_organization_and_to_no_part_of_it(self, world):
        with pytest.raises(Invalid) as error:
            providers.add_provider(world.retail, "oidc", "Corp", {}, {}, actor=world.actor("erin"))
        assert "organization" in fields_of(error)


class TestWhatIsKept:
    def test_the_secret_is_sealed_to_its_row_and_in_no_event(self, world):
        one, two = oidc(world), oidc(world, name="Second")
        assert SECRET.encode() not in bytes(one.sealed)
        assert one.open_secret() == {"client_secret": SECRET}
        two.sealed = one.sealed
        with pytest.raises(crypto.Unreadable):
            two.open_secret()
        assert Event.objects.filter(action="identity.add_provider").count() == 2
        assert not [event for event in Event.objects.all() if SECRET in str(event.detail)]

    def test_a_secret_left_out_stays_and_another_takes_its_place(self, world):
        made, erin = oidc(world), world.actor("erin")
        providers.change_provider(made, name="Corporation", secret={"client_secret": ""}, actor=erin)
        made = IdentityProvider.objects.get()
        assert (made.name, made.alias, made.open_secret()["client_secret"]) == ("Corporation", "nordwind-corp", SECRET)
        providers.change_provider(made, secret={"client_secret": "another"}, actor=erin)
        made = IdentityProvider.objects.get()
        assert made.open_secret() == {"client_secret": "another"}
        assert Event.objects.filter(action="identity.change_provider").latest("at").detail["parts"] != []

    def test_changing_nothing_is_no_change(self, world):
        made = oidc(world, domains=["corp.example"])
        providers.change_provider(made, name=made.name, domains=["CORP.example"], actor=world.actor("erin"))
        assert IdentityProvider.objects.get().version == 1
        assert not Event.objects.filter(action="identity.change_provider").exists()

    def test_an_alias_is_never_given_twice(self, world):
        first, erin = oidc(world), world.actor("erin")
        providers.remove_provider(first, actor=erin)
        second = oidc(world)
        assert first.alias == "nordwind-corp"
        assert second.alias.startswith("nordwind-corp-")
        first.refresh_from_db()
        assert (first.state, first.open_secret()) == ("removed", {})

    def test_one_name_is_one_provider(self, world):
        oidc(world)
        with pytest.raises(Invalid) as error:
            oidc(world)
        assert "name" in fields_of(error)
        assert IdentityProvider.objects.count() == 1

    @pytest.mark.parametrize(
        ("field", "given"),
        [
            ("name", {"name": "\x00"}),
            ("name", {"name": "x" * 81}),
            ("config-client_id", {"config": {"client_id": "a\nb"}}),
            ("config-issuer", {"config": {"issuer": "x" * 401}}),
            ("config-surprise", {"config": {"surprise": "1"}}),
            ("secret-client_secret", {"secret": 5}),
            ("domains", {"domains": ["nonsense"]}),
            ("domains", {"domains": ["127.0.0.1"]}),
            ("domains", {"domains": [f"a{number}.example" for number in range(51)]}),
        ],
    )
    def test_what_does_not_fit_is_named_and_nothing_is_kept(self, world, field, given):
        with pytest.raises(Invalid) as error:
            oidc(world, **given)
        assert field in fields_of(error)
        assert not IdentityProvider.objects.exists()
        assert not ProviderDomain.objects.exists()


class TestDomains:
    @pytest.mark.parametrize(
        ("typed", "kept"),
        [("Corp.Example", "corp.example"), ("bücher.example", "xn--bcher-kva.example"), (" corp.example. ", "corp.example")],
    )
    def test_a_domain_is_written_one_way(self, typed, kept):
        assert domains.canonical(typed) == kept

    @pytest.mark.parametrize(
        "typed",
        ["", "com", "a b.example", "-a.example", "a..b", "x" * 64 + ".example", "a.example\n.b", "*.a.example", "1.2.3.4"],
    )
    def test_what_is_no_domain_is_refused(self, typed):
        with pytest.raises(Invalid):
            domains.canonical(typed)

    def test_a_domain_has_one_provider_in_the_whole_portal(self, world):
        oidc(world, domains=["corp.example"])
        with pytest.raises(Invalid) as error:
            oidc(world, actor="mallory", domains=["CORP.example", "other.example"])
        assert "corp.example" in str(fields_of(error)["domains"])
        assert "Nordwind" not in str(fields_of(error))
        assert [row.domain for row in ProviderDomain.objects.all()] == ["corp.example"]

    def test_one_that_is_turned_off_keeps_its_domains_and_one_removed_frees_them(self, world):
        made, erin = active(world, domains=["corp.example"]), world.actor("erin")
        providers.turn_off(made, actor=erin)
        with pytest.raises(Invalid):
            oidc(world, actor="mallory", domains=["corp.example"])
        providers.remove_provider(made, actor=erin)
        assert oidc(world, actor="mallory", domains=["corp.example"]).domains.count() == 1

    def test_an_address_leads_to_the_provider_of_its_domain_and_to_none_that_is_not_in_use(self, world):
        made = active(world, domains=["corp.example"])
        assert domains.provider_for("Anybody@CORP.example") == made
        for nothing in ("anybody@other.example", "corp.example", "@corp.example", "", "a@b@", "x" * 400):
            assert domains.provider_for(nothing) is None
        providers.turn_off(made, actor=world.actor("erin"))
        assert domains.provider_for("anybody@corp.example") is None

    def test_a_provider_vouches_for_addresses_of_its_organization_alone(self, world):
        made = active(world, domains=["corp.example"])
        assert domains.may_vouch_for(made, "alice@Corp.example")
        for foreign in ("alice@other.example", "alice@evil-corp.example", "alice@corp.example.evil.example", "nonsense"):
            assert not domains.may_vouch_for(made, foreign)


class TestStates:
    def test_one_whose_checks_have_not_passed_is_not_turned_on(self, world):
        made = oidc(world)
        with pytest.raises(Conflict):
            providers.turn_on(made, actor=world.actor("erin"))
        assert IdentityProvider.objects.get().state == "draft"

    def test_turned_on_and_off_and_removed_with_an_event_each(self, world):
        erin = world.actor("erin")
        with standing() as (issuer, _pages):
            made = checked(oidc(world, issuer=issuer))
        assert providers.turn_on(made, actor=erin).is_due
        assert providers.turn_on(made, actor=erin).version == 2, "the second click changes nothing"
        with pytest.raises(Conflict):
            providers.remove_provider(made, actor=erin)
        assert providers.turn_off(made, actor=erin).is_due
        assert providers.turn_off(made, actor=erin).version == 3
        providers.remove_provider(made, actor=erin)
        with pytest.raises(NotFound):
            providers.turn_on(made, actor=erin)
        actions = set(Event.objects.filter(target_id=str(made.pk)).values_list("action", flat=True))
        assert {f"identity.{act}_provider" for act in ("add", "turn_on", "turn_off", "remove", "check")} <= actions

    def test_turning_it_off_ends_the_sessions_that_came_through_it_and_no_other(self, world, client):
        made = active(world)
        other = Identity.objects.create(user=world.bob, issuer="i", subject="2", provider="another")
        hers = Identity.objects.create(user=world.alice, issuer="i", subject="1", provider=made.alias)
        for identity in (hers, other):
            Session.objects.create(user=identity.user, key=identity.subject, method="oidc", identity=identity)
        providers.turn_off(made, actor=world.actor("erin"))
        assert [row.user for row in Session.objects.filter(ended_at=None)] == [world.bob]
        assert Session.objects.get(user=world.alice).end == "provider"

    def test_a_change_of_one_in_use_waits_for_its_checks(self, world):
        with standing() as (issuer, pages):
            made = checked(active(world, issuer=issuer))
            IdentityProvider.objects.filter(pk=made.pk).update(applied_version=made.version)
            providers.change_provider(made, config={"issuer": issuer, "client_id": "other"}, actor=world.actor("erin"))
            made.refresh_from_db()
            assert (made.state, made.is_due, made.is_applied) == ("active", False, False)
            pages["/token"] = (401, b'{"error": "invalid_client"}')
            made = checked(made)
            assert (made.state, made.passed, made.is_due) == ("active", False, False)
            pages["/token"] = (400, b'{"error": "invalid_grant"}')
            providers.check_provider(made, actor=world.actor("erin"))
            assert checked(made).is_due


class TestChecks:
    def test_what_is_well_passes_all_and_keeps_what_was_found(self, world):
        with standing() as (issuer, _pages):
            made = checked(oidc(world, issuer=issuer))
        assert set(outcome(made).values()) == {"passed"}
        assert list(outcome(made)) == ["address", "discovery", "issuer", "endpoints", "keys", "client"]
        assert made.found["token_endpoint"] == f"{issuer}/token"
        assert (made.passed, made.is_ready, made.is_checking) == (True, True, False)

    @pytest.mark.parametrize(
        ("fails", "path", "answer"),
        [
            ("discovery", "/.well-known/openid-configuration", (404, b"")),
            ("discovery", "/.well-known/openid-configuration", (302, b"")),
            ("discovery", "/.well-known/openid-configuration", (200, b"<html>")),
            ("discovery", "/.well-known/openid-configuration", (200, b"[" * 100_000)),
            ("discovery", "/.well-known/openid-configuration", (200, b" " * 600_000)),
            ("keys", "/jwks", {"keys": []}),
            ("keys", "/jwks", {"keys": [{"kty": "oct", "k": "AA"}]}),
            ("keys", "/jwks", (500, b"no")),
            ("client", "/token", (401, b'{"error": "invalid_client"}')),
            ("client", "/token", (401, b"")),
        ],
    )
    def test_what_is_wrong_fails_at_its_check_and_says_what_to_do(self, world, fails, path, answer):
        with standing() as (issuer, pages):
            pages[path] = answer
            made = checked(oidc(world, issuer=issuer))
        assert made.results[-1]["name"] == fails
        assert (made.results[-1]["state"], made.passed, made.found) == ("failed", False, {})
        assert made.results[-1]["do"]
        assert SECRET not in str(made.results)

    @pytest.mark.parametrize(
        ("fails", "changes"),
        [
            ("issuer", {"issuer": "https://somebody-else.example"}),
            ("issuer", {"issuer": None}),
            ("endpoints", {"token_endpoint": "http://169.254.169.254/token"}),
            ("endpoints", {"jwks_uri": "http://10.0.0.1/jwks"}),
            ("endpoints", {"userinfo_endpoint": "file:///etc/passwd"}),
            ("endpoints", {"authorization_endpoint": ""}),
            ("keys", {"id_token_signing_alg_values_supported": ["HS256", "none"]}),
        ],
    )
    def test_a_description_that_leads_astray_is_not_followed(self, world, fails, changes):
        with standing(**changes) as (issuer, _pages):
            made = checked(oidc(world, issuer=issuer))
        assert (made.results[-1]["name"], made.results[-1]["state"]) == (fails, "failed")

    @pytest.mark.parametrize(
        "issuer",
        [
            "http://169.254.169.254",
            "http://10.1.2.3",
            "https://10.1.2.3",
            "http://[fe80::1]",
            "ftp://127.0.0.1",
            "nonsense",
            "http://127.0.0.1:99999",
        ],
    )
    def test_an_address_that_may_not_be_called_is_not(self, world, issuer):
        made = checked(oidc(world, issuer=issuer))
        assert made.results[-1]["state"] == "failed"
        assert made.results[-1]["name"] in ("address", "discovery")

    def test_a_private_address_is_refused_where_the_operator_allowed_none(self, world, settings):
        settings.OUTBOUND_ALLOW = []
        with standing() as (issuer, _pages):
            made = checked(oidc(world, issuer=issuer))
        assert outcome(made) == {"address": "failed"}
        assert "OUTBOUND_ALLOW" in made.results[0]["says"]

    def test_a_run_that_was_asked_for_anew_leaves_nothing_behind(self, world):
        with standing() as (issuer, _pages):
            made = oidc(world, issuer=issuer)
            stale = IdentityProvider.objects.get()
            providers.change_provider(made, name="Corporation", actor=world.actor("erin"))
            provider_checks._take(stale, [], {})
        made.refresh_from_db()
        assert (made.is_checking, made.is_ready) == (True, False)


class TestSaml:
    def add(self, world, **config):
        return providers.add_provider(world.nordwind, "saml", "Fed", config, {}, actor=world.actor("erin"))

    def test_pasted_metadata_is_read_and_its_certificate_looked_at(self, world):
        made = checked(self.add(world, metadata=metadata()))
        assert outcome(made) == {"address": "passed", "metadata": "passed", "endpoints": "passed", "certificate": "passed"}
        assert made.found["entity_id"] == "https://idp.example"

    def test_an_expired_certificate_fails_and_one_that_ends_soon_warns(self, world):
        assert outcome(checked(self.add(world, metadata=metadata(days=-1))))["certificate"] == "failed"
        providers.remove_provider(IdentityProvider.objects.get(), actor=world.actor("erin"))
        assert outcome(checked(self.add(world, metadata=metadata(days=5))))["certificate"] == "warned"

    @pytest.mark.parametrize(
        "document",
        [
            "",
            "nonsense",
            "<a/>",
            metadata(before=BOMB),
            metadata(before=OUTSIDE),
            metadata().replace("IDPSSODescriptor", "SPSSODescriptor"),
            metadata().replace("X509Certificate>M", "X509Certificate>!"),
            metadata().replace("bindings:HTTP-POST", "bindings:SOAP"),
            "<x>" * 50_000,
        ],
    )
    def test_metadata_that_will_not_do_is_refused_at_the_form(self, world, document):
        with pytest.raises(Invalid) as error:
            self.add(world, metadata=document)
        assert any(name.startswith("config-metadata") for name in fields_of(error))

    def test_too_much_of_it_is_refused_before_it_is_parsed(self, world):
        with pytest.raises(Invalid):
            saml.read_metadata("<a/>" + " " * 200_001)

    def test_a_sign_in_address_that_leads_inside_fails(self, world):
        made = checked(self.add(world, metadata=metadata(sign_in="http://10.0.0.1/sso")))
        assert made.results[-1]["name"] == "endpoints"
        assert made.results[-1]["state"] == "failed"


class TestWhoseGroups:
    def test_groups_belong_to_the_provider_that_said_them(self):
        said = {"upstream_provider": "corp", "upstream_groups": ["admins", "staff"], "groups": ["/directories/x/admins"]}
        assert groups_said(said) == ("corp", frozenset({"admins", "staff"}))
        said = {"upstream_provider": "lab", "groups": ["/directories/lab/readers", "/directories/x/b", "/cloud/admins"]}
        assert groups_said(said) == ("lab", frozenset({"readers"}))

    @pytest.mark.parametrize(
        "claims", [{}, {"groups": ["/cloud/admins"]}, {"upstream_groups": ["admins"]}, {"upstream_provider": 5}]
    )
    def test_groups_of_nobody_are_none(self, claims):
        assert groups_said(claims) == ("", frozenset())
