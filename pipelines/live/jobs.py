"""The command line of a local streaming job: one, for all that start it as a process of its own."""

from collections.abc import Mapping

from pipelines.provisioning import Names
from pipelines.provisioning.resources import DEAD_LETTER, DECISIONS, FEEDBACK, HEARTBEATS
from pipelines.stream_flags import SUBSCRIPTIONS

_TOPICS = {
    "decisions_topic": DECISIONS,
    "feedback_topic": FEEDBACK,
    "dead_letters_topic": DEAD_LETTER,
    "heartbeats_topic": HEARTBEATS,
}


def job_command(
    names: Names, plan: str, *, tables: bool, more: Mapping[str, object] | None = None
) -> list[str]:
    """What follows the Python program.

    Args:
      names: Of its topics, subscriptions and tables.
      plan: It decides by.
      tables: Whether it writes to tables.
      more: Further flags.
    """
    flags: dict[str, object] = {
        "project": names.project,
        "plan": plan,
        **{name: names.subscription(f"{name.partition('_')[0]}-decisioning") for name in SUBSCRIPTIONS},
        **{flag: names.topic(topic) for flag, topic in _TOPICS.items()},
        **({"bigquery_dataset": names.dataset, "bigquery_method": "streaming_inserts"} if tables else {}),
        **(more or {}),
    }
    parts = (part for name, value in flags.items() for part in (f"--{name}", str(value)))
    return ["-m", "pipelines.decisioning", *parts]
