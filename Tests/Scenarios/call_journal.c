/* Stands in front of system calls (LD_PRELOAD) and writes down those that data loops make, by the names of their threads
 * ("data-0"): for what cannot be seen from outside, such as what a turn of the loop did. The journal lies in the file that
 * WARREN_JOURNAL names. On request the next calls of accept4 are refused, as a kernel does whose tables or memory are full.
 * Built and read by call_journal.py; for one loop. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum kind { WAIT, ACCEPT, EPOLL_CTL, RECV, SEND, SPLICE, PIPE };

/* call_journal.py reads the same layout. */
enum { CAPACITY = 1 << 18 };
struct journal {
    uint32_t count, refusals;
    int32_t refusal;
    uint32_t unused;
    struct entry { int32_t kind, descriptor; int64_t result; } entries[CAPACITY];
};
static struct journal *journal;
static __thread int is_data_loop;

#define REAL(name) static typeof(name) *real_##name
REAL(syscall);
REAL(epoll_ctl);
REAL(pipe2);

__attribute__((constructor)) static void begin(void) {
#define FIND(name) real_##name = (typeof(name) *)dlsym(RTLD_NEXT, #name)
    FIND(syscall);
    FIND(epoll_ctl);
    FIND(pipe2);
    const char *path = getenv("WARREN_JOURNAL");
    if (path == NULL) return;
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0) return;
    void *memory = mmap(NULL, sizeof *journal, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (memory != MAP_FAILED) journal = memory;
}

static int is_watched(void) {
    if (!is_data_loop && journal != NULL) {
        char name[16] = "";
        prctl(PR_GET_NAME, name, 0, 0, 0);
        is_data_loop = strncmp(name, "data-", 5) == 0;
    }
    return is_data_loop;
}

static int64_t note(enum kind kind, int descriptor, int64_t result) {
    if (!is_watched() || journal->count == CAPACITY) return result;
    int code = errno;
    struct entry entry = {kind, descriptor, result < 0 ? -code : result};
    journal->entries[journal->count] = entry;
    __atomic_store_n(&journal->count, journal->count + 1, __ATOMIC_RELEASE);
    errno = code;
    return result;
}

static int is_refused(void) {
    if (!is_watched() || __atomic_load_n(&journal->refusals, __ATOMIC_ACQUIRE) == 0) return 0;
    __atomic_fetch_sub(&journal->refusals, 1, __ATOMIC_RELEASE);
    errno = journal->refusal;
    return 1;
}

int epoll_ctl(int epoll, int operation, int descriptor, struct epoll_event *event) {
    return note(EPOLL_CTL, descriptor, real_epoll_ctl(epoll, operation, descriptor, event));
}

/* Calls that the loop makes by number. */
long syscall(long number, ...) {
    va_list words;
    long word[6];
    va_start(words, number);
    for (int each = 0; each < 6; each++) word[each] = va_arg(words, long);
    va_end(words);
    /* Libraries call it before our turn to begin has come. */
    if (real_syscall == NULL) real_syscall = (typeof(syscall) *)dlsym(RTLD_NEXT, "syscall");
    if (number == SYS_accept4 && is_refused()) return note(ACCEPT, (int)word[0], -1);
    long result = real_syscall(number, word[0], word[1], word[2], word[3], word[4], word[5]);
    switch (number) {
    case SYS_accept4: return note(ACCEPT, (int)word[0], result);
#ifdef SYS_epoll_wait
    case SYS_epoll_wait:
#endif
    case SYS_epoll_pwait:
    case SYS_epoll_pwait2: return note(WAIT, (int)word[0], result);
    case SYS_recvfrom: return note(RECV, (int)word[0], result);
    case SYS_sendto: return note(SEND, (int)word[0], result);
    case SYS_splice: return note(SPLICE, (int)word[0], result);
    default: return result;
    }
}

int pipe2(int ends[2], int flags) {
    return note(PIPE, -1, real_pipe2(ends, flags));
}
