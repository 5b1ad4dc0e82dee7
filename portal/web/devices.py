"""What a browser says it is, in two plain words."""

import re

from django.utils.translation import gettext as _

# The first that fits: most browsers claim to be older ones as well.
BROWSERS = (
    ("Edge", r"\bEdgA?(iOS)?/"),
    ("Opera", r"\bOPR/"),
    ("Samsung Internet", r"\bSamsungBrowser/"),
    ("Firefox", r"\b(Firefox|FxiOS)/"),
    ("Chrome", r"\b(Chrome|CriOS|HeadlessChrome)/"),
    ("Chromium", r"\bChromium/"),
    ("Safari", r"\bSafari/"),
)
SYSTEMS = (
    ("iPad", r"\biPad\b"),
    ("iPhone", r"\biPhone\b"),
    ("Android", r"\bAndroid\b"),
    ("Windows", r"\bWindows\b"),
    ("ChromeOS", r"\bCrOS\b"),
    ("macOS", r"\b(Mac OS X|Macintosh)\b"),
    ("Linux", r"\bLinux\b"),
)
LONGEST = 40


def device_of(agent: str) -> str:
    """ "Firefox on Linux" from a User-Agent; else what it said, shortened."""
    browser, system = _first(BROWSERS, agent), _first(SYSTEMS, agent)
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    said = " ".join(agent.split())
    return (
        browser
        or system
        or (said[:LONGEST] + "…" if len(said) > LONGEST else said)
        or _("A program that does not say what it is")
    )


def _first(words: tuple[tuple[str, str], ...], agent: str) -> str:
    return next((name for name, pattern in words if re.search(pattern, agent)), "")
