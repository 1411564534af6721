from tests.live.desk import Desk


def test_a_worker_touches_its_file_while_it_lives(desk: Desk) -> None:
    alive = desk.root / "alive"
    desk.environment["WORKER_ALIVE_FILE"] = str(alive)
    try:
        worker = desk.start_worker()
        desk.wait_for(alive.exists, 30, "the file")
        first = alive.stat().st_mtime
        desk.wait_for(lambda: alive.stat().st_mtime > first, 15, "the next touch")

        worker.terminate()
        worker.wait(20)
    finally:
        del desk.environment["WORKER_ALIVE_FILE"]

    assert not alive.exists()


def test_beats_tick_shows_that_beat_broker_and_worker_live(desk: Desk) -> None:
    desk.sql("DELETE FROM workers_heartbeat")
    desk.start()

    desk.wait_for(
        lambda: desk.count("SELECT count(*) FROM workers_heartbeat WHERE name = 'beat'") == 1,
        40,
        "the tick",
    )
    well = {"status": "ok", "findings": []}
    desk.wait_for(lambda: desk.get("/health")[1] == well, 20, "the first tick of the figures")


def test_a_worker_keeps_its_database_connections(desk: Desk) -> None:
    desk.start()
    for _ in range(4):  # both processes of the worker have worked
        desk.open(600)  # three messages
        desk.wait_until_triaged()
    links = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    before = {pid for (pid,) in desk.sql(links)}
    for _ in range(4):
        desk.open(600)  # three messages
        desk.wait_until_triaged()

    assert {pid for (pid,) in desk.sql(links)} == before
