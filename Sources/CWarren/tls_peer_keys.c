/* The public key of a peer that was here a moment ago is not decoded again.
 *
 * OpenSSL decodes the public key of every certificate that comes in, and for an EC key it makes the curve's group anew: a modular
 * inversion and some seventy blocks, 175,000 instructions of the 3.5 million that each end spends on a handshake with a known peer.
 * Peers come again with the same certificate. So a library keeps what the default provider made of the last few encoded keys,
 * under all of their bytes, and answers the same bytes with a duplicate of it.
 *
 * It stands around the default provider's decoder of EC keys (tls_library.c), and touches keys by that provider's own functions alone
 * (OSSL_FUNC_keymgmt_dup, provider-keymgmt(7)). Whether a key is believed is not decided here: nothing but its bytes goes in,
 * and nothing but what those bytes say comes out. */
#include <openssl/bio.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

#include "tls_internal.h"

/* A decoder of one certificate's key. */
struct decoder {
    struct warren_peer_keys *keys;
    void *inner; /* the default provider's */
};

static struct warren_peer_key *place_of(struct warren_peer_keys *keys, const uint8_t *encoded, size_t length) {
    /* The last bytes are a coordinate of the point: as good as random. */
    return &keys->places[encoded[length - 1] % WARREN_PEER_KEYS];
}

static int go_to(const struct warren_peer_keys *keys, OSSL_CORE_BIO *input, long place) {
    return keys->bio_control(input, BIO_C_FILE_SEEK, place, NULL) >= 0 ? 0 : -1;
}

/* All that is left, when that is short enough to be a key that is kept; 0 when it is not. */
static size_t take(const struct warren_peer_keys *keys, OSSL_CORE_BIO *input, uint8_t encoded[WARREN_PEER_KEY_SIZE + 1]) {
    size_t length = 0, got = 0;
    while (length <= WARREN_PEER_KEY_SIZE
           && keys->bio_read(input, encoded + length, WARREN_PEER_KEY_SIZE + 1 - length, &got) == 1 && got != 0)
        length += got;
    return length <= WARREN_PEER_KEY_SIZE ? length : 0;
}

/* What is known of these bytes, handed over as the decoder would: the receiver takes the key out of the reference. */
static int answer(const struct warren_peer_keys *keys, const void *known, OSSL_CALLBACK *receiver, void *argument) {
    void *key = keys->duplicate(known, OSSL_KEYMGMT_SELECT_ALL_PARAMETERS | OSSL_KEYMGMT_SELECT_PUBLIC_KEY);
    if (key == NULL) return -1;
    int type = OSSL_OBJECT_PKEY;
    OSSL_PARAM object[] = {
        OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &type),
        OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE, "EC", 0),
        OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_REFERENCE, &key, sizeof key),
        OSSL_PARAM_construct_end(),
    };
    int taken = receiver(object, argument);
    if (key != NULL) keys->release(key);
    return taken;
}

/* Who hears of a key that was decoded in earnest, and for whom. */
struct listener {
    struct warren_peer_keys *keys;
    const uint8_t *encoded;
    size_t length;
    OSSL_CALLBACK *receiver;
    void *argument;
};

static int note(const OSSL_PARAM object[], void *argument) {
    const struct listener *listener = argument;
    struct warren_peer_keys *keys = listener->keys;
    const OSSL_PARAM *type = OSSL_PARAM_locate_const(object, OSSL_OBJECT_PARAM_DATA_TYPE);
    const OSSL_PARAM *reference = OSSL_PARAM_locate_const(object, OSSL_OBJECT_PARAM_REFERENCE);
    if (type != NULL && type->data_type == OSSL_PARAM_UTF8_STRING && strcmp(type->data, "EC") == 0 && reference != NULL
        && reference->data_type == OSSL_PARAM_OCTET_STRING && reference->data_size == sizeof(void *)) {
        void *copy = keys->duplicate(
            *(void **)reference->data, OSSL_KEYMGMT_SELECT_ALL_PARAMETERS | OSSL_KEYMGMT_SELECT_PUBLIC_KEY);
        struct warren_peer_key *place = place_of(keys, listener->encoded, listener->length);
        if (copy != NULL) {
            if (place->key != NULL) keys->release(place->key);
            place->key = copy;
            place->length = listener->length;
            memcpy(place->encoded, listener->encoded, listener->length);
        }
    }
    return listener->receiver(object, listener->argument);
}

/* --- as OpenSSL calls it (provider-decoder(7)) ---------------------------------------------------------------------- */

static void *make(void *provider) {
    struct warren_peer_keys *keys = warren_tls_library_peer_keys_at(provider);
    struct decoder *decoder = keys != NULL ? OPENSSL_zalloc(sizeof *decoder) : NULL;
    if (decoder == NULL) return NULL;
    decoder->keys = keys;
    decoder->inner = keys->make(provider);
    if (decoder->inner != NULL) return decoder;
    OPENSSL_free(decoder);
    return NULL;
}

static void end(void *context) {
    struct decoder *decoder = context;
    if (decoder == NULL) return;
    decoder->keys->end(decoder->inner);
    OPENSSL_free(decoder);
}

