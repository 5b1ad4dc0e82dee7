"""Every address of the pages names the permission it takes in portal.web.takes, and the line is true."""

from functools import partial

import pytest
from django.db import transaction
from django.urls import NoReverseMatch, reverse

from portal.access.models import Assignment, Role
from portal.access.permissions import PERMISSIONS
from portal.approvals.models import Approval
from portal.orders.models import Order
from portal.tenancy.models import Acceptance
from portal.web import takes
from portal.web.takes import TAKES, Free, Takes
from portal.web.urls import urlpatterns
from tests.addresses import addresses, one_of_each
from tests.cast import person

DENIED = (403, 404)
BODIES = {
    "resource-operate": {"verb": "stop"},
    "approval": {"choice": "approve", "card_hash": "another"},
    "resource-owner": {"to": "carol"},
    "queue-run": {"task": "orders.sweep"},
}


def test_every_address_has_its_line():
    names = {pattern.name for pattern in urlpatterns}
    missing = sorted(str(name) for name in names - set(TAKES))
    assert not missing, f"Say in portal/web/takes.py what these take, or why they take nothing: {', '.join(missing)}"
    assert not sorted(set(TAKES) - names), "these lines of portal/web/takes.py name no address any more"


def test_every_line_names_permissions_that_there_are():
    named = {name for line in TAKES.values() if isinstance(line, Takes) for part in line for name in several(part)}
    assert named <= set(PERMISSIONS)
    assert all(line.reading or line.acting for line in TAKES.values() if isinstance(line, Takes))


def test_what_is_handed_out_is_an_address():
    assert set(TAKES) >= takes.HANDED_OUT


def test_each_line_is_true(market, world, signed_in, settings):
    """Who holds everything but the permission is refused; who holds that too, or any one of several, is not."""
    settings.KEYCLOAK_URL = "http://127.0.0.1:9"
    things = one_of_each(market)
    role = Role.objects.create(key="probe", name="Probe")
    probe = world.people["probe"] = person("probe")
    Assignment.objects.create(user=probe, role=role, scope=world.nordwind)
    Acceptance.objects.create(user=probe, terms_id=things["terms"])
    browser, wrong, seen = signed_in("probe"), [], set()
    for name, path, line, body in cases(things, world):
        for method, permission in (("get", line.reading), ("post", line.acting)):
            for lacks in (several(permission), *all_but_one(permission)) if permission else ():
                hers = probe if name in ("order-withdraw", "order-resubmit") else None
                answer = ask(browser, role, lacks, method, f"/{path}", body, asked_by=hers)
                if (answer in DENIED) != (lacks == several(permission)) or answer in (405, 500):
                    wrong.append(f"{method} {path} without {lacks or 'nothing'}: {answer}")
        seen.add(name)
    assert not wrong, "\n".join(wrong)
    assert seen == {name for name, line in TAKES.items() if isinstance(line, Takes)}


def cases(things, world):
    """(name, address, line, what is sent) of every address that takes something; of those of scopes for each kind."""
    for name, path, _pattern in addresses(urlpatterns, things):
        line = TAKES[name]
        if isinstance(line, Takes) and line.acting == takes.SCOPES:
            act = path.split("/")[2]
            tenant, project = (world.nordwind, world.retail) if act == "create" else (world.retail, world.web)
            for kind, place in (("tenant", tenant), ("project", project)):
                yield (
                    name,
                    f"scopes/{place.pk}/{act}/",
                    Takes("", f"manage_{kind}s"),
                    {"kind": kind, "name": "new", "to": "carol"},
                )
        elif isinstance(line, Takes):
            yield name, path, line, BODIES.get(name, {})


@pytest.mark.parametrize("name", sorted(name for name, line in TAKES.items() if line in (Free.EACH, Free.OWN)))
def test_what_is_free_for_everybody_signed_in_is_closed_to_everybody_else(client, db, name):
    path = next(path for path in map(partial(reversed_with, name), range(3)) if path)
    answer = client.get(path) if client.get(path).status_code != 405 else client.post(path)
    if name not in ("choose-language",):
        assert (answer.status_code, answer.url.split("?")[0]) == (302, "/signin/")


def reversed_with(name, count):
    """The address with as many ids that name nothing; None where it takes another number."""
    try:
        return reverse(name, args=["00000000-0000-0000-0000-000000000000"] * count)
    except NoReverseMatch:
        return None


def several(permission):
    return (permission,) if isinstance(permission, str) and permission else tuple(permission)


def all_but_one(permission):
    """What somebody lacks who holds just one of them, for each."""
    return [tuple(other for other in several(permission) if other != one) for one in several(permission)]


def ask(browser, role, lacks, method, path, body, *, asked_by=None):
    """The status for who holds everything but `lacks`, and placed the orders herself where that matters; nothing of it stays."""
    with transaction.atomic():
        if asked_by:
            Order.objects.update(requester=asked_by)
            Approval.objects.update(requester=asked_by)
        Role.objects.filter(pk=role.pk).update(permissions=sorted(set(PERMISSIONS) - set(lacks)))
        answer = getattr(browser, method)(path, body)
        transaction.set_rollback(True)
    return answer.status_code
