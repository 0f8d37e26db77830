# Event time as integers, and fingerprints: `models.times` and `models.identity`.

cdt.import_datetime()

cdef object _UTC = datetime.timezone.utc
cdef object _EPOCH = datetime.datetime(1970, 1, 1, tzinfo=_UTC)
cdef object _STEP = datetime.timedelta(microseconds=1)
cdef long long _DAY = 86_400_000_000
cdef long long _FIRST = -719_162  # days from the epoch of 0001-01-01 and 9999-12-31
cdef long long _LAST = 2_932_896


cdef inline long long _floor(long long a, long long b) noexcept nogil:
    """a // b, b > 0, as Python rounds."""
    cdef long long q = a // b
    return q - 1 if a % b < 0 else q


cdef inline long long _days(long long y, long long m, long long d) noexcept nogil:
    """Days from 1970-01-01 of a date of the Gregorian calendar, years 1 to 9999."""
    cdef long long era, yoe, doy
    y -= m <= 2
    era = y // 400
    yoe = y - era * 400
    doy = (153 * (m + (-3 if m > 2 else 9)) + 2) // 5 + d - 1
    return era * 146_097 + yoe * 365 + yoe // 4 - yoe // 100 + doy - 719_468


cdef inline bint _is_utc(object when):
    return cdt.PyDateTime_CheckExact(when) and cdt.datetime_tzinfo(when) is _UTC


cdef inline long long _micros(object when):
    """Microseconds from the epoch of an exact datetime in UTC."""
    cdef long long seconds = _days(
        cdt.PyDateTime_GET_YEAR(when), cdt.PyDateTime_GET_MONTH(when), cdt.PyDateTime_GET_DAY(when)
    ) * 86_400 + cdt.PyDateTime_DATE_GET_HOUR(when) * 3_600
    seconds += cdt.PyDateTime_DATE_GET_MINUTE(when) * 60 + cdt.PyDateTime_DATE_GET_SECOND(when)
    return seconds * 1_000_000 + cdt.PyDateTime_DATE_GET_MICROSECOND(when)


cpdef micros(when):
    """Microseconds since the epoch of an aware datetime."""
    if _is_utc(when):
        return _micros(when)
    return (when - _EPOCH) // _STEP


