"""Every place of the navigation, as each person of the demo sees it: 1440 and 390 px, light and dark, without a script too."""

import pytest

from tests.story.reader import Reader

PICTURED = {
    "alice": {
        "/": "home",
        "/catalogue/": "catalogue",
        "/orders/": "orders",
        "/resources/": "resources",
        "/profile/": "profile",
    },
    "bob": {"/inbox/": "inbox", "/notices/": "notices"},
    "carol": {"/": "home-finance"},
    "dave": {"/": "home-operator"},
    "erin": {"/": "home-admin", "/scopes/": "scopes", "/events/": "events"},
}
SIZES = {"wide": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["alice", "bob", "carol", "dave", "erin"])
def test_every_place_she_may_open_is_whole(open_as, name):
    reader = open_as(name)
    links = reader.page.locator("nav.side a.go")
    places = [*sorted({link.get_attribute("href") for link in links.all()}), "/notices/", "/profile/"]
    assert len(places) > 5
    for size in SIZES.values():
        reader.page.set_viewport_size(size)
        for theme in ("light", "dark"):
            reader.page.emulate_media(color_scheme=theme)
            for place in places:
                reader.open(place)
    reader.page.set_viewport_size(SIZES["wide"])
    for place, picture in PICTURED[name].items():
        reader.open(place)
        reader.picture(picture)


def test_the_door_is_whole(browser, site):
    page = browser.new_page(base_url=site.url, viewport=SIZES["wide"])
    reader = Reader(page)
    reader.open("/signin/")
    reader.picture("signin")
    page.set_viewport_size(SIZES["phone"])
    reader.open("/signin/")
    page.close()


@pytest.mark.parametrize("name", ["alice", "bob"])
def test_pages_read_without_a_script(open_as, name):
    reader = open_as(name, java_script_enabled=False)
    for place in ("/", "/orders/", "/resources/", "/catalogue/", "/profile/"):
        answer = reader.page.goto(place)
        assert answer.status == 200
        assert reader.page.locator("h1").count() == 1
