"""Invitations by mail: who may send them, what the link opens and for whom, once, until when."""

import re
from datetime import timedelta

import pytest

from portal.access.models import Assignment, Group, Role
from portal.access.resolver import permissions_at
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from portal.events.models import Event
from portal.notices.models import Notice
from portal.tenancy import invitation_mail, invitations, services, tasks
from portal.tenancy.models import Invitation, InvitationMail
from portal.users.actor import Actor, Auth, Narrowing
from portal.users.models import User, UserKind
from tests.cast import give, person
from tests.postbox import open_postbox
from tests.races import at_once

FAR = timedelta(days=30)


def role(key):
    return Role.objects.get(key=key, scope=None)


@pytest.fixture
def postbox(settings):
    with open_postbox(settings) as box:
        yield box


@pytest.fixture
def eve(world):
    """Somebody who signed in once and has no role."""
    world.people["eve"] = person("eve")
    return world.eve


def invite(world, *addresses, by="erin", at="web", key="member", **more):
    return invitations.invite(world.scopes[at], addresses or ["eve@example.org"], role(key), actor=world.actor(by), **more)


def send_all(at=None):
    at = at or clock.now()
    return [invitation_mail.deliver(mail.pk, at=at) for mail in invitation_mail.due(at)]


def secret_in(mail):
    plain, html = mail.get_body(("plain",)).get_content(), mail.get_body(("html",)).get_content()
    [found] = set(re.findall(r"https://concord\.example/invitations/([A-Za-z0-9_-]{43})/", plain))
    assert f"/invitations/{found}/" in html
    return found


@pytest.fixture
def link(world, eve, postbox):
    """An invitation of eve's to be member of web, and the secret of its link."""
    [invitation] = invite(world)
    assert send_all() == [True]
    return invitation, secret_in(postbox.mails[-1])


def test_only_who_may_give_the_role_invites(world):
    for name, error in (("alice", Forbidden), ("bob", Forbidden), ("dave", Forbidden), ("mallory", NotFound)):
        with pytest.raises(error):
            invite(world, by=name)
    give(world.alice, "tenant_admin", world.retail)
    invite(world, by="alice")
    with pytest.raises(Forbidden, match="more than you govern"):
        invite(world, by="alice", key="organization_admin")
    with pytest.raises(NotFound):
        invite(world, by="alice", at="fleet")
    assert Invitation.objects.count() == 1


def test_it_takes_a_fresh_look_and_no_looking_as_another(world):
    stale = Actor(world.erin, Auth("password"), checked_at=clock.now() - timedelta(seconds=11))
    with pytest.raises(Exception, match="not checked again"):
        invitations.invite(world.web, ["eve@example.org"], role("member"), actor=stale)
    viewed = Actor(world.erin, Auth("password"), viewed_as_by=world.dave)
    with pytest.raises(Forbidden):
        invitations.invite(world.web, ["eve@example.org"], role("member"), actor=viewed)


def test_a_mail_says_who_invites_to_what_and_the_link_is_kept_nowhere(world, link, postbox):
    invitation, secret = link
    [mail] = postbox.mails
    assert (mail["To"], mail["Subject"]) == ("eve@example.org", "You are invited to web in Concord")
    assert "Erin Test invites you to web of Nordwind, as Member." in mail.get_body(("plain",)).get_content()
    row = InvitationMail.objects.get()
    assert (row.sealed, row.secret, row.due_at) == (None, "", None)
    assert Invitation.objects.get().digest == invitations.digest_of(secret)
    invitations.accept_invitation(secret, actor=world.actor("eve"))
    for event in Event.objects.all():
        said = f"{event.detail} {event.target_label} {event.reason} {event.cause}"
        assert secret not in said
        assert "eve@" not in said
    assert invitation.label == "Member · web"


def test_a_name_in_html_stays_a_name(world, postbox):
    services.rename_scope(world.web, "<b>web</b> & co", actor=world.actor("erin"))
    world.web.refresh_from_db()
    invite(world)
    send_all()
    html = postbox.mails[0].get_body(("html",)).get_content()
    assert "&lt;b&gt;web&lt;/b&gt; &amp; co of Nordwind" in html
    assert "<b>" not in html
    assert "<b>web</b> & co of Nordwind" in postbox.mails[0].get_body(("plain",)).get_content()


