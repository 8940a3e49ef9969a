"""The one settings file. Environment variables choose; the README's table lists them all."""

import os
from pathlib import Path
from ssl import CERT_REQUIRED
from urllib.parse import quote, urlsplit

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from bargeportal.broker import broker_url
from bargeportal.env import Environment
from bargeportal.keys import made_webhook_secret, stored_key
from injections.genesys.config import DEFAULT_REGION, UnknownRegion, urls_for_region

# Whatever a process of the portal writes is its user's alone: sessions, callers' numbers, recordings, keys.
os.umask(0o077)
env = Environment()
BASE_DIR = Path(__file__).resolve().parent.parent

# Where the embedded default keeps everything: database, recordings, keys.
PORTAL_DATA_DIR = Path(env.text("PORTAL_DATA_DIR", str(BASE_DIR / "var"))).resolve()
SCRATCH_DIR = PORTAL_DATA_DIR / "tmp"  # what is being uploaded
PORT = env.integer("PORT", 8000, least=1, most=65535)
# The portal's own address, as browsers and the media server reach it. https brings what production needs.
PORTAL_BASE_URL = env.origin("PORTAL_BASE_URL", f"http://127.0.0.1:{PORT}")
IS_HTTPS = PORTAL_BASE_URL.startswith("https://")
PORTAL_HOST = urlsplit(PORTAL_BASE_URL).hostname or ""

SECRET_KEY = env.secret("SECRET_KEY") or stored_key(PORTAL_DATA_DIR, "secret_key")
# Keys with one purpose each: a leaked media link key opens no session.
MEDIA_SIGNING_KEY = env.secret("MEDIA_SIGNING_KEY") or stored_key(PORTAL_DATA_DIR, "media_signing_key")
COMPLETION_SECRET = env.secret("COMPLETION_SECRET") or stored_key(PORTAL_DATA_DIR, "completion_secret")
DEBUG = False
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS") or [
    f"[{PORTAL_HOST}]" if ":" in PORTAL_HOST else PORTAL_HOST,
    *([] if IS_HTTPS else ["127.0.0.1", "localhost"]),
]

# --- Genesys Cloud ------------------------------------------------------------------------------------------
GENESYS_CLIENT_ID = env.text("GENESYS_CLIENT_ID")
GENESYS_CLIENT_SECRET = env.secret("GENESYS_CLIENT_SECRET")
GENESYS_ORG_REGION = env.text("GENESYS_ORG_REGION")
try:
    _api_url, _login_url = urls_for_region(GENESYS_ORG_REGION or DEFAULT_REGION)
except UnknownRegion as error:
    raise ImproperlyConfigured(f"GENESYS_ORG_REGION: {error}") from None
GENESYS_API_URL = env.base("GENESYS_API_URL", _api_url)
GENESYS_LOGIN_URL = env.base("GENESYS_LOGIN_URL", _login_url)
# Said by `manage.py up`, so that no page calls the simulator by the platform's name.
GENESYS_IS_SIMULATOR = env.boolean("GENESYS_IS_SIMULATOR", default=False)
GENESYS_CONSENT_KEY = env.text("GENESYS_CONSENT_KEY", "supervision_consent")
QA_WEBHOOK_URL = env.url("QA_WEBHOOK_URL")
QA_WEBHOOK_SECRET = env.secret("QA_WEBHOOK_SECRET") or stored_key(
    PORTAL_DATA_DIR, "qa_webhook_secret", make=made_webhook_secret
)

# --- Injecting ----------------------------------------------------------------------------------------------
INJECT_AUDIO_HOSTS = env.words("INJECT_AUDIO_HOSTS")
INJECT_RATE_PER_MINUTE = env.integer(
    "INJECT_RATE_PER_MINUTE", 600, least=1, most=100_000
)  # of one API client
INJECT_QUEUE_LIMIT = env.integer(
    "INJECT_QUEUE_LIMIT", 10_000, least=1, most=1_000_000
)  # injections that wait
INJECT_DEADLINE_S = env.integer("INJECT_DEADLINE_S", 20, least=1, most=300)
INJECT_ARMED_S = 15  # an armed barge is safe again after this many seconds
SHUTDOWN_GRACE_S = 8  # what a process that is told to end has for what it tries; then it is handed back

# --- Audit log (paths; empty: in the data folder) -------------------------------------------------------------
AUDIT_DIR = env.text("AUDIT_DIR")
AUDIT_SIGNING_KEY_FILE = env.text("AUDIT_SIGNING_KEY_FILE")
AUDIT_RECEIPT_KEY_FILE = env.text("AUDIT_RECEIPT_KEY_FILE")
AUDIT_ANCHOR_FILE = env.text("AUDIT_ANCHOR_FILE")
AUDIT_RECORDINGS = "injections.evidence.open_recording"  # what evidence packs take recordings from
# Anchors elsewhere, each of which is used when it is set.
AUDIT_S3_URL = env.base("AUDIT_S3_URL", "")
AUDIT_S3_REGION = env.text("AUDIT_S3_REGION", "us-east-1")
AUDIT_S3_ACCESS_KEY = env.text("AUDIT_S3_ACCESS_KEY")
AUDIT_S3_SECRET_KEY = env.secret("AUDIT_S3_SECRET_KEY")
AUDIT_S3_RETENTION_DAYS = env.integer("AUDIT_S3_RETENTION_DAYS", 3650, least=1, most=36_500)
AUDIT_WITNESS_URL = env.base("AUDIT_WITNESS_URL", "")
AUDIT_WITNESS_KEY = env.text("AUDIT_WITNESS_KEY")
AUDIT_MAIL_TO = env.words("AUDIT_MAIL_TO")
AUDIT_MAIL_FROM = env.text("AUDIT_MAIL_FROM")
AUDIT_MAIL_EVERY_H = env.integer("AUDIT_MAIL_EVERY_H", 24, least=1, most=8760)
EMAIL_HOST = env.text("SMTP_HOST")
EMAIL_HOST_USER = env.text("SMTP_USER")
EMAIL_HOST_PASSWORD = env.secret("SMTP_PASSWORD")
SMTP_SECURITY = env.choice("SMTP_SECURITY", "starttls", of=("starttls", "tls", "none"))
EMAIL_USE_TLS, EMAIL_USE_SSL = SMTP_SECURITY == "starttls", SMTP_SECURITY == "tls"
EMAIL_PORT = env.integer("SMTP_PORT", 465 if EMAIL_USE_SSL else 587, least=1, most=65535)
EMAIL_TIMEOUT = 20  # seconds

