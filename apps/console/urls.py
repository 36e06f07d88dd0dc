"""Addresses for operators, and the workspace's home."""

from django.urls import path

from apps.console import views

inside = [path("", views.home, name="home")]
outside = [
    path("console/mail/", views.kept_mail, name="kept_mail"),
    path("console/mail/<int:mail_id>/", views.kept_mail_one, name="kept_mail_one"),
]
