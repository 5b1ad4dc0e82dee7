from typing import Any

from django.db import migrations, models


def nobody_chose(apps: Any, schema_editor: Any) -> None:
    """Until now every person had the default, which nobody could change: her browser knows better."""
    apps.get_model("users", "User").objects.update(language="")


class Migration(migrations.Migration):
    dependencies = [
        ("users", "0002_people"),
    ]

    operations = [
        migrations.AlterField(
            model_name="user",
            name="language",
            field=models.CharField(blank=True, max_length=10),
        ),
        migrations.RunPython(nobody_chose, migrations.RunPython.noop),
    ]
