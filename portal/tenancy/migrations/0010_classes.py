"""Environment and data class become a vocabulary."""

from typing import Any

from django.db import migrations, models

ENVIRONMENTS = {
    "production": "produce",
    "staging": "develop",
    "development": "develop",
    "test": "try",
    **{name: name for name in ("try", "develop", "produce")},
}
DATA_CLASSES = {"confidential": "restricted", **{name: name for name in ("public", "internal", "restricted")}}


def translate(apps: Any, schema_editor: Any) -> None:
    """The words used so far become those of the vocabulary; any other becomes empty, which inherits."""
    rows = apps.get_model("tenancy", "ProjectAsk").objects.using(schema_editor.connection.alias)
    for name, words in (("environment", ENVIRONMENTS), ("data_class", DATA_CLASSES)):
        for value in set(rows.exclude(**{name: ""}).values_list(name, flat=True)):
            now = words.get(value.strip().lower(), "")
            if now != value:
                rows.filter(**{name: value}).update(**{name: now})


class Migration(migrations.Migration):
    dependencies = (
        ("tenancy", "0009_role_asks"),
        ("access", "0007_classes"),
    )

    operations = (
        migrations.RunPython(translate, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="projectask",
            name="environment",
            field=models.CharField(
                blank=True, choices=[("try", "Try"), ("develop", "Develop"), ("produce", "Produce")], max_length=20
            ),
        ),
        migrations.AlterField(
            model_name="projectask",
            name="data_class",
            field=models.CharField(
                blank=True,
                choices=[("public", "Public"), ("internal", "Internal"), ("restricted", "Restricted")],
                max_length=20,
            ),
        ),
    )
