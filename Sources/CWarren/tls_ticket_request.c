/* How many tickets a handshake leaves behind (RFC 9149, "TLS Ticket Requests").
 *
 * A resumed session's end is set by the full handshake it came from (tls_resume.c), so a new ticket in a resumed handshake
 * brings no time; making it, sending it and reading it are 15 % of that handshake. Our clients say that they want one after a
 * full handshake and none after a resumed one, and use the one they have again; our servers do as any client asks and tell
 * it. Servers that do not know the extension go on sending tickets, and those are taken. docs/decisions/0401-handshakes.md
 * weighs this against RFC 8446 appendix C.4. */
#include <openssl/ssl.h>

#include "tls_internal.h"

enum {
    TICKET_REQUEST = 58,
    CONTEXTS = SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_3_ENCRYPTED_EXTENSIONS | SSL_EXT_TLS1_3_ONLY,
    MOST = 1, /* our clients keep one session for a key, and so do most */
};

/* What we ask for: new_session_count, resumption_count. */
static const uint8_t wish[2] = {1, 0};

/* How many a server sends in this handshake. One that was sealed with a key on its way out is replaced unasked. */
static uint8_t due(SSL *ssl, const warren_tls_session *session) {
    int resumed = SSL_session_reused(ssl);
    if (resumed && session->ticket_key_leaves) return MOST;
    uint8_t asked = resumed ? session->tickets_when_resumed : session->tickets_when_new;
    return asked < MOST ? asked : MOST;
}

/* SSL_CTX_add_custom_ext(3): a client's hello, and a server's answer to one that had the extension. */
static int add(
    SSL *ssl, unsigned type, unsigned where, const unsigned char **out, size_t *length, X509 *certificate, size_t index,
    int *alert, void *argument) {
    (void)type, (void)certificate, (void)index, (void)argument;
    if (where == SSL_EXT_CLIENT_HELLO) {
        *out = wish;
        *length = sizeof wish;
        return 1;
    }
    static const uint8_t counts[MOST + 1] = {0, 1};
    uint8_t count = due(ssl, SSL_get_app_data(ssl));
    if (SSL_set_num_tickets(ssl, count) != 1) {
        *alert = SSL_AD_INTERNAL_ERROR;
        return -1;
    }
    *out = &counts[count];
    *length = 1;
    return 1;
}

static int parse(
    SSL *ssl, unsigned type, unsigned where, const unsigned char *in, size_t length, X509 *certificate, size_t index,
    int *alert, void *argument) {
    (void)type, (void)certificate, (void)index, (void)argument;
    warren_tls_session *session = SSL_get_app_data(ssl);
    int is_hello = (where & SSL_EXT_CLIENT_HELLO) != 0;
    if (length != (is_hello ? sizeof wish : 1)) {
        *alert = SSL_AD_DECODE_ERROR;
        return 0;
    }
    if (is_hello) {
        session->tickets_when_new = in[0];
        session->tickets_when_resumed = in[1];
    } else {
        session->no_ticket_comes = in[0] == 0;
    }
    return 1;
}

int warren_tls_ticket_request_setup(SSL_CTX *ssl) {
    return SSL_CTX_add_custom_ext(ssl, TICKET_REQUEST, CONTEXTS, add, NULL, NULL, parse, NULL) == 1 ? 0 : -1;
}
