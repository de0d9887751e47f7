"""What the frameworks keep of somebody's sign-in: deleted with him. Our own tables are emptied in the database (privacy_erase)."""

from collections.abc import Sequence

from django.apps import apps

from foundation.transactions import in_transaction

# In an order in which none is left pointing at one that is gone.
OF_SIGN_IN = (
    "account.EmailAddress",
    "mfa.Authenticator",
    "access.SignIn",
    "access.Device",
    "access.FactorTries",
    "oauth2_provider.RefreshToken",
    "oauth2_provider.AccessToken",
    "oauth2_provider.IDToken",
    "oauth2_provider.Grant",
    "oauth2_provider.DeviceGrant",
)


@in_transaction
def forget(user_ids: Sequence[int]) -> int:
    """Delete the addresses, tokens and devices of these users; return how many rows. As many statements for one as for thousands."""
    deleted = 0
    for label in OF_SIGN_IN:
        deleted += apps.get_model(label)._default_manager.filter(user__in=user_ids).delete()[0]
    return deleted
