#include "pki_internal.h"

#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <string.h>

/* A whole public CA bundle is 220 KB; revocation lists of public authorities reach some tens of megabytes. */
enum { PEM_SIZE_MAX = 64 << 20 };

struct warren_pem {
    BIO *source;
    char *name;
    char *header;
    unsigned char *data;
    long size;
};

static void drop_block(struct warren_pem *reader) {
    /* These wipe, and know memory that is not from the secure heap. */
    if (reader->name != NULL) OPENSSL_secure_clear_free(reader->name, strlen(reader->name));
    if (reader->header != NULL) OPENSSL_secure_clear_free(reader->header, strlen(reader->header));
    if (reader->data != NULL) OPENSSL_secure_clear_free(reader->data, (size_t)reader->size);
    reader->name = NULL;
    reader->header = NULL;
    reader->data = NULL;
    reader->size = 0;
}

int warren_pem_open(const uint8_t *bytes, size_t size, struct warren_pem **out) {
    ERR_clear_error();
    if (size > PEM_SIZE_MAX) return WARREN_PKI_TOO_LARGE;
    struct warren_pem *reader = OPENSSL_zalloc(sizeof *reader);
    if (reader == NULL) return WARREN_PKI_OPENSSL;
    /* An empty buffer may come without an address, which BIO_new_mem_buf takes for an error. */
    reader->source = BIO_new_mem_buf(size == 0 ? (const uint8_t *)"" : bytes, (int)size);
    if (reader->source == NULL) {
        OPENSSL_free(reader);
        return WARREN_PKI_OPENSSL;
    }
    *out = reader;
    return 0;
}

int warren_pem_next(struct warren_pem *reader, const char **label, const uint8_t **der, size_t *size, int *encrypted) {
    drop_block(reader);
    ERR_clear_error();
    /* PEM_read_bio_ex neither decrypts nor prompts, and with PEM_FLAG_SECURE wipes its line buffers. */
    if (PEM_read_bio_ex(reader->source, &reader->name, &reader->header, &reader->data, &reader->size,
                        PEM_FLAG_SECURE | PEM_FLAG_EAY_COMPATIBLE) != 1) {
        reader->name = NULL;
        reader->header = NULL;
        reader->data = NULL;
        reader->size = 0;
        const unsigned long code = ERR_peek_last_error();
        if (ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE) {
            ERR_clear_error();
            return 0;
        }
        return WARREN_PKI_OPENSSL;
    }
    *label = reader->name;
    *der = reader->data;
    *size = (size_t)reader->size;
    *encrypted = strstr(reader->header, "ENCRYPTED") != NULL || strcmp(reader->name, PEM_STRING_PKCS8) == 0;
    return 1;
}

void warren_pem_close(struct warren_pem *reader) {
    drop_block(reader);
    BIO_free(reader->source);
    OPENSSL_free(reader);
}
