"""The base class of our Celery tasks: what each of them needs around its one function."""

from __future__ import annotations

import logging
from contextlib import ExitStack, suppress
from typing import Any

import celery

from config import logging_setup, process_memory, stopping, tracing
from config.throttle import at_most_every
from worker.queue import child_process, dedupe
from worker.store.machine_faults import trouble
from worker.sync.runs.model import NoSuchRunError

log = logging.getLogger(__name__)

TRACE_HEADER = "hygiene_trace"  # of a message: the request or task that set all of it off
_trim_heap = at_most_every(60.0, process_memory.trim_heap)


class Task(celery.Task[Any, Any]):
    """A task whose work is in the tables: `revive` enqueues again whatever it leaves undone.

    Around the task's function:

    1. its id and the trace that it belongs to stand in every line of the log, and it is a span;
    2. a worker that stops hands it back to the queue;
    3. one that is enqueued by `dedupe.enqueue_once` is acknowledged, before it reads its tables;
    4. a known fault of this machine or of the database is one line, not a traceback.

    `queued_once`: the task is only ever enqueued by `dedupe.enqueue_once`.
    """

    abstract = True
    queued_once = False

    def before_start(self, task_id: str, _args: Any, _kwargs: Any) -> None:
        child_process.begin(task_id)
        stack = _contexts[task_id] = ExitStack()
        trace = self.request.get(TRACE_HEADER) or task_id
        parent = self.request.get("traceparent") or ""
        stack.enter_context(logging_setup.about(task=task_id, trace=str(trace)))
        stack.enter_context(tracing.taken_up({"traceparent": parent}))
        stack.enter_context(tracing.span(self.name))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            stopping.check()
            if self.queued_once:
                dedupe.acknowledge(self, *args)
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

    def after_return(self, _status: str, _result: Any, task_id: str, *_more: Any) -> None:
        if (stack := _contexts.pop(task_id, None)) is not None:
            stack.close()
        child_process.end(task_id)
        _trim_heap()


_contexts: dict[str, ExitStack] = {}  # of the tasks that run, by id
