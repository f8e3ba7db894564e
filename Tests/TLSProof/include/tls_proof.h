/* Help for the tests of TLS, in no product: certificates of every bad kind, and a count of what malloc is asked for. */
#ifndef WARREN_TLS_PROOF_H
#define WARREN_TLS_PROOF_H

#include <stddef.h>
#include <stdint.h>

typedef struct proof_authority proof_authority;

/* A certificate with its key. kind: 0 EC P-256, 1 RSA 2048, 2 Ed25519. Self-signed if issuer is NULL. Times in seconds from now.
 * usage: 0 both, 1 only clientAuth, 2 only serverAuth. ca: 1 CA:TRUE. uri and dns may be NULL; raw_uri_length >= 0 takes
 * that many bytes of uri, NULs and all. */
typedef struct proof_request {
    const char *name, *uri, *dns;
    long raw_uri_length;
    long starts, ends;
    int kind, usage, ca;
} proof_request;

proof_authority *proof_issue(const proof_authority *issuer, const proof_request *request);
/* Who has the certificate of another (with a key of P-256), and not its key: public half and certificate fit, the secret does not. */
proof_authority *proof_impostor(const proof_authority *victim);
void proof_free(proof_authority *authority);
/* PEM texts, valid as long as the authority. */
const char *proof_certificate(const proof_authority *authority, size_t *length);
const char *proof_key(const proof_authority *authority, size_t *length);
/* A CRL of issuer's that lists revoked (NULL: nobody), current from `starts` to `ends` seconds from now. Free with free(). */
char *proof_revocations(
    const proof_authority *issuer, const proof_authority *revoked, long starts, long ends, size_t *length);

/* Calls of malloc, calloc and realloc by this thread since it started. 0 under a sanitizer. */
uint64_t proof_allocations(void);
/* Bytes this thread has taken from those and not given back. */
int64_t proof_heap_in_use(void);
/* Microseconds of CPU this thread has used. */
double proof_cpu_microseconds(void);

/* --- a peer that is plain OpenSSL, to prove that we speak with others than ourselves ------------------------------- */

typedef struct proof_peer proof_peer;

typedef struct proof_peer_options {
    int server, version;         /* 0x0303, 0x0304 */
    const char *suite;           /* suite as OpenSSL names it for that version, NULL the default */
    const char *groups;          /* SSL_set1_groups_list, NULL the default */
    int tickets;                 /* server: how many, -1 default */
    size_t fragment;             /* SSL_set_max_send_fragment, 0 default */
    size_t padding;              /* SSL_set_block_padding, 0 none */
    const uint8_t *ticket_request; /* what its extension 58 says (RFC 9149), copied; NULL: it has none */
    size_t ticket_request_length;  /* at most 8 */
} proof_peer_options;

/* Verifies against root, shows identity. */
proof_peer *proof_peer_new(
    const proof_peer_options *options, const proof_authority *identity, const proof_authority *root);
void proof_peer_free(proof_peer *peer);
/* 1 done, 0 waiting, -1 failed. */
int proof_peer_handshake(proof_peer *peer);
void proof_peer_feed(proof_peer *peer, const uint8_t *bytes, size_t count);
/* Bytes it wants to send. */
size_t proof_peer_take(proof_peer *peer, uint8_t *to, size_t room);
int proof_peer_write(proof_peer *peer, const uint8_t *bytes, size_t count);
/* Bytes read; 0 nothing there; -1 closed by close_notify; -2 failed. */
long proof_peer_read(proof_peer *peer, uint8_t *to, size_t room);
/* SSL_key_update with or without a request, sent at once. */
int proof_peer_update(proof_peer *peer, int request);
int proof_peer_renegotiate(proof_peer *peer);
void proof_peer_close(proof_peer *peer);
/* The alert it received last, -1 none. */
int proof_peer_alert(const proof_peer *peer);
/* NewSessionTicket messages that have come. */
int proof_peer_tickets(const proof_peer *peer);
/* What it heard in extension 58: how many bytes, the first of them in *first; -1 nothing. */
int proof_peer_heard(const proof_peer *peer, uint8_t *first);

/* --- records no honest peer would send ------------------------------------------------------------------------------ */

struct warren_tls_session;
struct warren_tls_engine;
/* Seals one record of any type under a detached session's own keys, with padding zeros behind it. type -1: no type at
 * all, only zeros. Returns the record's length, 0 if it does not fit. */
size_t proof_seal_any(
    struct warren_tls_session *session, int type, const uint8_t *content, size_t length, size_t padding, uint8_t *to,
    size_t room);
/* Sets how many records the session believes to have sealed or opened. */
void proof_set_sequence(struct warren_tls_session *session, int writing, uint64_t sequence);

