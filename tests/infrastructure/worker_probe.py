"""Decide in a process of its own and print who unpickled what meanwhile: `python worker_probe.py FOLDER [--plant]`,
where FOLDER/day holds the signals.

Python tells of each class that an unpickler looks up. Beam takes its own steps apart and puts them together again by
pickling; what counts is that no module of ours does, nor anything that a module of ours calls.
"""

import json
import shutil
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("schemas", "models", "transforms", "pipelines")
TRANSPORT = (
    "apache_beam/internal/",
    "apache_beam/coders/",
    "apache_beam/runners/",
    "apache_beam/transforms/",
)
"""Beam's: what puts steps together again."""

found: Counter[tuple[str, str]] = Counter()


def blamed(frame: FrameType | None) -> str:
    """Who is behind it: `beam`, a file of ours, or another library that is neither."""
    while frame is not None:
        name = frame.f_code.co_filename
        if any(part in name for part in TRANSPORT):
            return "beam"
        if any(name.startswith(f"{ROOT / layer}/") for layer in LAYERS):
            return str(Path(name).relative_to(ROOT))
        frame = frame.f_back
    return "nobody"


def listen(event: str, arguments: tuple[object, ...]) -> None:
    """An audit hook: cannot be removed, hence the process of its own."""
    if event == "pickle.find_class":
        found[blamed(sys._getframe(1)), f"{arguments[0]}.{arguments[1]}"] += 1


def decide_a_day(out: Path) -> int:
    """A small bank's day by the shipped plan and its model, from a signed copy; decisions made."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    from models.signing import sign, trusted_keys
    from pipelines.flags import Config
    from pipelines.launch import launch
    from pipelines.options import beam_options

    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    plan = shutil.copytree(ROOT / "models" / "catalogues" / "uk_bank", out / "plan")
    sign(plan, key)
    config = Config(
        signals=(str(out / "day" / "signals.jsonl"),),
        outcomes=(),
        plan=plan,
        out=out / "run",
        keys=trusted_keys([pem.decode()]),
    )
    return launch(config, beam_options([])).rows["decisions"]


if __name__ == "__main__":
    sys.addaudithook(listen)
    decided = decide_a_day(Path(sys.argv[1]))
    planted = "import pickle\npickle.loads(pickle.dumps(print))\n"
    if "--plant" in sys.argv:
        exec(compile(planted, str(ROOT / "transforms" / "planted.py"), "exec"), {})
    by: Counter[str] = Counter()
    for (who, _), count in found.items():
        by[who] += count
    loaded = sorted({"joblib", "sklearn", "torch", "dill", "shelve", "pandas"} & sys.modules.keys())
    print(json.dumps({"decided": decided, "by": by, "loaded": loaded}))
