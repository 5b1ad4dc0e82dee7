"""What people do in more than one story."""

from playwright.sync_api import Page, expect

from tests.story.reader import Reader

SLOW = 60_000


def decide(bob: Reader, name: str, choice: str, note: str = "") -> None:
    """Open the card from the inbox and decide on it."""
    page = bob.open("/inbox/")
    page.locator(".split-list").get_by_text(name).first.click()
    expect(page.locator("#card-title")).to_contain_text(name)
    bob.check()
    page.locator("#card [name=note]").fill(note)
    page.locator("#card").get_by_role("button", name=choice, exact=True).click()
    word = "Approved" if choice == "Approve" else "Denied"
    expect(page.locator("#card .state-tag").first).to_contain_text(word)


def becomes(page: Page, word: str) -> None:
    """The page says it by itself, nobody loads it again."""
    expect(page.locator("h1 .state-tag")).to_contain_text(word, timeout=SLOW)
