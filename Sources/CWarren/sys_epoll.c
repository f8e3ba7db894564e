/* Waiting: epoll(7), and eventfd(2), by which one thread ends another's wait. */
#define _GNU_SOURCE
#include "sys_internal.h"
#include "warren_sys.h"

#include <limits.h>
#include <sys/eventfd.h>
#include <time.h>

int warren_epoll_create(void) { return ONCE(epoll_create1(EPOLL_CLOEXEC)); }

int warren_epoll_add(int epoll, int descriptor, uint32_t events, uint64_t data) {
    struct epoll_event event = {.events = events, .data.u64 = data};
    return ONCE(epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event));
}

int warren_epoll_remove(int epoll, int descriptor) {
    return ONCE(epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, NULL));
}

/* A wait to the nanosecond; -1 where the kernel does not have it. epoll_pwait2 came with Linux 5.11; older kernels, gVisor and
 * valgrind answer ENOSYS, and the system call filters of older container engines EPERM. */
static int wait_precisely(int epoll, struct epoll_event *events, int capacity, int64_t nanoseconds, int *count) {
    static int is_missing;
    if (__atomic_load_n(&is_missing, __ATOMIC_RELAXED)) return -1;
    struct timespec timeout = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
    *count = (int)syscall(SYS_epoll_pwait2, epoll, events, capacity, &timeout, NULL, 0);
    if (*count >= 0 || (errno != ENOSYS && errno != EPERM)) return 0;
    __atomic_store_n(&is_missing, 1, __ATOMIC_RELAXED);
    return -1;
}

int warren_epoll_wait(int epoll, struct epoll_event *events, int capacity, int64_t nanoseconds) {
    int count = 0;
    /* Not to wait, or to wait for ever, is what the older call knows as well, and the kernel has less to do for it. */
    if (nanoseconds <= 0 || wait_precisely(epoll, events, capacity, nanoseconds, &count) != 0) {
        /* Rounded up to whole milliseconds, so that no timer fires early. */
        int64_t milliseconds = nanoseconds < 0 ? -1 : nanoseconds / 1000000 + (nanoseconds % 1000000 != 0);
        int limit = milliseconds > INT_MAX ? INT_MAX : (int)milliseconds;
#ifdef SYS_epoll_wait
        count = (int)syscall(SYS_epoll_wait, epoll, events, capacity, limit);
#else
        count = (int)syscall(SYS_epoll_pwait, epoll, events, capacity, limit, NULL, 0);
#endif
    }
    if (count >= 0) return count;
    /* A signal handler of a debugger or profiler ran: an empty turn, and the caller computes its timeout anew. */
    return errno == EINTR ? 0 : -errno;
}

int warren_eventfd(void) { return ONCE(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

int warren_eventfd_blocking(void) { return ONCE(eventfd(0, EFD_CLOEXEC)); }

int warren_eventfd_signal(int descriptor) {
    uint64_t one = 1;
    return (int)RETRY(write(descriptor, &one, sizeof one));
}

int warren_eventfd_drain(int descriptor) {
    uint64_t count;
    return (int)RETRY(read(descriptor, &count, sizeof count));
}
