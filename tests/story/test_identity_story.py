"""Signing in with one's company, in a browser: set up, first arrival, roles by group, and every way out; and the way in when it is away."""

import base64
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.identity.app import code_of
from tests.realms import NOBODY, PASSWORD, Realm
from tests.story.company import CLIENT, DOMAIN, GROUP, Company, open_company
from tests.story.conftest import Site, readers_of, running
from tests.story.reader import Reader

pytestmark = pytest.mark.timeout(600)
SOON = 60_000
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def company(keycloak) -> Iterator[Company]:
    with open_company(keycloak) as made:
        yield made


def test_she_comes_and_goes_with_her_company(browser: Browser, federated: Site, realm: Realm, company: Company):
    key = company.zoe(f"/{GROUP}")
    with readers_of(browser, federated) as open_as:
        erin, zoe = open_as("erin"), open_as()
        provider = connect(erin, realm, company)
        give_role_by_group(erin)

        # The first time: her address leads to her company, her group to her role
        arrive(zoe, federated)
        expect(zoe.page.locator("#main")).to_contain_text("web")
        assert zoe.open("/catalogue/").get_by_role("link", name="Linux server").count() > 0
        assert roles(zoe) == ["Member"]

        # Her company takes her out of the group: at her next sign-in the role is gone, and her home says whom to ask
        company.zoe()
        leave(zoe, federated)
        arrive(zoe, federated)
        expect(zoe.page.get_by_text("You have no role yet")).to_be_visible()
        expect(zoe.page.get_by_text("Whoever manages your organization can give you one")).to_be_visible()
        assert zoe.page.goto("/catalogue/").status in (200, 404)

        # Back in the group, she signs in once more; then her company ends her session, and so does her next click here
        company.zoe(f"/{GROUP}")
        leave(zoe, federated)
        arrive(zoe, federated)
        assert roles(zoe) == ["Member"]
        company.realm.admin.user_logout(key)
        zoe.page.get_by_role("link", name="Catalogue").click()
        expect(zoe.page.get_by_role("heading", level=1)).to_have_text("Sign in")

        # erin shuts her out on her page, and lets her in again
        person = shut_out(erin)
        attempt(zoe)
        expect(zoe.page.get_by_text("Account is disabled")).to_be_visible()
        let_in(erin)
        arrive(zoe, federated, asked=False)
        assert roles(zoe) == ["Member"]

        dave = open_as("dave")
        look_at_directory(dave)
        expect(erin.open(person).locator("#cost")).to_contain_text("1 session")
        erin.picture("person")
        erin.page.set_viewport_size(PHONE)
        for path in ("/identity/", "/identity/new/", "/identity/new/oidc/", provider, "/mapping/", "/mapping/add/", person):
            erin.open(path)
        dave.page.set_viewport_size(PHONE)
        dave.open("/directory/")


def connect(erin: Reader, realm: Realm, company: Company) -> str:
    """Add the provider, enter at the company what its page says, see it checked, turn it on; its address."""
    page = erin.open("/identity/")
    page.get_by_role("link", name="Add a provider").first.click()
    erin.check()
    page.get_by_role("link", name="Add OpenID Connect").click()
    erin.check()
    page.get_by_label("Name", exact=True).fill("Partner")
    page.get_by_label("E-mail domains").fill(DOMAIN)
    page.get_by_label("Issuer address").fill(company.realm.issuer)
    page.get_by_label("Client id").fill(CLIENT)
    page.get_by_label("Client secret").fill(company.secret)
    page.get_by_role("button", name="Save and check").click()
    expect(page.get_by_text("Its checks passed.")).to_be_visible(timeout=SOON)
    erin.check()
    company.enter(
        page.locator("#paste-redirect").inner_text(), f"{realm.issuer}/protocol/openid-connect/logout/backchannel-logout"
    )
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("heading", name="Try it")).to_be_visible(timeout=SOON)
    expect(page.get_by_text("Keycloak is being told.")).to_have_count(0, timeout=SOON)
    erin.check()
    erin.picture("identity-provider")
    address = page.url
    erin.open("/identity/")
    erin.picture("identity-providers")
    return address


def give_role_by_group(erin: Reader) -> None:
    """Who is in the company's group is a member of web; looked at before anybody came."""
    page = erin.open("/mapping/add/")
    page.get_by_label("Value").fill(GROUP)
    page.get_by_label("Said by").select_option(label="Partner")
    page.get_by_label("Role").select_option(label="Member")
    page.get_by_label("At", exact=True).select_option(label="web")
    page.get_by_role("button", name="Add the rule").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Roles by group")
    expect(page.get_by_role("row", name=f"groups is {GROUP}")).to_contain_text("said by Partner")
    page.get_by_label("Said by").select_option(label="Partner")
    page.get_by_label("Or claims").fill(f'{{"groups": ["{GROUP}", "staff"]}}')
    page.get_by_role("button", name="Show it").click()
    expect(page.get_by_role("list", name="Result")).to_contain_text("Member at web")
    erin.check()
    erin.picture("mapping")


def attempt(zoe: Reader, *, asked: bool = True) -> None:
    """Type her address at the door, and name and password at her company's where no session of hers lives there."""
    zoe.open("/signin/")
    zoe.page.get_by_label("E-mail address at work").fill(f"zoe@{DOMAIN}")
    zoe.page.get_by_role("button", name="Continue").click()
    if asked:
        zoe.page.locator("#username").fill("zoe")
        zoe.page.locator("#password").fill(PASSWORD)
        zoe.page.locator("#kc-login").click()


