"""An id of others in a form or a query is answered like one that never was, on every page."""

import re
import uuid
from functools import partial
from urllib.parse import urlsplit

from django.db import transaction

from portal.core import clock
from portal.events.models import Event
from portal.web.takes import TAKES, Free
from portal.web.urls import urlpatterns
from tests.addresses import addresses, never_were, one_of_each, one_of_hers
from tests.forms import Form, forms_of

NAMES = {
    "beneficiary": "people",
    "scope": "scopes",
    "project": "scopes",
    "tenant": "tenant",
    "organization": "organization",
    "connection": "connections",
    "plan": "plan",
    "item": "review-item",
    "role": "roles",
    "group": "groups",
    "user": "robot",
    "account": "robot",
    "f-place": "scopes",
    "s0-at": "scopes",
}
"""What a field of this name names; a new name needs its line here."""
READ = {
    "budget-set": {"scope": "scopes"},
    "events": {"scope": "scopes"},
    "reviews": {"scope": "scopes"},
    "service-accounts": {"scope": "scopes"},
    "resources": {"connection": "connections"},
    "offering": {"project": "scopes", "connection": "connections", "plan": "plan"},
    "import-result": {"again": "imports"},
    "imports": {"again": "imports"},
    "approval-statistics": {"scope": "scopes"},
    "policies-simulator": {"scope": "scopes", "past": "approvals", "f-place": "scopes"},
    "why": {"id": "scopes", "scope": "scopes", "person": "people"},
}
"""The pages that read an id from their query, and what it names."""
ABOUT = {"kind": "scope", "permission": "view_scope"}  # what the page that explains access asks beside
ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{32}\b")
DULL = re.compile(r'name="csrfmiddlewaretoken"[^>]*>|X-CSRFToken": "\w+"|(?:value|href|action)="[^"]*\?[^"]*"')


def test_an_id_of_others_in_a_form_is_answered_like_one_that_never_was(market, world, signed_in, settings):
    settings.KEYCLOAK_URL = "http://127.0.0.1:9"
    theirs = one_of_each(market)
    hers = never_were(theirs) | one_of_hers(market)
    browser, wrong, tried, now = signed_in("mallory"), [], set(), clock.now()
    for url, form, place in own_forms(browser, hers):
        for field in form.ids:
            with clock.travel(now):  # so that ages do not differ
                foreign, never, own = (
                    ask(browser, world, form, place, {field: str(pk)})
                    for pk in (theirs[NAMES[field]], uuid.uuid4(), form.sent[field])
                )
            if foreign != never:
                wrong.append(f"{url}, {field}: {differing(foreign, never)}")
            if foreign == own:
                wrong.append(f"{url}, {field}: her own is answered like it, so nothing is proven")
            tried.add((url, field))
    assert not wrong, "\n".join(wrong)
    assert {field for _url, field in tried} == set(NAMES)
    assert len(tried) >= 20, tried


def test_an_id_of_others_in_a_query_is_answered_like_one_that_never_was(market, world, signed_in, settings):
    settings.KEYCLOAK_URL = "http://127.0.0.1:9"
    theirs = one_of_each(market)
    hers = never_were(theirs) | one_of_hers(market)
    browser, wrong, now = signed_in("mallory"), [], clock.now()
    for url, path, _pattern in addresses(urlpatterns, hers):
        look = partial(ask, browser, world, Form("get", ""), f"/{path}")
        for word, named in READ.get(url, {}).items():
            with clock.travel(now):  # so that ages do not differ
                foreign, never = look(ABOUT | {word: str(theirs[named])}), look(ABOUT | {word: str(uuid.uuid4())})
            if foreign != never:
                wrong.append(f"{url} ?{word}=: {differing(foreign, never)}")
    assert not wrong, "\n".join(wrong)
    assert set(READ) <= {url for url, _path, _pattern in addresses(urlpatterns, hers)}


def own_forms(browser, hers):
    """(URL name, form, where it goes) of every form that mallory is shown and that offers ids."""
    for url, path, _pattern in addresses(urlpatterns, hers):
        answer = browser.get(f"/{path}") if TAKES[url] is not Free.OUTSIDE else None
        if answer is None or answer.status_code != 200 or "html" not in answer.headers["Content-Type"]:
            continue
        for form in forms_of(answer.content.decode()):
            if form.ids:
                yield url, form, urlsplit(form.action).path or f"/{path}"


def ask(browser, world, form, place, changed):
    """Status, where it leads, what it says, without ids, and what it would have written in nordwind; nothing of it stays."""
    with transaction.atomic():
        before = Event.objects.filter(scope_path__within_any=[world.nordwind.path]).count()
        answer = getattr(browser, form.method)(place, form.sent | changed)
        written = Event.objects.filter(scope_path__within_any=[world.nordwind.path]).count() - before
        transaction.set_rollback(True)
    text = DULL.sub("", answer.content.decode().replace(answer.headers["X-Correlation-Id"], ""))
    return answer.status_code, ID.sub("", answer.headers.get("Location", "")), ID.sub("", text), written


def differing(one, other):
    """What two answers do not share, for who reads the failure."""
    if one[:2] != other[:2]:
        return f"{one[:2]}, for none {other[:2]}"
    return sorted(set(one[2].splitlines()) ^ set(other[2].splitlines()))[:4]
