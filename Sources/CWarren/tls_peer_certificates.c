/* Certificates that verified peers have shown, as they were parsed: tls_shortcuts.c answers the same bytes with the same certificate.
 *
 * Only what verified peers showed is kept, so that strangers fill no memory. Whether a certificate is believed is not decided
 * here: nothing but its bytes goes in, and what those bytes say comes out. */
#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>

#include "tls_internal.h"

/* Nobody's certificate is longer who has not put a book into it; those that are get parsed each time. */
enum { LARGEST = 4096 };

/* The last byte is of the signature: as good as random. */
static struct warren_peer_certificate *set_of(struct warren_peer_certificates *certificates, uint8_t last) {
    return certificates->places + last % WARREN_PEER_SETS * WARREN_PEER_WAYS;
}

X509 *warren_peer_certificates_find(struct warren_peer_certificates *certificates, const uint8_t *der, size_t length) {
    struct warren_peer_certificate *set = set_of(certificates, der[length - 1]);
    for (int i = 0; i < WARREN_PEER_WAYS; i++) {
        if (set[i].certificate == NULL || set[i].length != length || memcmp(set[i].der, der, length) != 0) continue;
        if (X509_up_ref(set[i].certificate) != 1) return NULL;
        certificates->answered++;
        set[i].used = ++certificates->turn;
        return set[i].certificate;
    }
    return NULL;
}

struct warren_begun *warren_peer_certificates_checking(
    struct warren_peer_certificates *certificates, const EVP_PKEY *key) {
    struct warren_peer_certificate *leaf = certificates->leaf;
    return leaf != NULL && leaf->certificate != NULL && X509_get0_pubkey(leaf->certificate) == key ? &leaf->checking : NULL;
}

static void forget(struct warren_peer_certificate *place) {
    warren_begun_forget(&place->checking);
    X509_free(place->certificate);
    OPENSSL_free(place->der);
    memset(place, 0, sizeof *place);
}

static struct warren_peer_certificate *keep(struct warren_peer_certificates *certificates, X509 *certificate) {
    const ASN1_BIT_STRING *signature = NULL;
    X509_get0_signature(&signature, NULL, certificate);
    if (signature == NULL || ASN1_STRING_length(signature) <= 0) return NULL;
    struct warren_peer_certificate *set =
        set_of(certificates, ASN1_STRING_get0_data(signature)[ASN1_STRING_length(signature) - 1]);
    struct warren_peer_certificate *place = set;
    for (int i = 0; i < WARREN_PEER_WAYS; i++) {
        if (set[i].certificate == certificate) return &set[i];
        if (set[i].certificate == NULL || (place->certificate != NULL && set[i].used < place->used)) place = &set[i];
    }
    uint8_t *der = NULL;
    int length = i2d_X509(certificate, &der);
    if (length <= 0 || length > LARGEST || X509_up_ref(certificate) != 1) {
        if (length > 0) OPENSSL_free(der);
        ERR_clear_error();
        return NULL;
    }
    forget(place);
    *place = (struct warren_peer_certificate){
        .certificate = certificate, .der = der, .length = (size_t)length, .used = ++certificates->turn};
    return place;
}

void warren_peer_certificates_keep(
    struct warren_peer_certificates *certificates, const X509 *leaf, STACK_OF(X509) *sent) {
    struct warren_peer_certificate *of_leaf = NULL;
    for (int i = 0; i < sk_X509_num(sent); i++) {
        X509 *certificate = sk_X509_value(sent, i);
        struct warren_peer_certificate *place = keep(certificates, certificate);
        if (certificate == leaf) of_leaf = place;
    }
    certificates->leaf = of_leaf;
}

void warren_peer_certificates_free(struct warren_peer_certificates *certificates) {
    for (int i = 0; i < WARREN_PEER_SETS * WARREN_PEER_WAYS; i++) forget(&certificates->places[i]);
}