def test_she_accepts_once_and_holds_the_role_at_her_next_click(world, link):
    invitation, secret = link
    eve = world.actor("eve")
    assert not permissions_at(eve, world.web.path)
    invitations.accept_invitation(secret, actor=eve)
    assert "place_order" in permissions_at(eve, world.web.path)
    given = Assignment.objects.get(user=world.eve)
    assert (given.source, given.granted_by, given.expires, given.scope) == ("manual", world.erin, None, world.web)
    events = [event.action for event in Event.objects.filter(action__startswith="tenancy.").order_by("at", "id")]
    assert events == ["tenancy.invite", "tenancy.accept_invitation", "tenancy.assign_role"]
    assert Event.objects.get(action="tenancy.assign_role").auth["method"] == "invitation"
    assert Notice.objects.get(user=world.erin).title == "Eve Test accepted your invitation to web"
    with pytest.raises(Conflict, match="accepted already"):
        invitations.accept_invitation(secret, actor=world.actor("eve"))
    assert Assignment.objects.filter(user=world.eve).count() == 1
    invitation.refresh_from_db()
    assert (invitation.state, invitation.accepted_by) == ("accepted", world.eve)


def test_of_two_that_accept_at_once_one_does(fresh_db, world):
    world.people["eve"] = person("eve")
    [invitation] = invite(world)
    mail = InvitationMail.objects.get()
    secret = mail.secret
    assert invitations.digest_of(secret) == Invitation.objects.get(pk=invitation.pk).digest
    answers = at_once(*[lambda: invitations.accept_invitation(secret, actor=world.actor("eve"))] * 4)
    assert sum(isinstance(answer, Invitation) for answer in answers) == 1
    assert sum(isinstance(answer, Conflict) for answer in answers) == 3
    assert Event.objects.filter(action="tenancy.accept_invitation").count() == 1
    assert Assignment.objects.filter(user=world.eve).count() == 1


def test_another_person_cannot_accept_it(world, link):
    _, secret = link
    for name in ("mallory", "alice", "erin"):
        with pytest.raises(Forbidden, match="another address") as refused:
            invitations.accept_invitation(secret, actor=world.actor(name))
        assert "eve" not in str(refused.value)
    robot = User.objects.create(username="bot", kind_of_user=UserKind.SERVICE, owner=world.eve, email="eve@example.org")
    nobody = User.objects.create(username="blank", email="")
    narrowed = Actor(world.eve, Auth("token"), narrowed_to=Narrowing())
    viewed = Actor(world.eve, Auth("password"), viewed_as_by=world.erin)
    for actor in (Actor(robot, Auth("token")), Actor(nobody, Auth("password")), narrowed, viewed):
        with pytest.raises(Forbidden):
            invitations.accept_invitation(secret, actor=actor)
    assert Invitation.objects.get().is_pending


@pytest.mark.parametrize(
    ("invited", "hers"),
    [
        ("Eve@Example.org", "eve@example.ORG"),
        ("eve@bücher.example", "EVE@BÜCHER.example"),
        ("eve@bu\u0308cher.example", "eve@bücher.example"),
    ],
)
def test_an_address_is_the_same_however_it_is_written(world, eve, invited, hers):
    User.objects.filter(pk=eve.pk).update(email=hers)
    world.people["eve"] = User.objects.get(pk=eve.pk)
    invite(world, invited)
    secret = InvitationMail.objects.get().secret
    assert invitations.accept_invitation(secret, actor=world.actor("eve")).accepted_by == world.eve


def test_a_made_up_link_opens_nothing(world, eve):
    for secret in ("", "x" * 43, "é" * 43, "\ud800", "a\x00b"):
        with pytest.raises(NotFound):
            invitations.accept_invitation(secret, actor=world.actor("eve"))
        with pytest.raises(NotFound):
            invitations.invitation_of(secret)


def test_after_its_end_it_opens_nothing(world, link):
    _, secret = link
    with clock.travel(clock.now() + invitations.OPEN_FOR + timedelta(seconds=1)):
        assert "has ended" in invitations.why_not(invitations.invitation_of(secret))
        with pytest.raises(Conflict, match="has ended"):
            invitations.accept_invitation(secret, actor=world.actor("eve"))
    assert not Assignment.objects.filter(user=world.eve).exists()


