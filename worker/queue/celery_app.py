"""Create the Celery app: broker, queues and the beat schedule, all from the settings.

`celery --app worker.app worker` and `... beat` are the Procfile's processes. Tasks are small and
acknowledged late, but nothing relies on the broker: the task `revive` enqueues again what Redis
forgot.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import redis
from celery import Celery
from celery.signals import before_task_publish, setup_logging, worker_init, worker_shutting_down
from kombu import Queue

from config import logging_setup, stopping, tracing
from config.settings import Settings, SettingsError, load
from connectors.http.pacing import LocalPace
from worker.events.systems.registry import check_settings
from worker.queue import child_process, warm_up
from worker.queue.broker import register, repair
from worker.queue.schedule import QUEUES, beat_schedule
from worker.queue.task import TRACE_HEADER
from worker.store import embedded_redis, redis_hint
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
            "hygiene.deliver": {"queue": "reports"},
            "hygiene.spread": {"queue": "writes"},
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
    child_process.remember_parent()
    try:
        if redis_hint.warn_unless_it_answers(app.conf.broker_url):
            repair(embedded_redis.client(app.conf.broker_url), tuple(QUEUES))
    except redis.RedisError as error:
        redis_hint.warn(error)
    warm_up.load(settings.active_connectors)


@worker_shutting_down.connect
def _stop(**_options: Any) -> None:
    """Make tasks give back what they have not done, so that nobody waits for them."""
    stopping.request_of_all()


@before_task_publish.connect
def _inject_trace(headers: dict[str, Any], **_more: Any) -> None:
    headers[TRACE_HEADER] = logging_setup.what_about().get("trace") or str(headers.get("id", ""))
    headers.update(tracing.handed_on())


try:
    settings = load()
    check_settings(settings)  # of systems
    plan_chain(settings, LocalPace())  # a chain that cannot be meant is said now, not at each task
except SettingsError as error:
    print(error, file=sys.stderr)
    raise SystemExit(2) from None
app = make_app(settings)
