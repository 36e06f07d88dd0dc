"""Settings, read once from the environment, safe by default. docs/operating.md lists every variable."""

import base64
import hashlib
import logging
import os
import re
import secrets
import socket
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from einstein.environment import Environment
from einstein.postgres.patience import patient

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment()

VAR_DIR = Path(env.str("EINSTEIN_VAR", default=str(BASE_DIR / "var")))
VAR_DIR.mkdir(parents=True, exist_ok=True)


def _kept_secret(name: str) -> str:
    """A secret of this installation: made on the first start, readable by its user only."""
    path = VAR_DIR / name
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as out:
            out.write(secrets.token_urlsafe(50))
    return path.read_text()


DEBUG = env.bool("EINSTEIN_DEBUG", default=False)
LISTEN_HOST = env.str("EINSTEIN_HOST", default="127.0.0.1")
LISTEN_PORT = env.int("EINSTEIN_PORT", default=8000)
ON_LOOPBACK = LISTEN_HOST in {"127.0.0.1", "localhost", "::1"}
PUBLIC_URL = env.str("EINSTEIN_PUBLIC_URL", default=f"http://127.0.0.1:{LISTEN_PORT}").rstrip("/")
SECURE = PUBLIC_URL.startswith("https://")
# Made here, a secret is known to this machine alone: see einstein.unsafe_settings.
SECRETS_GIVEN = bool(env.str("EINSTEIN_SECRET_KEY", default="") and env.list("EINSTEIN_SECRET_STORE_KEYS", default=[]))
SECRET_KEY = env.str("EINSTEIN_SECRET_KEY", default="") or _kept_secret("secret-key")
# Sign nothing any more; what they signed stays true until they are taken out.
SECRET_KEY_FALLBACKS = env.list("EINSTEIN_SECRET_KEY_FALLBACKS", default=[])
# Customers' secrets (einstein.sealed): the first key seals, all of them open.
SECRET_STORE_KEYS = env.list("EINSTEIN_SECRET_STORE_KEYS", default=[]) or [
    base64.urlsafe_b64encode(hashlib.sha256(_kept_secret("secret-store-key").encode()).digest()).decode()
]
# What the outbound client may reach besides the public internet: names or networks, each with a port if wanted.
OUTBOUND_ALLOW = env.list("EINSTEIN_OUTBOUND_ALLOW", default=[])
ALLOWED_HOSTS = env.list("EINSTEIN_ALLOWED_HOSTS", default=["127.0.0.1", "localhost"])

# --- the database: the application's role here, the owner's only for commands that change the schema
EMBEDDED_POSTGRES = "DATABASE_URL" not in env.ENVIRON
if not EMBEDDED_POSTGRES:
    _application_url = env.str("DATABASE_URL")
    _owner_url = env.str("DATABASE_OWNER_URL", default="")
else:
    from einstein.postgres.embedded import EmbeddedServer

    EMBEDDED_SERVER = EmbeddedServer(VAR_DIR)
    _roles = EMBEDDED_SERVER.start()
    _application_url, _owner_url = _roles.application_url, _roles.owner_url
DATABASE_ROLE = env.str("EINSTEIN_DATABASE_ROLE", default="application")
if DATABASE_ROLE == "owner" and not _owner_url:
    raise ImproperlyConfigured("Set DATABASE_OWNER_URL to the role that owns the tables; migrations run as it.")
DATABASE_URL, DATABASE_OWNER_URL = _application_url, _owner_url
DATABASES = {"default": Environment.db_url_config(_owner_url if DATABASE_ROLE == "owner" else _application_url)}
DATABASES["default"]["ENGINE"] = "django.db.backends.postgresql"
if "EINSTEIN_DATABASE_NAME" in env.ENVIRON:
    DATABASES["default"]["NAME"] = env.str("EINSTEIN_DATABASE_NAME")
