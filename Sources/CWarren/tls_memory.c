/* OpenSSL's memory: wiped where it has to be, and kept at hand where that is cheaper than malloc.
 *
 * OpenSSL's session object holds every secret of its handshake, the master secret among them, and SSL_free gives its memory
 * back as it is (OpenSSL 3.0). A detached session outlives that object, and a crowd of tunnels would leave its secrets behind
 * in a crowd of free blocks. So what OpenSSL frees goes through here, and blocks of that object's size are wiped first:
 * 6 KiB once a handshake.
 *
 * A handshake takes and gives back some hundreds of small blocks, many at a time. glibc keeps seven of a size at hand for a
 * thread, and for the others searches, splits and merges. So a thread keeps some more here: ordinary blocks of malloc's,
 * by size, last in first out, and 256 KiB of them at the most: what a dozen handshakes under way give back. A request of a KiB
 * or more that reached malloc would make it merge all it has at hand first (malloc_consolidate), so those are kept too.
 *
 * While a private key is read, every block is wiped on its way back: OpenSSL wipes the key itself, but not all that a PEM text
 * passes through until it is one.
 *
 * OpenSSL's two record buffers, 16 KiB and some bytes each, come and go with each flight of a handshake and, where records are
 * left to it, with each record, for idle tunnels shall hold none (SSL_MODE_RELEASE_BUFFERS); one of 21 KiB for a handshake's
 * messages comes and goes with it. Eight of those are kept as well. */
#include <malloc.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "tls_memory.h"

enum {
    /* malloc may hand out a little more than was asked for when what is left over would be no block of its own. */
    SLACK = 64,
    /* The usable sizes of glibc's blocks on 64-bit machines: 24, 40, 56 and so on. Others serve as well: a block stands in
     * the class of which it has at least the size. Up to 8 KiB, the session object's size among them. */
    LEAST = 24,
    STEP = 16,
    CLASSES = 512,
    /* A record buffer's sizes lie in here, and those of the buffer for a handshake's messages; each differs by little. */
    LARGE_LEAST = 16 << 10,
    LARGE_MOST = 24 << 10,
    LARGE_SLACK = 512,
    LARGE_ROOM = 8,
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
    MOST_KEPT = 0, /* the sanitizer sees only what goes back to it */
    LARGE_KEPT = 0,
#else
    MOST_KEPT = 256 << 10,
    LARGE_KEPT = LARGE_ROOM,
#endif
};

static _Atomic size_t session_size;

/* Free blocks of one thread. A free block's first word leads to the next one. */
struct shelf {
    void *first[CLASSES];
    size_t bytes;
    void *large[LARGE_ROOM];
    size_t large_size[LARGE_ROOM];
    int large_count;
};

static __thread struct shelf shelf;
static __thread int is_shelf_owned; /* by a thread that will clear it when it ends */
static __thread int is_secret;      /* what this thread gives back now */
static pthread_key_t at_end;
static int has_key;

static void clear(void *unused) {
    (void)unused;
    for (int class = 0; class < CLASSES; class++)
        while (shelf.first[class] != NULL) {
            void *block = shelf.first[class];
            shelf.first[class] = *(void **)block;
            free(block);
        }
    shelf.bytes = 0;
    while (shelf.large_count > 0) free(shelf.large[--shelf.large_count]);
}

static void *take_large(size_t size) {
    for (int at = shelf.large_count - 1; at >= 0; at--) {
        if (shelf.large_size[at] < size || shelf.large_size[at] - size > LARGE_SLACK) continue;
        void *block = shelf.large[at];
        shelf.large_count--;
        shelf.large[at] = shelf.large[shelf.large_count];
        shelf.large_size[at] = shelf.large_size[shelf.large_count];
        return block;
    }
    return malloc(size);
}

static void *take(size_t size, const char *file, int line) {
    (void)file, (void)line;
    if (size == 0) return NULL; /* as OpenSSL's own */
    if (size >= LARGE_LEAST && size < LARGE_MOST) return take_large(size);
    size_t class = size <= LEAST ? 0 : (size - LEAST + STEP - 1) / STEP;
    if (class >= CLASSES || shelf.first[class] == NULL) return malloc(size);
    void *block = shelf.first[class];
    shelf.first[class] = *(void **)block;
    shelf.bytes -= LEAST + class * STEP;
    return block;
}

static void give_back(void *memory, const char *file, int line) {
    (void)file, (void)line;
    if (memory == NULL) return;
    size_t least = atomic_load_explicit(&session_size, memory_order_relaxed), size = malloc_usable_size(memory);
    if (is_secret || (least != 0 && size >= least && size - least < SLACK)) OPENSSL_cleanse(memory, size);
    if (size >= LEAST && size < LEAST + CLASSES * STEP && shelf.bytes < MOST_KEPT && is_shelf_owned) {
        size_t class = (size - LEAST) / STEP;
        *(void **)memory = shelf.first[class];
        shelf.first[class] = memory;
        shelf.bytes += LEAST + class * STEP;
        return;
    }
    if (size >= LARGE_LEAST && size < LARGE_MOST && shelf.large_count < LARGE_KEPT && is_shelf_owned) {
        shelf.large[shelf.large_count] = memory;
        shelf.large_size[shelf.large_count++] = size;
        return;
    }
    free(memory);
}

static void *resize(void *memory, size_t size, const char *file, int line) {
    if (memory == NULL) return take(size, file, line);
    if (size == 0) {
        give_back(memory, file, line);
        return NULL;
    }
    if (!is_secret) return realloc(memory, size);
    void *other = take(size, file, line);
    if (other == NULL) return NULL;
    size_t held = malloc_usable_size(memory);
    memcpy(other, memory, held < size ? held : size);
    give_back(memory, file, line);
    return other;
}

/* OpenSSL takes other functions only before its first allocation. */
__attribute__((constructor)) static void stand_between(void) {
    has_key = pthread_key_create(&at_end, clear) == 0;
    (void)CRYPTO_set_mem_functions(take, resize, give_back);
}

void warren_tls_memory_keep(void) {
    /* Any value but NULL makes the thread's end call `clear`. */
    if (!is_shelf_owned && has_key && pthread_setspecific(at_end, &shelf) == 0) is_shelf_owned = 1;
}

int warren_tls_memory_secret(int secret) {
    int before = is_secret;
    is_secret = secret;
    return before;
}

void warren_tls_memory_trim(void) {
    clear(NULL);
}

void warren_tls_memory_note(const SSL *ssl) {
    size_t size = malloc_usable_size((void *)ssl), least = atomic_load_explicit(&session_size, memory_order_relaxed);
    while ((least == 0 || size < least)
           && !atomic_compare_exchange_weak_explicit(
               &session_size, &least, size, memory_order_relaxed, memory_order_relaxed)) {
    }
}
