/* The AEADs as libssl is lent them: the default provider's, which stay the ones that seal and open, with two things spared.
 *
 * For each record EVP asks twice how long nonces are, and the provider finds out by comparing strings; here that is kept.
 *
 * And libssl seals and opens a record in place, in a buffer of its own. So each record is copied twice more than it need be: from
 * where it came in to that buffer, and from that buffer to where it leaves from. Here, where it can be seen what is sealed and
 * opened, text is opened from where it came in, and sealed to where it leaves from (tls_bio.c). */
#include "tls_ciphers.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/opensslv.h>
#include <openssl/params.h>
#include <string.h>

#include "tls_internal.h"

const char *const warren_cipher_names[AEAD_KINDS] = {"AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305"};

/* One direction of a session. */
struct cipher {
    const struct cipher_calls *calls;
    void *inner;                  /* the default provider's context */
    warren_tls_session *session;  /* for which it was made; else NULL */
    size_t nonce_length;          /* 0: to be asked for */
    int sealing;
};

static void end(void *context) {
    struct cipher *cipher = context;
    if (cipher == NULL) return;
    cipher->calls->free_context(cipher->inner);
    OPENSSL_free(cipher);
}

static void *new_of(void *provider, int kind) {
    struct warren_ciphers *ciphers = warren_tls_library_ciphers_at(provider);
    struct cipher *cipher = ciphers != NULL ? OPENSSL_zalloc(sizeof *cipher) : NULL;
    if (cipher == NULL) return NULL;
    cipher->calls = &ciphers->calls[kind];
    cipher->session = warren_tls_library_kdf_at(provider)->session;
    cipher->inner = cipher->calls->new_context(provider);
    if (cipher->inner != NULL) return cipher;
    OPENSSL_free(cipher);
    return NULL;
}

static void *new_aes_128(void *provider) { return new_of(provider, AEAD_AES_128_GCM); }
static void *new_aes_256(void *provider) { return new_of(provider, AEAD_AES_256_GCM); }
static void *new_chacha20(void *provider) { return new_of(provider, AEAD_CHACHA20_POLY1305); }

static int begin_sealing(
    void *context, const unsigned char *key, size_t key_length, const unsigned char *nonce, size_t nonce_length,
    const OSSL_PARAM params[]) {
    struct cipher *cipher = context;
    cipher->sealing = 1;
    return cipher->calls->begin_sealing(cipher->inner, key, key_length, nonce, nonce_length, params);
}

static int begin_opening(
    void *context, const unsigned char *key, size_t key_length, const unsigned char *nonce, size_t nonce_length,
    const OSSL_PARAM params[]) {
    struct cipher *cipher = context;
    cipher->sealing = 0;
    return cipher->calls->begin_opening(cipher->inner, key, key_length, nonce, nonce_length, params);
}

static int update(
    void *context, unsigned char *out, size_t *count, size_t room, const unsigned char *in, size_t length) {
    const struct cipher *cipher = context;
    /* Additional data has no `out`. */
    if (out != NULL && out == in && cipher->session != NULL && cipher->session->takes_detours) {
        if (cipher->sealing) out = warren_text_leaving(cipher->session, out, length);
        else in = warren_text_arriving(cipher->session, in, length);
    }
    return cipher->calls->update(cipher->inner, out, count, room, in, length);
}

static int finish(void *context, unsigned char *out, size_t *count, size_t room) {
    const struct cipher *cipher = context;
    return cipher->calls->finish(cipher->inner, out, count, room);
}

static int whole(
    void *context, unsigned char *out, size_t *count, size_t room, const unsigned char *in, size_t length) {
    const struct cipher *cipher = context;
    return cipher->calls->whole(cipher->inner, out, count, room, in, length);
}

static int is_named(const OSSL_PARAM *param, const char *name) { return param->key != NULL && strcmp(param->key, name) == 0; }

