"""The published JSON Schemas (draft 2020-12) of what can be ordered from a cloud, one per capability.

An offering narrows them (const, enum, default, x-hidden); both validate. A property with `x-options` takes a key of the
choices of that kind (clouds.queries.options), which come from the last sync and never from a live call. One with
`x-encrypts` turns encryption of what is stored on; not every cloud can, so an offering that is for one that can shows it.
"""

from collections.abc import Mapping
from typing import Any

from portal.clouds.base import DatabaseSpec, ServerSpec
from portal.clouds.base import marked as _

DRAFT = "https://json-schema.org/draft/2020-12/schema"
NAME: dict[str, Any] = {
    "type": "string",
    "title": _("Name"),
    "description": _("Lower-case letters, digits and hyphens; it begins with a letter."),
    "pattern": "^[a-z]([a-z0-9-]*[a-z0-9])?$(?!\\n)",
    "minLength": 1,
    "maxLength": 40,
}
REGION: dict[str, Any] = {
    "type": "string",
    "title": _("Region"),
    "description": _("Where it runs and where its data lies."),
    "maxLength": 64,
    "x-options": "region",
}

COMPUTE: dict[str, Any] = {
    "$schema": DRAFT,
    "title": _("Server"),
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "region", "size", "image"],
    "properties": {
        "name": NAME,
        "region": REGION,
        "size": {
            "type": "string",
            "title": _("Size"),
            "description": _("Processors and memory."),
            "maxLength": 128,
            "x-options": "size",
        },
        "image": {
            "type": "string",
            "title": _("Image"),
            "description": _("The operating system it starts with."),
            "maxLength": 256,
            "x-options": "image",
        },
        "disk_gib": {
            "type": "integer",
            "title": _("Disk (GiB)"),
            "description": _("Size of the system disk; 0 takes the size that the image asks for."),
            "default": 0,
            "minimum": 0,
            "maximum": 16384,
        },
        "encrypted": {
            "type": "boolean",
            "title": _("Encrypt the disk"),
            "description": _("With the key that the cloud keeps for the account."),
            "x-encrypts": True,
            "x-hidden": True,
        },
        "network": {
            "type": "string",
            "title": _("Network"),
            "description": _("Empty takes the cloud's default network."),
            "default": "",
            "maxLength": 256,
            "x-options": "network",
        },
        "ssh_key": {
            "type": "string",
            "title": _("SSH key"),
            "description": _("A key that the cloud already knows; empty means none."),
            "default": "",
            "maxLength": 256,
            "x-options": "key",
        },
    },
}

DATABASE: dict[str, Any] = {
    "$schema": DRAFT,
    "title": _("Database"),
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "region", "storage_gib"],
    "properties": {
        "name": NAME,
        "region": REGION,
        "storage_gib": {
            "type": "integer",
            "title": _("Storage (GiB)"),
            "description": _("How much data it may hold."),
            "default": 1,
            "minimum": 1,
            "maximum": 16384,
        },
        "connections": {
            "type": "integer",
            "title": _("Connections"),
            "description": _("How many clients may be connected at once."),
            "default": 20,
            "minimum": 1,
            "maximum": 1000,
        },
    },
}

CAPABILITIES: dict[str, dict[str, Any]] = {"compute": COMPUTE, "database": DATABASE}


def server_spec(spec: Mapping[str, Any], *, tags: Mapping[str, str]) -> ServerSpec:
    """A validated order spec as what an adapter takes. The region is not in it: the adapter is bound to one."""
    return ServerSpec(
        name=spec["name"],
        size=spec["size"],
        image=spec["image"],
        disk_gib=spec.get("disk_gib", 0),
        encrypted=spec.get("encrypted", False),
        network=spec.get("network", ""),
        ssh_key=spec.get("ssh_key", ""),
        tags=dict(tags),
    )


def database_spec(spec: Mapping[str, Any], *, tags: Mapping[str, str]) -> DatabaseSpec:
    """A validated order spec as what an adapter takes. The region is not in it: the adapter is bound to one."""
    return DatabaseSpec(
        name=spec["name"],
        storage_gib=spec["storage_gib"],
        connections=spec.get("connections", 20),
        tags=dict(tags),
    )