static int decode(
    void *context, OSSL_CORE_BIO *input, int selection, OSSL_CALLBACK *receiver, void *argument,
    OSSL_PASSPHRASE_CALLBACK *passphrase, void *passphrase_argument) {
    struct decoder *decoder = context;
    struct warren_peer_keys *keys = decoder->keys;
    uint8_t encoded[WARREN_PEER_KEY_SIZE + 1];
    size_t length = 0;
    long begin = keys->bio_control(input, BIO_C_FILE_TELL, 0, NULL);
    if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 && begin >= 0 && go_to(keys, input, begin) == 0) {
        length = take(keys, input, encoded);
        const struct warren_peer_key *place = length != 0 ? place_of(keys, encoded, length) : NULL;
        if (place != NULL && place->key != NULL && place->length == length
            && memcmp(place->encoded, encoded, length) == 0) {
            /* Whoever asked wants to see that all of it was consumed. */
            int taken = answer(keys, place->key, receiver, argument);
            if (taken >= 0) {
                keys->answered++;
                return taken;
            }
        }
        if (go_to(keys, input, begin) != 0) return 0;
    }
    if (length == 0)
        return keys->decode(decoder->inner, input, selection, receiver, argument, passphrase, passphrase_argument);
    struct listener listener = {keys, encoded, length, receiver, argument};
    return keys->decode(decoder->inner, input, selection, note, &listener, passphrase, passphrase_argument);
}

static int export(void *context, const void *reference, size_t size, OSSL_CALLBACK *receiver, void *argument) {
    const struct decoder *decoder = context;
    return decoder->keys->export_object(decoder->inner, reference, size, receiver, argument);
}

/* --- built around the default provider's parts ---------------------------------------------------------------------- */

int warren_peer_keys_setup(struct warren_peer_keys *keys, const OSSL_DISPATCH *decoder, const OSSL_DISPATCH *management) {
    static const OSSL_DISPATCH ours[] = {
        {OSSL_FUNC_DECODER_NEWCTX, (void (*)(void))make},
        {OSSL_FUNC_DECODER_FREECTX, (void (*)(void))end},
        {OSSL_FUNC_DECODER_DECODE, (void (*)(void))decode},
        {OSSL_FUNC_DECODER_EXPORT_OBJECT, (void (*)(void))export},
    };
    enum { OURS = sizeof ours / sizeof *ours };
    keys->make = (OSSL_FUNC_decoder_newctx_fn *)warren_tls_function(decoder, OSSL_FUNC_DECODER_NEWCTX);
    keys->end = (OSSL_FUNC_decoder_freectx_fn *)warren_tls_function(decoder, OSSL_FUNC_DECODER_FREECTX);
    keys->decode = (OSSL_FUNC_decoder_decode_fn *)warren_tls_function(decoder, OSSL_FUNC_DECODER_DECODE);
    keys->export_object =
        (OSSL_FUNC_decoder_export_object_fn *)warren_tls_function(decoder, OSSL_FUNC_DECODER_EXPORT_OBJECT);
    keys->duplicate = (OSSL_FUNC_keymgmt_dup_fn *)warren_tls_function(management, OSSL_FUNC_KEYMGMT_DUP);
    keys->release = (OSSL_FUNC_keymgmt_free_fn *)warren_tls_function(management, OSSL_FUNC_KEYMGMT_FREE);
    if (keys->make == NULL || keys->end == NULL || keys->decode == NULL || keys->export_object == NULL
        || keys->duplicate == NULL || keys->release == NULL)
        return -1;
    size_t count = 0;
    for (; decoder[count].function_id != 0; count++) {
        int is_ours = 0;
        if (count == WARREN_DECODER_FUNCTIONS) return -1;
        keys->functions[count] = decoder[count];
        for (int i = 0; i < OURS; i++)
            if (decoder[count].function_id == ours[i].function_id) {
                keys->functions[count] = ours[i];
                is_ours = 1;
            }
        /* Any other function would be given our decoder for its own. This one gets the provider's context. */
        if (!is_ours && decoder[count].function_id != OSSL_FUNC_DECODER_DOES_SELECTION) return -1;
    }
    keys->functions[count] = (OSSL_DISPATCH){0, NULL};
    return 0;
}

int warren_peer_keys_listen(struct warren_peer_keys *keys, const OSSL_DISPATCH *core) {
    keys->bio_read = (OSSL_FUNC_BIO_read_ex_fn *)warren_tls_function(core, OSSL_FUNC_BIO_READ_EX);
    keys->bio_control = (OSSL_FUNC_BIO_ctrl_fn *)warren_tls_function(core, OSSL_FUNC_BIO_CTRL);
    return keys->bio_read != NULL && keys->bio_control != NULL ? 0 : -1;
}

void warren_peer_keys_free(struct warren_peer_keys *keys) {
    for (int i = 0; i < WARREN_PEER_KEYS; i++)
        if (keys->places[i].key != NULL) keys->release(keys->places[i].key);
    memset(keys->places, 0, sizeof keys->places);
}
