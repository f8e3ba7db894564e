/* How the system call files turn a failure into -errno. */
#ifndef WARREN_SYS_INTERNAL_H
#define WARREN_SYS_INTERNAL_H

#include <errno.h>

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

#endif
