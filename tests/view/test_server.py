"""Who may ask, and what for: each test is an attack, or a mistake that would make one possible."""

import re
import socket

import pytest
from served_runs import served

from trusteq.errors import OptionError
from trusteq.view import server as module
from trusteq.view.server import Server
from trusteq.view.shelf import Shelf
from trusteq.view.site import Site


@pytest.fixture
def key(ask):
    """The key of a run."""
    return re.findall(r'href="run/(\w+)"', ask.inside().text)[0]


def test_whoever_knows_the_address_sees_the_list(ask):
    said = ask.inside()
    assert (said.status, said.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "3 runs" in said.text


def test_without_the_token_nothing_is_told(ask, key):
    token = ask.server.token
    swapped = token[::-1]
    for path in (
        "/", "", "/run", f"/run/{key}", f"/{token}", f"/{token[:-1]}/", f"/{token}x/", f"/{swapped}/", "/%00/", "//",
        f"/x/{token}/", f"/?{token}/", f"/{token.swapcase()}/", "/favicon.ico",
    ):  # fmt: skip
        said = ask(path)
        assert (said.status, said.content) == (403, b"403 Forbidden\n"), path
        assert token not in str(said.headers)


def test_tokens_cannot_be_guessed_and_are_never_used_again(made):
    with Server(Site(Shelf(made))) as one, Server(Site(Shelf(made))) as another:
        secrets = {one.token, another.token, one.once, another.once}
        assert len(secrets) == 4
        assert len(one.token) >= 43  # 256 bits


def test_secrets_are_compared_in_constant_time(ask, monkeypatch):
    compared = []

    def spied(a, b, compare=module.hmac.compare_digest):
        compared.append(b)
        return compare(a, b)

    monkeypatch.setattr(module.hmac, "compare_digest", spied)
    assert ask("/guess/").status == 403
    assert ask("/guess").status == 403
    assert compared[0] == ask.server.token.encode()
    assert len(compared) == 2


@pytest.mark.parametrize(
    "hosts",
    [
        [], ["evil.example"], ["evil.example:{port}"], ["127.0.0.1"], ["127.0.0.1:1"],
        ["127.0.0.1:{port}.evil.example"],
        ["localhost.evil.example:{port}"], ["127.0.0.1:{port}", "evil.example"], ["evil.example", "127.0.0.1:{port}"],
        ["0.0.0.0:{port}"], ["[::1]:{port}"], ["127.0.0.1:{port}@evil.example"], [""],
    ],
)  # fmt: skip
def test_a_name_that_was_pointed_here_is_refused_even_with_the_token(ask, hosts):
    hosts = [host.format(port=ask.server.server_port) for host in hosts]
    assert ask.inside(hosts=hosts).status == 403
    assert ask(f"/{ask.server.once.rpartition('/')[2]}", hosts=hosts).status == 403


def test_the_loopback_s_own_names_are_answered(ask):
    for host in ("127.0.0.1", "localhost"):
        assert ask.inside(hosts=[f"{host}:{ask.server.server_port}"]).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get", "MKCOL"])
def test_there_are_no_other_methods(ask, method):
    for path in ("", "chosen?show=history"):
        assert ask.inside(path, method=method).status == 405


def test_head_is_answered_as_get_without_the_page(ask):
    got, head = ask.inside(), ask.inside(method="HEAD")
    assert (head.status, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(got.content))
    assert head.headers["Content-Security-Policy"] == got.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", [None, "", "run/{key}", "nowhere", "chosen?show=compare"])
def test_no_other_site_may_read_frame_or_learn_the_address(ask, key, path):
    own = path is not None
    headers = {"Origin": "http://evil.example", "Access-Control-Request-Method": "GET"}
    said = ask.inside(path.format(key=key), **headers) if own else ask("/", **headers)
    assert not [name for name in said.headers if name.lower().startswith("access-control")]
    assert said.headers["Referrer-Policy"] == "no-referrer"
    assert said.headers["X-Content-Type-Options"] == "nosniff"
    assert said.headers["X-Frame-Options"] == "DENY"
    assert said.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert said.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert said.headers["Cache-Control"] == "no-store"
    policy = said.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    if own:
        assert policy.endswith("; frame-ancestors 'none'")
        assert "base-uri 'none'" in policy


def test_what_the_page_itself_forbids_the_header_forbids_too(ask, key):
    """Both are in force; the header must not be the narrower one, or the page would break."""
    for path in ("", f"run/{key}"):
        said = ask.inside(path)
        within = re.search(r'Content-Security-Policy" content="([^"]*)"', said.text)[1].replace("&#39;", "'")
        for part in within.split("; "):
            assert part in said.headers["Content-Security-Policy"], (path, part)


@pytest.mark.parametrize(
    "path",
    [
        "run/..", "run/../1.0", "run/../../etc/passwd", "run/%2e%2e/%2e%2e/etc/passwd", "run//etc/passwd", "../", "./",
        "run/1.0", "run/1.0/manifest.json", "run/{key}/", "run/{key}/items.parquet", "run/{key}%00", "run/{KEY}",
        "run/", "run", "1.0/report.html", "..%2f..%2fetc%2fpasswd", "run/..\\..\\etc\\passwd", "chosen/../run/{key}",
        "chosen?run=../1.0&show=history", "chosen?run=1.0&show=history", "chosen?show=history&run=/etc",
        "chosen?run={key}&show=remove", "chosen?run={key}", "?page=0", "?page=2", "?page=-1", "?page=%c2%b2", "?page=x",
    ],
)  # fmt: skip
def test_a_path_is_never_a_file_s(ask, key, path):
    said = ask.inside(path.format(key=key, KEY=key.upper()))
    assert said.status == 404
    assert "root:x" not in said.text
    assert "There is no such page" in said.text


def test_links_in_the_folder_lead_nowhere(folder, tmp_path, made):
    (folder / "outside").symlink_to(made)
    (folder / "run-link").symlink_to(made / "1.0")
    with served(folder) as asked:
        assert "3 runs" in asked.inside().text


def test_the_address_that_the_browser_is_started_with_works_once(made):
    with served(made) as asked:
        path = f"/{asked.server.once.rpartition('/')[2]}"
        assert asked(path, method="HEAD").status == 403
        said = asked(path)
        assert (said.status, said.headers["Location"]) == (303, f"/{asked.server.token}/")
        assert said.headers["Referrer-Policy"] == "no-referrer"
        assert asked(path).status == 403
        assert asked("/").status == 403
        assert asked.inside().status == 200


def test_it_listens_on_the_loopback_alone(ask):
    assert ask.server.socket.getsockname()[0] == "127.0.0.1"


def test_a_port_that_is_taken_is_one_line(ask, made):
    port = ask.server.server_port
    with pytest.raises(OptionError, match=rf"^--port {port}: .*; choose another"):
        Server(Site(Shelf(made)), port)


@pytest.mark.parametrize(
    "sent",
    [
        b"\r\n\r\n", b"GET /\xff/ HTTP/1.0\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / FTP/1\r\n\r\n",
        b"GET /" + b"a" * 40_000 + b"/ HTTP/1.0\r\nHost: x\r\n\r\n", b"GET /" + b"a" * 70_000 + b" HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.0\r\n" + b"A: b\r\n" * 200 + b"\r\n", b"GET http://127.0.0.1/ HTTP/1.0\r\nHost: x\r\n\r\n",
    ],
)  # fmt: skip
def test_what_is_no_request_tells_nothing_and_stops_nothing(ask, sent, capfd):
    with socket.create_connection(("127.0.0.1", ask.server.server_port), timeout=60) as raw:
        raw.sendall(sent)
        raw.shutdown(socket.SHUT_WR)
        try:
            said = b"".join(iter(lambda: raw.recv(65_536), b""))
        except ConnectionResetError:  # what was not read
            said = b""
    assert b"200" not in said.split(b"\r\n")[0]
    assert ask.server.token.encode() not in said
    assert ask.inside().status == 200
    assert capfd.readouterr() == ("", "")


def test_who_sends_nothing_is_not_waited_for(ask, monkeypatch):
    monkeypatch.setattr(module._Handler, "timeout", 0.05)
    with socket.create_connection(("127.0.0.1", ask.server.server_port), timeout=60) as raw:
        assert raw.recv(1) == b""
    assert module.SECONDS <= 30


def test_who_sends_a_letter_now_and_then_is_not_waited_for_either(ask, monkeypatch):
    """Each read is in time, all of them together are not."""
    monkeypatch.setattr(module, "SECONDS", 0.2)
    with socket.create_connection(("127.0.0.1", ask.server.server_port), timeout=0.02) as raw:
        for _ in range(500):
            try:
                raw.sendall(b"G")
                if raw.recv(1) == b"":
                    return
            except TimeoutError:
                continue
            except OSError:
                return
    pytest.fail("after 10 seconds of letters the connection is still open")


def test_a_mistake_of_ours_stops_nothing_and_tells_nothing(ask, monkeypatch, capfd):
    def broken(*_):
        raise ZeroDivisionError("/home/secret")

    monkeypatch.setattr(Site, "answer", broken)
    said = ask.inside()
    assert (said.status, said.content) == (500, b"500 Internal Server Error\n")
    assert "ZeroDivisionError" in capfd.readouterr().err
    monkeypatch.undo()
    assert ask.inside().status == 200


def test_a_query_of_many_fields_is_refused_before_it_is_read(ask):
    assert ask.inside("chosen?" + "&".join(f"a{i}=1" for i in range(2_000))).status == 404


def test_no_request_is_logged_as_its_address_holds_the_token(ask, capfd):
    ask.inside()
    ask("/guess")
    assert capfd.readouterr() == ("", "")


def test_nothing_in_the_folder_is_changed(folder):
    def files():
        return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}

    before = files()
    with served(folder) as asked:
        keys = re.findall(r'value="(\w{16})"', asked.inside().text)
        for path in (f"run/{keys[0]}", f"chosen?run={keys[0]}&run={keys[1]}&show=compare"):
            assert asked.inside(path).status == 200
    assert files() == before
