"""manage.py gameday: what it refuses, before anything is made."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

GOOD = "{name: Test, lasts: 20m}"


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        ("name: x\nlasts: soon\n", {}, "line 2, column 8: lasts: 'soon' is not a length of time."),
        (GOOD, {"speed": 0.5}, "--speed must be between 1 and 100000."),
        (None, {}, "cannot be read: No such file or directory."),
    ],
)
def test_it_says_what_is_wrong_and_ends_with_2(
    tmp_path: Path, content: str | None, options: dict[str, Any], said: str
) -> None:
    path = tmp_path / "scenario.yaml"
    if content is not None:
        path.write_text(content)

    with pytest.raises(CommandError) as refused:
        call_command("gameday", scenario=path, **options)

    assert said in str(refused.value)
    assert refused.value.returncode == 2