static int get(void *context, OSSL_PARAM params[]) {
    struct cipher *cipher = context;
    int asks_nonce = is_named(params, OSSL_CIPHER_PARAM_IVLEN) && params[1].key == NULL
        && params->data_type == OSSL_PARAM_UNSIGNED_INTEGER && params->data_size == sizeof(size_t);
    if (asks_nonce && cipher->nonce_length != 0) {
        *(size_t *)params->data = cipher->nonce_length;
        params->return_size = sizeof(size_t);
        return 1;
    }
    int result = cipher->calls->get(cipher->inner, params);
    if (asks_nonce && result == 1) cipher->nonce_length = *(size_t *)params->data;
    return result;
}

static int set(void *context, const OSSL_PARAM params[]) {
    struct cipher *cipher = context;
    if (params != NULL && !is_named(params, OSSL_CIPHER_PARAM_AEAD_TAG)) cipher->nonce_length = 0;
    return cipher->calls->set(cipher->inner, params);
}

/* --- built out of the default provider's parts --------------------------------------------------------------------- */

int warren_cipher_setup(struct warren_ciphers *ciphers, int kind, void *provider, const OSSL_DISPATCH *functions) {
    static OSSL_FUNC_cipher_newctx_fn *const makers[AEAD_KINDS] = {new_aes_128, new_aes_256, new_chacha20};
    struct cipher_calls *calls = &ciphers->calls[kind];
    OSSL_DISPATCH *lent = ciphers->functions[kind];
    calls->provider = provider;
#define CALL(field, type, number) \
    if ((calls->field = (OSSL_FUNC_cipher_##type##_fn *)warren_tls_function(functions, number)) == NULL) return -1
    CALL(new_context, newctx, OSSL_FUNC_CIPHER_NEWCTX);
    CALL(free_context, freectx, OSSL_FUNC_CIPHER_FREECTX);
    CALL(begin_sealing, encrypt_init, OSSL_FUNC_CIPHER_ENCRYPT_INIT);
    CALL(begin_opening, decrypt_init, OSSL_FUNC_CIPHER_DECRYPT_INIT);
    CALL(update, update, OSSL_FUNC_CIPHER_UPDATE);
    CALL(finish, final, OSSL_FUNC_CIPHER_FINAL);
    CALL(whole, cipher, OSSL_FUNC_CIPHER_CIPHER);
    CALL(get, get_ctx_params, OSSL_FUNC_CIPHER_GET_CTX_PARAMS);
    CALL(set, set_ctx_params, OSSL_FUNC_CIPHER_SET_CTX_PARAMS);
#undef CALL
    const OSSL_DISPATCH ours[] = {
        {OSSL_FUNC_CIPHER_NEWCTX, (void (*)(void))makers[kind]},
        {OSSL_FUNC_CIPHER_FREECTX, (void (*)(void))end},
        {OSSL_FUNC_CIPHER_ENCRYPT_INIT, (void (*)(void))begin_sealing},
        {OSSL_FUNC_CIPHER_DECRYPT_INIT, (void (*)(void))begin_opening},
        {OSSL_FUNC_CIPHER_UPDATE, (void (*)(void))update},
        {OSSL_FUNC_CIPHER_FINAL, (void (*)(void))finish},
        {OSSL_FUNC_CIPHER_CIPHER, (void (*)(void))whole},
        {OSSL_FUNC_CIPHER_GET_CTX_PARAMS, (void (*)(void))get},
        {OSSL_FUNC_CIPHER_SET_CTX_PARAMS, (void (*)(void))set},
        /* What is asked of the algorithm has no context of ours. What else there may be is not lent. */
        {OSSL_FUNC_CIPHER_GET_PARAMS, warren_tls_function(functions, OSSL_FUNC_CIPHER_GET_PARAMS)},
        {0, NULL},
    };
    _Static_assert(sizeof ours / sizeof *ours <= WARREN_CIPHER_FUNCTIONS, "the table is too small");
    memcpy(lent, ours, sizeof ours);
    return 0;
}

int warren_detours_are_possible(void) {
    /* OpenSSL 3.2 has another record layer. */
    return OPENSSL_version_major() == 3 && OPENSSL_version_minor() < 2;
}
