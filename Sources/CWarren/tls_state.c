/* What a session says of itself. */
#include "tls_internal.h"

const warren_tls_fault *warren_tls_session_fault(const warren_tls_session *session) {
    return session->fault != NULL ? session->fault : &session->context->fault;
}

int warren_tls_is_complete(const warren_tls_session *session) {
    return session->complete;
}

int warren_tls_is_detached(const warren_tls_session *session) {
    return session->detached;
}

int warren_tls_is_resumed(const warren_tls_session *session) {
    return session->resumed;
}

int warren_tls_peer_closed(const warren_tls_session *session) {
    return session->peer_closed;
}

int warren_tls_has_buffered(const warren_tls_session *session) {
    if (session->fault_waits) return 1;
    if (session->detached) return session->records.spill != NULL;
    return session->complete && SSL_pending(session->ssl) > 0;
}

int warren_tls_owes_output(const warren_tls_session *session) {
    if (session->detached) return session->records.owes_update != 0 && !session->closed && !session->dead;
    return session->complete && SSL_want_write(session->ssl);
}

int warren_tls_keeps_handshake(const warren_tls_session *session) {
    return session->detached && session->ssl != NULL;
}

void warren_tls_forget_handshake(warren_tls_session *session) {
    if (session->detached) warren_tls_free_ssl(session);
}

uint16_t warren_tls_version(const warren_tls_session *session) {
    return session->version;
}

uint16_t warren_tls_cipher(const warren_tls_session *session) {
    return session->cipher;
}

uint16_t warren_tls_group(const warren_tls_session *session) {
    return session->group;
}

const char *warren_tls_alpn(const warren_tls_session *session) {
    return session->alpn;
}

const char *warren_tls_server_name(const warren_tls_session *session) {
    return session->server_name;
}
