"""A Celery worker whose broker takes a message for lost after a second: `python -m impatient`."""

from __future__ import annotations

from worker.app import app

if __name__ == "__main__":
    app.conf.broker_transport_options = {"visibility_timeout": 1}
    app.worker_main(["worker", "--concurrency", "2", "--loglevel", "info"])
