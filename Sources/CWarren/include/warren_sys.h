/* System calls that Swift cannot reach: Glibc's module leaves them out, they are macros, or their result must be taken
 * together with errno before anything else runs. Every function returns what the call returned, or -errno. Calls that
 * EINTR may cut short are repeated here, nowhere else. */
#ifndef WARREN_SYS_H
#define WARREN_SYS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>
#include <netinet/in.h>

/* strerror_r(3): glibc declares two of that name and Swift sees neither. Writes a NUL-ended sentence. */
void warren_strerror(int code, char *text, size_t size);

/* epoll(7). The event structure is packed on x86-64, so its fields are read through the two functions below. */
int warren_epoll_create(void);
int warren_epoll_add(int epoll, int descriptor, uint32_t events, uint64_t data);
int warren_epoll_remove(int epoll, int descriptor);
/* epoll_wait(2): nanoseconds < 0 waits without end, others as precisely as the kernel can (epoll_pwait2). */
int warren_epoll_wait(int epoll, struct epoll_event *events, int capacity, int64_t nanoseconds);
static inline uint64_t warren_event_data(const struct epoll_event *events, int index) { return events[index].data.u64; }
static inline uint32_t warren_event_bits(const struct epoll_event *events, int index) { return events[index].events; }

/* eventfd(2), nonblocking. */
int warren_eventfd(void);
int warren_eventfd_signal(int descriptor);
/* The same, blocking: for a thread that sleeps on it. */
int warren_eventfd_blocking(void);
int warren_eventfd_drain(int descriptor);

/* Sockets; all are made nonblocking and close-on-exec. */
int warren_socket(int family, int type);
int warren_accept(int listener, struct sockaddr_storage *address, socklen_t *length);
/* poll(2) without waiting: 1 when a read or an accept may bring something, an error included. */
int warren_is_readable(int descriptor);
int warren_bind(int descriptor, const struct sockaddr_storage *address, socklen_t length);
int warren_listen(int descriptor, int backlog);
/* SO_ATTACH_FILTER, which Swift cannot fill in: packets with SYN that reach this listener are dropped. */
int warren_drop_new_clients(int listener);
int warren_connect(int descriptor, const struct sockaddr_storage *address, socklen_t length);
int warren_shutdown_write(int descriptor);
int warren_socket_error(int descriptor);
int warren_local_address(int descriptor, struct sockaddr_storage *address, socklen_t *length);
int warren_peer_address(int descriptor, struct sockaddr_storage *address, socklen_t *length);
int warren_set_option(int descriptor, int level, int name, int value);
int warren_get_option(int descriptor, int level, int name, int *value);
/* SO_LINGER with a time of 0: close(2) then resets the connection and drops what was not sent (socket(7)). */
int warren_set_reset_on_close(int descriptor);

/* SIOCOUTQ: bytes sent and not yet acknowledged by the peer's kernel. */
int warren_unsent(int descriptor);

/* Bytes. recv and send never raise SIGPIPE and never wait. */
ssize_t warren_recv(int descriptor, void *bytes, size_t count);
ssize_t warren_recv_peek(int descriptor, void *bytes, size_t count);
ssize_t warren_send(int descriptor, const void *bytes, size_t count);
/* The same where shutdown or close follows at once: TCP may keep a last part-filled segment for the FIN (MSG_MORE in send(2)). */
ssize_t warren_send_before_end(int descriptor, const void *bytes, size_t count);
ssize_t warren_splice(int from, int to, size_t count);
ssize_t warren_read(int descriptor, void *bytes, size_t count);
ssize_t warren_write(int descriptor, const void *bytes, size_t count);
int warren_close(int descriptor);

/* TLS records in the kernel (<linux/tls.h>). Directions are WARREN_TLS_WRITING and WARREN_TLS_READING, which are the kernel's
 * TLS_TX and TLS_RX. */
/* TCP_ULP "tls": for a connected socket, once and for good. */
int warren_ktls_attach(int descriptor);
/* TLS_TX or TLS_RX with one of the kernel's tls12_crypto_info structures; once more, with new keys, from Linux 6.14 on. */
int warren_ktls_install(int descriptor, int direction, const void *info, size_t length);
/* recvmsg(2): like recv(2), with the type of the record that the bytes are of (23 is data; such records are read on end). 0 of
 * type 23 is the end of the stream. Never waits. */
