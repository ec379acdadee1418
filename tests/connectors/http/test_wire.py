"""What happens between a CRM and us: TLS that is cut, statuses of an edge, web pages of a proxy,
answers that come byte by byte. Each passes by itself or is said in one line."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from crms import Crm
from limits import lower_limits
from tls import Ca, TlsFront, Trouble

from config.settings import Settings
from connectors import build
from connectors.errors import AuthError, ConnectorError, UnavailableError
from connectors.http import deadline
from connectors.http.no_answer import never_sent
from connectors.http.resolving import addresses_of
from connectors.http.statuses import web_page
from connectors.protocol import Connector
from sandbox.run import Sandbox

READS = r"/contacts\?|GET .*/query"
ALL = r"/(crm|services/data)/"
LOGIN = r"/services/oauth2/token"
PAGE = b"<html><head><title>Attention Required!</title></head><body>%s</body></html>" % (b"x" * 999)
Open = Callable[..., Connector]


@pytest.fixture
def opened(make_settings: Callable[..., Settings]) -> Iterator[Open]:
    connectors: list[Connector] = []

    def opening(name: str, toml: str = "", **env: str) -> Connector:
        connectors.append(build(name, make_settings(toml, **env)))
        return connectors[-1]

    yield opening
    for connector in connectors:
        connector.close()


def read_all(connector: Connector) -> int:
    connector.apply_schema(connector.describe())
    return sum(len(page.contacts) for page in connector.read(connector.objects[0]))


@pytest.fixture
def tls_front(
    crm: Crm, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TlsFront]:
    ca = Ca(tmp_path)
    front = TlsFront(ca, sandbox.ports[crm.name])
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, str(ca.path))
    crm.fault(LOGIN, "alter", how='"http://', body='"https://', times=99)
    yield front
    front.close()


def tls_env(tls_front: TlsFront) -> dict[str, str]:
    return {"HUBSPOT_API_URL": tls_front.url, "SALESFORCE_LOGIN_URL": tls_front.url}


class TestTls:
    @pytest.mark.parametrize("trouble", ["cut", "reset", "alert"])
    def test_a_handshake_that_is_cut_is_tried_again(
        self, crm: Crm, tls_front: TlsFront, opened: Open, trouble: Trouble
    ) -> None:
        """Also the one of the login."""
        tls_front.trouble, tls_front.times = trouble, 3
        assert read_all(opened(crm.name, **tls_env(tls_front))) > 0
        assert tls_front.met == 3

    def test_one_that_is_always_cut_is_no_untrusted_certificate(
        self, crm: Crm, tls_front: TlsFront, opened: Open
    ) -> None:
        tls_front.times = 10**6
        with pytest.raises(UnavailableError, match=r"TLS connection to .* broke") as caught:
            read_all(opened(crm.name, **tls_env(tls_front)))
        assert "trusted" not in str(caught.value)

    def test_a_certificate_that_is_not_trusted_is_not_tried_again(
        self, crm: Crm, tls_front: TlsFront, opened: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("SSL_CERT_FILE")
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        connector = opened(crm.name, **tls_env(tls_front))
        with pytest.raises(ConnectorError, match=r"not trusted.*REQUESTS_CA_BUNDLE") as caught:
            read_all(connector)
        assert not isinstance(caught.value, UnavailableError)
        assert sum(connector.calls.values()) == 1  # type: ignore[attr-defined]

    def test_a_port_that_speaks_no_tls_is_said_to_be_one(
        self, crm: Crm, tls_front: TlsFront, opened: Open
    ) -> None:
        tls_front.trouble, tls_front.times = "plain", 10**6
        with pytest.raises(ConnectorError, match="does not use TLS"):
            read_all(opened(crm.name, **tls_env(tls_front)))


class TestStatusesOfAnEdge:
    @pytest.mark.parametrize(
        "status", [406, 408, 421, 423, 425, 429, 499, 500, 502, 503, 504, 520, 524, 529, 530]
    )
    def test_one_that_passes_is_tried_again(self, crm: Crm, opened: Open, status: int) -> None:
        fault = crm.fault(ALL, "status", status=status, body=b"", times=2)
        assert read_all(opened(crm.name)) > 0
        assert fault.hits == 2

    @pytest.mark.parametrize("status", [406, 408, 421, 425, 429, 500, 503, 520])
    def test_also_at_the_login(self, sandbox: Sandbox, opened: Open, status: int) -> None:
        fault = Crm.all(sandbox)["salesforce"].fault(LOGIN, "status", status=status, times=2)
        assert read_all(opened("salesforce")) > 0
        assert fault.hits == 2

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 407, 410, 451])
    @pytest.mark.parametrize(
        ("name", "where"), [("salesforce", ALL), ("salesforce", LOGIN), ("hubspot", ALL)]
    )
    def test_a_web_page_says_what_it_is_and_blames_nobody(
        self, sandbox: Sandbox, opened: Open, status: int, name: str, where: str
    ) -> None:
        headers = {"Content-Type": "text/html", "Server": "cloudflare"}
        crm = Crm.all(sandbox)[name]
        crm.fault(where, "status", status=status, body=PAGE, headers=headers, times=10**6)
        with pytest.raises(ConnectorError) as caught:
            read_all(opened(name))
        assert not isinstance(caught.value, AuthError)
        if status == 407:
            assert "HTTPS_PROXY" in str(caught.value)
            return
        assert isinstance(caught.value, UnavailableError)
        assert f"HTTP {status}" in str(caught.value)
        assert '"Attention Required!" (server: cloudflare)' in str(caught.value)
        assert "xxx" not in str(caught.value)

    @pytest.mark.parametrize("where", [ALL, LOGIN])
    @pytest.mark.parametrize("status", [200, 503])
    def test_a_web_page_that_passes_costs_nothing(
        self, crm: Crm, opened: Open, where: str, status: int
    ) -> None:
        crm.fault(where, "status", status=status, body=PAGE, times=2)
        assert read_all(opened(crm.name)) > 0

    def test_one_that_stays_is_named(self, crm: Crm, opened: Open) -> None:
        crm.fault(ALL, "status", status=200, body=PAGE, times=10**6)
        with pytest.raises(UnavailableError, match=r"Attention Required.*not an answer of .*tried"):
            read_all(opened(crm.name))

    def test_a_page_without_a_title_is_not_quoted(self) -> None:
        assert web_page({}, b"<p>secret text</p>") == "a web page without a title"
        assert web_page({"Content-Type": "text/html"}, b"") == ""


class TestDeadlines:
    """A drip of a byte now and then is within every time-out of a read."""

    @pytest.fixture
    def slow(self, make_settings: Callable[..., Settings]) -> Open:
        def opening(name: str) -> Connector:
            settings = make_settings()
            http = settings.http.model_copy(
                update={"call_timeout": 0.6, "read_timeout": 0.4, "attempts": 2}
            )
            return build(name, settings.model_copy(update={"http": http}))

        return opening

    @pytest.mark.parametrize("how", ["", "body"], ids=["from its first line", "the body"])
    def test_a_crm_that_drips_is_given_up_in_time(self, crm: Crm, slow: Open, how: str) -> None:
        crm.fault(ALL, "drip", seconds=0.05, how=how, times=10**6)
        started = time.monotonic()
        with pytest.raises(UnavailableError, match=r"no answer from .* in time \(tried 2 times"):
            read_all(slow(crm.name))
        assert time.monotonic() - started < 3

    def test_so_is_a_login(self, sandbox: Sandbox, slow: Open) -> None:
        Crm.all(sandbox)["salesforce"].fault(LOGIN, "drip", seconds=0.05, times=10**6)
        started = time.monotonic()
        with pytest.raises(UnavailableError, match="in time"):
            read_all(slow("salesforce"))
        assert time.monotonic() - started < 3

    def test_one_that_drips_once_costs_a_try(self, crm: Crm, slow: Open) -> None:
        crm.fault(READS, "drip", seconds=0.05, times=1)
        assert read_all(slow(crm.name)) > 0

    def test_a_result_that_keeps_coming_has_its_time(
        self, sandbox: Sandbox, slow: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Longer than a call may take, with enough in each second."""
        monkeypatch.setattr(deadline, "SLOWEST", 100)
        crm = Crm.all(sandbox)["salesforce"]
        connector = slow("salesforce")
        connector.apply_schema(connector.describe())
        sandbox.salesforce.page_limit = 1
        started = time.monotonic()
        crm.fault(READS, "drip", seconds=0.0005, times=1)
        page: Any = next(iter(connector.read("Contact")))
        assert page.contacts
        assert time.monotonic() - started > 0.6


