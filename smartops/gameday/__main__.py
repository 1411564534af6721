"""The player's process: python -m smartops.gameday SCENARIO SPEED REPORT, in the scratch desk's environment."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import django

import smartops.celery  # noqa: F401


def main(scenario_file: str, speed: str, report_file: str) -> None:
    """Write the report, or {"refused": why} when the scenario does not fit the desk."""
    django.setup()
    from smartops.gameday import report
    from smartops.gameday.plan import plan_of
    from smartops.gameday.player import Player
    from smartops.gameday.receiver import receiving
    from smartops.gameday.scenario import read_scenario
    from smartops.gameday.scratch import Refused
    from smartops.gameday.stage import set_up
    from workers import clock
    from workers.clock import SharedClock

    scenario = read_scenario(Path(scenario_file).read_bytes())
    plan = plan_of(scenario)
    found: dict[str, Any]
    try:
        with receiving() as receiver:
            integrations = set_up(scenario=scenario, plan=plan, receiver=receiver)
            shared = SharedClock(Path(os.environ[clock.VARIABLE]))
            player = Player(scenario, plan, integrations, shared)
            pace = player.play(speed=float(speed), tell=print)
            found = report.measure(scenario, plan, receiver, pace, asked=float(speed))
    except Refused as error:
        found = {"refused": str(error)}
    Path(report_file).write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
