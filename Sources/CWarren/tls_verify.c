/* Who the peer is: its chain verified by OpenSSL, the verdict remembered for a short while, and the facts of its leaf.
 *
 * The same bytes under the same roots and CRLs give the same verdict until one of them ends, so a chain that was good
 * a moment ago is taken as good without its signatures being checked again. That the peer holds the leaf's key is proven
 * anew in every handshake (CertificateVerify); only the chain above the leaf is remembered. */
#include <limits.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "tls_internal.h"

int64_t warren_tls_time_of(const ASN1_TIME *time) {
    struct tm parts;
    if (time == NULL || ASN1_TIME_to_tm(time, &parts) != 1) return 0;
    return (int64_t)timegm(&parts);
}

void warren_tls_peer_retain(warren_tls_peer *peer) {
    if (peer != NULL) peer->references++;
}

void warren_tls_peer_release(warren_tls_peer *peer) {
    if (peer != NULL && --peer->references == 0) free(peer);
}

/* A name with a NUL inside would be read as its prefix, another name: the certificate is refused whole. */
static int is_text(const ASN1_STRING *string) {
    int length = ASN1_STRING_length(string);
    return length > 0 && memchr(ASN1_STRING_get0_data(string), 0, (size_t)length) == NULL;
}

static const ASN1_STRING *name_of(const GENERAL_NAME *name, int type) {
    if (name->type != type) return NULL;
    return type == GEN_URI ? name->d.uniformResourceIdentifier : name->d.dNSName;
}

static size_t append(uint8_t *to, const ASN1_STRING *string) {
    size_t length = (size_t)ASN1_STRING_length(string);
    memcpy(to, ASN1_STRING_get0_data(string), length);
    to[length] = 0;
    return length + 1;
}

static warren_tls_peer *facts_of(X509 *leaf, const uint8_t *der, size_t der_length, const uint8_t fingerprint[32]) {
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    int name_count = names != NULL ? sk_GENERAL_NAME_num(names) : 0;
    const ASN1_INTEGER *serial = X509_get0_serialNumber(leaf);
    size_t serial_length = (size_t)ASN1_STRING_length(serial);
    const ASN1_STRING *common = NULL;
    const X509_NAME *subject = X509_get_subject_name(leaf);
    int position = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (position >= 0) {
        common = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, position));
        if (!is_text(common)) common = NULL;
    }
    warren_tls_peer *peer = NULL;
    size_t room = der_length + serial_length * 3 + 4 + (common != NULL ? (size_t)ASN1_STRING_length(common) : 0) + 1;
    for (int i = 0; i < name_count; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        const ASN1_STRING *string = name_of(name, GEN_URI);
        if (string == NULL) string = name_of(name, GEN_DNS);
        if (string != NULL && !is_text(string)) goto done;
        if (string != NULL) room += (size_t)ASN1_STRING_length(string) + 1;
    }
    peer = calloc(1, sizeof *peer + room);
    if (peer == NULL) goto done;
    peer->references = 1;
    peer->leaf_length = (uint32_t)der_length;
    memcpy(peer->fingerprint, fingerprint, 32);
    peer->not_before = warren_tls_time_of(X509_get0_notBefore(leaf));
    peer->not_after = warren_tls_time_of(X509_get0_notAfter(leaf));
    memcpy(peer->blob, der, der_length);
    size_t at = der_length;
    peer->serial_at = (uint32_t)at;
    static const char digits[] = "0123456789abcdef";
    const uint8_t *bytes = ASN1_STRING_get0_data(serial);
    for (size_t i = 0; i < serial_length; i++) {
        if (i != 0) peer->blob[at++] = ':';
        peer->blob[at++] = (uint8_t)digits[bytes[i] >> 4];
        peer->blob[at++] = (uint8_t)digits[bytes[i] & 15];
    }
    peer->blob[at++] = 0;
    peer->name_at = (uint32_t)at;
    if (common != NULL)
        at += append(peer->blob + at, common);
    else
        peer->blob[at++] = 0;
    peer->uri_at = (uint32_t)at;
    for (int i = 0; i < name_count; i++) {
        const ASN1_STRING *string = name_of(sk_GENERAL_NAME_value(names, i), GEN_URI);
        if (string == NULL) continue;
        at += append(peer->blob + at, string);
        peer->uri_count++;
    }
    peer->dns_at = (uint32_t)at;
    for (int i = 0; i < name_count; i++) {
        const ASN1_STRING *string = name_of(sk_GENERAL_NAME_value(names, i), GEN_DNS);
        if (string == NULL) continue;
        at += append(peer->blob + at, string);
        peer->dns_count++;
    }
done:
    GENERAL_NAMES_free(names);
    return peer;
}

/* --- the table ------------------------------------------------------------------------------------------------- */

