#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "tls_proof.h"

struct proof_peer {
    SSL_CTX *context;
    SSL *ssl;
    BIO *in, *out;
    int alert, tickets, heard;
    uint8_t first_heard, request[8];
    size_t request_length;
};

static void note(const SSL *ssl, int where, int value) {
    proof_peer *peer = SSL_get_app_data(ssl);
    if (peer != NULL && (where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT) peer->alert = value & 255;
}

static int ask(
    SSL *ssl, unsigned type, unsigned where, const unsigned char **out, size_t *length, X509 *certificate, size_t index,
    int *alert, void *argument) {
    (void)ssl, (void)type, (void)where, (void)certificate, (void)index, (void)alert;
    const proof_peer *peer = argument;
    *out = peer->request;
    *length = peer->request_length;
    return 1;
}

static int hear(
    SSL *ssl, unsigned type, unsigned where, const unsigned char *in, size_t length, X509 *certificate, size_t index,
    int *alert, void *argument) {
    (void)ssl, (void)type, (void)where, (void)certificate, (void)index, (void)alert;
    proof_peer *peer = argument;
    peer->heard = (int)length;
    peer->first_heard = length > 0 ? in[0] : 0;
    return 1;
}

static void count_ticket(
    int writing, int version, int type, const void *bytes, size_t length, SSL *ssl, void *argument) {
    (void)version, (void)ssl;
    proof_peer *peer = argument;
    if (!writing && type == SSL3_RT_HANDSHAKE && length > 0 && *(const uint8_t *)bytes == SSL3_MT_NEWSESSION_TICKET)
        peer->tickets++;
}

static X509 *certificate_of(const proof_authority *authority) {
    size_t length;
    const char *pem = proof_certificate(authority, &length);
    BIO *bio = BIO_new_mem_buf(pem, (int)length);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    return certificate;
}

proof_peer *proof_peer_new(
    const proof_peer_options *options, const proof_authority *identity, const proof_authority *root) {
    proof_peer *peer = calloc(1, sizeof *peer);
    if (peer == NULL) abort();
    peer->alert = -1;
    peer->heard = -1;
    SSL_CTX *context = peer->context = SSL_CTX_new(TLS_method());
    SSL_CTX_set_min_proto_version(context, options->version);
    SSL_CTX_set_max_proto_version(context, options->version);
    if (options->suite != NULL && options->version == TLS1_3_VERSION) SSL_CTX_set_ciphersuites(context, options->suite);
    if (options->suite != NULL && options->version == TLS1_2_VERSION) SSL_CTX_set_cipher_list(context, options->suite);
    if (options->groups != NULL) SSL_CTX_set1_groups_list(context, options->groups);
    if (options->tickets >= 0) SSL_CTX_set_num_tickets(context, (size_t)options->tickets);
    SSL_CTX_set_options(context, SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
    SSL_CTX_set_session_id_context(context, (const unsigned char *)"proof", 5);
    X509 *own = certificate_of(identity), *trusted = certificate_of(root);
    size_t length;
    const char *pem = proof_key(identity, &length);
    BIO *bio = BIO_new_mem_buf(pem, (int)length);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    SSL_CTX_use_certificate(context, own);
    SSL_CTX_use_PrivateKey(context, key);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), trusted);
    X509_free(own);
    X509_free(trusted);
    EVP_PKEY_free(key);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_info_callback(context, note);
    SSL_CTX_set_msg_callback(context, count_ticket);
    SSL_CTX_set_msg_callback_arg(context, peer);
    if (options->ticket_request != NULL) {
        if (options->ticket_request_length > sizeof peer->request) abort();
        memcpy(peer->request, options->ticket_request, options->ticket_request_length);
        peer->request_length = options->ticket_request_length;
        SSL_CTX_add_custom_ext(
            context, 58, SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_3_ENCRYPTED_EXTENSIONS | SSL_EXT_TLS1_3_ONLY, ask, NULL, peer,
            hear, peer);
    }
    peer->ssl = SSL_new(context);
    SSL_set_app_data(peer->ssl, peer);
    if (options->fragment != 0) SSL_set_max_send_fragment(peer->ssl, (long)options->fragment);
    if (options->padding != 0) SSL_set_block_padding(peer->ssl, options->padding);
    peer->in = BIO_new(BIO_s_mem());
    peer->out = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(peer->in, -1);
    BIO_set_mem_eof_return(peer->out, -1);
    SSL_set_bio(peer->ssl, peer->in, peer->out);
    if (options->server)
        SSL_set_accept_state(peer->ssl);
    else
        SSL_set_connect_state(peer->ssl);
    return peer;
}

void proof_peer_free(proof_peer *peer) {
    SSL_free(peer->ssl);
    SSL_CTX_free(peer->context);
    free(peer);
}

int proof_peer_handshake(proof_peer *peer) {
    ERR_clear_error();
    int result = SSL_do_handshake(peer->ssl);
    if (result == 1) return 1;
    int error = SSL_get_error(peer->ssl, result);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

void proof_peer_feed(proof_peer *peer, const uint8_t *bytes, size_t count) {
    if (count != 0) BIO_write(peer->in, bytes, (int)count);
}

size_t proof_peer_take(proof_peer *peer, uint8_t *to, size_t room) {
    int count = BIO_read(peer->out, to, (int)room);
    return count > 0 ? (size_t)count : 0;
}

int proof_peer_write(proof_peer *peer, const uint8_t *bytes, size_t count) {
    ERR_clear_error();
    return SSL_write(peer->ssl, bytes, (int)count) == (int)count ? 0 : -1;
}

long proof_peer_read(proof_peer *peer, uint8_t *to, size_t room) {
    ERR_clear_error();
    int count = SSL_read(peer->ssl, to, (int)room);
    if (count > 0) return count;
    switch (SSL_get_error(peer->ssl, count)) {
    case SSL_ERROR_WANT_READ: return 0;
    case SSL_ERROR_ZERO_RETURN: return -1;
    default: return -2;
    }
}

int proof_peer_update(proof_peer *peer, int request) {
    if (SSL_key_update(peer->ssl, request ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED) != 1) return -1;
    return SSL_do_handshake(peer->ssl) == 1 ? 0 : -1;
}

int proof_peer_renegotiate(proof_peer *peer) {
    if (SSL_renegotiate(peer->ssl) != 1) return -1;
    (void)SSL_do_handshake(peer->ssl);
    return 0;
}

void proof_peer_close(proof_peer *peer) {
    (void)SSL_shutdown(peer->ssl);
}

int proof_peer_alert(const proof_peer *peer) {
    return peer->alert;
}

int proof_peer_tickets(const proof_peer *peer) {
    return peer->tickets;
}

int proof_peer_heard(const proof_peer *peer, uint8_t *first) {
    *first = peer->first_heard;
    return peer->heard;
}
