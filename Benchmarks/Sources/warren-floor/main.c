// The least a TCP relay can be, in C: two sockets, the bytes between them, one epoll. No deadline, no limit, no log, no
// balance. What it costs is the kernel's part of every proxy's bill on this machine, so that figures can be held against
// what is possible here. It is no proxy to use: a failed target closes its client, and nothing is ever given up.
//
//   warren-floor copy|splice LISTEN-PORT TARGET-PORT      both on 127.0.0.1; SIGTERM ends it
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

// What one call moves at most. A pipe of a mebibyte is the largest an unprivileged process may ask for; a scratch buffer of
// 256 KiB stays in the second-level cache.
enum { PIPE_SIZE = 1 << 20, SCRATCH_SIZE = 256 << 10, EVENTS = 256 };

// One way through a pair. Edge-triggered, so what is known of the source and of the sink is kept here.
struct direction {
    int from, to, pipe[2];
    size_t waiting; // Bytes in `pipe` (splice) or at `held` (copy) that the sink would not take.
    char *held;     // Owned; NULL unless a copy is waiting.
    size_t begin;   // Where the waiting bytes begin in `held`.
    bool readable, near_end, ended, over;
};

// The address of an end stands in the event, and its pair behind it, so that an event needs no table.
struct end {
    struct pair *pair;
    bool front;
};

struct pair {
    struct end front, back;
    struct direction forward, backward;
    struct pair *next_dead;
};

static bool splices;
static int poller;
static char scratch[SCRATCH_SIZE];
static struct sockaddr_in target = {.sin_family = AF_INET};

static void fail(const char *what) {
    fprintf(stderr, "warren-floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void watch(int fd, void *whom) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = whom};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
}

static ssize_t give(struct direction *way) {
    return splices ? splice(way->pipe[0], NULL, way->to, NULL, way->waiting, SPLICE_F_NONBLOCK | SPLICE_F_MOVE)
                   : send(way->to, way->held + way->begin, way->waiting, MSG_NOSIGNAL);
}

// Moves until one side would wait. False when the pair is to be closed.
static bool pump(struct direction *way) {
    while (!way->over) {
        while (way->waiting > 0) {
            ssize_t count = give(way);
            if (count < 0) return errno == EAGAIN || errno == ENOTCONN || errno == EINTR;
            way->waiting -= (size_t)count;
            way->begin += (size_t)count;
        }
        free(way->held);
        way->held = NULL;
        if (way->ended) {
            way->over = true;
            shutdown(way->to, SHUT_WR);
            return true;
        }
        if (!way->readable) return true;
        ssize_t count = splices ? splice(way->from, NULL, way->pipe[1], NULL, PIPE_SIZE, SPLICE_F_NONBLOCK | SPLICE_F_MOVE)
                                : recv(way->from, scratch, sizeof scratch, 0);
        if (count < 0 && (errno == EAGAIN || errno == ENOTCONN || errno == EINTR)) {
            way->readable = false;
            return true;
        }
        if (count < 0) return false;
        if (count == 0) {
            way->ended = true;
        } else if (splices) {
            way->waiting = (size_t)count;
        } else {
            // Shorter than asked means that the socket is empty (epoll(7)), which saves asking again.
            if ((size_t)count < sizeof scratch && !way->near_end) way->readable = false;
            ssize_t sent = send(way->to, scratch, (size_t)count, MSG_NOSIGNAL);
            if (sent < 0 && errno != EAGAIN && errno != ENOTCONN) return false;
            if (sent < 0) sent = 0;
            if (sent < count) {
                way->waiting = (size_t)(count - sent);
                way->begin = 0;
                way->held = malloc(way->waiting);
                if (way->held == NULL) fail("malloc");
                memcpy(way->held, scratch + sent, way->waiting);
            }
        }
    }
    return true;
}

static void accept_all(int listener) {
    for (;;) {
        int front = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (front < 0) return;
        int back = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
        struct pair *pair = calloc(1, sizeof *pair);
        if (back < 0 || pair == NULL) fail("a connection");
        setsockopt(front, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        setsockopt(back, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (connect(back, (struct sockaddr *)&target, sizeof target) != 0 && errno != EINPROGRESS) {
            close(front), close(back), free(pair);
            continue;
        }
        pair->front = (struct end){pair, true};
        pair->back = (struct end){pair, false};
        pair->forward = (struct direction){.from = front, .to = back};
        pair->backward = (struct direction){.from = back, .to = front};
        for (int way = 0; splices && way < 2; way++) {
            int *ends = way ? pair->backward.pipe : pair->forward.pipe;
            if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) fail("pipe2");
            fcntl(ends[0], F_SETPIPE_SZ, PIPE_SIZE); // Refused beyond the user's limit; the default size serves too.
        }
        watch(front, &pair->front);
        watch(back, &pair->back);
    }
}

// News of one end concern the direction it feeds and the one it drains. False when the pair is done with.
static bool ready(struct end *end, uint32_t events) {
    struct pair *pair = end->pair;
    struct direction *feeds = end->front ? &pair->forward : &pair->backward;
    struct direction *drains = end->front ? &pair->backward : &pair->forward;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) feeds->near_end = feeds->readable = true;
    if (events & EPOLLIN) feeds->readable = true;
    if (feeds->readable && !pump(feeds)) return false;
    if ((events & EPOLLOUT) && (drains->waiting > 0 || drains->ended) && !pump(drains)) return false;
    return !(pair->forward.over && pair->backward.over);
}

static void close_pair(struct pair *pair) {
    close(pair->forward.from), close(pair->backward.from);
    for (int way = 0; splices && way < 2; way++) {
        int *ends = way ? pair->backward.pipe : pair->forward.pipe;
        close(ends[0]), close(ends[1]);
    }
    free(pair->forward.held), free(pair->backward.held);
    pair->front.pair = pair->back.pair = NULL;
}

int main(int count, char **words) {
    int listen_port = count == 4 ? atoi(words[2]) : 0, target_port = count == 4 ? atoi(words[3]) : 0, one = 1;
    if (listen_port <= 0 || target_port <= 0 || (strcmp(words[1], "copy") && strcmp(words[1], "splice"))) {
        fprintf(stderr, "Usage: warren-floor copy|splice LISTEN-PORT TARGET-PORT\n");
        return 1;
    }
    splices = strcmp(words[1], "splice") == 0;
    signal(SIGPIPE, SIG_IGN); // splice(2) has no MSG_NOSIGNAL; a client that leaves early must not end the relay.
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) limit.rlim_cur = limit.rlim_max, setrlimit(RLIMIT_NOFILE, &limit);
    target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct sockaddr_in own = target;
    own.sin_port = htons((uint16_t)listen_port), target.sin_port = htons((uint16_t)target_port);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&own, sizeof own) != 0 || listen(listener, 4096) != 0) fail("listen");
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (poller < 0) fail("epoll_create1");
    watch(listener, NULL);
    struct epoll_event events[EVENTS];
    for (;;) {
        int news = epoll_wait(poller, events, EVENTS, -1);
        struct pair *dead = NULL;
        for (int each = 0; each < news; each++) {
            struct end *end = events[each].data.ptr;
            if (end == NULL) {
                accept_all(listener);
            } else if (end->pair != NULL && !ready(end, events[each].events)) {
                // The other end may have news in this batch: the memory stays until the batch is over.
                struct pair *pair = end->pair;
                close_pair(pair);
                pair->next_dead = dead;
                dead = pair;
            }
        }
        while (dead != NULL) {
            struct pair *next = dead->next_dead;
            free(dead);
            dead = next;
        }
    }
}
