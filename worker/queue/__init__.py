"""Celery: the app, its tasks and schedule, and all uses of Redis. Tasks are thin."""
