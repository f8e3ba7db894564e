/* Traffic secrets: caught from OpenSSL's key log, turned into keys as RFC 8446 section 7 says. */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "record.h"

int warren_record_kind(uint16_t suite) {
    switch (suite) {
    case 0x1301: return AEAD_AES_128_GCM;
    case 0x1302: return AEAD_AES_256_GCM;
    case 0x1303: return AEAD_CHACHA20_POLY1305;
    default: return -1;
    }
}

static const EVP_MD *hash_of(const warren_tls_engine *engine, int kind) {
    return kind == AEAD_AES_256_GCM ? engine->sha384 : engine->sha256;
}

static size_t key_length_of(int kind) {
    return kind == AEAD_AES_128_GCM ? 16 : 32;
}

/* RFC 2104 over the engine's scratch digests; EVP_MAC would fetch and allocate each time. Keys here are no longer than a
 * block. */
static int hmac(
    warren_tls_engine *engine, const EVP_MD *hash, const uint8_t *key, size_t key_length, const uint8_t *text,
    size_t length, uint8_t *out) {
    uint8_t pad[128];
    size_t block = (size_t)EVP_MD_get_block_size(hash), size = (size_t)EVP_MD_get_size(hash);
    if (block > sizeof pad || key_length > block) return -1;
    memset(pad, 0x36, block);
    for (size_t i = 0; i < key_length; i++) pad[i] ^= key[i];
    int ok = EVP_DigestInit_ex2(engine->inner, hash, NULL) == 1 && EVP_DigestUpdate(engine->inner, pad, block) == 1
        && EVP_DigestUpdate(engine->inner, text, length) == 1 && EVP_DigestFinal_ex(engine->inner, out, NULL) == 1;
    for (size_t i = 0; i < block; i++) pad[i] ^= 0x36 ^ 0x5c;
    ok = ok && EVP_DigestInit_ex2(engine->inner, hash, NULL) == 1 && EVP_DigestUpdate(engine->inner, pad, block) == 1
        && EVP_DigestUpdate(engine->inner, out, size) == 1 && EVP_DigestFinal_ex(engine->inner, out, NULL) == 1;
    OPENSSL_cleanse(pad, sizeof pad);
    /* A digest that is done keeps its last state, and the outer one's is the secret that was asked for: begin another, or
     * give the memory back, which wipes it. */
    if (EVP_DigestInit_ex2(engine->inner, hash, NULL) != 1) EVP_MD_CTX_reset(engine->inner);
    if (!ok) OPENSSL_cleanse(out, size);
    return ok ? 0 : -1;
}

int warren_record_expand_label(
    warren_tls_engine *engine, const EVP_MD *hash, const uint8_t *secret, const char *label, uint8_t *out, size_t length) {
    static const char prefix[] = "tls13 ";
    size_t size = (size_t)EVP_MD_get_size(hash), label_length = strlen(label);
    uint8_t info[64], block[64];
    size_t at = 0;
    if (length > size || label_length > 32) return -1;
    info[at++] = (uint8_t)(length >> 8);
    info[at++] = (uint8_t)length;
    info[at++] = (uint8_t)(sizeof prefix - 1 + label_length);
    memcpy(info + at, prefix, sizeof prefix - 1);
    at += sizeof prefix - 1;
    memcpy(info + at, label, label_length);
    at += label_length;
    info[at++] = 0; /* empty context */
    info[at++] = 1; /* RFC 5869: counter of the first and only block */
    int outcome = hmac(engine, hash, secret, size, info, at, block);
    if (outcome == 0) memcpy(out, block, length);
    OPENSSL_cleanse(block, sizeof block);
    return outcome;
}

int warren_record_derive(warren_tls_engine *engine, int kind, struct record_direction *direction) {
    const EVP_MD *hash = hash_of(engine, kind);
    if (warren_record_expand_label(engine, hash, direction->secret, "key", direction->key, key_length_of(kind)) != 0
        || warren_record_expand_label(engine, hash, direction->secret, "iv", direction->iv, sizeof direction->iv) != 0)
        return -1;
    direction->number = ++engine->key_number;
    return 0;
}

int warren_record_advance(warren_tls_engine *engine, int kind, struct record_direction *direction) {
    const EVP_MD *hash = hash_of(engine, kind);
    uint8_t next[48];
    size_t size = (size_t)EVP_MD_get_size(hash);
    int outcome = warren_record_expand_label(engine, hash, direction->secret, "traffic upd", next, size);
    if (outcome == 0) memcpy(direction->secret, next, size);
    OPENSSL_cleanse(next, sizeof next);
    if (outcome != 0) return -1;
    warren_aead_forget(engine, direction); /* the old key goes before the new one comes */
    direction->sequence = 0;
    return warren_record_derive(engine, kind, direction);
}

static int digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* "LABEL <client random> <secret>", both in hex. */
void warren_record_note_secret(const SSL *ssl, const char *line) {
    static const char client_label[] = "CLIENT_TRAFFIC_SECRET_0 ", server_label[] = "SERVER_TRAFFIC_SECRET_0 ";
    warren_tls_session *session = SSL_get_app_data(ssl);
    int of_client = strncmp(line, client_label, sizeof client_label - 1) == 0;
    if (!of_client && strncmp(line, server_label, sizeof server_label - 1) != 0) return;
    int ours = of_client != session->context->server;
    struct record_direction *direction = ours ? &session->records.writing : &session->records.reading;
    const char *hex = strrchr(line, ' ') + 1;
    size_t length = strlen(hex);
    if (length % 2 != 0 || length / 2 > sizeof direction->secret) return;
    for (size_t i = 0; i < length / 2; i++) {
        int high = digit(hex[2 * i]), low = digit(hex[2 * i + 1]);
        if (high < 0 || low < 0) {
            OPENSSL_cleanse(direction->secret, sizeof direction->secret);
            return;
        }
        direction->secret[i] = (uint8_t)(high << 4 | low);
    }
    if (ours) {
        session->records.have_writing = 1;
        session->openssl_sealed = 0; /* OpenSSL logs the secret in the moment it starts to write under it */
    } else {
        session->records.have_reading = 1;
    }
    session->logging = !(session->records.have_reading && session->records.have_writing);
    if (!session->logging) SSL_CTX_set_keylog_callback(session->context->ssl, NULL);
}

void warren_record_note_message(
    int writing, int version, int type, const void *bytes, size_t length, SSL *ssl, void *argument) {
    (void)version, (void)argument;
    warren_tls_session *session = SSL_get_app_data(ssl);
    if (session == NULL) return;
    if (writing && type == SSL3_RT_HEADER) session->openssl_sealed++;
    /* OpenSSL prints every secret in hex, byte by byte, 2% of a handshake; so it is asked to only from the server's
     * Finished (20) on, which is when the two secrets come that we need. Both sides see that message first. */
    if (type == SSL3_RT_HANDSHAKE && length > 0 && *(const uint8_t *)bytes == 20 && !session->complete
        && writing == session->context->server && !session->records.have_writing) {
        session->logging = 1;
        SSL_CTX_set_keylog_callback(session->context->ssl, warren_record_note_secret);
    }
    /* 24 is KeyUpdate: from then on the secrets we hold are not those in force. */
    if (type == SSL3_RT_HANDSHAKE && length > 0 && *(const uint8_t *)bytes == 24) {
        session->rekeyed = 1;
        /* From here on the count serves seal_attached alone, which replaces keys in time. */
        if (writing) session->openssl_sealed = 0;
    }
}
