/* Stands in front of what a process asks the kernel for when it moves bytes (LD_PRELOAD), and counts the calls that moved some. The
 * counts lie in the file that CALL_COUNTS names, so that they can be read while the process runs: recv and its kin, send and
 * its kin, splice and tee. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { RECEIVES, SENDS, SPLICES, KINDS };

static uint64_t nowhere[KINDS];
static uint64_t *counts = nowhere;

__attribute__((constructor)) static void open_counts(void) {
    const char *path = getenv("CALL_COUNTS");
    if (path == NULL) return;
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || ftruncate(file, sizeof nowhere) < 0) return;
    void *memory = mmap(NULL, sizeof nowhere, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (memory != MAP_FAILED) counts = memory;
}

/* The library's own function behind ours, looked up once. */
#define PASS_ON(kind, name, parameters, arguments)                                       \
    ssize_t name parameters {                                                            \
        static ssize_t(*own) parameters;                                                 \
        if (own == NULL) own = (ssize_t(*) parameters)dlsym(RTLD_NEXT, #name);           \
        ssize_t count = own arguments;                                                   \
        if (count > 0) __atomic_add_fetch(&counts[kind], 1, __ATOMIC_RELAXED);           \
        return count;                                                                    \
    }

PASS_ON(RECEIVES, recv, (int end, void *bytes, size_t size, int flags), (end, bytes, size, flags))
PASS_ON(RECEIVES, recvfrom,
    (int end, void *bytes, size_t size, int flags, struct sockaddr *from, socklen_t *length),
    (end, bytes, size, flags, from, length))
PASS_ON(RECEIVES, recvmsg, (int end, struct msghdr *message, int flags), (end, message, flags))
PASS_ON(RECEIVES, read, (int end, void *bytes, size_t size), (end, bytes, size))
PASS_ON(RECEIVES, readv, (int end, const struct iovec *parts, int number), (end, parts, number))
PASS_ON(SENDS, send, (int end, const void *bytes, size_t size, int flags), (end, bytes, size, flags))
PASS_ON(SENDS, sendto,
    (int end, const void *bytes, size_t size, int flags, const struct sockaddr *to, socklen_t length),
    (end, bytes, size, flags, to, length))
PASS_ON(SENDS, sendmsg, (int end, const struct msghdr *message, int flags), (end, message, flags))
PASS_ON(SENDS, write, (int end, const void *bytes, size_t size), (end, bytes, size))
PASS_ON(SENDS, writev, (int end, const struct iovec *parts, int number), (end, parts, number))
PASS_ON(SPLICES, splice,
    (int from, off64_t *from_place, int to, off64_t *to_place, size_t size, unsigned flags),
    (from, from_place, to, to_place, size, flags))
PASS_ON(SPLICES, tee, (int from, int to, size_t size, unsigned flags), (from, to, size, flags))
