/* TLS sessions without descriptors: windows of memory in, windows of memory out.
 *
 * An engine belongs to one event loop and owns what sessions of that loop share. A context is one role (client or
 * server) with one generation of certificates. A session is one leg of one tunnel. Engines, contexts and sessions are
 * used by one thread at a time; ticket keys are immutable and may be shared by all threads. */
#ifndef WARREN_TLS_H
#define WARREN_TLS_H

#include <stddef.h>
#include <stdint.h>

typedef struct warren_tls_engine warren_tls_engine;
typedef struct warren_tls_context warren_tls_context;
typedef struct warren_tls_session warren_tls_session;
typedef struct warren_tls_tickets warren_tls_tickets;
typedef struct warren_tls_peer warren_tls_peer;

/* Ciphertext that has arrived. Calls advance base and lower count by what they took; bytes may be decrypted in place. */
typedef struct warren_window {
    uint8_t *base;
    size_t count;
} warren_window;

/* Room for ciphertext to send. Calls append at base + count and never past capacity. */
typedef struct warren_sink {
    uint8_t *base;
    size_t capacity;
    size_t count;
} warren_sink;

/* Why a session or a context failed. The numbers are an inner matter between this file and TLSFault.swift. */
enum warren_tls_reason {
    WARREN_TLS_INTERNAL = 1,          /* out of memory, or OpenSSL failed in a way that is not the peer's doing */
    WARREN_TLS_WRONG_AUTHORITY = 2,   /* chain does not end in one of our roots, or a signature on it is wrong */
    WARREN_TLS_EXPIRED = 3,
    WARREN_TLS_NOT_YET_VALID = 4,
    WARREN_TLS_REVOKED = 5,
    WARREN_TLS_NO_CRL = 6,            /* CRLs are configured and none fits this issuer, or it is out of date */
    WARREN_TLS_WRONG_PURPOSE = 7,     /* extended key usage or CA flag forbid this use */
    WARREN_TLS_BAD_CERTIFICATE = 8,   /* any other objection to a certificate */
    WARREN_TLS_NO_CERTIFICATE = 9,    /* the client sent none */
    WARREN_TLS_PLAIN_TEXT = 10,       /* what came first is not TLS */
    WARREN_TLS_VERSION = 11,          /* no protocol version in common */
    WARREN_TLS_NO_COMMON = 12,        /* no cipher, group or signature algorithm in common */
    WARREN_TLS_PEER_ALERT = 13,       /* the peer sent a fatal alert */
    WARREN_TLS_TRUNCATED = 14,        /* the stream ended without close_notify */
    WARREN_TLS_BAD_RECORD = 15,       /* a record did not decrypt, or is too long */
    WARREN_TLS_UNEXPECTED = 16,       /* a message that has no place here */
    WARREN_TLS_MALFORMED = 17,        /* a message that does not parse */
    WARREN_TLS_RENEGOTIATION = 18,
    WARREN_TLS_FLOOD = 19,            /* too many records that carry nothing */
    WARREN_TLS_SEQUENCE = 20,         /* record numbers used up */
    WARREN_TLS_REFUSED = 21,          /* we refused the peer, nothing more can be done on this session */
    WARREN_TLS_CONFIGURATION = 22,    /* context: certificate, key, roots or CRL unusable; detail says which */
    WARREN_TLS_KERNEL = 23,           /* the kernel did not take new keys for records that it protects */
};

typedef struct warren_tls_fault {
    int32_t reason;        /* enum warren_tls_reason */
    int32_t alert;         /* alert received from the peer (PEER_ALERT) or sent to it; -1 none */
    char detail[232];      /* one sentence, NUL-ended */
} warren_tls_fault;

enum { WARREN_TLS_RECORDS_AUTO = 0, WARREN_TLS_RECORDS_ATTACHED = 1, WARREN_TLS_RECORDS_DETACHED = 2 };
enum { WARREN_TLS_ACCELERATOR_NONE = 0, WARREN_TLS_ACCELERATOR_AUTO = 1 };

