"""Every address of the site, by door."""

from allauth.account import views as account
from django.contrib import admin
from django.urls import include, path

from foundation.web import metrics, probes
from portal import passkeys, second_step

# Where the database is away, 503 and when to come back.
handler500 = "foundation.web.outages.failed"
urlpatterns = [
    path("healthz", probes.healthz),
    path("readyz", probes.readyz),
    path("metrics", metrics.metrics),
    path("", include("membership_site.api")),
    path("console/", admin.site.urls),
    path("accounts/login/", account.login, name="account_login"),
    path("accounts/logout/", account.logout, name="account_logout"),
    path("accounts/inactive/", account.account_inactive, name="account_inactive"),
    path("accounts/passkey/", passkeys.sign_in, name="sign_in_by_passkey"),
    path("accounts/passkey/options", passkeys.options_to_sign_in, name="sign_in_options"),
    path("accounts/2fa/", second_step.authenticate, name="mfa_authenticate"),
    path("security/", include("portal.security_urls")),
    path("", include("portal.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
]
