"""A run's folder in an S3 storage: a server on this machine that speaks its protocol, and the real command line."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tomllib

import pytest
from click.testing import CliRunner
from moto.moto_server.threaded_moto_server import ThreadedMotoServer
from pyarrow.fs import FileSelector, FileType, S3FileSystem

from coldbench.cli import main

SIZES = ["users=150", "items=120", "interactions=6000", "n=60", "k=5"]
TINY = [part for size in SIZES for part in ("--set", f"synthetic.{size}")]
RUN = ["run", "--methods", "base,cvar", "--backbones", "fm", "--seeds", "1", "--jobs", "1", *TINY]
KEYS = {"AWS_ACCESS_KEY_ID": "anyone", "AWS_SECRET_ACCESS_KEY": "anything", "AWS_EC2_METADATA_DISABLED": "true"}


@pytest.fixture
def endpoint(monkeypatch):
    """The server's HOST:PORT; it runs in a thread, so it ends with this process at the latest."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"{host}:{port}"
    server.stop()


@pytest.fixture
def storage(endpoint):
    files = S3FileSystem(endpoint_override=endpoint, scheme="http", allow_bucket_creation=True)
    files.create_dir("bucket")
    return files


def coldbench(*arguments: object, **variables: str) -> str:
    command = [sys.executable, "-m", "coldbench", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ, **variables})
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def contents(storage: S3FileSystem, folder: str) -> dict[str, bytes]:
    found = [file for file in storage.get_file_info(FileSelector(folder)) if file.type == FileType.File]
    return {file.base_name: storage.open_input_stream(file.path).read() for file in found}


def test_a_run_there_equals_one_on_a_disk(endpoint, storage, tmp_path):
    url = f"s3://bucket/runs/one?endpoint_override={endpoint}&scheme=http"
    said = coldbench(*RUN, "--out", url)
    assert "2 cells, 0 of them reused" in said
    assert "report: s3://bucket/runs/one/report/report.md" in said
    report = contents(storage, "bucket/runs/one/report")
    assert b"| FM" in report["report.md"]
    assert report["index.html"].startswith(b"<!DOCTYPE html>")

    written = {file.path: file.mtime for file in storage.get_file_info(FileSelector("bucket/runs/one/cells"))}
    assert len(written) == 2
    again = coldbench(*RUN, "--out", "s3://bucket/runs/one", AWS_ENDPOINT_URL=f"http://{endpoint}")
    assert "2 cells, 2 of them reused" in again
    assert {f.path: f.mtime for f in storage.get_file_info(FileSelector("bucket/runs/one/cells"))} == written

    kept = contents(storage, "bucket/runs/one")["run.toml"].decode()
    assert tomllib.loads(kept)["out"] == url  # not only the bucket: run.toml alone has to find the storage again
    (tmp_path / "run.toml").write_text(kept)
    assert "2 cells, 0 to do" in coldbench("run", "--config", tmp_path / "run.toml", "--dry-run")

    coldbench(*RUN, "--out", tmp_path / "local")
    for part in ("predictions", "embeddings"):
        local = {file.name: file.read_bytes() for file in (tmp_path / "local" / part).iterdir()}
        assert len(local) == 2
        assert contents(storage, f"bucket/runs/one/{part}") == local


def test_what_cannot_be_reached_ends_in_one_line(endpoint, storage):
    def refused(url: str) -> str:
        result = CliRunner().invoke(main, [*RUN, "--out", url])
        assert result.exit_code == 2
        assert len(result.output.strip().splitlines()) == 1
        return result.output

    assert "Bucket 'nowhere' not found" in refused(f"s3://nowhere/run?endpoint_override={endpoint}&scheme=http")
    assert "nonsense" in refused("s3://bucket/run?nonsense=1")
    secret = refused(f"s3://anyone:anything@bucket/run?endpoint_override={endpoint}&scheme=http")
    assert "a URL with a password in it is not taken" in secret
    assert "anything" not in secret
