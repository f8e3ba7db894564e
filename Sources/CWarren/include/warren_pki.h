/* Keys and certificates through libcrypto. Swift cannot call it well itself: half of it is macros, and its headers
 * would cost every module that imports this one. The types stay libcrypto's own, opaque, so that the TLS engine can
 * take them as they are.
 *
 * Ownership: a pointer written to `*out` is one reference, the caller's to free with the type's warren_..._free.
 * Parameters are borrowed. Texts are written NUL-ended and never past `size`.
 *
 * Answers: 0 is success, a negative number one of `warren_pki_fault`. Every function empties OpenSSL's error queue
 * before it starts; after WARREN_PKI_OPENSSL, warren_pki_reason reads what it left, on the same thread.
 *
 * Cost: parsing goes through OpenSSL 3's decoder chain and takes tens to hundreds of microseconds for every key and
 * certificate. Parse once, at start or reload, never for a connection. */
#ifndef WARREN_PKI_H
#define WARREN_PKI_H

#include <stddef.h>
#include <stdint.h>

struct evp_pkey_st;   /* EVP_PKEY */
struct x509_st;       /* X509 */
struct X509_req_st;   /* X509_REQ */
struct X509_crl_st;   /* X509_CRL */
struct x509_store_st; /* X509_STORE */

enum warren_pki_fault {
    WARREN_PKI_OPENSSL = -1,       /* see warren_pki_reason */
    WARREN_PKI_TRAILING = -2,      /* bytes follow the DER value */
    WARREN_PKI_EXTENSION = -3,     /* an extension cannot be decoded or stands twice */
    WARREN_PKI_NAME = -4,          /* a URI or DNS name holds a byte that is not printable ASCII */
    WARREN_PKI_KEY_KIND = -5,      /* a key that is none of P-256, P-384, P-521, RSA, Ed25519 */
    WARREN_PKI_KEY_SIZE = -6,      /* an RSA key of less than 2048 or more than 8192 bits */
    WARREN_PKI_KEY_PAIR = -7,      /* private and public half do not belong together */
    WARREN_PKI_COMMON_NAME = -8,   /* more than the 64 characters of RFC 5280's ub-common-name, or not UTF-8 */
    WARREN_PKI_TIME = -9,          /* not expressible: years 1950 to 9999 */
    WARREN_PKI_SIGNATURE = -10,    /* a signature is not its key's */
    WARREN_PKI_TOO_LARGE = -11,    /* more bytes than any honest file of this kind */
};

/* Drains this thread's error queue into "reason; reason", innermost first; "" when it is empty. */
void warren_pki_reason(char *text, size_t size);

/* explicit_bzero(3): a store that the optimizer keeps. */
void warren_wipe(void *bytes, size_t size);

/* SHA-256 of `size` bytes into 32. */
int warren_sha256(const uint8_t *bytes, size_t size, uint8_t digest[32]);

/* ---- PEM, RFC 7468 ---- */

struct warren_pem;

/* A reader over `bytes`, which must outlive it. Every buffer it takes is wiped when freed, since any block may be a
 * key. */
int warren_pem_open(const uint8_t *bytes, size_t size, struct warren_pem **out);

/* Steps to the next block: 1 and the block's parts, valid until the next call; 0 at the end of the text; or a fault.
 * `encrypted` is set when the block's header asks for a passphrase (RFC 1421), which is never prompted for. */
int warren_pem_next(struct warren_pem *reader, const char **label, const uint8_t **der, size_t *size, int *encrypted);

void warren_pem_close(struct warren_pem *reader);

/* A growing text or DER value, wiped when freed. */
struct warren_text {
    uint8_t *bytes;
    size_t size;
};

void warren_text_free(struct warren_text *text);

/* ---- keys ---- */

enum warren_key_kind {
    WARREN_KEY_OTHER = 0,
    WARREN_KEY_P256 = 1,
    WARREN_KEY_P384 = 2,
    WARREN_KEY_P521 = 3,
    WARREN_KEY_RSA = 4,
    WARREN_KEY_ED25519 = 5,
};

