"""Environment and data class: a scope's own, else those of the nearest scope above that says."""

import importlib
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection

from portal.access.classes import check_classes, classes_of, inherited
from portal.access.models import Scope
from portal.approvals.kinds import context_of, risk_of
from portal.core.errors import Invalid


def said(environment="", data_class=""):
    return Scope(environment=environment, data_class=data_class)


@pytest.mark.parametrize(
    ("chain", "holds"),
    [
        ([], ("", "")),
        ([said()], ("", "")),
        ([said("produce", "internal"), said(), said()], ("produce", "internal")),
        ([said("produce", "internal"), said("develop"), said()], ("develop", "internal")),
        ([said("produce"), said("", "restricted"), said("try")], ("try", "restricted")),
    ],
)
def test_the_nearest_that_says_holds(chain, holds):
    found = inherited(chain)
    assert (found.environment, found.data_class) == holds
    assert (found.environment_of is None) == (not holds[0])


def test_a_project_has_what_its_tenant_says_and_policies_are_asked_with_it(world):
    Scope.objects.filter(pk=world.nordwind.pk).update(data_class="internal", environment="try")
    Scope.objects.filter(pk=world.retail.pk).update(data_class="restricted")
    found = classes_of(world.web)
    assert (found.environment, found.data_class) == ("try", "restricted")
    assert (found.data_class_of, found.environment_of) == (world.retail, world.nordwind)
    asked = context_of("order", world.web, world.alice)
    assert (asked["environment"], asked["data_class"]) == ("try", "restricted")
    assert asked["risk"] == risk_of("order", found) == "medium"
    assert classes_of(world.fleet).data_class == "internal"
    assert classes_of(world.other_project).data_class == ""


@pytest.mark.parametrize(
    ("word", "field"), [("production", "environment"), ("Produce", "environment"), ("secret", "data_class")]
)
def test_other_words_are_refused_by_name(word, field):
    with pytest.raises(Invalid) as refused:
        check_classes(**{"environment": "", "data_class": "", field: word})
    assert list(refused.value.extra["fields"]) == [field]


def test_the_words_of_before_become_those_of_the_vocabulary(world):
    before = {
        world.nordwind: ("production", "confidential"),
        world.retail: ("Staging", "public"),
        world.web: ("test", "top secret"),
        world.fleet: ("development", ""),
        world.logistics: ("produce", "restricted"),
    }
    for scope, (environment, data_class) in before.items():
        Scope.objects.filter(pk=scope.pk).update(environment=environment, data_class=data_class)
    migration = importlib.import_module("portal.access.migrations.0007_classes")
    migration.translate(apps, SimpleNamespace(connection=connection))
    now = {scope.pk: (scope.environment, scope.data_class) for scope in Scope.objects.all()}
    assert [now[scope.pk] for scope in before] == [
        ("produce", "restricted"),
        ("develop", "public"),
        ("try", ""),
        ("develop", ""),
        ("produce", "restricted"),
    ]
