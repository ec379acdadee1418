"""Fixtures of all tests: sandbox CRMs over real HTTP, a fresh database, a context to work in.

The folders mirror the packages. The `conftest.py` of each lists what is specified where.

    config/                  settings, logging, tracing
    connectors/              reading and writing a CRM
    worker/                  everything that is done with contacts and reports
    sandbox/                 the stand-ins of the CRMs
    security/                the threats of docs/security.md
    fuzz/                    random input from outside
    chaos/                   the parts of the fault campaign
    bench/                   the benchmarks
    test_markers.py          the markers of tests
    test_combinations.py     which combinations of CRM, database and screen are run
    test_index.py            these lists are complete
    test_project.py          CI, hooks, types, licence
    test_docs.py             README and docs/
    test_packaging.py        the wheel, the Procfile, platforms
    test_example_packages.py the packages of examples/, installed, and their own tests
    test_deploy.py           units, images, alerts, dashboard
    test_crm_package.py      the Salesforce package
    test_crm_component.py    its component, in Chromium
    test_hubspot_project.py  the HubSpot app

`support/` holds what tests share; its modules are imported by their bare names.
"""

from __future__ import annotations

import gc
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import combinations
import forking
import psycopg
import pytest
from crms import QUICK, Crm
from databases import SharedDatabase
from doctests import OnlyWithExamples
from forking import Forked
from limits import lower_limits
from memory_files import keep_files_in_memory
from needs import mark, nothing_from_outside
from precompile import compile_for_workers
from processes import kill
from schemas import share_built
from servers import NoServerError, close_session, open_session, postgres_url
from skips import skip_without, summary
from statements import share_compiled
from transactions import refuse_outside_transactions

from chaos.postgres import free_port as find_free_port
from config.settings import Settings, load
from sandbox.run import Sandbox
from worker.context import Context
from worker.store import embedded_redis
from worker.store.engine import upgrade
from worker.sync.pages import runner
from worker.sync.runs import lifecycle
from worker.sync.runs import report as reporting
from worker.sync.runs.model import RunOptions
from worker.sync.runs.scope import Scope
from worker.sync.write import crm_writes

if TYPE_CHECKING:
    from playwright.sync_api import Browser

OURS = (
    "SALESFORCE_", "HUBSPOT_", "TWILIO_", "NUMVERIFY_", "CLEAROUTPHONE_", "RND_", "HYGIENE_",
    "DATABASE_URL", "REDIS_URL", "ADMIN_", "SECRET_KEY", "PUBLIC_URL", "OIDC_", "SMTP_", "ALERT_",
    "VONAGE_", "TELNYX_", "SINCH_", "PLIVO_", "JUSTCALL_", "AIRCALL_",
    "EVENT_", "KLAVIYO_", "RINGCENTRAL_",
)  # fmt: skip
SHARED = Path(__file__).parent.parent.parent / "shared"


@pytest.fixture
def shared() -> Callable[[str], Path]:
    """A file that lies beside the project; the test is skipped where there is none."""

    def find(name: str) -> Path:
        path = SHARED / name
        if not path.exists():
            skip_without("files that lie beside the project", f"{name} is not here")
        return path

    return find


@pytest.fixture(scope="session")
def unused_sandboxes() -> Iterator[list[Sandbox]]:
    """At most one, to which nobody has connected yet."""
    kept: list[Sandbox] = []
    yield kept
    for sandbox in kept:
        sandbox.stop()


@pytest.fixture
def sandbox(request: pytest.FixtureRequest, unused_sandboxes: list[Sandbox]) -> Iterator[Sandbox]:
    """The CRMs of this test. Most tests that have a context never call one: they are given the
    sandbox that the test before left unused."""
    started = unused_sandboxes.pop() if unused_sandboxes else start_sandbox()
    yield started
    if started.used or holds_sandbox(request):
        started.stop()
    else:
        unused_sandboxes.append(started)


def start_sandbox() -> Sandbox:
    return Sandbox.start(contacts=60, leads=12)


