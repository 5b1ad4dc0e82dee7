"""A card as chat programs draw it: what happened in words, facts in rows, and one button into Concord.

Everything is said as plain text, in elements that read no markup: a title that somebody made up opens no link, and calls
nobody by name.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import Any, Literal

TONES = Literal["wait", "ok", "fail", "idle"]
ADAPTIVE = "application/vnd.microsoft.card.adaptive"
SCHEMA = "http://adaptivecards.io/schemas/adaptive-card.json"
VERSION = "1.4"
TEAMS_COLORS = {"wait": "warning", "ok": "good", "fail": "attention", "idle": "default"}
FEISHU_COLORS = {"wait": "orange", "ok": "green", "fail": "red", "idle": "blue"}
LONGEST_ROW, LONGEST_TEXT = 300, 600


@dataclass(frozen=True, slots=True)
class Card:
    """What is shown. `rows` are names with what they say, `text` is what somebody wrote, `url` where the button leads."""

    title: str
    rows: tuple[tuple[str, str], ...]
    button: str
    url: str
    text: str = ""
    tone: TONES = "idle"


def as_teams(card: Card) -> dict[str, Any]:
    """The message that a workflow of Teams takes from a webhook: one Adaptive Card."""
    body = [_paragraph(_run(card.title, size="large", weight="bolder", color=TEAMS_COLORS[card.tone]))]
    body += [_paragraph(_run(f"{name}: ", weight="bolder"), _run(cut(said, LONGEST_ROW))) for name, said in card.rows]
    if card.text:
        body.append(_paragraph(_run(cut(card.text, LONGEST_TEXT), isSubtle=True)))
    content = {
        "$schema": SCHEMA,
        "type": "AdaptiveCard",
        "version": VERSION,
        "body": body,
        "actions": [{"type": "Action.OpenUrl", "title": card.button, "url": card.url}],
    }
    return {"type": "message", "attachments": [{"contentType": ADAPTIVE, "contentUrl": None, "content": content}]}


def as_feishu(card: Card) -> dict[str, Any]:
    """The message that a custom bot of Feishu, or Lark, takes from a webhook."""
    fields = [{"is_short": True, "text": _plain(f"{name}\n{cut(said, LONGEST_ROW)}")} for name, said in card.rows]
    elements: list[dict[str, Any]] = [{"tag": "div", "fields": fields}]
    if card.text:
        elements.append({"tag": "div", "text": _plain(cut(card.text, LONGEST_TEXT))})
    button = {"tag": "button", "text": _plain(card.button), "type": "primary", "url": card.url}
    elements.append({"tag": "action", "actions": [button]})
    drawn = {
        "config": {"wide_screen_mode": True},
        "header": {"title": _plain(card.title), "template": FEISHU_COLORS[card.tone]},
        "elements": elements,
    }
    return {"msg_type": "interactive", "card": drawn}


def signed_for_feishu(said: dict[str, Any], secret: str, timestamp: int) -> dict[str, Any]:
    """The same message with the signature that a bot asks for which has a secret: time and secret are the key, over nothing."""
    key = f"{timestamp}\n{secret}".encode()
    sign = base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()
    return {"timestamp": str(timestamp), "sign": sign, **said}


def cut(text: str, longest: int) -> str:
    """In one line, and not longer than that."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def _paragraph(*runs: dict[str, Any]) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": list(runs)}


def _run(text: str, **look: Any) -> dict[str, Any]:
    return {"type": "TextRun", "text": text, **look}


def _plain(text: str) -> dict[str, str]:
    return {"tag": "plain_text", "content": text}