static struct verified_entry *find(warren_tls_context *context, const uint8_t leaf[32]) {
    struct verified_entry *set = context->verified + (leaf[0] % WARREN_VERIFIED_SETS) * WARREN_WAYS;
    for (int i = 0; i < WARREN_WAYS; i++)
        if (set[i].peer != NULL && memcmp(set[i].leaf, leaf, 32) == 0) return &set[i];
    return NULL;
}

static struct verified_entry *find_or_evict(warren_tls_context *context, const uint8_t leaf[32]) {
    struct verified_entry *entry = find(context, leaf);
    if (entry != NULL) return entry;
    struct verified_entry *set = context->verified + (leaf[0] % WARREN_VERIFIED_SETS) * WARREN_WAYS;
    entry = set;
    for (int i = 1; i < WARREN_WAYS; i++)
        if (set[i].used < entry->used) entry = &set[i];
    warren_tls_peer_release(entry->peer);
    memset(entry, 0, sizeof *entry);
    return entry;
}

/* DER of a certificate into a buffer of the caller's if it fits, else into new memory. */
static uint8_t *der_of(X509 *certificate, uint8_t *buffer, size_t room, size_t *length) {
    int need = i2d_X509(certificate, NULL);
    if (need <= 0) return NULL;
    uint8_t *at = (size_t)need <= room ? buffer : malloc((size_t)need);
    if (at == NULL) return NULL;
    uint8_t *end = at;
    if (i2d_X509(certificate, &end) != need) {
        if (at != buffer) free(at);
        return NULL;
    }
    *length = (size_t)need;
    return at;
}

/* SHA-256 of the leaf, and of the leaf with all that came after it. */
static int fingerprints(
    warren_tls_context *context, X509_STORE_CTX *store, const uint8_t *leaf, size_t leaf_length, uint8_t of_leaf[32],
    uint8_t of_chain[32]) {
    if (warren_tls_sha256(context->engine, leaf, leaf_length, of_leaf) != 0) return -1;
    EVP_MD_CTX *digest = context->engine->digest;
    if (EVP_DigestInit_ex2(digest, context->engine->kdf->sha256, NULL) != 1) return -1;
    if (EVP_DigestUpdate(digest, of_leaf, 32) != 1) return -1;
    STACK_OF(X509) *others = X509_STORE_CTX_get0_untrusted(store);
    for (int i = 0; i < sk_X509_num(others); i++) {
        X509 *other = sk_X509_value(others, i);
        if (other == X509_STORE_CTX_get0_cert(store)) continue;
        uint8_t buffer[2048];
        size_t length;
        uint8_t *der = der_of(other, buffer, sizeof buffer, &length);
        if (der == NULL) return -1;
        int ok = EVP_DigestUpdate(digest, der, length);
        if (der != buffer) free(der);
        if (ok != 1) return -1;
    }
    return EVP_DigestFinal_ex(digest, of_chain, NULL) == 1 ? 0 : -1;
}

/* The earliest end among the verified chain's certificates and, when they count, the CRLs in the store. */
static int64_t end_of(X509_STORE_CTX *store) {
    int64_t end = INT64_MAX;
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(store);
    for (int i = 0; i < sk_X509_num(chain); i++) {
        int64_t time = warren_tls_time_of(X509_get0_notAfter(sk_X509_value(chain, i)));
        if (time < end) end = time;
    }
    if ((X509_VERIFY_PARAM_get_flags(X509_STORE_CTX_get0_param(store)) & X509_V_FLAG_CRL_CHECK) != 0) {
        STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(X509_STORE_CTX_get0_store(store));
        for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
            X509_CRL *crl = X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(objects, i));
            if (crl == NULL || X509_CRL_get0_nextUpdate(crl) == NULL) continue;
            int64_t time = warren_tls_time_of(X509_CRL_get0_nextUpdate(crl));
            if (time < end) end = time;
        }
    }
    return end;
}

static void remember_peer(warren_tls_session *session, warren_tls_peer *peer) {
    warren_tls_peer_retain(peer);
    warren_tls_peer_release(session->peer);
    session->peer = peer;
}

