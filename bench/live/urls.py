"""The product's addresses and one more: an authenticated view that does nothing, to measure against."""

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from einstein.urls import handler400, handler403, handler404, handler500, urlpatterns

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]


class Empty(APIView):
    def post(self, request: Request) -> Response:
        return Response({"scores": [len(request.data)]})


urlpatterns = [*urlpatterns, path("api/v1/empty", Empty.as_view())]
