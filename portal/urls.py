"""Addresses of the member's pages."""

from django.urls import path

from portal import code_sign_in, consenting, families, joining, leaving, my_data, preferring, using, views

app_name = "portal"
urlpatterns = [
    path("", views.home, name="home"),
    path("points", views.points, name="points"),
    path("points/<str:code>", views.points, name="points"),
    path("points/<str:code>/<int:number>", views.entry, name="entry"),
    path("points/<str:code>/expiring", views.expiring, name="expiring"),
    path("statements/<str:code>", views.statements, name="statements"),
    path("statements/<str:code>/<str:month>", views.statement, name="statement"),
    path("statements/<str:code>/<str:month>/<str:form>", views.statement, name="statement_file"),
    path("points/<str:code>/use", using.use, name="use"),
    path("points/<str:code>/<int:number>/give-back", using.give_back, name="give_back"),
    path("tier", views.tier, name="tier"),
    path("me", views.me, name="me"),
    path("me/consents", consenting.consents_page, name="consents"),
    path("me/preferences", preferring.preferences_page, name="preferences"),
    path("me/leave", leaving.leave, name="leave"),
    path("me/stay", leaving.stay, name="stay"),
    path("me/data", my_data.data, name="data"),
    path("me/data/copy", my_data.copy, name="data_copy"),
    path("me/data/code", my_data.send_code, name="data_code"),
    path("me/data/copies/<uuid:export_id>", my_data.fetch, name="data_fetch"),
    path("me/data/erase", my_data.erase, name="erase"),
    path("me/data/keep", my_data.keep, name="data_keep"),
    path("agree", consenting.agree, name="agree"),
    path("join", joining.begin, name="join"),
    path("join/code", joining.code, name="join_code"),
    path("join/link/<uuid:code_id>/<str:secret>", joining.link, name="join_link"),
    path("join/agree", joining.agree, name="join_agree"),
    path("join/resume", joining.resume, name="join_resume"),
    path("accounts/code/", code_sign_in.ask, name="sign_in_by_code"),
    path("accounts/code/enter", code_sign_in.enter, name="sign_in_code"),
    path("family", families.family, name="family"),
    path("family/redemptions/<rdm:redemption_id>/give-back", using.give_family_back, name="give_family_back"),
    path("family/invite", families.invite, name="family_invite"),
    path("family/leave", families.leave, name="family_leave"),
    path("family/<int:place>/accept", families.accept, name="family_accept"),
    path("family/<int:place>/decline", families.decline, name="family_decline"),
    path("family/<int:place>/remove", families.remove, name="family_remove"),
    path("family/<int:place>/limit", families.grant, name="family_grant"),
    path("family/<int:place>/give", families.give, name="family_give"),
]
