"""The deployed model is checked as a whole, and nothing in it is code."""

import io
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from models.propensity.artifact import Artifact, ArtifactError, Manifest, load, save, seal

ROOT = Path(__file__).resolve().parents[2]

LINEAR = Manifest(kind="linear", features=("age", "visits"), actions=("loan", "card", "saver"))
TREES = Manifest(kind="trees", features=("age",), actions=("loan", "card"), action_features=("rate",))


def linear(**changed: object) -> dict[str, np.ndarray]:
    return {"weights": np.arange(6.0).reshape(3, 2), "bias": np.array([-1.0, 0.0, 1.0]), **changed}


def trees(**changed: object) -> dict[str, np.ndarray]:
    """Tree 0: age <= 40, then rate <= 0.5 on the right. Tree 1: one leaf."""
    arrays = {
        "feature": np.array([0, -1, 1, -1, -1, -1], "<i4"),
        "threshold": np.array([40.0, 0, 0.5, 0, 0, 0]),
        "left": np.array([1, -1, 3, -1, -1, -1], "<i4"),
        "right": np.array([2, -1, 4, -1, -1, -1], "<i4"),
        "value": np.array([0.1, 0.2, 0.0, -0.3, 0.3, 0.05]),
        "roots": np.array([0, 5], "<i4"),
        "baseline": np.array([-2.0]),
        "action_values": np.array([[0.1], [0.9]]),
    }
    return {**arrays, **changed}


def i4(*numbers: int) -> np.ndarray:
    return np.array(numbers, "<i4")


def chain(leaves: int) -> dict[str, np.ndarray]:
    """One tree whose every split has a leaf on its left."""
    size = 2 * leaves - 1
    split = np.arange(size) % 2 == 0
    split[-1] = False
    return trees(
        feature=np.where(split, 0, -1).astype("<i4"),
        threshold=np.zeros(size),
        left=np.where(split, np.arange(size) + 1, -1).astype("<i4"),
        right=np.where(split, np.arange(size) + 2, -1).astype("<i4"),
        value=np.zeros(size),
        roots=i4(0),
    )


@pytest.mark.parametrize(
    ("manifest", "arrays"),
    [pytest.param(LINEAR, linear(), id="linear"), pytest.param(TREES, trees(), id="trees")],
)
def test_an_artefact_comes_back_as_it_was_saved(manifest, arrays, tmp_path):
    sealed = seal(manifest, arrays)
    save(sealed, tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert loaded.manifest == sealed.manifest
    assert loaded.digest
    assert {name: array.tolist() for name, array in loaded.arrays.items()} == {
        name: array.tolist() for name, array in arrays.items()
    }


def test_the_same_artefact_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        save(seal(LINEAR, linear()), tmp_path / name)
    for file in ("model.json", "arrays.npz"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(seal(LINEAR, linear(bias=np.array([-1.0, 0.0, 1.0 + 1e-15]))), id="a number"),
        pytest.param(
            seal(msgspec.structs.replace(LINEAR, features=("visits", "age")), linear()), id="an order"
        ),
        pytest.param(seal(msgspec.structs.replace(LINEAR, notes="x"), linear()), id="a word"),
    ],
)
def test_the_digest_covers(changed: Artifact):
    assert changed.digest != seal(LINEAR, linear()).digest


def test_loaded_arrays_cannot_be_written(tmp_path):
    save(seal(LINEAR, linear()), tmp_path)
    with pytest.raises(ValueError, match="read-only"):
        load(tmp_path).arrays["weights"][0, 0] = 1.0


