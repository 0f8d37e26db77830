"""The image: checked against the project, since it cannot be built here."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import pytest
from checking import CHECKOV, ROOT, TOOLS

from models import kernel
from pipelines.deploy import in_image
from pipelines.deploy.settings import EXPANSION_SERVICE, IMAGE
from schemas import kernel as of_records

DEPLOY = ROOT / "deploy"
_HEADERS = Path(sysconfig.get_path("include")) / "Python.h"
COMPILES = shutil.which((sysconfig.get_config_var("CC") or "cc").split()[0]) is not None and _HEADERS.exists()
"""Whether the kernel can be compiled here; in the image it has to be."""
DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8")
JOINED = DOCKERFILE.replace("\\\n", " ")
PACKAGES = ("schemas", "models", "transforms", "pipelines")
BEAM = re.search(r"^apache-beam==(\S+)", (ROOT / "requirements.lock").read_text("utf-8"), re.M)[1]
DIGESTS = ("PYTHON_DIGEST", "BEAM_DIGEST", "LAUNCHER_DIGEST")
GOOD = dict.fromkeys(DIGESTS, "sha256:" + "a" * 64)


def _instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} +(.*)$", JOINED, re.M)


@pytest.mark.skipif(not TOOLS.exists(), reason="no environment for checks of infrastructure: make infra")
@pytest.mark.parametrize(
    "command",
    [
        ["hadolint", "--config", "deploy/hadolint.yaml", "deploy/Dockerfile"],
        ["shellcheck", "deploy/build.sh"],
    ],
    ids=["hadolint", "shellcheck"],
)
def test_linters_find_nothing(command):
    tool = TOOLS.with_name(command[0])
    done = subprocess.run([tool, *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(not CHECKOV.exists(), reason="no environment for checks of infrastructure: make infra")
def test_checkov_finds_nothing():
    command = [
        "-m",
        "checkov.main",
        "--framework",
        "dockerfile",
        "--file",
        "deploy/Dockerfile",
        "--compact",
        "--quiet",
    ]
    done = subprocess.run(
        [CHECKOV, *command, "--skip-download"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_base_images_are_of_the_versions_that_are_locked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    images = " ".join(_instructions("FROM"))
    assert f"apache/beam_python3.11_sdk:{BEAM}@" in images
    assert "library/python:3.11-slim" in images
    assert "python311-template-launcher-base@" in images
    assert project["requires-python"].startswith(">=3.11")
    assert f"expansion-service-{BEAM}.jar" in DOCKERFILE


def test_every_base_image_is_named_by_a_digest_that_somebody_has_to_give():
    stages = {stage for _, stage in re.findall(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, re.M)}
    bases = [base for base in re.findall(r"^FROM (\S+)", DOCKERFILE, re.M) if base not in stages]
    assert [re.fullmatch(r".*@\$\{(\w+_DIGEST)\}", base)[1] for base in bases] == [
        "BEAM_DIGEST",
        "LAUNCHER_DIGEST",
        "PYTHON_DIGEST",
        "JAVA_DIGEST",
    ]
    assert set(DIGESTS) <= set(_instructions("ARG"))


def test_what_it_copies_is_there_and_reaches_the_build():
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    allowed = {line[1:] for line in lines if line.startswith("!")}
    refused = [line for line in lines if line and line[0] not in "!#*"]
    assert lines[1] == "*"
    copied = [part for line in _instructions("COPY") if "--from" not in line for part in line.split()[:-1]]
    for name in copied:
        assert (ROOT / name).exists() or name.startswith("deploy/jars/"), name
        assert name in allowed or str(Path(name).parent) in allowed, name
        assert not any(fnmatch(name, pattern) for pattern in refused), name


def test_what_is_installed_is_locked_with_hashes():
    installs = re.findall(r"pip install (.*?)(?=&&|$)", JOINED, re.M)
    assert len(installs) == 4
    for line in installs:
        assert "--require-hashes" in line or ("--no-index" in line and "--no-deps" in line), line
    build = (DEPLOY / "requirements-build.lock").read_text("utf-8")
    locked = (ROOT / "requirements-dev.lock").read_text("utf-8")
    assert re.findall(r"^(\w+)==", build, re.M) == ["cython", "setuptools"]
    assert all(one in locked for one in re.split(r"(?=^setuptools==)", build, flags=re.M))
    assert "pip check" in JOINED


def test_nobody_runs_as_root_and_beam_starts_it():
    assert _instructions("USER")[-1] == "${RUN_AS}"
    assert all(
        re.fullmatch(r"RUN_AS=[1-9]\d*:[1-9]\d*", arg) for arg in _instructions("ARG") if "RUN_AS" in arg
    )
    assert _instructions("ENTRYPOINT")[-1] == '["/opt/apache/beam/boot"]'
    assert _instructions("HEALTHCHECK")[-1] == "NONE"


def test_the_launcher_finds_our_entry_point_and_the_jar_its_name():
    entry = re.search(r"FLEX_TEMPLATE_PYTHON_PY_FILE=(\S+)", JOINED)[1]
    assert f"COPY deploy/launch.py {entry}" in DOCKERFILE
    assert f"{IMAGE}=1" in JOINED
    assert f'"{EXPANSION_SERVICE}": "/opt/nextbeam/expansion-service.jar"' in DOCKERFILE
    done = subprocess.run(
        [sys.executable, DEPLOY / "launch.py", "--runner=DataflowRunner", "--decisions_topic=x"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.count("error: --signals_subscription is missing")) == (2, 1)


# --- the wheel in it ---


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built as the image builds it, of what is in the repository, without an index."""
    folder = tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(
        [
            "git",
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
            *PACKAGES,
            "pyproject.toml",
            "README.md",
        ],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (folder / "src" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "src" / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-index", "--no-deps", "--no-build-isolation"]
    fast = (
        folder / "cc"
    )  # how fast the kernel is does not matter here, and -O0 compiles it in a third of the time
    fast.write_text('#!/bin/bash\nexec "$REAL_CC" "${@//-O3/-O0}"\n')
    fast.chmod(0o755)
    env = {**os.environ, "REAL_CC": os.environ.get("CC", "cc"), "CC": str(fast)}
    env["DIST_EXTRA_CONFIG"] = str(ROOT / "scripts/kernel/parallel.cfg")
    subprocess.run([*command, "-w", folder, folder / "src"], check=True, capture_output=True, env=env)
    [made] = folder.glob("*.whl")
    return made


def test_the_wheel_holds_all_that_is_no_python(wheel):
    source = wheel.parent / "src"
    wanted = {
        path.relative_to(source).as_posix()
        for name in PACKAGES
        for path in (source / name).rglob("*")
        if path.is_file()
        and not path.is_relative_to(source / "models" / "training")
        and path.suffix not in (".in", ".c")
    }
    held = set(zipfile.ZipFile(wheel).namelist())
    assert {name for name in wanted - held if "build/" not in name} == set()
    assert any(name.endswith(".sql") for name in held)
    assert any(name.endswith(".npz") for name in held)
    assert not any(name.startswith(("tests", "benchmarks", "deploy")) for name in held)


@pytest.mark.skipif(not COMPILES, reason="no C compiler here")
def test_the_wheel_holds_the_kernel(wheel):
    held = zipfile.ZipFile(wheel).namelist()
    compiled = {name.split(".")[0] for name in held if name.endswith(".so")}
    assert {f"models/kernel/{name}" for name in kernel.MODULES} <= compiled
    assert {f"schemas/kernel/{name}" for name in of_records.MODULES} <= compiled


@pytest.mark.skipif(not COMPILES, reason="no C compiler here")
def test_what_is_installed_finds_its_own_files(wheel, tmp_path):
    """The check that the image runs at its build, on the wheel alone: only what Beam and Google add is missing."""
    zipfile.ZipFile(wheel).extractall(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.deploy.in_image"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == ["nextbeam 0.1.0", *(f"{path} is not there" for path in in_image.BOOT)]
    assert done.returncode == 1


def test_a_kernel_that_was_left_out_is_seen(monkeypatch):
    monkeypatch.setattr(of_records, "MODULES", ())
    monkeypatch.setattr(kernel, "MODULES", ("never_compiled",))
    [found] = in_image.missing_kernel()
    assert found.startswith("the kernel's never_compiled is not compiled")


def test_a_package_of_another_distribution_is_seen(monkeypatch):
    monkeypatch.setattr(in_image, "packages_distributions", lambda: {"models": ["nextbeam", "models"]})
    assert list(in_image.foreign_packages()) == ["models is of models, too"]


def test_a_jar_has_to_be_the_one_that_was_meant(tmp_path, capsys):
    jar = tmp_path / "a.jar"
    assert in_image.wrong_jar(jar, "") == [f"{jar} is not there"]
    jar.write_bytes(b"jar")
    [found] = in_image.wrong_jar(jar, "0" * 64)
    digest = re.search("[0-9a-f]{64}", found)[0]
    assert in_image.wrong_jar(jar, digest) == []


# --- how it is built ---


def _build(tmp_path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run build.sh with a docker that only says what it was told."""
    docker = tmp_path / "docker"
    docker.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    docker.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    return subprocess.run(
        [DEPLOY / "build.sh", *arguments],
        env={"PATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({}, "PYTHON_DIGEST is missing"),
        ({**GOOD, "BEAM_DIGEST": ""}, "BEAM_DIGEST is missing"),
        ({**GOOD, "LAUNCHER_DIGEST": "latest"}, "LAUNCHER_DIGEST=latest is no digest"),
        ({**GOOD, "LAUNCHER_DIGEST": "sha256:abc"}, "is no digest"),
        ({**GOOD, "TARGET": "storage-write"}, "EXPANSION_JAR_SHA256 is not"),
        ({**GOOD, "TARGET": "storage-write", "EXPANSION_JAR_SHA256": "a" * 64}, "is not there"),
        ({**GOOD, "TARGET": "other"}, "there are nextbeam and storage-write"),
    ],
)
def test_a_build_that_lacks_something_is_refused(environment, told, tmp_path):
    done = _build(tmp_path, "nextbeam:0.1.0", **environment)
    assert done.returncode == 2
    assert done.stdout == ""
    assert told in done.stderr


def test_a_build_without_a_name_is_refused(tmp_path):
    assert "say what to call the image" in _build(tmp_path, **GOOD).stderr


def test_a_build_gives_docker_what_the_file_asks_for(tmp_path):
    done = _build(
        tmp_path, "reg/nextbeam:0.1.0", "--push", **GOOD, DOCKER_HUB="mirror.example", PIP_CONF="pip.conf"
    )
    told = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert told[:2] == ["build", "--file"]
    given = [told[at + 1] for at, word in enumerate(told) if word == "--build-arg"]
    assert given == [*(f"{name}={value}" for name, value in GOOD.items()), "DOCKER_HUB=mirror.example"]
    assert told[-2:] == ["--push", "."]
    assert "id=pip,src=pip.conf" in told
    assert {each.partition("=")[0] for each in given} <= {
        arg.partition("=")[0] for arg in _instructions("ARG")
    }
