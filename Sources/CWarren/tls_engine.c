/* What the sessions of one loop share, and the clock they judge certificates by. */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <time.h>

#include "record.h"

/* RFC 8446 section 5.5 allows 2^24.5 full records under one AES-GCM key. */
enum { UPDATE_AFTER = 1 << 23 };

warren_tls_engine *warren_tls_engine_new(int accelerator, uint32_t keyed_slots, uint64_t update_after) {
    warren_tls_engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL) return NULL;
    engine->references = 1;
    engine->update_after = update_after != 0 ? update_after : UPDATE_AFTER;
    engine->libraries = warren_tls_library_new();
    if (engine->libraries == NULL) {
        warren_tls_engine_release(engine);
        return NULL;
    }
    engine->library = warren_tls_library_context(engine->libraries);
    engine->bare = warren_tls_library_bare(engine->libraries);
    engine->kdf = warren_tls_library_kdf(engine->libraries);
    engine->ticket_cipher = EVP_CIPHER_fetch(engine->library, "AES-256-CBC", NULL);
    engine->digest = EVP_MD_CTX_new();
    if (engine->ticket_cipher == NULL || engine->digest == NULL
        || warren_aead_setup(engine, accelerator, keyed_slots) != 0) {
        warren_tls_engine_release(engine);
        return NULL;
    }
    return engine;
}

void warren_tls_engine_release(warren_tls_engine *engine) {
    if (engine == NULL || --engine->references != 0) return;
    warren_aead_free(engine);
    warren_peer_certificates_free(&engine->certificates);
    EVP_MD_CTX_free(engine->digest);
    EVP_CIPHER_free(engine->ticket_cipher);
    warren_tls_library_free(engine->libraries);
    free(engine);
}

void warren_tls_engine_set_time(warren_tls_engine *engine, int64_t now) {
    engine->test_time = now;
}

const char *warren_tls_engine_aead(warren_tls_engine *engine) {
    warren_aead_accelerate(engine);
    return engine->accelerator != NULL ? engine->accelerator->name : warren_aead_libcrypto.name;
}

const char *warren_tls_engine_aead_in_use(const warren_tls_engine *engine) {
    if (engine->accelerator_wanted) return "libIPSec_MB or libcrypto, no record yet";
    return engine->accelerator != NULL ? engine->accelerator->name : warren_aead_libcrypto.name;
}

int64_t warren_tls_now(const warren_tls_engine *engine) {
    return engine->test_time != 0 ? engine->test_time : (int64_t)time(NULL);
}

int warren_tls_sha256(warren_tls_engine *engine, const void *bytes, size_t count, uint8_t out[32]) {
    return EVP_DigestInit_ex2(engine->digest, engine->kdf->sha256, NULL) == 1
            && EVP_DigestUpdate(engine->digest, bytes, count) == 1
            && EVP_DigestFinal_ex(engine->digest, out, NULL) == 1
        ? 0
        : -1;
}

const char *warren_openssl_version(void) { return OpenSSL_version(OPENSSL_VERSION); }

void warren_tls_wipe(void *bytes, size_t count) {
    if (bytes != NULL) OPENSSL_cleanse(bytes, count);
}
