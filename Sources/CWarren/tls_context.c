/* One SSL_CTX per role, generation of certificates, and loop. All parsing of PEM happens here and nowhere later. */
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"

static const char groups[] = "X25519:P-256:P-384:P-521";
static const char suites_13[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
static const char suites_12[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char signatures[] =
    "ecdsa_secp256r1_sha256:ed25519:rsa_pss_rsae_sha256:ecdsa_secp384r1_sha384:rsa_pss_rsae_sha384:"
    "ecdsa_secp521r1_sha512:rsa_pss_rsae_sha512:rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512:"
    "RSA+SHA256:RSA+SHA384:RSA+SHA512";

/* A key file that asks for a passphrase must fail, not read from the terminal of a daemon. */
static int no_passphrase(char *to, int room, int writing, void *argument) {
    (void)to, (void)room, (void)writing, (void)argument;
    return -1;
}

static X509 *read_certificate(warren_tls_engine *engine, BIO *pem) {
    X509 *certificate = X509_new_ex(engine->library, NULL);
    if (certificate != NULL && PEM_read_bio_X509(pem, &certificate, no_passphrase, NULL) == NULL) {
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}

static X509_CRL *read_crl(warren_tls_engine *engine, BIO *pem) {
    X509_CRL *crl = X509_CRL_new_ex(engine->library, NULL);
    if (crl != NULL && PEM_read_bio_X509_CRL(pem, &crl, no_passphrase, NULL) == NULL) {
        X509_CRL_free(crl);
        return NULL;
    }
    return crl;
}

/* PEM readers say "no start line" when nothing more comes; anything else is a broken text. */
static int is_end_of_pem(void) {
    unsigned long code = ERR_peek_last_error();
    int ended = ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
    if (ended) ERR_clear_error();
    return ended;
}

static int use_identity(warren_tls_context *context, const warren_tls_config *config, warren_tls_fault *fault) {
    warren_tls_engine *engine = context->engine;
    const char *what = NULL;
    EVP_PKEY *key = NULL, *read = NULL;
    X509 *certificate = NULL;
    BIO *chain = BIO_new_mem_buf(config->chain, (int)config->chain_length);
    BIO *secret = BIO_new_mem_buf(config->key, (int)config->key_length);
    if (chain == NULL || secret == NULL) {
        what = "out of memory";
        goto done;
    }
    certificate = read_certificate(engine, chain);
    if (certificate == NULL || SSL_CTX_use_certificate(context->ssl, certificate) != 1) {
        what = "certificate chain: the first PEM block is no usable certificate";
        goto done;
    }
    context->not_after = warren_tls_time_of(X509_get0_notAfter(certificate));
    X509_free(certificate);
    while ((certificate = read_certificate(engine, chain)) != NULL) {
        int64_t end = warren_tls_time_of(X509_get0_notAfter(certificate));
        if (end < context->not_after) context->not_after = end;
        if (SSL_CTX_add1_chain_cert(context->ssl, certificate) != 1) {
            what = "certificate chain: an intermediate is not usable";
            goto done;
        }
        X509_free(certificate);
    }
    if (!is_end_of_pem()) {
        what = "certificate chain: a PEM block does not parse";
        goto done;
    }
    read = PEM_read_bio_PrivateKey_ex(
        secret, NULL, no_passphrase, NULL, warren_tls_library_whole(engine->libraries), NULL);
    if (read == NULL) {
        what = "private key: no usable PEM key (a key with a passphrase cannot be used)";
        goto done;
    }
    key = warren_tls_library_adopt(engine->libraries, read);
    if (key == NULL) {
        what = "private key: EC, RSA and Ed25519 keys can be used, this is another kind";
        goto done;
    }
    if (SSL_CTX_use_PrivateKey(context->ssl, key) != 1 || SSL_CTX_check_private_key(context->ssl) != 1)
        what = "private key: it is not the key of the certificate";
done:
    if (what != NULL) warren_tls_describe(fault, WARREN_TLS_CONFIGURATION, what);
    X509_free(certificate);
    EVP_PKEY_free(key);
    EVP_PKEY_free(read);
    BIO_free(chain);
    BIO_free(secret);
    return what == NULL ? 0 : -1;
}

static int digest_der(EVP_MD_CTX *digest, uint8_t *der, int length) {
    uint32_t size = (uint32_t)length;
    int ok = length > 0 && EVP_DigestUpdate(digest, &size, sizeof size) == 1
        && EVP_DigestUpdate(digest, der, (size_t)length) == 1;
    OPENSSL_free(der);
    return ok ? 0 : -1;
}

/* Roots and CRLs into the store, and their digest, in the order given, into context->trust. */
static int use_trust(warren_tls_context *context, const warren_tls_config *config, warren_tls_fault *fault) {
    static const char rules[] = "warren trust 2: partial chain, CRL for every certificate";
    warren_tls_engine *engine = context->engine;
    X509_STORE *store = SSL_CTX_get_cert_store(context->ssl);
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    const char *what = NULL;
    int reason = WARREN_TLS_CONFIGURATION;
    X509 *root = NULL;
    X509_CRL *crl = NULL;
    size_t count = 0;
    BIO *roots = BIO_new_mem_buf(config->roots, (int)config->roots_length);
    BIO *crls = BIO_new_mem_buf(config->crls_length != 0 ? (const void *)config->crls : "", (int)config->crls_length);
    if (digest == NULL || roots == NULL || crls == NULL || EVP_DigestInit_ex2(digest, engine->kdf->sha256, NULL) != 1
        || EVP_DigestUpdate(digest, rules, sizeof rules) != 1) {
        what = "out of memory";
        reason = WARREN_TLS_INTERNAL;
        goto done;
    }
    for (; (root = read_certificate(engine, roots)) != NULL; count++) {
        uint8_t *der = NULL;
        int length = i2d_X509(root, &der);
        if (digest_der(digest, der, length) != 0 || X509_STORE_add_cert(store, root) != 1) {
            what = "roots: a certificate is not usable";
            goto done;
        }
        X509_free(root);
    }
    if (!is_end_of_pem() || count == 0) {
        what = count == 0 ? "roots: no PEM certificate found" : "roots: a PEM block does not parse";
        goto done;
    }
    for (count = 0; (crl = read_crl(engine, crls)) != NULL; count++) {
        uint8_t *der = NULL;
        int length = i2d_X509_CRL(crl, &der);
        if (digest_der(digest, der, length) != 0 || X509_STORE_add_crl(store, crl) != 1) {
            what = "CRLs: one is not usable";
            goto done;
        }
        X509_CRL_free(crl);
    }
    if (config->crls_length != 0 && (!is_end_of_pem() || count == 0)) {
        what = count == 0 ? "CRLs: no PEM CRL found" : "CRLs: a PEM block does not parse";
        goto done;
    }
    ERR_clear_error();
    /* Every certificate of the bundle is an anchor, as in the verifiers of the other meshes: an intermediate that the
     * operator listed is trusted by itself. */
    unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN;
    /* Without CRL_CHECK_ALL OpenSSL asks about the leaf alone, and what a revoked intermediate signed would be let in. */
    if (count != 0) flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
    if (X509_STORE_set_flags(store, flags) != 1 || EVP_DigestFinal_ex(digest, context->trust, NULL) != 1) {
        what = "out of memory";
        reason = WARREN_TLS_INTERNAL;
    }
done:
    if (what != NULL) warren_tls_describe(fault, reason, what);
    X509_free(root);
    X509_CRL_free(crl);
    BIO_free(roots);
    BIO_free(crls);
    EVP_MD_CTX_free(digest);
    return what == NULL ? 0 : -1;
}

/* RFC 7301 lets a server go on without; so do the proxies of the other meshes when nothing is in common. */
static int select_alpn(
    SSL *ssl, const unsigned char **out, unsigned char *out_length, const unsigned char *in, unsigned in_length,
    void *argument) {
    (void)ssl;
    warren_tls_context *context = argument;
    unsigned char *chosen = NULL;
    int verdict = SSL_select_next_proto(
        &chosen, out_length, context->alpn, (unsigned)context->alpn_length, in, in_length);
    if (verdict != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static int use_policy(warren_tls_context *context, const warren_tls_config *config) {
    SSL_CTX *ssl = context->ssl;
    SSL_CTX_set_security_level(ssl, 2);
    SSL_CTX_set_options(
        ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | (context->server ? SSL_OP_CIPHER_SERVER_PREFERENCE : 0));
    SSL_CTX_set_mode(
        ssl,
        SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS
            | SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_read_ahead(ssl, 0); /* see tls_bio.c */
    SSL_CTX_set_max_early_data(ssl, 0);
    SSL_CTX_set_recv_max_early_data(ssl, 0);
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_verify_depth(ssl, 8);
    SSL_CTX_set_cert_verify_callback(ssl, warren_tls_verify, context);
    SSL_CTX_set_msg_callback(ssl, warren_record_note_message);
    if (SSL_CTX_set_min_proto_version(ssl, config->minimum_version) != 1
        || SSL_CTX_set_max_proto_version(ssl, config->maximum_version) != 1
        || SSL_CTX_set1_groups_list(ssl, groups) != 1 || SSL_CTX_set_ciphersuites(ssl, suites_13) != 1
        || SSL_CTX_set_cipher_list(ssl, suites_12) != 1 || SSL_CTX_set1_sigalgs_list(ssl, signatures) != 1)
        return -1;
    if (config->alpn_length == 0) return 0;
    context->alpn = malloc(config->alpn_length);
    if (context->alpn == NULL) return -1;
    memcpy(context->alpn, config->alpn, config->alpn_length);
    context->alpn_length = config->alpn_length;
    if (context->server) {
        SSL_CTX_set_alpn_select_cb(ssl, select_alpn, context);
        return 0;
    }
    return SSL_CTX_set_alpn_protos(ssl, config->alpn, (unsigned)config->alpn_length) == 0 ? 0 : -1;
}

warren_tls_context *warren_tls_context_new(
    warren_tls_engine *engine, const warren_tls_config *config, warren_tls_fault *fault) {
    ERR_clear_error();
    memset(fault, 0, sizeof *fault);
    warren_tls_context *context = calloc(1, sizeof *context);
    if (context == NULL) {
        warren_tls_describe(fault, WARREN_TLS_INTERNAL, "out of memory");
        return NULL;
    }
    context->references = 1;
    context->engine = engine;
    engine->references++;
    context->server = config->server;
    context->records = config->records;
    context->kernel = config->kernel;
    context->not_after = INT64_MAX;
    context->resumption_seconds = config->resumption_seconds;
    context->verified_seconds = config->verified_seconds;
    context->tickets = config->tickets;
    warren_tls_tickets_retain(context->tickets);
    context->verified = calloc(WARREN_VERIFIED_SETS * WARREN_WAYS, sizeof *context->verified);
    context->ssl = SSL_CTX_new_ex(engine->library, NULL, config->server ? TLS_server_method() : TLS_client_method());
    if (context->verified == NULL || context->ssl == NULL) {
        warren_tls_describe(fault, WARREN_TLS_INTERNAL, "no TLS context");
        goto failed;
    }
    if (config->chain_length > INT_MAX || config->key_length > INT_MAX || config->roots_length > INT_MAX
        || config->crls_length > INT_MAX) {
        warren_tls_describe(fault, WARREN_TLS_CONFIGURATION, "a PEM text is longer than 2 GiB");
        goto failed;
    }
    if (use_policy(context, config) != 0) {
        warren_tls_describe(fault, WARREN_TLS_CONFIGURATION, "versions, ciphers or ALPN are not usable");
        goto failed;
    }
    if (config->server && config->chain_length == 0) {
        warren_tls_describe(fault, WARREN_TLS_CONFIGURATION, "certificate chain: a server needs one");
        goto failed;
    }
    if (config->chain_length != 0) {
        int before = warren_tls_memory_secret(1);
        int used = use_identity(context, config, fault);
        warren_tls_memory_secret(before);
        if (used != 0) goto failed;
    }
    if (use_trust(context, config, fault) != 0) goto failed;
    if (warren_tls_resume_setup(context, config->resumption_capacity) != 0) {
        warren_tls_describe(fault, WARREN_TLS_INTERNAL, "resumption cannot be set up");
        goto failed;
    }
    return context;
failed:
    warren_tls_context_release(context);
    return NULL;
}

void warren_tls_context_release(warren_tls_context *context) {
    if (context == NULL || --context->references != 0) return;
    warren_tls_resume_free(context);
    for (size_t i = 0; context->verified != NULL && i < WARREN_VERIFIED_SETS * WARREN_WAYS; i++)
        warren_tls_peer_release(context->verified[i].peer);
    free(context->verified);
    warren_begun_forget(&context->signing);
    SSL_CTX_free(context->ssl);
    free(context->alpn);
    warren_tls_engine_release(context->engine);
    free(context);
}

void warren_tls_context_use_tickets(warren_tls_context *context, warren_tls_tickets *tickets) {
    warren_tls_tickets_retain(tickets);
    warren_tls_tickets_release(context->tickets);
    context->tickets = tickets;
}

int64_t warren_tls_context_not_after(const warren_tls_context *context) {
    return context->not_after;
}

void warren_tls_context_trust(const warren_tls_context *context, uint8_t out[32]) {
    memcpy(out, context->trust, 32);
}

const warren_tls_counters *warren_tls_context_counters(const warren_tls_context *context) {
    return &context->counters;
}
