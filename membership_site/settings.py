"""Settings of the membership site; every value that differs between machines comes from the environment."""

from pathlib import Path

from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from foundation.web import logs
from membership_site.env import Environment

BASE_DIR = Path(__file__).resolve().parent.parent

env = Environment()
SITE_ENV = env.choice("SITE_ENV", "production", "local", "test")
SECRET_KEY = env.text("SECRET_KEY", "a long random text")
PERSONAL_DATA_KEY = env.key("PERSONAL_DATA_KEY")
PERSONAL_DATA_EARLIER_KEYS = env.keys(
    "PERSONAL_DATA_EARLIER_KEYS", "the master keys that members' keys were wrapped by before PERSONAL_DATA_KEY"
)
LOOKUP_KEY = env.key("LOOKUP_KEY")
# Tests seal with a key that everybody knows.
SEAL_KEY = env.key("SEAL_KEY", default=bytes(32)) if SITE_ENV == "test" else env.key("SEAL_KEY")
SEAL_EARLIER_KEYS = env.keys("SEAL_EARLIER_KEYS", "the public keys that sealed before SEAL_KEY did")
REDIS_URL = env.redis("REDIS_URL")
DATABASES = {"default": env.database("DATABASE_URL")}
owner_database = env.database("OWNER_DATABASE_URL", default=None)
ALLOWED_HOSTS = env.words(
    "ALLOWED_HOSTS", "the host names that this site answers to", default=["127.0.0.1", "localhost"]
)
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS", "origins with their scheme", default=[])
TIME_ZONE = env.text("BANK_TIME_ZONE", "the bank's zone", default="Asia/Shanghai")
NIGHT_CHUNK_MEMBERS = env.number("NIGHT_CHUNK_MEMBERS", "members a chunk of the night", default=20_000)
NIGHT_WORKERS = env.number("NIGHT_WORKERS", "workers that may share a night", default=2)
MERGE_UNDO_DAYS = env.number("MERGE_UNDO_DAYS", "days until which a merge of two records can be undone", default=30)
TIER_PROTECTION_MONTHS = env.number(
    "TIER_PROTECTION_MONTHS", "months that an invitation, freeze or override may last at most", default=24
)
TIER_WARNING_DAYS = env.numbers("TIER_WARNING_DAYS", "days before a downgrade, separated by commas", default=[30, 7])
METRICS_TOKEN = env.text("METRICS_TOKEN", "the bearer token that /metrics asks for", default="")
API_REQUESTS_PER_MINUTE = env.number(
    "API_REQUESTS_PER_MINUTE", "requests a minute for each client or user", default=600
)
# Who carries messages to members: console, file, off, or the dotted path of the bank's own class (docs/enrolment.md).
MESSAGES_PROVIDER = env.text(
    "MESSAGES_PROVIDER",
    "console, file, off, or a dotted path",
    default="off" if SITE_ENV == "production" else "file",
)
MESSAGES_FILE = env.text(
    "MESSAGES_FILE", "where the provider `file` writes", default=str(BASE_DIR / ".local" / "messages.jsonl")
)
COOLING_OFF_HOURS = env.number(
    "COOLING_OFF_HOURS", "hours without spending for a member just woken whose contact is new", default=72
)
SITE_URL = env.text("SITE_URL", "this site's address, for links in messages", default="http://127.0.0.1:8000").rstrip(
    "/"
)
PII_REVEALS_A_DAY = env.number(
    "PII_REVEALS_A_DAY", "how many people one of the staff may see in clear a day", default=50
)
# A device counts as new for so many hours, and after a change of password or contact spending rests as long (docs/sign-in.md).
# Tests sign in with a new device hundreds of times; those that are about it set their own hours.
NEW_DEVICE_HOURS = env.number(
    "NEW_DEVICE_HOURS", "hours that a device counts as new", default=0 if SITE_ENV == "test" else 24
)
SPENDING_RESTS_HOURS = env.number(
    "SPENDING_RESTS_HOURS",
    "hours that spending rests after a change of password or contact",
    default=0 if SITE_ENV == "test" else 24,
)
SPENDING_RESTS_POINTS = env.number(
    "SPENDING_RESTS_POINTS", "points that may be spent at once while it rests", default=1000
)
STAFF_PROOF_MINUTES = env.number(
    "STAFF_PROOF_MINUTES",
    "minutes that a second factor of staff is fresh for",
    default=0 if SITE_ENV == "test" else 15,
)
# Idle and absolute ends of a session, in minutes (ASVS 7.3); staff's come sooner.
STAFF_SESSION_MINUTES = env.numbers("STAFF_SESSION_MINUTES", "idle, absolute", default=[30, 600])
MEMBER_SESSION_MINUTES = env.numbers("MEMBER_SESSION_MINUTES", "idle, absolute", default=[60, 1440])
EXPORTS_A_DAY = env.number("EXPORTS_A_DAY", "copies of his data that a member may ask for a day", default=3)
BACKUP_DAYS = env.number(
    "BACKUP_DAYS", "days after which the bank's last backup with destroyed data is gone", default=35
)
# The bank's own sign-in (OpenID Connect, docs/apps.md); without an issuer there is none.
BANK_OIDC_ISSUER = env.text("BANK_OIDC_ISSUER", "the issuer of the bank's identity provider", default="")
BANK_OIDC_CLIENT_ID = env.text("BANK_OIDC_CLIENT_ID", "our client id there", default="")
BANK_OIDC_CLIENT_SECRET = env.text("BANK_OIDC_CLIENT_SECRET", "our client secret there", default="")
BANK_OIDC_SCOPE = env.text("BANK_OIDC_SCOPE", "what we ask for there", default="openid profile phone email")
BANK_OIDC_NUMBER_CLAIM = env.text(
    "BANK_OIDC_NUMBER_CLAIM", "the claim that holds the customer's number", default="customer_number"
)
BANK_OIDC_DOCUMENT_CLAIM = env.text(
    "BANK_OIDC_DOCUMENT_CLAIM", "the claim that holds his document's number", default="national_id"
)
LOG_FORMAT = env.choice("LOG_FORMAT", "json", "text", default="json")
if SITE_ENV == "production":
    # Whoever reads a console or a file would read everybody's codes.
    env.refuse("MESSAGES_PROVIDER", MESSAGES_PROVIDER, "console", "file")
    if BANK_OIDC_ISSUER:
        env.insist(BANK_OIDC_ISSUER.startswith("https://"), "BANK_OIDC_ISSUER", "not https://")
