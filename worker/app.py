"""What Celery is given: `celery --app worker.app worker`, and `... beat`."""

from worker.queue.celery_app import app as app
