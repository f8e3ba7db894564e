#define _GNU_SOURCE
#include "sys_internal.h"
#include "warren_sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void warren_strerror(int code, char *text, size_t size) {
    const char *sentence = strerror_r(code, text, size);
    if (sentence != text) {
        strncpy(text, sentence, size - 1);
        text[size - 1] = 0;
    }
}

int warren_socket(int family, int type) { return ONCE(socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)); }

int warren_accept(int listener, struct sockaddr_storage *address, socklen_t *length) {
    return RETRY(DIRECT(accept4, SYS_accept4, listener, (struct sockaddr *)address, length, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

int warren_is_readable(int descriptor) {
    struct pollfd one = {.fd = descriptor, .events = POLLIN};
    return RETRY(poll(&one, 1, 0)) != 0;
}

int warren_bind(int descriptor, const struct sockaddr_storage *address, socklen_t length) {
    return ONCE(bind(descriptor, (const struct sockaddr *)address, length));
}

int warren_listen(int descriptor, int backlog) { return ONCE(listen(descriptor, backlog)); }

int warren_connect(int descriptor, const struct sockaddr_storage *address, socklen_t length) {
    return ONCE(DIRECT(connect, SYS_connect, descriptor, (const struct sockaddr *)address, length));
}

int warren_shutdown_write(int descriptor) { return ONCE(shutdown(descriptor, SHUT_WR)); }

int warren_socket_error(int descriptor) {
    int code = 0;
    socklen_t length = sizeof code;
    int result = getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length);
    return result < 0 ? -errno : -code;
}

int warren_local_address(int descriptor, struct sockaddr_storage *address, socklen_t *length) {
    *length = sizeof *address;
    return ONCE(getsockname(descriptor, (struct sockaddr *)address, length));
}

int warren_peer_address(int descriptor, struct sockaddr_storage *address, socklen_t *length) {
    *length = sizeof *address;
    return ONCE(getpeername(descriptor, (struct sockaddr *)address, length));
}

int warren_set_option(int descriptor, int level, int name, int value) {
    return ONCE(setsockopt(descriptor, level, name, &value, sizeof value));
}

int warren_get_option(int descriptor, int level, int name, int *value) {
    socklen_t length = sizeof *value;
    return ONCE(getsockopt(descriptor, level, name, value, &length));
}

int warren_set_reset_on_close(int descriptor) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    return ONCE(setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
}

int warren_unsent(int descriptor) {
    int count = 0;
    return ioctl(descriptor, SIOCOUTQ, &count) < 0 ? -errno : count;
}

ssize_t warren_recv(int descriptor, void *bytes, size_t count) {
    return RETRY(DIRECT(recvfrom, SYS_recvfrom, descriptor, bytes, count, MSG_DONTWAIT, NULL, NULL));
}

ssize_t warren_recv_peek(int descriptor, void *bytes, size_t count) {
    return RETRY(recv(descriptor, bytes, count, MSG_DONTWAIT | MSG_PEEK));
}

ssize_t warren_send(int descriptor, const void *bytes, size_t count) {
    return RETRY(DIRECT(sendto, SYS_sendto, descriptor, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0));
}

ssize_t warren_send_before_end(int descriptor, const void *bytes, size_t count) {
    int flags = MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE;
    return RETRY(DIRECT(sendto, SYS_sendto, descriptor, bytes, count, flags, NULL, 0));
}

ssize_t warren_splice(int from, int to, size_t count) {
    return RETRY(DIRECT(splice, SYS_splice, from, NULL, to, NULL, count, SPLICE_F_MOVE | SPLICE_F_NONBLOCK));
}

ssize_t warren_read(int descriptor, void *bytes, size_t count) { return RETRY(read(descriptor, bytes, count)); }

ssize_t warren_write(int descriptor, const void *bytes, size_t count) { return RETRY(write(descriptor, bytes, count)); }

/* Never repeated: after EINTR Linux has closed the descriptor already, and another thread may own the number (close(2)). */
int warren_close(int descriptor) { return ONCE(DIRECT(close, SYS_close, descriptor)); }

int warren_pipe(int ends[2], int capacity) {
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) return -errno;
    int granted = fcntl(ends[1], F_SETPIPE_SZ, capacity);
    if (granted < 0) granted = fcntl(ends[1], F_GETPIPE_SZ);
    return granted < 0 ? 65536 : granted;
}

int warren_memory_file(const char *name) {
    int descriptor = memfd_create(name, MFD_CLOEXEC);
    return descriptor < 0 ? -errno : descriptor;
}

static uint64_t warren_clock(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

uint64_t warren_monotonic(void) { return warren_clock(CLOCK_MONOTONIC); }
int64_t warren_realtime(void) { return (int64_t)warren_clock(CLOCK_REALTIME); }
uint64_t warren_process_cpu(void) { return warren_clock(CLOCK_PROCESS_CPUTIME_ID); }

int64_t warren_descriptor_limit(int64_t wanted) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    if (wanted > 0 && limit.rlim_cur < (rlim_t)wanted) {
        rlim_t raised = (rlim_t)wanted < limit.rlim_max ? (rlim_t)wanted : limit.rlim_max;
        struct rlimit next = {.rlim_cur = raised, .rlim_max = limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &next) == 0) limit.rlim_cur = raised;
    }
    return (int64_t)limit.rlim_cur;
}