if BANK_OIDC_ISSUER:
    env.insist(
        bool(BANK_OIDC_CLIENT_ID and BANK_OIDC_CLIENT_SECRET),
        "BANK_OIDC_CLIENT_ID",
        "with its secret, beside an issuer",
    )
env.check()

if owner_database:
    # Migrations, and nothing else, run as the owner of the tables: `migrate --database owner`.
    DATABASES["owner"] = owner_database

PRODUCTION = SITE_ENV == "production"
DEBUG = False
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "membership_site.urls"
WSGI_APPLICATION = "membership_site.wsgi.application"
AUTH_USER_MODEL = "access.User"

INSTALLED_APPS = [
    "membership_site.apps.MembershipSite",
    "portal",
    "privacy",
    "books",
    "campaigns",
    "tiers",
    "importing",
    "points",
    "activity",
    "members",
    "foundation.approvals",
    "foundation.audit",
    "foundation.outbox",
    "foundation.messaging",
    "foundation.idempotency",
    "foundation.jobs",
    "foundation.access",
    "foundation.web",
    "membership_site.console_app.Console",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "csp",
    "django_filters",
    "django_htmx",
    "django_linear_migrations",
    "django_structlog",
    "oauth2_provider",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "template_partials",
]

LOGGING = logs.configure(LOG_FORMAT)
DJANGO_STRUCTLOG_CELERY_ENABLED = True

