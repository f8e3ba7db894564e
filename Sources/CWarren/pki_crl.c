#include "pki_internal.h"

#include <openssl/pem.h>

int warren_crl_parse(const uint8_t *der, size_t size, X509_CRL **out) {
    ERR_clear_error();
    if (size > INT32_MAX) return WARREN_PKI_TOO_LARGE;
    const unsigned char *at = der;
    X509_CRL *list = d2i_X509_CRL(NULL, &at, (long)size);
    if (list == NULL) return WARREN_PKI_OPENSSL;
    if (at != der + size) {
        X509_CRL_free(list);
        return WARREN_PKI_TRAILING;
    }
    /* libcrypto sorts a list's entries at the first look-up, under its lock; done here, later readers only look. */
    X509_REVOKED *found = NULL;
    ASN1_INTEGER *zero = ASN1_INTEGER_new();
    if (zero == NULL) {
        X509_CRL_free(list);
        return WARREN_PKI_OPENSSL;
    }
    X509_CRL_get0_by_serial(list, &found, zero);
    ASN1_INTEGER_free(zero);
    ERR_clear_error();
    *out = list;
    return 0;
}

static int add_entry(X509_CRL *list, const struct warren_crl_entry *entry) {
    if (warren_time_check(entry->at) != 0) return WARREN_PKI_TIME;
    X509_REVOKED *revoked = X509_REVOKED_new();
    ASN1_INTEGER *serial = warren_serial_make(entry->serial, entry->serial_size);
    ASN1_TIME *at = ASN1_TIME_set(NULL, (time_t)entry->at);
    int good = revoked != NULL && serial != NULL && at != NULL && X509_REVOKED_set_serialNumber(revoked, serial) == 1 &&
               X509_REVOKED_set_revocationDate(revoked, at) == 1;
    good = good && X509_CRL_add0_revoked(list, revoked) == 1;
    if (!good) X509_REVOKED_free(revoked);
    ASN1_INTEGER_free(serial);
    ASN1_TIME_free(at);
    return good ? 0 : WARREN_PKI_OPENSSL;
}

static int add_crl_extensions(X509_CRL *list, X509 *issuer, uint64_t number) {
    const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(issuer);
    if (id != NULL) {
        AUTHORITY_KEYID *authority = AUTHORITY_KEYID_new();
        int good = authority != NULL && (authority->keyid = ASN1_OCTET_STRING_dup(id)) != NULL;
        good = good &&
               X509_CRL_add1_ext_i2d(list, NID_authority_key_identifier, authority, 0, X509V3_ADD_APPEND) == 1;
        AUTHORITY_KEYID_free(authority);
        if (!good) return 0;
    }
    ASN1_INTEGER *value = ASN1_INTEGER_new();
    const int good = value != NULL && ASN1_INTEGER_set_uint64(value, number) == 1 &&
                     X509_CRL_add1_ext_i2d(list, NID_crl_number, value, 0, X509V3_ADD_APPEND) == 1;
    ASN1_INTEGER_free(value);
    return good;
}

int warren_crl_issue(X509 *issuer, EVP_PKEY *issuer_key, uint64_t number, int64_t this_update, int64_t next_update,
                     const struct warren_crl_entry *entries, size_t count, X509_CRL **out) {
    ERR_clear_error();
    if (warren_time_check(this_update) != 0 || warren_time_check(next_update) != 0) return WARREN_PKI_TIME;
    X509_CRL *list = X509_CRL_new();
    ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t)this_update);
    ASN1_TIME *until = ASN1_TIME_set(NULL, (time_t)next_update);
    unsigned char *der = NULL;
    int size = -1;
    int answer = WARREN_PKI_OPENSSL;
    if (list == NULL || from == NULL || until == NULL) goto done;
    if (X509_CRL_set_version(list, X509_CRL_VERSION_2) != 1 ||
        X509_CRL_set_issuer_name(list, X509_get_subject_name(issuer)) != 1 ||
        X509_CRL_set1_lastUpdate(list, from) != 1 || X509_CRL_set1_nextUpdate(list, until) != 1) {
        goto done;
    }
    for (size_t i = 0; i < count; i++) {
        answer = add_entry(list, &entries[i]);
        if (answer != 0) goto done;
    }
    answer = WARREN_PKI_OPENSSL;
    if (!add_crl_extensions(list, issuer, number)) goto done;
    X509_CRL_sort(list);
    if (X509_CRL_sign(list, issuer_key, warren_digest_for(issuer_key)) <= 0) goto done;
    size = i2d_X509_CRL(list, &der);
    /* Read back, so that libcrypto's cached view of the list is that of its DER. */
    if (size >= 0) answer = warren_crl_parse(der, (size_t)size, out);
done:
    OPENSSL_free(der);
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    X509_CRL_free(list);
    return answer;
}

int warren_crl_issuer(const X509_CRL *list, struct warren_text *out) {
    ERR_clear_error();
    return warren_text_of_name(X509_CRL_get_issuer(list), out);
}

int warren_crl_times(const X509_CRL *list, int64_t *this_update, int64_t *next_update) {
    ERR_clear_error();
    const int answer = warren_time_read(X509_CRL_get0_lastUpdate(list), this_update);
    if (answer != 0) return answer;
    const ASN1_TIME *next = X509_CRL_get0_nextUpdate(list);
    *next_update = INT64_MAX;
    return next == NULL ? 0 : warren_time_read(next, next_update);
}

size_t warren_crl_count(X509_CRL *list) {
    const int count = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(list));
    return count < 0 ? 0 : (size_t)count;
}

int warren_crl_lists(X509_CRL *list, const uint8_t *serial, size_t serial_size) {
    ERR_clear_error();
    ASN1_INTEGER *number = warren_serial_make(serial, serial_size);
    X509_REVOKED *entry = NULL;
    /* 2 is "removeFromCRL": once on hold, now good again (RFC 5280, 5.3.1). */
    const int lists = number != NULL && X509_CRL_get0_by_serial(list, &entry, number) == 1;
    ASN1_INTEGER_free(number);
    return lists;
}

int warren_crl_write_pem(const X509_CRL *list, struct warren_text *out) {
    ERR_clear_error();
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL) return WARREN_PKI_OPENSSL;
    if (PEM_write_bio_X509_CRL(bio, list) != 1) {
        BIO_free(bio);
        return WARREN_PKI_OPENSSL;
    }
    return warren_text_take(bio, out);
}

int warren_crl_write_der(const X509_CRL *list, struct warren_text *out) {
    ERR_clear_error();
    unsigned char *der = NULL;
    const int size = i2d_X509_CRL(list, &der);
    if (size < 0) return WARREN_PKI_OPENSSL;
    const int answer = warren_text_copy(der, (size_t)size, out);
    OPENSSL_free(der);
    return answer;
}

void warren_crl_free(X509_CRL *list) { X509_CRL_free(list); }