class TestTheAddressOfAHost:
    """`getaddrinfo` waits as long as the machine's resolver does, and cannot be interrupted."""

    HOST = "localhost"  # a name, as any other

    @pytest.fixture
    def resolver(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
        """Answers for `HOST` once this is set, and knows it as this machine then."""
        answers, real = threading.Event(), socket.getaddrinfo

        def hanging(host: Any, port: Any, *args: Any, **others: Any) -> Any:
            if host != self.HOST:
                return real(host, port, *args, **others)
            assert answers.wait(30)
            return real("127.0.0.1", port, *args, **others)

        monkeypatch.setattr(socket, "getaddrinfo", hanging)
        yield answers
        answers.set()

    @pytest.fixture
    def at(self, sandbox: Sandbox) -> Callable[[str], dict[str, str]]:
        def env(name: str) -> dict[str, str]:
            url = f"http://{self.HOST}:{sandbox.ports[name]}"
            return {"HUBSPOT_API_URL": url, "SALESFORCE_LOGIN_URL": url}

        return env

    def threads(self) -> int:
        return sum(thread.name.startswith("resolve-") for thread in threading.enumerate())

    def test_that_does_not_come_ends_the_call_in_time_with_one_thread_left(
        self, crm: Crm, make_settings: Callable[..., Settings], resolver: threading.Event,
        at: Callable[[str], dict[str, str]],
    ) -> None:  # fmt: skip
        settings = make_settings(**at(crm.name))
        http = settings.http.model_copy(update={"call_timeout": 0.2, "attempts": 3})
        connector = build(crm.name, settings.model_copy(update={"http": http}))
        started = time.monotonic()
        for _ in range(3):
            with pytest.raises(UnavailableError) as caught:
                connector.describe()
            assert "\n" not in str(caught.value)
        assert time.monotonic() - started < 4
        assert self.threads() == 1
        resolver.set()
        http = settings.http.model_copy(update={"call_timeout": 20.0})
        again = build(crm.name, settings.model_copy(update={"http": http}))
        assert read_all(again) > 0, "it goes on when the resolver answers"
        assert self.threads() == 0

    def test_of_a_lookup_service_is_within_the_deadline_as_well(
        self, resolver: threading.Event
    ) -> None:
        session = deadline.session()
        started = time.monotonic()
        with deadline.whole_call(0.2), pytest.raises(requests.ConnectionError) as caught:
            session.get(f"http://{self.HOST}:1/", timeout=(5, 5))
        assert time.monotonic() - started < 2
        assert never_sent(caught.value), "a paid lookup may be tried again"

    def test_that_answers_late_is_not_asked_in_vain(self, resolver: threading.Event) -> None:
        """The next call takes what the first one is still waiting for."""
        with pytest.raises(socket.gaierror):
            addresses_of(self.HOST, 80, 0.05)
        threading.Timer(0.2, resolver.set).start()
        assert addresses_of(self.HOST, 80, 5) == ["127.0.0.1"]

    def test_of_several_the_first_that_answers_is_taken(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        addresses = ["127.0.0.9", "127.0.0.1"]  # nobody listens at the first one
        monkeypatch.setattr(deadline, "addresses_of", lambda *_given: addresses)
        url = f"http://{self.HOST}:{sandbox.ports['hubspot']}/nothing"
        with deadline.whole_call(5):
            assert deadline.session().get(url, timeout=5).status_code in (401, 404)

    def test_that_does_not_exist_is_said_at_once(self, opened: Open) -> None:
        connector = opened("hubspot", HUBSPOT_API_URL="https://no-such-host.invalid")
        with pytest.raises((UnavailableError, ConnectorError), match=r"no-such-host\.invalid"):
            connector.describe()

    def test_of_a_mail_server_is_within_the_deadline_as_well(
        self, make_settings: Callable[..., Settings], resolver: threading.Event,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        from worker.alerts import channels
        from worker.alerts.message import of_alert
        from worker.alerts.rules import Alert

        lower_limits(monkeypatch, alert_deadline=0.2)
        settings = make_settings(
            '[alerts]\nemail_to = ["ops@example.com"]\n', SMTP_URL=f"smtps://{self.HOST}:465"
        )
        message = of_alert(settings, Alert("key", "setback", "a text", "/"))
        started = time.monotonic()
        with pytest.raises(channels.ChannelError, match=r"email: no connection .* \(gaierror\)"):
            channels.send(settings, "email", message)
        assert time.monotonic() - started < 2
