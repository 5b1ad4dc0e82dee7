"""What a project is for and the rules that follow, on the page of a scope and in the order form."""

import pytest

from portal.access.models import Scope
from portal.catalogue.models import Offering
from portal.orders.models import Order
from portal.tenancy.models import HouseRule
from portal.tenancy.rules import classify_scope, set_rule
from tests.market import REGION, choose, sealed_plan

ONLY_CENTRAL = "Nordwind keeps restricted data in eu-central-1 only."
ENCRYPTED = "Nordwind keeps restricted data encrypted."


def restrict(world, **said):
    classify_scope(world.web, environment="", data_class="restricted", actor=world.actor("erin"))
    given = {"regions": ["eu-central-1"], "encrypted": False, **said}
    return set_rule(world.nordwind, data_class="restricted", actor=world.actor("erin"), **given)


def text(answer):
    return answer.content.decode()


# The form


def test_the_form_offers_the_regions_that_are_allowed_and_says_why(market, world, signed_in):
    choose(market.aws, "eu-central-1", "region", "eu-central-1", at="")
    market.aws.config["regions"] = f"{REGION},eu-central-1"
    market.aws.save()
    restrict(world)
    server = Offering.objects.get(slug="linux-server")
    page = text(signed_in("alice").get(f"/catalogue/{server.pk}/"))
    assert 'value="eu-central-1"' in page
    assert f'value="{REGION}"' not in page
    assert ONLY_CENTRAL in page


def test_the_form_turns_encryption_on_where_it_is_asked_for(market, world, signed_in):
    restrict(world, regions=[], encrypted=True)
    plan = sealed_plan(market)
    page = text(signed_in("alice").get(f"/catalogue/{plan.version.offering_id}/"))
    box = page.split('name="spec-encrypted"')[1].split(">")[0]
    assert "checked" in box
    assert ENCRYPTED in page


def test_a_region_sent_all_the_same_is_refused_beside_its_field(market, world, signed_in):
    restrict(world)
    server = Offering.objects.get(slug="linux-server")
    sent = {
        "key": "0" * 32,
        "project": world.web.pk,
        "connection": market.aws.pk,
        "plan": market.server.pk,
        "spec-name": "web-1",
        "spec-region": REGION,
        "spec-image": market.image,
        "spec-disk_gib": "20",
    }
    answer = signed_in("alice").post(f"/catalogue/{server.pk}/order/", sent)
    assert answer.status_code == 422
    assert ONLY_CENTRAL in text(answer)
    assert not Order.objects.exists()


def test_a_service_without_the_setting_says_so_before_it_is_sent(market, world, signed_in):
    restrict(world, regions=[], encrypted=True)
    server = Offering.objects.get(slug="linux-server")
    assert f"{ENCRYPTED} This service has no setting for it." in text(signed_in("alice").get(f"/catalogue/{server.pk}/"))


# The page of a scope


def test_an_admin_says_what_it_is_for_and_lays_down_a_rule(market, world, signed_in):
    browser = signed_in("erin")
    browser.post(f"/scopes/{world.retail.pk}/classes/", {"environment": "produce", "data_class": "restricted"})
    sent = {"data_class": "restricted", "environment": "", "regions": "eu-central-1, eu-west-*", "encrypted": "on"}
    assert browser.post(f"/scopes/{world.nordwind.pk}/rules/", sent).status_code == 302
    page = text(browser.get(f"/scopes/{world.web.pk}/"))
    for words in ("Produce", "Restricted", "said in Retail", "in eu-central-1, eu-west-* only", ENCRYPTED):
        assert words in page
    assert "Remove the rule" not in page, "it is removed where it was laid down"
    rule = HouseRule.objects.get()
    assert "Remove the rule" in text(browser.get(f"/scopes/{world.nordwind.pk}/"))
    assert browser.post(f"/rules/{rule.pk}/remove/")["Location"] == f"/scopes/{world.nordwind.pk}/"
    assert not HouseRule.objects.exists()
    assert browser.post(f"/rules/{rule.pk}/remove/").status_code == 404


@pytest.mark.parametrize(("name", "status"), [("alice", 403), ("bob", 403), ("dave", 403), ("mallory", 404)])
def test_others_say_nothing(market, world, signed_in, name, status):
    rule = restrict(world)
    browser = signed_in(name)
    sent = {"data_class": "public", "environment": "", "regions": "home"}
    assert browser.post(f"/scopes/{world.web.pk}/rules/", sent).status_code == status
    assert browser.post(f"/scopes/{world.web.pk}/classes/", {"environment": "try", "data_class": ""}).status_code == status
    assert browser.post(f"/rules/{rule.pk}/remove/").status_code == (404 if name != "dave" else 403)
    assert Scope.objects.get(pk=world.web.pk).environment == ""


def test_what_is_refused_stands_in_the_form_with_what_was_typed(market, world, signed_in):
    sent = {"data_class": "", "environment": "", "regions": "not a region"}
    answer = signed_in("erin").post(f"/scopes/{world.web.pk}/rules/", sent)
    assert answer.status_code == 422
    assert "Choose a data class, an environment, or both." in text(answer)
    assert 'value="not a region"' in text(answer)
