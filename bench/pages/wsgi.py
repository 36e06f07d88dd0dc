"""The product with the empty page beside it."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "einstein.settings")
settings.ROOT_URLCONF = "bench.pages.urls"
application = get_wsgi_application()
