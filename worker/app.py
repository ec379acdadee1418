"""The Celery app: broker, queues and the beat schedule, all from the settings.

`celery --app worker.app worker` and `... beat` are the Procfile's processes. Tasks are kept small
and late-acknowledged, but nothing relies on the broker: `revive` enqueues again what Redis forgot.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from typing import Any

from celery import Celery
from celery.signals import before_task_publish, setup_logging, task_postrun, task_prerun
from kombu import Queue

from config import log, traces
from config.settings import Settings, SettingsError, load
from worker import embedded, heap
from worker.schedule import QUEUES, beat_schedule
from worker.store.private_files import UMASK, protect_home
from worker.throttle import at_most_every
from worker.verification.pace import LocalPace
from worker.verification.registry import chain_of

_MOST_MEMORY = 400_000  # kB; twice what a child holds after an hour's soak


def make_app(settings: Settings) -> Celery:
    broker = settings.redis_url or embedded.ensure(settings.home)
    app = Celery("hygiene", broker=broker, include=["worker.tasks"])
    app.conf.update(
        task_ignore_result=True,
        result_expires=None,  # there are none: nothing is to be cleaned up
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        # A child that has grown beyond what a page needs is replaced after its task: whatever
        # leaks, in a library or in ours, a worker of many days stays as it was.
        worker_max_memory_per_child=_MOST_MEMORY,
        task_default_queue="runs",
        task_queues=tuple(map(Queue, QUEUES)),
        task_routes={
            "hygiene.page": {"queue": "pages"},
            "hygiene.apply": {"queue": "reports"},
            "hygiene.spread": {"queue": "reports"},
        },
        broker_connection_retry_on_startup=True,
        broker_transport_options={"visibility_timeout": 3600},
        worker_cancel_long_running_tasks_on_connection_loss=False,
        beat_scheduler="worker.beat:Scheduler",
        beat_schedule=beat_schedule(settings),
        beat_schedule_filename=str(settings.home / "beat-schedule"),
        task_serializer="json",
        accept_content=["json"],
        worker_hijack_root_logger=False,
        timezone="UTC",
    )
    return app


@setup_logging.connect
def _logging(**_options: Any) -> None:
    os.umask(UMASK)  # a worker and beat write for their user alone
    protect_home(settings.home)
    log.set_up(settings.log)


_TRACE = "hygiene_trace"  # a message's header: the request or task that set all of it off
_running: dict[str, ExitStack] = {}
_give_back = at_most_every(60.0, heap.give_back)


@before_task_publish.connect
def _hand_on(headers: dict[str, Any], **_more: Any) -> None:
    headers[_TRACE] = log.what_about().get("trace") or str(headers.get("id", ""))
    headers.update(traces.handed_on())


@task_prerun.connect
def _begin(task_id: str, task: Any, **_more: Any) -> None:
    told = _running[task_id] = ExitStack()
    trace = task.request.get(_TRACE) or task_id
    told.enter_context(log.about(task=task_id, trace=str(trace)))
    told.enter_context(traces.taken_up({"traceparent": task.request.get("traceparent") or ""}))
    told.enter_context(traces.span(task.name))


@task_postrun.connect
def _end(task_id: str, **_more: Any) -> None:
    if (told := _running.pop(task_id, None)) is not None:
        told.close()
    _give_back()


try:
    settings = load()
    chain_of(settings, LocalPace())  # a chain that cannot be meant is said now, not at each task
except SettingsError as error:
    print(error, file=sys.stderr)
    raise SystemExit(2) from None
app = make_app(settings)
