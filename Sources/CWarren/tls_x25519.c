/* A key pair of X25519 as libssl asks for it, two or more in each handshake of TLS 1.3.
 *
 * RFC 7748 section 6.1 defines the public key as X25519(secret, 9). libcrypto 3.0 gets there over the twisted Edwards form of
 * the curve, in portable C, so as to use a table of multiples of the base point; for the shared secret it has a ladder in
 * assembly (ADX and BMI2 of x86-64), which in spite of its twice as many multiplications takes less time. So where the
 * processor has these, the public key is asked for the way a shared secret is, with 9 as the peer's public key.
 *
 * It stands in the place of the default provider's generation of an X25519 key (tls_library.c); everything else about such a
 * key, the memory it lies in and its wiping among it, stays the default provider's. Random numbers and arithmetic are libcrypto's.
 * A public key that did not belong to its secret would end the handshake, not weaken it: both ends derive the secret that
 * Finished proves. */
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <string.h>
#include <strings.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "tls_internal.h"

enum { SIZE = WARREN_X25519_SIZE, STRENGTH = 128 };

int warren_x25519_ladder_is_faster(void) {
#if defined(__x86_64__)
    enum { LEAF = 7, BMI2 = 1 << 8, ADX = 1 << 19 };
    unsigned a, b, c, d;
    return __get_cpuid_count(LEAF, 0, &a, &b, &c, &d) != 0 && (b & (BMI2 | ADX)) == (BMI2 | ADX);
#else
    return 0;
#endif
}

/* Both halves, or one where the other is NULL, into a key of the default provider's. */
static int import(const struct warren_x25519 *curve, void *key, uint8_t *secret, uint8_t *shared) {
    OSSL_PARAM halves[3], *next = halves;
    int selection = 0;
    if (secret != NULL) {
        *next++ = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, secret, SIZE);
        selection |= OSSL_KEYMGMT_SELECT_PRIVATE_KEY;
    }
    if (shared != NULL) {
        *next++ = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, shared, SIZE);
        selection |= OSSL_KEYMGMT_SELECT_PUBLIC_KEY;
    }
    *next = OSSL_PARAM_construct_end();
    return curve->import(key, selection, halves) == 1;
}

/* X25519(secret of `key`, 9), RFC 7748 section 5; 1 if it worked. */
static int public_of(const struct warren_x25519 *curve, void *key, uint8_t out[SIZE]) {
    size_t length = 0;
    void *exchange = curve->new_exchange(curve->provider);
    int good = exchange != NULL && curve->begin(exchange, key, NULL) == 1 && curve->set_peer(exchange, curve->base) == 1
        && curve->derive(exchange, out, &length, SIZE) == 1 && length == SIZE;
    if (exchange != NULL) curve->free_exchange(exchange);
    return good;
}

void *warren_x25519_pair(const struct warren_x25519 *curve, uint8_t secret[WARREN_X25519_SIZE]) {
    uint8_t shared[SIZE] = {9};
    /* As RFC 7748 section 5 decodes a secret; the default provider's generation keeps them so. */
    secret[0] &= 0xf8;
    secret[SIZE - 1] = (uint8_t)((secret[SIZE - 1] & 0x7f) | 0x40);
    void *key = curve->new_key(curve->provider);
    /* A secret alone would make it look for the public half by itself, the slow way. */
    if (key != NULL && import(curve, key, secret, shared) && public_of(curve, key, shared) && import(curve, key, NULL, shared))
        return key;
    if (key != NULL) curve->free_key(key);
    return NULL;
}

/* --- as libssl calls it -------------------------------------------------------------------------------------------- */

/* OSSL_FUNC_keymgmt_gen_set_params(7): a group, and only this one. */
static int set(void *generation, const OSSL_PARAM params[]) {
    (void)generation;
    const OSSL_PARAM *group = params != NULL ? OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_GROUP_NAME) : NULL;
    return group == NULL
        || (group->data_type == OSSL_PARAM_UTF8_STRING && group->data != NULL && strcasecmp(group->data, "x25519") == 0);
}

static const OSSL_PARAM *settable(void *generation, void *provider) {
    static const OSSL_PARAM known[] = {
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_END,
    };
    (void)generation, (void)provider;
    return known;
}

/* What libssl's EVP_PKEY_CTX holds between the calls says only what is wanted; the library owns it. */
static void *begin(void *provider, int selection, const OSSL_PARAM params[]) {
    struct warren_x25519 *curve = warren_tls_library_x25519_at(provider);
    if (curve == NULL || !set(NULL, params)) return NULL;
    return selection & OSSL_KEYMGMT_SELECT_KEYPAIR ? &curve->pairs : &curve->blanks;
}