# --- Django -------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "bargeportal.apps.PortalConfig",
    "injections",
    "audit",
    "bargeportal.apps.PortalAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "knox",
    "django_htmx",
    "template_partials",
    "csp",
]
MIDDLEWARE = [
    "bargeportal.middleware.RequestContext",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "bargeportal.health.AnswerHealth",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "bargeportal.urls"
ASGI_APPLICATION = "bargeportal.asgi.application"
WEB_THREADS = env.integer("WEB_THREADS", 24, least=1, most=200)  # requests at once, and database connections
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
                "injections.web.context.portal",
            ],
        },
    }
]

DATABASES = {
    "default": env.database("DATABASE_URL", f"sqlite:///{quote(str(PORTAL_DATA_DIR / 'portal.sqlite3'))}")
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        # A writer waits its turn instead of failing at its first write; the log must survive a power cut.
        "transaction_mode": "IMMEDIATE",
        "timeout": 10,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA recursive_triggers=ON;",
    }
else:
    DATABASES["default"]["OPTIONS"] = {
        # Statements that come again are planned once for each connection, as psycopg does where nobody forbids it.
        "server_side_binding": True,
        "prepare_threshold": 5,
    } | DATABASES["default"].get("OPTIONS", {})
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "login"

LANGUAGE_CODE = "en"
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "static/"
STATIC_ROOT = PORTAL_DATA_DIR / "static"
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": PORTAL_DATA_DIR / "clips", "base_url": None},
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
FILE_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024  # larger recordings go to a temporary file
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024  # no form here is longer; files do not count

# --- Security -----------------------------------------------------------------------------------------------
SESSION_COOKIE_NAME = "__Host-session" if IS_HTTPS else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if IS_HTTPS else "csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = IS_HTTPS
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax" if not IS_HTTPS else "Strict"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "injections.web.errors.csrf_failure"
SESSION_COOKIE_AGE = 12 * 3600
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = IS_HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if IS_HTTPS else None
SECURE_REDIRECT_EXEMPT = [r"^health$", r"^metrics$"]  # asked for within the machine or its network
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# Who may read /metrics: whoever sends this; without it this machine alone.
METRICS_TOKEN = env.secret("METRICS_TOKEN")

# --- HTTP API -----------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["injections.api.authentication.ApiTokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "injections.api.negotiation.AlwaysJson",
    "DEFAULT_PARSER_CLASSES": ["injections.api.parsing.StrictJSONParser"],
    "EXCEPTION_HANDLER": "injections.api.problems.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
REST_KNOX = {"TOKEN_TTL": None, "AUTO_REFRESH": False, "AUTH_HEADER_PREFIX": "Token"}

# --- Background work ----------------------------------------------------------------------------------------
REDIS_URL = env.redis("REDIS_URL")
# Without Redis there is one machine, whose worker (`manage.py work`) takes what is due from the table itself.
CELERY_BROKER_URL = broker_url(REDIS_URL)
if REDIS_URL.startswith("rediss://"):  # Celery's own default is to trust any certificate
    CELERY_BROKER_USE_SSL = {"ssl_cert_reqs": CERT_REQUIRED}
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "injections.sweep", "schedule": 1.0, "options": {"expires": 5}},
    "deliver-qa": {"task": "injections.deliver_qa", "schedule": 1.0, "options": {"expires": 5}},
    "register": {"task": "injections.register", "schedule": 60.0, "options": {"expires": 30}},
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1  # the table is the queue: what one worker holds back, another cannot do
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # meanwhile the worker looks into the table itself

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "refusal": {"()": "bargeportal.logs.RefusalFilter"},
        "redact": {"()": "bargeportal.logs.RedactingFilter"},
    },
    "formatters": {"line": {"()": "bargeportal.logs.LineFormatter"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "filters": ["refusal", "redact"], "formatter": "line"},
    },
    "root": {
        "handlers": ["stderr"],
        "level": env.choice("LOG_LEVEL", "INFO", of=("DEBUG", "INFO", "WARNING", "ERROR")),
    },
    "loggers": {
        "django.server": {"handlers": [], "propagate": True},
        # A line for each tick of the clock and each task would bury what matters.
        **{
            name: {"level": "WARNING"}
            for name in ("celery.beat", "celery.worker.strategy", "celery.app.trace")
        },
    },
}
