/* The key derivation of TLS 1.3 (RFC 8446 section 7.1) as libssl asks for it, without what the default provider does around
 * each: it fetches the digest by name, makes three contexts and throws them away, some twenty times in a handshake on each
 * side. The hashing is libcrypto's, over contexts that the library keeps.
 *
 * Here is also where the record layer hears of the two secrets that protect data. The other door to them, OpenSSL's key log,
 * prints each secret of a handshake in hex, byte by byte, through sprintf.
 *
 * It stands in the place of the default provider's TLS13-KDF (tls_library.c). A wrong secret would not be a weak one: the other
 * end derives its own, and the handshake fails. */
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

#include "record.h"

enum { LARGEST_HASH = 48, LARGEST_BLOCK = 128, MOST_LABEL = 64 };

int warren_kdf_setup(struct warren_kdf *kdf, OSSL_LIB_CTX *library) {
    kdf->sha256 = EVP_MD_fetch(library, "SHA2-256", NULL);
    kdf->sha384 = EVP_MD_fetch(library, "SHA2-384", NULL);
    kdf->scratch = EVP_MD_CTX_new();
    return kdf->sha256 != NULL && kdf->sha384 != NULL && kdf->scratch != NULL ? 0 : -1;
}

void warren_kdf_free(struct warren_kdf *kdf) {
    EVP_MD_CTX_free(kdf->scratch);
    EVP_MD_free(kdf->sha256);
    EVP_MD_free(kdf->sha384);
}

/* RFC 2104; EVP_MAC would fetch and allocate each time. Keys here are no longer than a block. */
static int hmac(
    struct warren_kdf *kdf, const EVP_MD *hash, const uint8_t *key, size_t key_length, const uint8_t *text, size_t length,
    uint8_t *out) {
    uint8_t pad[LARGEST_BLOCK];
    EVP_MD_CTX *scratch = kdf->scratch;
    size_t block = (size_t)EVP_MD_get_block_size(hash), size = (size_t)EVP_MD_get_size(hash);
    if (block > sizeof pad || key_length > block) return -1;
    memset(pad, 0x36, block);
    for (size_t i = 0; i < key_length; i++) pad[i] ^= key[i];
    int ok = EVP_DigestInit_ex2(scratch, hash, NULL) == 1 && EVP_DigestUpdate(scratch, pad, block) == 1
        && EVP_DigestUpdate(scratch, text, length) == 1 && EVP_DigestFinal_ex(scratch, out, NULL) == 1;
    for (size_t i = 0; i < block; i++) pad[i] ^= 0x36 ^ 0x5c;
    ok = ok && EVP_DigestInit_ex2(scratch, hash, NULL) == 1 && EVP_DigestUpdate(scratch, pad, block) == 1
        && EVP_DigestUpdate(scratch, out, size) == 1 && EVP_DigestFinal_ex(scratch, out, NULL) == 1;
    OPENSSL_cleanse(pad, sizeof pad);
    /* A digest that is done keeps its last state, and the outer one's is the secret that was asked for: begin another, or
     * give the memory back, which wipes it. */
    if (EVP_DigestInit_ex2(scratch, hash, NULL) != 1) EVP_MD_CTX_reset(scratch);
    if (!ok) OPENSSL_cleanse(out, size);
    return ok ? 0 : -1;
}

int warren_kdf_expand(
    struct warren_kdf *kdf, const EVP_MD *hash, const uint8_t *secret, size_t secret_length, const uint8_t *prefix,
    size_t prefix_length, const uint8_t *label, size_t label_length, const uint8_t *data, size_t data_length, uint8_t *out,
    size_t length) {
    size_t at = 0, size = (size_t)EVP_MD_get_size(hash);
    uint8_t info[2 + 1 + MOST_LABEL + 1 + EVP_MAX_MD_SIZE + 1], block[EVP_MAX_MD_SIZE];
    if (length > size || prefix_length + label_length > MOST_LABEL || data_length > EVP_MAX_MD_SIZE) return -1;
    info[at++] = (uint8_t)(length >> 8);
    info[at++] = (uint8_t)length;
    info[at++] = (uint8_t)(prefix_length + label_length);
    if (prefix_length != 0) memcpy(info + at, prefix, prefix_length);
    at += prefix_length;
    if (label_length != 0) memcpy(info + at, label, label_length);
    at += label_length;
    info[at++] = (uint8_t)data_length;
    if (data_length != 0) memcpy(info + at, data, data_length);
    at += data_length;
    info[at++] = 1; /* RFC 5869: counter of the first and only block */
    int outcome = hmac(kdf, hash, secret, secret_length, info, at, block);
    if (outcome == 0) memcpy(out, block, length);
    OPENSSL_cleanse(block, sizeof block);
    return outcome;
}

/* --- as libssl calls it -------------------------------------------------------------------------------------------- */

