/* How the system call files enter the kernel, and turn a failure into -errno. */
#ifndef WARREN_SYS_INTERNAL_H
#define WARREN_SYS_INTERNAL_H

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RETRY(expression)                                      \
    ({                                                         \
        __typeof__(expression) result_;                        \
        do result_ = (expression);                             \
        while (result_ < 0 && errno == EINTR);                 \
        result_ < 0 ? -errno : result_;                        \
    })

#define ONCE(expression)                                       \
    ({                                                         \
        __typeof__(expression) result_ = (expression);         \
        result_ < 0 ? -errno : result_;                        \
    })

/* What a loop calls for each event it calls by number. In the C library's functions of those names a thread may be cancelled
 * (pthreads(7)), and in a process with threads each of them says so to the others on its way in and takes it back on its way out,
 * by an atomic operation each; nobody cancels threads here. The address sanitizer checks what the library's are given. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DIRECT(name, number, ...) name(__VA_ARGS__)
#endif
#endif
#ifndef DIRECT
#define DIRECT(name, number, ...) (__typeof__(name(__VA_ARGS__)))syscall(number, __VA_ARGS__)
#endif

#endif
