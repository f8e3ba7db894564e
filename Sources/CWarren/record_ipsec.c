/* Record protection by Intel's multi-buffer library, which does AES-GCM with VAES and AVX-512 in half of libcrypto's time
 * for long records and an eighth for short ones. It is loaded when installed; nothing of it is needed to build.
 *
 * What is declared here is its stable direct API (intel-ipsec-mb.h, "Direct GCM API"): stateless functions on a block of
 * precomputed key material. Before the first use its answers are compared with published ones, and with libcrypto's over
 * many lengths and both key sizes, so a library that differs from what is declared here is not used. */
#include <dlfcn.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"

typedef void gcm_expand_fn(const void *key, void *keys);
typedef void gcm_whole_fn(
    const void *keys, void *context, uint8_t *out, const uint8_t *in, uint64_t length, const uint8_t *iv,
    const uint8_t *aad, uint64_t aad_length, uint8_t *tag, uint64_t tag_length);
typedef void gcm_init_fn(const void *keys, void *context, const uint8_t *iv, const uint8_t *aad, uint64_t aad_length);
typedef void gcm_update_fn(const void *keys, void *context, uint8_t *out, const uint8_t *in, uint64_t length);
typedef void gcm_finish_fn(const void *keys, void *context, uint8_t *tag, uint64_t tag_length);

static struct {
    gcm_expand_fn *expand[2];
    gcm_whole_fn *seal[2], *open[2];
    gcm_init_fn *init[2];
    gcm_update_fn *update[2];
    gcm_finish_fn *finish[2];
} library;

enum {
    /* struct gcm_key_data of versions 1.0 to 2.0: 15 round keys, 48 powers of the hash key, rounded up to 64. Twice that
     * is set aside, so that a version with more powers does not write past the end before the self-test can tell. */
    KEYS_SIZE = 1024,
    KEYS_RESERVED = 2048,
    /* struct gcm_context_data is 96 bytes: among them key stream of the last block, wiped after each record. */
    CONTEXT_USED = 96,
    CONTEXT_SIZE = 256,
    /* Up to here plain bytes and content type are put side by side in the output first, and sealed in one call. */
    SHORT = 512,
};

static int ipsec_expand(warren_tls_engine *engine, struct aead_slot *slot, const uint8_t *key) {
    (void)engine;
    if (slot->keys == NULL && (slot->keys = aligned_alloc(64, KEYS_SIZE)) == NULL) return -1;
    library.expand[slot->kind](key, slot->keys);
    return 0;
}

static void ipsec_wipe(struct aead_slot *slot) {
    if (slot->keys != NULL) OPENSSL_cleanse(slot->keys, KEYS_SIZE);
}

static int ipsec_seal(
    struct aead_slot *slot, const uint8_t nonce[12], const uint8_t header[5], const uint8_t *in, size_t length,
    uint8_t type, uint8_t *out) {
    _Alignas(64) uint8_t context[CONTEXT_SIZE];
    int kind = slot->kind;
    uint8_t *tag = out + length + 1;
    if (length <= SHORT) {
        if (length != 0) memcpy(out, in, length);
        out[length] = type;
        library.seal[kind](slot->keys, context, out, out, length + 1, nonce, header, RECORD_HEADER, tag, RECORD_TAG);
        OPENSSL_cleanse(context, CONTEXT_USED);
        return 0;
    }
    library.init[kind](slot->keys, context, nonce, header, RECORD_HEADER);
    library.update[kind](slot->keys, context, out, in, length);
    out[length] = type;
    library.update[kind](slot->keys, context, out + length, out + length, 1);
    library.finish[kind](slot->keys, context, tag, RECORD_TAG);
    OPENSSL_cleanse(context, CONTEXT_USED);
    return 0;
}

