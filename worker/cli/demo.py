"""`hygiene demo`: run the whole product on sandbox CRMs, with nothing to set up before.

Everything runs as in production, in processes of its own: the stand-in CRMs, a Celery worker,
beat and the web process. It lives in a folder of its own and never sees real credentials.
"""

from __future__ import annotations

import fcntl
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import sqlalchemy as sa
from rich.progress import TaskID
from rich.text import Text

from config import stopping
from config.settings import Settings, load
from sandbox.run import CRMS, environment
from worker.access.ways_in import needs_link
from worker.cli.output import console
from worker.cli.output.runs import show_result
from worker.cli.terminal import is_terminal, print_login_link
from worker.context import Context
from worker.decisions import reasons
from worker.decisions.model import Status
from worker.decisions.wording import render
from worker.feedback.models import contact_key
from worker.store import embedded_redis
from worker.store.engine import ensure_schema, upgrade
from worker.store.private_files import UMASK, make_home
from worker.store.states import WriteState
from worker.store.tables import contact_numbers
from worker.suppression import confirm_links
from worker.sync import contact_index
from worker.sync.runs import lifecycle, report
from worker.sync.runs.follow import follow
from worker.sync.runs.scope import Scope
from worker.web.port import check_port, is_free

# Nothing of a real installation may leak into the demo.
_OURS = (
    "SALESFORCE_", "HUBSPOT_", "TWILIO_", "NUMVERIFY_", "CLEAROUTPHONE_", "RND_", "DATABASE_URL",
    "REDIS_URL", "HYGIENE_", "PORT", "PUBLIC_URL", "SECRET_KEY", "ADMIN_", "OIDC_", "SMTP_",
    "ALERT_", "VONAGE_", "TELNYX_", "SINCH_", "PLIVO_", "JUSTCALL_", "AIRCALL_",
    "KLAVIYO_", "RINGCENTRAL_",
)  # fmt: skip
# The stand-in for Twilio Lookup has no rate limit, and its money is not real.
_CONFIG = """\
[verification.budget]
day = "none"
month = "none"
[verification.providers.twilio]
per_second = 10000
batch = 50
"""
# Who may see the demo's pages is for whoever starts it to say.
_PASSED_ON = ("ADMIN_PASSWORD", "ADMIN_PASSWORD_FILE", "ADMIN_TOKEN", "ADMIN_TOKEN_FILE")
_START_WITHIN = 90.0  # seconds
DEFAULT_PORT = 8000
_STOPS_WITHIN = 30.0  # seconds; `hygiene up` gives its own 25
_EXAMPLES = 4  # of each status
# Below those that systems give to outgoing connections (Linux from 32768, macOS from 49152), so
# that a port is still free when its process binds it.
_PORTS = range(20_000, 32_000)


class DemoError(Exception):
    """The demo cannot continue. The text says why, and where to look."""


