"""Celery's command line for what runs day and night, without what its commands for people load: 9 MB a process.

python -m smartops.lean -A smartops worker …
"""

import sys
from types import ModuleType
from typing import Any


def main() -> None:
    repl: Any = ModuleType("click_repl")  # the prompt of `celery amqp`
    repl.register_repl = lambda group: None
    sys.modules["click_repl"] = repl
    # Flower is a plugin: every command of Celery's loads it, with a web server.
    sys.modules["flower"] = None  # type: ignore[assignment]

    from celery.__main__ import main

    main()


if __name__ == "__main__":
    main()
