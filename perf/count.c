/* Stands in front of malloc and of the Swift runtime's retain, release and allocObject (LD_PRELOAD) and counts the calls
 * that data loops make, by the names of their threads ("data-0"). The counts lie in the file that WARREN_COUNTS names, so
 * that they can be read while the process runs. Built and used by perf/allocations.sh and by the scenario
 * relaying_allocates_nothing. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { ALLOCATIONS, FREES, REFERENCES, OBJECTS, BYTES, KINDS };

static uint64_t before_main[KINDS];
static volatile uint64_t *counts = before_main;
static __thread int is_data_loop __attribute__((tls_model("initial-exec")));

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *block);

__attribute__((constructor)) static void open_counts(void) {
    const char *path = getenv("WARREN_COUNTS");
    if (path == NULL) return;
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || ftruncate(file, sizeof before_main) < 0) return;
    void *memory = mmap(NULL, sizeof before_main, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (memory != MAP_FAILED) counts = memory;
}

static void count(int kind, uint64_t amount) {
    if (!is_data_loop) {
        char name[16] = "";
        prctl(PR_GET_NAME, name, 0, 0, 0);
        if (strncmp(name, "data-", 5) != 0) return;
        is_data_loop = 1;
    }
    __atomic_fetch_add((uint64_t *)&counts[kind], amount, __ATOMIC_RELAXED);
}

void *malloc(size_t size) {
    count(ALLOCATIONS, 1);
    count(BYTES, size);
    return __libc_malloc(size);
}

void *calloc(size_t amount, size_t size) {
    count(ALLOCATIONS, 1);
    count(BYTES, amount * size);
    return __libc_calloc(amount, size);
}

void *realloc(void *old, size_t size) {
    count(ALLOCATIONS, 1);
    count(BYTES, size);
    return __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    count(ALLOCATIONS, 1);
    count(BYTES, size);
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size) {
    *result = aligned_alloc(alignment, size);
    return *result == NULL ? ENOMEM : 0;
}

void free(void *block) {
    if (block != NULL) count(FREES, 1);
    __libc_free(block);
}

#ifdef __x86_64__
/* The runtime's callers may rely on every register but the result's being kept (preserve_most), so these are written by
 * hand: all is saved around the count, and the real function is jumped to as if nothing had been. */
void warren_count_reference(void) { count(REFERENCES, 1); }
void warren_count_object(void) { count(OBJECTS, 1); }

#define IN_FRONT_OF(name, counter)                                                                        \
    void *warren_real_##name;                                                                             \
    __attribute__((constructor)) static void find_##name(void) {                                          \
        warren_real_##name = dlsym(RTLD_NEXT, #name);                                                     \
    }                                                                                                     \
    __asm__(".globl " #name "\n.type " #name ",@function\n" #name ":\n"                                   \
            "push %rax\n push %rcx\n push %rdx\n push %rsi\n push %rdi\n push %r8\n push %r9\n push %r10\n" \
            "push %r11\n call " #counter "@PLT\n pop %r11\n"                                              \
            "pop %r10\n pop %r9\n pop %r8\n pop %rdi\n pop %rsi\n pop %rdx\n pop %rcx\n pop %rax\n"       \
            "mov warren_real_" #name "@GOTPCREL(%rip), %r11\n jmp *(%r11)\n")

IN_FRONT_OF(swift_retain, warren_count_reference);
IN_FRONT_OF(swift_release, warren_count_reference);
IN_FRONT_OF(swift_retain_n, warren_count_reference);
IN_FRONT_OF(swift_release_n, warren_count_reference);
IN_FRONT_OF(swift_bridgeObjectRetain, warren_count_reference);
IN_FRONT_OF(swift_bridgeObjectRelease, warren_count_reference);
IN_FRONT_OF(swift_allocObject, warren_count_object);
#endif
