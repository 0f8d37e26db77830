# Which fields of an event, a state and a session are read by place: see `Layout`.

cdef enum EventField:
    SIGNAL_ID, CUSTOMER_ID, OCCURRED_AT, TYPE, CHANNEL, BRAND, PAGE, DEVICE_ID, SESSION_ID, PLACEMENTS, ATTRIBUTES, PROFILE

cdef tuple _EVENT_FIELDS = (
    "signal_id", "customer_id", "occurred_at", "type", "channel", "brand", "page", "device_id", "session_id", "placements",
    "attributes", "profile",
)

cdef enum StateField:
    CLOCK, SEQUENCE, OPENED, RECENT, FACTS, SESSIONS, ROLLING, STARTS, ERASED, SEEN

cdef tuple _STATE_FIELDS = (
    "clock", "sequence", "opened", "recent", "facts", "sessions", "series", "starts", "erased", "seen",
)

cdef enum SessionField:
    NAME, NUMBER_OF, DECLARED, FIRST_AT, LAST_AT, LEAD, EVENTS, DECISIONS, BY_TYPE, CHANNELS, BRANDS, DEVICES, SLOTS

cdef tuple _SESSION_FIELDS = (
    "session_id", "number", "declared", "first_at", "last_at", "lead", "events", "decisions", "by_type", "channels",
    "brands", "devices", "slots",
)