enum warren_key_form {
    WARREN_KEY_PKCS8 = 0, /* "PRIVATE KEY", RFC 5208 */
    WARREN_KEY_SEC1 = 1,  /* "EC PRIVATE KEY", RFC 5915 */
    WARREN_KEY_PKCS1 = 2, /* "RSA PRIVATE KEY", RFC 8017 */
};

int warren_key_generate_p256(struct evp_pkey_st **out);
int warren_key_parse(const uint8_t *der, size_t size, enum warren_key_form form, struct evp_pkey_st **out);
enum warren_key_kind warren_key_kind(const struct evp_pkey_st *key);
int warren_key_bits(const struct evp_pkey_st *key);
int warren_key_equal(const struct evp_pkey_st *a, const struct evp_pkey_st *b); /* 1 when the public halves are equal */
/* "EC PRIVATE KEY", "RSA PRIVATE KEY", or "PRIVATE KEY" for Ed25519, which has no older form. */
int warren_key_write_pem(const struct evp_pkey_st *key, struct warren_text *out);
int warren_key_write_spki(const struct evp_pkey_st *key, struct warren_text *out); /* SubjectPublicKeyInfo, DER */
void warren_key_retain(struct evp_pkey_st *key);
void warren_key_free(struct evp_pkey_st *key); /* wipes the private half with the last reference */

/* ---- certificates ---- */

/* X509v3 key usage bits as libcrypto has them (X509_get_key_usage(3)). */
enum warren_key_usage {
    WARREN_KU_DIGITAL_SIGNATURE = 0x0080,
    WARREN_KU_NON_REPUDIATION = 0x0040,
    WARREN_KU_KEY_ENCIPHERMENT = 0x0020,
    WARREN_KU_DATA_ENCIPHERMENT = 0x0010,
    WARREN_KU_KEY_AGREEMENT = 0x0008,
    WARREN_KU_CERT_SIGN = 0x0004,
    WARREN_KU_CRL_SIGN = 0x0002,
    WARREN_KU_ENCIPHER_ONLY = 0x0001,
    WARREN_KU_DECIPHER_ONLY = 0x8000,
};

enum warren_eku {
    WARREN_EKU_SERVER = 1,
    WARREN_EKU_CLIENT = 2,
    WARREN_EKU_ANY = 4,
    WARREN_EKU_OTHER = 8, /* one we give no name */
};

struct warren_x509_facts {
    int64_t not_before;     /* unix seconds */
    int64_t not_after;      /* unix seconds */
    int32_t is_ca;          /* basic constraints say CA:TRUE */
    int32_t path_length;    /* -1: none given */
    int32_t has_key_usage;  /* 0: every usage is allowed */
    uint32_t key_usage;     /* warren_key_usage */
    int32_t has_eku;        /* 0: every purpose is allowed */
    uint32_t eku;           /* warren_eku */
    int32_t self_issued;    /* subject equals issuer */
};

enum warren_san { WARREN_SAN_DNS = 2, WARREN_SAN_URI = 6 };

/* Parses one DER certificate and decodes its extensions once, so that later reads from any thread find them ready.
 * Refuses trailing bytes, undecodable extensions, and URI or DNS names outside printable ASCII. */
int warren_x509_parse(const uint8_t *der, size_t size, struct x509_st **out);
/* The same checks on a certificate that OpenSSL parsed (a peer's); takes a reference. */
int warren_x509_adopt(struct x509_st *certificate, struct x509_st **out);
int warren_x509_facts(struct x509_st *certificate, struct warren_x509_facts *out);
int warren_x509_subject(const struct x509_st *certificate, struct warren_text *out); /* RFC 4514 text */
int warren_x509_issuer(const struct x509_st *certificate, struct warren_text *out);  /* RFC 4514 text */
int warren_x509_common_name(const struct x509_st *certificate, struct warren_text *out); /* UTF-8; empty when absent */
/* The serial's magnitude, big-endian without leading zeros. */
int warren_x509_serial(const struct x509_st *certificate, int *negative, struct warren_text *out);
/* Calls `each` for every name of `kind` in order, until it answers other than 0. */
int warren_x509_names(const struct x509_st *certificate, enum warren_san kind,
                      int (*each)(void *context, const uint8_t *name, size_t size), void *context);
