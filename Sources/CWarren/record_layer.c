/* TLS 1.3 records after the handshake, sealed straight from the caller's plain bytes into the sink and opened straight
 * from the window into the caller's room. */
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"

enum {
    /* RFC 8446 section 4.6.1: lifetime, age_add, nonce<0..255>, ticket<1..2^16-1>, extensions<0..2^16-2>. */
    LARGEST_TICKET = 4 + 4 + 1 + 255 + 2 + 65535 + 2 + 65535,
    /* In a row, before we take them for an attack on our CPU; the number other implementations use too. */
    MOST_EMPTY_RECORDS = 32,
};

static void nonce_of(const struct record_direction *direction, uint8_t nonce[12]) {
    memcpy(nonce, direction->iv, 12);
    for (int i = 0; i < 8; i++) nonce[11 - i] ^= (uint8_t)(direction->sequence >> (8 * i));
}

/* --- sealing ------------------------------------------------------------------------------------------------------ */

/* One record. The caller has checked that the sink has room for it. */
static int seal_record(warren_tls_session *session, uint8_t type, const uint8_t *plain, size_t length) {
    warren_tls_engine *engine = session->context->engine;
    struct record_direction *direction = &session->records.writing;
    warren_sink *output = session->output;
    /* Once the kernel counts these records, one of ours would use a nonce twice. */
    if (direction->sequence == UINT64_MAX || (session->records.kernel & WARREN_TLS_WRITING) != 0) return -1;
    struct aead_slot *slot = warren_aead_slot(engine, direction, session->records.kind, 1);
    if (slot == NULL) return -1;
    uint8_t *record = output->base + output->count, nonce[12];
    size_t cipher = length + 1 + RECORD_TAG;
    record[0] = CONTENT_DATA;
    record[1] = 3;
    record[2] = 3;
    record[3] = (uint8_t)(cipher >> 8);
    record[4] = (uint8_t)cipher;
    nonce_of(direction, nonce);
    if (aead_ops_of(engine, slot)->seal(slot, nonce, record, plain, length, type, record + RECORD_HEADER) != 0) return -1;
    direction->sequence++;
    output->count += RECORD_HEADER + cipher;
    return 0;
}

static size_t room_of(const warren_tls_session *session) {
    return session->output == NULL ? 0 : session->output->capacity - session->output->count;
}

int warren_record_alert(warren_tls_session *session, int level, int alert) {
    uint8_t body[2] = {(uint8_t)level, (uint8_t)alert};
    if ((session->records.kernel & WARREN_TLS_WRITING) != 0) {
        memcpy(session->records.owes_alert, body, sizeof body);
        return 0;
    }
    if (room_of(session) < ALERT_RECORD) return -1;
    return seal_record(session, CONTENT_ALERT, body, sizeof body);
}

/* A failure that is the peer's doing: it hears of it if there is room. */
static int fail(warren_tls_session *session, int reason, int alert, const char *detail) {
    if (!session->closed) (void)warren_record_alert(session, 2, alert);
    return warren_tls_fail(session, reason, alert, detail);
}

int warren_record_fail(warren_tls_session *session, int reason, int alert, const char *detail) {
    return fail(session, reason, alert, detail);
}

static int fail_inside(warren_tls_session *session) {
    return fail(session, WARREN_TLS_INTERNAL, ALERT_INTERNAL_ERROR, "out of memory, or libcrypto failed");
}

int warren_record_pay(warren_tls_session *session) {
    struct record_state *records = &session->records;
    if (records->owes_update == 0 || session->closed || (records->kernel & WARREN_TLS_WRITING) != 0) return 0;
    if (room_of(session) < KEY_UPDATE_RECORD) return 0;
    uint8_t message[5] = {MESSAGE_KEY_UPDATE, 0, 0, 1, records->owes_update == 2};
    if (seal_record(session, CONTENT_HANDSHAKE, message, sizeof message) != 0) return fail_inside(session);
    records->owes_update = 0;
    if (warren_record_advance(session->context->engine, records->kind, &records->writing) != 0) return fail_inside(session);
    return 0;
}

