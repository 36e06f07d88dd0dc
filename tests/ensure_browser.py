"""Makes sure a Chromium is on the machine before the tests begin; they never skip for want of one."""

import shutil
import subprocess
import sys


def main() -> int:
    if shutil.which("chromium"):
        return 0
    print("Installing Chromium for the browser tests", flush=True)
    subprocess.run(["apt-get", "update", "-qq"], check=True)
    return subprocess.run(["apt-get", "install", "-y", "-qq", "chromium"]).returncode


if __name__ == "__main__":
    sys.exit(main())
