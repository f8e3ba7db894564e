/* What libssl asks libcrypto for, asked as it does, during a handshake of a session of ours and outside of it. */
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "tls_internal.h"
#include "tls_proof.h"

uint64_t proof_certificates_spared(const struct warren_tls_engine *engine) {
    return engine->certificates.answered;
}

int proof_parse(struct warren_tls_session *session, const char *pem, size_t length, int rounds, int spoiled, int shaking) {
    BIO *text = BIO_new_mem_buf(pem, (int)length);
    X509 *read = PEM_read_bio_X509(text, NULL, NULL, NULL), *last = NULL;
    uint8_t *der = NULL;
    int size = i2d_X509(read, &der), same = 0;
    if (spoiled) der[size - 2] ^= 1;
    for (int i = 0; i < rounds && same >= 0; i++) {
        const unsigned char *at = der;
        X509 *certificate = X509_new_ex(session->context->engine->library, NULL);
        if (shaking) warren_tls_shortcuts(session);
        X509 *parsed = d2i_X509(&certificate, &at, size);
        warren_tls_shortcuts(NULL);
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

int proof_mac(
    struct warren_tls_session *session, const char *digest, const uint8_t *key, size_t key_length, const uint8_t *text,
    size_t length, size_t room) {
    OSSL_LIB_CTX *library = session->context->engine->library;
    uint8_t answers[2][EVP_MAX_MD_SIZE] = {{0}};
    size_t sizes[2] = {0};
    unsigned char *given[2];
    for (int i = 0; i < 2; i++) {
        warren_tls_shortcuts(i == 0 ? session : NULL);
        given[i] =
            EVP_Q_mac(library, "HMAC", NULL, digest, NULL, key, key_length, text, length, answers[i], room, &sizes[i]);
    }
    ERR_clear_error();
    if (given[0] == NULL || given[1] == NULL) return given[0] == given[1] ? 0 : -1;
    return sizes[0] == sizes[1] && memcmp(answers[0], answers[1], sizes[0]) == 0 ? (int)sizes[0] : -1;
}

int proof_fetches(struct warren_tls_session *session, const char *name, int ours, int shaking) {
    OSSL_LIB_CTX *library = ours ? session->context->engine->library : NULL;
    if (shaking) warren_tls_shortcuts(session);
    EVP_KDF *fetched = EVP_KDF_fetch(library, name, NULL);
    warren_tls_shortcuts(NULL);
    int good = fetched != NULL && EVP_KDF_is_a(fetched, name) == 1;
    EVP_KDF_free(fetched);
    ERR_clear_error();
    return good;
}
