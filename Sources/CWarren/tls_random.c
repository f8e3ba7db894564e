/* The default provider's generator of random numbers, as the narrow library context is lent it.
 *
 * OpenSSL 3.5 tells a generator the name of the provider that it came from, and the generator looks for its cipher there, in the
 * library context that it was made for. Ours was made for the default provider's, where nobody has our name; so the name is left out,
 * and the generator finds its cipher as older ones do. */
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <string.h>

#include "tls_internal.h"

enum { MOST_PARAMS = 16 };

/* The default provider is the same code in every library context. */
static OSSL_FUNC_rand_instantiate_fn *_Atomic original;

static int instantiate(
    void *generator, unsigned int strength, int resists_prediction, const unsigned char *personal, size_t length,
    const OSSL_PARAM params[]) {
    OSSL_PARAM kept[MOST_PARAMS + 1];
    int count = 0;
    for (const OSSL_PARAM *param = params; param != NULL && param->key != NULL; param++) {
        if (strcmp(param->key, OSSL_PROV_PARAM_CORE_PROV_NAME) == 0) continue;
        if (count == MOST_PARAMS) return 0;
        kept[count++] = *param;
    }
    kept[count] = OSSL_PARAM_construct_end();
    return original(generator, strength, resists_prediction, personal, length, params != NULL ? kept : NULL);
}

int warren_random_setup(OSSL_DISPATCH lent[WARREN_RANDOM_FUNCTIONS + 1], const OSSL_DISPATCH *functions) {
    size_t count = 0;
    for (; functions[count].function_id != 0; count++) {
        if (count == WARREN_RANDOM_FUNCTIONS) return -1;
        lent[count] = functions[count];
        if (functions[count].function_id != OSSL_FUNC_RAND_INSTANTIATE) continue;
        original = (OSSL_FUNC_rand_instantiate_fn *)functions[count].function;
        lent[count].function = (void (*)(void))instantiate;
    }
    lent[count] = (OSSL_DISPATCH){0, NULL};
    return original != NULL ? 0 : -1;
}
