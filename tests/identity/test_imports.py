"""An import: looked at first, carried out as shown or not at all, by the same rules as the pages, for nobody else's people."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.access.models import Assignment, Scope, ScopeKind, ScopeState
from portal.core import clock
from portal.core.errors import Conflict, Forbidden, NotFound, Refused, Unavailable
from portal.events.models import Event
from portal.identity import imports
from portal.identity.models import Import, ResetMail
from portal.identity.reset_mail import deliver
from portal.notices.models import Notice
from portal.users.actor import Narrowing
from portal.users.models import User
from tests.cast import give, person, project, scope

PEOPLE = "username,name,email\n"
PROJECTS = "path,cost_centre,environment,data_class,owner\n"
ROLES = "person,role,scope,until\n"


def look(world, text, name="erin", at="nordwind"):
    return imports.look(text, getattr(world, at), actor=world.actor(name))


def carry_out(world, found, name="erin"):
    return imports.carry_out(found, found.digest, actor=world.actor(name))


def told(found):
    return [(step.outcome, step.said) for step in imports.steps_of(found)]


def only(found):
    (step,) = imports.steps_of(found)
    return step.outcome, step.said


def events_of(found):
    return list(Event.objects.filter(cause=f"import:{found.pk}").order_by("id").values_list("action", "target_kind"))


# What may be asked


def test_only_who_gives_roles_there_looks_or_carries_out(world):
    for name in ("alice", "bob"):
        with pytest.raises((Forbidden, NotFound)):
            look(world, ROLES + "bob,viewer,Retail,\n", name)
    with pytest.raises(NotFound):
        look(world, ROLES + "bob,viewer,Retail,\n", "mallory")
    found = look(world, ROLES + "bob,viewer,Retail,\n")
    with pytest.raises(NotFound):
        carry_out(world, found, "mallory")
    with pytest.raises(NotFound):
        imports.import_of(world.actor("mallory"), found.pk)
    assert imports.import_of(world.actor("erin"), found.pk) == found


def test_who_was_not_looked_at_again_or_comes_with_a_narrowed_token_imports_nothing(world):
    found = look(world, ROLES + "bob,viewer,Retail,\n")
    with pytest.raises(Unavailable):
        imports.carry_out(
            found, found.digest, actor=replace(world.actor("erin"), checked_at=clock.now() - timedelta(minutes=1))
        )
    with pytest.raises(Forbidden):
        imports.look(ROLES, world.nordwind, actor=replace(world.actor("erin"), narrowed_to=Narrowing()))


def test_a_place_is_the_highest_where_she_gives_roles(world):
    assert imports.places(world.actor("erin")) == [world.nordwind]
    give(world.alice, "tenant_admin", world.retail)
    assert imports.places(world.actor("alice")) == [world.retail]
    assert imports.places(world.actor("bob")) == []


def test_looking_changes_nothing_else(world):
    before = (User.objects.count(), Scope.objects.count(), Assignment.objects.count(), Event.objects.count())
    look(world, PEOPLE + "ann,Ann,ann@example.org\n")
    look(world, PROJECTS + "New / shop,,,,\n")
    look(world, ROLES + "bob,viewer,Retail,\n")
    assert (User.objects.count(), Scope.objects.count(), Assignment.objects.count(), Event.objects.count()) == before


# Projects


def test_projects_are_made_with_their_tenants_and_said_otherwise(world):
    text = (
        PROJECTS
        + "Retail / Stores / till,4711,produce,internal,alice\n"
        + "Nordwind / Retail / Stores / shelf,,,,\n"
        + "Retail / WEB,99,,,\n"
        + "Logistics / fleet,,,,\n"
    )
    found = look(world, text)
    assert told(found) == [
        ("create", "New project, with the new tenant Stores."),
        ("create", "New project."),
        ("change", "cost_centre: – → 99"),
        ("same", "There already."),
    ]
    assert carry_out(world, found).state == "done"
    till = Scope.objects.get(name="till")
    assert (till.parent.name, till.cost_centre, till.environment, till.data_class) == (
        "Stores",
        "4711",
        "produce",
        "internal",
    )
    assert till.owner == world.alice
    assert till.parent.scope_kind == ScopeKind.TENANT
    world.web.refresh_from_db()
    assert (world.web.cost_centre, world.web.name) == ("99", "web")
    assert events_of(found) == [
        ("tenancy.create_tenant", "scope"),
        ("tenancy.create_project", "scope"),
        ("tenancy.create_project", "scope"),
        ("tenancy.change_project", "scope"),
    ]
    assert [outcome for outcome, _said in told(look(world, text))] == ["same"] * 4


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("web,,,,", "A project lives in a tenant"),
        ("Nordwind,,,,", "A project lives in a tenant"),
        ("Retail / web / inner,,,,", "web is a project and holds nothing."),
        ("Retail / web / inner / most,,,,", "web is a project and holds nothing."),
        ("Nordwind / Retail / ,,,,", "A name of at most 120 characters"),
        ("Retail / " + "x" * 121 + ",,,,", "A name of at most 120 characters"),
        ("Retail / ?!,,,,", "A name of at most 120 characters"),
        ("Retail / new," + "x" * 41 + ",,,", "cost_centre has at most 40 characters."),
        ("Retail / new,,,,mallory", "Nobody here is known by exactly the name mallory."),
        ("Retail / web,,,,alice", "It is there already, and an import changes no owner."),
        ("a / b / c / d / e / f / g,,,,", "Tenants nest five levels deep."),
    ],
)
def test_a_project_that_cannot_be_says_why(world, row, why):
    outcome, said = only(look(world, PROJECTS + row + "\n"))
    assert outcome == "wrong"
    assert why in said


def test_a_tenant_is_no_project_and_a_closed_place_takes_nothing(world):
    scope("Deep", world.retail)
    assert only(look(world, PROJECTS + "Retail / deep,,,,\n")) == ("wrong", "There is a tenant of this name.")
    Scope.objects.filter(pk=world.retail.pk).update(state=ScopeState.CLOSED)
    assert only(look(world, PROJECTS + "Retail / new,,,,\n")) == ("wrong", "Retail is closed.")
    assert only(look(world, ROLES + "bob,viewer,Retail,\n")) == ("wrong", "Retail is closed.")


def test_the_fifth_tenant_still_fits(world):
    found = look(world, PROJECTS + "a / b / c / d / e / f,,,,\n")
    assert carry_out(world, found).state == "done"
    assert str(Scope.objects.get(name="f").path).count(".") == 6


def test_one_line_that_says_the_same_as_another_is_wrong(world):
    twice = look(world, PROJECTS + "Retail / new,,,,\nRetail / NEW,1,,,\nRetail / web,,,,\nNordwind / Retail / web,,,,\n")
    assert [outcome for outcome, _said in told(twice)] == ["create", "wrong", "same", "wrong"]
    assert [said for outcome, said in told(twice) if outcome == "wrong"] == [
        "Line 2 is about the same already.",
        "Line 4 is about the same already.",
    ]


# Roles


def test_roles_are_given_and_their_end_is_moved(world):
    give(world.bob, "viewer", world.logistics)
    text = (
        ROLES
        + "alice,approver,Retail,2999-12-31\nBOB@example.org,viewer,Logistics,2999-01-01\nalice,member,Nordwind / Retail / web,\n"
    )
    Assignment.objects.filter(user=world.alice).update(source="manual")
    found = look(world, text)
    assert told(found) == [
        ("create", "New role, until 2999-12-31."),
        ("change", "Ends 2999-01-01 instead of never."),
        ("same", "Held already."),
    ]
    carry_out(world, found)
    given_role = Assignment.objects.get(user=world.alice, role__key="approver")
    assert given_role.expires == datetime(2999, 12, 31, 23, 59, 59, 999999, UTC)
    assert (given_role.scope, given_role.granted_by) == (world.retail, world.erin)
    assert Assignment.objects.get(user=world.bob, scope=world.logistics).expires.year == 2999
    assert events_of(found) == [("tenancy.assign_role", "assignment")] * 2
    assert Notice.objects.filter(user=world.alice, topic="role_given").count() == 1
    assert [outcome for outcome, _said in told(look(world, text))] == ["same"] * 3


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("erin,viewer,Retail,", "Nobody gives herself a role"),
        ("mallory,viewer,Retail,", "Nobody here is known by exactly the name mallory."),
        ("mallory@example.org,viewer,Retail,", "Nobody here is known by exactly the name"),
        ("nobody,viewer,Retail,", "Nobody here is known by exactly the name nobody."),
        ("bob,king,Retail,", "There is no role king here. There are: approver,"),
        ("bob,viewer,Elsewhere,", "There is no Elsewhere in Nordwind."),
        ("bob,viewer,Other,", "There is no Other in Nordwind."),
        ("bob,viewer,,", "There is no “” in Nordwind."),
        ("bob,viewer,Retail,tomorrow", "Write the day as 2030-12-31; tomorrow is none."),
        ("bob,viewer,Retail,2020-01-01", "Choose a later day."),
    ],
)
def test_a_role_that_cannot_be_given_says_why(world, row, why):
    outcome, said = only(look(world, ROLES + row + "\n"))
    assert outcome == "wrong"
    assert why in said


def test_nobody_gives_more_than_she_governs_nor_where_she_does_not(world):
    give(world.alice, "tenant_admin", world.retail)
    found = look(world, ROLES + "bob,organization_admin,Retail / web,\nbob,viewer,Retail / web,\n", "alice", "retail")
    assert told(found)[0][1].startswith("Organization admin may do more than you govern")
    assert told(found)[1][0] == "create"
    assert only(look(world, ROLES + "bob,viewer,Nordwind / Logistics,\n", "alice", "retail"))[0] == "wrong"
    assert only(look(world, PROJECTS + "Retail / Stores / till,,,,\n", "alice", "retail"))[0] == "wrong"
    assert only(look(world, PROJECTS + "Retail / till,,,,\n", "alice", "retail"))[0] == "create"


def test_who_was_made_for_no_organization_yet_may_be_named(world):
    person("fresh")
    assert only(look(world, ROLES + "fresh,viewer,Retail,\n"))[0] == "create"


# People


def test_people_are_made_and_mailed_a_link_by_which_they_sign_in(world, django_capture_on_commit_callbacks):
    text = PEOPLE + "ann,Ann Ark,ann@example.org\nben,,ben@example.org\n"
    found = look(world, text)
    assert [outcome for outcome, _said in told(found)] == ["create", "create"]
    with django_capture_on_commit_callbacks() as callbacks:
        carry_out(world, found)
    assert len(callbacks) == 2
    ann = User.objects.get(username="ann")
    assert (ann.name, ann.email, ann.is_active) == ("Ann Ark", "ann@example.org", True)
    assert not ann.assignments.exists()
    made = Event.objects.get(action="identity.create_account", target_id=str(ann.pk))
    assert (made.actor, made.scope_path, made.cause) == (world.erin, world.nordwind.scope_path, f"import:{found.pk}")
    deliver(ResetMail.objects.get(user=ann).pk, at=clock.now())
    assert "/signin/reset/" in mail.outbox[0].body
    assert mail.outbox[0].to == ["ann@example.org"]
    assert [outcome for outcome, _said in told(look(world, text))] == ["same", "same"]
    assert only(look(world, ROLES + "ann@example.org,viewer,Retail,\n"))[0] == "create"


def test_what_an_import_made_is_nobody_to_another_organization(world):
    carry_out(world, look(world, PEOPLE + "ann,,ann@example.org\n"))
    assert only(look(world, ROLES + "ann,viewer,Elsewhere,\n", "mallory", "other"))[0] == "wrong"
    assert only(look(world, PEOPLE + "ann,,ann@example.org\n", "mallory", "other")) == ("wrong", "This name is taken.")


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("mallory,Mallory Test,mallory@example.org", "This name is taken."),
        ("MALLORY,x,x@example.org", "This name is taken."),
        ("system,x,x@example.org", "This name is taken."),
        ("alice,Alice Test,evil@example.org", "Known already, by another name or address. An import changes nobody."),
        ("alice@example.org,x,x@example.org", "A sign-in name is"),
        ("аlice,x,x@example.org", "A sign-in name is"),
        (",x,x@example.org", "A sign-in name is"),
        ("ann,x,", "Give an e-mail address"),
        ("ann,x,ann", "Give an e-mail address"),
        ("ann," + "x" * 151 + ",ann@example.org", "A name has at most 150 characters."),
    ],
)
def test_an_account_that_cannot_be_made_says_why(world, row, why):
    outcome, said = only(look(world, PEOPLE + row + "\n"))
    assert outcome == "wrong"
    assert why in said


def test_an_import_neither_changes_nor_takes_over_who_is_there(world):
    found = look(world, PEOPLE + "alice,Alice Test,alice@example.org\n")
    assert only(found) == ("same", "Known already.")
    with pytest.raises(Refused):
        carry_out(world, found)
    assert only(look(world, PEOPLE + "fay,Fay,MALLORY@example.org\n"))[0] == "create"
    mallory = User.objects.get(username="mallory")
    assert (mallory.email, mallory.name) == (world.mallory.email, world.mallory.name)


def test_people_take_manage_people_an_organization_and_local_accounts(world, settings):
    give(world.alice, "tenant_admin", world.retail)
    assert only(look(world, PEOPLE + "ann,,ann@example.org\n", "alice", "retail"))[0] == "wrong"
    assert only(look(world, PEOPLE + "ann,,ann@example.org\n", "erin", "retail"))[1].startswith("People belong to an org")
    settings.KEYCLOAK_URL = "http://127.0.0.1:1"
    assert only(look(world, PEOPLE + "ann,,ann@example.org\n"))[1].startswith("People come from the identity service")


# Carrying out


def test_a_second_click_changes_nothing(world):
    found = look(world, ROLES + "bob,viewer,Retail / web,\n")
    carry_out(world, found)
    again = carry_out(world, found)
    assert (again.state, again.text) == ("done", "")
    assert [(step.said, step.facts) for step in imports.steps_of(again)] == [("New role, without an end.", {})]
    assert Event.objects.filter(action="identity.carry_out_import").count() == 1
    assert len(events_of(found)) == 1


def test_nothing_is_done_while_a_row_is_wrong(world):
    found = look(world, ROLES + "bob,viewer,Retail / web,\nnobody,viewer,Retail / web,\n")
    with pytest.raises(Refused):
        carry_out(world, found)
    assert not Assignment.objects.filter(user=world.bob, role__key="viewer").exists()


def test_when_the_world_moved_on_the_difference_is_shown_and_nothing_done(world):
    found = look(world, ROLES + "bob,viewer,Retail / web,\ncarol,viewer,Retail / web,\n")
    give(world.carol, "viewer", world.web)
    shown = carry_out(world, found)
    assert shown.state == "looked"
    assert not Assignment.objects.filter(user=world.bob, role__key="viewer").exists()
    assert [(step.outcome, step.was) for step in imports.steps_of(shown)] == [
        ("create", ""),
        ("same", "New role, without an end."),
    ]
    with pytest.raises(Conflict):
        carry_out(world, found)
    assert carry_out(world, Import.objects.get()).state == "done"
    assert Assignment.objects.filter(role__key="viewer", scope=world.web).count() == 2


def test_what_fails_on_the_way_leaves_nothing_behind(world, monkeypatch):
    found = look(world, PROJECTS + "Retail / one,,,,\nRetail / two,,,,\n")
    create = imports.imports_projects.create_project

    def break_off(tenant, name, **given):
        if name == "two":
            raise NotFound
        return create(tenant, name, **given)

    monkeypatch.setattr(imports.imports_projects, "create_project", break_off)
    with pytest.raises(Conflict):
        carry_out(world, found)
    assert not Scope.objects.filter(name="one").exists()
    assert not events_of(found)
    assert Import.objects.get().state == "looked"


def test_looks_that_led_to_nothing_are_forgotten(world):
    done = look(world, ROLES + "bob,viewer,Retail / web,\n")
    carry_out(world, done)
    look(world, ROLES + "carol,viewer,Retail / web,\n")
    with clock.travel(clock.now() + timedelta(days=8)):
        imports.forget_old()
    assert list(Import.objects.all()) == [done]


@pytest.mark.parametrize("kind", ["people", "projects", "roles"])
def test_a_thousand_rows_are_looked_at_and_carried_out_in_few_statements(world, kind):
    users = User.objects.bulk_create(User(username=f"u{n}", email=f"u{n}@example.org") for n in range(1000))
    project("shop", world.retail)
    rows = {
        "people": [f"new{n},New {n},new{n}@example.org" for n in range(1000)],
        "projects": [f"Retail / p{n},4711,,,u{n}" for n in range(1000)],
        "roles": [f"{user.username},viewer,Retail / shop," for user in users],
    }
    head = {"people": PEOPLE, "projects": PROJECTS, "roles": ROLES}[kind]
    with CaptureQueriesContext(connection) as queries:
        found = look(world, head + "\n".join(rows[kind]))
    assert len(queries) <= 12
    assert found.counts["create"] == 1000
    most = {"people": 40, "projects": 7_000, "roles": 40}[kind]
    with CaptureQueriesContext(connection) as queries:
        carry_out(world, found)
    assert len(queries) <= most
