#include "pki_internal.h"

#include <openssl/pem.h>

/* A request carries one key and a few names; Consul's is 400 bytes. */
enum { REQUEST_SIZE_MAX = 1 << 16 };

/* The names a request asks for. Answers 0 with `*out` NULL when it asks for none. X509_REQ_get_extensions answers NULL for
 * "none" and for "undecodable" alike, so the attribute is looked for first. */
static int requested_names(X509_REQ *request, GENERAL_NAMES **out) {
    *out = NULL;
    if (X509_REQ_get_attr_by_NID(request, NID_ext_req, -1) < 0 &&
        X509_REQ_get_attr_by_NID(request, NID_ms_ext_req, -1) < 0) {
        return 0;
    }
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
    if (extensions == NULL) return WARREN_PKI_EXTENSION;
    int critical = 0;
    *out = X509V3_get_d2i(extensions, NID_subject_alt_name, &critical, NULL);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return *out != NULL || critical == -1 ? 0 : WARREN_PKI_EXTENSION;
}

int warren_req_create(EVP_PKEY *key, const char *common_name, const char *const *uris, size_t uri_count,
                      const char *const *dns, size_t dns_count, X509_REQ **out) {
    ERR_clear_error();
    int answer = WARREN_PKI_OPENSSL;
    X509_REQ *request = X509_REQ_new();
    STACK_OF(X509_EXTENSION) *extensions = NULL;
    GENERAL_NAMES *names = NULL;
    if (request == NULL) goto done;
    if (X509_REQ_set_version(request, X509_REQ_VERSION_1) != 1 || X509_REQ_set_pubkey(request, key) != 1) goto done;
    if (common_name != NULL) {
        answer = warren_name_add_common(X509_REQ_get_subject_name(request), common_name);
        if (answer != 0) goto done;
        answer = WARREN_PKI_OPENSSL;
    }
    if (uri_count + dns_count > 0) {
        names = warren_names_make(uris, uri_count, dns, dns_count);
        if (names == NULL) goto done;
        if (!warren_names_are_plain(names)) {
            answer = WARREN_PKI_NAME;
            goto done;
        }
        if (X509V3_add1_i2d(&extensions, NID_subject_alt_name, names, common_name == NULL, X509V3_ADD_APPEND) != 1 ||
            X509_REQ_add_extensions(request, extensions) != 1) {
            goto done;
        }
    }
    if (X509_REQ_sign(request, key, warren_digest_for(key)) <= 0) goto done;
    *out = request;
    request = NULL;
    answer = 0;
done:
    GENERAL_NAMES_free(names);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    X509_REQ_free(request);
    return answer;
}

int warren_req_parse(const uint8_t *der, size_t size, X509_REQ **out) {
    ERR_clear_error();
    if (size > REQUEST_SIZE_MAX) return WARREN_PKI_TOO_LARGE;
    const unsigned char *at = der;
    X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)size);
    if (request == NULL) return WARREN_PKI_OPENSSL;
    GENERAL_NAMES *names = NULL;
    int answer = at == der + size ? requested_names(request, &names) : WARREN_PKI_TRAILING;
    if (answer == 0 && names != NULL && !warren_names_are_plain(names)) answer = WARREN_PKI_NAME;
    GENERAL_NAMES_free(names);
    if (answer != 0) {
        X509_REQ_free(request);
        return answer;
    }
    ERR_clear_error();
    *out = request;
    return 0;
}

int warren_req_verify(X509_REQ *request) {
    ERR_clear_error();
    EVP_PKEY *key = X509_REQ_get0_pubkey(request);
    if (key == NULL) return WARREN_PKI_OPENSSL;
    const int kind = warren_key_check_kind(key);
    if (kind != 0) return kind;
    const int good = X509_REQ_verify(request, key) == 1;
    ERR_clear_error();
    return good ? 0 : WARREN_PKI_SIGNATURE;
}

int warren_req_subject(const X509_REQ *request, struct warren_text *out) {
    ERR_clear_error();
    return warren_text_of_name(X509_REQ_get_subject_name(request), out);
}

int warren_req_names(X509_REQ *request, enum warren_san kind,
                     int (*each)(void *context, const uint8_t *name, size_t size), void *context) {
    ERR_clear_error();
    GENERAL_NAMES *names = NULL;
    int answer = requested_names(request, &names);
    if (answer == 0 && names != NULL) answer = warren_names_each(names, kind, each, context);
    GENERAL_NAMES_free(names);
    return answer;
}

int warren_req_public_key(X509_REQ *request, EVP_PKEY **out) {
    ERR_clear_error();
    EVP_PKEY *key = X509_REQ_get_pubkey(request);
    if (key == NULL) return WARREN_PKI_OPENSSL;
    const int answer = warren_key_check_kind(key);
    if (answer != 0) {
        EVP_PKEY_free(key);
        return answer;
    }
    *out = key;
    return 0;
}

int warren_req_write_der(const X509_REQ *request, struct warren_text *out) {
    ERR_clear_error();
    unsigned char *der = NULL;
    const int size = i2d_X509_REQ(request, &der);
    if (size < 0) return WARREN_PKI_OPENSSL;
    const int answer = warren_text_copy(der, (size_t)size, out);
    OPENSSL_free(der);
    return answer;
}

int warren_req_write_pem(const X509_REQ *request, struct warren_text *out) {
    ERR_clear_error();
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL) return WARREN_PKI_OPENSSL;
    if (PEM_write_bio_X509_REQ(bio, request) != 1) {
        BIO_free(bio);
        return WARREN_PKI_OPENSSL;
    }
    return warren_text_take(bio, out);
}

void warren_req_free(X509_REQ *request) { X509_REQ_free(request); }
