/* What the tls_*.c and record_*.c files share. Nothing outside them includes this. */
#ifndef WARREN_TLS_INTERNAL_H
#define WARREN_TLS_INTERNAL_H

#include <openssl/core_dispatch.h>
#include <openssl/ssl.h>

#include "tls_ciphers.h"
#include "tls_memory.h"
#include "tls_shortcuts.h"
#include "warren_tls.h"

#define WARREN_HIDDEN __attribute__((visibility("hidden")))

enum {
    ALERT_CLOSE_NOTIFY = 0,
    ALERT_UNEXPECTED_MESSAGE = 10,
    ALERT_BAD_RECORD_MAC = 20,
    ALERT_RECORD_OVERFLOW = 22,
    ALERT_ILLEGAL_PARAMETER = 47,
    ALERT_DECODE_ERROR = 50,
    ALERT_INTERNAL_ERROR = 80,
    ALERT_USER_CANCELED = 90,
};

/* Caches are four-way set-associative tables: no list to keep, bounded by construction, nothing to compact. */
#define WARREN_WAYS 4
#define WARREN_VERIFIED_SETS 64

/* One leaf we met: its facts, and until when its chain needs no new verification. */
struct verified_entry {
    uint8_t leaf[32];       /* SHA-256 of the leaf; all zero: empty */
    uint8_t chain[32];      /* SHA-256 over everything the peer sent, in order */
    warren_tls_peer *peer;
    int64_t verified_at;    /* 0: facts only, never verified here (the peer came by resumption) */
    int64_t good_until;     /* earliest end of validity on the verified chain and its CRLs */
    uint64_t used;          /* for eviction: engine's turn counter */
};

/* One session a client can resume. */
struct resumable_entry {
    uint8_t key[32];        /* SHA-256 of the caller's key; meaningful if session != NULL */
    SSL_SESSION *session;
    int64_t verified_at;    /* when the peer's chain was verified in full */
    int64_t good_until;
    uint64_t kept, used;    /* turns of the engine: when it came, which no other session has, and when it was offered last */
};

struct warren_tls_peer {
    uint32_t references;
    uint32_t leaf_length;
    uint8_t fingerprint[32];
    int64_t not_before, not_after;
    uint16_t uri_count, dns_count;
    uint32_t serial_at, name_at, uri_at, dns_at;  /* offsets into blob; lists are NUL-ended strings in a row */
    uint8_t blob[];                               /* the leaf's DER comes first */
};

/* What protects one direction of a detached session. */
struct record_direction {
    uint8_t secret[48];   /* application traffic secret, 32 or 48 bytes */
    uint8_t key[32];      /* 16 or 32 bytes */
    uint8_t iv[12];
    uint32_t slot;        /* where the engine last expanded the key; good only if the slot's owner is `number` */
    uint64_t number;      /* of this key, unique in its engine */
    uint64_t sequence;    /* of the next record */
};

struct record_state {
    struct record_direction reading, writing;
    uint8_t *spill;               /* plain bytes of a record that was larger than the caller's room; else NULL */
    uint32_t spill_at, spill_count;
    uint32_t message_left;        /* bytes of a handshake message still to come; it may span records */
    uint8_t message[5];           /* its first bytes */
    uint8_t message_count;        /* how many of them are here */
    uint8_t kind;                 /* enum aead_kind */
    uint8_t owes_update;          /* 0 none, 1 KeyUpdate, 2 KeyUpdate that asks for one back */
    uint8_t empty_records;        /* in a row that brought no data */
    uint8_t have_reading, have_writing; /* secrets seen when they were derived */
    uint8_t kernel;               /* WARREN_TLS_WRITING | WARREN_TLS_READING: the kernel does those records */
    uint8_t owes_alert[2];        /* level and number of an alert that the kernel has to send; level 0: none */
    int64_t kernel_mark;          /* bytes written less bytes of data, without the records of the present key */
    uint64_t kernel_data;         /* data when the kernel gave us its last other record */
};

