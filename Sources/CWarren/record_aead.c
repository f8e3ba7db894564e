/* Record protection by libcrypto, and the engine's table of expanded keys. */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"

/* --- libcrypto --------------------------------------------------------------------------------------------------- */

static int evp_expand(warren_tls_engine *engine, struct aead_slot *slot, const uint8_t *key) {
    if (slot->evp == NULL && (slot->evp = EVP_CIPHER_CTX_new()) == NULL) return -1;
    const EVP_CIPHER *cipher = engine->aead[slot->kind];
    /* A context that already runs this cipher keeps its memory. All three take 12-byte nonces by default. */
    if (EVP_CIPHER_CTX_get0_cipher(slot->evp) == cipher) cipher = NULL;
    return EVP_CipherInit_ex(slot->evp, cipher, NULL, key, NULL, slot->sealing) == 1 ? 0 : -1;
}

static void evp_wipe(struct aead_slot *slot) {
    static const uint8_t nothing[32];
    /* Writing another key over the schedule is cheaper than giving the memory back and fetching it anew. */
    if (slot->evp != NULL && EVP_CipherInit_ex(slot->evp, NULL, NULL, nothing, NULL, slot->sealing) != 1) {
        EVP_CIPHER_CTX_free(slot->evp);
        slot->evp = NULL;
    }
}

static int evp_seal(
    struct aead_slot *slot, const uint8_t nonce[12], const uint8_t header[5], const uint8_t *in, size_t length,
    uint8_t type, uint8_t *out) {
    EVP_CIPHER_CTX *evp = slot->evp;
    int count;
    return EVP_EncryptInit_ex(evp, NULL, NULL, NULL, nonce) == 1
            && EVP_EncryptUpdate(evp, NULL, &count, header, RECORD_HEADER) == 1
            && (length == 0 || EVP_EncryptUpdate(evp, out, &count, in, (int)length) == 1)
            && EVP_EncryptUpdate(evp, out + length, &count, &type, 1) == 1
            && EVP_EncryptFinal_ex(evp, out + length + 1, &count) == 1
            && EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_GET_TAG, RECORD_TAG, out + length + 1) == 1
        ? 0
        : -1;
}

static int evp_open(
    struct aead_slot *slot, const uint8_t nonce[12], const uint8_t header[5], const uint8_t *in, size_t length,
    uint8_t *out) {
    EVP_CIPHER_CTX *evp = slot->evp;
    int count;
    /* libcrypto compares the tag with CRYPTO_memcmp in Final. */
    if (EVP_DecryptInit_ex(evp, NULL, NULL, NULL, nonce) == 1
        && EVP_DecryptUpdate(evp, NULL, &count, header, RECORD_HEADER) == 1
        && EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_SET_TAG, RECORD_TAG, (void *)(in + length)) == 1
        && EVP_DecryptUpdate(evp, out, &count, in, (int)length) == 1
        && EVP_DecryptFinal_ex(evp, out + length, &count) == 1)
        return 0;
    OPENSSL_cleanse(out, length);
    return -1;
}

const struct aead_ops warren_aead_libcrypto = {"libcrypto", evp_expand, evp_wipe, evp_seal, evp_open};

int warren_aead_agrees(
    warren_tls_engine *engine, const struct aead_ops *ops, struct aead_slot *sealing, struct aead_slot *opening,
    const size_t *lengths, size_t count) {
    enum { ROOM = RECORD_LARGEST_PLAIN + 64 };
    struct aead_slot reference = {.kind = sealing->kind, .sealing = 1};
    int agreed = 0;
    uint8_t *memory = malloc(4 * ROOM);
    if (memory == NULL) return 0;
    uint8_t *plain = memory, *left = memory + ROOM, *right = left + ROOM, *back = right + ROOM;
    uint32_t noise = 1;
    for (size_t i = 0; i < ROOM; i++) plain[i] = (uint8_t)((noise = noise * 1664525 + 1013904223) >> 24);
    for (size_t i = 0; i < count; i++) {
        size_t length = lengths[i];
        const uint8_t *key = plain + i, *nonce = plain + 100 + i, *header = plain + 200 + i;
        if (ops->expand(engine, sealing, key) != 0 || evp_expand(engine, &reference, key) != 0) goto done;
        if (opening != sealing && ops->expand(engine, opening, key) != 0) goto done;
        if (ops->seal(sealing, nonce, header, plain + i, length, 23, left) != 0) goto done;
        if (evp_seal(&reference, nonce, header, plain + i, length, 23, right) != 0) goto done;
        if (memcmp(left, right, length + 1 + RECORD_TAG) != 0) goto done;
        if (ops->open(opening, nonce, header, right, length + 1, back) != 0) goto done;
        if (memcmp(back, plain + i, length) != 0 || back[length] != 23) goto done;
        right[(length + 1 + RECORD_TAG) / 2] ^= 1;
        if (ops->open(opening, nonce, header, right, length + 1, back) == 0) goto done;
    }
    agreed = 1;
done:
    free(memory);
    EVP_CIPHER_CTX_free(reference.evp);
    return agreed;
}