int warren_tls_verify(X509_STORE_CTX *store, void *argument) {
    warren_tls_context *context = argument;
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    warren_tls_session *session = ssl != NULL ? SSL_get_app_data(ssl) : NULL;
    X509 *leaf = X509_STORE_CTX_get0_cert(store);
    if (session == NULL || leaf == NULL) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_UNSPECIFIED);
        return 0;
    }
    warren_tls_engine *engine = context->engine;
    int64_t now = warren_tls_now(engine);
    uint8_t buffer[2048], of_leaf[32], of_chain[32];
    size_t length;
    uint8_t *der = der_of(leaf, buffer, sizeof buffer, &length);
    if (der == NULL || fingerprints(context, store, der, length, of_leaf, of_chain) != 0) {
        if (der != NULL && der != buffer) free(der);
        X509_STORE_CTX_set_error(store, X509_V_ERR_OUT_OF_MEM);
        return 0;
    }
    int good = 0;
    struct verified_entry *entry = find(context, of_leaf);
    if (entry != NULL && entry->verified_at != 0 && memcmp(entry->chain, of_chain, 32) == 0
        && now >= entry->verified_at && now - entry->verified_at < context->verified_seconds && now < entry->good_until
        && now >= entry->peer->not_before) {
        entry->used = ++engine->turn;
        context->counters.verified_cached++;
        remember_peer(session, entry->peer);
        /* The cached verdict is as old as the verification: resumption counts from there, not from now. */
        session->verified_at = entry->verified_at;
        session->good_until = entry->good_until;
        X509_STORE_CTX_set_error(store, X509_V_OK);
        good = 1;
        goto done;
    }
    if (engine->test_time != 0)
        X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(store), (time_t)engine->test_time);
    context->counters.verified++;
    if (X509_verify_cert(store) != 1) {
        if (entry != NULL) entry->verified_at = 0;
        /* Never let a failure without a reason pass as success further up. */
        if (X509_STORE_CTX_get_error(store) == X509_V_OK) X509_STORE_CTX_set_error(store, X509_V_ERR_UNSPECIFIED);
        goto done;
    }
    entry = find_or_evict(context, of_leaf);
    if (entry->peer == NULL) entry->peer = facts_of(leaf, der, length, of_leaf);
    if (entry->peer == NULL) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_UNSUPPORTED_NAME_SYNTAX);
        goto done;
    }
    memcpy(entry->leaf, of_leaf, 32);
    memcpy(entry->chain, of_chain, 32);
    entry->verified_at = now;
    entry->good_until = end_of(store);
    entry->used = ++engine->turn;
    remember_peer(session, entry->peer);
    session->verified_at = now;
    session->good_until = entry->good_until;
    good = 1;
done:
    if (good) warren_peer_certificates_keep(&engine->certificates, leaf, X509_STORE_CTX_get0_untrusted(store));
    if (der != buffer) free(der);
    return good;
}

/* After a resumed handshake nobody verified anything: the leaf is the one the session was made with. */
int warren_tls_learn_peer(warren_tls_session *session) {
    if (session->peer != NULL) return 0;
    warren_tls_context *context = session->context;
    X509 *leaf = SSL_get0_peer_certificate(session->ssl);
    if (leaf == NULL) return -1;
    uint8_t buffer[2048], of_leaf[32];
    size_t length;
    uint8_t *der = der_of(leaf, buffer, sizeof buffer, &length);
    if (der == NULL) return -1;
    int result = -1;
    if (warren_tls_sha256(context->engine, der, length, of_leaf) != 0) goto done;
    struct verified_entry *entry = find_or_evict(context, of_leaf);
    if (entry->peer == NULL) {
        entry->peer = facts_of(leaf, der, length, of_leaf);
        if (entry->peer == NULL) goto done;
        memcpy(entry->leaf, of_leaf, 32);
    }
    entry->used = ++context->engine->turn;
    remember_peer(session, entry->peer);
    result = 0;
done:
    if (der != buffer) free(der);
    return result;
}

/* --- reading the facts ----------------------------------------------------------------------------------------- */

const warren_tls_peer *warren_tls_session_peer(const warren_tls_session *session) {
    return session->complete ? session->peer : NULL;
}

const uint8_t *warren_tls_peer_leaf(const warren_tls_peer *peer, size_t *length) {
    *length = peer->leaf_length;
    return peer->blob;
}

const uint8_t *warren_tls_peer_fingerprint(const warren_tls_peer *peer) {
    return peer->fingerprint;
}

static const char *nth(const warren_tls_peer *peer, uint32_t at, size_t count, size_t index) {
    if (index >= count) return NULL;
    const char *name = (const char *)peer->blob + at;
    while (index-- > 0) name += strlen(name) + 1;
    return name;
}

const char *warren_tls_peer_uri(const warren_tls_peer *peer, size_t index) {
    return nth(peer, peer->uri_at, peer->uri_count, index);
}

const char *warren_tls_peer_dns(const warren_tls_peer *peer, size_t index) {
    return nth(peer, peer->dns_at, peer->dns_count, index);
}

const char *warren_tls_peer_serial(const warren_tls_peer *peer) {
    return (const char *)peer->blob + peer->serial_at;
}

const char *warren_tls_peer_common_name(const warren_tls_peer *peer) {
    return (const char *)peer->blob + peer->name_at;
}

int64_t warren_tls_peer_not_before(const warren_tls_peer *peer) {
    return peer->not_before;
}

int64_t warren_tls_peer_not_after(const warren_tls_peer *peer) {
    return peer->not_after;
}
