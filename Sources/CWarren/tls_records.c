/* The records of a session: by the detached layer (record_layer.c), or by OpenSSL where they are attached. */
#define OPENSSL_SUPPRESS_DEPRECATED /* ERR_get_state, meant to be read only, as it is here */
#include <openssl/err.h>
#include <stdio.h>

#include "record.h"

enum {
    LARGEST_PLAIN = 16384,
    /* TLS 1.2: header 5, explicit nonce 8, tag 16. TLS 1.3: header 5, type 1, tag 16. And a KeyUpdate record that
     * OpenSSL may owe (27). With this much room a data record never gets stuck half written. */
    ROOM_BESIDE_PLAIN = 64,
};

/* SSL_get_error looks whether the thread's error queue is empty, and nearly always it is: emptying it touches all sixteen places, and
 * asking OpenSSL takes some 260 instructions. The queue is made once for a thread and lives as long. */
static void forget_errors(void) {
    static __thread const ERR_STATE *errors;
    if (errors == NULL) errors = ERR_get_state();
    if (errors == NULL || errors->top != errors->bottom) ERR_clear_error();
}

/* The caller's mistake, not the peer's: it hears of it, and the session goes on. */
static int misused(warren_tls_session *session, const char *how) {
    warren_tls_fault *fault = &session->context->fault;
    fault->reason = WARREN_TLS_INTERNAL;
    fault->alert = -1;
    snprintf(fault->detail, sizeof fault->detail, "%s", how);
    return -1;
}

static int read_records(warren_tls_session *session, uint8_t *to, size_t room, size_t *count) {
    while (*count < room) {
        size_t got = 0;
        forget_errors();
        if (SSL_read_ex(session->ssl, to + *count, room - *count, &got) == 1) {
            *count += got;
            /* Another call would only come back with "want read", by way of the state machine and the BIO. */
            if (session->input->count == 0 && SSL_has_pending(session->ssl) == 0 && *count < room)
                return WARREN_TLS_MORE_INPUT;
            continue;
        }
        switch (SSL_get_error(session->ssl, 0)) {
        case SSL_ERROR_WANT_READ: return WARREN_TLS_MORE_INPUT;
        case SSL_ERROR_WANT_WRITE: return WARREN_TLS_OUTPUT_FULL;
        case SSL_ERROR_ZERO_RETURN: session->peer_closed = 1; return WARREN_TLS_CLOSED;
        default: return warren_tls_fail_from_openssl(session);
        }
    }
    return WARREN_TLS_FULL;
}

static int open_attached(warren_tls_session *session, uint8_t *to, size_t room, size_t *count) {
    struct warren_kdf *kdf = session->context->engine->kdf;
    kdf->session = session; /* a KeyUpdate makes ciphers anew */
    int outcome = read_records(session, to, room, count);
    kdf->session = NULL;
    session->arriving.length = session->body = 0;
    return outcome;
}

int warren_tls_open(
    warren_tls_session *session, warren_window *input, uint8_t *to, size_t room, size_t *count, warren_sink *output) {
    *count = 0;
    if (session->dead) {
        session->fault_waits = 0;
        return -1;
    }
    if (!session->complete) return misused(session, "open before the handshake was complete");
    if (session->peer_closed) {
        /* RFC 8446 section 6.1: data after a closure alert must be ignored. */
        input->base += input->count;
        input->count = 0;
        return WARREN_TLS_CLOSED;
    }
    session->input = input;
    session->output = output;
    int outcome = session->detached ? warren_record_open(session, to, room, count)
                                    : open_attached(session, to, room, count);
    session->input = NULL;
    session->output = NULL;
    if (outcome >= 0) return outcome;
    /* What came before the fault is delivered first; "full" makes the caller come back for the rest, the fault. */
    if (*count == 0) return -1;
    session->fault_waits = 1;
    return WARREN_TLS_FULL;
}

/* OpenSSL refuses to begin an update while it answers one of the peer's; then ours waits for the next record. */
static void begin_update(warren_tls_session *session) {
    SSL *ssl = session->ssl;
    if (!SSL_is_init_finished(ssl) || SSL_get_key_update_type(ssl) != SSL_KEY_UPDATE_NONE) return;
    int request = session->records.owes_update == 2;
    forget_errors();
    if (SSL_key_update(ssl, request ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED) == 1)
        session->records.owes_update = 0;
    forget_errors();
}

