"""What a task needs is loaded before a worker forks."""

from __future__ import annotations

import subprocess
import sys

_FIRST_TASK = """
import sys
from worker.queue import warm_up

{warm_up}
before = set(sys.modules)
import connectors
from worker.phones.countries import region_of
from worker.phones.field_parser import parse_field
from worker.verification.models import Question
from worker.verification.providers.offline import OfflineProvider

connectors.load("salesforce-emea"), connectors.load("hubspot")
(number,) = parse_field("(415) 555-0199", region_of("Vereinigte Staaten")).numbers
OfflineProvider().ask([Question(number.e164)], "format")
print(len(set(sys.modules) - before))
"""


def _modules_of_first_task(warm_up: str) -> int:
    code = _FIRST_TASK.format(warm_up=warm_up)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_the_first_task_loads_nothing_that_the_worker_has_loaded_before_it_forked() -> None:
    assert _modules_of_first_task('warm_up.load(["salesforce-emea", "hubspot"])') == 0
    assert _modules_of_first_task("") > 100