int warren_x509_subject_key_id(struct x509_st *certificate, struct warren_text *out);   /* empty when absent */
int warren_x509_authority_key_id(struct x509_st *certificate, struct warren_text *out); /* empty when absent */
int warren_x509_fingerprint(const struct x509_st *certificate, int sha256, uint8_t digest[32], size_t *size);
int warren_x509_public_key(struct x509_st *certificate, struct evp_pkey_st **out);
/* 1 when `name` is one of the certificate's DNS names; a wildcard stands for one whole label, the subject's CN for
 * nothing (RFC 6125). */
int warren_x509_covers_dns(struct x509_st *certificate, const char *name, size_t size);
/* 1 when `certificate` was signed by `key`, 0 when not. */
int warren_x509_signed_by(struct x509_st *certificate, struct evp_pkey_st *key);
int warren_x509_write_der(const struct x509_st *certificate, struct warren_text *out);
int warren_x509_write_pem(const struct x509_st *certificate, struct warren_text *out);
void warren_x509_retain(struct x509_st *certificate);
void warren_x509_free(struct x509_st *certificate);

/* ---- requests ---- */

int warren_req_create(struct evp_pkey_st *key, const char *common_name, const char *const *uris, size_t uri_count,
                      const char *const *dns, size_t dns_count, struct X509_req_st **out);
/* Refuses trailing bytes and names outside printable ASCII; does not check the signature. */
int warren_req_parse(const uint8_t *der, size_t size, struct X509_req_st **out);
/* 0 when the request is signed by the key it carries, else WARREN_PKI_SIGNATURE or another fault. */
int warren_req_verify(struct X509_req_st *request);
int warren_req_subject(const struct X509_req_st *request, struct warren_text *out);
int warren_req_names(struct X509_req_st *request, enum warren_san kind,
                     int (*each)(void *context, const uint8_t *name, size_t size), void *context);
int warren_req_public_key(struct X509_req_st *request, struct evp_pkey_st **out);
int warren_req_write_der(const struct X509_req_st *request, struct warren_text *out);
int warren_req_write_pem(const struct X509_req_st *request, struct warren_text *out);
void warren_req_free(struct X509_req_st *request);

/* ---- issuing ---- */

struct warren_x509_template {
    const char *common_name;    /* NULL: empty subject, and the names become critical (RFC 5280, 4.2.1.6) */
    const uint8_t *serial;      /* big-endian magnitude */
    size_t serial_size;
    int64_t not_before;         /* unix seconds */
    int64_t not_after;          /* unix seconds */
    const char *const *uris;
    size_t uri_count;
    const char *const *dns;
    size_t dns_count;
    int32_t is_ca;
    int32_t path_length;        /* -1: none */
    uint32_t key_usage;         /* warren_key_usage; 0: no such extension */
    uint32_t eku;               /* WARREN_EKU_CLIENT and WARREN_EKU_SERVER; 0: no such extension */
    const uint8_t *subject_key_id;
    size_t subject_key_id_size; /* 0: no such extension */
};

/* A certificate for `public_key`, signed by `issuer_key`. `issuer` NULL: self-signed, `issuer_key` being the key. The
 * authority key id is the issuer's subject key id, as it stands there. Extensions come in Consul's order. */
int warren_x509_issue(const struct warren_x509_template *wish, struct evp_pkey_st *public_key, struct x509_st *issuer,
                      struct evp_pkey_st *issuer_key, struct x509_st **out);
/* `root` with the issuer, authority key id and signature of `issuer`, and the given serial and validity. */
int warren_x509_cross_sign(struct x509_st *root, const uint8_t *serial, size_t serial_size, int64_t not_before,
                           int64_t not_after, struct x509_st *issuer, struct evp_pkey_st *issuer_key,
                           struct x509_st **out);

