"""What a program sees of the acts: a card with its ETag, a stale vote, a dry run, a secret once, a file."""

from decimal import Decimal

import pytest

from portal.access.models import Scope, ScopeKind
from portal.approvals.models import Approval
from portal.core import blobs
from portal.events.models import Event
from portal.events.services import record
from portal.metering.models import Export
from portal.metering.services import request_export, set_budget
from portal.notices.models import Notice
from portal.orders.models import Order, OrderItem
from portal.provisioning.models import Resource
from portal.tenancy.models import Hold
from portal.tenancy.services import set_quota


@pytest.fixture
def wish(market, world):
    answers = {"name": "web-1", "region": "eu-west-1", "image": market.image, "disk_gib": 50}
    item = {"plan": str(market.server.pk), "connection": str(market.aws.pk), "answers": answers}
    return {"project": str(world.web.pk), "items": [item]}


@pytest.fixture
def approval(market):
    return Approval.objects.get(subject_id=str(market.place().pk))


def test_the_card_has_an_etag_and_a_vote_may_carry_it(caller, approval):
    bob = caller("bob")
    card = bob.get(f"approvals/{approval.pk}/")
    assert card["ETag"] == f'"{card.json()["hash"]}"'
    assert card.json()["can_vote"]
    assert [person["name"] for person in card.json()["stages"][0]["people"]]
    answer = bob.post(f"approvals/{approval.pk}/vote/", {"choice": "approve"}, If_Match=card["ETag"])
    assert (answer.status_code, answer.json()["approval"]["state"]) == (200, "approved")
    again = bob.post(f"approvals/{approval.pk}/vote/", {"choice": "approve"}, If_Match=card["ETag"])
    assert again.status_code == 200
    other = bob.post(f"approvals/{approval.pk}/vote/", {"choice": "deny", "note": "no"}, If_Match=card["ETag"])
    assert other.status_code == 409


@pytest.mark.usefixtures("fresh_db")
def test_a_card_is_read_outside_any_transaction(caller, approval):
    assert caller("bob").get(f"approvals/{approval.pk}/").status_code == 200


def test_a_vote_on_a_card_whose_facts_moved_says_what_changed(caller, approval):
    OrderItem.objects.update(region="us-east-1")
    Order.objects.update(note="quickly")
    answer = caller("bob").post(f"approvals/{approval.pk}/vote/", {"choice": "approve"}, If_Match=f'"{approval.card_hash}"')
    assert (answer.status_code, answer.json()["code"]) == (409, "stale")
    assert {"name": "note", "before": "", "after": "quickly"} in answer.json()["changes"]
    assert Order.objects.get().state == "waiting"


def test_a_vote_without_a_card_is_no_vote(caller, approval):
    answer = caller("bob").post(f"approvals/{approval.pk}/vote/", {"choice": "approve"})
    assert (answer.status_code, answer.json()["code"]) == (428, "card-needed")
    answer = caller("bob").post(f"approvals/{approval.pk}/vote/", {"choice": "deny"}, If_Match=approval.card_hash)
    assert list(answer.json()["errors"]) == ["note"]


def test_a_dry_run_says_price_quota_budget_and_who_decides_and_writes_nothing(caller, market, wish, world):
    set_quota(world.web, "servers", 3, actor=world.actor("erin"))
    set_budget(world.web, Decimal(500), actor=world.actor("carol"))
    alice = caller("alice")
    before = [model.objects.count() for model in (Order, Approval, Event, Hold, Notice)]
    answer = alice.post("orders/?dry_run=true", wish)
    said = answer.json()
    assert answer.status_code == 200
    assert before == [model.objects.count() for model in (Order, Approval, Event, Hold, Notice)]
    assert (said["is_orderable"], said["problem"], said["rule"]) == (True, None, "")
    assert Decimal(said["cost_per_month"]["amount"]) == 730 * (Decimal("0.0208") + 50 * Decimal("0.00011"))
    assert [(room["dimension"], room["left"]) for room in said["quotas"]] == [("servers", 2)]
    assert Decimal(said["budget"]["left"]["amount"]) == 500 - Decimal(said["cost_per_month"]["amount"])
    assert "Bob Test" in {person["name"] for stage in said["stages"] for person in stage["people"]}


def test_a_dry_run_tells_what_an_order_would_be_refused_for(caller, wish, world):
    set_quota(world.web, "servers", 0, actor=world.actor("erin"))
    said = caller("alice").post("orders/?dry_run=true", wish).json()
    assert (said["is_orderable"], said["problem"]["code"], said["problem"]["missing"]) == (False, "quota-exceeded", 1)
    wish["items"].append({"plan": wish["items"][0]["plan"], "answers": {"name": "UPPER"}})
    said = caller("alice").post("orders/?dry_run=true", wish).json()
    assert [bool(item["problem"]) for item in said["items"]] == [False, True]
    assert "name" in said["items"][1]["problem"]["errors"]
    order = caller("alice").post("orders/", wish, Idempotency_Key="k")
    assert order.status_code == 400


def test_over_budget_and_over_quota_are_told_with_what_is_missing(caller, wish, world):
    set_budget(world.web, Decimal(1), actor=world.actor("carol"))
    answer = caller("alice").post("orders/", wish, Idempotency_Key="k1")
    assert (answer.status_code, answer.json()["code"], answer.json()["currency"]) == (422, "over-budget", "EUR")
    said = caller("alice").post("orders/?dry_run=true", wish).json()
    assert (said["problem"]["code"], said["budget"]["is_over"]) == ("over-budget", True)


