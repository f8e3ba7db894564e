#include "pki_internal.h"

static int set_validity(X509 *certificate, int64_t not_before, int64_t not_after) {
    if (warren_time_check(not_before) != 0 || warren_time_check(not_after) != 0) return WARREN_PKI_TIME;
    return ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)not_before) != NULL &&
                   ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)not_after) != NULL
               ? 0
               : WARREN_PKI_OPENSSL;
}

static int set_serial(X509 *certificate, const uint8_t *magnitude, size_t size) {
    ASN1_INTEGER *serial = warren_serial_make(magnitude, size);
    const int good = serial != NULL && X509_set_serialNumber(certificate, serial) == 1;
    ASN1_INTEGER_free(serial);
    return good ? 0 : WARREN_PKI_OPENSSL;
}

static int add_key_usage(X509 *certificate, uint32_t usage) {
    ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();
    int good = bits != NULL;
    /* libcrypto's numbers name the bits of the first byte from the top down; decipherOnly is bit 8 (RFC 5280, 4.2.1.3). */
    for (int bit = 0; good && bit < 8; bit++) {
        if (usage & (0x80u >> bit)) good = ASN1_BIT_STRING_set_bit(bits, bit, 1);
    }
    if (good && (usage & WARREN_KU_DECIPHER_ONLY)) good = ASN1_BIT_STRING_set_bit(bits, 8, 1);
    good = good && X509_add1_ext_i2d(certificate, NID_key_usage, bits, 1, X509V3_ADD_APPEND) == 1;
    ASN1_BIT_STRING_free(bits);
    return good;
}

static int add_eku(X509 *certificate, uint32_t eku) {
    EXTENDED_KEY_USAGE *purposes = EXTENDED_KEY_USAGE_new();
    int good = purposes != NULL;
    /* The objects are static; freeing the stack leaves them alone. Consul puts clientAuth first. */
    if (good && (eku & WARREN_EKU_CLIENT)) good = sk_ASN1_OBJECT_push(purposes, OBJ_nid2obj(NID_client_auth)) > 0;
    if (good && (eku & WARREN_EKU_SERVER)) good = sk_ASN1_OBJECT_push(purposes, OBJ_nid2obj(NID_server_auth)) > 0;
    good = good && X509_add1_ext_i2d(certificate, NID_ext_key_usage, purposes, 0, X509V3_ADD_APPEND) == 1;
    EXTENDED_KEY_USAGE_free(purposes);
    return good;
}

static int add_basic_constraints(X509 *certificate, int is_ca, int32_t path_length) {
    BASIC_CONSTRAINTS *constraints = BASIC_CONSTRAINTS_new();
    int good = constraints != NULL;
    if (good) {
        constraints->ca = is_ca ? 0xff : 0;
        if (is_ca && path_length >= 0) {
            constraints->pathlen = ASN1_INTEGER_new();
            good = constraints->pathlen != NULL && ASN1_INTEGER_set(constraints->pathlen, path_length) == 1;
        }
    }
    good = good && X509_add1_ext_i2d(certificate, NID_basic_constraints, constraints, 1, X509V3_ADD_APPEND) == 1;
    BASIC_CONSTRAINTS_free(constraints);
    return good;
}

static int add_subject_key_id(X509 *certificate, const uint8_t *bytes, size_t size) {
    ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
    const int good = id != NULL && ASN1_OCTET_STRING_set(id, bytes, (int)size) == 1 &&
                     X509_add1_ext_i2d(certificate, NID_subject_key_identifier, id, 0, X509V3_ADD_APPEND) == 1;
    ASN1_OCTET_STRING_free(id);
    return good;
}

static X509_EXTENSION *make_authority_key_id(const uint8_t *bytes, size_t size) {
    AUTHORITY_KEYID *id = AUTHORITY_KEYID_new();
    X509_EXTENSION *extension = NULL;
    if (id != NULL && (id->keyid = ASN1_OCTET_STRING_new()) != NULL &&
        ASN1_OCTET_STRING_set(id->keyid, bytes, (int)size) == 1) {
        extension = X509V3_EXT_i2d(NID_authority_key_identifier, 0, id);
    }
    AUTHORITY_KEYID_free(id);
    return extension;
}

static int add_authority_key_id(X509 *certificate, const uint8_t *bytes, size_t size, int at) {
    X509_EXTENSION *extension = make_authority_key_id(bytes, size);
    const int good = extension != NULL && X509_add_ext(certificate, extension, at) == 1;
    X509_EXTENSION_free(extension);
    return good;
}