def run_demo(contacts: int, once: bool) -> int:
    """Start everything, sync, show, and stay until Ctrl-C (or not, with `once`)."""
    home = Path(os.environ.get("HYGIENE_HOME") or ".hygiene").absolute() / "demo"
    port = _pages_port()  # before anything is thrown away
    try:
        os.umask(UMASK)
        make_home(home.parent)
        with _alone(home), _running(home, contacts, port) as (settings, watch):
            _tell(settings, contacts, watch, once)
            if not once:
                _show_login(settings)
                _stay(settings, watch)
    except DemoError as error:
        console.error(*str(error).splitlines())
        return 1
    except KeyboardInterrupt:
        console.info("stopped, with all its processes")
        return stopping.CODE
    return 0


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Prepare a fresh folder, for one demo at a time."""
    with home.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DemoError(f"a demo is already running in {home}; stop it first") from None
        embedded_redis.stop(home)  # of a demo that was killed
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        yield


@contextmanager
def _running(
    home: Path, contacts: int, pages_port: int
) -> Iterator[tuple[Settings, Callable[[], None]]]:
    """Start all processes and wait until they answer. Yields the demo's settings and a check that
    they are alive."""
    ports, web_port = _free_ports(pages_port)
    config = home / "hygiene.toml"
    config.write_text(_CONFIG, encoding="utf-8")
    env = {k: v for k, v in os.environ.items() if not k.startswith(_OURS)}
    env |= {"XDG_STATE_HOME": str(home)}  # the demo's home is nobody's last one
    env |= {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    env |= {"HYGIENE_HOME": str(home), "PORT": str(web_port), "HYGIENE_CONFIG": str(config)}
    env |= {"PUBLIC_URL": f"http://127.0.0.1:{web_port}"} | environment(ports)
    settings = load(env)
    embedded_redis.ensure(home)
    upgrade(settings.database_url)
    sandbox = [
        "sandbox", "--bare", "--contacts", str(contacts),
        *(word for name, port in ports.items() for word in (f"--{name}-port", str(port))),
    ]  # fmt: skip
    processes: dict[str, subprocess.Popen[bytes]] = {}

    def watch() -> None:
        for name, process in processes.items():
            if process.poll() is not None:
                raise DemoError(f"the {name} ended unexpectedly; see {home / name}.log")

    try:
        with console.out.status("Starting sandbox CRMs, Redis, worker, beat and web ..."):
            for name, arguments in (("sandbox", sandbox), ("worker", ["worker", "up"])):
                with (home / f"{name}.log").open("wb") as log:
                    processes[name] = subprocess.Popen(
                        [sys.executable, "-m", *arguments],
                        env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                        start_new_session=True,
                    )  # fmt: skip
            _wait_for(settings, watch)
        yield settings, watch
    finally:
        for process in processes.values():
            process.terminate()
        for process in processes.values():
            try:
                process.wait(_STOPS_WITHIN)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
        embedded_redis.stop(home)


def _free_ports(pages_port: int) -> tuple[dict[str, int], int]:
    """Return a port for each stand-in, and one for the pages (`pages_port`; 0: any)."""
    names = (*CRMS, "twilio")
    free = (port for port in random.sample(_PORTS, len(_PORTS)) if is_free(port))
    ports = dict(zip(names, free, strict=False))
    return ports, pages_port or next(free)


def _pages_port() -> int:
    """Return PORT, which has to be free; without it 8000, or if that is taken any (0). Raises
    `SettingsError`."""
    if not os.environ.get("PORT"):
        return DEFAULT_PORT if is_free(DEFAULT_PORT) else 0
    port = load({"PORT": os.environ["PORT"]}).port
    check_port(port)
    return port


def _wait_for(settings: Settings, watch: Callable[[], None]) -> None:
    """Wait until the CRMs, the web process and a worker answer."""
    from celery import Celery

    salesforce, hubspot = _addresses(settings)
    queue = Celery(broker=embedded_redis.url(settings.home))
    ping: Callable[..., Any] = queue.control.ping
    pending: dict[str, Callable[[], bool]] = {
        "Salesforce": lambda: _answers(f"{salesforce}/ui"),
        "HubSpot": lambda: _answers(f"{hubspot}/ui"),
        "web": lambda: _answers(f"http://127.0.0.1:{settings.port}/readyz"),
        "worker": lambda: bool(ping(timeout=0.5)),
    }
    end = time.monotonic() + _START_WITHIN
    while pending:
        watch()
        for name in [name for name, answers in pending.items() if answers()]:
            del pending[name]
        if pending and time.monotonic() > end:
            raise DemoError(f"no answer from {', '.join(pending)}; see the logs in {settings.home}")
        time.sleep(0.2)


def _addresses(settings: Settings) -> tuple[str, str]:
    assert settings.salesforce is not None
    assert settings.hubspot is not None
    return settings.salesforce.login_url, settings.hubspot.api_url


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _tell(settings: Settings, contacts: int, watch: Callable[[], None], once: bool) -> None:
    """Run the first sync of both CRMs, and show what it found and, unless all of it ends
    `once` that is done, where to look."""
    ensure_schema(settings.database_url)
    ctx = Context.create(settings)
    out = console.out
    try:
        out.print(
            f"[bold]Two sandbox CRMs[/bold] hold {contacts:,} contacts each, with phone fields as "
            "people type them."
        )
        for name in settings.active_connectors:
            steps = list(ctx.open(name).provision())
            created = sum(step.done == "created" for step in steps)
            out.print(f"  hygiene crm setup {name}: {created} fields and permissions created")
        results = _sync(ctx, settings, watch)
        for result in results:
            out.print()
            show_result(result, settings.verification.budget.currency)
            _show_sources(result)
        _show_examples(ctx, results)
        if not once:
            out.print()
            _show_places(ctx)
    finally:
        ctx.close()


def _sync(ctx: Context, settings: Settings, watch: Callable[[], None]) -> list[dict[str, Any]]:
    """Open a run in each CRM, hand them to the worker, and follow."""
    with console.progress() as bar:
        tasks: dict[str, TaskID] = {}

        def show(run_id: str) -> None:
            sums, remaining = report.totals(ctx, run_id), lifecycle.load(ctx, run_id).remaining
            console.move(bar, tasks[run_id], sums.read, max(sums.size + remaining, sums.read))

        for name in settings.active_connectors:
            run_id = lifecycle.open_run(ctx, name, Scope("changed"))
            tasks[run_id] = bar.add_task(name, total=None)
            _enqueue(settings, run_id)
        follow(ctx, list(tasks), show, watch)
    results = [report.result(ctx, run_id) for run_id in tasks]
    for result in results:
        if result["state"] != "done":
            raise DemoError(f"{result['connector']}: {result['error']}")
    return results


def _enqueue(settings: Settings, run_id: str) -> None:
    from celery import Celery

    Celery(broker=embedded_redis.url(settings.home)).send_task(
        "hygiene.read", [run_id], queue="runs"
    )


def _show_sources(result: Mapping[str, Any]) -> None:
    table = console.table("~source", ">contacts", ">phone fields", ">bad", ">share")
    for name, counts in sorted(result["sources"].items(), key=lambda entry: -_share(entry[1])):
        share = _share(counts)
        style = "red" if share > 0.15 else "yellow" if share > 0.08 else "green"
        table.add_row(
            name or "(none)", f"{counts['contacts']:,}", f"{counts['numbers']:,}",
            f"{counts['bad']:,}", Text(f"{share:.0%}", style=style),
        )  # fmt: skip
    console.show_table(table)


def _share(counts: Mapping[str, int]) -> float:
    return counts["bad"] / counts["numbers"] if counts["numbers"] else 0.0


def _show_examples(ctx: Context, results: list[dict[str, Any]]) -> None:
    """Show some phone fields for each kind of result, before and after, with the field's reason."""
    table = console.table("typed", "status", "~reason")
    seen: Counter[str] = Counter()
    shown: set[str] = set()
    for result in results:
        connector = ctx.connector(result["connector"])
        picked = []
        for write in report.writes_of(ctx, result["run"], (WriteState.DONE,), 400):
            for key, status in write.after.items():
                field = key.removeprefix("status/")
                if key != field and isinstance(status, str) and seen[status] < _EXAMPLES:
                    seen[status] += 1
                    picked.append((write.object, write.record_id, field, status))
        contacts = {
            contact.id: contact
            for name in connector.objects
            for contact in connector.fetch(name, [p[1] for p in picked if p[0] == name])
        }
        index = {
            object_name: contact_index.load(
                ctx.store, result["connector"], object_name, [p[1] for p in picked]
            )
            for object_name in connector.objects
        }
        language = ctx.settings.section(result["connector"]).reason_language
        for object_name, record_id, field, status in picked:
            contact, indexed = contacts.get(record_id), index[object_name].get(record_id)
            typed = contact.phones[field] if contact is not None else ""
            if contact is None or indexed is None or not typed or typed in shown:
                continue
            shown.add(typed)
            why = reasons.untie(str(contact.current.get("reason") or ""), indexed.why)
            sentence = render(reasons.of_field(why, field, cast(Status, status)), language)
            table.add_row(repr(typed)[1:-1], console.styled(status), sentence)
    console.out.print(Text("\nExamples", style="bold"))
    console.show_table(table)