def test_the_secret_is_read_once_and_rotated_when_lost(caller, market):
    market.approve(market.place(market.database_draft()))
    market.work()
    path, alice = f"resources/{Resource.objects.get().pk}/", caller("alice")
    answer = alice.post(f"{path}secret/")
    assert answer.json()["secret"].startswith("postgres")
    assert answer["Cache-Control"] == "no-store"
    assert alice.post(f"{path}secret/").status_code == 404
    assert alice.post(f"{path}rotate/", Idempotency_Key="r").status_code == 202
    assert alice.post(f"{path}rotate/", Idempotency_Key="r")["Idempotent-Replayed"] == "true"
    market.work()
    assert alice.post(f"{path}secret/").json()["secret"] != answer.json()["secret"]
    assert answer.json()["secret"].split(":")[2].split("@")[0] not in str(Event.objects.values_list("detail"))


def test_an_order_for_somebody_else_names_a_person_of_the_project(caller, wish, world):
    made = caller("alice").post("orders/", {**wish, "beneficiary": str(world.bob.pk)}, Idempotency_Key="k1")
    assert made.json()["beneficiary"]["id"] == str(world.bob.pk)
    answer = caller("alice").post("orders/", {**wish, "beneficiary": str(world.mallory.pk)}, Idempotency_Key="k2")
    assert list(answer.json()["errors"]) == ["beneficiary"]


def test_a_connection_shows_its_checks_and_never_its_credentials(caller, market, world):
    body = {"scope": str(world.nordwind.pk), "provider": "aws", "name": "second", "config": {"regions": "eu-west-1"}}
    body["credentials"] = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "hidden-from-all"}
    dave = caller("dave")
    answer = dave.post("connections/", body)
    assert answer.status_code == 201
    made = dave.get(answer["Location"].removeprefix("/api/"))
    assert (made.json()["state"], made.json()["check"]["passed"]) == ("checking", None)
    assert "hidden-from-all" not in answer.content.decode() + made.content.decode()
    wrong = dave.post("connections/", {**body, "name": "third", "credentials": {"user": "x"}, "rung": "all"})
    assert {"credentials-user", "rung"} <= set(wrong.json()["errors"])


def test_the_file_of_an_export_comes_as_it_is_and_is_an_event(caller, world, tmp_path, settings):
    settings.BLOB_URL = str(tmp_path / "blobs")
    export = request_export(world.nordwind, "2026-01", actor=world.actor("carol"), format="csv")
    carol = caller("carol")
    assert carol.get(f"exports/{export.pk}/download/").status_code == 409
    (tmp_path / "file").write_text("BilledCost\n1\n")
    Export.objects.filter(pk=export.pk).update(state="ready", blob=blobs.put_file(tmp_path / "file"))
    answer = carol.get(f"exports/{export.pk}/download/", Accept="text/csv")
    assert b"".join(answer.streaming_content) == b"BilledCost\n1\n"
    assert (answer["Content-Type"], answer["Content-Disposition"]) == (
        "text/csv; charset=utf-8",
        'attachment; filename="focus-nordwind-2026-01.csv"',
    )
    assert Event.objects.filter(action="metering.download_export").count() == 1
    assert caller("mallory").get(f"exports/{export.pk}/download/").status_code == 404


def test_notices_are_read_one_by_one_and_all_at_once(caller, market):
    market.place()
    bob = caller("bob")
    [notice] = bob.get("notices/").json()["results"]
    assert caller("alice").post(f"notices/{notice['id']}/read/").status_code == 404
    assert bob.post(f"notices/{notice['id']}/read/").json()["read_at"]
    assert bob.post("notices/read/").json() == {"changed": 0}


LONG = ["scopes/", "orders/", "approvals/", "resources/", "resources/unmanaged/", "events/"]
LISTS = [*LONG, "approvals/inbox/", "offerings/", "connections/", "exports/", "budgets/", "notices/", "tokens/"]


def test_a_list_of_fifty_takes_few_queries_for_every_role(caller, market, world, in_few_queries):
    for number in range(55):
        market.place(market.draft(f"web-{number}"), key=f"k{number}")
        record("tenancy.rename", world.web, actor=world.actor("erin"), number=number)
        Scope.objects.create(scope_kind=ScopeKind.PROJECT, parent=world.retail, name=f"p{number}", slug=f"p{number}")
    ours = {"connection": market.aws, "region": "eu-west-1", "capability": "compute", "plan": market.server}
    ours |= {"version": market.server.version, "project": world.web}
    found = {**ours, "plan": None, "version": None, "project": None, "state": "running"}
    rows = [Resource(**ours, name=f"w{number}") for number in range(55)]
    Resource.objects.bulk_create(
        [*rows, *(Resource(**found, name=f"u{number}", external_id=f"u{number}") for number in range(55))]
    )
    for name in ("alice", "bob", "carol", "dave", "erin"):
        who = caller(name)
        for path in LISTS:
            answer = in_few_queries(who, path)
            assert answer.status_code == 200
            if name == "erin" and path in LONG:
                assert len(answer.json()["results"]) == 50, path


def test_a_list_is_walked_by_its_cursor_to_the_end_and_back(caller, world):
    for number in range(25):
        record("tenancy.rename", world.web, actor=world.actor("erin"), number=number)
    erin, seen, path = caller("erin"), [], "events/?limit=7&q=tenancy.rename"
    while path:
        page = erin.get(path).json()
        seen += [row["detail"]["number"] for row in page["results"]]
        path = page["next"] and page["next"].split("/api/")[1]
    assert seen == list(range(24, -1, -1))
    assert page["previous"]
