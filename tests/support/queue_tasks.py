"""The Celery tasks, imported into the tests' own process.

Importing them creates the Celery app by the environment. Without REDIS_URL that would start an
embedded Redis in the working directory, and leave it there.
"""

from __future__ import annotations

import os
from unittest.mock import patch

from constants import CLOSED_PORT

with patch.dict(os.environ, {"REDIS_URL": f"redis://{CLOSED_PORT}/0"}):
    from worker.queue import tasks as tasks