/* How many bytes a detached session's secret has, and the secret itself with every byte flipped: so that who looks for it in
 * memory does not find what he looks for it with. */
size_t proof_flipped_secret(struct warren_tls_session *session, int writing, uint8_t to[48]);
/* The same of the key. */
size_t proof_flipped_key(struct warren_tls_session *session, int writing, uint8_t to[32]);
/* How often bytes stand in memory this process can write to, stacks included: the heap, freed parts of it too. */
long proof_find_in_memory(const uint8_t *flipped, size_t length);
/* A new P-256 key with a certificate of its own, made by the openssl program: nothing of the key is in this process but what
 * stands here, and, flipped, what to look for: a line of its text, its number as files have it and as OpenSSL has it. */
struct proof_apart {
    uint8_t key[1024], certificate[2048];
    size_t key_length, certificate_length;
    uint8_t flipped_text[48], flipped_number[32], flipped_number_reversed[32];
};
int proof_make_apart(int pkcs8, struct proof_apart *made);
/* Wipes `key`. */
void proof_forget_key(struct proof_apart *made);
/* RFC 8446 section 7.3: key and IV of AES-128-GCM out of a secret; and a record sealed under them. 0 good. */
int proof_derive(
    struct warren_tls_engine *engine, const uint8_t secret[32], uint8_t key[16], uint8_t iv[12]);
size_t proof_seal_under(
    struct warren_tls_engine *engine, const uint8_t secret[32], uint64_t sequence, const uint8_t *plain, size_t length,
    uint8_t *to);

/* X25519's public half and the secret shared with a peer, by the functions our library context makes keys with, whatever
 * the processor. 0 good. */
int proof_x25519(const uint8_t secret[32], const uint8_t theirs[32], uint8_t public_half[32], uint8_t shared[32]);
/* A key pair as a handshake makes one, with a group set or NULL; freed again. Its secret comes flipped. -1 where it was refused
 * or its public half is not the one that the default provider computes from the secret. */
int proof_generate(struct warren_tls_engine *engine, const char *group, uint8_t flipped_secret[32], uint8_t public_half[32]);
/* A key without halves, as a server makes one for the client's public key. 0 good. */
int proof_generate_blank(struct warren_tls_engine *engine);

/* How many certificates this engine's handshakes did not parse. */
uint64_t proof_certificates_spared(const struct warren_tls_engine *engine);
/* Parses a PEM certificate `rounds` times as libssl does, with a bit of its last byte but one wrong when `spoiled`, and while the
 * session shakes hands or not. How many times the same certificate came out as before; -1 where none came out. */
int proof_parse(struct warren_tls_session *session, const char *pem, size_t length, int rounds, int spoiled, int shaking);
/* An HMAC while the session shakes hands, and while it does not. Its size where both are the same, 0 where both times there was
 * none, -1 where they differ. */
int proof_mac(
    struct warren_tls_session *session, const char *digest, const uint8_t *key, size_t key_length, const uint8_t *text,
    size_t length, size_t room);
/* Whether a key derivation of that name is found, in the session's library or the process's, while it shakes hands or not. */
int proof_fetches(struct warren_tls_session *session, const char *name, int ours, int shaking);

/* Bytes of text that went past libssl's buffers in an attached session, both ways together. */
uint64_t proof_bytes_around(const struct warren_tls_session *session);
/* Has libssl's BIO write what is in a buffer of ours while a record's text stands sealed in the sink: of the length that the record
 * has, but from `aside` bytes beside it, or `more` bytes of it. What the BIO answers; *count what the sink then holds. */
int proof_write_aside(struct warren_tls_session *session, int aside, int more, size_t *count);

/* A checksum that runs: pass what the last call returned, 0 first. Byte order matters, cuts do not. */
uint64_t proof_checksum(uint64_t before, const uint8_t *bytes, size_t count);
/* Noise out of a seed, and the seed for the next call. */
uint64_t proof_noise(uint64_t seed, uint8_t *to, size_t count);

/* --- a kernel with TLS, in memory ------------------------------------------------------------------------------------ */

typedef struct proof_kernel {
    uint8_t key[32], iv[12];
    uint64_t sequence;
    uint8_t cipher;              /* the kernel's number */
} proof_kernel;
/* One of setsockopt's structures; -1 when it is none. */
int proof_kernel_take_keys(proof_kernel *kernel, const uint8_t *info, size_t length);
/* One record; `record` has room for 22 bytes more than `plain`. 0 on failure. */
size_t proof_kernel_seal(proof_kernel *kernel, uint8_t type, const uint8_t *plain, size_t length, uint8_t *record);
/* One record, whole; returns how many bytes it holds, -1 if it does not decrypt. */
long proof_kernel_open(proof_kernel *kernel, const uint8_t *record, size_t length, uint8_t *type, uint8_t *plain);

#endif
