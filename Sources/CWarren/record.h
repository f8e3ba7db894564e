/* The detached record layer: TLS 1.3 records after the handshake (RFC 8446 sections 4.6, 5, 6 and 7), without OpenSSL's
 * session. Shared by the record_*.c files and those of tls_*.c that hand over to it. */
#ifndef WARREN_RECORD_H
#define WARREN_RECORD_H

#include "tls_internal.h"

enum {
    RECORD_HEADER = 5,
    RECORD_TAG = 16,
    RECORD_OVERHEAD = RECORD_HEADER + 1 + RECORD_TAG, /* one byte of content type */
    RECORD_LARGEST_PLAIN = 16384,
    RECORD_LARGEST_CIPHER = RECORD_LARGEST_PLAIN + 256, /* RFC 8446 section 5.2 */
    KEY_UPDATE_RECORD = RECORD_OVERHEAD + 5,
    ALERT_RECORD = RECORD_OVERHEAD + 2,
};

enum { CONTENT_CHANGE_CIPHER = 20, CONTENT_ALERT = 21, CONTENT_HANDSHAKE = 22, CONTENT_DATA = 23 };

enum { MESSAGE_CLIENT_HELLO = 1, MESSAGE_NEW_SESSION_TICKET = 4, MESSAGE_KEY_UPDATE = 24 };

static inline size_t aead_key_length(int kind) { return kind == AEAD_AES_128_GCM ? 16 : 32; }

/* An expanded key. Slots belong to the engine: an idle session needs none, its raw key expands again in well under a
 * microsecond when it wakes. */
struct aead_slot {
    uint64_t owner;        /* number of the key that is expanded here; 0 free */
    uint8_t kind;          /* enum aead_kind of what is in evp, context or keys */
    uint8_t sealing;
    uint8_t recent;        /* used since the clock hand last came by */
    uint8_t accelerated;   /* keys holds it, else context or evp */
    void *keys;            /* libIPSec_MB's gcm_key_data, 64-byte aligned; NULL until needed */
    EVP_CIPHER_CTX *evp;   /* NULL until needed */
    const struct cipher_calls *calls; /* whose context it is */
    void *context;         /* the provider's; NULL until needed */
};

/* One way of doing AES-GCM and ChaCha20-Poly1305. All return 0, or -1 on failure (open: also on a wrong tag). */
struct aead_ops {
    const char *name;
    int (*expand)(warren_tls_engine *engine, struct aead_slot *slot, const uint8_t *key);
    void (*wipe)(struct aead_slot *slot);
    /* out = AEAD(in || type) || tag; out has length + 17 bytes, and does not overlap in. */
    int (*seal)(
        struct aead_slot *slot, const uint8_t nonce[12], const uint8_t header[5], const uint8_t *in, size_t length,
        uint8_t type, uint8_t *out);
    /* in has length + 16 bytes, out length; they do not overlap. On failure out is wiped. */
    int (*open)(
        struct aead_slot *slot, const uint8_t nonce[12], const uint8_t header[5], const uint8_t *in, size_t length,
        uint8_t *out);
};

WARREN_HIDDEN extern const struct aead_ops warren_aead_libcrypto;
/* record_provider.c: the same without EVP in between; for engines that have `calls`. */
WARREN_HIDDEN extern const struct aead_ops warren_aead_provider;
/* Sets the engine's calls if libcrypto's tables are as described and answer as EVP does. */
WARREN_HIDDEN void warren_provider_setup(warren_tls_engine *engine);
WARREN_HIDDEN void warren_provider_release(struct aead_slot *slot);
/* NULL where the library or the CPU is missing, or its answers are wrong. Loaded and tested once per process. */
WARREN_HIDDEN const struct aead_ops *warren_aead_ipsec_mb(warren_tls_engine *engine);

/* Whether `ops` and libcrypto by EVP seal alike at all these lengths, open what the other sealed, and refuse a changed byte. The
 * slots say which kind; one that serves both ways may be given twice. Their owner frees what they hold. */
