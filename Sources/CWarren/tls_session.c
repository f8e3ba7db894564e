/* One leg of one tunnel: its beginning, its handshake, which OpenSSL drives, and its end. */
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"

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
    SSL_set_msg_callback_arg(session->ssl, session);
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
            session->takes_detours = !session->detached && session->version == TLS1_3_VERSION
                && warren_tls_library_lends_ciphers(session->context->engine->libraries);
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
