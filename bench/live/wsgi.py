"""The product with the empty view beside it, and without the hourly limit of calls."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "einstein.settings")
settings.ROOT_URLCONF = "bench.live.urls"
settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"] = {"api_key": "100000000/hour"}
application = get_wsgi_application()
