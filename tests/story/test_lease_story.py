"""A lease in a browser: an operator connects OpenStack and offers a project, a person takes an hour of it, works, and gives it back."""

import re
import shlex

import pytest
from playwright.sync_api import Browser, expect

from tests.clouds.openstack_world import World, build
from tests.keystone_server import Keystone
from tests.realms import PASSWORD, Realm
from tests.story.acts import SLOW, becomes, decide
from tests.story.conftest import Site, readers_of
from tests.story.reader import Reader

pytestmark = pytest.mark.timeout(600)
PHONE = {"width": 390, "height": 844}
CLIENT = "print(openstack.connect().current_project_id)"
REFUSED = """
try: openstack.connect().authorize()
except openstack.exceptions.SDKException as error: print(error)
"""


@pytest.fixture(scope="module")
def openstack(keystone: Keystone, realm: Realm) -> World:
    return build(keystone, realm)


def test_she_works_in_a_cloud_with_her_own_sign_in(browser: Browser, federated: Site, realm: Realm, openstack: World):
    realm.person("lena", groups=["/cloud/admins"], firstName="Lena", lastName="Lindgren")
    with readers_of(browser, federated) as open_as:
        dave, erin, lena = open_as("dave"), open_as("erin"), open_as()
        connect(dave, erin, openstack)
        offer(dave)
        arrive(lena, federated)
        make_member(erin)

        page = take(lena)
        variables = variables_of(page.locator("#fresh-env").inner_text())
        assert openstack.with_client(CLIENT, **variables) == openstack.web
        lena.open(page.url)
        assert page.locator("#fresh-env").count() == 0
        lena.open("/cloud-access/")
        lena.picture("cloud-access")

        # dave sees who holds what; lena gives it back, and what she copied opens nothing
        table = dave.open(offers_page(dave).removesuffix("offers/"))
        expect(table.locator("#main")).to_contain_text("Lena Lindgren")
        dave.check()
        dave.picture("connection-leases")
        page.get_by_role("button", name=re.compile("End Work in web")).click()
        expect(page.locator("#main")).to_contain_text("Ended", timeout=SLOW)
        assert "HTTP 404" in openstack.with_client(REFUSED, **variables)
        for reader, path in ((lena, "/cloud-access/"), (lena, "/cloud-access/?over=1"), (dave, offers_page(dave))):
            reader.page.set_viewport_size(PHONE)
            reader.open(path)


def connect(dave: Reader, erin: Reader, openstack: World) -> None:
    """The cloud with the portal's own application credential; erin approves it."""
    page = dave.open("/connections/new/openstack/")
    page.get_by_label("Name", exact=True).fill("Own cloud")
    page.get_by_label("Address of Keystone").fill(openstack.keystone.url)
    page.get_by_label("ID", exact=True).fill(openstack.keys["application_credential_id"])
    page.get_by_label("Secret").fill(openstack.keys["application_credential_secret"])
    page.get_by_role("button", name="Connect and check").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Own cloud")
    becomes(page, "Waiting")
    dave.check()
    decide(erin, "Own cloud", "Approve")
    becomes(page, "Ready")
    dave.check()


def offers_page(dave: Reader) -> str:
    """The page of what the cloud lends, once the worker has read that."""
    page = dave.open("/connections/")
    page.get_by_role("link", name="Own cloud").first.click()
    return f"{page.url.split('#')[0]}leases/offers/"


def offer(dave: Reader) -> None:
    """The project web of the cloud, to the project web here."""
    page, address = dave.page, offers_page(dave)
    dave.open(address)
    while page.get_by_label("What is lent").count() == 0:
        page.wait_for_timeout(500)
        page.reload()
    page.get_by_label("What is lent").select_option(label=next(one for one in choices(page) if "web" in one))
    page.get_by_label("Name", exact=True).fill("Work in web")
    page.get_by_label("To whom").select_option(label="web")
    page.locator("[name=options-access]").select_option(value="write")
    page.get_by_role("button", name="Offer it").click()
    expect(page.get_by_role("row", name="Work in web")).to_be_visible()
    dave.check()


def choices(page) -> list[str]:
    return page.get_by_label("What is lent").locator("option").all_inner_texts()


def arrive(lena: Reader, site: Site) -> None:
    """Her first sign-in with her organization."""
    page = lena.open("/signin/")
    page.get_by_role("link", name="Sign in with your organization").click()
    page.locator("#username").fill("lena")
    page.locator("#password").fill(PASSWORD)
    page.locator("#kc-login").click()
    page.wait_for_url(f"{site.url}/")
    lena.check()


def make_member(erin: Reader) -> None:
    page = erin.open("/scopes/")
    page.get_by_role("link", name="web", exact=True).first.click()
    page.get_by_text("Give a role").click()
    page.get_by_label("Who").fill("lena@example.test")
    page.get_by_label("Role", exact=True).select_option(label="Member")
    page.get_by_role("button", name="Give the role").click()
    expect(page.get_by_text("is Member here from her next click on")).to_be_visible()


def take(lena: Reader):
    """An hour of it; the page with its secret, this once."""
    page = lena.open("/cloud-access/")
    page.get_by_role("link", name="Take Work in web").click()
    lena.check()
    page.get_by_label("What for").fill("Ticket 4711: the disk is full")
    page.get_by_role("button", name="Take cloud access").click()
    page.get_by_role("button", name="Show it once").click(timeout=SLOW)
    expect(page.locator("#fresh-env")).to_be_visible()
    lena.check()
    lena.picture("cloud-access-given")
    return page


def variables_of(lines: str) -> dict[str, str]:
    """As a shell reads them."""
    words = [word for line in lines.splitlines() for word in shlex.split(line.removeprefix("export "))]
    return dict(word.split("=", 1) for word in words)
