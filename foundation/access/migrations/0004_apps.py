"""A client is a system or an app; an app is public, and comes back to addresses of its own."""

from django.db import migrations, models
from django.db.models import Q

OF_MEMBERS = ["me:read", "me:redeem", "me:consents"]
SYSTEM = Q(authorization_grant_type="client-credentials")
ADDRESS = r"(https://|http://127\.0\.0\.1[:/]|http://\[::1\][:/]|[a-z][a-z0-9]*(\.[a-z0-9-]+)+:/)[^\s#]+"


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0003_more_roles"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="systemclient",
            constraint=models.CheckConstraint(
                condition=Q(authorization_grant_type="client-credentials", client_type="confidential")
                | Q(authorization_grant_type="authorization-code", client_type="public", skip_authorization=False),
                name="client_is_a_system_or_an_app",
            ),
        ),
        migrations.AddConstraint(
            model_name="systemclient",
            constraint=models.CheckConstraint(
                condition=Q(authorization_grant_type="authorization-code", scopes__contained_by=OF_MEMBERS)
                | (SYSTEM & ~Q(scopes__overlap=OF_MEMBERS)),
                name="client_has_scopes_of_its_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="systemclient",
            constraint=models.CheckConstraint(
                condition=Q(authorization_grant_type="client-credentials", redirect_uris="")
                | Q(authorization_grant_type="authorization-code", redirect_uris__regex=rf"^{ADDRESS}( {ADDRESS})*$"),
                name="app_comes_back_to_its_own_address",
            ),
        ),
    ]
