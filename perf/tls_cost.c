/* What TLS costs: handshakes in microseconds of CPU for both ends together, records in GB/s, idle sessions in bytes.
 * No sockets: two sessions back to back in one thread.
 *
 *   clang -O2 -ISources/CWarren/include -ITests/TLSProof/include Sources/CWarren/tls_*.c Sources/CWarren/record_*.c Sources/CWarren/sys*.c \
 *     Tests/TLSProof/certificates.c perf/tls_cost.c -lssl -lcrypto -ldl -lpthread -o /tmp/tls_cost && /tmp/tls_cost
 *
 * An argument picks one part: handshakes, records, idle, or "profile full|warm|resumed N" for callgrind. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tls_proof.h"
#include "warren_tls.h"

static double cpu(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static proof_authority *root, *web, *db;

static warren_tls_context *context(
    warren_tls_engine *engine, int server, int records, int64_t resumption, int64_t verified, warren_tls_tickets *tickets) {
    warren_tls_config config = {0};
    proof_authority *own = server ? db : web;
    config.server = server;
    config.minimum_version = 0x0303;
    config.maximum_version = 0x0304;
    config.records = records;
    config.chain = (const uint8_t *)proof_certificate(own, &config.chain_length);
    config.key = (const uint8_t *)proof_key(own, &config.key_length);
    config.roots = (const uint8_t *)proof_certificate(root, &config.roots_length);
    config.resumption_seconds = resumption;
    config.verified_seconds = verified;
    config.resumption_capacity = 64;
    config.tickets = tickets;
    warren_tls_fault fault;
    warren_tls_context *made = warren_tls_context_new(engine, &config, &fault);
    if (made == NULL) {
        fprintf(stderr, "%s\n", fault.detail);
        exit(1);
    }
    return made;
}

struct pair {
    warren_tls_session *client, *server;
};

static uint8_t to_server[65536], to_client[65536];

/* A whole handshake, and whatever the server sends behind it read by the client. */
static struct pair connect_pair(warren_tls_context *client, warren_tls_context *server, const char *key) {
    struct pair pair = {
        warren_tls_session_new(client, NULL, (const uint8_t *)key, key != NULL ? strlen(key) : 0),
        warren_tls_session_new(server, NULL, NULL, 0)};
    warren_window nothing = {NULL, 0};
    warren_sink up = {to_server, sizeof to_server, 0}, down = {to_client, sizeof to_client, 0};
    size_t read_up = 0, read_down = 0;
    int client_state = warren_tls_handshake(pair.client, &nothing, &up), server_state = 1;
    for (int i = 0; i < 10 && (client_state != 0 || server_state != 0); i++) {
        warren_window in = {to_server + read_up, up.count - read_up};
        server_state = warren_tls_handshake(pair.server, &in, &down);
        read_up = up.count;
        in = (warren_window){to_client + read_down, down.count - read_down};
        client_state = warren_tls_handshake(pair.client, &in, &up);
        read_down = down.count - in.count;
        if (client_state < 0 || server_state < 0) {
            fprintf(stderr, "%s / %s\n", warren_tls_session_fault(pair.client)->detail,
                warren_tls_session_fault(pair.server)->detail);
            exit(1);
        }
    }
    warren_window in = {to_client + read_down, down.count - read_down};
    uint8_t plain[20000];
    size_t count;
    if (warren_tls_open(pair.client, &in, plain, sizeof plain, &count, &up) < 0) {
        fprintf(stderr, "%s\n", warren_tls_session_fault(pair.client)->detail);
        exit(1);
    }
    return pair;
}

static void end(struct pair pair) {
    warren_tls_session_free(pair.client);
    warren_tls_session_free(pair.server);
}

