"""The base class of our Celery tasks. It gives work back when its worker stops, and logs known
faults in one line."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any

import celery

from config import stopping
from worker.store.machine_faults import trouble
from worker.sync.runs.model import NoSuchRunError

log = logging.getLogger(__name__)


class Task(celery.Task[Any, Any]):
    """A task whose work is in the tables: the task `revive` enqueues again whatever it leaves
    undone."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            stopping.check()
            return super().__call__(*args, **kwargs)
        except stopping.Stopped:
            log.info("%s: given back, this worker stops", self.name)
            with suppress(Exception):  # without Redis `revive` does it
                self.apply_async(args, kwargs, retry=False)
        except NoSuchRunError as error:
            log.warning("%s: %s", self.name, error)
        except Exception as error:
            if (known_fault := trouble(error)) is None:
                raise
            log.error("%s: %s", self.name, known_fault.line)
        return None
