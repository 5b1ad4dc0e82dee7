"""One settings file, driven by the environment; works with none of it set under `make run` and the tests."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import dj_database_url
from django.utils.translation import gettext_lazy as _

from portal.core import env

BASE_DIR = Path(__file__).resolve().parent.parent
PORTAL_HOME = env.path("PORTAL_HOME", BASE_DIR / ".portal")

# What is on
DEBUG = env.flag("DEBUG")
PORTAL_DEMO = env.flag("PORTAL_DEMO")
PORTAL_DEMO_AWS_URLS = env.items("PORTAL_DEMO_AWS_URLS")
PORTAL_DEMO_PG_URL = env.text("PORTAL_DEMO_PG_URL", "")
PORTAL_TEST_CLOCK = env.flag("PORTAL_TEST_CLOCK") and (DEBUG or PORTAL_DEMO)
SECRET_KEY = env.text("SECRET_KEY")
PORTAL_KEYS = env.items("PORTAL_KEYS")
PORTAL_SEAL_KEYS = env.items("PORTAL_SEAL_KEYS")
SEAL_ALARM_S = env.integer("SEAL_ALARM_S", 300)
ALLOWED_HOSTS = env.items("ALLOWED_HOSTS", "127.0.0.1,localhost")
PUBLIC_URL = env.text("PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
OUTBOUND_ALLOW = env.items("OUTBOUND_ALLOW")
SECURE = PUBLIC_URL.startswith("https://")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.forms",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "django_filters",
    "django_tables2",
    "template_partials",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "guardian",
    "axes",
    "portal.core",
    "portal.users",
    "portal.events",
    "portal.access",
    "portal.notices",
    "portal.approvals",
    "portal.tenancy",
    "portal.identity",
    "portal.clouds",
    "portal.catalogue",
    "portal.pricing",
    "portal.provisioning",
    "portal.metering",
    "portal.leases",
    "portal.orders",
    "portal.audit",
    "portal.web",
    "portal.api",
    "portal.demo",
]

MIDDLEWARE = [
    "portal.web.middleware.CorrelationId",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "portal.web.middleware.SecurityHeaders",
    "django_htmx.middleware.HtmxMiddleware",
    "portal.identity.middleware.WhoActs",
    "portal.web.middleware.AsSheReads",
    "portal.web.middleware.OnlyLooks",
    "portal.web.middleware.AsksForTerms",
    "portal.web.middleware.Refusals",
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
ASGI_APPLICATION = "portal.asgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
                "portal.web.shell.shell",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# Data: the app's role has no UPDATE or DELETE on events; "owner" is for migrations and retention
DATABASES = {
    "default": dj_database_url.parse(env.text("DATABASE_URL"), conn_max_age=60, conn_health_checks=True),
    "owner": dj_database_url.parse(env.text("DATABASE_OWNER_URL", env.text("DATABASE_URL"))),
}
DATABASES["owner"]["TEST"] = {"MIRROR": "default"}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LAKE_URL = env.text("LAKE_URL", str(PORTAL_HOME / "lake"))
BLOB_URL = env.text("BLOB_URL", str(PORTAL_HOME / "blobs"))

# People
AUTH_USER_MODEL = "users.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_RESET_TIMEOUT = 3600
# Wrong passwords and codes are counted by name and address; portal.identity.lockout asks, the sign-in page says it
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "portal.identity.lockout.address_of"
AXES_RESET_ON_SUCCESS = AXES_DISABLE_ACCESS_LOG = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = AXES_VERBOSE = False
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "code", "proof", "new_password", "again", "csrfmiddlewaretoken"]
CSRF_FAILURE_VIEW = "portal.web.errors.csrf_failure"
LOGIN_URL = "signin"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "signin"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if SECURE else 0
SECURE_SSL_REDIRECT = SECURE and env.flag("SECURE_SSL_REDIRECT", True)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.flag("BEHIND_PROXY") else None
X_FRAME_OPTIONS = "DENY"
SILENCED_SYSTEM_CHECKS = [
    "axes.W002",  # its middleware would put a page of its own in place of ours
    "guardian.W001",  # guardian only writes shares; reading is portal.access.resolver, and it is the only door
]
ANONYMOUS_USER_NAME = None
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # a cookie would outlive who it was meant for

# Sign-in with Keycloak; without its address there are local accounts alone
KEYCLOAK_URL = env.text("KEYCLOAK_URL", "").rstrip("/")
KEYCLOAK_REALM = env.text("KEYCLOAK_REALM", "concord")
KEYCLOAK_CLIENT_ID = env.text("KEYCLOAK_CLIENT_ID", "portal")
KEYCLOAK_CLIENT_SECRET = env.text("KEYCLOAK_CLIENT_SECRET", "")
KEYCLOAK_CLI_CLIENT_ID = env.text("KEYCLOAK_CLI_CLIENT_ID", "concord-cli")
KEYCLOAK_ADMIN_CLIENT_ID = env.text("KEYCLOAK_ADMIN_CLIENT_ID", "sync")
KEYCLOAK_ADMIN_CLIENT_SECRET = env.text("KEYCLOAK_ADMIN_CLIENT_SECRET", "")

# Languages and time
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "portal" / "locale"]
USE_TZ = True
TIME_ZONE = "UTC"

# Files
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = PORTAL_HOME / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# Mail
EMAIL_BACKEND = env.text("EMAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend")
EMAIL_HOST = env.text("EMAIL_HOST", "127.0.0.1")
EMAIL_PORT = env.integer("EMAIL_PORT", 25)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS")
EMAIL_TIMEOUT = 10
EMAIL_FILE_PATH = str(PORTAL_HOME / "mail")
DEFAULT_FROM_EMAIL = env.text("MAIL_FROM", "Concord <concord@localhost>")

# Work in the background: tasks take ids, may run twice, late or never; due times are columns, sweepers enqueue
CELERY_BROKER_URL = env.text("BROKER_URL", "memory://")
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 600
CELERY_TASK_SOFT_TIME_LIMIT = 570
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": env.integer("BROKER_VISIBILITY", 900),
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_timeout": 10,
    "socket_connect_timeout": 2,
    "max_retries": 0,  # a page does not wait six seconds for a broker that is down: the sweeper finds what was not sent
}
# How long an asked step stays its worker's: longer than any call to a cloud may take
PROVISIONING_LEASE_S = env.integer("PROVISIONING_LEASE_S", 150)
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "events.seal": {"task": "events.seal", "schedule": 5},
    "approvals.expire": {"task": "approvals.expire", "schedule": 60},
    "notices.sweep": {"task": "notices.sweep", "schedule": 30},
    "provisioning.sweep": {"task": "provisioning.sweep", "schedule": 5},
    "provisioning.tell_ends": {"task": "provisioning.tell_ends", "schedule": 900},
    "orders.sweep": {"task": "orders.sweep", "schedule": 30},
    "clouds.sweep": {"task": "clouds.sweep", "schedule": 60},
    "identity.sweep_providers": {"task": "identity.sweep_providers", "schedule": 30},
    "metering.meter": {"task": "metering.meter", "schedule": 3600},
    "metering.sweep": {"task": "metering.sweep", "schedule": 300},
    "identity.sweep_resets": {"task": "identity.sweep_resets", "schedule": 60},
    "identity.sync_due": {"task": "identity.sync_due", "schedule": 300},
    "tenancy.sweep_reviews": {"task": "tenancy.sweep_reviews", "schedule": 900},
    "tenancy.tell_role_ends": {"task": "tenancy.tell_role_ends", "schedule": 3600},
    "identity.leavings_due": {"task": "identity.leavings_due", "schedule": 300},
    "leases.sweep": {"task": "leases.sweep", "schedule": 30},
    "identity.forget": {"task": "identity.forget", "schedule": 6 * 3600},
    "identity.tell_ends": {"task": "identity.tell_ends", "schedule": 3600},
    "identity.pull": {"task": "identity.pull", "schedule": 10},
    "identity.sweep": {"task": "identity.sweep", "schedule": 15},
    "tenancy.tell_project_ends": {"task": "tenancy.tell_project_ends", "schedule": 3600},
    "tenancy.sweep_invitations": {"task": "tenancy.sweep_invitations", "schedule": 60},
    "audit.sweep": {"task": "audit.sweep", "schedule": 5},
    "audit.forget": {"task": "audit.forget", "schedule": 3600},
    "api.forget": {"task": "api.forget", "schedule": 3600},
}
# One that waited longer than its turn is dropped: behind a long queue it would only enqueue again what already waits
CELERY_BEAT_SCHEDULE = {
    name: {"options": {"expires": entry["schedule"]}, **entry} for name, entry in CELERY_BEAT_SCHEDULE.items()
}

# The API: tokens or the session of its docs, JSON in and out, every error a problem. Rates are counted by each process
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["portal.api.auth.BearerToken", "portal.api.auth.Session"],
    "DEFAULT_PERMISSION_CLASSES": ["portal.api.auth.SignedIn"],
    "DEFAULT_PARSER_CLASSES": ["portal.api.parsing.StrictJson"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "portal.api.parsing.OnlyJson",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.UserRateThrottle"],
    "DEFAULT_THROTTLE_RATES": {"user": "1200/min", "wrong_tokens": "30/min"},
    "EXCEPTION_HANDLER": "portal.api.problems.handle",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Concord",
    "DESCRIPTION": "Everything the pages do, for programs. Sign in with `Authorization: Bearer <token>`.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "portal.api.schema.add_problems",
        "portal.api.schema.add_permissions",
    ],
}

# Three registries, read by portal.core.registry: what lives above is named here, never imported from below
PORTAL_PROVIDERS: list[str] = [
    "portal.clouds.adapters.aws.Aws",
    "portal.clouds.adapters.openstack.OpenStack",
    "portal.clouds.adapters.postgresql.Postgresql",
]
PORTAL_APPROVAL_KINDS: list[str] = [
    "portal.approvals.policies.kinds.PolicyKind",
    "portal.tenancy.kinds.ProjectKind",
    "portal.tenancy.kinds.MembershipKind",
    "portal.tenancy.kinds.QuotaKind",
    "portal.tenancy.kinds.BreakGlassKind",
    "portal.tenancy.kinds.RoleKind",
    "portal.tenancy.share_kinds.ShareKind",
    "portal.clouds.kinds.ConnectionKind",
    "portal.catalogue.kinds.OfferingKind",
    "portal.provisioning.kinds.OperationKind",
    "portal.orders.kinds.OrderKind",
    "portal.leases.kinds.LeaseKind",
    "portal.metering.kinds.BudgetKind",
]
PORTAL_MAIL_LINKS: list[str] = ["portal.approvals.links.MailLinks"]
PORTAL_BELONGINGS: list[str] = [
    "portal.tenancy.belongings.ScopeBelongings",
    "portal.provisioning.belongings.ResourceBelongings",
    "portal.orders.belongings.OrderBelongings",
    "portal.approvals.belongings.DecisionBelongings",
    "portal.identity.belongings.AccountBelongings",
]

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "filters": {"links": {"()": "portal.web.logs.HideLinks"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["links"]}},
    "root": {"handlers": ["console"], "level": env.text("LOG_LEVEL", "INFO")},
    "loggers": {"axes": {"level": "WARNING"}},
}