def holds_sandbox(request: pytest.FixtureRequest) -> bool:
    """Whether the test or a fixture of it holds the sandbox itself, and may have changed it without
    a call. Our own fixtures only take its URLs."""
    info = request.node._fixtureinfo
    return "sandbox" in info.argnames or any(
        "sandbox" in fixture.argnames
        and (
            fixture.argname not in ("make_settings", "start")
            or fixture.func.__code__.co_filename != __file__
        )
        for fixtures in info.name2fixturedefs.values()
        for fixture in fixtures
    )


@pytest.fixture
def bare_sandbox() -> Iterator[Sandbox]:
    """CRMs in which our fields do not exist yet."""
    started = Sandbox.start(contacts=20, leads=4, with_fields=False)
    yield started
    started.stop()


@pytest.fixture(params=["salesforce", "hubspot"])
def crm(request: pytest.FixtureRequest, sandbox: Sandbox) -> Crm:
    return Crm.all(sandbox)[request.param]


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "hygiene.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def database_url(tmp_path: Path, empty_database: Path) -> str:
    shutil.copy(empty_database, tmp_path / "hygiene.db")
    return f"sqlite:///{tmp_path / 'hygiene.db'}"


def pytest_xdist_auto_num_workers() -> int:
    """Two more than there are cores, since a test of processes waits for a third of its time; not
    more than a PostgreSQL with its 100 connections and a laptop's memory carry."""
    return min((os.cpu_count() or 1) + 2, 8)


def pytest_configure(config: pytest.Config) -> None:
    gc.disable()  # what is collected stays
    config.pluginmanager.register(OnlyWithExamples())
    share_compiled()
    refuse_outside_transactions()
    share_built()
    if not hasattr(config, "workerinput"):  # the workers of pytest-xdist share what is made here
        compile_for_workers(config)
        keep_files_in_memory()
        open_session()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--every-combination", action="store_true",
        help="each CRM with each database and each screen",
    )  # fmt: skip


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Before `-m` chooses among them."""
    if not config.getoption("--every-combination"):
        items[:], left_out = combinations.split(items)
        config.hook.pytest_deselected(items=left_out)
    for item in items:
        mark(item)


def pytest_collection_finish() -> None:
    """The garbage collector need not look through 10,000 tests each time: what is there by now
    stays until the end."""
    gc.freeze()
    gc.enable()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        close_session()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was skipped, and how to have it, in one line."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = (report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple))
    if line := summary(reasons):
        terminalreporter.write_line(line)


def postgres_server() -> str:
    """The URL of the session's PostgreSQL; the test is skipped where there cannot be one."""
    try:
        return postgres_url()
    except NoServerError as error:
        skip_without("PostgreSQL", f"apt-get install postgresql, or set TEST_POSTGRES_URL; {error}")


def postgres(template: str = "template1") -> Iterator[str]:
    """A fresh database on the session's server, as the template is."""
    server = postgres_server()
    name = f"hygiene_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    yield server.rpartition("/")[0] + "/" + name
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def postgres_template() -> Iterator[str]:
    """The name of a database with our tables in it: a copy takes a tenth of the time that the
    migrations do."""
    for url in postgres():
        upgrade(url)
        yield url.rpartition("/")[2]


@pytest.fixture(scope="session")
def shared_database(postgres_template: str) -> Iterator[Callable[[], SharedDatabase]]:
    """The database of this process, as the template is. It is made anew if a test spoiled it."""
    with ExitStack() as stack:
        current: list[SharedDatabase] = []

        def get() -> SharedDatabase:
            if not current or not current[-1].empty():
                url = stack.enter_context(contextmanager(postgres)(postgres_template))
                current.append(SharedDatabase(url))
            return current[-1]

        yield get


@pytest.fixture
def postgres_database_url(shared_database: Callable[[], SharedDatabase]) -> str:
    """An empty database on the session's server, with our tables."""
    return shared_database().url


@pytest.fixture(params=["sqlite", "postgresql"])
def either_database_url(request: pytest.FixtureRequest, database_url: str) -> str:
    if request.param == "sqlite":
        return database_url
    return str(request.getfixturevalue("postgres_database_url"))