static int write_records(warren_tls_session *session, const uint8_t *plain, size_t length, size_t *consumed) {
    warren_sink *output = session->output;
    /* OpenSSL counts no records towards RFC 8446 section 5.5's limit, so that is done here. */
    if (session->version == TLS1_3_VERSION && session->openssl_sealed >= session->context->engine->update_after
        && session->records.owes_update == 0)
        session->records.owes_update = 1;
    if (session->records.owes_update != 0) begin_update(session);
    while (*consumed < length) {
        size_t room = output->capacity - output->count;
        size_t take = length - *consumed;
        if (take > LARGEST_PLAIN) take = LARGEST_PLAIN;
        if (room < take + ROOM_BESIDE_PLAIN) {
            /* A smaller record only when nothing would leave at all: full ones are cheaper for both ends. */
            if (*consumed != 0 || room <= ROOM_BESIDE_PLAIN) return 0;
            take = room - ROOM_BESIDE_PLAIN;
        }
        size_t written = 0;
        forget_errors();
        if (SSL_write_ex(session->ssl, plain + *consumed, take, &written) != 1) {
            int error = SSL_get_error(session->ssl, 0);
            if (error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ) return 0;
            return warren_tls_fail_from_openssl(session);
        }
        *consumed += written;
    }
    return 0;
}

static int seal_attached(warren_tls_session *session, const uint8_t *plain, size_t length, size_t *consumed) {
    struct warren_kdf *kdf = session->context->engine->kdf;
    kdf->session = session;
    int outcome = write_records(session, plain, length, consumed);
    kdf->session = NULL;
    return outcome;
}

int warren_tls_seal(
    warren_tls_session *session, const uint8_t *plain, size_t length, size_t *consumed, warren_sink *output) {
    *consumed = 0;
    if (session->dead) return -1;
    if (!session->complete || session->closed)
        return misused(session, session->closed ? "seal after close_notify" : "seal before the handshake was complete");
    warren_window none = {NULL, 0};
    session->input = &none;
    session->output = output;
    int outcome = session->detached ? warren_record_seal(session, plain, length, consumed)
                                    : seal_attached(session, plain, length, consumed);
    session->input = NULL;
    session->output = NULL;
    return outcome;
}

int warren_tls_close_notify(warren_tls_session *session, warren_sink *output) {
    if (session->closed) return 1;
    if (session->dead) return -1;
    if (!session->complete) return 1; /* nothing was agreed on, so there is nothing to close */
    if (output->capacity - output->count < ROOM_BESIDE_PLAIN) return 0;
    warren_window none = {NULL, 0};
    session->input = &none;
    session->output = output;
    int result;
    if (session->detached) {
        result = warren_record_alert(session, 1, ALERT_CLOSE_NOTIFY);
        if (result != 0) warren_tls_fail(session, WARREN_TLS_INTERNAL, -1, "close_notify could not be sealed");
    } else {
        forget_errors();
        result = SSL_shutdown(session->ssl);
        if (result < 0) warren_tls_fail_from_openssl(session);
    }
    session->input = NULL;
    session->output = NULL;
    if (result < 0) return -1;
    session->closed = 1;
    return 1;
}

void warren_tls_refuse(warren_tls_session *session, int alert, warren_sink *output) {
    if (session->dead) return;
    session->input = NULL;
    session->output = output;
    /* OpenSSL has no call that sends an alert of ours, but where the secrets are known we can seal one ourselves. Over TLS
     * 1.2 close_notify at least ends the stream as TLS. */
    if (session->complete && !session->closed
        && (session->detached || (output->capacity > output->count && warren_record_detach(session) == 0)))
        (void)warren_record_alert(session, 2, alert);
    else
        (void)warren_tls_close_notify(session, output);
    session->output = NULL;
    warren_tls_fail(session, WARREN_TLS_REFUSED, alert, "we refused this peer");
}

int warren_tls_update_keys(warren_tls_session *session, int request) {
    if (session->dead || session->closed || !session->complete || session->version != TLS1_3_VERSION) return -1;
    if (session->records.owes_update != 2) session->records.owes_update = request ? 2 : 1;
    return 0;
}