static int ipsec_open(
    struct aead_slot *slot, const uint8_t nonce[12], const uint8_t header[5], const uint8_t *in, size_t length,
    uint8_t *out) {
    _Alignas(64) uint8_t context[CONTEXT_SIZE];
    uint8_t tag[RECORD_TAG];
    library.open[slot->kind](
        slot->keys, context, out, in, length, nonce, header, RECORD_HEADER, tag, RECORD_TAG);
    OPENSSL_cleanse(context, CONTEXT_USED);
    if (CRYPTO_memcmp(tag, in + length, RECORD_TAG) == 0) return 0;
    /* The right tag of a forged record is worth as much as the key. */
    OPENSSL_cleanse(tag, sizeof tag);
    OPENSSL_cleanse(out, length);
    return -1;
}

static char name[80] = "libIPSec_MB";
static const struct aead_ops ops = {name, ipsec_expand, ipsec_wipe, ipsec_seal, ipsec_open};

/* --- loading ------------------------------------------------------------------------------------------------------ */

static int find(void *handle, const char *flavour) {
    static const char *const sizes[2] = {"128", "256"};
    for (int i = 0; i < 2; i++) {
        char symbol[80];
#define FIND(field, format)                                                                                            \
    snprintf(symbol, sizeof symbol, format, sizes[i], flavour);                                                        \
    *(void **)&library.field[i] = dlsym(handle, symbol);                                                               \
    if (library.field[i] == NULL) return -1
        FIND(expand, "aes_gcm_pre_%s_%s");
        FIND(seal, "aes_gcm_enc_%s_%s");
        FIND(open, "aes_gcm_dec_%s_%s");
        FIND(init, "aes_gcm_init_%s_%s");
        FIND(update, "aes_gcm_enc_%s_update_%s");
        FIND(finish, "aes_gcm_enc_%s_finalize_%s");
#undef FIND
    }
    return 0;
}

/* Test cases 4 and 16 of McGrew and Viega, "The Galois/Counter Mode of Operation", which NIST's SP 800-38D refers to. */
static int knows_published_answers(void) {
    static const char key[] = "\xfe\xff\xe9\x92\x86\x65\x73\x1c\x6d\x6a\x8f\x94\x67\x30\x83\x08"
                              "\xfe\xff\xe9\x92\x86\x65\x73\x1c\x6d\x6a\x8f\x94\x67\x30\x83\x08";
    static const char plain[] = "\xd9\x31\x32\x25\xf8\x84\x06\xe5\xa5\x59\x09\xc5\xaf\xf5\x26\x9a"
                                "\x86\xa7\xa9\x53\x15\x34\xf7\xda\x2e\x4c\x30\x3d\x8a\x31\x8a\x72"
                                "\x1c\x3c\x0c\x95\x95\x68\x09\x53\x2f\xcf\x0e\x24\x49\xa6\xb5\x25"
                                "\xb1\x6a\xed\xf5\xaa\x0d\xe6\x57\xba\x63\x7b\x39";
    static const char with[] = "\xfe\xed\xfa\xce\xde\xad\xbe\xef\xfe\xed\xfa\xce\xde\xad\xbe\xef\xab\xad\xda\xd2";
    static const char iv[] = "\xca\xfe\xba\xbe\xfa\xce\xdb\xad\xde\xca\xf8\x88";
    static const char *const sealed[2] = {
        "\x42\x83\x1e\xc2\x21\x77\x74\x24\x4b\x72\x21\xb7\x84\xd0\xd4\x9c\xe3\xaa\x21\x2f\x2c\x02\xa4\xe0"
        "\x35\xc1\x7e\x23\x29\xac\xa1\x2e\x21\xd5\x14\xb2\x54\x66\x93\x1c\x7d\x8f\x6a\x5a\xac\x84\xaa\x05"
        "\x1b\xa3\x0b\x39\x6a\x0a\xac\x97\x3d\x58\xe0\x91\x5b\xc9\x4f\xbc\x32\x21\xa5\xdb\x94\xfa\xe9\x5a"
        "\xe7\x12\x1a\x47",
        "\x52\x2d\xc1\xf0\x99\x56\x7d\x07\xf4\x7f\x37\xa3\x2a\x84\x42\x7d\x64\x3a\x8c\xdc\xbf\xe5\xc0\xc9"
        "\x75\x98\xa2\xbd\x25\x55\xd1\xaa\x8c\xb0\x8e\x48\x59\x0d\xbb\x3d\xa7\xb0\x8b\x10\x56\x82\x88\x38"
        "\xc5\xf6\x1e\x63\x93\xba\x7a\x0a\xbc\xc9\xf6\x62\x76\xfc\x6e\xce\x0f\x4e\x17\x68\xcd\xdf\x88\x53"
        "\xbb\x2d\x55\x1b",
    };
    enum { LENGTH = sizeof plain - 1 };
    _Alignas(64) uint8_t context[CONTEXT_SIZE];
    uint8_t out[LENGTH + RECORD_TAG];
    void *keys = aligned_alloc(64, KEYS_RESERVED);
    int knows = keys != NULL;
    for (int kind = 0; knows && kind < 2; kind++) {
        library.expand[kind](key, keys);
        library.seal[kind](
            keys, context, out, (const uint8_t *)plain, LENGTH, (const uint8_t *)iv, (const uint8_t *)with,
            sizeof with - 1, out + LENGTH, RECORD_TAG);
        knows = memcmp(out, sealed[kind], sizeof out) == 0;
    }
    free(keys);
    return knows;
}

