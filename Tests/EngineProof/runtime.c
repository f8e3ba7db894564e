/* The Swift runtime calls retain, release and allocObject through pointers that an instrument may replace
 * (swift/Runtime/HeapObject.h), once the switch beside them is on. They are looked up by name because they are C++ symbols
 * of the runtime without a header of their own. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>

#include "engine_proof.h"

static __thread uint64_t references __attribute__((tls_model("initial-exec")));
static __thread uint64_t objects __attribute__((tls_model("initial-exec")));

/* retain and release use the calling convention that preserves most registers (SwiftCC's RuntimeCC), so a wrapper written
 * in C has to keep it. */
#define KEEPING

typedef void *(KEEPING *retain_function)(void *);
typedef void (KEEPING *release_function)(void *);
typedef void *(*allocate_function)(const void *, size_t, size_t);

static retain_function inner_retain;
static release_function inner_release;
static allocate_function inner_allocate;

static KEEPING void *counted_retain(void *object) {
    references++;
    return inner_retain(object);
}

static KEEPING void counted_release(void *object) {
    references++;
    inner_release(object);
}

static void *counted_allocate(const void *metadata, size_t size, size_t alignment_mask) {
    objects++;
    return inner_allocate(metadata, size, alignment_mask);
}

int proof_hook_runtime(void) {
    if (inner_retain != NULL) return 0;
    retain_function *retain = (retain_function *)dlsym(RTLD_DEFAULT, "_swift_retain");
    release_function *release = (release_function *)dlsym(RTLD_DEFAULT, "_swift_release");
    allocate_function *allocate = (allocate_function *)dlsym(RTLD_DEFAULT, "_swift_allocObject");
    bool *enabled =
        dlsym(RTLD_DEFAULT, "_swift_enableSwizzlingOfAllocationAndRefCountingFunctions_forInstrumentsOnly");
    if (retain == NULL || release == NULL || allocate == NULL || enabled == NULL) return -1;
    inner_release = *release;
    inner_allocate = *allocate;
    inner_retain = *retain;
    *retain = counted_retain;
    *release = counted_release;
    *allocate = counted_allocate;
    *enabled = true;
    return 0;
}

uint64_t proof_references(void) { return references; }
uint64_t proof_objects(void) { return objects; }
