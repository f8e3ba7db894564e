#include "pki_internal.h"

#include <openssl/pem.h>
#include <string.h>

/* A certificate of more is not one that a TLS peer could send us (RFC 8446 allows 2^24, servers stop at 100 KB). */
enum { CERTIFICATE_SIZE_MAX = 1 << 20 };

static int check(X509 *certificate) {
    /* Decodes and caches every extension under a lock, once; afterwards readers on any thread only look. */
    if (X509_check_purpose(certificate, -1, 0) != 1) return WARREN_PKI_EXTENSION;
    if ((X509_get_extension_flags(certificate) & EXFLAG_INVALID) != 0) return WARREN_PKI_EXTENSION;
    int critical = 0;
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, NULL);
    if (names == NULL) return critical == -1 ? 0 : WARREN_PKI_EXTENSION; /* -1: absent, -2: twice, else undecodable */
    const int plain = warren_names_are_plain(names);
    GENERAL_NAMES_free(names);
    return plain ? 0 : WARREN_PKI_NAME;
}

int warren_x509_parse(const uint8_t *der, size_t size, X509 **out) {
    ERR_clear_error();
    if (size > CERTIFICATE_SIZE_MAX) return WARREN_PKI_TOO_LARGE;
    const unsigned char *at = der;
    X509 *certificate = d2i_X509(NULL, &at, (long)size);
    if (certificate == NULL) return WARREN_PKI_OPENSSL;
    int answer = at == der + size ? check(certificate) : WARREN_PKI_TRAILING;
    if (answer != 0) {
        X509_free(certificate);
        return answer;
    }
    ERR_clear_error();
    *out = certificate;
    return 0;
}

int warren_x509_adopt(X509 *certificate, X509 **out) {
    ERR_clear_error();
    const int answer = check(certificate);
    ERR_clear_error();
    if (answer != 0) return answer;
    X509_up_ref(certificate);
    *out = certificate;
    return 0;
}

int warren_x509_facts(X509 *certificate, struct warren_x509_facts *out) {
    ERR_clear_error();
    memset(out, 0, sizeof *out);
    int answer = warren_time_read(X509_get0_notBefore(certificate), &out->not_before);
    if (answer == 0) answer = warren_time_read(X509_get0_notAfter(certificate), &out->not_after);
    if (answer != 0) return answer;
    const uint32_t flags = X509_get_extension_flags(certificate);
    out->is_ca = (flags & EXFLAG_CA) != 0;
    out->path_length = (int32_t)X509_get_pathlen(certificate);
    out->self_issued = (flags & EXFLAG_SI) != 0;
    out->has_key_usage = (flags & EXFLAG_KUSAGE) != 0;
    if (out->has_key_usage) out->key_usage = X509_get_key_usage(certificate);
    out->has_eku = (flags & EXFLAG_XKUSAGE) != 0;
    if (out->has_eku) {
        const uint32_t eku = X509_get_extended_key_usage(certificate);
        if (eku & XKU_SSL_SERVER) out->eku |= WARREN_EKU_SERVER;
        if (eku & XKU_SSL_CLIENT) out->eku |= WARREN_EKU_CLIENT;
        if (eku & XKU_ANYEKU) out->eku |= WARREN_EKU_ANY;
        /* libcrypto sets no bit for purposes it does not know itself. */
        const uint32_t named = XKU_SSL_SERVER | XKU_SSL_CLIENT | XKU_ANYEKU;
        if (eku == 0 || (eku & ~named) != 0) out->eku |= WARREN_EKU_OTHER;
    }
    return 0;
}

int warren_x509_subject(const X509 *certificate, struct warren_text *out) {
    ERR_clear_error();
    return warren_text_of_name(X509_get_subject_name(certificate), out);
}

int warren_x509_issuer(const X509 *certificate, struct warren_text *out) {
    ERR_clear_error();
    return warren_text_of_name(X509_get_issuer_name(certificate), out);
}

int warren_x509_common_name(const X509 *certificate, struct warren_text *out) {
    ERR_clear_error();
    const X509_NAME *subject = X509_get_subject_name(certificate);
    const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0) return warren_text_copy(NULL, 0, out);
    unsigned char *text = NULL;
    const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (size < 0) return WARREN_PKI_OPENSSL;
    const int answer = warren_text_copy(text, (size_t)size, out);
    OPENSSL_free(text);
    return answer;
}

