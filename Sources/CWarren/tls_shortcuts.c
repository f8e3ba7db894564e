/* What libssl asks libcrypto for in every handshake, answered with what an engine has at hand.
 *
 * libssl parses every certificate that comes in, looks its key derivation up by name some forty times, asks of our key each time
 * whether it can sign, and has the algorithms of each signature searched. It has no calls that take what is known already. But it
 * calls libcrypto's functions by their names, and a program's own function of a name comes before a library's (ld.so(8)). So here
 * are functions of such names. While an engine of ours shakes hands on a thread they answer the questions that it knows; anybody
 * else, and any other question, gets libcrypto's own function. libcrypto itself does not come here for its own calls (it is linked
 * with -Bsymbolic). Where this code is in a library that a program loads later, libssl finds libcrypto's functions first: nothing is
 * spared then, and nothing else is different. They are weak, for a program with libcrypto inside has libcrypto's.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/x509.h>
#include <string.h>

#include "tls_internal.h"

/* Whose handshake is under way on this thread. */
static __thread warren_tls_session *shaking;

void warren_tls_shortcuts(warren_tls_session *session) {
    shaking = session;
}

static void *libcryptos(void **kept, const char *name) {
    void *function = __atomic_load_n(kept, __ATOMIC_RELAXED);
    if (function != NULL) return function;
    function = dlsym(RTLD_NEXT, name);
    if (function == NULL) ERR_raise_data(ERR_LIB_X509, ERR_R_INTERNAL_ERROR, "libcrypto has no %s", name);
    __atomic_store_n(kept, function, __ATOMIC_RELAXED);
    return function;
}

