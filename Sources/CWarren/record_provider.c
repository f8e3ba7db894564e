/* Record protection by libcrypto's provider, called as provider-cipher(7) describes it.
 *
 * EVP, which stands between, asks the provider for the nonce's length each time a nonce is set, and the provider answers by
 * comparing strings; with its checks that is half of the instructions of a small record. The algorithms, the expanded keys
 * and the comparison of tags are the same. Where a library's table is not as described, or its answers differ from EVP's,
 * EVP is used. */
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"

enum {
    /* Up to here the content type is put behind a copy of the text: a second call for one byte costs more. */
    SMALL = 512,
};

struct cipher_calls {
    void *provider;
    OSSL_FUNC_cipher_newctx_fn *new_context;
    OSSL_FUNC_cipher_freectx_fn *free_context;
    OSSL_FUNC_cipher_encrypt_init_fn *begin_sealing;
    OSSL_FUNC_cipher_decrypt_init_fn *begin_opening;
    OSSL_FUNC_cipher_update_fn *update;
    OSSL_FUNC_cipher_final_fn *finish;
    OSSL_FUNC_cipher_get_ctx_params_fn *get;
    OSSL_FUNC_cipher_set_ctx_params_fn *set;
};

static const size_t key_sizes[AEAD_KINDS] = {16, 32, 32};

void warren_provider_release(struct aead_slot *slot) {
    if (slot->context != NULL) slot->calls->free_context(slot->context);
    slot->context = NULL;
    slot->calls = NULL;
}

static int begin(struct aead_slot *slot, const uint8_t *key, size_t key_size, const uint8_t *nonce) {
    size_t nonce_size = nonce == NULL ? 0 : 12;
    return slot->sealing
        ? slot->calls->begin_sealing(slot->context, key, key_size, nonce, nonce_size, NULL)
        : slot->calls->begin_opening(slot->context, key, key_size, nonce, nonce_size, NULL);
}

static int provider_expand(warren_tls_engine *engine, struct aead_slot *slot, const uint8_t *key) {
    const struct cipher_calls *calls = &engine->calls[slot->kind];
    if (slot->calls != calls) {
        warren_provider_release(slot);
        if ((slot->context = calls->new_context(calls->provider)) == NULL) return -1;
        slot->calls = calls;
    }
    slot->key_size = (uint8_t)key_sizes[slot->kind];
    return begin(slot, key, slot->key_size, NULL) == 1 ? 0 : -1;
}

static void provider_wipe(struct aead_slot *slot) {
    static const uint8_t nothing[32];
    if (slot->context != NULL && begin(slot, nothing, slot->key_size, NULL) != 1) warren_provider_release(slot);
}

static int provider_seal(
    struct aead_slot *slot, const uint8_t nonce[12], const uint8_t header[5], const uint8_t *in, size_t length,
    uint8_t type, uint8_t *out) {
    const struct cipher_calls *calls = slot->calls;
    void *context = slot->context;
    size_t count;
    if (begin(slot, NULL, 0, nonce) != 1) return -1;
    if (calls->update(context, NULL, &count, RECORD_HEADER, header, RECORD_HEADER) != 1) return -1;
    if (length <= SMALL) {
        if (length > 0) memcpy(out, in, length);
        out[length] = type;
        if (calls->update(context, out, &count, length + 1, out, length + 1) != 1) return -1;
    } else {
        if (calls->update(context, out, &count, length, in, length) != 1) return -1;
        if (calls->update(context, out + length, &count, 1, &type, 1) != 1) return -1;
    }
    OSSL_PARAM tag[2] = {
        OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, out + length + 1, RECORD_TAG),
        OSSL_PARAM_construct_end(),
    };
    return calls->finish(context, out + length + 1, &count, RECORD_TAG) == 1 && calls->get(context, tag) == 1 ? 0 : -1;
}

static int provider_open(
    struct aead_slot *slot, const uint8_t nonce[12], const uint8_t header[5], const uint8_t *in, size_t length,
    uint8_t *out) {
    const struct cipher_calls *calls = slot->calls;
    void *context = slot->context;
    size_t count;
    OSSL_PARAM tag[2] = {
        OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, (void *)(in + length), RECORD_TAG),
        OSSL_PARAM_construct_end(),
    };
    /* libcrypto compares the tag with CRYPTO_memcmp when it finishes. */
    if (begin(slot, NULL, 0, nonce) == 1 && calls->update(context, NULL, &count, RECORD_HEADER, header, RECORD_HEADER) == 1
        && calls->set(context, tag) == 1 && calls->update(context, out, &count, length, in, length) == 1
        && calls->finish(context, out + length, &count, 0) == 1)
        return 0;
    OPENSSL_cleanse(out, length);
    return -1;
}

const struct aead_ops warren_aead_provider = {
    "libcrypto", provider_expand, provider_wipe, provider_seal, provider_open,
};

