"""The page of break-glass: the consequence in writing, the role at once, the list with its reviews, giving it back."""

import pytest
from django.test import Client

from portal.access.models import Role
from portal.approvals.models import Approval
from portal.core import clock
from portal.tenancy.models import BreakGlass


def text(answer):
    return answer.content.decode()


@pytest.fixture
def given(world):
    operator = Role.objects.get(key="operator", scope=None)
    return {"place": "Logistics / fleet", "role": str(operator.pk), "hours": "2", "reason": "The fleet <b>stands</b>."}


def test_from_the_form_to_the_role_and_back(world, signed_in, given):
    alice = signed_in("alice")
    assert "Two of them review it" in text(alice.get("/break-glass/"))
    assert "Nothing was taken so" in text(alice.get("/break-glass/"))
    assert alice.get(f"/scopes/{world.fleet.pk}/").status_code == 404
    assert alice.post("/break-glass/", given).url == "/break-glass/"
    assert alice.get(f"/scopes/{world.fleet.pk}/").status_code == 200
    page = text(alice.get("/break-glass/"))
    taken = BreakGlass.objects.get()
    assert f"/inbox/{Approval.objects.get().pk}/" in page
    assert "Waits for review" in page
    assert "<b>stands" not in page
    alice.post(f"/break-glass/{taken.pk}/end/")
    assert alice.get(f"/scopes/{world.fleet.pk}/").status_code == 404
    assert "End it now" not in text(alice.get("/break-glass/"))


def test_who_decides_there_sees_it_and_others_do_not(world, signed_in, given):
    signed_in("alice").post("/break-glass/", given)
    taken = BreakGlass.objects.get()
    assert "Operator in fleet" in text(signed_in("erin").get("/break-glass/"))
    for name in ("bob", "dave", "mallory"):
        browser = signed_in(name)
        assert "Operator in fleet" not in text(browser.get("/break-glass/"))
        assert browser.post(f"/break-glass/{taken.pk}/end/").status_code == 404
    assert signed_in("erin").post(f"/break-glass/{taken.pk}/end/").status_code == 404


def test_what_does_not_fit_stands_at_its_field_and_takes_nothing(world, signed_in, given):
    alice = signed_in("alice")
    for wrong in ({"place": "Elsewhere"}, {"hours": "99"}, {"role": "x"}, {"reason": ""}, {"place": "a\x00b"}):
        assert alice.post("/break-glass/", {**given, **wrong}).status_code == 422, wrong
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(world.alice)
    assert strict.post("/break-glass/", given).status_code == 403
    assert not BreakGlass.objects.exists()


def test_fifty_rows_ask_as_few_questions_as_one(world, signed_in, in_few_queries):
    operator = Role.objects.get(key="operator", scope=None)
    rows = [
        BreakGlass(user=world.alice, scope=world.fleet, role=operator, reason="x", expires=clock.now()) for _n in range(60)
    ]
    BreakGlass.objects.bulk_create(rows)
    in_few_queries(signed_in("erin"), "/break-glass/")
