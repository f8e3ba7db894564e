/* The certificate of a peer that was verified a moment ago is not parsed again.
 *
 * libssl parses every certificate that comes in, its public key included: some five hundred blocks, a modular inversion for the
 * curve's group, and a digest of it that nobody asks for, 400,000 of the 6.5 million instructions of a handshake between peers that
 * know each other. It has no call that takes a certificate instead. But it calls d2i_X509(3) by its name in libcrypto, and a
 * program's own function of that name comes before a library's (ld.so(8)). So this file defines one. While an engine of ours shakes
 * hands it answers the bytes of a certificate that the engine keeps with that certificate; anybody else, and other bytes, get what
 * libcrypto makes of them. Where this code is in a library that a program loads later, libssl finds its own first: nothing is
 * spared then, and nothing else is different.
 *
 * Only what verified peers showed is kept, so that strangers fill no memory. Whether a certificate is believed is not decided
 * here: nothing but its bytes goes in, and what those bytes say comes out. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>

#include "tls_internal.h"

/* Nobody's certificate is longer who has not put a book into it; those that are get parsed each time. */
enum { LARGEST = 4096 };

/* Whose handshake is under way on this thread. */
static __thread struct warren_peer_certificates *asked;

void warren_peer_certificates_ask(struct warren_peer_certificates *certificates) {
    asked = certificates;
}

/* The last byte is of the signature: as good as random. */
static struct warren_peer_certificate *place_of(struct warren_peer_certificates *certificates, const uint8_t *der, size_t length) {
    return &certificates->places[der[length - 1] % WARREN_PEER_CERTIFICATES];
}

static X509 *parse(X509 **to, const unsigned char **in, long length) {
    static X509 *(*libcryptos)(X509 **, const unsigned char **, long);
    X509 *(*next)(X509 **, const unsigned char **, long) = __atomic_load_n(&libcryptos, __ATOMIC_RELAXED);
    if (next == NULL) {
        /* dlsym(3) gives an object's address for a function's. */
        *(void **)&next = dlsym(RTLD_NEXT, "d2i_X509");
        if (next == NULL) {
            ERR_raise_data(ERR_LIB_X509, ERR_R_INTERNAL_ERROR, "libcrypto has no d2i_X509");
            return NULL;
        }
        __atomic_store_n(&libcryptos, next, __ATOMIC_RELAXED);
    }
    return next(to, in, length);
}

/* Weak, for a program with libcrypto inside has libcrypto's. */
__attribute__((weak)) X509 *d2i_X509(X509 **to, const unsigned char **in, long length) {
    if (asked == NULL || to == NULL || *to == NULL || length <= 0) return parse(to, in, length);
    struct warren_peer_certificate *known = place_of(asked, *in, (size_t)length);
    if (known->certificate == NULL || known->length != (size_t)length || memcmp(known->der, *in, (size_t)length) != 0
        || X509_up_ref(known->certificate) != 1)
        return parse(to, in, length);
    asked->answered++;
    X509_free(*to);
    *to = known->certificate;
    *in += length;
    return *to;
}

static void forget(struct warren_peer_certificate *place) {
    X509_free(place->certificate);
    OPENSSL_free(place->der);
    memset(place, 0, sizeof *place);
}

void warren_peer_certificates_keep(struct warren_peer_certificates *certificates, X509 *certificate) {
    const ASN1_BIT_STRING *signature = NULL;
    X509_get0_signature(&signature, NULL, certificate);
    if (signature == NULL || ASN1_STRING_length(signature) <= 0) return;
    struct warren_peer_certificate *place =
        place_of(certificates, ASN1_STRING_get0_data(signature), (size_t)ASN1_STRING_length(signature));
    if (place->certificate == certificate) return;
    uint8_t *der = NULL;
    int length = i2d_X509(certificate, &der);
    if (length <= 0 || length > LARGEST || X509_up_ref(certificate) != 1) {
        if (length > 0) OPENSSL_free(der);
        ERR_clear_error();
        return;
    }
    forget(place);
    *place = (struct warren_peer_certificate){certificate, der, (size_t)length};
}

void warren_peer_certificates_free(struct warren_peer_certificates *certificates) {
    for (int i = 0; i < WARREN_PEER_CERTIFICATES; i++) forget(&certificates->places[i]);
}
