/* One leg of one tunnel. OpenSSL drives the handshake always, and the records when they are attached. */
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"

enum {
    LARGEST_PLAIN = 16384,
    /* TLS 1.2: header 5, explicit nonce 8, tag 16. TLS 1.3: header 5, type 1, tag 16. And a KeyUpdate record that
     * OpenSSL may owe (27). With this much room a data record never gets stuck half written. */
    ROOM_BESIDE_PLAIN = 64,
};

warren_tls_session *warren_tls_session_new(
    warren_tls_context *context, const char *name, const uint8_t *key, size_t key_length) {
    ERR_clear_error();
    warren_tls_memory_keep();
    warren_tls_session *session = calloc(1, sizeof *session);
    if (session == NULL) return NULL;
    session->context = context;
    context->references++;
    session->ssl = SSL_new(context->ssl);
    BIO *bio = warren_tls_bio_new(session);
    if (session->ssl == NULL || bio == NULL) {
        BIO_free(bio);
        goto failed;
    }
    warren_tls_memory_note(session->ssl);
    SSL_set_bio(session->ssl, bio, bio);
    SSL_set_app_data(session->ssl, session);
    if (context->server) {
        SSL_set_accept_state(session->ssl);
        return session;
    }
    SSL_set_connect_state(session->ssl);
    if (name != NULL && SSL_set_tlsext_host_name(session->ssl, name) != 1) goto failed;
    if (key_length != 0 && context->resumable != NULL) {
        session->resumption_key = malloc(32);
        if (session->resumption_key == NULL
            || warren_tls_sha256(context->engine, key, key_length, session->resumption_key) != 0)
            goto failed;
        warren_tls_resume_offer(session);
    }
    return session;
failed:
    warren_tls_session_free(session);
    return NULL;
}

void warren_tls_free_ssl(warren_tls_session *session) {
    if (session->ssl == NULL) return;
    /* Without this OpenSSL takes the missing close_notify for an accident and spoils the kept session for resumption. */
    if (!session->dead) SSL_set_shutdown(session->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(session->ssl);
    session->ssl = NULL;
}

void warren_tls_session_free(warren_tls_session *session) {
    if (session == NULL) return;
    warren_tls_free_ssl(session);
    warren_record_end(session);
    warren_tls_peer_release(session->peer);
    warren_tls_context_release(session->context);
    free(session->alpn);
    free(session->server_name);
    free(session->resumption_key);
    free(session->fault);
    free(session);
}

/* --- handshake -------------------------------------------------------------------------------------------------- */

/* What does not start like TLS is told apart before OpenSSL sees it: it has half a dozen names for the same thing. */
static int check_first_byte(warren_tls_session *session, const warren_window *input) {
    uint8_t first = input->base[0];
    int handshake = first == 22, alert = first == 21, old_hello = session->context->server && (first & 0x80) != 0;
    if (handshake || alert || old_hello) {
        session->started = 1;
        return 0;
    }
    char detail[96];
    snprintf(detail, sizeof detail, "the first byte is 0x%02x: this is not TLS", first);
    return warren_tls_fail(session, WARREN_TLS_PLAIN_TEXT, -1, detail);
}

/* OpenSSL answers with its own numbers for groups it knows by name. */
static uint16_t group_of(SSL *ssl) {
    int number = SSL_get_negotiated_group(ssl);
    switch (number) {
    case NID_X25519: return 29;
    case NID_X9_62_prime256v1: return 23;
    case NID_secp384r1: return 24;
    case NID_secp521r1: return 25;
    default: return (number & TLSEXT_nid_unknown) != 0 ? (uint16_t)number : 0;
    }
}

/* Whether the client asked for records below 16 KiB (RFC 6066, section 4). OpenSSL grants that, and our records are full ones. */
static int wants_short_records(SSL *ssl) {
    SSL_SESSION *state = SSL_get0_session(ssl);
    uint8_t code = state != NULL ? SSL_SESSION_get_max_fragment_length(state) : 0;
    return code >= TLSEXT_max_fragment_length_512 && code <= TLSEXT_max_fragment_length_4096;
}

static int learn(warren_tls_session *session) {
    SSL *ssl = session->ssl;
    session->version = (uint16_t)SSL_version(ssl);
    session->cipher = SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(ssl));
    session->group = group_of(ssl);
    session->resumed = SSL_session_reused(ssl) == 1;
    if (session->resumed) session->context->counters.resumed++;
    const unsigned char *alpn;
    unsigned alpn_length;
    SSL_get0_alpn_selected(ssl, &alpn, &alpn_length);
    if (alpn_length != 0) {
        session->alpn = strndup((const char *)alpn, alpn_length);
        if (session->alpn == NULL) return -1;
    }
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (name != NULL) {
        session->server_name = strdup(name);
        if (session->server_name == NULL) return -1;
    }
    return warren_tls_learn_peer(session);
}

