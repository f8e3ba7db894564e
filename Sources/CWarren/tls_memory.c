/* OpenSSL's session object holds every secret of its handshake, the master secret among them, and SSL_free gives its memory
 * back as it is (OpenSSL 3.0). A detached session outlives that object, and a crowd of tunnels would leave its secrets behind
 * in a crowd of free blocks. So what OpenSSL frees goes through here, and blocks of that object's size are wiped first:
 * 6 KiB once a handshake. */
#include <malloc.h>
#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "tls_internal.h"

/* malloc may hand out a little more than was asked for when what is left over would be no block of its own. */
enum { SLACK = 64 };

static _Atomic size_t session_size;

static void give_back(void *memory, const char *file, int line) {
    (void)file, (void)line;
    if (memory == NULL) return;
    size_t least = atomic_load_explicit(&session_size, memory_order_relaxed), size = malloc_usable_size(memory);
    if (least != 0 && size >= least && size - least < SLACK) OPENSSL_cleanse(memory, size);
    free(memory);
}

/* OpenSSL takes another free only before its first allocation. */
__attribute__((constructor)) static void stand_between(void) {
    (void)CRYPTO_set_mem_functions(NULL, NULL, give_back);
}

void warren_tls_memory_note(const SSL *ssl) {
    size_t size = malloc_usable_size((void *)ssl), least = atomic_load_explicit(&session_size, memory_order_relaxed);
    while ((least == 0 || size < least)
           && !atomic_compare_exchange_weak_explicit(
               &session_size, &least, size, memory_order_relaxed, memory_order_relaxed)) {
    }
}