int warren_random(void *bytes, size_t count) {
    unsigned char *next = bytes;
    while (count > 0) {
        ssize_t got = RETRY(getrandom(next, count, 0));
        if (got < 0) return (int)got;
        next += got;
        count -= (size_t)got;
    }
    return 0;
}

int warren_resolve(const char *host, const char *port, struct sockaddr_storage *addresses, socklen_t *lengths,
                   int capacity) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *list = NULL;
    int code = getaddrinfo(host, port, &hints, &list);
    if (code != 0) return -1000 - (code < 0 ? -code : code);
    int count = 0;
    for (struct addrinfo *each = list; each != NULL && count < capacity; each = each->ai_next) {
        memcpy(&addresses[count], each->ai_addr, each->ai_addrlen);
        lengths[count] = each->ai_addrlen;
        count += 1;
    }
    freeaddrinfo(list);
    return count;
}

void warren_resolve_error(int code, char *text, size_t size) {
    snprintf(text, size, "%s", gai_strerror(code + 1000));
}

void warren_thread_name(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

/* Where a datagram was sent to, in the form in which an answer is told to come from there. */
union origin {
    struct in_pktinfo four;
    struct in6_pktinfo six;
};

_Static_assert(sizeof(union origin) <= sizeof(((struct warren_origin *)0)->bytes), "room for what the kernel tells");

int warren_datagram_tell_origin(int descriptor, int family) {
    int on = 1;
    return family == AF_INET6 ? ONCE(setsockopt(descriptor, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on))
                              : ONCE(setsockopt(descriptor, IPPROTO_IP, IP_PKTINFO, &on, sizeof on));
}

ssize_t warren_datagram_receive(int descriptor, void *bytes, size_t size, struct sockaddr_storage *sender,
                                socklen_t *length, struct warren_origin *origin) {
    struct iovec piece = {.iov_base = bytes, .iov_len = size};
    _Alignas(struct cmsghdr) char control[128];
    struct msghdr message = {.msg_name = sender,
                             .msg_namelen = sizeof *sender,
                             .msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    ssize_t count = RETRY(recvmsg(descriptor, &message, 0));
    if (count < 0) return count;
    *length = message.msg_namelen;
    origin->family = AF_UNSPEC;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part != NULL; part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo told;
            memcpy(&told, CMSG_DATA(part), sizeof told);
            /* ipi_addr is where it was sent to; the answer's source is ipi_spec_dst. The way back is the kernel's to find. */
            struct in_pktinfo back = {.ipi_spec_dst = told.ipi_addr};
            origin->family = AF_INET;
            memcpy(origin->bytes, &back, sizeof back);
        } else if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo told;
            memcpy(&told, CMSG_DATA(part), sizeof told);
            origin->family = AF_INET6;
            memcpy(origin->bytes, &told, sizeof told);
        }
    }
    return count;
}

ssize_t warren_datagram_send(int descriptor, const void *bytes, size_t size, const struct sockaddr_storage *address,
                             socklen_t length, const struct warren_origin *origin) {
    struct iovec piece = {.iov_base = (void *)bytes, .iov_len = size};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(union origin))] = {0};
    struct msghdr message = {
        .msg_name = (void *)address, .msg_namelen = length, .msg_iov = &piece, .msg_iovlen = 1};
    if (origin->family != AF_UNSPEC) {
        int is_six = origin->family == AF_INET6;
        size_t told = is_six ? sizeof(struct in6_pktinfo) : sizeof(struct in_pktinfo);
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(told);
        struct cmsghdr *part = CMSG_FIRSTHDR(&message);
        part->cmsg_level = is_six ? IPPROTO_IPV6 : IPPROTO_IP;
        part->cmsg_type = is_six ? IPV6_PKTINFO : IP_PKTINFO;
        part->cmsg_len = CMSG_LEN(told);
        memcpy(CMSG_DATA(part), origin->bytes, told);
    }
    return RETRY(sendmsg(descriptor, &message, MSG_NOSIGNAL));
}
