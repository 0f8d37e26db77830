"""Dead letters in words. Whoever can publish can write one, so no text of theirs reaches a terminal as it is."""

from collections.abc import Iterable, Iterator

from models.dead_letters import Found, Keep, Verdict
from models.dead_letters.choosing import groups
from pipelines.dead_letters.replaying import Replayed
from pipelines.querying import Answer

COLUMNS = ("reason", "step", "day", "letters", "example")
_SHORT = 12
_MOST_LINES = 20


def listing(letters: Iterable[Found]) -> Answer:
    """The letters by reason, step and day."""
    rows = [
        (each.reason, each.step, each.day, each.letters, each.example[:_SHORT]) for each in groups(letters)
    ]
    return Answer(COLUMNS, rows)


def told_letter(found: Found, verdict: Verdict, *, payload: bool) -> Iterator[str]:
    """One letter; what may be personal only if `payload` asks for it."""
    letter = found.letter
    yield f"dead letter {found.id}"
    yield f"  reason   {letter.reason.value}"
    yield f"  step     {one_line(letter.step)}"
    yield f"  detail   {one_line(letter.detail)}"
    yield f"  time     {f'{found.at:%Y-%m-%d %H:%M:%S} UTC' if found.at else 'cannot be read'}"
    kept = len(letter.payload)
    cut = f", of which {kept:,} were kept" if kept < letter.payload_bytes else ""
    yield f"  payload  {letter.payload_bytes:,} bytes{cut}"
    now = (
        f"stays: {verdict.why}"
        if isinstance(verdict, Keep)
        else f"would be taken now, as one of {verdict.target}"
    )
    yield f"  replay   {one_line(now)}"
    if payload:
        yield f"  customer {one_line(letter.customer_id) if letter.customer_id else 'cannot be read'}"
        yield one_line(letter.payload.decode("utf-8", "backslashreplace"))
    else:
        yield "  customer and payload are shown by --payload: they may be personal"


def told_replay(told: Replayed, *, dry: bool) -> Iterator[str]:
    """What a replay did, or would do."""
    yield f"{told.chosen:,} dead letters chosen"
    for place, count in told.sent.most_common():
        yield f"  {count:,} {'would be sent' if dry else 'sent'} to {one_line(place)}"
    if told.repeated:
        yield f"  {told.repeated:,} equal to one of these"
    if told.already:
        yield f"  {told.already:,} replayed before, so not again; --again sends them once more"
    if told.beyond:
        yield f"  {told.beyond:,} beyond --limit"
    if told.kept:
        yield f"  {told.kept.total():,} stay:"
    for kept, count in told.kept.most_common(_MOST_LINES):
        yield one_line(
            f"    {count:,} {kept.reason} of {kept.step}: {kept.why.removeprefix(f'{kept.reason}: ')}"
        )
    if len(told.kept) > _MOST_LINES:
        yield f"    and {len(told.kept) - _MOST_LINES} reasons more"
    if told.unreadable:
        yield f"  {told.unreadable:,} messages are no dead letters of this version, and stay"
    if told.stopped:
        yield "stopped; what was not sent is where it was"


def one_line(text: str) -> str:
    """Text with what is not printable, line breaks and marks of direction among it, written as escapes."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
