"""The shares of a place in the browser: the list, one more, end one, the whole as CSV."""

import csv
import io
import re
from datetime import timedelta

import pytest

from portal.access.models import ScopeShare
from portal.approvals.models import Approval
from portal.approvals.services import publish_policy
from portal.core import clock
from portal.tenancy import sharing
from portal.tenancy.services import close_scope
from tests.cast import person

DAY = timedelta(days=1)


def url(scope):
    return f"/scopes/{scope.pk}/shares/"


def text(answer):
    return re.sub(r"\s+", " ", answer.content.decode())


def share(world, to, *, at=None, permission="view_resource", days=14):
    return sharing.share(at or world.web, to, permission, expires=clock.now() + days * DAY, actor=world.actor("erin"))


def sent(**fields):
    day = (clock.now() + 9 * DAY).date().isoformat()
    return {"user": "mallory", "permission": "view_resource", "expires": day, **fields}


def test_an_admin_shares_a_place_sees_it_and_ends_it(world, signed_in):
    erin = signed_in("erin")
    assert "Nothing is shared here" in text(erin.get(url(world.web)))
    assert url(world.web) in text(erin.get(f"/scopes/{world.web.pk}/"))
    for _click in range(2):
        assert erin.post(url(world.web), sent()).status_code == 302
    page = text(erin.get(url(world.web)))
    assert "Mallory Test" in page
    assert "See resources" in page
    assert '1 <span class="quiet">of 500' in page
    [made] = ScopeShare.objects.all()
    for said in ("no longer has web shared", "has ended already"):
        answer = erin.post(f"{url(world.web)}end/", {"share": f"scope:{made.pk}"}, follow=True)
        assert said in text(answer)
    assert not ScopeShare.objects.exists()


def test_what_is_shared_below_is_listed_above_and_leads_to_it(world, market, signed_in):
    resource = market.active("web-1", key="made")
    share(world, world.mallory, at=resource)
    share(world, world.bob, at=world.retail, days=2)
    erin = signed_in("erin")
    page = text(erin.get(url(world.nordwind)))
    assert f'href="/resources/{resource.pk}/"' in page
    assert page.index("Bob Test") < page.index("Mallory Test")
    assert (
        "Mallory Test" not in text(erin.get(f"{url(world.nordwind)}?kind=scope")).split('id="list"')[1].split("</table>")[0]
    )
    narrowed = text(erin.get(f"{url(world.nordwind)}?who=nobody"))
    assert "No share fits this filter" in narrowed
    for nonsense in ("kind=nonsense", "page=zz", "who=%00", "who=" + "x" * 300):
        assert erin.get(f"{url(world.nordwind)}?{nonsense}").status_code == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"user": "nobody"},
        {"user": "erin"},
        {"expires": "2020-01-01"},
        {"expires": "9999-12-31"},
        {"permission": "manage_members"},
        {"permission": "view_secret"},
    ],
)
def test_what_cannot_be_shared_is_refused_and_stays_typed(world, signed_in, fields):
    answer = signed_in("erin").post(url(world.web), sent(**fields))
    assert answer.status_code == 422
    assert "error" in text(answer)
    if "user" not in fields:
        assert 'value="mallory"' in text(answer)
    assert not ScopeShare.objects.exists()


def test_a_place_has_it_for_who_may_share_there(world, signed_in):
    made = share(world, world.mallory, at=world.retail)
    assert signed_in("alice").get(url(world.web)).status_code == 403
    mallory = signed_in("mallory")
    for address in (url(world.nordwind), f"{url(world.nordwind)}report.csv"):
        assert mallory.get(address).status_code == 404
    assert mallory.post(f"{url(world.nordwind)}end/", {"share": f"scope:{made.pk}"}).status_code == 404
    erin = signed_in("erin")
    for key in ("", "scope", "scope:", "scope:x", f"resource:{made.pk}", "scope:99999999999999999999"):
        assert "has ended already" in text(erin.post(f"{url(world.nordwind)}end/", {"share": key}, follow=True))
    erin.post(f"{url(world.web)}end/", {"share": f"scope:{made.pk}"})  # it is of a place above
    assert ScopeShare.objects.filter(pk=made.pk).exists()


def test_a_closed_place_shares_no_more(world, signed_in):
    close_scope(world.fleet, actor=world.actor("erin"))
    page = text(signed_in("erin").get(url(world.fleet)))
    assert "is closed, so nothing more is shared" in page
    assert signed_in("erin").post(url(world.fleet), sent()).status_code == 422
    assert not ScopeShare.objects.exists()


def test_the_report_has_a_row_for_each_and_nothing_a_spreadsheet_computes(world, market, signed_in):
    share(world, world.mallory, at=market.active("web-1", key="made"))
    world.bob.name = "=1+1"
    world.bob.save()
    share(world, world.bob, days=2)
    answer = signed_in("erin").get(f"{url(world.nordwind)}report.csv")
    assert "attachment" in answer["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [(row["who"], row["permission"], row["kind"], row["of"]) for row in rows] == [
        ("'=1+1", "view_resource", "scope", "web"),
        ("Mallory Test", "view_resource", "resource", "web-1"),
    ]


def test_a_hundred_are_read_in_few_queries(world, signed_in, in_few_queries):
    for number in range(60):
        share(world, person(f"guest{number}"))
    page = text(in_few_queries(signed_in("erin"), url(world.web), most=14))  # one for each kind of what is shared
    assert page.count("End the share of") == 50
    assert "page=2" in page


def test_a_share_that_a_policy_asks_about_is_shown_as_waiting(market, signed_in):
    world, server = market.world, market.active()
    rule = {"subject_kind": "share", "conditions": [], "stages": [{"who": {"pick": "role", "role": "approver"}}]}
    publish_policy(world.nordwind, "Shares", actor=world.actor("erin"), **rule)
    for address, back in ((url(world.web), url(world.web)), (f"/resources/{server.pk}/share/", f"/resources/{server.pk}/")):
        page = text(signed_in("erin").post(address, sent(), follow=True))
        assert "it waits, and is given once it is approved" in page
        assert "Waits for a decision" in page
        approval = Approval.objects.filter(subject_kind="share").latest("created_at")
        assert f'href="/inbox/{approval.pk}/"' in page
        decided = text(signed_in("bob").get(f"/inbox/{approval.pk}/"))
        assert "See resources" in decided
        assert "Mallory Test" in decided
        assert "Waits for a decision" in text(signed_in("erin").get(back))
    assert f'href="/resources/{server.pk}/"' in decided
    assert not ScopeShare.objects.exists()
