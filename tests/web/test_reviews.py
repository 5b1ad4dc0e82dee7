"""An access review: what it lists, who decides, what is revoked at once, and what its day does."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from portal.access.models import Assignment, Group, Role, ScopeShare, Source
from portal.access.resolver import holds
from portal.core import clock
from portal.core.errors import Conflict, Invalid, NotFound
from portal.events.models import Event
from portal.notices.models import Notice
from portal.tenancy import reviews, sharing, tasks
from portal.tenancy.models import Review, ReviewItem
from portal.users.actor import Actor
from portal.users.models import User
from tests.cast import give, person
from tests.races import at_once

DAYS = timedelta(days=14)


def begin(world, where="nordwind", by="erin", **given):
    due = given.pop("due", clock.now() + DAYS)
    return reviews.start_review(getattr(world, where), "Autumn", due=due, actor=world.actor(by), **given)


@pytest.fixture
def review(world):
    give(world.erin, "viewer", world.retail)
    give(world.mallory, "viewer", world.retail)
    world.alice.assignments.update(source=Source.RULE)
    permission = Permission.objects.get(content_type__app_label="access", codename="view_cost")
    ScopeShare.objects.create(user=world.alice, permission=permission, content_object=world.fleet, expires=clock.now() + DAYS)
    give(world.carol, "viewer", world.web, expires=clock.now() - timedelta(hours=1))
    admins = Group.objects.create(scope=world.nordwind, name="Admins")
    Assignment.objects.create(group=admins, role=Role.objects.get(key="auditor"), scope=world.nordwind)
    return begin(world)


def item(review, username, gives=""):
    found = ReviewItem.objects.filter(review=review, user__username=username)
    return found.get(gives=gives) if gives else found.get()


def test_it_lists_every_role_and_share_there_and_below_that_lives(review):
    said = {(each.holder, each.gives, each.scope.name) for each in ReviewItem.objects.filter(review=review)}
    assert said == {
        ("Alice Test", "Member", "web"),
        ("Alice Test", "view_cost", "fleet"),
        ("Bob Test", "Approver", "Retail"),
        ("Carol Test", "Finance", "Nordwind"),
        ("Dave Test", "Operator", "Nordwind"),
        ("Erin Test", "Organization admin", "Nordwind"),
        ("Erin Test", "Viewer", "Retail"),
        ("Mallory Test", "Viewer", "Retail"),
        ("Admins", "Auditor", "Nordwind"),
    }


def test_what_is_revoked_holds_no_more_and_what_is_kept_stays(world, review):
    erin = world.actor("erin")
    assert reviews.decide([item(review, "bob")], "revoke", reason="moved on", actor=erin) == []
    assert reviews.decide([item(review, "carol")], "keep", actor=erin) == []
    assert not holds(world.actor("bob"), "vote", world.web)
    assert holds(world.actor("carol"), "view_cost", world.web)
    revoked = item(review, "bob")
    assert (revoked.verdict, revoked.reason, revoked.decided_by) == ("revoke", "moved on", world.erin)
    assert Event.objects.get(action="tenancy.end_assignment").reason == "moved on"
    assert Event.objects.filter(action="tenancy.review_access").count() == 2


def test_a_share_is_revoked_too(world, review):
    assert reviews.decide([item(review, "alice", "view_cost")], "revoke", reason="done", actor=world.actor("erin")) == []
    assert not ScopeShare.objects.exists()


def test_a_share_of_a_resource_is_listed_with_it_and_revoked(world, market):
    server = market.active("web-1", key="made")
    given = {"expires": clock.now() + timedelta(days=3), "actor": world.actor("erin")}
    sharing.share(server, world.mallory, "view_resource", **given)
    review = reviews.start_review(world.web, "Autumn", due=clock.now() + timedelta(days=9), actor=world.actor("erin"))
    found = ReviewItem.objects.get(review=review, is_share=True)
    assert (found.about, found.gives, found.scope, found.thing) == (
        "web-1",
        "view_resource",
        world.web,
        f"resource:{server.shares.get().pk}",
    )
    assert reviews.decide([found], "revoke", reason="done", actor=world.actor("erin")) == []
    assert not server.shares.exists()


def test_nobody_reviews_her_own_nor_what_comes_from_elsewhere_nor_the_last_admin(world, review):
    erin, dave = world.actor("erin"), person("second")
    hers = reviews.decide([item(review, "erin", "Viewer")], "keep", actor=erin)
    assert [each.why for each in hers] == ["Nobody reviews her own access; another admin does."]
    by_rule = reviews.decide([item(review, "alice", "Member")], "revoke", reason="x", actor=erin)
    assert by_rule[0].why.startswith("A rule or SCIM gives this")
    give(dave, "tenant_admin", world.nordwind)
    tenant_admin = Actor(dave, erin.auth)
    last = reviews.decide([item(review, "erin", "Organization admin")], "revoke", reason="x", actor=tenant_admin)
    assert len(last) == 1
    assert holds(world.actor("erin"), "manage_policies", world.nordwind)
    assert ReviewItem.objects.filter(review=review).exclude(verdict="").count() == 0


def test_kept_may_be_revoked_and_revoked_is_revoked(world, review):
    erin = world.actor("erin")
    reviews.decide([item(review, "bob")], "keep", actor=erin)
    reviews.decide([item(review, "bob")], "revoke", reason="after all", actor=erin)
    assert reviews.decide([item(review, "bob")], "revoke", reason="again", actor=erin) == []
    assert item(review, "bob").reason == "after all"
    assert reviews.decide([item(review, "bob")], "keep", actor=erin)[0].why == "This has ended already."


def test_what_ended_meanwhile_is_said_so(world, review):
    world.bob.assignments.all().delete()
    reviews.decide([item(review, "bob")], "keep", actor=world.actor("erin"))
    assert item(review, "bob").verdict == "ended"


@pytest.mark.parametrize(
    "said", [{"verdict": "maybe"}, {"verdict": "revoke"}, {"verdict": "revoke", "reason": "x" * 2001}, {"verdict": ""}]
)
def test_nonsense_decides_nothing(world, review, said):
    with pytest.raises(Invalid):
        reviews.decide([item(review, "bob")], actor=world.actor("erin"), **said)
    assert item(review, "bob").verdict == ""


def test_its_day_leaves_what_nobody_decided_or_ends_it(world, review):
    with clock.travel(review.due + timedelta(seconds=1)):
        tasks.sweep_reviews()
        tasks.sweep_reviews()
    review.refresh_from_db()
    assert review.closed_at is not None
    assert holds(world.actor("bob"), "vote", world.web)
    assert Event.objects.filter(action="tenancy.close_review").count() == 1
    with pytest.raises(Conflict):
        reviews.decide([item(review, "bob")], "keep", actor=world.actor("erin"))
    again = begin(world, ends_undecided=True)
    reviews.decide([item(again, "carol")], "keep", actor=world.actor("erin"))
    with clock.travel(again.due + timedelta(seconds=1)):
        tasks.sweep_reviews()
        assert not holds(world.actor("bob"), "vote", world.web)
        assert holds(world.actor("carol"), "view_cost", world.web)
        assert holds(world.actor("alice"), "place_order", world.web), "a rule gives it"
        assert holds(world.actor("erin"), "manage_policies", world.nordwind), "the last admin stays"
    kept = item(again, "erin", "Organization admin")
    assert kept.verdict == ""
    assert "last organization admin" in kept.reason


def test_admins_are_told_at_the_beginning_and_once_near_the_end(world, review):
    other = person("other-admin")
    give(other, "tenant_admin", world.nordwind)
    with clock.travel(review.due - timedelta(days=2)):
        tasks.sweep_reviews()
        tasks.sweep_reviews()
    assert Notice.objects.filter(topic="review_due", user=other).count() == 1
    assert Notice.objects.filter(topic="review_due", user=world.erin).count() == 1
    assert not Notice.objects.filter(topic="review_started", user=world.erin).exists()


def test_one_is_open_at_a_time_however_fast_it_is_clicked(fresh_db, world):
    erin = world.actor("erin")
    due = clock.now() + DAYS
    said = at_once(*[lambda: reviews.start_review(world.nordwind, "Twice", due=due, actor=erin)] * 2)
    assert sorted(type(each).__name__ for each in said) == ["Conflict", "Review"]


@pytest.mark.parametrize("days", [-1, 0, 400])
def test_a_day_that_makes_no_sense_is_refused(world, days):
    with pytest.raises(Invalid):
        begin(world, due=clock.now() + timedelta(days=days))
    assert not Review.objects.exists()


def test_a_review_is_closed_when_all_is_decided(world, review):
    with pytest.raises(Conflict):
        reviews.close_review(review, actor=world.actor("erin"))
    ReviewItem.objects.filter(review=review).update(verdict="keep", decided_at=clock.now())
    assert not reviews.close_review(review, actor=world.actor("erin")).is_open


def test_the_page_decides_on_what_is_chosen_and_says_what_it_could_not(world, review, signed_in, in_few_queries):
    browser, url = signed_in("erin"), reverse("review", args=[review.pk])
    page = in_few_queries(browser, url).text
    assert "9 of 9 are not decided." in page
    assert "your own" in page
    chosen = [str(item(review, "bob").pk), str(item(review, "alice", "Member").pk), "nonsense"]
    answer = browser.post(reverse("review-decide", args=[review.pk]) + "?verdict=open", {"verdict": "revoke", "item": chosen})
    assert answer.status_code == 422
    assert f'value="{chosen[0]}"' in answer.text
    asked = {"verdict": "revoke", "item": chosen, "reason": "left"}
    answer = browser.post(reverse("review-decide", args=[review.pk]) + "?verdict=open", asked, follow=True)
    assert answer.redirect_chain == [(f"{url}?verdict=open", 302)]
    assert "1 is decided." in answer.text
    assert "Alice Test, Member: A rule or SCIM gives this" in answer.text
    assert "Bob Test" in browser.get(f"{url}?verdict=revoke").text
    assert "Bob Test" not in browser.get(f"{url}?verdict=keep&q=%00x").text
    in_few_queries(browser, reverse("reviews"))


def test_the_page_begins_one_and_gives_the_record(world, signed_in):
    browser = signed_in("erin")
    assert "No review yet" in browser.get(reverse("reviews")).text
    due = (clock.now() + DAYS).date().isoformat()
    given = {"scope": str(world.retail.pk), "name": "=Autumn", "due": due}
    answer = browser.post(reverse("reviews"), given)
    review = Review.objects.get()
    assert answer["Location"] == reverse("review", args=[review.pk])
    assert browser.post(reverse("reviews"), given).status_code == 422
    text = browser.get(reverse("review-report", args=[review.pk])).text
    assert text.splitlines()[0].lstrip("\ufeff").split(",") == list(reviews.COLUMNS)
    assert "Bob Test,bob,Approver,,Retail,manual," in text


def test_who_manages_a_part_sees_and_decides_that_part(world, review, signed_in):
    mei = person("mei")
    give(mei, "tenant_admin", world.retail)
    actor = Actor(mei, world.actor("erin").auth)
    with pytest.raises(NotFound):
        reviews.review_of(actor, review.pk)
    mine = reviews.start_review(world.retail, "Mine", due=clock.now() + DAYS, actor=actor)
    assert {each.holder for each in reviews.items_of(mine, actor)} == {
        "Alice Test",
        "Bob Test",
        "Erin Test",
        "Mallory Test",
        "Mei Test",
    }


@pytest.mark.parametrize("name", ["alice", "mallory"])
def test_others_find_nothing(world, review, signed_in, name):
    browser = signed_in(name)
    for part in ("review", "review-report"):
        assert browser.get(reverse(part, args=[review.pk])).status_code == 404
    for part in ("review-decide", "review-close"):
        assert browser.post(reverse(part, args=[review.pk]), {"verdict": "keep"}).status_code == 404
    given = {"scope": str(world.retail.pk), "name": "x", "due": (clock.now() + DAYS).date().isoformat()}
    expected = {"alice": 404, "mallory": 422}[name]  # mallory manages people, elsewhere
    assert browser.post(reverse("reviews"), given).status_code == expected
    assert Review.objects.count() == 1


def test_three_thousand_roles_are_listed_in_few_statements(world, django_assert_max_num_queries):
    people = User.objects.bulk_create([User(username=f"u{n}", name=f"U {n}") for n in range(3000)])
    role = Role.objects.get(key="viewer")
    Assignment.objects.bulk_create([Assignment(user=each, role=role, scope=world.web) for each in people])
    with django_assert_max_num_queries(40):
        begin(world)
    assert ReviewItem.objects.count() > 3000