/* ---- revocation lists ---- */

struct warren_crl_entry {
    const uint8_t *serial; /* big-endian magnitude */
    size_t serial_size;
    int64_t at; /* unix seconds */
};

int warren_crl_parse(const uint8_t *der, size_t size, struct X509_crl_st **out);
int warren_crl_issue(struct x509_st *issuer, struct evp_pkey_st *issuer_key, uint64_t number, int64_t this_update,
                     int64_t next_update, const struct warren_crl_entry *entries, size_t count,
                     struct X509_crl_st **out);
int warren_crl_issuer(const struct X509_crl_st *list, struct warren_text *out);
/* Unix seconds; `next_update` is INT64_MAX when the list names none. */
int warren_crl_times(const struct X509_crl_st *list, int64_t *this_update, int64_t *next_update);
size_t warren_crl_count(struct X509_crl_st *list);
/* 1 when the list names the serial. */
int warren_crl_lists(struct X509_crl_st *list, const uint8_t *serial, size_t serial_size);
int warren_crl_write_pem(const struct X509_crl_st *list, struct warren_text *out);
int warren_crl_write_der(const struct X509_crl_st *list, struct warren_text *out);
void warren_crl_free(struct X509_crl_st *list);

/* ---- trust ---- */

enum warren_purpose { WARREN_PURPOSE_ANY = 0, WARREN_PURPOSE_CLIENT = 1, WARREN_PURPOSE_SERVER = 2 };

enum warren_refusal {
    WARREN_REFUSAL_NONE = 0,
    WARREN_REFUSAL_EXPIRED,
    WARREN_REFUSAL_NOT_YET_VALID,
    WARREN_REFUSAL_UNKNOWN_AUTHORITY,
    WARREN_REFUSAL_REVOKED,
    WARREN_REFUSAL_WRONG_PURPOSE,
    WARREN_REFUSAL_NOT_AN_AUTHORITY,
    WARREN_REFUSAL_BAD_SIGNATURE,
    WARREN_REFUSAL_TOO_WEAK,
    WARREN_REFUSAL_CHAIN_TOO_LONG,
    WARREN_REFUSAL_REVOCATION_UNKNOWN,
    WARREN_REFUSAL_REVOCATION_STALE,
    WARREN_REFUSAL_REVOCATION_NOT_YET_VALID,
    WARREN_REFUSAL_REVOCATION_BAD,
    WARREN_REFUSAL_NAME_NOT_PERMITTED,
    WARREN_REFUSAL_MALFORMED,
    WARREN_REFUSAL_OTHER,
};

struct warren_verdict {
    int32_t code;               /* X509_V_OK (0) or the X509_V_ERR_... of libcrypto */
    int32_t depth;              /* where in the chain it failed; 0 is the leaf */
    int32_t length;             /* of the chain that was built, anchor included */
    int64_t earliest_not_after; /* unix seconds, over that chain */
    struct x509_st *culprit;    /* the certificate that failed, a reference of the caller's; NULL when none */
};

/* A store whose every certificate is an anchor, self-signed or not, as in Go and so in Consul. Any list at all makes
 * revocation obligatory for the whole chain. Keys and digests of less than 112 bits are refused. */
int warren_store_create(struct x509_st *const *anchors, size_t anchor_count, struct X509_crl_st *const *lists,
                        size_t list_count, struct x509_store_st **out);
void warren_store_free(struct x509_store_st *store);
/* `chain[0]` is the leaf, the others may help to build the path. 0 when the question could be asked at all. */
int warren_store_verify(struct x509_store_st *store, struct x509_st *const *chain, size_t count, int64_t at,
                        enum warren_purpose purpose, struct warren_verdict *out);
/* What an X509_V_ERR_... means to an operator. The TLS engine asks it of SSL_get_verify_result's answer too. */
enum warren_refusal warren_refusal(int code);
/* X509_verify_cert_error_string(3). */
const char *warren_verify_text(int code);

#endif