def test_a_role_that_was_to_end_by_now_is_not_given(world, eve):
    invite(world, expires=clock.now() + timedelta(days=2))
    secret = InvitationMail.objects.get().secret
    with clock.travel(clock.now() + timedelta(days=3)), pytest.raises(Conflict, match="was to end by now"):
        invitations.accept_invitation(secret, actor=world.actor("eve"))


def test_revoked_it_opens_nothing_and_a_mail_that_waits_stays(world, eve, postbox):
    [invitation] = invite(world)
    secret = InvitationMail.objects.get().secret
    for _again in range(2):
        invitations.revoke_invitation(invitation, actor=world.actor("erin"))
    assert Event.objects.filter(action="tenancy.revoke_invitation").count() == 1
    assert send_all() == []
    assert postbox.mails == []
    with pytest.raises(Conflict, match="revoked"):
        invitations.accept_invitation(secret, actor=world.actor("eve"))
    with pytest.raises(Conflict, match="revoked"):
        invitations.resend_invitation(invitation, actor=world.actor("erin"))


def test_an_accepted_one_is_not_revoked_nor_sent_again(world, link):
    invitation, secret = link
    invitations.accept_invitation(secret, actor=world.actor("eve"))
    for act in (invitations.revoke_invitation, invitations.resend_invitation):
        with pytest.raises(Conflict, match="accepted already"):
            act(invitation, actor=world.actor("erin"))


def test_sent_again_the_old_link_is_dead_and_who_sent_it_answers_for_it(world, link, postbox):
    invitation, old = link
    give(world.alice, "tenant_admin", world.retail)
    later = clock.now() + timedelta(days=20)
    with clock.travel(later):
        invitations.resend_invitation(invitation, actor=world.actor("alice"))
        with pytest.raises(Conflict, match="still on its way"):
            invitations.resend_invitation(invitation, actor=world.actor("alice"))
        assert send_all(later) == [True]
        new = secret_in(postbox.mails[-1])
        with pytest.raises(NotFound):
            invitations.accept_invitation(old, actor=world.actor("eve"))
        invitations.accept_invitation(new, actor=world.actor("eve"))
    assert Assignment.objects.get(user=world.eve).granted_by == world.alice
    assert invitations.invitations_in(world.web, world.actor("erin")).get().sent == 2


def test_a_scope_closed_meanwhile_takes_nobody_in(world, link):
    _, secret = link
    services.close_scope(world.web, actor=world.actor("erin"))
    with pytest.raises(Conflict, match="web is closed"):
        invitations.accept_invitation(secret, actor=world.actor("eve"))


@pytest.mark.parametrize("how", ["disabled", "lost"])
def test_it_stands_on_the_authority_of_who_invited(world, link, how):
    _, secret = link
    if how == "disabled":
        User.objects.filter(pk=world.erin.pk).update(is_active=False)
    else:
        Assignment.objects.filter(user=world.erin).delete()
    with pytest.raises(Refused, match="Erin Test, who invited you"):
        invitations.accept_invitation(secret, actor=world.actor("eve"))
    assert Invitation.objects.get().is_pending
    assert not Assignment.objects.filter(user=world.eve).exists()


def test_a_role_that_she_holds_for_longer_is_never_made_shorter(world, eve):
    invite(world, expires=clock.now() + FAR)
    secret = InvitationMail.objects.get().secret
    held = give(eve, "member", world.web)
    invitations.accept_invitation(secret, actor=world.actor("eve"))
    held.refresh_from_db()
    assert held.expires is None
    shorter = give(eve, "viewer", world.web, expires=clock.now() + timedelta(days=1))
    invite(world, key="viewer", expires=clock.now() + FAR)
    secret = InvitationMail.objects.get(due_at__isnull=False).secret
    invitations.accept_invitation(secret, actor=world.actor("eve"))
    shorter.refresh_from_db()
    assert shorter.expires > clock.now() + timedelta(days=29)


def test_many_are_invited_at_once_all_or_none(world):
    good = [f"p{number}@example.org" for number in range(49)]
    with pytest.raises(Invalid) as refused:
        invite(world, *good, "", "no address", "b@x\x00.org", "q@example.org")
    said = refused.value.extra["fields"]["addresses"]
    assert said[0] == "Line 51 is no e-mail address: no address"
    assert len(said) == 2
    assert not Invitation.objects.exists()
    made = invite(world, *good, "  P0@EXAMPLE.org ", "")
    assert len(made) == 49
    with pytest.raises(Invalid):
        invite(world, *[f"r{number}@example.org" for number in range(51)])
    with pytest.raises(Invalid):
        invite(world, " ", "")