static double handshakes(const char *kind, int records, int rounds) {
    warren_tls_engine *engine = warren_tls_engine_new(WARREN_TLS_ACCELERATOR_AUTO, 1024, 0);
    warren_tls_tickets *tickets = warren_tls_tickets_new();
    int resumed = strcmp(kind, "resumed") == 0;
    int64_t verified = strcmp(kind, "full") == 0 ? 0 : 60;
    warren_tls_context *client = context(engine, 0, records, resumed ? 300 : 0, verified, NULL);
    warren_tls_context *server = context(engine, 1, records, resumed ? 300 : 0, verified, resumed ? tickets : NULL);
    for (int i = 0; i < 20; i++) end(connect_pair(client, server, "db"));
    double start = cpu();
    for (int i = 0; i < rounds; i++) end(connect_pair(client, server, "db"));
    double spent = (cpu() - start) / rounds * 1e6;
    if (resumed && warren_tls_context_counters(server)->resumed < (uint64_t)rounds) {
        fprintf(stderr, "only %lu were resumed\n", (unsigned long)warren_tls_context_counters(server)->resumed);
        exit(1);
    }
    warren_tls_context_release(client);
    warren_tls_context_release(server);
    warren_tls_tickets_release(tickets);
    warren_tls_engine_release(engine);
    return spent;
}

static void records(const char *label, int mode, int accelerator, size_t size) {
    warren_tls_engine *engine = warren_tls_engine_new(accelerator, 1024, 0);
    warren_tls_context *client = context(engine, 0, mode, 0, 60, NULL), *server = context(engine, 1, mode, 0, 60, NULL);
    struct pair pair = connect_pair(client, server, NULL);
    size_t batch = size < 262144 ? 262144 / size * size : 262144;
    uint8_t *plain = malloc(batch), *cipher = malloc(batch * 3), *back = malloc(batch + 32768);
    memset(plain, 7, batch);
    double sealing = 0, opening = 0, bytes = 0;
    size_t rounds = size < 16384 ? 200 : 2000;
    for (size_t i = 0; i < rounds; i++) {
        warren_sink sink = {cipher, batch * 3, 0}, answer = {to_client, sizeof to_client, 0};
        double a = cpu();
        for (size_t at = 0; at < batch; at += size < 16384 ? size : batch) {
            size_t consumed;
            if (warren_tls_seal(pair.client, plain + at, size < 16384 ? size : batch, &consumed, &sink) != 0) exit(1);
        }
        double b = cpu();
        warren_window window = {cipher, sink.count};
        size_t count;
        int stop = warren_tls_open(pair.server, &window, back, batch + 32768, &count, &answer);
        double c = cpu();
        if (stop != WARREN_TLS_MORE_INPUT || count != batch || memcmp(back, plain, batch) != 0) {
            fprintf(stderr, "lost bytes: stop %d, count %zu of %zu\n", stop, count, batch);
            exit(1);
        }
        sealing += b - a;
        opening += c - b;
        bytes += (double)batch;
    }
    if (size < 16384)
        printf("%-34s %6zu B  seal %7.0f ns  open %7.0f ns per record\n", label, size, sealing / bytes * (double)size * 1e9,
            opening / bytes * (double)size * 1e9);
    else
        printf("%-34s %6zu B  seal %7.2f     open %7.2f GB/s\n", label, (size_t)16384, bytes / sealing / 1e9,
            bytes / opening / 1e9);
    free(plain);
    free(cipher);
    free(back);
    end(pair);
    warren_tls_context_release(client);
    warren_tls_context_release(server);
    warren_tls_engine_release(engine);
}

static void idle(const char *label, int mode, int tickets_too) {
    enum { COUNT = 2000 };
    warren_tls_engine *engine = warren_tls_engine_new(WARREN_TLS_ACCELERATOR_AUTO, 64, 0);
    warren_tls_tickets *tickets = tickets_too ? warren_tls_tickets_new() : NULL;
    int64_t resumption = tickets_too ? 300 : 0;
    warren_tls_context *client = context(engine, 0, mode, resumption, 60, NULL);
    warren_tls_context *server = context(engine, 1, mode, resumption, 60, tickets);
    static struct pair pairs[COUNT];
    end(connect_pair(client, server, "db"));
    struct mallinfo2 before = mallinfo2();
    for (int i = 0; i < COUNT; i++) {
        pairs[i] = connect_pair(client, server, "db");
        uint8_t byte = 1;
        warren_sink sink = {to_server, sizeof to_server, 0}, answer = {to_client, sizeof to_client, 0};
        size_t count;
        warren_tls_seal(pairs[i].client, &byte, 1, &count, &sink);
        warren_window window = {to_server, sink.count};
        warren_tls_open(pairs[i].server, &window, to_server + 4096, 32768, &count, &answer);
    }
    struct mallinfo2 after = mallinfo2();
    double used = (double)((after.uordblks + after.hblkhd) - (before.uordblks + before.hblkhd)) / COUNT / 2;
    double arena = ((double)(after.arena + after.hblkhd) - (double)(before.arena + before.hblkhd)) / COUNT / 2;
    printf("%-34s %6.0f bytes in use, %6.0f of heap grown, per session\n", label, used, arena);
    for (int i = 0; i < COUNT; i++) end(pairs[i]);
    warren_tls_context_release(client);
    warren_tls_context_release(server);
    warren_tls_tickets_release(tickets);
    warren_tls_engine_release(engine);
}

