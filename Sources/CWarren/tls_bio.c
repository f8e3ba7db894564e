/* The BIO through which OpenSSL reads and writes: the windows of the call in progress, nothing else.
 *
 * It keeps no bytes. A read takes at most what OpenSSL asks for, and OpenSSL (read-ahead off) asks for exactly one record
 * header and then one record body, so it never takes a byte past the record it works on. Detaching rests on that. */
#include <pthread.h>
#include <string.h>

#include "tls_internal.h"

static int bio_read(BIO *bio, char *to, size_t room, size_t *count) {
    warren_tls_session *session = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    warren_window *input = session->input;
    if (input == NULL || input->count == 0) {
        BIO_set_retry_read(bio);
        *count = 0;
        return -1;
    }
    size_t take = room < input->count ? room : input->count;
    memcpy(to, input->base, take);
    input->base += take;
    input->count -= take;
    *count = take;
    return 1;
}

static int bio_write(BIO *bio, const char *from, size_t length, size_t *count) {
    warren_tls_session *session = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    warren_sink *output = session->output;
    if (output == NULL || output->count == output->capacity) {
        BIO_set_retry_write(bio);
        *count = 0;
        return -1;
    }
    size_t room = output->capacity - output->count;
    size_t take = length < room ? length : room;
    memcpy(output->base + output->count, from, take);
    output->count += take;
    *count = take;
    return 1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer) {
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static int bio_create(BIO *bio) {
    BIO_set_init(bio, 1);
    return 1;
}

static BIO_METHOD *method;
static pthread_once_t method_once = PTHREAD_ONCE_INIT;

static void make_method(void) {
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "warren window");
    if (method == NULL) return;
    BIO_meth_set_read_ex(method, bio_read);
    BIO_meth_set_write_ex(method, bio_write);
    BIO_meth_set_ctrl(method, bio_control);
    BIO_meth_set_create(method, bio_create);
}

BIO *warren_tls_bio_new(warren_tls_session *session) {
    if (pthread_once(&method_once, make_method) != 0 || method == NULL) return NULL;
    BIO *bio = BIO_new(method);
    if (bio != NULL) BIO_set_data(bio, session);
    return bio;
}
