"""Every error is problem+json, whoever raises it, and bad input is told by field and loses nothing."""

import json

import pytest
from django.test import Client

from portal.api import me, problems
from portal.orders.models import Order

STANDARD = {"type", "title", "status", "code", "instance", "correlation_id"}


def told(answer):
    """The problem of an answer, with its standard members checked."""
    assert answer["Content-Type"] == "application/problem+json"
    said = json.loads(answer.content)
    assert set(said) >= STANDARD
    assert said["status"] == answer.status_code
    assert said["correlation_id"] == answer["X-Correlation-Id"]
    return said


def test_without_a_token_there_is_a_challenge(client, db):
    answer = client.get("/api/me/")
    assert (answer.status_code, told(answer)["code"]) == (401, "unauthenticated")
    assert answer["WWW-Authenticate"] == 'Bearer realm="concord"'


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer nothing", "Basic YTpi", "Token x", "Bearer ccd_0123456789ab_" + "x" * 43]
)
def test_a_wrong_token_is_refused_even_beside_a_session(client, world, header):
    client.force_login(world.alice)
    answer = client.get("/api/me/", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    told(answer)


def test_who_guesses_tokens_is_told_to_wait_and_a_good_one_still_opens(client, caller):
    answers = [client.get("/api/me/", headers={"Authorization": f"Bearer {number}"}) for number in range(31)]
    assert [answer.status_code for answer in answers[29:]] == [401, 429]
    assert int(answers[30]["Retry-After"]) > 0
    assert told(answers[30])["code"] == "too-many-requests"
    assert caller("alice").get("me/").status_code == 200


@pytest.mark.parametrize("path", ["nothing/", "orders", "orders/1/", "orders/not-an-id/", ""])
def test_an_address_that_is_none_is_a_problem_too(client, db, path):
    for method in (client.get, client.post, client.delete):
        answer = method(f"/api/{path}")
        assert (answer.status_code, told(answer)["code"]) == (404, "not-found")


def test_a_method_that_is_not_there(caller):
    answer = caller("alice").send("DELETE", "orders/")
    assert (answer.status_code, told(answer)["code"]) == (405, "method-not-allowed")
    assert "POST" in answer["Allow"]


def test_only_json_is_read(caller):
    alice = caller("alice")
    answer = alice.client.post("/api/orders/?dry_run=true", {"project": "x"}, headers=alice.headers)
    assert (answer.status_code, told(answer)["code"]) == (415, "unsupported-media-type")


NESTED = b'{"a":' * 40 + b"1" + b"}" * 40
BODIES = [
    b"{",
    b"\xff\xfe",
    b'{"project": NaN}',
    b'{"note": 1e999}',
    b'{"note": "\\u0000"}',
    b'{"note": "\\ud800"}',
    b'{"\\u0000": 1}',
    NESTED,
    b"[" * 100_000,
    b"9" * 5_000,
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_what_is_no_json_or_cannot_be_kept_is_refused(caller, body):
    answer = caller("alice").post("orders/", body, Idempotency_Key="k")
    assert (answer.status_code, told(answer)["code"]) == (400, "malformed")


@pytest.mark.parametrize("body", ["[]", '"text"', "null", "7", "{}"])
def test_a_body_of_another_shape_says_what_is_missing(caller, body):
    answer = caller("alice").post("orders/", body, Idempotency_Key="k")
    assert (answer.status_code, told(answer)["code"]) == (400, "invalid")
    assert answer.json()["errors"]


def test_a_body_that_is_too_large(caller, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    for key in ({}, {"Idempotency_Key": "k"}):
        answer = caller("alice").post("tokens/", {"name": "x" * 2000}, **key)
        assert (answer.status_code, told(answer)["code"]) == (413, "too-large")


HOSTILE = [
    ({"name": "Web 1"}, "name"),
    ({"name": "x" * 20_000}, "name"),
    ({"name": ["web"]}, "name"),
    ({"name": "web", "disk_gib": 10**30}, "disk_gib"),
    ({"name": "web", "disk_gib": "20; DROP TABLE"}, "disk_gib"),
    ({"name": "web", "disk_gib": 20.5}, "disk_gib"),
    ({"name": "web", "disk_gib": -1}, "disk_gib"),
    ({"name": "web", "size": "p5.48xlarge"}, "size"),
    ({"name": "web", "image": "ami-none"}, "image"),
    ({"name": "web", "root": True}, "root"),
    ({"name": "web", "region": "mars-1"}, "region"),
]


@pytest.mark.parametrize(("answers", "field"), HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_answers_are_named_by_field_and_nothing_is_ordered(caller, market, world, answers, field):
    answers = {"region": "eu-west-1", "image": market.image, **answers}
    item = {"plan": str(market.server.pk), "connection": str(market.aws.pk), "answers": answers}
    answer = caller("alice").post("orders/", {"project": str(world.web.pk), "items": [item]}, Idempotency_Key="k")
    assert answer.status_code == 400
    assert field in told(answer)["errors"]
    assert not Order.objects.exists()


def test_a_whole_number_written_with_a_point_is_whole(caller, market, world):
    answers = {"region": "eu-west-1", "image": market.image, "name": "web-1"}
    item = {"plan": str(market.server.pk), "connection": str(market.aws.pk), "answers": answers}
    body = json.dumps({"project": str(world.web.pk), "items": [item]})
    body = body.replace('"name": "web-1"', '"name": "web-1", "disk_gib": 2.0e1')
    answer = caller("alice").post("orders/", body, Idempotency_Key="k")
    assert answer.status_code == 201
    assert answer.json()["items"][0]["spec"]["disk_gib"] == 20


def test_a_field_nobody_knows_is_no_slip_that_goes_unseen(caller):
    answer = caller("alice").post("tokens/", {"name": "x", "expires": "2027-01-01T00:00:00Z", "permission": ["vote"]})
    assert told(answer)["errors"] == {"permission": ["This field is not known here."]}


def test_messages_within_lists_are_named_by_place(caller):
    body = {"project": "x", "items": [{}, {"plan": "y"}]}
    errors = told(caller("alice").post("orders/", body, Idempotency_Key="k"))["errors"]
    assert set(errors) == {"project", "items.1.plan"}


FILTERS = ["orders/?state=lost", "orders/?since=tomorrow", "orders/?stat=done", "events/?q=%00", "connections/?health=1"]
FILTERS += ["approvals/?kind=none", "resources/?capability=x", "scopes/?page=2", "cost/?period=2026-13", "cost/?period=1"]


@pytest.mark.parametrize("path", FILTERS)
def test_a_filter_that_is_not_read_is_an_error(caller, path):
    assert told(caller("erin").get(path))["code"] == "invalid"


@pytest.mark.parametrize("cursor", ["x", "cD14eXo=", "cD0lMDA=", "bz05OTk5OTk5OTk5OTk=", "%00", "cD0yMDI2"])
@pytest.mark.parametrize("path", ["orders/", "events/", "connections/", "scopes/", "budgets/"])
def test_a_made_up_cursor_is_no_fault_of_ours(caller, path, cursor):
    assert caller("erin").get(f"{path}?cursor={cursor}").status_code in (200, 404)


def test_a_fault_of_ours_says_nothing_but_the_correlation_id(caller, monkeypatch, caplog):
    alice = caller("alice")
    alice.client.raise_request_exception = False
    monkeypatch.setattr(me, "roles_of", lambda actor: 1 / 0)
    answer = alice.get("me/")
    said = told(answer)
    assert (said["code"], said.get("detail")) == ("error", None)
    assert "division" not in answer.content.decode()
    assert said["correlation_id"] in caplog.text


def test_the_caller_s_correlation_id_comes_back(caller):
    assert told(caller("alice").get("orders/none/", X_Correlation_Id="from-my-side-1"))["correlation_id"]


def test_every_problem_has_a_page_that_says_what_it_means(client, db):
    for code in problems.catalogue():
        answer = client.get(f"/api/problems/{code}/")
        assert answer.status_code == 200, code
        assert answer.json()["title"]
    assert client.get("/api/problems/none/").status_code == 404


def test_a_session_writes_only_with_the_token_of_a_page(world):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(world.alice)
    session = browser.session
    session.update(
        {"epoch": 0, "method": "password", "began": "2999-01-01T00:00:00+00:00", "seen": "2999-01-01T00:00:00+00:00"}
    )
    session.save()
    assert browser.get("/api/me/").json()["method"] == "password"
    answer = browser.post("/api/notices/read/", "{}", content_type="application/json")
    assert (answer.status_code, told(answer)["code"]) == (403, "forbidden")
    browser.cookies["csrftoken"] = "a" * 32
    headers = {"X-CSRFToken": "a" * 32}
    assert browser.post("/api/notices/read/", "{}", content_type="application/json", headers=headers).status_code == 200