# Behind pgbouncer's transaction mode nothing of a session outlives a transaction (docs/decisions/0020); prepared statements are off as it is.
PGBOUNCER = env.bool("EINSTEIN_PGBOUNCER", default=False)
DATABASES["default"]["CONN_MAX_AGE"] = 0 if PGBOUNCER else 60
DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = PGBOUNCER
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"]["OPTIONS"] = patient(DATABASES["default"].get("OPTIONS", {}), pooled=PGBOUNCER)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

FORM_RENDERER = "einstein.web.form_looks.ComponentRenderer"
INSTALLED_APPS = [
    "django.forms",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "rest_framework",
    "drf_spectacular",
    "django_htmx",
    "django_q",
    "lucide",
    "apps.workspaces",
    "apps.runs",
    "apps.outbox",
    "apps.datasets",
    "apps.predictions",
    "apps.scoring",
    "apps.deliveries",
    "apps.monitoring",
    "apps.pipeline",
    "apps.console",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "einstein.web.security_headers.SecurityHeaders",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "einstein.web.reference.ErrorReference",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "einstein.web.null_characters.RefuseNullCharacters",
    "einstein.web.room.RefuseWithoutRoom",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "apps.workspaces.last_seen.LastSeen",
    "apps.workspaces.middleware.WorkspaceScope",
]

# Where traces go: the address of a collector that speaks OTLP over HTTP.
OTLP_URL = env.str("EINSTEIN_OTLP_URL", default="").rstrip("/")
if OTLP_URL:
    MIDDLEWARE.insert(MIDDLEWARE.index("einstein.web.reference.ErrorReference") + 1, "einstein.web.traced.Traced")

ROOT_URLCONF = "einstein.urls"
WSGI_APPLICATION = "einstein.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "apps.workspaces.context.navigation",
                "apps.monitoring.context.alerts_in_frame",
            ],
            "builtins": ["einstein.web.templatetags.words", "lucide.templatetags.lucide", "django.templatetags.static"],
        },
    }
]

