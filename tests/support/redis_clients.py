"""Says as JSON whether each client of ours reaches Redis.

It runs as a process of its own, since the Celery app is built when its module is loaded.
"""

from __future__ import annotations

import json

from worker.queue import dedupe
from worker.queue.celery_app import app, settings
from worker.store import embedded_redis
from worker.verification.rate_limit import open_shared_pace


def publish() -> None:
    with app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=3)
        connection.default_channel.client.ping()


def consume() -> None:
    with app.connection_for_read() as connection:
        connection.default_channel.client.ping()


USES = {
    "client": lambda: embedded_redis.client(settings.redis_url).ping(),
    "publish": publish,
    "consume": consume,
    "dedupe": lambda: dedupe._redis(app.conf.broker_url).ping(),
    "pace": lambda: open_shared_pace(settings)._client.ping(),
}


def main() -> None:
    app.conf.update(broker_connection_timeout=3)
    found = {}
    for name, use in USES.items():
        try:
            use()
            found[name] = "works"
        except Exception as error:
            refused = "certificate verify failed" in f"{error} {error!r}".lower()
            found[name] = "refused" if refused else f"{error!r}: {error}"
    print(json.dumps(found))


if __name__ == "__main__":
    main()