ssize_t warren_ktls_recv(int descriptor, void *bytes, size_t count, uint8_t *type);
/* sendmsg(2): one record of this type. Never waits. */
ssize_t warren_ktls_send(int descriptor, uint8_t type, const void *bytes, size_t count);
/* Where the writing side stands: the number of the next record, the bytes that TCP has been given since the connection began
 * (up to a constant), and whether TCP's queue has room. The kernel keeps records that found no room in a list of its own, which
 * neither shutdown(2) nor close(2) waits for. */
struct warren_ktls_standing {
    uint64_t sequence;
    int64_t written;
    int has_room;
};
int warren_ktls_standing(int descriptor, struct warren_ktls_standing *standing);

/* pipe2(2), nonblocking, close-on-exec; capacity in bytes is asked for and what was granted returned. */
int warren_pipe(int ends[2], int capacity);

/* A signalfd(2) for SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, which are blocked in the calling thread and so in those
 * it starts later; SIGPIPE is ignored. */
int warren_signals_block(void);
int warren_signals_open(void);
int warren_signals_next(int descriptor);
/* Undoes warren_signals_block in a child before it executes another program. */
int warren_signals_unblock(void);

/* pidfd_open(2) and waitid(2) on it: the exit code, or 256 + the signal that ended the process. */
int warren_pidfd_open(int pid);
int warren_pidfd_reap(int descriptor);
int warren_pidfd_signal(int descriptor, int signal);

/* memfd_create(2), close-on-exec: a file without a name, for bytes that a child reads. */
int warren_memory_file(const char *name);

/* A child: argv and environment end with NULL; stdin is the given descriptor (/dev/null when negative), stdout and stderr are
 * the given ones (kept when negative). Traits: a session of its own (setsid(2)); SIGTERM when the thread that calls this ends (PR_SET_PDEATHSIG,
 * prctl(2)). Returns the pid. */
enum { WARREN_SPAWN_SESSION = 1, WARREN_SPAWN_BOUND = 2 };
int warren_spawn(const char *path, char *const argv[], char *const environment[], int input, int output, int error,
                 int traits, const char *directory);

/* clock_gettime(2), CLOCK_MONOTONIC and CLOCK_REALTIME, in nanoseconds. */
uint64_t warren_monotonic(void);
int64_t warren_realtime(void);
/* CLOCK_PROCESS_CPUTIME_ID in nanoseconds. */
uint64_t warren_process_cpu(void);

/* RLIMIT_NOFILE: the soft limit, raised towards `wanted` as far as the hard limit allows. Returns the soft limit. */
int64_t warren_descriptor_limit(int64_t wanted);

/* getrandom(2). */
int warren_random(void *bytes, size_t count);

/* getaddrinfo(3), blocking: writes up to `capacity` addresses, returns how many, or a negative EAI_ code - 1000. */
int warren_resolve(const char *host, const char *port, struct sockaddr_storage *addresses, socklen_t *lengths,
                   int capacity);
void warren_resolve_error(int code, char *text, size_t size);

/* Pins the calling thread's name as seen in ps and perf (prctl PR_SET_NAME). */
void warren_thread_name(const char *name);

/* mallinfo2(3): bytes handed out by malloc and not yet freed. */
size_t warren_heap_in_use(void);
/* mallopt(3): so many arenas at the most; blocks of 128 KiB and more are mappings of their own, for ever and not only until
 * the first such block is freed; a heap's free end goes back to the kernel from 2 MiB on. */
void warren_heap_arenas(int arenas);
/* malloc_trim(3). */
void warren_heap_trim(void);
/* madvise(2), MADV_DONTNEED, for the segments of the program and its libraries that are mapped read only (dl_iterate_phdr(3)):
 * bytes let go. Pages come back from the files when they are used. */
size_t warren_code_release(void);

/* Datagrams with the address they were sent to, so that an answer comes from there also where a socket is bound to every
 * address (IP_PKTINFO, ip(7); IPV6_PKTINFO, ipv6(7)). To be asked for once; family AF_UNSPEC says that it is not known. */
struct warren_origin {
    int family;
    unsigned char bytes[32];
};
int warren_datagram_tell_origin(int descriptor, int family);
ssize_t warren_datagram_receive(int descriptor, void *bytes, size_t size, struct sockaddr_storage *sender,
                                socklen_t *length, struct warren_origin *origin);
ssize_t warren_datagram_send(int descriptor, const void *bytes, size_t size, const struct sockaddr_storage *address,
                             socklen_t length, const struct warren_origin *origin);

#endif
