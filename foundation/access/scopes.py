"""Which scopes a system client may ask for: those it was given."""

from oauth2_provider.scopes import SettingsScopes


class ClientScopes(SettingsScopes):
    """All scopes are known from settings; each client has its own share of them, and all of that by default."""

    def get_available_scopes(self, application=None, request=None, *args, **kwargs) -> list[str]:
        return list(application.scopes) if application else super().get_available_scopes()

    def get_default_scopes(self, application=None, request=None, *args, **kwargs) -> list[str]:
        return self.get_available_scopes(application=application)
