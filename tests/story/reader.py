"""A person at a browser: she signs in, opens pages, fills forms, and every page she opens is checked."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

AXE = Axe()
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], "resultTypes": ["violations"]}
GRAVE = ("serious", "critical")
PICTURES = os.environ.get("PICTURES", "")
DOOR = re.compile(r"/signin/(\?|$)")  # the page with name and password; the one that asks for a code is another
expect.set_options(timeout=15_000)


@dataclass
class Reader:
    """One signed-in person. `console` is what her browser complained about."""

    page: Page
    console: list[str] = field(default_factory=list)

    def sign_in(self, name: str, password: str) -> None:
        self.page.goto("/signin/?local=1")
        self.page.get_by_label("Name", exact=True).fill(name)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        # The page she leaves has a heading, too: what goes on before the answer is there would take back the sign-in
        expect(self.page).not_to_have_url(DOOR)

    def open(self, path: str) -> Page:
        """Go to a page; it must answer, say what it is, fit its width and be usable without a mouse or eyes."""
        answer = self.page.goto(path)
        assert answer is not None
        assert answer.status == 200, f"{path}: {answer.status}"
        self.check()
        return self.page

    def check(self) -> None:
        """What holds for every page."""
        expect(self.page.get_by_role("heading", level=1)).to_have_count(1)
        found = AXE.run(self.page, options=RULES).response["violations"]
        grave = [violation for violation in found if violation["impact"] in GRAVE]
        assert not grave, "\n".join(said(violation, self.page.url) for violation in grave)
        wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{self.page.url} scrolls sideways by {wide} px"

    def picture(self, name: str) -> None:
        """Keep how the page looks, light and dark, where PICTURES names a folder."""
        if not PICTURES:
            return
        for theme in ("light", "dark"):
            self.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            self.page.wait_for_timeout(250)
            self.page.screenshot(path=Path(PICTURES) / f"{name}-{theme}.png", animations="disabled")
        self.page.emulate_media(color_scheme="light")
        self.page.wait_for_timeout(400)  # colours fade; a check in between would read neither


def said(violation: dict[str, Any], url: str) -> str:
    nodes = "\n  ".join(node["html"][:200] for node in violation["nodes"][:5])
    return f"{url}: {violation['id']} ({violation['impact']}): {violation['help']}\n  {nodes}"
