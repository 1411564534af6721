"""Several hosts with RabbitMQ between them: one is cut off for longer than RabbitMQ waits for a sign of life."""

import time
from pathlib import Path

from tests.live import hosts, rabbit
from tests.live.site import opened

OUTAGE_SECONDS = 35.0  # RabbitMQ gives a host up after two heartbeats of ten seconds
BACK_SECONDS = 90.0  # to come back, on a busy machine


def test_a_worker_host_cut_off_from_rabbitmq_loses_and_repeats_nothing_and_comes_back(
    tmp_path: Path,
) -> None:
    hosts.needed()
    rabbit.needed()
    with opened(tmp_path, rabbitmq=True) as site:
        ids = site.open_everywhere(12, 30)
        site.wait_until_both_worker_hosts_are_at_work()

        site.network.pull("east")
        cut = time.monotonic()
        assert site.unfinished() > 0
        ids += site.open_everywhere(2, 20)
        site.wait_until_triaged(BACK_SECONDS)
        print(f"the other host had triaged everything {time.monotonic() - cut:.1f} s after the cut")
        site.wait_until_all_is_done(ids)
        time.sleep(max(0.0, cut + OUTAGE_SECONDS - time.monotonic()))

        site.plug_and_wait_for_work("east", ids, within=BACK_SECONDS)
