#include "pki_internal.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

void warren_pki_reason(char *text, size_t size) {
    size_t used = 0;
    unsigned long code;
    const char *data = NULL, *previous = NULL;
    int flags = 0;
    text[0] = 0;
    while ((code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0) {
        const char *reason = ERR_reason_error_string(code);
        char number[32];
        if (reason == NULL) {
            snprintf(number, sizeof number, "error %lX", code);
            reason = number;
        }
        /* One cause is often pushed by several layers in the same words. */
        if (previous != NULL && previous == reason) continue;
        previous = reason == number ? NULL : reason;
        const int has_data = (flags & ERR_TXT_STRING) != 0 && data != NULL && data[0] != 0;
        const int wrote = snprintf(text + used, size - used, "%s%s%s%s%s", used == 0 ? "" : "; ", reason,
                                   has_data ? " (" : "", has_data ? data : "", has_data ? ")" : "");
        if (wrote < 0 || (size_t)wrote >= size - used) break;
        used += (size_t)wrote;
    }
    ERR_clear_error();
}

void warren_wipe(void *bytes, size_t size) { explicit_bzero(bytes, size); }

int warren_sha256(const uint8_t *bytes, size_t size, uint8_t digest[32]) {
    ERR_clear_error();
    return EVP_Digest(bytes, size, digest, NULL, EVP_sha256(), NULL) == 1 ? 0 : WARREN_PKI_OPENSSL;
}

void warren_text_free(struct warren_text *text) {
    if (text->bytes != NULL) OPENSSL_clear_free(text->bytes, text->size + 1);
    text->bytes = NULL;
    text->size = 0;
}

int warren_text_copy(const uint8_t *bytes, size_t size, struct warren_text *out) {
    out->size = 0;
    out->bytes = OPENSSL_malloc(size + 1);
    if (out->bytes == NULL) return WARREN_PKI_OPENSSL;
    if (size != 0) memcpy(out->bytes, bytes, size);
    out->bytes[size] = 0;
    out->size = size;
    return 0;
}

int warren_text_take(BIO *bio, struct warren_text *out) {
    char *bytes = NULL;
    const long size = BIO_get_mem_data(bio, &bytes);
    const int answer = size < 0 ? WARREN_PKI_OPENSSL : warren_text_copy((const uint8_t *)bytes, (size_t)size, out);
    BIO_free(bio); /* BUF_MEM_free wipes */
    return answer;
}

int warren_text_of_name(const X509_NAME *name, struct warren_text *out) {
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL) return WARREN_PKI_OPENSSL;
    /* Control characters come escaped, so that a certificate cannot write lines of its own into a log. */
    if (X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) < 0) {
        BIO_free(bio);
        return WARREN_PKI_OPENSSL;
    }
    return warren_text_take(bio, out);
}

static const ASN1_IA5STRING *name_text(const GENERAL_NAME *name, enum warren_san kind) {
    if (kind == WARREN_SAN_DNS && name->type == GEN_DNS) return name->d.dNSName;
    if (kind == WARREN_SAN_URI && name->type == GEN_URI) return name->d.uniformResourceIdentifier;
    return NULL;
}

int warren_names_are_plain(const GENERAL_NAMES *names) {
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        const ASN1_IA5STRING *text = name_text(name, WARREN_SAN_DNS);
        if (text == NULL) text = name_text(name, WARREN_SAN_URI);
        if (text == NULL) continue;
        const unsigned char *bytes = ASN1_STRING_get0_data(text);
        for (int j = 0; j < ASN1_STRING_length(text); j++) {
            if (bytes[j] <= 0x20 || bytes[j] >= 0x7f) return 0;
        }
    }
    return 1;
}

int warren_names_each(const GENERAL_NAMES *names, enum warren_san kind,
                      int (*each)(void *context, const uint8_t *name, size_t size), void *context) {
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const ASN1_IA5STRING *text = name_text(sk_GENERAL_NAME_value(names, i), kind);
        if (text == NULL) continue;
        if (each(context, ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text)) != 0) break;
    }
    return 0;
}

static int names_add(GENERAL_NAMES *names, int type, const char *text) {
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *value = ASN1_IA5STRING_new();
    if (name == NULL || value == NULL || ASN1_STRING_set(value, text, -1) != 1) {
        GENERAL_NAME_free(name);
        ASN1_IA5STRING_free(value);
        return 0;
    }
    GENERAL_NAME_set0_value(name, type, value);
    if (sk_GENERAL_NAME_push(names, name) > 0) return 1;
    GENERAL_NAME_free(name);
    return 0;
}

GENERAL_NAMES *warren_names_make(const char *const *uris, size_t uri_count, const char *const *dns, size_t dns_count) {
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    int good = names != NULL;
    for (size_t i = 0; good && i < dns_count; i++) good = names_add(names, GEN_DNS, dns[i]);
    for (size_t i = 0; good && i < uri_count; i++) good = names_add(names, GEN_URI, uris[i]);
    if (good) return names;
    GENERAL_NAMES_free(names);
    return NULL;
}

int warren_name_add_common(X509_NAME *name, const char *text) {
    const size_t size = strlen(text);
    if (size > 256) return WARREN_PKI_COMMON_NAME;
    const unsigned char *bytes = (const unsigned char *)text;
    const int plain = ASN1_PRINTABLE_type(bytes, (int)size) == V_ASN1_PRINTABLESTRING;
    /* MBSTRING_UTF8 counts the characters and checks the encoding; a given type is taken as it is, so count here. */
    if (plain && size > ub_common_name) return WARREN_PKI_COMMON_NAME;
    const int type = plain ? V_ASN1_PRINTABLESTRING : MBSTRING_UTF8;
    if (X509_NAME_add_entry_by_NID(name, NID_commonName, type, bytes, (int)size, -1, 0) == 1) return 0;
    const unsigned long code = ERR_peek_last_error();
    const int ours = ERR_GET_LIB(code) == ERR_LIB_ASN1 &&
                     (ERR_GET_REASON(code) == ASN1_R_STRING_TOO_LONG || ERR_GET_REASON(code) == ASN1_R_INVALID_UTF8STRING);
    return ours ? WARREN_PKI_COMMON_NAME : WARREN_PKI_OPENSSL;
}

const EVP_MD *warren_digest_for(EVP_PKEY *key) {
    return EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
}

int warren_time_check(int64_t seconds) {
    /* 1950-01-01T00:00:00Z, where UTCTime begins, and 9999-12-31T23:59:59Z, where GeneralizedTime ends. */
    return seconds >= -631152000 && seconds <= 253402300799 ? 0 : WARREN_PKI_TIME;
}

int warren_time_read(const ASN1_TIME *time, int64_t *seconds) {
    int days = 0, rest = 0;
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    const int good = epoch != NULL && ASN1_TIME_diff(&days, &rest, epoch, time) == 1;
    ASN1_TIME_free(epoch);
    if (!good) return WARREN_PKI_TIME;
    *seconds = (int64_t)days * 86400 + rest;
    return 0;
}

ASN1_INTEGER *warren_serial_make(const uint8_t *magnitude, size_t size) {
    BIGNUM *number = BN_bin2bn(magnitude, (int)size, NULL);
    ASN1_INTEGER *serial = number == NULL ? NULL : BN_to_ASN1_INTEGER(number, NULL);
    BN_free(number);
    return serial;
}
