#include <stdlib.h>
#include <string.h>

#include "record.h"
#include "tls_proof.h"

size_t proof_seal_any(
    struct warren_tls_session *session, int type, const uint8_t *content, size_t length, size_t padding, uint8_t *to,
    size_t room) {
    struct record_direction *direction = &session->records.writing;
    warren_tls_engine *engine = session->context->engine;
    struct aead_slot *slot = warren_aead_slot(engine, direction, session->records.kind, 1);
    /* The layer's own seal puts a type behind what it is given: with padding, the type goes in front of the zeros. */
    size_t inner = type < 0 ? padding : length + 1 + padding;
    if (slot == NULL || inner == 0 || room < RECORD_HEADER + inner + RECORD_TAG) return 0;
    uint8_t *plain = calloc(1, inner), nonce[12];
    if (plain == NULL) abort();
    if (type >= 0) {
        if (length != 0) memcpy(plain, content, length);
        plain[length] = (uint8_t)type;
    }
    size_t cipher = inner + RECORD_TAG;
    uint8_t header[RECORD_HEADER] = {23, 3, 3, (uint8_t)(cipher >> 8), (uint8_t)cipher};
    memcpy(to, header, sizeof header);
    memcpy(nonce, direction->iv, 12);
    for (int i = 0; i < 8; i++) nonce[11 - i] ^= (uint8_t)(direction->sequence >> (8 * i));
    direction->sequence++;
    if (aead_ops_of(engine, slot)->seal(slot, nonce, to, plain, inner - 1, plain[inner - 1], to + RECORD_HEADER) != 0)
        abort();
    free(plain);
    return RECORD_HEADER + cipher;
}

void proof_set_sequence(struct warren_tls_session *session, int writing, uint64_t sequence) {
    (writing ? &session->records.writing : &session->records.reading)->sequence = sequence;
}

uint64_t proof_checksum(uint64_t before, const uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) before = (before ^ bytes[i]) * 0x100000001B3 + 0x9E3779B9;
    return before;
}

uint64_t proof_noise(uint64_t seed, uint8_t *to, size_t count) {
    for (size_t i = 0; i < count; i++) {
        seed = seed * 6364136223846793005 + 1442695040888963407;
        to[i] = (uint8_t)(seed >> 56);
    }
    return seed;
}
