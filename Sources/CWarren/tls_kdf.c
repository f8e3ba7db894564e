/* The key derivation of TLS 1.3 (RFC 8446 section 7.1) as libssl asks for it, without what the default provider does around
 * each: it fetches the digest by name, makes three contexts and throws them away, some twenty times in a handshake on each
 * side. The hashing is libcrypto's, by the functions that its provider calls itself: each digest by way of EVP costs
 * as much again as the block or two that is hashed (SHA256_Init(3); deprecated for programs that should take any provider's).
 *
 * Here is also where the record layer hears of the two secrets that protect data. The other door to them, OpenSSL's key log,
 * prints each secret of a handshake in hex, byte by byte, through sprintf.
 *
 * It stands in the place of the default provider's TLS13-KDF (tls_library.c). A wrong secret would not be a weak one: the other
 * end derives its own, and the handshake fails. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/sha.h>
#include <string.h>

#include "record.h"

enum { LARGEST_HASH = 48, LARGEST_BLOCK = 128, MOST_LABEL = 64 };

int warren_kdf_setup(struct warren_kdf *kdf, OSSL_LIB_CTX *library) {
    kdf->sha256 = EVP_MD_fetch(library, "SHA2-256", NULL);
    kdf->sha384 = EVP_MD_fetch(library, "SHA2-384", NULL);
    kdf->algorithm = EVP_KDF_fetch(library, OSSL_KDF_NAME_TLS1_3_KDF, NULL);
    return kdf->sha256 != NULL && kdf->sha384 != NULL && kdf->algorithm != NULL ? 0 : -1;
}

void warren_kdf_free(struct warren_kdf *kdf) {
    EVP_MD_free(kdf->sha256);
    EVP_MD_free(kdf->sha384);
    EVP_KDF_free(kdf->algorithm);
}

struct hash {
    int is_wide; /* SHA-384 */
    union {
        SHA256_CTX narrow;
        SHA512_CTX wide;
    } state;
};

static int begin(struct hash *hash) {
    return hash->is_wide ? SHA384_Init(&hash->state.wide) : SHA256_Init(&hash->state.narrow);
}

static int add(struct hash *hash, const void *bytes, size_t count) {
    return hash->is_wide ? SHA384_Update(&hash->state.wide, bytes, count) : SHA256_Update(&hash->state.narrow, bytes, count);
}

static int finish(struct hash *hash, uint8_t *out) {
    return hash->is_wide ? SHA384_Final(out, &hash->state.wide) : SHA256_Final(out, &hash->state.narrow);
}

