"""What adapters declare, stored for pages that may not load them."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from jsonschema import Draft202012Validator

from portal.clouds import forms, labels, registry, schemas
from portal.clouds.base import RUNGS, CloudError
from portal.clouds.models import Provider
from portal.core.schema import secrets_of
from tests.cast import World
from tests.clouds import kit

WEB = "portal.clouds." + ", portal.clouds.".join(
    ["services", "queries", "filters", "forms", "labels", "kinds", "registry", "schemas", "models", "base", "tasks"]
)
SDKS = ("libcloud", "boto3", "botocore", "requests", "moto")


@pytest.mark.django_db
class TestProviders:
    def test_written_twice_they_are_the_same(self, capsys: pytest.CaptureFixture[str]) -> None:
        call_command("sync_providers")
        before = list(Provider.objects.values())
        call_command("sync_providers")
        assert list(Provider.objects.values()) == before
        assert {row["key"] for row in before} == {"aws", "openstack", "postgresql"}
        assert "aws: compute" in capsys.readouterr().out

    def test_an_adapter_that_is_no_longer_named_stays_and_is_not_offered(self, settings: Any) -> None:
        call_command("sync_providers")
        settings.PORTAL_PROVIDERS = kit.SCRIPTED
        call_command("sync_providers")
        assert {row.key: row.is_offered for row in Provider.objects.all()} == {
            "aws": False,
            "openstack": False,
            "postgresql": False,
            "scripted": True,
        }

    @pytest.mark.parametrize("key", ["aws", "openstack", "postgresql"])
    def test_forms_are_drawn_from_what_it_declares(self, key: str) -> None:
        provider = kit.provider(key)
        html = str(forms.config_form(provider)) + str(forms.credentials_form(provider))
        for name in (*provider.config["properties"], *provider.credentials["properties"]):
            assert f"-{name}" in html
        for secret in secrets_of(provider.credentials):
            assert f'type="password" name="credentials-{secret}"' in html

    @pytest.mark.parametrize("key", ["aws", "openstack", "postgresql"])
    def test_everything_it_declares_has_words(self, key: str) -> None:
        provider = kit.provider(key)
        assert set(provider.permissions) == set(RUNGS)
        for name, rung in provider.checks:
            assert rung in RUNGS
            assert labels.check_label(name) != name

    def test_a_connection_knows_only_its_own_regions(self, world: World, settings: Any) -> None:
        settings.PORTAL_PROVIDERS = kit.SCRIPTED
        connection = kit.connection(world, config={"regions": "eu-west-1 , eu-central-1,eu-west-1"})
        assert connection.region_keys() == ("eu-west-1", "eu-central-1")
        assert registry.adapter_for(connection).account.region == "eu-west-1"
        assert registry.adapter_for(connection, "eu-central-1").account.credentials == kit.KEYS
        with pytest.raises(CloudError):
            registry.adapter_for(connection, "us-east-1")

    def test_credentials_moved_to_another_row_do_not_open(self, world: World, settings: Any) -> None:
        settings.PORTAL_PROVIDERS = kit.SCRIPTED
        one, two = kit.connection(world), kit.connection(world, name="Cloud two", key="k2")
        two.sealed = one.sealed
        with pytest.raises(CloudError) as caught:
            registry.adapter_for(two)
        assert caught.value.kind == "credentials"
        assert kit.KEYS["secret_access_key"].encode() not in bytes(one.sealed)

    def test_a_provider_without_its_adapter_is_said(self, world: World, settings: Any) -> None:
        settings.PORTAL_PROVIDERS = kit.SCRIPTED
        connection = kit.connection(world)
        settings.PORTAL_PROVIDERS = []
        with pytest.raises(CloudError) as caught:
            registry.adapter_for(connection)
        assert caught.value.kind == "refused"


def test_what_can_be_ordered_is_valid_json_schema() -> None:
    for schema in schemas.CAPABILITIES.values():
        Draft202012Validator.check_schema(schema)
        assert schema["additionalProperties"] is False


@pytest.mark.parametrize("name", ["web", "web-1", "a", "a" * 40])
def test_a_plain_name_fits(name: str) -> None:
    Draft202012Validator(schemas.NAME).validate(name)


@pytest.mark.parametrize("name", ["", "Web", "1web", "web-", "-web", "we b", "web\n", "a" * 41, "wéb", "web;drop"])
def test_a_hostile_name_does_not(name: str) -> None:
    assert not Draft202012Validator(schemas.NAME).is_valid(name)


def test_no_sdk_comes_into_a_web_process() -> None:
    program = f"import django; django.setup()\nimport {WEB}\nimport sys\nprint([n for n in {SDKS!r} if n in sys.modules])"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, env=os.environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
