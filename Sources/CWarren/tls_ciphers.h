/* libcrypto's AEADs by the functions that its default provider publishes (provider-cipher(7)): what the record layer calls
 * (record_provider.c), and what libssl is lent where records are left to it (tls_ciphers.c). */
#ifndef WARREN_TLS_CIPHERS_H
#define WARREN_TLS_CIPHERS_H

#include <openssl/core_dispatch.h>
#include <stdint.h>

#include "warren_tls.h"

#pragma GCC visibility push(hidden)

enum aead_kind { AEAD_AES_128_GCM = 0, AEAD_AES_256_GCM = 1, AEAD_CHACHA20_POLY1305 = 2, AEAD_KINDS = 3 };

enum { WARREN_CIPHER_FUNCTIONS = 16 };

struct cipher_calls {
    void *provider;               /* the default provider's context */
    OSSL_FUNC_cipher_newctx_fn *new_context;
    OSSL_FUNC_cipher_freectx_fn *free_context;
    OSSL_FUNC_cipher_encrypt_init_fn *begin_sealing;
    OSSL_FUNC_cipher_decrypt_init_fn *begin_opening;
    OSSL_FUNC_cipher_update_fn *update;
    OSSL_FUNC_cipher_final_fn *finish;
    OSSL_FUNC_cipher_cipher_fn *whole;
    OSSL_FUNC_cipher_get_ctx_params_fn *get;
    OSSL_FUNC_cipher_set_ctx_params_fn *set;
};

/* One for each library context. */
struct warren_ciphers {
    struct cipher_calls calls[AEAD_KINDS];
    OSSL_DISPATCH functions[AEAD_KINDS][WARREN_CIPHER_FUNCTIONS]; /* what is lent */
};

/* Text of a record that libssl takes to be in its own buffer. */
struct warren_detour {
    const uint8_t *seeming;       /* where libssl takes it to be */
    const uint8_t *actual;        /* where it came in; of text that leaves: in the sink, behind what is there */
    size_t length;                /* 0: there is none */
};

/* The names that libcrypto has for them, by kind. */
extern const char *const warren_cipher_names[AEAD_KINDS];

/* Out of the default provider's functions for a kind. 0, or -1 where they are not as described: nothing is lent in their place. */
int warren_cipher_setup(struct warren_ciphers *ciphers, int kind, void *provider, const OSSL_DISPATCH *functions);

/* Whether libssl seals a record, sends it, and only then goes on to the next, as detours need it. */
int warren_detours_are_possible(void);

/* tls_bio.c */
/* Where text is that libssl wants opened in place; `in` itself, if it is there. */
const uint8_t *warren_text_arriving(warren_tls_session *session, const uint8_t *in, size_t length);
/* Where the sealed form of text belongs that libssl wants sealed in place; `out` itself, if it has to stay there. */
uint8_t *warren_text_leaving(warren_tls_session *session, uint8_t *out, size_t length);

#pragma GCC visibility pop

#endif