/* RFC 2104. Keys here are no longer than a block. */
static int hmac(
    const struct warren_kdf *kdf, const EVP_MD *digest, const uint8_t *key, size_t key_length, const uint8_t *text,
    size_t length, uint8_t *out) {
    uint8_t pad[LARGEST_BLOCK];
    struct hash hash = {.is_wide = digest == kdf->sha384};
    size_t block = hash.is_wide ? SHA512_CBLOCK : SHA256_CBLOCK;
    size_t size = hash.is_wide ? SHA384_DIGEST_LENGTH : SHA256_DIGEST_LENGTH;
    if ((digest != kdf->sha256 && !hash.is_wide) || key_length > block) return -1;
    memset(pad, 0x36, block);
    for (size_t i = 0; i < key_length; i++) pad[i] ^= key[i];
    int ok = begin(&hash) && add(&hash, pad, block) && add(&hash, text, length) && finish(&hash, out);
    for (size_t i = 0; i < block; i++) pad[i] ^= 0x36 ^ 0x5c;
    ok = ok && begin(&hash) && add(&hash, pad, block) && add(&hash, out, size) && finish(&hash, out);
    OPENSSL_cleanse(pad, sizeof pad);
    OPENSSL_cleanse(&hash, sizeof hash); /* its last state is the secret that was asked for */
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

/* libssl names the digest of its cipher suite: there are two. */
static const EVP_MD *hash_named(const struct warren_kdf *kdf, const char *name, size_t length) {
    static const char usual[] = "SHA2-256";
    if (name == NULL) return NULL;
    /* EVP_MD_is_a(3) takes a lock and looks both names up; this is the name by which libssl knows it. */
    if (length == sizeof usual - 1 && memcmp(name, usual, sizeof usual - 1) == 0) return kdf->sha256;
    if (EVP_MD_is_a(kdf->sha256, name)) return kdf->sha256;
    return EVP_MD_is_a(kdf->sha384, name) ? kdf->sha384 : NULL;
}

int warren_kdf_mac(
    struct warren_kdf *kdf, const char *digest, const uint8_t *key, size_t key_length, const uint8_t *text, size_t length,
    uint8_t *out, size_t room, size_t *size) {
    const EVP_MD *hash = hash_named(kdf, digest, strlen(digest));
    if (hash == NULL || room < (size_t)EVP_MD_get_size(hash)) return -1;
    *size = (size_t)EVP_MD_get_size(hash);
    return hmac(kdf, hash, key, key_length, text, length, out);
}

/* --- as libssl calls it -------------------------------------------------------------------------------------------- */

struct text {
    const uint8_t *bytes;
    size_t length;
};

/* What libssl gives with a call. */
struct wishes {
    int mode;
    const char *digest;
    size_t digest_length;
    struct text key, salt, data, prefix, label;
};

static int is(const OSSL_PARAM *param, const char *name) {
    return param->key[0] == name[0] && param->key[1] == name[1] && strcmp(param->key, name) == 0;
}

/* In one pass: libssl gives six at a time, and OSSL_PARAM_locate(3) would go over them for each. */
static struct wishes wishes_of(const OSSL_PARAM *param) {
    struct wishes wishes = {.mode = -1};
    for (; param != NULL && param->key != NULL; param++) {
        struct text *text = NULL;
        if (is(param, OSSL_KDF_PARAM_MODE)) {
            if (OSSL_PARAM_get_int(param, &wishes.mode) != 1) wishes.mode = -1;
        } else if (is(param, OSSL_KDF_PARAM_DIGEST)) {
            if (param->data_type != OSSL_PARAM_UTF8_STRING) continue;
            wishes.digest = param->data;
            wishes.digest_length = param->data_size;
        } else if (is(param, OSSL_KDF_PARAM_KEY)) {
            text = &wishes.key;
        } else if (is(param, OSSL_KDF_PARAM_SALT)) {
            text = &wishes.salt;
        } else if (is(param, OSSL_KDF_PARAM_DATA)) {
            text = &wishes.data;
        } else if (is(param, OSSL_KDF_PARAM_PREFIX)) {
            text = &wishes.prefix;
        } else if (is(param, OSSL_KDF_PARAM_LABEL)) {
            text = &wishes.label;
        }
        if (text != NULL && param->data_type == OSSL_PARAM_OCTET_STRING) *text = (struct text){param->data, param->data_size};
    }
    return wishes;
}

/* HKDF-Extract; before it, where there is an earlier secret, Derive-Secret of it over nothing. */
static int extract(
    struct warren_kdf *kdf, const EVP_MD *digest, const struct wishes *wishes, uint8_t *out, size_t length) {
    static const uint8_t zeros[LARGEST_HASH];
    struct text earlier = wishes->salt, input = wishes->key, prefix = wishes->prefix, label = wishes->label;
    uint8_t salt[EVP_MAX_MD_SIZE] = {0}, empty[EVP_MAX_MD_SIZE];
    struct hash nothing = {.is_wide = digest == kdf->sha384};
    size_t size = (size_t)EVP_MD_get_size(digest);
    if (length != size || size > LARGEST_HASH) return 0;
    if (input.bytes == NULL) input = (struct text){zeros, size};
    int good = 1;
    if (earlier.bytes != NULL)
        good = begin(&nothing) && finish(&nothing, empty)
            && warren_kdf_expand(
                   kdf, digest, earlier.bytes, earlier.length, prefix.bytes, prefix.length, label.bytes, label.length, empty,
                   size, salt, size)
                == 0;
    good = good && hmac(kdf, digest, salt, earlier.bytes != NULL ? size : 0, input.bytes, input.length, out) == 0;
    OPENSSL_cleanse(salt, sizeof salt);
    return good;
}

static int expand(
    struct warren_kdf *kdf, const EVP_MD *digest, const struct wishes *wishes, uint8_t *out, size_t length) {
    struct text secret = wishes->key, data = wishes->data, prefix = wishes->prefix, label = wishes->label;
    if (secret.bytes == NULL
        || warren_kdf_expand(
               kdf, digest, secret.bytes, secret.length, prefix.bytes, prefix.length, label.bytes, label.length, data.bytes,
               data.length, out, length)
            != 0)
        return 0;
    if (kdf->session != NULL) warren_record_note_secret(kdf->session, label.bytes, label.length, out, length);
    return 1;
}

/* OSSL_FUNC_kdf_derive(7). libssl gives all parameters with the call, so nothing is kept between two. */
static int derive(void *context, unsigned char *out, size_t length, const OSSL_PARAM params[]) {
    struct warren_kdf *kdf = context;
    struct wishes wishes = wishes_of(params);
    const EVP_MD *digest = hash_named(kdf, wishes.digest, wishes.digest_length);
    if (digest == NULL) return 0;
    switch (wishes.mode) {
    case EVP_KDF_HKDF_MODE_EXTRACT_ONLY: return extract(kdf, digest, &wishes, out, length);
    case EVP_KDF_HKDF_MODE_EXPAND_ONLY: return expand(kdf, digest, &wishes, out, length);
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
