"""The meters that the first offerings use; one that is not listed gets the usual gap of a day."""

from typing import Any

from django.db import migrations

METERS = [
    ("server-hours", "Server hours", "Hours", True),
    ("storage-gib-hours", "Storage", "GiB-Hours", True),
    ("database-hours", "Database hours", "Hours", True),
    ("alive", "Hours alive", "Hours", False),
    ("unseen", "Hours alive that nobody saw", "Hours", False),
]


def add(apps: Any, schema_editor: Any) -> None:
    meter = apps.get_model("metering", "Meter")
    for key, name, unit, is_priced in METERS:
        row = {"name": name, "unit": unit, "is_priced": is_priced}
        meter.objects.using(schema_editor.connection.alias).update_or_create(key=key, defaults=row)


class Migration(migrations.Migration):
    dependencies = [("metering", "0001_initial")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
