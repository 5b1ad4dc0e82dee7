"""The story of the README in one run: order, decide, use, measure, connect, end, as its people do it in a browser."""

import csv
import re
from decimal import Decimal
from pathlib import Path

import boto3
import psycopg
import pytest
from playwright.sync_api import expect

from tests.story.acts import SLOW, becomes, decide
from tests.story.conftest import Site
from tests.story.reader import Reader

pytestmark = pytest.mark.timeout(600)


def order(alice: Reader, service: str, name: str, plan: str) -> str:
    """Find a service in the catalogue and order it for the project web; the order's address."""
    page = alice.open("/catalogue/")
    page.get_by_role("link", name=service).first.click()
    alice.check()
    page.locator("label.plan", has_text=plan).click()
    alice.picture("offering")
    page.get_by_label("Name", exact=True).fill(name)
    image = page.get_by_label("Image")
    if image.count():
        image.select_option(index=1)
    expect(page.locator("#quote")).to_contain_text("a month")
    expect(page.locator("#quote")).to_contain_text("Budget of web")
    alice.check()
    page.get_by_role("button", name="Place order").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    alice.check()
    return page.url


def opens(dsn: str) -> bool:
    try:
        with psycopg.connect(dsn, connect_timeout=5) as database:
            return database.execute("SELECT current_database()").fetchone() is not None
    except psycopg.OperationalError:
        return False


def servers(site: Site, cloud: str, region: str) -> dict[str, str]:
    """Name -> state, as the cloud's own client shows it."""
    keys = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "secret"}
    client = boto3.client("ec2", endpoint_url=f"http://127.0.0.1:{site.ports[cloud]}", region_name=region, **keys)
    groups = client.describe_instances()["Reservations"]
    found = [each for group in groups for each in group["Instances"]]
    return {tag["Value"]: each["State"]["Name"] for each in found for tag in each.get("Tags", []) if tag["Key"] == "Name"}


def test_the_story(open_as, site, tmp_path):
    alice, bob, carol, dave, erin = map(open_as, ("alice", "bob", "carol", "dave", "erin"))

    # alice orders a server and a database; bob's bell and inbox show them
    server_order = order(alice, "Linux server", "story-web", "Small")
    becomes(alice.page, "Waiting")
    alice.picture("order-waiting")
    database_order = order(alice, "PostgreSQL database", "story-db", "Small")
    page = bob.open("/")
    expect(page.locator("#bell .count")).to_be_visible()
    bob.picture("home-approver")
    bob.open("/inbox/")

    # she cannot decide on her own order, nor by its address
    page = bob.page
    page.locator(".split-list").get_by_text("story-web").first.click()
    expect(page.locator("#card-title")).to_contain_text("story-web")
    bob.picture("card")
    own = alice.page.goto(page.url)
    assert own.status in (200, 404)
    expect(alice.page.get_by_role("button", name="Approve")).to_have_count(0)

    # bob approves one, denies the other with a reason; a second try is approved
    alice.page.goto(server_order)
    decide(bob, "story-web", "Approve")
    decide(bob, "story-db", "Deny", "Name the data it will hold.")
    becomes(alice.page, "Done")
    alice.check()
    alice.picture("order")
    expect(alice.open(database_order).get_by_text("Name the data it will hold.").first).to_be_visible()
    order(alice, "PostgreSQL database", "story-orders-db", "Small")
    decide(bob, "story-orders-db", "Approve", "Fine.")
    becomes(alice.page, "Done")

    # the connection string, once; lost, it is rotated
    page = alice.open("/resources/?q=story-orders-db")
    page.get_by_role("link", name="story-orders-db").click()
    first = secret(alice)
    assert opens(first)
    page.reload()
    expect(page.locator("#fresh-secret")).to_have_count(0)
    page.get_by_role("button", name="Rotate the connection string").click()
    expect(page.get_by_role("button", name="Get the connection string")).to_be_visible(timeout=SLOW)
    second = secret(alice)
    assert opens(second)
    assert not opens(first)

    cost_and_export(carol, dave, tmp_path)
    another_cloud(dave, erin, site)

    # alice stops her server, and orders its end; bob approves, and the cloud shows it gone
    assert "story-web" in {**servers(site, "aws-1", "eu-west-1"), **servers(site, "aws-1", "eu-central-1")}
    page = alice.open("/resources/?q=story-web")
    page.get_by_role("link", name="story-web", exact=True).click()
    page.get_by_role("button", name="Stop").click()
    becomes(page, "Stopped")
    alice.check()
    alice.picture("resource")
    page.get_by_role("link", name="End it").click()
    alice.check()
    page.get_by_role("button", name="Order the end of story-web").click()
    becomes(page, "Waiting")
    decide(bob, "End of story-web", "Approve")
    becomes(page, "Done")
    states = {**servers(site, "aws-1", "eu-west-1"), **servers(site, "aws-1", "eu-central-1")}
    assert states.get("story-web", "terminated") == "terminated"