def test_who_is_invited_or_holds_it_already_is_said(world):
    invite(world)
    with pytest.raises(Invalid) as refused:
        invite(world, "EVE@example.org", "alice@example.org", "Erin@example.org", "new@example.org")
    assert [line.split(" ", 1)[0] for line in refused.value.extra["fields"]["addresses"]] == [
        "EVE@example.org",
        "alice@example.org",
        "Erin@example.org",
    ]
    invite(world, key="viewer")  # another role is another invitation
    with clock.travel(clock.now() + invitations.OPEN_FOR + timedelta(days=1)):
        invite(world)  # one that has ended stands in nobody's way


def test_twenty_mails_an_hour_leave_and_the_rest_follow(world, postbox):
    start = clock.now()
    with clock.travel(start):
        invite(world, *[f"p{number}@example.org" for number in range(45)])
        assert sum(send_all(start)) == 20
    assert sum(send_all(start + timedelta(minutes=59))) == 0
    assert sum(send_all(start + timedelta(minutes=60))) == 20
    assert sum(send_all(start + timedelta(minutes=119))) == 0
    assert sum(send_all(start + timedelta(minutes=120))) == 5
    assert len({mail["To"] for mail in postbox.mails}) == 45


def test_a_hundred_may_be_open_in_one_place(world):
    for batch in range(2):
        invite(world, *[f"p{batch}-{number}@example.org" for number in range(50)])
    with pytest.raises(Refused, match="At most 100"):
        invite(world, "one@example.org")
    invite(world, "one@example.org", at="fleet")
    invitations.revoke_invitation(Invitation.objects.filter(scope=world.web).first(), actor=world.actor("erin"))
    invite(world, "one@example.org")


def test_two_who_invite_the_same_person_at_once_make_one_invitation(fresh_db, world):
    answers = at_once(*[lambda: invite(world)] * 3)
    assert sum(isinstance(answer, Invalid) for answer in answers) == 2
    assert Invitation.objects.count() == 1


def test_a_mail_server_that_is_away_is_tried_again_and_then_given_up(world, postbox):
    invite(world)
    postbox.away, at = True, clock.now()
    assert send_all() == [False]
    secret = InvitationMail.objects.get().secret
    postbox.away = False
    assert send_all(at + timedelta(minutes=1, seconds=5)) == [True]
    assert secret_in(postbox.mails[0]) == secret
    invite(world, "two@example.org")
    postbox.away = True
    for _try in range(invitation_mail.MOST_ATTEMPTS):
        at += timedelta(hours=7)
        with clock.travel(at):
            send_all(at)
    row = InvitationMail.objects.get(invitation__address="two@example.org")
    assert (row.failed, row.due_at, row.sealed) == (True, None, None)


def test_what_was_lost_is_swept_up_and_leaves_once(world, postbox, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as asked:
        invite(world)
    assert len(asked) == 1
    with django_capture_on_commit_callbacks() as swept:
        tasks.sweep_invitations()
    assert len(swept) == 1
    pk = str(InvitationMail.objects.get().pk)
    tasks.mail_invitation(pk)
    tasks.mail_invitation(pk)
    assert len(postbox.mails) == 1


def test_another_organization_sees_and_touches_none(world):
    [invitation] = invite(world)
    mallory = world.actor("mallory")
    assert not invitations.invitations_visible_to(mallory).exists()
    with pytest.raises(NotFound):
        invitations.invitation_visible_to(mallory, invitation.pk)
    with pytest.raises(NotFound):
        invitations.invitations_in(world.web, mallory)
    for act in (invitations.revoke_invitation, invitations.resend_invitation):
        with pytest.raises(NotFound):
            act(invitation, actor=mallory)
    foreign = Role.objects.create(key="odd", name="Odd", scope=world.other, permissions=["view_scope"])
    with pytest.raises(Invalid):
        invitations.invite(world.web, ["x@example.org"], foreign, actor=world.actor("erin"))
    assert not Group.objects.exists()
