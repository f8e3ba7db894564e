/* A library context of the engine's own, with only what TLS between sidecars needs.
 *
 * OpenSSL 3.0 decodes the public key of every certificate by walking over every algorithm its library context has met,
 * some 400, and asking each of 40 decoders: a third of a handshake's instructions. So an engine's TLS runs in a library
 * context whose only provider lends, out of the default provider's algorithms, the few dozen that our protocol versions,
 * ciphers and certificates use. A library context per engine also means that loops share no lock. */
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tls_internal.h"

enum { MOST_LENT = 12 };

static const struct {
    int operation;
    const char *property; /* must occur in the definition of an algorithm; NULL any */
    const char *names[MOST_LENT];
} lent[] = {
    {OSSL_OP_DECODER, "input=der,structure=SubjectPublicKeyInfo", {"EC", "RSA", "RSA-PSS", "ED25519"}},
    /* HMAC: OpenSSL treats the key of a PSK binder and of Finished as a key of this type. */
    {OSSL_OP_KEYMGMT, NULL, {"EC", "RSA", "RSA-PSS", "ED25519", "X25519", "HMAC"}},
    {OSSL_OP_SIGNATURE, NULL, {"ECDSA", "RSA", "ED25519", "HMAC"}},
    {OSSL_OP_KEYEXCH, NULL, {"ECDH", "X25519"}},
    {OSSL_OP_CIPHER, NULL, {"AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305", "AES-256-CBC"}},
    {OSSL_OP_DIGEST, NULL, {"SHA1", "SHA2-224", "SHA2-256", "SHA2-384", "SHA2-512", "MD5", "MD5-SHA1"}},
    {OSSL_OP_MAC, NULL, {"HMAC"}},
    {OSSL_OP_KDF, NULL, {"HKDF", "TLS13-KDF", "TLS1-PRF"}},
    {OSSL_OP_RAND, NULL, {"CTR-DRBG", "SEED-SRC"}},
};

enum { OPERATIONS = sizeof lent / sizeof *lent };

struct warren_tls_library {
    OSSL_LIB_CTX *whole;      /* holds the default provider, and nothing else happens in it */
    OSSL_PROVIDER *source;
    OSSL_LIB_CTX *narrow;     /* what TLS uses */
    OSSL_PROVIDER *lender;
    OSSL_LIB_CTX *bare;       /* knows nothing */
    OSSL_PROVIDER *nothing;   /* without any provider OpenSSL would load the default one by itself */
    void *source_context;
    struct warren_kdf kdf;
    struct warren_x25519 x25519;
    OSSL_DISPATCH random[WARREN_RANDOM_FUNCTIONS + 1];
    struct warren_ciphers ciphers;
    int has_ciphers;          /* the default provider's are as described */
    int lends_ciphers;        /* ours in their place */
    OSSL_ALGORITHM tables[OPERATIONS][MOST_LENT + 1]; /* ended by an entry without names */
    struct warren_tls_library *next;
};

/* OpenSSL hands a provider's functions only the provider's context, which has to be the default provider's own; this
 * list leads from there to the library it was lent from. Few, and looked at while algorithms are fetched and
 * where a key derivation or a key pair begins. */
static struct warren_tls_library *libraries;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct warren_tls_library *library_of(const void *source_context) {
    pthread_mutex_lock(&lock);
    struct warren_tls_library *library = libraries;
    while (library != NULL && library->source_context != source_context) library = library->next;
    pthread_mutex_unlock(&lock);
    return library;
}

static int is_named(const OSSL_ALGORITHM *algorithm, const char *const *names) {
    size_t length = strcspn(algorithm->algorithm_names, ":");
    for (int i = 0; i < MOST_LENT && names[i] != NULL; i++)
        if (strlen(names[i]) == length && strncmp(algorithm->algorithm_names, names[i], length) == 0) return 1;
    return 0;
}

/* All that is asked for must be there: a handshake that fails half way for want of a digest helps nobody. */
static int fill(struct warren_tls_library *library, int index) {
    int no_cache, wanted = 0, count = 0;
    while (wanted < MOST_LENT && lent[index].names[wanted] != NULL) wanted++;
    const OSSL_ALGORITHM *all = OSSL_PROVIDER_query_operation(library->source, lent[index].operation, &no_cache);
    for (; all != NULL && all->algorithm_names != NULL && count < wanted; all++)
        if (is_named(all, lent[index].names)
            && (lent[index].property == NULL || strstr(all->property_definition, lent[index].property) != NULL))
            library->tables[index][count++] = *all;
    return count == wanted ? 0 : -1;
}