cdef object _moment(long long at):
    cdef long long days = _floor(at, _DAY), rest = at - days * _DAY, z, era, doe, yoe, doy, mp
    if not _FIRST <= days <= _LAST:
        return _EPOCH + datetime.timedelta(microseconds=at)
    z = days + 719_468
    era = z // 146_097
    doe = z - era * 146_097
    yoe = (doe - doe // 1_460 + doe // 36_524 - doe // 146_096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    cdef int month = <int>(mp + 3 if mp < 10 else mp - 9)
    cdef int year = <int>(yoe + era * 400 + (month <= 2))
    cdef int seconds = <int>(rest // 1_000_000)
    return cdt.datetime_new(
        year, month, <int>(doy - (153 * mp + 2) // 5 + 1), seconds // 3_600, seconds // 60 % 60,
        seconds % 60, <int>(rest % 1_000_000), _UTC, 0,
    )


cpdef moment(at):
    """The aware UTC datetime of `at`."""
    if type(at) is int and -_DAY * 800_000 < at < _DAY * 3_000_000:
        return _moment(at)
    return _EPOCH + datetime.timedelta(microseconds=at)


cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    static const uint64_t nb_iv[8] = {
        0x6a09e667f3bcc908ULL, 0xbb67ae8584caa73bULL, 0x3c6ef372fe94f82bULL, 0xa54ff53a5f1d36f1ULL,
        0x510e527fade682d1ULL, 0x9b05688c2b3e6c1fULL, 0x1f83d9abfb41bd6bULL, 0x5be0cd19137e2179ULL};
        static inline uint64_t nb_rotr(uint64_t x, int n) { return (x >> n) | (x << (64 - n)); }
    #define NB_G(a, b, c, d, x, y) \\
        a += b + x; d = nb_rotr(d ^ a, 32); c += d; b = nb_rotr(b ^ c, 24); \\
        a += b + y; d = nb_rotr(d ^ a, 16); c += d; b = nb_rotr(b ^ c, 63);
    #define NB_ROUND(s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, sa, sb, sc, sd, se, sf) \\
        NB_G(v[0], v[4], v[8], v[12], m[s0], m[s1]) NB_G(v[1], v[5], v[9], v[13], m[s2], m[s3]) \\
        NB_G(v[2], v[6], v[10], v[14], m[s4], m[s5]) NB_G(v[3], v[7], v[11], v[15], m[s6], m[s7]) \\
        NB_G(v[0], v[5], v[10], v[15], m[s8], m[s9]) NB_G(v[1], v[6], v[11], v[12], m[sa], m[sb]) \\
        NB_G(v[2], v[7], v[8], v[13], m[sc], m[sd]) NB_G(v[3], v[4], v[9], v[14], m[se], m[sf])
    static void nb_block(uint64_t *h, const uint8_t *block, uint64_t total, int last) {
        uint64_t v[16], m[16];
        memcpy(m, block, 128);
        for (int i = 0; i < 8; i++) { v[i] = h[i]; v[i + 8] = nb_iv[i]; }
        v[12] ^= total;
        if (last) v[14] = ~v[14];
        NB_ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
        NB_ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3)
        NB_ROUND(11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4)
        NB_ROUND(7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8)
        NB_ROUND(9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13)
        NB_ROUND(2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9)
        NB_ROUND(12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11)
        NB_ROUND(13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10)
        NB_ROUND(6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5)
        NB_ROUND(10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0)
        NB_ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
        NB_ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3)
        for (int i = 0; i < 8; i++) h[i] ^= v[i] ^ v[i + 8];
    }
    typedef struct { uint64_t h[8]; uint8_t block[128]; uint64_t total; int used; } nb_hash;
    static void nb_begin(nb_hash *s, int size) {
        memcpy(s->h, nb_iv, 64);
        s->h[0] ^= 0x01010000ULL ^ (uint64_t)size;
        s->total = 0; s->used = 0;
    }
    static void nb_feed(nb_hash *s, const char *data, size_t n) {
        while (n) {
            if (s->used == 128) { s->total += 128; nb_block(s->h, s->block, s->total, 0); s->used = 0; }
            size_t part = 128 - s->used; if (part > n) part = n;
            memcpy(s->block + s->used, data, part);
            s->used += (int)part; data += part; n -= part;
        }
    }
    static void nb_end(nb_hash *s, uint8_t *out, int size) {
        memset(s->block + s->used, 0, 128 - s->used);
        nb_block(s->h, s->block, s->total + s->used, 1);
        memcpy(out, s->h, size);
    }
    """
    ctypedef struct nb_hash:
        pass
    void nb_begin(nb_hash *state, int size) nogil
    void nb_feed(nb_hash *state, const char *data, size_t n) nogil
    void nb_end(nb_hash *state, unsigned char *out, int size) nogil


cdef int _hash_text(nb_hash *state, str text) except -1:
    """One more text, as UTF-8; lone surrogates pass."""
    cdef Py_ssize_t size = 0
    cdef const char *data
    cdef bytes encoded
    if text is None:
        raise TypeError("no text to make a fingerprint of")
    if PyUnicode_IS_COMPACT_ASCII(text):
        nb_feed(state, <const char *>PyUnicode_DATA(text), PyUnicode_GET_LENGTH(text))
        return 0
    encoded = text.encode("utf-8", "surrogatepass")
    nb_feed(state, PyBytes_AS_STRING(encoded), PyBytes_GET_SIZE(encoded))
    return 0


cdef bytes _fingerprint(const char *prefix, Py_ssize_t length, str text):
    cdef nb_hash state
    cdef unsigned char out[8]
    nb_begin(&state, 8)
    nb_feed(&state, prefix, length)
    _hash_text(&state, text)
    nb_end(&state, out, 8)
    return PyBytes_FromStringAndSize(<char *>out, 8)


cpdef bytes fingerprint(str text):
    """Eight bytes of BLAKE2b that stand for a text."""
    return _fingerprint(b"", 0, text)


cpdef str hex_of_two(str first, str second):
    """32 hex digits that stand for two texts, one after the other."""
    cdef nb_hash state
    cdef unsigned char out[16]
    cdef char text[32]
    cdef int i
    nb_begin(&state, 16)
    _hash_text(&state, first)
    nb_feed(&state, b"\0", 1)
    _hash_text(&state, second)
    nb_end(&state, out, 16)
    for i in range(16):
        text[2 * i] = b"0123456789abcdef"[out[i] >> 4]
        text[2 * i + 1] = b"0123456789abcdef"[out[i] & 15]
    return PyUnicode_DecodeASCII(text, 32, NULL)
