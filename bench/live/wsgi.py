"""The product with the empty view beside it, and without the hourly limit of calls."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "einstein.settings")
settings.ROOT_URLCONF = "bench.live.urls"
settings.KEY_CALLS_AN_HOUR = 100_000_000
settings.QUOTAS = {"api_calls": 100_000_000}
application = get_wsgi_application()
