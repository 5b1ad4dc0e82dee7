"""The demo fills an empty database, once, and only where it was asked for."""

import json
import stat

import pytest
from django.core.management import CommandError, call_command

from portal.access.models import Assignment, Scope
from portal.catalogue.models import Offering
from portal.events.models import Event


@pytest.fixture
def home(settings, tmp_path):
    settings.PORTAL_HOME = tmp_path
    settings.PORTAL_DEMO = True
    return tmp_path


def test_the_cast_can_sign_in(db, home, client):
    call_command("seed_demo", verbosity=0)
    written = home / "demo-people.json"
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    people = json.loads(written.read_text())
    assert {person["username"] for person in people} >= {"alice", "bob", "carol", "dave", "erin", "mallory"}
    for person in people:
        answer = client.post("/signin/", {"username": person["username"], "password": person["password"]})
        assert answer.status_code == 302, person
        assert client.get("/").status_code == 200


def test_everything_of_the_demo_was_made_by_the_services(db, home):
    call_command("seed_demo", verbosity=0)
    made = Event.objects.filter(action__in=("tenancy.create_organization", "tenancy.create_tenant", "tenancy.create_project"))
    assert made.count() == Scope.objects.count()
    assert Event.objects.filter(action="tenancy.assign_role").count() == Assignment.objects.count()
    assert set(Offering.objects.values_list("name", flat=True)) == {"Linux server", "PostgreSQL database"}


def test_it_is_refused_where_something_is_already(world, home):
    with pytest.raises(CommandError):
        call_command("seed_demo", verbosity=0)


def test_it_is_refused_in_production(db, settings):
    settings.PORTAL_DEMO = False
    with pytest.raises(CommandError):
        call_command("seed_demo", verbosity=0)
    assert not Scope.objects.exists()
