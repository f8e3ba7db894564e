/* Help for the engine's tests, in no product: counts of what malloc and the Swift runtime are asked for, per thread. */
#ifndef WARREN_ENGINE_PROOF_H
#define WARREN_ENGINE_PROOF_H

#include <stdint.h>

/* From here on the Swift runtime's retains, releases and object allocations of the calling thread are counted too. The
 * runtime offers the hooks to instruments; they cannot be taken out again, which is why only tests use them. Returns 0, or
 * -1 where the runtime has no such hooks. */
int proof_hook_runtime(void);
/* swift_retain and swift_release calls of this thread since proof_hook_runtime(). */
uint64_t proof_references(void);
/* swift_allocObject calls of this thread since proof_hook_runtime(). */
uint64_t proof_objects(void);

#endif
