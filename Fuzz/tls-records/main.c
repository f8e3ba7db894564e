/* The detached record layer against a peer that holds the keys: any sequence of records, key updates, alerts and garbage, cut
 * anywhere, into rooms and sinks of any size.
 *
 *   Fuzz/build-tls tls-records && .build/fuzz/tls-records -max_len=2048 -max_total_time=300 Fuzz/tls-records/corpus
 *
 * The input is a list of steps, one byte what to do and one byte how much. Data that the victim delivers must be, byte for
 * byte, a prefix of the data that was sent. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"
#include "tls_proof.h"

static warren_tls_engine *engines[2];
static warren_tls_context *contexts[2][2];

static proof_authority *root; /* kept, so that the leak checker sees where it is */

static void start(void) {
    proof_request request = {.name = "Root", .starts = -60, .ends = 86400 * 365, .ca = 1};
    root = proof_issue(NULL, &request);
    for (int i = 0; i < 2; i++) {
        engines[i] = warren_tls_engine_new(i ? WARREN_TLS_ACCELERATOR_AUTO : WARREN_TLS_ACCELERATOR_NONE, 4, 7);
        for (int server = 0; server < 2; server++) {
            warren_tls_config config = {0};
            config.server = server;
            config.minimum_version = config.maximum_version = 0x0304;
            config.chain = (const uint8_t *)proof_certificate(root, &config.chain_length);
            config.key = (const uint8_t *)proof_key(root, &config.key_length);
            config.roots = (const uint8_t *)proof_certificate(root, &config.roots_length);
            warren_tls_fault fault;
            contexts[i][server] = warren_tls_context_new(engines[i], &config, &fault);
            if (contexts[i][server] == NULL) abort();
        }
    }
}

/* A session as it is right after detaching, without the handshake before it. */
static warren_tls_session *detached(warren_tls_context *context, int kind, uint8_t reading, uint8_t writing) {
    static const uint16_t suites[] = {0x1301, 0x1302, 0x1303};
    warren_tls_session *session = warren_tls_session_new(context, NULL, NULL, 0);
    session->version = TLS1_3_VERSION;
    session->cipher = suites[kind];
    session->complete = 1;
    session->records.have_reading = session->records.have_writing = 1;
    memset(session->records.reading.secret, reading, 48);
    memset(session->records.writing.secret, writing, 48);
    if (warren_record_detach(session) != 0) abort();
    return session;
}

enum { LIMIT = 1 << 18 };
static uint8_t wire[LIMIT], sent[LIMIT], back[1], answer[LIMIT];

struct state {
    warren_tls_session *victim, *attacker;
    size_t wire_at, wire_end;   /* not yet opened, not yet sent */
    size_t sent_count, got_count, answer_at, answer_end;
    int gap;
    int dead, honest;           /* honest: nothing was sent that breaks a rule, so nothing may fail */
};

static void add_record(struct state *state, uint8_t type, const uint8_t *content, size_t length, size_t padding) {
    struct record_direction *direction = &state->attacker->records.writing;
    warren_tls_engine *engine = state->attacker->context->engine;
    size_t inner = length + 1 + padding, cipher = inner + RECORD_TAG;
    if (state->wire_end + RECORD_HEADER + cipher > LIMIT) return;
    struct aead_slot *slot = warren_aead_slot(engine, direction, state->attacker->records.kind, 1);
    uint8_t *plain = calloc(1, inner), nonce[12], *record = wire + state->wire_end;
    if (length != 0) memcpy(plain, content, length);
    plain[length] = type;
    uint8_t header[5] = {23, 3, 3, (uint8_t)(cipher >> 8), (uint8_t)cipher};
    memcpy(record, header, 5);
    memcpy(nonce, direction->iv, 12);
    for (int i = 0; i < 8; i++) nonce[11 - i] ^= (uint8_t)(direction->sequence >> (8 * i));
    direction->sequence++;
    if (aead_ops_of(engine, slot)->seal(slot, nonce, record, plain, inner - 1, plain[inner - 1], record + 5) != 0) abort();
    free(plain);
    state->wire_end += RECORD_HEADER + cipher;
}

/* What does not fit is lost, and what comes behind the gap cannot be read. */
static void keep_answer(struct state *state, const warren_sink *sink) {
    if (state->answer_end + sink->count > LIMIT) state->gap = 1;
    if (state->gap || sink->count == 0) return;
    memcpy(answer + state->answer_end, sink->base, sink->count);
    state->answer_end += sink->count;
}

