/* Key pairs of X25519 as our library context makes them, beside those of the default provider. */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <string.h>

#include "tls_internal.h"
#include "tls_proof.h"

static const OSSL_DISPATCH *functions_for_x25519(OSSL_PROVIDER *provider, int operation) {
    int no_cache;
    const OSSL_ALGORITHM *all = OSSL_PROVIDER_query_operation(provider, operation, &no_cache);
    for (; all != NULL && all->algorithm_names != NULL; all++)
        if (strncmp(all->algorithm_names, "X25519", 6) == 0
            && (all->algorithm_names[6] == ':' || all->algorithm_names[6] == 0))
            return all->implementation;
    return NULL;
}

/* By the functions themselves, so that it is the same on a processor for which the library would not use them. */
int proof_x25519(const uint8_t secret[32], const uint8_t theirs[32], uint8_t public_half[32], uint8_t shared[32]) {
    OSSL_LIB_CTX *whole = OSSL_LIB_CTX_new();
    OSSL_PROVIDER *provider = OSSL_PROVIDER_load(whole, "default");
    void *context = OSSL_PROVIDER_get0_provider_ctx(provider);
    const OSSL_DISPATCH *keys = functions_for_x25519(provider, OSSL_OP_KEYMGMT);
    const OSSL_DISPATCH *exchanges = functions_for_x25519(provider, OSSL_OP_KEYEXCH);
    struct warren_x25519 curve = {0};
    uint8_t own[32];
    size_t length = 0;
    int good = keys != NULL && exchanges != NULL && warren_x25519_setup(&curve, whole, context, keys, exchanges) == 0;
    OSSL_FUNC_keymgmt_get_params_fn *get = NULL;
    for (const OSSL_DISPATCH *at = keys; good && at->function_id != 0; at++)
        if (at->function_id == OSSL_FUNC_KEYMGMT_GET_PARAMS) get = (OSSL_FUNC_keymgmt_get_params_fn *)at->function;
    memcpy(own, secret, sizeof own);
    void *key = good ? warren_x25519_pair(&curve, own) : NULL, *peer = good ? curve.new_key(context) : NULL;
    void *exchange = good ? curve.new_exchange(context) : NULL;
    if (key == NULL || peer == NULL || exchange == NULL || get == NULL) good = 0;
    if (good) {
        OSSL_PARAM ours[] = {
            OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, public_half, 32), OSSL_PARAM_construct_end()};
        OSSL_PARAM other[] = {
            OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)theirs, 32), OSSL_PARAM_construct_end()};
        good = get(key, ours) == 1 && curve.import(peer, OSSL_KEYMGMT_SELECT_PUBLIC_KEY, other) == 1
            && curve.begin(exchange, key, NULL) == 1 && curve.set_peer(exchange, peer) == 1
            && curve.derive(exchange, shared, &length, 32) == 1 && length == 32;
    }
    if (exchange != NULL) curve.free_exchange(exchange);
    if (peer != NULL) curve.free_key(peer);
    if (key != NULL) curve.free_key(key);
    warren_x25519_free(&curve);
    OSSL_PROVIDER_unload(provider);
    OSSL_LIB_CTX_free(whole);
    return good ? 0 : -1;
}

int proof_generate(struct warren_tls_engine *engine, const char *group, uint8_t flipped_secret[32], uint8_t public_half[32]) {
    uint8_t secret[32], computed[32];
    size_t secret_length = 32, public_length = 32, computed_length = 32;
    EVP_PKEY *key = NULL, *again = NULL;
    EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(engine->library, "X25519", NULL);
    int good = maker != NULL && EVP_PKEY_keygen_init(maker) == 1
        && (group == NULL || EVP_PKEY_CTX_set_group_name(maker, group) == 1) && EVP_PKEY_keygen(maker, &key) == 1
        && EVP_PKEY_get_raw_private_key(key, secret, &secret_length) == 1
        && EVP_PKEY_get_raw_public_key(key, public_half, &public_length) == 1;
    if (good) {
        /* The default provider, given only the secret, finds the public half in its own way. */
        again = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret, secret_length);
        good = again != NULL && EVP_PKEY_get_raw_public_key(again, computed, &computed_length) == 1
            && public_length == 32 && computed_length == 32 && memcmp(computed, public_half, 32) == 0;
        for (int i = 0; i < 32; i++) flipped_secret[i] = secret[i] ^ 0xff;
    }
    OPENSSL_cleanse(secret, sizeof secret);
    EVP_PKEY_free(again);
    EVP_PKEY_free(key);
    EVP_PKEY_CTX_free(maker);
    return good ? 0 : -1;
}

int proof_generate_blank(struct warren_tls_engine *engine) {
    uint8_t half[32];
    size_t length = sizeof half;
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(engine->library, "X25519", NULL);
    int good = maker != NULL && EVP_PKEY_paramgen_init(maker) == 1 && EVP_PKEY_paramgen(maker, &key) == 1
        && EVP_PKEY_get_raw_private_key(key, half, &length) != 1;
    EVP_PKEY_free(key);
    EVP_PKEY_CTX_free(maker);
    return good ? 0 : -1;
}