MIDDLEWARE = [
    "foundation.web.metrics.timing",
    "foundation.web.requests.request_ids",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "foundation.access.staying.guard",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

AUTHENTICATION_BACKENDS = ["foundation.access.signing_in.PostingBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
OAUTH2_PROVIDER_APPLICATION_MODEL = "access.SystemClient"
OAUTH2_PROVIDER = {
    "SCOPES": {
        "activities:write": _("Report activities"),
        "facts:write": _("Report facts of members"),
        "members:read": _("Read members, their tiers and points"),
        "redemptions:write": _("Redeem points for members, and cancel what was redeemed"),
        "tokens:introspect": _("Ask what a token is good for"),
        "me:read": _("See your points, your tier, your statements and your consents"),
        "me:redeem": _("Use your points, and give back what was used"),
        "me:consents": _("Change your consents and preferences"),
    },
    "SCOPES_BACKEND_CLASS": "foundation.access.scopes.ClientScopes",
    "OAUTH2_VALIDATOR_CLASS": "foundation.access.issuing.Validator",
    "ACCESS_TOKEN_EXPIRE_SECONDS": 600,
    # Counted from the last use: an app that nobody opens for so long asks its member again.
    "REFRESH_TOKEN_EXPIRE_SECONDS": 30 * 24 * 3600,
    "AUTHORIZATION_CODE_EXPIRE_SECONDS": 60,
    "PKCE_REQUIRED": True,
    "ROTATE_REFRESH_TOKEN": True,
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    # Each app has its own addresses, see SystemClient.get_allowed_schemes.
    "ALLOWED_REDIRECT_URI_SCHEMES": ["https"],
    "OAUTH2_RESPONSE_TYPES_SUPPORTED": ["code"],
    "OAUTH2_GRANT_TYPES_SUPPORTED": ["authorization_code", "client_credentials", "refresh_token"],
    "OAUTH2_TOKEN_ENDPOINT_AUTH_METHODS_SUPPORTED": ["client_secret_basic", "client_secret_post", "none"],
    # RFC 9700, the best current practice, without exception.
    **{
        f"COMPLIANT_BCP_RFC9700_{rule}": True
        for rule in (
            "IMPLICIT_GRANT",
            "PASSWORD_GRANT",
            "PKCE_METHOD",
            "ACCESS_TOKEN_TRANSPORT",
            "AUTHZ_RESPONSE_ISS",
            "TOKEN_STORAGE",
            "REFRESH_TOKEN",
            "REDIRECT_URI_SCHEME",
            "REDIRECT_URI_MATCHING",
            "PKCE_REQUIRED",
        )
    },
}
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_ADAPTER = "foundation.access.signing_in.Adapter"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = False
# Counted in Valkey by address, and by name apart for the devices that somebody has signed in with (signing_in.Adapter).
ACCOUNT_RATE_LIMITS = {"login": "30/m/ip", "login_failed": "10/m/ip,5/300s/key"}
ACCOUNT_REAUTHENTICATION_REQUIRED = False
MFA_ADAPTER = "foundation.access.factor_forms.Adapter"
MFA_FORMS = {"authenticate": "foundation.access.factor_forms.CodeForm"}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_USER_VERIFICATION = "required"
MFA_REAUTHENTICATION_REQUIRED = False

# Hashing is slow on purpose; tests sign in hundreds of times, and nobody attacks their database.
if SITE_ENV == "test":
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文"), ("zh-hant", "繁體中文")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_THOUSAND_SEPARATOR = True
FORMAT_MODULE_PATH = "membership_site.formats"

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / ".local" / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if SITE_ENV == "test"
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = SITE_ENV == "test"

# Redis only rings and counts; sessions stand in the database, so that losing it loses nobody's sign-in.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}

CELERY_BROKER_URL = REDIS_URL
CELERY_TIMEZONE = TIME_ZONE
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_connect_timeout": 2,
    "retry_policy": {"max_retries": 1},
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "oauth2_provider.contrib.rest_framework.OAuth2Authentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "foundation.web.describing.Schema",
    "DEFAULT_THROTTLE_CLASSES": ["foundation.web.throttling.Throttle"],
    "EXCEPTION_HANDLER": "foundation.web.problems.handle",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Membership API",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "DESCRIPTION": "Members, their tiers and points, for the mobile app; facts and members, for the bank's systems.",
    "SERVE_INCLUDE_SCHEMA": False,
    # What the API can do is no stranger's business in production.
    "SERVE_PERMISSIONS": [f"rest_framework.permissions.{'IsAuthenticated' if PRODUCTION else 'AllowAny'}"],
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "EntryKindEnum": "portal.api.KINDS",
        "TierDecisionEnum": "tiers.models.Decision.Outcome",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "foundation.web.describing.add_problems",
        "foundation.web.describing.add_flows",
    ],
    "OAUTH2_FLOWS": ["clientCredentials", "authorizationCode"],
    "OAUTH2_TOKEN_URL": "/oauth/token",
    "OAUTH2_REFRESH_URL": "/oauth/token",
    "OAUTH2_AUTHORIZATION_URL": "/oauth/authorize",
}

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 60 * max(*STAFF_SESSION_MINUTES, *MEMBER_SESSION_MINUTES)
DEVICE_COOKIE_NAME = "__Host-device" if PRODUCTION else "device"
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
FILE_UPLOAD_HANDLERS = [
    "foundation.web.uploading.CappedUpload",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_SAMESITE = "Lax"
if PRODUCTION:
    SECURE_SSL_REDIRECT = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = True
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-session", "__Host-csrf"

SITE_NAME = _("Membership")