# --- people
AUTH_USER_MODEL = "workspaces.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "optional"
ACCOUNT_SIGNUP_FORM_CLASS = "apps.workspaces.forms.SignupFields"
ACCOUNT_ADAPTER = "apps.workspaces.accounts.AccountAdapter"
ACCOUNT_PRESERVE_USERNAME_CASING = False
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if SECURE else "http"
NO_LOGIN_LIMITS = env.bool("EINSTEIN_NO_LOGIN_LIMITS", default=False)
ACCOUNT_RATE_LIMITS = False if NO_LOGIN_LIMITS else {"login_failed": "10/m/ip,5/5m/key"}
MFA_ADAPTER = "apps.workspaces.two_step_secrets.TwoStepAdapter"
MFA_FORMS = {
    "activate_totp": "apps.workspaces.two_step_forms.SetUpForm",
    "authenticate": "apps.workspaces.two_step_forms.EnterForm",
    "reauthenticate": "apps.workspaces.two_step_forms.EnterAgainForm",
}
MFA_TOTP_ISSUER = "Einstein"
MFA_ALLOW_UNVERIFIED_EMAIL = (
    True  # the set-up form asks that the address she logs in with is confirmed, others may wait
)
OPERATORS_NEED_TWO_STEPS = env.bool("EINSTEIN_OPERATORS_NEED_TWO_STEPS", default=SECURE)
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "start"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 14 * 24 * 3600
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
CSRF_FAILURE_VIEW = "einstein.web.errors.csrf_failure"
SECURE_HSTS_SECONDS = 31536000 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE
SECURE_SSL_REDIRECT = SECURE
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]  # asked from within, without the proxy
BEHIND_PROXY = env.bool("EINSTEIN_BEHIND_PROXY", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if BEHIND_PROXY else 0  # the last address of X-Forwarded-For is the proxy's own word
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- e-mail: through the outbox; delivered by SMTP, or kept for the operator while we listen on loopback only
SMTP_URL = env.str("EINSTEIN_SMTP_URL", default="")
EMAIL_BACKEND = "apps.outbox.account_mail.OutboxEmailBackend"
DEFAULT_FROM_EMAIL = env.str("EINSTEIN_FROM_EMAIL", default="Einstein <einstein@localhost>")
BOUNCE_EMAIL = env.str("EINSTEIN_BOUNCE_EMAIL", default=DEFAULT_FROM_EMAIL)  # where what cannot be delivered comes back

# --- files
STORAGE_URL = env.str("EINSTEIN_STORAGE_URL", default=str(VAR_DIR / "files"))
# {kind: days} of what is set; the kinds and their defaults are in apps/pipeline/retention, docs/operating.md lists them
_KEEP = {name: re.fullmatch(r"EINSTEIN_KEEP_([A-Z_]+)_DAYS", name) for name in sorted(os.environ)}
KEEP_DAYS = {found[1].lower(): env.int(name) for name, found in _KEEP.items() if found}
DISK_FLOOR_BYTES = env.int("EINSTEIN_DISK_FLOOR_MB", default=1024) * 1024 * 1024  # below, nothing new is begun
BACKUP_FOLDER = env.str("EINSTEIN_BACKUP_FOLDER", default="")  # where the clock puts backups; none without it
BACKUP_HOURS = env.int("EINSTEIN_BACKUP_HOURS", default=24)
UPLOAD_LIMIT_BYTES = env.int("EINSTEIN_UPLOAD_LIMIT_MB", default=2048) * 1024 * 1024
UPLOADS_AT_ONCE = env.int("EINSTEIN_UPLOADS_AT_ONCE", default=20)  # of one workspace, waiting or being read
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 60_000  # a table of 5,000 fields posts several values for each
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
FILE_UPLOAD_TEMP_DIR = str(VAR_DIR / "incoming")
Path(FILE_UPLOAD_TEMP_DIR).mkdir(parents=True, exist_ok=True)
STATIC_URL = "/static/"
WHITENOISE_ALLOW_ALL_ORIGINS = False  # nothing of ours is fetched by other sites' pages but the widget's own addresses
STATIC_ROOT = Path(env.str("EINSTEIN_STATIC_ROOT", default=str(VAR_DIR / "static")))
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "einstein.web.packaged_assets.PackagedAssetsFinder",
]
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(VAR_DIR / "unused")},
    },
    "staticfiles": {
        "BACKEND": env.str("EINSTEIN_STATIC_BACKEND", default="whitenoise.storage.CompressedManifestStaticFilesStorage")
    },
}

# --- background work: the Run is the queue, django-q carries what the dispatcher hands it (docs/decisions/0003)
WORKERS = {
    "interactive": env.int("EINSTEIN_WORKERS", default=2),
    "train": env.int("EINSTEIN_TRAIN_WORKERS", default=1),
    "large": env.int("EINSTEIN_LARGE_WORKERS", default=1),  # 0: large tables go with all others
}
# From so many records on a table is large (docs/decisions/0028).
LARGE_RECORDS = env.int("EINSTEIN_LARGE_RECORDS", default=200_000)
TRAIN_THREADS = env.int("EINSTEIN_TRAIN_THREADS", default=0)  # 0: all cores
TRAIN_EXECUTOR = env.str("EINSTEIN_TRAIN_EXECUTOR", default="subprocess")  # a kind of apps.predictions.executors
TRAIN_CPUS = env.int("EINSTEIN_TRAIN_CPUS", default=2)  # asked of a cluster for one training
TRAIN_MEMORY_MB = env.int("EINSTEIN_TRAIN_MEMORY_MB", default=0)  # 0: three quarters of the machine
TRAIN_TIME_FACTOR = env.float("EINSTEIN_TRAIN_TIME_FACTOR", default=4.0)  # times its budget, then it is ended
_QUEUE = {"timeout": 3600, "retry": 3660, "max_attempts": 1, "ack_failures": True}
Q_CLUSTER = {
    "name": "einstein",
    "orm": "default",
    "broker_class": "apps.runs.broker.Broker",
    "poll": 0.2,
    "catch_up": False,
    "scheduler": False,
    "save_limit": -1,
    "workers": WORKERS["interactive"],
    "label": "Background work",
    **_QUEUE,
    "ALT_CLUSTERS": {
        "interactive": {"workers": WORKERS["interactive"], **_QUEUE},
        "train": {"workers": WORKERS["train"], **_QUEUE, "timeout": 6 * 3600, "retry": 6 * 3600 + 60},
        "large": {"workers": WORKERS["large"], **_QUEUE, "timeout": 6 * 3600, "retry": 6 * 3600 + 60},
    },
}
WORKER_HOST = env.str("EINSTEIN_HOST_NAME", default=socket.gethostname())[:80]  # as operators drain it
LEASE_SECONDS = env.int("EINSTEIN_LEASE_SECONDS", default=20)
CHECK_SECONDS = env.int("EINSTEIN_CHECK_SECONDS", default=60)
GROUPING_SECONDS = env.int("EINSTEIN_GROUPING_SECONDS", default=600)
GRACE_SECONDS = env.int("EINSTEIN_GRACE_SECONDS", default=3600)
JITTER_SECONDS = env.int("EINSTEIN_JITTER_SECONDS", default=300)  # within which what is planned for one hour begins
QUEUE_AGE_SECONDS = env.int("EINSTEIN_QUEUE_AGE_SECONDS", default=900)  # work that waits longer is a fault
WATCH_CLOCK = env.bool("EINSTEIN_WATCH_CLOCK", default=True)  # by each web process
METRICS_TOKEN = env.str("EINSTEIN_METRICS_TOKEN", default="")  # who may read /metrics; nobody without one
PING_URL = env.str("EINSTEIN_PING_URL", default="")  # called every minute while the clock lives