/* What key derivation works with; one for each library context. */
struct warren_kdf {
    EVP_MD *sha256, *sha384;
    EVP_KDF *algorithm;          /* TLS13-KDF, ours */
    warren_tls_session *session; /* for which OpenSSL is at work; else NULL */
};

enum { WARREN_X25519_SIZE = 32, WARREN_X25519_FUNCTIONS = 31 };

/* What an X25519 key pair is made with: functions of the default provider, by what they are for. One for each library context. */
struct warren_x25519 {
    OSSL_LIB_CTX *whole;          /* whose random numbers */
    void *provider;               /* the default provider's context */
    void *base;                   /* a key whose public half is the base point, 9, without a secret */
    OSSL_FUNC_keymgmt_new_fn *new_key;
    OSSL_FUNC_keymgmt_free_fn *free_key;
    OSSL_FUNC_keymgmt_import_fn *import;
    OSSL_FUNC_keyexch_newctx_fn *new_exchange;
    OSSL_FUNC_keyexch_freectx_fn *free_exchange;
    OSSL_FUNC_keyexch_init_fn *begin;
    OSSL_FUNC_keyexch_set_peer_fn *set_peer;
    OSSL_FUNC_keyexch_derive_fn *derive;
    struct warren_x25519_generation {
        struct warren_x25519 *curve;
    } pairs, blanks;              /* told apart by their address */
    OSSL_DISPATCH functions[WARREN_X25519_FUNCTIONS + 1]; /* the default provider's, but for the generation */
};

struct aead_slot;
struct aead_ops;

struct warren_tls_engine {
    struct warren_tls_library *libraries;
    OSSL_LIB_CTX *library;        /* the narrow one */
    OSSL_LIB_CTX *bare;           /* the one without any algorithm */
    struct warren_kdf *kdf;       /* the library's */
    EVP_MD_CTX *digest;           /* scratch */
    struct warren_peer_certificates certificates;
    EVP_CIPHER *ticket_cipher;
    EVP_CIPHER *aead[3];          /* by enum aead_kind */
    const struct cipher_calls *calls; /* of each of them; NULL: EVP is used */
    const struct aead_ops *accelerator; /* for AES-GCM; NULL: libcrypto */
    int accelerator_wanted;             /* not looked for yet: a sidecar without traffic does without its 2 MB */
    struct aead_slot *slots;
    uint32_t slot_count, slots_used, slot_hand;
    uint64_t key_number;          /* of the last key made */
    uint64_t update_after;        /* records under one key before we replace it */
    int64_t test_time;
    uint64_t turn;
    uint32_t references;          /* the owner's and one per context */
};

struct warren_tls_context {
    uint32_t references;          /* the owner's and one per session; one thread only */
    warren_tls_engine *engine;
    SSL_CTX *ssl;
    int server;
    int records;
    int kernel;
    int64_t not_after;
    int64_t resumption_seconds;
    int64_t verified_seconds;
    uint8_t trust[32];
    struct warren_begun signing;          /* with our key */
    char supported[WARREN_DIGEST_NAME];   /* the digest that it can sign with, once OpenSSL has said so */
    uint8_t *alpn;
    size_t alpn_length;
    warren_tls_tickets *tickets;
    struct verified_entry *verified;      /* WARREN_VERIFIED_SETS * WARREN_WAYS */
    struct resumable_entry *resumable;    /* resumable_sets * WARREN_WAYS */
    uint32_t resumable_sets;
    warren_tls_counters counters;
    warren_tls_fault fault;               /* stands in for a session's when memory ran out */
};

