"""What is told of a request and of an update, in lines for people."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pipelines.deploy.fingerprint import Fingerprint, Step, fingerprint, unsafe_coders
from pipelines.deploy.request import JobRequest
from pipelines.deploy.updating import Change, Severity, breaks


def told_request(request: JobRequest) -> Iterator[str]:
    """What a job would be, a line each."""
    job, environment, pool = request.job, request.environment, request.workers
    steps = fingerprint(request.graph, "").steps
    pickled = unsafe_coders(request.graph)
    said: dict[str, Any] = {
        "job": f"{job['name']}, {job['type']}, {', '.join(environment['serviceOptions'])}",
        "labels": ", ".join(f"{name}={value}" for name, value in sorted(job["labels"].items())),
        "image": pool["workerHarnessContainerImage"],
        "workers": f"at most {pool['autoscalingSettings']['maxNumWorkers']}, {pool['ipConfiguration']}, "
        f"{pool['subnetwork']}",
        "identity": environment["serviceAccountEmail"],
        "key": environment["serviceKmsKeyName"],
        "installed at start": ", ".join(each["name"] for each in pool.get("packages", [])) or "nothing",
        "experiments": ", ".join(sorted(environment["experiments"])),
        "steps": f"{len(steps)}; {sum(step.keyed for step in steps.values())} keep something",
        "reads": ", ".join(_places(steps.values(), "pubsub_read")),
        "publishes to": ", ".join(_places(steps.values(), "pubsub_write")),
        "coders that no update could compare": "; ".join(pickled) or "none",
    }
    width = max(map(len, said))
    yield from (f"{name:{width}}  {value}" for name, value in said.items())


def _places(steps: Iterable[Step], kind: str) -> Iterator[str]:
    return (step.at.partition(" ")[0] for step in steps if step.kind == kind)


def told_update(
    old: Fingerprint, new: Fingerprint, there: Sequence[Change], back: Sequence[Change]
) -> Iterator[str]:
    """What an update and its way back would meet."""
    for text, found in ((f"{old.release} to {new.release}", there), (f"back from {new.release}", back)):
        verdict = "cannot be updated in place" if breaks(found) else "can be updated in place"
        counts = {level: sum(each.severity is level for each in found) for level in Severity}
        tally = ", ".join(f"{count} {level}" for level, count in counts.items() if count)
        yield f"{text}: {verdict}" + (f" ({tally})" if tally else "")
        yield from (f"  {change}" for change in found)
