"""Addresses of the member's pages."""

from django.urls import path

from portal import views

app_name = "portal"
urlpatterns = [
    path("", views.home, name="home"),
    path("points", views.points, name="points"),
    path("points/<str:code>", views.points, name="points"),
    path("points/<str:code>/<int:number>", views.entry, name="entry"),
    path("statements/<str:code>", views.statements, name="statements"),
    path("statements/<str:code>/<str:month>", views.statement, name="statement"),
    path("statements/<str:code>/<str:month>/<str:form>", views.statement, name="statement_file"),
    path("tier", views.tier, name="tier"),
    path("me", views.me, name="me"),
]