struct warren_tls_session {
    warren_tls_context *context;
    SSL *ssl;                     /* NULL once detached, except on a client that still waits for a ticket */
    warren_tls_peer *peer;
    char *alpn, *server_name;
    uint8_t *resumption_key;      /* 32 bytes, client that wants to resume; else NULL */
    warren_tls_fault *fault;      /* once dead: why */
    warren_window *input;         /* valid only during a call */
    warren_sink *output;
    int64_t verified_at, good_until;
    struct record_state records;
    struct warren_detour arriving, leaving; /* attached: of the call in progress */
    size_t body;                  /* attached: length of the record body that comes next; 0: not known */
    uint64_t bytes_around;        /* attached: text that went past libssl's buffers */
    uint64_t openssl_sealed;      /* records OpenSSL wrote under the application key */
    uint64_t offered;             /* client: `kept` of the session that went into this handshake; 0 none */
    uint16_t version, cipher, group;
    uint8_t complete, resumed, peer_closed, closed, dead, started, detached, rekeyed;
    uint8_t takes_detours;        /* attached TLS 1.3: ciphers take text from where it is and put it where it belongs */
    uint8_t no_ticket_comes;      /* client: the server has said so */
    uint8_t ticket_key_leaves;    /* server: the ticket that is resumed from was sealed with the key before this one */
    uint8_t tickets_when_new, tickets_when_resumed; /* server: how many the client asked for */
    uint8_t fault_waits; /* met after bytes that had to be delivered first; the next call throws it */
};

/* Gives OpenSSL's session back without hurting what can be resumed from it. */
WARREN_HIDDEN void warren_tls_free_ssl(warren_tls_session *session);
WARREN_HIDDEN int64_t warren_tls_now(const warren_tls_engine *engine);
WARREN_HIDDEN int warren_tls_sha256(warren_tls_engine *engine, const void *bytes, size_t count, uint8_t out[32]);

/* tls_library.c */
struct warren_tls_library;
WARREN_HIDDEN struct warren_tls_library *warren_tls_library_new(void);
WARREN_HIDDEN void warren_tls_library_free(struct warren_tls_library *library);
/* For TLS: knows the public keys of certificates and nothing else that has to be decoded. */
WARREN_HIDDEN OSSL_LIB_CTX *warren_tls_library_context(struct warren_tls_library *library);
/* For certificates whose key nobody will ask for. */
WARREN_HIDDEN OSSL_LIB_CTX *warren_tls_library_bare(struct warren_tls_library *library);
/* For reading key files: everything OpenSSL's default provider has. */
WARREN_HIDDEN OSSL_LIB_CTX *warren_tls_library_whole(struct warren_tls_library *library);
WARREN_HIDDEN EVP_PKEY *warren_tls_library_adopt(struct warren_tls_library *library, EVP_PKEY *key);
WARREN_HIDDEN struct warren_kdf *warren_tls_library_kdf(struct warren_tls_library *library);
/* The same by what OpenSSL hands to a provider's functions. */
WARREN_HIDDEN struct warren_kdf *warren_tls_library_kdf_at(const void *provider_context);

/* The same for key pairs. */
WARREN_HIDDEN struct warren_x25519 *warren_tls_library_x25519_at(const void *provider_context);

/* The default provider's ciphers by kind; NULL where they are not as described. */
WARREN_HIDDEN const struct cipher_calls *warren_tls_library_ciphers(const struct warren_tls_library *library);
/* Whether TLS is lent ours, which a session that takes detours needs. */
WARREN_HIDDEN int warren_tls_library_lends_ciphers(const struct warren_tls_library *library);
WARREN_HIDDEN struct warren_ciphers *warren_tls_library_ciphers_at(const void *provider_context);

/* A function of a provider's algorithm, by its number (openssl-core_dispatch.h(7)); NULL if it is missing. */
WARREN_HIDDEN void (*warren_tls_function(const OSSL_DISPATCH *table, int number))(void);

