"""The schema is whole and valid, and the page that shows it renders in a browser under the strict policy."""

import re
import shutil

import pytest
from django.core.management import call_command
from django.urls import get_resolver
from playwright.sync_api import sync_playwright

from portal.access.models import Token
from tests.cast import PASSWORD


def operations(document):
    return [operation for methods in document["paths"].values() for operation in methods.values()]


def test_the_schema_is_valid_without_a_warning(tmp_path, db):
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yml"))


def test_it_is_served_to_who_is_signed_in_and_says_3_1(caller, client):
    assert client.get("/api/schema/").status_code == 401
    document = caller("alice").get("schema/").json()
    assert document["openapi"].startswith("3.1")
    assert not Token.objects.filter(revoked_at__isnull=False).exists()
    assert {"token", "session"} <= set(document["components"]["securitySchemes"])


def test_every_address_is_in_it_and_every_operation_says_how_it_fails(caller):
    document = caller("alice").get("schema/").json()
    found = next(each for each in get_resolver().url_patterns if str(each.pattern) == "api/").url_patterns
    left_out = {"schema/", "docs/", "problems/<slug:code>/", ""}
    known = [f"/api/{each.pattern}" for each in found if str(each.pattern) not in left_out]
    paths = {re.sub(r"<(?:uuid|int):(\w+)>", r"{\1}", path).replace("{pk}", "{id}") for path in known}
    assert {path.replace("{pk}", "{id}") for path in document["paths"]} == paths
    for operation in operations(document):
        assert operation["responses"]["default"] == {"$ref": "#/components/responses/Problem"}
        assert operation["description"], operation["operationId"]


def test_creating_acts_say_that_they_take_a_key(caller):
    document = caller("alice").get("schema/").json()
    keyed = {
        operation["operationId"]: part.get("required", False)
        for operation in operations(document)
        for part in operation.get("parameters", [])
        if part["name"] == "Idempotency-Key"
    }
    assert keyed == {
        "orders_create": True,
        "order_drafts_create": False,
        "delegations_create": False,
        "approvals_comment": False,
        "approvals_ask": False,
        "invitations_create": False,
        "project_asks_create": False,
        "join_asks_create": False,
        "quota_asks_create": False,
        "budget_asks_create": False,
        "break_glass_create": False,
        "identity_providers_create": False,
        "connections_create": False,
        "exports_create": False,
        "policies_propose": False,
        "policies_retire": False,
        "calendars_create": False,
        "reviews_start": False,
        "roles_create": False,
        "assignments_create": False,
        "scope_shares_create": False,
        "resource_shares_create": False,
        "groups_create": False,
        "tokens_create": False,
        "tokens_rotate": False,
        "service_accounts_create": False,
        "service_accounts_create_token": False,
        "leases_ask": False,
        "lease_offers_create": False,
        "resources_operate": False,
        "resources_rotate": False,
        "subscriptions_create": False,
        "subscriptions_rotate": False,
        "subscriptions_test": False,
    }


def test_the_page_is_for_who_is_signed_in(client, db):
    assert client.get("/api/docs/")["Location"] == "/signin/?next=/api/docs/"


@pytest.mark.skipif(not shutil.which("chromium"), reason="no chromium")
@pytest.mark.usefixtures("fresh_db")
def test_the_page_renders_in_a_browser_without_a_word_on_the_console(world, portal_url):
    said = []
    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"{portal_url}/signin/?next=/api/docs/")
        page.fill("[name=username]", "alice")
        page.fill("[name=password]", PASSWORD)
        page.keyboard.press("Enter")
        page.click("#operations-tag-orders", timeout=30_000)
        page.wait_for_selector("#operations-orders-orders_create", timeout=30_000)
        page.click("#operations-tag-me")
        page.click("#operations-me-me_read button")
        page.click("text=Try it out")
        page.click("text=Execute")
        page.wait_for_selector(".live-responses-table .response", timeout=20_000)
        answer = page.inner_text(".live-responses-table")
        browser.close()
    assert "Alice Test" in answer
    assert said == []