static void open_some(struct state *state, size_t most, size_t room, size_t sink_room) {
    size_t count = state->wire_end - state->wire_at;
    if (count > most) count = most;
    uint8_t *exact = malloc(count + 1), *to = malloc(room + 1), *out = malloc(sink_room + 1);
    memcpy(exact, wire + state->wire_at, count);
    warren_window window = {exact, count};
    warren_sink sink = {out, sink_room, 0};
    size_t got;
    int outcome = warren_tls_open(state->victim, &window, to, room, &got, &sink);
    if (got > room || window.count > count || sink.count > sink_room) abort();
    if (outcome < 0 && got != 0) abort();
    if (state->dead && outcome >= 0) abort();
    if (outcome < 0) {
        if (state->honest) abort();
        state->dead = 1;
    }
    if (got > state->sent_count - state->got_count) abort();
    if (got != 0 && memcmp(to, sent + state->got_count, got) != 0) abort();
    state->got_count += got;
    state->wire_at += count - window.count;
    keep_answer(state, &sink);
    free(exact);
    free(to);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length) {
    if (engines[0] == NULL) start();
    if (length < 2) return 0;
    int accelerated = input[0] & 1, kind = (input[0] >> 1) % 3, server = input[0] >> 7;
    struct state state = {.honest = 1};
    state.victim = detached(contexts[accelerated][server], kind, 1, 2);
    state.attacker = detached(contexts[!accelerated][!server], kind, 2, 1);
    size_t at = 1;
    while (at + 1 < length) {
        uint8_t what = input[at], much = input[at + 1];
        at += 2;
        size_t size = (size_t)much * ((what >> 4) + 1), left = length - at;
        switch (what & 15) {
        case 0: case 1: { /* honest data */
            if (state.sent_count + size > LIMIT || state.wire_end + size + 4096 > LIMIT) break;
            for (size_t i = 0; i < size; i++) sent[state.sent_count + i] = (uint8_t)(state.sent_count + i + much);
            if (size == 0 || !state.honest) break; /* behind a broken rule nothing is promised */
            add_record(&state, 23, sent + state.sent_count, size, what >> 6);
            state.sent_count += size;
            break;
        }
        case 2: { /* any type, content out of the input */
            /* Data has its own step, and type 0 would be padding behind whatever the content ends with. */
            static const uint8_t types[] = {20, 21, 22, 24, 25, 255};
            size_t take = left < much % 16 ? left : much % 16;
            state.honest = 0;
            add_record(&state, types[(what >> 4) % 6], input + at, take, much >> 4);
            at += take;
            break;
        }
        case 3: { /* garbage */
            size_t take = left < much ? left : much;
            if (state.wire_end + take > LIMIT) break;
            state.honest = 0;
            memcpy(wire + state.wire_end, input + at, take);
            state.wire_end += take;
            at += take;
            break;
        }
        case 4: { /* a key update as it should be; in two records if asked to */
            uint8_t message[5] = {24, 0, 0, 1, much & 1};
            size_t cut = (much >> 1) % 5;
            if (state.victim->records.empty_records > 24) break;
            if (cut != 0) add_record(&state, 22, message, cut, 0);
            add_record(&state, 22, message + cut, 5 - cut, 0);
            if (warren_record_advance(state.attacker->context->engine, kind, &state.attacker->records.writing) != 0) abort();
            open_some(&state, LIMIT, 20000, 100);
            break;
        }
        case 5: open_some(&state, size, (size_t)(what >> 4) * 40 + 1, much); break;
        case 6: case 7: open_some(&state, LIMIT, size * 8, (size_t)much); break;
        case 8: (void)warren_tls_update_keys(state.victim, much & 1); break;
        case 9: { /* the victim talks, into a sink of any size */
            uint8_t *out = malloc(size + 1), *exact = calloc(1, size + 1);
            warren_sink sink = {out, size, 0};
            size_t consumed;
            (void)warren_tls_seal(state.victim, exact, size, &consumed, &sink);
            if (consumed > size || sink.count > size) abort();
            keep_answer(&state, &sink);
            free(out);
            free(exact);
            break;
        }
        case 10: { /* close_notify of the peer; data behind it is ignored, so this ends the promises */
            const uint8_t close[2] = {1, 0};
            add_record(&state, 21, close, 2, 0);
            state.honest = 0;
            break;
        }
        case 11: /* bend a byte that is on its way */
            if (state.wire_end > state.wire_at) {
                wire[state.wire_at + size % (state.wire_end - state.wire_at)] ^= (uint8_t)(what >> 4 | 1);
                state.honest = 0;
            }
            break;
        case 12: { /* what the victim said so far must be well formed for its peer */
            warren_window window = {answer + state.answer_at, state.answer_end - state.answer_at};
            warren_sink sink = {back, 0, 0}; /* its own updates are case 4 alone */
            static uint8_t heard[LIMIT];
            size_t got, before = window.count;
            int outcome = warren_tls_open(state.attacker, &window, heard, LIMIT, &got, &sink);
            /* Its own keys may be ahead of what the attacker believes only by alerts and updates, all of which it follows. */
            if (outcome < 0 && warren_tls_session_fault(state.attacker)->reason != WARREN_TLS_PEER_ALERT
                && warren_tls_session_fault(state.attacker)->reason != WARREN_TLS_FLOOD)
                abort();
            state.answer_at += before - window.count;
            state.attacker->records.owes_update = 0;
            break;
        }
        case 13: {
            uint8_t out[128];
            warren_sink sink = {out, much % sizeof out, 0};
            if (much & 1) warren_tls_refuse(state.victim, 49, &sink);
            else (void)warren_tls_close_notify(state.victim, &sink);
            if (much & 1) {
                state.dead = 1;
                state.honest = 0;
            }
            keep_answer(&state, &sink);
            break;
        }
        default: break;
        }
    }
    for (int i = 0; i < 3; i++) open_some(&state, LIMIT, LIMIT / 2, 200);
    warren_tls_session_free(state.victim);
    warren_tls_session_free(state.attacker);
    return 0;
}