static void shared(void) {
    struct mallinfo2 a = mallinfo2();
    warren_tls_engine *engine = warren_tls_engine_new(WARREN_TLS_ACCELERATOR_AUTO, 1024, 0);
    struct mallinfo2 b = mallinfo2();
    warren_tls_context *server = context(engine, 1, WARREN_TLS_RECORDS_AUTO, 300, 60, NULL);
    struct mallinfo2 c = mallinfo2();
    printf("an engine %zu bytes, its first context %zu", b.uordblks - a.uordblks, c.uordblks - b.uordblks);
    warren_tls_context *client = context(engine, 0, WARREN_TLS_RECORDS_AUTO, 300, 60, NULL);
    a = mallinfo2();
    printf(", another %zu", a.uordblks - c.uordblks);
    end(connect_pair(client, server, "db"));
    b = mallinfo2();
    printf(", the first handshake leaves %zu\n", b.uordblks - a.uordblks);
    warren_tls_context_release(client);
    warren_tls_context_release(server);
    warren_tls_engine_release(engine);
}

int main(int count, char **arguments) {
    warren_openssl_few_names();
    proof_request request = {.name = "Root", .starts = -60, .ends = 86400, .ca = 1};
    root = proof_issue(NULL, &request);
    request = (proof_request){.name = "web", .uri = "spiffe://x.consul/ns/default/dc/dc1/svc/web", .starts = -60, .ends = 3600};
    web = proof_issue(root, &request);
    request.name = "db";
    request.uri = "spiffe://x.consul/ns/default/dc/dc1/svc/db";
    db = proof_issue(root, &request);
    const char *part = count > 1 ? arguments[1] : "all";
    if (strcmp(part, "profile") == 0 && count == 4) {
        handshakes(arguments[2], WARREN_TLS_RECORDS_AUTO, atoi(arguments[3]));
        return 0;
    }
    int all = strcmp(part, "all") == 0;
    if (all || strcmp(part, "handshakes") == 0) {
        for (int mode = WARREN_TLS_RECORDS_ATTACHED; mode <= WARREN_TLS_RECORDS_DETACHED; mode++)
            for (int i = 0; i < 3; i++) {
                const char *kinds[] = {"full", "warm", "resumed"};
                double best = 1e9;
                for (int run = 0; run < 3; run++) {
                    double spent = handshakes(kinds[i], mode, 300);
                    if (spent < best) best = spent;
                }
                printf("handshake pair, %-8s %-8s %7.0f us\n", mode == WARREN_TLS_RECORDS_ATTACHED ? "attached" : "detached",
                    kinds[i], best);
            }
    }
    if (all || strcmp(part, "records") == 0) {
        size_t sizes[] = {16384, 1024, 64};
        for (int i = 0; i < 3; i++) {
            records("attached", WARREN_TLS_RECORDS_ATTACHED, WARREN_TLS_ACCELERATOR_NONE, sizes[i]);
            records("detached, libcrypto", WARREN_TLS_RECORDS_DETACHED, WARREN_TLS_ACCELERATOR_NONE, sizes[i]);
            warren_tls_engine *engine = warren_tls_engine_new(WARREN_TLS_ACCELERATOR_AUTO, 4, 0);
            char label[100];
            snprintf(label, sizeof label, "detached, %.30s", warren_tls_engine_aead(engine));
            warren_tls_engine_release(engine);
            records(label, WARREN_TLS_RECORDS_DETACHED, WARREN_TLS_ACCELERATOR_AUTO, sizes[i]);
        }
    }
    if (all || strcmp(part, "idle") == 0) {
        shared();
        idle("idle attached", WARREN_TLS_RECORDS_ATTACHED, 0);
        idle("idle detached", WARREN_TLS_RECORDS_DETACHED, 0);
        idle("idle detached, with tickets", WARREN_TLS_RECORDS_DETACHED, 1);
    }
    return 0;
}
