"""The Pub/Sub emulator of the Google Cloud SDK: found, started without `gcloud` (which is slow), ended."""

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pipelines.local.ports import HOST, claim_port
from pipelines.local.processes import ServerError, UnavailableError
from pipelines.local.servers import Server, responds
from pipelines.place import PUBSUB_EMULATOR

JAR = "PUBSUB_EMULATOR_JAR"
_PATTERN = "cloud-pubsub-emulator-*-all.jar"
_SDK_FOLDERS = (
    "/usr/lib/google-cloud-sdk",
    "/usr/share/google-cloud-sdk",
    "/usr/local/share/google-cloud-sdk",
    "/opt/google-cloud-sdk",
    "/snap/google-cloud-sdk/current",
    "~/google-cloud-sdk",
)
_REMEDY = (
    f"set {JAR} to the emulator's jar, or {PUBSUB_EMULATOR} to an emulator that runs; "
    "`gcloud components install pubsub-emulator`, `apt install google-cloud-cli-pubsub-emulator` or "
    "`npx firebase-tools setup:emulators:pubsub` installs one"
)
# The collector with the fewest threads: it runs beside the pipeline. Out of memory is an end, not a crawl.
_JVM = ("-XX:+UseSerialGC", "-Xshare:auto", "-Xms64m", "-XX:+ExitOnOutOfMemoryError")


class PubsubEmulator(Server):
    """Pub/Sub in memory: what it knows is gone when it ends. PUBSUB_EMULATOR_HOST names one to use instead.

    It keeps what a subscription got, acknowledged or not, until the subscription is deleted: its heap grows.

    Args:
      port: Where to listen; None: a free one is chosen.
      heap_mb: How large its heap may become; None: as Java thinks fit, a quarter of the machine's memory.
    """

    name = "the Pub/Sub emulator"

    def __init__(
        self,
        *,
        port: int | None = None,
        heap_mb: int | None = None,
        folder: Path | None = None,
        limit_s: float = 120.0,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(folder=folder, limit_s=limit_s, environ=environ)
        self._wanted = port
        self._heap = () if heap_mb is None else (f"-Xmx{heap_mb}m",)
        self._port: int | None = None

    @property
    def running_already(self) -> bool:
        """Whether PUBSUB_EMULATOR_HOST names one."""
        return bool(self._environ.get(PUBSUB_EMULATOR))

    @property
    def endpoint(self) -> str:
        """`host:port`, as PUBSUB_EMULATOR_HOST wants it."""
        if self.running_already:
            return self._environ[PUBSUB_EMULATOR]
        if self._port is None:
            raise ServerError(f"{self.name} has not been started")
        return f"{HOST}:{self._port}"

    def ready(self) -> bool:
        """Whether it answers."""
        return responds(f"http://{self.endpoint}/")

    def _command(self) -> Sequence[str]:
        java, jar = find_java(self._environ), find_jar(self._environ)
        self._port = claim_port(self._port or self._wanted, what=self.name, flag="--pubsub_port")
        return [str(java), *_JVM, *self._heap, "-jar", str(jar), f"--host={HOST}", f"--port={self._port}"]


def find_java(environ: Mapping[str, str]) -> Path:
    """The program that runs jars.

    Raises:
      UnavailableError: There is none.
    """
    home = environ.get("JAVA_HOME")
    if home and (java := Path(home) / "bin" / "java").is_file():
        return java
    if found := shutil.which("java", path=environ.get("PATH", "")):
        return Path(found)
    raise UnavailableError(
        "the Pub/Sub emulator needs Java and there is no `java` on the PATH; install a Java runtime (11 or later), "
        "e.g. `apt install default-jre-headless`, or set JAVA_HOME"
    )


def find_jar(environ: Mapping[str, str]) -> Path:
    """The emulator: the one named, or the newest of the Cloud SDK, or the newest in the cache of firebase-tools.

    Raises:
      UnavailableError: There is none.
      ServerError: The one named is not there.
    """
    if named := environ.get(JAR):
        if not Path(named).is_file():
            raise ServerError(f"{JAR}: there is no file {named!r}; {_REMEDY}")
        return Path(named)
    for found in (_of_sdk(environ), _of_firebase(environ)):
        if found:
            return max(found, key=_version)
    raise UnavailableError(f"the Pub/Sub emulator is not installed; {_REMEDY}")


def _of_sdk(environ: Mapping[str, str]) -> list[Path]:
    """Jars of the first SDK folder that has any."""
    for folder in _sdk_folders(environ):
        if jars := list((folder / "platform" / "pubsub-emulator" / "lib").glob(_PATTERN)):
            return jars
    return []


def _sdk_folders(environ: Mapping[str, str]) -> Iterator[Path]:
    for variable in ("CLOUDSDK_ROOT_DIR", "CLOUDSDK_ROOT"):
        if named := environ.get(variable):
            yield Path(named)
    if gcloud := shutil.which("gcloud", path=environ.get("PATH", "")):
        yield Path(os.path.realpath(gcloud)).parent.parent
    for folder in _SDK_FOLDERS:
        yield _at_home(folder, environ)


def _of_firebase(environ: Mapping[str, str]) -> list[Path]:
    named = environ.get("FIREBASE_EMULATORS_PATH")
    cache = Path(named) if named else _at_home("~/.cache/firebase/emulators", environ)
    return list(cache.rglob(_PATTERN)) if cache.is_dir() else []


def _at_home(folder: str, environ: Mapping[str, str]) -> Path:
    return Path(folder.replace("~", environ.get("HOME", "/nonexistent"), 1))


def _version(jar: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", jar.name))
