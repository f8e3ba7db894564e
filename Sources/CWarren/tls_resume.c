/* Resumption, both roles, with one rule: a resumed session is worth no more than the full handshake it came from.
 *
 * When that handshake verified the peer, and until when that verdict can hold, travels with the session (inside the
 * encrypted ticket on a server, beside the session on a client) and is carried over unchanged when a resumed
 * connection gets a new ticket; a ticket serves again where none comes. So a chain of resumptions ends
 * resumption_seconds after the last full verification, or when the first certificate on either chain ends, or when roots
 * or CRLs change, whichever comes first. */
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "tls_internal.h"

/* --- ticket keys ------------------------------------------------------------------------------------------------ */

/* One that seals and the one before it. Keys rotate at the resumption lifetime, so a ticket that was sealed just before one
 * rotation has ended at the next, and a key that leaks tells of two lifetimes at the most. */
enum { KEPT_KEYS = 2 };

struct ticket_key {
    uint8_t name[16], cipher[32], mac[32];
};

struct warren_tls_tickets {
    uint32_t references; /* atomic: loops of several threads share one set */
    uint32_t count;
    struct ticket_key keys[KEPT_KEYS]; /* the first encrypts, all decrypt */
};

warren_tls_tickets *warren_tls_tickets_rotated(const warren_tls_tickets *old) {
    warren_tls_tickets *tickets = calloc(1, sizeof *tickets);
    if (tickets == NULL) return NULL;
    tickets->references = 1;
    tickets->count = 1;
    struct ticket_key *key = &tickets->keys[0];
    if (RAND_bytes(key->name, sizeof key->name) != 1 || RAND_priv_bytes(key->cipher, sizeof key->cipher) != 1
        || RAND_priv_bytes(key->mac, sizeof key->mac) != 1) {
        warren_tls_tickets_release(tickets);
        return NULL;
    }
    for (uint32_t i = 0; old != NULL && i < old->count && tickets->count < KEPT_KEYS; i++)
        tickets->keys[tickets->count++] = old->keys[i];
    return tickets;
}

warren_tls_tickets *warren_tls_tickets_new(void) {
    return warren_tls_tickets_rotated(NULL);
}

void warren_tls_tickets_retain(warren_tls_tickets *tickets) {
    if (tickets != NULL) __atomic_add_fetch(&tickets->references, 1, __ATOMIC_RELAXED);
}

void warren_tls_tickets_release(warren_tls_tickets *tickets) {
    if (tickets == NULL || __atomic_sub_fetch(&tickets->references, 1, __ATOMIC_ACQ_REL) != 0) return;
    OPENSSL_cleanse(tickets, sizeof *tickets);
    free(tickets);
}

