from collections.abc import Iterator

import pytest

from sla import promises
from sla.models import SlaPolicyVersion
from tests.sla.policies import publish_policy


@pytest.fixture(autouse=True)
def _policies_of_this_test() -> Iterator[None]:
    """What a process remembers of policies ends with the test that wrote them."""
    promises.forget()
    yield
    promises.forget()


@pytest.fixture
def policy(db: None) -> SlaPolicyVersion:
    """P3: answer in an hour, resolve in a day, around the clock; warning at 85 %, breach at 100 %."""
    return publish_policy()
