/* Counts allocations by standing in front of the C library's allocator: the program's own definitions of malloc and its
 * kin win over libc's, and pass on to glibc's inner names. Per thread, so that tests running beside each other do not
 * count each other's. */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <time.h>

#include "tls_proof.h"

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static __thread uint64_t allocations __attribute__((tls_model("initial-exec")));
static __thread int64_t in_use __attribute__((tls_model("initial-exec")));

uint64_t proof_allocations(void) {
    return allocations;
}

int64_t proof_heap_in_use(void) {
    return in_use;
}

#if !defined(__SANITIZE_ADDRESS__) && !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
extern void __libc_free(void *memory);

static void *taken(void *memory) {
    allocations++;
    if (memory != NULL) in_use += (int64_t)malloc_usable_size(memory);
    return memory;
}

void *malloc(size_t size) {
    return taken(__libc_malloc(size));
}

void *calloc(size_t count, size_t size) {
    return taken(__libc_calloc(count, size));
}

void *realloc(void *old, size_t size) {
    if (old != NULL) in_use -= (int64_t)malloc_usable_size(old);
    return taken(__libc_realloc(old, size));
}

void free(void *memory) {
    if (memory != NULL) in_use -= (int64_t)malloc_usable_size(memory);
    __libc_free(memory);
}

/* Swift asks for alignments above 16 through one of these two. */
int posix_memalign(void **result, size_t alignment, size_t size) {
    allocations++;
    *result = __libc_memalign(alignment, size);
    return *result == NULL ? ENOMEM : 0;
}

void *aligned_alloc(size_t alignment, size_t size) {
    allocations++;
    return __libc_memalign(alignment, size);
}
#endif

double proof_cpu_microseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}
