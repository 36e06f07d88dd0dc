"""Makes sure that what the tests drive is on the machine before they begin, programs of Debian. They never skip for want of one."""

import shutil
import subprocess
import sys

PACKAGES = {
    "chromium": "chromium",
    "mariadbd": "mariadb-server",
    "psql": "postgresql-client",
    "faketime": "faketime",
    "pgbouncer": "pgbouncer",
    "systemd-analyze": "systemd",
}


def main() -> int:
    missing = [
        package
        for program, package in PACKAGES.items()
        if not shutil.which(program, path="/usr/bin:/usr/sbin:/bin:/sbin")
    ]
    if not missing:
        return 0
    print(f"Installing {' and '.join(missing)} for the tests", flush=True)
    subprocess.run(["apt-get", "update", "-qq"], check=True)
    return subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]).returncode


if __name__ == "__main__":
    sys.exit(main())
