# What is asked of a whole state: whether it points where it should, `models.ledger.state.pointing`, and whether any of
# its pauses has an end in sight, `models.ledger.suppressions`.

cdef enum:
    MOST_TRIGGERS = 64
    MOST_SPANS = 16

cdef long long _NEVER = <long long>1 << 62
cdef long long _UNSET = -_NEVER
cdef long long _EARLIEST = stored.EARLIEST
cdef long long _LATEST = stored.LATEST


def lasting(pauses, dict rules, long long settled):
    """Whether all of every pause can still affect something: then nothing of them is to be forgotten.

    Args:
      pauses: `models.ledger.suppressions.Pause` of each.
      rules: By id: how many triggers pause, and within which time.
      settled: Before it nothing comes any more.
    """
    cdef tuple triggers, spans, span, rule
    cdef Py_ssize_t many, times
    for pause in pauses:
        rule = rules.get(pause.rule)
        if rule is None:
            return False
        triggers, spans = pause.triggers, pause.spans
        many = len(triggers)
        if len(spans) > MOST_SPANS or (not many and not len(spans)):
            return False
        if len(spans):
            span = spans[0]
            if <long long>span[1] <= settled:
                return False
        if many:
            times = rule[0]
            if times == 1 or many > MOST_TRIGGERS or <long long>triggers[0] <= settled - <long long>rule[1]:
                return False
            if many >= times and <long long>triggers[times - 1] < settled:
                return False
    return True


cdef inline bint _into(position, Py_ssize_t size) except -1:
    return 0 <= <long long>position < size


def pointing(state):
    """`models.ledger.state.pointing`: whether columns are aligned, positions in their tables, and times in order."""
    cdef tuple times = state.times, items = state.items, opened = state.open, gaps = state.gaps, offers
    cdef Py_ssize_t spots = len(state.spots), origins = len(state.origins), i
    cdef long long since, before = _EARLIEST, at
    if not len(times) == len(items) == len(state.committed):
        return False
    try:
        since = state.since
        if since < _EARLIEST and since != _UNSET:
            return False
        for i in range(len(times)):
            at = times[i]
            if at < before or not _into(items[i], spots):
                return False
            before = at
        if before > _LATEST:
            return False
        if gaps:
            if len(gaps) > 1 and len(dict(gaps)) < len(gaps):
                return False
            for gap in gaps:
                if not _into((<tuple>gap)[0], spots):
                    return False
        before = _EARLIEST
        for decision in opened:
            at = decision.at
            if at < before or not _into(decision.origin, origins):
                return False
            before = at
            offers = decision.offers
            for offer in offers:
                if not _into(offer.item, spots):
                    return False
        if before > _LATEST:
            return False
    except OverflowError:
        return False
    return True
