/* What the running kernel can do, tried out once: two ends of a loopback connection, one with its records in the kernel, the
 * other with this library's own, keys changed both ways. A kernel is used only if each understands the other. */
#define _GNU_SOURCE /* accept4 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "record.h"
#include "warren_sys.h"

enum { USABLE = 0, ABSENT = 1, NO_NEW_KEYS = 2, DIFFERENT = 3 };
enum { SAMPLE = 3000, PATIENCE = 2000 /* milliseconds */ };

struct trial {
    int kernel_end, our_end;
    struct warren_tls_context context;
    struct warren_tls_session in_kernel, ours;
    uint8_t sample[SAMPLE], got[SAMPLE * 2], wire[SAMPLE * 2];
};

static int connected_pair(int ends[2]) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ends[1] = -1;
    if (listener >= 0 && ends[0] >= 0 && bind(listener, (struct sockaddr *)&address, length) == 0
        && listen(listener, 1) == 0 && getsockname(listener, (struct sockaddr *)&address, &length) == 0
        && connect(ends[0], (struct sockaddr *)&address, length) == 0)
        ends[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (listener >= 0) close(listener);
    return ends[1] >= 0 ? 0 : -1;
}

static int wait_for(int descriptor) {
    struct pollfd one = {.fd = descriptor, .events = POLLIN};
    return poll(&one, 1, PATIENCE) == 1 ? 0 : -1;
}

static int give(struct trial *trial, int direction) {
    uint8_t keys[WARREN_TLS_KERNEL_KEYS];
    size_t length = warren_tls_kernel_keys(&trial->in_kernel, direction, keys);
    int result = warren_ktls_install(trial->kernel_end, direction, keys, length);
    OPENSSL_cleanse(keys, sizeof keys);
    if (result == 0) warren_tls_kernel_entered(&trial->in_kernel, direction, 0);
    return result;
}

/* Ours seals and sends; with a KeyUpdate in front if one is owed. */
static int send_ours(struct trial *trial) {
    warren_sink sink = {trial->wire, sizeof trial->wire, 0};
    size_t consumed = 0;
    trial->ours.output = &sink;
    int result = warren_record_seal(&trial->ours, trial->sample, SAMPLE, &consumed);
    trial->ours.output = NULL;
    if (result != 0 || consumed != SAMPLE) return -1;
    return warren_send(trial->our_end, trial->wire, sink.count) == (ssize_t)sink.count ? 0 : -1;
}

static int receive_in_kernel(struct trial *trial, uint8_t type, size_t wanted) {
    for (size_t count = 0; count < wanted;) {
        uint8_t found;
        if (wait_for(trial->kernel_end) != 0) return -1;
        ssize_t got = warren_ktls_recv(trial->kernel_end, trial->got + count, wanted - count, &found);
        if (got <= 0 || found != type) return -1;
        count += (size_t)got;
    }
    return 0;
}

static int send_in_kernel(struct trial *trial) {
    return warren_send(trial->kernel_end, trial->sample, SAMPLE) == SAMPLE ? 0 : -1;
}

static int receive_ours(struct trial *trial) {
    size_t count = 0, opened = 0;
    while (opened < SAMPLE) {
        if (wait_for(trial->our_end) != 0 || count == sizeof trial->wire) return -1;
        ssize_t got = warren_recv(trial->our_end, trial->wire + count, sizeof trial->wire - count);
        if (got <= 0) return -1;
        count += (size_t)got;
        warren_window window = {trial->wire, count};
        warren_sink sink = {NULL, 0, 0};
        size_t more = 0;
        trial->ours.input = &window;
        trial->ours.output = &sink;
        int result = warren_record_open(&trial->ours, trial->got + opened, sizeof trial->got - opened, &more);
        trial->ours.input = NULL;
        trial->ours.output = NULL;
        if (result != WARREN_TLS_MORE_INPUT) return -1;
        opened += more;
        memmove(trial->wire, window.base, window.count);
        count = window.count;
    }
    return opened == SAMPLE && count == 0 && memcmp(trial->got, trial->sample, SAMPLE) == 0 ? 0 : -1;
}

static int both_ways(struct trial *trial) {
    if (send_ours(trial) != 0 || receive_in_kernel(trial, CONTENT_DATA, SAMPLE) != 0) return -1;
    if (memcmp(trial->got, trial->sample, SAMPLE) != 0) return -1;
    return send_in_kernel(trial) == 0 ? receive_ours(trial) : -1;
}