/* What a context is made of. PEM texts; all memory stays the caller's and is copied from. */
typedef struct warren_tls_config {
    int server;                        /* 1: server, 0: client */
    int minimum_version;               /* 0x0303 or 0x0304 */
    int maximum_version;               /* 0x0303 or 0x0304 */
    int records;                       /* WARREN_TLS_RECORDS_... */
    int kernel;                        /* 1: the kernel may take the records of detached sessions over */
    const uint8_t *chain;              /* leaf first, then intermediates; length 0: none (a client without identity) */
    size_t chain_length;
    const uint8_t *key;
    size_t key_length;
    const uint8_t *roots;
    size_t roots_length;
    const uint8_t *crls;               /* length 0: no revocation check */
    size_t crls_length;
    const uint8_t *alpn;               /* RFC 7301 wire format; length 0: none */
    size_t alpn_length;
    int64_t resumption_seconds;        /* how long after a full handshake a session may be resumed; 0: never */
    int64_t verified_seconds;          /* how long a verified peer needs no new chain verification; 0: always anew */
    uint32_t resumption_capacity;      /* sessions a client context keeps */
    warren_tls_tickets *tickets;       /* server; NULL: no resumption */
} warren_tls_config;

/* --- engine ------------------------------------------------------------------------------------------------- */

/* One per loop. accelerator: WARREN_TLS_ACCELERATOR_...; keyed_slots: how many key schedules stay expanded at a time
 * (two per busy session); update_after: records sealed under one key before a KeyUpdate, 0 for the default. */
warren_tls_engine *warren_tls_engine_new(int accelerator, uint32_t keyed_slots, uint64_t update_after);
/* The owner's reference; contexts keep their own. */
void warren_tls_engine_release(warren_tls_engine *engine);
/* Test clock in seconds since 1970; 0 gives the real one back. */
void warren_tls_engine_set_time(warren_tls_engine *engine, int64_t now);
/* "libcrypto" or "libIPSec_MB 1.3.0 (VAES)": what seals AES-GCM records of detached sessions. */
const char *warren_tls_engine_aead(warren_tls_engine *engine);
/* The same without loading anything: says so while it has not been decided. */
const char *warren_tls_engine_aead_in_use(const warren_tls_engine *engine);
/* Gives back the memory of key schedules that no session has a claim to any more: about 1 KiB each, among the holes that a
 * crowd's handshakes left in the heap. */
void warren_tls_engine_trim(warren_tls_engine *engine);

/* OpenSSL_version(3): the release of the library that runs, "OpenSSL 3.0.x ...". */
const char *warren_openssl_version(void);

/* Makes handshakes cheaper in a process that uses OpenSSL for nothing but this: it will not find legacy ciphers by their
 * names (EVP_get_cipherbyname(3)), nor digests but MD5 and the SHA families. Of use only before anything else of OpenSSL's. */
void warren_openssl_few_names(void);

/* OPENSSL_cleanse(3): a wipe that no compiler removes. NULL is fine. */
void warren_tls_wipe(void *bytes, size_t count);

/* --- ticket keys (RFC 5077 section 4 construction: AES-256-CBC, HMAC-SHA-256) ----------------------------------- */

warren_tls_tickets *warren_tls_tickets_new(void);
/* New keys in front, the newest of the old ones still accepted. NULL on failure. */
warren_tls_tickets *warren_tls_tickets_rotated(const warren_tls_tickets *old);
void warren_tls_tickets_retain(warren_tls_tickets *tickets);
void warren_tls_tickets_release(warren_tls_tickets *tickets);

/* --- context ------------------------------------------------------------------------------------------------ */

/* NULL on failure, with the reason in fault. */
warren_tls_context *warren_tls_context_new(
    warren_tls_engine *engine, const warren_tls_config *config, warren_tls_fault *fault);
void warren_tls_context_release(warren_tls_context *context);
void warren_tls_context_use_tickets(warren_tls_context *context, warren_tls_tickets *tickets);
/* A client: what it could resume is gone, and the next handshakes are full ones. */
void warren_tls_context_forget_sessions(warren_tls_context *context);
/* End of validity of our own chain, seconds since 1970; INT64_MAX without one. */
int64_t warren_tls_context_not_after(const warren_tls_context *context);
/* SHA-256 of roots, CRLs and rules of verification: equal for contexts that judge peers alike. */
void warren_tls_context_trust(const warren_tls_context *context, uint8_t out[32]);

