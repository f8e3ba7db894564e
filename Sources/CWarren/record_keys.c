/* Traffic secrets: caught where OpenSSL derives them, turned into keys as RFC 8446 section 7 says. */
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
    return kind == AEAD_AES_256_GCM ? engine->kdf->sha384 : engine->kdf->sha256;
}

int warren_record_expand_label(
    warren_tls_engine *engine, const EVP_MD *hash, const uint8_t *secret, const char *label, uint8_t *out, size_t length) {
    static const uint8_t prefix[] = "tls13 ";
    return warren_kdf_expand(
        engine->kdf, hash, secret, (size_t)EVP_MD_get_size(hash), prefix, sizeof prefix - 1, (const uint8_t *)label,
        strlen(label), NULL, 0, out, length);
}

int warren_record_derive(warren_tls_engine *engine, int kind, struct record_direction *direction) {
    const EVP_MD *hash = hash_of(engine, kind);
    if (warren_record_expand_label(engine, hash, direction->secret, "key", direction->key, aead_key_length(kind)) != 0
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

void warren_record_note_secret(
    warren_tls_session *session, const uint8_t *label, size_t length, const uint8_t *secret, size_t size) {
    static const char client_label[] = "c ap traffic", server_label[] = "s ap traffic";
    if (length != sizeof client_label - 1) return;
    int of_client = memcmp(label, client_label, length) == 0;
    if (!of_client && memcmp(label, server_label, length) != 0) return;
    int ours = of_client != session->context->server;
    struct record_direction *direction = ours ? &session->records.writing : &session->records.reading;
    if (size > sizeof direction->secret) return;
    memcpy(direction->secret, secret, size);
    if (ours) {
        session->records.have_writing = 1;
        session->openssl_sealed = 0; /* OpenSSL derives the secret in the moment it starts to write under it */
    } else {
        session->records.have_reading = 1;
    }
}

void warren_record_note_message(
    int writing, int version, int type, const void *bytes, size_t length, SSL *ssl, void *argument) {
    (void)version, (void)ssl;
    warren_tls_session *session = argument;
    if (session == NULL) return;
    if (writing && type == SSL3_RT_HEADER) session->openssl_sealed++;
    /* 24 is KeyUpdate: from then on the secrets we hold are not those in force. */
    if (type == SSL3_RT_HANDSHAKE && length > 0 && *(const uint8_t *)bytes == 24) {
        session->rekeyed = 1;
        /* From here on the count serves seal_attached alone, which replaces keys in time. */
        if (writing) session->openssl_sealed = 0;
    }
}