/* Whether `names`, separated by colons, begin with `name`. */
static int is_called(const char *names, const char *name) {
    size_t length = strlen(name);
    return OPENSSL_strncasecmp(names, name, length) == 0 && (names[length] == ':' || names[length] == 0);
}

static int read_table(const OSSL_DISPATCH *entry, struct cipher_calls *calls) {
    for (; entry->function_id != 0; entry++)
        switch (entry->function_id) {
        case OSSL_FUNC_CIPHER_NEWCTX: calls->new_context = OSSL_FUNC_cipher_newctx(entry); break;
        case OSSL_FUNC_CIPHER_FREECTX: calls->free_context = OSSL_FUNC_cipher_freectx(entry); break;
        case OSSL_FUNC_CIPHER_ENCRYPT_INIT: calls->begin_sealing = OSSL_FUNC_cipher_encrypt_init(entry); break;
        case OSSL_FUNC_CIPHER_DECRYPT_INIT: calls->begin_opening = OSSL_FUNC_cipher_decrypt_init(entry); break;
        case OSSL_FUNC_CIPHER_UPDATE: calls->update = OSSL_FUNC_cipher_update(entry); break;
        case OSSL_FUNC_CIPHER_FINAL: calls->finish = OSSL_FUNC_cipher_final(entry); break;
        case OSSL_FUNC_CIPHER_GET_CTX_PARAMS: calls->get = OSSL_FUNC_cipher_get_ctx_params(entry); break;
        case OSSL_FUNC_CIPHER_SET_CTX_PARAMS: calls->set = OSSL_FUNC_cipher_set_ctx_params(entry); break;
        default: break;
        }
    return calls->new_context != NULL && calls->free_context != NULL && calls->begin_sealing != NULL
        && calls->begin_opening != NULL && calls->update != NULL && calls->finish != NULL && calls->get != NULL
        && calls->set != NULL;
}

/* Both ways, beside EVP, for a small record and one above SMALL; a wrong tag is refused. */
static int agrees(warren_tls_engine *engine, int kind) {
    static const uint8_t key[32] = {1, 2, 3}, nonce[12] = {4, 5, 6}, header[RECORD_HEADER] = {23, 3, 3};
    static const size_t lengths[] = {0, 61, SMALL + 33};
    uint8_t plain[SMALL + 33], left[sizeof plain + 1 + RECORD_TAG], right[sizeof left], back[sizeof left];
    struct aead_slot sealing = {.kind = (uint8_t)kind, .sealing = 1}, opening = {.kind = (uint8_t)kind}, reference = sealing;
    int agreed = 0;
    for (size_t i = 0; i < sizeof plain; i++) plain[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        size_t length = lengths[i];
        if (provider_expand(engine, &sealing, key) != 0 || provider_expand(engine, &opening, key) != 0
            || warren_aead_libcrypto.expand(engine, &reference, key) != 0
            || provider_seal(&sealing, nonce, header, plain, length, 23, left) != 0
            || warren_aead_libcrypto.seal(&reference, nonce, header, plain, length, 23, right) != 0
            || memcmp(left, right, length + 1 + RECORD_TAG) != 0
            || provider_open(&opening, nonce, header, right, length + 1, back) != 0
            || memcmp(back, plain, length) != 0 || back[length] != 23)
            goto done;
        right[length + RECORD_TAG] ^= 1;
        if (provider_open(&opening, nonce, header, right, length + 1, back) == 0) goto done;
    }
    agreed = 1;
done:
    warren_provider_release(&sealing);
    warren_provider_release(&opening);
    EVP_CIPHER_CTX_free(reference.evp);
    return agreed;
}

static int find(warren_tls_engine *engine, int kind, struct cipher_calls *calls) {
    const OSSL_PROVIDER *provider = EVP_CIPHER_get0_provider(engine->aead[kind]);
    const char *name = EVP_CIPHER_get0_name(engine->aead[kind]);
    int is_fleeting = 0;
    const OSSL_ALGORITHM *table = OSSL_PROVIDER_query_operation(provider, OSSL_OP_CIPHER, &is_fleeting), *entry = table;
    while (entry != NULL && entry->algorithm_names != NULL && !is_called(entry->algorithm_names, name)) entry++;
    int is_found = !is_fleeting && entry != NULL && entry->algorithm_names != NULL && read_table(entry->implementation, calls);
    OSSL_PROVIDER_unquery_operation(provider, OSSL_OP_CIPHER, table);
    calls->provider = OSSL_PROVIDER_get0_provider_ctx(provider);
    return is_found;
}

void warren_provider_setup(warren_tls_engine *engine) {
    if ((engine->calls = calloc(AEAD_KINDS, sizeof *engine->calls)) == NULL) return;
    for (int kind = 0; kind < AEAD_KINDS; kind++)
        if (!find(engine, kind, &engine->calls[kind]) || !agrees(engine, kind)) {
            free(engine->calls);
            engine->calls = NULL;
            return;
        }
}
