"""The way to a server: the address that is asked, proxies and certificates."""

from __future__ import annotations

import asyncio
import json

import pytest

from pplab.errors import BadInput
from pplab.models.client import ModelClient
from pplab.models.route import Route
from tests.servers import ask
from tests.servers.plain import PlainServer, answer_well, certificate

KEY = "canary-0123456789abcdefghij"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name}_proxy".upper(), raising=False)


def reply(base_url, key=KEY, **options):
    async def main():
        client = ModelClient("test", base_url, key, backoff=0.001, max_retries=0, **options)
        try:
            return await client.complete(ask("m", "hello"), deadline=10)
        finally:
            await client.aclose()

    return asyncio.run(main())


# -- the address --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("/x?api-version=1", "/x/chat/completions?api-version=1"),
        ("/x/?api-version=1&b=2", "/x/chat/completions?api-version=1&b=2"),
        ("/openai/deployments/d?api-version=2024-10-21", "/openai/deployments/d/chat/completions?api-version=2024-10-21"),
        ("/v1", "/v1/chat/completions"),
        ("/v1/", "/v1/chat/completions"),
        ("", "/chat/completions"),
        ("?a=b%20c", "/chat/completions?a=b%20c"),
        ("/v1/chat/completions", "/v1/chat/completions"),
        ("/v1/chat/completions/?a=1#top", "/v1/chat/completions?a=1"),
    ],
)
def test_the_path_goes_before_the_query(given, asked):
    import pplab

    with PlainServer() as server, pplab.Lab(store=":temp:", model="m", base_url=server.origin + given, api_key=KEY) as lab:
        assert lab.run("hello", n=1).status == "completed"
    assert [path for path, _ in server.asked] == [asked]
    assert server.keys == [f"Bearer {KEY}"]


def not_found(_path):
    return 404, b'{"error": "Not Found"}', {}


def test_a_404_names_the_address_asked_and_what_it_may_lack():
    with PlainServer(not_found) as server:
        got = reply(server.origin)
        assert f"asked {server.origin}/chat/completions; the base URL has no /v1: try {server.origin}/v1" in got.error
        assert "no /v1" not in reply(server.base_url).error
        assert got.stop_run


def test_the_address_named_holds_no_key():
    with PlainServer(not_found) as server:
        got = reply(f"{server.origin}/x?key=query-canary-123456&api-version=1")
    assert "query-canary" not in got.error
    assert "api-version=1" in got.error
    assert server.asked[0][0] == "/x/chat/completions?key=query-canary-123456&api-version=1"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"error": "Unexpected endpoint or method. (POST /chat/completions)"}),
        (200, {"error": "Unexpected endpoint or method. (POST /chat/completions). Returning 200 anyway"}),
        (200, {"error": {"message": "The requested URL was not found on the server"}}),
        (405, {"detail": "Method Not Allowed"}),
    ],
)
def test_a_server_that_knows_no_such_address_has_it_named(status, body):
    with PlainServer(lambda _: (status, json.dumps(body).encode(), {})) as server:
        got = reply(server.origin)
    assert got.error_code == "wrong_address"
    assert f"asked {server.origin}/chat/completions; the base URL has no /v1: try {server.origin}/v1" in got.error


def test_a_page_in_place_of_an_answer_names_the_address_asked():
    with PlainServer(lambda _: (200, b"<html><body>Welcome</body></html>", {"Content-Type": "text/html"})) as server:
        assert f"asked {server.origin}/chat/completions" in reply(server.origin).error


# -- proxies ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1.2.3"])
def test_this_machine_is_never_asked_through_a_proxy(monkeypatch, name, host):
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    with PlainServer() as server:
        url = f"http://{host}:{server.port}/v1"
        assert Route.to(url).proxy is None
        if host != "127.1.2.3":  # where it listens
            assert reply(url).status == "ok"


@pytest.mark.parametrize("url", ["http://[::1]:8000/v1", "http://0.0.0.0:8000", "http://x.localhost/v1"])
def test_other_names_of_this_machine_are_known(monkeypatch, url):
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert Route.to(url).proxy is None


def test_elsewhere_a_proxy_is_asked_and_gets_what_it_is_to_pass_on(monkeypatch):
    with PlainServer() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        assert reply("http://models.example.org/v1").status == "ok"
    assert [path for path, _ in proxy.asked] == ["http://models.example.org/v1/chat/completions"]


@pytest.mark.parametrize("kind", ["http", "https"])
def test_a_proxy_gets_its_user_and_password(monkeypatch, kind):
    with PlainServer(lambda _: (502, b"", {})) as proxy:
        monkeypatch.setenv(f"{kind}_proxy", f"http://ada:pass%20word@127.0.0.1:{proxy.port}")
        got = reply(f"{kind}://models.example.org/v1")
    assert proxy.asked[0][1].get("proxy-authorization") == "Basic YWRhOnBhc3Mgd29yZA=="
    assert f"http://127.0.0.1:{proxy.port}" in got.error


