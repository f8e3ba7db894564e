/* Records that the kernel does (kernel TLS): it is given key, IV and number as they stand at a record's boundary, and gives
 * back what is not data. Secrets stay here: the next generation's are made of them. */
#include <linux/tls.h>
#include <openssl/crypto.h>
#include <string.h>

#include "record.h"

_Static_assert(WARREN_TLS_WRITING == TLS_TX && WARREN_TLS_READING == TLS_RX, "directions are the kernel's");
_Static_assert(
    sizeof(struct tls12_crypto_info_aes_gcm_256) <= WARREN_TLS_KERNEL_KEYS
        && sizeof(struct tls12_crypto_info_chacha20_poly1305) <= WARREN_TLS_KERNEL_KEYS,
    "room for every structure");
_Static_assert(WARREN_TLS_RECORD_OVERHEAD == RECORD_OVERHEAD, "one number");

int warren_tls_kernel_fits(const warren_tls_session *session, int direction) {
    const struct record_state *records = &session->records;
    if (!session->context->kernel || !session->detached || session->dead || (records->kernel & direction) != 0) return -1;
    if (direction == WARREN_TLS_WRITING) return session->closed ? -1 : records->owes_update == 0;
    if (session->peer_closed) return -1;
    /* Only OpenSSL can read a ticket, and it wants the record as it came; bytes that were opened have to be delivered first. */
    return session->ssl == NULL && records->spill == NULL && records->message_left == 0 && records->message_count == 0
        && !session->fault_waits;
}

/* The kernel's structures differ in their sizes only; salt and iv together are the nonce, and ChaCha20's has no salt. */
#define FILL(structure, cipher)                                                                  \
    do {                                                                                         \
        struct structure info = {.info = {TLS_1_3_VERSION, cipher}};                             \
        memcpy(info.salt, keys->iv, sizeof info.salt);                                           \
        memcpy(info.iv, keys->iv + sizeof info.salt, sizeof info.iv);                            \
        memcpy(info.key, keys->key, sizeof info.key);                                            \
        memcpy(info.rec_seq, number, sizeof info.rec_seq);                                       \
        memcpy(out, &info, sizeof info);                                                         \
        OPENSSL_cleanse(&info, sizeof info);                                                     \
        return sizeof info;                                                                      \
    } while (0)

/* TLS 1.3 knows no explicit part of a nonce: the kernel puts salt and iv together again and adds the number (RFC 8446 section
 * 5.3). The number is in the wire's order. */
size_t warren_tls_kernel_keys(const warren_tls_session *session, int direction, uint8_t out[WARREN_TLS_KERNEL_KEYS]) {
    const struct record_state *records = &session->records;
    const struct record_direction *keys = direction == WARREN_TLS_WRITING ? &records->writing : &records->reading;
    uint8_t number[8];
    for (int i = 0; i < 8; i++) number[7 - i] = (uint8_t)(keys->sequence >> (8 * i));
    switch (records->kind) {
    case AEAD_AES_128_GCM: FILL(tls12_crypto_info_aes_gcm_128, TLS_CIPHER_AES_GCM_128);
    case AEAD_AES_256_GCM: FILL(tls12_crypto_info_aes_gcm_256, TLS_CIPHER_AES_GCM_256);
    case AEAD_CHACHA20_POLY1305: FILL(tls12_crypto_info_chacha20_poly1305, TLS_CIPHER_CHACHA20_POLY1305);
    default: return 0;
    }
}

void warren_tls_kernel_entered(warren_tls_session *session, int direction, int64_t mark) {
    struct record_state *records = &session->records;
    struct record_direction *keys = direction == WARREN_TLS_WRITING ? &records->writing : &records->reading;
    if (direction == WARREN_TLS_WRITING && (records->kernel & WARREN_TLS_WRITING) == 0)
        records->kernel_mark = mark - (int64_t)(keys->sequence * RECORD_OVERHEAD);
    records->kernel |= (uint8_t)direction;
    /* Nobody here needs them again, and a record under them would use a nonce twice. */
    warren_aead_forget(session->context->engine, keys);
    OPENSSL_cleanse(keys->key, sizeof keys->key);
    OPENSSL_cleanse(keys->iv, sizeof keys->iv);
}

int warren_tls_kernel_has(const warren_tls_session *session) {
    return session->records.kernel;
}

int warren_tls_kernel_take(
    warren_tls_session *session, uint8_t type, const uint8_t *bytes, size_t length, uint64_t data, warren_sink *output) {
    struct record_state *records = &session->records;
    if (session->dead) return -1;
    if (session->peer_closed) return WARREN_TLS_CLOSED;
    if (data != records->kernel_data) records->empty_records = 0;
    records->kernel_data = data;
    uint64_t before = records->reading.number;
    int only_tickets;
    session->output = output;
    int outcome = warren_record_take(session, type, bytes, length, &only_tickets);
    if (outcome == 0) outcome = warren_record_pay(session);
    session->output = NULL;
    if (outcome != 0) return -1;
    if (session->peer_closed) return WARREN_TLS_CLOSED;
    if (records->reading.number != before) return WARREN_TLS_KERNEL_NEW_KEYS;
    return records->message_left != 0 || records->message_count != 0 ? WARREN_TLS_KERNEL_INSIDE : WARREN_TLS_MORE_INPUT;
}

void warren_tls_kernel_failed(warren_tls_session *session, int reason, const char *detail, warren_sink *output) {
    session->output = output;
    int alert = reason == WARREN_TLS_BAD_RECORD ? ALERT_BAD_RECORD_MAC : ALERT_INTERNAL_ERROR;
    (void)warren_record_fail(session, reason, alert, detail);
    session->output = NULL;
}

size_t warren_tls_kernel_owed(const warren_tls_session *session, uint8_t *type, uint8_t bytes[5]) {
    const struct record_state *records = &session->records;
    if ((records->kernel & WARREN_TLS_WRITING) == 0) return 0;
    if (records->owes_alert[0] != 0) {
        *type = CONTENT_ALERT;
        memcpy(bytes, records->owes_alert, 2);
        return 2;
    }
    if (records->owes_update == 0 || session->closed || session->dead) return 0;
    const uint8_t message[5] = {MESSAGE_KEY_UPDATE, 0, 0, 1, records->owes_update == 2};
    *type = CONTENT_HANDSHAKE;
    memcpy(bytes, message, sizeof message);
    return sizeof message;
}

int warren_tls_kernel_paid(warren_tls_session *session, uint64_t sequence) {
    struct record_state *records = &session->records;
    if (records->owes_alert[0] != 0) {
        records->owes_alert[0] = 0;
        records->kernel_mark += 2;
        return 0;
    }
    records->owes_update = 0;
    records->kernel_mark += 5 + (int64_t)(sequence * RECORD_OVERHEAD);
    if (warren_record_advance(session->context->engine, records->kind, &records->writing) == 0) return 1;
    return warren_tls_fail(session, WARREN_TLS_INTERNAL, ALERT_INTERNAL_ERROR, "out of memory, or libcrypto failed");
}

void warren_tls_kernel_counted(warren_tls_session *session, uint64_t sequence) {
    struct record_state *records = &session->records;
    if (sequence >= session->context->engine->update_after && records->owes_update == 0) records->owes_update = 1;
}

int64_t warren_tls_kernel_expected(const warren_tls_session *session, uint64_t data, uint64_t sequence) {
    return session->records.kernel_mark + (int64_t)data + (int64_t)(sequence * RECORD_OVERHEAD);
}