static int add_names(X509 *certificate, const struct warren_x509_template *wish) {
    GENERAL_NAMES *names = warren_names_make(wish->uris, wish->uri_count, wish->dns, wish->dns_count);
    if (names == NULL) return WARREN_PKI_OPENSSL;
    int answer = 0;
    if (!warren_names_are_plain(names)) {
        answer = WARREN_PKI_NAME;
    } else if (X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, wish->common_name == NULL,
                                 X509V3_ADD_APPEND) != 1) {
        answer = WARREN_PKI_OPENSSL;
    }
    GENERAL_NAMES_free(names);
    return answer;
}

static int fill(X509 *certificate, const struct warren_x509_template *wish, EVP_PKEY *public_key, X509 *issuer) {
    if (X509_set_version(certificate, X509_VERSION_3) != 1 || X509_set_pubkey(certificate, public_key) != 1) {
        return WARREN_PKI_OPENSSL;
    }
    int answer = set_serial(certificate, wish->serial, wish->serial_size);
    if (answer == 0) answer = set_validity(certificate, wish->not_before, wish->not_after);
    if (answer == 0 && wish->common_name != NULL) {
        answer = warren_name_add_common(X509_get_subject_name(certificate), wish->common_name);
    }
    if (answer != 0) return answer;
    const X509_NAME *issuer_name = X509_get_subject_name(issuer != NULL ? issuer : certificate);
    if (X509_set_issuer_name(certificate, issuer_name) != 1) return WARREN_PKI_OPENSSL;

    if (wish->key_usage != 0 && !add_key_usage(certificate, wish->key_usage)) return WARREN_PKI_OPENSSL;
    if (wish->eku != 0 && !add_eku(certificate, wish->eku)) return WARREN_PKI_OPENSSL;
    if (!add_basic_constraints(certificate, wish->is_ca, wish->path_length)) return WARREN_PKI_OPENSSL;
    if (wish->subject_key_id_size != 0 &&
        !add_subject_key_id(certificate, wish->subject_key_id, wish->subject_key_id_size)) {
        return WARREN_PKI_OPENSSL;
    }
    const uint8_t *authority = wish->subject_key_id;
    size_t authority_size = wish->subject_key_id_size;
    if (issuer != NULL) {
        const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(issuer);
        authority = id != NULL ? ASN1_STRING_get0_data(id) : NULL;
        authority_size = id != NULL ? (size_t)ASN1_STRING_length(id) : 0;
    }
    if (authority_size != 0 && !add_authority_key_id(certificate, authority, authority_size, -1)) {
        return WARREN_PKI_OPENSSL;
    }
    return wish->uri_count + wish->dns_count > 0 ? add_names(certificate, wish) : 0;
}

/* Signs, then reads the result back as a stranger would: what comes out is exactly what a parse of its DER gives. */
static int seal(X509 *certificate, EVP_PKEY *issuer_key, X509 **out) {
    if (X509_sign(certificate, issuer_key, warren_digest_for(issuer_key)) <= 0) return WARREN_PKI_OPENSSL;
    unsigned char *der = NULL;
    const int size = i2d_X509(certificate, &der);
    if (size < 0) return WARREN_PKI_OPENSSL;
    const int answer = warren_x509_parse(der, (size_t)size, out);
    OPENSSL_free(der);
    return answer;
}

int warren_x509_issue(const struct warren_x509_template *wish, EVP_PKEY *public_key, X509 *issuer,
                      EVP_PKEY *issuer_key, X509 **out) {
    ERR_clear_error();
    X509 *certificate = X509_new();
    if (certificate == NULL) return WARREN_PKI_OPENSSL;
    int answer = fill(certificate, wish, public_key, issuer);
    if (answer == 0) answer = seal(certificate, issuer_key, out);
    X509_free(certificate);
    return answer;
}

int warren_x509_cross_sign(X509 *root, const uint8_t *serial, size_t serial_size, int64_t not_before,
                           int64_t not_after, X509 *issuer, EVP_PKEY *issuer_key, X509 **out) {
    ERR_clear_error();
    X509 *certificate = X509_dup(root);
    if (certificate == NULL) return WARREN_PKI_OPENSSL;
    int answer = set_serial(certificate, serial, serial_size);
    if (answer == 0) answer = set_validity(certificate, not_before, not_after);
    if (answer == 0 && X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) != 1) {
        answer = WARREN_PKI_OPENSSL;
    }
    if (answer == 0) {
        /* The root named itself as its authority; left so, no verifier would look for the real issuer. */
        const int at = X509_get_ext_by_NID(certificate, NID_authority_key_identifier, -1);
        if (at >= 0) X509_EXTENSION_free(X509_delete_ext(certificate, at));
        const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(issuer);
        if (id != NULL && ASN1_STRING_length(id) > 0 &&
            !add_authority_key_id(certificate, ASN1_STRING_get0_data(id), (size_t)ASN1_STRING_length(id), at)) {
            answer = WARREN_PKI_OPENSSL;
        }
    }
    if (answer == 0) answer = seal(certificate, issuer_key, out);
    X509_free(certificate);
    return answer;
}
