#include "pki_internal.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <openssl/pem.h>
#include <string.h>

int warren_key_generate_p256(EVP_PKEY **out) {
    ERR_clear_error();
    *out = EVP_EC_gen("P-256");
    return *out != NULL ? 0 : WARREN_PKI_OPENSSL;
}

enum warren_key_kind warren_key_kind(const EVP_PKEY *key) {
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA: return WARREN_KEY_RSA;
    case EVP_PKEY_ED25519: return WARREN_KEY_ED25519;
    case EVP_PKEY_EC: {
        /* A curve written out in full instead of named has been a way to smuggle a chosen generator in
         * (CVE-2020-0601, in another library); such keys are refused even when they equal a named one. */
        char encoding[32] = "";
        size_t used = 0;
        if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, encoding, sizeof encoding, &used) != 1 ||
            strcmp(encoding, OSSL_PKEY_EC_ENCODING_GROUP) != 0) {
            return WARREN_KEY_OTHER;
        }
        char group[64] = "";
        if (EVP_PKEY_get_group_name(key, group, sizeof group, &used) != 1) return WARREN_KEY_OTHER;
        switch (OBJ_sn2nid(group)) {
        case NID_X9_62_prime256v1: return WARREN_KEY_P256;
        case NID_secp384r1: return WARREN_KEY_P384;
        case NID_secp521r1: return WARREN_KEY_P521;
        default: return WARREN_KEY_OTHER;
        }
    }
    default: return WARREN_KEY_OTHER;
    }
}

int warren_key_bits(const EVP_PKEY *key) { return EVP_PKEY_get_bits(key); }

int warren_key_check_kind(const EVP_PKEY *key) {
    switch (warren_key_kind(key)) {
    case WARREN_KEY_OTHER: return WARREN_PKI_KEY_KIND;
    /* Below 2048 bits is under 112 bits of strength (NIST SP 800-57); above 8192 one check costs a peer's whole core. */
    case WARREN_KEY_RSA: {
        const int bits = EVP_PKEY_get_bits(key);
        return bits >= 2048 && bits <= 8192 ? 0 : WARREN_PKI_KEY_SIZE;
    }
    default: return 0;
    }
}

int warren_key_parse(const uint8_t *der, size_t size, enum warren_key_form form, EVP_PKEY **out) {
    ERR_clear_error();
    if (size > INT32_MAX) return WARREN_PKI_TOO_LARGE;
    const unsigned char *at = der;
    EVP_PKEY *key = NULL;
    switch (form) {
    case WARREN_KEY_PKCS8: {
        PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)size);
        if (info == NULL) return WARREN_PKI_OPENSSL;
        key = EVP_PKCS82PKEY(info);
        PKCS8_PRIV_KEY_INFO_free(info); /* wipes its copy */
        break;
    }
    case WARREN_KEY_SEC1: key = d2i_PrivateKey(EVP_PKEY_EC, NULL, &at, (long)size); break;
    case WARREN_KEY_PKCS1: key = d2i_PrivateKey(EVP_PKEY_RSA, NULL, &at, (long)size); break;
    }
    if (key == NULL) return WARREN_PKI_OPENSSL;
    int answer = at == der + size ? warren_key_check_kind(key) : WARREN_PKI_TRAILING;
    if (answer == 0) {
        /* A file can carry a public half of another key; found here, it costs a sentence, later a failed handshake. */
        EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
        if (context == NULL) {
            answer = WARREN_PKI_OPENSSL;
        } else if (EVP_PKEY_pairwise_check(context) != 1) {
            answer = WARREN_PKI_KEY_PAIR;
        }
        EVP_PKEY_CTX_free(context);
    }
    if (answer != 0) {
        EVP_PKEY_free(key);
        return answer;
    }
    /* A lenient parse may leave complaints of decoders that were tried first. */
    ERR_clear_error();
    *out = key;
    return 0;
}

int warren_key_equal(const EVP_PKEY *a, const EVP_PKEY *b) {
    ERR_clear_error();
    const int equal = EVP_PKEY_eq(a, b) == 1;
    ERR_clear_error();
    return equal;
}

int warren_key_write_pem(const EVP_PKEY *key, struct warren_text *out) {
    ERR_clear_error();
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL) return WARREN_PKI_OPENSSL;
    const int wrote = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519
                          ? PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL)
                          : PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0, NULL, NULL);
    if (wrote != 1) {
        BIO_free(bio);
        return WARREN_PKI_OPENSSL;
    }
    return warren_text_take(bio, out);
}

int warren_key_write_spki(const EVP_PKEY *key, struct warren_text *out) {
    ERR_clear_error();
    unsigned char *der = NULL;
    const int size = i2d_PUBKEY(key, &der);
    if (size < 0) return WARREN_PKI_OPENSSL;
    const int answer = warren_text_copy(der, (size_t)size, out);
    OPENSSL_free(der);
    return answer;
}

void warren_key_retain(EVP_PKEY *key) { EVP_PKEY_up_ref(key); }

void warren_key_free(EVP_PKEY *key) { EVP_PKEY_free(key); }