typedef struct warren_tls_counters {
    uint64_t verified;          /* chains built and checked */
    uint64_t verified_cached;   /* chains known from a moment ago */
    uint64_t resumed;
    uint64_t sessions_kept;     /* client: sessions put into the cache */
} warren_tls_counters;
const warren_tls_counters *warren_tls_context_counters(const warren_tls_context *context);

/* --- session ------------------------------------------------------------------------------------------------ */

/* Client: name is the SNI (may be NULL), key/key_length name the resumption entry (length 0: do not resume).
 * NULL: out of memory. */
warren_tls_session *warren_tls_session_new(
    warren_tls_context *context, const char *name, const uint8_t *key, size_t key_length);
void warren_tls_session_free(warren_tls_session *session);

enum { WARREN_TLS_COMPLETE = 0, WARREN_TLS_WANTS_INPUT = 1, WARREN_TLS_WANTS_OUTPUT = 2 };
/* One of the three above, or -1: see warren_tls_session_fault. */
int warren_tls_handshake(warren_tls_session *session, warren_window *input, warren_sink *output);

enum { WARREN_TLS_MORE_INPUT = 0, WARREN_TLS_FULL = 1, WARREN_TLS_CLOSED = 2, WARREN_TLS_OUTPUT_FULL = 3 };
/* Decrypts into [to, to + room), sets *count. One of the four above, or -1 (then *count is 0). */
int warren_tls_open(
    warren_tls_session *session, warren_window *input, uint8_t *to, size_t room, size_t *count, warren_sink *output);

/* Encrypts from [plain, plain + length) while the sink has room; sets *consumed. 0 or -1. */
int warren_tls_seal(
    warren_tls_session *session, const uint8_t *plain, size_t length, size_t *consumed, warren_sink *output);

/* 1: sent (or already sent); 0: no room in the sink, call again; -1: fault. */
int warren_tls_close_notify(warren_tls_session *session, warren_sink *output);
/* Sends a fatal alert if there is room and the protocol state allows; the session is unusable afterwards. */
void warren_tls_refuse(warren_tls_session *session, int alert, warren_sink *output);
/* Asks for new keys: ours now (before the next data), and with request != 0 the peer's too. 0, or -1 when TLS 1.2. */
int warren_tls_update_keys(warren_tls_session *session, int request);

/* --- records in the kernel: docs/decisions/0402-kernel-tls.md --------------------------------------------------- */

/* The kernel's TLS_TX and TLS_RX. */
enum { WARREN_TLS_WRITING = 1, WARREN_TLS_READING = 2 };
/* Room for the largest of the kernel's structures that we fill. */
enum { WARREN_TLS_KERNEL_KEYS = 56 };
/* What an idle record costs on the wire: header, type, tag. */
enum { WARREN_TLS_RECORD_OVERHEAD = 22 };

/* Whether the kernel can do these records as the open and seal calls do them: 0 it can, and may be used; 1 it has no TLS; 2 it
 * cannot change keys; 3 what it does is not what libcrypto does. detail is a sentence. Tried on a pair of loopback sockets. */
int warren_tls_kernel_probe(char *detail, size_t size);

/* 1: the direction can be given to the kernel as it stands; 0: later, something of it is still in here; -1: never. That no
 * ciphertext is on its way between session and socket is the caller's to see to. */
int warren_tls_kernel_fits(const warren_tls_session *session, int direction);
/* Fills the structure that setsockopt(2) wants for the direction as it stands; returns its length. Secret: wipe it. */
size_t warren_tls_kernel_keys(const warren_tls_session *session, int direction, uint8_t out[WARREN_TLS_KERNEL_KEYS]);
/* The kernel has taken these keys: from here on nothing of the direction is opened or sealed in here. `mark` (writing, the first
 * time): bytes written so far less bytes of data so far, see warren_tls_kernel_expected. */
void warren_tls_kernel_entered(warren_tls_session *session, int direction, int64_t mark);
/* WARREN_TLS_WRITING and WARREN_TLS_READING, as far as the kernel has them. */
int warren_tls_kernel_has(const warren_tls_session *session);

