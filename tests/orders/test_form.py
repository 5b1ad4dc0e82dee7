"""A form with anything in it: what does not fit is named field by field, and nothing is left behind."""

import uuid
from dataclasses import replace

import pytest

from portal.access.models import Scope
from portal.approvals.models import Approval
from portal.catalogue.services import publish_offering, withdraw_offering
from portal.clouds.models import Connection
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound
from portal.orders.drafts import ItemDraft
from portal.orders.models import Order
from portal.orders.queries import order_visible_to
from portal.orders.services import place_order, withdraw_order
from tests.cast import person, project
from tests.market import SERVER
from tests.orders.left import left_behind

HOSTILE = {
    "a NUL": ("name", "web\x00"),
    "half a surrogate pair": ("name", "web\ud800"),
    "ten thousand characters": ("name", "w" * 10_001),
    "a line break at the end": ("name", "web\n"),
    "markup": ("name", "<script>alert(1)</script>"),
    "a number for a text": ("name", 7),
    "nothing for a text": ("name", None),
    "a list for a text": ("region", ["eu-west-1"]),
    "a text for a number": ("disk_gib", "20; DROP TABLE orders"),
    "a truth value for a number": ("disk_gib", True),
    "a part of one": ("disk_gib", 20.5),
    "not a number": ("disk_gib", float("nan")),
    "without end": ("disk_gib", float("inf")),
    "below the least": ("disk_gib", 7),
    "above the most": ("disk_gib", 501),
    "more than any column holds": ("disk_gib", 10**40),
    "a thing for a number": ("disk_gib", {"$gt": 0}),
    "an image nobody offers": ("image", "ami-00000000"),
    "a network nobody offers": ("network", "vpc-1"),
    "a region nobody offers": ("region", "mars-north-1"),
    "another size than the plan's": ("size", "t3.large"),
    "a field that is not there": ("is_admin", True),
    "a field with a NUL in its name": ("a\x00b", "x"),
}


@pytest.mark.parametrize(("field", "value"), HOSTILE.values(), ids=HOSTILE)
def test_a_value_that_does_not_fit_is_named_and_leaves_nothing(market, field, value):
    with pytest.raises(Invalid) as refusal:
        market.place(market.draft(**{field: value}))
    assert list(refusal.value.extra["fields"]) == [field]
    assert left_behind() == {}


@pytest.mark.parametrize("field", ["name", "region", "image"])
def test_a_field_that_is_missing_is_named(market, field):
    answers = dict(market.draft().answers)
    del answers[field]
    with pytest.raises(Invalid) as refusal:
        market.place(replace(market.draft(), answers=answers))
    assert list(refusal.value.extra["fields"]) == [field]
    assert left_behind() == {}


def test_all_that_does_not_fit_is_named_at_once(market):
    with pytest.raises(Invalid) as refusal:
        market.place(market.draft(name="", disk_gib=1, colour="red"))
    assert set(refusal.value.extra["fields"]) == {"name", "disk_gib", "colour"}


def test_one_bad_item_undoes_the_good_one_before_it(market):
    with pytest.raises(Invalid):
        market.place(market.draft("web-1"), market.draft("web-2", disk_gib=1))
    assert left_behind() == {}


def test_a_whole_number_written_with_a_point_is_a_whole_number(market):
    order = market.place(market.draft(disk_gib=20.0))
    spec = order.items.get().spec
    assert repr(spec["disk_gib"]) == "20"
    market.approve(order)


@pytest.mark.parametrize("key", ["", "k" * 121, "k\x00", "k\ud800"])
def test_a_key_that_cannot_be_kept_is_refused(market, key):
    with pytest.raises(Invalid) as refusal:
        market.place(key=key)
    assert list(refusal.value.extra["fields"]) == ["key"]
    assert left_behind() == {}


@pytest.mark.parametrize("note", ["n" * 2001, "n\x00", "n\udfff"])
def test_a_note_that_cannot_be_kept_is_refused(market, note):
    with pytest.raises(Invalid) as refusal:
        market.place(note=note)
    assert list(refusal.value.extra["fields"]) == ["note"]
    assert left_behind() == {}


@pytest.mark.parametrize("number", [0, 21])
def test_an_order_has_one_to_twenty_items(market, number):
    drafts = [market.draft(f"web-{index}") for index in range(number)]
    with pytest.raises(Invalid) as refusal:
        place_order(market.world.web, drafts, key="k", actor=market.world.actor("alice"))
    assert list(refusal.value.extra["fields"]) == ["items"]
    assert left_behind() == {}


