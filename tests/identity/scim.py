"""An organization's directory that pushes by SCIM, for the tests."""

import json
from typing import Any

from django.test import Client

from portal.access.models import Scope
from portal.identity import scim_tokens
from portal.users.actor import Actor

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


def token(organization: Scope, actor: Actor, days: int = 90) -> str:
    """The plain text of a new token."""
    return scim_tokens.take(str(scim_tokens.make_token(organization, "Entra", days=days, actor=actor)), actor=actor)


class Directory:
    """Speaks SCIM with one token. Answers are read where they hold anything."""

    def __init__(self, plain: str) -> None:
        self.client, self.headers = Client(), {"Authorization": f"Bearer {plain}"}

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, str | bytes) else json.dumps(body if body is not None else {})
        sent = {"content_type": "application/scim+json", "headers": {**self.headers, **named}}
        return self.client.generic(method, f"/scim/v2/{path}", content, **sent)

    def get(self, path: str, **headers: str) -> Any:
        return self.ask("GET", path, "", **headers)

    def user(self, name: str, /, **also: Any) -> Any:
        return self.ask("POST", "Users", {"schemas": [USER], "userName": name, **also})

    def group(self, name: str, /, *members: str, **also: Any) -> Any:
        named = [{"value": each} for each in members]
        return self.ask("POST", "Groups", {"schemas": [GROUP], "displayName": name, "members": named, **also})

    def patch(self, path: str, *operations: dict[str, Any], **headers: str) -> Any:
        return self.ask("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)}, **headers)