/* libcrypto's function of that name, or NULL. */
#define OWN(function) \
    ({ \
        static void *kept; \
        (__typeof__(&function))libcryptos(&kept, #function); \
    })

#define SHORTCUT __attribute__((weak))

static int is_ours(const OSSL_LIB_CTX *library, const char *properties) {
    return shaking != NULL && library == shaking->context->engine->library && properties == NULL;
}

/* The certificate of a peer that was verified a moment ago: tls_peer_certificates.c. */
SHORTCUT X509 *d2i_X509(X509 **to, const unsigned char **in, long length) {
    X509 *known = NULL;
    if (shaking != NULL && to != NULL && *to != NULL && length > 0)
        known = warren_peer_certificates_find(&shaking->context->engine->certificates, *in, (size_t)length);
    if (known == NULL) {
        __typeof__(&d2i_X509) own = OWN(d2i_X509);
        return own != NULL ? own(to, in, length) : NULL;
    }
    X509_free(*to);
    *to = known;
    *in += length;
    return known;
}

/* By a name that leads to the same algorithm each time: a hash, two searches and four locks, forty times. */
SHORTCUT EVP_KDF *EVP_KDF_fetch(OSSL_LIB_CTX *library, const char *name, const char *properties) {
    if (is_ours(library, properties)) {
        EVP_KDF *known = shaking->context->engine->kdf->algorithm;
        if (strcmp(name, OSSL_KDF_NAME_TLS1_3_KDF) == 0 && EVP_KDF_up_ref(known) == 1) return known;
    }
    __typeof__(&EVP_KDF_fetch) own = OWN(EVP_KDF_fetch);
    return own != NULL ? own(library, name, properties) : NULL;
}

/* --- signatures ----------------------------------------------------------------------------------------------------- */

void warren_begun_forget(struct warren_begun *begun) {
    EVP_MD_CTX_free(begun->context);
    memset(begun, 0, sizeof *begun);
}

/* The context holds its key, so the key's address is nobody else's. */
static int is_begun(const struct warren_begun *begun, const EVP_PKEY *key, const char *digest) {
    return begun != NULL && begun->context != NULL && digest != NULL && strcmp(begun->digest, digest) == 0
        && EVP_PKEY_CTX_get0_pkey(EVP_MD_CTX_get_pkey_ctx(begun->context)) == key;
}

static int begin_alike(const struct warren_begun *begun, EVP_MD_CTX *to, EVP_PKEY_CTX **inner) {
    if (EVP_MD_CTX_copy_ex(to, begun->context) != 1) return 0;
    if (inner != NULL) *inner = EVP_MD_CTX_get_pkey_ctx(to);
    return 1;
}

static void keep_begun(struct warren_begun *begun, const EVP_MD_CTX *context, const char *digest) {
    if (begun == NULL || digest == NULL || strlen(digest) >= sizeof begun->digest) return;
    warren_begun_forget(begun);
    begun->context = EVP_MD_CTX_new();
    if (begun->context != NULL && EVP_MD_CTX_copy_ex(begun->context, context) == 1)
        strcpy(begun->digest, digest);
    else
        warren_begun_forget(begun);
}

/* Ours, where it is our key. */
static struct warren_begun *signing_with(const EVP_PKEY *key, const OSSL_LIB_CTX *library, const char *properties) {
    return is_ours(library, properties) && key == SSL_CTX_get0_privatekey(shaking->context->ssl)
        ? &shaking->context->signing
        : NULL;
}

/* Asked of our key before it signs, and found out by beginning a signature and throwing it away. The digest goes by another name
 * here than it does when the signature begins. */
SHORTCUT int EVP_PKEY_digestsign_supports_digest(
    EVP_PKEY *key, OSSL_LIB_CTX *library, const char *digest, const char *properties) {
    /* Ed25519 has no digest. */
    char *supported =
        digest != NULL && signing_with(key, library, properties) != NULL ? shaking->context->supported : NULL;
    if (supported != NULL && strcmp(supported, digest) == 0) return 1;
    __typeof__(&EVP_PKEY_digestsign_supports_digest) own = OWN(EVP_PKEY_digestsign_supports_digest);
    int answer = own != NULL ? own(key, library, digest, properties) : 0;
    if (answer == 1 && supported != NULL && strlen(digest) < WARREN_DIGEST_NAME) strcpy(supported, digest);
    return answer;
}

/* A signature begins with a search for its algorithm, its key's and its digest; a copy of one that has begun needs none. */
SHORTCUT int EVP_DigestSignInit_ex(
    EVP_MD_CTX *context, EVP_PKEY_CTX **inner, const char *digest, OSSL_LIB_CTX *library, const char *properties,
    EVP_PKEY *key, const OSSL_PARAM params[]) {
    struct warren_begun *begun = params == NULL ? signing_with(key, library, properties) : NULL;
    if (is_begun(begun, key, digest) && begin_alike(begun, context, inner)) return 1;
    __typeof__(&EVP_DigestSignInit_ex) own = OWN(EVP_DigestSignInit_ex);
    int outcome = own != NULL ? own(context, inner, digest, library, properties, key, params) : 0;
    if (outcome == 1) keep_begun(begun, context, digest);
    return outcome;
}

/* The same for a peer's, with the key of a certificate that is kept. */
SHORTCUT int EVP_DigestVerifyInit_ex(
    EVP_MD_CTX *context, EVP_PKEY_CTX **inner, const char *digest, OSSL_LIB_CTX *library, const char *properties,
    EVP_PKEY *key, const OSSL_PARAM params[]) {
    struct warren_begun *begun = is_ours(library, properties) && params == NULL
        ? warren_peer_certificates_checking(&shaking->context->engine->certificates, key)
        : NULL;
    if (is_begun(begun, key, digest) && begin_alike(begun, context, inner)) return 1;
    __typeof__(&EVP_DigestVerifyInit_ex) own = OWN(EVP_DigestVerifyInit_ex);
    int outcome = own != NULL ? own(context, inner, digest, library, properties, key, params) : 0;
    if (outcome == 1) keep_begun(begun, context, digest);
    return outcome;
}

/* The Finished messages' HMAC, which is done here as those of the key derivation are (tls_kdf.c). */
SHORTCUT unsigned char *EVP_Q_mac(
    OSSL_LIB_CTX *library, const char *name, const char *properties, const char *digest, const OSSL_PARAM *params,
    const void *key, size_t key_length, const unsigned char *text, size_t length, unsigned char *out, size_t room,
    size_t *size) {
    if (is_ours(library, properties) && strcmp(name, "HMAC") == 0 && digest != NULL && out != NULL && size != NULL
        && (params == NULL || params->key == NULL)
        && warren_kdf_mac(shaking->context->engine->kdf, digest, key, key_length, text, length, out, room, size) == 0)
        return out;
    __typeof__(&EVP_Q_mac) own = OWN(EVP_Q_mac);
    return own != NULL
        ? own(library, name, properties, digest, params, key, key_length, text, length, out, room, size)
        : NULL;
}
