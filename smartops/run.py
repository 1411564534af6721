"""One process of the desk, as a container runs it: python -m smartops.run core

This process becomes the one whose command `smartops.parts` knows, so that signals reach it and `manage.py up`,
docker-compose.yml, the Helm chart and Terraform all start the same.
"""

import argparse
import os
import sys

from smartops import parts
from workers.queues import WORKERS

#: The image sets it; what it starts must find `manage.py` and the settings.
SETTINGS = ("DJANGO_SETTINGS_MODULE", "smartops.settings")


def command(arguments: list[str]) -> list[str]:
    """Return the command of a part.

    :raises SystemExit: there is no such part, with those that there are.
    """
    parser = argparse.ArgumentParser(prog="python -m smartops.run", description=__doc__)
    parser.add_argument("part", choices=["web", *WORKERS, "beat", "flower", "migrate"])
    parser.add_argument("--bind", default="127.0.0.1", help="address to listen on (web, flower)")
    parser.add_argument("--port", type=int, help="8000 for web, 5555 for flower")
    parser.add_argument(
        "--concurrency",
        type=int,
        default=0,
        help="processes or threads of a worker; WORKER_CONCURRENCY says the same",
    )
    given = parser.parse_args(arguments)
    wanted = os.environ.get("WORKER_CONCURRENCY", "").strip()
    if given.part in WORKERS and not given.concurrency and wanted:
        if not wanted.isdecimal():
            parser.error(f"WORKER_CONCURRENCY must be a whole number from 0 on, not {wanted!r}")
        given.concurrency = int(wanted)
    if given.part == "web":
        return parts.web_command(bind=given.bind, port=given.port or 8000)
    if given.part == "flower":
        return parts.flower_command(bind=given.bind, port=given.port or 5555)
    if given.part == "beat":
        return parts.beat_command()
    if given.part == "migrate":
        return parts.migrate_command()
    return parts.worker_command(given.part, concurrency=given.concurrency)


def main() -> None:
    os.environ.setdefault(*SETTINGS)
    line = command(sys.argv[1:])
    os.chdir(parts.BASE)
    os.execv(line[0], line)


if __name__ == "__main__":
    main()
