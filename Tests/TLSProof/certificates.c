#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "tls_proof.h"

struct proof_authority {
    X509 *certificate;
    EVP_PKEY *key;
    char *certificate_pem, *key_pem;
    size_t certificate_length, key_length;
};

static void add(X509 *certificate, X509 *issuer, int what, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, what, value);
    if (extension == NULL) abort();
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

static char *text_of(BIO *memory, size_t *length) {
    char *bytes;
    long count = BIO_get_mem_data(memory, &bytes);
    char *copy = malloc((size_t)count + 1);
    if (copy == NULL) abort();
    memcpy(copy, bytes, (size_t)count);
    copy[count] = 0;
    *length = (size_t)count;
    BIO_free(memory);
    return copy;
}

static void add_names(X509 *certificate, const proof_request *request) {
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    if (request->uri != NULL) {
        ASN1_IA5STRING *string = ASN1_IA5STRING_new();
        int length = request->raw_uri_length > 0 ? (int)request->raw_uri_length : (int)strlen(request->uri);
        ASN1_STRING_set(string, request->uri, length);
        GENERAL_NAME *name = GENERAL_NAME_new();
        GENERAL_NAME_set0_value(name, GEN_URI, string);
        sk_GENERAL_NAME_push(names, name);
    }
    if (request->dns != NULL) {
        ASN1_IA5STRING *string = ASN1_IA5STRING_new();
        ASN1_STRING_set(string, request->dns, -1);
        GENERAL_NAME *name = GENERAL_NAME_new();
        GENERAL_NAME_set0_value(name, GEN_DNS, string);
        sk_GENERAL_NAME_push(names, name);
    }
    if (sk_GENERAL_NAME_num(names) > 0) X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, 0);
    GENERAL_NAMES_free(names);
}

static void write_out(proof_authority *made) {
    BIO *memory = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(memory, made->certificate);
    made->certificate_pem = text_of(memory, &made->certificate_length);
    memory = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(memory, made->key, NULL, NULL, 0, NULL, NULL);
    made->key_pem = text_of(memory, &made->key_length);
}

proof_authority *proof_issue(const proof_authority *issuer, const proof_request *request) {
    proof_authority *made = calloc(1, sizeof *made);
    if (made == NULL) abort();
    made->key = request->kind == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256")
        : request->kind == 1       ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048)
                                   : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    X509 *certificate = made->certificate = X509_new();
    if (made->key == NULL || certificate == NULL) abort();
    X509_set_version(certificate, 2);
    uint64_t serial;
    RAND_bytes((unsigned char *)&serial, sizeof serial);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1 | 1ull << 62 | 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), request->starts);
    X509_gmtime_adj(X509_getm_notAfter(certificate), request->ends);
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)request->name, -1, -1, 0);
    X509 *parent = issuer != NULL ? issuer->certificate : certificate;
    X509_set_issuer_name(certificate, X509_get_subject_name(parent));
    X509_set_pubkey(certificate, made->key);
    add(certificate, parent, NID_basic_constraints, request->ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    add(certificate, parent, NID_key_usage,
        request->ca ? "critical,digitalSignature,keyCertSign,cRLSign" : "critical,digitalSignature,keyAgreement");
    if (!request->ca)
        add(certificate, parent, NID_ext_key_usage,
            request->usage == 0 ? "clientAuth,serverAuth" : request->usage == 1 ? "clientAuth" : "serverAuth");
    add(certificate, parent, NID_subject_key_identifier, "hash");
    add_names(certificate, request);
    EVP_PKEY *signer = issuer != NULL ? issuer->key : made->key;
    if (X509_sign(certificate, signer, EVP_PKEY_is_a(signer, "ED25519") ? NULL : EVP_sha256()) == 0) abort();
    write_out(made);
    return made;
}

proof_authority *proof_impostor(const proof_authority *victim) {
    proof_authority *made = calloc(1, sizeof *made);
    uint8_t half[65];
    size_t size = sizeof half;
    BIGNUM *secret = NULL;
    EVP_PKEY *other = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    OSSL_PARAM_BLD *parts = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (made == NULL || EVP_PKEY_get_bn_param(other, OSSL_PKEY_PARAM_PRIV_KEY, &secret) != 1
        || EVP_PKEY_get_octet_string_param(victim->key, OSSL_PKEY_PARAM_PUB_KEY, half, sizeof half, &size) != 1
        || OSSL_PARAM_BLD_push_utf8_string(parts, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) != 1
        || OSSL_PARAM_BLD_push_octet_string(parts, OSSL_PKEY_PARAM_PUB_KEY, half, size) != 1
        || OSSL_PARAM_BLD_push_BN(parts, OSSL_PKEY_PARAM_PRIV_KEY, secret) != 1)
        abort();
    OSSL_PARAM *whole = OSSL_PARAM_BLD_to_param(parts);
    if (EVP_PKEY_fromdata_init(maker) != 1 || EVP_PKEY_fromdata(maker, &made->key, EVP_PKEY_KEYPAIR, whole) != 1) abort();
    made->certificate = victim->certificate;
    X509_up_ref(victim->certificate);
    write_out(made);
    OSSL_PARAM_free(whole);
    OSSL_PARAM_BLD_free(parts);
    EVP_PKEY_CTX_free(maker);
    EVP_PKEY_free(other);
    BN_clear_free(secret);
    return made;
}

void proof_free(proof_authority *authority) {
    if (authority == NULL) return;
    X509_free(authority->certificate);
    EVP_PKEY_free(authority->key);
    free(authority->certificate_pem);
    free(authority->key_pem);
    free(authority);
}

const char *proof_certificate(const proof_authority *authority, size_t *length) {
    *length = authority->certificate_length;
    return authority->certificate_pem;
}

const char *proof_key(const proof_authority *authority, size_t *length) {
    *length = authority->key_length;
    return authority->key_pem;
}

char *proof_revocations(
    const proof_authority *issuer, const proof_authority *revoked, long starts, long ends, size_t *length) {
    X509_CRL *list = X509_CRL_new();
    X509_CRL_set_version(list, 1);
    X509_CRL_set_issuer_name(list, X509_get_subject_name(issuer->certificate));
    ASN1_TIME *start = X509_gmtime_adj(NULL, starts), *end = X509_gmtime_adj(NULL, ends);
    X509_CRL_set1_lastUpdate(list, start);
    X509_CRL_set1_nextUpdate(list, end);
    if (revoked != NULL) {
        X509_REVOKED *entry = X509_REVOKED_new();
        X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked->certificate));
        X509_REVOKED_set_revocationDate(entry, start);
        X509_CRL_add0_revoked(list, entry);
    }
    X509_CRL_sort(list);
    X509_CRL_sign(list, issuer->key, EVP_sha256());
    BIO *memory = BIO_new(BIO_s_mem());
    PEM_write_bio_X509_CRL(memory, list);
    ASN1_TIME_free(start);
    ASN1_TIME_free(end);
    X509_CRL_free(list);
    return text_of(memory, length);
}