def small_pages(toml: str) -> str:
    """Pages as the CRM gives them, so that the sandbox's few contacts are several."""
    if "page_contacts" in toml:
        return toml
    if "[sync]\n" in toml:
        return toml.replace("[sync]\n", "[sync]\npage_contacts = 1\n", 1)
    return f"{toml}\n[sync]\npage_contacts = 1\n"


@pytest.fixture
def make_settings(sandbox: Sandbox, tmp_path: Path, database_url: str) -> Callable[..., Settings]:
    def make(toml: str = "", **env: str) -> Settings:
        path = tmp_path / "hygiene.toml"
        path.write_text(QUICK + small_pages(toml), encoding="utf-8")
        values = {
            **sandbox.env(), "HYGIENE_HOME": str(tmp_path / "home"), "DATABASE_URL": database_url,
            "HYGIENE_CONFIG": str(path), **env,
        }  # fmt: skip
        return load(values)

    return make


@pytest.fixture
def make_context(make_settings: Callable[..., Settings]) -> Iterator[Callable[..., Context]]:
    contexts = []

    def make(toml: str = "", **env: str) -> Context:
        contexts.append(Context.create(make_settings(toml, **env)))
        return contexts[-1]

    yield make
    for ctx in contexts:
        ctx.close()


@pytest.fixture
def ctx(make_context: Callable[..., Context]) -> Context:
    return make_context()


@pytest.fixture(autouse=True)
def no_real_accounts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing that is set on a developer's machine may reach the product under test."""
    for name in os.environ:
        if name.startswith(OURS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))  # nor remember a test's home


@pytest.fixture(autouse=True)
def keeps_to_its_markers(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that is marked `unit` starts no process, opens no database, connects to nothing."""
    if request.node.get_closest_marker("unit") is None:
        yield
        return
    with nothing_from_outside():
        yield


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crm_writes, "LOCK_WAITS", (0.01, 0.01, 0.01))
    lower_limits(monkeypatch, propagation_apart=0.0)


def run_sync(
    ctx: Context, name: str, kind: str = "changed", dry_run: bool = False, force: bool = False,
    scope: Scope | None = None,
) -> dict[str, Any]:  # fmt: skip
    """One run in this process; its account."""
    run_id = lifecycle.open_run(
        ctx, name, scope or Scope(kind), RunOptions(dry_run=dry_run, force=force)
    )  # type: ignore[arg-type]
    runner.run_to_completion(ctx, run_id)
    return reporting.run_report(ctx, run_id, most=100_000)


@pytest.fixture
def sync() -> Callable[..., dict[str, Any]]:
    return run_sync


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    path = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if path is None:
        skip_without("Chromium", "apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=[
                "--no-sandbox", "--disable-gpu", "--disable-background-networking",
                "--disable-component-update", "--disable-sync", "--no-first-run",
            ],
        )  # fmt: skip
        yield browser
        browser.close()


@pytest.fixture
def free_port() -> int:
    """A port for a process that the test starts; nobody else gets it meanwhile."""
    return find_free_port()


@pytest.fixture
def start(
    make_settings: Callable[..., Settings], sandbox: Any, tmp_path: Path, database_url: str
) -> Iterator[Callable[..., Forked]]:
    """Start `python -m ARGS` with the settings of the test; all are killed at its end. Keywords:
    more of the environment."""
    make_settings()
    env = {
        **os.environ, **sandbox.env(), "HYGIENE_HOME": str(tmp_path / "home"),
        "DATABASE_URL": database_url, "HYGIENE_CONFIG": str(tmp_path / "hygiene.toml"),
    }  # fmt: skip
    started: list[Forked] = []

    def run(*args: str, **variables: str) -> Forked:
        log = tmp_path / f"process-{len(started)}.log"
        started.append(forking.start(args, {**env, **variables}, log))
        return started[-1]

    yield run
    for process in started:
        kill(process)
    embedded_redis.stop(tmp_path / "home")