static OSSL_ALGORITHM *entry(struct warren_tls_library *library, int operation, const char *name) {
    for (int i = 0; i < OPERATIONS; i++)
        for (OSSL_ALGORITHM *at = library->tables[i]; lent[i].operation == operation && at->algorithm_names != NULL; at++)
            if (is_named(at, (const char *const[MOST_LENT]){name})) return at;
    return NULL;
}

void (*warren_tls_function(const OSSL_DISPATCH *table, int number))(void) {
    while (table->function_id != 0 && table->function_id != number) table++;
    return table->function;
}

/* All of them, or none; and none where libssl's records are not as detours need them: nothing else is worth standing in between. */
static void replace_ciphers(struct warren_tls_library *library) {
    OSSL_ALGORITHM *ciphers[AEAD_KINDS];
    for (int kind = 0; kind < AEAD_KINDS; kind++) {
        ciphers[kind] = entry(library, OSSL_OP_CIPHER, warren_cipher_names[kind]);
        if (ciphers[kind] == NULL
            || warren_cipher_setup(&library->ciphers, kind, library->source_context, ciphers[kind]->implementation) != 0)
            return;
    }
    library->has_ciphers = 1;
    library->lends_ciphers = warren_detours_are_possible();
    for (int kind = 0; kind < AEAD_KINDS && library->lends_ciphers; kind++)
        ciphers[kind]->implementation = library->ciphers.functions[kind];
}

/* What we do in another way than the default provider. */
static int replace(struct warren_tls_library *library) {
    OSSL_ALGORITHM *kdf = entry(library, OSSL_OP_KDF, "TLS13-KDF"), *keys = entry(library, OSSL_OP_KEYMGMT, "X25519");
    OSSL_ALGORITHM *random = entry(library, OSSL_OP_RAND, "CTR-DRBG");
    const OSSL_ALGORITHM *exchanges = entry(library, OSSL_OP_KEYEXCH, "X25519");
    if (kdf == NULL || keys == NULL || random == NULL || exchanges == NULL) return -1;
    if (warren_random_setup(library->random, random->implementation) != 0) return -1;
    random->implementation = library->random;
    kdf->implementation = warren_tls13_kdf;
    replace_ciphers(library);
    if (!warren_x25519_ladder_is_faster()) return 0;
    if (warren_x25519_setup(
            &library->x25519, library->whole, library->source_context, keys->implementation, exchanges->implementation)
        != 0)
        return -1;
    keys->implementation = library->x25519.functions;
    return 0;
}

static const OSSL_ALGORITHM *query(void *context, int operation, int *no_cache) {
    struct warren_tls_library *library = library_of(context);
    *no_cache = 0;
    for (int i = 0; library != NULL && i < OPERATIONS; i++)
        if (lent[i].operation == operation) return library->tables[i];
    return NULL;
}

static int capabilities(void *context, const char *capability, OSSL_CALLBACK *callback, void *argument) {
    struct warren_tls_library *library = library_of(context);
    return library != NULL ? OSSL_PROVIDER_get_capabilities(library->source, capability, callback, argument) : 0;
}

static void teardown(void *context) {
    (void)context; /* it is the default provider's, which ends by itself */
}

/* The library whose provider is being loaded: OpenSSL calls `lend_from` before load returns, on the same thread. */
static __thread struct warren_tls_library *loading;

static int lend_from(
    const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out, void **context) {
    static const OSSL_DISPATCH functions[] = {
        {OSSL_FUNC_PROVIDER_TEARDOWN, (void (*)(void))teardown},
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
        {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, (void (*)(void))capabilities},
        {0, NULL},
    };
    (void)handle, (void)in;
    if (loading == NULL) return 0;
    *out = functions;
    *context = loading->source_context;
    return 1;
}

