"""Servers as children: they start, say why they do not, and are gone when we are, however we end."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from pipelines.local import bigquery_venv
from pipelines.local.bigquery import BigQueryEmulator
from pipelines.local.ports import HOST, claim_port
from pipelines.local.processes import Child, ServerError, UnavailableError
from pipelines.local.pubsub import PubsubEmulator, find_jar, find_java

ROOT = Path(__file__).resolve().parents[2]
SLEEPER = [sys.executable, "-S", "-c", "import time; print('up', flush=True); time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-S",
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)",
]


def _gone(pid: int, within_s: float = 10.0) -> bool:
    """Whether a process ends in time; one that nobody has waited for yet counts as ended."""
    give_up = time.monotonic() + within_s
    while time.monotonic() < give_up:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def _says_up(log: Path) -> bool:
    return "up" in log.read_text("utf-8")


# Children


def test_a_child_runs_until_it_is_stopped(tmp_path):
    log = tmp_path / "log"
    with Child("a sleeper", SLEEPER, log) as child:
        child.wait_until(lambda: _says_up(log), limit_s=20)
        assert child.running
        assert psutil.pid_exists(child.pid)
    assert not child.running
    assert _gone(child.pid, 0.5)
    assert child.exit_code == 128 + signal.SIGTERM


def test_a_child_that_ignores_sigterm_is_killed_after_the_grace(tmp_path):
    log = tmp_path / "log"
    child = Child("a stubborn one", STUBBORN, log, grace_s=0.3)
    child.wait_until(lambda: _says_up(log), limit_s=20)
    child.stop()
    assert _gone(child.pid, 0.5)
    assert child.exit_code == 128 + signal.SIGKILL


def test_what_a_child_started_ends_with_it(tmp_path):
    log = tmp_path / "log"
    script = (
        "import subprocess, sys, time; "
        f"print(subprocess.Popen({STUBBORN!r}, stdout=subprocess.DEVNULL).pid, 'up', flush=True); time.sleep(600)"
    )
    with Child("a family", [sys.executable, "-S", "-c", script], log, grace_s=1) as child:
        child.wait_until(lambda: _says_up(log), limit_s=20)
        grandchild = int(log.read_text("utf-8").split()[0])
        assert psutil.pid_exists(grandchild)
    assert _gone(grandchild)


def test_a_crash_is_at_once(tmp_path):
    log = tmp_path / "log"
    child = Child("a stubborn one", STUBBORN, log, grace_s=60)
    child.kill()
    assert _gone(child.pid, 0.5)
    child.stop()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, None])
def test_a_child_ends_however_its_parent_does(tmp_path, number):
    """Killed, ended, interrupted, or just finished without a word."""
    parent = subprocess.Popen(
        [sys.executable, "-c", _parent(tmp_path, then="sys.exit()" if number is None else "time.sleep(600)")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
    )
    assert parent.stdout is not None
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    if number is not None:
        assert all(map(psutil.pid_exists, pids))
        parent.send_signal(number)
    parent.wait(20)
    assert all(_gone(pid) for pid in pids)


def test_a_child_ends_when_its_keeper_is_killed(tmp_path):
    child = Child("a sleeper", SLEEPER, tmp_path / "log")
    os.kill(child._keeper.pid, signal.SIGKILL)
    assert _gone(child.pid)
    child.stop()


def test_a_child_outlives_the_thread_that_started_it(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        child = pool.submit(Child, "a sleeper", SLEEPER, tmp_path / "log").result()
    time.sleep(0.3)
    assert child.running
    child.stop()


def _parent(folder: Path, then: str) -> str:
    return textwrap.dedent(f"""
        import sys, time
        from pathlib import Path
        from pipelines.local.processes import Child
        log = Path({str(folder / "log")!r})
        child = Child("a sleeper", {SLEEPER!r}, log)
        child.wait_until(lambda: "up" in log.read_text(), limit_s=20)
        print(child.pid, child._keeper.pid, flush=True)
        {then}
    """)


# What is said when one does not start


def test_a_program_that_is_not_there_is_named(tmp_path):
    with pytest.raises(
        ServerError, match="a ghost cannot be started: No such file or directory: /no/such/program"
    ):
        Child("a ghost", ["/no/such/program"], tmp_path / "log")


def test_one_that_ends_early_shows_the_end_of_its_log(tmp_path):
    (tmp_path / "log").write_text("of an earlier start\n")
    command = [sys.executable, "-S", "-c", "print('line 1\\nout of luck'); raise SystemExit(3)"]
    child = Child("a failure", command, tmp_path / "log")
    with pytest.raises(ServerError) as refused:
        child.wait_until(lambda: False, limit_s=20)
    assert str(refused.value) == (
        f"a failure ended with code 3 before it was ready; the end of {tmp_path / 'log'}:\n  line 1\n  out of luck"
    )


def test_one_that_is_never_ready_is_ended(tmp_path):
    child = Child("a sleeper", SLEEPER, tmp_path / "log")
    with pytest.raises(ServerError, match=r"a sleeper was not ready within 0.5 s"):
        child.wait_until(lambda: False, limit_s=0.5)
    assert _gone(child.pid, 0.5)


def test_an_interruption_while_waiting_ends_it(tmp_path):
    def interrupted() -> bool:
        raise KeyboardInterrupt

    child = Child("a sleeper", SLEEPER, tmp_path / "log")
    with pytest.raises(KeyboardInterrupt):
        child.wait_until(interrupted, limit_s=20)
    assert _gone(child.pid, 0.5)


# Ports


def test_a_free_port_is_chosen_out_of_the_way_of_clients():
    ports = {claim_port(None, what="a server", flag="--port") for _ in range(20)}
    assert len(ports) > 1
    assert all(20_000 <= port < 32_000 for port in ports)


def test_a_port_that_is_taken_is_refused_with_who_has_it():
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServerError) as refused:
            claim_port(port, what="a server", flag="--port")
    said = str(refused.value)
    assert f"a server: port {port} is taken" in said
    assert "--port" in said
    if sys.platform == "linux":
        assert f"by process {os.getpid()} " in said


@pytest.mark.parametrize("port", [0, -1, 65_536])
def test_what_is_no_port_is_refused(port):
    with pytest.raises(ServerError, match="no port"):
        claim_port(port, what="a server", flag="--port")


# The Pub/Sub emulator is looked for


def _jar(folder: Path, version: str) -> Path:
    jar = folder / f"cloud-pubsub-emulator-{version}-all.jar"
    jar.parent.mkdir(parents=True, exist_ok=True)
    jar.touch()
    return jar


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """An environment without any emulator, whatever this machine has."""
    monkeypatch.setattr("pipelines.local.pubsub._SDK_FOLDERS", ("~/google-cloud-sdk",))
    return {"HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "bin")}


def test_the_jar_that_is_named_comes_first(nowhere, tmp_path):
    _jar(tmp_path / "sdk" / "platform" / "pubsub-emulator" / "lib", "0.9.9")
    named = _jar(tmp_path, "0.1.0")
    environ = {**nowhere, "PUBSUB_EMULATOR_JAR": str(named), "CLOUDSDK_ROOT_DIR": str(tmp_path / "sdk")}
    assert find_jar(environ) == named


def test_the_sdk_is_found_by_its_command(nowhere, tmp_path):
    jar = _jar(tmp_path / "sdk" / "platform" / "pubsub-emulator" / "lib", "0.8.20")
    gcloud = tmp_path / "sdk" / "bin" / "gcloud"
    gcloud.parent.mkdir()
    gcloud.write_text("#!/bin/sh\nexit 1\n")
    gcloud.chmod(0o755)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gcloud").symlink_to(gcloud)
    assert find_jar(nowhere) == jar


def test_the_newest_of_the_firebase_cache_is_taken_by_version_not_by_name(nowhere, tmp_path):
    cache = tmp_path / "home" / ".cache" / "firebase" / "emulators"
    _jar(cache / "pubsub-emulator-0.8.9" / "lib", "0.8.9")
    newest = _jar(cache / "pubsub-emulator-0.8.37" / "lib", "0.8.37")
    assert find_jar(nowhere) == newest


def test_without_a_jar_the_remedies_are_said(nowhere):
    with pytest.raises(
        UnavailableError, match=r"not installed; set PUBSUB_EMULATOR_JAR .* setup:emulators:pubsub"
    ):
        find_jar(nowhere)


def test_a_named_jar_that_is_not_there_is_no_reason_to_take_another(nowhere):
    with pytest.raises(ServerError, match=r"PUBSUB_EMULATOR_JAR: there is no file '/no/such.jar'"):
        find_jar({**nowhere, "PUBSUB_EMULATOR_JAR": "/no/such.jar"})


def test_without_java_the_remedy_is_said(nowhere):
    with pytest.raises(UnavailableError, match="install a Java runtime"):
        find_java(nowhere)


def test_a_broken_jar_is_shown_as_java_puts_it(tmp_path):
    _java()
    broken = tmp_path / "broken.jar"
    broken.write_bytes(b"not a jar")
    server = PubsubEmulator(folder=tmp_path, environ={**_plain(), "PUBSUB_EMULATOR_JAR": str(broken)})
    with pytest.raises(
        ServerError, match=r"(?s)ended with code 1 before it was ready.*[Ii]nvalid or corrupt jarfile"
    ):
        server.start()


def test_a_running_emulator_that_does_not_answer_is_refused():
    port = claim_port(None, what="nothing", flag="-")
    server = PubsubEmulator(environ={"PUBSUB_EMULATOR_HOST": f"{HOST}:{port}"})
    with pytest.raises(ServerError, match="names one that does not answer"):
        server.start()


# The environment of the BigQuery emulator


def test_a_python_that_is_too_old_is_refused():
    with pytest.raises(UnavailableError, match=r"NEXTBEAM_BIGQUERY_PYTHON: .* is no Python 3.13 or 3.14"):
        bigquery_venv.find_python({"NEXTBEAM_BIGQUERY_PYTHON": sys.executable})


def test_without_a_python_the_remedy_is_said(nowhere, monkeypatch):
    monkeypatch.setattr(bigquery_venv, "find_uv", lambda environ: None)
    with pytest.raises(UnavailableError, match=r"needs Python 3.13 or 3.14, .*uv python install 3.13"):
        bigquery_venv.find_python(nowhere)


def test_the_environment_is_in_the_project_or_else_in_the_users_cache(monkeypatch, tmp_path):
    assert bigquery_venv.location({"HOME": "/home/ana"}) == ROOT / ".venv-bigquery"
    monkeypatch.setattr(bigquery_venv, "_ROOT", tmp_path)
    assert bigquery_venv.location({"HOME": "/home/ana"}) == Path("/home/ana/.cache/nextbeam/bigquery")
    assert bigquery_venv.location({"XDG_CACHE_HOME": "/c"}) == Path("/c/nextbeam/bigquery")
    assert bigquery_venv.location({"NEXTBEAM_BIGQUERY_VENV": "/v"}) == Path("/v")


def test_a_failed_installation_is_said_and_not_taken_for_done(monkeypatch, tmp_path):
    monkeypatch.setattr(bigquery_venv, "find_python", lambda environ: Path("/bin/false"))
    monkeypatch.setattr(bigquery_venv, "find_uv", lambda environ: None)
    said: list[str] = []
    for _ in range(2):
        with pytest.raises(UnavailableError, match="cannot be installed"):
            bigquery_venv.installed(tmp_path / "venv", {}, said.append)
    assert len(said) == 2


def test_the_lock_has_hashes_and_what_is_asked_for():
    lock = bigquery_venv.LOCK.read_text("utf-8")
    asked = (bigquery_venv.LOCK.parent / "requirements-bigquery.in").read_text("utf-8").splitlines()
    for line in asked:
        assert line.startswith("#") or f"\n{line} \\\n    --hash=sha256:" in f"\n{lock}"


# The servers themselves


def _plain() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.endswith("_EMULATOR_HOST")}


def _java() -> None:
    try:
        find_java(os.environ)
    except UnavailableError as error:
        pytest.skip(str(error))


def test_pubsub_comes_back_on_its_port_after_a_crash(tmp_path):
    with _started(PubsubEmulator(folder=tmp_path, heap_mb=256, environ=_plain())) as server:
        endpoint, pid = server.endpoint, server.pid
        assert "-Xmx256m" in psutil.Process(pid).cmdline()
        server.kill()
        assert pid is not None
        assert _gone(pid, 0.5)
        assert not server.ready()
        server.start()
        assert (server.endpoint, server.pid) != (endpoint, pid)
        assert server.endpoint == endpoint
        assert server.ready()


def test_pubsub_that_runs_already_is_used_and_left_running(pubsub_server):
    environ = {**_plain(), "PUBSUB_EMULATOR_HOST": pubsub_server.endpoint}
    with PubsubEmulator(environ=environ) as server:
        assert server.pid is None
        assert server.endpoint == pubsub_server.endpoint
    assert pubsub_server.ready()


def test_a_port_that_another_server_has_is_refused(pubsub_server):
    taken = int(pubsub_server.endpoint.rpartition(":")[2])
    with pytest.raises(ServerError, match=rf"the Pub/Sub emulator: port {taken} is taken"):
        PubsubEmulator(port=taken, environ=_plain()).start()


@pytest.mark.slow
def test_bigquery_keeps_its_tables_over_a_crash(tmp_path):
    from pipelines.provisioning.endpoints import Endpoints

    with _started(BigQueryEmulator(folder=tmp_path, environ=_plain())) as server:
        client = Endpoints(bigquery=server.url).tables(server.project)
        client.create_dataset("kept")
        server.kill()
        server.start()
        assert [dataset.dataset_id for dataset in client.list_datasets()].count("kept") == 1


def _started(server):
    try:
        return server.start()
    except UnavailableError as error:
        pytest.skip(str(error))
