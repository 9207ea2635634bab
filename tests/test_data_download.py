"""``coldbench data download`` against a local server: whole, broken off and resumed, altered, and with none there."""

from __future__ import annotations

import dataclasses
import hashlib
import random
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import data_files
import pytest
from click.testing import CliRunner

from coldbench.cli import main
from coldbench.data import cache
from coldbench.plugins.kinds import DATASETS
from coldbench.plugins.registry import Registry


class Server(ThreadingHTTPServer):
    """Serves one file, as badly as it is told to."""

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = content
        self.breaks_after: int | None = None  # bytes, once
        self.resumes = True
        self.status = 200
        self.asked: list[str | None] = []
        self.accepted: list[str | None] = []
        self.files: dict[str, bytes] = {}  # by path, where there are several


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        wanted = self.headers.get("Range")
        server.asked.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and server.resumes else 0
        server.accepted.append(self.headers.get("Accept"))
        content = server.files.get(self.path, server.content)[start:]
        self.send_response(server.status if server.status != 200 else 206 if start else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if server.breaks_after is not None:
            content, server.breaks_after = content[: server.breaks_after], None
        self.wfile.write(content)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server with a zip in MovieLens-1M's layout, which the dataset takes for the published one."""
    folder = data_files.write("ml-1m", tmp_path)
    source = data_files.expect("ml-1m", folder, monkeypatch)
    (folder / "README").write_bytes(random.Random(0).randbytes(200_000))
    content = data_files.zipped(folder, tmp_path / "ml-1m.zip").read_bytes()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server(content) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        publication = dataclasses.replace(
            source.published,
            url=f"http://127.0.0.1:{running.server_port}/ml-1m.zip",
            md5=hashlib.md5(content).hexdigest(),
            size=len(content),
        )
        monkeypatch.setattr(source, "published", publication)
        source_config = dataclasses.make_dataclass("Config", [("n", int, 50), ("k", int, 5)], frozen=True)
        monkeypatch.setattr(source, "Config", source_config)
        yield running
        running.shutdown()
        thread.join()


def download(name="ml-1m"):
    return CliRunner().invoke(main, ["data", "download", name])


def folder():
    return cache.root() / "downloads"


def one_line(result) -> str:
    assert result.exit_code == 2, result.output or result.exception
    lines = [line for line in result.output.splitlines() if line.startswith("coldbench: ")]
    assert len(lines) == 1, result.output
    assert result.output.endswith(lines[0] + "\n")
    return lines[0]


def test_whole_and_checked_with_its_licence_once(server):
    result = download()
    assert result.exit_code == 0, result.output
    assert "Cite Harper and Konstan" in result.output
    assert "MovieLens-1M: 3,000 interactions" in result.output
    assert [file.name for file in folder().iterdir()] == ["ml-1m.zip"]
    assert (folder() / "ml-1m.zip").read_bytes() == server.content
    again = download()
    assert again.exit_code == 0
    assert "Cite" not in again.output
    assert server.asked == [None]  # the second time it was there already
    assert CliRunner().invoke(main, ["data", "info", "ml-1m"]).exit_code == 0


def test_broken_off_and_resumed(server):
    server.breaks_after = 100_000
    said = one_line(download())
    assert "goes on where it stopped" in said
    part = folder() / "ml-1m.zip.part"
    have = part.stat().st_size
    assert 0 < have <= 100_000
    assert part.read_bytes() == server.content[:have]
    assert not (cache.root() / "ml-1m").exists()
    result = download()
    assert result.exit_code == 0, result.output
    assert server.asked == [None, f"bytes={have}-"]
    assert "Cite" not in result.output
    assert not part.exists()


def test_a_server_that_does_not_resume(server):
    server.breaks_after = 100_000
    one_line(download())
    server.resumes = False
    assert download().exit_code == 0
    assert (folder() / "ml-1m.zip").read_bytes() == server.content


@pytest.mark.parametrize("change", [lambda b: b[:-1] + b"x", lambda b: b + b"more", lambda b: bytes(len(b))])
def test_another_content_is_not_used(server, change):
    right, server.content = server.content, change(server.content)
    assert "md5" in one_line(download())
    assert not list(folder().iterdir())
    assert not (cache.root() / "ml-1m").exists()
    server.content = right
    assert download().exit_code == 0


def test_a_file_altered_after_the_download_is_not_used(server):
    assert download().exit_code == 0
    (folder() / "ml-1m.zip").write_bytes(b"something else")
    assert "md5" in one_line(download())
    assert download().exit_code == 0


def test_a_part_of_something_else_is_found_out(server):
    folder().mkdir(parents=True)
    (folder() / "ml-1m.zip.part").write_bytes(b"x" * 100)
    assert "md5" in one_line(download())
    assert download().exit_code == 0


def test_an_answer_that_is_an_error(server):
    server.status = 503
    assert "HTTP 503" in one_line(download())


def test_no_network(server, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    source = Registry().get(DATASETS, "ml-1m")
    for url in (f"http://127.0.0.1:{port}/ml-1m.zip", "http://no-such-host.invalid/ml-1m.zip"):
        monkeypatch.setattr(source, "published", dataclasses.replace(source.published, url=url))
        assert "cannot be reached" in one_line(download())


def test_no_room(server, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COLDBENCH_CACHE", str(tmp_path / "file"))
    assert "cannot be written" in one_line(download())


def test_what_cannot_be_downloaded():
    assert "tianchi.aliyun.com" in one_line(download("taobao-ad"))
    assert "no files" in one_line(download("synthetic"))
    assert "did you mean 'ml-25m'" in one_line(download("ml-25"))


@pytest.fixture
def state(server, tmp_path, monkeypatch):
    """MovieTweetings' three files on the server, under git's names of their content."""
    folder = data_files.write("movietweetings", tmp_path)
    source = Registry().get(DATASETS, "movietweetings")
    known = {}
    for name in source.files:
        content = (folder / name).read_bytes()
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        known[name] = (blob, hashlib.md5(content).hexdigest(), len(content))
        server.files[f"/{blob}"] = content
    monkeypatch.setattr(source, "state", known)
    monkeypatch.setattr(source, "address", f"http://127.0.0.1:{server.server_port}/")
    return known


def test_a_known_state_of_a_repository_file_by_file(server, state):
    server.breaks_after = 20_000
    assert "goes on where it stopped" in one_line(download("movietweetings"))
    result = download("movietweetings")
    assert result.exit_code == 0, result.output
    assert "MovieTweetings (3,000 ratings): 3,000 interactions" in result.output
    assert "MIT licence" in result.output
    assert sorted(file.name for file in (folder() / "movietweetings").iterdir()) == sorted(state)
    assert set(server.accepted) == {"application/vnd.github.raw+json"}
    assert CliRunner().invoke(main, ["data", "info", "movietweetings"]).exit_code == 0


def test_another_state_of_a_repository_is_not_used(server, state):
    blob = f"/{state['movies.dat'][0]}"
    server.files[blob] = server.files[blob].replace(b"Drama", b"Dramb")
    assert "md5" in one_line(download("movietweetings"))
    assert not (cache.root() / "movietweetings").exists()


def test_the_known_states_name_their_content_in_git():
    source = Registry().get(DATASETS, "movietweetings")
    assert sorted(source.state) == sorted(source.files)
    for blob, md5, size in source.state.values():
        assert (len(blob), len(md5)) == (40, 32)
        assert size > 0