/* tls_x25519.c */
/* Whether this processor has what libcrypto's ladder in assembly needs. Without it the default provider's way is as good. */
WARREN_HIDDEN int warren_x25519_ladder_is_faster(void);
/* Out of the default provider's context and functions for X25519 keys and exchanges. 0, or -1. The curve must stay where it is. */
WARREN_HIDDEN int warren_x25519_setup(
    struct warren_x25519 *curve, OSSL_LIB_CTX *whole, void *provider, const OSSL_DISPATCH *keys,
    const OSSL_DISPATCH *exchanges);
WARREN_HIDDEN void warren_x25519_free(struct warren_x25519 *curve);
/* A key of the default provider's with this secret, which is clamped in place, and the public half that belongs to it. NULL
 * when out of memory. */
WARREN_HIDDEN void *warren_x25519_pair(const struct warren_x25519 *curve, uint8_t secret[WARREN_X25519_SIZE]);

/* tls_random.c */
enum { WARREN_RANDOM_FUNCTIONS = 31 };
/* The default provider's functions for its generator, but for its beginning. 0, or -1 where they are not as described. */
WARREN_HIDDEN int warren_random_setup(OSSL_DISPATCH lent[WARREN_RANDOM_FUNCTIONS + 1], const OSSL_DISPATCH *functions);

/* tls_kdf.c */
WARREN_HIDDEN extern const OSSL_DISPATCH warren_tls13_kdf[];
WARREN_HIDDEN int warren_kdf_setup(struct warren_kdf *kdf, OSSL_LIB_CTX *library);
WARREN_HIDDEN void warren_kdf_free(struct warren_kdf *kdf);
/* HMAC (RFC 2104) under a digest by its name, one that TLS 1.3's cipher suites have, and a key that is no longer than its block;
 * 0, or -1 with any other. */
WARREN_HIDDEN int warren_kdf_mac(
    struct warren_kdf *kdf, const char *digest, const uint8_t *key, size_t key_length, const uint8_t *text, size_t length,
    uint8_t *out, size_t room, size_t *size);
/* HKDF-Expand-Label (RFC 8446 section 7.1) for at most one block of the hash; 0, or -1. */
WARREN_HIDDEN int warren_kdf_expand(
    struct warren_kdf *kdf, const EVP_MD *hash, const uint8_t *secret, size_t secret_length, const uint8_t *prefix,
    size_t prefix_length, const uint8_t *label, size_t label_length, const uint8_t *data, size_t data_length, uint8_t *out,
    size_t length);

/* tls_bio.c */
WARREN_HIDDEN BIO *warren_tls_bio_new(warren_tls_session *session);

/* tls_fault.c */
WARREN_HIDDEN int warren_tls_fail(warren_tls_session *session, int reason, int alert, const char *detail);
WARREN_HIDDEN int warren_tls_fail_from_openssl(warren_tls_session *session);
WARREN_HIDDEN void warren_tls_describe(warren_tls_fault *fault, int reason, const char *what);

/* tls_verify.c */
WARREN_HIDDEN int warren_tls_verify(X509_STORE_CTX *store, void *context);
WARREN_HIDDEN int warren_tls_learn_peer(warren_tls_session *session);
WARREN_HIDDEN void warren_tls_peer_retain(warren_tls_peer *peer);
WARREN_HIDDEN void warren_tls_peer_release(warren_tls_peer *peer);
WARREN_HIDDEN int64_t warren_tls_time_of(const ASN1_TIME *time);

/* tls_resume.c */
WARREN_HIDDEN int warren_tls_resume_setup(warren_tls_context *context, uint32_t capacity);
WARREN_HIDDEN void warren_tls_resume_offer(warren_tls_session *session);
WARREN_HIDDEN void warren_tls_resume_renew(warren_tls_session *session);
/* After a handshake that failed: the next one shall not fail for the same session. */
WARREN_HIDDEN void warren_tls_resume_forget(warren_tls_session *session);
WARREN_HIDDEN void warren_tls_resume_free(warren_tls_context *context);

/* tls_ticket_request.c */
WARREN_HIDDEN int warren_tls_ticket_request_setup(SSL_CTX *ssl);

#endif
