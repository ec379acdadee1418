"""Celery: the app, its tasks and schedule, and what Redis is used for. Tasks are thin."""