# --- limits of a workspace (docs/decisions/0022)
QUOTAS = {kind: int(value) for kind, value in env.dict("EINSTEIN_QUOTAS", default={}).items()}
OPERATOR_CONTACT = env.str("EINSTEIN_OPERATOR_CONTACT", default="")  # whom to ask for more
KEY_CALLS_AN_HOUR = env.int("EINSTEIN_KEY_CALLS_AN_HOUR", default=2000)  # Einstein Discovery's limit
WIDGET_CALLS_AN_HOUR = env.int("EINSTEIN_WIDGET_CALLS_AN_HOUR", default=20_000)
LONG_CALLS_AT_ONCE = env.int("EINSTEIN_LONG_CALLS_AT_ONCE", default=2)  # of one workspace in one web process
COUNT_CALLS_SECONDS = env.float("EINSTEIN_COUNT_CALLS_SECONDS", default=1.0)  # 0: at once, within the call
USAGE_SECONDS = env.int("EINSTEIN_USAGE_SECONDS", default=3600)  # how often it is measured what a workspace uses

# --- REST
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["apps.workspaces.api_keys.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "einstein.web.problems.problem_response",
    "DEFAULT_THROTTLE_CLASSES": ["apps.workspaces.api_keys.KeyThrottle"],
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Einstein REST API",
    "DESCRIPTION": "Score records and read stored scores. Authenticate with an API key: `Authorization: Bearer <key>`.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
}
CACHES = {
    "default": {"BACKEND": "einstein.postgres.shared_cache.SharedCache"},  # log-ins are throttled over all processes
    "process": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
USE_THOUSAND_SEPARATOR = False
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

LOG_FORMAT = env.str("EINSTEIN_LOG_FORMAT", default="line")
if LOG_FORMAT not in {"line", "json"}:
    raise ImproperlyConfigured(f"EINSTEIN_LOG_FORMAT is {LOG_FORMAT!r}; it may be line or json.")
logging.captureWarnings(LOG_FORMAT == "json")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "einstein.logs.Line", "format": "{asctime} {levelname:<7} {name}: {message}", "style": "{"},
        "json": {"()": "einstein.logs.Json"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["console"], "level": env.str("EINSTEIN_LOG_LEVEL", default="INFO")},
    "loggers": {
        "django-q": {"level": "WARNING", "handlers": ["console"], "propagate": False},
        "django.request": {"level": "ERROR"},
        "flaml": {"level": "ERROR"},
    },
}
