"""Addresses of everybody's own sign-in."""

from django.urls import path

from portal import confirming, contact, passkeys, security

app_name = "security"
urlpatterns = [
    path("", security.index, name="index"),
    path("begin/", security.begin, name="begin"),
    path("confirm/", confirming.confirm, name="confirm"),
    path("confirm/options", passkeys.options_to_confirm, name="confirm_options"),
    path("app/", security.add_app, name="add_app"),
    path("passkeys/add/", passkeys.add, name="add_passkey"),
    path("passkeys/add/options", passkeys.options_to_add, name="add_passkey_options"),
    path("factors/<int:factor_id>/remove/", security.remove, name="remove"),
    path("recovery-codes/", security.renew_codes, name="renew_codes"),
    path("password/", security.password, name="password"),
    path("contact/", contact.change, name="contact"),
    path("contact/code/", contact.enter, name="contact_code"),
    path("devices/<int:sign_in_id>/end/", security.end, name="end"),
    path("devices/end-others/", security.end_others, name="end_others"),
]