int warren_x509_serial(const X509 *certificate, int *negative, struct warren_text *out) {
    ERR_clear_error();
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    if (number == NULL) return WARREN_PKI_OPENSSL;
    *negative = BN_is_negative(number);
    uint8_t *bytes = OPENSSL_malloc((size_t)BN_num_bytes(number) + 1);
    int answer = WARREN_PKI_OPENSSL;
    if (bytes != NULL) answer = warren_text_copy(bytes, (size_t)BN_bn2bin(number, bytes), out);
    OPENSSL_free(bytes);
    BN_free(number);
    return answer;
}

int warren_x509_names(const X509 *certificate, enum warren_san kind,
                      int (*each)(void *context, const uint8_t *name, size_t size), void *context) {
    ERR_clear_error();
    int critical = 0;
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, NULL);
    if (names == NULL) return critical == -1 ? 0 : WARREN_PKI_EXTENSION;
    const int answer = warren_names_each(names, kind, each, context);
    GENERAL_NAMES_free(names);
    return answer;
}

static int copy_octets(const ASN1_OCTET_STRING *octets, struct warren_text *out) {
    if (octets == NULL) return warren_text_copy(NULL, 0, out);
    return warren_text_copy(ASN1_STRING_get0_data(octets), (size_t)ASN1_STRING_length(octets), out);
}

int warren_x509_subject_key_id(X509 *certificate, struct warren_text *out) {
    ERR_clear_error();
    return copy_octets(X509_get0_subject_key_id(certificate), out);
}

int warren_x509_authority_key_id(X509 *certificate, struct warren_text *out) {
    ERR_clear_error();
    return copy_octets(X509_get0_authority_key_id(certificate), out);
}

int warren_x509_fingerprint(const X509 *certificate, int sha256, uint8_t digest[32], size_t *size) {
    ERR_clear_error();
    unsigned wrote = 0;
    if (X509_digest(certificate, sha256 ? EVP_sha256() : EVP_sha1(), digest, &wrote) != 1) return WARREN_PKI_OPENSSL;
    *size = wrote;
    return 0;
}

int warren_x509_public_key(X509 *certificate, EVP_PKEY **out) {
    ERR_clear_error();
    EVP_PKEY *key = X509_get_pubkey(certificate);
    if (key == NULL) return WARREN_PKI_OPENSSL;
    const int answer = warren_key_check_kind(key);
    if (answer != 0) {
        EVP_PKEY_free(key);
        return answer;
    }
    *out = key;
    return 0;
}

int warren_x509_covers_dns(X509 *certificate, const char *name, size_t size) {
    ERR_clear_error();
    /* X509_check_host reads a length of 0 as "measure it yourself". */
    if (size == 0) return 0;
    const unsigned flags =
        X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_SINGLE_LABEL_SUBDOMAINS;
    const int covers = X509_check_host(certificate, name, size, flags, NULL) == 1;
    ERR_clear_error();
    return covers;
}

int warren_x509_signed_by(X509 *certificate, EVP_PKEY *key) {
    ERR_clear_error();
    const int good = X509_verify(certificate, key) == 1;
    ERR_clear_error();
    return good;
}

int warren_x509_write_der(const X509 *certificate, struct warren_text *out) {
    ERR_clear_error();
    unsigned char *der = NULL;
    const int size = i2d_X509(certificate, &der);
    if (size < 0) return WARREN_PKI_OPENSSL;
    const int answer = warren_text_copy(der, (size_t)size, out);
    OPENSSL_free(der);
    return answer;
}

int warren_x509_write_pem(const X509 *certificate, struct warren_text *out) {
    ERR_clear_error();
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL) return WARREN_PKI_OPENSSL;
    if (PEM_write_bio_X509(bio, certificate) != 1) {
        BIO_free(bio);
        return WARREN_PKI_OPENSSL;
    }
    return warren_text_take(bio, out);
}

void warren_x509_retain(X509 *certificate) { X509_up_ref(certificate); }

void warren_x509_free(X509 *certificate) { X509_free(certificate); }
