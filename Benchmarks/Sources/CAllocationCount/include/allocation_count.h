/* Counts what the program takes from malloc(3), for micro-benchmarks: a benchmark that allocates where it should not
 * shows it as a number. Linking this target replaces malloc and its kin in the whole executable. */
#ifndef ALLOCATION_COUNT_H
#define ALLOCATION_COUNT_H

#include <stdint.h>

/* Calls of malloc, calloc, realloc, aligned_alloc, posix_memalign and memalign by all threads since the start. */
uint64_t allocation_count(void);
/* Bytes those calls asked for. */
uint64_t allocation_bytes(void);

#endif