int warren_tls_handshake(warren_tls_session *session, warren_window *input, warren_sink *output) {
    if (session->complete) return WARREN_TLS_COMPLETE;
    if (session->dead) return -1;
    if (!session->started && input->count != 0 && check_first_byte(session, input) != 0) return -1;
    session->input = input;
    session->output = output;
    ERR_clear_error();
    /* A ticket is decoded in the thread's default library context whatever the SSL_CTX says (OpenSSL before 3.2). */
    OSSL_LIB_CTX *before = OSSL_LIB_CTX_set0_default(session->context->engine->library);
    session->context->engine->kdf->session = session;
    warren_tls_shortcuts(session);
    int result = SSL_do_handshake(session->ssl);
    warren_tls_shortcuts(NULL);
    session->context->engine->kdf->session = NULL;
    OSSL_LIB_CTX_set0_default(before);
    int outcome;
    if (result == 1) {
        if (learn(session) == 0) {
            session->complete = 1;
            outcome = WARREN_TLS_COMPLETE;
            warren_tls_resume_renew(session);
            if (session->context->records != WARREN_TLS_RECORDS_ATTACHED && !wants_short_records(session->ssl))
                (void)warren_record_detach(session);
        } else {
            outcome = warren_tls_fail(session, WARREN_TLS_INTERNAL, -1, "the peer's certificate could not be read");
        }
    } else {
        switch (SSL_get_error(session->ssl, result)) {
        case SSL_ERROR_WANT_READ: outcome = WARREN_TLS_WANTS_INPUT; break;
        case SSL_ERROR_WANT_WRITE: outcome = WARREN_TLS_WANTS_OUTPUT; break;
        case SSL_ERROR_ZERO_RETURN:
            outcome = warren_tls_fail(session, WARREN_TLS_PEER_ALERT, ALERT_CLOSE_NOTIFY,
                "the peer closed during the handshake");
            break;
        default: outcome = warren_tls_fail_from_openssl(session); break;
        }
    }
    if (outcome < 0) warren_tls_resume_forget(session);
    session->input = NULL;
    session->output = NULL;
    return outcome;
}

/* --- records ----------------------------------------------------------------------------------------------------- */

/* SSL_get_error looks whether the thread's error queue is empty, and nearly always it is: emptying it touches all sixteen places. */
static void forget_errors(void) {
    if (ERR_peek_error() != 0) ERR_clear_error();
}

/* The caller's mistake, not the peer's: it hears of it, and the session goes on. */
static int misused(warren_tls_session *session, const char *how) {
    warren_tls_fault *fault = &session->context->fault;
    fault->reason = WARREN_TLS_INTERNAL;
    fault->alert = -1;
    snprintf(fault->detail, sizeof fault->detail, "%s", how);
    return -1;
}

static int open_attached(warren_tls_session *session, uint8_t *to, size_t room, size_t *count) {
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

static int seal_attached(warren_tls_session *session, const uint8_t *plain, size_t length, size_t *consumed) {
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
