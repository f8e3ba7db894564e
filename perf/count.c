/* Stands in front of malloc and of the Swift runtime's retain, release and allocObject (LD_PRELOAD) and counts the calls
 * that data loops make, by the names of their threads ("data-0"). What libssl and libcrypto ask of malloc is counted apart;
 * what they free comes through Warren (Sources/CWarren/tls_memory.c) and is among the frees. The counts lie in the file that
 * WARREN_COUNTS names, so that they can be read while the process runs. Built and used by perf/allocations.sh and by the
 * scenarios that say what allocates nothing (Tests/Scenarios/allocation_counts.py). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { ALLOCATIONS, FREES, REFERENCES, OBJECTS, BYTES, OPENSSL_ALLOCATIONS, OPENSSL_BYTES, KINDS };

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

/* Where the code of libssl and libcrypto lies; nowhere when they are linked into the binary, and then all is Warren's. */
static struct { uintptr_t begin, end; } openssl[8];
static int openssl_count;

static int note_library(struct dl_phdr_info *library, size_t size, void *unused) {
    (void)size, (void)unused;
    if (strstr(library->dlpi_name, "libcrypto.so") == NULL && strstr(library->dlpi_name, "libssl.so") == NULL) return 0;
    for (int i = 0; i < library->dlpi_phnum && openssl_count < 8; i++) {
        const ElfW(Phdr) *part = &library->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X)) continue;
        openssl[openssl_count].begin = library->dlpi_addr + part->p_vaddr;
        openssl[openssl_count].end = library->dlpi_addr + part->p_vaddr + part->p_memsz;
        openssl_count++;
    }
    return 0;
}

__attribute__((constructor)) static void find_openssl(void) { dl_iterate_phdr(note_library, NULL); }

static int is_openssl(uintptr_t caller) {
    for (int i = 0; i < openssl_count; i++)
        if (caller >= openssl[i].begin && caller < openssl[i].end) return 1;
    return 0;
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

static void count_allocation(size_t size, void *caller) {
    int apart = is_openssl((uintptr_t)caller);
    count(apart ? OPENSSL_ALLOCATIONS : ALLOCATIONS, 1);
    count(apart ? OPENSSL_BYTES : BYTES, size);
}

void *malloc(size_t size) {
    count_allocation(size, __builtin_return_address(0));
    return __libc_malloc(size);
}

void *calloc(size_t amount, size_t size) {
    count_allocation(amount * size, __builtin_return_address(0));
    return __libc_calloc(amount, size);
}

void *realloc(void *old, size_t size) {
    count_allocation(size, __builtin_return_address(0));
    return __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    count_allocation(size, __builtin_return_address(0));
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
