/* What the pki_*.c files share; not seen by Swift. */
#ifndef WARREN_PKI_INTERNAL_H
#define WARREN_PKI_INTERNAL_H

#include "warren_pki.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

/* Moves what a memory BIO gathered into `out`, and frees the BIO, wiping it. */
int warren_text_take(BIO *bio, struct warren_text *out);
int warren_text_copy(const uint8_t *bytes, size_t size, struct warren_text *out);
int warren_text_of_name(const X509_NAME *name, struct warren_text *out);

/* Whether every DNS and URI name is printable ASCII without spaces. Go refuses such certificates whole, and two names that
 * differ only in undecodable bytes must never look equal further up. */
int warren_names_are_plain(const GENERAL_NAMES *names);
int warren_names_each(const GENERAL_NAMES *names, enum warren_san kind,
                      int (*each)(void *context, const uint8_t *name, size_t size), void *context);
/* NULL when there is nothing to name. */
GENERAL_NAMES *warren_names_make(const char *const *uris, size_t uri_count, const char *const *dns, size_t dns_count);

/* Adds CN as Go would encode it: PrintableString where that suffices, else UTF8String. */
int warren_name_add_common(X509_NAME *name, const char *text);

/* The digest that `key` signs with: none for Ed25519, which hashes by itself, else SHA-256, as Consul's CA does. */
const EVP_MD *warren_digest_for(EVP_PKEY *key);

/* WARREN_PKI_KEY_KIND or WARREN_PKI_KEY_SIZE for a key that we do not handle. */
int warren_key_check_kind(const EVP_PKEY *key);

/* WARREN_PKI_TIME unless ASN1_TIME can say it (RFC 5280, 4.1.2.5). */
int warren_time_check(int64_t seconds);
int warren_time_read(const ASN1_TIME *time, int64_t *seconds);
ASN1_INTEGER *warren_serial_make(const uint8_t *magnitude, size_t size);

#endif