struct warren_tls_library *warren_tls_library_new(void) {
    struct warren_tls_library *library = calloc(1, sizeof *library);
    if (library == NULL) return NULL;
    library->whole = OSSL_LIB_CTX_new();
    library->narrow = OSSL_LIB_CTX_new();
    library->bare = OSSL_LIB_CTX_new();
    if (library->whole == NULL || library->narrow == NULL || library->bare == NULL) goto failed;
    library->nothing = OSSL_PROVIDER_load(library->bare, "null");
    if (library->nothing == NULL) goto failed;
    library->source = OSSL_PROVIDER_load(library->whole, "default");
    if (library->source == NULL) goto failed;
    library->source_context = OSSL_PROVIDER_get0_provider_ctx(library->source);
    for (int i = 0; i < OPERATIONS; i++)
        if (fill(library, i) != 0) goto failed;
    if (replace(library) != 0) goto failed;
    pthread_mutex_lock(&lock);
    library->next = libraries;
    libraries = library;
    pthread_mutex_unlock(&lock);
    loading = library;
    if (OSSL_PROVIDER_add_builtin(library->narrow, "warren", lend_from) == 1)
        library->lender = OSSL_PROVIDER_load(library->narrow, "warren");
    loading = NULL;
    if (library->lender != NULL && warren_kdf_setup(&library->kdf, library->narrow) == 0) return library;
failed:
    warren_tls_library_free(library);
    return NULL;
}

void warren_tls_library_free(struct warren_tls_library *library) {
    if (library == NULL) return;
    warren_kdf_free(&library->kdf);
    OSSL_PROVIDER_unload(library->lender);
    OSSL_LIB_CTX_free(library->narrow);
    OSSL_PROVIDER_unload(library->nothing);
    OSSL_LIB_CTX_free(library->bare);
    pthread_mutex_lock(&lock);
    for (struct warren_tls_library **at = &libraries; *at != NULL; at = &(*at)->next)
        if (*at == library) {
            *at = library->next;
            break;
        }
    pthread_mutex_unlock(&lock);
    warren_x25519_free(&library->x25519);
    OSSL_PROVIDER_unload(library->source);
    OSSL_LIB_CTX_free(library->whole);
    free(library);
}

OSSL_LIB_CTX *warren_tls_library_context(struct warren_tls_library *library) {
    return library->narrow;
}

OSSL_LIB_CTX *warren_tls_library_whole(struct warren_tls_library *library) {
    return library->whole;
}

OSSL_LIB_CTX *warren_tls_library_bare(struct warren_tls_library *library) {
    return library->bare;
}

struct warren_kdf *warren_tls_library_kdf(struct warren_tls_library *library) {
    return &library->kdf;
}

struct warren_kdf *warren_tls_library_kdf_at(const void *provider_context) {
    struct warren_tls_library *library = library_of(provider_context);
    return library != NULL ? &library->kdf : NULL;
}

const struct cipher_calls *warren_tls_library_ciphers(const struct warren_tls_library *library) {
    return library->has_ciphers ? library->ciphers.calls : NULL;
}

int warren_tls_library_lends_ciphers(const struct warren_tls_library *library) {
    return library->lends_ciphers;
}

struct warren_ciphers *warren_tls_library_ciphers_at(const void *provider_context) {
    struct warren_tls_library *library = library_of(provider_context);
    return library != NULL ? &library->ciphers : NULL;
}

struct warren_x25519 *warren_tls_library_x25519_at(const void *provider_context) {
    struct warren_tls_library *library = library_of(provider_context);
    return library != NULL ? &library->x25519 : NULL;
}

/* A key read with all decoders there are, made anew where TLS uses it. */
EVP_PKEY *warren_tls_library_adopt(struct warren_tls_library *library, EVP_PKEY *key) {
    EVP_PKEY *adopted = NULL;
    OSSL_PARAM *parts = NULL;
    const char *type = EVP_PKEY_get0_type_name(key);
    EVP_PKEY_CTX *maker = type != NULL ? EVP_PKEY_CTX_new_from_name(library->narrow, type, NULL) : NULL;
    if (maker == NULL || EVP_PKEY_todata(key, EVP_PKEY_KEYPAIR, &parts) != 1 || EVP_PKEY_fromdata_init(maker) != 1
        || EVP_PKEY_fromdata(maker, &adopted, EVP_PKEY_KEYPAIR, parts) != 1)
        adopted = NULL;
    for (OSSL_PARAM *part = parts; part != NULL && part->key != NULL; part++)
        if (part->data != NULL) OPENSSL_cleanse(part->data, part->data_size);
    OSSL_PARAM_free(parts);
    EVP_PKEY_CTX_free(maker);
    return adopted;
}
