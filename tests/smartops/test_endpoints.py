import pytest
from django.core.exceptions import ImproperlyConfigured

from smartops.endpoints import database, replica, sentinels


def test_an_address_says_everything_that_the_driver_needs() -> None:
    found = database("postgresql://us%40er:p%2Fw@db.intern:6432/desk", pooler=False)

    assert (found["HOST"], found["PORT"], found["NAME"]) == ("db.intern", 6432, "desk")
    assert (found["USER"], found["PASSWORD"]) == ("us@er", "p/w")
    assert found["OPTIONS"]["prepare_threshold"] == 5


def test_tls_is_asked_for_in_the_address() -> None:
    url = "postgresql://u:p@db/desk?sslmode=verify-full&sslrootcert=/etc/ca.pem"

    options = database(url, pooler=False)["OPTIONS"]

    assert (options["sslmode"], options["sslrootcert"]) == ("verify-full", "/etc/ca.pem")


def test_what_nobody_would_read_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="says sslmod; after its . it may say"):
        database("postgresql://u:p@db/desk?sslmod=require", pooler=False)


def test_behind_a_pooler_nothing_outlives_a_transaction() -> None:
    found = database("postgresql://u:p@db/desk", pooler=True)

    assert found["DISABLE_SERVER_SIDE_CURSORS"] is True
    assert found["OPTIONS"]["prepare_threshold"] is None


def test_one_server_needs_no_sentinel() -> None:
    assert sentinels("redis://:p@host:6379/0") is None


def test_sentinels_are_read_from_one_address() -> None:
    found = sentinels("sentinel://:se%2Fcret@one:26379,two/2?master=desk")

    assert found
    assert found.hosts == (("one", 26379), ("two", 26379))
    assert (found.master, found.password, found.db) == ("desk", "se/cret", 2)
    assert found.broker_url == (
        "sentinel://:se%2Fcret@one:26379/2;sentinel://:se%2Fcret@two:26379/2"
    )


@pytest.mark.parametrize(
    "url",
    ["sentinel://one:26379/0", "sentinel://?master=desk", "sentinel://one:x/0?master=desk"],
)
def test_an_address_of_sentinels_that_says_too_little_is_refused(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="must be sentinel://:password@one"):
        sentinels(url)


def test_a_replica_is_not_waited_for_long_and_its_mistakes_have_its_name() -> None:
    found = replica("postgresql://u:p@standby/desk?sslmode=require", pooler=False)

    assert found["HOST"] == "standby"
    assert found["OPTIONS"]["connect_timeout"] == 2
    assert found["OPTIONS"]["sslmode"] == "require"
    with pytest.raises(ImproperlyConfigured, match="DATABASE_REPLICA_URL says host"):
        replica("postgresql://u:p@standby/desk?host=x", pooler=False)