/* --- the table --------------------------------------------------------------------------------------------------- */

static void empty(warren_tls_engine *engine, struct aead_slot *slot) {
    if (slot->owner == 0) return;
    aead_ops_of(engine, slot)->wipe(slot);
    slot->owner = 0;
}

/* Second chance: the hand passes over slots used since it last came by, once. */
static struct aead_slot *take(warren_tls_engine *engine) {
    if (engine->slots_used < engine->slot_count) return &engine->slots[engine->slots_used++];
    for (;;) {
        struct aead_slot *slot = &engine->slots[engine->slot_hand];
        engine->slot_hand = (engine->slot_hand + 1) % engine->slot_count;
        if (slot->owner == 0 || !slot->recent) return slot;
        slot->recent = 0;
    }
}

static __attribute__((noinline)) struct aead_slot *expand(
    warren_tls_engine *engine, struct record_direction *direction, int kind, int sealing) {
    struct aead_slot *slot = take(engine);
    empty(engine, slot);
    warren_aead_accelerate(engine);
    slot->kind = (uint8_t)kind;
    slot->sealing = (uint8_t)sealing;
    slot->accelerated = kind != AEAD_CHACHA20_POLY1305 && engine->accelerator != NULL;
    if (aead_ops_of(engine, slot)->expand(engine, slot, direction->key) != 0) return NULL;
    slot->owner = direction->number;
    slot->recent = 1;
    direction->slot = (uint32_t)(slot - engine->slots);
    return slot;
}

struct aead_slot *warren_aead_slot(
    warren_tls_engine *engine, struct record_direction *direction, int kind, int sealing) {
    struct aead_slot *slot = &engine->slots[direction->slot];
    if (slot->owner != direction->number) return expand(engine, direction, kind, sealing);
    slot->recent = 1;
    return slot;
}

void warren_aead_forget(warren_tls_engine *engine, struct record_direction *direction) {
    if (direction->number == 0) return;
    struct aead_slot *slot = &engine->slots[direction->slot];
    if (slot->owner == direction->number) empty(engine, slot);
}

int warren_aead_setup(warren_tls_engine *engine, int accelerator, uint32_t slots) {
    /* The default provider's own: what answers are held against. */
    OSSL_LIB_CTX *whole = warren_tls_library_whole(engine->libraries);
    for (int i = 0; i < AEAD_KINDS; i++)
        if ((engine->aead[i] = EVP_CIPHER_fetch(whole, warren_cipher_names[i], NULL)) == NULL) return -1;
    engine->slot_count = slots < 4 ? 4 : slots; /* one session uses two at a time */
    engine->slots = calloc(engine->slot_count, sizeof *engine->slots);
    if (engine->slots == NULL) return -1;
    warren_provider_setup(engine);
    engine->accelerator_wanted = accelerator == WARREN_TLS_ACCELERATOR_AUTO;
    return 0;
}

void warren_aead_accelerate(warren_tls_engine *engine) {
    if (!engine->accelerator_wanted) return;
    engine->accelerator_wanted = 0;
    engine->accelerator = warren_aead_ipsec_mb(engine);
}

static void give_back(struct aead_slot *slot) {
    EVP_CIPHER_CTX_free(slot->evp);
    warren_provider_release(slot);
    free(slot->keys);
    slot->evp = NULL;
    slot->keys = NULL;
}

void warren_tls_engine_trim(warren_tls_engine *engine) {
    for (uint32_t i = 0; i < engine->slots_used; i++)
        if (engine->slots[i].owner == 0) give_back(&engine->slots[i]);
    /* Last, for what OpenSSL gives back with the keys goes to the shelf too. */
    warren_tls_memory_trim();
}

void warren_aead_free(warren_tls_engine *engine) {
    for (uint32_t i = 0; engine->slots != NULL && i < engine->slots_used; i++) {
        empty(engine, &engine->slots[i]);
        give_back(&engine->slots[i]);
    }
    free(engine->slots);
    for (int i = 0; i < AEAD_KINDS; i++) EVP_CIPHER_free(engine->aead[i]);
}
