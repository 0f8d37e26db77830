"""The command line of a local job: whatever other commands ask of it, it was told where to answer."""

from pipelines.live.jobs import job_command
from pipelines.provisioning import Names
from pipelines.provisioning.resources import DEAD_LETTER, DECISIONS, FEEDBACK, HEARTBEATS


def test_a_local_job_answers_on_every_topic_that_others_read():
    names = Names("local-dev")
    command = job_command(names, "uk_bank", tables=False)
    said = dict(zip(command[2::2], command[3::2], strict=True))
    topics = {place for flag, place in said.items() if flag.endswith("_topic")}
    assert topics == {names.topic(topic) for topic in (DECISIONS, FEEDBACK, DEAD_LETTER, HEARTBEATS)}
