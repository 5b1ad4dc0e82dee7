"""The catalogue: which services a person sees, what they cost at least, and how she finds one."""

import pytest

from portal.catalogue.models import Component, Offering, OfferingVersion, Plan
from portal.catalogue.services import withdraw_offering
from portal.core import clock
from portal.users.models import User
from tests.cast import PASSWORD

CAST = ["alice", "bob", "carol", "dave", "erin"]
URL = "/catalogue/"


def text(answer):
    return answer.content.decode()


@pytest.mark.parametrize("name", CAST)
def test_the_catalogue_shows_services_with_their_least_price(market, signed_in, in_few_queries, name):
    page = text(in_few_queries(signed_in(name), URL))
    assert "Linux server" in page
    assert "PostgreSQL database" in page
    assert ">16.79<" in page  # (0.0208 + 20 * 0.00011) * 730


def test_it_takes_the_same_queries_for_many_services(market, signed_in, in_few_queries):
    organization, now = Offering.objects.first().scope, clock.now()
    made = [
        Offering(scope=organization, capability="compute", name=f"Server {n}", slug=f"s-{n}", state="published")
        for n in range(300)
    ]
    Offering.objects.bulk_create(made)
    versions = [OfferingVersion(offering=each, number=1, published_at=now) for each in made]
    OfferingVersion.objects.bulk_create(versions)
    Component.objects.bulk_create(Component(version=each, key="c", name="C", meter="m", unit="Hours") for each in versions)
    Plan.objects.bulk_create(Plan(version=each, key="small", name="Small") for each in versions)
    answer = in_few_queries(signed_in("bob"), URL)
    assert text(answer).count('class="tile"') == 48
    assert "302 services" in text(answer)
    assert "Linux server" in text(answer)
    answer = in_few_queries(signed_in("bob"), f"{URL}?page=3&capability=compute")
    assert "No price is set yet" in text(answer)


def test_words_and_kinds_narrow_it(market, signed_in):
    browser = signed_in("alice")
    assert "Linux server" not in text(browser.get(f"{URL}?q=postgres"))
    assert "PostgreSQL database" in text(browser.get(f"{URL}?q=database+POSTGRES"))
    assert "PostgreSQL database" not in text(browser.get(f"{URL}?capability=compute"))


@pytest.mark.parametrize("query", ["q=%00", "capability=nonsense", "page=-1", "page=x", f"q={'a' * 3000}", "q=%25_'\""])
def test_it_stands_whatever_is_typed(market, signed_in, query):
    assert signed_in("alice").get(f"{URL}?{query}").status_code == 200


def test_no_hit_says_how_to_see_all_again(market, signed_in):
    page = text(signed_in("alice").get(f"{URL}?q=mainframe"))
    assert "No service fits this" in page
    assert "Show all services" in page


def test_nothing_offered_yet_is_said(world, signed_in):
    assert "Nothing is offered yet" in text(signed_in("alice").get(URL))


def test_a_person_without_a_role_is_told_so(world, client):
    zoe = User(username="zoe", name="Zoe")
    zoe.set_password(PASSWORD)
    zoe.save()
    client.post("/signin/", {"username": "zoe", "password": PASSWORD})
    assert "You have no role yet" in text(client.get(URL))


def test_another_organization_sees_nothing_of_it(market, signed_in):
    browser = signed_in("mallory")
    assert "Linux server" not in text(browser.get(URL))
    for offering in Offering.objects.all():
        assert browser.get(f"{URL}{offering.pk}/").status_code == 404


def test_what_is_withdrawn_is_not_listed_and_its_page_says_so(market, signed_in):
    offering = Offering.objects.get(slug="linux-server")
    withdraw_offering(offering, actor=market.world.actor("erin"))
    browser = signed_in("alice")
    assert "Linux server" not in text(browser.get(URL))
    page = text(browser.get(f"{URL}{offering.pk}/"))
    assert "It is not offered now." in page
    assert "Place order" not in page


@pytest.mark.parametrize("path", [URL, "/orders/"])
def test_the_pages_are_for_people_who_signed_in(client, db, path):
    assert client.get(path)["Location"] == f"/signin/?next={path}"