@pytest.mark.parametrize("url", ["http://models.example.org/v1", "https://models.example.org/v1"])
def test_a_dead_proxy_is_named_with_its_variable_and_without_its_password(monkeypatch, url):
    monkeypatch.setenv("HTTP_PROXY", "http://ada:hunter2hunter2@127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://ada:hunter2hunter2@127.0.0.1:9")
    got = reply(url)
    assert (got.status, got.error_code) == ("failed", "unreachable")
    assert "the proxy http://127.0.0.1:9" in got.error
    assert ("HTTP_PROXY" if url.startswith("http:") else "https_proxy") in got.error
    assert "add models.example.org to NO_PROXY" in got.error
    assert "is the server running" not in got.error
    assert "hunter2" not in got.error


def test_a_proxy_whose_host_cannot_be_found_is_named_and_not_the_server(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:3128")
    assert "cannot connect to the proxy http://proxy.invalid:3128" in reply("http://models.example.org/v1").error


@pytest.mark.parametrize("status", [403, 407, 502])
def test_a_proxy_that_refuses_to_connect_is_named(monkeypatch, status):
    with PlainServer(lambda _: (status, b"", {})) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        got = reply("https://models.example.org/v1")
    assert f"the proxy http://127.0.0.1:{proxy.port} (HTTPS_PROXY)" in got.error
    assert str(status) in got.error


@pytest.mark.parametrize("status", [407, 502, 503])
def test_a_failure_through_a_proxy_names_it(monkeypatch, status):
    with PlainServer(lambda _: (status, b"<html>squid</html>", {"Content-Type": "text/html"})) as proxy:
        monkeypatch.setenv("http_proxy", f"127.0.0.1:{proxy.port}")
        got = reply("http://models.example.org/v1")
    assert f"http://127.0.0.1:{proxy.port} (http_proxy)" in got.error


@pytest.mark.parametrize(
    "excepted", ["models.example.org", ".example.org", "example.org", "*.example.org", "*", "a, models.example.org:80", "x,*"]
)
def test_no_proxy_excepts_a_host_by_name_or_domain(monkeypatch, excepted):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", excepted)
    assert Route.to("http://models.example.org:80/v1").proxy is None
    if "*" not in excepted.split(","):
        assert Route.to("http://notexample.org/v1").proxy is not None


def test_no_proxy_excepts_networks(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "10.0.0.0/8,192.168.1.5")
    assert Route.to("http://10.2.3.4:8000").proxy is None
    assert Route.to("http://192.168.1.5:8000").proxy is None
    assert Route.to("http://192.168.1.6:8000").proxy is not None


def test_a_proxy_of_another_kind_is_refused_by_name(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    with pytest.raises(BadInput, match=r"socks5://127.0.0.1:1080 \(ALL_PROXY\)"):
        reply("http://models.example.org/v1")


# -- certificates -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    pem, context = certificate(tmp_path_factory.mktemp("certificate"))
    with PlainServer(answer_well, context) as server:
        yield server, pem


def test_a_server_that_signed_itself_is_refused_with_the_variable_to_set(own):
    got = reply(own[0].base_url)
    assert got.error_code == "unreachable"
    assert "is not trusted" in got.error
    assert "set SSL_CERT_FILE" in got.error


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_certificates_that_the_environment_names_are_heeded(own, monkeypatch, name):
    monkeypatch.setenv(name, str(own[1]))
    assert reply(own[0].base_url).status == "ok"


@pytest.mark.parametrize("name", ["SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"])
def test_a_folder_of_certificates_is_heeded(own, monkeypatch, tmp_path, name):
    import subprocess

    made = subprocess.run(["openssl", "x509", "-hash", "-noout", "-in", own[1]], check=True, capture_output=True, text=True)
    (tmp_path / f"{made.stdout.strip()}.0").write_bytes(own[1].read_bytes())
    monkeypatch.setenv(name, str(tmp_path))
    assert reply(own[0].base_url).status == "ok"


def test_one_variable_does_not_hide_another(own, monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(own[1]))
    assert reply(own[0].base_url).status == "ok"


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize("kind", ["missing", "no certificate"])
def test_a_file_of_certificates_that_cannot_be_used_is_named_with_its_variable(monkeypatch, tmp_path, name, kind):
    path = tmp_path / "bundle.pem"
    if kind != "missing":
        path.write_text("hello")
    monkeypatch.setenv(name, str(path))
    with pytest.raises(BadInput, match=rf"{name} names .*bundle\.pem"):
        Route.to("https://models.example.org/v1")
    assert Route.to("http://127.0.0.1:8000/v1").ssl_context is None  # which shows no certificate


def test_a_missing_file_of_certificates_is_said_before_the_first_call(monkeypatch, tmp_path):
    import pplab

    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/bundle.pem")
    with pplab.Lab(store=tmp_path, model="m", base_url="https://models.example.org/v1", api_key=KEY) as lab:
        with pytest.raises(BadInput, match="SSL_CERT_FILE"):
            lab.run("hello", n=1)
        assert lab.counts()["experiments"] == 0
