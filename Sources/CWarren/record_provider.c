/* Record protection by libcrypto's provider, called as provider-cipher(7) describes it.
 *
 * EVP, which stands between, asks the provider for the nonce's length each time a nonce is set, and the provider answers by
 * comparing strings; with its checks that is over a third of the instructions of a small record. The algorithms, the expanded keys
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
    return begin(slot, key, aead_key_length(slot->kind), NULL) == 1 ? 0 : -1;
}

static void provider_wipe(struct aead_slot *slot) {
    static const uint8_t nothing[32];
    if (slot->context != NULL && begin(slot, nothing, aead_key_length(slot->kind), NULL) != 1) warren_provider_release(slot);
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

/* Beside EVP, for nothing, a small record and one above SMALL. */
static int agrees(warren_tls_engine *engine, int kind) {
    static const size_t lengths[] = {0, 61, SMALL + 33};
    struct aead_slot sealing = {.kind = (uint8_t)kind, .sealing = 1}, opening = {.kind = (uint8_t)kind};
    int agreed = warren_aead_agrees(
        engine, &warren_aead_provider, &sealing, &opening, lengths, sizeof lengths / sizeof *lengths);
    warren_provider_release(&sealing);
    warren_provider_release(&opening);
    return agreed;
}

void warren_provider_setup(warren_tls_engine *engine) {
    engine->calls = warren_tls_library_ciphers(engine->libraries);
    for (int kind = 0; kind < AEAD_KINDS && engine->calls != NULL; kind++)
        if (!agrees(engine, kind)) engine->calls = NULL;
}