WARREN_HIDDEN int warren_aead_agrees(
    warren_tls_engine *engine, const struct aead_ops *ops, struct aead_slot *sealing, struct aead_slot *opening,
    const size_t *lengths, size_t count);
/* The expanded key of a direction, expanding it if it is not there. NULL when out of memory. */
WARREN_HIDDEN struct aead_slot *warren_aead_slot(
    warren_tls_engine *engine, struct record_direction *direction, int kind, int sealing);
WARREN_HIDDEN void warren_aead_forget(warren_tls_engine *engine, struct record_direction *direction);
/* Looks for the accelerator if it is wanted and was not looked for before. */
WARREN_HIDDEN void warren_aead_accelerate(warren_tls_engine *engine);
WARREN_HIDDEN int warren_aead_setup(warren_tls_engine *engine, int accelerator, uint32_t slots);
WARREN_HIDDEN void warren_aead_free(warren_tls_engine *engine);

static inline const struct aead_ops *aead_ops_of(const warren_tls_engine *engine, const struct aead_slot *slot) {
    if (slot->accelerated) return engine->accelerator;
    return engine->calls != NULL ? &warren_aead_provider : &warren_aead_libcrypto;
}

/* record_keys.c */
/* -1 if this suite is none of ours. */
WARREN_HIDDEN int warren_record_kind(uint16_t suite);
/* Key and IV out of direction->secret; gives the direction a new number. */
WARREN_HIDDEN int warren_record_derive(warren_tls_engine *engine, int kind, struct record_direction *direction);
/* RFC 8446 section 7.2: the next generation of the secret, then its key and IV; sequence starts at 0. */
WARREN_HIDDEN int warren_record_advance(warren_tls_engine *engine, int kind, struct record_direction *direction);
/* HKDF-Expand-Label with an empty context, for at most one block of the hash. */
WARREN_HIDDEN int warren_record_expand_label(
    warren_tls_engine *engine, const EVP_MD *hash, const uint8_t *secret, const char *label, uint8_t *out, size_t length);
/* Keeps the secret that was just derived under a label (RFC 8446 section 7.1) if it is one of the two that protect data. */
WARREN_HIDDEN void warren_record_note_secret(
    warren_tls_session *session, const uint8_t *label, size_t length, const uint8_t *secret, size_t size);
/* SSL_CTX_set_msg_callback: counts records, and notices KeyUpdate. */
WARREN_HIDDEN void warren_record_note_message(
    int writing, int version, int type, const void *bytes, size_t length, SSL *ssl, void *argument);

/* record_layer.c; all expect session->input and session->output to be set. */
/* Takes the records over from OpenSSL if protocol and cipher allow. 0 detached, -1 not (nothing is lost by it). */
WARREN_HIDDEN int warren_record_detach(warren_tls_session *session);
WARREN_HIDDEN int warren_record_open(warren_tls_session *session, uint8_t *to, size_t room, size_t *count);
WARREN_HIDDEN int warren_record_seal(
    warren_tls_session *session, const uint8_t *plain, size_t length, size_t *consumed);
/* One alert record; 0 sent, -1 no room. */
WARREN_HIDDEN int warren_record_alert(warren_tls_session *session, int level, int alert);
/* What a record says that is not data. *only_tickets tells whether all of it was of tickets. 0 or -1. */
WARREN_HIDDEN int warren_record_take(
    warren_tls_session *session, uint8_t type, const uint8_t *bytes, size_t length, int *only_tickets);
/* A failure that is the peer's doing: it hears of it, if there is room. Always -1. */
WARREN_HIDDEN int warren_record_fail(warren_tls_session *session, int reason, int alert, const char *detail);
/* Sends the KeyUpdate that is owed if there is room. */
WARREN_HIDDEN int warren_record_pay(warren_tls_session *session);
/* Wipes all secrets of the session and frees what the layer holds. Fine on one that was never detached. */
WARREN_HIDDEN void warren_record_end(warren_tls_session *session);

#endif
