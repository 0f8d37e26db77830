# One event through context, funnel and ledger: `models.folds.advance` for `models.decide.DecideFold`.


cdef class Advancing:
    """Applies the events of any customer under one plan, after what is due before each."""

    cdef Deciding deciding
    cdef object step_fast, step, context_due, end, rank, rank_slowly, ledger_step, ledger_slowly, ledger_expire
    cdef object state_type, request_type, told_types, observed
    cdef long long silence
    cdef bint forgets

    def __init__(self, *, context, funnel, ledger, Deciding deciding, types, observed):
        """Of the parts of a fold.

        Args:
          context: The context's step, compiled, and in Python; its `deadline` and `expire`; after how much silence a
            session ends; whether customers are forgotten.
          funnel: Ranked candidates of a request, compiled; and in Python, for whom that yields None.
          ledger: The ledger's `step`; that in Python, for what `deciding` leaves to it; and `expire`.
          deciding: Its compiled form, or None.
          types: DecideState; DecisionRequest; what the ledger is told of besides.
          observed: What is counted of an event that leads to nothing.
        """
        self.step_fast, self.step, self.context_due, self.end, self.silence, self.forgets = context
        self.rank, self.rank_slowly = funnel
        self.ledger_step, self.ledger_slowly, self.ledger_expire = ledger
        self.deciding = deciding
        self.state_type, self.request_type, self.told_types = types
        self.observed = observed

    def advance(self, state, event):
        """The state after an event, and the outputs, as `models.folds.advance` says."""
        cdef object context = state.context, ledger = state.ledger, when = event.occurred_at, due = ledger.due, moved
        cdef list outputs, expired = None
        cdef long long at
        at = _micros(when) if _is_utc(when) else <long long>micros(when)
        if self.context_ends(context, at) or (due is not None and <long long>due <= at):
            context, expired = self.end(context, at)
            if due is not None and <long long>due <= at:
                ledger, silent = self.ledger_expire(ledger, at)
                expired = expired + silent
        moved = self.step_fast(context, event)
        if moved is None:
            moved = self.step(context, event)
        context, outputs = moved
        if len(outputs) != 1 or outputs[0] is not self.observed:
            ledger, outputs = self.told(ledger, outputs, at)
        if expired:
            outputs = expired + outputs
        return self.state_type(context, ledger), outputs

    cdef bint context_ends(self, context, long long at) except -1:
        """Whether anything of the context is due."""
        cdef tuple sessions = context.sessions
        if sessions:
            for session in sessions:
                if <long long>session.last_at + self.silence <= at:
                    return True
            return False
        if not context.series and context.erased is None and not self.forgets:
            return False
        due = self.context_due(context)
        return due is not None and <long long>due <= at

    cdef object told(self, ledger, list emitted, long long at):
        """The ledger after what it is told of the outputs of the context, and all outputs."""
        cdef list outputs = [], decided
        cdef object told, moved
        for output in emitted:
            if type(output) is self.request_type:
                told = self.rank(output)
                if told is None:
                    told = self.rank_slowly(output)
                moved = self.decided(ledger, told, at)
            elif type(output) in self.told_types:
                when = output.occurred_at
                moved = self.heard(ledger, output, _micros(when) if _is_utc(when) else <long long>micros(when))
            else:
                outputs.append(output)
                continue
            ledger, decided = moved
            outputs += decided
        return ledger, outputs

    cdef object decided(self, ledger, candidates, long long at):
        cdef object due = ledger.due, moved = None
        if self.deciding is None or (due is not None and <long long>due <= at):
            return self.heard(ledger, candidates, at)
        moved = self.deciding.decided_at(ledger, candidates, at)
        return self.ledger_slowly(ledger, candidates) if moved is None else moved

    cdef object heard(self, ledger, told, long long at):
        """The ledger after anything, in Python."""
        cdef object due = ledger.due
        if due is None or <long long>due > at:
            return self.ledger_step(ledger, told)
        ledger, silent = self.ledger_expire(ledger, at)
        ledger, said = self.ledger_step(ledger, told)
        return ledger, silent + said
