from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("identity", "0005_mapping_rules"),
    ]

    operations = [
        migrations.CreateModel(
            name="SpentToken",
            fields=[
                ("digest", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("until", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["until"], name="identity_sp_until_5e06e4_idx")],
            },
        ),
    ]
