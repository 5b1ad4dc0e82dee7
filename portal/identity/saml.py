"""Reading the metadata of a SAML provider: hostile until parsed, and plain data after."""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn
from xml.etree import ElementTree

from cryptography import x509
from django.utils.translation import gettext as _

from portal.core.errors import Invalid
from portal.identity.protocols import LONGEST_METADATA

MD = "{urn:oasis:names:tc:SAML:2.0:metadata}"
DS = "{http://www.w3.org/2000/09/xmldsig#}"
BINDINGS = ("urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST", "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect")


@dataclass(frozen=True, slots=True)
class Metadata:
    """What Keycloak has to know: who it is, where to send people (and by which binding), whom to believe until when."""

    entity_id: str
    sign_in_url: str
    by_post: bool
    sign_out_url: str
    certificates: tuple[str, ...]
    ends_at: datetime | None
    wants_signed: bool


class Strict(ElementTree.TreeBuilder):
    """Builds the tree, and stops at a document type: it could define entities that grow or read files."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> NoReturn:
        raise Invalid(_("The metadata has a document type (DOCTYPE), which is not accepted."))


def read_metadata(document: str | bytes) -> Metadata:
    """The one identity provider that a document describes; Invalid says what is wrong with it."""
    if len(document) > LONGEST_METADATA:
        raise Invalid(_("The metadata is longer than %(most)s characters.") % {"most": LONGEST_METADATA})
    try:
        root = ElementTree.fromstring(document, parser=ElementTree.XMLParser(target=Strict()))  # noqa: S314  (see Strict)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise Invalid(_("The metadata is not XML that can be read.")) from error
    entities = [entity for entity in root.iter(f"{MD}EntityDescriptor") if entity.find(f"{MD}IDPSSODescriptor") is not None]
    if len(entities) != 1:
        raise Invalid(_("The metadata describes %(count)s identity providers; it must be one.") % {"count": len(entities)})
    return _read(entities[0])


def _read(entity: ElementTree.Element) -> Metadata:
    role = entity.find(f"{MD}IDPSSODescriptor")
    entity_id = entity.get("entityID", "")
    if role is None or not entity_id or len(entity_id) > 1024:
        raise Invalid(_("The metadata names no entity."))
    binding, sign_in_url = _service(role, "SingleSignOnService")
    if not sign_in_url:
        raise Invalid(_("The metadata has no sign-in address for a browser (HTTP-POST or HTTP-Redirect)."))
    certificates = list(_certificates(role))
    if not certificates:
        raise Invalid(_("The metadata has no certificate that signs."))
    return Metadata(
        entity_id=entity_id,
        sign_in_url=sign_in_url,
        by_post=binding == BINDINGS[0],
        sign_out_url=_service(role, "SingleLogoutService")[1],
        certificates=tuple(text for text, _ends in certificates),
        ends_at=max(ends for _text, ends in certificates),
        wants_signed=role.get("WantAuthnRequestsSigned", "").lower() in ("true", "1"),
    )


def _service(role: ElementTree.Element, name: str) -> tuple[str, str]:
    """Binding and address of a service, by the first binding we speak; two empty texts where there is none."""
    found = {each.get("Binding", ""): each.get("Location", "") for each in role.findall(f"{MD}{name}")}
    return next(((binding, found[binding]) for binding in BINDINGS if found.get(binding)), ("", ""))


def _certificates(role: ElementTree.Element) -> Iterator[tuple[str, datetime]]:
    """Each certificate that signs, without line breaks, and when it ends."""
    for key in role.findall(f"{MD}KeyDescriptor"):
        if key.get("use", "signing") != "signing":
            continue
        for element in key.iter(f"{DS}X509Certificate"):
            text = re.sub(r"\s+", "", element.text or "")
            try:
                yield text, x509.load_der_x509_certificate(base64.b64decode(text, validate=True)).not_valid_after_utc
            except (ValueError, binascii.Error) as error:
                raise Invalid(_("A certificate in the metadata cannot be read.")) from error
