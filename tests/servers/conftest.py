import pytest

from sla.models import SlaPolicyVersion
from tests.sla.policies import publish_policy


@pytest.fixture
def policy(db: None) -> SlaPolicyVersion:
    """P3: answer in an hour, resolve in a day, around the clock; warning at 85 %, breach at 100 %."""
    return publish_policy()