static void *generate(void *generation, OSSL_CALLBACK *progress, void *argument) {
    const struct warren_x25519_generation *wanted = generation;
    const struct warren_x25519 *curve = wanted->curve;
    uint8_t secret[SIZE];
    void *key = NULL;
    (void)progress, (void)argument;
    /* "Parameters" of this curve, as a server asks for before it takes the client's key: a key yet without halves. */
    if (wanted == &curve->blanks) return curve->new_key(curve->provider);
    if (RAND_priv_bytes_ex(curve->whole, secret, sizeof secret, STRENGTH) == 1) key = warren_x25519_pair(curve, secret);
    OPENSSL_cleanse(secret, sizeof secret);
    return key;
}

static void end(void *generation) {
    (void)generation; /* the library's */
}

/* --- built out of the default provider's parts --------------------------------------------------------------------- */

int warren_x25519_setup(
    struct warren_x25519 *curve, OSSL_LIB_CTX *whole, void *provider, const OSSL_DISPATCH *keys,
    const OSSL_DISPATCH *exchanges) {
    static const OSSL_DISPATCH ours[] = {
        {OSSL_FUNC_KEYMGMT_GEN_INIT, (void (*)(void))begin},
        {OSSL_FUNC_KEYMGMT_GEN_SET_PARAMS, (void (*)(void))set},
        {OSSL_FUNC_KEYMGMT_GEN_SETTABLE_PARAMS, (void (*)(void))settable},
        {OSSL_FUNC_KEYMGMT_GEN, (void (*)(void))generate},
        {OSSL_FUNC_KEYMGMT_GEN_CLEANUP, (void (*)(void))end},
    };
    enum { OURS = sizeof ours / sizeof *ours };
    uint8_t nine[SIZE] = {9};
    curve->whole = whole;
    curve->provider = provider;
    curve->new_key = (OSSL_FUNC_keymgmt_new_fn *)warren_tls_function(keys, OSSL_FUNC_KEYMGMT_NEW);
    curve->free_key = (OSSL_FUNC_keymgmt_free_fn *)warren_tls_function(keys, OSSL_FUNC_KEYMGMT_FREE);
    curve->import = (OSSL_FUNC_keymgmt_import_fn *)warren_tls_function(keys, OSSL_FUNC_KEYMGMT_IMPORT);
    curve->new_exchange = (OSSL_FUNC_keyexch_newctx_fn *)warren_tls_function(exchanges, OSSL_FUNC_KEYEXCH_NEWCTX);
    curve->free_exchange = (OSSL_FUNC_keyexch_freectx_fn *)warren_tls_function(exchanges, OSSL_FUNC_KEYEXCH_FREECTX);
    curve->begin = (OSSL_FUNC_keyexch_init_fn *)warren_tls_function(exchanges, OSSL_FUNC_KEYEXCH_INIT);
    curve->set_peer = (OSSL_FUNC_keyexch_set_peer_fn *)warren_tls_function(exchanges, OSSL_FUNC_KEYEXCH_SET_PEER);
    curve->derive = (OSSL_FUNC_keyexch_derive_fn *)warren_tls_function(exchanges, OSSL_FUNC_KEYEXCH_DERIVE);
    if (curve->new_key == NULL || curve->free_key == NULL || curve->import == NULL || curve->new_exchange == NULL
        || curve->free_exchange == NULL || curve->begin == NULL || curve->set_peer == NULL || curve->derive == NULL)
        return -1;
    size_t count = 0;
    for (; keys[count].function_id != 0; count++) {
        if (count == WARREN_X25519_FUNCTIONS) return -1;
        curve->functions[count] = keys[count];
        for (int i = 0; i < OURS; i++)
            if (keys[count].function_id == ours[i].function_id) curve->functions[count] = ours[i];
    }
    curve->functions[count] = (OSSL_DISPATCH){0, NULL};
    for (int i = 0; i < OURS; i++)
        if (warren_tls_function(curve->functions, ours[i].function_id) != ours[i].function) return -1;
    curve->pairs.curve = curve->blanks.curve = curve;
    curve->base = curve->new_key(provider);
    return curve->base != NULL && import(curve, curve->base, NULL, nine) ? 0 : -1;
}

void warren_x25519_free(struct warren_x25519 *curve) {
    if (curve->base != NULL) curve->free_key(curve->base);
    curve->base = NULL;
}
