"""Sign-in in a real browser against a real Keycloak: there, back, out from either side."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.test.testcases import LiveServerThread
from playwright.sync_api import ConsoleMessage, Page, sync_playwright

from portal.events.models import Event
from portal.identity.models import Session, SessionEnd
from tests.realms import PASSWORD

CHROMIUM = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


@pytest.fixture
def site(fresh_db, world, settings) -> Iterator[str]:
    """The portal at an address that browser and Keycloak reach."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    server = LiveServerThread("127.0.0.1", StaticFilesHandler)
    server.daemon = True
    server.start()
    server.is_ready.wait()
    assert not server.error
    yield f"http://127.0.0.1:{server.port}"
    server.terminate()


def sign_in(page: Page, site: str, username: str) -> None:
    """By the button of the sign-in page, then through Keycloak's two pages, where it asks."""
    page.get_by_role("link", name="Sign in with your organization").click()
    page.locator("#username").fill(username)
    page.locator("#kc-login").click()
    page.locator("#password").fill(PASSWORD)
    page.locator("#kc-login").click()
    page.wait_for_url(f"{site}/**")


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")
def test_she_signs_in_and_is_out_from_either_side(site, realm):
    realm.public_at(site)
    zoe = realm.person("zoe", firstName="Zoe", lastName="Zander")
    said: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and message.location["url"].startswith(site):
            said.append(message.text)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        page.on("console", note)

        page.goto(f"{site}/profile/")
        sign_in(page, site, "zoe")
        assert page.url == f"{site}/profile/"
        assert page.get_by_role("heading", level=1).inner_text() == "Zoe Zander"

        # The provider ends her session: Keycloak itself calls the portal, and her next click leads to the sign-in
        realm.admin.user_logout(zoe.id)
        page.reload()
        assert page.url == f"{site}/signin/?next=/profile/"

        # She signs out here: Keycloak asks nothing, sends her back, and wants her password the next time
        sign_in(page, site, "zoe")
        page.locator("form[action='/signout/']").evaluate("form => form.requestSubmit()")
        page.wait_for_url(f"{site}/signin/?next=/")
        sign_in(page, site, "zoe")
        assert page.get_by_text("You have no role yet").is_visible()

        # The sign-in is used once: the way back, opened again, signs nobody in and breaks nothing
        page.goto(f"{site}/auth/callback?code=used&state=used")
        assert page.get_by_role("heading", level=1).inner_text() == "This sign-in cannot be finished"
        browser.close()

    ends: list[Any] = list(Session.objects.order_by("created_at").values_list("end", flat=True))
    assert ends == [SessionEnd.PROVIDER, SessionEnd.SIGNED_OUT, ""]
    assert Event.objects.get(reason="the provider ended the session").actor.username == "system"
    assert len(realm.admin.get_sessions(zoe.id)) == 1
    assert [text for text in said if "400" not in text] == []