struct text {
    const uint8_t *bytes;
    size_t length;
};

static struct text text_of(const OSSL_PARAM *params, const char *name) {
    const OSSL_PARAM *param = OSSL_PARAM_locate_const(params, name);
    struct text text = {NULL, 0};
    if (param != NULL && param->data_type == OSSL_PARAM_OCTET_STRING) {
        text.bytes = param->data;
        text.length = param->data_size;
    }
    return text;
}

/* libssl names the digest of its cipher suite: there are two. */
static const EVP_MD *hash_of(const struct warren_kdf *kdf, const OSSL_PARAM *params) {
    const OSSL_PARAM *param = OSSL_PARAM_locate_const(params, OSSL_KDF_PARAM_DIGEST);
    if (param == NULL || param->data_type != OSSL_PARAM_UTF8_STRING) return NULL;
    if (EVP_MD_is_a(kdf->sha256, param->data)) return kdf->sha256;
    return EVP_MD_is_a(kdf->sha384, param->data) ? kdf->sha384 : NULL;
}

/* HKDF-Extract; before it, where there is an earlier secret, Derive-Secret of it over nothing. */
static int extract(struct warren_kdf *kdf, const EVP_MD *hash, const OSSL_PARAM *params, uint8_t *out, size_t length) {
    static const uint8_t zeros[LARGEST_HASH];
    struct text earlier = text_of(params, OSSL_KDF_PARAM_SALT), input = text_of(params, OSSL_KDF_PARAM_KEY);
    struct text prefix = text_of(params, OSSL_KDF_PARAM_PREFIX), label = text_of(params, OSSL_KDF_PARAM_LABEL);
    uint8_t salt[EVP_MAX_MD_SIZE] = {0}, empty[EVP_MAX_MD_SIZE];
    size_t size = (size_t)EVP_MD_get_size(hash);
    if (length != size || size > LARGEST_HASH) return 0;
    if (input.bytes == NULL) input = (struct text){zeros, size};
    int good = 1;
    if (earlier.bytes != NULL)
        good = EVP_DigestInit_ex2(kdf->scratch, hash, NULL) == 1 && EVP_DigestFinal_ex(kdf->scratch, empty, NULL) == 1
            && warren_kdf_expand(
                   kdf, hash, earlier.bytes, earlier.length, prefix.bytes, prefix.length, label.bytes, label.length, empty,
                   size, salt, size)
                == 0;
    good = good && hmac(kdf, hash, salt, earlier.bytes != NULL ? size : 0, input.bytes, input.length, out) == 0;
    OPENSSL_cleanse(salt, sizeof salt);
    return good;
}

static int expand(struct warren_kdf *kdf, const EVP_MD *hash, const OSSL_PARAM *params, uint8_t *out, size_t length) {
    struct text secret = text_of(params, OSSL_KDF_PARAM_KEY), data = text_of(params, OSSL_KDF_PARAM_DATA);
    struct text prefix = text_of(params, OSSL_KDF_PARAM_PREFIX), label = text_of(params, OSSL_KDF_PARAM_LABEL);
    if (secret.bytes == NULL
        || warren_kdf_expand(
               kdf, hash, secret.bytes, secret.length, prefix.bytes, prefix.length, label.bytes, label.length, data.bytes,
               data.length, out, length)
            != 0)
        return 0;
    if (kdf->session != NULL) warren_record_note_secret(kdf->session, label.bytes, label.length, out, length);
    return 1;
}

/* OSSL_FUNC_kdf_derive(7). libssl gives all parameters with the call, so nothing is kept between two. */
static int derive(void *context, unsigned char *out, size_t length, const OSSL_PARAM params[]) {
    struct warren_kdf *kdf = context;
    int mode = -1;
    const OSSL_PARAM *param = params != NULL ? OSSL_PARAM_locate_const(params, OSSL_KDF_PARAM_MODE) : NULL;
    const EVP_MD *hash = param != NULL ? hash_of(kdf, params) : NULL;
    if (hash == NULL || OSSL_PARAM_get_int(param, &mode) != 1) return 0;
    switch (mode) {
    case EVP_KDF_HKDF_MODE_EXTRACT_ONLY: return extract(kdf, hash, params, out, length);
    case EVP_KDF_HKDF_MODE_EXPAND_ONLY: return expand(kdf, hash, params, out, length);
    default: return 0;
    }
}

static void *make(void *provider) {
    return warren_tls_library_kdf_at(provider);
}

static void end(void *context) {
    (void)context; /* the library's */
}

const OSSL_DISPATCH warren_tls13_kdf[] = {
    {OSSL_FUNC_KDF_NEWCTX, (void (*)(void))make},
    {OSSL_FUNC_KDF_FREECTX, (void (*)(void))end},
    {OSSL_FUNC_KDF_DERIVE, (void (*)(void))derive},
    {0, NULL},
};
