/* Looks for secrets where none may be left. */
#define _GNU_SOURCE /* memmem(3) */
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "record.h"
#include "tls_proof.h"

static size_t flipped(const uint8_t *from, size_t length, uint8_t *to) {
    for (size_t i = 0; i < length; i++) to[i] = from[i] ^ 0xff;
    return length;
}

static struct record_direction *direction_of(struct warren_tls_session *session, int writing) {
    return writing ? &session->records.writing : &session->records.reading;
}

size_t proof_flipped_secret(struct warren_tls_session *session, int writing, uint8_t to[48]) {
    return flipped(direction_of(session, writing)->secret, session->records.kind == AEAD_AES_256_GCM ? 48 : 32, to);
}

size_t proof_flipped_key(struct warren_tls_session *session, int writing, uint8_t to[32]) {
    return flipped(direction_of(session, writing)->key, session->records.kind == AEAD_AES_128_GCM ? 16 : 32, to);
}

/* Flipped on the way in, so that neither the copy nor what is looked for is a find itself. Read through /proc: another thread
 * may take a mapping away meanwhile. */
static long find_between(int memory, uintptr_t from, uintptr_t to, const uint8_t *wanted, size_t length) {
    enum { CHUNK = 1 << 16 };
    static __thread uint8_t chunk[CHUNK];
    long found = 0;
    while (to - from >= length) {
        size_t size = to - from < CHUNK ? to - from : CHUNK;
        /* `chunk` is in what is read too, and would show what stands flipped in front of it the right way round. */
        memset(chunk, 0, sizeof chunk);
        ssize_t got = pread(memory, chunk, size, (off_t)from);
        if (got < (ssize_t)length) break;
        for (ssize_t i = 0; i < got; i++) chunk[i] ^= 0xff;
        for (uint8_t *at = chunk; (at = memmem(at, (size_t)(chunk + got - at), wanted, length)) != NULL; at++) found++;
        from += (size_t)got == size && size == CHUNK ? CHUNK - length + 1 : (size_t)got;
    }
    memset(chunk, 0, sizeof chunk);
    return found;
}

long proof_find_in_memory(const uint8_t *wanted, size_t length) {
    /* Another search may have read what is looked for while it was still there, and hold it for a moment as it was. */
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&one_at_a_time);
    FILE *maps = fopen("/proc/self/maps", "r");
    int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    if (maps == NULL || memory < 0) abort();
    char line[512];
    long found = 0;
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long from, to;
        char rights[5];
        if (sscanf(line, "%lx-%lx %4s", &from, &to, rights) == 3 && rights[0] == 'r' && rights[1] == 'w')
            found += find_between(memory, from, to, wanted, length);
    }
    fclose(maps);
    close(memory);
    pthread_mutex_unlock(&one_at_a_time);
    return found;
}

int proof_derive(struct warren_tls_engine *engine, const uint8_t secret[32], uint8_t key[16], uint8_t iv[12]) {
    struct record_direction direction = {0};
    memcpy(direction.secret, secret, 32);
    if (warren_record_derive(engine, AEAD_AES_128_GCM, &direction) != 0) return -1;
    memcpy(key, direction.key, 16);
    memcpy(iv, direction.iv, 12);
    return 0;
}

size_t proof_seal_under(
    struct warren_tls_engine *engine, const uint8_t secret[32], uint64_t sequence, const uint8_t *plain, size_t length,
    uint8_t *to) {
    struct warren_tls_context context = {.engine = engine};
    struct warren_tls_session session = {.context = &context, .records.kind = AEAD_AES_128_GCM};
    struct record_direction *direction = &session.records.writing;
    warren_sink sink = {to, length + RECORD_OVERHEAD, 0};
    size_t consumed = 0;
    memcpy(direction->secret, secret, 32);
    if (warren_record_derive(engine, AEAD_AES_128_GCM, direction) != 0) return 0;
    direction->sequence = sequence;
    session.output = &sink;
    int outcome = warren_record_seal(&session, plain, length, &consumed);
    warren_record_end(&session);
    return outcome == 0 && consumed == length ? sink.count : 0;
}

/* By read(2): a stream would keep what it read in a buffer of its own. */
static size_t read_whole(const char *folder, const char *name, uint8_t *to, size_t room) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = file < 0 ? -1 : read(file, to, room);
    if (file >= 0) close(file);
    unlink(path);
    return got > 0 && (size_t)got < room ? (size_t)got : 0;
}

/* The number of a P-256 key in PEM, which stands behind "version 1, 32 bytes" in SEC1 and in PKCS#8 alike. */
static int flip_number(const uint8_t *pem, size_t length, uint8_t in_file[32], uint8_t in_openssl[32]) {
    static const uint8_t before[] = {2, 1, 1, 4, 32};
    uint8_t text[512], der[512];
    size_t count = 0;
    const uint8_t *at = memchr(pem, '\n', length);
    for (; at != NULL && at < pem + length && *at != '-' && count < sizeof text; at++)
        if (*at != '\n') text[count++] = *at;
    int size = EVP_DecodeBlock(der, text, (int)count);
    const uint8_t *number = size > 0 ? memmem(der, (size_t)size, before, sizeof before) : NULL;
    if (number != NULL && number + sizeof before + 32 <= der + size) {
        flipped(number + sizeof before, 32, in_file);
        for (int i = 0; i < 32; i++) in_openssl[i] = in_file[31 - i];
    }
    OPENSSL_cleanse(text, sizeof text);
    OPENSSL_cleanse(der, sizeof der);
    return number != NULL ? 0 : -1;
}

int proof_make_apart(int pkcs8, struct proof_apart *made) {
    char folder[] = "/tmp/warren-proof-XXXXXX", command[512];
    if (mkdtemp(folder) == NULL) return -1;
    snprintf(
        command, sizeof command,
        "cd %s && umask 077 && { openssl ecparam -name prime256v1 -genkey -noout %s >key; } 2>/dev/null"
        " && openssl req -x509 -key key -subj /CN=apart -days 2 -out certificate 2>/dev/null",
        folder, pkcs8 ? "| openssl pkcs8 -topk8 -nocrypt" : "");
    int status = system(command);
    made->key_length = read_whole(folder, "key", made->key, sizeof made->key);
    made->certificate_length = read_whole(folder, "certificate", made->certificate, sizeof made->certificate);
    rmdir(folder);
    if (status != 0 || made->key_length < 128 || made->certificate_length == 0) return -1;
    const uint8_t *line = (const uint8_t *)memchr(made->key, '\n', made->key_length) + 1;
    /* The first line of PKCS#8 is nearly the same for every such key. */
    if (pkcs8) line = (const uint8_t *)memchr(line, '\n', 128) + 1;
    flipped(line, sizeof made->flipped_text, made->flipped_text);
    return flip_number(made->key, made->key_length, made->flipped_number, made->flipped_number_reversed);
}

void proof_forget_key(struct proof_apart *made) {
    OPENSSL_cleanse(made->key, sizeof made->key);
}