enum { WARREN_TLS_KERNEL_NEW_KEYS = 4, WARREN_TLS_KERNEL_INSIDE = 5 };
/* A record that the kernel opened and that is not data. `data` is any number that grows when data passes. What is to be said to
 * the peer comes into output, or is owed when the kernel writes. WARREN_TLS_MORE_INPUT; WARREN_TLS_CLOSED; _NEW_KEYS: the kernel
 * needs new reading keys before its next record; _INSIDE: the message goes on in the next record, which must not be data; -1. */
int warren_tls_kernel_take(
    warren_tls_session *session, uint8_t type, const uint8_t *bytes, size_t length, uint64_t data, warren_sink *output);
/* The kernel could not open a record, or did not take new keys: the session is over, with an alert for the peer. */
void warren_tls_kernel_failed(warren_tls_session *session, int reason, const char *detail, warren_sink *output);
/* The record that the kernel has to send before any more data: its length, at most 5, or 0. */
size_t warren_tls_kernel_owed(const warren_tls_session *session, uint8_t *type, uint8_t bytes[5]);
/* It was sent; `sequence` is the number of the record behind it. 1: the kernel needs new writing keys before it sends anything
 * else; 0; -1. */
int warren_tls_kernel_paid(warren_tls_session *session, uint64_t sequence);
/* The kernel's next record has this number: a KeyUpdate is owed once that is near what RFC 8446 section 5.5 allows. */
void warren_tls_kernel_counted(warren_tls_session *session, uint64_t sequence);
/* What TCP has been given, as warren_ktls_standing counts it, once every record is there: with so many bytes of data and the
 * next record of this number. */
int64_t warren_tls_kernel_expected(const warren_tls_session *session, uint64_t data, uint64_t sequence);

const warren_tls_fault *warren_tls_session_fault(const warren_tls_session *session);
int warren_tls_is_complete(const warren_tls_session *session);
int warren_tls_is_detached(const warren_tls_session *session);
int warren_tls_is_resumed(const warren_tls_session *session);
int warren_tls_peer_closed(const warren_tls_session *session);
/* Decrypted bytes wait inside: open has something to give without any input. */
int warren_tls_has_buffered(const warren_tls_session *session);
/* A KeyUpdate is owed to the peer and leaves with the next call that has a sink with room. */
int warren_tls_owes_output(const warren_tls_session *session);
/* Detached, and OpenSSL's object is still there because a ticket may come that only it can read. */
int warren_tls_keeps_handshake(const warren_tls_session *session);
/* Frees it: a ticket that comes later is skipped. Does nothing on an attached session. */
void warren_tls_forget_handshake(warren_tls_session *session);
uint16_t warren_tls_version(const warren_tls_session *session);       /* 0x0303, 0x0304; 0 before completion */
uint16_t warren_tls_cipher(const warren_tls_session *session);        /* IANA number */
uint16_t warren_tls_group(const warren_tls_session *session);         /* IANA number, 0 unknown */
const char *warren_tls_alpn(const warren_tls_session *session);       /* NULL none */
const char *warren_tls_server_name(const warren_tls_session *session); /* SNI received or sent; NULL none */

/* --- what we know of a peer's leaf certificate; shared by all sessions that met the same leaf --------------------- */

/* Borrowed from the session, NULL before completion. */
const warren_tls_peer *warren_tls_session_peer(const warren_tls_session *session);
const uint8_t *warren_tls_peer_leaf(const warren_tls_peer *peer, size_t *length);
const uint8_t *warren_tls_peer_fingerprint(const warren_tls_peer *peer);         /* SHA-256 of the leaf, 32 bytes */
const char *warren_tls_peer_uri(const warren_tls_peer *peer, size_t index);      /* URI SANs in order; NULL past the end */
const char *warren_tls_peer_dns(const warren_tls_peer *peer, size_t index);      /* DNS SANs in order; NULL past the end */
const char *warren_tls_peer_serial(const warren_tls_peer *peer);                 /* "0a:1b:..." */
const char *warren_tls_peer_common_name(const warren_tls_peer *peer);            /* "" if none */
int64_t warren_tls_peer_not_before(const warren_tls_peer *peer);
int64_t warren_tls_peer_not_after(const warren_tls_peer *peer);

/* The RFC 8446 section 6 name of an alert, "unknown" otherwise. */
const char *warren_tls_alert_name(int alert);

#endif
