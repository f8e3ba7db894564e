/* Help for the tests of TLS, in no product: certificates of every bad kind, and a count of what malloc is asked for. */
#ifndef WARREN_TLS_PROOF_H
#define WARREN_TLS_PROOF_H

#include <stddef.h>
#include <stdint.h>

typedef struct proof_authority proof_authority;

/* A certificate with its key. kind: 0 EC P-256, 1 RSA 2048, 2 Ed25519. Self-signed if issuer is NULL. Times in seconds from now.
 * usage: 0 both, 1 only clientAuth, 2 only serverAuth. ca: 1 CA:TRUE. uri and dns may be NULL; raw_uri_length >= 0 takes
 * that many bytes of uri, NULs and all. */
typedef struct proof_request {
    const char *name, *uri, *dns;
    long raw_uri_length;
    long starts, ends;
    int kind, usage, ca;
} proof_request;

proof_authority *proof_issue(const proof_authority *issuer, const proof_request *request);
void proof_free(proof_authority *authority);
/* PEM texts, valid as long as the authority. */
const char *proof_certificate(const proof_authority *authority, size_t *length);
const char *proof_key(const proof_authority *authority, size_t *length);
/* A CRL of issuer's that lists revoked (NULL: nobody), current from `starts` to `ends` seconds from now. Free with free(). */
char *proof_revocations(
    const proof_authority *issuer, const proof_authority *revoked, long starts, long ends, size_t *length);

/* Calls of malloc, calloc, realloc and aligned_alloc by this thread since the program started. */
uint64_t proof_allocations(void);
/* Bytes in use on the heap, as mallinfo2(3) sees them. */
size_t proof_heap_in_use(void);
/* Microseconds of CPU this thread has used. */
double proof_cpu_microseconds(void);

#endif