def _show_places(ctx: Context) -> None:
    settings = ctx.settings
    salesforce, hubspot = _addresses(settings)
    out = console.out
    out.print("[bold]Where to look[/bold]")
    out.print(f"  contacts in Salesforce       {salesforce}/ui")
    out.print(f"  contacts in HubSpot          {hubspot}/ui")
    out.print(f"  admin pages                  http://127.0.0.1:{settings.port}/")
    out.print(f"  bad sources and campaigns    http://127.0.0.1:{settings.port}/segments")
    if page := _recipients_page(ctx):
        out.print(f"  a recipient's page           {page}")
        console.info("  (answer there, and watch the contact in HubSpot change a moment later)")


def _show_login(settings: Settings) -> None:
    """Show how to get to the admin's pages: a new link on a terminal, or what to set
    without one."""
    ctx = Context.create(settings)
    try:
        if not print_login_link(ctx, "demo") and needs_link(settings, ctx.store):
            console.info("admin pages: a login link is printed only on a terminal; to log in, set "
                         "ADMIN_PASSWORD and log in with it")  # fmt: skip
    finally:
        ctx.close()


def _recipients_page(ctx: Context) -> str:
    """Return the recipient's page of the first contact in HubSpot that has a number."""
    n = contact_numbers.c
    query = (
        sa.select(n.object, n.record_id, n.number)
        .where(n.connector == "hubspot")
        .order_by(n.record_id)
        .limit(1)
    )
    with ctx.store.read() as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        return ""
    contact = contact_key("hubspot", row.object, row.record_id)
    token = confirm_links.create_token(ctx.keys, contact, row.number, ctx.now(), timedelta(days=1))
    return confirm_links.url(ctx.settings.public_url, token)


def _stay(settings: Settings, watch: Callable[[], None]) -> None:
    minutes = int(settings.sync.every.total_seconds() // 60)
    console.out.print(
        f"\nEverything keeps running; the schedule syncs every {minutes} minutes. "
        "Press Ctrl-C to stop."
    )
    asking = is_terminal() and sys.stdin is not None and sys.stdin.isatty()
    if asking and not settings.admin_password:
        console.out.print("Press Enter for another login link.")
    while True:
        watch()
        if not asking:
            time.sleep(1)
        elif select.select([sys.stdin], [], [], 1)[0]:
            asking = bool(sys.stdin.readline())  # "" at its end
            if asking:
                _show_login(settings)
