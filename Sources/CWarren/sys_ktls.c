/* System calls of kernel TLS. In a file of its own: <linux/tcp.h>, which alone knows tcpi_bytes_acked, and glibc's header of
 * the same things exclude each other. */
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "sys_internal.h"
#include "warren_sys.h"

#ifndef SOL_TLS
#define SOL_TLS 282
#endif

enum { CONTENT_DATA = 23 };

int warren_ktls_attach(int descriptor) {
    return ONCE(setsockopt(descriptor, IPPROTO_TCP, TCP_ULP, "tls", sizeof "tls"));
}

int warren_ktls_install(int descriptor, int direction, const void *info, size_t length) {
    return ONCE(setsockopt(descriptor, SOL_TLS, direction, info, (socklen_t)length));
}

ssize_t warren_ktls_recv(int descriptor, void *bytes, size_t count, uint8_t *type) {
    struct iovec piece = {.iov_base = bytes, .iov_len = count};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(1)];
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    *type = CONTENT_DATA;
    ssize_t got = RETRY(recvmsg(descriptor, &message, MSG_DONTWAIT));
    if (got < 0) {
        /* The kernel marks the socket as broken, and would not let our alert out either. */
        int code;
        socklen_t length = sizeof code;
        if (got == -EBADMSG || got == -EMSGSIZE || got == -EINVAL)
            (void)getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length);
        return got;
    }
    struct cmsghdr *part = CMSG_FIRSTHDR(&message);
    if (part != NULL && part->cmsg_level == SOL_TLS && part->cmsg_type == TLS_GET_RECORD_TYPE) *type = *CMSG_DATA(part);
    return got;
}

ssize_t warren_ktls_send(int descriptor, uint8_t type, const void *bytes, size_t count) {
    struct iovec piece = {.iov_base = (void *)bytes, .iov_len = count};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(1)] = {0};
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_TLS;
    part->cmsg_type = TLS_SET_RECORD_TYPE;
    part->cmsg_len = CMSG_LEN(1);
    *CMSG_DATA(part) = type;
    return RETRY(sendmsg(descriptor, &message, MSG_DONTWAIT | MSG_NOSIGNAL));
}

/* The number of the next record; the kernel tells it together with the key. 0 where TLS does not write. */
static int next_number(int descriptor, uint64_t *number) {
    union {
        struct tls_crypto_info info;
        struct tls12_crypto_info_aes_gcm_128 small;
        struct tls12_crypto_info_aes_gcm_256 large;
        struct tls12_crypto_info_chacha20_poly1305 chacha;
    } keys;
    *number = 0;
    socklen_t length = sizeof keys.info;
    if (getsockopt(descriptor, SOL_TLS, TLS_TX, &keys, &length) < 0)
        return errno == EBUSY || errno == ENOPROTOOPT || errno == EOPNOTSUPP ? 0 : -errno;
    const unsigned char *at;
    switch (keys.info.cipher_type) {
    case TLS_CIPHER_AES_GCM_128: length = sizeof keys.small, at = keys.small.rec_seq; break;
    case TLS_CIPHER_AES_GCM_256: length = sizeof keys.large, at = keys.large.rec_seq; break;
    case TLS_CIPHER_CHACHA20_POLY1305: length = sizeof keys.chacha, at = keys.chacha.rec_seq; break;
    default: return -EINVAL;
    }
    int result = ONCE(getsockopt(descriptor, SOL_TLS, TLS_TX, &keys, &length));
    if (result == 0)
        for (int i = 0; i < 8; i++) *number = *number << 8 | at[i];
    explicit_bzero(&keys, sizeof keys);
    return result;
}

int warren_ktls_standing(int descriptor, struct warren_ktls_standing *standing) {
    int result = next_number(descriptor, &standing->sequence);
    if (result < 0) return result;
    int waiting, still;
    struct tcp_info info;
    do {
        /* Both have to be of one moment: nothing was acknowledged in between if what waits for that stays. */
        socklen_t length = sizeof info;
        memset(&info, 0, sizeof info);
        if (ioctl(descriptor, SIOCOUTQ, &waiting) < 0 || getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &length) < 0
            || ioctl(descriptor, SIOCOUTQ, &still) < 0)
            return -errno;
        if (length < offsetof(struct tcp_info, tcpi_bytes_acked) + sizeof info.tcpi_bytes_acked) return -ENOSYS;
    } while (still != waiting);
    standing->written = (int64_t)info.tcpi_bytes_acked + waiting;
    uint32_t memory[SK_MEMINFO_VARS] = {0};
    socklen_t length = sizeof memory;
    if (getsockopt(descriptor, SOL_SOCKET, SO_MEMINFO, memory, &length) < 0) return -errno;
    standing->has_room = memory[SK_MEMINFO_WMEM_QUEUED] < memory[SK_MEMINFO_SNDBUF];
    return 0;
}
