/* Hostile ciphertext for a session, in the handshake and after it.
 *
 *   Fuzz/build-tls tls-handshake && .build/fuzz/tls-handshake -max_len=4096 -max_total_time=300 Fuzz/tls-handshake/corpus
 *
 * First byte: bit 0 the victim serves, bit 1 TLS 1.2 only, bit 2 attached, bit 3 everything is raw. Raw: the rest of the
 * input is what arrives. Else an honest peer talks to the victim, and the input says how its bytes are bent on the way: a count,
 * then so many times (position high, position low, XOR value); what is left of the input arrives after the honest bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tls_proof.h"
#include "warren_tls.h"

static warren_tls_engine *engine;
static warren_tls_context *contexts[2][2][2]; /* server, TLS 1.2, attached */

static proof_authority *root, *leaf; /* kept, so that the leak checker sees where they are */

static void start(void) {
    proof_request request = {.name = "Root", .starts = -60, .ends = 86400 * 365, .ca = 1};
    root = proof_issue(NULL, &request);
    request = (proof_request){.name = "x", .uri = "spiffe://x/y", .dns = "x", .starts = -60, .ends = 86400 * 300};
    leaf = proof_issue(root, &request);
    engine = warren_tls_engine_new(WARREN_TLS_ACCELERATOR_AUTO, 16, 0);
    for (int server = 0; server < 2; server++)
        for (int old = 0; old < 2; old++)
            for (int attached = 0; attached < 2; attached++) {
                warren_tls_config config = {0};
                config.server = server;
                config.minimum_version = 0x0303;
                config.maximum_version = old ? 0x0303 : 0x0304;
                config.records = attached ? WARREN_TLS_RECORDS_ATTACHED : WARREN_TLS_RECORDS_AUTO;
                config.chain = (const uint8_t *)proof_certificate(leaf, &config.chain_length);
                config.key = (const uint8_t *)proof_key(leaf, &config.key_length);
                config.roots = (const uint8_t *)proof_certificate(root, &config.roots_length);
                config.alpn = (const uint8_t *)"\x02h2\x01x";
                config.alpn_length = 5;
                config.resumption_seconds = 300;
                config.verified_seconds = 60;
                config.resumption_capacity = 8;
                config.tickets = server ? warren_tls_tickets_new() : NULL;
                warren_tls_fault fault;
                contexts[server][old][attached] = warren_tls_context_new(engine, &config, &fault);
                if (contexts[server][old][attached] == NULL) abort();
            }
}

enum { LIMIT = 1 << 17 };
static uint8_t to_victim[LIMIT], to_peer[LIMIT], plain[LIMIT];

/* One step of a session on exactly sized memory, so that a step past an edge is seen. Returns false when it is over. */
static int step(warren_tls_session *session, uint8_t *bytes, size_t *at, size_t end, warren_sink *output) {
    size_t count = end - *at;
    uint8_t *exact = malloc(count != 0 ? count : 1);
    memcpy(exact, bytes + *at, count);
    warren_window window = {exact, count};
    size_t got = 0;
    int outcome = warren_tls_is_complete(session)
        ? warren_tls_open(session, &window, plain, sizeof plain, &got, output)
        : warren_tls_handshake(session, &window, output);
    if (window.count > count || got > sizeof plain || output->count > output->capacity) abort();
    if (outcome < 0) {
        const warren_tls_fault *fault = warren_tls_session_fault(session);
        if (fault->reason == 0 || fault->detail[0] == 0) abort();
        if (warren_tls_open(session, &window, plain, sizeof plain, &got, output) != -1) abort();
    }
    *at = end - window.count;
    free(exact);
    return outcome >= 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length) {
    if (engine == NULL) start();
    if (length < 1) return 0;
    int serves = input[0] & 1, old = input[0] >> 1 & 1, attached = input[0] >> 2 & 1, raw = input[0] >> 3 & 1;
    input++;
    length--;
    warren_tls_session *victim =
        warren_tls_session_new(contexts[serves][old][attached], serves ? NULL : "x", (const uint8_t *)"k", serves ? 0 : 1);
    warren_tls_session *peer = NULL;
    warren_sink from_victim = {to_peer, LIMIT, 0}, from_peer = {to_victim, LIMIT, 0};
    size_t victim_at = 0, peer_at = 0;
    if (raw) {
        memcpy(to_victim, input, length);
        for (size_t end = 0; end <= length; end += length / 3 + 1)
            if (!step(victim, to_victim, &victim_at, end, &from_victim)) break;
    } else {
        size_t bends = length > 0 ? input[0] % 16 : 0;
        if (length < 1 + 3 * bends) goto done;
        peer = warren_tls_session_new(contexts[!serves][0][1], NULL, NULL, 0);
        size_t bent = 0;
        int victim_lives = 1, peer_lives = 1;
        for (int round = 0; round < 6; round++) {
            if (peer_lives) peer_lives = step(peer, to_peer, &peer_at, from_victim.count, &from_peer);
            if (round == 4 && peer_lives && warren_tls_is_complete(peer)) {
                size_t consumed;
                (void)warren_tls_seal(peer, (const uint8_t *)"hello", 5, &consumed, &from_peer);
            }
            if (round == 5 && from_peer.count + length < LIMIT) {
                memcpy(to_victim + from_peer.count, input + 1 + 3 * bends, length - 1 - 3 * bends);
                from_peer.count += length - 1 - 3 * bends;
            }
            for (size_t i = 0; i < bends; i++) {
                size_t position = (size_t)input[1 + 3 * i] << 8 | input[2 + 3 * i];
                if (position >= bent && position < from_peer.count) to_victim[position] ^= input[3 + 3 * i];
            }
            bent = from_peer.count;
            if (victim_lives) victim_lives = step(victim, to_victim, &victim_at, from_peer.count, &from_victim);
            if (round == 3 && victim_lives && warren_tls_is_complete(victim)) {
                size_t consumed;
                (void)warren_tls_seal(victim, (const uint8_t *)"hello", 5, &consumed, &from_victim);
            }
        }
        if (victim_lives && (input[0] & 64)) warren_tls_refuse(victim, 49, &from_victim);
        else (void)warren_tls_close_notify(victim, &from_victim);
    }
done:
    warren_tls_session_free(victim);
    warren_tls_session_free(peer);
    return 0;
}
