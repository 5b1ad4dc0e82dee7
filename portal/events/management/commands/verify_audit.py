"""Go through the whole log: say that it fits its seals, or name the first thing that does not."""

import base64
import binascii
import time
from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.events.keys import public_keys
from portal.events.verifying import Trust, verify


def key(text: str) -> tuple[str, bytes]:
    """`id:base64` of a public key."""
    key_id, _, value = text.partition(":")
    try:
        public = base64.b64decode(value, validate=True)
    except binascii.Error:
        public = b""
    if not key_id or len(public) != 32:
        raise ArgumentTypeError("a public key is id:base64 of 32 bytes")
    return key_id, public


def checkpoint(text: str) -> tuple[int, str]:
    """`number:chained hash` of a seal."""
    number, _, chained = text.partition(":")
    if not number.isdecimal() or len(number) > 18 or len(chained) != 64:
        raise ArgumentTypeError("a checkpoint is the number of a seal, a colon and its chained hash")
    return int(number), chained.lower()


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        trusted = "a public key that you trust, id:base64; without one those that the portal publishes count"
        parser.add_argument("--key", type=key, action="append", default=[], help=trusted)
        kept = "number:chained hash of a seal that you kept outside; it must still be there"
        parser.add_argument("--checkpoint", type=checkpoint, action="append", default=[], help=kept)

    def handle(self, *args: Any, **options: Any) -> None:
        began = time.monotonic()
        report = verify(Trust(dict(options["key"]) or public_keys(), dict(options["checkpoint"])))
        if report.broken:
            raise CommandError(f"{report.events:,} events were gone through. The first that does not fit: {report.broken}")
        removed = f"; removed on record up to position {report.removed_through:,}" if report.removed_through else ""
        self.stdout.write(
            f"{report.events:,} events in {report.seals:,} seals fit, in {time.monotonic() - began:.1f} s{removed}; "
            f"{report.unsealed:,} not sealed yet"
        )
