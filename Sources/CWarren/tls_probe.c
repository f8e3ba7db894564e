#include "warren_probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct warren_probe_trust {
    SSL_CTX *context;
    int verify;
};

struct warren_probe {
    SSL *ssl;
    char problem[256];
};

warren_probe_trust *warren_probe_trust_new(int verify) {
    warren_probe_trust *trust = calloc(1, sizeof *trust);
    if (trust == NULL) return NULL;
    trust->verify = verify;
    trust->context = SSL_CTX_new(TLS_client_method());
    if (trust->context == NULL) {
        free(trust);
        ERR_clear_error();
        return NULL;
    }
    SSL_CTX_set_min_proto_version(trust->context, TLS1_2_VERSION);
    /* Each check is a connection of its own; nothing is kept for the next. */
    SSL_CTX_set_session_cache_mode(trust->context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(trust->context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
                                         | SSL_MODE_RELEASE_BUFFERS);
    if (verify) {
        SSL_CTX_set_verify(trust->context, SSL_VERIFY_PEER, NULL);
        /* Paths that are not there leave a store that believes nobody. */
        SSL_CTX_set_default_verify_paths(trust->context);
        ERR_clear_error();
    }
    return trust;
}

void warren_probe_trust_free(warren_probe_trust *trust) {
    if (trust == NULL) return;
    SSL_CTX_free(trust->context);
    free(trust);
}

/* Whom the certificate must be for; an address is compared with the addresses in it, never with its names. */
static int expect(warren_probe *probe, const char *name, int verify) {
    unsigned char address[16];
    int is_address = inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
    if (!is_address && SSL_set_tlsext_host_name(probe->ssl, name) != 1) return 0;
    if (!verify) return 1;
    X509_VERIFY_PARAM *rules = SSL_get0_param(probe->ssl);
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return is_address ? X509_VERIFY_PARAM_set1_ip_asc(rules, name) : X509_VERIFY_PARAM_set1_host(rules, name, 0);
}

warren_probe *warren_probe_new(warren_probe_trust *trust, int descriptor, const char *name) {
    warren_probe *probe = calloc(1, sizeof *probe);
    if (probe == NULL) return NULL;
    probe->ssl = SSL_new(trust->context);
    if (probe->ssl == NULL || SSL_set_fd(probe->ssl, descriptor) != 1 || !expect(probe, name, trust->verify)) {
        ERR_clear_error();
        warren_probe_free(probe);
        return NULL;
    }
    return probe;
}

void warren_probe_free(warren_probe *probe) {
    if (probe == NULL) return;
    SSL_free(probe->ssl);
    free(probe);
}

/* What a call's result means; `code` is errno right after it. */
static int judged(warren_probe *probe, int result, int code) {
    int kind = SSL_get_error(probe->ssl, result);
    if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE) return WARREN_PROBE_WAITS;
    if (kind == SSL_ERROR_ZERO_RETURN) return WARREN_PROBE_ENDED;
    unsigned long error = ERR_peek_error();
    long verdict = SSL_get_verify_result(probe->ssl);
    const char *reason = ERR_reason_error_string(error);
    if (verdict != X509_V_OK && !SSL_is_init_finished(probe->ssl) && SSL_get_verify_mode(probe->ssl) != SSL_VERIFY_NONE)
        snprintf(probe->problem, sizeof probe->problem, "certificate: %s", X509_verify_cert_error_string(verdict));
    else if (reason != NULL)
        snprintf(probe->problem, sizeof probe->problem, "%s", reason);
    else if (kind == SSL_ERROR_SYSCALL && result < 0 && code != 0)
        snprintf(probe->problem, sizeof probe->problem, "%s", strerror(code));
    else
        snprintf(probe->problem, sizeof probe->problem, "the server closed the connection");
    ERR_clear_error();
    return WARREN_PROBE_FAILED;
}

int warren_probe_handshake(warren_probe *probe) {
    ERR_clear_error();
    int result = SSL_connect(probe->ssl);
    int code = errno;
    if (result == 1) return 1;
    int meaning = judged(probe, result, code);
    return meaning == WARREN_PROBE_ENDED ? WARREN_PROBE_FAILED : meaning;
}

ssize_t warren_probe_write(warren_probe *probe, const void *bytes, size_t count) {
    ERR_clear_error();
    int result = SSL_write(probe->ssl, bytes, count > INT_MAX ? INT_MAX : (int)count);
    int code = errno;
    return result > 0 ? result : judged(probe, result, code);
}

ssize_t warren_probe_read(warren_probe *probe, void *bytes, size_t room) {
    ERR_clear_error();
    int result = SSL_read(probe->ssl, bytes, room > INT_MAX ? INT_MAX : (int)room);
    int code = errno;
    return result > 0 ? result : judged(probe, result, code);
}

const char *warren_probe_problem(const warren_probe *probe) {
    return probe->problem[0] != 0 ? probe->problem : "the server closed the connection";
}
