"""The player's process: python -m smartops.gameday SCENARIO SPEED REPORT, in the scratch desk's environment."""

import json
import os
import sys
from pathlib import Path

import django

import smartops.celery  # noqa: F401


def main(scenario_file: str, speed: str, report_file: str) -> int:
    django.setup()
    from smartops.gameday import report
    from smartops.gameday.driver import REFUSED
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
    with receiving() as receiver:
        try:
            integrations = set_up(scenario=scenario, plan=plan, receiver=receiver)
        except Refused as error:
            print(error)
            return REFUSED
        shared = SharedClock(Path(os.environ[clock.VARIABLE]))
        player = Player(scenario, plan, integrations, shared)
        pace = player.play(speed=float(speed), tell=print)
        found = report.measure(scenario, plan, receiver, pace, asked=float(speed))
    Path(report_file).write_text(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
