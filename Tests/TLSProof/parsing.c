/* Certificates as libssl has them parsed, with and without those that an engine keeps. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "tls_internal.h"
#include "tls_proof.h"

uint64_t proof_certificates_spared(const struct warren_tls_engine *engine) {
    return engine->certificates.answered;
}

int proof_parse(
    struct warren_tls_engine *engine, const char *pem, size_t length, int rounds, int spoiled, int asking) {
    BIO *text = BIO_new_mem_buf(pem, (int)length);
    X509 *read = PEM_read_bio_X509(text, NULL, NULL, NULL), *last = NULL;
    uint8_t *der = NULL;
    int size = i2d_X509(read, &der), same = 0;
    if (spoiled) der[size - 2] ^= 1;
    for (int i = 0; i < rounds && same >= 0; i++) {
        const unsigned char *at = der;
        X509 *certificate = X509_new_ex(engine->library, NULL);
        if (asking) warren_peer_certificates_ask(&engine->certificates);
        X509 *parsed = d2i_X509(&certificate, &at, size);
        warren_peer_certificates_ask(NULL);
        if (parsed == NULL || parsed != certificate || at != der + size) same = -1;
        else if (parsed == last) same++;
        /* One stays, so that the next one is not made in the same place. */
        X509_free(last);
        last = parsed;
    }
    X509_free(last);
    X509_free(read);
    OPENSSL_free(der);
    BIO_free(text);
    ERR_clear_error();
    return same;
}