/* Ours changes its keys and asks for the same. */
static int change_keys(struct trial *trial, int *taken) {
    struct warren_ktls_standing standing;
    uint8_t type, message[5];
    *taken = 0;
    trial->ours.records.owes_update = 2;
    if (send_ours(trial) != 0 || receive_in_kernel(trial, CONTENT_HANDSHAKE, sizeof message) != 0) return -1;
    warren_sink sink = {NULL, 0, 0};
    int outcome = warren_tls_kernel_take(&trial->in_kernel, CONTENT_HANDSHAKE, trial->got, sizeof message, 1, &sink);
    if (outcome != WARREN_TLS_KERNEL_NEW_KEYS) return -1;
    if (give(trial, WARREN_TLS_READING) != 0) return 0;
    if (receive_in_kernel(trial, CONTENT_DATA, SAMPLE) != 0 || memcmp(trial->got, trial->sample, SAMPLE) != 0) return -1;
    size_t length = warren_tls_kernel_owed(&trial->in_kernel, &type, message);
    if (length == 0 || warren_ktls_send(trial->kernel_end, type, message, length) != (ssize_t)length
        || warren_ktls_standing(trial->kernel_end, &standing) != 0
        || warren_tls_kernel_paid(&trial->in_kernel, standing.sequence) != 1)
        return -1;
    if (give(trial, WARREN_TLS_WRITING) != 0) return 0;
    *taken = 1;
    return send_in_kernel(trial) == 0 ? receive_ours(trial) : -1;
}

static int tell(int outcome, char *detail, size_t size, const char *sentence, int error) {
    char cause[96] = "";
    if (error != 0) warren_strerror(error, cause, sizeof cause);
    snprintf(detail, size, "%s%s%s", sentence, error != 0 ? ": " : "", cause);
    return outcome;
}

static int try_out(struct trial *trial, warren_tls_engine *engine, char *detail, size_t size) {
    int result = warren_ktls_attach(trial->kernel_end), taken;
    if (result != 0) return tell(ABSENT, detail, size, "this kernel offers none (is the module tls loaded?)", -result);
    struct record_state *near = &trial->in_kernel.records, *far = &trial->ours.records;
    if (warren_random(near->reading.secret, 32) != 0 || warren_random(near->writing.secret, 32) != 0
        || warren_random(trial->sample, SAMPLE) != 0)
        return tell(ABSENT, detail, size, "no random bytes", 0);
    memcpy(far->writing.secret, near->reading.secret, 32);
    memcpy(far->reading.secret, near->writing.secret, 32);
    near->kind = far->kind = AEAD_AES_128_GCM;
    /* Numbers that are not 0, as they stand when a session changes over. */
    near->reading.sequence = far->writing.sequence = 5;
    near->writing.sequence = far->reading.sequence = 70000;
    struct record_direction *all[] = {&near->reading, &near->writing, &far->reading, &far->writing};
    for (int i = 0; i < 4; i++)
        if (warren_record_derive(engine, AEAD_AES_128_GCM, all[i]) != 0)
            return tell(ABSENT, detail, size, "out of memory, or libcrypto failed", 0);
    struct warren_ktls_standing standing;
    if ((result = warren_ktls_standing(trial->kernel_end, &standing)) != 0)
        return tell(ABSENT, detail, size, "this kernel does not tell how far a connection is", -result);
    int64_t written = standing.written;
    if ((result = give(trial, WARREN_TLS_WRITING)) != 0 || (result = give(trial, WARREN_TLS_READING)) != 0)
        return tell(ABSENT, detail, size, "this kernel does not take keys of TLS 1.3", -result);
    near->kernel_mark += written;
    if (both_ways(trial) != 0) return tell(DIFFERENT, detail, size, "its records are not those of libcrypto", 0);
    if (change_keys(trial, &taken) != 0)
        return tell(DIFFERENT, detail, size, "its records are not those of libcrypto once keys were changed", 0);
    if (!taken) return tell(NO_NEW_KEYS, detail, size, "this kernel cannot change keys (Linux can from 6.14 on)", 0);
    if (both_ways(trial) != 0)
        return tell(DIFFERENT, detail, size, "its records are not those of libcrypto once keys were changed", 0);
    if (warren_ktls_standing(trial->kernel_end, &standing) != 0
        || standing.written != warren_tls_kernel_expected(&trial->in_kernel, 3 * SAMPLE, standing.sequence))
        return tell(DIFFERENT, detail, size, "it does not count its records as they are", 0);
    return tell(USABLE, detail, size, "this kernel protects records and changes keys", 0);
}

int warren_tls_kernel_probe(char *detail, size_t size) {
    warren_tls_engine *engine = warren_tls_engine_new(WARREN_TLS_ACCELERATOR_NONE, 4, 0);
    if (engine == NULL) return tell(ABSENT, detail, size, "out of memory, or libcrypto failed", 0);
    struct trial trial = {.context = {.engine = engine, .kernel = 1}};
    trial.in_kernel = (struct warren_tls_session){.context = &trial.context, .complete = 1, .detached = 1};
    trial.ours = trial.in_kernel;
    int ends[2], outcome;
    if (connected_pair(ends) == 0) {
        trial.kernel_end = ends[0];
        trial.our_end = ends[1];
        outcome = try_out(&trial, engine, detail, size);
        close(ends[1]);
    } else {
        outcome = tell(ABSENT, detail, size, "no loopback connection to try it on", errno);
    }
    if (ends[0] >= 0) close(ends[0]);
    free(trial.in_kernel.fault);
    free(trial.ours.fault);
    warren_record_end(&trial.in_kernel);
    warren_record_end(&trial.ours);
    warren_tls_engine_release(engine);
    return outcome;
}
