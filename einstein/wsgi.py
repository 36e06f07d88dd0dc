"""The WSGI entry point of the web server, which also looks whether the clock lives: nobody else could tell that it does not."""

import logging
import multiprocessing
import os

from django.core.wsgi import get_wsgi_application

from apps.runs.die_with_parent import die_with_parent
from einstein.temporary import use_own_folder

if (server := multiprocessing.parent_process()) is not None:
    # A server's worker whose main process was killed would go on serving, with the old code beside that of the next release.
    die_with_parent(server.pid)
    use_own_folder()

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "einstein.settings")
application = get_wsgi_application()

from django.conf import settings  # noqa: E402
from django.urls import get_resolver  # noqa: E402

from apps.monitoring.installation import watch_the_clock  # noqa: E402, models exist only now

# Loads every view now: else the first visitor of each process waits seconds for it.
get_resolver().url_patterns  # noqa: B018
logging.getLogger("einstein.web").info("A web process is ready")
if settings.WATCH_CLOCK:
    watch_the_clock()
