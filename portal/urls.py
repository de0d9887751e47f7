"""Addresses of the member's pages."""

from django.urls import path

from portal import using, views

app_name = "portal"
urlpatterns = [
    path("", views.home, name="home"),
    path("points", views.points, name="points"),
    path("points/<str:code>", views.points, name="points"),
    path("points/<str:code>/<int:number>", views.entry, name="entry"),
    path("points/<str:code>/use", using.use, name="use"),
    path("points/<str:code>/<int:number>/give-back", using.give_back, name="give_back"),
    path("tier", views.tier, name="tier"),
    path("me", views.me, name="me"),
]
