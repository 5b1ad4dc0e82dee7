"""A shell of somebody that signs in by the device flow, as the recipe in the docs does with curl."""

import base64
import hashlib
import secrets
from typing import Any

import requests

CLIENT = "concord-cli"
GRANT = "urn:ietf:params:oauth:grant-type:device_code"


class Shell:
    """One sign-in: ask for a code, let a browser approve it, fetch the tokens, have them renewed."""

    def __init__(self, realm: Any) -> None:
        self.realm, self.verifier = realm, secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        form = {"client_id": CLIENT, "scope": "openid", "code_challenge": challenge, "code_challenge_method": "S256"}
        self.device = self._post("auth/device", form).json()

    def poll(self, **changed: str) -> requests.Response:
        """What the token endpoint says now."""
        form = {"client_id": CLIENT, "grant_type": GRANT, "device_code": self.device["device_code"]}
        return self._post("token", {**form, "code_verifier": self.verifier, **changed})

    def approve(self, person: Any) -> None:
        """She opens the address in a browser, signs in there, and lets the shell in."""
        there = self.device["verification_uri_complete"]
        self.realm.browse(person, there, until=lambda answer: "Device Login Successful" in answer.text)

    def renew(self, refresh_token: str) -> requests.Response:
        return self._post("token", {"client_id": CLIENT, "grant_type": "refresh_token", "refresh_token": refresh_token})

    def _post(self, place: str, form: dict[str, str]) -> requests.Response:
        return requests.post(f"{self.realm.issuer}/protocol/openid-connect/{place}", data=form, timeout=30)
