"""`python -m einstein run`: start everything on this machine. `--no-demo` leaves the demo workspace out."""

import argparse
import sys

from einstein.serve import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m einstein")
    commands = parser.add_subparsers(required=True)
    start = commands.add_parser("run", help="migrate, then start the web server, the workers and the clock")
    start.add_argument("--no-demo", action="store_true", help="make no demo workspace")
    options = parser.parse_args()
    return run(demo=not options.no_demo)


if __name__ == "__main__":
    sys.exit(main())