def secret(alice: Reader) -> str:
    """Take the connection string that waits; it is shown on the page that follows."""
    page = alice.page
    page.get_by_role("button", name="Get the connection string").click(timeout=SLOW)
    shown = page.locator("#fresh-secret")
    expect(shown).to_be_visible()
    alice.check()
    return shown.inner_text()


def cost_and_export(carol: Reader, dave: Reader, folder: Path) -> None:
    """Meter now; carol's page and her file say the same sum, to the last digit."""
    dave.open("/queue/").get_by_role("button", name="Meter now").click()
    dave.check()
    dave.picture("queue")
    page = carol.open("/cost/")
    carol.picture("cost")
    page = carol.open("/exports/")
    carol.picture("exports")
    page.get_by_text("FOCUS 1.2, CSV").click()
    page.get_by_role("button", name="Write the file").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(".csv")
    expect(page.locator("#export-status .state-tag")).to_contain_text("Ready", timeout=SLOW)
    carol.check()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").first.click()
    target = folder / "focus.csv"
    download.value.save_as(target)
    with target.open(newline="") as file:
        total = sum((Decimal(row["EffectiveCost"]) for row in csv.DictReader(file)), Decimal())
    shown = carol.open("/cost/").locator(".kpi data.amount").first.get_attribute("value")
    assert total > 0
    assert Decimal(str(shown)) >= total
    assert abs(Decimal(str(shown)) - total) < Decimal("1"), "only what was metered between the two"


def another_cloud(dave: Reader, erin: Reader, site: Site) -> None:
    """dave connects the second AWS, erin approves it, and the servers that were there are seen."""
    page = dave.open("/connections/")
    dave.picture("connections")
    page = dave.open("/connections/new/")
    page.get_by_role("link", name="Connect Amazon Web Services").click()
    dave.check()
    page.get_by_label("Name", exact=True).fill("AWS of the acquisition")
    page.get_by_label(re.compile("Endpoint", re.IGNORECASE)).fill(f"http://127.0.0.1:{site.ports['aws-2']}")
    page.get_by_label(re.compile("Regions", re.IGNORECASE)).fill("eu-west-1")
    page.get_by_label(re.compile("Access key", re.IGNORECASE)).first.fill("AKIAIOSFODNN7EXAMPLE")
    page.get_by_label(re.compile("Secret", re.IGNORECASE)).first.fill("wJalrXUtnFEMI/K7MDENG+EXAMPLE")
    dave.picture("connect")
    page.get_by_role("button", name="Connect and check").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("AWS of the acquisition")
    becomes(page, "Waiting")
    dave.check()
    decide(erin, "AWS of the acquisition", "Approve")
    becomes(page, "Ready")
    expect(page.locator("#connection")).to_contain_text("Unmanaged")
    page.get_by_role("button", name="Sync now").click()
    expect(page.locator("#connection table").last.locator("tbody tr").first).to_be_visible(timeout=SLOW)
    dave.check()
    dave.picture("connection")
