/* What libssl is answered in libcrypto's place (tls_shortcuts.c), and what that is kept in (tls_peer_certificates.c). */
#ifndef WARREN_TLS_SHORTCUTS_H
#define WARREN_TLS_SHORTCUTS_H

#include <openssl/ssl.h>

#include "warren_tls.h"

#pragma GCC visibility push(hidden)

enum { WARREN_DIGEST_NAME = 16 };

/* A signature, or a check of one, that has begun and takes no text: others begin as its copies. */
struct warren_begun {
    EVP_MD_CTX *context;          /* holds its key; NULL: there is none */
    char digest[WARREN_DIGEST_NAME];
};

enum { WARREN_PEER_SETS = 16, WARREN_PEER_WAYS = 4 };

/* Certificates that verified peers have shown, parsed. One for each engine. */
struct warren_peer_certificates {
    struct warren_peer_certificate {
        X509 *certificate;        /* NULL: none is kept here */
        uint8_t *der;
        size_t length;
        struct warren_begun checking; /* with its key */
        uint64_t used;            /* `turn` when it was found or kept */
    } places[WARREN_PEER_SETS * WARREN_PEER_WAYS];
    struct warren_peer_certificate *leaf; /* of the peer that was verified last; NULL: of none */
    uint64_t turn;
    uint64_t answered;            /* parsings that were spared */
};

/* tls_shortcuts.c */
/* From here on libssl's questions on this thread are answered for this session's engine; NULL: for nobody's. */
void warren_tls_shortcuts(warren_tls_session *session);
void warren_begun_forget(struct warren_begun *begun);

/* tls_peer_certificates.c */
/* A reference to what these bytes were parsed to, the caller's, or NULL. */
X509 *warren_peer_certificates_find(
    struct warren_peer_certificates *certificates, const uint8_t *der, size_t length);
/* For signatures under this key, where it is the key of the peer that was verified last; else NULL. */
struct warren_begun *warren_peer_certificates_checking(
    struct warren_peer_certificates *certificates, const EVP_PKEY *key);
/* Other references to the certificates of a peer that was verified. */
void warren_peer_certificates_keep(
    struct warren_peer_certificates *certificates, const X509 *leaf, STACK_OF(X509) *sent);
void warren_peer_certificates_free(struct warren_peer_certificates *certificates);

#pragma GCC visibility pop

#endif