@pytest.mark.parametrize(
    ("draft", "field"),
    [(ItemDraft(), "plan"), (ItemDraft(action="terminate"), "resource"), (ItemDraft(action="resize"), "action")],
)
def test_a_draft_without_what_it_speaks_of_is_refused(market, draft, field):
    with pytest.raises(Invalid) as refusal:
        market.place(draft)
    assert list(refusal.value.extra["fields"]) == [field]
    assert left_behind() == {}


def test_a_cloud_that_is_no_longer_in_use_cannot_be_chosen(market):
    Connection.objects.filter(pk=market.aws.pk).update(state="disabled")
    with pytest.raises(Invalid) as refusal:
        market.place()
    assert list(refusal.value.extra["fields"]) == ["connection"]


def test_a_cloud_of_another_kind_cannot_be_chosen(market):
    with pytest.raises(Invalid):
        market.place(replace(market.draft(), connection_id=market.postgres.pk))
    assert left_behind() == {}


def test_whom_it_is_for_must_see_the_project(market):
    with pytest.raises(Invalid) as refusal:
        market.place(beneficiary=market.world.mallory)
    assert list(refusal.value.extra["fields"]) == ["beneficiary"]
    with pytest.raises(Invalid):
        market.place(beneficiary=person("nobody"))
    assert left_behind() == {}


def test_a_viewer_may_not_order(market):
    with pytest.raises(Forbidden):
        market.place(who="bob")
    assert left_behind() == {}


def test_another_organization_finds_no_project_and_no_order(market):
    with pytest.raises(NotFound):
        market.place(who="mallory")
    assert left_behind() == {}
    order = market.place()
    with pytest.raises(NotFound):
        order_visible_to(market.world.actor("mallory"), order.pk)
    with pytest.raises(NotFound):
        withdraw_order(order, actor=market.world.actor("mallory"))


def test_another_organization_finds_no_plan_no_cloud_and_no_resource(market):
    mine = market.active()
    before = left_behind()
    drafts = [
        market.draft(),
        ItemDraft(action="terminate", resource_id=mine.pk),
        replace(market.draft(), plan_id=uuid.uuid4()),
    ]
    for draft in drafts:
        with pytest.raises(NotFound):
            place_order(market.world.other_project, [draft], key="m", actor=market.world.actor("mallory"))
    Connection.objects.filter(pk=market.aws.pk).update(scope=market.world.other)
    with pytest.raises(NotFound):
        market.place(market.draft("web-2"), key="k2")
    assert left_behind() == before


def test_a_resource_of_another_project_cannot_be_ended_from_here(market):
    mine = market.active()
    beside = project("beside", market.world.retail)
    mine.project = beside
    mine.save()
    with pytest.raises(NotFound):
        market.place(ItemDraft(action="terminate", resource_id=mine.pk), key="end")


def test_an_old_version_of_an_offering_says_so(market):
    draft = market.draft()
    publish_offering(market.world.nordwind, SERVER, actor=market.world.actor("erin"))
    with pytest.raises(Conflict):
        market.place(draft)
    assert left_behind() == {}


def test_a_withdrawn_offering_is_not_there(market):
    withdraw_offering(market.server.version.offering, actor=market.world.actor("erin"))
    with pytest.raises(NotFound):
        market.place()
    assert left_behind() == {}


def test_a_closed_project_takes_no_order(market):
    Scope.objects.filter(pk=market.world.web.pk).update(state="closed")
    market.world.web.refresh_from_db()
    with pytest.raises(Conflict):
        market.place()
    assert left_behind() == {}


def test_the_same_key_is_the_same_order(market):
    first, second = market.place(key="once"), market.place(market.draft("web-2"), key="once")
    assert first == second
    assert (Order.objects.count(), Approval.objects.count()) == (1, 1)


def test_a_key_of_another_project_is_a_conflict(market):
    market.place(key="once")
    beside = project("beside", market.world.retail)
    market.world.people["alice"].assignments.create(role=market.world.alice.assignments.get().role, scope=beside)
    with pytest.raises(Conflict):
        place_order(beside, [market.draft()], key="once", actor=market.world.actor("alice"))
    assert Order.objects.count() == 1