int warren_record_seal(warren_tls_session *session, const uint8_t *plain, size_t length, size_t *consumed) {
    struct record_state *records = &session->records;
    uint64_t most = session->context->engine->update_after;
    if (length == 0) return warren_record_pay(session);
    while (*consumed < length) {
        if (records->writing.sequence >= most && records->owes_update == 0) records->owes_update = 1;
        if (records->owes_update != 0) {
            if (warren_record_pay(session) != 0) return -1;
            if (records->owes_update != 0) return 0; /* no room, and no data may overtake it */
        }
        size_t room = room_of(session), take = length - *consumed;
        if (take > RECORD_LARGEST_PLAIN) take = RECORD_LARGEST_PLAIN;
        if (room < take + RECORD_OVERHEAD) {
            /* A smaller record only when nothing would leave at all: full ones are cheaper for both ends. */
            if (*consumed != 0 || room <= RECORD_OVERHEAD) return 0;
            take = room - RECORD_OVERHEAD;
        }
        if (seal_record(session, CONTENT_DATA, plain + *consumed, take) != 0) return fail_inside(session);
        *consumed += take;
    }
    return 0;
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

static int take_key_update(warren_tls_session *session, uint8_t request) {
    struct record_state *records = &session->records;
    if (request > 1)
        return fail(session, WARREN_TLS_MALFORMED, ALERT_ILLEGAL_PARAMETER, "KeyUpdate asks for something unknown");
    if (warren_record_advance(session->context->engine, records->kind, &records->reading) != 0)
        return fail_inside(session);
    /* Several requests may be answered by one update (RFC 8446 section 4.6.3). */
    if (request == 1 && records->owes_update == 0) records->owes_update = 1;
    return 0;
}

/* Handshake bytes; a message may begin and end in any record. *only_tickets tells whether all were of tickets. */
static int take_handshake(warren_tls_session *session, const uint8_t *bytes, size_t length, int *only_tickets) {
    struct record_state *records = &session->records;
    *only_tickets = 1;
    if (length == 0)
        return fail(session, WARREN_TLS_UNEXPECTED, ALERT_UNEXPECTED_MESSAGE, "an empty handshake record");
    while (length > 0) {
        if (records->message_left > 0) {
            size_t skip = length < records->message_left ? length : records->message_left;
            records->message_left -= (uint32_t)skip;
            bytes += skip;
            length -= skip;
            continue;
        }
        records->message[records->message_count++] = *bytes++;
        length--;
        uint8_t type = records->message[0];
        if (records->message_count == 1) {
            if (type == MESSAGE_CLIENT_HELLO || type == 0)
                return fail(session, WARREN_TLS_RENEGOTIATION, ALERT_UNEXPECTED_MESSAGE, "the peer asks to negotiate anew");
            if (type != MESSAGE_KEY_UPDATE && (type != MESSAGE_NEW_SESSION_TICKET || session->context->server)) {
                char detail[80];
                snprintf(detail, sizeof detail, "handshake message %d after the handshake", type);
                return fail(session, WARREN_TLS_UNEXPECTED, ALERT_UNEXPECTED_MESSAGE, detail);
            }
        }
        if (type == MESSAGE_KEY_UPDATE) *only_tickets = 0;
        if (records->message_count < 4) continue;
        uint32_t size = (uint32_t)records->message[1] << 16 | (uint32_t)records->message[2] << 8 | records->message[3];
        if (type == MESSAGE_NEW_SESSION_TICKET) {
            if (size > LARGEST_TICKET)
                return fail(session, WARREN_TLS_MALFORMED, ALERT_DECODE_ERROR, "a ticket longer than tickets can be");
            records->message_left = size;
            records->message_count = 0;
            continue;
        }
        if (size != 1) return fail(session, WARREN_TLS_MALFORMED, ALERT_DECODE_ERROR, "a KeyUpdate of the wrong length");
        if (records->message_count < 5) continue;
        records->message_count = 0;
        /* What follows would be under the old key: section 5.1 forbids it. */
        if (length != 0)
            return fail(session, WARREN_TLS_UNEXPECTED, ALERT_UNEXPECTED_MESSAGE, "something follows a KeyUpdate in its record");
        return take_key_update(session, records->message[4]);
    }
    return 0;
}

static int take_alert(warren_tls_session *session, const uint8_t *bytes, size_t length) {
    if (length != 2)
        return fail(
            session, length == 0 ? WARREN_TLS_UNEXPECTED : WARREN_TLS_MALFORMED,
            length == 0 ? ALERT_UNEXPECTED_MESSAGE : ALERT_DECODE_ERROR, "an alert record of the wrong length");
    if (bytes[1] == ALERT_CLOSE_NOTIFY) {
        session->peer_closed = 1;
        return 0;
    }
    if (bytes[1] == ALERT_USER_CANCELED) return 0; /* announces a close_notify; section 6.1 */
    char detail[80];
    snprintf(detail, sizeof detail, "the peer sent the alert %s", warren_tls_alert_name(bytes[1]));
    return warren_tls_fail(session, WARREN_TLS_PEER_ALERT, bytes[1], detail);
}

int warren_record_take(
    warren_tls_session *session, uint8_t type, const uint8_t *bytes, size_t length, int *only_tickets) {
    struct record_state *records = &session->records;
    *only_tickets = 0;
    if (type != CONTENT_HANDSHAKE && (records->message_left > 0 || records->message_count > 0))
        return fail(
            session, WARREN_TLS_UNEXPECTED, ALERT_UNEXPECTED_MESSAGE, "a record inside a handshake message");
    if (++records->empty_records > MOST_EMPTY_RECORDS)
        return fail(
            session, WARREN_TLS_FLOOD, ALERT_UNEXPECTED_MESSAGE, "too many records without data in a row");
    switch (type) {
    case CONTENT_DATA: return 0;
    case CONTENT_ALERT: return take_alert(session, bytes, length);
    case CONTENT_HANDSHAKE: return take_handshake(session, bytes, length, only_tickets);
    default:
        return fail(
            session, WARREN_TLS_UNEXPECTED, ALERT_UNEXPECTED_MESSAGE, "a record of a type that has no place here");
    }
}

/* A client keeps OpenSSL's session until the first ticket: only OpenSSL knows the resumption secret. It is fed the very
 * record, and whatever it would like to answer is not sent: the write direction is ours since the handshake. */
static int feed_ticket(warren_tls_session *session, uint8_t *record, size_t length) {
    warren_window *input = session->input;
    warren_sink *output = session->output;
    warren_window only = {record, length};
    uint64_t kept = session->context->counters.sessions_kept;
    uint8_t nothing;
    size_t got = 0;
    session->input = &only;
    session->output = NULL;
    ERR_clear_error();
    int result = SSL_read_ex(session->ssl, &nothing, 1, &got);
    int waits = result != 1 && SSL_get_error(session->ssl, result) == SSL_ERROR_WANT_READ && only.count == 0;
    session->input = input;
    session->output = output;
    if (!waits) {
        ERR_clear_error();
        return fail(session, WARREN_TLS_MALFORMED, ALERT_DECODE_ERROR, "a ticket that does not parse");
    }
    if (session->context->counters.sessions_kept != kept) warren_tls_free_ssl(session);
    return 0;
}

static size_t pour(struct record_state *records, uint8_t *to, size_t room) {
    size_t left = records->spill_count - records->spill_at, take = left < room ? left : room;
    memcpy(to, records->spill + records->spill_at, take);
    records->spill_at += (uint32_t)take;
    if (take == left) {
        OPENSSL_cleanse(records->spill, records->spill_count);
        free(records->spill);
        records->spill = NULL;
    }
    return take;
}

/* The record at the window's front, which is whole. `out` has length - 16 bytes. On return the window has moved past it;
 * *count is how many data bytes lie in `out`. */
static int take_record(warren_tls_session *session, size_t length, uint8_t *out, size_t *count) {
    warren_tls_engine *engine = session->context->engine;
    struct record_state *records = &session->records;
    struct record_direction *direction = &records->reading;
    uint8_t *record = session->input->base, nonce[12];
    *count = 0;
    if (direction->sequence == UINT64_MAX || (records->kernel & WARREN_TLS_READING) != 0)
        return fail(session, WARREN_TLS_SEQUENCE, ALERT_INTERNAL_ERROR, "record numbers are used up");
    struct aead_slot *slot = warren_aead_slot(engine, direction, records->kind, 0);
    if (slot == NULL) return fail_inside(session);
    nonce_of(direction, nonce);
    size_t inner = length - RECORD_TAG;
    if (aead_ops_of(engine, slot)->open(slot, nonce, record, record + RECORD_HEADER, inner, out) != 0) {
        ERR_clear_error();
        return fail(session, WARREN_TLS_BAD_RECORD, ALERT_BAD_RECORD_MAC, "a record does not decrypt");
    }
    direction->sequence++;
    session->input->base += RECORD_HEADER + length;
    session->input->count -= RECORD_HEADER + length;
    /* With its type and padding, by which no record may grow past the limit: section 5.4. */
    if (inner > RECORD_LARGEST_PLAIN + 1)
        return fail(session, WARREN_TLS_BAD_RECORD, ALERT_RECORD_OVERFLOW, "a record holds more than 16 KiB");
    while (inner > 0 && out[inner - 1] == 0) inner--; /* padding */
    if (inner == 0)
        return fail(session, WARREN_TLS_UNEXPECTED, ALERT_UNEXPECTED_MESSAGE, "a record without a content type");
    uint8_t type = out[--inner];
    if (type == CONTENT_DATA && inner > 0 && records->message_left == 0 && records->message_count == 0) {
        records->empty_records = 0;
        *count = inner;
        if (session->ssl != NULL) warren_tls_free_ssl(session);
        return 0;
    }
    int only_tickets;
    int outcome = warren_record_take(session, type, out, inner, &only_tickets);
    if (outcome != 0 || session->ssl == NULL) return outcome;
    if (only_tickets) return feed_ticket(session, record, RECORD_HEADER + length);
    warren_tls_free_ssl(session);
    return 0;
}

int warren_record_open(warren_tls_session *session, uint8_t *to, size_t room, size_t *count) {
    struct record_state *records = &session->records;
    for (;;) {
        if (warren_record_pay(session) != 0) return -1;
        if (records->spill != NULL) *count += pour(records, to + *count, room - *count);
        if (session->peer_closed) return WARREN_TLS_CLOSED;
        if (*count == room) return WARREN_TLS_FULL;
        const warren_window *input = session->input;
        if (input->count < RECORD_HEADER) return WARREN_TLS_MORE_INPUT;
        const uint8_t *record = input->base;
        size_t length = (size_t)record[3] << 8 | record[4];
        if (record[0] != CONTENT_DATA)
            return fail(session, WARREN_TLS_UNEXPECTED, ALERT_UNEXPECTED_MESSAGE, "a record that is not encrypted");
        if (length > RECORD_LARGEST_CIPHER)
            return fail(session, WARREN_TLS_BAD_RECORD, ALERT_RECORD_OVERFLOW, "a record longer than records can be");
        if (length < 1 + RECORD_TAG)
            return fail(session, WARREN_TLS_BAD_RECORD, ALERT_BAD_RECORD_MAC, "a record shorter than its tag");
        if (input->count < RECORD_HEADER + length) return WARREN_TLS_MORE_INPUT;
        size_t inner = length - RECORD_TAG, got;
        if (room - *count >= inner) {
            if (take_record(session, length, to + *count, &got) != 0) return -1;
            *count += got;
            continue;
        }
        /* The caller's room is smaller than the record. Rather than split a record at every call's end, come back with an
         * empty room; a caller whose whole room is smaller than a record is served from a copy. */
        if (*count != 0) return WARREN_TLS_FULL;
        uint8_t *spill = malloc(inner);
        if (spill == NULL) return fail_inside(session);
        if (take_record(session, length, spill, &got) != 0 || got == 0) {
            OPENSSL_cleanse(spill, inner);
            free(spill);
            if (session->dead) return -1;
            continue;
        }
        records->spill = spill;
        records->spill_at = 0;
        records->spill_count = (uint32_t)got;
    }
}

/* --- beginning and end -------------------------------------------------------------------------------------------- */

int warren_record_detach(warren_tls_session *session) {
    warren_tls_engine *engine = session->context->engine;
    struct record_state *records = &session->records;
    int kind = warren_record_kind(session->cipher);
    if (session->version != TLS1_3_VERSION || kind < 0 || !records->have_reading || !records->have_writing) return -1;
    /* OpenSSL must not hold bytes that we would miss. It never does, see tls_bio.c; were that to change we would stay
     * attached, not lose data. */
    if (session->rekeyed || SSL_has_pending(session->ssl)) return -1;
    records->kind = (uint8_t)kind;
    records->reading.sequence = 0;
    records->writing.sequence = session->openssl_sealed;
    if (warren_record_derive(engine, kind, &records->reading) != 0
        || warren_record_derive(engine, kind, &records->writing) != 0)
        return -1;
    session->detached = 1;
    if (session->resumption_key == NULL || session->no_ticket_comes) warren_tls_free_ssl(session);
    return 0;
}

void warren_record_end(warren_tls_session *session) {
    struct record_state *records = &session->records;
    warren_aead_forget(session->context->engine, &records->reading);
    warren_aead_forget(session->context->engine, &records->writing);
    if (records->spill != NULL) {
        OPENSSL_cleanse(records->spill, records->spill_count);
        free(records->spill);
    }
    OPENSSL_cleanse(records, sizeof *records);
}