static int with_key(
    warren_tls_context *context, const struct ticket_key *key, const uint8_t *iv, EVP_CIPHER_CTX *cipher,
    EVP_MAC_CTX *mac, int encrypt) {
    OSSL_PARAM digest[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, "SHA2-256", 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_CipherInit_ex(cipher, context->engine->ticket_cipher, NULL, key->cipher, iv, encrypt) == 1
        && EVP_MAC_init(mac, key->mac, sizeof key->mac, digest) == 1;
}

/* OpenSSL writes the peer's certificate into each ticket, and decodes it when it makes one and when it takes one, in the
 * thread's default library context whatever the SSL_CTX says (OpenSSL before 3.2). Its public key, by far the dearest part
 * of that, is of use to nobody after the handshake. Where the context has no decoder, OpenSSL leaves it undecoded. So the
 * default has none from here until `with_decoders`: between the two callbacks that OpenSSL calls around that decoding, in
 * both directions. The end of a handshake call puts the thread's own default back in any case. */
static void without_decoders(const warren_tls_context *context) {
    OSSL_LIB_CTX_set0_default(context->engine->bare);
}

static void with_decoders(const warren_tls_context *context) {
    OSSL_LIB_CTX_set0_default(context->engine->library);
}

/* SSL_CTX_set_tlsext_ticket_key_evp_cb(3): 1 use, 2 use and renew, 0 no such key, -1 failure. */
static int ticket_key(SSL *ssl, uint8_t *name, uint8_t *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int encrypt) {
    warren_tls_session *session = SSL_get_app_data(ssl);
    warren_tls_context *context = session->context;
    const warren_tls_tickets *tickets = context->tickets;
    if (encrypt) with_decoders(context);
    if (tickets == NULL) return 0;
    if (encrypt) {
        const struct ticket_key *key = &tickets->keys[0];
        if (RAND_bytes(iv, EVP_MAX_IV_LENGTH) != 1) return -1;
        memcpy(name, key->name, sizeof key->name);
        return with_key(context, key, iv, cipher, mac, 1) ? 1 : -1;
    }
    for (uint32_t i = 0; i < tickets->count; i++) {
        const struct ticket_key *key = &tickets->keys[i];
        if (CRYPTO_memcmp(name, key->name, sizeof key->name) != 0) continue;
        if (!with_key(context, key, iv, cipher, mac, 0)) return -1;
        without_decoders(context);
        return i == 0 ? 1 : 2;
    }
    return 0;
}

/* --- what a ticket carries of ours --------------------------------------------------------------------------------- */

struct provenance {
    uint64_t format; /* 1 */
    int64_t verified_at, good_until;
    uint8_t trust[32];
};

static int64_t earliest(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Until when a session may be resumed whose peer was verified then, and whose certificates and CRLs are good until then. */
static int64_t end_of_resumption(const warren_tls_context *context, int64_t verified_at, int64_t good_until) {
    return earliest(verified_at + context->resumption_seconds, earliest(good_until, context->not_after));
}

static int issue(SSL *ssl, void *argument) {
    (void)argument;
    warren_tls_session *session = SSL_get_app_data(ssl);
    SSL_SESSION *state = SSL_get_session(ssl);
    struct provenance provenance = {1, session->verified_at, session->good_until, {0}};
    memcpy(provenance.trust, session->context->trust, sizeof provenance.trust);
    int64_t left = end_of_resumption(session->context, session->verified_at, session->good_until)
        - warren_tls_now(session->context->engine);
    /* Nothing may be left when the chain's verdict came from the table. `redeem` refuses such a ticket by itself, but OpenSSL
     * cannot encode one whose lifetime is 0: it reads that back as 3, finds its copy longer than the original, and fails the
     * handshake with internal_error (ssl/statem/statem_srvr.c, construct_stateless_ticket). */
    if (left < 1) left = 1;
    SSL_SESSION_set_timeout(state, (long)left);
    if (SSL_SESSION_set1_ticket_appdata(state, &provenance, sizeof provenance) != 1) return 0;
    without_decoders(session->context);
    return 1;
}

static SSL_TICKET_RETURN redeem(
    SSL *ssl, SSL_SESSION *state, const unsigned char *name, size_t name_length, SSL_TICKET_STATUS status, void *argument) {
    (void)name, (void)name_length, (void)argument;
    warren_tls_session *session = SSL_get_app_data(ssl);
    warren_tls_context *context = session->context;
    with_decoders(context);
    if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) return SSL_TICKET_RETURN_IGNORE_RENEW;
    void *data;
    size_t length;
    struct provenance provenance;
    if (SSL_SESSION_get0_ticket_appdata(state, &data, &length) != 1 || length != sizeof provenance)
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    memcpy(&provenance, data, sizeof provenance);
    int64_t now = warren_tls_now(context->engine);
    /* Our own end is looked at too: the ticket may be of a time when we had a certificate that ends later. */
    if (provenance.format != 1 || CRYPTO_memcmp(provenance.trust, context->trust, 32) != 0
        || now < provenance.verified_at
        || now >= end_of_resumption(context, provenance.verified_at, provenance.good_until))
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    session->verified_at = provenance.verified_at;
    session->good_until = provenance.good_until;
    session->ticket_key_leaves = status == SSL_TICKET_SUCCESS_RENEW;
    /* In TLS 1.3 how many follow is the client's wish (tls_ticket_request.c). Tickets of TLS 1.2 are for many uses; a new one
     * is due when the key of this one is on its way out. */
    return SSL_version(ssl) == TLS1_3_VERSION || status == SSL_TICKET_SUCCESS_RENEW ? SSL_TICKET_RETURN_USE_RENEW
                                                                                    : SSL_TICKET_RETURN_USE;
}

/* --- the client's sessions ------------------------------------------------------------------------------------------ */

static struct resumable_entry *set_of(warren_tls_context *context, const uint8_t key[32]) {
    uint32_t number;
    memcpy(&number, key, sizeof number);
    return context->resumable + (size_t)(number % context->resumable_sets) * WARREN_WAYS;
}

/* The one for `key`, if there is any. */
static struct resumable_entry *find(warren_tls_context *context, const uint8_t key[32]) {
    struct resumable_entry *set = set_of(context, key);
    for (int i = 0; i < WARREN_WAYS; i++)
        if (set[i].session != NULL && memcmp(set[i].key, key, 32) == 0) return &set[i];
    return NULL;
}

/* The one for `key`, or the place of that which was not used for the longest. */
static struct resumable_entry *place_of(warren_tls_context *context, const uint8_t key[32]) {
    struct resumable_entry *found = find(context, key);
    if (found != NULL) return found;
    struct resumable_entry *set = set_of(context, key), *oldest = set;
    for (int i = 1; i < WARREN_WAYS; i++)
        if (set[i].used < oldest->used) oldest = &set[i];
    return oldest;
}

static void drop(struct resumable_entry *entry) {
    SSL_SESSION_free(entry->session);
    memset(entry, 0, sizeof *entry);
}

/* SSL_CTX_sess_set_new_cb(3): 1 keeps the reference that comes with the call. */
static int keep(SSL *ssl, SSL_SESSION *state) {
    warren_tls_session *session = SSL_get_app_data(ssl);
    warren_tls_context *context = session->context;
    if (session->resumption_key == NULL || context->resumable == NULL) return 0;
    if (SSL_SESSION_is_resumable(state) != 1) return 0;
    if (end_of_resumption(context, session->verified_at, session->good_until) <= warren_tls_now(context->engine)) return 0;
    /* OpenSSL's clients spoil a TLS 1.3 session when it was used once, if it has an identifier; a ticket needs none. */
    if (SSL_version(ssl) == TLS1_3_VERSION) {
        static const unsigned char none[1];
        if (SSL_SESSION_set1_id(state, none, 0) != 1) return 0;
    }
    struct resumable_entry *entry = place_of(context, session->resumption_key);
    drop(entry);
    memcpy(entry->key, session->resumption_key, 32);
    entry->session = state;
    entry->verified_at = session->verified_at;
    entry->good_until = session->good_until;
    entry->kept = entry->used = ++context->engine->turn;
    context->counters.sessions_kept++;
    return 1;
}

/* When a TLS 1.2 server renews the ticket in a resumed handshake, OpenSSL marks the old session as spent and tells nobody
 * of the new one. */
void warren_tls_resume_renew(warren_tls_session *session) {
    if (session->context->server || !session->resumed || session->version == TLS1_3_VERSION) return;
    SSL_SESSION *state = SSL_get1_session(session->ssl);
    if (state != NULL && keep(session->ssl, state) == 0) SSL_SESSION_free(state);
}

void warren_tls_resume_offer(warren_tls_session *session) {
    warren_tls_context *context = session->context;
    if (session->resumption_key == NULL || context->resumable == NULL) return;
    struct resumable_entry *entry = find(context, session->resumption_key);
    if (entry == NULL) return;
    int64_t now = warren_tls_now(context->engine);
    if (now < entry->verified_at || now >= end_of_resumption(context, entry->verified_at, entry->good_until)) {
        drop(entry);
        return;
    }
    session->verified_at = entry->verified_at;
    session->good_until = entry->good_until;
    /* If the server does not take it, the full handshake that follows overwrites both times. */
    entry->used = ++context->engine->turn;
    if (SSL_set_session(session->ssl, entry->session) == 1) session->offered = entry->kept;
}

/* A session that has come since, on another connection, is not the one that failed. */
void warren_tls_resume_forget(warren_tls_session *session) {
    if (session->offered == 0) return;
    struct resumable_entry *entry = find(session->context, session->resumption_key);
    if (entry != NULL && entry->kept == session->offered) drop(entry);
}

int warren_tls_resume_setup(warren_tls_context *context, uint32_t capacity) {
    SSL_CTX *ssl = context->ssl;
    /* Servers: the trust this context judges by. OpenSSL itself refuses a session made under another one. */
    if (SSL_CTX_set_session_id_context(ssl, context->trust, sizeof context->trust) != 1) return -1;
    if (context->server) {
        SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
        if (context->resumption_seconds <= 0 || context->tickets == NULL) {
            SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
            return SSL_CTX_set_num_tickets(ssl, 0) == 1 ? 0 : -1;
        }
        SSL_CTX_set_timeout(ssl, (long)context->resumption_seconds);
        if (SSL_CTX_set_num_tickets(ssl, 1) != 1 || warren_tls_ticket_request_setup(ssl) != 0) return -1;
        if (SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl, ticket_key) != 1) return -1;
        return SSL_CTX_set_session_ticket_cb(ssl, issue, redeem, NULL) == 1 ? 0 : -1;
    }
    if (context->resumption_seconds <= 0 || capacity == 0) {
        SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
        return 0;
    }
    context->resumable_sets = (capacity + WARREN_WAYS - 1) / WARREN_WAYS;
    context->resumable = calloc((size_t)context->resumable_sets * WARREN_WAYS, sizeof *context->resumable);
    if (context->resumable == NULL) return -1;
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ssl, keep);
    return warren_tls_ticket_request_setup(ssl);
}

void warren_tls_context_forget_sessions(warren_tls_context *context) {
    for (size_t i = 0; context->resumable != NULL && i < (size_t)context->resumable_sets * WARREN_WAYS; i++)
        drop(&context->resumable[i]);
}

void warren_tls_resume_free(warren_tls_context *context) {
    warren_tls_context_forget_sessions(context);
    free(context->resumable);
    context->resumable = NULL;
    warren_tls_tickets_release(context->tickets);
    context->tickets = NULL;
}
