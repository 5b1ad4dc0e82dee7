"""Who let whom into a group and when, and since when an assignment holds: what tells a decider made for the occasion."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import portal.core.clock


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0005_told_end"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="GroupMember",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("group", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="access.group")),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                            ),
                        ),
                    ],
                    options={"db_table": "access_group_members", "unique_together": {("group", "user")}},
                ),
                migrations.AlterField(
                    model_name="group",
                    name="members",
                    field=models.ManyToManyField(
                        blank=True,
                        related_name="portal_groups",
                        through="access.GroupMember",
                        through_fields=("group", "user"),
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ]
        ),
        migrations.AddField(
            model_name="groupmember",
            name="added_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="groupmember",
            name="added_at",
            field=models.DateTimeField(default=portal.core.clock.now),
        ),
        migrations.AddField(
            model_name="assignment",
            name="granted_at",
            field=models.DateTimeField(default=portal.core.clock.now),
        ),
        migrations.RunSQL("UPDATE access_assignment SET granted_at = created_at", migrations.RunSQL.noop),
    ]
