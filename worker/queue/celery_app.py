"""Create the Celery app: broker, queues and the beat schedule, all from the settings.

`celery --app worker.app worker` and `... beat` are the Procfile's processes. Tasks are small and
acknowledged late, but nothing relies on the broker: the task `revive` enqueues again what Redis
forgot.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from contextlib import ExitStack
from functools import cache
from typing import Any

import redis
from celery import Celery
from celery.signals import (
    before_task_publish,
    setup_logging,
    task_postrun,
    task_prerun,
    worker_init,
    worker_shutting_down,
)
from kombu import Queue

from config import logging_setup, process_memory, stopping, tracing
from config.settings import Settings, SettingsError, load
from config.throttle import at_most_every
from connectors.http.pacing import LocalPace
from worker.queue.broker import register, repair
from worker.queue.schedule import QUEUES, beat_schedule
from worker.store import embedded_redis
from worker.store.private_files import UMASK, protect_home
from worker.verification.registry import plan_chain

MAX_CHILD_MEMORY = 400_000  # kB; twice what a child holds after an hour's soak


def make_app(settings: Settings) -> Celery:
    broker = settings.redis_url or embedded_redis.ensure(settings.home)
    register()
    app = Celery(
        "hygiene", broker=broker, include=["worker.queue.tasks"], task_cls="worker.queue.task:Task"
    )
    app.conf.update(
        task_ignore_result=True,
        result_expires=None,  # there are none: nothing is to be cleaned up
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        # A child that has grown beyond what a page needs is replaced after its task: whatever
        # leaks, in a library or in ours, a worker of many days stays as it was.
        worker_max_memory_per_child=MAX_CHILD_MEMORY,
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
        beat_scheduler="worker.queue.beat:Scheduler",
        beat_schedule=beat_schedule(settings),
        beat_schedule_filename=str(settings.home / "beat-schedule"),
        task_serializer="json",
        accept_content=["json"],
        worker_hijack_root_logger=False,
        worker_consumer="worker.queue.broker:Consumer",
        timezone="UTC",
    )
    return app


@setup_logging.connect
def _logging(**_options: Any) -> None:
    os.umask(UMASK)  # a worker and beat write for their user alone
    protect_home(settings.home)
    logging_setup.set_up(settings.log)


@worker_init.connect
def _before_it_works(**_options: Any) -> None:
    """Prepare a worker's parent process, before it forks its children."""
    _parent.append(os.getpid())
    stopping.share_with_children()
    try:
        repair(embedded_redis.client(app.conf.broker_url), tuple(QUEUES))
    except redis.RedisError as error:
        logging.getLogger(__name__).warning("Redis does not answer yet: %s", type(error).__name__)


@worker_shutting_down.connect
def _stop(**_options: Any) -> None:
    """Make tasks give back what they have not done, so that nobody waits for them."""
    stopping.request_of_all()


@cache
def _handle_sigterm() -> None:
    """Make a child that is told to stop give its work back before its parent ends it.

    A stop of the whole group (by a service manager or a terminal) reaches each child too. A second
    signal ends the child at once. The handler is set at the child's first task, since billiard sets
    handlers of its own when it forks.
    """

    def told(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        if _running:
            stopping.request()
        elif not stopping.requested():
            os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, told)


_parent: list[int] = []  # the worker's own process, in it and in those that it forks
_TRACE = "hygiene_trace"  # a message's header: the request or task that set all of it off
_running: dict[str, ExitStack] = {}
_trim_heap = at_most_every(60.0, process_memory.trim_heap)


@before_task_publish.connect
def _inject_trace(headers: dict[str, Any], **_more: Any) -> None:
    headers[_TRACE] = logging_setup.what_about().get("trace") or str(headers.get("id", ""))
    headers.update(tracing.handed_on())


@task_prerun.connect
def _bind_task_context(task_id: str, task: Any, **_more: Any) -> None:
    if _parent and os.getpid() not in _parent:
        _handle_sigterm()
    if stopping.requested_here_alone():  # the parent knows nothing of it: it starts another child
        os.kill(os.getpid(), signal.SIGTERM)
    stack = _running[task_id] = ExitStack()
    trace = task.request.get(_TRACE) or task_id
    stack.enter_context(logging_setup.about(task=task_id, trace=str(trace)))
    stack.enter_context(tracing.taken_up({"traceparent": task.request.get("traceparent") or ""}))
    stack.enter_context(tracing.span(task.name))


@task_postrun.connect
def _clear_task_context(task_id: str, **_more: Any) -> None:
    if (stack := _running.pop(task_id, None)) is not None:
        stack.close()
    _trim_heap()


try:
    settings = load()
    plan_chain(settings, LocalPace())  # a chain that cannot be meant is said now, not at each task
except SettingsError as error:
    print(error, file=sys.stderr)
    raise SystemExit(2) from None
app = make_app(settings)