@pytest.mark.parametrize(
    ("manifest", "arrays", "message"),
    [
        pytest.param(
            LINEAR,
            linear(bias=np.array([np.nan, 0, 0])),
            "bias holds a number that is not finite or beyond 1e+06",
            id="nan",
        ),
        pytest.param(LINEAR, linear(bias=np.array([2e6, 0, 0])), "bias holds a number", id="too-large"),
        pytest.param(LINEAR, linear(bias=np.zeros(2)), "bias has shape (2,), not (3,)", id="shape"),
        pytest.param(
            LINEAR, linear(bias=np.zeros(3, "<f4")), "bias has type <f4, not <f8", id="single-precision"
        ),
        pytest.param(LINEAR, linear(extra=np.zeros(1)), "arrays are bias, extra, weights", id="extra-array"),
        pytest.param(
            LINEAR, {"weights": np.zeros((3, 2))}, "arrays are weights; a linear model has", id="missing"
        ),
        pytest.param(TREES, linear(), "a trees model has", id="other-kind"),
        pytest.param(
            msgspec.structs.replace(LINEAR, features=("age", "age")),
            linear(),
            "features name 'age' twice",
            id="feature-twice",
        ),
        pytest.param(
            msgspec.structs.replace(LINEAR, actions=("a", "b", "a")),
            linear(),
            "actions name 'a' twice",
            id="action",
        ),
        pytest.param(TREES, trees(feature=i4(0, -1, 2, -1, -1, -1)), "outside of 0 .. 1", id="column"),
        pytest.param(TREES, trees(left=i4(0, -1, 3, -1, -1, -1)), "do not form trees", id="cycle"),
        pytest.param(TREES, trees(left=i4(1, -1, 1, -1, -1, -1)), "do not form trees", id="shared-child"),
        pytest.param(TREES, trees(right=i4(9, -1, 4, -1, -1, -1)), "do not form trees", id="child-outside"),
        pytest.param(TREES, trees(roots=i4(0, 4)), "do not form trees", id="root-inside-a-tree"),
        pytest.param(TREES, trees(roots=i4(1, 5)), "roots do not cut", id="first-root"),
        pytest.param(TREES, trees(roots=i4()), "roots do not cut", id="no-trees"),
        pytest.param(
            TREES, trees(threshold=np.array([np.inf] + [0.0] * 5)), "threshold holds", id="infinite"
        ),
        pytest.param(TREES, chain(65), "trees have up to 65 leaves; train with at most 64", id="leaves"),
    ],
)
def test_wrong_arrays_are_refused(manifest, arrays, message):
    with pytest.raises(ArtifactError) as refused:
        seal(manifest, arrays)
    assert message in str(refused.value)
    assert refused.value.remedy in str(refused.value)


def test_a_tree_may_have_64_leaves():
    assert seal(TREES, chain(64)).digest


def _write(folder: Path, *, manifest: bytes | None = None, arrays: bytes | None = None) -> None:
    save(seal(LINEAR, linear()), folder)
    for name, data in (("model.json", manifest), ("arrays.npz", arrays)):
        if data is not None:
            (folder / name).write_bytes(data)


def _pickled() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, weights=np.array([{"code": 1}], dtype=object), bias=np.zeros(3))
    return buffer.getvalue()


def _zeros(count: int) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, weights=np.zeros(count))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        pytest.param({"manifest": b"{"}, "is no manifest of format nextbeam-propensity/1", id="broken-json"),
        pytest.param({"manifest": b"\xff\xfe"}, "is no manifest", id="not-utf8"),
        pytest.param({"manifest": b'{"kind":"forest"}'}, "is no manifest", id="unknown-kind"),
        pytest.param({"arrays": b"PK nothing"}, "is no archive of plain arrays", id="no-archive"),
        pytest.param({"arrays": b""}, "is no archive of plain arrays", id="empty"),
        pytest.param({"arrays": _pickled()}, "is no archive of plain arrays", id="pickled-objects"),
        pytest.param({"arrays": _zeros(2**25 + 1)}, "unpacks to more than 256 MiB", id="bomb"),
    ],
)
def test_files_that_are_not_a_model_are_refused(files, message, tmp_path):
    _write(tmp_path, **files)
    with pytest.raises(ArtifactError, match=message):
        load(tmp_path)


def test_files_changed_after_registration_are_refused(tmp_path):
    save(seal(LINEAR, linear()), tmp_path / "other")
    save(seal(LINEAR, linear(bias=np.zeros(3))), tmp_path / "model")
    (tmp_path / "other" / "arrays.npz").replace(tmp_path / "model" / "arrays.npz")
    with pytest.raises(
        ArtifactError, match="they were changed; train it again and deploy the folder as written"
    ):
        load(tmp_path / "model")


def test_a_missing_folder_says_what_to_name(tmp_path):
    with pytest.raises(ArtifactError, match=r"cannot be read .* name a model's folder"):
        load(tmp_path / "nowhere")


def test_a_worker_scores_without_a_library_that_unpickles(tmp_path):
    save(seal(TREES, trees()), tmp_path)
    code = (
        "import sys, pathlib, models.propensity.scorer, models.propensity.artifact as a\n"
        f"a.load(pathlib.Path({str(tmp_path)!r}))\n"
        "print([m for m in ('sklearn', 'joblib', 'cloudpickle', 'skops', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
