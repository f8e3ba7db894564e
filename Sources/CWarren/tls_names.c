/* Fewer names for OpenSSL to walk over.
 *
 * A library context begins with the names of all ciphers and digests that the process knows, some six hundred, before a provider
 * has added its own. Each EVP_PKEY and EVP_PKEY_CTX that OpenSSL 3.0 makes, two dozen in a handshake, walks over all of them to find
 * the other names of its key's type (ossl_namemap_doall_names), into an array that is too large for anybody's free lists. The
 * ciphers among them are of use to nobody here: providers bring the names of what they have. */
#include <openssl/evp.h>

#include "tls_internal.h"

void warren_openssl_few_names(void) {
    /* OPENSSL_init_crypto(3): the first to ask decides for the process. */
    if (OPENSSL_init_crypto(OPENSSL_INIT_NO_ADD_ALL_CIPHERS | OPENSSL_INIT_NO_ADD_ALL_DIGESTS, NULL) != 1) return;
    /* Those that a certificate's signature can be made with are looked up by number (X509_get_signature_info(3)): one with an
     * unknown digest would be judged too weak. */
    const EVP_MD *digests[] = {
        EVP_md5(), EVP_sha1(), EVP_sha224(), EVP_sha256(), EVP_sha384(), EVP_sha512(), EVP_sha512_224(), EVP_sha512_256(),
        EVP_sha3_224(), EVP_sha3_256(), EVP_sha3_384(), EVP_sha3_512(), EVP_shake128(), EVP_shake256(),
    };
    for (size_t i = 0; i < sizeof digests / sizeof *digests; i++) (void)EVP_add_digest(digests[i]);
}
