"""The product's addresses and one more: a page with its frame and nothing in it, to measure against."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from apps.workspaces.access import viewer
from einstein.urls import handler400, handler403, handler404, handler500, urlpatterns

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]


@viewer
def empty(request: HttpRequest) -> HttpResponse:
    return render(request, "base.html", {"section": ""})


urlpatterns = [path("w/<slug:slug>/empty/", empty), *urlpatterns]
