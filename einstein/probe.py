"""`python -m einstein.probe`: whether the web server of this host lives, asked under the name that people use. For health checks of containers."""

import http.client
import os
import sys
from urllib.parse import urlsplit

SECONDS = 4


def main() -> int:
    port = int(os.environ.get("EINSTEIN_PORT", "8000"))
    known_as = urlsplit(os.environ.get("EINSTEIN_PUBLIC_URL", "")).netloc or f"127.0.0.1:{port}"
    server = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        server.request("GET", "/healthz", headers={"Host": known_as})
        return 0 if server.getresponse().status == 200 else 1
    except OSError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
