/* What a kernel with TLS does with the structures it is given, by <linux/tls.h> as read here: places are written out, so that a
 * structure filled otherwise does not go unseen. */
#include <openssl/evp.h>
#include <string.h>

#include "tls_proof.h"

int proof_kernel_take_keys(proof_kernel *kernel, const uint8_t *info, size_t length) {
    static const struct {
        uint8_t cipher, key_at, key_length, iv_at, iv_length, salt_at, salt_length, sequence_at, length;
    } layouts[] = {
        {51, 12, 16, 4, 8, 28, 4, 32, 40}, {52, 12, 32, 4, 8, 44, 4, 48, 56}, {54, 16, 32, 4, 12, 48, 0, 48, 56}};
    if (length < 4 || info[0] != 4 || info[1] != 3 || info[3] != 0) return -1;
    for (int i = 0; i < 3; i++) {
        if (layouts[i].cipher != info[2]) continue;
        if (layouts[i].length != length) return -1;
        kernel->cipher = info[2];
        memcpy(kernel->key, info + layouts[i].key_at, layouts[i].key_length);
        memcpy(kernel->iv, info + layouts[i].salt_at, layouts[i].salt_length);
        memcpy(kernel->iv + layouts[i].salt_length, info + layouts[i].iv_at, layouts[i].iv_length);
        kernel->sequence = 0;
        for (int j = 0; j < 8; j++) kernel->sequence = kernel->sequence << 8 | info[layouts[i].sequence_at + j];
        return 0;
    }
    return -1;
}

static EVP_CIPHER_CTX *begin(proof_kernel *kernel, int sealing) {
    const EVP_CIPHER *cipher = kernel->cipher == 51 ? EVP_aes_128_gcm()
        : kernel->cipher == 52                      ? EVP_aes_256_gcm()
                                                    : EVP_chacha20_poly1305();
    uint8_t nonce[12];
    memcpy(nonce, kernel->iv, 12);
    for (int i = 0; i < 8; i++) nonce[11 - i] ^= (uint8_t)(kernel->sequence >> (8 * i));
    kernel->sequence++;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    if (context != NULL && EVP_CipherInit_ex(context, cipher, NULL, kernel->key, nonce, sealing) == 1) return context;
    EVP_CIPHER_CTX_free(context);
    return NULL;
}

size_t proof_kernel_seal(proof_kernel *kernel, uint8_t type, const uint8_t *plain, size_t length, uint8_t *record) {
    size_t cipher = length + 17;
    const uint8_t header[5] = {23, 3, 3, (uint8_t)(cipher >> 8), (uint8_t)cipher};
    memcpy(record, header, 5);
    EVP_CIPHER_CTX *context = begin(kernel, 1);
    int count, ok = context != NULL && EVP_EncryptUpdate(context, NULL, &count, header, 5) == 1
        && (length == 0 || EVP_EncryptUpdate(context, record + 5, &count, plain, (int)length) == 1)
        && EVP_EncryptUpdate(context, record + 5 + length, &count, &type, 1) == 1
        && EVP_EncryptFinal_ex(context, record + 6 + length, &count) == 1
        && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, record + 6 + length) == 1;
    EVP_CIPHER_CTX_free(context);
    return ok ? 5 + cipher : 0;
}

long proof_kernel_open(proof_kernel *kernel, const uint8_t *record, size_t length, uint8_t *type, uint8_t *plain) {
    if (length < 5 + 17) return -1;
    size_t inner = length - 5 - 16;
    EVP_CIPHER_CTX *context = begin(kernel, 0);
    int count, ok = context != NULL && EVP_DecryptUpdate(context, NULL, &count, record, 5) == 1
        && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, 16, (void *)(record + 5 + inner)) == 1
        && EVP_DecryptUpdate(context, plain, &count, record + 5, (int)inner) == 1
        && EVP_DecryptFinal_ex(context, plain + inner, &count) == 1;
    EVP_CIPHER_CTX_free(context);
    if (!ok) return -1;
    while (inner > 0 && plain[inner - 1] == 0) inner--;
    if (inner == 0) return -1;
    *type = plain[--inner];
    return (long)inner;
}