def arrive(zoe: Reader, site: Site, *, asked: bool = True) -> None:
    """The same, and she is in."""
    attempt(zoe, asked=asked)
    zoe.page.wait_for_url(f"{site.url}/")
    zoe.check()


def leave(zoe: Reader, site: Site) -> None:
    """Sign out here; her session at Keycloak and at her company end with it."""
    zoe.page.locator("form[action='/signout/']").evaluate("form => form.requestSubmit()")
    zoe.page.wait_for_url(f"{site.url}/signin/**")


def roles(reader: Reader) -> list[str]:
    """The roles that her profile names."""
    return reader.open("/profile/").locator("section[aria-labelledby=roles] .name").all_inner_texts()


def shut_out(erin: Reader) -> str:
    """From the project to the person's page, and disable her; the address."""
    page = erin.open("/scopes/")
    page.get_by_role("link", name="web", exact=True).first.click()
    page.get_by_role("link", name="Zoe Zander").click()
    expect(page.get_by_role("region", name="Recognised by")).to_contain_text("Partner")
    erin.check()
    page.locator("form[action$='/disable/'] [name=reason]").fill("Her contract ended.")
    page.get_by_role("button", name="Disable Zoe Zander").click()
    expect(page.locator("h1")).to_contain_text("Disabled")
    told(erin)
    see(erin, "Disabled there")  # the puller has heard of it, and once heard it ends no later sign-in
    erin.check()
    return page.url


def let_in(erin: Reader) -> None:
    erin.page.get_by_role("button", name="Enable Zoe Zander").click()
    told(erin)
    expect(erin.page.get_by_role("button", name="Disable Zoe Zander")).to_be_visible()
    erin.check()
    # The puller, every ten seconds, hears of the portal's own "sign her out everywhere" and ends whatever session lives then
    erin.page.wait_for_timeout(12_000)


def told(erin: Reader) -> None:
    """Look again until Keycloak has confirmed it."""
    see(erin, "the identity provider has not confirmed it yet", times=0)


def see(reader: Reader, text: str, times: int = 1) -> None:
    """Load the page again until it says so."""
    until = time.monotonic() + 60
    while reader.page.get_by_text(text).count() != times:
        assert time.monotonic() < until, f"{reader.page.url}: {text}"
        reader.page.wait_for_timeout(500)
        reader.page.reload()


def look_at_directory(dave: Reader) -> None:
    page = dave.open("/directory/")
    page.get_by_role("button", name="Look what differs").click()
    expect(page.locator("#syncs tbody tr").first).to_contain_text("Done", timeout=SOON)
    dave.check()
    dave.picture("directory")


def test_local_accounts_open_the_portal_while_keycloak_is_away(browser: Browser, state: Path):
    with running(state, KEYCLOAK_URL=NOBODY) as site, readers_of(browser, site) as open_as:
        carol = open_as()
        page = carol.open("/signin/")
        carol.picture("signin-federated")
        page.get_by_role("link", name="Sign in with your organization").click()
        expect(page.get_by_text("The sign-in of your organization does not answer.")).to_be_visible()
        carol.check()
        carol.picture("turned-away")
        assert [line for line in carol.console if "503" not in line] == []
        carol.console.clear()
        page.get_by_role("link", name="Use a local account").click()
        give_password(carol, site)
        expect(page.get_by_role("heading", level=1)).to_have_text("Home")
        key = set_up_second_factor(carol, site)

        page.locator("form[action='/signout/']").evaluate("form => form.requestSubmit()")
        page.get_by_text("Use a local account").click()
        give_password(carol, site)
        expect(page.get_by_role("heading", level=1)).to_have_text("Your code")
        carol.check()
        page.get_by_role("textbox", name="Code").fill(code_of(key, 1))
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Home")
        page.set_viewport_size(PHONE)
        for path in ("/profile/", "/profile/second-factor/", "/profile/password/"):
            carol.open(path)
        other = open_as()
        other.page.set_viewport_size(PHONE)
        for path in ("/signin/", "/signin/forgotten/", "/signin/forgotten/sent/"):
            other.open(path)


def give_password(reader: Reader, site: Site, name: str = "carol") -> None:
    reader.page.get_by_label("Name", exact=True).fill(name)
    reader.page.get_by_label("Password").fill(site.passwords[name])
    reader.page.get_by_role("button", name="Sign in").click()


def set_up_second_factor(carol: Reader, site: Site) -> bytes:
    """From his profile to ten recovery codes; the key that his app holds."""
    page = carol.open("/profile/")
    page.get_by_role("link", name="Set up second factor").click()
    carol.check()
    page.get_by_label("Password").fill(site.passwords["carol"])
    page.get_by_role("button", name="Show the key").click()
    expect(page.locator("#factor-key")).to_be_visible()
    carol.check()
    carol.picture("second-factor")
    key = base64.b32decode(page.locator("#factor-key").inner_text().replace(" ", ""))
    page.get_by_role("textbox", name="Code").fill(code_of(key))
    page.get_by_role("button", name="Turn it on").click()
    expect(page.locator("#recovery-codes")).to_be_visible()
    assert len(page.locator("#recovery-codes").inner_text().split()) == 10
    carol.check()
    return key