/* At every length around the places where the code paths change; and nothing is written behind the keys. */
static int agrees(warren_tls_engine *engine) {
    static const size_t lengths[] = {0,    1,    2,    15,   16,   17,   31,   47,   63,   64,   127,  128,   255,  256,
                                     257,  511,  512,  513,  767,  768,  769,  1023, 1024, 1500, 4096, 4099,  8191, 16383,
                                     16384};
    struct aead_slot slot = {.sealing = 1, .keys = aligned_alloc(64, KEYS_RESERVED)};
    if (slot.keys == NULL) return 0;
    memset((uint8_t *)slot.keys + KEYS_SIZE, 0xA5, KEYS_RESERVED - KEYS_SIZE);
    int agreed = 1;
    for (int kind = 0; agreed && kind < 2; kind++) {
        slot.kind = (uint8_t)kind;
        agreed = warren_aead_agrees(engine, &ops, &slot, &slot, lengths, sizeof lengths / sizeof *lengths);
    }
    for (size_t i = KEYS_SIZE; i < KEYS_RESERVED; i++)
        if (((uint8_t *)slot.keys)[i] != 0xA5) agreed = 0;
    free(slot.keys);
    return agreed;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static enum { UNTRIED, GOOD, ABSENT } state;

static int load(warren_tls_engine *engine) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512vl")
        || !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("vaes")
        || !__builtin_cpu_supports("vpclmulqdq"))
        return -1;
    void *handle = dlopen("libIPSec_MB.so.1", RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) return -1;
    if (find(handle, "vaes_avx512") != 0 || !knows_published_answers() || !agrees(engine)) {
        dlclose(handle);
        return -1;
    }
    const char *(*version)(void) = NULL;
    *(void **)&version = dlsym(handle, "imb_get_version_str");
    if (version != NULL) snprintf(name, sizeof name, "libIPSec_MB %s (VAES)", version());
    return 0; /* the handle stays: its code is in use until the process ends */
#else
    (void)engine;
    return -1;
#endif
}

const struct aead_ops *warren_aead_ipsec_mb(warren_tls_engine *engine) {
    pthread_mutex_lock(&lock);
    if (state == UNTRIED) state = load(engine) == 0 ? GOOD : ABSENT;
    int good = state == GOOD;
    pthread_mutex_unlock(&lock);
    return good ? &ops : NULL;
}
