"""Which scopes there are, and which a client may ask for: a system what it was given, an app only what concerns its member himself."""

from typing import Any

from oauth2_provider.scopes import SettingsScopes

READ, REDEEM, CONSENT = "me:read", "me:redeem", "me:consents"
# What a member may let an app do for him, in the order in which he is asked.
OF_MEMBERS = (READ, REDEEM, CONSENT)


class ClientScopes(SettingsScopes):
    """All scopes are known from settings; each client has its own share of them, and all of that by default."""

    def get_available_scopes(self, application=None, request=None, *args, **kwargs) -> list[str]:
        return list(application.scopes) if application else super().get_available_scopes()

    def get_default_scopes(self, application=None, request=None, *args, **kwargs) -> list[str]:
        return self.get_available_scopes(application=application)


def is_of_an_app(token: Any) -> bool:
    """Tell whether a request's token stands for a person who lets an app act for him; a system's stands for nobody."""
    return getattr(token, "user_id", None) is not None
