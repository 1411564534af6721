#!/usr/bin/env python
"""SmartOps' command line. `manage.py up` runs the whole desk; `manage.py help` lists the rest."""

import os
import sys

# NumPy's own threads only fight the worker processes for the same cores (measured: 80 -> 14 ms).
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(variable, "1")


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smartops.settings")
    if sys.argv[1:2] == ["up"]:
        # The supervisor starts the servers whose addresses the settings need, so it comes first.
        from smartops.supervisor import main as up

        sys.exit(up(sys.argv[2:]))
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
